/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Every message with a fid, on a fid in every state (9p.md 3.1 and 3.2), over
 * a real tree: the first fid of a message and the second one, which errno it
 * gets, what the fid is then, and that a failure leaves it as it was. (While a
 * fid is RESERVED nobody can look: unit/test-9p-fid-states.c.)
 */
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#include "harness.h"

enum state { UNKNOWN, FILE_, DIR_, LINK, OPEN, OPEN_DIR, XREAD, XWRITE, NR };

/* What the fid is after success. */
enum after { SAME, OPENED, CREATED, NAMED, ROOT, READS, WRITES, GONE };

#define XERR EINVAL, EINVAL
#define ANY_OBJECT                         \
	{                                  \
		EBADF, 0, 0, 0, 0, 0, XERR \
	}
#define IN_DIRECTORY                                         \
	{                                                    \
		EBADF, ENOTDIR, 0, ENOTDIR, ENOTDIR, 0, XERR \
	}
#define ONLY_OPEN                                      \
	{                                              \
		EBADF, EBADF, EBADF, EBADF, 0, 0, XERR \
	}
#define ONLY_UNUSED                                                \
	{                                                          \
		0, EBUSY, EBUSY, EBUSY, EBUSY, EBUSY, EBUSY, EBUSY \
	}
#define NEVER(e)                       \
	{                              \
		e, e, e, e, e, e, e, e \
	}

/*
 * The fields of a message: S the fid in question, R the root, F another file,
 * N an unused fid, O NOFID; 1 2 4 8 so many bytes of 0, W 2 in 8 bytes, C
 * number 0x40, D data; strings: n of nothing there, i of what each directory
 * has in it, x of an xattr, e empty.
 */
static const struct {
	const char *name;
	uint8_t type;
	const char *fields;
	int err[NR];
	enum after after;
} cases[] = {
	{ "statfs", 8, "S", ANY_OBJECT, SAME },
	{ "lopen",
	  12,
	  "S4",
	  { EBADF, 0, 0, ELOOP, EINVAL, EINVAL, XERR },
	  OPENED },
	{ "lcreate",
	  14,
	  "Sn444",
	  { EBADF, ENOTDIR, 0, ENOTDIR, EINVAL, EINVAL, XERR },
	  CREATED },
	{ "symlink", 16, "Snx4", IN_DIRECTORY, SAME },
	{ "mknod", 18, "Sn4444", IN_DIRECTORY, SAME },
	{ "rename", 20, "SRn", ANY_OBJECT, SAME },
	{ "rename, dfid", 20, "FSn", IN_DIRECTORY, SAME },
	{ "readlink",
	  22,
	  "S",
	  { EBADF, EINVAL, EINVAL, 0, EINVAL, EINVAL, XERR },
	  SAME },
	{ "getattr", 24, "S8", ANY_OBJECT, SAME },
	{ "setattr", 26, "SC44488888", ANY_OBJECT, SAME },
	{ "xattrwalk", 30, "SNe", ANY_OBJECT, SAME },
	{ "xattrwalk, newfid", 30, "FSe", ONLY_UNUSED, READS },
	{ "xattrwalk to itself",
	  30,
	  "SSe",
	  { EBADF, EINVAL, EINVAL, EINVAL, EINVAL, EINVAL, XERR },
	  SAME },
	{ "xattrcreate",
	  32,
	  "SxW44",
	  { EBADF, 0, 0, 0, 0, EINVAL, XERR },
	  WRITES },
	{ "readdir",
	  40,
	  "S8C",
	  { EBADF, EBADF, EBADF, EBADF, ENOTDIR, 0, XERR },
	  SAME },
	{ "fsync", 50, "S4", ANY_OBJECT, SAME },
	{ "lock", 52,
	  "S1488"
	  "4e",
	  ONLY_OPEN, SAME },
	{ "getlock", 54, "S1884e", ONLY_OPEN, SAME },
	{ "link, dfid", 70, "SFn", IN_DIRECTORY, SAME },
	{ "link, fid",
	  70,
	  "RSn",
	  { EBADF, 0, EPERM, 0, 0, EPERM, XERR },
	  SAME },
	{ "mkdir", 72, "Sn44", IN_DIRECTORY, SAME },
	{ "renameat, olddirfid", 74, "SiRn", IN_DIRECTORY, SAME },
	{ "renameat, newdirfid", 74, "RqSn", IN_DIRECTORY, SAME },
	{ "unlinkat", 76, "Si4", IN_DIRECTORY, SAME },
	{ "auth", 102, "Seee4", NEVER(ENOENT), SAME },
	{ "attach", 104, "SOee4", ONLY_UNUSED, ROOT },
	{ "attach, afid", 104, "NSee4", NEVER(EINVAL), SAME },
	{ "walk to a clone", 110, "SN2", ANY_OBJECT, SAME },
	{ "walk to a name", 110, "SN_i", IN_DIRECTORY, SAME },
	{ "walk to no name",
	  110,
	  "SN_n",
	  { EBADF, ENOTDIR, ENOENT, ENOTDIR, ENOTDIR, ENOENT, XERR },
	  SAME },
	{ "walk, newfid", 110, "RS2", ONLY_UNUSED, ROOT },
	{ "walk of itself",
	  110,
	  "SS2",
	  { EBADF, 0, 0, 0, EBUSY, EBUSY, XERR },
	  SAME },
	{ "walk of itself to a name",
	  110,
	  "SS_i",
	  { EBADF, ENOTDIR, 0, ENOTDIR, EBUSY, EBUSY, XERR },
	  NAMED },
	{ "read",
	  116,
	  "S8C",
	  { EBADF, EBADF, EBADF, EBADF, 0, EISDIR, 0, EINVAL },
	  SAME },
	{ "write",
	  118,
	  "S8D",
	  { EBADF, EBADF, EBADF, EBADF, 0, EBADF, EINVAL, 0 },
	  SAME },
	{ "clunk", 120, "S", { EBADF, 0, 0, 0, 0, 0, 0, EINVAL }, GONE },
	{ "remove",
	  122,
	  "S",
	  { EBADF, 0, ENOTEMPTY, 0, 0, ENOTEMPTY, XERR },
	  GONE },
};

