/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a greedy client costs another one: client B asks one thing at a time,
 * alone, beside a client A that is connected and silent, and beside one that
 * keeps many requests in flight. With two clients each has half of the server:
 * fair is that B's latency at most doubles, plus the one turn of A that is under
 * way when B asks. A turn is 8 requests or, if that is shorter, those begun in
 * 25 us (conn.h); what a request takes is told by A's own rate.
 * Servers take turns in short rounds; medians count. On few cores the two
 * clients and the server also wait for each other: the same against diod tells
 * what is the server's.
 *
 *   bench-fair SECONDS ROUNDS (NAME SOCKET ANAME PID) (NAME SOCKET ANAME PID)
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "load.h"

#define MAX_ROUNDS 15
#define NR_SERVERS 2
/* A turn of a connection: server/conn.h. */
#define TURN_FRAMES 8
#define TURN_US 25.0
#define FOREVER_S 1e9

struct server {
	const char *name, *socket, *aname;
	pid_t pid;
};

static const struct row {
	const char *name;
	enum load_op op; /* of B */
	unsigned depth; /* of A; 0: it is silent */
	enum load_op greedy;
	uint32_t msize; /* of A */
} rows[] = {
	{ "getattr, beside a silent one", LOAD_GETATTR, 0, 0, 1 << 20 },
	{ "getattr, beside 128 getattr", LOAD_GETATTR, 128, LOAD_GETATTR,
	  1 << 20 },
	{ "getattr, beside 2000 getattr", LOAD_GETATTR, 2000, LOAD_GETATTR,
	  1 << 20 },
	{ "getattr, beside 128 reads of 128k", LOAD_GETATTR, 128, LOAD_READ,
	  128 << 10 },
	{ "getattr, beside 128 reads of 1M", LOAD_GETATTR, 128, LOAD_READ,
	  1 << 20 },
	{ "getattr, beside 128 write+fsync", LOAD_GETATTR, 128, LOAD_SYNC,
	  1 << 20 },
	{ "write+fsync, beside a silent one", LOAD_SYNC, 0, 0, 1 << 20 },
	{ "write+fsync, beside 128 getattr", LOAD_SYNC, 128, LOAD_GETATTR,
	  1 << 20 },
	{ "write+fsync, beside 128 write+fsync", LOAD_SYNC, 128, LOAD_SYNC,
	  1 << 20 },
};
#define NR_ROWS (sizeof(rows) / sizeof(rows[0]))

/* One round of one row: B alone, B beside A, and A meanwhile. */
struct sample {
	struct load_result alone, beside;
	double greedy_rate;
};

static void
die(const char *who, const char *what, int r)
{
	fprintf(stderr, "bench-fair: %s: %s: %s\n", who, what, strerror(-r));
	exit(1);
}

static void
attach(struct p9 *c, const struct server *s, uint32_t msize)
{
	int r = p9_connect(c, s->socket, msize);

	if (r == 0)
		r = p9_attach(c, 0, s->aname, 0);
	if (r < 0)
		die(s->name, "attach", r);
}

static void
run_b(const struct server *s, const struct row *row, double seconds,
      unsigned round, struct load_result *ret)
{
	struct p9 c;
	int r;

	attach(&c, s, 1 << 20);
	r = load_run(&c, row->op, 1, seconds, s->pid, round, ret);
	if (r < 0)
		die(s->name, row->name, r);
	p9_close(&c);
}

/* A, in a process of its own, until it is told to stop. */
static pid_t
start_a(const struct server *s, const struct row *row, unsigned round,
	struct load_result *shared)
{
	pid_t pid = fork();
	struct p9 c;
	int r = 0;

	if (pid != 0)
		return pid;
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	attach(&c, s, row->msize);
	if (row->depth)
		r = load_run(&c, row->greedy, row->depth, FOREVER_S, s->pid,
			     round, shared);
	else
		shared->nr_ops = 1;
	if (r < 0)
		die(s->name, "the greedy client", r);
	while (!shared->must_stop)
		(void)usleep(1000);
	_exit(0);
}

