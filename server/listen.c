/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Listeners, and what comes in there: accepted sockets go to the loop with the
 * fewest connections. How each kind is opened: listen-*.c.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "conn.h"
#include "listen-kinds.h"
#include "protocol.h"
#include "uri.h"

/* After accept() ran out of descriptors. */
#define PAUSE_S 0.5

/* --- Opening ---------------------------------------------------------------- */

int
listen_fail(const char *uri, const char *what, int err)
{
	log_line(LOG_ERR, "%s: %s: %s", uri, what, strerror(-err));
	return err;
}

struct listener *
listener_new(struct server *s, int fd, const struct addr *a)
{
	struct listener *l = calloc(1, sizeof(*l));

	if (!l) {
		(void)close(fd);
		return NULL;
	}
	l->server = s;
	l->fd = fd;
	l->kind = a->kind;
	l->origin.protocol = a->protocol;
	l->origin.transport = a->is_vhost ? &vhost_ops : &stream_ops;
	l->origin.has_packed = a->has_packed;
	memcpy(l->origin.tag, a->tag, sizeof(l->origin.tag));
	LIST_INSERT_HEAD(&s->listeners, l, by_server);
	return l;
}

void
listener_name(struct listener *l, const char *format, ...)
{
	size_t len = 0;
	va_list ap;

	if (listener_is_nbd(l))
		len = (size_t)snprintf(l->uri, sizeof(l->uri), "nbd+");
	va_start(ap, format);
	(void)vsnprintf(l->uri + len, sizeof(l->uri) - len, format, ap);
	va_end(ap);
}

bool
listener_is_nbd(const struct listener *l)
{
	return strcmp(l->origin.protocol->name, "nbd") == 0;
}

static int
open_addr(struct server *s, struct addr *a)
{
	switch (a->kind) {
	case ADDR_UNIX:
		return listen_unix(s, a);
	case ADDR_TCP:
		return listen_tcp(s, a);
	case ADDR_VSOCK:
		return listen_vsock(s, a);
	case ADDR_FD:
		return listen_fd(s, a);
	}
	return -EINVAL;
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
	return open_addr(s, &a);
}

int
listen_open_vhost(struct server *s)
{
	const struct config *c = s->config;
	struct addr a;
	char why[256];

	if (addr_parse_vhost(c->vhost.path, c->vhost.fd, c->vhost.tag, &a,
			     why) < 0) {
		log_line(LOG_ERR, "--%s: %s",
			 c->vhost.path ? "socket-path" : "fd", why);
		return -EINVAL;
	}
	return open_addr(s, &a);
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
	loop_give(best, fd, &ls->origin);
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

static void
log_listener(const struct listener *ls)
{
	char uri[URI_MAX];

	if (uri_nbd(ls, "NAME", uri) == 0)
		log_line(LOG_INFO, "listening on %s: %s", ls->uri, uri);
	else
		log_line(LOG_INFO, "listening on %s", ls->uri);
}

void
listen_start(struct server *s)
{
	struct ev_loop *ev = s->loops[0]->ev;
	struct listener *ls;

	LIST_FOREACH (ls, &s->listeners, by_server) {
		log_listener(ls);
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
		if (ls->is_ours)
			(void)unlink(ls->path);
		if (ls->directory[0])
			(void)rmdir(ls->directory);
		if (ls->fd >= 0)
			(void)close(ls->fd);
		LIST_REMOVE(ls, by_server);
		free(ls);
	}
}
