/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * veneer side by side with diod on kernel overlayfs: rates, latencies, CPU
 * and memory, the floor beside them, and what was promised. Servers take
 * turns in short rounds, so that noise hits all; medians count.
 *
 *   bench SECONDS ROUNDS MOUNT ECHO-SOCKET veneer SOCKET PID diod SOCKET PID
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "floor.h"
#include "load.h"

#define MAX_ROUNDS 15

struct server {
	const char *name, *socket, *aname;
	pid_t pid;
};

struct bench {
	double seconds;
	unsigned nr_rounds, next_round, nr_missed;
	const char *mount;
	struct server veneer, diod, echo;
};

struct row {
	const char *name;
	enum load_op op;
	unsigned depth;
	double target; /* times diod */
};

static const struct row rows[] = {
	{ "getattr", LOAD_GETATTR, 1, 1.7 },
	{ "walk3+getattr+clunk", LOAD_WALK, 1, 2 },
	{ "walk+open+read4k+clunk", LOAD_OPEN, 1, 2 },
	{ "create+write1k", LOAD_CREATE, 1, 1.7 },
	{ "getattr", LOAD_GETATTR, 16, 4 },
	{ "walk3+getattr+clunk", LOAD_WALK, 16, 4 },
	{ "walk+open+read4k+clunk", LOAD_OPEN, 16, 3 },
	{ "create+write1k", LOAD_CREATE, 16, 1.5 },
	{ "read 1M in order", LOAD_READ, 1, 1.3 },
	{ "read 1M in order", LOAD_READ, 16, 1.3 },
	{ "write 1M in order", LOAD_WRITE, 1, 1.2 },
	{ "write 1M in order", LOAD_WRITE, 16, 1.2 },
	{ "read 4k at random", LOAD_RANDOM, 16, 2 },
};
#define NR_ROWS (sizeof(rows) / sizeof(rows[0]))

static void
die(const char *who, const char *what, int r)
{
	fprintf(stderr, "bench: %s: %s: %s\n", who, what, strerror(-r));
	exit(1);
}

static void
one_round(struct bench *b, const struct server *s, const struct row *row,
	  struct load_result *ret)
{
	struct p9 c;
	int r = p9_open_session(&c, s->socket, s->aname, 0);

	if (r == 0)
		r = load_run(&c, row->op, row->depth, b->seconds, s->pid,
			     b->next_round++, ret);
	if (r < 0)
		die(s->name, row->name, r);
	p9_close(&c);
}

#define MEDIAN(res, n, field, ret)                       \
	do {                                             \
		double v_[MAX_ROUNDS];                   \
		unsigned i_;                             \
                                                         \
		for (i_ = 0; i_ < (n); i_++)             \
			v_[i_] = (res)[i_].field;        \
		qsort(v_, (n), sizeof(v_[0]), by_value); \
		(ret)->field = v_[(n) / 2];              \
	} while (0)

static struct load_result
median(const struct load_result *res, unsigned n)
{
	struct load_result m = res[0];

	MEDIAN(res, n, rate, &m);
	MEDIAN(res, n, p50_us, &m);
	MEDIAN(res, n, p99_us, &m);
	MEDIAN(res, n, cpu_us, &m);
	return m;
}

static const char *
verdict(struct bench *b, bool is_ok)
{
	if (!is_ok)
		b->nr_missed++;
	return is_ok ? "ok" : "MISSED";
}

static void
print_server(const char *name, const struct load_result *m)
{
	printf("    %-7s %9.0f/s  p50 %7.1f  p99 %7.1f us  cpu %6.1f us/op",
	       name, m->rate, m->p50_us, m->p99_us, m->cpu_us);
	if (m->bytes > 4096)
		printf("  %5.2f GB/s", m->rate * m->bytes / 1e9);
	putchar('\n');
}

static void
run_row(struct bench *b, const struct row *row)
{
	struct load_result v[MAX_ROUNDS], d[MAX_ROUNDS], e[MAX_ROUNDS];
	struct load_result vm, dm, em;
	double sys, floor, ratio;
	unsigned i;

	for (i = 0; i < b->nr_rounds; i++) {
		one_round(b, &b->veneer, row, &v[i]);
		one_round(b, &b->diod, row, &d[i]);
		one_round(b, &b->echo, row, &e[i]);
	}
	vm = median(v, i);
	dm = median(d, i);
	em = median(e, i);
	sys = floor_syscalls(b->mount, row->op, b->seconds / 2);
	floor = sys + em.cpu_us;
	/* Large transfers: messages differ in size where msize does. */
	ratio = vm.rate * vm.bytes / (dm.rate * dm.bytes);
	printf("%s, depth %u\n", row->name, row->depth);
	print_server("veneer", &vm);
	print_server("diod", &dm);
	print_server("echo", &em);
	printf("    %.2f times diod, %.1f promised: %s;  cpu %.2f times the "
	       "floor (%.1f = %.1f echo + %.1f system calls), 2 promised: %s\n",
	       ratio, row->target, verdict(b, ratio >= row->target),
	       vm.cpu_us / floor, floor, em.cpu_us, sys,
	       verdict(b, vm.cpu_us <= 2 * floor));
	(void)fflush(stdout);
}

