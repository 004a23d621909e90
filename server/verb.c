/* SPDX-License-Identifier: BSD-3-Clause */
/* What verbs that work on an upper at rest share. */
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "verb.h"

void
verb_prepare(void)
{
	struct rlimit lim;

	(void)umask(0);
	if (getrlimit(RLIMIT_NOFILE, &lim) == 0) {
		lim.rlim_cur = lim.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &lim);
	}
}

/* For a shell: as it is if nothing in it means anything there. */
static void
print_quoted(const char *s)
{
	static const char plain[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
		"0123456789/:,=._+@%-";

	if (s[strspn(s, plain)] == '\0') {
		(void)fputs(s, stdout);
		return;
	}
	(void)putchar('\'');
	for (; *s; s++)
		if (*s == '\'')
			(void)fputs("'\\''", stdout);
		else
			(void)putchar(*s);
	(void)putchar('\'');
}

void
verb_print_mount(const char *options)
{
	(void)fputs("mount -t overlay overlay -o ", stdout);
	if (options)
		print_quoted(options);
	(void)puts(" DIR");
}
