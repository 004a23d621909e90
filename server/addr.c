/* SPDX-License-Identifier: BSD-3-Clause */
/* Parsing addresses. Pure: nothing is opened here. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "addr.h"
#include "cleanup.h"
#include "config.h"
#include "macros.h"
#include "protocol.h"

#define DEFAULT_TAG "veneer"

static int __attribute__((format(printf, 2, 3)))
refuse(char why[256], const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	(void)vsnprintf(why, 256, format, ap);
	va_end(ap);
	return -EINVAL;
}

static int
parse_unix(const char *path, struct addr *a, char why[256])
{
	if (!*path)
		return refuse(why, "unix: needs a path, or - for a private "
				   "socket");
	if (strlen(path) >= sizeof(a->path))
		return refuse(why,
			      "unix:%s: the path has more than %zu bytes, "
			      "which no socket can have",
			      path, sizeof(a->path) - 1);
	a->kind = ADDR_UNIX;
	(void)snprintf(a->path, sizeof(a->path), "%s", path);
	return 0;
}

/* A number in decimal and nothing else. */
static bool
take_number(const char *text, unsigned long long max, unsigned long long *ret)
{
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	*ret = strtoull(text, &end, 10);
	return !errno && !*end && *ret <= max;
}

/* The port that IANA has given NBD; 9P has none that is used. */
static const char *
default_port(const struct addr *a)
{
	return strcmp(a->protocol->name, "nbd") == 0 ? "10809" : NULL;
}

/* The host at the begin of @rest; *@ret_port is what follows, ":..." or "". */
static int
take_host(const char *rest, struct addr *a, const char **ret_port,
	  char why[256])
{
	const char *host = rest, *end;
	size_t len;

	if (*rest == '[') {
		host++;
		end = strchr(rest, ']');
		len = end ? (size_t)(end - host) : 0;
		*ret_port = end ? end + 1 : rest;
	} else {
		end = strrchr(rest, ':');
		len = end ? (size_t)(end - host) : strlen(host);
		*ret_port = host + len;
	}
	if ((*rest == '[' && !end) || (**ret_port && **ret_port != ':') ||
	    (*rest != '[' && memchr(host, ':', len)))
		return refuse(why, "tcp:%s: write IPv6 addresses as [::1]",
			      rest);
	if (len >= sizeof(a->host))
		return refuse(why, "tcp:%s: the host is too long", rest);
	(void)snprintf(a->host, sizeof(a->host), "%.*s", (int)len, host);
	return 0;
}

static int
parse_tcp(const char *rest, struct addr *a, char why[256])
{
	unsigned long long number;
	const char *port;
	int r = take_host(rest, a, &port, why);

	if (r < 0)
		return r;
	port = *port ? port + 1 : default_port(a);
	if (!port)
		return refuse(why, "tcp:%s: use tcp:HOST:PORT", rest);
	if (!take_number(port, 65535, &number))
		return refuse(why,
			      "tcp:%s: the port is a number from 0 (any) "
			      "to 65535",
			      rest);
	a->kind = ADDR_TCP;
	(void)snprintf(a->port, sizeof(a->port), "%llu", number);
	return 0;
}

static int
parse_vsock(const char *rest, struct addr *a, char why[256])
{
	const char *colon = strchrnul(rest, ':');
	const char *port = *colon ? colon + 1 : default_port(a);
	unsigned long long cid = UINT32_MAX, number;
	char text[16];

	(void)snprintf(text, sizeof(text), "%.*s", (int)(colon - rest), rest);
	if ((size_t)(colon - rest) >= sizeof(text))
		text[0] = '\0'; /* no number, whatever it begins with */
	if (strcmp(text, "any") != 0 && strcmp(text, "-1") != 0 &&
	    !take_number(text, UINT32_MAX - 1, &cid))
		return refuse(why, "vsock:%s: the CID is a number, or \"any\"",
			      rest);
	if (!port)
		return refuse(why, "vsock:%s: use vsock:CID:PORT", rest);
	if (!take_number(port, UINT32_MAX - 1, &number))
		return refuse(why,
			      "vsock:%s: the port is a number from 0 (any) "
			      "to 4294967294",
			      rest);
	a->kind = ADDR_VSOCK;
	a->cid = (uint32_t)cid;
	a->vsock_port = number ? (uint32_t)number : UINT32_MAX;
	return 0;
}

static int
parse_fd(const char *rest, struct addr *a, char why[256])
{
	char *end;
	long fd = strtol(rest, &end, 10);

	if (end == rest || *end || fd < 0 || fd > 1 << 20)
		return refuse(why,
			      "fd:%s: use the number of an inherited "
			      "descriptor",
			      rest);
	a->kind = ADDR_FD;
	a->fd = (int)fd;
	return 0;
}

