/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Settling, the index: when every name has its upper entry, the index only
 * adds a link to each object, which a kernel without it would show.
 *
 * Of each entry the link goes first: the kernel refuses an index with one that
 * lacks its origin. The number of links is last, and tells the next run that
 * there is an origin to be removed.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "cleanup.h"
#include "overlay.h"
#include "settle.h"

#define INDEX "index"

/* Call @each, or with NULL find out whether there is any: then returns 1. */
static int
for_each_entry(struct settle *s, struct at dir,
	       int (*each)(struct settle *s, struct at at))
{
	CLEANUP_CLOSEDIR DIR *d = NULL;
	const struct dirent *e;
	struct statx stx;
	int fd, r = 0;

	fd = real_open(dir, O_RDONLY | O_DIRECTORY, &stx);
	if (fd < 0)
		return fd;
	d = fdopendir(fd);
	if (!d) {
		(void)real_close(fd);
		return -ENOMEM;
	}
	while (r == 0 && (e = readdir(d))) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		r = each ? each(s, AT(fd, e->d_name)) : 1;
	}
	return r;
}

int
settle_index_in_use(const struct upper *u)
{
	int r = for_each_entry(NULL, AT(u->base_fd, INDEX), NULL);

	return r == -ENOENT ? 0 : r;
}

static int
absent_is_fine(int r)
{
	return r == -ENODATA || r == -ENOENT || r == -EOPNOTSUPP ? 0 : r;
}

/* Would a kernel without an index have written this origin? */
static bool
is_origin_of_one(struct tree *t, struct at at, mode_t type)
{
	uint8_t fb[ORIGIN_MAX];
	struct statx lower;
	ssize_t n = private_get(t, at, PRIVATE_ORIGIN, fb, sizeof(fb));

	return n > 0 && origin_find(t, fb, (size_t)n, type, &lower) == 0 &&
	       lower.stx_nlink == 1;
}

int
settle_strip_links(struct settle *s, struct at at, mode_t type)
{
	int r = 0;

	if (!is_origin_of_one(s->t, at, type))
		r = absent_is_fine(private_remove(s->t, at, PRIVATE_ORIGIN));
	if (r == 0)
		r = absent_is_fine(private_remove(s->t, at, PRIVATE_NLINK));
	return r;
}

static int
remove_entry(struct settle *s, struct at at)
{
	CLEANUP_CLOSE int fd = real_open_path(at);
	struct upper *u = s->t->layers.upper;
	struct at object = { fd, "" };
	struct statx stx;
	mode_t type;
	int r = fd < 0 ? fd : real_statx(object, &stx);

	if (r < 0)
		return r;
	type = stx.stx_mode & S_IFMT;
	/* Of nfs_export: says where a directory is. */
	if (S_ISDIR(type))
		return real_unlink(u, at, AT_REMOVEDIR);
	r = real_unlink(u, at, 0);
	return r < 0 ? r : settle_strip_links(s, object, type);
}

static int
drop_nameless(struct settle *s, struct at at)
{
	struct upper *u = s->t->layers.upper;
	struct statx stx;
	int r = real_statx(at, &stx);

	if (r < 0 || !S_ISREG(stx.stx_mode) || stx.stx_nlink > 1 ||
	    private_get(s->t, at, PRIVATE_PARTIAL, NULL, 0) < 0)
		return r;
	return real_unlink(u, at, 0);
}

int
settle_index_drop_partial(struct settle *s)
{
	return absent_is_fine(for_each_entry(
		s, AT(s->t->layers.upper->base_fd, INDEX), drop_nameless));
}

int
settle_index_remove(struct settle *s)
{
	struct upper *u = s->t->layers.upper;
	int r = for_each_entry(s, AT(u->base_fd, INDEX), remove_entry);

	/* The root's before the directory: it says that there must be one. */
	if (r == 0 || r == -ENOENT)
		r = absent_is_fine(private_remove(s->t, AT(u->layer.fd, ""),
						  PRIVATE_ORIGIN));
	if (r == 0)
		r = absent_is_fine(
			real_unlink(u, AT(u->base_fd, INDEX), AT_REMOVEDIR));
	if (r < 0)
		return layer_why(s->ret_why, r,
				 "cannot remove the index in \"%s\": %s; "
				 "nothing is lost, run settle again",
				 u->work_path, strerror(-r));
	return 0;
}
