/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A connection's TLS session: between the plain bytes of the transport and
 * the socket.
 *
 * GnuTLS never sees the socket. It takes from rx what one recv brought (many
 * records, or a part of one), and leaves in tx what one send takes: small
 * replies are put together into records of 16 KiB, and 7 of those into one
 * send. Since tx is known to have room before a record is made, GnuTLS never
 * holds a half sent one, and its caller never has to offer the same bytes
 * again. Both buffers come from the loop's cache, and are there only while
 * there is something in them: an idle connection has none.
 */
#include <errno.h>
#include <gnutls/gnutls.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "buffer.h"
#include "macros.h"
#include "tls-gnutls.h"
#include "tls.h"

/* Received and sent at a time; with a buffer's head a power of two. */
#define TLS_BUFFER_SIZE (((size_t)128 << 10) - sizeof(struct buffer))
/* What fits into a record, and what it may grow by (RFC 5246, 6.2.3). */
#define RECORD_SIZE ((size_t)16384)
#define RECORD_GROWS ((size_t)2048)

struct tls_session {
	const struct tls *tls; /* borrowed */
	gnutls_session_t gnutls; /* owned */
	struct buffer_cache *buffers; /* borrowed */
	int fd; /* borrowed */
	struct buffer *rx, *tx; /* owned; NULL: nothing is in it */
	size_t rx_pos, rx_len, tx_pos, tx_len;
	bool has_looked; /* at the socket, in this call */
	bool is_ready; /* shaken hands */
	bool is_broken; /* nothing can be sent any more */
	int end; /* how receiving ended: 0 or an errno, if has_ended */
	bool has_ended;
	char why[192];
};

/* --- Between GnuTLS and the socket ----------------------------------------- */

static void
drop_buffer(struct tls_session *s, struct buffer **b)
{
	buffer_unref(s->buffers, *b);
	*b = NULL;
}

/* One recv. Returns bytes, 0 at the end, or errno. */
static ssize_t
fill(struct tls_session *s)
{
	ssize_t n;
	int err;

	if (s->has_looked)
		return -EAGAIN;
	s->has_looked = true;
	s->rx = buffer_get(s->buffers, TLS_BUFFER_SIZE);
	if (!s->rx)
		return -ENOMEM;
	n = recv(s->fd, s->rx->data, s->rx->size, MSG_DONTWAIT);
	err = errno;
	s->rx_pos = 0;
	s->rx_len = n > 0 ? (size_t)n : 0;
	if (n <= 0)
		drop_buffer(s, &s->rx);
	return n < 0 ? -err : n;
}

static ssize_t
pull(gnutls_transport_ptr_t ptr, void *buf, size_t size)
{
	struct tls_session *s = ptr;
	ssize_t n;

	if (!s->rx) {
		n = fill(s);
		if (n < 0)
			gnutls_transport_set_errno(s->gnutls, (int)-n);
		if (n <= 0)
			return n < 0 ? -1 : 0;
	}
	size = MIN(size, s->rx_len - s->rx_pos);
	memcpy(buf, s->rx->data + s->rx_pos, size);
	s->rx_pos += size;
	if (s->rx_pos == s->rx_len)
		drop_buffer(s, &s->rx);
	return (ssize_t)size;
}

static ssize_t
push(gnutls_transport_ptr_t ptr, const void *buf, size_t size)
{
	struct tls_session *s = ptr;

	if (!s->tx)
		s->tx = buffer_get(s->buffers, TLS_BUFFER_SIZE);
	if (!s->tx) {
		gnutls_transport_set_errno(s->gnutls, ENOMEM);
		return -1;
	}
	size = MIN(size, s->tx->size - s->tx_len);
	if (size == 0) { /* a long handshake: tls_handshake() empties it */
		gnutls_transport_set_errno(s->gnutls, EAGAIN);
		return -1;
	}
	memcpy(s->tx->data + s->tx_len, buf, size);
	s->tx_len += size;
	return (ssize_t)size;
}

