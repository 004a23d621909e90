/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Copy-up that does not hurt (design.md 3, rule 4), with two workers: twenty
 * opens of a file under a slow copy-up share one copy and leave the workers
 * to others; its progress is in the log; a Tflush of one that waits is
 * answered at once; a copy is given up when its only requester hangs up, and
 * goes on when another one waits. Then many come and go at once.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "harness.h"

#define NR_OPENS 20
#define STORM_CLIENTS 9
enum { TLOPEN = 12, RLOPEN = 13, TFLUSH = 108, RFLUSH = 109 };

/* 64 MiB in eight slices of 200 ms: one of data, the others mostly holes. */
#define PREPARE                                                            \
	"head -c 67108864 /dev/zero >dense; "                              \
	"for f in flush gone stays; do "                                   \
	"for i in 0 1 2 3 4 5 6 7; do "                                    \
	"echo data | dd of=$f bs=8M seek=$i conv=notrunc status=none; "    \
	"done; done; for f in other small1 small2; do echo $f >$f; done; " \
	"for i in $(seq 20); do echo $i >storm$i; done"
#define OPTIONS "--workers 2 --log-level debug -o test-slow=200"

static struct harness h;

static bool
holds(const char *cmd)
{
	char line[512];

	(void)snprintf(line, sizeof(line), "cd %s && { %s; }", h.root, cmd);
	return system(line) == 0;
}

static void
wait_until(const char *cmd)
{
	struct timespec ts = { 0, 20000000 };
	int i;

	for (i = 0; i < 500 && !holds(cmd); i++)
		(void)nanosleep(&ts, NULL);
	if (i == 500)
		harness_fail(cmd, 0, "came true", 1, 0);
}

static void
put_open(struct p9 *c, uint32_t fid, uint16_t tag)
{
	p9_begin(c, TLOPEN, tag);
	p9_put32(c, fid);
	p9_put32(c, O_RDWR);
	p9_end(c);
}

static void
expect(struct p9 *c, uint8_t type, int tag)
{
	struct p9_reply r;

	CHECK_EQ(0, p9_receive(c, &r));
	CHECK_EQ(type, r.type);
	if (tag >= 0)
		CHECK_EQ(tag, r.tag);
}

static bool
is_up(const char *name)
{
	char path[128];
	struct stat st;

	(void)snprintf(path, sizeof(path), "%s/upper/%s", h.root, name);
	return stat(path, &st) == 0;
}

/* A copy of @name is under way for @c; its reply is to come with tag 1. */
static void
begin_copy(struct p9 *c, const char *name)
{
	char cmd[128];

	harness_attach(&h, c, 0);
	CHECK_EQ(0, p9_walk(c, 0, 1, name));
	put_open(c, 1, 1);
	CHECK_EQ(0, p9_send(c));
	/* Another one must not be first. */
	(void)snprintf(cmd, sizeof(cmd), "grep -q 'copying up \"%s\"' log",
		       name);
	wait_until(cmd);
}

/*
 * What was sent before has been parked: @name, a small lower file, is copied
 * up by the one worker that is free, and that after it.
 */
static void
wait_parked(struct p9 *c, const char *name)
{
	uint32_t fid = p9_fid(c);

	CHECK_EQ(0, p9_walk(c, 0, fid, name));
	CHECK_EQ(0, p9_lopen(c, fid, O_RDWR, NULL));
}

static void
others_go_on(void)
{
	struct p9 a, b;
	uint32_t i;

	harness_attach(&h, &a, 0);
	harness_attach(&h, &b, 0);
	for (i = 1; i <= NR_OPENS; i++)
		CHECK_EQ(0, p9_walk(&a, 0, i, "dense"));
	for (i = 1; i <= NR_OPENS; i++)
		put_open(&a, i, (uint16_t)i);
	CHECK_EQ(0, p9_send(&a));
	/* They have all been received once this is answered. */
	CHECK_EQ(0, p9_walk(&a, 0, NR_OPENS + 1, ""));
	CHECK_EQ(0, p9_walk(&b, 0, 1, "other"));
	CHECK_EQ(0, p9_lopen(&b, 1, O_RDWR, NULL));
	CHECK_EQ(4, p9_write(&b, 1, 0, "done", 4));
	CHECK(is_up("other") && !is_up("dense"));
	for (i = 1; i <= NR_OPENS; i++)
		expect(&a, RLOPEN, -1);
	CHECK(is_up("dense"));
	p9_close(&a);
	p9_close(&b);
	wait_until("grep -q ' copied up \"dense\": 64 of 64 MiB in ' log");
	harness_sh(&h, "cmp lower/dense upper/dense && "
		       "[ $(grep -c ' copied up \"dense\"' log) = 1 ] && "
		       "grep -Eq 'copying up \"dense\": (8|16|24|32|40|48|56) "
		       "of 64 MiB, [0-9.]+ MiB/s' log");
}

