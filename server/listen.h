/* SPDX-License-Identifier: BSD-3-Clause */
/* Listening sockets; all of them on loop 0. */
#ifndef VENEER_SERVER_LISTEN_H
#define VENEER_SERVER_LISTEN_H

#include <ev.h>

#include "conn.h"
#include "loop.h"
#include "server.h"

struct listener {
	LIST_ENTRY(listener) by_server;
	struct server *server; /* borrowed */
	struct conn_origin origin; /* const: of what comes in there */
	int fd; /* owned */
	ev_io acceptor;
	ev_timer pause; /* out of descriptors: no accept until it rings */
	enum addr_kind kind; /* const */
	char uri[320]; /* for the log and for --run */
	char path[109]; /* of a Unix socket; or "" */
	bool is_ours; /* and it is ours to remove */
	char directory[64]; /* the private one around it; or "" */
	char host[260]; /* TCP: with brackets; vsock: a CID; or "" */
	char port[16]; /* TCP, vsock; or "" */
	bool is_connected; /* an inherited connection, not a listener */
};

/*
 * Open what @text says. Errors are logged. Returns 0, -EINVAL (of the
 * command line) or what the system says.
 */
int listen_open(struct server *s, const char *text);
/* Does it speak NBD? Else it is 9P. */
bool listener_is_nbd(const struct listener *l);
/* Likewise that of --socket-path or --fd, one of which was given. */
int listen_open_vhost(struct server *s);
/* The sockets that systemd or libnbd passed; returns how many, or errno. */
int listen_inherited(struct server *s);
/* Begin to accept. Before loops run, or on loop 0. */
void listen_start(struct server *s);
/* Stop accepting, close, remove the sockets. Loop 0. */
void listen_close_all(struct server *s);

#endif
