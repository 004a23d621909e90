/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The /proc path of an object, for calls that have no *at() form. Only
 * real.c and real-change.c use it.
 */
#ifndef VENEER_LAYERS_REAL_PATH_H
#define VENEER_LAYERS_REAL_PATH_H

#include <string.h>

#include "real.h"

struct real_path {
	/* "/proc/self/fd/" + number + "/" + name of at most 255 + NUL */
	char buf[14 + 10 + 1 + 255 + 1];
};

/* Written by hand: snprintf() costs as much as the system call. */
static inline const char *
real_path(struct real_path *p, struct at at)
{
	static const char prefix[] = "/proc/self/fd/";
	char digits[10], *out = p->buf;
	unsigned n = (unsigned)at.fd, nr = 0;
	size_t len;

	memcpy(out, prefix, sizeof(prefix) - 1);
	out += sizeof(prefix) - 1;
	do
		digits[nr++] = (char)('0' + n % 10);
	while ((n /= 10) != 0);
	while (nr > 0)
		*out++ = digits[--nr];
	if (*at.name) {
		*out++ = '/';
		len = strnlen(at.name, 255);
		memcpy(out, at.name, len);
		out += len;
	}
	*out = '\0';
	return p->buf;
}

#endif
