/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The handshake: the client's flags, and options in whatever order until
 * one of them enters an export (nbd.md 1 and 2). What an option answers is
 * gathered in opt.out and sent as one.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "macros.h"
#include "session.h"

/* --- replies --- */

static void
out_put(struct nbd_out *o, const void *data, size_t len)
{
	size_t size = MAX(o->size, 512u);
	uint8_t *p;

	while (size - o->len < len)
		size *= 2;
	if (size > o->size) {
		p = realloc(o->p, size);
		if (!p) {
			o->bad = true;
			return;
		}
		o->p = p;
		o->size = size;
	}
	if (len)
		memcpy(o->p + o->len, data, len);
	o->len += len;
}

void
nbd_opt_put(struct session *s, uint32_t type, const void *data, size_t len)
{
	uint8_t buf[NBD_OPTION_REPLY_HEADER];
	struct wire_out w = { .p = buf, .end = buf + sizeof(buf) };

	wire_put_be64(&w, NBD_REPLY_MAGIC);
	wire_put_be32(&w, s->opt.number);
	wire_put_be32(&w, type);
	wire_put_be32(&w, (uint32_t)len);
	out_put(&s->opt.out, buf, sizeof(buf));
	out_put(&s->opt.out, data, len);
}

/* Forget the option, which was answered; the next one may come. */
static void
opt_end(struct session *s)
{
	s->opt.msg = NULL;
	free(s->opt.out.p);
	s->opt.out = (struct nbd_out){ .p = NULL };
	if (s->state == NBD_STATE_OPTION)
		s->state = NBD_STATE_HAGGLING;
}

void
nbd_opt_drop(struct session *s)
{
	if (s->config.trace)
		nbd_trace_option(s, NBD_DROPPED);
	s->opt.msg->ops->drop(s->opt.msg);
	opt_end(s);
}

/* Send what was put; it comes down to @type. */
static void
opt_send(struct session *s, uint32_t type)
{
	struct nbd_out *o = &s->opt.out;
	struct msg *msg = s->opt.msg;
	struct wire_iov w;

	if (o->bad || nbd_make_room(msg, o->len) < 0) {
		nbd_fatal(s, "no memory for a reply");
		nbd_opt_drop(s);
		return;
	}
	if (s->config.trace)
		nbd_trace_option(s, type);
	wire_iov_init(&w, msg->out, msg->nr_out, 0, o->len);
	wire_iov_put(&w, o->p, o->len);
	msg->ops->send(msg, o->len);
	opt_end(s);
}

void
nbd_opt_ack(struct session *s)
{
	nbd_opt_put(s, NBD_REP_ACK, NULL, 0);
	opt_send(s, NBD_REP_ACK);
}

void
nbd_opt_raw(struct session *s, const void *data, size_t len)
{
	out_put(&s->opt.out, data, len);
	opt_send(s, NBD_REP_ACK);
}

void
nbd_opt_error(struct session *s, uint32_t type, const char *text)
{
	s->opt.out.len = 0;
	nbd_opt_put(s, type, text, MIN(strlen(text), (size_t)NBD_STRING_MAX));
	opt_send(s, type);
}

/* --- options --- */

bool
nbd_option_fits(uint32_t number, uint32_t len)
{
	const struct nbd_option *row = nbd_option_find(number);

	return len <= MAX(row ? row->data_max : 0, NBD_OPTION_DATA_MAX);
}

/* EXPORT_NAME has no way to say no (nbd.md 2). */
static void
refuse(struct session *s, uint32_t type, const char *text)
{
	if (s->opt.number != NBD_OPT_EXPORT_NAME) {
		nbd_opt_error(s, type, text);
		return;
	}
	nbd_fatal(s, "closed: an export was named that it cannot have");
	nbd_opt_drop(s);
}

