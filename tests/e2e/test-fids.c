/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a client may do with its fids, over the wire: 9p.md 3 and 5.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"

static struct harness h;
static struct p9 c;

static void
open_and_unlinked(void)
{
	struct p9_setattr set = { .valid = P9_SET_SIZE, .size = 2 };
	struct p9_stat st;
	char buf[16];

	CHECK_EQ(0, p9_walk(&c, 0, 10, "dir/file"));
	CHECK_EQ(0, p9_lopen(&c, 10, 2, NULL));
	CHECK_EQ(0, p9_walk(&c, 0, 11, "dir"));
	CHECK_EQ(0, p9_unlinkat(&c, 11, "file", 0));
	CHECK_EQ(-ENOENT, p9_walk(&c, 0, 12, "dir/file"));
	CHECK_EQ(5, p9_read(&c, 10, 0, buf, 16));
	CHECK_EQ(3, p9_write(&c, 10, 0, "new", 3));
	CHECK_EQ(0, p9_setattr(&c, 10, &set));
	CHECK_EQ(0, p9_getattr(&c, 10, &st));
	CHECK_EQ(0, st.nlink);
	CHECK_EQ(2, st.size);
	/* A clone of it, opened afresh. */
	CHECK_EQ(0, p9_walk(&c, 10, 13, ""));
	CHECK_EQ(0, p9_lopen(&c, 13, 0, NULL));
	CHECK_EQ(2, p9_read(&c, 13, 0, buf, 16));
	CHECK(memcmp(buf, "ne", 2) == 0);
	CHECK_EQ(0, p9_clunk(&c, 13));
	CHECK_EQ(0, p9_clunk(&c, 10));
	CHECK_EQ(0, p9_clunk(&c, 11));
}

static void
read_only_fid_sees_copyup(void)
{
	struct p9_qid before, after;
	struct p9_stat st;
	char buf[16];

	CHECK_EQ(0, p9_walk(&c, 0, 10, "lower"));
	CHECK_EQ(0, p9_lopen(&c, 10, 0, &before));
	CHECK_EQ(4, p9_read(&c, 10, 0, buf, 16));
	CHECK_EQ(0, p9_walk(&c, 0, 11, "lower"));
	CHECK_EQ(0, p9_lopen(&c, 11, 1, NULL));
	CHECK_EQ(6, p9_write(&c, 11, 0, "longer", 6));
	CHECK_EQ(6, p9_read(&c, 10, 0, buf, 16));
	CHECK(memcmp(buf, "longer", 6) == 0);
	CHECK_EQ(0, p9_getattr(&c, 10, &st));
	CHECK_EQ(6, st.size);
	CHECK_EQ(0, p9_walk(&c, 0, 12, "lower"));
	CHECK_EQ(0, p9_lopen(&c, 12, 0, &after));
	CHECK_EQ(before.path, after.path);
	CHECK(before.version != after.version && after.version != 0);
	CHECK_EQ(0, p9_clunk(&c, 10));
	CHECK_EQ(0, p9_clunk(&c, 11));
	CHECK_EQ(0, p9_clunk(&c, 12));
}

static void
follows_renames(void)
{
	struct p9_stat st;

	CHECK_EQ(0, p9_mkdir(&c, 0, "a", 0755, 0));
	CHECK_EQ(0, p9_walk(&c, 0, 10, "a"));
	CHECK_EQ(0, p9_mkdir(&c, 10, "b", 0755, 0));
	CHECK_EQ(0, p9_walk(&c, 10, 11, "b"));
	CHECK_EQ(0, p9_renameat(&c, 0, "a", 0, "z"));
	CHECK_EQ(0, p9_getattr(&c, 11, &st));
	CHECK_EQ(0, p9_mkdir(&c, 11, "c", 0755, 0));
	CHECK_EQ(0, p9_walk(&c, 0, 12, "z/b/c"));
	CHECK_EQ(-EINVAL, p9_renameat(&c, 0, "z", 12, "z"));
	CHECK_EQ(0, p9_rename(&c, 12, 0, "c2"));
	CHECK_EQ(0, p9_remove(&c, 12));
	CHECK_EQ(-EBADF, p9_clunk(&c, 12));
	CHECK_EQ(0, p9_clunk(&c, 10));
	CHECK_EQ(0, p9_clunk(&c, 11));
}

