/* SPDX-License-Identifier: BSD-3-Clause */
/* See fake-nbd-client.h; how replies are looked at is in fake-nbd-check.c. */
#include "fake-nbd-client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fake-nbd-check.h"
#include "macros.h"

#define PIECE 100u

struct fake_nbd_msg {
	struct msg msg;
	struct fake_nbd *c;
	uint8_t *in, *out; /* owned */
	struct iovec *in_iov, *out_iov; /* owned */
	bool is_over;
	struct fake_nbd_msg *next;
};

static struct iovec *
cut(const struct fake_nbd *c, uint8_t *buf, size_t len, size_t head,
    unsigned *ret_nr)
{
	struct iovec *iov = calloc(len / PIECE + 2, sizeof(*iov));
	unsigned nr = 0;
	size_t off = 0, part;

	do {
		part = !c->in_pieces ? len : nr ? PIECE : head;
		part = MIN(part, len - off);
		iov[nr++] = (struct iovec){ buf + off, part };
		off += part;
	} while (off < len);
	*ret_nr = nr;
	return iov;
}

static int
room(struct msg *msg, size_t len)
{
	struct fake_nbd_msg *m = container_of(msg, struct fake_nbd_msg, msg);

	if (m->c->no_room)
		return -ENOMEM;
	free(m->out);
	free(m->out_iov);
	m->out = malloc(len);
	memset(m->out, 0xee, len);
	m->out_iov =
		cut(m->c, m->out, len, protocol_nbd.min_reply, &msg->nr_out);
	msg->out = m->out_iov;
	msg->out_len = len;
	return 0;
}

static void
over(struct fake_nbd_msg *m)
{
	if (m->is_over)
		abort();
	m->is_over = true;
	/* As the transport does, so that a late use is seen by ASan. */
	free(m->in);
	free(m->in_iov);
	m->in = NULL;
	m->in_iov = NULL;
	m->msg.in = NULL;
}

static void
send_reply(struct msg *msg, size_t len)
{
	struct fake_nbd_msg *m = container_of(msg, struct fake_nbd_msg, msg);

	if (len > msg->out_len)
		abort();
	m->c->nr_sent++;
	over(m);
	fake_nbd_check(m->c, m->out, len);
	if (m->c->keeps)
		m->c->unsent += len;
	free(m->out);
	m->out = NULL;
}

static void
drop(struct msg *msg)
{
	struct fake_nbd_msg *m = container_of(msg, struct fake_nbd_msg, msg);

	m->c->nr_dropped++;
	over(m);
}

static struct msg *part(struct msg *msg);

static const struct msg_ops fake_ops = {
	.room = room, .send = send_reply, .drop = drop, .part = part
};

static struct fake_nbd_msg *
msg_new(struct fake_nbd *c)
{
	struct fake_nbd_msg *m = calloc(1, sizeof(*m));

	m->c = c;
	m->msg.ops = &fake_ops;
	m->next = c->all;
	c->all = m;
	return m;
}

static struct msg *
part(struct msg *msg)
{
	struct fake_nbd *c = container_of(msg, struct fake_nbd_msg, msg)->c;

	if (c->no_part)
		return NULL;
	c->nr_parts++;
	return &msg_new(c)->msg;
}

/* --- events --- */

static void
event_log(void *owner, int level, const char *line)
{
	struct fake_nbd *c = owner;

	(void)level;
	(void)snprintf(c->line, sizeof(c->line), "%s", line);
}

static void
event_fatal(void *owner, const char *why)
{
	((struct fake_nbd *)owner)->fatal = why;
}

static void
event_ready(void *owner)
{
	((struct fake_nbd *)owner)->nr_ready++;
}

static void
event_bye(void *owner)
{
	((struct fake_nbd *)owner)->nr_bye++;
}

static void
event_starttls(void *owner)
{
	((struct fake_nbd *)owner)->nr_tls++;
}

static size_t
event_room(void *owner, size_t running)
{
	const struct fake_nbd *c = owner;
	size_t held = running + c->unsent;

	if (held == 0)
		return SIZE_MAX;
	return held < c->max_bytes ? c->max_bytes - held : 0;
}

static size_t
event_unsent(void *owner)
{
	return ((const struct fake_nbd *)owner)->unsent;
}

static const struct session_events fake_events = {
	.log = event_log,
	.fatal = event_fatal,
	.ready = event_ready,
	.bye = event_bye,
	.starttls = event_starttls,
	.room = event_room,
	.unsent = event_unsent,
};

/* --- what comes in --- */

