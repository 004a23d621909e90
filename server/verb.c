/* SPDX-License-Identifier: BSD-3-Clause */
/* What the verbs that serve nothing share. */
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "verb.h"

void
verb_print_quoted(const char *s)
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
verb_raise_limits(void)
{
	struct rlimit lim;

	if (getrlimit(RLIMIT_NOFILE, &lim) < 0)
		return;
	lim.rlim_cur = lim.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &lim);
}
