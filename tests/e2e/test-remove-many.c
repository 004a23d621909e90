/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * rm -rf of a directory of 50,000 entries, half of them of the lower, while
 * another client goes on making some in it: each name that was there all the
 * time is listed once, however the listing goes on, and in the end nothing is
 * left.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"

#define NR_ENTRIES 50000u
#define BATCH 1000u

static struct harness h;
static volatile int must_stop;
static unsigned nr_made;

static void *
make_some(void *arg)
{
	char name[32];
	struct p9 c;
	int r;

	(void)arg;
	harness_attach(&h, &c, 0);
	while (!must_stop) {
		CHECK_EQ(0, p9_walk(&c, 0, 1, "dir"));
		(void)snprintf(name, sizeof(name), "new-%u", nr_made);
		r = p9_lcreate(&c, 1, name, 2, 0644, 0);
		CHECK(r == 0 || r == -EEXIST);
		nr_made += r == 0;
		CHECK_EQ(0, p9_clunk(&c, 1));
	}
	p9_close(&c);
	return NULL;
}

/* As Linux does it: look it up, remove it, forget it. */
static int
remove_one(struct p9 *c, const char *name)
{
	struct p9_stat st;
	int r = p9_walk(c, 1, 3, name);

	if (r == 0)
		r = p9_getattr(c, 3, &st);
	if (r == 0)
		r = p9_unlinkat(c, 1, name, 0);
	if (r == 0)
		r = p9_clunk(c, 3);
	return r;
}

/* One pass over the directory; returns how many old entries it removed. */
static unsigned
remove_all(struct p9 *c)
{
	static struct p9_dirent e[BATCH];
	unsigned nr_old = 0;
	uint64_t off = 0;
	int n, i;

	CHECK_EQ(0, p9_walk(c, 1, 2, ""));
	CHECK_EQ(0, p9_lopen(c, 2, 0, NULL));
	while ((n = p9_readdir(c, 2, off, 60000, e, BATCH)) > 0) {
		for (i = 0; i < n; off = e[i++].off) {
			if (e[i].name[0] == '.')
				continue;
			CHECK_EQ(0, remove_one(c, e[i].name));
			nr_old += strncmp(e[i].name, "old-", 4) == 0;
		}
	}
	CHECK_EQ(0, n);
	CHECK_EQ(0, p9_clunk(c, 2));
	return nr_old;
}

int
main(void)
{
	pthread_t maker;
	struct p9 c;

	harness_start(
		&h,
		"mkdir dir ../upper/dir; (cd dir; seq -f old-%g 0 24999 | "
		"xargs touch); (cd ../upper/dir; "
		"seq -f old-%g 25000 49999 | xargs touch)",
		NULL);
	harness_attach(&h, &c, 0);
	CHECK_EQ(0, p9_walk(&c, 0, 1, "dir"));
	CHECK_EQ(0, pthread_create(&maker, NULL, make_some, NULL));
	CHECK_EQ(NR_ENTRIES, remove_all(&c));
	must_stop = 1;
	CHECK_EQ(0, pthread_join(maker, NULL));
	CHECK(nr_made > 0);
	CHECK_EQ(0, remove_all(&c));
	CHECK_EQ(0, p9_unlinkat(&c, 0, "dir", 0x200));
	CHECK_EQ(-ENOENT, p9_walk(&c, 0, 4, "dir"));
	p9_close(&c);
	harness_sh(&h, "test -c upper/dir");
	harness_end(&h);
	return 0;
}
