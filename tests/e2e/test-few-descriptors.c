/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * More fids than descriptors (9p.md 7.2 and 13): no client sees EMFILE, and
 * every fid still leads to its object, after renames and removals too. With
 * FULL=1: 200,000 fids on one connection, on files in 50,000 directories and
 * on those, with 4,096 descriptors.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "harness.h"

#define FIRST_DIR 1000000u
#define FIRST_FILE 2000000u
#define FILES_A_DIR 3

static struct harness h;
static struct p9 c;
static unsigned nr_dirs = 700, limit = 160;
static uint64_t *paths; /* qid.path of each fid; 0: not seen yet */

static const char *
dir_name(unsigned i, char buf[32])
{
	(void)snprintf(buf, 32, "d%u", i);
	return buf;
}

static void
limit_descriptors(void)
{
	struct rlimit lim = { limit, limit };

	CHECK_EQ(0, setrlimit(RLIMIT_NOFILE, &lim));
}

/*
 * @top holds the directories, each with a directory sub and some files. The
 * fids go to all of them.
 */
static void
take_fids(const char *top)
{
	char path[64], name[32];
	unsigned i, k;

	CHECK_EQ(0, p9_walk(&c, 0, 1, top));
	for (i = 0; i < nr_dirs; i++) {
		CHECK_EQ(0, p9_walk(&c, 1, FIRST_DIR + i, dir_name(i, name)));
		for (k = 0; k < FILES_A_DIR; k++) {
			(void)snprintf(path, sizeof(path), "%s/f%u", name, k);
			CHECK_EQ(0, p9_walk(&c, 1,
					    FIRST_FILE + i * FILES_A_DIR + k,
					    path));
		}
	}
}

static void
drop_fids(void)
{
	unsigned i;

	for (i = 0; i < nr_dirs; i++)
		CHECK_EQ(0, p9_clunk(&c, FIRST_DIR + i));
	for (i = 0; i < nr_dirs * FILES_A_DIR; i++)
		CHECK_EQ(0, p9_clunk(&c, FIRST_FILE + i));
	CHECK_EQ(0, p9_clunk(&c, 1));
}

static void
same_object(uint32_t fid, uint8_t type, uint64_t *path)
{
	struct p9_stat st;

	CHECK_EQ(0, p9_getattr(&c, fid, &st));
	CHECK_EQ(type, st.qid.type);
	if (*path)
		CHECK_EQ(*path, st.qid.path);
	*path = st.qid.path;
}

/* Every fid works: as it is, walked from, and (some) created in. */
static void
use_fids(const char *new_name)
{
	struct p9_stat sub;
	unsigned i, k;

	for (i = 0; i < nr_dirs; i++) {
		same_object(FIRST_DIR + i, 0x80, &paths[i]);
		CHECK_EQ(0, p9_walk(&c, FIRST_DIR + i, 2, "sub"));
		CHECK_EQ(0, p9_getattr(&c, 2, &sub));
		CHECK_EQ(0, p9_clunk(&c, 2));
		if (i % 5 == 0)
			CHECK_EQ(0, p9_mkdir(&c, FIRST_DIR + i, new_name, 0755,
					     0));
		for (k = i * FILES_A_DIR; k < (i + 1) * FILES_A_DIR; k++)
			same_object(FIRST_FILE + k, 0, &paths[nr_dirs + k]);
	}
	CHECK(harness_nr_fds(&h) < limit);
}

/* In lower/m and, every third, in upper/m too: merged. */
static void
prepare(void)
{
	char cmd[512];

	(void)snprintf(cmd, sizeof(cmd),
		       "mkdir m; cd m; seq -f 'd%%.0f/sub' 0 %u | "
		       "xargs mkdir -p; for f in 0 1 2; do "
		       "seq -f \"d%%.0f/f$f\" 0 %u | xargs touch; done; "
		       "mkdir ../../upper/m; cd ../../upper/m; "
		       "seq -f 'd%%.0f' 0 3 %u | xargs mkdir; cd ../../lower",
		       nr_dirs - 1, nr_dirs - 1, nr_dirs - 1);
	harness_start(&h, cmd, NULL);
	harness_stop(&h);
	limit_descriptors();
	harness_restart(&h, NULL);
}

static void
merged_directories(void)
{
	CHECK(harness_nr_fds(&h) < limit);
	use_fids("new");
	use_fids("newer");
}

/* What is above moves while what is below is closed. */
static void
moved_directories(void)
{
	CHECK_EQ(0, p9_mkdir(&c, 0, "a", 0755, 0));
	CHECK_EQ(0, p9_renameat(&c, 0, "m", 0, "n"));
	use_fids("second");
	CHECK_EQ(0, p9_walk(&c, 0, 3, "a"));
	CHECK_EQ(0, p9_renameat(&c, 0, "n", 3, "m"));
	CHECK_EQ(0, p9_renameat(&c, 0, "a", 0, "b"));
	use_fids("third");
	CHECK_EQ(0, p9_clunk(&c, 3));
}

static void
removed_directories(void)
{
	struct p9_stat st;
	char name[32];
	unsigned i;

	CHECK_EQ(0, p9_mkdir(&c, 0, "r", 0755, 0));
	CHECK_EQ(0, p9_walk(&c, 0, 3, "r"));
	for (i = 0; i < limit; i++) {
		CHECK_EQ(0, p9_mkdir(&c, 3, dir_name(i, name), 0755, 0));
		CHECK_EQ(0, p9_walk(&c, 3, 10 + i, name));
	}
	/* Those that are gone stay open: so only some of them. */
	for (i = 0; i < limit / 4; i++)
		CHECK_EQ(0, p9_unlinkat(&c, 3, dir_name(i, name), 0x200));
	for (i = 0; i < limit; i++) {
		CHECK_EQ(0, p9_getattr(&c, 10 + i, &st));
		CHECK_EQ(i < limit / 4 ? 0 : 2, st.nlink);
		CHECK_EQ(i < limit / 4 ? -ENOENT : 0,
			 p9_mkdir(&c, 10 + i, "sub", 0755, 0));
	}
	for (i = 0; i < limit; i++)
		CHECK_EQ(0, p9_clunk(&c, 10 + i));
	CHECK_EQ(0, p9_clunk(&c, 3));
}

