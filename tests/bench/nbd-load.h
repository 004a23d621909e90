/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A load of NBD requests: one thread a connection, many requests in flight on
 * each. It knows just what it needs of the protocol, so that little of the
 * time that is measured is its own.
 */
#ifndef VENEER_TESTS_BENCH_NBD_LOAD_H
#define VENEER_TESTS_BENCH_NBD_LOAD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct nbd_load {
	const char *socket, *export; /* borrowed */
	bool writes, is_random; /* else reads; else in order */
	uint32_t size; /* bytes of a request */
	uint64_t span; /* of the image that is used, from 0 */
	unsigned depth, nr_conns; /* requests in flight on each */
	double seconds;
	uint64_t nr_max; /* requests of each connection; 0: by time only */
	uint64_t seed;
	pid_t pid; /* whose CPU is measured */
};

#define NBD_MAX_CONNS 8
#define NBD_MAX_DEPTH 64

struct nbd_result {
	double rate; /* operations per second */
	double p50_us, p99_us;
	double cpu_us; /* of the server, per operation */
};

/* Returns 0 or a negative errno: what the server answered, or -EPROTO. */
int nbd_load_run(const struct nbd_load *what, struct nbd_result *ret);

#endif
