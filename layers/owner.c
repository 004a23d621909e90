/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The mark of owner=mapped: user.containers.override_stat, as
 * containers/storage and fuse-overlayfs have it,
 *
 *     UID ":" GID ":" MODE [":" TYPE]     decimal, decimal, octal
 *
 * with TYPE one of file, dir, symlink, pipe, socket, block-MAJOR-MINOR,
 * char-MAJOR-MINOR; and, read only, what QEMU's security_model=mapped-xattr
 * leaves (9p.md 6.3): user.virtfs.uid, gid, mode (u32) and rdev (u64),
 * little-endian.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "cleanup.h"
#include "macros.h"
#include "overlay.h"
#include "owner.h"

#define MARK OWNER_PREFIX "stat"
#define VIRTFS "user.virtfs."
/* "4294967295:4294967295:07777:block-4294967295-4294967295" fits. */
#define MARK_MAX 64

static const struct {
	const char *name;
	mode_t type;
} types[] = {
	{ "file", S_IFREG },  { "dir", S_IFDIR },     { "symlink", S_IFLNK },
	{ "pipe", S_IFIFO },  { "socket", S_IFSOCK }, { "block-", S_IFBLK },
	{ "char-", S_IFCHR },
};

/* Take the number of @base at @*p. */
static bool
take_number(const char **p, unsigned base, uint32_t max, uint32_t *ret)
{
	const char *s = *p;
	uint64_t v = 0;

	while (*s >= '0' && *s < (char)('0' + base) && v <= max)
		v = v * base + (unsigned)(*s++ - '0');
	if (s == *p || v > max)
		return false;
	*p = s;
	*ret = (uint32_t)v;
	return true;
}

static bool
take(const char **p, const char *what)
{
	size_t len = strlen(what);

	if (strncmp(*p, what, len) != 0)
		return false;
	*p += len;
	return true;
}

/* The type at @p, and nothing after it. */
static bool
parse_type(const char *p, struct owner *o, mode_t *ret)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(types); i++) {
		const char *q = p;

		if (!take(&q, types[i].name))
			continue;
		*ret = types[i].type;
		if (!S_ISBLK(*ret) && !S_ISCHR(*ret))
			return *q == '\0';
		return take_number(&q, 10, UINT32_MAX, &o->major) &&
		       take(&q, "-") &&
		       take_number(&q, 10, UINT32_MAX, &o->minor) && *q == '\0';
	}
	return false;
}

/* @o->mode has the real type; only a file may stand for something else. */
static int
set_type(struct owner *o, mode_t type)
{
	if (type == 0 || type == (o->mode & S_IFMT))
		return 0;
	if (!S_ISREG(o->mode) || S_ISDIR(type))
		return -EIO;
	o->mode = (o->mode & 07777) | type;
	return 0;
}

static int
parse(const char *p, struct owner *o)
{
	mode_t type = 0;
	uint32_t mode;

	if (!take_number(&p, 10, UINT32_MAX, &o->uid) || !take(&p, ":") ||
	    !take_number(&p, 10, UINT32_MAX, &o->gid) || !take(&p, ":") ||
	    !take_number(&p, 8, 0177777, &mode))
		return -EIO;
	if (*p && (!take(&p, ":") || !parse_type(p, o, &type)))
		return -EIO;
	o->mode = (o->mode & S_IFMT) | (mode & 07777);
	return set_type(o, type);
}

static int
read_mark(struct at at, struct owner *o)
{
	char value[MARK_MAX + 1];
	ssize_t n = real_getxattr(at, MARK, value, MARK_MAX);

	if (n == -ERANGE)
		return -EIO;
	if (n < 0)
		return (int)n;
	value[n] = '\0';
	return strlen(value) == (size_t)n ? parse(value, o) : -EIO;
}

/* Little-endian, of exactly @size bytes; @ret stays if there is none. */
static int
read_virtfs(struct at at, const char *name, size_t size, uint64_t *ret)
{
	uint8_t b[9];
	ssize_t n = real_getxattr(at, name, b, sizeof(b));
	size_t i;

	if (n == -ENODATA)
		return 0;
	if (n < 0 && n != -ERANGE)
		return (int)n;
	if (n != (ssize_t)size)
		return -EIO;
	*ret = 0;
	for (i = size; i > 0; i--)
		*ret = *ret << 8 | b[i - 1];
	return 0;
}

