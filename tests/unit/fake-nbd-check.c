/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The rules for replies (nbd.md 3 and 6), for whatever was asked. What breaks
 * one ends in abort(), as does a read past the end of what was sent.
 */
#include "fake-nbd-check.h"

#include <stdlib.h>
#include <string.h>

#include "fake-nbd-client.h"
#include "macros.h"

#define MUST(x)                  \
	do {                     \
		if (!(x))        \
			abort(); \
	} while (0)

/* --- options --- */

static void
note_info(struct fake_nbd *c, const struct fake_nbd_reply *r)
{
	struct wire_in w = { .p = r->data, .end = r->data + r->len };
	uint16_t id = wire_get_be16(&w);
	uint32_t min, preferred, max;

	MUST(!w.bad);
	if (id == NBD_INFO_EXPORT) {
		MUST(r->len == 12);
		c->size = wire_get_be64(&w);
		c->flags = wire_get_be16(&w);
	} else if (id == NBD_INFO_BLOCK_SIZE) {
		MUST(r->len == 14);
		min = wire_get_be32(&w);
		preferred = wire_get_be32(&w);
		max = wire_get_be32(&w);
		/* As libnbd wants it. */
		MUST(min == 1 && preferred >= 512 && preferred <= 65536 &&
		     (preferred & (preferred - 1)) == 0 && max >= preferred);
	}
}

static void
note_reply(struct fake_nbd *c, const struct fake_nbd_reply *r)
{
	switch ((int)r->type) {
	case NBD_REP_ACK:
		MUST(r->len == 0);
		if (r->option == NBD_OPT_STRUCTURED_REPLY)
			c->mode = NBD_STRUCTURED;
		else if (r->option == NBD_OPT_EXTENDED_HEADERS)
			c->mode = NBD_EXTENDED;
		else if (r->option == NBD_OPT_STARTTLS)
			c->mode = NBD_SIMPLE;
		else if (r->option == NBD_OPT_GO)
			c->is_begun = true;
		break;
	case NBD_REP_SERVER:
		MUST(r->option == NBD_OPT_LIST && r->len >= 4);
		break;
	case NBD_REP_INFO:
		MUST(r->option == NBD_OPT_INFO || r->option == NBD_OPT_GO);
		note_info(c, r);
		break;
	case NBD_REP_META_CONTEXT:
		MUST(r->len > 4 && r->len <= 4 + 4096);
		break;
	default:
		/* An error: each says why. */
		MUST(r->type >> 31 && r->len > 0 && r->len <= 4096);
		MUST(r->data[r->len - 1] == '.');
	}
}

static void
take_reply(struct fake_nbd *c, struct wire_in *w)
{
	struct fake_nbd_reply *r = calloc(1, sizeof(*r)), **at = &c->replies;
	const uint8_t *data;

	MUST(wire_get_be64(w) == NBD_REPLY_MAGIC);
	r->option = wire_get_be32(w);
	r->type = wire_get_be32(w);
	r->len = wire_get_be32(w);
	data = wire_get_bytes(w, r->len);
	MUST(!w->bad);
	r->data = calloc(1, (size_t)r->len + 1);
	memcpy(r->data, data, r->len);
	while (*at)
		at = &(*at)->next;
	*at = r;
	note_reply(c, r);
}

/* --- commands --- */

/* The oldest with this cookie that is not answered. */
static struct fake_nbd_cmd *
cmd_of(struct fake_nbd *c, uint64_t cookie)
{
	struct fake_nbd_cmd *cmd, *found = NULL;

	for (cmd = c->cmds; cmd; cmd = cmd->next)
		if (cmd->h.cookie == cookie && !cmd->is_answered)
			found = cmd;
	MUST(found);
	return found;
}

static void
answered(struct fake_nbd *c, struct fake_nbd_cmd *cmd)
{
	unsigned i;

	MUST(!cmd->is_answered && cmd->h.type != NBD_CMD_DISC);
	cmd->is_answered = true;
	cmd->order = ++c->nr_answered;
	if (cmd->error)
		return;
	if (cmd->h.type == NBD_CMD_READ)
		MUST(cmd->got == cmd->h.len);
	if (cmd->h.type == NBD_CMD_BLOCK_STATUS)
		for (i = 0; i < NBD_NR_CONTEXTS; i++)
			if (c->contexts & 1u << i)
				MUST(cmd->maps[i].nr > 0);
}

static void
take_data(struct fake_nbd_cmd *cmd, struct wire_in *w, uint64_t off, size_t len)
{
	const uint8_t *p = wire_get_bytes(w, len);

	MUST(p && len > 0 && cmd->h.type == NBD_CMD_READ);
	MUST(off == cmd->h.off + cmd->got && len <= cmd->h.len - cmd->got);
	if (!cmd->data)
		cmd->data = malloc((size_t)cmd->h.len);
	memcpy(cmd->data + cmd->got, p, len);
	cmd->got += len;
	cmd->nr_data++;
}

