/* SPDX-License-Identifier: BSD-3-Clause */
/* For the tests of tree_check(): damage, what is found, what is mended. */
#ifndef VENEER_TESTS_LAYERS_CHECK_H
#define VENEER_TESTS_LAYERS_CHECK_H

#include "layers-fixture.h"

struct check_case {
	const char *name;
	/*
	 * A shell command that makes the layers, with two functions: K OPTIONS
	 * COMMAND runs one in a kernel mount; mark NAME VALUE FILE.
	 */
	const char *layers;
	const char *options; /* as the fixture's */
	/*
	 * "PATH KIND S, PATH KIND S ...", sorted; S is n (note), r (repairs
	 * mend it) or l (left). W/ is the work directory.
	 */
	const char *found;
	/* A shell condition in a kernel mount of what was repaired, or NULL. */
	const char *shows;
};

/*
 * Check, which must not change anything; check with repairs, and again, which
 * must find all of kind r mended. Then the kernel must show the tree without a
 * warning if there is nothing left.
 */
void check_run(struct fixture *f, const struct check_case *cases,
	       size_t nr_cases);

/*
 * What is found, as in check_case, in a static buffer; R: repaired; f: that
 * failed. *@ret_mount is the caller's: the mount options.
 */
const char *check_found(struct fixture *f, const char *options, bool repairs,
			char **ret_mount);

#endif
