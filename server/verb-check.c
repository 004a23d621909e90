/* SPDX-License-Identifier: BSD-3-Clause */
/* `veneer check`: is an upper at rest as overlayfs and veneer leave one? */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cleanup.h"
#include "config-tree.h"
#include "log.h"
#include "tree.h"
#include "verb.h"

/* As fsck(8) has them. */
enum {
	CODE_OK = 0,
	CODE_REPAIRED = 1,
	CODE_LEFT = 4,
	CODE_FAILED = 8,
	CODE_USAGE = 16
};

static const struct option longs[] = {
	{ "lower", required_argument, NULL, 'l' },
	{ "upper", required_argument, NULL, 'u' },
	{ "work", required_argument, NULL, 'w' },
	{ "options", required_argument, NULL, 'o' },
	{ "repair", no_argument, NULL, 'r' },
	{ "quiet", no_argument, NULL, 'q' },
	{ "help", no_argument, NULL, 'h' },
	{ 0 },
};

static void
usage(void)
{
	puts("usage: veneer check --lower DIR [--lower DIR ...] --upper DIR "
	     "[OPTION ...]\n\n"
	     "  --lower DIR           a read-only layer; again for the next "
	     "below\n"
	     "  --upper DIR           the upper; nothing may be using it\n"
	     "  --work DIR            its work directory [UPPER.work]\n"
	     "  -o, --options K=V,... overlayfs mount options: lowerdir=,...\n"
	     "  --repair              mend what can be mended\n"
	     "  --quiet               errors only: no notes, no summary\n"
	     "  --help                print this\n\n"
	     "veneer-check(8) says more.");
}

/* What the command line says, and what is known while it runs. */
struct run {
	struct tree_config *tree; /* owned */
	bool repairs, is_quiet, wants_help;
	struct timespec last; /* when progress was printed */
	bool is_printed; /* and the cursor is on that line */
};

static int
apply(struct run *a, int id, const char *arg, const char *text)
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
	case 'r':
		a->repairs = true;
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
		log_line(LOG_ERR,
			 "unknown option \"%s\": see veneer check --help",
			 text);
		return -EINVAL;
	}
}

static int
parse(struct run *a, int argc, char **argv)
{
	int id, r = 0;

	a->tree = tree_config_new();
	if (!a->tree)
		return -ENOMEM;
	optind = 1;
	opterr = 0;
	while (r == 0 && !a->wants_help &&
	       (id = getopt_long(argc, argv, ":o:h", longs, NULL)) != -1)
		r = apply(a, id, optarg, argv[optind - 1]);
	if (r < 0 || a->wants_help)
		return r;
	if (optind < argc) {
		log_line(LOG_ERR, "unexpected argument \"%s\"", argv[optind]);
		return -EINVAL;
	}
	if (!tree_config_has_layers(a->tree)) {
		log_line(LOG_ERR, "nothing to check: give --lower DIR and "
				  "--upper DIR (see veneer check --help)");
		return -EINVAL;
	}
	return 0;
}

static void
end_progress(struct run *a)
{
	if (a->is_printed)
		(void)fputs("\r\033[K", stderr);
	a->is_printed = false;
}

static void
print_progress(void *ctx, const struct check_result *so_far)
{
	struct run *a = ctx;
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	if (now.tv_sec - a->last.tv_sec < 1)
		return;
	a->last = now;
	a->is_printed = true;
	(void)fprintf(stderr, "\rchecked %" PRIu64 " objects ",
		      so_far->nr_objects);
}

/* On one line, whatever is in it. */
static void
print_path(const char *path)
{
	for (; *path; path++)
		if ((unsigned char)*path < ' ' || *path == '\\' ||
		    *path == 0x7f)
			printf("\\%03o", (unsigned char)*path);
		else
			(void)putchar(*path);
}

static void
print_finding(void *ctx, const struct check_finding *f)
{
	struct run *a = ctx;

	if (f->state == CHECK_NOTE && a->is_quiet)
		return;
	end_progress(a);
	print_path(f->path);
	switch (f->state) {
	case CHECK_NOTE:
		printf(": note: %s", f->what);
		break;
	case CHECK_REPAIRABLE:
		printf(": error: %s; --repair will %s", f->what, f->action);
		break;
	case CHECK_REPAIRED:
		printf(": repaired: %s; did %s", f->what, f->action);
		break;
	case CHECK_LEFT:
		printf(": error: %s; %s", f->what, f->action);
		break;
	case CHECK_FAILED:
		printf(": error: %s%s%s: %s", f->what,
		       *f->action ? "; failed to " : "", f->action,
		       strerror(-f->error));
		break;
	}
	printf(" [%s]\n", f->kind);
}

static void
print_summary(const struct check_result *res)
{
	printf("checked %" PRIu64 " objects: %" PRIu64 " errors repaired, "
	       "%" PRIu64 " left, %" PRIu64 " notes\n",
	       res->nr_objects, res->nr_repaired, res->nr_left, res->nr_notes);
	if (res->mount_options)
		verb_print_mount(res->mount_options);
	else
		puts("no kernel reads whiteouts=oci");
}

static int
check(struct run *a)
{
	struct check_options o = {
		.repairs = a->repairs,
		.found = print_finding,
		.ctx = a,
	};
	CLEANUP_FREE char *why = NULL;
	struct check_result res;
	int r;

	verb_prepare();
	if (!a->is_quiet && isatty(STDERR_FILENO))
		o.progress = print_progress;
	(void)clock_gettime(CLOCK_MONOTONIC_COARSE, &a->last);
	r = tree_check(a->tree, &o, &res, &why);
	end_progress(a);
	if (r < 0)
		log_line(LOG_ERR, "%s", why ? why : strerror(-r));
	else if (!a->is_quiet)
		print_summary(&res);
	free(res.mount_options);
	if (r < 0 || res.nr_unread > 0)
		return CODE_FAILED;
	if (res.nr_left > 0)
		return CODE_LEFT;
	return res.nr_repaired > 0 ? CODE_REPAIRED : CODE_OK;
}

int
verb_check(int argc, char **argv)
{
	struct run a = { .repairs = false };
	int code = CODE_USAGE;

	if (parse(&a, argc, argv) == 0) {
		if (a.wants_help)
			usage();
		code = a.wants_help ? CODE_OK : check(&a);
	}
	tree_config_free(a.tree);
	return code;
}