static int
read_all_virtfs(struct at at, struct owner *o)
{
	uint64_t uid = o->uid, gid = o->gid, mode = o->mode, dev = 0;
	int r;

	r = read_virtfs(at, VIRTFS "uid", 4, &uid);
	if (r == 0)
		r = read_virtfs(at, VIRTFS "gid", 4, &gid);
	if (r == 0)
		r = read_virtfs(at, VIRTFS "mode", 4, &mode);
	if (r == 0)
		r = read_virtfs(at, VIRTFS "rdev", 8, &dev);
	if (r < 0)
		return r;
	o->uid = (uint32_t)uid;
	o->gid = (uint32_t)gid;
	o->mode = (o->mode & S_IFMT) | (mode & 07777);
	o->major = major(dev);
	o->minor = minor(dev);
	return set_type(o, (mode_t)mode & S_IFMT);
}

/* Which kinds of marks a list of names has; all if it could not be read. */
static void
find_marks(struct at at, bool *ret_mark, bool *ret_virtfs)
{
	char names[2048], *p;
	ssize_t n = real_listxattr(at, names, sizeof(names) - 1);

	*ret_mark = *ret_virtfs = n == -ERANGE;
	if (n < 0)
		return;
	names[n] = '\0';
	for (p = names; p < names + n; p += strlen(p) + 1) {
		*ret_mark = *ret_mark || strcmp(p, MARK) == 0;
		*ret_virtfs =
			*ret_virtfs || strncmp(p, VIRTFS, strlen(VIRTFS)) == 0;
	}
}

/* What the real object shows without a mark. */
static struct owner
plain(const struct tree *t, const struct statx *stx)
{
	const struct layer_set *set = &t->layers;
	struct owner o = {
		.uid = stx->stx_uid == set->uid ? 0 : stx->stx_uid,
		.gid = stx->stx_gid == set->gid ? 0 : stx->stx_gid,
		.mode = stx->stx_mode,
		.major = stx->stx_rdev_major,
		.minor = stx->stx_rdev_minor,
	};

	return o;
}

/* 1: @o is what a mark says; 0: there is none; errno. */
static int
read_owner(const struct tree *t, struct at at, const struct statx *stx,
	   struct owner *ret)
{
	bool has_mark, has_virtfs;
	int r = -ENODATA;

	*ret = plain(t, stx);
	/* Nothing else can have user.* xattrs. */
	if (!S_ISREG(stx->stx_mode) && !S_ISDIR(stx->stx_mode))
		return 0;
	find_marks(at, &has_mark, &has_virtfs);
	if (has_mark)
		r = read_mark(at, ret);
	if (r == -ENODATA && has_virtfs)
		r = read_all_virtfs(at, ret);
	return r == -ENODATA ? 0 : r < 0 ? r : 1;
}

static void
put_owner(const struct owner *o, struct statx *stx)
{
	stx->stx_uid = o->uid;
	stx->stx_gid = o->gid;
	stx->stx_mode = (uint16_t)o->mode;
	stx->stx_rdev_major = o->major;
	stx->stx_rdev_minor = o->minor;
}

int
owner_show(const struct tree *t, struct at at, struct statx *stx)
{
	struct owner o;
	int r;

	if (!t->layers.features.maps_owner)
		return 0;
	r = read_owner(t, at, stx, &o);
	if (r < 0)
		return r;
	put_owner(&o, stx);
	return 0;
}

int
owner_show_node(struct node *n, struct at at, struct statx *stx)
{
	CLEANUP_UNLOCK pthread_mutex_t *lock = NULL;
	struct body *b = n->body;
	struct owner_known *k;
	int r;

	if (!b->tree->layers.features.maps_owner)
		return 0;
	(void)pthread_mutex_lock(owner_lock(b));
	lock = owner_lock(b); /* also over the reading: see owner_forget() */
	k = b->owner;
	if (!k)
		k = b->owner = calloc(1, sizeof(*k));
	if (!k)
		return -ENOMEM;
	if (!k->is_set || k->ino != stx->stx_ino ||
	    memcmp(&k->ctime, &stx->stx_ctime, sizeof(k->ctime)) != 0) {
		k->is_set = false;
		r = read_owner(b->tree, at, stx, &k->owner);
		if (r < 0)
			return r;
		k->ino = stx->stx_ino;
		k->ctime = stx->stx_ctime;
		k->is_set = true;
	}
	put_owner(&k->owner, stx);
	return 0;
}

