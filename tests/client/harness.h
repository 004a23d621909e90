/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A real veneer for a test: fresh layers in a temporary directory, the built
 * binary serving them on Unix sockets there, by 9P and by NBD, stopped by its
 * process id.
 * Everything dies with a message when something is not as it must be.
 */
#ifndef VENEER_TESTS_CLIENT_HARNESS_H
#define VENEER_TESTS_CLIENT_HARNESS_H

#include <sys/types.h>

#include "p9.h"

struct harness {
	char root[80]; /* lower, upper, upper.work, sockets, vhost, log */
	char socket[96], nbd_socket[96];
	pid_t pid;
};

/* Make the layers by a shell command (in lower), then start. @options: more
 * of the command line, or NULL. */
void harness_start(struct harness *h, const char *prepare, const char *options);
/* Start again after harness_stop() or a kill. */
void harness_restart(struct harness *h, const char *options);
/* SIGTERM, and it must end with status 0 within 10 s, leak-free. */
void harness_stop(struct harness *h);
void harness_kill(struct harness *h);
/* Stop, check that the lower is as it was, remove all. */
void harness_end(struct harness *h);
/* Attached as @uid, root on fid 0. */
void harness_attach(struct harness *h, struct p9 *c, uint32_t uid);
/* Is the server there and does it answer a fresh client? */
void harness_check_alive(struct harness *h);
unsigned harness_nr_fds(const struct harness *h);
/* Wait until it is no more than @want: within 10 s it must be so. */
void harness_wait_fds(const struct harness *h, unsigned want);
/* A shell command in root: must succeed. */
void harness_sh(const struct harness *h, const char *cmd);

#define CHECK(what)                                                    \
	do {                                                           \
		if (!(what)) {                                         \
			harness_fail(__FILE__, __LINE__, #what, 0, 0); \
		}                                                      \
	} while (0)
#define CHECK_EQ(want, got)                                              \
	do {                                                             \
		long long w_ = (long long)(want), g_ = (long long)(got); \
		if (w_ != g_)                                            \
			harness_fail(__FILE__, __LINE__, #got, w_, g_);  \
	} while (0)
void harness_fail(const char *file, int line, const char *what, long long want,
		  long long got) __attribute__((noreturn));

#endif
