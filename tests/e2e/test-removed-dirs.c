/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Fids of directories that were removed, or replaced, while they are held, and
 * of symbolic links and fifos likewise: what can be asked, and that nothing can
 * be made there any more (9p.md 3.1). As root beside kernel overlayfs, by
 * descriptor.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "harness.h"

static struct harness h;
static struct p9 c;

enum op {
	NLINK,
	LIST,
	LOOKUP,
	PARENT,
	CREATE,
	MKDIR,
	SYMLINK,
	FIFO,
	LINK,
	RENAME_INTO,
	UNLINK,
	LISTXATTR,
	FSYNC,
	CHMOD,
	UTIMES,
	SETXATTR,
	NR_OPS,
};

static const char *const names[NR_OPS] = {
	"nlink",   "list",  "lookup", "..",          "create", "mkdir",
	"symlink", "fifo",  "link",   "rename into", "unlink", "listxattr",
	"fsync",   "chmod", "utimes", "setxattr",
};

/* Without a copy of it in the upper: what would be copied up is gone. */
static int
want(enum op op, bool is_upper)
{
	switch (op) {
	case NLINK:
	case LISTXATTR:
	case FSYNC:
		return 0;
	case PARENT:
		return 1;
	case CHMOD:
	case UTIMES:
	case SETXATTR:
		return is_upper ? 0 : -ENOENT;
	default:
		return -ENOENT;
	}
}

/* Fids: 1 the parent, 10 the open directory, 11 a clone that is not. */

static int
guest_nlink(void)
{
	struct p9_stat st;
	int r = p9_getattr(&c, 10, &st);

	return r < 0 ? r : (int)st.nlink;
}

/* Is ".." still where it was? */
static int
guest_parent(void)
{
	struct p9_stat a, b;
	int r = p9_walk(&c, 11, 12, "..");

	if (r < 0)
		return r;
	CHECK_EQ(0, p9_getattr(&c, 1, &a));
	CHECK_EQ(0, p9_getattr(&c, 12, &b));
	CHECK_EQ(0, p9_clunk(&c, 12));
	return a.qid.path == b.qid.path;
}

static int
guest_do(enum op op)
{
	struct p9_setattr set = { .mode = 0711 };
	struct p9_dirent e[8];
	char buf[64];
	int r;

	set.valid = op == CHMOD ? P9_SET_MODE | P9_SET_CTIME : P9_SET_MTIME;
	switch (op) {
	case NLINK:
		return guest_nlink();
	case LIST:
		return p9_readdir(&c, 10, 0, 1000, e, 8);
	case LOOKUP:
		return p9_walk(&c, 11, 12, "x");
	case PARENT:
		return guest_parent();
	case CREATE:
		return p9_lcreate(&c, 11, "x", 2, 0644, 0);
	case MKDIR:
		return p9_mkdir(&c, 11, "x", 0755, 0);
	case SYMLINK:
		return p9_symlink(&c, 11, "x", "target", 0);
	case FIFO:
		return p9_mknod(&c, 11, "x", S_IFIFO | 0644, 0, 0, 0);
	case LINK:
		CHECK_EQ(0, p9_walk(&c, 0, 12, "file"));
		r = p9_link(&c, 11, 12, "x");
		CHECK_EQ(0, p9_clunk(&c, 12));
		return r;
	case RENAME_INTO:
		return p9_renameat(&c, 0, "file", 10, "x");
	case UNLINK:
		return p9_unlinkat(&c, 10, "x", 0);
	case LISTXATTR:
		return (int)p9_getxattr(&c, 10, "", buf, sizeof(buf));
	case FSYNC:
		return p9_fsync(&c, 10, 0);
	case CHMOD:
	case UTIMES:
		return p9_setattr(&c, 10, &set);
	case SETXATTR:
		return p9_setxattr(&c, 11, "user.a", "1", 1, 0);
	case NR_OPS:
		break;
	}
	return -ENOSYS;
}

/* --- By descriptor on a mount ------------------------------------------- */

static int host_fd, host_parent;

static int
result(long n)
{
	return n < 0 ? -errno : (int)n;
}