/* Send what is in tx. Returns 0: all of it; -EAGAIN, or errno. */
static int
flush(struct tls_session *s)
{
	ssize_t n;

	while (s->tx && s->tx_pos < s->tx_len) {
		n = send(s->fd, s->tx->data + s->tx_pos, s->tx_len - s->tx_pos,
			 MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		s->tx_pos += (size_t)n;
	}
	drop_buffer(s, &s->tx);
	s->tx_pos = s->tx_len = 0;
	return 0;
}

/* --- The session --------------------------------------------------------------- */

static int __attribute__((format(printf, 2, 3)))
broken(struct tls_session *s, const char *format, ...)
{
	va_list ap;

	s->is_broken = true;
	va_start(ap, format);
	(void)vsnprintf(s->why, sizeof(s->why), format, ap);
	va_end(ap);
	return -EPROTO;
}

struct tls_session *
tls_session_new(const struct tls *tls, int fd, struct buffer_cache *buffers)
{
	struct tls_session *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->tls = tls;
	s->fd = fd;
	s->buffers = buffers;
	s->gnutls = tls_gnutls_session(tls);
	if (!s->gnutls) {
		free(s);
		return NULL;
	}
	gnutls_transport_set_ptr(s->gnutls, s);
	gnutls_transport_set_pull_function(s->gnutls, pull);
	gnutls_transport_set_push_function(s->gnutls, push);
	return s;
}

void
tls_session_free(struct tls_session *s)
{
	if (!s)
		return;
	gnutls_deinit(s->gnutls);
	drop_buffer(s, &s->rx);
	drop_buffer(s, &s->tx);
	free(s);
}

/* What GnuTLS's error @r was about, and the client is to be told. */
static int
handshake_failed(struct tls_session *s, int r)
{
	const char *what = NULL;

	if (r == GNUTLS_E_FATAL_ALERT_RECEIVED)
		what = gnutls_alert_get_name(gnutls_alert_get(s->gnutls));
	else if (r == GNUTLS_E_RECEIVED_ILLEGAL_PARAMETER)
		what = "(A user that is not known, or a wrong key?)";
	(void)gnutls_alert_send_appropriate(s->gnutls, r);
	(void)flush(s); /* if it does not fit now, it is not said */
	return broken(s, "closed: TLS handshake: %s%s%s", gnutls_strerror(r),
		      what ? " " : "", what ? what : "");
}

int
tls_handshake(struct tls_session *s)
{
	int r, sent;

	s->has_looked = false;
	do {
		r = gnutls_handshake(s->gnutls);
		sent = flush(s);
		/* Again, if tx was full, or for a warning that was received. */
	} while (r < 0 && !gnutls_error_is_fatal(r) && sent == 0 &&
		 (r != GNUTLS_E_AGAIN ||
		  gnutls_record_get_direction(s->gnutls) == 1));
	if (sent < 0 && sent != -EAGAIN)
		return broken(s, "closed: TLS handshake: %s", strerror(-sent));
	if (r < 0 && gnutls_error_is_fatal(r))
		return handshake_failed(s, r);
	if (r < 0)
		return -EAGAIN;
	s->is_ready = true;
	return 0;
}

void
tls_describe(const struct tls_session *s, char *ret, size_t size)
{
	const char *user = gnutls_psk_server_get_username(s->gnutls);
	gnutls_session_t g = s->gnutls;

	/* The user has a line in our own file, by which the key was found. */
	(void)snprintf(ret, size, "%s, %s, %s%s%s%s",
		       gnutls_protocol_get_name(gnutls_protocol_get_version(g)),
		       gnutls_kx_get_name(gnutls_kx_get(g)),
		       gnutls_cipher_get_name(gnutls_cipher_get(g)),
		       user ? ", user \"" : "", user ? user : "",
		       user ? "\"" : "");
}

/* --- Receiving -------------------------------------------------------------------- */

/* GnuTLS's error @r, or 0, ends what is received. */
static void
receive_ended(struct tls_session *s, ssize_t r)
{
	s->has_ended = true;
	s->end = 0;
	/* Peers skip close_notify; NBD says itself when it is at its end. */
	if (r == 0 || r == GNUTLS_E_PREMATURE_TERMINATION)
		return;
	if (r == GNUTLS_E_REHANDSHAKE)
		s->end = broken(s, "closed: TLS: it wants another handshake");
	else
		s->end = broken(s, "closed: TLS: %s", gnutls_strerror((int)r));
}

ssize_t
tls_recv(struct tls_session *s, void *buf, size_t size)
{
	size_t len = 0;
	ssize_t n;

	s->has_looked = false;
	while (len < size && !s->has_ended) {
		n = gnutls_record_recv(s->gnutls, (char *)buf + len,
				       size - len);
		if (n > 0)
			len += (size_t)n;
		else if (n == GNUTLS_E_AGAIN)
			break;
		else if (n == 0 || n == GNUTLS_E_REHANDSHAKE ||
			 gnutls_error_is_fatal((int)n))
			receive_ended(s, n);
	}
	if (len > 0)
		return (ssize_t)len;
	return s->has_ended ? s->end : -EAGAIN;
}

bool
tls_has_unread(const struct tls_session *s)
{
	return s->rx || gnutls_record_check_pending(s->gnutls) > 0;
}

/* --- Sending ---------------------------------------------------------------------- */

/* A place in an array of iovecs. */
struct place {
	const struct iovec *iov;
	unsigned nr;
	size_t off; /* in the first */
};

static void
advance(struct place *p, size_t n)
{
	while (p->nr > 0 && n >= p->iov->iov_len - p->off) {
		n -= p->iov->iov_len - p->off;
		p->iov++;
		p->nr--;
		p->off = 0;
	}
	p->off += n;
}

/*
 * The bytes of the next record: where they lie, if there are enough of them,
 * else put together in @small.
 */
static struct iovec
next_record(struct place p, char small[RECORD_SIZE])
{
	size_t n, len = 0;

	if (p.nr == 1 || p.iov->iov_len - p.off >= RECORD_SIZE)
		return (struct iovec){
			(char *)p.iov->iov_base + p.off,
			MIN(p.iov->iov_len - p.off, RECORD_SIZE),
		};
	while (p.nr > 0 && len < RECORD_SIZE) {
		n = MIN(p.iov->iov_len - p.off, RECORD_SIZE - len);
		memcpy(small + len, (char *)p.iov->iov_base + p.off, n);
		len += n;
		advance(&p, n);
	}
	return (struct iovec){ small, len };
}

ssize_t
tls_send(struct tls_session *s, const struct iovec *iov, unsigned nr)
{
	struct place p = { iov, nr, 0 };
	char small[RECORD_SIZE];
	struct iovec record;
	size_t taken = 0;
	ssize_t n;
	int r = flush(s);

	if (r < 0)
		return r;
	advance(&p, 0); /* over empty ones */
	while (p.nr > 0 &&
	       s->tx_len + RECORD_SIZE + RECORD_GROWS <= TLS_BUFFER_SIZE) {
		record = next_record(p, small);
		n = gnutls_record_send(s->gnutls, record.iov_base,
				       record.iov_len);
		if (n <= 0)
			return broken(s, "closed: TLS: %s",
				      gnutls_strerror((int)n));
		taken += (size_t)n;
		advance(&p, (size_t)n);
	}
	r = flush(s);
	/* What it says of the socket is said again by the next call. */
	return taken > 0 ? (ssize_t)taken : r;
}

bool
tls_has_unsent(const struct tls_session *s)
{
	return s->tx;
}

void
tls_bye(struct tls_session *s)
{
	if (!s->is_ready || s->is_broken)
		return;
	(void)gnutls_bye(s->gnutls, GNUTLS_SHUT_WR);
	(void)flush(s);
}

const char *
tls_why(const struct tls_session *s)
{
	return s->why;
}
