/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A stream that goes on in TLS: what was said before leaves plain, then hands
 * are shaken, then the session is told. Meanwhile it takes no messages.
 *
 * What is received as a plain byte stays one: a client that sent something
 * behind its wish for TLS, before it was answered, may not have sent that
 * itself, but somebody on the way (nbd.md 11). It is hung up on.
 *
 * The handshake is done on the loop. It waits for nothing, and takes CPU that
 * it would take anywhere.
 */
#include <errno.h>

#include "conn.h"
#include "tls.h"

void
stream_starttls(struct conn *c)
{
	if (c->rx_len > c->rx_pos || c->rx_rest > 0) {
		c->fatal = "closed: TLS: it sent more before it was answered";
		return;
	}
	c->tls_since = ev_now(c->loop->ev);
	/* stream_flush() calls stream_handshake() once the answer is sent. */
	ev_io_stop(c->loop->ev, &c->reader);
}

/* From here on both ways are TLS's. */
static void
begin_session(struct conn *c)
{
	char text[256];

	c->tls_since = 0;
	tls_describe(c->tls, text, sizeof(text));
	log_line(LOG_INFO, "conn=%llu %s", (unsigned long long)c->id, text);
	c->protocol->session_tls_ready(c->session);
	/* The first message may have come with the end of the handshake. */
	ev_io_stop(c->loop->ev, &c->reader);
	stream_flush(c);
	c->ops->resume(c);
}

void
stream_handshake(struct conn *c)
{
	struct loop *l = c->loop;
	int r;

	if (!c->tls)
		c->tls = tls_session_new(l->server->tls, c->fd, &l->buffers);
	r = c->tls ? tls_handshake(c->tls) : -ENOMEM;
	if (r == 0) {
		begin_session(c);
	} else if (r == -EAGAIN) {
		ev_io_start(l->ev, &c->reader);
		if (tls_has_unsent(c->tls))
			ev_io_start(l->ev, &c->writer);
		else
			ev_io_stop(l->ev, &c->writer);
	} else {
		c->fatal = c->tls ? tls_why(c->tls) : "closed: no memory";
		conn_close(c);
	}
}
