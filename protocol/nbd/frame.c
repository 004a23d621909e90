/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How long what comes in is: the client's flags, an option or a command. What
 * is longer than it may be is cut to its header, and the rest thrown away by
 * the transport: so that there is something to answer, and the next header
 * is found (nbd.md 2 and 8). A stream that cannot be followed any more is
 * given up.
 */
#include <errno.h>

#include "macros.h"
#include "session.h"

struct nbd_header
nbd_header_get(enum nbd_mode mode, const uint8_t *head)
{
	struct wire_in w = { .p = head, .end = head + nbd_request_size(mode) };
	struct nbd_header h;

	(void)wire_get_be32(&w); /* the magic number was looked at */
	h.flags = wire_get_be16(&w);
	h.type = wire_get_be16(&w);
	h.cookie = wire_get_be64(&w);
	h.off = wire_get_be64(&w);
	h.len = mode == NBD_EXTENDED ? wire_get_be64(&w) : wire_get_be32(&w);
	return h;
}

/*
 * Data follows a WRITE, and in extended mode what says so. (A WRITE that
 * does not say so there is wrong, but its data comes all the same; qemu
 * takes it for that, too.)
 */
static bool
has_payload(const struct nbd_header *h, enum nbd_mode mode)
{
	return h->type == NBD_CMD_WRITE ||
	       (mode == NBD_EXTENDED && h->flags & NBD_FLAG_PAYLOAD_LEN);
}

static ssize_t
payload_len(const struct nbd_header *h, enum nbd_mode mode, uint64_t *ret_rest)
{
	size_t size = nbd_request_size(mode), max = 0;

	*ret_rest = 0;
	if (!has_payload(h, mode))
		return (ssize_t)size;
	if (h->len > NBD_PAYLOAD_SKIP_MAX)
		return -EPROTO;
	if (h->type == NBD_CMD_WRITE)
		max = NBD_PAYLOAD_MAX;
	else if (h->type == NBD_CMD_BLOCK_STATUS)
		max = NBD_STATUS_PAYLOAD_MAX;
	if (h->len <= max)
		return (ssize_t)(size + h->len);
	*ret_rest = h->len;
	return (ssize_t)size;
}

static ssize_t
option_len(const uint8_t *head, size_t have)
{
	struct wire_in w = { .p = head, .end = head + have };
	uint32_t number, len;
	uint64_t magic;

	if (have < NBD_OPTION_HEADER)
		return 0;
	magic = wire_get_be64(&w);
	number = wire_get_be32(&w);
	len = wire_get_be32(&w);
	if (magic != NBD_OPTION_MAGIC)
		return -EBADMSG;
	if (!nbd_option_fits(number, len))
		return NBD_OPTION_HEADER; /* and the rest goes unread */
	return (ssize_t)(NBD_OPTION_HEADER + len);
}

static ssize_t
command_len(enum nbd_mode mode, const uint8_t *head, size_t have)
{
	struct wire_in w = { .p = head, .end = head + have };
	struct nbd_header h;
	uint64_t rest;

	if (wire_get_be32(&w) !=
	    (mode == NBD_EXTENDED ? NBD_REQUEST_EXT_MAGIC : NBD_REQUEST_MAGIC))
		return -EBADMSG;
	if (have < nbd_request_size(mode))
		return 0;
	h = nbd_header_get(mode, head);
	return payload_len(&h, mode, &rest);
}

ssize_t
nbd_frame_len(const struct session *s, const uint8_t *head, size_t have)
{
	if (s->state == NBD_STATE_FLAGS)
		return NBD_CLIENT_FLAGS_SIZE;
	if (s->state == NBD_STATE_TRANSMISSION)
		return command_len(s->mode, head, have);
	return option_len(head, have);
}

uint64_t
nbd_frame_rest(const struct session *s, const uint8_t *head)
{
	struct nbd_header h;
	struct wire_in w;
	uint64_t rest = 0;
	uint32_t number, len;

	if (s->state == NBD_STATE_TRANSMISSION) {
		h = nbd_header_get(s->mode, head);
		(void)payload_len(&h, s->mode, &rest);
	} else if (s->state != NBD_STATE_FLAGS) {
		w = (struct wire_in){ .p = head + 8,
				      .end = head + NBD_OPTION_HEADER };
		number = wire_get_be32(&w);
		len = wire_get_be32(&w);
		rest = nbd_option_fits(number, len) ? 0 : len;
	}
	return rest;
}

size_t
nbd_head_len(const uint8_t *head, size_t len)
{
	struct wire_in w = { .p = head, .end = head + len };
	uint32_t magic = wire_get_be32(&w);

	(void)wire_get_be16(&w);
	if (wire_get_be16(&w) == NBD_CMD_WRITE) {
		if (magic == NBD_REQUEST_MAGIC)
			return MIN(len, (size_t)NBD_REQUEST_SIZE);
		if (magic == NBD_REQUEST_EXT_MAGIC)
			return MIN(len, (size_t)NBD_REQUEST_EXT_SIZE);
	}
	return len;
}
