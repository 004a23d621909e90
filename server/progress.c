/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One line a second for a copy-up that takes long, and one when it ends:
 *
 *   tree "vm": copying up "disk.img": 512 of 4096 MiB, 180 MiB/s
 *   tree "vm": copied up "disk.img": 4096 of 4096 MiB in 22.7 s, 180 MiB/s
 *   tree "vm": not copied up "disk.img": 512 of 4096 MiB in 2.8 s, 180
 *   MiB/s: No space left on device
 */
#include <stdio.h>
#include <string.h>

#include "log.h"
#include "progress.h"
#include "tree.h"

#define MIB ((double)(1 << 20))
/* Of a name: more is cut. */
#define NAME_MAX_SHOWN 64

#define NAME_BUF (4 * NAME_MAX_SHOWN + sizeof("..."))

/* Names are the client's: escaped as in a trace of requests. */
static void
escape(const char *name, char buf[NAME_BUF])
{
	size_t i, len = 0;

	for (i = 0; name[i] && i < NAME_MAX_SHOWN; i++) {
		unsigned char c = (unsigned char)name[i];
		bool is_plain = c >= 0x20 && c < 0x7f && c != '"' && c != '\\';

		len += (size_t)snprintf(buf + len, NAME_BUF - len,
					is_plain ? "%c" : "\\x%02x", c);
	}
	(void)snprintf(buf + len, NAME_BUF - len, "%s", name[i] ? "..." : "");
}

void
progress_log(void *ctx, const struct copy_progress *p)
{
	const char *tree = ctx;
	char name[NAME_BUF];
	double s = (double)p->ns / 1e9, done = (double)p->done / MIB;
	double rate = s > 0 ? done / s : 0, size = (double)p->size / MIB;

	escape(p->name, name);
	if (!p->is_last)
		log_line(LOG_DEBUG,
			 "tree \"%s\": copying up \"%s\": %.0f of %.0f MiB, "
			 "%.1f MiB/s",
			 tree, name, done, size, rate);
	else
		log_line(LOG_DEBUG,
			 "tree \"%s\": %scopied up \"%s\": %.0f of %.0f MiB in "
			 "%.1f s, %.1f MiB/s%s%s",
			 tree, p->error ? "not " : "", name, done, size, s,
			 rate, p->error ? ": " : "",
			 p->error ? strerror(-p->error) : "");
}
