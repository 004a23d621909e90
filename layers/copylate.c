/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Data for a file that was copied up without it (metacopy=on).
 *
 * It is copied into the upper file in place: as long as the mark is there,
 * everybody reads the lower's data. The mark goes last, when the data is on
 * disk, and then the generation moves. A crash leaves the mark, and the copy
 * is made again. Nor is it left out for a truncation: a file with the mark and
 * no size, or none and zeros, would be neither the old nor the new one.
 * A failure gives the blocks back, by a hole as large as the file: its size
 * and times are seen meanwhile.
 */
#include <errno.h>
#include <fcntl.h>

#include "claim.h"
#include "cleanup.h"
#include "copyup.h"
#include "lookup.h"
#include "overlay.h"

#define CAPABILITY "security.capability"

struct late {
	struct tree *t;
	struct upper *u;
	int top; /* owned O_PATH: the upper object */
	int dst; /* owned: the same, open for writing */
	struct statx stx; /* of it, before anything was written */
	char capability[64];
	ssize_t capability_len; /* <= 0: it has none */
};

static int
open_top(struct late *l, struct node *n, const struct call *c)
{
	CLEANUP_ACCESS struct access a = ACCESS_NONE;
	struct statx unused;
	int r = access_begin(n, c, &a);

	if (r < 0)
		return r;
	l->top = real_open_path(a.at);
	if (l->top < 0)
		return l->top;
	r = real_statx(AT(l->top, ""), &l->stx);
	if (r < 0)
		return r;
	l->dst = real_open(AT(l->top, ""), O_WRONLY, &unused);
	return l->dst < 0 ? l->dst : 0;
}

static int
copy_data(struct late *l, struct claim *cl, bool only_clone)
{
	struct copy_job job = {
		.u = l->u,
		.dst = l->dst,
		.size = l->stx.stx_size,
		.step = claim_step,
		.ctx = cl,
		.only_clone = only_clone,
	};
	CLEANUP_CLOSE int below = -1, src = -1;
	struct statx stx;
	bool is_synced;
	unsigned layer;
	int r;

	r = lookup_data(cl->node, cl->c, &below, &layer);
	if (r < 0)
		return r;
	src = real_open(AT(below, ""), O_RDONLY | O_NOATIME, &stx);
	if (src < 0)
		return src;
	/*
	 * The size is right already. An earlier try may have written some,
	 * but nothing where the source has a hole.
	 */
	job.src = src;
	return copyup_data(&job, &is_synced);
}

/* What writing took away: capabilities, times. */
static int
restore(struct late *l)
{
	struct at at = AT(l->top, "");
	int r = 0;

	if (l->capability_len > 0)
		r = real_setxattr(l->u, at, CAPABILITY, l->capability,
				  (size_t)l->capability_len, 0);
	return r < 0 ? r : copyup_times(l->u, at, &l->stx);
}

/* Best effort: what stays is only room, which the next try fills. */
static void
give_back(struct late *l)
{
	(void)real_punch_hole(l->u, l->dst, 0, l->stx.stx_size);
	if (restore(l) < 0)
		(void)copyup_times(l->u, AT(l->top, ""), &l->stx);
}

static int
late_data(struct late *l, struct claim *cl, bool only_clone)
{
	struct node *n = cl->node;
	int r = open_top(l, n, cl->c);

	if (r < 0)
		return r;
	l->capability_len = real_getxattr(AT(l->top, ""), CAPABILITY,
					  l->capability, sizeof(l->capability));
	r = copy_data(l, cl, only_clone);
	if (r == -EOPNOTSUPP && only_clone)
		return r;
	if (r == 0)
		r = restore(l);
	if (r == 0)
		r = real_fsync(l->u, l->dst, false);
	if (r < 0) {
		give_back(l);
		return r;
	}
	r = private_remove(l->t, AT(l->top, ""), PRIVATE_METACOPY);
	if (r < 0) {
		(void)copyup_times(l->u, AT(l->top, ""), &l->stx);
		return r;
	}
	atomic_store(&n->body->is_metacopy, false);
	atomic_fetch_add(&n->body->generation, 1);
	return 0;
}

int
copyup_late_data(struct claim *cl, bool only_clone)
{
	struct late l = {
		.t = cl->node->body->tree,
		.u = node_upper(cl->node),
		.top = -1,
		.dst = -1,
	};
	int r = late_data(&l, cl, only_clone);

	if (l.top >= 0)
		(void)real_close(l.top);
	if (l.dst >= 0)
		(void)real_close(l.dst);
	return r;
}
