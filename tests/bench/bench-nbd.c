/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * veneer's NBD beside nbdkit's file plugin and qemu-nbd: the same image, the
 * same client, in turns, in one run. What was promised: in each row at least
 * the better peer, 1.2 times that in half of them; CPU below nbdkit's.
 *
 *   bench-nbd SECONDS ROUNDS SPAN (NAME SOCKET EXPORT PID) x 3
 *   bench-nbd partial WHOLE HOLES PARTIAL NR SOCKET PID
 *
 * The second form: the first write to NR images "first-I.img" of a lower, and
 * random writes to a partial file beside those to a whole one, and to one that is
 * all holes: what new blocks cost the file system without us.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "load.h"
#include "nbd-load.h"

#define MAX_ROUNDS 15
#define NR_SERVERS 3
#define MAX_FIRST 500
#define WORKING_SET ((uint64_t)256 << 20)

struct server {
	const char *name, *socket, *export;
	pid_t pid;
};

static const struct row {
	const char *name;
	bool writes, is_random;
	uint32_t size;
	unsigned depth, nr_conns;
} rows[] = {
	{ "read 4k at random", false, true, 4096, 1, 1 },
	{ "read 4k at random", false, true, 4096, 16, 1 },
	{ "read 4k at random", false, true, 4096, 1, 4 },
	{ "read 4k at random", false, true, 4096, 16, 4 },
	{ "write 4k at random", true, true, 4096, 1, 1 },
	{ "write 4k at random", true, true, 4096, 16, 1 },
	{ "write 4k at random", true, true, 4096, 1, 4 },
	{ "write 4k at random", true, true, 4096, 16, 4 },
	{ "read 256k in order", false, false, 262144, 1, 1 },
	{ "read 256k in order", false, false, 262144, 16, 1 },
	{ "read 256k in order", false, false, 262144, 1, 4 },
	{ "read 256k in order", false, false, 262144, 16, 4 },
	{ "write 256k in order", true, false, 262144, 1, 1 },
	{ "write 256k in order", true, false, 262144, 16, 1 },
	{ "write 256k in order", true, false, 262144, 1, 4 },
	{ "write 256k in order", true, false, 262144, 16, 4 },
};
#define NR_ROWS (sizeof(rows) / sizeof(rows[0]))

static void
run(const struct server *s, const struct nbd_load *load, struct nbd_result *ret)
{
	int r = nbd_load_run(load, ret);

	if (r == 0)
		return;
	fprintf(stderr, "bench-nbd: %s: %s\n", s->name, strerror(-r));
	exit(1);
}

#define MEDIAN(res, n, field)                            \
	__extension__({                                  \
		double v_[MAX_ROUNDS];                   \
		unsigned i_;                             \
                                                         \
		for (i_ = 0; i_ < (n); i_++)             \
			v_[i_] = (res)[i_].field;        \
		qsort(v_, (n), sizeof(v_[0]), by_value); \
		v_[(n) / 2];                             \
	})

static void
print_server(const char *name, const struct row *row,
	     const struct nbd_result *m)
{
	printf("    %-8s %9.0f/s  p50 %8.1f  p99 %8.1f us  cpu %6.1f us/op",
	       name, m->rate, m->p50_us, m->p99_us, m->cpu_us);
	if (row->size > 4096)
		printf("  %5.2f GB/s, %4.0f us/MiB", m->rate * row->size / 1e9,
		       m->cpu_us * 1048576 / row->size);
	putchar('\n');
}

/* One row; counts what was missed and what was 1.2 times the better peer. */
static void
run_row(const struct server *s, const struct row *row, struct nbd_load load,
	unsigned nr_rounds, unsigned *missed, unsigned *fast)
{
	struct nbd_result v[NR_SERVERS][MAX_ROUNDS], m[NR_SERVERS];
	unsigned i, k;
	double ratio, peer;

	load.writes = row->writes;
	load.is_random = row->is_random;
	load.size = row->size;
	load.depth = row->depth;
	load.nr_conns = row->nr_conns;
	for (i = 0; i < nr_rounds; i++) {
		for (k = 0; k < NR_SERVERS; k++) {
			load.socket = s[k].socket;
			load.export = s[k].export;
			load.pid = s[k].pid;
			load.seed++;
			run(&s[k], &load, &v[k][i]);
		}
	}
	printf("%s, depth %u, %u connection%s\n", row->name, row->depth,
	       row->nr_conns, row->nr_conns > 1 ? "s" : "");
	for (k = 0; k < NR_SERVERS; k++) {
		m[k] = (struct nbd_result){
			MEDIAN(v[k], nr_rounds, rate),
			MEDIAN(v[k], nr_rounds, p50_us),
			MEDIAN(v[k], nr_rounds, p99_us),
			MEDIAN(v[k], nr_rounds, cpu_us),
		};
		print_server(s[k].name, row, &m[k]);
	}
	peer = m[1].rate > m[2].rate ? m[1].rate : m[2].rate;
	ratio = m[0].rate / peer;
	*fast += ratio >= 1.2;
	*missed += (ratio < 1) + (m[0].cpu_us >= m[1].cpu_us);
	printf("    %.2f times the better peer, 1.0 promised: %s;  cpu %.2f of "
	       "%s's: %s\n",
	       ratio, ratio >= 1 ? "ok" : "MISSED", m[0].cpu_us / m[1].cpu_us,
	       s[1].name, m[0].cpu_us < m[1].cpu_us ? "ok" : "MISSED");
	(void)fflush(stdout);
}

