/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Checking the index: is it of these layers, would a mount keep its entries
 * (ovl_get_indexdir(), ovl_indexdir_cleanup()), do they count their names
 * right?
 *
 * A wrong number of links is mended upwards: with one too small, the entry goes
 * while there are names in a lower that only it leads to, and those would show
 * their old content again.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "check.h"
#include "cleanup.h"
#include "index.h"

/* --- Whose it is ------------------------------------------------------------- */

/* Has @at the mark @x, with another value than the handle of @layer's root? */
static bool
is_other(struct check *k, struct at at, enum private_xattr x,
	 const struct layer *layer)
{
	uint8_t fb[ORIGIN_MAX], now[ORIGIN_MAX];
	size_t len =
		origin_encode(layer, AT(layer->fd, ""), layer->idx == 0, fb);
	ssize_t n = private_get(k->t, at, x, now, sizeof(now));

	if (len == 0 || n == -ENODATA)
		return false;
	return n != (ssize_t)len || memcmp(now, fb, len) != 0;
}

static void
check_layers(struct check *k)
{
	const struct layer_set *set = &k->t->layers;
	const struct layer *up = &set->upper->layer;

	check_leave(k, 0);
	if (is_other(k, AT(up->fd, ""), PRIVATE_ORIGIN, &set->lowers[0]))
		check_report(k, CHECK_INDEX_LOWER, CHECK_UNTRIED);
	check_go(k, set->upper->work_path);
	(void)check_enter(k, "index");
	if (is_other(k, AT(set->upper->index_fd, ""), PRIVATE_UPPER, up))
		check_report(k, CHECK_INDEX_UPPER, CHECK_UNTRIED);
}

/* --- Its entries ------------------------------------------------------------- */

static bool
is_empty_dir(struct at at)
{
	CLEANUP_CLOSE int fd = real_open_dir(at);
	CLEANUP_FREE char *names = NULL;
	size_t size = 0;

	return fd >= 0 && check_list(fd, &names, &size) == 0 && size == 0;
}

/* Would something be lost with this name? */
static bool
is_only_name(struct at at, const struct statx *stx)
{
	if (at.name[0] == '#')
		return false; /* a temporary one */
	if (S_ISDIR(stx->stx_mode))
		return !is_empty_dir(at);
	return stx->stx_nlink == 1 && stx->stx_size > 0;
}

/*
 * A partial file all of whose names in the upper went: names in a lower still
 * lead to it, by the index, but the walk does not.
 */
static void
check_nameless(struct check *k, struct at at, const struct statx *stx)
{
	struct check_object o = { .at = at, .stx = *stx };

	if (!S_ISREG(stx->stx_mode) || stx->stx_nlink > 1 ||
	    private_get(k->t, at, PRIVATE_PARTIAL, NULL, 0) < 0)
		return;
	if (private_get(k->t, at, PRIVATE_METACOPY, NULL, 0) >= 0)
		o.marks |= 1u << PRIVATE_METACOPY;
	check_partial(k, &o);
}

static void
check_entry(struct check *k, struct at at)
{
	uint8_t fb[ORIGIN_MAX];
	struct statx stx;
	size_t len;
	int r = real_statx(at, &stx);

	if (r < 0) {
		check_unreadable(k, r);
		return;
	}
	if (check_is_shared_whiteout(k, at.name, &stx))
		return; /* the staging area of mounts with an index */
	if (index_parse_name(at.name, fb, &len) < 0) {
		if (is_only_name(at, &stx))
			check_report(k, CHECK_INDEX_DATA, CHECK_UNTRIED);
		else
			check_report(k, CHECK_INDEX_JUNK, check_discard(k, at));
		return;
	}
	r = index_judge_entry(k->t, at);
	if (r == 1 || r == -ERANGE)
		check_report(k, CHECK_INDEX_STALE, check_discard(k, at));
	else if (r < 0)
		check_unreadable(k, r);
	else {
		k->has_entries = true;
		check_nameless(k, at, &stx);
	}
}

void
check_index(struct check *k)
{
	const struct upper *u = k->t->layers.upper;
	struct at root = { u->layer.fd, "" };

	check_leave(k, 0);
	if (u->index_fd == -ENOENT) {
		/* Nothing else gives the root an origin. */
		if (private_get(k->t, root, PRIVATE_ORIGIN, NULL, 0) > 0)
			check_report(k, CHECK_INDEX_MISSING, CHECK_UNTRIED);
		return;
	}
	k->has_shared = false;
	check_go(k, u->work_path);
	(void)check_enter(k, "index");
	if (u->index_fd < 0) {
		check_unreadable(k, u->index_fd);
		return;
	}
	check_layers(k);
	check_each(k, AT(u->index_fd, ""), check_entry);
}

/* --- Numbers of links -------------------------------------------------------- */

/* So many more names than upper links there are at most. */
static int
write_links(struct check *k, struct at at, const struct statx *lower)
{
	unsigned covered =
		check_claims_covered(k, statx_dev(lower), lower->stx_ino);
	char buf[INDEX_NLINK_MAX + 1];
	int delta, len;

	if (!k->repairs)
		return CHECK_UNTRIED;
	delta = (int)lower->stx_nlink - (int)covered;
	/* One upper link is the entry. */
	len = snprintf(buf, sizeof(buf), "U%+d", (delta > 0 ? delta : 0) - 1);
	return private_set(k->t, at, PRIVATE_NLINK, buf, (size_t)len);
}

static void
check_links(struct check *k, struct at at)
{
	struct statx stx, lower;
	uint8_t fb[ORIGIN_MAX];
	long delta, nlink, nr_upper;
	size_t len;
	char form;
	int r = real_statx(at, &stx);

	/* What is there for nfs_export only needs none (ovl_get_nlink()). */
	if (r < 0 || S_ISCHR(stx.stx_mode) || S_ISDIR(stx.stx_mode) ||
	    index_parse_name(at.name, fb, &len) < 0 ||
	    index_judge_entry(k->t, at) != 0 ||
	    origin_find(k->t, fb, len, stx.stx_mode & S_IFMT, &lower) < 0 ||
	    lower.stx_nlink == 1)
		return;
	r = index_get_nlink(k->t, at, &form, &delta);
	if (r < 0) {
		check_report(k, CHECK_NLINK_MALFORMED,
			     write_links(k, at, &lower));
		return;
	}
	nr_upper = (long)stx.stx_nlink - 1;
	nlink = delta +
		(form == 'U' ? (long)stx.stx_nlink : (long)lower.stx_nlink);
	if (nlink < nr_upper || nlink > nr_upper + (long)lower.stx_nlink)
		check_report(k, CHECK_NLINK_WRONG, write_links(k, at, &lower));
}

void
check_index_links(struct check *k)
{
	const struct upper *u = k->t->layers.upper;

	if (u->index_fd < 0)
		return;
	check_go(k, u->work_path);
	(void)check_enter(k, "index");
	check_each(k, AT(u->index_fd, ""), check_links);
	check_leave(k, 0);
}
