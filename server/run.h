/* SPDX-License-Identifier: BSD-3-Clause */
/* From a request to the tree, and nothing else. */
#ifndef VENEER_SERVER_RUN_H
#define VENEER_SERVER_RUN_H

#include "request.h"
#include "server.h"

/*
 * Do @req against the tree it names, in this thread; req->error and the
 * results are set. With @nowait it returns false where it would block: then
 * nothing has happened, and it is to be run again on a worker. Without, it
 * returns false when req->waiter was parked behind another one's copy-up:
 * again nothing has happened, and it is to be run again when that wakes it.
 * ATTACH looks in @server's exports.
 */
bool run(const struct server *server, struct request *req, bool nowait);

/* Is @req to wait until something is on disk? Does not block. */
bool run_syncs(const struct request *req);

#endif
