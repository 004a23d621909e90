/* SPDX-License-Identifier: BSD-3-Clause */
/* Files as blocks, for tests of them. */
#ifndef VENEER_TESTS_LAYERS_BLOCKS_H
#define VENEER_TESTS_LAYERS_BLOCKS_H

#include "layers-fixture.h"

/* The node of @path, which is there. */
struct node *blocks_walk(struct fixture *f, const char *path);
/* Open it late, for writing; and as a 9P client does. */
struct handle *blocks_open(struct node *n);
struct handle *blocks_open_9p(struct node *n, int flags);
/* Write @text at @off. 0 or -errno. */
int blocks_write(struct handle *h, const char *text, uint64_t off);
/* All of it is @want. */
void blocks_assert_reads(struct handle *h, const char *want);

/* Ways to have what was written on disk, which a test goes through. */
enum sync_how { SYNC_ALL, SYNC_DATA, SYNC_WRITE, SYNC_ZERO };
int blocks_sync(struct handle *h, enum sync_how how);

/* The next change of the upper fails. Needs the option BLOCKS_CAN_FAIL. */
#define BLOCKS_CAN_FAIL "test-fail=1000000:5"
void blocks_fail_next(struct fixture *f, int err);

#endif
