/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An NBD client and its transport in memory, for tests of protocol/nbd: a
 * stream of bytes is cut into messages as transport-stream.c does, what comes
 * back is looked at reply by reply. A reply that breaks a rule of the
 * protocol (nbd.md 3 and 6) ends in abort(), whatever was asked.
 */
#ifndef VENEER_TESTS_FAKE_NBD_CLIENT_H
#define VENEER_TESTS_FAKE_NBD_CLIENT_H

#include "fake-backend.h"
#include "nbd/session.h"

struct fake_nbd_msg;

/* A reply to an option, in the order of coming. */
struct fake_nbd_reply {
	uint32_t option, type, len;
	uint8_t *data; /* owned; a NUL follows */
	struct fake_nbd_reply *next;
};

/* A command, and what was answered so far. */
struct fake_nbd_cmd {
	struct nbd_header h;
	bool is_answered;
	uint32_t error; /* as on the wire */
	char text[256]; /* of an error chunk */
	unsigned nr_chunks, nr_data;
	uint64_t got; /* bytes of data */
	uint8_t *data; /* owned; of a READ */
	struct nbd_map maps[NBD_NR_CONTEXTS]; /* owned */
	unsigned order; /* 1: the first that was answered */
	struct fake_nbd_cmd *next;
};

struct fake_nbd {
	struct fake_backend backend; /* first: it is the session's owner */
	struct session *s;
	struct session_config config;
	enum nbd_mode mode; /* as agreed on */
	bool has_greeted; /* fake_nbd_hello() was called */
	bool is_begun; /* in the transmission phase */
	uint64_t size; /* of the export */
	uint16_t flags;
	unsigned contexts;
	uint8_t *in; /* owned: what was not cut into messages yet */
	size_t in_len;
	uint64_t in_rest; /* to be thrown away */
	size_t step; /* bytes that come at once; 0: all */
	bool in_pieces; /* data and reply room in small iovecs */
	bool no_room, no_part; /* room(), part() fail */
	struct fake_nbd_msg *all;
	struct fake_nbd_reply *replies; /* not yet taken */
	struct fake_nbd_cmd *cmds; /* the last first */
	uint8_t raw[256]; /* the answer to EXPORT_NAME */
	size_t raw_len;
	bool wants_raw;
	unsigned nr_sent, nr_dropped, nr_answered, nr_ready, nr_bye, nr_tls;
	unsigned nr_parts;
	const char *fatal;
	char line[1024]; /* the last one logged */
	size_t max_bytes; /* in flight; 64 MiB */
	bool keeps; /* what is sent stays in the pipe, and counts: */
	size_t unsent;
};

struct session_config fake_nbd_config(void);
void fake_nbd_init(struct fake_nbd *c, const struct session_config *config);
/* With both flags of the client. */
void fake_nbd_hello(struct fake_nbd *c);
/* Into the transmission phase of "f", in @mode, with all contexts if there
 * can be some. Begins with fake_nbd_init() if that was not done. */
void fake_nbd_start(struct fake_nbd *c, enum nbd_mode mode);
/*
 * Close, finish what is pending, free. False: a message was lost, or a node
 * or a handle.
 */
bool fake_nbd_fini(struct fake_nbd *c);

/* Bytes come. */
void fake_nbd_feed(struct fake_nbd *c, const void *bytes, size_t len);
/* Go on with what has come while the session was full. */
void fake_nbd_pump(struct fake_nbd *c);

/* Send an option. */
void fake_nbd_option(struct fake_nbd *c, uint32_t number, const void *data,
		     size_t len);
/* The next reply, to be given back; or NULL. */
struct fake_nbd_reply *fake_nbd_take(struct fake_nbd *c);
void fake_nbd_reply_free(struct fake_nbd_reply *r);
/*
 * Both, and all replies but the last are thrown away. Its type; 0: none came.
 */
uint32_t fake_nbd_ask(struct fake_nbd *c, uint32_t number, const void *data,
		      size_t len);
/* INFO or GO: @infos is 1u << enum nbd_info. Returns the type of the last. */
uint32_t fake_nbd_info(struct fake_nbd *c, uint32_t number, const char *name,
		       unsigned infos);
/* LIST_ or SET_META_CONTEXT; @queries ends with NULL. */
uint32_t fake_nbd_meta(struct fake_nbd *c, uint32_t number, const char *name,
		       const char *const *queries);

/* Send a command; @payload (may be NULL) goes behind it. */
struct fake_nbd_cmd *fake_nbd_send(struct fake_nbd *c, struct nbd_header h,
				   const void *payload, size_t len);
/* The same, with WRITE's data made up, and all but WRITE without. */
struct fake_nbd_cmd *fake_nbd_command(struct fake_nbd *c, uint16_t type,
				      uint16_t flags, uint64_t off,
				      uint64_t len);
/* Its error on the wire; 0: success; 1000: no answer yet. */
uint32_t fake_nbd_call(struct fake_nbd *c, uint16_t type, uint16_t flags,
		       uint64_t off, uint64_t len);
/* Is the data of a READ what the fake backend makes up? */
bool fake_nbd_data_is_right(const struct fake_nbd *c,
			    const struct fake_nbd_cmd *cmd);

#endif
