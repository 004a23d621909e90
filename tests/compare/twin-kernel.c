/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Steps by system calls. Paths are resolved name by name without following
 * symbolic links, as a 9P walk does, so that the errnos can be the same.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "twin.h"

static int
err(long r)
{
	return r < 0 ? -errno : 0;
}

int
kernel_open(struct kernel *k, const char *mount)
{
	unsigned i;

	*k = (struct kernel){ .root = open(mount, O_PATH | O_CLOEXEC) };
	for (i = 0; i < NR_SLOTS; i++)
		k->fds[i] = -1;
	return k->root < 0 ? -errno : 0;
}

static void
close_slot(struct kernel *k, unsigned i)
{
	if (k->fds[i] >= 0)
		(void)close(k->fds[i]);
	k->fds[i] = -1;
	k->held[i] = HELD_NONE;
}

void
kernel_close(struct kernel *k)
{
	unsigned i;

	for (i = 0; i < NR_SLOTS; i++)
		close_slot(k, i);
	(void)close(k->root);
}

/* The directory of @path as a new fd, and the last name. */
static int
open_parent(struct kernel *k, const char *path, const char **ret_last)
{
	int fd = openat(k->root, ".", O_PATH | O_DIRECTORY | O_CLOEXEC), next;
	char name[PATH_LEN];
	size_t len;

	while (fd >= 0 && path[len = strcspn(path, "/")] == '/') {
		(void)snprintf(name, sizeof(name), "%.*s", (int)len, path);
		next = openat(fd, name,
			      O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		next = next < 0 ? -errno : next;
		(void)close(fd);
		fd = next;
		path += len + 1;
	}
	*ret_last = path;
	return fd;
}

static int
write_file(const struct step *s, int dir, const char *name)
{
	static const int flags[NR_OPS] = {
		[CREATE] = O_RDWR | O_CREAT | O_EXCL,
		[WRITE] = O_RDWR,
		[APPEND] = O_WRONLY | O_APPEND,
		[OPEN_TRUNC] = O_RDWR | O_TRUNC,
	};
	int fd = openat(dir, name, flags[s->op] | O_NOFOLLOW, 0644);
	int r = err(fd);
	char text[32];

	if (fd < 0)
		return r;
	if (s->op != OPEN_TRUNC)
		r = err(pwrite(fd, text, step_text(s, text), s->offset));
	(void)close(fd);
	return r;
}

/* Of an existing object; the current directory is its parent. */
static int
change(const struct step *s, int dir, const char *name)
{
	struct timespec ts[2] = { { s->arg, 0 }, { s->arg, 0 } };
	bool is_chmod = s->op == CHMOD;
	struct stat st;
	char text[32];
	int uid, gid;

	/* Only what exists, and files: 9P opens nothing else like that. */
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	if (is_chmod)
		return S_ISLNK(st.st_mode)
			       ? -EOPNOTSUPP
			       : err(fchmodat(dir, name, step_mode(s), 0));
	step_owner(s, &uid, &gid);
	switch (s->op) {
	case CHOWN:
		return err(fchownat(dir, name, (uid_t)uid, (gid_t)gid,
				    AT_SYMLINK_NOFOLLOW));
	case UTIMES:
		return err(utimensat(dir, name, ts, AT_SYMLINK_NOFOLLOW));
	case SETXATTR:
		return err(lsetxattr(name, step_xattr(s), text,
				     step_text(s, text), step_xattr_flags(s)));
	case REMOVEXATTR:
		return err(lremovexattr(name, step_xattr(s)));
	case REMOVE:
		return err(unlinkat(dir, name,
				    S_ISDIR(st.st_mode) ? AT_REMOVEDIR : 0));
	default:
		break;
	}
	if (!S_ISREG(st.st_mode))
		return -EISDIR;
	if (s->op != TRUNCATE)
		return write_file(s, dir, name);
	/* To the same size: the kernel may copy up for it. */
	return st.st_size == step_size(s) ? 0
					  : err(truncate(name, step_size(s)));
}

static int
one_name(const struct step *s, int dir, const char *name)
{
	unsigned mode, major, minor;

	switch (s->op) {
	case CREATE:
		return write_file(s, dir, name);
	case MKDIR:
		return err(mkdirat(dir, name, step_mode(s)));
	case RMDIR:
		return err(unlinkat(dir, name, AT_REMOVEDIR));
	case UNLINK:
		return err(unlinkat(dir, name, 0));
	case SYMLINK:
		return err(symlinkat(step_target(s), dir, name));
	case MKNOD:
		step_node(s, &mode, &major, &minor);
		return err(mknodat(dir, name, mode, makedev(major, minor)));
	default:
		return fchdir(dir) < 0 ? -errno : change(s, dir, name);
	}
}

static int
two_names(struct kernel *k, const struct step *s, int dir, const char *name,
	  struct said *ret)
{
	struct stat st = { 0 };
	const char *other;
	int to, r;

	/* A fid must be there before the other directory is looked for. */
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0 &&
	    s->op != RENAMEAT)
		return -errno;
	to = open_parent(k, s->b, &other);
	if (to < 0)
		return to;
	r = s->op == LINK ? err(linkat(dir, name, to, other, 0))
			  : err(renameat(dir, name, to, other));
	ret->is_exdev_dir = r == -EXDEV && S_ISDIR(st.st_mode);
	(void)close(to);
	return r;
}

