/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Checking the upper, from its root down. A directory is listed first, then
 * its names are looked at one by one, relative to its descriptor; what is no
 * directory is never opened.
 */
#include <errno.h>
#include <linux/stat.h>
#include <string.h>

#include "check.h"
#include "cleanup.h"
#include "search.h"

/* Each level costs stack and descriptors. */
#define MAX_DEPTH 1000

static void
note(struct check *k)
{
	k->res->nr_objects++;
	if (k->o->progress)
		k->o->progress(k->o->ctx, k->res);
}

/* --- Whiteouts ------------------------------------------------------------- */

static int
remove_whiteout(struct check_level *lv, struct check_object *o)
{
	if (!lv->k->repairs)
		return CHECK_UNTRIED;
	lv->is_changed = true;
	return real_unlink(lv->k->t->layers.upper, o->at, 0);
}

/* Overlay.md 3.6: hidden where the kernel expects them only. */
static void
visit_whiteout(struct check_level *lv, struct check_object *o)
{
	struct check *k = lv->k;
	struct statx stx;

	if (!lv->is_known)
		return;
	if (lv->is_opaque && !lv->has_origin)
		check_report(k, CHECK_WHITEOUT_OPAQUE, remove_whiteout(lv, o));
	else if (lv->dir->nr_lowers == 0 && !lv->has_origin)
		check_report(k, CHECK_WHITEOUT_STRAY, remove_whiteout(lv, o));
	else if (lv->is_opaque ||
		 check_below(lv, o->at.name, &stx) != PEEK_THERE)
		check_report(k, CHECK_WHITEOUT_IDLE, CHECK_UNTRIED);
}

static int
replace_by_whiteout(struct check_level *lv, struct check_object *o)
{
	struct upper *u = lv->k->t->layers.upper;
	char name[16];
	int r;

	r = check_have_staging(u);
	if (r == 0)
		r = whiteout_make(u, name);
	if (r < 0)
		return r;
	lv->is_changed = true;
	r = real_rename(u, AT(u->work_fd, name), o->at, 0);
	if (r < 0)
		workdir_discard(u, name);
	return r;
}

static void
visit_xattr_whiteout(struct check_level *lv, struct check_object *o)
{
	struct statx stx;
	int r;

	if (!lv->is_known)
		return;
	if (check_below(lv, o->at.name, &stx) == PEEK_THERE)
		r = lv->k->repairs ? replace_by_whiteout(lv, o) : CHECK_UNTRIED;
	else
		r = remove_whiteout(lv, o);
	check_report(lv->k, CHECK_WHITEOUT_XATTR, r);
}

/* --- Files ----------------------------------------------------------------- */

/* Can it be opened? */
static void
check_data(struct check_level *lv, struct check_object *o)
{
	struct check *k = lv->k;
	CLEANUP_SEARCH struct search s =
		SEARCH_INIT(k->t, &check_call, lv->dir, o->at.name);
	int r;

	s.wants_data = true;
	r = search_run(&s);
	if (r == 0)
		return;
	if (k->t->layers.features.userxattr)
		check_report(k, CHECK_METACOPY_USER, CHECK_UNTRIED);
	else if (r == -EINVAL || r == -EACCES)
		check_report(k, CHECK_REDIRECT_MALFORMED, CHECK_UNTRIED);
	else
		check_report(k, CHECK_METACOPY_NO_DATA, CHECK_UNTRIED);
}

static bool
is_same(const struct statx *a, const struct statx *b)
{
	return a->stx_ino == b->stx_ino && statx_dev(a) == statx_dev(b);
}

static void
visit_file(struct check_level *lv, struct check_object *o)
{
	struct statx below;
	bool is_covering;

	if (o->is_bad_origin)
		check_remove_mark(lv->k, CHECK_ORIGIN_MALFORMED, o->at,
				  PRIVATE_ORIGIN);
	if (S_ISREG(o->stx.stx_mode) && o->marks & 1u << PRIVATE_METACOPY &&
	    !o->is_bad_metacopy && lv->is_known)
		check_data(lv, o);
	if (o->is_rival) {
		check_remove_mark(lv->k, CHECK_ORIGIN_TWIN, o->at,
				  PRIVATE_ORIGIN);
		return;
	}
	/* ovl_hash_bylower(): else it has an inode number of its own. */
	if (!o->is_origin_found || (o->lower.stx_nlink > 1 && !o->is_indexed))
		return;
	lv->needs_impure = true;
	is_covering = lv->is_known &&
		      check_below(lv, o->at.name, &below) == PEEK_THERE &&
		      is_same(&below, &o->lower);
	check_claim_add(lv->k, o, &o->lower, is_covering);
}

/* --- Directories ------------------------------------------------------------- */

static void walk_dir(struct check_level *lv);

static void
visit_dir(struct check_level *up, struct check_object *o)
{
	struct check_level lv;
	int r;

	if (up->depth == MAX_DEPTH) {
		up->k->res->nr_unread++;
		check_report(up->k, CHECK_TOO_DEEP, CHECK_UNTRIED);
		return;
	}
	r = check_dir_open(up, o, &lv);
	if (r < 0)
		check_unreadable(up->k, r);
	else
		walk_dir(&lv);
	check_dir_close(&lv);
}

static void
visit(struct check_level *lv, struct at at)
{
	struct check_object o = { .at = at };
	struct check *k = lv->k;
	int r = real_statx(at, &o.stx);

	if (r < 0) {
		lv->is_unsure = true;
		check_unreadable(k, r);
	} else if (o.stx.stx_attributes & STATX_ATTR_MOUNT_ROOT) {
		check_report(k, CHECK_MOUNT_POINT, CHECK_UNTRIED);
		k->has_unseen = true;
	} else if (S_ISCHR(o.stx.stx_mode) &&
		   whiteout_is(k->t, at, &o.stx) == 1) {
		visit_whiteout(lv, &o);
	} else {
		check_marks(k, &o);
		if (S_ISDIR(o.stx.stx_mode))
			visit_dir(lv, &o);
		else if (S_ISREG(o.stx.stx_mode) && o.stx.stx_size == 0 &&
			 o.marks & 1u << PRIVATE_WHITEOUT)
			visit_xattr_whiteout(lv, &o);
		else
			visit_file(lv, &o);
	}
	note(k);
}

static void
walk_dir(struct check_level *lv)
{
	CLEANUP_FREE char *names = NULL;
	struct check *k = lv->k;
	size_t size = 0, len;
	const char *name;
	int r = check_list(lv->dir->upper_fd, &names, &size);

	if (r < 0) {
		lv->is_unsure = true;
		check_unreadable(k, r);
	}
	for (name = names; name < names + size && !k->error;
	     name += strlen(name) + 1) {
		len = check_enter(k, name);
		visit(lv, AT(lv->dir->upper_fd, name));
		check_leave(k, len);
	}
	check_dir_end(lv);
}

void
check_walk(struct check *k)
{
	struct dir *d = k->t->root->body->dir;
	struct check_object o = { .at = AT(d->upper_fd, "") };
	struct check_level top = {
		.k = k,
		.dir = d,
		.is_known = true,
		.has_origin = true, /* merged whatever its marks are */
	};
	int r = real_statx(o.at, &o.stx);

	check_leave(k, 0);
	if (r < 0) {
		check_unreadable(k, r);
		return;
	}
	top.stx = o.stx;
	check_marks(k, &o);
	if (o.is_bad_origin)
		check_remove_mark(k, CHECK_ORIGIN_MALFORMED, o.at,
				  PRIVATE_ORIGIN);
	note(k);
	walk_dir(&top);
}
