/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Checking that what an upper object came from is not shown beside it: the
 * whiteout that covers the old name of something renamed is gone, say. One
 * inode cannot be both (ovl_verify_inode(): "Lookup of an uncovered redirect
 * origin?"); of files, whichever is looked up first is shown for both.
 *
 * Only directories that are in the upper are searched for old names: where
 * nothing was ever changed, nothing was covered.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "check.h"
#include "cleanup.h"
#include "search.h"

/* The stack of the directory @path of the upper, or NULL; close_stack(). */
static struct dir *
open_stack(struct check *k, const char *path)
{
	struct dir *root = k->t->root->body->dir, *d = root, *next;
	char name[256];
	size_t len;

	for (; d && *path; path += len + (path[len] == '/')) {
		len = strcspn(path, "/");
		name_copy((struct name){ path, len }, name);
		CLEANUP_SEARCH struct search s =
			SEARCH_INIT(k->t, &check_call, d, name);
		next = search_run(&s) == 0 ? take_ptr(&s.dir) : NULL;
		if (d != root)
			dir_free(d);
		d = next;
	}
	return d;
}

static void
close_stack(struct check *k, struct dir *d)
{
	if (d != k->t->root->body->dir)
		dir_free(d);
}

/* Is @name of the lower number @i, which may be @ino, to be seen? */
static bool
is_shown(const struct dir *d, unsigned i, const char *name, ino_t ino)
{
	struct statx stx;

	/* What a listing says is a hint. */
	if (real_statx(AT(d->lowers[i].fd, name), &stx) < 0 ||
	    stx.stx_ino != ino)
		return false;
	if (real_statx(AT(d->upper_fd, name), &stx) != -ENOENT)
		return false;
	while (i-- > 0)
		if (real_statx(AT(d->lowers[i].fd, name), &stx) != -ENOENT)
			return false;
	return true;
}

static void
check_lower(struct check *k, const struct dir *d, unsigned i)
{
	struct at dir = { d->lowers[i].fd, "." };
	CLEANUP_CLOSEDIR DIR *stream = NULL;
	const struct check_claim *c;
	const struct dirent *e;
	struct statx stx;
	int fd = real_open(dir, O_RDONLY | O_DIRECTORY | O_NOATIME, &stx);

	if (fd >= 0)
		stream = fdopendir(fd);
	if (fd >= 0 && !stream)
		(void)real_close(fd);
	while (stream && (e = readdir(stream))) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		c = check_claim_find(k, statx_dev(&stx), e->d_ino);
		/* Names that only the index leads to are no error. */
		if (c && !c->is_indexed && is_shown(d, i, e->d_name, e->d_ino))
			check_claim_report(k, c);
	}
}

void
check_shown(struct check *k)
{
	struct dir *d;
	unsigned l;
	size_t i;

	/* The root is no claim, but a directory like the others. */
	for (i = 0; i <= k->nr_claims; i++) {
		if (i < k->nr_claims && !k->claims[i].is_dir)
			continue;
		d = open_stack(k, i < k->nr_claims ? k->claims[i].path : "");
		for (l = 0; d && d->has_upper && l < d->nr_lowers; l++)
			check_lower(k, d, l);
		if (d)
			close_stack(k, d);
	}
	check_leave(k, 0);
}
