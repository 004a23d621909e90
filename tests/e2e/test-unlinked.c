/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Every message that takes a fid works on one whose file has lost its name,
 * whatever layer it is in, and says what Linux says (9p.md 3.1, 5.3: open-
 * unlinked I/O; kata-runtime#769, qemu#103). As root the same is done by
 * descriptor on kernel overlayfs: where that differs it is noted here, and in
 * docs/DIFFERENCES.md.
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
	SIZE,
	READ,
	GETXATTR,
	LISTXATTR,
	LOCK,
	FSYNC,
	CHMOD,
	MODE,
	CHOWN,
	OWNER,
	UTIMES,
	MTIME,
	SETXATTR,
	GETXATTR_SET,
	REMOVEXATTR,
	OPEN_AGAIN,
	WRITE,
	READ_WRITTEN,
	TRUNCATE,
	SIZE_CUT,
	LINK,
	READLINK,
	NR_OPS,
};

static const struct {
	const char *name;
	int want;
} ops[NR_OPS] = {
	[NLINK] = { "nlink", 0 },
	[SIZE] = { "size", 4 },
	[READ] = { "read", 4 },
	[GETXATTR] = { "getxattr", 5 },
	[LISTXATTR] = { "listxattr", 10 },
	[LOCK] = { "lock", 0 },
	[FSYNC] = { "fsync", 0 },
	[CHMOD] = { "chmod", 0 },
	[MODE] = { "mode", 0604 },
	[CHOWN] = { "chown", 0 },
	[OWNER] = { "owner", 12 },
	[UTIMES] = { "utimes", 0 },
	[MTIME] = { "mtime", 1000000 },
	[SETXATTR] = { "setxattr", 0 },
	[GETXATTR_SET] = { "getxattr of what was set", 3 },
	[REMOVEXATTR] = { "removexattr", 0 },
	[OPEN_AGAIN] = { "open again", 0 },
	[WRITE] = { "write", 6 },
	[READ_WRITTEN] = { "read what was written", 6 },
	[TRUNCATE] = { "truncate", 0 },
	[SIZE_CUT] = { "size after that", 2 },
	[LINK] = { "link", -ENOENT },
	[READLINK] = { "readlink", -EINVAL },
};

/* Fids: 10 is the file, opened to read; 12 a clone, opened again. */
#define FILE_FID 10
#define AGAIN_FID 12

static int
guest_stat(enum op op)
{
	struct p9_stat st;
	int r = p9_getattr(&c, FILE_FID, &st);

	if (r < 0)
		return r;
	return op == NLINK   ? (int)st.nlink
	       : op == MODE  ? (int)(st.mode & 07777)
	       : op == OWNER ? (int)(st.uid + st.gid)
	       : op == MTIME ? (int)st.mtime
			     : (int)st.size;
}

static int
guest_set(enum op op)
{
	struct p9_setattr set = { .mode = 0604,
				  .uid = 5,
				  .gid = 7,
				  .size = 2,
				  .atime = 1000000,
				  .mtime = 1000000 };

	/* As Linux: ctime always comes along. */
	set.valid =
		P9_SET_CTIME | (op == CHMOD      ? P9_SET_MODE
				: op == CHOWN    ? P9_SET_UID | P9_SET_GID
				: op == TRUNCATE ? P9_SET_SIZE
						 : P9_SET_ATIME | P9_SET_MTIME |
							   P9_SET_ATIME_SET |
							   P9_SET_MTIME_SET);
	return p9_setattr(&c, FILE_FID, &set);
}

static int
guest_open_again(void)
{
	int r = p9_walk(&c, FILE_FID, AGAIN_FID, "");

	return r < 0 ? r : p9_lopen(&c, AGAIN_FID, 2, NULL);
}