static struct harness h;

/* Make object number @i, named so, and bring fid 1 to @state. */
static void
reach(struct p9 *c, const char *name, enum state state)
{
	bool is_dir = state == DIR_ || state == OPEN_DIR;
	struct p9_reply r;

	CHECK_EQ(0, p9_walk(c, 0, 4, ""));
	if (is_dir) {
		CHECK_EQ(0, p9_mkdir(c, 0, name, 0755, 0));
		CHECK_EQ(0, p9_walk(c, 4, 4, name));
		CHECK_EQ(0, p9_lcreate(c, 4, "in", 2, 0644, 0));
	} else if (state == LINK) {
		CHECK_EQ(0, p9_symlink(c, 0, name, "in", 0));
	} else {
		CHECK_EQ(0, p9_lcreate(c, 4, name, 2, 0644, 0));
	}
	CHECK_EQ(0, p9_clunk(c, 4));
	if (state == UNKNOWN)
		return;
	CHECK_EQ(0, p9_walk(c, 0, state == XREAD ? 4 : 1, name));
	if (state == OPEN || state == OPEN_DIR)
		CHECK_EQ(0, p9_lopen(c, 1, is_dir ? 0 : 2, NULL));
	if (state != XREAD && state != XWRITE)
		return;
	p9_begin(c, state == XREAD ? 30 : 32, 1);
	p9_put32(c, state == XREAD ? 4 : 1);
	if (state == XREAD)
		p9_put32(c, 1);
	p9_put_string(c, state == XREAD ? "" : "user.x");
	if (state == XWRITE) {
		p9_put64(c, 2);
		p9_put32(c, 0);
	}
	CHECK_EQ(0, p9_call(c, &r));
	if (state == XREAD)
		CHECK_EQ(0, p9_clunk(c, 4));
}