static int
parse_tag(struct addr *a, const char *value, char why[256])
{
	if (!value || !*value || strlen(value) >= sizeof(a->tag))
		return refuse(why, "tag=%s: use 1 to %zu bytes",
			      value ? value : "", sizeof(a->tag) - 1);
	(void)snprintf(a->tag, sizeof(a->tag), "%s", value);
	return 0;
}

static int
parse_packed(struct addr *a, const char *value, char why[256])
{
	a->has_packed = value && strcmp(value, "on") == 0;
	if (a->has_packed || (value && strcmp(value, "off") == 0))
		return 0;
	return refuse(why, "packed=%s: use on or off", value ? value : "");
}

static int
parse_option(struct addr *a, const char *key, const char *value, char why[256])
{
	char *end;
	long mode;

	if (strcmp(key, "tag") == 0 && a->is_vhost)
		return parse_tag(a, value, why);
	if (strcmp(key, "packed") == 0 && a->is_vhost)
		return parse_packed(a, value, why);
	if (strcmp(key, "mode") != 0 || a->kind != ADDR_UNIX)
		return refuse(why,
			      "unknown address option \"%s\" (unix: has "
			      "mode=, vhost-user: mode=, tag= and packed=)",
			      key);
	mode = value ? strtol(value, &end, 8) : -1;
	if (mode < 0 || mode > 0777 || end == value || *end)
		return refuse(why,
			      "mode=%s: use octal permissions such as "
			      "0660",
			      value ? value : "");
	a->mode = (mode_t)mode;
	return 0;
}

/* A VMM's socket: a path, or fd:N. */
static int
parse_vhost(const char *rest, struct addr *a, char why[256])
{
	if (strcmp(a->protocol->name, "9p") != 0)
		return refuse(why,
			      "vhost-user:%s: there is no such device of "
			      "%s",
			      rest, a->protocol->name);
	a->is_vhost = true;
	(void)snprintf(a->tag, sizeof(a->tag), DEFAULT_TAG);
	if (strncmp(rest, "fd:", 3) == 0)
		return parse_fd(rest + 3, a, why);
	if (strcmp(rest, "-") == 0)
		return refuse(why, "vhost-user: needs a path");
	return parse_unix(rest, a, why);
}

static int
parse_kind(const char *text, struct addr *a, char why[256])
{
	if (strncmp(text, "unix:", 5) == 0)
		return parse_unix(text + 5, a, why);
	if (strncmp(text, "tcp:", 4) == 0)
		return parse_tcp(text + 4, a, why);
	if (strncmp(text, "fd:", 3) == 0)
		return parse_fd(text + 3, a, why);
	if (strncmp(text, "vsock:", 6) == 0)
		return parse_vsock(text + 6, a, why);
	if (strncmp(text, "vhost-user:", 11) == 0)
		return parse_vhost(text + 11, a, why);
	return refuse(why,
		      "%s: use unix:PATH, tcp:HOST:PORT, vsock:CID:PORT, "
		      "vhost-user:PATH or fd:N",
		      text);
}

int
addr_parse_vhost(const char *path, const char *fd, const char *tag,
		 struct addr *ret, char why[256])
{
	struct addr a = { .mode = 0600,
			  .fd = -1,
			  .protocol = protocol_find("9p", 2),
			  .is_vhost = true };
	int r = path ? parse_unix(path, &a, why) : parse_fd(fd, &a, why);

	if (r == 0)
		r = parse_tag(&a, tag ? tag : DEFAULT_TAG, why);
	if (r == 0)
		*ret = a;
	return r;
}

int
addr_parse(const char *text, struct addr *ret, char why[256])
{
	CLEANUP_FREE char *copy = strdup(text);
	char *rest = copy, *first, *value, *key;
	struct addr a = { .mode = 0600, .fd = -1 };
	const char *plus;
	int r;

	if (!copy)
		return refuse(why, "out of memory");
	config_next_option(&rest, &first, &value);
	if (value)
		value[-1] = '='; /* a path may have one */
	plus = strchr(first, '+');
	if (plus && plus < first + strcspn(first, ":")) {
		a.protocol = protocol_find(first, (size_t)(plus - first));
		if (!a.protocol)
			return refuse(why,
				      "%s: unknown protocol: use 9p or nbd",
				      text);
		first += plus + 1 - first;
	} else {
		a.protocol = protocol_find("9p", 2);
	}
	r = parse_kind(first, &a, why);
	while (r == 0 && rest) {
		config_next_option(&rest, &key, &value);
		r = parse_option(&a, key, value, why);
	}
	if (r == 0)
		*ret = a;
	return r;
}