/* What goes for any option; else its own function answers. */
static void
run_option(struct session *s)
{
	const struct nbd_opt *o = &s->opt;
	bool is_bare = s->config.tls == TLS_REQUIRE && !s->is_tls;

	if (is_bare && o->number != NBD_OPT_STARTTLS &&
	    o->number != NBD_OPT_ABORT)
		refuse(s, NBD_REP_ERR_TLS_REQD, "This server requires TLS.");
	else if (!o->row)
		refuse(s, NBD_REP_ERR_UNSUP, "The option is not known.");
	else if (!s->is_fixed && o->number != NBD_OPT_EXPORT_NAME &&
		 o->number != NBD_OPT_ABORT)
		refuse(s, NBD_REP_ERR_INVALID,
		       "The client does not speak the fixed newstyle.");
	else if (o->row->data_max == 0 && o->len > 0)
		refuse(s, NBD_REP_ERR_INVALID, "The option has no data.");
	else if (o->len > o->row->data_max)
		refuse(s, NBD_REP_ERR_TOO_BIG,
		       "The option has more data than is looked at.");
	else
		o->row->run(s);
}

static void
take_option(struct session *s, struct msg *msg)
{
	const uint8_t *p = msg->in[0].iov_base;
	struct nbd_opt *o = &s->opt;

	if (++s->nr_options > NBD_OPTIONS_MAX * (1 + s->nr_listed)) {
		nbd_fatal(s, "closed: it sent options without end");
		msg->ops->drop(msg);
		return;
	}
	*o = (struct nbd_opt){ .msg = msg };
	o->data = (struct wire_in){ .p = p, .end = p + msg->in_len };
	(void)wire_get_be64(&o->data); /* the magic number was looked at */
	o->number = wire_get_be32(&o->data);
	o->len = wire_get_be32(&o->data);
	o->row = nbd_option_find(o->number);
	s->state = NBD_STATE_OPTION;
	run_option(s);
}

static void
take_flags(struct session *s, struct msg *msg)
{
	const uint8_t *p = msg->in[0].iov_base;
	struct wire_in w = { .p = p, .end = p + msg->in_len };
	uint32_t flags = wire_get_be32(&w);

	msg->ops->drop(msg);
	if (w.bad || flags & ~(uint32_t)(NBD_FIXED_NEWSTYLE | NBD_NO_ZEROES)) {
		nbd_fatal(s, "closed: it has flags that were not offered");
		return;
	}
	s->is_fixed = flags & NBD_FIXED_NEWSTYLE;
	s->no_zeroes = flags & NBD_NO_ZEROES;
	s->state = NBD_STATE_HAGGLING;
}

void
nbd_handshake(struct session *s, struct msg *msg)
{
	if (s->state == NBD_STATE_FLAGS)
		take_flags(s, msg);
	else
		take_option(s, msg);
}

void
nbd_opt_abort(struct session *s)
{
	s->state = NBD_STATE_LEAVING;
	nbd_opt_ack(s);
	s->config.events->bye(s->config.owner);
}

void
nbd_opt_starttls(struct session *s)
{
	if (s->is_tls) {
		refuse(s, NBD_REP_ERR_INVALID, "This is TLS already.");
		return;
	}
	if (s->config.tls == TLS_OFF) {
		refuse(s, NBD_REP_ERR_POLICY, "This server has no TLS here.");
		return;
	}
	/* What was agreed on in the open may have been somebody else's. */
	s->mode = NBD_SIMPLE;
	nbd_contexts_clear(s);
	nbd_image_release(s);
	s->state = NBD_STATE_TLS;
	nbd_opt_ack(s);
	s->config.events->starttls(s->config.owner);
}

void
nbd_opt_structured_reply(struct session *s)
{
	if (s->mode == NBD_EXTENDED) {
		refuse(s, NBD_REP_ERR_EXT_HEADER_REQD,
		       "Extended headers were agreed on already.");
	} else if (s->mode == NBD_STRUCTURED) {
		refuse(s, NBD_REP_ERR_INVALID,
		       "Structured replies were agreed on already.");
	} else {
		s->mode = NBD_STRUCTURED;
		nbd_opt_ack(s);
	}
}

void
nbd_opt_extended_headers(struct session *s)
{
	if (s->mode == NBD_EXTENDED) {
		refuse(s, NBD_REP_ERR_INVALID,
		       "Extended headers were agreed on already.");
		return;
	}
	s->mode = NBD_EXTENDED;
	nbd_opt_ack(s);
}
