/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Clients that make the server wait, fifty of each kind at once: that
 * connect and say nothing, or too little; that send a message one byte at a
 * time; that read no reply, or little at a time. They cost bounded memory,
 * are hung up on after --timeout, and others are served meanwhile. One that
 * has nothing to say is kept.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "harness.h"

#define NR_EACH 50
#define OPTIONS "--timeout 4 --max-total-bytes 64M"
/*
 * What the server may take: what all may have together, beyond that a request
 * of 1 MiB of 2 * NR_EACH clients; and itself, with the buffers it keeps.
 */
#define BOUND_MIB (64 + 2 * NR_EACH + 60)
/* Read each 50 ms or more: a reply of 1 MiB takes 13 s. */
#define SIP 4096
#define MAX_ROUNDS 1000

enum kind { SILENT, UNFIT, HALF, DRIP, NO_READER, SIPPER, NR_KINDS };

static struct harness h;
static struct p9 clients[NR_KINDS][NR_EACH];

static long
resident_mib(void)
{
	long size, rss = 0;
	char path[64];
	FILE *f;

	(void)snprintf(path, sizeof(path), "/proc/%d/statm", h.pid);
	f = fopen(path, "re");
	CHECK(f && fscanf(f, "%ld %ld", &size, &rss) == 2);
	(void)fclose(f);
	return rss / (1048576 / sysconf(_SC_PAGESIZE));
}

/* Queue the first half of a message. */
static void
half_a_write(struct p9 *c)
{
	uint8_t head[23] = { 0, 0, 4, 0, 118 }; /* 256 KiB of Twrite */

	CHECK_EQ(0, p9_send_raw(c, head, sizeof(head)));
}

static void
many_reads(struct p9 *c)
{
	unsigned i;

	CHECK_EQ(0, p9_walk(c, 0, 1, "big"));
	CHECK_EQ(0, p9_lopen(c, 1, 0, NULL));
	for (i = 0; i < 60; i++) {
		p9_begin(c, 116, (uint16_t)i);
		p9_put32(c, 1);
		p9_put64(c, 0);
		p9_put32(c, 1 << 20);
		p9_end(c);
	}
	CHECK_EQ(0, p9_send(c));
}

static void
begin(enum kind kind, struct p9 *c)
{
	switch (kind) {
	case SILENT:
		CHECK_EQ(0, p9_connect(c, h.socket, 0));
		break;
	case UNFIT:
		CHECK_EQ(0, p9_connect(c, h.socket, 0));
		CHECK_EQ(-EREMOTEIO, p9_version(c, 8192, "9P2000"));
		break;
	case HALF:
	case DRIP:
		harness_attach(&h, c, 0);
		half_a_write(c);
		break;
	case NO_READER:
	case SIPPER:
		harness_attach(&h, c, 0);
		many_reads(c);
		break;
	case NR_KINDS:
		break;
	}
}

/* Is it over? Those that drip and sip do so here. */
static bool
is_over(enum kind kind, struct p9 *c)
{
	struct pollfd p = { .fd = c->fd };
	char bytes[SIP] = { 0 };

	if (kind == DRIP)
		return send(c->fd, bytes, 1, MSG_NOSIGNAL | MSG_DONTWAIT) < 0;
	if (kind == SIPPER)
		(void)!recv(c->fd, bytes, SIP, MSG_DONTWAIT);
	return poll(&p, 1, 0) == 1 && (p.revents & (POLLHUP | POLLERR));
}

/* Until all of them are hung up on; a client that behaves is served. */
static void
wait_until_closed(struct p9 *good)
{
	struct timespec ts = { 0, 50000000 };
	unsigned nr_left, kind, i, nr_rounds = 0;
	long mib, max = 0;
	bool over[NR_KINDS][NR_EACH] = { 0 };

	do {
		nr_left = 0;
		for (kind = 0; kind < NR_KINDS; kind++)
			for (i = 0; i < NR_EACH; i++) {
				over[kind][i] =
					over[kind][i] ||
					is_over(kind, &clients[kind][i]);
				nr_left += !over[kind][i];
			}
		CHECK_EQ(0, p9_walk(good, 0, 2, "f"));
		CHECK_EQ(0, p9_clunk(good, 2));
		mib = resident_mib();
		max = mib > max ? mib : max;
		CHECK(mib < BOUND_MIB || getenv("ASAN_TEST"));
		CHECK(nr_rounds++ < MAX_ROUNDS);
		(void)nanosleep(&ts, NULL);
	} while (nr_left > 0);
	printf("resident at most: %ld MiB\n", max);
}

int
main(void)
{
	struct p9 idle, good;
	unsigned kind, i;

	harness_start(&h, "echo x >f; truncate -s 8M big", OPTIONS);
	harness_attach(&h, &idle, 0);
	harness_attach(&h, &good, 0);
	for (kind = 0; kind < NR_KINDS; kind++)
		for (i = 0; i < NR_EACH; i++)
			begin(kind, &clients[kind][i]);
	wait_until_closed(&good);
	for (kind = 0; kind < NR_KINDS; kind++)
		for (i = 0; i < NR_EACH; i++)
			p9_close(&clients[kind][i]);
	/* The idle one is older than all of them. */
	CHECK_EQ(0, p9_walk(&idle, 0, 2, "f"));
	p9_close(&idle);
	p9_close(&good);
	harness_sh(&h, "grep -q 'closed: ' log");
	harness_end(&h);
	return 0;
}
