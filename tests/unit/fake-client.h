/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A client and its transport in memory, for tests of protocol/9p: messages
 * are made from the message table and handed to a session that runs over the
 * fake backend.
 */
#ifndef VENEER_TESTS_FAKE_CLIENT_H
#define VENEER_TESTS_FAKE_CLIENT_H

#include "fake-backend.h"
#include "messages.h"
#include "protocol.h"

/* Both directions in pieces of this size, from the first data byte on. */
#define FAKE_PIECE 100u

struct fake_msg {
	struct msg msg;
	struct fake_client *c;
	uint8_t *in, *out; /* owned */
	struct iovec *in_iov, *out_iov; /* owned */
	bool is_sent, is_dropped;
	size_t sent_len;
	unsigned order; /* 1: the first that was answered */
	struct fake_msg *next;
};

struct fake_client {
	struct fake_backend backend; /* first: it is the session's owner */
	struct session *s;
	struct session_config config;
	struct fake_msg *all;
	unsigned nr_answered, nr_dropped;
	unsigned nr_ready, nr_hints;
	uint32_t msize; /* as Rversion said; 0: none yet */
	const char *fatal;
	char line[2048], line_before[2048]; /* the last ones logged */
	unsigned nr_lines;
	bool in_pieces; /* message data and reply room in small iovecs */
	bool no_room; /* room() fails */
	size_t max_bytes; /* in flight; fake_client_init() sets 64 MiB */
	size_t unsent; /* bytes of replies that the test keeps in the pipe */
};

/* What a test may want other than the default before the session begins. */
struct session_config fake_config(void);

/* Begin a session; @config NULL: the default. */
void fake_client_init(struct fake_client *c,
		      const struct session_config *config);

/* The same, with Tversion (msize 128 KiB) and Tattach to fid 0 done. */
void fake_client_start(struct fake_client *c);

/*
 * Close, finish what is pending, free. Returns false if a message was
 * answered twice, never or badly, or a node or handle was lost. (Replies that
 * a Linux client could not take have ended in abort() before.)
 */
bool fake_client_fini(struct fake_client *c);

/* Has every message been sent a reply, or dropped? */
bool fake_all_answered(const struct fake_client *c);

/* Hand over raw bytes. */
struct fake_msg *fake_send_raw(struct fake_client *c, const void *bytes,
			       size_t len);

/* Encode by the table and hand over. */
struct fake_msg *fake_send(struct fake_client *c, uint8_t type, uint16_t tag,
			   const struct p9_fields *m);

/*
 * The answer of @m: 1 none yet, 2 dropped, 0 and the body in @ret (may be
 * NULL), or the negative errno of an Rlerror; -10000 if it is malformed.
 */
int fake_result(const struct fake_msg *m, struct p9_fields *ret);

/* fake_send() and fake_result(). */
int fake_call(struct fake_client *c, uint8_t type, const struct p9_fields *m,
	      struct p9_fields *ret);

/* Every member a value of its own, valid in each message. */
void fake_fields(struct p9_fields *m);

/* A NUL-terminated string as a name. */
struct name fake_name(const char *s);

/* Twalk to one name, or (NULL) a clone. */
int fake_walk(struct fake_client *c, uint32_t fid, uint32_t newfid,
	      const char *name);
int fake_open(struct fake_client *c, uint32_t fid, uint32_t flags);
int fake_clunk(struct fake_client *c, uint32_t fid);

#endif
