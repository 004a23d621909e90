/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Fids follow renames of what is above them, of lower and upper directories,
 * by a redirect and by a copy of all, before and after copy-ups of anything on
 * the way (9p.md 13, Fids; 3.3 Trenameat: all fids below stay valid).
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "harness.h"

static struct harness h;
static struct p9 c;

static void
check_reads(uint32_t fid, const char *want)
{
	char buf[64];

	CHECK_EQ(strlen(want), p9_read(&c, fid, 0, buf, sizeof(buf)));
	CHECK(memcmp(want, buf, strlen(want)) == 0);
}

/* The content by a fresh walk along @path. */
static void
check_path(const char *path, const char *want)
{
	CHECK_EQ(0, p9_walk(&c, 0, 30, path));
	CHECK_EQ(0, p9_lopen(&c, 30, 0, NULL));
	check_reads(30, want);
	CHECK_EQ(0, p9_clunk(&c, 30));
}

static uint64_t
path_of(uint32_t fid)
{
	struct p9_stat st;

	CHECK_EQ(0, p9_getattr(&c, fid, &st));
	CHECK(st.qid.version != 0);
	return st.qid.path;
}

/* a/b/c/f, whatever it is made of: fids 10 on b, 11 on c, 12 f, 13 f open. */
static void
hold(void)
{
	CHECK_EQ(0, p9_walk(&c, 0, 10, "a/b"));
	CHECK_EQ(0, p9_walk(&c, 10, 11, "c"));
	CHECK_EQ(0, p9_walk(&c, 11, 12, "f"));
	CHECK_EQ(0, p9_walk(&c, 12, 13, ""));
	CHECK_EQ(0, p9_lopen(&c, 13, 0, NULL));
}

static void
write_by(uint32_t fid, const char *text)
{
	CHECK_EQ(0, p9_walk(&c, fid, 20, ""));
	CHECK_EQ(0, p9_lopen(&c, 20, 2 | 0x200, NULL));
	CHECK_EQ(strlen(text),
		 p9_write(&c, 20, 0, text, (uint32_t)strlen(text)));
	CHECK_EQ(0, p9_clunk(&c, 20));
}

static void
ancestors(void)
{
	uint64_t b, f;
	int i;

	hold();
	b = path_of(10);
	f = path_of(12);
	/* The topmost; nothing of it is in the upper yet, if it is lower. */
	CHECK_EQ(0, p9_renameat(&c, 0, "a", 0, "z"));
	check_reads(13, "data");
	CHECK_EQ(0, p9_walk(&c, 10, 21, "c/f"));
	CHECK_EQ(f, path_of(21));
	CHECK_EQ(0, p9_clunk(&c, 21));
	/* Copied up at its new place, through a fid from before. */
	write_by(12, "first");
	check_reads(13, "first");
	check_path("z/b/c/f", "first");
	/* The middle one to another parent, by its fid. */
	CHECK_EQ(0, p9_rename(&c, 10, 0, "m"));
	check_reads(13, "first");
	write_by(12, "second");
	check_reads(13, "second");
	check_path("m/c/f", "second");
	/* What has its old name is another file. */
	CHECK_EQ(0, p9_mkdir(&c, 0, "a", 0755, 0));
	CHECK_EQ(-ENOENT, p9_walk(&c, 0, 21, "a/b"));
	/* And the file, into a directory that is below a moved one. */
	CHECK_EQ(0, p9_rename(&c, 12, 10, "g"));
	check_reads(13, "second");
	check_path("m/g", "second");
	CHECK_EQ(b, path_of(10));
	CHECK_EQ(f, path_of(12));
	CHECK_EQ(f, path_of(13));
	CHECK_EQ(0, p9_remove(&c, 12));
	CHECK_EQ(-ENOENT, p9_walk(&c, 0, 21, "m/g"));
	check_reads(13, "second");
	for (i = 10; i <= 13; i++)
		CHECK_EQ(i == 12 ? -EBADF : 0, p9_clunk(&c, (uint32_t)i));
}

/* The file is moved into a directory, which is moved, and replaced. */
static void
replaced(void)
{
	CHECK_EQ(0, p9_mkdir(&c, 0, "x", 0755, 0));
	CHECK_EQ(0, p9_walk(&c, 0, 10, "x"));
	CHECK_EQ(0, p9_walk(&c, 0, 12, "one"));
	CHECK_EQ(0, p9_lopen(&c, 12, 0, NULL));
	CHECK_EQ(0, p9_walk(&c, 0, 13, "two"));
	CHECK_EQ(0, p9_lopen(&c, 13, 0, NULL));
	CHECK_EQ(0, p9_renameat(&c, 0, "one", 10, "f"));
	CHECK_EQ(0, p9_renameat(&c, 0, "x", 0, "y"));
	check_path("y/f", "one");
	CHECK_EQ(0, p9_renameat(&c, 0, "two", 10, "f"));
	check_path("y/f", "two");
	check_reads(12, "one");
	check_reads(13, "two");
	/* Each is written through its own fid. */
	write_by(12, "1");
	write_by(13, "2");
	check_reads(12, "1");
	check_path("y/f", "2");
	CHECK_EQ(0, p9_clunk(&c, 10));
	CHECK_EQ(0, p9_clunk(&c, 12));
	CHECK_EQ(0, p9_clunk(&c, 13));
}

int
main(void)
{
	/* The latter two need root. */
	static const char *const options[] = {
		"",
		"-o redirect_dir=off",
		"-o metacopy=on",
		"-o index=on",
	};
	struct p9_setattr set = { .valid = P9_SET_MODE, .mode = 0600 };
	size_t i, nr = geteuid() == 0 ? 4 : 2;
	int is_upper;

	for (i = 0; i < nr; i++) {
		for (is_upper = 0; is_upper < 2; is_upper++) {
			printf("%s, %s\n", options[i],
			       is_upper ? "upper" : "lower");
			harness_start(&h,
				      "mkdir -p a/b/c; printf data >a/b/c/f; "
				      "printf one >one; printf two >two",
				      options[i]);
			harness_attach(&h, &c, 0);
			if (is_upper) {
				CHECK_EQ(0, p9_walk(&c, 0, 9, "a/b/c/f"));
				CHECK_EQ(0, p9_setattr(&c, 9, &set));
				CHECK_EQ(0, p9_clunk(&c, 9));
			}
			ancestors();
			replaced();
			p9_close(&c);
			harness_end(&h);
		}
	}
	return 0;
}
