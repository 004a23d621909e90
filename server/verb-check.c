/* SPDX-License-Identifier: BSD-3-Clause */
/* `veneer check`: is an upper at rest as overlayfs and veneer leave one? */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
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

struct run {
	struct verb_args args; /* is_set: --repair */
	struct verb_progress progress;
};

static void
print_progress(void *ctx, const struct check_result *so_far)
{
	struct run *a = ctx;

	if (verb_progress_is_due(&a->progress))
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

	if (f->state == CHECK_NOTE && a->args.is_quiet)
		return;
	verb_progress_end(&a->progress);
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
		.repairs = a->args.is_set,
		.found = print_finding,
		.ctx = a,
	};
	CLEANUP_FREE char *why = NULL;
	struct check_result res;
	int r;

	verb_prepare();
	if (!a->args.is_quiet && isatty(STDERR_FILENO))
		o.progress = print_progress;
	verb_progress_begin(&a->progress);
	r = tree_check(a->args.tree, &o, &res, &why);
	verb_progress_end(&a->progress);
	if (r < 0)
		log_line(LOG_ERR, "%s", why ? why : strerror(-r));
	else if (!a->args.is_quiet)
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
	struct run a;
	int code = CODE_USAGE;

	if (verb_parse("check", "repair", argc, argv, &a.args) == 0) {
		if (a.args.wants_help)
			usage();
		code = a.args.wants_help ? CODE_OK : check(&a);
	}
	tree_config_free(a.args.tree);
	return code;
}