static void
take_simple(struct fake_nbd *c, struct wire_in *w)
{
	uint32_t error = wire_get_be32(w);
	struct fake_nbd_cmd *cmd = cmd_of(c, wire_get_be64(w));

	MUST(!w->bad && c->mode != NBD_EXTENDED);
	if (c->mode == NBD_STRUCTURED)
		MUST(cmd->h.type != NBD_CMD_READ &&
		     (error || cmd->h.type != NBD_CMD_BLOCK_STATUS));
	cmd->error = error;
	if (!error && cmd->h.type == NBD_CMD_READ && cmd->h.len)
		take_data(cmd, w, cmd->h.off, (size_t)cmd->h.len);
	answered(c, cmd);
}

static void
take_error(struct fake_nbd_cmd *cmd, struct wire_in *w)
{
	uint16_t len;
	const uint8_t *text;

	cmd->error = wire_get_be32(w);
	len = wire_get_be16(w);
	text = wire_get_bytes(w, len);
	MUST(!w->bad && cmd->error && len && len < sizeof(cmd->text));
	MUST(text[len - 1] == '.');
	memcpy(cmd->text, text, len);
}

static void
take_map(struct fake_nbd *c, struct fake_nbd_cmd *cmd, struct wire_in *w)
{
	bool is_ext = c->mode == NBD_EXTENDED;
	uint32_t id = wire_get_be32(w), nr, i;
	uint64_t sum = 0;
	struct nbd_map *m;

	MUST(!w->bad && id >= 1 && id <= NBD_NR_CONTEXTS);
	m = &cmd->maps[id - 1];
	MUST(m->nr == 0);
	nr = is_ext ? wire_get_be32(w) : (uint32_t)(w->end - w->p) / 8;
	MUST(nr >= 1 && nr <= 1u << 20);
	MUST(!(cmd->h.flags & NBD_FLAG_REQ_ONE) || nr == 1);
	m->v = calloc(nr, sizeof(*m->v));
	m->nr = nr;
	for (i = 0; i < nr; i++) {
		MUST(sum < cmd->h.len || cmd->h.flags & NBD_FLAG_PAYLOAD_LEN);
		m->v[i].len = is_ext ? wire_get_be64(w) : wire_get_be32(w);
		m->v[i].value = (uint32_t)(is_ext ? wire_get_be64(w)
						  : wire_get_be32(w));
		MUST(!w->bad && m->v[i].len > 0);
		sum += m->v[i].len;
	}
	MUST(sum <= c->size - cmd->h.off);
	MUST(!(cmd->h.flags & NBD_FLAG_REQ_ONE) || sum <= cmd->h.len ||
	     cmd->h.flags & NBD_FLAG_PAYLOAD_LEN);
}

static void
take_chunk(struct fake_nbd *c, struct wire_in *w)
{
	bool is_ext = c->mode == NBD_EXTENDED;
	uint16_t flags = wire_get_be16(w), type = wire_get_be16(w);
	struct fake_nbd_cmd *cmd = cmd_of(c, wire_get_be64(w));
	struct wire_in body;
	uint64_t len, off;

	if (is_ext)
		MUST(wire_get_be64(w) == cmd->h.off);
	len = is_ext ? wire_get_be64(w) : wire_get_be32(w);
	body.p = wire_get_bytes(w, (size_t)len);
	MUST(!w->bad && flags <= NBD_REPLY_DONE);
	body.end = body.p + len;
	body.bad = false;
	cmd->nr_chunks++;
	if (type == NBD_CHUNK_NONE) {
		MUST(flags & NBD_REPLY_DONE);
	} else if (type == NBD_CHUNK_OFFSET_DATA) {
		MUST(len >= 9 && len <= (64u << 20) + 8);
		off = wire_get_be64(&body);
		take_data(cmd, &body, off, (size_t)len - 8);
	} else if (type == NBD_CHUNK_ERROR) {
		take_error(cmd, &body);
	} else {
		MUST(type == (is_ext ? NBD_CHUNK_BLOCK_STATUS_EXT
				     : NBD_CHUNK_BLOCK_STATUS));
		take_map(c, cmd, &body);
	}
	MUST(body.p == body.end);
	if (flags & NBD_REPLY_DONE)
		answered(c, cmd);
}

static void
take_answer(struct fake_nbd *c, struct wire_in *w)
{
	uint32_t magic = wire_get_be32(w);

	if (magic == NBD_SIMPLE_MAGIC) {
		take_simple(c, w);
		return;
	}
	MUST(c->mode == NBD_STRUCTURED ? magic == NBD_CHUNK_MAGIC
	     : c->mode == NBD_EXTENDED ? magic == NBD_CHUNK_EXT_MAGIC
				       : false);
	take_chunk(c, w);
}

static void
take_raw(struct fake_nbd *c, struct wire_in *w)
{
	struct wire_in copy = *w;

	c->raw_len = (size_t)(w->end - w->p);
	MUST(c->raw_len <= sizeof(c->raw));
	memcpy(c->raw, w->p, c->raw_len);
	w->p = w->end;
	c->size = wire_get_be64(&copy);
	c->flags = wire_get_be16(&copy);
	c->is_begun = true;
	c->wants_raw = false;
}

void
fake_nbd_check(struct fake_nbd *c, const uint8_t *bytes, size_t len)
{
	struct wire_in w = { .p = bytes, .end = bytes + len };

	while (w.p < w.end) {
		if (c->is_begun)
			take_answer(c, &w);
		else if (c->wants_raw)
			take_raw(c, &w);
		else
			take_reply(c, &w);
	}
}
