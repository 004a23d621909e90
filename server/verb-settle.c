/* SPDX-License-Identifier: BSD-3-Clause */
/* `veneer settle`: an upper at rest, made ready for overlayfs. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "config.h"
#include "log.h"
#include "tree.h"
#include "verb.h"

#define MIB (UINT64_C(1) << 20)

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

static void
print_progress(void *ctx, const struct settle_result *so_far)
{
	if (verb_progress_is_due(ctx))
		(void)fprintf(stderr,
			      "\rsettled %" PRIu64 " objects, %" PRIu64
			      " MiB copied ",
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
settle(const struct verb_args *a)
{
	struct verb_progress p;
	bool wants_progress = !a->is_quiet && isatty(STDERR_FILENO);
	struct settle_options o = {
		.is_user = a->is_set, /* --trusted */
		.progress = wants_progress ? print_progress : NULL,
		.ctx = &p,
	};
	CLEANUP_FREE char *why = NULL;
	struct settle_result res;
	int r;

	verb_prepare();
	verb_progress_begin(&p);
	r = tree_settle(a->tree, &o, &res, &why);
	verb_progress_end(&p);
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
	struct verb_args a;
	int code = EXIT_USAGE;

	if (verb_parse("settle", "trusted", argc, argv, &a) == 0) {
		if (a.wants_help)
			usage();
		code = a.wants_help ? EXIT_OK : settle(&a);
	}
	tree_config_free(a.tree);
	return code;
}
