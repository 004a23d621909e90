/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Between a queue's form and its part of what is in flight. The functions
 * belong to the queue's loop thread; q->inflight is not NULL.
 */
#ifndef VENEER_SERVER_INFLIGHT_FORM_H
#define VENEER_SERVER_INFLIGHT_FORM_H

#include "vring-form.h"

#define INFLIGHT_VERSION 1

#define INFLIGHT_LOAD(p) __atomic_load_n(p, __ATOMIC_RELAXED)
/* In this order for whoever looks at it after our end. */
#define INFLIGHT_STORE(p, v) __atomic_store_n(p, v, __ATOMIC_RELEASE)

/* Something that was taken, as it was noted. */
struct inflight_entry {
	uint64_t counter;
	struct vring_token token;
};

/*
 * Have the @nr of @all, which is taken over, be q->again, in order, and go on
 * to count behind them. Returns 0 or -ENOMEM.
 */
int inflight_again(struct vring *q, struct inflight_entry *all, unsigned nr);

/*
 * Begin to use it: settle what the last server was about to put back when its
 * used index was q's, and list in q->again what it had taken. 0; -ENOMEM.
 */
int inflight_split_recover(struct vring *q);
/* @head, below the size, is taken. */
void inflight_split_take(struct vring *q, uint16_t head);
/* Around publishing that it was put back; q's used index moves between. */
void inflight_split_put_begin(struct vring *q, uint16_t head);
void inflight_split_put_end(struct vring *q, uint16_t head);

/*
 * The same of a packed queue. Where its used descriptors go on is known here,
 * and q's places follow. Also -EINVAL: it makes no sense.
 */
int inflight_packed_recover(struct vring *q);
/*
 * Read the descriptor at *@entry, and have that be the next one of its list.
 * Returns 0 or -EPROTO.
 */
int inflight_packed_desc(const struct vring *q, uint16_t *entry,
			 struct vring_packed_desc *ret);
/*
 * Note descriptor number @t->nr, from 1 up, of a request that is about to be
 * taken; @t's entries follow. Returns 0; -EPROTO: it makes no sense any more.
 */
int inflight_packed_note(struct vring *q, const struct vring_packed_desc *d,
			 struct vring_token *t);
/* It is taken. */
void inflight_packed_take(struct vring *q);
/* Around publishing that it was put back: q's place becomes @used between. */
void inflight_packed_put_begin(struct vring *q, const struct vring_token *t,
			       struct vring_pos used);
void inflight_packed_put_end(struct vring *q, const struct vring_token *t);

#endif
