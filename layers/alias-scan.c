/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which names in a lower layer are hard links: read once, when the first of
 * them is copied up. Only objects with several links are kept, and the
 * directories that lead to them. It is a hint: each place is looked up in the
 * merged tree before it is used.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "alias.h"
#include "cleanup.h"

/* Each level costs a descriptor, and DENTS_SIZE bytes, while it is read. */
#define MAX_DEPTH 256
#define DENTS_SIZE 16384

struct entry {
	ino_t ino;
	uint32_t dir;
	uint32_t name; /* offset in text */
};

struct alias_table {
	struct entry *entries; /* owned; by ino */
	size_t nr, size;
	struct entry *dirs; /* owned; [0] is the root */
	size_t nr_dirs, dirs_size;
	char *text; /* owned; the names, each with its NUL */
	size_t text_len, text_size;
};

/* A directory that is being read; noted in the table when it has to be. */
struct level {
	struct level *parent;
	const char *name; /* borrowed */
	uint32_t dir; /* UINT32_MAX: not noted yet */
	unsigned depth;
};

struct scan {
	struct alias_table *t;
	const struct layer *l;
};

static int
grow(void **array, size_t nr, size_t *size, size_t item)
{
	size_t wanted = *size ? *size * 2 : 64;
	void *p;

	while (wanted < nr)
		wanted *= 2;
	if (nr <= *size)
		return 0;
	if (nr > UINT32_MAX - 1)
		return -EFBIG;
	p = reallocarray(*array, wanted, item);
	if (!p)
		return -ENOMEM;
	*array = p;
	*size = wanted;
	return 0;
}

static int
add_text(struct alias_table *t, const char *s, uint32_t *ret)
{
	size_t len = strlen(s) + 1;
	int r = grow((void **)&t->text, t->text_len + len, &t->text_size, 1);

	if (r < 0)
		return r;
	memcpy(t->text + t->text_len, s, len);
	*ret = (uint32_t)t->text_len;
	t->text_len += len;
	return 0;
}

static int
note_dir(struct alias_table *t, struct level *l)
{
	struct entry e = { 0 };
	int r = 0;

	if (l->dir != UINT32_MAX)
		return 0;
	r = note_dir(t, l->parent);
	if (r == 0)
		r = add_text(t, l->name, &e.name);
	if (r == 0)
		r = grow((void **)&t->dirs, t->nr_dirs + 1, &t->dirs_size,
			 sizeof(*t->dirs));
	if (r < 0)
		return r;
	e.dir = l->parent->dir;
	l->dir = (uint32_t)t->nr_dirs;
	t->dirs[t->nr_dirs++] = e;
	return 0;
}

static int
note(struct alias_table *t, struct level *l, const char *name, ino_t ino)
{
	struct entry e = { .ino = ino };
	int r = note_dir(t, l);

	if (r == 0)
		r = add_text(t, name, &e.name);
	if (r == 0)
		r = grow((void **)&t->entries, t->nr + 1, &t->size,
			 sizeof(*t->entries));
	if (r < 0)
		return r;
	e.dir = l->dir;
	t->entries[t->nr++] = e;
	return 0;
}

static int scan_dir(struct scan *s, struct level *l, struct at at);

static int
scan_entry(struct scan *s, struct level *l, int fd, const struct dirent64 *e)
{
	struct level below = { l, e->d_name, UINT32_MAX, l->depth + 1 };
	struct at at = AT(fd, e->d_name);
	struct statx stx;

	if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
		return 0;
	if (e->d_type == DT_DIR)
		return scan_dir(s, &below, at);
	if (real_statx(at, &stx) < 0)
		return 0;
	if (S_ISDIR(stx.stx_mode))
		return scan_dir(s, &below, at);
	/* Whiteouts share one inode; they are no objects. */
	if (stx.stx_nlink < 2 || (S_ISCHR(stx.stx_mode) &&
				  stx.stx_rdev_major + stx.stx_rdev_minor == 0))
		return 0;
	return note(s->t, l, e->d_name, stx.stx_ino);
}

static int
scan_dir(struct scan *s, struct level *l, struct at at)
{
	CLEANUP_FREE char *buf = NULL;
	CLEANUP_CLOSE int fd = -1;
	const struct dirent64 *e;
	struct statx stx;
	ssize_t n, pos;
	int r = 0;

	if (l->depth > MAX_DEPTH)
		return 0;
	fd = real_open(at, O_RDONLY | O_DIRECTORY | O_NOATIME, &stx);
	/* Another file system is mounted there: its inodes are others. */
	if (fd < 0 || statx_dev(&stx) != s->l->dev)
		return 0;
	buf = malloc(DENTS_SIZE);
	if (!buf)
		return -ENOMEM;
	while (r == 0 && (n = real_getdents(fd, buf, DENTS_SIZE)) > 0)
		for (pos = 0; pos < n && r == 0; pos += e->d_reclen) {
			e = (const void *)(buf + pos);
			r = scan_entry(s, l, fd, e);
		}
	return r;
}

static int
compare(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	return x->ino < y->ino ? -1 : x->ino > y->ino;
}

int
alias_table_read(const struct layer *l, struct alias_table **ret)
{
	struct scan s = { calloc(1, sizeof(*s.t)), l };
	struct level root = { .dir = 0 };
	int r;

	if (!s.t)
		return -ENOMEM;
	r = grow((void **)&s.t->dirs, 1, &s.t->dirs_size, sizeof(*s.t->dirs));
	if (r == 0) {
		s.t->dirs[s.t->nr_dirs++] = (struct entry){ 0 };
		r = scan_dir(&s, &root, AT(l->fd, "."));
	}
	if (r < 0) {
		alias_table_free(s.t);
		return r;
	}
	if (s.t->nr > 0)
		qsort(s.t->entries, s.t->nr, sizeof(*s.t->entries), compare);
	*ret = s.t;
	return 0;
}

void
alias_table_free(struct alias_table *t)
{
	if (!t)
		return;
	free(t->entries);
	free(t->dirs);
	free(t->text);
	free(t);
}

void
alias_table_find(const struct alias_table *t, ino_t ino, size_t *ret_first,
		 size_t *ret_nr)
{
	size_t low = 0, high = t->nr, mid;

	while (low < high) {
		mid = low + (high - low) / 2;
		if (t->entries[mid].ino < ino)
			low = mid + 1;
		else
			high = mid;
	}
	*ret_first = low;
	while (high < t->nr && t->entries[high].ino == ino)
		high++;
	*ret_nr = high - low;
}

struct alias_place
alias_table_place(const struct alias_table *t, size_t i)
{
	return (struct alias_place){ t->entries[i].dir,
				     t->text + t->entries[i].name };
}

struct alias_place
alias_table_dir(const struct alias_table *t, uint32_t dir)
{
	return (struct alias_place){ t->dirs[dir].dir,
				     t->text + t->dirs[dir].name };
}
