/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The inside of a 9P session, shared by the files of 9p/. All of it belongs
 * to the loop thread of its connection, but for what a running request lends
 * to the backend (the request itself, its iovecs, its directory writer).
 */
#ifndef VENEER_P9_SESSION_H
#define VENEER_P9_SESSION_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "hash.h"
#include "messages.h"
#include "protocol.h"
#include "request.h"
#include "wire.h"

TAILQ_HEAD(p9_req_list, p9_req);
TAILQ_HEAD(fid_wait_list, fid_wait);

/* A place in the queue of a fid. */
struct fid_wait {
	TAILQ_ENTRY(fid_wait) by_fid;
	struct p9_req *r; /* borrowed: it is a member of it */
	struct fid *f; /* borrowed: lives while it has waiters */
};

/* As in 9p.md 3.1; AUTH does not exist without authentication. */
enum fid_state {
	FID_RESERVED, /* a newfid whose walk or attach is running */
	FID_PATH,
	FID_FILE,
	FID_DIR,
	FID_XREAD,
	FID_XWRITE,
};

#define FID_NR_STATES (FID_XWRITE + 1)

/* An extended attribute being read (a snapshot) or written through a fid. */
struct fid_xattr {
	uint8_t *value; /* owned; as large as bytes have arrived, or NULL */
	size_t size; /* XREAD: of value; XWRITE: as announced */
	size_t filled; /* XWRITE: bytes that have arrived */
	size_t room; /* XWRITE: allocated */
	int flags; /* XATTR_CREATE, XATTR_REPLACE */
	size_t name_len;
	char name[]; /* XWRITE */
};

/*
 * A fid. Who uses it is kept like in a reader-writer lock with one queue in
 * order of arrival: see fid.c.
 */
struct fid {
	struct hash_entry by_num;
	struct node *node; /* counted; NULL: XREAD, RESERVED */
	union {
		struct handle *handle; /* owned; FILE, DIR */
		struct fid_xattr *xattr; /* owned; XREAD, XWRITE */
	};
	struct fid_wait_list waiters; /* borrowed; by p9_req.seq */
	struct p9_req *ender; /* borrowed; waits to be the only user */
	uint32_t num;
	uint32_t uid; /* who attached, inherited by walks */
	uint32_t nr_users; /* requests that have acquired it */
	uint8_t state; /* enum fid_state */
	bool is_exclusive; /* its only user changes it */
	bool is_detached; /* its number is free again */
	uint8_t accmode; /* O_ACCMODE bits of FILE */
};

/* What a Treaddir fills; used on the thread that runs the request. */
struct dir_writer {
	struct wire_iov to;
	size_t size; /* bytes written */
	bool is_full; /* an entry did not fit */
};

enum p9_req_state {
	P9_REQ_NEW,
	P9_REQ_QUEUED, /* in session.queue: for a place among the running */
	P9_REQ_WAITING, /* in the waiters of one or two fids */
	P9_REQ_ENDING, /* fid.ender */
	P9_REQ_RUNNING, /* submitted */
	P9_REQ_FLUSHING, /* a Tflush in flushers of its target */
};

#define P9_REQ_IOVS 6

/* The type and the tag of a message of at least P9_HEADER_SIZE bytes. */
static inline uint8_t
p9_msg_type(const struct msg *msg)
{
	return ((const uint8_t *)msg->in[0].iov_base)[4];
}

static inline uint16_t
p9_msg_tag(const struct msg *msg)
{
	const uint8_t *head = msg->in[0].iov_base;

	return (uint16_t)(head[5] | head[6] << 8);
}

/* A message that is being worked on. */
struct p9_req {
	struct request req;
	struct session *s; /* borrowed */
	struct msg *msg; /* the session's, until it was answered */
	const struct p9_message *row;
	struct hash_entry by_tag;
	TAILQ_ENTRY(p9_req) by_list;
	struct p9_req_list flushers; /* Tflushes to answer after this */
	struct p9_req_list *list; /* borrowed; what by_list is in, or NULL */
	struct fid *fid, *fid2; /* borrowed: acquired */
	struct fid_wait waits[2]; /* for these fids, also while QUEUED */
	unsigned nr_waits;
	uint64_t seq; /* order of arrival */
	size_t cost; /* bytes of request data and reply room */
	size_t count; /* bytes of file data asked for */
	size_t room; /* bytes asked of msg->ops->room() so far */
	uint16_t tag;
	uint8_t type;
	uint8_t state; /* enum p9_req_state */
	bool is_dead; /* the session was reset meanwhile: no reply */
	bool is_ending; /* Tclunk, Tremove: has detached its fid */
	struct iovec *iov; /* iovs, or owned when more were needed */
	unsigned nr_iov, max_iov;
	struct iovec iovs[P9_REQ_IOVS];
	struct dir_writer dir;
};

