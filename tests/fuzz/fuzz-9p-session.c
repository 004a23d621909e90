/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A 9P session over the fake backend, with small limits. The input is a
 * sequence of steps: a message (its type, tag and body are the input's, its
 * length is made right), the completion of one of the pending requests, or a
 * change of how the backend behaves. In the end everything completes; then
 * each message must have been answered exactly once and well-formed, a full
 * session must have said that it is ready again, and nothing may be left.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fake-client.h"
#include "fuzz.h"
#include "macros.h"
#include "wire.h"

#define BODY_MAX 600u

static void
step_message(struct fake_client *c, struct wire_in *in, uint8_t type)
{
	uint8_t frame[P9_HEADER_SIZE + BODY_MAX];
	struct wire_out out = { .p = frame, .end = frame + sizeof(frame) };
	size_t len = wire_get_u8(in);
	uint8_t tag = wire_get_u8(in);

	len = MIN(len * 2 + (len >= 250) * 100u, (size_t)BODY_MAX);
	len = MIN(len, (size_t)(in->end - in->p));
	wire_put_u32(&out, (uint32_t)(P9_HEADER_SIZE + len));
	wire_put_u8(&out, type);
	wire_put_u16(&out, tag);
	wire_put_bytes(&out, wire_get_bytes(in, len), len);
	len += P9_HEADER_SIZE;
	if (!protocol_9p.session_is_full(c->s))
		(void)fake_send_raw(c, frame, len);
	else if (c->backend.nr_pending == 0)
		abort(); /* it would be full forever */
}

static void
step_backend(struct fake_client *c, uint8_t step)
{
	static const int errors[] = { 0, -ENOENT, -EAGAIN, -EIO };
	struct fake_backend *b = &c->backend;

	if (step < 0xe0)
		fake_backend_finish(b, step & 0xf);
	else if (step < 0xe4)
		b->error = errors[step & 3];
	else if (step < 0xe8)
		b->is_deferred = step & 1;
	else if (step < 0xec)
		b->can_cancel = step & 1;
	else if (step < 0xf0)
		b->xattr_size = (size_t)(step & 3) * 30000;
	else if (step < 0xf4)
		c->in_pieces = step & 1;
	else if (step == 0xf4)
		fake_backend_finish_all(b);
	else if (step == 0xf5)
		c->no_room = true; /* fatal at the next reply */
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct wire_in in = { .p = data, .end = data + size };
	struct session_config config = fake_config();
	struct fake_client c;
	unsigned nr_ready;
	bool was_full;
	uint8_t step;

	config.max_fids = 6;
	config.max_inflight = 4;
	config.max_msize = 8192;
	config.trace = true;
	fake_client_init(&c, &config);
	c.max_bytes = 20000;
	fake_client_start(&c);
	while (in.p < in.end && !c.fatal) {
		step = wire_get_u8(&in);
		if (step < 0xc0)
			step_message(&c, &in, step);
		else
			step_backend(&c, step);
	}
	was_full = protocol_9p.session_is_full(c.s);
	nr_ready = c.nr_ready;
	fake_backend_finish_all(&c.backend);
	if (!c.fatal &&
	    (!fake_all_answered(&c) || (was_full && c.nr_ready == nr_ready)))
		abort();
	if (!fake_client_fini(&c))
		abort();
	return 0;
}
