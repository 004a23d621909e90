/* SPDX-License-Identifier: BSD-3-Clause */
/* See fake-client.h. */
#include "fake-client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "macros.h"
#include "wire.h"

#define CALL_TAG 9999
#define P9_TREAD_SIZE 23u /* Treaddir's, too */

/* Cut a buffer: @head bytes in one piece, the rest as the client wants. */
static struct iovec *
cut(const struct fake_client *c, uint8_t *buf, size_t len, size_t head,
    unsigned *ret_nr)
{
	struct iovec *iov = calloc(len / FAKE_PIECE + 2, sizeof(*iov));
	unsigned nr = 0;
	size_t off = 0, part;

	do {
		part = !c->in_pieces ? len : nr ? FAKE_PIECE : head;
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
	struct fake_msg *m = container_of(msg, struct fake_msg, msg);

	if (m->c->no_room)
		return -ENOMEM;
	free(m->out);
	free(m->out_iov);
	m->out = calloc(1, len);
	m->out_iov =
		cut(m->c, m->out, len, protocol_9p.min_reply, &msg->nr_out);
	msg->out = m->out_iov;
	msg->out_len = len;
	return 0;
}

/* How large a reply the Linux client prepares itself for (9p.md 1.2). */
static size_t
reply_max(const uint8_t *in, size_t in_len)
{
	uint32_t count = 0;

	switch (in[4]) {
	case P9_TREAD:
	case P9_TREADDIR:
		if (in_len >= P9_TREAD_SIZE)
			memcpy(&count, in + P9_TREAD_SIZE - 4, sizeof(count));
		return P9_RREAD_HEADER + (size_t)le32toh(count);
	case P9_TREADLINK:
		return 8192;
	default:
		return 4096;
	}
}

/* The rules for any reply (9p.md 13, "Wire"), whatever was asked. */
static void
check_reply(const struct fake_msg *m, size_t len)
{
	const uint8_t *in = m->in, *out = m->out;
	struct wire_in w = { .p = out, .end = out + len };
	uint32_t size = wire_get_u32(&w), ecode;
	uint8_t type = wire_get_u8(&w);

	if (size != len || memcmp(in + 5, out + 5, 2) != 0 || /* the tag */
	    (type != P9_RLERROR && type != in[4] + 1))
		abort();
	if (m->c->msize && len >= m->c->msize)
		abort();
	w.p += 2;
	ecode = wire_get_u32(&w);
	if (type == P9_RLERROR ? ecode < 1 || ecode > 4095
			       : len > reply_max(in, m->msg.in_len))
		abort();
	if (type == P9_TVERSION + 1)
		m->c->msize = ecode; /* what stands there */
}

static void
answered(struct fake_msg *m)
{
	m->order = ++m->c->nr_answered;
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
	struct fake_msg *m = container_of(msg, struct fake_msg, msg);

	if (m->is_sent || m->is_dropped || len > msg->out_len)
		abort();
	check_reply(m, len);
	m->is_sent = true;
	m->sent_len = len;
	answered(m);
}

static void
drop(struct msg *msg)
{
	struct fake_msg *m = container_of(msg, struct fake_msg, msg);

	if (m->is_sent || m->is_dropped)
		abort();
	m->is_dropped = true;
	m->c->nr_dropped++;
	answered(m);
}

bool
fake_all_answered(const struct fake_client *c)
{
	const struct fake_msg *m;

	for (m = c->all; m; m = m->next)
		if (!m->is_sent && !m->is_dropped)
			return false;
	return true;
}

static const struct msg_ops fake_msg_ops = { .room = room,
					     .send = send_reply,
					     .drop = drop };

static void
event_log(void *owner, int level, const char *line)
{
	struct fake_client *c = owner;

	memcpy(c->line_before, c->line, sizeof(c->line));
	(void)snprintf(c->line, sizeof(c->line), "%s", line);
	c->nr_lines++;
	c->nr_hints += level == LOG_WARNING;
}

static void
event_fatal(void *owner, const char *why)
{
	((struct fake_client *)owner)->fatal = why;
}

static void
event_ready(void *owner)
{
	((struct fake_client *)owner)->nr_ready++;
}

static size_t
event_room(void *owner, size_t running)
{
	const struct fake_client *c = owner;
	size_t held = running + c->unsent, max = c->max_bytes;

	if (held == 0)
		return SIZE_MAX;
	return held < max ? max - held : 0;
}

static const struct session_events fake_events = {
	.log = event_log,
	.fatal = event_fatal,
	.ready = event_ready,
	.room = event_room,
};

struct session_config
fake_config(void)
{
	return (struct session_config){
		.backend = &fake_backend,
		.events = &fake_events,
		.owner_id = 77,
		.max_msize = 1 << 20,
		.max_fids = 1000,
		.max_inflight = 64,
		.max_xattr_bytes = 4 << 20,
	};
}

void
fake_client_init(struct fake_client *c, const struct session_config *config)
{
	memset(c, 0, sizeof(*c));
	fake_backend_init(&c->backend);
	c->max_bytes = 64 << 20;
	c->config = config ? *config : fake_config();
	c->config.owner = c;
	c->s = protocol_9p.session_new(&c->config);
}

void
fake_client_start(struct fake_client *c)
{
	struct p9_fields m = { .msize = 128 << 10,
			       .version = fake_name("9P2000.L") };

	if (!c->s)
		fake_client_init(c, NULL);
	if (fake_call(c, P9_TVERSION, &m, NULL))
		abort();
	m = (struct p9_fields){ .afid = P9_NOFID, .n_uname = 1000 };
	if (fake_call(c, P9_TATTACH, &m, NULL))
		abort();
}

bool
fake_client_fini(struct fake_client *c)
{
	struct fake_msg *m;
	bool ok = true;

	protocol_9p.session_close(c->s);
	fake_backend_finish_all(&c->backend);
	ok = protocol_9p.session_is_idle(c->s);
	protocol_9p.session_free(c->s);
	while ((m = c->all)) {
		c->all = m->next;
		ok = ok && (m->is_sent || m->is_dropped) &&
		     fake_result(m, NULL) != -10000;
		free(m->out);
		free(m->out_iov);
		free(m);
	}
	return ok && c->backend.nr_nodes == 0 && c->backend.nr_handles == 0;
}

struct fake_msg *
fake_send_raw(struct fake_client *c, const void *bytes, size_t len)
{
	struct fake_msg *m = calloc(1, sizeof(*m));

	m->c = c;
	m->next = c->all;
	c->all = m;
	m->in = malloc(len);
	memcpy(m->in, bytes, len);
	m->in_iov = cut(c, m->in, len, protocol_9p.head_len(m->in, len),
			&m->msg.nr_in);
	m->msg.ops = &fake_msg_ops;
	m->msg.in = m->in_iov;
	m->msg.in_len = len;
	protocol_9p.session_receive(c->s, &m->msg);
	return m;
}

struct fake_msg *
fake_send(struct fake_client *c, uint8_t type, uint16_t tag,
	  const struct p9_fields *f)
{
	size_t size = 16384 + f->data.len;
	uint8_t *buf = malloc(size);
	struct fake_msg *m;
	ssize_t len;

	len = p9_encode(type, tag, p9_message_find(type)->t, f, buf, size);
	if (len < 0)
		abort();
	m = fake_send_raw(c, buf, (size_t)len);
	free(buf);
	return m;
}

int
fake_result(const struct fake_msg *m, struct p9_fields *ret)
{
	struct p9_fields f;
	uint8_t *buf;
	int err;

	if (m->is_dropped)
		return 2;
	if (!m->is_sent)
		return 1;
	buf = m->out; /* the pieces are adjacent */
	if (m->sent_len < P9_HEADER_SIZE)
		return -10000;
	if (buf[4] == P9_RLERROR) {
		err = p9_decode(p9_rlerror_fields, buf + 7, m->sent_len - 7, 0,
				&f);
		return err ? -10000 : -(int)f.ecode;
	}
	err = p9_decode(p9_message_find(buf[4] - 1)->r, buf + P9_HEADER_SIZE,
			m->sent_len - P9_HEADER_SIZE, 0, ret ? ret : &f);
	return err ? -10000 : 0;
}

int
fake_call(struct fake_client *c, uint8_t type, const struct p9_fields *m,
	  struct p9_fields *ret)
{
	return fake_result(fake_send(c, type, CALL_TAG, m), ret);
}

void
fake_fields(struct p9_fields *m)
{
	unsigned char *p = (unsigned char *)m;
	unsigned i;

	for (i = 0; i < sizeof(*m); i++)
		p[i] = (unsigned char)(i * 7 + 1);
	m->name = fake_name("name");
	m->name2 = fake_name("other");
	m->uname = fake_name("uname");
	m->aname = fake_name("");
	m->version = fake_name("9P2000.L");
	m->client_id = fake_name("host");
	m->data = fake_name("some data");
	m->names.nr = 3;
	m->names.v[0] = fake_name("d");
	m->names.v[1] = fake_name("..");
	m->names.v[2] = fake_name("f");
	m->qids.nr = 2;
}

struct name
fake_name(const char *s)
{
	return (struct name){ s, strlen(s) };
}

int
fake_walk(struct fake_client *c, uint32_t fid, uint32_t newfid,
	  const char *name)
{
	struct p9_fields m = { .fid = fid, .fid2 = newfid };

	if (name) {
		m.names.nr = 1;
		m.names.v[0] = fake_name(name);
	}
	return fake_call(c, P9_TWALK, &m, NULL);
}

int
fake_open(struct fake_client *c, uint32_t fid, uint32_t flags)
{
	struct p9_fields m = { .fid = fid, .flags = flags };

	return fake_call(c, P9_TLOPEN, &m, NULL);
}

int
fake_clunk(struct fake_client *c, uint32_t fid)
{
	struct p9_fields m = { .fid = fid };

	return fake_call(c, P9_TCLUNK, &m, NULL);
}
