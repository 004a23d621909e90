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

static int
parse_tcp(const char *rest, struct addr *a, char why[256])
{
	const char *colon = strrchr(rest, ':'), *host = rest;
	size_t len;
	char *end;
	long port;

	if (!colon)
		return refuse(why, "tcp:%s: use tcp:HOST:PORT", rest);
	len = (size_t)(colon - rest);
	if (len >= 2 && host[0] == '[' && host[len - 1] == ']') {
		host++;
		len -= 2;
	} else if (memchr(host, ':', len)) {
		return refuse(why, "tcp:%s: write IPv6 addresses as [::1]",
			      rest);
	}
	if (len >= sizeof(a->host))
		return refuse(why, "tcp:%s: the host is too long", rest);
	port = strtol(colon + 1, &end, 10);
	if (end == colon + 1 || *end || port < 0 || port > 65535)
		return refuse(why,
			      "tcp:%s: the port is a number from 0 (any) "
			      "to 65535",
			      rest);
	a->kind = ADDR_TCP;
	(void)snprintf(a->host, sizeof(a->host), "%.*s", (int)len, host);
	(void)snprintf(a->port, sizeof(a->port), "%ld", port);
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
parse_option(struct addr *a, const char *key, const char *value, char why[256])
{
	char *end;
	long mode;

	if (strcmp(key, "mode") != 0 || a->kind != ADDR_UNIX)
		return refuse(why,
			      "unknown address option \"%s\" (unix: has "
			      "mode=)",
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

static int
parse_kind(const char *text, struct addr *a, char why[256])
{
	if (strncmp(text, "unix:", 5) == 0)
		return parse_unix(text + 5, a, why);
	if (strncmp(text, "tcp:", 4) == 0)
		return parse_tcp(text + 4, a, why);
	if (strncmp(text, "fd:", 3) == 0)
		return parse_fd(text + 3, a, why);
	if (strncmp(text, "vsock:", 6) == 0 ||
	    strncmp(text, "vhost-user:", 11) == 0)
		return refuse(why, "%s: not supported by this version", text);
	return refuse(why, "%s: use unix:PATH, tcp:HOST:PORT or fd:N", text);
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
			return refuse(why, "%s: this version serves 9p only",
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
