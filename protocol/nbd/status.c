/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * BLOCK_STATUS (nbd.md 6 and 7): the extents of the file, told once, become
 * one chunk for each context. Their values differ between contexts, so each
 * has a map of its own, in which equal neighbours are one.
 */
#include <errno.h>
#include <stdlib.h>

#include "macros.h"
#include "session.h"

/* What a compact answer can say, at a multiple of any block size. */
#define COMPACT_LEN_MAX (UINT32_MAX - 4095u)

static int
map_grow(struct nbd_map *m)
{
	unsigned size = m->size ? m->size * 2 : 32;
	struct nbd_map_entry *v;

	if (m->nr < m->size)
		return 0;
	v = realloc(m->v, size * sizeof(*v));
	if (!v)
		return -ENOMEM;
	m->v = v;
	m->size = size;
	return 0;
}

/* Append @len bytes of @value; what does not fit is left out. */
static void
map_add(const struct nbd_req *r, struct nbd_map *m, uint64_t len,
	uint32_t value)
{
	uint64_t part_max =
		r->s->mode == NBD_EXTENDED ? UINT64_MAX : COMPACT_LEN_MAX;
	unsigned nr_max = r->h.flags & NBD_FLAG_REQ_ONE ? 1 : NBD_EXTENTS_MAX;
	struct nbd_map_entry *last;
	uint64_t part;

	while (len > 0 && !m->is_done) {
		last = m->nr ? &m->v[m->nr - 1] : NULL;
		if (!last || last->value != value || last->len == part_max) {
			m->is_done = m->nr == nr_max || map_grow(m) < 0;
			if (m->is_done)
				break;
			last = &m->v[m->nr++];
			*last = (struct nbd_map_entry){ 0, value };
		}
		part = MIN(len, part_max - last->len);
		last->len += part;
		len -= part;
	}
}

static uint32_t
value_of(const struct extent *e, enum nbd_context context)
{
	switch (context) {
	case NBD_BASE_ALLOCATION:
		return e->is_hole ? NBD_ALLOC_HOLE | NBD_ALLOC_ZERO : 0;
	case NBD_ALLOCATION_DEPTH:
		return e->is_hole ? 0 : e->depth;
	}
	return 0;
}

/*
 * Where @e ends for the client: at a multiple of 512, or of where the
 * request ends, and rather with too much data than too much of a hole.
 */
static uint64_t
end_of(const struct nbd_req *r, const struct extent *e)
{
	uint64_t stop = r->h.off + r->h.len, end = e->off + e->len;

	if (end >= stop)
		return stop;
	if (!e->is_hole)
		end += NBD_EXTENT_ALIGN - 1;
	return MIN(end - end % NBD_EXTENT_ALIGN, stop);
}

/* Any thread. */
static bool
emit_extent(void *ctx, const struct extent *e)
{
	struct nbd_req *r = ctx;
	uint64_t end = end_of(r, e);
	bool goes_on = false;
	unsigned i;

	if (end <= r->map_pos)
		return true;
	for (i = 0; i < NBD_NR_CONTEXTS; i++) {
		if (!(r->contexts & 1u << i))
			continue;
		map_add(r, &r->maps[i], end - r->map_pos, value_of(e, i));
		goes_on |= !r->maps[i].is_done;
	}
	r->map_pos = end;
	return goes_on && end < r->h.off + r->h.len;
}

void
nbd_block_status(struct nbd_req *r)
{
	unsigned i;

	for (i = 0; i < NBD_NR_CONTEXTS; i++) {
		r->maps[i].nr = 0;
		r->maps[i].is_done = false;
	}
	r->map_pos = r->h.off;
	r->req.u.extents.off = r->h.off;
	r->req.u.extents.len = r->h.len;
	r->req.u.extents.emit = emit_extent;
	r->req.u.extents.emit_ctx = r;
	nbd_submit(r, REQUEST_EXTENTS);
}

/* Bytes of a chunk's payload with @nr extents, and of all chunks. */
static size_t
payload_len(const struct nbd_req *r, unsigned nr)
{
	return r->s->mode == NBD_EXTENDED ? 8 + (size_t)nr * 16
					  : 4 + (size_t)nr * 8;
}

static size_t
answer_len(const struct nbd_req *r)
{
	size_t len = 0;
	unsigned i;

	for (i = 0; i < NBD_NR_CONTEXTS; i++)
		if (r->contexts & 1u << i)
			len += nbd_chunk_size(r->s->mode) +
			       payload_len(r, r->maps[i].nr);
	return len;
}

/* The chunk of a context; @flags: of the reply. */
static void
put_map(const struct nbd_req *r, struct wire_iov *to, unsigned context,
	uint16_t flags)
{
	const struct nbd_map *m = &r->maps[context];
	bool is_ext = r->s->mode == NBD_EXTENDED;
	uint8_t buf[NBD_CHUNK_EXT_SIZE + 8];
	struct wire_out w = { .p = buf, .end = buf + sizeof(buf) };
	unsigned i;

	nbd_chunk_put(r, &w, flags,
		      is_ext ? NBD_CHUNK_BLOCK_STATUS_EXT
			     : NBD_CHUNK_BLOCK_STATUS,
		      payload_len(r, m->nr));
	wire_put_be32(&w, NBD_CONTEXT_ID(context));
	if (is_ext)
		wire_put_be32(&w, m->nr);
	wire_iov_put(to, buf, (size_t)(w.p - buf));
	for (i = 0; i < m->nr; i++) {
		w = (struct wire_out){ .p = buf, .end = buf + sizeof(buf) };
		if (is_ext) {
			wire_put_be64(&w, m->v[i].len);
			wire_put_be64(&w, m->v[i].value);
		} else {
			wire_put_be32(&w, (uint32_t)m->v[i].len);
			wire_put_be32(&w, m->v[i].value);
		}
		wire_iov_put(to, buf, (size_t)(w.p - buf));
	}
}

/* No extents are no answer: memory was short, or nothing was told. */
static bool
is_complete(const struct nbd_req *r)
{
	unsigned i;

	for (i = 0; i < NBD_NR_CONTEXTS; i++)
		if (r->contexts & 1u << i && r->maps[i].nr == 0)
			return false;
	return true;
}

void
nbd_block_status_done(struct nbd_req *r)
{
	size_t len = answer_len(r);
	unsigned i, left = r->contexts;
	struct wire_iov to;

	if (!r->req.error && !is_complete(r))
		r->req.error = -EIO;
	if (!r->req.error)
		r->req.error = nbd_make_room(r->msg, len);
	if (r->req.error) {
		nbd_reply_error(r, r->req.error, NULL);
		return;
	}
	wire_iov_init(&to, r->msg->out, r->msg->nr_out, 0, len);
	for (i = 0; left; i++) {
		if (!(left & 1u << i))
			continue;
		left &= ~(1u << i);
		put_map(r, &to, i, left ? 0 : NBD_REPLY_DONE);
	}
	nbd_send(r, len, 0);
}
