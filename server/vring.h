/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The device's side of a virtqueue in a guest's memory, split or packed. The
 * guest may write anything there at any time: each field is read once and
 * checked, and nothing is read back. A queue that makes no sense is broken for
 * good: nothing is taken from it nor put into it any more.
 */
#ifndef VENEER_SERVER_VRING_H
#define VENEER_SERVER_VRING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "guest-memory.h"

/* Descriptors of a queue, and of one chain, at most: as in QEMU. */
#define VRING_SIZE_MAX 1024u
/* Iovecs of a chain: what preadv(2) takes. */
#define VRING_IOV_MAX 1024u

struct inflight_queue;
struct vring_avail;
struct vring_desc;
struct vring_form;
struct vring_packed_desc;
struct vring_used;

/*
 * Where a queue is, in the VMM's addresses. Of a packed one avail is where the
 * driver says when it wants calls, used where we say when we want kicks.
 */
struct vring_place {
	uint64_t desc, avail, used;
	uint16_t size; /* descriptors; of a split one a power of two */
};

/* What a request is put back by. */
struct vring_token {
	uint16_t id; /* the driver's name of it; of a split one its head */
	/* of a packed one: how many descriptors, and where they are noted */
	uint16_t nr, first_entry, last_entry;
};

/* Of a split queue. */
struct vring_split {
	const struct vring_desc *desc; /* in the guest's memory, as all here */
	struct vring_avail *avail;
	struct vring_used *used;
	uint16_t next_avail; /* index of what is taken next */
	uint16_t used_idx; /* as the guest sees it */
	uint16_t told_idx; /* used_idx when it was last asked about a call */
};

/* A place in a packed queue, and the wrap counter there. */
struct vring_pos {
	uint16_t idx;
	bool wrap;
};

/* Of a packed queue. */
struct vring_packed {
	struct vring_packed_desc *desc; /* in the guest's memory, as all here */
	const uint32_t *driver; /* when it wants calls */
	uint32_t *device; /* when we want kicks */
	struct vring_pos avail; /* what is taken next */
	struct vring_pos used; /* where the next one is put */
	unsigned nr_descs; /* taken, and not put back */
	unsigned nr_new; /* put since it was last asked about a call */
	uint16_t free_entry; /* the next that is used of inflight */
};

struct vring {
	/* const while it is open, but for vring_move() */
	uint16_t size;
	bool has_event_idx, has_indirect, is_packed;
	const struct vring_form *form;
	const struct guest_memory *mem; /* borrowed: that of these pointers */
	struct inflight_queue *inflight; /* borrowed; NULL: nobody asked */
	union {
		struct vring_split split;
		struct vring_packed packed;
	};

	bool must_call; /* whatever the driver asks for, once */
	unsigned nr_taken; /* and not put back */
	uint64_t counter; /* of what was taken, for inflight */
	struct vring_token
		*again; /* owned; taken by an earlier server, in order */
	unsigned nr_again, at_again;
	const char *why; /* static; it is broken */
};

/* One request: what the guest wrote, and where it wants the reply. */
struct vring_chain {
	struct vring_token token;
	unsigned nr_in, nr_out;
	size_t in_len, out_len;
	struct iovec iov[VRING_IOV_MAX]; /* in, then out */
};

/*
 * Open the queue at @place in @mem, which outlives it or is replaced by
 * vring_move(); @base: where it goes on, as vring_base() has it. has_*,
 * is_packed and inflight are set beforehand, all else is 0. What an earlier server had taken
 * and not put back, as @inflight tells, comes first, and then @base is not
 * looked at. Returns 0; -EINVAL: no such place; -ENOMEM.
 */
int vring_open(struct vring *q, const struct guest_memory *mem,
	       const struct vring_place *place, uint32_t base);
/* The same queue in another table, or elsewhere; -EINVAL, and it is broken. */
int vring_move(struct vring *q, const struct guest_memory *mem,
	       const struct vring_place *place);
void vring_close(struct vring *q);
/* Where another device is to go on, when nothing is in flight. */
uint32_t vring_base(const struct vring *q);
/* Where a new queue begins. */
uint32_t vring_first_base(bool is_packed);

/* Is there a request to be taken? Also true of what is broken thereby. */
bool vring_has_next(const struct vring *q);
/*
 * Take the next request. Returns 1; 0: there is none; -EPROTO: the queue is
 * broken, and q->why says how.
 */
int vring_take(struct vring *q, struct vring_chain *ret);
/* Put the request back, with @len bytes of reply in it. */
void vring_put(struct vring *q, struct vring_token token, uint32_t len);

/* Does the driver want to be told of what was put since the last time? */
bool vring_wants_call(struct vring *q);
/*
 * Ask the driver for kicks, or to spare them. Returns true if a request has
 * come meanwhile, for which there may be no kick.
 */
bool vring_ask_kicks(struct vring *q, bool wanted);

#endif
