/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What 9p.md 13 wants of attributes and of objects without a name, on a real
 * tree, whatever the server's umask: owner, group and mode of what is made,
 * set-id bits, link counts, one identity in all replies, and an unlinked open
 * file that is as good as any other.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness.h"

static struct harness h;
static struct p9 c;

static struct p9_stat
stat_of(const char *path)
{
	struct p9_stat st;

	CHECK_EQ(0, p9_walk(&c, 0, 50, path));
	CHECK_EQ(0, p9_getattr(&c, 50, &st));
	CHECK_EQ(0, p9_clunk(&c, 50));
	return st;
}

/* mode as sent, owner the fid's user, group the message's. */
static void
made(void)
{
	const uint32_t gid = geteuid() == 0 ? 77 : getegid();
	static const struct {
		const char *name;
		uint32_t mode;
	} all[] = {
		{ "file", 0100666 },      { "file-0", 0100000 },
		{ "file-suid", 0106755 }, { "dir", 040777 },
		{ "dir-sgid", 042755 },   { "fifo", 010622 },
		{ "link", 0120777 },
	};
	struct p9_stat st;
	size_t i;

	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		const char *name = all[i].name;
		uint32_t mode = all[i].mode;

		CHECK_EQ(0, p9_walk(&c, 0, 1, ""));
		if (S_ISREG(mode))
			CHECK_EQ(0, p9_lcreate(&c, 1, name, 2, mode, gid));
		else if (S_ISDIR(mode))
			CHECK_EQ(0, p9_mkdir(&c, 1, name, mode, gid));
		else if (S_ISLNK(mode))
			CHECK_EQ(0, p9_symlink(&c, 1, name, "target", gid));
		else
			CHECK_EQ(0, p9_mknod(&c, 1, name, mode, 0, 0, gid));
		st = stat_of(name);
		CHECK_EQ(mode, st.mode);
		CHECK_EQ(gid, st.gid);
		CHECK_EQ(geteuid() == 0 ? 1000 : geteuid(), st.uid);
		CHECK(st.nlink >= 1);
		if (S_ISREG(mode))
			CHECK_EQ(2, p9_write(&c, 1, 0, "rw", 2));
		CHECK_EQ(0, p9_clunk(&c, 1));
	}
}

/* Writes and truncation by others than root drop them; root's do not. */
static void
set_id(void)
{
	struct p9_setattr bits = { .valid = P9_SET_MODE, .mode = 06755 };
	struct p9_setattr size = { .valid = P9_SET_SIZE, .size = 3 };
	struct p9 root;

	CHECK_EQ(0, p9_walk(&c, 0, 1, "lower"));
	CHECK_EQ(0, p9_setattr(&c, 1, &bits));
	CHECK_EQ(06755, stat_of("lower").mode & 07777);
	CHECK_EQ(0, p9_walk(&c, 0, 2, "lower"));
	CHECK_EQ(0, p9_lopen(&c, 2, 1, NULL));
	CHECK_EQ(06755, stat_of("lower").mode & 07777);
	CHECK_EQ(1, p9_write(&c, 2, 0, "x", 1));
	CHECK_EQ(0755, stat_of("lower").mode & 07777);
	CHECK_EQ(0, p9_setattr(&c, 1, &bits));
	CHECK_EQ(0, p9_setattr(&c, 1, &size));
	CHECK_EQ(0755, stat_of("lower").mode & 07777);
	if (geteuid() == 0) {
		CHECK_EQ(0, p9_setattr(&c, 1, &bits));
		harness_attach(&h, &root, 0);
		CHECK_EQ(0, p9_walk(&root, 0, 1, "lower"));
		CHECK_EQ(0, p9_lopen(&root, 1, 1, NULL));
		CHECK_EQ(1, p9_write(&root, 1, 0, "x", 1));
		CHECK_EQ(06755, stat_of("lower").mode & 07777);
		p9_close(&root);
	}
	/* What was opened for writing stays so, whatever the mode is now. */
	bits.mode = 0;
	CHECK_EQ(0, p9_setattr(&c, 2, &bits));
	CHECK_EQ(1, p9_write(&c, 2, 1, "y", 1));
	CHECK_EQ(0, p9_setattr(&c, 2, &size));
	CHECK_EQ(0, p9_clunk(&c, 1));
	CHECK_EQ(0, p9_clunk(&c, 2));
}

