/* SPDX-License-Identifier: BSD-3-Clause */
/* What the fake NBD client sends: options and commands. */
#include <stdlib.h>
#include <string.h>

#include "fake-nbd-client.h"
#include "macros.h"

/* --- options --- */

void
fake_nbd_option(struct fake_nbd *c, uint32_t number, const void *data,
		size_t len)
{
	uint8_t *buf = malloc(NBD_OPTION_HEADER + len);
	struct wire_out w = { .p = buf, .end = buf + NBD_OPTION_HEADER + len };

	wire_put_be64(&w, NBD_OPTION_MAGIC);
	wire_put_be32(&w, number);
	wire_put_be32(&w, (uint32_t)len);
	wire_put_bytes(&w, data, len);
	fake_nbd_feed(c, buf, NBD_OPTION_HEADER + len);
	free(buf);
}

struct fake_nbd_reply *
fake_nbd_take(struct fake_nbd *c)
{
	struct fake_nbd_reply *r = c->replies;

	if (r)
		c->replies = r->next;
	return r;
}

void
fake_nbd_reply_free(struct fake_nbd_reply *r)
{
	if (r)
		free(r->data);
	free(r);
}

uint32_t
fake_nbd_ask(struct fake_nbd *c, uint32_t number, const void *data, size_t len)
{
	struct fake_nbd_reply *r;
	uint32_t type = 0;

	fake_nbd_option(c, number, data, len);
	while ((r = fake_nbd_take(c))) {
		if (r->option != number)
			abort();
		type = r->type;
		fake_nbd_reply_free(r);
	}
	return type;
}

uint32_t
fake_nbd_info(struct fake_nbd *c, uint32_t number, const char *name,
	      unsigned infos)
{
	uint8_t buf[256];
	struct wire_out w = { .p = buf, .end = buf + sizeof(buf) };
	unsigned i;

	wire_put_be32(&w, (uint32_t)strlen(name));
	wire_put_bytes(&w, name, strlen(name));
	wire_put_be16(&w, (uint16_t)__builtin_popcount(infos));
	for (i = 0; i < 16; i++)
		if (infos & 1u << i)
			wire_put_be16(&w, (uint16_t)i);
	return fake_nbd_ask(c, number, buf, (size_t)(w.p - buf));
}

uint32_t
fake_nbd_meta(struct fake_nbd *c, uint32_t number, const char *name,
	      const char *const *queries)
{
	uint8_t buf[1024];
	struct wire_out w = { .p = buf, .end = buf + sizeof(buf) };
	struct fake_nbd_reply *r;
	uint32_t type = 0, nr, id;

	for (nr = 0; queries[nr];)
		nr++;
	wire_put_be32(&w, (uint32_t)strlen(name));
	wire_put_bytes(&w, name, strlen(name));
	wire_put_be32(&w, nr);
	for (; *queries; queries++) {
		wire_put_be32(&w, (uint32_t)strlen(*queries));
		wire_put_bytes(&w, *queries, strlen(*queries));
	}
	fake_nbd_option(c, number, buf, (size_t)(w.p - buf));
	c->contexts = 0;
	while ((r = fake_nbd_take(c))) {
		type = r->type;
		if (type == NBD_REP_META_CONTEXT) {
			memcpy(&id, r->data, 4);
			id = be32toh(id);
			/* In a LIST: which they are, by their names. */
			if (id == 0)
				id = r->data[4] == 'b' ? 1 : 2;
			c->contexts |= 1u << (id - 1);
		}
		fake_nbd_reply_free(r);
	}
	return type;
}

/* --- commands --- */

struct fake_nbd_cmd *
fake_nbd_send(struct fake_nbd *c, struct nbd_header h, const void *payload,
	      size_t len)
{
	size_t size = nbd_request_size(c->mode) + len;
	uint8_t *buf = malloc(size);
	struct wire_out w = { .p = buf, .end = buf + size };
	struct fake_nbd_cmd *cmd = calloc(1, sizeof(*cmd));

	wire_put_be32(&w, c->mode == NBD_EXTENDED ? NBD_REQUEST_EXT_MAGIC
						  : NBD_REQUEST_MAGIC);
	wire_put_be16(&w, h.flags);
	wire_put_be16(&w, h.type);
	wire_put_be64(&w, h.cookie);
	wire_put_be64(&w, h.off);
	if (c->mode == NBD_EXTENDED)
		wire_put_be64(&w, h.len);
	else
		wire_put_be32(&w, (uint32_t)h.len);
	wire_put_bytes(&w, payload, len);
	cmd->h = h;
	cmd->next = c->cmds;
	c->cmds = cmd;
	fake_nbd_feed(c, buf, size);
	free(buf);
	return cmd;
}

struct fake_nbd_cmd *
fake_nbd_command(struct fake_nbd *c, uint16_t type, uint16_t flags,
		 uint64_t off, uint64_t len)
{
	struct nbd_header h = {
		.flags = flags, .type = type, .off = off, .len = len
	};
	size_t i, n = type == NBD_CMD_WRITE ? (size_t)len : 0;
	uint8_t *data = malloc(n + 1);
	struct fake_nbd_cmd *cmd;

	h.cookie = c->cmds ? c->cmds->h.cookie + 1 : UINT64_MAX - 5;
	if (type == NBD_CMD_WRITE && c->mode == NBD_EXTENDED)
		h.flags |= NBD_FLAG_PAYLOAD_LEN;
	for (i = 0; i < n; i++)
		data[i] = (uint8_t)(i * 7 + 1);
	cmd = fake_nbd_send(c, h, data, n);
	free(data);
	return cmd;
}

uint32_t
fake_nbd_call(struct fake_nbd *c, uint16_t type, uint16_t flags, uint64_t off,
	      uint64_t len)
{
	struct fake_nbd_cmd *cmd = fake_nbd_command(c, type, flags, off, len);

	return cmd->is_answered ? cmd->error : 1000;
}

bool
fake_nbd_data_is_right(const struct fake_nbd *c, const struct fake_nbd_cmd *cmd)
{
	uint64_t i, off;

	for (i = 0; i < cmd->got; i++) {
		off = cmd->h.off + i;
		if (cmd->data[i] !=
		    (off < c->backend.file_size ? (uint8_t)off : 0))
			return false;
	}
	return cmd->got == cmd->h.len;
}
