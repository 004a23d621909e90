/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What of each queue was taken and not put back, in memory that the VMM keeps
 * for the next server should this one end (vhost-user.rst, "Inflight I/O
 * tracking"; split queues). The VMM may write there: what is read is checked.
 */
#ifndef VENEER_SERVER_INFLIGHT_H
#define VENEER_SERVER_INFLIGHT_H

#include <stddef.h>
#include <stdint.h>

struct inflight_queue;

struct inflight {
	void *map; /* owned */
	size_t len;
	uint16_t nr_queues, queue_size;
};

/* Bytes for so many queues. */
size_t inflight_size(uint16_t nr_queues, uint16_t queue_size);
/* Make one. Returns 0 or errno; *@ret_fd is the caller's. */
int inflight_new(uint16_t nr_queues, uint16_t queue_size, struct inflight *ret,
		 int *ret_fd);
/*
 * Map the VMM's @len bytes at @off of @fd, which stays the caller's, for as
 * many queues as @f says. Returns 0, -EINVAL (they do not fit), -ENOMEM.
 */
int inflight_map(struct inflight *f, int fd, uint64_t off, uint64_t len);
/* Zeros are fine. */
void inflight_unmap(struct inflight *f);
/* The part of queue @index of at most @size descriptors, or NULL. */
struct inflight_queue *inflight_queue(const struct inflight *f, unsigned index,
				      uint16_t size);

/*
 * Begin to use it: settle what the last server was about to put back when its
 * used index was @used_idx, and list the heads it had taken, in order. Returns
 * how many; -ENOMEM. *@ret is the caller's to free(), *@ret_counter what the
 * next one is taken with.
 */
int inflight_recover(struct inflight_queue *f, uint16_t size, uint16_t used_idx,
		     uint16_t **ret, uint64_t *ret_counter);
/* @head, below the size, is taken. */
void inflight_take(struct inflight_queue *f, uint16_t head, uint64_t counter);
/* Around publishing that it was put back. */
void inflight_put_begin(struct inflight_queue *f, uint16_t head);
void inflight_put_end(struct inflight_queue *f, uint16_t head,
		      uint16_t used_idx);

#endif
