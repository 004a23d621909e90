/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * twin MOUNT SOCKET SEED STEPS: one random sequence of operations, by system
 * calls on kernel overlayfs at MOUNT and by 9P on veneer at SOCKET. The errno
 * of each step, and at the end what both trees show, must be the same. Names
 * are few, so that everything meets everything.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "p9.h"

static struct p9 c;
static unsigned long long seed;

/* One step: an operation on one or two paths. */
enum op {
	CREATE,
	WRITE,
	TRUNCATE,
	MKDIR,
	RMDIR,
	UNLINK,
	RENAME,
	LINK,
	SYMLINK,
	CHMOD,
	SETXATTR,
	FIFO,
	NR_OPS
};
static const char *const op_names[] = { "create", "write",    "truncate",
					"mkdir",  "rmdir",    "unlink",
					"rename", "link",     "symlink",
					"chmod",  "setxattr", "fifo" };

static unsigned
dice(unsigned sides)
{
	seed = seed * 6364136223846793005ull + 1442695040888963407ull;
	return (unsigned)(seed >> 33) % sides;
}

/* d0/f2, d1/d0/f1, f3, d2 ... */
static void
pick_path(char path[64])
{
	int len = 0, depth = (int)dice(3), i;

	for (i = 0; i < depth; i++)
		len += sprintf(path + len, "d%u/", dice(3));
	sprintf(path + len, "%c%u", dice(3) ? 'f' : 'd', dice(3));
}

/* --- The kernel --------------------------------------------------------- */

static int
err(int r)
{
	return r < 0 ? -errno : 0;
}

static int
kernel_write(const char *path, int flags, const char *text)
{
	int fd = open(path, flags | O_RDWR | O_NOFOLLOW | O_NONBLOCK, 0644);
	int r = err(fd);

	if (fd >= 0 && text)
		r = err((int)pwrite(fd, text, strlen(text), 0));
	if (fd >= 0)
		(void)close(fd);
	return r;
}

static int
kernel_do(enum op op, const char *a, const char *b)
{
	struct stat st;

	switch (op) {
	case CREATE:
		return kernel_write(a, O_CREAT | O_EXCL, "created");
	case WRITE:
	case TRUNCATE:
		/* Only files: 9P has other errnos for opening the rest. */
		if (lstat(a, &st) < 0)
			return -errno;
		if (!S_ISREG(st.st_mode))
			return -EISDIR;
		return op == WRITE ? kernel_write(a, 0, "WRITTEN")
				   : err(truncate(a, 3));
	case MKDIR:
		return err(mkdir(a, 0755));
	case RMDIR:
		return err(rmdir(a));
	case UNLINK:
		return err(unlink(a));
	case RENAME:
		return err(rename(a, b));
	case LINK:
		return err(link(a, b));
	case SYMLINK:
		return err(symlink("target", a));
	case CHMOD:
		if (lstat(a, &st) < 0)
			return -errno;
		return S_ISLNK(st.st_mode) ? -EOPNOTSUPP : err(chmod(a, 0750));
	case SETXATTR:
		if (lstat(a, &st) < 0)
			return -errno;
		return err(lsetxattr(a, "user.twin", "t", 1, 0));
	case FIFO:
		return err(mknod(a, S_IFIFO | 0644, 0));
	case NR_OPS:
		break;
	}
	return -ENOSYS;
}

/* --- veneer -------------------------------------------------------------- */

#define F_A 10
#define F_B 11

/* Walk to the directory of @path, one name at a time, for the errno. */
static int
walk_parent(const char *path, uint32_t fid, const char **ret_last)
{
	char name[64];
	size_t len;
	int r = p9_walk(&c, 0, fid, "");

	while (r == 0 && path[len = strcspn(path, "/")] == '/') {
		(void)snprintf(name, sizeof(name), "%.*s", (int)len, path);
		r = p9_walk(&c, fid, fid, name);
		path += len + 1;
	}
	*ret_last = path;
	return r;
}

static int
walk_whole(const char *path, uint32_t fid, struct p9_stat *st)
{
	const char *last;
	int r = walk_parent(path, fid, &last);

	if (r == 0)
		r = p9_walk(&c, fid, fid, last);
	return r == 0 ? p9_getattr(&c, fid, st) : r;
}

static int
veneer_file(enum op op, const char *a)
{
	struct p9_setattr set = { .valid = op == CHMOD ? P9_SET_MODE
						       : P9_SET_SIZE,
				  .mode = 0750,
				  .size = 3 };
	struct p9_stat st;
	int r = walk_whole(a, F_A, &st);

	if (r < 0)
		return r;
	if (op == SETXATTR)
		return p9_setxattr(&c, F_A, "user.twin", "t", 1, 0);
	if (op == CHMOD && S_ISLNK(st.mode))
		return -EOPNOTSUPP;
	if (op != CHMOD && !S_ISREG(st.mode))
		return -EISDIR;
	if (op != WRITE)
		return p9_setattr(&c, F_A, &set);
	r = p9_lopen(&c, F_A, 2, NULL);
	if (r == 0)
		r = (int)p9_write(&c, F_A, 0, "WRITTEN", 7);
	return r < 0 ? r : 0;
}

