/* SPDX-License-Identifier: BSD-3-Clause */
/* `veneer settle`: an upper at rest, made ready for overlayfs. */
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
#include "config.h"
#include "log.h"
#include "tree.h"
#include "verb.h"

#define MIB (UINT64_C(1) << 20)

static const struct option longs[] = {
	{ "lower", required_argument, NULL, 'l' },
	{ "upper", required_argument, NULL, 'u' },
	{ "work", required_argument, NULL, 'w' },
	{ "options", required_argument, NULL, 'o' },
	{ "trusted", no_argument, NULL, 't' },
	{ "quiet", no_argument, NULL, 'q' },
	{ "help", no_argument, NULL, 'h' },
	{ 0 },
};

static void
usage(void)
{
	puts("usage: veneer settle --lower DIR [--lower DIR ...] --upper DIR "
	     "[OPTION ...]\n\n"
	     "  --lower DIR           a read-only layer; again for the next "
	     "below\n"
	     "  --upper DIR           the upper; nothing may be using it\n"
	     "  --work DIR            its work directory [UPPER.work]\n"
	     "  -o, --options K=V,... overlayfs mount options: lowerdir=,...\n"
	     "  --trusted             the marks are user.overlay.*: rewrite "
	     "them\n"
	     "  --quiet               neither progress nor summary\n"
	     "  --help                print this\n\n"
	     "veneer-settle(8) says more.");
}

/* What the command line says. */
struct args {
	struct tree_config *tree; /* owned */
	bool is_user, is_quiet, wants_help;
};

/* What is known while it runs. */
struct progress {
	struct timespec last; /* when a line was printed */
	bool is_printed;
};

static int
apply(struct args *a, int id, const char *arg, const char *text)
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
	case 't':
		a->is_user = true;
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
			 "unknown option \"%s\": see veneer settle --help",
			 text);
		return -EINVAL;
	}
}

static int
parse(struct args *a, int argc, char **argv)
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
		log_line(LOG_ERR, "nothing to settle: give --lower DIR and "
				  "--upper DIR (see veneer settle --help)");
		return -EINVAL;
	}
	return 0;
}

static void
print_progress(void *ctx, const struct settle_result *so_far)
{
	struct progress *p = ctx;
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	if (now.tv_sec - p->last.tv_sec < 1)
		return;
	p->last = now;
	p->is_printed = true;
	(void)fprintf(stderr,
		      "\rsettled %" PRIu64 " objects, %" PRIu64 " MiB copied ",
		      so_far->nr_objects, so_far->bytes_copied / MIB);
}

static void
print_summary(const struct settle_result *res)
{
	printf("flattened %" PRIu64 " directories, completed %" PRIu64
	       " files, copied up %" PRIu64 " more objects (%" PRIu64
	       " MiB in all),\nlinked %" PRIu64 " names, rewrote %" PRIu64
	       " marks\n",
	       res->nr_flattened, res->nr_completed, res->nr_copied,
	       res->bytes_copied / MIB, res->nr_linked, res->nr_rewritten);
	verb_print_mount(res->mount_options);
}

static int
settle(const struct args *a)
{
	struct progress p = { .is_printed = false };
	bool wants_progress = !a->is_quiet && isatty(STDERR_FILENO);
	struct settle_options o = {
		.is_user = a->is_user,
		.progress = wants_progress ? print_progress : NULL,
		.ctx = &p,
	};
	CLEANUP_FREE char *why = NULL;
	struct settle_result res;
	int r;

	verb_prepare();
	(void)clock_gettime(CLOCK_MONOTONIC_COARSE, &p.last);
	r = tree_settle(a->tree, &o, &res, &why);
	if (p.is_printed)
		(void)fputc('\n', stderr);
	if (r < 0)
		log_line(LOG_ERR, "%s", why ? why : strerror(-r));
	else if (!a->is_quiet)
		print_summary(&res);
	free(res.mount_options);
	return r < 0 ? EXIT_RUNTIME : EXIT_OK;
}

int
verb_settle(int argc, char **argv)
{
	struct args a = { 0 };
	int code = EXIT_USAGE;

	if (parse(&a, argc, argv) == 0) {
		if (a.wants_help)
			usage();
		code = a.wants_help ? EXIT_OK : settle(&a);
	}
	tree_config_free(a.tree);
	return code;
}
