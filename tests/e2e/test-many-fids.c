/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * 100,000 fids at once with 1,000 descriptors, as a guest with cache=loose
 * has them, one for each name it keeps: all of them work, and none ever gets
 * EMFILE (9p.md 13, "Fids").
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "harness.h"

#define NR_FIDS 100000u
#define NR_FILES 2000u
#define AT_ONCE 100u
#define FIRST 10u

static struct harness h;
static struct p9 c;

/* The message of @type for each fid: a walk, a getattr, a clunk. */
static void
for_each(uint8_t type)
{
	struct p9_reply r;
	char name[2][16];
	unsigned i, j, file;

	for (i = 0; i < NR_FIDS; i += AT_ONCE) {
		for (j = 0; j < AT_ONCE; j++) {
			p9_begin(&c, type, (uint16_t)j);
			if (type == 110)
				p9_put32(&c, 0);
			p9_put32(&c, FIRST + i + j);
			file = (i + j) % NR_FILES;
			(void)snprintf(name[0], 16, "d%u", file / 20);
			(void)snprintf(name[1], 16, "f%u", file % 20);
			if (type == 24)
				p9_put64(&c, 0x7ff);
			if (type == 110) {
				p9_put16(&c, 2);
				p9_put_string(&c, name[0]);
				p9_put_string(&c, name[1]);
			}
			p9_end(&c);
		}
		CHECK_EQ(0, p9_send(&c));
		for (j = 0; j < AT_ONCE; j++) {
			CHECK_EQ(0, p9_receive(&c, &r));
			CHECK_EQ(type + 1, r.type);
			if (type == 110)
				CHECK_EQ(2, p9_get16(r.body));
			if (type == 24)
				CHECK(S_ISREG(p9_get32(r.body + 21)));
		}
	}
}

int
main(void)
{
	struct rlimit few = { 1000, 1000 };
	unsigned fds, i;
	char buf[1];

	CHECK_EQ(0, setrlimit(RLIMIT_NOFILE, &few));
	harness_start(&h,
		      "for i in $(seq 0 99); do mkdir d$i; "
		      "for j in $(seq 0 19); do : >d$i/f$j; done; done",
		      NULL);
	harness_attach(&h, &c, 0);
	for_each(110);
	for_each(24);
	fds = harness_nr_fds(&h);
	fprintf(stderr, "%u descriptors\n", fds);
	CHECK(fds < 1000);
	/* Opening is as it would be with one. */
	for (i = 0; i < 100; i++) {
		CHECK_EQ(0, p9_lopen(&c, FIRST + i * 777, 0, NULL));
		CHECK_EQ(0, p9_read(&c, FIRST + i * 777, 0, buf, 0));
	}
	for_each(120);
	p9_close(&c);
	harness_end(&h);
	return 0;
}
