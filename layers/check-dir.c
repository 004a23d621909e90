/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Checking a directory of the upper with what is below it: where does its
 * redirect lead, which lower directory is its own, does it say that its
 * children come from below?
 *
 * The stack is found by an ordinary lookup (search.c). Where that fails, what
 * is in the directory is checked all the same, but not what depends on lowers.
 */
#include <errno.h>
#include <string.h>

#include "check.h"
#include "copyup.h"
#include "search.h"

/* By a lookup; or else only the upper one. */
static int
open_stack(struct check_level *up, struct check_object *o,
	   struct check_level *ret)
{
	struct check *k = up->k;
	CLEANUP_SEARCH struct search s =
		SEARCH_INIT(k->t, &check_call, up->dir, o->at.name);
	int r = up->is_known ? search_run(&s) : 0;

	if (up->is_known && r == 0 && s.dir && s.dir->has_upper) {
		ret->is_known = true;
		ret->dir = s.dir;
		s.dir = NULL;
		ret->lower = s.top_lower;
		return 0;
	}
	ret->dir = dir_new(0);
	if (!ret->dir)
		return -ENOMEM;
	ret->dir->upper_fd = real_open_dir(o->at);
	ret->dir->has_upper = ret->dir->upper_fd >= 0;
	if (!ret->dir->has_upper)
		return ret->dir->upper_fd;
	switch (r) {
	case 0:
		break;
	case -EINVAL:
	case -EACCES:
		check_report(k, CHECK_REDIRECT_MALFORMED, CHECK_UNTRIED);
		break;
	case -ELOOP:
		check_report(k, CHECK_REDIRECT_LOOP, CHECK_UNTRIED);
		break;
	case -EPERM:
		check_report(k, CHECK_REDIRECT_USER, CHECK_UNTRIED);
		break;
	default:
		check_unreadable(k, r);
	}
	return 0;
}

/*
 * Without a redirect its own name would show what is not its own: opaque
 * first. Whoever followed it saw nothing below, before and after.
 */
static int
cut_off(struct check *k, struct check_level *lv)
{
	struct at at = { lv->dir->upper_fd, "" };
	int r;

	if (!k->repairs)
		return CHECK_UNTRIED;
	r = private_set(k->t, at, PRIVATE_OPAQUE, "y", 1);
	if (r == 0)
		r = private_remove(k->t, at, PRIVATE_REDIRECT);
	lv->is_opaque = r == 0;
	return r;
}

/*
 * It has a redirect, and a lookup found nothing below. Unless that is gone for
 * good, whiteouts in it may hide something yet.
 */
static void
check_lost(struct check *k, const struct check_object *o,
	   struct check_level *lv)
{
	if (o->is_origin_gone && !k->t->layers.features.userxattr) {
		check_report(k, CHECK_REDIRECT_GONE, cut_off(k, lv));
		return;
	}
	check_report(k,
		     k->t->layers.features.userxattr ? CHECK_REDIRECT_USER
						     : CHECK_REDIRECT_LOST,
		     CHECK_UNTRIED);
	lv->is_known = false;
}

/*
 * A lookup gives a merged directory its origin if it has none; any other one
 * needs the mark to hide its whiteouts, and empty says "unknown".
 */
static int
mend_origin(struct check *k, const struct check_level *lv)
{
	struct at at = { lv->dir->upper_fd, "" };

	if (!k->repairs)
		return CHECK_UNTRIED;
	if (lv->is_known && lv->dir->nr_lowers > 0)
		return private_remove(k->t, at, PRIVATE_ORIGIN);
	return private_set(k->t, at, PRIVATE_ORIGIN, "", 0);
}

int
check_dir_open(struct check_level *up, struct check_object *o,
	       struct check_level *ret)
{
	struct check *k = up->k;
	bool is_merged;
	int r;

	*ret = (struct check_level){
		.k = k,
		.stx = o->stx,
		.depth = up->depth + 1,
	};
	r = open_stack(up, o, ret);
	if (r < 0)
		return r;
	is_merged = ret->is_known && ret->dir->nr_lowers > 0;
	ret->is_opaque = private_is_yes(k->t, AT(ret->dir->upper_fd, ""),
					PRIVATE_OPAQUE);
	ret->has_origin = o->marks & 1u << PRIVATE_ORIGIN;
	if (ret->is_known && !is_merged && !ret->is_opaque &&
	    o->marks & 1u << PRIVATE_REDIRECT)
		check_lost(k, o, ret);
	if (o->is_bad_origin)
		check_report(k, CHECK_ORIGIN_MALFORMED, mend_origin(k, ret));
	if (is_merged)
		check_claim_add(k, o, &ret->lower,
				!(o->marks & 1u << PRIVATE_REDIRECT));
	if (is_merged && ret->has_origin && !o->is_bad_origin)
		up->needs_impure = true;
	if (!ret->is_known)
		up->is_unsure = true;
	return 0;
}

void
check_dir_end(struct check_level *lv)
{
	struct check *k = lv->k;
	struct at at = { lv->dir->upper_fd, "" };
	bool is_marked = private_is_yes(k->t, at, PRIVATE_IMPURE);

	if (lv->needs_impure && !is_marked)
		check_report(k, CHECK_IMPURE_MISSING,
			     k->repairs ? private_set(k->t, at, PRIVATE_IMPURE,
						      "y", 1)
					: CHECK_UNTRIED);
	if (!lv->needs_impure && is_marked && !lv->is_unsure)
		check_report(k, CHECK_IMPURE_STALE, CHECK_UNTRIED);
	/* What was removed was never to be seen. */
	if (lv->is_changed)
		(void)copyup_times(k->t->layers.upper, at, &lv->stx);
}

void
check_dir_close(struct check_level *lv)
{
	dir_free(lv->dir);
	lv->dir = NULL;
}

int
check_below(const struct check_level *lv, const char *name, struct statx *ret)
{
	const struct dir_lower *l = lv->dir->lowers;
	unsigned i;
	int r;

	for (i = 0; i < lv->dir->nr_lowers; i++) {
		r = whiteout_peek(lv->k->t, l[i].layer, AT(l[i].fd, name), ret);
		if (r < 0)
			*ret = (struct statx){ 0 };
		if (r != PEEK_ABSENT)
			return r < 0 ? PEEK_THERE : r;
	}
	return PEEK_ABSENT;
}
