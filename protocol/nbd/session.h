/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The inside of an NBD session, shared by the files of nbd/. All of it
 * belongs to the loop thread of its connection, but for what a running
 * request lends to the backend (the request itself, its iovecs, the extents
 * of a command, the answer to a LIST).
 */
#ifndef VENEER_NBD_SESSION_H
#define VENEER_NBD_SESSION_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "messages.h"
#include "protocol.h"
#include "request.h"
#include "wire.h"

TAILQ_HEAD(nbd_req_list, nbd_req);

enum nbd_state {
	NBD_STATE_FLAGS, /* the client's are awaited */
	NBD_STATE_HAGGLING, /* an option is awaited */
	NBD_STATE_OPTION, /* one is being worked on */
	NBD_STATE_TLS, /* TLS is being set up */
	NBD_STATE_TRANSMISSION,
	NBD_STATE_LEAVING, /* after DISC, ABORT */
};

enum nbd_mode { NBD_SIMPLE, NBD_STRUCTURED, NBD_EXTENDED };

/* The export that INFO has found or GO has entered. */
struct nbd_image {
	struct image info; /* its strings are owned */
	struct node *node; /* counted; NULL: none */
	struct handle *handle; /* owned; NULL: none */
	char *asked; /* owned: the name that led to it */
	size_t asked_len;
};

/* Bytes of option replies; grows. */
struct nbd_out {
	uint8_t *p; /* owned */
	size_t len, size;
	bool bad; /* there was no memory: sticks */
};

/* The option being worked on. */
struct nbd_opt {
	const struct nbd_option *row; /* NULL: unknown */
	struct msg *msg; /* the session's, until it was answered */
	struct wire_in data; /* borrowed from it */
	uint32_t number;
	uint32_t len; /* of its data, as announced */
	struct name export; /* borrowed from data */
	unsigned infos; /* 1u << enum nbd_info, as asked */
	unsigned contexts; /* 1u << enum nbd_context, as asked */
	unsigned nr_listed;
	/* What goes on when the image is there */
	void (*then)(struct session *s);
	struct nbd_out out;
};

struct nbd_header {
	uint16_t flags, type;
	uint64_t cookie, off, len;
};

/* The extents of one context. */
struct nbd_map {
	struct nbd_map_entry {
		uint64_t len;
		uint32_t value;
	} * v; /* owned */
	unsigned nr, size;
	bool is_done; /* there is no room for more */
};

/* A command that is being worked on. */
struct nbd_req {
	struct request req;
	struct session *s; /* borrowed */
	struct msg *msg; /* the session's, until it was answered */
	struct msg *part; /* of the piece that runs: msg, or one of its own */
	const struct nbd_command *row; /* NULL: unknown */
	struct nbd_header h;
	TAILQ_ENTRY(nbd_req) by_list;
	uint64_t done; /* bytes of h.len that are */
	size_t piece; /* bytes of data that run, or will next */
	size_t cost; /* bytes of request data and reply room, of that */
	bool is_dead; /* the session was closed: no reply */
	struct iovec *iov; /* iovs, or owned when more were needed */
	unsigned nr_iov, max_iov;
	struct iovec iovs[2];
	unsigned contexts; /* BLOCK_STATUS: 1u << enum nbd_context */
	uint64_t map_pos; /* until where the maps tell */
	struct nbd_map maps[NBD_NR_CONTEXTS];
};

struct session {
	struct session_config config; /* const */
	enum nbd_state state;
	enum nbd_mode mode;
	bool is_fixed, no_zeroes; /* the client's flags */
	bool is_tls;
	unsigned nr_options, nr_listed;
	struct nbd_opt opt;
	struct nbd_image image;
	/* Those of SET_META_CONTEXT, and for which export (canonical). */
	unsigned contexts;
	char *contexts_for; /* owned, or NULL */

	struct request control; /* IMAGE, IMAGE_LIST, CLOSE */
	void (*then)(struct session *s, int err); /* after it */
	bool is_control_running;

	struct nbd_req_list queue; /* for a place among the running */
	struct nbd_req_list running;
	struct nbd_req_list unused; /* owned */
	unsigned nr_unused, nr_running, nr_parked;
	size_t running_bytes, parked_bytes;
	bool is_closed;
	bool is_draining; /* session_drain() is on the stack, or will be */
	bool was_full; /* the transport was told so */
	bool is_closing; /* the image, after DISC */
	const char *why; /* what to tell events->fatal, static */
	bool told_why;
};

/* --- session.c --- */

/* Hand the request to the backend. It may be gone on return. */
void nbd_submit(struct nbd_req *r, enum request_op op);

/* The next piece of @r is to run when there is a place. */
void nbd_continue(struct nbd_req *r);

/* The request is answered: forget it. */
void nbd_req_free(struct nbd_req *r);

/* Close the connection when the work in progress is out of the way. */
void nbd_fatal(struct session *s, const char *why);