/*
 * Open files, written in turns; some lose their names, and every one has what
 * was written to it.
 */
static void
open_files(void)
{
	unsigned nr = limit * 4, i, round;
	char name[32], want[32], buf[32];

	CHECK_EQ(0, p9_mkdir(&c, 0, "o", 0755, 0));
	CHECK_EQ(0, p9_walk(&c, 0, 3, "o"));
	for (i = 0; i < nr; i++) {
		CHECK_EQ(0, p9_walk(&c, 3, 10 + i, ""));
		(void)snprintf(name, sizeof(name), "f%u", i);
		CHECK_EQ(0, p9_lcreate(&c, 10 + i, name, 2, 0600, 0));
	}
	for (round = 0; round < 3; round++) {
		for (i = 0; i < nr; i++) {
			(void)snprintf(want, sizeof(want), "%u in %u", i,
				       round);
			CHECK_EQ(strlen(want),
				 p9_write(&c, 10 + i, 0, want, strlen(want)));
		}
		for (i = 0; i < nr; i++) {
			(void)snprintf(want, sizeof(want), "%u in %u", i,
				       round);
			CHECK_EQ(strlen(want),
				 p9_read(&c, 10 + i, 0, buf, sizeof(buf)));
			CHECK(memcmp(want, buf, strlen(want)) == 0);
		}
		CHECK(harness_nr_fds(&h) < limit);
		/* What has no name is pinned: so only some. */
		for (i = 0; i < limit / 8; i++) {
			(void)snprintf(name, sizeof(name), "f%u",
				       i * 3 + round);
			CHECK_EQ(0, p9_unlinkat(&c, 3, name, 0));
		}
	}
	for (i = 0; i < nr; i++)
		CHECK_EQ(0, p9_clunk(&c, 10 + i));
	CHECK_EQ(0, p9_clunk(&c, 3));
}

/* A lock stays while the file under it is closed. */
static void
locked_file(void)
{
	struct p9 other;
	char name[32];
	unsigned i;

	harness_attach(&h, &other, 1000);
	CHECK_EQ(0, p9_walk(&c, 0, 4, ""));
	CHECK_EQ(0, p9_lcreate(&c, 4, "locked", 2, 0600, 0));
	CHECK_EQ(0, p9_lock(&c, 4, 1, 0, 10, 7, "guest"));
	for (i = 0; i < limit * 2; i++) {
		CHECK_EQ(0, p9_walk(&c, 1, 10 + i, dir_name(i, name)));
		CHECK_EQ(0, p9_lopen(&c, 10 + i, 0x10000, NULL));
	}
	CHECK_EQ(0, p9_walk(&other, 0, 1, "locked"));
	CHECK_EQ(0, p9_lopen(&other, 1, 2, NULL));
	CHECK_EQ(1, p9_lock(&other, 1, 1, 5, 1, 8, "guest"));
	CHECK_EQ(4, p9_write(&c, 4, 0, "text", 4));
	CHECK(harness_nr_fds(&h) < limit);
	for (i = 0; i < limit * 2; i++)
		CHECK_EQ(0, p9_clunk(&c, 10 + i));
	CHECK_EQ(0, p9_clunk(&c, 4));
	CHECK_EQ(0, p9_lock(&other, 1, 1, 5, 1, 8, "guest"));
	p9_close(&other);
}

/* Directories being listed: each goes on where it was. */
static void
open_listings(void)
{
	static struct p9_dirent e[2];
	unsigned nr = limit * 2, i, k, seen;
	char name[32];
	uint64_t *offs = calloc(nr, sizeof(*offs));

	CHECK(offs);
	for (i = 0; i < nr; i++) {
		CHECK_EQ(0, p9_walk(&c, 1, 10 + i, dir_name(i, name)));
		CHECK_EQ(0, p9_lopen(&c, 10 + i, 0x10000, NULL));
	}
	/* ".", "..", "sub" and three files. */
	for (k = 0, seen = 0; k < 6; k++) {
		for (i = 0; i < nr; i++) {
			int r = p9_readdir(&c, 10 + i, offs[i], 40, e, 1);

			CHECK_EQ(1, r);
			offs[i] = e[0].off;
			seen += strcmp(e[0].name, "sub") == 0;
		}
	}
	CHECK_EQ(nr, seen);
	for (i = 0; i < nr; i++) {
		CHECK_EQ(0, p9_readdir(&c, 10 + i, offs[i], 40, e, 1));
		CHECK_EQ(0, p9_clunk(&c, 10 + i));
	}
	free(offs);
}

int
main(void)
{
	const char *full = getenv("FULL");

	if (full && strcmp(full, "1") == 0) {
		nr_dirs = 50000;
		limit = 4096;
	}
	paths = calloc(nr_dirs * (FILES_A_DIR + 1), sizeof(*paths));
	CHECK(paths);
	prepare();
	harness_attach(&h, &c, 0);
	take_fids("m");
	open_listings();
	locked_file();
	merged_directories();
	removed_directories();
	open_files();
	/* Without redirects all of it is copied up for that. */
	if (geteuid() == 0)
		moved_directories();
	drop_fids();
	p9_close(&c);
	harness_check_alive(&h);
	harness_end(&h);
	return 0;
}
