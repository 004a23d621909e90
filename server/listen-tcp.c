/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * TCP sockets to listen on: of loopback, unless --allow-remote was given, or TLS
 * lets nobody in whom the server does not know.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "listen-kinds.h"
#include "protocol.h"

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
	(void)snprintf(l->host, sizeof(l->host), "%s%s%s", is_v6 ? "[" : "",
		       a->host, is_v6 ? "]" : "");
	listener_name(l, "tcp:%s:%s", l->host, l->port);
}

static bool
is_nbd(const struct addr *a)
{
	return strcmp(a->protocol->name, "nbd") == 0;
}

static bool
may_be_remote(const struct config *c, const struct addr *a)
{
	return c->allow_remote ||
	       (is_nbd(a) && tls_config_knows_clients(&c->tls));
}

static int
refuse_remote(const struct addr *a)
{
	log_line(LOG_ERR,
		 "tcp:%s:%s is reachable from other machines, and %s: use a "
		 "loopback address, or --allow-remote if that is meant",
		 a->host, a->port,
		 is_nbd(a) ? "NBD has neither authentication nor encryption "
			     "without --tls require, with --tls-psk-file or "
			     "--tls-verify-peer"
			   : "9P has neither authentication nor encryption");
	return -EINVAL;
}

static int
open_at(struct server *s, const struct addr *a, const struct addrinfo *ai)
{
	struct listener *l;
	int fd, one = 1;

	if (!is_loopback(ai->ai_addr) && !may_be_remote(s->config, a))
		return refuse_remote(a);
	fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
		    0);
	if (fd < 0)
		return listen_fail("tcp", "socket", -errno);
	l = listener_new(s, fd, a);
	if (!l)
		return -ENOMEM;
	listener_name(l, "tcp:%s:%s", a->host, a->port);
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (ai->ai_family == AF_INET6)
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one,
				 sizeof(one));
	if (bind(fd, ai->ai_addr, ai->ai_addrlen) < 0)
		return listen_fail(l->uri, "cannot bind", -errno);
	if (listen(fd, LISTEN_BACKLOG) < 0)
		return listen_fail(l->uri, "listen", -errno);
	name_tcp(l, a);
	return 0;
}

int
listen_tcp(struct server *s, const struct addr *a)
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
	r = open_at(s, a, list);
	freeaddrinfo(list);
	return r;
}