static void
one_round(const struct server *s, const struct row *row, double seconds,
	  struct load_result *shared, struct sample *ret)
{
	const volatile uint64_t *nr_ops = &shared->nr_ops;
	static unsigned round;
	uint64_t before;
	double began;
	pid_t pid;

	run_b(s, row, seconds, round++, &ret->alone);
	*shared = (struct load_result){ 0 };
	pid = start_a(s, row, round++, shared);
	while (*nr_ops == 0 && waitpid(pid, NULL, WNOHANG) == 0)
		(void)usleep(1000);
	before = *nr_ops;
	began = now_s();
	run_b(s, row, seconds, round++, &ret->beside);
	ret->greedy_rate = (double)(*nr_ops - before) / (now_s() - began);
	/* Not by a signal: diod 1.0.24 dies of what it had in flight. */
	shared->must_stop = true;
	(void)waitpid(pid, NULL, 0);
}

#define MEDIAN(v, n, field)                              \
	__extension__({                                  \
		double v_[MAX_ROUNDS];                   \
		unsigned i_;                             \
                                                         \
		for (i_ = 0; i_ < (n); i_++)             \
			v_[i_] = (v)[i_].field;          \
		qsort(v_, (n), sizeof(v_[0]), by_value); \
		v_[(n) / 2];                             \
	})

/* What a turn of the other takes, of whose requests @rate are done a second. */
static double
turn_us(double rate)
{
	double one = rate > 0 ? 1e6 / rate : 0;

	return one * TURN_FRAMES < TURN_US + one ? one * TURN_FRAMES
						 : TURN_US + one;
}

static void
print_server(const char *name, const struct sample *v, unsigned n)
{
	double alone = MEDIAN(v, n, alone.p50_us);
	double beside = MEDIAN(v, n, beside.p50_us);
	double greedy = MEDIAN(v, n, greedy_rate);
	double fair = 2 * alone + turn_us(greedy);

	printf("    %-7s alone p50 %8.1f p99 %8.1f us; beside p50 %8.1f p99 "
	       "%9.1f us: %6.2f times; fair: %7.1f us: %s; %7.0f/s of "
	       "%7.0f/s; the other %8.0f/s\n",
	       name, alone, MEDIAN(v, n, alone.p99_us), beside,
	       MEDIAN(v, n, beside.p99_us), beside / alone, fair,
	       beside <= fair ? "ok" : "MISSED", MEDIAN(v, n, beside.rate),
	       MEDIAN(v, n, alone.rate), greedy);
	(void)fflush(stdout);
}

int
main(int argc, char **argv)
{
	static struct sample v[NR_SERVERS][MAX_ROUNDS];
	struct server servers[NR_SERVERS];
	struct load_result *shared;
	unsigned nr_rounds, i, j, k;
	double seconds;

	if (argc != 3 + 4 * NR_SERVERS) {
		fputs("run by tests/bench/run-fair.sh\n", stderr);
		return 2;
	}
	seconds = strtod(argv[1], NULL);
	nr_rounds = (unsigned)strtoul(argv[2], NULL, 10);
	if (nr_rounds < 1 || nr_rounds > MAX_ROUNDS)
		return 2;
	for (i = 0, argv += 3; i < NR_SERVERS; i++, argv += 4)
		servers[i] = (struct server){ argv[0], argv[1], argv[2],
					      (pid_t)atoi(argv[3]) };
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		return 1;
	for (i = 0; i < NR_ROWS; i++) {
		for (j = 0; j < nr_rounds; j++)
			for (k = 0; k < NR_SERVERS; k++)
				one_round(&servers[k], &rows[i], seconds,
					  shared, &v[k][j]);
		printf("%s\n", rows[i].name);
		for (k = 0; k < NR_SERVERS; k++)
			print_server(servers[k].name, v[k], nr_rounds);
	}
	return 0;
}
