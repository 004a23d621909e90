/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A session that ends, by a disconnect or by Tversion, takes all of it along:
 * locks, values that were not committed, fids on what has no name any more,
 * requests under way (9p.md 4.1 and 13, "Session"). Another client sees it.
 */
#include <errno.h>
#include <time.h>

#include "harness.h"

static struct harness h;
static struct p9 other;

static void
leave_things(struct p9 *c)
{
	struct p9_reply r;
	unsigned i;

	harness_attach(&h, c, 0);
	CHECK_EQ(0, p9_walk(c, 0, 1, "f"));
	CHECK_EQ(0, p9_lopen(c, 1, 2, NULL));
	CHECK_EQ(0, p9_lock(c, 1, 1, 0, 0, 1, "guest"));
	CHECK_EQ(1, p9_lock(&other, 1, 1, 5, 1, 1, "guest"));
	CHECK_EQ(0, p9_walk(c, 0, 2, "f"));
	p9_begin(c, 32, 1);
	p9_put32(c, 2);
	p9_put_string(c, "user.half");
	p9_put64(c, 4);
	p9_put32(c, 0);
	CHECK_EQ(0, p9_call(c, &r));
	CHECK_EQ(4, p9_write(c, 2, 0, "full", 4)); /* but no Tclunk */
	CHECK_EQ(0, p9_walk(c, 0, 3, ""));
	CHECK_EQ(0, p9_lcreate(c, 3, "gone", 2, 0644, 0));
	CHECK_EQ(0, p9_unlinkat(c, 0, "gone", 0));
	/* Nobody will read these replies. */
	for (i = 0; i < 64; i++) {
		p9_begin(c, 116, (uint16_t)(100 + i));
		p9_put32(c, 1);
		p9_put64(c, 0);
		p9_put32(c, 100000);
		p9_end(c);
	}
}

static void
check_gone(unsigned fds)
{
	struct timespec ts = { 0, 10000000 };
	char buf[16];
	int i, r = 1;

	for (i = 0; i < 1000 && r == 1; i++) {
		r = p9_lock(&other, 1, 1, 5, 1, 1, "guest");
		if (r == 1)
			(void)nanosleep(&ts, NULL);
	}
	CHECK_EQ(0, r);
	CHECK_EQ(0, p9_lock(&other, 1, 2, 0, 0, 1, "guest"));
	CHECK_EQ(-ENODATA,
		 p9_getxattr(&other, 2, "user.half", buf, sizeof(buf)));
	for (i = 0; i < 1000 && harness_nr_fds(&h) > fds; i++)
		(void)nanosleep(&ts, NULL);
	CHECK(harness_nr_fds(&h) <= fds);
}

int
main(void)
{
	struct p9_stat st;
	struct p9_reply r;
	struct p9 c;
	unsigned fds;

	harness_start(&h, "head -c 100000 /dev/zero >f", NULL);
	harness_attach(&h, &other, 0);
	CHECK_EQ(0, p9_walk(&other, 0, 1, "f"));
	CHECK_EQ(0, p9_lopen(&other, 1, 2, NULL));
	CHECK_EQ(0, p9_walk(&other, 0, 2, "f"));
	fds = harness_nr_fds(&h);

	leave_things(&c);
	CHECK_EQ(0, p9_send(&c));
	p9_close(&c);
	check_gone(fds);

	leave_things(&c);
	p9_begin(&c, 100, P9_NOTAG);
	p9_put32(&c, 131072);
	p9_put_string(&c, "9P2000.L");
	p9_end(&c);
	CHECK_EQ(0, p9_send(&c));
	do /* some reads were quicker, none is answered afterwards */
		CHECK_EQ(0, p9_receive(&c, &r));
	while (r.type == 117);
	CHECK_EQ(101, r.type);
	CHECK_EQ(-EBADF, p9_getattr(&c, 0, &st));
	check_gone(fds + 1); /* the connection */
	CHECK_EQ(0, p9_attach(&c, 0, "", 0));
	p9_close(&c);

	p9_close(&other);
	harness_end(&h);
	return 0;
}
