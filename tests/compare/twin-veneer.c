/* SPDX-License-Identifier: BSD-3-Clause */
/* Steps by 9P. Each uses fids of its own and gives them back. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "twin.h"

#define F_A 10
#define F_B 11
#define F_SLOT(i) (100 + (i))

/* Linux open flags, on the wire by number. */
#define RDWR 2u
#define EXCL 0x80u
#define TRUNC 0x200u
#define APPENDING 0x400u
#define REMOVEDIR 0x200u

/* Walk to the directory of @path, one name at a time, for the errno. */
static int
walk_parent(struct veneer *v, const char *path, uint32_t fid,
	    const char **ret_last)
{
	struct p9 *c = &v->c;
	char name[256];
	size_t len;
	int r = p9_walk(c, v->user, fid, "");

	while (r == 0 && path[len = strcspn(path, "/")] == '/') {
		(void)snprintf(name, sizeof(name), "%.*s", (int)len, path);
		r = p9_walk(c, fid, fid, name);
		path += len + 1;
	}
	*ret_last = path;
	return r;
}

int
veneer_walk(struct veneer *v, const char *path, uint32_t fid)
{
	const char *last;
	int r = walk_parent(v, path, fid, &last);

	return r == 0 && *last ? p9_walk(&v->c, fid, fid, last) : r;
}

static int
set_attr(struct p9 *c, uint32_t fid, const struct step *s)
{
	struct p9_setattr set = { .mode = step_mode(s),
				  .size = (uint64_t)step_size(s),
				  .atime = s->arg,
				  .mtime = s->arg };
	int uid, gid;

	step_owner(s, &uid, &gid);
	set.uid = (uint32_t)uid;
	set.gid = (uint32_t)gid;
	switch (s->op) {
	case CHMOD:
	case HELD_CHMOD:
		set.valid = P9_SET_MODE;
		break;
	case CHOWN:
	case HELD_CHOWN:
		set.valid = (uid < 0 ? 0u : P9_SET_UID) |
			    (gid < 0 ? 0u : P9_SET_GID);
		break;
	case UTIMES:
	case HELD_UTIMES:
		set.valid = P9_SET_ATIME | P9_SET_ATIME_SET | P9_SET_MTIME |
			    P9_SET_MTIME_SET;
		break;
	case HELD_TRUNCATE:
		/* As v9fs says ftruncate(2). */
		set.valid = P9_SET_SIZE | P9_SET_MTIME | P9_SET_CTIME;
		break;
	default:
		set.valid = P9_SET_SIZE;
	}
	return p9_setattr(c, fid, &set);
}

static int
write_open(struct p9 *c, uint32_t fid, const struct step *s)
{
	uint32_t flags = s->op == APPEND       ? 1 | APPENDING
			 : s->op == OPEN_TRUNC ? RDWR | TRUNC
					       : RDWR;
	char text[32];
	int r = p9_lopen(c, fid, flags, NULL);

	if (r < 0 || s->op == OPEN_TRUNC)
		return r;
	r = (int)p9_write(c, fid, (uint64_t)s->offset, text,
			  (uint32_t)step_text(s, text));
	return r < 0 ? r : 0;
}

/* Of an existing object. */
static int
change(struct veneer *v, const struct step *s)
{
	struct p9_stat st;
	char text[32];
	int r = veneer_walk(v, s->a, F_A);

	if (r == 0)
		r = p9_getattr(&v->c, F_A, &st);
	if (r < 0)
		return r;
	switch (s->op) {
	case CHMOD:
		return S_ISLNK(st.mode) ? -EOPNOTSUPP : set_attr(&v->c, F_A, s);
	case CHOWN:
	case UTIMES:
		return set_attr(&v->c, F_A, s);
	case SETXATTR:
		return p9_setxattr(&v->c, F_A, step_xattr(s), text,
				   (uint32_t)step_text(s, text),
				   (uint32_t)step_xattr_flags(s));
	case REMOVEXATTR:
		/* Size 0 with XATTR_REPLACE, as v9fs says it. */
		return p9_setxattr(&v->c, F_A, step_xattr(s), NULL, 0, 2);
	case REMOVE:
		return p9_remove(&v->c, F_A);
	default:
		break;
	}
	if (!S_ISREG(st.mode))
		return -EISDIR;
	if (s->op != TRUNCATE)
		return write_open(&v->c, F_A, s);
	return st.size == (uint64_t)step_size(s) ? 0 : set_attr(&v->c, F_A, s);
}

