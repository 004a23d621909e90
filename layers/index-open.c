/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The index at start: ovl_get_indexdir() and ovl_indexdir_cleanup(). An index
 * of other layers would give files the content of others: refused.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "index.h"
#include "overlay.h"

#define INDEX "index"

/* The mark @x of @at must be @fb; it is written if there is none. */
static int
verify_or_set(struct tree *t, struct at at, enum private_xattr x,
	      const uint8_t *fb, size_t len)
{
	uint8_t now[ORIGIN_MAX];
	ssize_t n = private_get(t, at, x, now, sizeof(now));

	if (n == -ENODATA)
		return private_set(t, at, x, fb, len);
	if (n < 0)
		return (int)n;
	return (size_t)n == len && memcmp(now, fb, len) == 0 ? 0 : -ESTALE;
}

static int
verify_layers(struct tree *t, char **ret_why)
{
	const struct layer *up = &t->layers.upper->layer;
	const struct layer *low = &t->layers.lowers[0];
	uint8_t fb[ORIGIN_MAX];
	size_t len;
	int r;

	len = origin_encode(low, AT(low->fd, ""), false, fb);
	r = verify_or_set(t, AT(up->fd, ""), PRIVATE_ORIGIN, fb, len);
	if (r < 0)
		return layer_why(ret_why, r,
				 "index=on: upper \"%s\" was used with another "
				 "topmost lower than \"%s\": give it that one, "
				 "or leave index=on out",
				 up->path, low->path);
	len = origin_encode(up, AT(up->fd, ""), true, fb);
	r = verify_or_set(t, AT(t->layers.upper->index_fd, ""), PRIVATE_UPPER,
			  fb, len);
	if (r < 0)
		return layer_why(ret_why, r,
				 "index=on: \"%s/" INDEX
				 "\" belongs to another "
				 "upper than \"%s\": give it that one, or "
				 "remove the index if it was copied here",
				 t->layers.upper->work_path, up->path);
	return 0;
}

static int
digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int
index_parse_name(const char *name, uint8_t *fb, size_t *ret_len)
{
	size_t len = strlen(name) / 2, i;
	int high, low;

	if (len > ORIGIN_MAX || strlen(name) % 2)
		return -EINVAL;
	for (i = 0; i < len; i++) {
		high = digit(name[2 * i]);
		low = digit(name[2 * i + 1]);
		if (high < 0 || low < 0)
			return -EINVAL;
		fb[i] = (uint8_t)(high << 4 | low);
	}
	*ret_len = len;
	return origin_check(fb, len);
}

/* Does no name lead to this entry any more? */
static bool
is_orphan(struct tree *t, struct at at, const struct statx *stx,
	  const uint8_t *fb, size_t len)
{
	struct statx lower;
	long delta;
	char form;

	if (stx->stx_nlink != 1)
		return false;
	if (origin_find(t, fb, len, stx->stx_mode & S_IFMT, &lower) < 0)
		return true;
	return index_get_nlink(t, at, &form, &delta) == 0 &&
	       delta + (form == 'U' ? 1 : (long)lower.stx_nlink) <= 0;
}

int
index_judge_entry(struct tree *t, struct at at)
{
	uint8_t fb[ORIGIN_MAX], origin[ORIGIN_MAX];
	struct statx stx;
	size_t len;
	ssize_t n;
	int r;

	if (at.name[0] == '#')
		return 1;
	r = index_parse_name(at.name, fb, &len);
	if (r == 0)
		r = real_statx(at, &stx);
	/* Whiteouts and directories are there for nfs_export. */
	if (r < 0 || S_ISCHR(stx.stx_mode) || S_ISDIR(stx.stx_mode))
		return r;
	n = private_get(t, at, PRIVATE_ORIGIN, origin, sizeof(origin));
	if (n < 0 && n != -ENODATA)
		return (int)n;
	if (n != (ssize_t)len || memcmp(origin, fb, len) != 0)
		return 1;
	return is_orphan(t, at, &stx, fb, len);
}

static int
clean_entries(struct tree *t, char **ret_why)
{
	CLEANUP_CLOSEDIR DIR *d = NULL;
	struct upper *u = t->layers.upper;
	const struct dirent *e;
	struct statx stx;
	int fd, r;

	fd = real_open(AT(u->index_fd, "."), O_RDONLY | O_DIRECTORY, &stx);
	if (fd < 0)
		return fd;
	d = fdopendir(fd);
	if (!d) {
		(void)real_close(fd);
		return -ENOMEM;
	}
	while ((e = readdir(d))) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		r = index_judge_entry(t, AT(u->index_fd, e->d_name));
		if (r == 1)
			r = real_unlink(u, AT(u->index_fd, e->d_name), 0);
		if (r == -EISDIR)
			r = real_unlink(u, AT(u->index_fd, e->d_name),
					AT_REMOVEDIR);
		if (r < 0)
			return layer_why(ret_why, r,
					 "index=on: \"%s/" INDEX "/%s\" is no "
					 "entry of an index: remove it",
					 u->work_path, e->d_name);
	}
	return 0;
}

int
index_open(struct tree *t, char **ret_why)
{
	struct upper *u = t->layers.upper;
	struct at at = { u->base_fd, INDEX };
	struct statx stx;
	int r;

	r = real_mkdir(u, at, 0700);
	if (r == 0)
		r = real_chmod(u, at, 0);
	if (r == 0 || r == -EEXIST)
		r = u->index_fd = real_open(at, O_RDONLY | O_DIRECTORY, &stx);
	if (r < 0)
		return layer_why(ret_why, r, "cannot make \"%s/" INDEX "\": %s",
				 u->work_path, strerror(-r));
	r = verify_layers(t, ret_why);
	return r < 0 ? r : clean_entries(t, ret_why);
}