/* @nr fids on files, held by @c. */
static void
hold_fids(struct p9 *c, unsigned from, unsigned to)
{
	char path[64];
	unsigned i;
	int r;

	for (i = from; i < to; i++) {
		(void)snprintf(path, sizeof(path), "top/dir%03u/file%03u",
			       i % BENCH_DIRS, i / BENCH_DIRS % BENCH_FILES);
		r = p9_walk(c, 0, 1000000 + i, path);
		if (r < 0)
			die("veneer", "walking 100,000 fids", r);
	}
}

static void
many_fids(struct bench *b)
{
	struct load_result few = { 0 }, many = { 0 };
	double rss_before, rss;
	struct p9 c;
	int r = p9_open_session(&c, b->veneer.socket, b->veneer.aname, 0);

	if (r < 0)
		die("veneer", "attach", r);
	rss_before = rss_of(b->veneer.pid);
	hold_fids(&c, 0, 10);
	r = load_run(&c, LOAD_GETATTR, 1, b->seconds * 2, b->veneer.pid, 0,
		     &few);
	hold_fids(&c, 10, 100000);
	rss = rss_of(b->veneer.pid);
	if (r == 0)
		r = load_run(&c, LOAD_GETATTR, 1, b->seconds * 2, b->veneer.pid,
			     0, &many);
	if (r < 0)
		die("veneer", "getattr", r);
	printf("fids held\n    getattr with 10: %.0f/s, cpu %.2f us; with "
	       "100,000: %.0f/s, cpu %.2f us; %.2f times: %s\n",
	       few.rate, few.cpu_us, many.rate, many.cpu_us,
	       many.cpu_us / few.cpu_us,
	       verdict(b, many.cpu_us < 1.15 * few.cpu_us));
	printf("    resident with 100,000 idle fids: %.1f MiB (%.1f before), "
	       "40 promised: %s\n",
	       rss / 1048576, rss_before / 1048576,
	       verdict(b, rss < 40 * 1048576.0));
	p9_close(&c);
}

/* A client that asks for much and reads nothing, in a process of its own. */
static pid_t
start_greedy(const struct bench *b)
{
	struct p9 c;
	pid_t pid = fork();
	unsigned i;

	if (pid != 0)
		return pid;
	if (p9_open_session(&c, b->veneer.socket, b->veneer.aname, 0) < 0 ||
	    p9_walk(&c, 0, 2, "big") < 0 || p9_lopen(&c, 2, 0, NULL) < 0)
		_exit(1);
	for (i = 0; i < 1000; i++) {
		p9_begin(&c, 116, (uint16_t)i);
		p9_put32(&c, 2);
		p9_put64(&c, 0);
		p9_put32(&c, 1 << 20);
		p9_end(&c);
	}
	(void)p9_send(&c); /* may block: nobody reads the other side */
	for (;;)
		(void)pause();
}

static void
slow_reader(struct bench *b)
{
	struct load_result alone = { 0 }, beside = { 0 };
	const struct row row = { "getattr", LOAD_GETATTR, 1, 0 };
	pid_t pid;

	one_round(b, &b->veneer, &row, &alone);
	pid = start_greedy(b);
	(void)usleep(300000); /* until it has filled what it can fill */
	one_round(b, &b->veneer, &row, &beside);
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
	printf("a client that reads no replies\n    getattr of another: %.0f/s "
	       "without it, %.0f/s beside it: %s\n",
	       alone.rate, beside.rate,
	       verdict(b, beside.rate > 0.85 * alone.rate));
}

int
main(int argc, char **argv)
{
	struct bench b = { 0 };
	size_t i;

	if (argc != 11) {
		fputs("run by tests/bench/run.sh\n", stderr);
		return 2;
	}
	b.seconds = strtod(argv[1], NULL);
	b.nr_rounds = (unsigned)strtoul(argv[2], NULL, 10);
	if (b.nr_rounds < 1 || b.nr_rounds > MAX_ROUNDS)
		return 2;
	b.mount = argv[3];
	b.echo = (struct server){ "echo", argv[4], "", floor_echo(argv[4]) };
	b.veneer =
		(struct server){ argv[5], argv[6], "", (pid_t)atoi(argv[7]) };
	b.diod = (struct server){ argv[8], argv[9], argv[3],
				  (pid_t)atoi(argv[10]) };
	for (i = 0; i < NR_ROWS; i++)
		run_row(&b, &rows[i]);
	many_fids(&b);
	slow_reader(&b);
	printf("resident at the end: veneer %.1f MiB, diod %.1f MiB\n",
	       rss_of(b.veneer.pid) / 1048576, rss_of(b.diod.pid) / 1048576);
	printf("%u promises missed\n", b.nr_missed);
	(void)kill(b.echo.pid, SIGKILL);
	return b.nr_missed ? 1 : 0;
}