/* v9fs says of itself what a directory with setgid does to new objects. */
static int
inherit(struct veneer *v, uint32_t dir, uint32_t *ret_gid, uint32_t *ret_setgid)
{
	struct p9_stat st;
	int r = p9_getattr(&v->c, dir, &st);

	*ret_gid = r == 0 && (st.mode & S_ISGID) ? st.gid : USER_ID(v->user);
	*ret_setgid = r == 0 ? st.mode & S_ISGID : 0;
	return r;
}

static int
one_name(struct veneer *v, const struct step *s)
{
	unsigned mode, major, minor, gid = 0, setgid = 0;
	struct p9 *c = &v->c;
	const char *last;
	char text[32];
	int r;

	if (s->op != CREATE && s->op != MKDIR && s->op != RMDIR &&
	    s->op != UNLINK && s->op != SYMLINK && s->op != MKNOD)
		return change(v, s);
	r = walk_parent(v, s->a, F_A, &last);
	if (r == 0)
		r = inherit(v, F_A, &gid, &setgid);
	if (r < 0)
		return r;
	switch (s->op) {
	case CREATE:
		r = p9_lcreate(c, F_A, last, RDWR | EXCL, 0644, gid);
		if (r == 0)
			r = (int)p9_write(c, F_A, (uint64_t)s->offset, text,
					  (uint32_t)step_text(s, text));
		return r < 0 ? r : 0;
	case MKDIR:
		return p9_mkdir(c, F_A, last, step_mode(s) | setgid, gid);
	case RMDIR:
		return p9_unlinkat(c, F_A, last, REMOVEDIR);
	case UNLINK:
		return p9_unlinkat(c, F_A, last, 0);
	case SYMLINK:
		return p9_symlink(c, F_A, last, step_target(s), gid);
	default:
		step_node(s, &mode, &major, &minor);
		return p9_mknod(c, F_A, last, mode, major, minor, gid);
	}
}

static int
two_names(struct veneer *v, const struct step *s)
{
	const char *la, *lb;
	struct p9 *c = &v->c;
	struct p9_stat st;
	int r;

	if (s->op == RENAMEAT)
		r = walk_parent(v, s->a, F_A, &la);
	else
		r = veneer_walk(v, s->a, F_A);
	/* Whose errno it is when both paths are wrong: the first's. */
	if (r == 0 && s->op == RENAMEAT)
		r = p9_getattr(c, F_A, &st);
	if (r == 0 && s->op == RENAMEAT && !S_ISDIR(st.mode))
		r = -ENOTDIR;
	if (r == 0)
		r = walk_parent(v, s->b, F_B, &lb);
	if (r < 0)
		return r;
	if (s->op == RENAMEAT)
		return p9_renameat(c, F_A, la, F_B, lb);
	return s->op == RENAME ? p9_rename(c, F_A, F_B, lb)
			       : p9_link(c, F_B, F_A, lb);
}

static void
close_slot(struct veneer *v, unsigned i)
{
	if (v->held[i] != HELD_NONE)
		(void)p9_clunk(&v->c, F_SLOT(i));
	v->held[i] = HELD_NONE;
}

