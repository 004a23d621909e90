/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A connection: a session, and the stream that carries its messages. All of
 * it belongs to one loop thread: no locks.
 */
#ifndef VENEER_SERVER_CONN_H
#define VENEER_SERVER_CONN_H

#include <ev.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "loop.h"
#include "pool.h"
#include "protocol.h"

/* Replies that fit here need no buffer of their own. */
#define STREAM_SMALL_REPLY 512

/* A message on its way: received, run, answered, sent. */
struct stream_msg {
	struct msg msg;
	struct conn *conn; /* borrowed: outlives its messages */
	struct iovec in, out;
	struct buffer *rx; /* counted: what in points into */
	struct buffer *big; /* owned: the reply, if it is not in small */
	size_t sent; /* of out, already */
	STAILQ_ENTRY(stream_msg) by_conn; /* to be sent, or free */
	char small[STREAM_SMALL_REPLY];
};

struct conn {
	struct loop *loop; /* borrowed */
	LIST_ENTRY(conn) by_loop;
	LIST_ENTRY(conn) by_dirty;
	bool is_dirty;
	uint64_t id; /* unique in the server */
	const struct protocol *protocol;
	struct session *session; /* owned */
	struct pool_lane lane;
	unsigned queue; /* the pool's, of the export last attached to */
	const char *fatal; /* static; why it must be closed, or NULL */
	bool is_leaving; /* to be closed once all is sent */
	bool is_closed; /* gone; waits for requests on workers */

	/* stream */
	int fd; /* owned; -1 when closed */
	ev_io reader, writer;
	struct buffer *rx; /* counted */
	size_t rx_pos, rx_len; /* parsed; received */
	uint64_t rx_rest; /* still to come, and to be thrown away */
	STAILQ_HEAD(, stream_msg) tx; /* to be sent, in order */
	size_t tx_bytes;
	size_t tx_max; /* const; reading stops above it */
	STAILQ_HEAD(, stream_msg) free_msgs; /* owned */
	unsigned nr_free, nr_msgs; /* unused; handed to the session or in tx */
	uint64_t nr_frames; /* received so far */
	unsigned turn_frames, turn_max; /* handled in this turn; at most */
	uint64_t turn_until_ns;
	bool is_waiting_turn;
	TAILQ_ENTRY(conn) by_turn;
	double new_since; /* connected, and not begun; or 0 */
	double rx_since, tx_since; /* of half a frame, half a reply; or 0 */

	/* TLS, once the session wanted it */
	double tls_since; /* shaking hands, or about to; or 0 */
	struct tls_session *tls; /* owned; NULL: plain */
};

/* Serve @fd (taken over, also on failure). */
void conn_new(struct loop *l, int fd, const struct protocol *protocol);
/* Hang up; freed once nothing of it is on a worker. */
void conn_close(struct conn *c);
/* Have loop_flush() send what is queued, resume the session, reap. */
void conn_flush_later(struct conn *c);
/* Free @c if it was closed and everything came back. */
void conn_reap(struct conn *c);
/* Nothing in flight, nothing to be sent. */
bool conn_is_idle(const struct conn *c);
/* Close it if it has been waiting too long for its client. */
void conn_check_timeout(struct conn *c, double now);
/* Something for the log about this connection, rate-limited. */
void conn_warn(struct conn *c, const char *what);

/* transport-stream.c */
int stream_init(struct conn *c);
void stream_fini(struct conn *c);
/* Leave loop.turns, and handle what was received. */
void stream_take_turn(struct conn *c);
/* The session has room again: go on with what was received. */
void stream_resume(struct conn *c);
void stream_stop(struct conn *c);

/* transport-tls.c */
/* events->starttls(). */
void stream_starttls(struct conn *c);
/* Shake hands, as far as the socket lets us; may close. */
void stream_handshake(struct conn *c);

/* transport-send.c */
/* A message without a request; NULL without memory. */
struct stream_msg *stream_msg_new(struct conn *c);
/* Queue what nobody asked for; -ENOMEM. */
int stream_say(struct conn *c, const void *bytes, size_t len);
/* Send nothing of what is queued, and free unused messages. */
void stream_forget(struct conn *c);
/* How many times longer than others of its loop it may go on. */
unsigned stream_patience(const struct conn *c);
/* Has all that was queued left for the client? */
bool stream_is_sent(const struct conn *c);
/* Send what is queued; arms the writer if the pipe is full. */
void stream_flush(struct conn *c);

#endif