static int
host_do(enum op op)
{
	struct stat a, b;
	char buf[512];

	switch (op) {
	case NLINK:
		return fstat(host_fd, &a) < 0 ? -errno : (int)a.st_nlink;
	case LIST:
		return result(getdents64(host_fd, buf, sizeof(buf)));
	case LOOKUP:
		return result(fstatat(host_fd, "x", &a, 0));
	case PARENT:
		if (fstatat(host_fd, "..", &a, 0) < 0 ||
		    fstat(host_parent, &b) < 0)
			return -errno;
		return a.st_ino == b.st_ino;
	case CREATE:
		return result(openat(host_fd, "x", O_CREAT | O_RDWR, 0644));
	case MKDIR:
		return result(mkdirat(host_fd, "x", 0755));
	case SYMLINK:
		return result(symlinkat("target", host_fd, "x"));
	case FIFO:
		return result(mkfifoat(host_fd, "x", 0644));
	case LINK:
		return result(linkat(host_parent, "../file", host_fd, "x", 0));
	case RENAME_INTO:
		return result(renameat(host_parent, "../file", host_fd, "x"));
	case UNLINK:
		return result(unlinkat(host_fd, "x", 0));
	case LISTXATTR:
		return result(flistxattr(host_fd, buf, sizeof(buf)));
	case FSYNC:
		return result(fsync(host_fd));
	case CHMOD:
		return result(fchmod(host_fd, 0711));
	case UTIMES:
		return result(futimens(host_fd, NULL));
	case SETXATTR:
		return result(fsetxattr(host_fd, "user.a", "1", 1, 0));
	case NR_OPS:
		break;
	}
	return -ENOSYS;
}

/*
 * What happens in the directory p, which has d: c chmod d, r rmdir d, m mkdir
 * d, n mkdir n, v rename n over d. When it is held, the last step removes it.
 */
static const struct kind {
	const char *name;
	bool is_upper;
	const char *before;
	char last;
} kinds[] = {
	{ "lower", false, "", 'r' },
	{ "merged", true, "c", 'r' },
	{ "upper over a lower", true, "rm", 'r' },
	{ "replaced, lower", false, "n", 'v' },
	{ "replaced, merged", true, "cn", 'v' },
	{ "replaced, upper", true, "rmn", 'v' },
};

static int
guest_step(char step)
{
	struct p9_setattr set = { .valid = P9_SET_MODE, .mode = 0700 };
	int r;

	switch (step) {
	case 'c':
		CHECK_EQ(0, p9_walk(&c, 1, 2, "d"));
		r = p9_setattr(&c, 2, &set);
		CHECK_EQ(0, p9_clunk(&c, 2));
		return r;
	case 'r':
		return p9_unlinkat(&c, 1, "d", 0x200);
	case 'v':
		return p9_renameat(&c, 1, "n", 1, "d");
	default:
		return p9_mkdir(&c, 1, step == 'm' ? "d" : "n", 0755, 0);
	}
}

static int
host_step(char step)
{
	switch (step) {
	case 'c':
		return fchmodat(host_parent, "d", 0700, 0);
	case 'r':
		return unlinkat(host_parent, "d", AT_REMOVEDIR);
	case 'v':
		return renameat(host_parent, "n", host_parent, "d");
	default:
		return mkdirat(host_parent, step == 'm' ? "d" : "n", 0755);
	}
}

static void
check(const char *who, const struct kind *k, int op, int wanted, int got)
{
	if (wanted == got)
		return;
	printf("%s, %s: %s\n", who, k->name, names[op]);
	CHECK_EQ(wanted, got);
}

