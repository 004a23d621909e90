/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Descriptors that whoever started us has opened: by number (fd:N), or as
 * systemd passes sockets (sd_listen_fds(3)), which libnbd's programs do, too.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "listen-kinds.h"
#include "protocol.h"

#define FIRST_SYSTEMD_FD 3

/* What it is bound to, to be told to people; a Unix socket's path only. */
static void
find_path(struct listener *l)
{
	struct sockaddr_un sun = { .sun_family = AF_UNSPEC };
	socklen_t len = sizeof(sun);

	if (getsockname(l->fd, (struct sockaddr *)&sun, &len) == 0 &&
	    sun.sun_family == AF_UNIX &&
	    len > offsetof(struct sockaddr_un, sun_path))
		(void)snprintf(l->path, sizeof(l->path), "%.*s",
			       (int)sizeof(sun.sun_path), sun.sun_path);
}

int
listen_fd(struct server *s, const struct addr *a)
{
	int listening = 0, flags = fcntl(a->fd, F_GETFD);
	socklen_t len = sizeof(listening);
	struct listener *l;

	if (flags < 0) {
		log_line(LOG_ERR, "fd:%d: no such descriptor was inherited",
			 a->fd);
		return -EINVAL;
	}
	if (getsockopt(a->fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) < 0)
		return listen_fail("fd", "not a socket", -errno);
	(void)fcntl(a->fd, F_SETFD, FD_CLOEXEC);
	(void)fcntl(a->fd, F_SETFL, O_NONBLOCK);
	l = listener_new(s, a->fd, a);
	if (!l)
		return -ENOMEM;
	l->is_connected = !listening;
	if (listening)
		find_path(l);
	listener_name(l, "%sfd:%d", a->is_vhost ? "vhost-user:" : "", a->fd);
	return 0;
}

/*
 * What is spoken on the socket whose name is the first of @*names, which is
 * advanced. systemd always gives names: what FileDescriptorName= says, or that
 * of the unit. libnbd's programs give none, or "unknown"
 * (nbd_connect_systemd_socket_activation(3)).
 */
static const struct protocol *
protocol_of(const struct config *c, const char **names)
{
	size_t len = strcspn(*names, ":");
	const char *name = *names;
	const struct protocol *p = protocol_find(name, len);

	*names += len + (name[len] == ':');
	if (p)
		return p;
	if (c->listen_fds)
		return c->listen_fds;
	if (len == 0 || (len == 7 && memcmp(name, "unknown", 7) == 0))
		return protocol_find("nbd", 3);
	return protocol_find("9p", 2);
}

int
listen_inherited(struct server *s)
{
	const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");
	const char *names = getenv("LISTEN_FDNAMES");
	struct addr a = { .kind = ADDR_FD };
	int i, nr, r = 0;

	if (!pid || !fds || strtol(pid, NULL, 10) != getpid())
		return 0;
	if (!names)
		names = "";
	nr = (int)strtol(fds, NULL, 10);
	for (i = 0; i < nr && r == 0; i++) {
		a.fd = FIRST_SYSTEMD_FD + i;
		a.protocol = protocol_of(s->config, &names);
		r = listen_fd(s, &a);
	}
	return r < 0 ? r : nr;
}
