/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The load: chains of messages, many at once on one connection. Client and
 * server share few cores, so one recv takes many replies and one send many
 * requests.
 */
#ifndef VENEER_TESTS_BENCH_LOAD_H
#define VENEER_TESTS_BENCH_LOAD_H

#include <sys/types.h>

#include "p9.h"

/* The prepared tree: BENCH_DIRS directories of BENCH_FILES files of 4 KiB
 * below "top", and "big", BENCH_BIG bytes. */
#define BENCH_DIRS 200
#define BENCH_FILES 100
#define BENCH_BIG ((uint64_t)128 << 20)

enum load_op {
	LOAD_GETATTR, /* of walked fids */
	LOAD_WALK, /* walk three names, getattr, clunk */
	LOAD_OPEN, /* walk, open, read 4 KiB, clunk */
	LOAD_CREATE, /* clone, create, write 1 KiB, clunk */
	LOAD_READ, /* 1 MiB, in order */
	LOAD_WRITE, /* 1 MiB, in order */
	LOAD_RANDOM, /* read 4 KiB anywhere */
	LOAD_SYNC, /* write 4 KiB to a file of its own, fsync */
	LOAD_NR_OPS,
};

struct load_result {
	double rate; /* operations per second */
	double p50_us, p99_us;
	double cpu_us; /* of the server, per operation */
	double bytes; /* of data, per operation */
	uint64_t nr_ops;
	volatile bool must_stop; /* set by another process: enough */
};

/*
 * Run @op at @depth for @seconds over @c (attached, root is fid 0).
 * @pid: whose CPU is measured. @round makes names of created files fresh.
 * In memory that is shared, @ret->nr_ops tells another process how far it is,
 * which can stop it.
 * Returns 0 or a negative errno.
 */
int load_run(struct p9 *c, enum load_op op, unsigned depth, double seconds,
	     pid_t pid, unsigned round, struct load_result *ret);

/* CPU time of all threads of @pid so far. */
double cpu_of(pid_t pid);
/* Resident bytes of @pid. */
double rss_of(pid_t pid);
double now_s(void);
int by_value(const void *a, const void *b);

#endif