static void
check_guest(const struct kind *k)
{
	const char *s;
	int op;

	harness_attach(&h, &c, 0);
	CHECK_EQ(0, p9_walk(&c, 0, 1, "p"));
	for (s = k->before; *s; s++)
		CHECK_EQ(0, guest_step(*s));
	CHECK_EQ(0, p9_walk(&c, 1, 10, "d"));
	CHECK_EQ(0, p9_walk(&c, 1, 11, "d"));
	CHECK_EQ(0, p9_lopen(&c, 10, 0, NULL));
	CHECK_EQ(0, guest_step(k->last));
	for (op = 0; op < NR_OPS; op++)
		check("veneer", k, op, want((enum op)op, k->is_upper),
		      guest_do((enum op)op));
	CHECK_EQ(0, p9_lopen(&c, 11, 0, NULL));
	CHECK_EQ(-ENOENT, p9_readdir(&c, 11, 0, 1000, NULL, 0));
	CHECK_EQ(-ENOENT, p9_remove(&c, 11));
	CHECK_EQ(0, p9_clunk(&c, 10));
	p9_close(&c);
}

static void
check_host(const struct kind *k)
{
	char path[256];
	const char *s;
	int op;

	(void)snprintf(path, sizeof(path),
		       "cd %s && mkdir k kw merged && mount -t overlay test "
		       "-o lowerdir=lower,upperdir=k,workdir=kw merged",
		       h.root);
	if (geteuid() != 0 || system(path) != 0) {
		printf("%s: no kernel mount to compare with\n", k->name);
		return;
	}
	(void)snprintf(path, sizeof(path), "%s/merged/p", h.root);
	host_parent = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (s = k->before; *s; s++)
		CHECK_EQ(0, host_step(*s));
	host_fd = openat(host_parent, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CHECK_EQ(0, host_step(k->last));
	for (op = 0; op < NR_OPS; op++) {
		/* The kernel: the links that were, and ENOTDIR. */
		if ((op == NLINK && !strchr(k->before, 'm')) ||
		    (op >= CHMOD && !k->is_upper))
			continue;
		check("kernel", k, op, want((enum op)op, k->is_upper),
		      host_do((enum op)op));
	}
	(void)close(host_fd);
	(void)close(host_parent);
	harness_sh(&h, "umount merged; rm -rf k kw merged");
}

/* What can be read of others, and what cannot be done to them. */
static void
others(void)
{
	char target[4097];
	struct p9_stat st;

	harness_attach(&h, &c, 0);
	CHECK_EQ(0, p9_symlink(&c, 0, "up", "of the upper", 0));
	CHECK_EQ(0, p9_walk(&c, 0, 10, "up"));
	CHECK_EQ(0, p9_walk(&c, 0, 11, "low"));
	CHECK_EQ(0, p9_walk(&c, 0, 12, "fifo"));
	CHECK_EQ(0, p9_unlinkat(&c, 0, "up", 0));
	CHECK_EQ(0, p9_unlinkat(&c, 0, "low", 0));
	CHECK_EQ(0, p9_unlinkat(&c, 0, "fifo", 0));
	CHECK_EQ(0, p9_readlink(&c, 10, target));
	CHECK_EQ(0, strcmp(target, "of the upper"));
	CHECK_EQ(0, p9_readlink(&c, 11, target));
	CHECK_EQ(0, strcmp(target, "of the lower"));
	CHECK_EQ(-ELOOP, p9_lopen(&c, 10, 0, NULL));
	CHECK_EQ(0, p9_getattr(&c, 10, &st));
	CHECK(S_ISLNK(st.mode) && st.nlink == 0);
	CHECK_EQ(0, p9_getattr(&c, 11, &st));
	CHECK(S_ISLNK(st.mode) && st.nlink == 0);
	CHECK_EQ(0, p9_getattr(&c, 12, &st));
	CHECK(S_ISFIFO(st.mode) && st.nlink == 0);
	CHECK_EQ(-ENXIO, p9_lopen(&c, 12, 0, NULL));
	CHECK_EQ(-ENOENT, p9_link(&c, 0, 11, "back"));
	p9_close(&c);
}

int
main(void)
{
	size_t i;

	/* The mounts are nobody else's, and go with us. */
	if (geteuid() == 0 && unshare(CLONE_NEWNS) == 0)
		(void)mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		harness_start(&h,
			      "mkdir -p p/d; echo x >file; "
			      "ln -s 'of the lower' low; mkfifo fifo",
			      NULL);
		check_host(&kinds[i]);
		check_guest(&kinds[i]);
		if (i == 0)
			others();
		harness_end(&h);
	}
	return 0;
}
