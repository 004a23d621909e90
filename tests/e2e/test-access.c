/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Users: two of them with access=server, also by a server that is no root
 * itself; squash and maps. The rules of the VFS as a whole are compared with
 * the kernel's by the twin runs (set users).
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness.h"

#define ALICE 1000
#define BOB 1001
#define NO_GID UINT32_MAX

static struct harness h;

static int
create(struct p9 *c, const char *name, uint32_t mode, uint32_t gid)
{
	int r = p9_walk(c, 0, 1, "");

	if (r == 0)
		r = p9_lcreate(c, 1, name, 2, mode, gid);
	(void)p9_clunk(c, 1);
	return r;
}

static int
open_file(struct p9 *c, const char *path, uint32_t flags)
{
	int r = p9_walk(c, 0, 1, path);

	if (r == 0)
		r = p9_lopen(c, 1, flags, NULL);
	(void)p9_clunk(c, 1);
	return r;
}

static int
chown_to(struct p9 *c, const char *path, uint32_t uid, uint32_t gid)
{
	struct p9_setattr s = { .valid = (uid == UINT32_MAX ? 0 : P9_SET_UID) |
					 (gid == NO_GID ? 0 : P9_SET_GID),
				.uid = uid,
				.gid = gid };
	int r = p9_walk(c, 0, 1, path);

	if (r == 0)
		r = p9_setattr(c, 1, &s);
	(void)p9_clunk(c, 1);
	return r;
}

static int
chmod_to(struct p9 *c, const char *path, uint32_t mode)
{
	struct p9_setattr s = { .valid = P9_SET_MODE, .mode = mode };
	int r = p9_walk(c, 0, 1, path);

	if (r == 0)
		r = p9_setattr(c, 1, &s);
	(void)p9_clunk(c, 1);
	return r;
}

static void
expect_owner(struct p9 *c, const char *path, uint32_t uid, uint32_t gid)
{
	struct p9_stat st;

	CHECK_EQ(0, p9_walk(c, 0, 1, path));
	CHECK_EQ(0, p9_getattr(c, 1, &st));
	CHECK_EQ(uid, st.uid);
	CHECK_EQ(gid, st.gid);
	CHECK_EQ(0, p9_clunk(c, 1));
}

/* What two users may do to each other's files, and root to both's. */
static void
check_two_users(struct p9 *root, struct p9 *alice, struct p9 *bob)
{
	CHECK_EQ(0, chmod_to(root, "", 01777));
	CHECK_EQ(0, create(alice, "hers", 0640, ALICE));
	expect_owner(bob, "hers", ALICE, ALICE);
	CHECK_EQ(-EACCES, open_file(bob, "hers", 0));
	CHECK_EQ(-EPERM, chmod_to(bob, "hers", 0666));
	CHECK_EQ(-EPERM, chown_to(bob, "hers", BOB, NO_GID));
	CHECK_EQ(-EPERM, p9_unlinkat(bob, 0, "hers", 0));
	CHECK_EQ(-EPERM, p9_renameat(bob, 0, "hers", 0, "his"));
	CHECK_EQ(-EPERM, chown_to(alice, "hers", BOB, NO_GID));
	CHECK_EQ(-EPERM, chown_to(alice, "hers", UINT32_MAX, BOB));
	CHECK_EQ(0, chmod_to(alice, "hers", 0604));
	CHECK_EQ(0, open_file(bob, "hers", 0));
	CHECK_EQ(-EACCES, open_file(bob, "hers", 2));
	CHECK_EQ(-EACCES, open_file(bob, "hers", 0x200));
	CHECK_EQ(0, open_file(root, "hers", 2));
	CHECK_EQ(0, p9_mkdir(alice, 0, "private", 0700, ALICE));
	CHECK_EQ(-EACCES, open_file(bob, "private", 0));
	CHECK_EQ(0, p9_walk(bob, 0, 1, "private"));
	CHECK_EQ(-EACCES, p9_walk(bob, 1, 2, "x"));
	CHECK_EQ(0, p9_clunk(bob, 1));
	CHECK_EQ(-ENOENT, open_file(alice, "private/x", 0));
	/* What was opened stays open, whatever becomes of its mode. */
	CHECK_EQ(0, p9_walk(bob, 0, 2, "hers"));
	CHECK_EQ(0, p9_lopen(bob, 2, 0, NULL));
	CHECK_EQ(0, chmod_to(alice, "hers", 0));
	CHECK_EQ(0, p9_read(bob, 2, 0, (char[1]){ 0 }, 1));
	CHECK_EQ(0, p9_clunk(bob, 2));
	/* A group that she is not in is not hers to give. */
	CHECK_EQ(0, create(alice, "grouped", 0640, BOB));
	expect_owner(root, "grouped", ALICE, ALICE);
	CHECK_EQ(-EPERM,
		 p9_mknod(alice, 0, "dev", S_IFCHR | 0666, 1, 3, ALICE));
	CHECK_EQ(0, p9_mknod(alice, 0, "fifo", S_IFIFO | 0666, 0, 0, ALICE));
}