static void
receive(struct fake_nbd *c, size_t len)
{
	struct fake_nbd_msg *m = msg_new(c);

	m->in = malloc(len);
	memcpy(m->in, c->in, len);
	m->in_iov = cut(c, m->in, len, protocol_nbd.head_len(m->in, len),
			&m->msg.nr_in);
	m->msg.in = m->in_iov;
	m->msg.in_len = len;
	c->in_rest = protocol_nbd.frame_rest(c->s, m->in);
	c->in_len -= len;
	memmove(c->in, c->in + len, c->in_len);
	/* The last byte of the option's number. */
	c->wants_raw = !c->is_begun && len >= NBD_OPTION_HEADER &&
		       m->in[11] == NBD_OPT_EXPORT_NAME;
	protocol_nbd.session_receive(c->s, &m->msg);
}

void
fake_nbd_pump(struct fake_nbd *c)
{
	size_t skip;
	ssize_t len;

	for (;;) {
		skip = (size_t)MIN(c->in_rest, (uint64_t)c->in_len);
		c->in_rest -= skip;
		c->in_len -= skip;
		if (skip)
			memmove(c->in, c->in + skip, c->in_len);
		if (c->in_len < protocol_nbd.min_frame || c->fatal ||
		    c->nr_bye || protocol_nbd.session_is_full(c->s))
			return;
		len = protocol_nbd.frame_len(c->s, c->in, c->in_len);
		if (len < 0)
			c->fatal = len == -EBADMSG
					   ? "a wrong magic number"
					   : "a frame of impossible length";
		if (len <= 0 || (size_t)len > c->in_len)
			return;
		receive(c, (size_t)len);
	}
}

void
fake_nbd_feed(struct fake_nbd *c, const void *bytes, size_t len)
{
	const uint8_t *p = bytes;
	size_t n;

	while (len > 0) {
		n = c->step ? MIN(c->step, len) : len;
		c->in = realloc(c->in, c->in_len + n);
		memcpy(c->in + c->in_len, p, n);
		c->in_len += n;
		p += n;
		len -= n;
		fake_nbd_pump(c);
	}
}

/* --- life --- */

struct session_config
fake_nbd_config(void)
{
	return (struct session_config){
		.backend = &fake_backend,
		.events = &fake_events,
		.owner_id = 77,
		.trace = true,
		.max_inflight = 64,
	};
}

void
fake_nbd_init(struct fake_nbd *c, const struct session_config *config)
{
	memset(c, 0, sizeof(*c));
	fake_backend_init(&c->backend);
	c->max_bytes = 64 << 20;
	c->config = config ? *config : fake_nbd_config();
	c->config.owner = c;
	c->s = protocol_nbd.session_new(&c->config);
}

void
fake_nbd_hello(struct fake_nbd *c)
{
	static const uint8_t flags[4] = { 0, 0, 0, 3 };

	if (!c->s)
		fake_nbd_init(c, NULL);
	if (!c->has_greeted)
		fake_nbd_feed(c, flags, sizeof(flags));
	c->has_greeted = true;
}

void
fake_nbd_start(struct fake_nbd *c, enum nbd_mode mode)
{
	static const char *const all[] = { "base:allocation",
					   "qemu:allocation-depth", NULL };

	fake_nbd_hello(c);
	if (mode != NBD_SIMPLE &&
	    fake_nbd_ask(c,
			 mode == NBD_EXTENDED ? NBD_OPT_EXTENDED_HEADERS
					      : NBD_OPT_STRUCTURED_REPLY,
			 NULL, 0) != NBD_REP_ACK)
		abort();
	if (mode != NBD_SIMPLE &&
	    fake_nbd_meta(c, NBD_OPT_SET_META_CONTEXT, "f", all) != NBD_REP_ACK)
		abort();
	if (fake_nbd_info(c, NBD_OPT_GO, "f", 0) != NBD_REP_ACK)
		abort();
}

static void
cmd_free(struct fake_nbd_cmd *cmd)
{
	unsigned i;

	for (i = 0; i < NBD_NR_CONTEXTS; i++)
		free(cmd->maps[i].v);
	free(cmd->data);
	free(cmd);
}

bool
fake_nbd_fini(struct fake_nbd *c)
{
	struct fake_nbd_reply *r;
	struct fake_nbd_cmd *cmd;
	struct fake_nbd_msg *m;
	bool ok;

	protocol_nbd.session_close(c->s);
	fake_backend_finish_all(&c->backend);
	ok = protocol_nbd.session_is_idle(c->s);
	protocol_nbd.session_free(c->s);
	while ((m = c->all)) {
		c->all = m->next;
		ok = ok && m->is_over;
		free(m->out);
		free(m->out_iov);
		free(m);
	}
	while ((r = fake_nbd_take(c)))
		fake_nbd_reply_free(r);
	while ((cmd = c->cmds)) {
		c->cmds = cmd->next;
		cmd_free(cmd);
	}
	free(c->in);
	ok = ok && c->backend.nr_nodes == 0 && c->backend.nr_handles == 0;
	c->s = NULL;
	return ok;
}
