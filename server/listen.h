/* SPDX-License-Identifier: BSD-3-Clause */
/* Listening sockets; all of them on loop 0. */
#ifndef VENEER_SERVER_LISTEN_H
#define VENEER_SERVER_LISTEN_H

#include <ev.h>

#include "addr.h"
#include "loop.h"
#include "server.h"

struct listener {
	LIST_ENTRY(listener) by_server;
	struct server *server; /* borrowed */
	const struct protocol *protocol; /* const */
	int fd; /* owned */
	ev_io acceptor;
	ev_timer pause; /* out of descriptors: no accept until it rings */
	char uri[320]; /* for the log and for --run */
	char path[108]; /* of a Unix socket that is ours to remove; or "" */
	char directory[64]; /* the private one around it; or "" */
	char port[16]; /* TCP; or "" */
	bool is_connected; /* an inherited connection, not a listener */
};

/*
 * Open what @text says. Errors are logged. Returns 0, -EINVAL (of the
 * command line) or what the system says.
 */
int listen_open(struct server *s, const char *text);
/* The sockets that systemd passed; returns how many, or errno. */
int listen_inherited(struct server *s);
/* Begin to accept. Before loops run, or on loop 0. */
void listen_start(struct server *s);
/* Stop accepting, close, remove the sockets. Loop 0. */
void listen_close_all(struct server *s);

#endif
