/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What nobody can beat: an echo of messages of the same sizes, and the plain
 * system calls on kernel overlayfs.
 */
#ifndef VENEER_TESTS_BENCH_FLOOR_H
#define VENEER_TESTS_BENCH_FLOOR_H

#include "load.h"

/* Fork a server on the Unix socket @path that answers without any work. */
pid_t floor_echo(const char *path);

/*
 * The CPU time (us) of one operation by system calls below @mount, measured
 * for @seconds. Negative: errno.
 */
double floor_syscalls(const char *mount, enum load_op op, double seconds);

#endif