static void
locks(void)
{
	struct p9 other;

	harness_attach(&h, &other, 1000);
	CHECK_EQ(0, p9_walk(&c, 0, 10, "lower"));
	CHECK_EQ(0, p9_lopen(&c, 10, 2, NULL));
	CHECK_EQ(0, p9_walk(&other, 0, 10, "lower"));
	CHECK_EQ(0, p9_lopen(&other, 10, 2, NULL));
	CHECK_EQ(0, p9_lock(&c, 10, 1, 0, 10, 7, "guest"));
	CHECK_EQ(1, p9_lock(&other, 10, 1, 5, 10, 7, "guest"));
	CHECK_EQ(0, p9_lock(&other, 10, 1, 10, 0, 7, "guest"));
	CHECK_EQ(1, p9_lock(&c, 10, 0, 20, 1, 7, "guest"));
	/* As Linux asks: type 2 means "what is in the way of writing?" */
	CHECK_EQ(1, p9_getlock(&other, 10, 2, 0, 1, 7, "guest"));
	CHECK_EQ(0, p9_clunk(&c, 10));
	CHECK_EQ(2, p9_getlock(&other, 10, 2, 0, 1, 7, "guest"));
	p9_close(&other);
}

static void
xattrs(void)
{
	char buf[256];

	CHECK_EQ(0, p9_walk(&c, 0, 10, "lower"));
	CHECK_EQ(-ENODATA, p9_getxattr(&c, 10, "user.a", buf, sizeof(buf)));
	CHECK_EQ(0, p9_setxattr(&c, 10, "user.a", "value", 5, 1));
	CHECK_EQ(-EEXIST, p9_setxattr(&c, 10, "user.a", "x", 1, 1));
	CHECK_EQ(5, p9_getxattr(&c, 10, "user.a", buf, sizeof(buf)));
	CHECK_EQ(0, p9_setxattr(&c, 10, "user.empty", "", 0, 0));
	CHECK_EQ(0, p9_getxattr(&c, 10, "user.empty", buf, sizeof(buf)));
	CHECK_EQ(18, p9_getxattr(&c, 10, "", buf, sizeof(buf)));
	CHECK_EQ(0, p9_setxattr(&c, 10, "user.a", "", 0, 2));
	CHECK_EQ(-ENODATA, p9_getxattr(&c, 10, "user.a", buf, sizeof(buf)));
	/* Private names are out of reach: this one is escaped. */
	CHECK_EQ(-ENODATA, p9_getxattr(&c, 10, "trusted.overlay.origin", buf,
				       sizeof(buf)));
	CHECK_EQ(0, p9_clunk(&c, 10));
}

/* valid says what is filled, and that alone; of gen nothing, ever. */
static void
valid_masks(void)
{
	static const char *const paths[] = { "lower", "dir", "link2", "fifo2",
					     "upper" };
	struct p9_stat st;
	size_t i;

	CHECK_EQ(0, p9_symlink(&c, 0, "link2", "x", 0));
	CHECK_EQ(0, p9_mknod(&c, 0, "fifo2", 010644, 0, 0, 0));
	CHECK_EQ(0, p9_walk(&c, 0, 10, ""));
	CHECK_EQ(0, p9_lcreate(&c, 10, "upper", 2, 0644, 0));
	CHECK_EQ(0, p9_clunk(&c, 10));
	for (i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		CHECK_EQ(0, p9_walk(&c, 0, 10, paths[i]));
		CHECK_EQ(0, p9_getattr(&c, 10, &st));
		CHECK_EQ(0x7ff, st.valid & ~UINT64_C(0x800));
		CHECK_EQ((st.valid & 0x800) != 0, st.btime != 0);
		CHECK_EQ(0, st.gen);
		CHECK_EQ(0, st.data_version);
		CHECK_EQ(0, p9_clunk(&c, 10));
	}
}

