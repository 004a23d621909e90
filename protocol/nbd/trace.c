/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One line an option or a command, when it has been answered, or dropped:
 *
 *   NBD_OPT_GO export="disk.img" -> ack
 *   NBD_CMD_WRITE cookie=7 flags=0x1 off=0 len=4096 -> ENOSPC
 *
 * What comes from the client is escaped and cut. Only reached with tracing
 * on.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>

#include "macros.h"
#include "session.h"

struct line {
	char buf[NBD_TRACE_MAX];
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
	for (i = 0; i < n.len && i < NBD_TRACE_STRING_MAX; i++) {
		unsigned char c = (unsigned char)n.ptr[i];

		if (c < 0x20 || c >= 0x7f || c == '"' || c == '\\')
			add(l, "\\x%02x", c);
		else
			add(l, "%c", c);
	}
	add(l, n.len > NBD_TRACE_STRING_MAX ? "\"..." : "\"");
}

static void
send_line(const struct session *s, const struct line *l)
{
	s->config.events->log(s->config.owner, LOG_DEBUG, l->buf);
}

static void
add_errno(struct line *l, int err)
{
	const char *name = strerrorname_np(-err);

	if (err == NBD_DROPPED)
		add(l, " -> dropped");
	else if (err == 0)
		add(l, " -> ok");
	else if (name)
		add(l, " -> %s", name);
	else
		add(l, " -> errno %d", -err);
}

void
nbd_trace_command(const struct nbd_req *r, int err)
{
	struct line l = { .len = 0 };

	if (r->row)
		add(&l, "NBD_CMD_%s", r->row->name);
	else
		add(&l, "NBD_CMD_%u", r->h.type);
	add(&l, " cookie=%llu", (unsigned long long)r->h.cookie);
	if (r->h.flags)
		add(&l, " flags=%#x", r->h.flags);
	add(&l, " off=%llu len=%llu", (unsigned long long)r->h.off,
	    (unsigned long long)r->h.len);
	add_errno(&l, err);
	send_line(r->s, &l);
}

static const char *
reply_name(uint32_t reply)
{
	static const char *const names[] = {
		"unsup",    "policy",          "invalid",  "platform",
		"tls_reqd", "unknown",         "shutdown", "block_size_reqd",
		"too_big",  "ext_header_reqd",
	};
	uint32_t n = reply - (uint32_t)NBD_REP_ERR_UNSUP;

	if (reply == NBD_REP_ACK)
		return "ack";
	if (reply == NBD_DROPPED)
		return "dropped";
	return n < ARRAY_SIZE(names) ? names[n] : "error";
}

void
nbd_trace_option(const struct session *s, uint32_t reply)
{
	const struct nbd_opt *o = &s->opt;
	struct line l = { .len = 0 };

	if (o->row)
		add(&l, "NBD_OPT_%s", o->row->name);
	else
		add(&l, "NBD_OPT_%u", o->number);
	if (o->export.ptr) {
		add(&l, " export=");
		add_string(&l, o->export);
	}
	add(&l, " -> %s", reply_name(reply));
	send_line(s, &l);
}
