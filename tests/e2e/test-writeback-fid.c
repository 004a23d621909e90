/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The hidden write-back fid: kernels up to 6.3 clone the fid of a file under
 * an attach as uid 0 and open that read-write, whatever mode the file has, and
 * write its pages through it (9p.md 5.2). With uid 0 nothing is cleared.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness.h"

static struct harness h;
static struct p9 c;

#define USER 1000

/* As the client does for "user opens @name to write", whose mode is @mode. */
static void
write_back(const char *name, uint32_t mode, bool is_unlinked)
{
	struct p9_stat st;
	char buf[16];

	CHECK_EQ(0, p9_attach(&c, 1, "", USER));
	CHECK_EQ(0, p9_walk(&c, 1, 10, name));
	CHECK_EQ(0, p9_getattr(&c, 10, &st));
	CHECK_EQ(mode, st.mode & 07777);
	CHECK_EQ(0, p9_walk(&c, 10, 11, ""));
	CHECK_EQ(0, p9_lopen(&c, 11, 0, NULL));
	if (is_unlinked)
		CHECK_EQ(0, p9_unlinkat(&c, 1, name, 0));
	/* uid 0 has another root; the client walks the whole path there, but
	 * for a file without a name, of which it clones what it has. */
	CHECK_EQ(0, p9_attach(&c, 2, "", 0));
	if (is_unlinked)
		CHECK_EQ(0, p9_walk(&c, 10, 12, ""));
	else
		CHECK_EQ(0, p9_walk(&c, 2, 12, name));
	CHECK_EQ(0, p9_lopen(&c, 12, 2, NULL));
	CHECK_EQ(4, p9_write(&c, 12, 0, "page", 4));
	CHECK_EQ(4, p9_read(&c, 12, 0, buf, 16));
	CHECK_EQ(4, p9_read(&c, 11, 0, buf, 16));
	CHECK(memcmp(buf, "page", 4) == 0);
	CHECK_EQ(0, p9_fsync(&c, 12, 0));
	CHECK_EQ(0, p9_getattr(&c, 10, &st));
	/* It is the user's fid that clears setuid, not this one. */
	if (!is_unlinked)
		CHECK_EQ(mode, st.mode & 07777);
	CHECK_EQ(0, p9_clunk(&c, 12));
	CHECK_EQ(0, p9_clunk(&c, 11));
	CHECK_EQ(0, p9_clunk(&c, 10));
	CHECK_EQ(0, p9_clunk(&c, 2));
	CHECK_EQ(0, p9_clunk(&c, 1));
}

/* A file that is made with a mode that denies: the fid of its maker writes. */
static void
created(uint32_t mode)
{
	struct p9_stat st;
	char name[16];

	(void)snprintf(name, sizeof(name), "new%o", mode);
	CHECK_EQ(0, p9_attach(&c, 1, "", USER));
	CHECK_EQ(0, p9_walk(&c, 1, 10, ""));
	CHECK_EQ(0, p9_lcreate(&c, 10, name, 2 | 0x80, mode, USER));
	CHECK_EQ(4, p9_write(&c, 10, 0, "made", 4));
	CHECK_EQ(0, p9_getattr(&c, 10, &st));
	CHECK_EQ(mode, st.mode & 07777);
	CHECK_EQ(4, st.size);
	CHECK_EQ(0, p9_clunk(&c, 10));
	CHECK_EQ(0, p9_clunk(&c, 1));
}

int
main(void)
{
	bool is_root = geteuid() == 0;

	harness_start(&h,
		      "for m in 644 444 000 4444; do printf data >f$m; "
		      "chmod $m f$m; cp -p f$m g$m; done",
		      NULL);
	harness_attach(&h, &c, 0);
	created(0444);
	created(0000);
	write_back("f644", 0644, false);
	write_back("g644", 0644, true);
	/* An ordinary user's server has the rights of that user. */
	if (is_root) {
		write_back("f444", 0444, false);
		write_back("f000", 0000, false);
		write_back("f4444", 04444, false);
		write_back("g444", 0444, true);
		write_back("g000", 0000, true);
		/* The second time it is in the upper. */
		write_back("f444", 0444, false);
		write_back("f000", 0000, true);
	}
	p9_close(&c);
	harness_end(&h);
	return 0;
}
