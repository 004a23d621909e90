/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Several clients at once, each on its own thread and connection, in one
 * tree: for TSan on the server; each sees its own writes.
 */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "harness.h"

#define NR_CLIENTS 6
#define ROUNDS 60

static struct harness h;

static void *
client(void *arg)
{
	unsigned id = *(unsigned *)arg, i;
	char name[32], other[32], buf[64];
	struct p9_stat st;
	struct p9 c;

	harness_attach(&h, &c, id);
	for (i = 0; i < ROUNDS; i++) {
		(void)snprintf(name, sizeof(name), "own-%u-%u", id, i);
		CHECK_EQ(0, p9_walk(&c, 0, 1, "d"));
		CHECK_EQ(0, p9_walk(&c, 1, 2, ""));
		CHECK_EQ(0, p9_lcreate(&c, 2, name, 2, 0644, id));
		CHECK_EQ(32, p9_write(&c, 2, 0, name, 32));
		CHECK_EQ(32, p9_read(&c, 2, 0, buf, 32));
		CHECK(memcmp(buf, name, 32) == 0);
		CHECK_EQ(0, p9_fsync(&c, 2, 1));
		CHECK_EQ(0, p9_clunk(&c, 2));
		/* A lower file that all of them copy up and change. */
		(void)snprintf(other, sizeof(other), "shared%u", i % 5);
		CHECK_EQ(0, p9_walk(&c, 1, 3, other));
		CHECK_EQ(0, p9_lopen(&c, 3, 2, NULL));
		CHECK_EQ(4, p9_write(&c, 3, id * 4, "mine", 4));
		CHECK_EQ(0, p9_getattr(&c, 3, &st));
		CHECK_EQ(0, p9_clunk(&c, 3));
		CHECK_EQ(0, p9_renameat(&c, 1, name, 0, name));
		CHECK_EQ(0, p9_unlinkat(&c, 0, name, 0));
		CHECK_EQ(0, p9_clunk(&c, 1));
	}
	p9_close(&c);
	return NULL;
}

int
main(void)
{
	pthread_t threads[NR_CLIENTS];
	unsigned ids[NR_CLIENTS], i;

	harness_start(&h,
		      "mkdir d; for i in 0 1 2 3 4; do "
		      "head -c 20000 /dev/zero >d/shared$i; done",
		      "--loops 3 --workers 4");
	for (i = 0; i < NR_CLIENTS; i++) {
		ids[i] = i;
		CHECK_EQ(0, pthread_create(&threads[i], NULL, client, &ids[i]));
	}
	for (i = 0; i < NR_CLIENTS; i++)
		CHECK_EQ(0, pthread_join(threads[i], NULL));
	harness_end(&h);
	return 0;
}
