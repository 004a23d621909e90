/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Commands: their headers, what may be asked, and those that move no data.
 *
 * What is wrong with a command is found in a fixed order (nbd.md 5): a
 * read-only export, flags, the range, the size. Nothing of that ends the
 * connection: the payload of what is refused was received, or is thrown
 * away by the transport as frame_rest() says.
 */
#include <errno.h>

#include "macros.h"
#include "session.h"

/* Flags that this command may have on this connection. */
static uint16_t
flags_allowed(const struct nbd_req *r)
{
	enum nbd_mode mode = r->s->mode;
	uint16_t flags = NBD_FLAG_FUA | r->row->flags;

	if (mode == NBD_SIMPLE)
		flags &= (uint16_t)~NBD_FLAG_DF;
	if (mode != NBD_EXTENDED)
		flags &= (uint16_t)~NBD_FLAG_PAYLOAD_LEN;
	return flags;
}

static const char *
flags_refused(const struct nbd_req *r)
{
	uint16_t flags = r->h.flags;

	if (flags & ~flags_allowed(r))
		return "The command has a flag that it cannot have here.";
	if (r->s->mode == NBD_EXTENDED && r->h.type == NBD_CMD_WRITE &&
	    !(flags & NBD_FLAG_PAYLOAD_LEN))
		return "A write has the flag that says it has data.";
	return NULL;
}

/*
 * A BLOCK_STATUS that chooses among the contexts: the length that it is
 * about, and their ids, come as data. Returns why not, or NULL.
 */
static const char *
contexts_choose(struct nbd_req *r)
{
	size_t size = nbd_request_size(r->s->mode);
	const uint8_t *p = r->msg->in[0].iov_base;
	struct wire_in w = { .p = p + size, .end = p + r->msg->in_len };
	unsigned chosen = 0, bit;

	if (r->msg->in_len - size != r->h.len || r->h.len < 12 ||
	    r->h.len % 4 != 0)
		return "The chosen contexts are malformed.";
	r->h.len = wire_get_be64(&w);
	while (w.p < w.end) {
		uint32_t id = wire_get_be32(&w);

		bit = id >= 1 && id <= NBD_NR_CONTEXTS ? 1u << (id - 1) : 0;
		if (!(bit & r->contexts) || bit & chosen)
			return "A chosen context is unknown, or came twice.";
		chosen |= bit;
	}
	r->contexts = chosen;
	return NULL;
}

static const char *
status_refused(struct nbd_req *r)
{
	const char *why = NULL;

	r->contexts = r->s->contexts;
	if (!r->contexts)
		return "No metadata context was negotiated.";
	if (r->h.flags & NBD_FLAG_PAYLOAD_LEN)
		why = contexts_choose(r);
	if (!why && r->h.len == 0)
		return "The status of no bytes was asked for.";
	return why;
}

static bool
is_out_of_range(const struct nbd_req *r)
{
	uint64_t size = r->s->image.info.size;

	return r->h.off > size || r->h.len > size - r->h.off;
}

int
nbd_command_check(struct nbd_req *r, const char **ret_text)
{
	const struct nbd_command *row = r->row;

	*ret_text = NULL;
	if (!row || !row->start) {
		*ret_text = "The command is not known.";
		return -EINVAL;
	}
	if (row->is_change && r->s->image.info.is_read_only) {
		*ret_text = "The export is read-only.";
		return -EPERM;
	}
	*ret_text = flags_refused(r);
	if (!*ret_text && r->h.type == NBD_CMD_BLOCK_STATUS)
		*ret_text = status_refused(r);
	if (*ret_text)
		return -EINVAL;
	if (row->has_range && is_out_of_range(r)) {
		*ret_text = "The range ends behind the end of the export.";
		return r->h.type == NBD_CMD_WRITE ||
				       r->h.type == NBD_CMD_WRITE_ZEROES
			       ? -ENOSPC
			       : -EINVAL;
	}
	if (row->has_data && r->h.len > NBD_PAYLOAD_MAX) {
		*ret_text = "More than 64 MiB at once are not served.";
		return -EINVAL;
	}
	return 0;
}

/* Of a READ's data: as much as goes into one chunk. */
static size_t
read_piece(const struct nbd_req *r)
{
	size_t left = (size_t)(r->h.len - r->done);

	if (r->s->mode == NBD_SIMPLE || r->h.flags & NBD_FLAG_DF)
		return left;
	return MIN(left,
		   NBD_READ_PIECE - (r->h.off + r->done) % NBD_PIECE_ALIGN);
}

void
nbd_command_cost(struct nbd_req *r)
{
	r->piece = 0;
	r->cost = r->msg->in_len + NBD_REPLY_MAX;
	if (r->h.type == NBD_CMD_READ)
		r->piece = read_piece(r);
	if (r->h.type == NBD_CMD_BLOCK_STATUS)
		r->cost += NBD_NR_CONTEXTS * NBD_EXTENTS_MAX * 16;
	r->cost += r->piece;
}

void
nbd_flush(struct nbd_req *r)
{
	/* Nothing can have been written through it. */
	if (r->s->image.info.is_read_only) {
		nbd_reply_empty(r);
		return;
	}
	r->req.u.datasync = true;
	nbd_submit(r, REQUEST_FSYNC);
}

void
nbd_zero(struct nbd_req *r)
{
	if (r->h.len == 0) {
		nbd_reply_empty(r);
		return;
	}
	r->req.u.zero.off = r->h.off;
	r->req.u.zero.len = r->h.len;
	r->req.u.zero.how = r->h.type == NBD_CMD_TRIM       ? ZERO_TRIM
			    : r->h.flags & NBD_FLAG_NO_HOLE ? ZERO_KEEP
							    : ZERO_FREE;
	r->req.u.zero.is_fast = r->h.flags & NBD_FLAG_FAST_ZERO;
	r->req.u.zero.is_sync = r->h.flags & NBD_FLAG_FUA;
	nbd_submit(r, REQUEST_ZERO);
}

void
nbd_cache(struct nbd_req *r)
{
	if (r->h.len == 0) {
		nbd_reply_empty(r);
		return;
	}
	r->req.u.range.off = r->h.off;
	r->req.u.range.len = r->h.len; /* as much as the layers like */
	nbd_submit(r, REQUEST_PREFETCH);
}

void
nbd_simple_done(struct nbd_req *r)
{
	if (r->req.error)
		nbd_reply_error(r, r->req.error, NULL);
	else
		nbd_reply_empty(r);
}
