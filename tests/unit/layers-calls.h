/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * System calls of layers/, for tests that count them or have a file system
 * which cannot do what most can. These take the places of libc's functions in
 * a test that uses them.
 */
#ifndef VENEER_TESTS_LAYERS_CALLS_H
#define VENEER_TESTS_LAYERS_CALLS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define CALLS_MAX 64

/* All zero: nothing was called, and all works. */
extern struct calls {
	/* What was synced by fsync() or fdatasync(), in that order. */
	ino_t synced[CALLS_MAX];
	unsigned nr_synced;
	/* The last posix_fadvise() of each kind, and how many there were. */
	unsigned nr_random, nr_willneed;
	int64_t willneed_len;
	unsigned nr_fallocates;
	int64_t allocated; /* bytes asked of fallocate(), but for holes */
	unsigned nr_seeks; /* for data or holes */
	int lacks; /* modes of fallocate() that are EOPNOTSUPP; those of
		      mode 0: CALLS_ALLOCATE */
	bool has_no_holes; /* lseek() knows none: EINVAL */
	bool splits; /* it takes each 16 KiB for an extent */
} calls;

#define CALLS_ALLOCATE 0x10000

#endif
