/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * locks=host, over the wire: guests and a process of the host lock each other
 * out, and what a guest held is free after its clunk, its disconnect, and the
 * end of the server (9p.md 5.10).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "harness.h"

static struct harness h;

/* May the host lock all of the file for writing? And does it have to wait? */
static bool
is_free(void)
{
	struct flock fl = { .l_type = F_WRLCK };
	char path[128];
	int fd, r;

	(void)snprintf(path, sizeof(path), "%s/upper/f", h.root);
	fd = open(path, O_RDWR | O_CLOEXEC);
	CHECK(fd >= 0);
	r = fcntl(fd, F_OFD_SETLK, &fl);
	CHECK(r == 0 || errno == EAGAIN);
	(void)close(fd);
	return r == 0;
}

/* A disconnect is seen by the server at its own time. */
static void
wait_free(void)
{
	struct timespec ts = { .tv_nsec = 10000000 };
	int i;

	for (i = 0; i < 1000 && !is_free(); i++)
		(void)nanosleep(&ts, NULL);
	CHECK(is_free());
}

static void
open_file(struct p9 *c)
{
	harness_attach(&h, c, 0);
	CHECK_EQ(0, p9_walk(c, 0, 10, "f"));
	CHECK_EQ(0, p9_lopen(c, 10, 2, NULL));
}

static void
guests(void)
{
	struct p9 a, b;
	int i;

	open_file(&a);
	open_file(&b);
	CHECK(is_free());
	CHECK_EQ(0, p9_lock(&a, 10, 1, 0, 10, 7, "guest"));
	CHECK(!is_free());
	CHECK_EQ(1, p9_lock(&b, 10, 0, 0, 0, 7, "guest"));
	CHECK_EQ(0, p9_lock(&b, 10, 0, 10, 0, 7, "guest"));
	CHECK_EQ(0, p9_clunk(&a, 10));
	CHECK(!is_free());
	/* So many that it is for a worker. */
	for (i = 0; i < 200; i++)
		CHECK_EQ(0, p9_lock(&b, 10, 1, 1000 + 2 * i, 1, 7, "guest"));
	CHECK_EQ(2, p9_getlock(&b, 10, 2, 0, 5, 7, "guest"));
	p9_close(&b);
	wait_free();
	p9_close(&a);
}

static void
host(void)
{
	struct flock fl = { .l_type = F_RDLCK, .l_start = 5 };
	char path[128];
	struct p9 a;
	int fd;

	open_file(&a);
	(void)snprintf(path, sizeof(path), "%s/upper/f", h.root);
	fd = open(path, O_RDWR | O_CLOEXEC);
	CHECK_EQ(0, fcntl(fd, F_OFD_SETLK, &fl));
	/* With the flag to wait, too: the answer comes at once. */
	CHECK_EQ(1, p9_lock(&a, 10, 1, 0, 0, 7, "guest"));
	CHECK_EQ(0, p9_lock(&a, 10, 0, 0, 0, 7, "guest"));
	CHECK_EQ(0, p9_getlock(&a, 10, 2, 0, 0, 7, "guest"));
	(void)close(fd);
	CHECK_EQ(0, p9_lock(&a, 10, 1, 0, 0, 7, "guest"));
	CHECK(!is_free());
	harness_stop(&h);
	CHECK(is_free());
	p9_close(&a);
}

int
main(void)
{
	harness_start(&h, "printf data >f", "-o locks=host");
	guests();
	host();
	harness_end(&h);
	return 0;
}