struct session {
	struct session_config config; /* const */
	struct hash fids, tags;
	struct p9_req_list queue; /* ready, but too much is running */
	struct p9_req_list unused; /* owned */
	unsigned nr_unused;
	unsigned nr_running;
	unsigned nr_parked; /* queued, waiting or flushing */
	size_t running_bytes, parked_bytes;
	size_t xattr_bytes; /* room of all xattr values of fids */
	uint64_t next_seq;
	uint64_t fid_seed; /* const; not known to the client */
	uint32_t msize; /* 0: not negotiated */
	bool had_version; /* a Tversion was seen */
	bool had_hint;
	bool is_closed;
	bool is_draining; /* session_drain() is on the stack */
	bool was_full; /* the transport was told so */
	const char *why; /* what to tell events->fatal, static */
	bool told_why;
};

/* --- session.c --- */

/* Hand the request to the backend. It may be gone on return. */
void p9_submit(struct p9_req *r, enum request_op op);

/* Put @r, which waits for a fid, into the queue, at its place by seq. */
void p9_requeue(struct session *s, struct p9_req *r);

/* Close the connection when the work in progress is out of the way. */
void p9_fatal(struct session *s, const char *why);

/* Let a request wait, at the end of @list (WAITING, ENDING: NULL). */
void p9_park(struct p9_req *r, struct p9_req_list *list,
	     enum p9_req_state state);

/* Take it out of wherever it waits. */
void p9_unpark(struct p9_req *r);

/* --- reply.c --- */

/* Answer with the body @m (NULL: it is empty), and forget the request. */
void p9_reply(struct p9_req *r, const struct p9_fields *m);

/* Answer with Rlerror; @err is a negative errno. */
void p9_reply_error(struct p9_req *r, int err);

/* r->req.error, or else an answer with an empty body. */
void p9_reply_empty(struct p9_req *r);

/* The header of a reply of @len bytes whose rest is already in place. */
void p9_reply_data(struct p9_req *r, size_t head_len, size_t count);

/* Give the message back unanswered, and forget the request. */
void p9_drop(struct p9_req *r);

/* Answer a message for which no request could be made. */
void p9_answer_error(struct session *s, struct msg *msg, int err);

/* The same, unanswered: nobody listens, or to nothing that makes sense. */
void p9_refuse(struct session *s, struct msg *msg);

/*
 * Make room for a reply of @head_len bytes and @count of data, and describe
 * the place of the data in r->iov. Returns 0, -ENOMEM or -EMSGSIZE.
 */
int p9_data_room(struct p9_req *r, size_t head_len, size_t count);

/* Describe @count bytes of the message from @off in r->iov; or -ENOMEM. */
int p9_data_slice(struct p9_req *r, const struct iovec *iov, unsigned nr,
		  size_t off, size_t count);

/* Bytes of data that a reply may carry. */
static inline uint32_t
p9_data_max(const struct session *s)
{
	return s->msize - P9_IOHDRSZ;
}

struct p9_qid p9_qid_of(const struct ident *id);

/* --- tag.c --- */

struct p9_req *p9_req_new(struct session *s, struct msg *msg, uint8_t type,
			  uint16_t tag);

/* Release the fids of a request that is over, answer those who flushed it. */
void p9_req_free(struct p9_req *r);

struct p9_req *p9_tag_find(const struct session *s, uint16_t tag);

/* Answer a Tflush, now or when its target is resolved. */
void p9_flush(struct p9_req *r, uint16_t oldtag);

/* Forget all requests: no replies. Those running come back to p9_dead(). */
void p9_tags_reset(struct session *s);

/* A request of a session that was reset is done: release its results. */
void p9_dead(struct p9_req *r);

/* --- fid.c --- */

/*
 * Find and acquire the fids that @m names, as r->row says. Returns 0; 1: @r
 * is parked on a fid and will be started again from the queue; -EBADF,
 * -EBUSY, -EINVAL, -ENOMEM, or the errno of a state in which the message is
 * not legal.
 */
int p9_fids_acquire(struct p9_req *r, const struct p9_fields *m);

/* Give up r->fid and r->fid2, in whatever way the request has them. */
void p9_fids_release(struct p9_req *r);

/* Detach and release all fids of the session; those in use die later. */
void p9_fids_reset(struct session *s);

/* Leave the states with a handle or a value; the fid keeps its node. */
void p9_fid_close(struct session *s, struct fid *f);

/* The xattr value of a fid; both keep count of session.xattr_bytes. */
void p9_xattr_free(struct session *s, struct fid_xattr *x);

/* The handle of an open fid, else NULL. */
static inline struct handle *
p9_fid_handle(const struct fid *f)
{
	return f->state == FID_FILE || f->state == FID_DIR ? f->handle : NULL;
}

/* --- trace.c --- */

/*
 * Log @msg and its answer: @err a negative errno, or 0 and the body @m (NULL:
 * empty or data only), or P9_DROPPED: there is no answer.
 */
void p9_trace(const struct session *s, const struct msg *msg, int err,
	      const struct p9_fields *m);
#define P9_DROPPED 1

#endif