static int
veneer_name(enum op op, const char *a)
{
	const char *last;
	int r = walk_parent(a, F_A, &last);

	if (r < 0)
		return r;
	switch (op) {
	case CREATE:
		r = p9_lcreate(&c, F_A, last, 0x82, 0644, 0);
		if (r == 0)
			r = (int)p9_write(&c, F_A, 0, "created", 7);
		return r < 0 ? r : 0;
	case MKDIR:
		return p9_mkdir(&c, F_A, last, 0755, 0);
	case RMDIR:
		return p9_unlinkat(&c, F_A, last, 0x200);
	case UNLINK:
		return p9_unlinkat(&c, F_A, last, 0);
	case SYMLINK:
		return p9_symlink(&c, F_A, last, "target", 0);
	default:
		return p9_mknod(&c, F_A, last, S_IFIFO | 0644, 0, 0, 0);
	}
}

static int
veneer_do(enum op op, const char *a, const char *b)
{
	const char *la, *lb;
	struct p9_stat st;
	int r;

	if (op == WRITE || op == TRUNCATE || op == CHMOD || op == SETXATTR) {
		r = veneer_file(op, a);
	} else if (op == RENAME) {
		r = walk_parent(a, F_A, &la);
		if (r == 0)
			r = walk_parent(b, F_B, &lb);
		if (r == 0)
			r = p9_renameat(&c, F_A, la, F_B, lb);
	} else if (op == LINK) {
		r = walk_whole(a, F_A, &st);
		if (r == 0)
			r = walk_parent(b, F_B, &lb);
		if (r == 0)
			r = p9_link(&c, F_B, F_A, lb);
	} else {
		r = veneer_name(op, a);
	}
	(void)p9_clunk(&c, F_A);
	(void)p9_clunk(&c, F_B);
	return r;
}

/* --- What both show ------------------------------------------------------- */

/* The attributes and the content of one path, both ways; 1: they differ. */
static int
differs(const char *path)
{
	char kbuf[64] = "", vbuf[64] = "";
	struct p9_stat v = { 0 };
	struct stat k;
	ssize_t n = 0;
	int rk = err(lstat(path, &k)), rv = walk_whole(path, F_A, &v), fd;
	bool bad = rk != rv;

	if (rk == 0 && rv == 0) {
		bad = k.st_mode != v.mode || k.st_uid != v.uid ||
		      (!S_ISDIR(k.st_mode) && k.st_nlink != v.nlink) ||
		      (S_ISREG(k.st_mode) && (uint64_t)k.st_size != v.size);
		fd = S_ISREG(k.st_mode) ? open(path, O_RDONLY) : -1;
		if (fd >= 0) {
			n = read(fd, kbuf, sizeof(kbuf) - 1);
			(void)close(fd);
			if (n < 0 || p9_lopen(&c, F_A, 0, NULL) < 0 ||
			    p9_read(&c, F_A, 0, vbuf, 63) != n)
				bad = true;
			bad |= strcmp(kbuf, vbuf) != 0;
		}
	}
	(void)p9_clunk(&c, F_A);
	if (bad)
		printf("%s: kernel %d %o %d \"%s\", veneer %d %o %d \"%s\"\n",
		       path, rk, rk ? 0 : k.st_mode, rk ? 0 : (int)k.st_nlink,
		       kbuf, rv, v.mode, (int)v.nlink, vbuf);
	return bad;
}

/* @path ends with a slash; a symbolic link to a directory is none. */
static bool
is_directory(const char *path)
{
	char bare[64];
	struct stat st;

	(void)snprintf(bare, sizeof(bare), "%.*s", (int)strlen(path) - 1, path);
	return lstat(bare, &st) == 0 && S_ISDIR(st.st_mode);
}

/* All paths that the generator can make. */
static int
compare_all(const char *prefix, int depth)
{
	char path[64];
	int bad = 0, i;

	for (i = 0; i < 6; i++) {
		(void)snprintf(path, sizeof(path), "%s%c%d", prefix,
			       i < 3 ? 'd' : 'f', i % 3);
		bad += differs(path);
		if (depth < 3) {
			(void)snprintf(path, sizeof(path), "%s%c%d/", prefix,
				       i < 3 ? 'd' : 'f', i % 3);
			if (is_directory(path))
				bad += compare_all(path, depth + 1);
		}
	}
	return bad;
}

/*
 * A path through a symbolic link: the kernel follows it (to nothing), a walk
 * stops at it. Both are "no such place".
 */
static int
settle(int r)
{
	return r == -ENOTDIR ? -ENOENT : r;
}

int
main(int argc, char **argv)
{
	char a[64], b[64];
	int steps, i, rk, rv, bad = 0;
	enum op op;

	if (argc != 5 || p9_open_session(&c, argv[2], "", 0) < 0 ||
	    chdir(argv[1]) < 0)
		return 2;
	(void)umask(0);
	seed = strtoull(argv[3], NULL, 10);
	steps = atoi(argv[4]);
	for (i = 0; i < steps && !bad; i++) {
		op = (enum op)dice(NR_OPS);
		pick_path(a);
		pick_path(b);
		rk = settle(kernel_do(op, a, b));
		rv = settle(veneer_do(op, a, b));
		printf("%d: %s %s %s = %d\n", i, op_names[op], a,
		       op == RENAME || op == LINK ? b : "", rk);
		if (rk != rv) {
			printf("DIFFERENT: kernel %d (%s), veneer %d (%s)\n",
			       rk, strerror(-rk), rv, strerror(-rv));
			bad = 1;
		}
	}
	bad += compare_all("", 0);
	p9_close(&c);
	return bad ? 1 : 0;
}