static int
guest_do(enum op op)
{
	char buf[4097];

	switch (op) {
	case NLINK:
	case SIZE:
	case MODE:
	case OWNER:
	case MTIME:
	case SIZE_CUT:
		return guest_stat(op);
	case CHMOD:
	case CHOWN:
	case UTIMES:
	case TRUNCATE:
		return guest_set(op);
	case READ:
	case READ_WRITTEN:
		return (int)p9_read(&c, FILE_FID, 0, buf, 64);
	case GETXATTR:
		return (int)p9_getxattr(&c, FILE_FID, "user.have", buf, 64);
	case LISTXATTR:
		return (int)p9_getxattr(&c, FILE_FID, "", buf, 64);
	case LOCK:
		return p9_lock(&c, FILE_FID, 0, 0, 0, 1, "guest");
	case FSYNC:
		return p9_fsync(&c, FILE_FID, 0);
	case SETXATTR:
		return p9_setxattr(&c, FILE_FID, "user.new", "new", 3, 1);
	case GETXATTR_SET:
		return (int)p9_getxattr(&c, FILE_FID, "user.new", buf, 64);
	case REMOVEXATTR:
		return p9_setxattr(&c, FILE_FID, "user.new", "", 0, 2);
	case OPEN_AGAIN:
		return guest_open_again();
	case WRITE:
		return (int)p9_write(&c, AGAIN_FID, 0, "longer", 6);
	case LINK:
		return p9_link(&c, 0, FILE_FID, "back");
	case READLINK:
		return p9_readlink(&c, FILE_FID, buf);
	case NR_OPS:
		break;
	}
	return -ENOSYS;
}

/* --- The same on a kernel mount ------------------------------------------ */

static int host_fd, host_again;
static char host_dir[128]; /* the mount; "": there is none */

static int
result(long n)
{
	return n < 0 ? -errno : (int)n;
}

static int
host_stat(enum op op)
{
	struct stat st;
	int r = result(fstat(host_fd, &st));

	if (r < 0)
		return r;
	return op == NLINK   ? (int)st.st_nlink
	       : op == MODE  ? (int)(st.st_mode & 07777)
	       : op == OWNER ? (int)(st.st_uid + st.st_gid)
	       : op == MTIME ? (int)st.st_mtim.tv_sec
			     : (int)st.st_size;
}

static int
host_do(enum op op)
{
	const struct timespec ts[2] = { { 1000000, 0 }, { 1000000, 0 } };
	struct flock fl = { .l_type = F_RDLCK };
	char buf[256], proc[64];

	(void)snprintf(proc, sizeof(proc), "/proc/self/fd/%d", host_fd);
	switch (op) {
	case NLINK:
	case SIZE:
	case MODE:
	case OWNER:
	case MTIME:
	case SIZE_CUT:
		return host_stat(op);
	case CHMOD:
		return result(fchmod(host_fd, 0604));
	case CHOWN:
		return result(fchown(host_fd, 5, 7));
	case UTIMES:
		return result(futimens(host_fd, ts));
	case TRUNCATE:
		return result(truncate(proc, 2));
	case READ:
		return result(pread(host_fd, buf, 64, 0));
	case READ_WRITTEN:
		/* The first descriptor may show the lower's data for ever. */
		return result(pread(host_again, buf, 64, 0));
	case GETXATTR:
		return result(fgetxattr(host_fd, "user.have", buf, 64));
	case LISTXATTR:
		return result(flistxattr(host_fd, buf, sizeof(buf)));
	case LOCK:
		return result(fcntl(host_fd, F_SETLK, &fl));
	case FSYNC:
		return result(fsync(host_fd));
	case SETXATTR:
		return result(
			fsetxattr(host_fd, "user.new", "new", 3, XATTR_CREATE));
	case GETXATTR_SET:
		return result(fgetxattr(host_fd, "user.new", buf, 64));
	case REMOVEXATTR:
		return result(fremovexattr(host_fd, "user.new"));
	case OPEN_AGAIN:
		host_again = open(proc, O_RDWR | O_CLOEXEC);
		return result(host_again < 0 ? -1 : 0);
	case WRITE:
		return result(pwrite(host_again, "longer", 6, 0));
	case LINK:
		(void)snprintf(buf, sizeof(buf), "%s/back", host_dir);
		return result(linkat(AT_FDCWD, proc, AT_FDCWD, buf,
				     AT_SYMLINK_FOLLOW));
	case READLINK: /* not by descriptor */
	case NR_OPS:
		break;
	}
	return -ENOSYS;
}