static void
flush_is_answered_at_once(void)
{
	struct p9 a;

	begin_copy(&a, "flush");
	CHECK_EQ(0, p9_walk(&a, 0, 2, "flush"));
	put_open(&a, 2, 2);
	CHECK_EQ(0, p9_send(&a));
	wait_parked(&a, "small1");
	p9_begin(&a, TFLUSH, 3);
	p9_put16(&a, 2);
	p9_end(&a);
	CHECK_EQ(0, p9_send(&a));
	expect(&a, RFLUSH, 3);
	CHECK(!is_up("flush"));
	expect(&a, RLOPEN, 1);
	CHECK(is_up("flush"));
	/* The flushed one did not happen: its fid can be opened. */
	CHECK_EQ(0, p9_lopen(&a, 2, O_RDWR, NULL));
	p9_close(&a);
}

static void
given_up_when_nobody_waits(void)
{
	struct p9 a;

	begin_copy(&a, "gone");
	p9_close(&a);
	wait_until("grep -q 'not copied up \"gone\": .*: Operation canceled' "
		   "log");
	CHECK(!is_up("gone"));
	harness_sh(&h, "[ -z \"$(ls -A upper.work/work)\" ]");
	harness_attach(&h, &a, 0);
	CHECK_EQ(0, p9_walk(&a, 0, 1, "gone"));
	CHECK_EQ(0, p9_lopen(&a, 1, O_RDWR, NULL));
	CHECK(is_up("gone"));
	p9_close(&a);
}

static void
goes_on_when_another_waits(void)
{
	struct p9 a, b;

	begin_copy(&a, "stays");
	harness_attach(&h, &b, 0);
	CHECK_EQ(0, p9_walk(&b, 0, 1, "stays"));
	put_open(&b, 1, 1);
	CHECK_EQ(0, p9_send(&b));
	wait_parked(&b, "small2");
	CHECK(!is_up("stays"));
	p9_close(&a);
	expect(&b, RLOPEN, 1);
	CHECK(is_up("stays"));
	p9_close(&b);
	harness_sh(&h, "! grep -q 'not copied up \"stays\"' log && "
		       "[ $(grep -c ' copied up \"stays\"' log) = 1 ]");
}

/* One of several that want the same file: it stays, flushes or hangs up. */
static void
storm_open(struct p9 *c, const char *name, int i)
{
	harness_attach(&h, c, 0);
	CHECK_EQ(0, p9_walk(c, 0, 1, name));
	put_open(c, 1, 1);
	if (i % 3 == 0) {
		p9_begin(c, TFLUSH, 2);
		p9_put16(c, 1);
		p9_end(c);
	}
	CHECK_EQ(0, p9_send(c));
	if (i % 3 == 1)
		p9_close(c);
}

static void
storm(void)
{
	struct p9 c[STORM_CLIENTS];
	char name[16];
	unsigned fds;
	int f, i;

	harness_stop(&h);
	harness_restart(&h, "--workers 4 -o test-slow=10");
	fds = harness_nr_fds(&h);
	for (f = 1; f <= 20; f++) {
		(void)snprintf(name, sizeof(name), "storm%d", f);
		for (i = 0; i < STORM_CLIENTS; i++)
			storm_open(&c[i], name, f + i);
		for (i = 0; i < STORM_CLIENTS; i++) {
			if ((f + i) % 3 == 2)
				expect(&c[i], RLOPEN, 1);
			if ((f + i) % 3 != 1)
				p9_close(&c[i]);
		}
		CHECK(is_up(name));
	}
	for (i = 0; i < 500 && harness_nr_fds(&h) > fds; i++)
		wait_until("sleep 0.02");
	CHECK(harness_nr_fds(&h) <= fds);
	harness_sh(&h, "[ -z \"$(ls -A upper.work/work)\" ] && "
		       "for i in $(seq 20); do "
		       "cmp lower/storm$i upper/storm$i || exit 1; done");
}

int
main(void)
{
	harness_start(&h, PREPARE, OPTIONS);
	others_go_on();
	flush_is_answered_at_once();
	given_up_when_nobody_waits();
	goes_on_when_another_waits();
	storm();
	harness_end(&h);
	return 0;
}
