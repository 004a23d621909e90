/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The numbers of the NBD protocol (nbd.md 1 to 7), and the tables of options
 * and commands.
 */
#ifndef VENEER_NBD_MESSAGES_H
#define VENEER_NBD_MESSAGES_H

#include <stdbool.h>
#include <stdint.h>

#include "limits.h"

struct nbd_req;
struct session;

/* --- handshake --- */

#define NBD_MAGIC UINT64_C(0x4e42444d41474943)
#define NBD_OPTION_MAGIC UINT64_C(0x49484156454f5054)
#define NBD_REPLY_MAGIC UINT64_C(0x0003e889045565a9)

#define NBD_GREETING_SIZE 18u
#define NBD_CLIENT_FLAGS_SIZE 4u
#define NBD_OPTION_HEADER 16u
#define NBD_OPTION_REPLY_HEADER 20u
#define NBD_EXPORT_NAME_REPLY 10u
#define NBD_EXPORT_NAME_ZEROES 124u

enum nbd_handshake_flag {
	NBD_FIXED_NEWSTYLE = 1u << 0,
	NBD_NO_ZEROES = 1u << 1,
};

enum nbd_option_number {
	NBD_OPT_EXPORT_NAME = 1,
	NBD_OPT_ABORT = 2,
	NBD_OPT_LIST = 3,
	NBD_OPT_STARTTLS = 5,
	NBD_OPT_INFO = 6,
	NBD_OPT_GO = 7,
	NBD_OPT_STRUCTURED_REPLY = 8,
	NBD_OPT_LIST_META_CONTEXT = 9,
	NBD_OPT_SET_META_CONTEXT = 10,
	NBD_OPT_EXTENDED_HEADERS = 11,
};

enum nbd_option_reply {
	NBD_REP_ACK = 1,
	NBD_REP_SERVER = 2,
	NBD_REP_INFO = 3,
	NBD_REP_META_CONTEXT = 4,
	NBD_REP_ERR_UNSUP = -0x7fffffff, /* 0x80000001 on the wire, and so on */
	NBD_REP_ERR_POLICY,
	NBD_REP_ERR_INVALID,
	NBD_REP_ERR_PLATFORM,
	NBD_REP_ERR_TLS_REQD,
	NBD_REP_ERR_UNKNOWN,
	NBD_REP_ERR_SHUTDOWN,
	NBD_REP_ERR_BLOCK_SIZE_REQD,
	NBD_REP_ERR_TOO_BIG,
	NBD_REP_ERR_EXT_HEADER_REQD,
};

enum nbd_info {
	NBD_INFO_EXPORT,
	NBD_INFO_NAME,
	NBD_INFO_DESCRIPTION,
	NBD_INFO_BLOCK_SIZE,
};

/* --- transmission --- */

#define NBD_REQUEST_MAGIC 0x25609513u
#define NBD_REQUEST_EXT_MAGIC 0x21e41c71u
#define NBD_SIMPLE_MAGIC 0x67446698u
#define NBD_CHUNK_MAGIC 0x668e33efu
#define NBD_CHUNK_EXT_MAGIC 0x6e8a278cu

#define NBD_REQUEST_SIZE 28u
#define NBD_REQUEST_EXT_SIZE 32u
#define NBD_SIMPLE_SIZE 16u
#define NBD_CHUNK_SIZE 20u
#define NBD_CHUNK_EXT_SIZE 32u
/* Any answer without data: a chunk's header, and the text of an error. */
#define NBD_REPLY_MAX 256u

enum nbd_transmission_flag {
	NBD_HAS_FLAGS = 1u << 0,
	NBD_READ_ONLY = 1u << 1,
	NBD_SEND_FLUSH = 1u << 2,
	NBD_SEND_FUA = 1u << 3,
	NBD_ROTATIONAL = 1u << 4,
	NBD_SEND_TRIM = 1u << 5,
	NBD_SEND_WRITE_ZEROES = 1u << 6,
	NBD_SEND_DF = 1u << 7,
	NBD_CAN_MULTI_CONN = 1u << 8,
	NBD_SEND_CACHE = 1u << 10,
	NBD_SEND_FAST_ZERO = 1u << 11,
	NBD_BLOCK_STATUS_PAYLOAD = 1u << 12,
};

enum nbd_command_number {
	NBD_CMD_READ = 0,
	NBD_CMD_WRITE = 1,
	NBD_CMD_DISC = 2,
	NBD_CMD_FLUSH = 3,
	NBD_CMD_TRIM = 4,
	NBD_CMD_CACHE = 5,
	NBD_CMD_WRITE_ZEROES = 6,
	NBD_CMD_BLOCK_STATUS = 7,
};

enum nbd_command_flag {
	NBD_FLAG_FUA = 1u << 0,
	NBD_FLAG_NO_HOLE = 1u << 1,
	NBD_FLAG_DF = 1u << 2,
	NBD_FLAG_REQ_ONE = 1u << 3,
	NBD_FLAG_FAST_ZERO = 1u << 4,
	NBD_FLAG_PAYLOAD_LEN = 1u << 5,
};

#define NBD_REPLY_DONE 1u /* the only flag of a chunk */

enum nbd_chunk_type {
	NBD_CHUNK_NONE = 0,
	NBD_CHUNK_OFFSET_DATA = 1,
	NBD_CHUNK_BLOCK_STATUS = 5,
	NBD_CHUNK_BLOCK_STATUS_EXT = 6,
	NBD_CHUNK_ERROR = 0x8001,
};

enum nbd_error {
	NBD_EPERM = 1,
	NBD_EIO = 5,
	NBD_ENOMEM = 12,
	NBD_EINVAL = 22,
	NBD_ENOSPC = 28,
	NBD_EOVERFLOW = 75,
	NBD_ENOTSUP = 95,
	NBD_ESHUTDOWN = 108,
};

/* --- metadata contexts --- */

enum nbd_context {
	NBD_BASE_ALLOCATION,
	NBD_ALLOCATION_DEPTH,
};

#define NBD_NR_CONTEXTS (NBD_ALLOCATION_DEPTH + 1)

enum nbd_allocation {
	NBD_ALLOC_HOLE = 1u << 0,
	NBD_ALLOC_ZERO = 1u << 1,
};

/* The id of a context on the wire. */
#define NBD_CONTEXT_ID(context) ((context) + 1u)

/* --- tables --- */

struct nbd_option {
	uint32_t number;
	const char *name;
	uint32_t data_max; /* 0: it has none */
	/* Answer s->opt, now or later; not called for what is refused. */
	void (*run)(struct session *s);
};

struct nbd_command {
	const char *name;
	uint16_t flags; /* beside FUA; PAYLOAD_LEN in extended mode only */
	bool has_range; /* offset and length are looked at */
	bool has_data; /* and of the length, at most NBD_PAYLOAD_MAX */
	bool is_change; /* not on a read-only export; finished in any case */
	/* Answer, or submit a request after which finish() does. */
	void (*start)(struct nbd_req *r);
	void (*finish)(struct nbd_req *r);
};

/* The rows of an option and of a command, or NULL: unknown. */
const struct nbd_option *nbd_option_find(uint32_t number);
const struct nbd_command *nbd_command_find(uint16_t type);

#endif