static int
bench_peers(char **argv)
{
	unsigned nr_rounds = (unsigned)atoi(argv[1]), missed = 0, fast = 0, i;
	struct nbd_load load = { .seconds = strtod(argv[0], NULL),
				 .span = strtoull(argv[2], NULL, 10) };
	struct server s[NR_SERVERS];
	size_t k;

	if (nr_rounds < 1 || nr_rounds > MAX_ROUNDS)
		return 2;
	for (i = 0, argv += 3; i < NR_SERVERS; i++, argv += 4)
		s[i] = (struct server){ argv[0], argv[1], argv[2],
					(pid_t)atoi(argv[3]) };
	for (k = 0; k < NR_ROWS; k++)
		run_row(s, &rows[k], load, nr_rounds, &missed, &fast);
	printf("%u promises missed; 1.2 times the better peer in %u of %zu "
	       "rows, half promised: %s\n",
	       missed, fast, NR_ROWS, fast >= NR_ROWS / 2 ? "ok" : "MISSED");
	return missed ? 1 : 0;
}

/* The first write to each of @nr lower images. */
static bool
first_writes(struct nbd_load load, unsigned nr)
{
	static double us[MAX_FIRST];
	const struct server s = { .name = "veneer" };
	struct nbd_result res;
	char name[32];
	unsigned i;

	load.nr_max = 1;
	for (i = 0; i < nr; i++) {
		(void)snprintf(name, sizeof(name), "first-%u.img", i);
		load.export = name;
		load.seed = i;
		run(&s, &load, &res);
		us[i] = res.p50_us;
	}
	qsort(us, nr, sizeof(us[0]), by_value);
	printf("first write to a lower image, %u of them\n    p50 %.0f us, "
	       "p99 %.0f us, 5000 promised: %s\n",
	       nr, us[nr / 2], us[nr * 99 / 100],
	       us[nr * 99 / 100] < 5000 ? "ok" : "MISSED");
	return us[nr * 99 / 100] < 5000;
}

static int
bench_partial(char **argv)
{
	struct nbd_load load = { .socket = argv[4],
				 .writes = true,
				 .is_random = true,
				 .size = 4096,
				 .span = 1 << 30,
				 .depth = 1,
				 .nr_conns = 1,
				 .seconds = 2,
				 .pid = (pid_t)atoi(argv[5]) };
	const struct server s = { .name = "veneer" };
	unsigned nr = (unsigned)atoi(argv[3]);
	struct nbd_result whole, holes, first, partial;
	bool ok;

	if (nr < 1 || nr > MAX_FIRST)
		return 2;
	ok = first_writes(load, nr);
	load.depth = 16;
	load.export = argv[0];
	run(&s, &load, &whole);
	load.export = argv[1];
	run(&s, &load, &holes);
	load.export = argv[2];
	run(&s, &load, &first);
	/* What a guest works on is written more than once. */
	load.span = WORKING_SET;
	run(&s, &load, &partial);
	printf("write 4k at random, depth 16\n    whole file %.0f/s, one of "
	       "holes %.0f/s; partial, nearly all to blocks that are missing, "
	       "%.0f/s: %.2f, of the holes %.2f;\n"
	       "    partial, in a working set of %u MiB, %.0f/s: %.2f, 0.5 "
	       "promised: %s\n",
	       whole.rate, holes.rate, first.rate, first.rate / whole.rate,
	       first.rate / holes.rate, (unsigned)(WORKING_SET >> 20),
	       partial.rate, partial.rate / whole.rate,
	       partial.rate >= whole.rate / 2 ? "ok" : "MISSED");
	return ok && partial.rate >= whole.rate / 2 ? 0 : 1;
}

int
main(int argc, char **argv)
{
	if (argc == 8 && strcmp(argv[1], "partial") == 0)
		return bench_partial(argv + 2);
	if (argc == 4 + 4 * NR_SERVERS)
		return bench_peers(argv + 1);
	fputs("run by tests/bench/run-nbd.sh\n", stderr);
	return 2;
}
