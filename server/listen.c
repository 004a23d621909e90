/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Listeners: Unix and TCP sockets of our own, descriptors inherited by
 * number (fd:N) or from systemd (LISTEN_FDS). Accepted sockets go to the
 * loop with the fewest connections.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "cleanup.h"
#include "listen.h"
#include "protocol.h"

#define BACKLOG 128
#define FIRST_SYSTEMD_FD 3
/* After accept() ran out of descriptors. */
#define PAUSE_S 0.5

static int
fail(const char *uri, const char *what, int err)
{
	log_line(LOG_ERR, "%s: %s: %s", uri, what, strerror(-err));
	return err;
}

static struct listener *
listener_new(struct server *s, int fd, const struct protocol *protocol)
{
	struct listener *l = calloc(1, sizeof(*l));

	if (!l) {
		(void)close(fd);
		return NULL;
	}
	l->server = s;
	l->fd = fd;
	l->protocol = protocol;
	LIST_INSERT_HEAD(&s->listeners, l, by_server);
	return l;
}

/* --- Unix sockets ----------------------------------------------------------- */

static socklen_t
unix_address(const char *path, struct sockaddr_un *ret)
{
	*ret = (struct sockaddr_un){ .sun_family = AF_UNIX };
	memcpy(ret->sun_path, path, strlen(path) + 1);
	return sizeof(*ret);
}

/* Nobody answers there any more: a server that died left it. */
static bool
is_stale(const char *path)
{
	CLEANUP_CLOSE int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un sun;
	socklen_t len = unix_address(path, &sun);
	struct stat st;

	if (fd < 0 || lstat(path, &st) < 0 || !S_ISSOCK(st.st_mode))
		return false;
	return connect(fd, (struct sockaddr *)&sun, len) < 0 &&
	       errno == ECONNREFUSED;
}

static int
bind_unix(int fd, const char *path, mode_t mode)
{
	struct sockaddr_un sun;
	socklen_t len = unix_address(path, &sun);
	mode_t old;
	int r;

	if (is_stale(path))
		(void)unlink(path);
	/* Right from the start: between bind and chmod anybody might come. */
	old = umask(0777 & ~mode);
	r = bind(fd, (struct sockaddr *)&sun, len) < 0 ? -errno : 0;
	(void)umask(old);
	return r;
}

/* unix:-: a socket in a directory that only we can enter. */
static int
make_private(struct listener *l, struct addr *a)
{
	const char *base = getenv("XDG_RUNTIME_DIR");

	(void)snprintf(l->directory, sizeof(l->directory), "%s/veneer-XXXXXX",
		       base && *base && strlen(base) < 40 ? base : "/tmp");
	if (!mkdtemp(l->directory)) {
		int r = -errno;

		l->directory[0] = '\0';
		return r;
	}
	(void)snprintf(a->path, sizeof(a->path), "%s/socket", l->directory);
	return 0;
}

static int
open_unix(struct server *s, struct addr *a)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct listener *l;
	int r = 0;

	if (fd < 0)
		return fail("unix", "socket", -errno);
	l = listener_new(s, fd, a->protocol);
	if (!l)
		return -ENOMEM;
	if (strcmp(a->path, "-") == 0)
		r = make_private(l, a);
	(void)snprintf(l->uri, sizeof(l->uri), "unix:%s", a->path);
	if (r == 0)
		r = bind_unix(fd, a->path, a->mode);
	if (r == -EADDRINUSE)
		return fail(l->uri,
			    "another server answers there, or a file "
			    "is in the way",
			    r);
	if (r < 0)
		return fail(l->uri, "cannot make the socket", r);
	(void)snprintf(l->path, sizeof(l->path), "%s", a->path);
	if (listen(fd, BACKLOG) < 0)
		return fail(l->uri, "listen", -errno);
	return 0;
}

/* --- TCP -------------------------------------------------------------------- */

static bool
is_loopback(const struct sockaddr *sa)
{
	const struct sockaddr_in *in4 = (const void *)sa;
	const struct sockaddr_in6 *in6 = (const void *)sa;

	if (sa->sa_family == AF_INET)
		return ntohl(in4->sin_addr.s_addr) >> 24 == 127;
	return sa->sa_family == AF_INET6 &&
	       IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr);
}

/* The port that the kernel chose, for tcp:HOST:0. */
static void
name_tcp(struct listener *l, const struct addr *a)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	bool is_v6 = strchr(a->host, ':');

	(void)snprintf(l->port, sizeof(l->port), "%s", a->port);
	if (getsockname(l->fd, (struct sockaddr *)&ss, &len) == 0)
		(void)getnameinfo((struct sockaddr *)&ss, len, NULL, 0, l->port,
				  sizeof(l->port),
				  NI_NUMERICSERV | NI_NUMERICHOST);
	(void)snprintf(l->uri, sizeof(l->uri), "tcp:%s%s%s:%s",
		       is_v6 ? "[" : "", a->host, is_v6 ? "]" : "", l->port);
}

static int
open_tcp_at(struct server *s, const struct addr *a, const struct addrinfo *ai)
{
	struct listener *l;
	int fd, one = 1;

	if (!is_loopback(ai->ai_addr) && !s->config->allow_remote) {
		log_line(LOG_ERR,
			 "tcp:%s:%s is reachable from other machines, and 9P "
			 "has neither authentication nor encryption: use a "
			 "loopback address, or --allow-remote if that is meant",
			 a->host, a->port);
		return -EINVAL;
	}
	fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
		    0);
	if (fd < 0)
		return fail("tcp", "socket", -errno);
	l = listener_new(s, fd, a->protocol);
	if (!l)
		return -ENOMEM;
	(void)snprintf(l->uri, sizeof(l->uri), "tcp:%s:%s", a->host, a->port);
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (ai->ai_family == AF_INET6)
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one,
				 sizeof(one));
	if (bind(fd, ai->ai_addr, ai->ai_addrlen) < 0)
		return fail(l->uri, "cannot bind", -errno);
	if (listen(fd, BACKLOG) < 0)
		return fail(l->uri, "listen", -errno);
	name_tcp(l, a);
	return 0;
}