/* Which state fid 1 is in, found out without changing it. */
static enum state
state_of(struct p9 *c)
{
	struct p9_stat st;
	char byte;
	int r = p9_getattr(c, 1, &st);
	bool is_open;

	if (r == -EBADF)
		return UNKNOWN;
	if (r == -EINVAL)
		return p9_read(c, 1, 0, &byte, 0) == 0 ? XREAD : XWRITE;
	CHECK_EQ(0, r);
	is_open = p9_lock(c, 1, 2, 0, 0, 0, "") == 0;
	if (S_ISDIR(st.mode))
		return is_open ? OPEN_DIR : DIR_;
	if (S_ISLNK(st.mode))
		return LINK;
	return is_open ? OPEN : FILE_;
}

static enum state
state_after(enum after after, enum state before)
{
	switch (after) {
	case SAME:
		return before;
	case OPENED:
		return before == DIR_ ? OPEN_DIR : OPEN;
	case CREATED:
		return OPEN;
	case NAMED:
		return FILE_;
	case ROOT:
		return DIR_;
	case READS:
		return XREAD;
	case WRITES:
		return XWRITE;
	case GONE:
		return UNKNOWN;
	}
	return NR;
}

/* One field; @unused names nothing, @other a file of the root. */
static void
put_field(struct p9 *c, char field, const char *unused, const char *other)
{
	static const uint8_t zeros[8] = { 0 };

	switch (field) {
	case 'S':
	case 'R':
	case 'N':
	case 'F':
		p9_put32(c, field == 'S'   ? 1
			    : field == 'R' ? 0
			    : field == 'N' ? 2
					   : 3);
		break;
	case 'O':
		p9_put32(c, P9_NOFID);
		break;
	case 'C':
		p9_put32(c, 0x40);
		break;
	case 'W':
		p9_put64(c, 2);
		break;
	case 'D':
		p9_put32(c, 1);
		p9_put_bytes(c, "d", 1);
		break;
	case '_':
		p9_put16(c, 1); /* the number of names that follow */
		break;
	case 'n':
		p9_put_string(c, unused);
		break;
	case 'q':
		p9_put_string(c, other);
		break;
	case 'i':
		p9_put_string(c, "in");
		break;
	case 'x':
		p9_put_string(c, "user.x");
		break;
	case 'e':
		p9_put_string(c, "");
		break;
	default:
		p9_put_bytes(c, zeros, (size_t)(field - '0'));
	}
}

static void
check_case(size_t i, enum state state)
{
	char object[32], other[32], unused[32];
	const char *field;
	struct p9_reply r;
	struct p9 c;
	int got;

	(void)snprintf(object, sizeof(object), "o-%zu-%d", i, state);
	(void)snprintf(other, sizeof(other), "p-%zu-%d", i, state);
	(void)snprintf(unused, sizeof(unused), "n-%zu-%d", i, state);
	harness_attach(&h, &c, 0);
	CHECK_EQ(0, p9_walk(&c, 0, 3, ""));
	CHECK_EQ(0, p9_lcreate(&c, 3, other, 2, 0644, 0));
	reach(&c, object, state);
	p9_begin(&c, cases[i].type, 1);
	for (field = cases[i].fields; *field; field++)
		put_field(&c, *field, unused, other);
	got = p9_call(&c, &r);
	fprintf(stderr, "%s in state %d\n", cases[i].name, state);
	CHECK_EQ(-cases[i].err[state], got);
	if (got == 0 || cases[i].after == GONE)
		CHECK_EQ(state_after(cases[i].after, state), state_of(&c));
	else
		CHECK_EQ(state, state_of(&c));
	/* No fid is made by a message that failed. */
	if (got < 0)
		CHECK_EQ(-EBADF, p9_clunk(&c, 2));
	p9_close(&c);
}

int
main(void)
{
	enum state state;
	size_t i;

	harness_start(&h, NULL, NULL);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		for (state = UNKNOWN; state < NR; state++)
			check_case(i, state);
	harness_end(&h);
	return 0;
}
