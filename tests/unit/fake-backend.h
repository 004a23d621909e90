/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A backend without a tree, for tests of protocol/: a name says by its first
 * letter what it is ('d' directory, 'f' file, 'l' symbolic link, anything
 * else: absent), contents are made up. Requests complete at once, or, when
 * @is_deferred, in the order and at the time that the test chooses.
 *
 * The session's owner must be (or begin with) a struct fake_backend.
 */
#ifndef VENEER_TESTS_FAKE_BACKEND_H
#define VENEER_TESTS_FAKE_BACKEND_H

#include <stdbool.h>

#include "request.h"

#define FAKE_FILE_SIZE 10000u
#define FAKE_NR_DIRENTS 300u

STAILQ_HEAD(fake_queue, request);

#define FAKE_EXTENTS 16

/* What an image is, that a name beginning with 'f' stands for. */
struct fake_image {
	uint64_t size;
	uint32_t block_size;
	bool is_read_only, is_rotational;
	/* NULL: as it was asked for; none; none. */
	const char *name, *description, *why;
	unsigned nr_listed; /* of REQUEST_IMAGE_LIST: f0, f1... */
	/* of REQUEST_EXTENTS, each from where the last one ended; what is
	 * behind them is a hole */
	struct extent extents[FAKE_EXTENTS];
	unsigned nr_extents;
	unsigned alternate; /* instead: data and holes of so many bytes */
	unsigned nr_emitted; /* in the last one */
};

struct fake_backend {
	/* Answer @r (error and results) by something else than the fake;
	 * the other functions of struct backend are then its own, too. */
	void (*answer)(void *ctx, struct request *r);
	void *answer_ctx; /* borrowed */
	bool is_deferred;
	bool can_cancel; /* withdraw deferred requests when asked */
	int error; /* the result of every request, if not 0 */
	size_t xattr_size; /* of the value of every attribute */
	uint64_t file_size; /* where reads end: FAKE_FILE_SIZE */
	size_t write_max; /* a write takes no more at once; 0: all */
	struct fake_image image;
	struct fake_queue pending;
	unsigned nr_pending;
	unsigned nr_nodes, nr_handles; /* alive */
	unsigned nr_submitted, nr_closed, nr_cancelled;
	/* What was asked last. Its pointers may be stale, but for these: */
	struct request last;
	char last_name[512], last_name2[5000];
	unsigned char last_data[64]; /* the beginning of a write */
	bool last_value_is_null; /* of a SETXATTR */
};

extern const struct backend fake_backend;

void fake_backend_init(struct fake_backend *b);

/* Complete the @i-th pending request, as if a worker had done it. */
void fake_backend_finish(struct fake_backend *b, unsigned i);

/* Complete them all, also those that come up meanwhile. */
void fake_backend_finish_all(struct fake_backend *b);

#endif