/* --- What is done to it first, and how it loses its name ------------------ */

enum {
	COPIED = 1, /* up, by a chmod: metadata only with metacopy=on */
	LINKED_BELOW = 2, /* it has another name in the lower */
	LINKED = 4, /* and here one that it got through the tree */
	REPLACED = 8, /* by another file, not unlinked */
};

static const struct kind {
	const char *name;
	unsigned how;
	const char *options;
	int nlink, link; /* after it */
	/* The kernel copies nothing up that has no name: EEXIST, and shows
	 * the lower's links. */
	bool is_lower;
} kinds[] = {
	{ "lower", 0, NULL, 0, -ENOENT, true },
	{ "lower, metacopy", 0, "metacopy=on", 0, -ENOENT, true },
	{ "upper", COPIED, NULL, 0, -ENOENT, false },
	{ "metadata only", COPIED, "metacopy=on", 0, -ENOENT, false },
	{ "lower with another name", LINKED_BELOW, NULL, 1, 0, true },
	{ "the same, parted", LINKED_BELOW, "index=off", 1, -ENOENT, true },
	{ "the same, indexed", LINKED_BELOW, "index=on", 1, 0, true },
	{ "upper with another name", COPIED | LINKED, NULL, 1, 0, false },
	{ "metadata with another name", COPIED | LINKED, "metacopy=on", 1, 0,
	  false },
	{ "replaced, lower", REPLACED, NULL, 0, -ENOENT, true },
	{ "replaced, upper", REPLACED | COPIED, NULL, 0, -ENOENT, false },
};

static int
want(const struct kind *k, enum op op)
{
	return op == NLINK ? k->nlink : op == LINK ? k->link : ops[op].want;
}

static void
guest_prepare(const struct kind *k)
{
	struct p9_setattr chmod = { .valid = P9_SET_MODE, .mode = 0666 };

	CHECK_EQ(0, p9_walk(&c, 0, FILE_FID, "f"));
	if (k->how & COPIED)
		CHECK_EQ(0, p9_setattr(&c, FILE_FID, &chmod));
	if (k->how & LINKED)
		CHECK_EQ(0, p9_link(&c, 0, FILE_FID, "f2"));
	CHECK_EQ(0, p9_lopen(&c, FILE_FID, 0, NULL));
	if (k->how & REPLACED)
		CHECK_EQ(0, p9_renameat(&c, 0, "g", 0, "f"));
	else
		CHECK_EQ(0, p9_unlinkat(&c, 0, "f", 0));
}

static bool
host_prepare(const struct kind *k)
{
	char cmd[512];

	(void)snprintf(host_dir, sizeof(host_dir), "%s/merged", h.root);
	(void)snprintf(cmd, sizeof(cmd),
		       "cd %s && mkdir k kw merged && mount -t overlay test "
		       "-o lowerdir=lower,upperdir=k,workdir=kw%s%s merged",
		       h.root, k->options ? "," : "",
		       k->options ? k->options : "");
	if (system(cmd) != 0)
		return false;
	(void)snprintf(cmd, sizeof(cmd), "%s/f", host_dir);
	if (k->how & COPIED)
		CHECK_EQ(0, chmod(cmd, 0666));
	if (k->how & LINKED)
		harness_sh(&h, "ln merged/f merged/f2");
	host_fd = open(cmd, O_RDONLY | O_CLOEXEC);
	CHECK(host_fd >= 0);
	harness_sh(&h,
		   k->how & REPLACED ? "mv merged/g merged/f" : "rm merged/f");
	return true;
}

