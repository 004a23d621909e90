/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The messages of 9P2000.L: their numbers, a decoded message as a plain
 * value, and the table that describes each one in one row.
 */
#ifndef VENEER_P9_MESSAGES_H
#define VENEER_P9_MESSAGES_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "attr.h"
#include "limits.h"

#define P9_SIZE_SIZE 4u /* the size field, enough to know a frame by */
#define P9_HEADER_SIZE 7u /* size[4] type[1] tag[2] */
#define P9_NOTAG UINT16_MAX
#define P9_NOFID UINT32_MAX

enum p9_type {
	P9_RLERROR = 7,
	P9_TSTATFS = 8,
	P9_TLOPEN = 12,
	P9_TLCREATE = 14,
	P9_TSYMLINK = 16,
	P9_TMKNOD = 18,
	P9_TRENAME = 20,
	P9_TREADLINK = 22,
	P9_TGETATTR = 24,
	P9_TSETATTR = 26,
	P9_TXATTRWALK = 30,
	P9_TXATTRCREATE = 32,
	P9_TREADDIR = 40,
	P9_TFSYNC = 50,
	P9_TLOCK = 52,
	P9_TGETLOCK = 54,
	P9_TLINK = 70,
	P9_TMKDIR = 72,
	P9_TRENAMEAT = 74,
	P9_TUNLINKAT = 76,
	P9_TVERSION = 100,
	P9_TAUTH = 102,
	P9_TATTACH = 104,
	P9_TFLUSH = 108,
	P9_TWALK = 110,
	P9_TREAD = 116,
	P9_TWRITE = 118,
	P9_TCLUNK = 120,
	P9_TREMOVE = 122,
};

/* The bytes before the data of these messages. */
#define P9_TWRITE_HEADER (P9_HEADER_SIZE + 16)
#define P9_RREAD_HEADER (P9_HEADER_SIZE + 4) /* Rreaddir's too */
#define P9_RREADLINK_HEADER (P9_HEADER_SIZE + 2)
#define P9_RLERROR_SIZE (P9_HEADER_SIZE + 4)

enum p9_qid_type { P9_QTFILE = 0, P9_QTSYMLINK = 0x02, P9_QTDIR = 0x80 };

struct p9_qid {
	uint8_t type;
	uint32_t version;
	uint64_t path;
};

struct p9_names {
	unsigned nr;
	struct name v[P9_WALK_MAX];
};

struct p9_qids {
	unsigned nr;
	struct p9_qid v[P9_WALK_MAX];
};

/* The body of Rgetattr but for valid and qid. */
struct p9_attr {
	uint32_t mode, uid, gid;
	uint64_t nlink, rdev, size, blksize, blocks_512;
	uint64_t atime_s, atime_ns, mtime_s, mtime_ns;
	uint64_t ctime_s, ctime_ns, btime_s, btime_ns;
	uint64_t gen, data_version;
};

/*
 * Any message, decoded: the table says which members a message has. Strings
 * and data are borrowed from the message's bytes. @fid is the first fid of a
 * message and @fid2 the second one, whatever 9P calls them there.
 */
struct p9_fields {
	uint32_t fid, fid2;
	uint32_t afid, n_uname;
	uint32_t flags, mode, gid, uid, major, minor;
	uint32_t count, datasync, proc_id, msize, iounit, ecode, valid;
	uint32_t fs_type, bsize;
	uint16_t oldtag;
	uint8_t lock_type, status;
	uint64_t mask, offset, start, length, size;
	uint64_t atime_s, atime_ns, mtime_s, mtime_ns;
	struct name name, name2, uname, aname, version, client_id;
	struct name data;
	struct p9_qid qid;
	struct p9_attr attr;
	struct fs_info fs;
	/* Large, and rarely needed. */
	struct p9_names names;
	struct p9_qids qids;
};

enum p9_kind {
	P9_END, /* of a list of fields */
	P9_U8,
	P9_U16,
	P9_U32,
	P9_U32_OPT, /* may be missing at the end: 0 */
	P9_U64,
	P9_QID,
	P9_STRING, /* any bytes */
	/* Strings that are checked at decode, each kind with its errnos. */
	P9_NAME_WALK,
	P9_NAME_CREATE,
	P9_NAME_UNLINK,
	P9_NAME_RENAME,
	P9_NAME_XATTR,
	P9_TARGET, /* of a symbolic link */
	P9_NAMES, /* a count[2] and so many P9_NAME_WALK */
	P9_QIDS, /* a count[2] and so many qids */
	P9_DATA, /* a count[4] and so many bytes */
};

struct p9_field {
	const char *name;
	uint8_t kind; /* enum p9_kind */
	uint16_t off; /* of the member of struct p9_fields */
};

/* How a message uses a fid: which states are legal, what it excludes. */
enum p9_fid_rule {
	FID_NONE, /* no fid in the message */
	FID_NEW, /* must be unused, is made */
	FID_OBJECT, /* names an object: PATH, FILE, DIR */
	FID_DIRECTORY, /* the directory of a name: PATH, DIR */
	FID_WALK_SELF, /* newfid is fid */
	FID_OPEN,
	FID_READ,
	FID_WRITE,
	FID_READDIR,
	FID_XATTRCREATE,
	FID_LOCK,
	FID_CLUNK,
	FID_REMOVE,
};

struct p9_req;

struct p9_message {
	const char *name; /* without its T or R */
	const struct p9_field *t, *r; /* the bodies */
	uint8_t fid, fid2; /* enum p9_fid_rule */
	/*
	 * Begin the request: answer it or submit it to the backend. The
	 * fids of the message are r->fid and r->fid2, acquired. NULL: it
	 * concerns the session itself (Tversion, Tflush).
	 */
	void (*start)(struct p9_req *r, const struct p9_fields *m);
	/* Answer it when the backend is done. */
	void (*finish)(struct p9_req *r);
};

/* The row of a T-message of this type, or NULL: not known in 9P2000.L. */
const struct p9_message *p9_message_find(uint8_t type);

/*
 * Decode the body of @len bytes at @buf; @tail further bytes, file data,
 * follow elsewhere. Members of @ret without a field in the list are not
 * touched. More bytes than the fields need are accepted.
 * Returns 0, -EINVAL (too short), or what the check of a name says.
 */
int p9_decode(const struct p9_field *fields, const void *buf, size_t len,
	      size_t tail, struct p9_fields *ret);

/*
 * Encode a whole message into @buf. Returns its length, or -EMSGSIZE when
 * it does not fit in @size.
 */
ssize_t p9_encode(uint8_t type, uint16_t tag, const struct p9_field *fields,
		  const struct p9_fields *m, void *buf, size_t size);

/* The body of Rlerror. */
extern const struct p9_field p9_rlerror_fields[];

#endif