static int
open_tcp(struct server *s, const struct addr *a)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
				  .ai_flags = AI_PASSIVE };
	struct addrinfo *list;
	int r;

	r = getaddrinfo(*a->host ? a->host : NULL, a->port, &hints, &list);
	if (r != 0) {
		log_line(LOG_ERR, "tcp:%s:%s: %s", a->host, a->port,
			 gai_strerror(r));
		return -EINVAL;
	}
	r = open_tcp_at(s, a, list);
	freeaddrinfo(list);
	return r;
}

/* --- Inherited descriptors ---------------------------------------------------- */

static int
open_fd(struct server *s, const struct addr *a)
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
		return fail("fd", "not a socket", -errno);
	(void)fcntl(a->fd, F_SETFD, FD_CLOEXEC);
	(void)fcntl(a->fd, F_SETFL, O_NONBLOCK);
	l = listener_new(s, a->fd, a->protocol);
	if (!l)
		return -ENOMEM;
	l->is_connected = !listening;
	(void)snprintf(l->uri, sizeof(l->uri), "fd:%d", a->fd);
	return 0;
}

int
listen_inherited(struct server *s)
{
	const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");
	struct addr a = { .kind = ADDR_FD, .protocol = protocol_find("9p", 2) };
	int i, nr, r = 0;

	if (!pid || !fds || strtol(pid, NULL, 10) != getpid())
		return 0;
	nr = (int)strtol(fds, NULL, 10);
	for (i = 0; i < nr && r == 0; i++) {
		a.fd = FIRST_SYSTEMD_FD + i;
		r = open_fd(s, &a);
	}
	return r < 0 ? r : nr;
}

int
listen_open(struct server *s, const char *text)
{
	struct addr a;
	char why[256];

	if (addr_parse(text, &a, why) < 0) {
		log_line(LOG_ERR, "--listen %s", why);
		return -EINVAL;
	}
	switch (a.kind) {
	case ADDR_UNIX:
		return open_unix(s, &a);
	case ADDR_TCP:
		return open_tcp(s, &a);
	case ADDR_FD:
		return open_fd(s, &a);
	}
	return -EINVAL;
}

/* --- Accepting -------------------------------------------------------------------- */

static void
hand_over(struct listener *ls, int fd)
{
	struct server *s = ls->server;
	struct loop *best = s->loops[0];
	int one = 1;
	unsigned i;

	if (atomic_load(&s->nr_conns) >= s->config->max_conns) {
		log_line(LOG_WARNING,
			 "%s: %u connections are open, which is "
			 "the limit: refused",
			 ls->uri, s->config->max_conns);
		(void)close(fd);
		return;
	}
	/* No-ops for Unix sockets. Linux sets no keepalive of its own. */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	(void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one));
	for (i = 1; i < s->nr_loops; i++)
		if (atomic_load(&s->loops[i]->nr_conns) <
		    atomic_load(&best->nr_conns))
			best = s->loops[i];
	atomic_fetch_add(&s->nr_conns, 1);
	atomic_fetch_add(&best->nr_conns, 1);
	loop_give(best, fd, ls->protocol);
}

static void
on_acceptable(struct ev_loop *ev, ev_io *w, int revents)
{
	struct listener *ls = w->data;
	int fd;

	(void)revents;
	fd = accept4(ls->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd >= 0) {
		hand_over(ls, fd);
		return;
	}
	if (errno != EMFILE && errno != ENFILE && errno != ENOMEM &&
	    errno != ENOBUFS)
		return; /* the client is gone already, or another took it */
	log_line(LOG_WARNING, "%s: accept: %s: a pause", ls->uri,
		 strerror(errno));
	ev_io_stop(ev, &ls->acceptor);
	ev_timer_start(ev, &ls->pause);
}

static void
on_pause_over(struct ev_loop *ev, ev_timer *w, int revents)
{
	struct listener *ls = w->data;

	(void)revents;
	ev_io_start(ev, &ls->acceptor);
}

void
listen_start(struct server *s)
{
	struct ev_loop *ev = s->loops[0]->ev;
	struct listener *ls;

	LIST_FOREACH (ls, &s->listeners, by_server) {
		log_line(LOG_INFO, "listening on %s", ls->uri);
		if (ls->is_connected) {
			hand_over(ls, ls->fd);
			ls->fd = -1;
			continue;
		}
		ev_io_init(&ls->acceptor, on_acceptable, ls->fd, EV_READ);
		ev_timer_init(&ls->pause, on_pause_over, PAUSE_S, 0);
		ls->acceptor.data = ls->pause.data = ls;
		ev_io_start(ev, &ls->acceptor);
	}
}

void
listen_close_all(struct server *s)
{
	struct ev_loop *ev = s->loops ? s->loops[0]->ev : NULL;
	struct listener *ls;

	while ((ls = LIST_FIRST(&s->listeners))) {
		if (ev && ls->acceptor.data) {
			ev_io_stop(ev, &ls->acceptor);
			ev_timer_stop(ev, &ls->pause);
		}
		if (ls->path[0])
			(void)unlink(ls->path);
		if (ls->directory[0])
			(void)rmdir(ls->directory);
		if (ls->fd >= 0)
			(void)close(ls->fd);
		LIST_REMOVE(ls, by_server);
		free(ls);
	}
}