void
owner_forget(struct body *b)
{
	(void)pthread_mutex_lock(owner_lock(b));
	if (b->owner)
		b->owner->is_set = false;
	(void)pthread_mutex_unlock(owner_lock(b));
}

int
owner_statx(struct node *n, struct at at, struct statx *stx)
{
	int r = real_statx(at, stx);

	return r < 0 ? r : owner_show_node(n, at, stx);
}

unsigned char
owner_d_type(const struct tree *t, struct at at)
{
	struct statx stx = { .stx_mode = S_IFREG };
	struct owner o;

	if (!t->layers.features.maps_owner || read_owner(t, at, &stx, &o) <= 0)
		return DT_REG;
	return IFTODT(o.mode);
}

struct owner
owner_of(const struct statx *stx)
{
	return (struct owner){
		.uid = stx->stx_uid,
		.gid = stx->stx_gid,
		.mode = stx->stx_mode,
		.major = stx->stx_rdev_major,
		.minor = stx->stx_rdev_minor,
	};
}

mode_t
owner_real_mode(mode_t mode)
{
	if (S_ISDIR(mode))
		return (mode & 0777) | 0700;
	return S_ISREG(mode) ? (mode & 0777) | 0600 : 0600;
}

static int
write_mark(const struct tree *t, struct at at, const struct owner *o)
{
	char value[MARK_MAX + 1];
	size_t i;
	int n;

	for (i = 0; types[i].type != (o->mode & S_IFMT); i++)
		if (i + 1 == ARRAY_SIZE(types))
			return -EINVAL;
	n = snprintf(value, sizeof(value), "%u:%u:0%o:%s", o->uid, o->gid,
		     o->mode & 07777, types[i].name);
	if (S_ISBLK(o->mode) || S_ISCHR(o->mode))
		n += snprintf(value + n, sizeof(value) - (size_t)n, "%u-%u",
			      o->major, o->minor);
	return real_setxattr(t->layers.upper, at, MARK, value, (size_t)n, 0);
}

static bool
is_same(const struct owner *a, const struct owner *b)
{
	return a->uid == b->uid && a->gid == b->gid && a->mode == b->mode &&
	       ((!S_ISBLK(a->mode) && !S_ISCHR(a->mode)) ||
		(a->major == b->major && a->minor == b->minor));
}

int
owner_set(const struct tree *t, struct at at, const struct owner *o)
{
	struct owner now, bare;
	struct statx stx;
	mode_t real;
	int r;

	r = real_statx(at, &stx);
	if (r == 0)
		r = read_owner(t, at, &stx, &now);
	if (r < 0 && r != -EIO) /* a malformed mark is mended */
		return r;
	real = owner_real_mode(o->mode);
	bare = plain(t, &stx);
	if (!S_ISLNK(stx.stx_mode))
		bare.mode = (stx.stx_mode & S_IFMT) | real;
	/* The mark before the real mode: it is what counts. */
	if (r != 0 || !is_same(&bare, o))
		r = write_mark(t, at, o);
	if (r == 0 && !S_ISLNK(stx.stx_mode) && real != (stx.stx_mode & 07777))
		r = real_chmod(t->layers.upper, at, real);
	return r;
}

int
owner_make(const struct tree *t, struct at at, const struct owner *o,
	   const char *target)
{
	struct upper *u = t->layers.upper;
	struct iovec iov = { .iov_base = (char *)(uintptr_t)target };
	CLEANUP_CLOSE int fd = -1;
	ssize_t n;

	fd = real_create(u, at, O_WRONLY, owner_real_mode(o->mode));
	if (fd < 0)
		return fd;
	if (target) {
		iov.iov_len = strlen(target);
		n = real_pwritev(u, fd, &iov, 1, 0, false);
		if (n < 0)
			return (int)n;
		if ((size_t)n < iov.iov_len)
			return -ENOSPC;
	}
	return write_mark(t, AT(fd, ""), o);
}

ssize_t
owner_readlink(const struct tree *t, struct at at, char *buf, size_t size)
{
	struct iovec iov = { .iov_base = buf, .iov_len = size };
	ssize_t n = real_readlink(at, buf, size);
	CLEANUP_CLOSE int fd = -1;
	struct statx stx;

	if (n != -EINVAL || !t->layers.features.maps_owner)
		return n;
	fd = real_open(at, O_RDONLY | O_NOATIME, &stx);
	return fd < 0 ? fd : real_preadv(fd, &iov, 1, 0, false);
}
