/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Settling, a metadata-only upper file: a complete one takes its place by one
 * rename. Data written in place (copylate.c) takes times and capabilities
 * away until they are put back, which a crash may prevent; only a file with
 * several names, or some data already, must be done so.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "cleanup.h"
#include "copyup.h"
#include "lookup.h"
#include "macros.h"
#include "overlay.h"
#include "partial.h"
#include "settle.h"

/* The upper file @n by a descriptor. */
static int
open_top(struct node *n, int *ret_fd, struct statx *ret_stx)
{
	CLEANUP_ACCESS struct access a = ACCESS_NONE;
	int r = access_begin(n, &settle_call, &a);

	if (r == 0)
		r = real_statx(a.at, ret_stx);
	if (r == 0)
		r = *ret_fd = real_open_path(a.at);
	return r < 0 ? r : 0;
}

static int
copy_content(struct settle *s, struct node *n, int dst, uint64_t size)
{
	struct upper *u = s->t->layers.upper;
	struct copy_job job = { .u = u, .dst = dst, .size = size };
	CLEANUP_CLOSE int below = -1, src = -1;
	struct statx stx;
	bool is_synced;
	unsigned layer;
	int r = lookup_data(n, &settle_call, &below, &layer);

	if (r < 0)
		return r;
	src = real_open(AT(below, ""), O_RDONLY | O_NOATIME, &stx);
	if (src < 0)
		return src;
	job.src = src;
	r = copyup_data(&job, &is_synced);
	/* The last extent may be a hole. */
	return r < 0 ? r : real_truncate(u, dst, size);
}

/* The marks that a complete file keeps. */
static int
copy_marks(struct settle *s, struct at from, struct at to)
{
	static const enum private_xattr kept[] = {
		PRIVATE_ORIGIN,
		PRIVATE_PROTATTR,
		PRIVATE_IDENT,
	};
	ssize_t n;
	size_t i;
	int r = 0;

	for (i = 0; i < ARRAY_SIZE(kept) && r == 0; i++) {
		n = private_get(s->t, from, kept[i], s->value, TREE_XATTR_MAX);
		if (n >= 0)
			r = private_set(s->t, to, kept[i], s->value, (size_t)n);
		else if (n != -ENODATA)
			r = (int)n;
	}
	return r;
}

/* All that @top is, with data, to the new file @fd; in copyup.c's order. */
static int
build(struct settle *s, struct node *n, int top, const struct statx *stx,
      int fd)
{
	struct upper *u = s->t->layers.upper;
	struct at from = { top, "" }, to = { fd, "" };
	int r = copy_content(s, n, fd, stx->stx_size);

	if (r == 0)
		r = copyup_owner_mode(u, to, stx);
	if (r == 0)
		r = copyup_xattrs(s->t, from, to);
	if (r == 0)
		r = copyup_flags(s->t, from, to, stx);
	if (r == 0)
		r = copy_marks(s, from, to);
	if (r == 0)
		r = copyup_times(u, to, stx);
	return r < 0 ? r : real_fsync(u, fd, false);
}

/* Put it where @n is. The next look at the name finds another object. */
static int
publish(struct settle *s, struct node *n, int fd)
{
	struct upper *u = s->t->layers.upper;
	struct statx parent;
	struct node *dir;
	char temp[16];
	struct at at;
	int r;

	workdir_temp(u, temp);
	r = real_link_fd(u, fd, AT(u->work_fd, temp));
	if (r < 0)
		return r;
	r = node_lock_parent(n, &settle_call, true, &dir);
	if (r == 0) {
		at = AT(dir->body->dir->upper_fd, "");
		r = real_statx(at, &parent);
		if (r == 0)
			r = real_rename(u, AT(u->work_fd, temp),
					AT(at.fd, n->name), 0);
		if (r == 0)
			(void)copyup_times(u, at, &parent);
		unlock_dir(dir);
		node_unref(dir);
	}
	if (r < 0)
		workdir_discard(u, temp);
	return r;
}

int
settle_complete(struct settle *s, struct node *n)
{
	struct upper *u = s->t->layers.upper;
	CLEANUP_PARTIAL struct partial *p = NULL;
	CLEANUP_CLOSE int top = -1, fd = -1;
	struct statx stx;
	int r = partial_get(n, &settle_call, &p);

	if (r == 0)
		r = open_top(n, &top, &stx);
	if (r < 0)
		return r;
	/* What is here of a partial one is not below. */
	if (p || stx.stx_nlink > 1 || !u->has_tmpfile)
		return copyup_node(n, &settle_call, COPYUP_DATA);
	fd = real_tmpfile(u, u->work_fd, 0600);
	r = fd < 0 ? fd : build(s, n, top, &stx, fd);
	return r < 0 ? r : publish(s, n, fd);
}