static void
host_end(void)
{
	(void)close(host_fd);
	if (host_again > 0)
		(void)close(host_again);
	host_again = 0;
	harness_sh(&h, "umount merged; rm -rf k kw merged");
}

/* Does the kernel say so, too? */
static void
compare(const struct kind *k)
{
	int op, got;

	if (!host_prepare(k)) {
		printf("%s: no kernel mount to compare with\n", k->name);
		return;
	}
	for (op = 0; op < READLINK; op++) {
		if (k->is_lower &&
		    (op == NLINK || op == LINK || (op >= CHMOD && op < LINK)))
			continue;
		got = host_do((enum op)op);
		if (got != want(k, (enum op)op)) {
			printf("kernel, %s: %s\n", k->name, ops[op].name);
			CHECK_EQ(want(k, (enum op)op), got);
		}
	}
	host_end();
}

/* What Linux does without asking, and others do not. */
static void
check_rest(const struct p9_qid *was)
{
	struct p9_stat st;
	uint32_t type;

	CHECK_EQ(0, p9_getattr(&c, FILE_FID, &st));
	CHECK_EQ(was->path, st.qid.path);
	CHECK(st.qid.version != 0);
	CHECK_EQ(-ENOTDIR, p9_walk(&c, FILE_FID, 13, ".."));
	CHECK_EQ(-ENOTDIR, p9_walk(&c, FILE_FID, 13, "x"));
	CHECK_EQ(0, p9_statfs(&c, FILE_FID, &type));
	CHECK_EQ(2, p9_getlock(&c, FILE_FID, 2, 0, 0, 1, "guest"));
	CHECK_EQ(0, p9_walk(&c, FILE_FID, 13, ""));
	CHECK_EQ(-ENOENT, p9_rename(&c, 13, 0, "back"));
	CHECK_EQ(-ENOENT, p9_remove(&c, 13));
	CHECK_EQ(0, p9_clunk(&c, AGAIN_FID));
	CHECK_EQ(0, p9_clunk(&c, FILE_FID));
}

static void
check_kind(const struct kind *k)
{
	struct p9_stat st;
	char option[64];
	int op, got;

	option[0] = '\0';
	if (k->options)
		(void)snprintf(option, sizeof(option), "-o %s", k->options);
	harness_start(&h,
		      k->how & LINKED_BELOW
			      ? "printf data >f; ln f f3; echo g >g; "
				"setfattr -n user.have -v value f"
			      : "printf data >f; echo g >g; "
				"setfattr -n user.have -v value f",
		      option);
	harness_attach(&h, &c, 0);
	compare(k);
	CHECK_EQ(0, p9_walk(&c, 0, 1, "f"));
	CHECK_EQ(0, p9_getattr(&c, 1, &st));
	guest_prepare(k);
	if (k->link < 0) /* of the lower file, too, before it is copied up */
		CHECK_EQ(k->link, guest_do(LINK));
	for (op = 0; op < NR_OPS; op++) {
		if ((op == CHOWN || op == OWNER) && geteuid() != 0)
			continue;
		got = guest_do((enum op)op);
		if (got != want(k, (enum op)op)) {
			printf("%s: %s\n", k->name, ops[op].name);
			CHECK_EQ(want(k, (enum op)op), got);
		}
	}
	check_rest(&st.qid);
	p9_close(&c);
	harness_end(&h);
}

int
main(void)
{
	size_t i;

	/* The mounts are nobody else's, and go with us. */
	if (geteuid() == 0 && unshare(CLONE_NEWNS) == 0)
		(void)mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (geteuid() == 0 || !kinds[i].options)
			check_kind(&kinds[i]);
	return 0;
}
