/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * For the tests of layers/: all that can be seen in a tree, as sorted lines:
 * path, type, mode, owner, size, links, mtime ("now" if it is none of a test),
 * user xattrs, target, content; of directories no size and times.
 */
#ifndef VENEER_TESTS_LAYERS_SNAPSHOT_H
#define VENEER_TESTS_LAYERS_SNAPSHOT_H

#include "layers-fixture.h"

#define SNAPSHOT_MAX 16384

/* What is to be in it. */
struct snapshot_how {
	bool has_links, has_mtime;
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
/* Of a directory of the fixture's root, as the host sees it. */
void snapshot_dir(struct fixture *f, const char *dir, char buf[SNAPSHOT_MAX]);

#endif