static void
special_files(void)
{
	CHECK_EQ(-EPERM, p9_mknod(&c, 0, "w", 020644, 0, 0, 0));
	CHECK_EQ(0, p9_mknod(&c, 0, "fifo", 010644, 0, 0, 0));
	CHECK_EQ(0, p9_walk(&c, 0, 10, "fifo"));
	CHECK_EQ(-ENXIO, p9_lopen(&c, 10, 0, NULL));
	CHECK_EQ(0, p9_clunk(&c, 10));
	CHECK_EQ(0, p9_symlink(&c, 0, "link", "/etc/passwd", 0));
	CHECK_EQ(0, p9_walk(&c, 0, 10, "link"));
	CHECK_EQ(-ELOOP, p9_lopen(&c, 10, 0, NULL));
	CHECK_EQ(-ENOTDIR, p9_walk(&c, 10, 11, "x"));
	CHECK_EQ(0, p9_clunk(&c, 10));
	/* Nothing is above the root. */
	CHECK_EQ(0, p9_walk(&c, 0, 10, "../../lower"));
	CHECK_EQ(0, p9_clunk(&c, 10));
}

static int
count(uint32_t fid, uint32_t size, bool remove)
{
	static struct p9_dirent e[64];
	uint64_t off = 0;
	int n, i, total = 0;

	while ((n = p9_readdir(&c, fid, off, size, e, 64)) > 0) {
		for (i = 0; i < n; i++) {
			off = e[i].off;
			if (e[i].name[0] == '.')
				continue;
			total++;
			if (remove)
				CHECK_EQ(0, p9_unlinkat(&c, 20, e[i].name, 0));
		}
	}
	CHECK_EQ(0, n);
	return total;
}

/* Each entry once, though they are removed meanwhile; a rewind looks anew. */
static void
listings(void)
{
	CHECK_EQ(0, p9_walk(&c, 0, 20, "many"));
	CHECK_EQ(0, p9_walk(&c, 0, 21, "many"));
	CHECK_EQ(0, p9_lopen(&c, 21, 0, NULL));
	CHECK_EQ(-EINVAL, p9_readdir(&c, 21, 0, 20, NULL, 0));
	CHECK_EQ(300, count(21, 1000, false));
	CHECK_EQ(0, p9_mkdir(&c, 20, "new", 0755, 0));
	CHECK_EQ(301, count(21, 1000, false));
	CHECK_EQ(0, p9_unlinkat(&c, 20, "new", 0x200));
	CHECK_EQ(300, count(21, 500, true));
	CHECK_EQ(0, count(21, 1000, false));
	CHECK_EQ(0, p9_clunk(&c, 21));
	CHECK_EQ(0, p9_clunk(&c, 20));
	CHECK_EQ(0, p9_unlinkat(&c, 0, "many", 0x200));
}

static void
session_reset(void)
{
	struct p9_stat st;

	CHECK_EQ(0, p9_flush(&c, 4711));
	CHECK_EQ(0, p9_walk(&c, 0, 10, "lower"));
	CHECK_EQ(0, p9_version(&c, 65536, "9P2000.L"));
	CHECK_EQ(65536, c.msize);
	CHECK_EQ(-EBADF, p9_getattr(&c, 10, &st));
	CHECK_EQ(-EREMOTEIO, p9_version(&c, 65536, "9P2000.u"));
	CHECK_EQ(0, p9_version(&c, 65536, "9P2000.L"));
	CHECK_EQ(-ENOENT, p9_attach(&c, 0, "nothing", 0));
	CHECK_EQ(0, p9_attach(&c, 0, "/", 0));
}

int
main(void)
{
	harness_start(&h,
		      "mkdir dir many; printf 12345 >dir/file; printf data "
		      ">lower; cd many; for i in $(seq 300); do : >f$i; done; "
		      "cd ..",
		      NULL);
	harness_attach(&h, &c, 0);
	open_and_unlinked();
	read_only_fid_sees_copyup();
	follows_renames();
	locks();
	xattrs();
	valid_masks();
	special_files();
	listings();
	session_reset();
	p9_close(&c);
	harness_end(&h);
	return 0;
}