static int
hold(struct kernel *k, const struct step *s, int dir, const char *name)
{
	struct stat st;
	int fd;

	close_slot(k, s->slot);
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	if (S_ISDIR(st.st_mode))
		fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	else if (S_ISREG(st.st_mode))
		fd = openat(dir, name,
			    (s->op == HOLD ? O_RDONLY : O_RDWR) | O_CLOEXEC);
	else
		return -EISDIR;
	if (fd < 0)
		return -errno;
	k->fds[s->slot] = fd;
	k->slot_user[s->slot] = k->user;
	k->held[s->slot] = S_ISDIR(st.st_mode) ? HELD_DIR
			   : s->op == HOLD     ? HELD_FILE
					       : HELD_FILE_RW;
	return 0;
}

static int
held_readdir(int fd, struct said *ret)
{
	static char names[512][64];
	struct dirent *e;
	unsigned nr = 0;
	struct stat st;
	DIR *d;
	int r;

	d = fdopendir(dup(fd));
	if (!d)
		return -errno;
	rewinddir(d);
	while (errno = 0, (e = readdir(d)) && nr < 512) {
		/* Whiteouts that the kernel lists: DIFFERENCES.md. */
		if (e->d_type == DT_CHR &&
		    fstatat(fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		(void)snprintf(names[nr++], 64, "%.63s", e->d_name);
	}
	r = -errno;
	(void)closedir(d);
	said_names(ret, names, nr);
	return r;
}

static int
held_stat(int fd, struct said *ret)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	ret->nlink = S_ISDIR(st.st_mode) ? 0 : (unsigned)st.st_nlink;
	(void)snprintf(ret->text, sizeof(ret->text), "%o %u:%u size %ld",
		       st.st_mode, st.st_uid, st.st_gid,
		       S_ISDIR(st.st_mode) ? 0 : (long)st.st_size);
	return 0;
}

static int
held(struct kernel *k, const struct step *s, struct said *ret)
{
	struct timespec ts[2] = { { s->arg, 0 }, { s->arg, 0 } };
	int fd = k->fds[s->slot], uid, gid;
	char text[65];
	ssize_t n;

	step_owner(s, &uid, &gid);
	switch (s->op) {
	case HELD_READ:
		n = pread(fd, text, 64, s->offset);
		if (n >= 0)
			(void)snprintf(ret->text, sizeof(ret->text), "%.*s",
				       (int)n, text);
		return err(n);
	case HELD_WRITE:
		return err(pwrite(fd, text, step_text(s, text), s->offset));
	case HELD_STAT:
		return held_stat(fd, ret);
	case HELD_CHMOD:
		return err(fchmod(fd, step_mode(s)));
	case HELD_CHOWN:
		return err(fchown(fd, (uid_t)uid, (gid_t)gid));
	case HELD_UTIMES:
		return err(futimens(fd, ts));
	case HELD_TRUNCATE:
		return err(ftruncate(fd, step_size(s)));
	case HELD_READDIR:
		return held_readdir(fd, ret);
	default:
		close_slot(k, s->slot);
		return 0;
	}
}

bool
kernel_replaces_full(struct kernel *k, const struct step *s)
{
	bool is_full = false, is_dir = false;
	size_t a = strlen(s->a), b = strlen(s->b);
	const char *name;
	struct dirent *e;
	struct stat st;
	int dir, fd;
	DIR *d;

	if ((a < b && strncmp(s->a, s->b, a) == 0) ||
	    strncmp(s->a, s->b, b) == 0)
		return false; /* the VFS's own EINVAL, ENOTEMPTY or 0 */
	dir = open_parent(k, s->a, &name);
	if (dir >= 0) {
		is_dir = fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
			 S_ISDIR(st.st_mode);
		(void)close(dir);
	}
	dir = is_dir ? open_parent(k, s->b, &name) : -1;
	if (dir < 0)
		return false;
	fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
	(void)close(dir);
	d = fd < 0 ? NULL : fdopendir(fd);
	while (d && (e = readdir(d)))
		is_full |= e->d_name[0] != '.';
	if (d)
		(void)closedir(d);
	return is_full;
}

/* From now on as @user; this program has one thread. */
static void
become(unsigned user)
{
	if (user && setegid(USER_ID(user)) == 0 && seteuid(USER_ID(user)) == 0)
		return;
	if (!user && seteuid(0) == 0 && setegid(0) == 0)
		return;
	perror("seteuid");
	abort();
}

static void
do_named(struct kernel *k, const struct step *s, struct said *ret)
{
	const char *name;
	int dir;

	if (s->op == HOLD || s->op == HOLD_WRITE)
		close_slot(k, s->slot);
	dir = open_parent(k, s->a, &name);
	if (dir < 0) {
		ret->err = dir;
		return;
	}
	if (s->op == HOLD || s->op == HOLD_WRITE)
		ret->err = hold(k, s, dir, name);
	else if (s->op == RENAMEAT || s->op == RENAME || s->op == LINK)
		ret->err = two_names(k, s, dir, name, ret);
	else
		ret->err = one_name(s, dir, name);
	(void)close(dir);
}

void
kernel_do(struct kernel *k, const struct step *s, struct said *ret)
{
	unsigned user = s->op > HOLD_WRITE ? k->slot_user[s->slot] : k->user;

	*ret = (struct said){ 0 };
	if (user)
		become(user);
	if (s->op > HOLD_WRITE)
		ret->err = held(k, s, ret);
	else
		do_named(k, s, ret);
	if (user)
		become(0);
}
