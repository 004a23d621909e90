/* SPDX-License-Identifier: BSD-3-Clause */
/* One session at a time, which the target finds without a handle. */
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "macros.h"
#include "stub-session.h"

#define FRAME_MAX 16384u
#define HEAD_LEN 23u
#define REPLY_MIN 11u

struct session {
	struct session_config config;
	struct msg *msgs[STUB_MESSAGES];
	unsigned nr;
	bool was_full, is_closed;
};

static struct session *current;
static volatile uint8_t sink;

static ssize_t
frame_len(const struct session *s, const uint8_t *head, size_t have)
{
	uint32_t len;

	(void)s;
	(void)have;
	memcpy(&len, head, sizeof(len));
	len = le32toh(len);
	return len < 7 || len > FRAME_MAX ? -EPROTO : (ssize_t)len;
}

static size_t
head_len(const uint8_t *head, size_t len)
{
	/* Now and then all of it. */
	return head[4] & 1 ? len : MIN(len, HEAD_LEN);
}

static struct session *
session_new(const struct session_config *config)
{
	struct session *s = calloc(1, sizeof(*s));

	if (s)
		s->config = *config;
	current = s;
	return s;
}

static void
look_at(const struct msg *msg)
{
	size_t sum = 0, i;
	unsigned n;

	for (n = 0; n < msg->nr_in; n++) {
		for (i = 0; i < msg->in[n].iov_len; i++)
			sink ^= ((const uint8_t *)msg->in[n].iov_base)[i];
		sum += msg->in[n].iov_len;
	}
	if (sum != msg->in_len || msg->in[0].iov_len < MIN(sum, HEAD_LEN))
		abort();
}

static void
session_receive(struct session *s, struct msg *msg)
{
	if (s->is_closed || s->nr == STUB_MESSAGES)
		abort();
	look_at(msg);
	s->msgs[s->nr++] = msg;
	s->was_full |= s->nr == STUB_MESSAGES;
}

static bool
session_is_full(const struct session *s)
{
	return s->nr == STUB_MESSAGES;
}

static void
finish(struct session *s, unsigned i, bool is_dropped)
{
	struct msg *msg = s->msgs[i];
	unsigned n;

	s->msgs[i] = s->msgs[--s->nr];
	look_at(msg);
	if (is_dropped) {
		msg->ops->drop(msg);
		return;
	}
	if (msg->ops->room(msg, REPLY_MIN) < 0)
		abort();
	for (n = 0; n < msg->nr_out; n++)
		memset(msg->out[n].iov_base, 0x5a, msg->out[n].iov_len);
	msg->ops->send(msg, REPLY_MIN);
}

void
stub_finish(unsigned i, bool is_dropped)
{
	struct session *s = current;

	if (!s || i >= s->nr)
		return;
	finish(s, i, is_dropped);
	if (s->was_full)
		s->config.events->ready(s->config.owner);
	s->was_full = false;
}

void
stub_fail(void)
{
	if (current)
		current->config.events->fatal(current->config.owner, "stub");
}

static void
session_resume(struct session *s)
{
	(void)s;
}

static bool
session_is_begun(const struct session *s)
{
	(void)s;
	return true;
}

static void
session_close(struct session *s)
{
	s->is_closed = true;
	while (s->nr > 0)
		finish(s, 0, true);
	if (current == s)
		current = NULL;
}

static bool
session_is_idle(const struct session *s)
{
	return s->nr == 0;
}

static void
session_free(struct session *s)
{
	if (!s->is_closed)
		session_close(s);
	free(s);
}

const struct protocol protocol_stub = {
	.name = "stub",
	.min_frame = 4,
	.min_reply = REPLY_MIN,
	.frame_len = frame_len,
	.head_len = head_len,
	.session_new = session_new,
	.session_receive = session_receive,
	.session_is_full = session_is_full,
	.session_resume = session_resume,
	.session_is_begun = session_is_begun,
	.session_close = session_close,
	.session_is_idle = session_is_idle,
	.session_free = session_free,
};