static int
hold(struct veneer *v, const struct step *s)
{
	uint32_t fid = F_SLOT(s->slot);
	struct p9_stat st;
	int r;

	close_slot(v, s->slot);
	r = veneer_walk(v, s->a, fid);
	if (r == 0)
		r = p9_getattr(&v->c, fid, &st);
	if (r == 0 && !S_ISDIR(st.mode) && !S_ISREG(st.mode))
		r = -EISDIR;
	if (r == 0)
		r = p9_lopen(&v->c, fid,
			     s->op == HOLD || S_ISDIR(st.mode) ? 0 : RDWR,
			     NULL);
	if (r < 0) {
		(void)p9_clunk(&v->c, fid);
		return r;
	}
	v->held[s->slot] = S_ISDIR(st.mode) ? HELD_DIR
			   : s->op == HOLD  ? HELD_FILE
					    : HELD_FILE_RW;
	return 0;
}

int
veneer_names(struct veneer *v, uint32_t fid, struct p9_dirent *ret,
	     unsigned max)
{
	unsigned nr = 0;
	uint64_t off = 0;
	int n;

	while (nr < max) {
		n = p9_readdir(&v->c, fid, off, 32768, ret + nr, max - nr);
		if (n <= 0)
			return n < 0 ? n : (int)nr;
		nr += (unsigned)n;
		off = ret[nr - 1].off;
	}
	return (int)nr;
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(a, b);
}

void
said_names(struct said *ret, char names[][64], unsigned nr)
{
	size_t len = 0;
	unsigned i;

	qsort(names, nr, 64, by_name);
	for (i = 0; i < nr && len < sizeof(ret->text) - 65; i++)
		len += (size_t)snprintf(ret->text + len, 65, "%s ", names[i]);
}

static int
held_readdir(struct veneer *v, uint32_t fid, struct said *ret)
{
	static struct p9_dirent entries[512];
	static char names[512][64];
	int n = veneer_names(v, fid, entries, 512), i;

	/* Of a removed directory; readdir(3) makes that the end. */
	if (n == -ENOENT)
		n = 0;
	for (i = 0; i < n; i++)
		(void)snprintf(names[i], 64, "%.63s", entries[i].name);
	said_names(ret, names, n < 0 ? 0 : (unsigned)n);
	return n < 0 ? n : 0;
}

static int
held_stat(struct veneer *v, uint32_t fid, struct said *ret)
{
	struct p9_stat st;
	int r = p9_getattr(&v->c, fid, &st);

	if (r < 0)
		return r;
	ret->nlink = S_ISDIR(st.mode) ? 0 : (unsigned)st.nlink;
	(void)snprintf(ret->text, sizeof(ret->text), "%o %u:%u size %ld",
		       st.mode, st.uid, st.gid,
		       S_ISDIR(st.mode) ? 0 : (long)st.size);
	return 0;
}

static int
held(struct veneer *v, const struct step *s, struct said *ret)
{
	uint32_t fid = F_SLOT(s->slot);
	char text[65];
	int n;

	switch (s->op) {
	case HELD_READ:
		n = (int)p9_read(&v->c, fid, (uint64_t)s->offset, text, 64);
		if (n >= 0)
			(void)snprintf(ret->text, sizeof(ret->text), "%.*s", n,
				       text);
		return n < 0 ? n : 0;
	case HELD_WRITE:
		n = (int)p9_write(&v->c, fid, (uint64_t)s->offset, text,
				  (uint32_t)step_text(s, text));
		return n < 0 ? n : 0;
	case HELD_STAT:
		return held_stat(v, fid, ret);
	case HELD_READDIR:
		return held_readdir(v, fid, ret);
	case HELD_CLOSE:
		close_slot(v, s->slot);
		return 0;
	default:
		return set_attr(&v->c, fid, s);
	}
}

void
veneer_do(struct veneer *v, const struct step *s, struct said *ret)
{
	*ret = (struct said){ 0 };
	if (s->op > HOLD_WRITE) {
		ret->err = held(v, s, ret);
		return;
	}
	if (s->op == HOLD || s->op == HOLD_WRITE) {
		ret->err = hold(v, s);
		return;
	}
	if (s->op == RENAMEAT || s->op == RENAME || s->op == LINK)
		ret->err = two_names(v, s);
	else
		ret->err = one_name(v, s);
	(void)p9_clunk(&v->c, F_A);
	(void)p9_clunk(&v->c, F_B);
}
