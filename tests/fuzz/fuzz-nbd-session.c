/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The transmission phase of NBD over the fake backend, with small limits, in
 * the mode that the input says. Then it is a sequence of steps: a command
 * (its type, flags, range and data are the input's), the completion of one of
 * the pending requests, bytes leaving the pipe, or a change of how the
 * backend behaves. Each reply is looked at by the fake client; in the end
 * everything completes, each command must have been answered, and nothing be
 * left.
 */
#include <errno.h>
#include <stdlib.h>

#include "fake-nbd-client.h"
#include "fuzz.h"
#include "macros.h"

/* Two pieces of a read, and no more: this is to be fast. */
#define SIZE (NBD_READ_PIECE + 5000u)
#define COMMANDS_MAX 30
#define PAYLOAD_MAX 5000u

static void
step_command(struct fake_nbd *c, struct wire_in *in, uint8_t step)
{
	static uint8_t zeros[PAYLOAD_MAX];
	struct nbd_header h = { .type = step & 0xf };
	const uint8_t *payload = zeros;
	size_t len = 0;

	h.cookie = c->cmds ? c->cmds->h.cookie + 1 : 0;
	h.flags = wire_get_u8(in);
	/* 0x10 and 0x20: in units of 5, and up to the end. */
	h.off = (uint64_t)wire_get_be16(in) * (step & 0x10 ? 5 : 1);
	h.len = (uint64_t)wire_get_be16(in) * (step & 0x10 ? 5 : 1);
	if (step & 0x20 && h.off < SIZE)
		h.len = SIZE - h.off - (h.len & 1);
	if (h.type == NBD_CMD_WRITE ||
	    (c->mode == NBD_EXTENDED && h.flags & NBD_FLAG_PAYLOAD_LEN)) {
		h.len = MIN(h.len, (uint64_t)PAYLOAD_MAX);
		len = (size_t)h.len;
	}
	if (len && len <= (size_t)(in->end - in->p) &&
	    h.type == NBD_CMD_BLOCK_STATUS)
		payload = wire_get_bytes(in, len);
	/* Whose contexts are chosen is not known here. */
	c->contexts = 0;
	(void)fake_nbd_send(c, h, payload, len);
}

static void
drain(struct fake_nbd *c)
{
	c->unsent = 0;
	protocol_nbd.session_resume(c->s);
	fake_nbd_pump(c);
}

static void
step_backend(struct fake_nbd *c, uint8_t step)
{
	static const int errors[] = { 0, -ENOSPC, -EOPNOTSUPP, -EIO };
	struct fake_backend *b = &c->backend;

	if (step < 0xd0)
		fake_backend_finish(b, step & 0xf);
	else if (step < 0xd4)
		b->error = errors[step & 3];
	else if (step < 0xd6)
		b->is_deferred = step & 1;
	else if (step < 0xd8)
		b->can_cancel = step & 1;
	else if (step < 0xda)
		c->in_pieces = step & 1;
	else if (step < 0xdc)
		c->keeps = step & 1;
	else if (step < 0xe0)
		b->image.alternate = (step & 3) * 700;
	else if (step < 0xe2)
		b->file_size = step & 1 ? SIZE : FAKE_FILE_SIZE;
	else if (step < 0xe4)
		b->write_max = step & 1 ? 1000 : 0;
	else if (step < 0xe6)
		c->no_part = step & 1;
	else if (step == 0xe6)
		c->no_room = true; /* fatal at the next reply */
	else
		drain(c);
	fake_nbd_pump(c);
}

static void
finish(struct fake_nbd *c)
{
	const struct fake_nbd_cmd *cmd;
	bool is_over = c->fatal != NULL;
	unsigned before;

	do {
		before = c->nr_answered + c->nr_sent;
		fake_backend_finish_all(&c->backend);
		drain(c);
	} while (c->backend.nr_pending ||
		 before != c->nr_answered + c->nr_sent);
	for (cmd = c->cmds; cmd; cmd = cmd->next)
		is_over |= cmd->h.type == NBD_CMD_DISC;
	is_over |= c->fatal != NULL;
	for (cmd = c->cmds; cmd && !is_over; cmd = cmd->next)
		if (!cmd->is_answered)
			abort();
	if (!fake_nbd_fini(c))
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct wire_in in = { .p = data, .end = data + size };
	struct session_config config = fake_nbd_config();
	uint8_t first = wire_get_u8(&in), step;
	unsigned nr = 0;
	struct fake_nbd c;

	config.max_inflight = 4;
	fake_nbd_init(&c, &config);
	c.backend.image.size = SIZE;
	c.backend.image.is_read_only = first & 4;
	c.max_bytes = 20000;
	fake_nbd_start(&c, (first & 3) % 3);
	while (in.p < in.end && !c.fatal && !c.nr_bye && nr < COMMANDS_MAX) {
		step = wire_get_u8(&in);
		if (step >= 0xc0) {
			step_backend(&c, step);
			continue;
		}
		step_command(&c, &in, step);
		nr++;
	}
	finish(&c);
	return 0;
}
