/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What of each queue was taken and not put back, in memory that the VMM keeps
 * for the next server should this one end (vhost-user.rst, "Inflight I/O
 * tracking"). The VMM may write there: what is read is checked.
 */
#ifndef VENEER_SERVER_INFLIGHT_H
#define VENEER_SERVER_INFLIGHT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct inflight_queue; /* of either form */

struct inflight {
	void *map; /* owned */
	size_t len;
	uint16_t nr_queues, queue_size;
	bool is_packed; /* for queues of that form */
};

/*
 * Make one for as many queues as @f says. Returns 0 or errno; *@ret_fd is the
 * caller's.
 */
int inflight_new(struct inflight *f, int *ret_fd);
/*
 * Map the VMM's @len bytes at @off of @fd, which stays the caller's, for as
 * many queues as @f says. Returns 0, -EINVAL (they do not fit), -ENOMEM.
 */
int inflight_map(struct inflight *f, int fd, uint64_t off, uint64_t len);
/* Zeros are fine. */
void inflight_unmap(struct inflight *f);
/*
 * The part of queue @index of at most @size descriptors; NULL: there is none,
 * or it is of the other form.
 */
struct inflight_queue *inflight_queue(const struct inflight *f, unsigned index,
				      uint16_t size, bool is_packed);
/* The queue has stopped with nothing in flight: another begins anew. */
void inflight_forget(struct inflight_queue *f);

#endif
