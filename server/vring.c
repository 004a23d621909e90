/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What both forms of a queue have in common: that it may be broken, pieces of
 * guest memory, and a full barrier wherever each side writes its own and then
 * reads the other's: between asking for kicks and looking for what has come
 * meanwhile, and between putting something and looking whether a call is
 * wanted; the latter is the form's, since most often nothing was put.
 */
#include <errno.h>
#include <stdlib.h>

#include "vring-form.h"

int
vring_broken(struct vring *q, const char *why)
{
	if (!q->why)
		q->why = why;
	return -EPROTO;
}

/* --- Opening ----------------------------------------------------------------- */

void *
vring_place_at(const struct guest_memory *mem, uint64_t user, size_t len,
	       unsigned align)
{
	void *p = guest_memory_at_user(mem, user, len);

	return p && (uintptr_t)p % align == 0 ? p : NULL;
}

static int
find_place(struct vring *q, const struct guest_memory *mem,
	   const struct vring_place *place)
{
	int r;

	if (place->size == 0 || place->size > VRING_SIZE_MAX)
		return -EINVAL;
	r = q->form->find(q, mem, place);
	if (r < 0)
		return r;
	q->mem = mem;
	q->size = place->size;
	return 0;
}

int
vring_open(struct vring *q, const struct guest_memory *mem,
	   const struct vring_place *place, uint32_t base)
{
	int r;

	q->form = q->is_packed ? &vring_packed_form : &vring_split_form;
	r = find_place(q, mem, place);
	if (r < 0)
		return r;
	q->must_call = true;
	q->nr_taken = q->nr_again = q->at_again = 0;
	q->why = NULL;
	return q->form->begin(q, base);
}

int
vring_move(struct vring *q, const struct guest_memory *mem,
	   const struct vring_place *place)
{
	if (place->size == q->size && find_place(q, mem, place) == 0)
		return 0;
	(void)vring_broken(q,
			   "its queue is not in the guest's memory any more");
	return -EINVAL;
}

void
vring_close(struct vring *q)
{
	free(q->again);
	*q = (struct vring){ .size = 0 };
}

uint32_t
vring_first_base(bool is_packed)
{
	return is_packed ? VRING_PACKED_FIRST : 0;
}

uint32_t
vring_base(const struct vring *q)
{
	return q->form->base(q);
}

/* --- Pieces of memory --------------------------------------------------------- */

/* Append to the chain; what follows the last piece in memory joins it. */
static void
append_piece(struct vring_chain *c, void *base, size_t len, bool is_out)
{
	unsigned nr = c->nr_in + c->nr_out;
	struct iovec *last = nr > 0 ? &c->iov[nr - 1] : NULL;

	if (is_out)
		c->out_len += len;
	else
		c->in_len += len;
	if (last && (is_out ? c->nr_out > 0 : true) &&
	    (char *)last->iov_base + last->iov_len == base) {
		last->iov_len += len;
		return;
	}
	c->iov[nr] = (struct iovec){ base, len };
	if (is_out)
		c->nr_out++;
	else
		c->nr_in++;
}

int
vring_append(struct vring *q, struct vring_chain *c,
	     const struct vring_piece *d)
{
	bool is_out = d->flags & VRING_DESC_WRITE;
	uint64_t addr = d->addr, left = d->len;
	size_t len;
	void *p;

	if (!is_out && c->nr_out > 0)
		return vring_broken(q, "a request goes on behind its reply");
	while (left > 0) {
		if (c->nr_in + c->nr_out == VRING_IOV_MAX)
			return vring_broken(q, "a chain has too many pieces");
		len = (size_t)left;
		p = guest_memory_at(q->mem, addr, &len);
		if (!p)
			return vring_broken(q, "a descriptor points nowhere");
		append_piece(c, p, len, is_out);
		addr += len;
		left -= len;
	}
	return 0;
}

const void *
vring_indirect(struct vring *q, const struct vring_piece *d, unsigned *ret_nr)
{
	size_t len = d->len;
	const char *why = NULL;
	const void *p;

	if (!q->has_indirect)
		why = "an indirect descriptor, not negotiated";
	else if (len == 0 || len % 16 != 0 || len / 16 > VRING_SIZE_MAX)
		why = "an indirect table of impossible length";
	if (why) {
		(void)vring_broken(q, why);
		return NULL;
	}
	p = guest_memory_at(q->mem, d->addr, &len);
	if (!p || len < d->len || (uintptr_t)p % 8 != 0) {
		(void)vring_broken(q, "an indirect table points nowhere");
		return NULL;
	}
	*ret_nr = d->len / 16;
	return p;
}

/* --- Taking and putting --------------------------------------------------------- */

bool
vring_has_next(const struct vring *q)
{
	return !q->why && (q->at_again < q->nr_again || q->form->has_next(q));
}

int
vring_take(struct vring *q, struct vring_chain *ret)
{
	if (q->why)
		return -EPROTO;
	ret->nr_in = ret->nr_out = 0;
	ret->in_len = ret->out_len = 0;
	return q->form->take(q, ret);
}

void
vring_put(struct vring *q, struct vring_token token, uint32_t len)
{
	q->nr_taken--;
	if (!q->why)
		q->form->put(q, token, len);
}

bool
vring_wants_call(struct vring *q)
{
	bool wants;

	if (q->why)
		return false;
	wants = q->form->wants_call(q);
	if (!q->must_call)
		return wants;
	q->must_call = false;
	return true;
}

bool
vring_ask_kicks(struct vring *q, bool wanted)
{
	if (q->why)
		return false;
	q->form->ask_kicks(q, wanted);
	if (!wanted)
		return false;
	vring_barrier();
	return vring_has_next(q);
}