/* Run s->control, then @then() unless the session was closed meanwhile. */
void nbd_control(struct session *s, enum request_op op,
		 void (*then)(struct session *s, int err));

/* --- handshake.c, export.c, meta.c --- */

/* A message in the handshake. */
void nbd_handshake(struct session *s, struct msg *msg);

/* What may be read of an option with @len bytes of data: all, or nothing. */
bool nbd_option_fits(uint32_t number, uint32_t len);

/* Append a reply to the option. Any thread, while a LIST runs. */
void nbd_opt_put(struct session *s, uint32_t type, const void *data,
		 size_t len);
/* Send what was put, and an ACK behind it. */
void nbd_opt_ack(struct session *s);
/* Send an error instead; @text ends in a full stop. */
void nbd_opt_error(struct session *s, uint32_t type, const char *text);
/* Send @len bytes that are no reply to an option: EXPORT_NAME's answer. */
void nbd_opt_raw(struct session *s, const void *data, size_t len);
/* The option is over without an answer. */
void nbd_opt_drop(struct session *s);

/*
 * Have opt.export in s->image, then @then(), at once or later; without such
 * an image the option is answered with an error instead.
 */
void nbd_image_get(struct session *s, void (*then)(struct session *s));
void nbd_image_release(struct session *s);

/* Is the selection of contexts for the image? Else it is dropped. */
void nbd_contexts_check(struct session *s);
void nbd_contexts_clear(struct session *s);

/* --- the rows' functions --- */

void nbd_opt_export_name(struct session *s);
void nbd_opt_abort(struct session *s);
void nbd_opt_list(struct session *s);
void nbd_opt_starttls(struct session *s);
void nbd_opt_info(struct session *s);
void nbd_opt_structured_reply(struct session *s);
void nbd_opt_meta_context(struct session *s);
void nbd_opt_extended_headers(struct session *s);

void nbd_read(struct nbd_req *r);
void nbd_read_done(struct nbd_req *r);
/* Give up the message of a piece, if it is not the command's own. */
void nbd_drop_part(struct nbd_req *r);
void nbd_write(struct nbd_req *r);
void nbd_write_done(struct nbd_req *r);
void nbd_flush(struct nbd_req *r);
void nbd_zero(struct nbd_req *r);
void nbd_cache(struct nbd_req *r);
void nbd_simple_done(struct nbd_req *r);
void nbd_block_status(struct nbd_req *r);
void nbd_block_status_done(struct nbd_req *r);

/* --- frame.c --- */

/* As in struct protocol. */
ssize_t nbd_frame_len(const struct session *s, const uint8_t *head,
		      size_t have);
uint64_t nbd_frame_rest(const struct session *s, const uint8_t *head);
size_t nbd_head_len(const uint8_t *head, size_t len);

/* The header of a command at @head, of which all bytes are there. */
struct nbd_header nbd_header_get(enum nbd_mode mode, const uint8_t *head);

/* --- command.c --- */

/*
 * May the command be done? Returns 0, or a negative errno of nbd.md 10 and
 * in @ret_text why.
 */
int nbd_command_check(struct nbd_req *r, const char **ret_text);
/* Set r->piece and r->cost for what runs next. */
void nbd_command_cost(struct nbd_req *r);

/* --- reply.c --- */

/* Bytes of a command's and of a chunk's header. */
size_t nbd_request_size(enum nbd_mode mode);
size_t nbd_chunk_size(enum nbd_mode mode);

/* Put the header of a chunk of @len bytes. */
void nbd_chunk_put(const struct nbd_req *r, struct wire_out *w, uint16_t flags,
		   uint16_t type, uint64_t len);
/* Answer with success and nothing else, and forget the request. */
void nbd_reply_empty(struct nbd_req *r);
/* Answer with an error; @text NULL: what the errno means. */
void nbd_reply_error(struct nbd_req *r, int err, const char *text);
/* Send @len bytes that are in place, the last ones, and forget the request. */
void nbd_send(struct nbd_req *r, size_t len, int err);
/* Give the message back unanswered, and forget the request. */
void nbd_drop(struct nbd_req *r);
/* Make room for a reply of @len bytes. Returns 0, or a negative errno. */
int nbd_make_room(struct msg *msg, size_t len);
/* Describe @count bytes of the list from @off in r->iov; or -ENOMEM. */
int nbd_data_slice(struct nbd_req *r, const struct iovec *iov, unsigned nr,
		   size_t off, size_t count);

/* --- trace.c --- */

/* Log a command and its answer: 0, a negative errno, or NBD_DROPPED. */
void nbd_trace_command(const struct nbd_req *r, int err);
/* Log s->opt and the reply to it; NBD_DROPPED: none. */
void nbd_trace_option(const struct session *s, uint32_t reply);
#define NBD_DROPPED 0x7fff

#endif
