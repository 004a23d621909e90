/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The layout is the specification's QueueRegionPacked. A packed queue's used
 * descriptors overwrite what was offered, so each that is taken is copied into
 * an entry here. Entries that are unused are a list: a request takes them off
 * its front, and they go back there linked as they were.
 *
 * Each of the places is there twice. What is under way is in the first; it
 * has happened when the old one follows, or, of a request that is put back,
 * when its descriptor in the ring is not an available one any more. Batches
 * are of one request.
 */
#include <errno.h>
#include <stdlib.h>

#include "inflight-form.h"

struct entry {
	uint8_t inflight, padding;
	uint16_t next, last, num;
	uint64_t counter;
	uint16_t id, flags;
	uint32_t len;
	uint64_t addr;
};

/* Where used descriptors go on: written in one go. */
union places {
	struct {
		uint16_t used_idx, old_used_idx;
		uint8_t used_wrap, old_used_wrap;
		uint8_t padding[2];
	};
	uint64_t all;
};

struct inflight_packed {
	uint64_t features;
	uint16_t version, desc_num;
	uint16_t free_head, old_free_head;
	union places places;
	uint8_t padding[8];
	struct entry desc[];
};

_Static_assert(sizeof(struct entry) == 32 &&
		       sizeof(struct inflight_packed) == 32,
	       "the layout of vhost-user.rst");

static struct inflight_packed *
region(const struct vring *q)
{
	return (struct inflight_packed *)q->inflight;
}

/* --- Recovery ------------------------------------------------------------------ */

static void
store_places(struct inflight_packed *f, struct vring_pos used,
	     struct vring_pos old)
{
	union places p = { .used_idx = used.idx,
			   .old_used_idx = old.idx,
			   .used_wrap = used.wrap,
			   .old_used_wrap = old.wrap };

	INFLIGHT_STORE(&f->places.all, p.all);
}

static void
begin_anew(struct inflight_packed *f, struct vring *q)
{
	unsigned i;

	for (i = 0; i < q->size; i++) {
		INFLIGHT_STORE(&f->desc[i].inflight, 0);
		INFLIGHT_STORE(&f->desc[i].next, (uint16_t)(i + 1));
	}
	q->packed.free_entry = 0;
	INFLIGHT_STORE(&f->desc_num, q->size);
	INFLIGHT_STORE(&f->free_head, 0);
	INFLIGHT_STORE(&f->old_free_head, 0);
	store_places(f, q->packed.used, q->packed.used);
	INFLIGHT_STORE(&f->version, INFLIGHT_VERSION);
}

/*
 * Decide about what was under way, and leave both of each place alike, and q's
 * as they are.
 */
static int
settle(struct inflight_packed *f, struct vring *q)
{
	union places p = { .all = INFLIGHT_LOAD(&f->places.all) };
	struct vring_pos used = { p.used_idx, p.used_wrap };
	struct vring_pos old = { p.old_used_idx, p.old_used_wrap };

	if (used.idx >= q->size || old.idx >= q->size)
		return -EINVAL;
	q->packed.used = old;
	q->packed.free_entry = INFLIGHT_LOAD(&f->old_free_head);
	if ((used.idx != old.idx || used.wrap != old.wrap) &&
	    !vring_is_avail(vring_load16(&q->packed.desc[old.idx].flags),
			    old.wrap)) {
		q->packed.used = used;
		q->packed.free_entry = INFLIGHT_LOAD(&f->free_head);
	}
	INFLIGHT_STORE(&f->old_free_head, q->packed.free_entry);
	INFLIGHT_STORE(&f->free_head, q->packed.free_entry);
	store_places(f, q->packed.used, q->packed.used);
	return 0;
}

/* What is in the list of the unused is not in flight, whatever it says. */
static void
clear_unused(struct inflight_packed *f, const struct vring *q)
{
	unsigned i, at = q->packed.free_entry;

	for (i = 0; i < q->size && at < q->size; i++) {
		INFLIGHT_STORE(&f->desc[at].inflight, 0);
		at = INFLIGHT_LOAD(&f->desc[at].next);
	}
}

