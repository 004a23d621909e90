/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The layout is the specification's QueueRegionSplit. Batches are of one
 * request: what is put back is at the head of the list before used.idx moves,
 * and marked as done after it. So whenever we end, the next server finds
 * used.idx one ahead and knows which one that was.
 */
#include <errno.h>
#include <stdlib.h>

#include "inflight-form.h"
#include "macros.h"

struct inflight_desc {
	uint8_t inflight, padding[5];
	uint16_t next;
	uint64_t counter;
};

struct inflight_split {
	uint64_t features;
	uint16_t version, desc_num, last_batch_head, used_idx;
	struct inflight_desc desc[];
};

_Static_assert(sizeof(struct inflight_desc) == 16 &&
		       sizeof(struct inflight_split) == 16,
	       "the layout of vhost-user.rst");

static struct inflight_split *
region(const struct vring *q)
{
	return (struct inflight_split *)q->inflight;
}

static void
begin_anew(struct inflight_split *f, const struct vring *q)
{
	unsigned i;

	for (i = 0; i < q->size; i++)
		INFLIGHT_STORE(&f->desc[i].inflight, 0);
	INFLIGHT_STORE(&f->desc_num, q->size);
	INFLIGHT_STORE(&f->used_idx, q->split.used_idx);
	INFLIGHT_STORE(&f->version, INFLIGHT_VERSION);
}

/* The batch that was being put back when the last server ended: it was. */
static void
settle(struct inflight_split *f, uint16_t size, uint16_t used_idx)
{
	uint16_t nr = (uint16_t)(used_idx - INFLIGHT_LOAD(&f->used_idx));
	uint16_t head = INFLIGHT_LOAD(&f->last_batch_head);
	unsigned i;

	for (i = 0; i < MIN(nr, size) && head < size; i++) {
		INFLIGHT_STORE(&f->desc[head].inflight, 0);
		head = INFLIGHT_LOAD(&f->desc[head].next);
	}
	INFLIGHT_STORE(&f->used_idx, used_idx);
}

int
inflight_split_recover(struct vring *q)
{
	struct inflight_split *f = region(q);
	struct inflight_entry *all;
	unsigned i, nr = 0;

	all = calloc(q->size, sizeof(*all));
	if (!all)
		return -ENOMEM;
	if (INFLIGHT_LOAD(&f->version) == 0)
		begin_anew(f, q);
	settle(f, q->size, q->split.used_idx);
	for (i = 0; i < q->size; i++)
		if (INFLIGHT_LOAD(&f->desc[i].inflight))
			all[nr++] = (struct inflight_entry){
				.counter = INFLIGHT_LOAD(&f->desc[i].counter),
				.token.id = (uint16_t)i,
			};
	return inflight_again(q, all, nr);
}

void
inflight_split_take(struct vring *q, uint16_t head)
{
	struct inflight_split *f = region(q);

	INFLIGHT_STORE(&f->desc[head].counter, q->counter++);
	INFLIGHT_STORE(&f->desc[head].inflight, 1);
}

void
inflight_split_put_begin(struct vring *q, uint16_t head)
{
	struct inflight_split *f = region(q);

	INFLIGHT_STORE(&f->desc[head].next, INFLIGHT_LOAD(&f->last_batch_head));
	INFLIGHT_STORE(&f->last_batch_head, head);
}

void
inflight_split_put_end(struct vring *q, uint16_t head)
{
	struct inflight_split *f = region(q);

	INFLIGHT_STORE(&f->desc[head].inflight, 0);
	INFLIGHT_STORE(&f->used_idx, q->split.used_idx);
}
