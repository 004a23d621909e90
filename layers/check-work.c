/* SPDX-License-Identifier: BSD-3-Clause */
/* Checking an upper: its work directory, with the staging area and the index. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "cleanup.h"
#include "index.h"
#include "overlay.h"

typedef int (*each_fn)(struct check *c, struct at at);

/*
 * Call @each for what is in the directory @at, called @name in messages; NULL:
 * as it is called now.
 */
static int
for_each(struct check *c, struct at at, const char *name, each_fn each)
{
	CLEANUP_CLOSEDIR DIR *d = NULL;
	const struct dirent *e;
	struct statx stx;
	size_t outer = c->path_len, len;
	int fd, r = name ? check_push(c, name, &outer) : 0;

	if (r < 0)
		return r;
	fd = real_open(at, O_RDONLY | O_DIRECTORY, &stx);
	if (fd < 0 && fd != -ENOENT)
		check_bad(c, "cannot be read", strerror(-fd));
	d = fd < 0 ? NULL : fdopendir(fd);
	if (fd >= 0 && !d) {
		(void)real_close(fd);
		r = -ENOMEM;
	}
	while (r == 0 && d && (e = readdir(d))) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		r = check_push(c, e->d_name, &len);
		if (r == 0)
			r = each(c, AT(fd, e->d_name));
		if (r == 0)
			check_pop(c, len);
	}
	check_pop(c, outer);
	return r;
}

static int
check_incompat(struct check *c, struct at at)
{
	if (strcmp(at.name, "veneer-live") == 0)
		check_note(c, "left by a server that was killed");
	else
		check_bad(c, "a volatile mount of this upper was not closed",
			  "if the machine has crashed since, the upper may "
			  "have lost anything: restore it; else remove this");
	return 0;
}

/* The whiteout that all whiteouts are links to. */
static bool
is_shared_whiteout(struct at at)
{
	struct statx stx;

	return at.name[0] == '#' && real_statx(at, &stx) == 0 &&
	       S_ISCHR(stx.stx_mode) && stx.stx_rdev_major == 0 &&
	       stx.stx_rdev_minor == 0;
}

/* The shared whiteout may be there, and what a mount must not overlook. */
static int
check_staged(struct check *c, struct at at)
{
	int r = 0;

	if (strcmp(at.name, "incompat") == 0)
		return for_each(c, at, NULL, check_incompat);
	if (is_shared_whiteout(at))
		return 0;
	if (check_mends(c))
		r = workdir_remove(c->t->layers.upper, at);
	check_mended(c, "left by a change that did not end", "remove it", r);
	return 0;
}

static int
check_entry(struct check *c, struct at at)
{
	struct upper *u = c->t->layers.upper;
	int judged = index_judge(c->t, at), r = 0;

	if (is_shared_whiteout(at))
		return 0;
	c->uses_index = true;
	if (judged == 0) {
		check_nlink(c, at);
		return 0;
	}
	if (check_mends(c)) {
		r = real_unlink(u, at, 0);
		if (r == -EISDIR)
			r = real_unlink(u, at, AT_REMOVEDIR);
	}
	check_mended(c,
		     judged == 1 ? "no name leads to this entry"
				 : "this is no entry of an index",
		     "remove it", r);
	return 0;
}

static int
check_index(struct check *c)
{
	CLEANUP_FREE char *why = NULL;
	struct upper *u = c->t->layers.upper;
	struct statx stx;
	size_t len;
	int fd = real_open(AT(u->base_fd, "index"), O_RDONLY | O_DIRECTORY,
			   &stx);
	int r;

	if (fd == -ENOENT)
		return 0;
	r = check_push(c, "WORK/index", &len);
	if (r < 0)
		return r;
	if (fd < 0) {
		check_bad(c, "it cannot be read as a directory",
			  "remove it if it is none");
		check_pop(c, len);
		return 0;
	}
	u->index_fd = fd;
	if (index_verify(c->t, false, &why) < 0)
		check_bad(c, why ? why : "it belongs to other layers",
			  "a kernel refuses it with index=on");
	check_pop(c, len);
	return for_each(c, AT(fd, "."), "WORK/index", check_entry);
}

ino_t
check_indexed(struct check *c, const uint8_t *fb, size_t len)
{
	int dir = c->t->layers.upper->index_fd;
	char name[INDEX_NAME_MAX + 1];
	struct statx stx;

	if (dir < 0)
		return 0;
	index_name(fb, len, name);
	return real_statx(AT(dir, name), &stx) == 0 ? stx.stx_ino : 0;
}

int
check_work(struct check *c)
{
	struct upper *u = c->t->layers.upper;
	int r = for_each(c, AT(u->base_fd, "work"), "WORK/work", check_staged);

	return r < 0 ? r : check_index(c);
}
