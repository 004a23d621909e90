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

#include "addr.h"
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

/*
 * What carries the messages of a connection; loop thread only. A transport
 * hands the session's messages over within turns (conn_turn_begin()).
 */
struct conn_ops {
	/* Begin to receive on c->fd. Returns 0 or errno; stop() follows. */
	int (*start)(struct conn *c);
	/* No more of it: nothing is received, nothing sent, fds are closed. */
	void (*stop)(struct conn *c);
	/* Free what is left, after every message came back. */
	void (*fini)(struct conn *c);
	/* Have what was answered go out. */
	void (*flush)(struct conn *c);
	/* The session has room again: go on with what was received. */
	void (*resume)(struct conn *c);
	/* Leave loop.turns, and handle what was received. */
	void (*take_turn)(struct conn *c);
	/*
	 * For who is in loop.polled: look whether something has come, which
	 * nobody tells of. @is_last: leave loop.polled.
	 */
	void (*poll)(struct conn *c, bool is_last);
	/*
	 * The client broke a rule. True: that was seen to, and the connection
	 * goes on. NULL: it ends.
	 */
	bool (*fail)(struct conn *c, const char *why);
};

extern const struct conn_ops stream_ops; /* transport-stream.c */
extern const struct conn_ops vhost_ops; /* transport-vhost.c */

/* Where a connection comes from: what its listener knows of it. */
struct conn_origin {
	const struct protocol *protocol;
	const struct conn_ops *transport;
	char tag[ADDR_TAG_MAX]; /* of vhost_ops, as is the next */
	bool has_packed; /* packed queues may be chosen */
};

struct conn {
	const struct conn_ops *ops; /* const */
	struct loop *loop; /* borrowed */
	LIST_ENTRY(conn) by_loop;
	LIST_ENTRY(conn) by_dirty;
	bool is_dirty;
	LIST_ENTRY(conn) by_polled; /* the transport knows whether it is */
	uint64_t id; /* unique in the server */
	const struct protocol *protocol;
	struct session *session; /* owned */
	struct pool_lane lane;
	unsigned queue; /* the pool's, of the export last attached to */
	const char *fatal; /* static; why it must be closed, or NULL */
	bool is_leaving; /* to be closed once all is sent */
	bool is_closed; /* gone; waits for requests on workers */
	int fd; /* owned; -1 when closed */
	unsigned nr_msgs; /* the session's, or with a reply to be sent */
	size_t tx_bytes; /* of those replies */
	unsigned turn_frames, turn_max; /* handled in this turn; at most */
	uint64_t turn_until_ns;
	bool is_waiting_turn;
	TAILQ_ENTRY(conn) by_turn;
	double new_since; /* connected, and not begun; or 0 */
	double rx_since, tx_since; /* of half a frame, half a reply; or 0 */
	ev_io reader, writer; /* of fd */

	/* stream */
	struct buffer *rx; /* counted */
	size_t rx_pos, rx_len; /* parsed; received */
	uint64_t rx_rest; /* still to come, and to be thrown away */
	STAILQ_HEAD(, stream_msg) tx; /* to be sent, in order */
	size_t tx_max; /* const; reading stops above it */
	STAILQ_HEAD(, stream_msg) free_msgs; /* owned */
	unsigned nr_free; /* of free_msgs */
	uint64_t nr_frames; /* received so far */

	/* TLS, once the session wanted it */
	double tls_since; /* shaking hands, or about to; or 0 */
	struct tls_session *tls; /* owned; NULL: plain */

	/* vhost */
	struct vhost *vhost; /* owned */
	char tag[ADDR_TAG_MAX]; /* const, as is the next */
	bool has_packed;
};

/* Serve @fd (taken over, also on failure). */
void conn_new(struct loop *l, int fd, const struct conn_origin *origin);
/* Hang up; freed once nothing of it is on a worker. */
void conn_close(struct conn *c);
/* Have loop_flush() send what is queued, resume the session, reap. */
void conn_flush_later(struct conn *c);
/*
 * A session that knows nothing of what was before; nothing is in flight.
 * Returns 0, -EBUSY (something is), -ENOMEM.
 */
int conn_renew_session(struct conn *c);
/* Free @c if it was closed and everything came back. */
void conn_reap(struct conn *c);
/* Nothing in flight, nothing to be sent. */
bool conn_is_idle(const struct conn *c);
/* Close it if it has been waiting too long for its client. */
void conn_check_timeout(struct conn *c, double now);
/* Something for the log about this connection, rate-limited. */
void conn_warn(struct conn *c, const char *what);

/*
 * A turn: what a connection may do before the others of its loop have theirs.
 * It ends with the first message past either bound; what is left, if anything,
 * waits in loop.turns. One batch: who needs the loop three times (a write, its
 * fsync, what a worker answers) waits for three turns of another. Who is alone
 * has longer ones (conn_patience()).
 */
#define CONN_TURN_MSGS CONN_FLUSH_EVERY
#define CONN_TURN_NS 25000u
/*
 * After so many messages in a row what they answered is sent, so that the
 * client works on those while we work on the rest: at 16 in flight that is
 * 430 k getattr a second instead of 280 k, at two thirds of the CPU (nobody
 * falls asleep between the batches).
 */
#define CONN_FLUSH_EVERY 8
void conn_turn_begin(struct conn *c);
bool conn_turn_is_over(const struct conn *c);
/* Others first: ops->take_turn() is called when they had theirs. */
void conn_turn_wait(struct conn *c);
/* Out of loop.turns, if it is there. */
void conn_turn_leave(struct conn *c);
/* How many times longer than others of its loop it may go on. */
unsigned conn_patience(const struct conn *c);

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
/* Has all that was queued left for the client? */
bool stream_is_sent(const struct conn *c);
/* Send what is queued; arms the writer if the pipe is full. */
void stream_flush(struct conn *c);

#endif