/* Walk, open, create, getattr and readdir say the same of one object. */
static void
identities(void)
{
	struct p9_dirent e[64];
	struct p9_qid created, opened;
	struct p9_stat st;
	struct p9_reply r;
	int n, i;

	CHECK_EQ(0, p9_walk(&c, 0, 1, ""));
	p9_begin(&c, 14, 1);
	p9_put32(&c, 1);
	p9_put_string(&c, "same");
	p9_put32(&c, 2);
	p9_put32(&c, 0644);
	p9_put32(&c, P9_NOFID);
	CHECK_EQ(0, p9_call(&c, &r));
	created.version = p9_get32(r.body + 1);
	created.path = p9_get64(r.body + 5);
	CHECK(created.version != 0);
	p9_begin(&c, 110, 1);
	p9_put32(&c, 0);
	p9_put32(&c, 2);
	p9_put16(&c, 1);
	p9_put_string(&c, "same");
	CHECK_EQ(0, p9_call(&c, &r));
	CHECK_EQ(created.version, p9_get32(r.body + 3));
	CHECK_EQ(created.path, p9_get64(r.body + 7));
	CHECK_EQ(0, p9_getattr(&c, 2, &st));
	CHECK_EQ(created.version, st.qid.version);
	CHECK_EQ(created.path, st.qid.path);
	CHECK_EQ(0, p9_lopen(&c, 2, 0, &opened));
	CHECK_EQ(created.version, opened.version);
	CHECK_EQ(created.path, opened.path);
	/* Another content, though of the same size and in the same tick. */
	CHECK_EQ(1, p9_write(&c, 1, 0, "a", 1));
	CHECK_EQ(0, p9_getattr(&c, 2, &st));
	opened = st.qid;
	CHECK(opened.version != created.version && opened.version != 0);
	CHECK_EQ(1, p9_write(&c, 1, 0, "b", 1));
	CHECK_EQ(0, p9_getattr(&c, 2, &st));
	CHECK(opened.version != st.qid.version && st.qid.version != 0);
	CHECK_EQ(0, p9_walk(&c, 0, 3, ""));
	CHECK_EQ(0, p9_lopen(&c, 3, 0, NULL));
	n = p9_readdir(&c, 3, 0, 4000, e, 64);
	for (i = 0; i < n && strcmp(e[i].name, "same") != 0; i++)
		continue;
	CHECK(i < n && e[i].qid.path == created.path && e[i].type == 8);
	for (i = 1; i < 4; i++)
		CHECK_EQ(0, p9_clunk(&c, (uint32_t)i));
}