/* Those in flight; their descriptors are between the two places. */
static int
list(struct inflight_packed *f, struct vring *q, struct inflight_entry *all)
{
	struct vring_token *t;
	unsigned i, nr = 0, nr_descs = 0;
	struct entry *e;

	for (i = 0; i < q->size; i++) {
		e = &f->desc[i];
		if (!INFLIGHT_LOAD(&e->inflight))
			continue;
		t = &all[nr].token;
		t->nr = INFLIGHT_LOAD(&e->num);
		t->first_entry = (uint16_t)i;
		t->last_entry = INFLIGHT_LOAD(&e->last);
		nr_descs += t->nr;
		if (t->nr == 0 || nr_descs > q->size ||
		    t->last_entry >= q->size)
			return -EINVAL;
		t->id = INFLIGHT_LOAD(&f->desc[t->last_entry].id);
		all[nr++].counter = INFLIGHT_LOAD(&e->counter);
	}
	q->packed.nr_descs = nr_descs;
	return (int)nr;
}

int
inflight_packed_recover(struct vring *q)
{
	struct inflight_packed *f = region(q);
	struct inflight_entry *all;
	int r;

	if (INFLIGHT_LOAD(&f->version) == 0) {
		begin_anew(f, q);
		return 0;
	}
	r = settle(f, q);
	if (r < 0)
		return r;
	clear_unused(f, q);
	all = calloc(q->size, sizeof(*all));
	if (!all)
		return -ENOMEM;
	r = list(f, q, all);
	if (r < 0) {
		free(all);
		return r;
	}
	q->packed.avail =
		vring_pos_add(q->packed.used, q->packed.nr_descs, q->size);
	return inflight_again(q, all, (unsigned)r);
}

int
inflight_packed_desc(const struct vring *q, uint16_t *entry,
		     struct vring_packed_desc *ret)
{
	const struct entry *e;

	if (*entry >= q->size)
		return -EPROTO;
	e = &region(q)->desc[*entry];
	*ret = (struct vring_packed_desc){
		.addr = INFLIGHT_LOAD(&e->addr),
		.len = INFLIGHT_LOAD(&e->len),
		.id = INFLIGHT_LOAD(&e->id),
		.flags = INFLIGHT_LOAD(&e->flags),
	};
	*entry = INFLIGHT_LOAD(&e->next);
	return 0;
}

/* --- Noting -------------------------------------------------------------------- */

int
inflight_packed_note(struct vring *q, const struct vring_packed_desc *d,
		     struct vring_token *t)
{
	struct inflight_packed *f = region(q);
	uint16_t entry = q->packed.free_entry;
	struct entry *e;

	if (entry >= q->size)
		return -EPROTO;
	e = &f->desc[entry];
	if (t->nr == 1) {
		t->first_entry = entry;
		INFLIGHT_STORE(&e->counter, q->counter);
		q->counter++;
		INFLIGHT_STORE(&e->inflight, 1);
	}
	t->last_entry = entry;
	INFLIGHT_STORE(&f->desc[t->first_entry].last, entry);
	INFLIGHT_STORE(&f->desc[t->first_entry].num, t->nr);
	INFLIGHT_STORE(&e->addr, d->addr);
	INFLIGHT_STORE(&e->len, d->len);
	INFLIGHT_STORE(&e->flags, d->flags);
	INFLIGHT_STORE(&e->id, d->id);
	q->packed.free_entry = INFLIGHT_LOAD(&e->next);
	INFLIGHT_STORE(&f->free_head, q->packed.free_entry);
	return 0;
}

void
inflight_packed_take(struct vring *q)
{
	INFLIGHT_STORE(&region(q)->old_free_head, q->packed.free_entry);
}

void
inflight_packed_put_begin(struct vring *q, const struct vring_token *t,
			  struct vring_pos used)
{
	struct inflight_packed *f = region(q);

	INFLIGHT_STORE(&f->desc[t->last_entry].next, q->packed.free_entry);
	q->packed.free_entry = t->first_entry;
	INFLIGHT_STORE(&f->free_head, t->first_entry);
	store_places(f, used, q->packed.used);
}

void
inflight_packed_put_end(struct vring *q, const struct vring_token *t)
{
	struct inflight_packed *f = region(q);

	INFLIGHT_STORE(&f->desc[t->first_entry].inflight, 0);
	INFLIGHT_STORE(&f->old_free_head, q->packed.free_entry);
	store_places(f, q->packed.used, q->packed.used);
}
