/* SPDX-License-Identifier: BSD-3-Clause */
/* For the tests of tree_settle(): what a kernel mount shows of the layers. */
#ifndef VENEER_TESTS_LAYERS_SETTLE_H
#define VENEER_TESTS_LAYERS_SETTLE_H

#include "layers-fixture.h"

/* Operations of veneer, with its options, and the kernel's for the same. */
struct settle_case {
	const char *name;
	const char *lower; /* a shell command that fills the layers */
	const char *options, *kernel;
	struct {
		const char *op, *a, *b;
	} ops[10];
};

/* Make the layers of @sc as its command does. */
void settle_lowers(struct fixture *f, const struct settle_case *sc);
/* And a new upper with its operations; what is to be seen then is noted. */
void settle_upper(struct fixture *f, const struct settle_case *sc);
/* Both; what the command put into the upper stays. */
void settle_prepare(struct fixture *f, const struct settle_case *sc);

/*
 * Does a kernel mount with @options show what was noted, and are the lowers as
 * they were? What counts: type, mode, owner, size, times, links and which names
 * are one, xattrs, content. @is_lax: without xattrs, and times of directories
 * and linked files. Prints both if not.
 */
bool settle_shows(struct fixture *f, const char *options, bool is_lax);

/*
 * tree_settle(), with more tree options "key=value,..." or NULL. Prints why it
 * failed if @is_loud. Returns 0 or errno.
 */
int settle_run(struct fixture *f, const char *options, bool is_loud,
	       struct settle_result *ret);

#endif
