/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * URIs of images: the NBD project's doc/uri.md, and vsock as libnbd has it.
 *
 * In that of a Unix socket the image comes before the socket. A prefix has to
 * have it last: that is QEMU's older form, which every QEMU takes
 * (block/nbd.c, nbd_parse_filename()).
 *
 * Where TLS is required, URIs say so (nbds), but not a prefix: QEMU's have no
 * such form, it is told by an option beside them.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "uri.h"

/* RFC 3986: what needs no escape in a query, but for what divides it. */
static void
append_escaped(char ret[URI_MAX], const char *text)
{
	static const char plain[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
		"0123456789-._~/:@";
	size_t len = strlen(ret);

	for (; *text && len + 4 < URI_MAX; text++)
		len += (size_t)snprintf(ret + len, URI_MAX - len,
					strchr(plain, *text) ? "%c" : "%%%02X",
					(unsigned char)*text);
}

static const char *
scheme(const struct listener *l)
{
	return l->server->config->tls.mode == TLS_REQUIRE ? "nbds" : "nbd";
}

/* @which://HOST:PORT, as a client has to say that. */
static void
print_server(const struct listener *l, const char *which, char ret[URI_MAX])
{
	const char *host = l->host;

	if (!*host || strcmp(host, "0.0.0.0") == 0 || strcmp(host, "[::]") == 0)
		host = "localhost";
	(void)snprintf(ret, URI_MAX, "%s%s://%s:%s", which,
		       l->kind == ADDR_VSOCK ? "+vsock" : "", host, l->port);
}

int
uri_nbd(const struct listener *l, const char *name, char ret[URI_MAX])
{
	size_t len;

	if (!listener_is_nbd(l) || l->is_connected)
		return -ENOENT;
	if (l->path[0]) {
		(void)snprintf(ret, URI_MAX, "%s+unix:///%s?socket=", scheme(l),
			       name);
		append_escaped(ret, l->path);
		return 0;
	}
	if (!l->port[0])
		return -ENOENT;
	print_server(l, scheme(l), ret);
	len = strlen(ret);
	(void)snprintf(ret + len, URI_MAX - len, "/%s", name);
	return 0;
}

int
uri_prefix(const struct listener *l, char ret[URI_MAX])
{
	if (!listener_is_nbd(l) || l->is_connected)
		return -ENOENT;
	if (l->path[0]) {
		(void)snprintf(ret, URI_MAX,
			       "nbd:unix:%s:exportname=", l->path);
		return 0;
	}
	if (!l->port[0])
		return -ENOENT;
	print_server(l, "nbd", ret);
	return 0;
}