/* Nothing of it needs a name. */
static void
without_name(bool from_lower)
{
	struct p9_setattr mode = { .valid = P9_SET_MODE, .mode = 0640 };
	struct p9_setattr touch = { .valid = P9_SET_CTIME | P9_SET_MTIME };
	struct p9_stat st;
	uint32_t type;
	char buf[16];

	CHECK_EQ(0, p9_walk(&c, 0, 1, from_lower ? "gone-lower" : "file"));
	CHECK_EQ(0, p9_walk(&c, 1, 2, ""));
	CHECK_EQ(0, p9_lopen(&c, 2, from_lower ? 0 : 2, NULL));
	CHECK_EQ(0, p9_link(&c, 0, 2, "second"));
	CHECK_EQ(2, stat_of("second").nlink);
	CHECK_EQ(0, p9_unlinkat(&c, 0, "second", 0));
	CHECK_EQ(0, p9_unlinkat(&c, 0, from_lower ? "gone-lower" : "file", 0));
	CHECK_EQ(-ENOENT,
		 p9_walk(&c, 0, 3, from_lower ? "gone-lower" : "file"));
	CHECK_EQ(0, p9_getattr(&c, 2, &st));
	CHECK_EQ(0, st.nlink);
	CHECK_EQ(0, p9_setattr(&c, 2, &mode));
	CHECK_EQ(0, p9_setattr(&c, 1, &touch));
	CHECK_EQ(0, p9_setxattr(&c, 1, "user.late", "value", 5, 0));
	CHECK_EQ(5, p9_getxattr(&c, 2, "user.late", buf, sizeof(buf)));
	CHECK_EQ(0, p9_fsync(&c, 1, 0));
	CHECK_EQ(0, p9_fsync(&c, 2, 1));
	CHECK_EQ(0, p9_statfs(&c, 1, &type));
	CHECK_EQ(0, p9_lock(&c, 2, 0, 0, 0, 1, "guest"));
	CHECK_EQ(-ENOENT, p9_link(&c, 0, 2, "back"));
	CHECK_EQ(-ENOENT, p9_rename(&c, 1, 0, "back"));
	CHECK_EQ(0, p9_walk(&c, 1, 3, ""));
	CHECK_EQ(0, p9_lopen(&c, 3, 2, NULL));
	CHECK_EQ(3, p9_write(&c, 3, 0, "new", 3));
	CHECK_EQ(2, p9_read(&c, 2, 1, buf, 2));
	CHECK(memcmp(buf, "ew", 2) == 0);
	CHECK_EQ(0, p9_getattr(&c, 1, &st));
	CHECK_EQ(0640, st.mode & 07777);
	CHECK_EQ(-ENOENT, p9_remove(&c, 1)); /* gone all the same */
	CHECK_EQ(0, p9_clunk(&c, 2));
	CHECK_EQ(0, p9_clunk(&c, 3));
}

/* The flags of the descriptor that the server has on @path. */
static int
server_flags(const char *path)
{
	char line[128], link[256], where[64];
	unsigned flags = 0;
	int fd, found = 0;
	ssize_t n;
	FILE *f;

	for (fd = 0; fd < 256; fd++) {
		(void)snprintf(where, sizeof(where), "/proc/%d/fd/%d", h.pid,
			       fd);
		n = readlink(where, link, sizeof(link) - 1);
		link[n < 0 ? 0 : n] = '\0';
		if (strcmp(link, path) != 0)
			continue;
		(void)snprintf(where, sizeof(where), "/proc/%d/fdinfo/%d",
			       h.pid, fd);
		f = fopen(where, "r");
		while (f && fgets(line, sizeof(line), f))
			if (sscanf(line, "flags: %o", &flags) == 1 &&
			    !(flags & O_PATH))
				found = (int)flags;
		if (f)
			(void)fclose(f);
	}
	return found;
}

/* The host syncs what the guest wants synced. */
static void
sync_flags(void)
{
	static const struct {
		uint32_t dotl;
		int host;
	} flags[] = { { 1, 0 }, { 0x1001, O_DSYNC }, { 0x101001, O_SYNC } };
	char path[96], real[256];
	size_t i;

	(void)snprintf(path, sizeof(path), "%s/upper/same", h.root);
	CHECK(realpath(path, real));
	for (i = 0; i < 3; i++) {
		CHECK_EQ(0, p9_walk(&c, 0, 1, "same"));
		CHECK_EQ(0, p9_lopen(&c, 1, flags[i].dotl, NULL));
		CHECK_EQ(flags[i].host, server_flags(real) & O_SYNC);
		CHECK_EQ(0, p9_clunk(&c, 1));
	}
}

int
main(void)
{
	(void)umask(077); /* the server's, too */
	harness_start(&h, "echo lower >lower; echo gone >gone-lower", NULL);
	harness_attach(&h, &c, 1000);
	made();
	set_id();
	identities();
	without_name(false);
	without_name(true);
	sync_flags();
	p9_close(&c);
	harness_end(&h);
	return 0;
}
