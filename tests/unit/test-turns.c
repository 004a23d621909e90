/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Connections of one loop take turns, however much one of them has sent: who
 * asks for one thing waits for a turn of each other one, not for all that they
 * want. Over socket pairs and a loop that is run step by step.
 */
#include "unit.h"

#include <ev.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "conn.h"

#define NR_GREEDY 1000
/* What a turn is at most, with room to be tuned. */
#define TURN_MAX 32

struct fixture {
	struct config config;
	struct server server;
	struct loop *loop;
	int greedy[2], modest; /* the clients' sides */
};

/* Rversion is 21 bytes, Rlerror 11, all of them here. */
#define RVERSION_LEN 21
#define RLERROR_LEN 11

static int
connected(struct fixture *f)
{
	static const struct conn_origin origin = {
		.protocol = &protocol_9p,
		.transport = &stream_ops,
	};
	int fds[2];

	assert_int_equal(
		0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds));
	atomic_fetch_add(&f->server.nr_conns, 1);
	atomic_fetch_add(&f->loop->nr_conns, 1);
	conn_new(f->loop, fds[1], &origin);
	return fds[0];
}

/* Tversion and @nr Tgetattr of a fid that is not there, in one go. */
static void
ask(int fd, unsigned nr)
{
	static const uint8_t version[21] = "\x15\0\0\0\x64\xff\xff\0\0\1\0"
					   "\x08\0"
					   "9P2000.L";
	uint8_t m[19] = { 19, 0, 0, 0, 24 },
		out[sizeof(version) + NR_GREEDY * sizeof(m)];
	size_t len = sizeof(version);
	unsigned i;

	memcpy(out, version, len);
	for (i = 0; i < nr; i++, len += sizeof(m)) {
		m[5] = (uint8_t)i;
		m[6] = (uint8_t)(i >> 8);
		memcpy(out + len, m, sizeof(m));
	}
	assert_int_equal(len, send(fd, out, len, 0));
}

/* Bytes that have come since the last time. */
static size_t
received(int fd)
{
	static uint8_t in[1 << 16];
	ssize_t n = recv(fd, in, sizeof(in), 0);

	return n > 0 ? (size_t)n : 0;
}

static void
setup(struct fixture *f)
{
	*f = (struct fixture){
		.config = { .max_msize = 1 << 20,
			    .max_fids = 100,
			    .max_inflight = 128,
			    .max_inflight_bytes = 16 << 20,
			    .max_total_bytes = 1 << 30,
			    .nr_loops = 1,
			    .max_conns = 10,
			    .timeout_s = 60,
			    .log_level = LOG_ERR },
		.server = { .config = &f->config },
	};
	log_set_level(LOG_ERR);
	f->loop = loop_new(&f->server);
	assert_non_null(f->loop);
	f->greedy[0] = connected(f);
	f->greedy[1] = connected(f);
	f->modest = connected(f);
}

static void
step(struct fixture *f)
{
	(void)ev_run(f->loop->ev, EVRUN_NOWAIT);
}

static void
teardown(struct fixture *f)
{
	struct conn *c;

	while ((c = LIST_FIRST(&f->loop->conns))) {
		conn_close(c);
		loop_flush(f->loop);
	}
	step(f); /* with nothing left to do */
	loop_free(f->loop);
	(void)close(f->greedy[0]);
	(void)close(f->greedy[1]);
	(void)close(f->modest);
}

static void
one_request_waits_for_one_turn(void **state)
{
	size_t bytes[2] = { 0 }, modest = 0;
	unsigned i, nr_steps = 0;
	struct fixture f;

	(void)state;
	setup(&f);
	ask(f.greedy[0], NR_GREEDY);
	ask(f.greedy[1], NR_GREEDY);
	ask(f.modest, 1);
	while (modest < RVERSION_LEN + RLERROR_LEN && nr_steps++ < 10) {
		step(&f);
		modest += received(f.modest);
	}
	assert_int_equal(RVERSION_LEN + RLERROR_LEN, modest);
	for (i = 0; i < 2; i++) {
		bytes[i] += received(f.greedy[i]);
		assert_in_range(bytes[i], 1, TURN_MAX * RLERROR_LEN);
	}
	/* The greedy ones go on side by side, and get all they asked for. */
	for (nr_steps = 0; nr_steps < NR_GREEDY; nr_steps++) {
		step(&f);
		for (i = 0; i < 2; i++)
			bytes[i] += received(f.greedy[i]);
		assert_in_range(bytes[0] + TURN_MAX * RLERROR_LEN, bytes[1],
				bytes[1] + 2 * TURN_MAX * RLERROR_LEN);
	}
	for (i = 0; i < 2; i++)
		assert_int_equal(RVERSION_LEN + NR_GREEDY * RLERROR_LEN,
				 bytes[i]);
	teardown(&f);
}

static void
closed_while_it_waits_for_its_turn(void **state)
{
	struct fixture f;
	struct conn *c;

	(void)state;
	setup(&f);
	ask(f.greedy[0], NR_GREEDY);
	step(&f);
	LIST_FOREACH (c, &f.loop->conns, by_loop)
		if (c->is_waiting_turn)
			break;
	assert_non_null(c);
	conn_close(c);
	loop_flush(f.loop);
	ask(f.modest, 1);
	step(&f);
	step(&f);
	assert_int_equal(RVERSION_LEN + RLERROR_LEN, received(f.modest));
	assert_int_equal(2, atomic_load(&f.loop->nr_conns));
	teardown(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_request_waits_for_one_turn),
		cmocka_unit_test(closed_while_it_waits_for_its_turn),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
