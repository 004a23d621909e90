/* SPDX-License-Identifier: BSD-3-Clause */
/* Buffers that are used up piece by piece. Private to layers/partial-*.c. */
#ifndef VENEER_LAYERS_PARTIAL_IOV_H
#define VENEER_LAYERS_PARTIAL_IOV_H

#include <sys/uio.h>

#include "file.h"
#include "partial.h"

/* Pieces of one system call. */
#define PARTIAL_IOV_MAX 64

struct partial_iov {
	const struct iovec *iov; /* borrowed: the rest */
	unsigned nr;
	size_t skip; /* of the first one */
};

size_t partial_iov_size(const struct iovec *iov, unsigned nr_iov);
/*
 * Take up to @max bytes off @from, as at most PARTIAL_IOV_MAX pieces. Returns
 * how many; *@ret_len: how many bytes.
 */
unsigned partial_iov_take(struct partial_iov *from, uint64_t max,
			  struct iovec *ret, size_t *ret_len);

#endif
