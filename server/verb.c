/* SPDX-License-Identifier: BSD-3-Clause */
/* What verbs that work on an upper at rest share. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "config-tree.h"
#include "log.h"
#include "tree.h"
#include "verb.h"

static int
apply(const char *verb, struct verb_args *a, int id, const char *arg,
      const char *text)
{
	switch (id) {
	case 'l':
		return config_tree_set(a->tree, "--lower", "lower", arg);
	case 'u':
		return config_tree_set(a->tree, "--upper", "upper", arg);
	case 'w':
		return config_tree_set(a->tree, "--work", "work", arg);
	case 'o':
		return config_tree_set_kernel(a->tree, arg);
	case 's':
		a->is_set = true;
		return 0;
	case 'q':
		a->is_quiet = true;
		return 0;
	case 'h':
		a->wants_help = true;
		return 0;
	case ':':
		log_line(LOG_ERR, "%s needs a value", text);
		return -EINVAL;
	default:
		log_line(LOG_ERR, "unknown option \"%s\": see veneer %s --help",
			 text, verb);
		return -EINVAL;
	}
}

int
verb_parse(const char *verb, const char *own, int argc, char **argv,
	   struct verb_args *ret)
{
	const struct option longs[] = {
		{ "lower", required_argument, NULL, 'l' },
		{ "upper", required_argument, NULL, 'u' },
		{ "work", required_argument, NULL, 'w' },
		{ "options", required_argument, NULL, 'o' },
		{ own, no_argument, NULL, 's' },
		{ "quiet", no_argument, NULL, 'q' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int id, r = 0;

	*ret = (struct verb_args){ .tree = tree_config_new() };
	if (!ret->tree)
		return -ENOMEM;
	optind = 1;
	opterr = 0;
	while (r == 0 && !ret->wants_help &&
	       (id = getopt_long(argc, argv, ":o:h", longs, NULL)) != -1)
		r = apply(verb, ret, id, optarg, argv[optind - 1]);
	if (r < 0 || ret->wants_help)
		return r;
	if (optind < argc) {
		log_line(LOG_ERR, "unexpected argument \"%s\"", argv[optind]);
		return -EINVAL;
	}
	if (!tree_config_has_layers(ret->tree)) {
		log_line(LOG_ERR,
			 "nothing to %s: give --lower DIR and --upper DIR (see "
			 "veneer %s --help)",
			 verb, verb);
		return -EINVAL;
	}
	return 0;
}

void
verb_progress_begin(struct verb_progress *p)
{
	*p = (struct verb_progress){ .is_printed = false };
	(void)clock_gettime(CLOCK_MONOTONIC_COARSE, &p->last);
}

bool
verb_progress_is_due(struct verb_progress *p)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	if (now.tv_sec - p->last.tv_sec < 1)
		return false;
	p->last = now;
	p->is_printed = true;
	return true;
}

void
verb_progress_end(struct verb_progress *p)
{
	if (p->is_printed)
		(void)fputs("\r\033[K", stderr);
	p->is_printed = false;
}

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
