/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a transport and a protocol say to each other. A transport turns
 * whatever carries bytes into struct msg; a session answers each msg exactly
 * once, by send() or drop().
 */
#ifndef VENEER_PROTOCOL_PROTOCOL_H
#define VENEER_PROTOCOL_PROTOCOL_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

struct backend;
struct msg;
struct session;

/* The transport's side of a message. Loop thread only. */
struct msg_ops {
	/*
	 * Make room for a reply of up to @len bytes and fill in out, nr_out
	 * and out_len (>= @len), in pieces of any length. Never refused for
	 * protocol->min_reply bytes but without memory. Called at most once a
	 * message, but for growing after a call that asked for less.
	 * Returns 0, -ENOMEM, or -EMSGSIZE (a virtqueue chain too short).
	 */
	int (*room)(struct msg *msg, size_t len);
	/* Send the first @len bytes of out; the message is then the transport's. */
	void (*send)(struct msg *msg, size_t len);
	/* No reply will come (flushed, session reset). Likewise gives it back. */
	void (*drop)(struct msg *msg);
	/*
	 * A further message for a part of the answer to @msg, which is not
	 * given back by that: without a request in it, sent or dropped like
	 * any other. NULL without memory; a stream's only.
	 */
	struct msg *(*part)(struct msg *msg);
};

struct msg {
	const struct msg_ops *ops;
	/*
	 * One whole request. The first iovec holds at least its first
	 * protocol->head_len() bytes and stays readable, and unchanged by
	 * the guest, until send() or drop(); the rest is file data that may
	 * lie in guest memory.
	 */
	const struct iovec *in;
	unsigned nr_in;
	size_t in_len;
	/* Room for the reply, after room(). */
	struct iovec *out;
	unsigned nr_out;
	size_t out_len;
};

/* How a session tells its connection things; the loop thread. */
struct session_events {
	/*
	 * A line for the log, already escaped; level as in syslog(3)
	 * (LOG_DEBUG: one line a request, asked for only if trace is set).
	 */
	void (*log)(void *owner, int level, const char *line);
	/* The client broke a rule that has no answer: close. @why is static. */
	void (*fatal)(void *owner, const char *why);
	/* The session can take messages again (after is_full() was true). */
	void (*ready)(void *owner);
	/* All is said: hang up once everything was sent. */
	void (*bye)(void *owner);
	/*
	 * From behind what was sent so far on, TLS is spoken. The session is
	 * full until tls_ready(), and what the client sent beforehand ends the
	 * connection. Only where config.tls says that it can.
	 */
	void (*starttls)(void *owner);
	/*
	 * Bytes that the connection may take on beyond the @running ones of
	 * requests that run: what it is allowed less the replies that wait to
	 * be sent. SIZE_MAX if it has neither, since then nothing would free
	 * more. Asked before each request is started.
	 */
	size_t (*room)(void *owner, size_t running);
	/*
	 * Bytes of replies that wait to be sent. While there are any, something
	 * will be sent, and session_resume() called after it.
	 */
	size_t (*unsent)(void *owner);
};

enum tls_mode {
	TLS_OFF,
	TLS_ON, /* whoever asks for it */
	TLS_REQUIRE, /* nothing is served without */
};

struct session_config {
	const struct backend *backend; /* borrowed, outlives the session */
	const struct session_events *events; /* borrowed, likewise */
	void *owner; /* handed back in requests and events */
	uint64_t owner_id; /* unique in the server: the owner of locks */
	bool trace; /* log a line per request at LOG_DEBUG */
	uint32_t max_msize; /* bytes, 4096 to 16 MiB */
	unsigned max_fids;
	unsigned max_inflight; /* requests running at once */
	size_t max_xattr_bytes; /* of values that fids hold, 64k or more */
	bool append_strict, append_positional; /* neither: auto (9p.md 5.9) */
	enum tls_mode tls; /* nbd */
	/*
	 * 9p: what comes before the first Tversion is answered, with an error.
	 * Else it ends the connection. For a driver that goes on after its
	 * device was another server's.
	 */
	bool answers_early;
};

struct protocol {
	const char *name; /* as in ADDR: "9p", "nbd" */
	/* What the server says first, where it does; const, or NULL. */
	const uint8_t *greeting;
	size_t greeting_len;
	/* Its clients know what ESHUTDOWN is. */
	bool knows_shutdown;
	size_t min_frame; /* bytes that frame_len() needs */
	size_t min_reply; /* bytes that each message has room for */
	/*
	 * The length of the frame that begins with @head, of which @have
	 * bytes are there (min_frame or more). Returns it; 0: that takes more
	 * bytes to know; -EPROTO: this stream cannot be followed, what comes is
	 * too long; -EBADMSG: nor this, it begins with a wrong magic number. Not
	 * called while the session is full.
	 */
	ssize_t (*frame_len)(const struct session *s, const uint8_t *head,
			     size_t have);
	/*
	 * How many bytes come after the frame that begins with @head and are
	 * to be thrown away unread: what is too long to be kept, and is
	 * answered with an error. NULL: never any.
	 */
	uint64_t (*frame_rest)(const struct session *s, const uint8_t *head);
	/* How many bytes of a frame must be contiguous: all but file data. */
	size_t (*head_len)(const uint8_t *head, size_t len);
	/* Returns NULL without memory. */
	struct session *(*session_new)(const struct session_config *config);
	/* Take one message. May answer it, and others, before it returns. */
	void (*session_receive)(struct session *s, struct msg *msg);
	/* Is there no room for another message? Then stop reading. */
	bool (*session_is_full)(const struct session *s);
	/* events->room() may say more than it did: replies were sent. */
	void (*session_resume)(struct session *s);
	/* TLS is spoken now (after events->starttls()). NULL: never asked. */
	void (*session_tls_ready)(struct session *s);
	/*
	 * Has the client introduced itself? One that does not is hung up on
	 * after a time.
	 */
	bool (*session_is_begun)(const struct session *s);
	/*
	 * The connection is gone: cancels what has not begun, forgets
	 * replies. Every message not yet answered is drop()ped, at once or
	 * when its request is done.
	 */
	void (*session_close)(struct session *s);
	/* After session_close(): has every request come back? */
	bool (*session_is_idle)(const struct session *s);
	/* Only when idle. Releases all fids. */
	void (*session_free)(struct session *s);
};

extern const struct protocol protocol_9p, protocol_nbd;

/* The protocol called @name, or NULL. */
const struct protocol *protocol_find(const char *name, size_t len);

#endif
