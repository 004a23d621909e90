/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * 10,000 connects and disconnects leave no descriptor; a client that sends
 * one byte at a time is served; one that never reads its replies costs
 * bounded memory and slows nobody.
 */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "harness.h"

static struct harness h;

static void
wait_fds(unsigned want)
{
	struct timespec ts = { 0, 10000000 };
	int i;

	for (i = 0; i < 1000 && harness_nr_fds(&h) > want; i++)
		(void)nanosleep(&ts, NULL);
	CHECK(harness_nr_fds(&h) <= want);
}

static void
come_and_go(int nr)
{
	unsigned before = harness_nr_fds(&h);
	struct p9 c;
	int i;

	for (i = 0; i < nr; i++) {
		/* Some say nothing, some attach, some leave a request. */
		if (i % 3 == 0) {
			CHECK_EQ(0, p9_connect(&c, h.socket, 0));
		} else {
			harness_attach(&h, &c, 0);
			CHECK_EQ(0, p9_walk(&c, 0, 1, "f"));
			if (i % 3 == 1)
				CHECK_EQ(0, p9_lopen(&c, 1, 0, NULL));
		}
		p9_close(&c);
	}
	wait_fds(before);
}

static void
byte_by_byte(void)
{
	unsigned char *p;
	struct p9_reply r;
	struct p9 c;
	size_t i, n;

	harness_attach(&h, &c, 0);
	p9_begin(&c, 24, 5);
	p9_put32(&c, 0);
	p9_put64(&c, 0x7ff);
	p9_end(&c);
	p = c.out;
	n = c.out_len;
	for (i = 0; i < n; i++)
		CHECK_EQ(0, p9_send_raw(&c, p + i, 1));
	c.out_len = 0;
	CHECK_EQ(0, p9_receive(&c, &r));
	CHECK_EQ(25, r.type);
	p9_close(&c);
}

/* Ask until the server takes no more, and read nothing. */
static void
never_reads(void)
{
	struct timespec ts = { 0, 1000000 };
	struct p9 c;
	int i, stuck = 0;
	ssize_t n;

	harness_attach(&h, &c, 0);
	CHECK_EQ(0, p9_walk(&c, 0, 1, "big"));
	CHECK_EQ(0, p9_lopen(&c, 1, 0, NULL));
	for (i = 0; i < 60000 && stuck < 300; i++) {
		p9_begin(&c, 116, (uint16_t)(i % 60000));
		p9_put32(&c, 1);
		p9_put64(&c, 0);
		p9_put32(&c, 1 << 20);
		p9_end(&c);
		n = send(c.fd, c.out, c.out_len, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n == (ssize_t)c.out_len)
			c.out_len = 0;
		else if (n > 0)
			break;
		else if (++stuck && i--)
			c.out_len = 0, (void)nanosleep(&ts, NULL);
	}
	CHECK(i < 60000);
	harness_check_alive(&h);
	harness_sh(&h, "pid=$(cat pid); rss=$(awk '/VmRSS/ { print $2 }' "
		       "/proc/$pid/status); echo \"resident: $rss kB\"; "
		       "test -n \"$ASAN_TEST\" || test $rss -lt 120000");
	p9_close(&c);
}

int
main(void)
{
	char cmd[64];

	harness_start(&h, "echo x >f; truncate -s 8M big", NULL);
	(void)snprintf(cmd, sizeof(cmd), "echo %d >pid", h.pid);
	harness_sh(&h, cmd);
	come_and_go(10000);
	byte_by_byte();
	never_reads();
	harness_end(&h);
	return 0;
}
