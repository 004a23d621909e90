/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One line a request, made from the message table:
 *
 *   tag=7 Twalk fid=2 newfid=3 names="a","b" -> ENOENT
 *
 * when it has been answered, or dropped: because it was flushed, because the
 * connection is gone, or because it broke a rule (then a warning says which).
 * What comes from the client is escaped and cut. Only reached with tracing
 * on; then the message is decoded once more, from its own bytes.
 */
#include <stdio.h>
#include <string.h>
#include <syslog.h>

#include "macros.h"
#include "session.h"

struct line {
	char buf[P9_TRACE_MAX];
	size_t len;
};

static void __attribute__((format(printf, 2, 3)))
add(struct line *l, const char *fmt, ...)
{
	size_t room = sizeof(l->buf) - l->len;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(l->buf + l->len, room, fmt, ap);
	va_end(ap);
	if (n > 0)
		l->len += MIN((size_t)n, room - 1);
}

static void
add_string(struct line *l, struct name n)
{
	size_t i;

	add(l, "\"");
	for (i = 0; i < n.len && i < P9_TRACE_STRING_MAX; i++) {
		unsigned char c = (unsigned char)n.ptr[i];

		if (c < 0x20 || c >= 0x7f || c == '"' || c == '\\')
			add(l, "\\x%02x", c);
		else
			add(l, "%c", c);
	}
	add(l, n.len > P9_TRACE_STRING_MAX ? "\"..." : "\"");
}

static void
add_qid(struct line *l, const struct p9_qid *q)
{
	add(l, "%02x.%x.%llx", q->type, q->version,
	    (unsigned long long)q->path);
}

static void
add_list(struct line *l, unsigned kind, const void *from)
{
	const struct p9_names *names = from;
	const struct p9_qids *qids = from;
	unsigned i;

	if (kind == P9_NAMES) {
		for (i = 0; i < names->nr; i++) {
			add(l, "%s", i ? "," : "");
			add_string(l, names->v[i]);
		}
		return;
	}
	for (i = 0; i < qids->nr; i++) {
		add(l, "%s", i ? "," : "");
		add_qid(l, &qids->v[i]);
	}
}

static void
add_field(struct line *l, const struct p9_field *f, const struct p9_fields *m)
{
	const void *from = (const char *)m + f->off;

	add(l, " %s=", f->name);
	switch (f->kind) {
	case P9_U8:
		add(l, "%u", *(const uint8_t *)from);
		break;
	case P9_U16:
		add(l, "%u", *(const uint16_t *)from);
		break;
	case P9_U32:
	case P9_U32_OPT:
		add(l, "%u", *(const uint32_t *)from);
		break;
	case P9_U64:
		add(l, "%llu", *(const unsigned long long *)from);
		break;
	case P9_QID:
		add_qid(l, from);
		break;
	case P9_NAMES:
	case P9_QIDS:
		add_list(l, f->kind, from);
		break;
	case P9_DATA:
		add(l, "%zu", ((const struct name *)from)->len);
		break;
	default:
		add_string(l, *(const struct name *)from);
	}
}

static void
add_fields(struct line *l, const struct p9_field *f, const struct p9_fields *m)
{
	for (; f->kind != P9_END; f++)
		add_field(l, f, m);
}

static void
add_request(struct line *l, const struct msg *msg, const struct p9_message *row)
{
	const uint8_t *p = msg->in[0].iov_base;
	size_t len = protocol_9p.head_len(p, msg->in_len);
	struct p9_fields m;

	add(l, "tag=%u ", p9_msg_tag(msg));
	if (!row) {
		add(l, "T%u", p9_msg_type(msg));
		return;
	}
	add(l, "T%s", row->name);
	if (p9_decode(row->t, p + P9_HEADER_SIZE, len - P9_HEADER_SIZE,
		      msg->in_len - len, &m))
		add(l, " malformed");
	else
		add_fields(l, row->t, &m);
}

void
p9_trace(const struct session *s, const struct msg *msg, int err,
	 const struct p9_fields *m)
{
	const struct p9_message *row = p9_message_find(p9_msg_type(msg));
	const char *name;
	struct line l;

	l.len = 0;
	add_request(&l, msg, row);
	add(&l, " ->");
	if (err == P9_DROPPED) {
		add(&l, " dropped");
	} else if (err < 0) {
		name = strerrorname_np(-err);
		if (name)
			add(&l, " %s", name);
		else
			add(&l, " errno %d", -err);
	} else {
		add(&l, " ok");
		if (m && row)
			add_fields(&l, row->r, m);
	}
	s->config.events->log(s->config.owner, LOG_DEBUG, l.buf);
}
