/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * For the tests of layers/: all that can be seen in a tree, as sorted lines:
 * path, type, mode, owner, size, links, mtime ("now" if it is not looked at),
 * xattrs, target, content; of directories no size.
 */
#ifndef VENEER_TESTS_LAYERS_SNAPSHOT_H
#define VENEER_TESTS_LAYERS_SNAPSHOT_H

#include "layers-fixture.h"

#define SNAPSHOT_MAX 16384

/* What is to be in it. */
enum snapshot_times {
	SNAPSHOT_NO_TIMES,
	SNAPSHOT_SET, /* that a test has set: long ago, and of no directory */
	SNAPSHOT_UNSHARED, /* of what has one name */
	SNAPSHOT_EXACT, /* all */
};
struct snapshot_how {
	bool has_links; /* how many, and which of the names are one object */
	enum snapshot_times times;
	/* These can be asked for only where the kernel looks. */
	bool has_all_xattrs; /* else: user.mine */
	bool has_ctime;
};

/* Of the open tree. */
void snapshot_tree(struct fixture *f, struct snapshot_how how,
		   char buf[SNAPSHOT_MAX]);
/*
 * Of a kernel mount of the closed layers with @options ("" or ",key=value").
 * False: it cannot be mounted.
 */
bool snapshot_kernel(struct fixture *f, const char *options,
		     struct snapshot_how how, char buf[SNAPSHOT_MAX]);
/* Of a directory of the fixture's root, as the host sees it: all there is. */
void snapshot_dir(struct fixture *f, const char *dir, char buf[SNAPSHOT_MAX]);

#endif