/* An access ACL lets bob in, for reading. */
static void
check_acl(struct p9 *alice, struct p9 *bob)
{
	static const uint8_t acl[] = {
		2,   0,   0,   0,   1,    0,   6,   0,   255, 255, 255, 255,
		2,   0,   4,   0,   0xe9, 3,   0,   0, /* user 1001: r */
		4,   0,   0,   0,   255,  255, 255, 255, 16,  0,   4,   0,
		255, 255, 255, 255, 32,   0,   0,   0,   255, 255, 255, 255,
	};

	CHECK_EQ(0, create(alice, "listed", 0640, ALICE));
	CHECK_EQ(-EACCES, open_file(bob, "listed", 0));
	CHECK_EQ(0, p9_walk(alice, 0, 1, "listed"));
	CHECK_EQ(0, p9_setxattr(alice, 1, "system.posix_acl_access", acl,
				sizeof(acl), 0));
	CHECK_EQ(0, p9_clunk(alice, 1));
	CHECK_EQ(0, open_file(bob, "listed", 0));
	CHECK_EQ(-EACCES, open_file(bob, "listed", 2));
}

static void
two_users(const char *options)
{
	struct p9 root, alice, bob;

	harness_start(&h, "echo low >low; chmod 600 low", options);
	harness_attach(&h, &root, 0);
	harness_attach(&h, &alice, ALICE);
	harness_attach(&h, &bob, BOB);
	check_two_users(&root, &alice, &bob);
	check_acl(&alice, &bob);
	CHECK_EQ(-EACCES, open_file(&alice, "low", 0));
	CHECK_EQ(0, chown_to(&root, "low", ALICE, NO_GID));
	CHECK_EQ(0, open_file(&alice, "low", 2));
	p9_close(&root);
	p9_close(&alice);
	p9_close(&bob);
	harness_end(&h);
}

/* Root is nobody: his files are nobody's, and he gives nothing away. */
static void
squashed(void)
{
	struct p9 root, alice;

	harness_start(&h, "echo low >low", "--squash root --squash-to 77:78");
	harness_attach(&h, &root, 0);
	harness_attach(&h, &alice, ALICE);
	CHECK_EQ(0, create(&root, "r", 0600, 0));
	CHECK_EQ(0, create(&alice, "a", 0600, ALICE));
	expect_owner(&root, "r", 77, 78);
	expect_owner(&root, "a", ALICE, ALICE);
	CHECK_EQ(-EPERM, chown_to(&root, "r", 0, 0));
	p9_close(&root);
	p9_close(&alice);
	harness_end(&h);
}

static void
mapped_ids(void)
{
	struct p9 root, alice, c;

	harness_start(&h,
		      "chown 100000:200000 .; echo low >low; "
		      "chown 100005:5 low",
		      "--map-uid 0:100000:2000 --map-gid 0:200000:2000");
	harness_attach(&h, &root, 0);
	harness_attach(&h, &alice, ALICE);
	CHECK_EQ(0, create(&alice, "a", 0600, ALICE));
	expect_owner(&root, "a", ALICE, ALICE);
	expect_owner(&root, "low", 5, 65534);
	CHECK_EQ(0, chown_to(&root, "low", 7, 8));
	expect_owner(&root, "low", 7, 8);
	CHECK_EQ(-EINVAL, chown_to(&root, "low", 2000, NO_GID));
	harness_sh(&h, "test $(stat -c %u:%g upper/a) = 101000:201000 && "
		       "test $(stat -c %u:%g upper/low) = 100007:200008");
	/* Nobody here: he does not get in. */
	CHECK_EQ(0, p9_connect(&c, h.socket, 8192));
	CHECK_EQ(0, p9_version(&c, 8192, "9P2000.L"));
	CHECK_EQ(-EPERM, p9_attach(&c, 0, "", 2000));
	CHECK_EQ(0, p9_attach(&c, 0, "", 1999));
	p9_close(&c);
	p9_close(&root);
	p9_close(&alice);
	harness_end(&h);
}

int
main(void)
{
	if (geteuid() != 0) {
		puts("skipped: needs root");
		return 77;
	}
	two_users("--access server");
	two_users("--access server --owner mapped");
	squashed();
	mapped_ids();
	return 0;
}
