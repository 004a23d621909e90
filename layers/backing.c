/* SPDX-License-Identifier: BSD-3-Clause */
/* What the files of the tree lie on. */
#include "node.h"

int
tree_backing(struct node *n, const struct call *c, struct backing *ret)
{
	CLEANUP_ACCESS struct access a = ACCESS_NONE;
	struct statx stx;
	int r = access_begin(n, c, &a);

	if (r == 0)
		r = real_statx(a.at, &stx);
	if (r < 0)
		return r;
	ret->depth = atomic_load(&n->body->layer) + 1;
	ret->dev_major = stx.stx_dev_major;
	ret->dev_minor = stx.stx_dev_minor;
	return 0;
}
