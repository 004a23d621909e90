/* SPDX-License-Identifier: BSD-3-Clause */
/* Between listen.c and the kinds of sockets; theirs only. */
#ifndef VENEER_SERVER_LISTEN_KINDS_H
#define VENEER_SERVER_LISTEN_KINDS_H

#include "listen.h"
#include "log.h"

#define LISTEN_BACKLOG 128

/* Log that @what failed with @err (negative), which is returned. */
int listen_fail(const char *uri, const char *what, int err);

/*
 * A listener of @s over @fd, which is taken over, also on failure; the
 * server's from now on. NULL without memory.
 */
struct listener *listener_new(struct server *s, int fd, const struct addr *a);

/* Give @l its uri: what is not 9P's says so first. */
void listener_name(struct listener *l, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/*
 * Open what @a says and have @s accept there. Errors are logged. Returns 0,
 * -EINVAL (of the command line) or what the system says. listen_unix() fills
 * in the path of unix:-.
 */
int listen_unix(struct server *s, struct addr *a);
int listen_tcp(struct server *s, const struct addr *a);
int listen_vsock(struct server *s, const struct addr *a);
int listen_fd(struct server *s, const struct addr *a);

#endif
