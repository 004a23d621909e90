/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The NBD handshake over the fake backend. The input says whether there is
 * TLS and which flags the client has, and is then a sequence of steps: an
 * option (its number, length and data are the input's, its magic number is
 * made right), bytes as they are, or a change of how the backend behaves. It
 * ends when an export was entered. Replies are looked at by the fake client;
 * in the end every message must have been answered, and nothing be left.
 */
#include <errno.h>
#include <stdlib.h>

#include "fake-nbd-client.h"
#include "fuzz.h"
#include "macros.h"

static void
step_option(struct fake_nbd *c, struct wire_in *in, uint8_t number)
{
	size_t len = wire_get_be16(in);

	len = MIN(len, (size_t)(in->end - in->p));
	fake_nbd_option(c, number, wire_get_bytes(in, len), len);
}

static void
step_bytes(struct fake_nbd *c, struct wire_in *in, size_t len)
{
	len = MIN(len, (size_t)(in->end - in->p));
	if (len)
		fake_nbd_feed(c, wire_get_bytes(in, len), len);
}

static void
step_backend(struct fake_nbd *c, uint8_t step)
{
	static const int errors[] = { 0, -ENOENT, -EPERM, -EIO };
	struct fake_backend *b = &c->backend;

	if (step < 0xc4)
		b->error = errors[step & 3];
	else if (step < 0xc6)
		b->is_deferred = step & 1;
	else if (step < 0xc8)
		b->can_cancel = step & 1;
	else if (step < 0xca)
		b->image.is_read_only = step & 1;
	else if (step < 0xcc)
		b->image.name = step & 1 ? "f/other" : NULL;
	else if (step < 0xd0)
		b->image.nr_listed = (step & 3) * 7;
	else if (step < 0xd2)
		b->image.description = step & 1 ? "some words" : NULL;
	else if (step < 0xd4)
		b->image.why = step & 1 ? "It is away." : NULL;
	else if (step == 0xd4)
		c->no_room = true; /* fatal at the next reply */
	else
		fake_backend_finish_all(b);
}

/* What a connection would do by itself, sooner or later. */
static void
go_on(struct fake_nbd *c, unsigned *nr_tls)
{
	if (c->nr_tls != *nr_tls) {
		*nr_tls = c->nr_tls;
		c->in_len = 0;
		protocol_nbd.session_tls_ready(c->s);
	}
	fake_nbd_pump(c);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct wire_in in = { .p = data, .end = data + size };
	struct session_config config = fake_nbd_config();
	uint8_t flags[4] = { 0, 0, 0, 0 }, step;
	struct fake_nbd c;
	unsigned nr_tls = 0;

	config.tls = wire_get_u8(&in) % 3;
	fake_nbd_init(&c, &config);
	flags[3] = wire_get_u8(&in);
	fake_nbd_feed(&c, flags, sizeof(flags));
	while (in.p < in.end && !c.fatal && !c.nr_bye && !c.is_begun) {
		step = wire_get_u8(&in);
		if (step < 0x80)
			step_option(&c, &in, step & 0x1f);
		else if (step < 0xc0)
			step_bytes(&c, &in, step & 0x3f);
		else
			step_backend(&c, step);
		/* Then what comes are commands: another target's. */
		if (!c.is_begun)
			go_on(&c, &nr_tls);
	}
	/* While an option is worked on, and then only, nothing is taken. */
	if (!c.fatal && !c.nr_bye && !c.is_begun &&
	    protocol_nbd.session_is_full(c.s) != (c.backend.nr_pending > 0))
		abort();
	if (!fake_nbd_fini(&c))
		abort();
	return 0;
}
