/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Plain values that describe objects of a file tree: what protocol/ and
 * layers/ exchange, through server/, without knowing each other.
 */
#ifndef VENEER_COMMON_ATTR_H
#define VENEER_COMMON_ATTR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

/*
 * A piece of text, not NUL-terminated. As a file name it was checked at
 * decode: 1 to 255 bytes, no '/', no NUL.
 */
struct name {
	const char *ptr; /* borrowed: lives as long as the request */
	size_t len;
};

/* Who an object is and which state of its content was seen. */
struct ident {
	uint64_t path; /* unique in the tree, stable: becomes qid.path */
	uint32_t version; /* moves with every content change, never 0 */
	mode_t type; /* S_IFMT bits only */
};

struct attr {
	struct ident ident;
	mode_t mode; /* with S_IFMT */
	uint32_t uid, gid;
	uint64_t nlink;
	uint32_t rdev_major, rdev_minor;
	uint64_t size, blksize;
	uint64_t blocks_512;
	struct timespec atime, mtime, ctime, btime; /* btime 0: unknown */
	uint64_t gen; /* 0: unknown */
};

enum attr_set_mask {
	ATTR_SET_MODE = 1u << 0,
	ATTR_SET_UID = 1u << 1,
	ATTR_SET_GID = 1u << 2,
	ATTR_SET_SIZE = 1u << 3,
	ATTR_SET_ATIME = 1u
			 << 4, /* to atime; nsec UTIME_NOW: the server's now */
	ATTR_SET_MTIME = 1u << 5, /* likewise */
	ATTR_SET_CTIME = 1u << 6, /* touch ctime (it takes no value) */
};

/* A change of attributes; fields count only if their bit is in @mask. */
struct attr_set {
	unsigned mask;
	mode_t mode; /* 07777 */
	uint32_t uid, gid;
	uint64_t size;
	struct timespec atime, mtime;
};

struct fs_info {
	uint64_t fs_type; /* statfs f_type of the real file system */
	uint64_t blksize;
	uint64_t blocks, bfree, bavail; /* in blksize */
	uint64_t files, ffree;
	uint64_t fsid;
	uint32_t namelen;
};

struct dirent_info {
	struct name name;
	uint64_t path; /* the entry's ident.path */
	uint64_t cookie; /* 1 to 2^63-1: resume after this entry */
	unsigned char d_type; /* DT_* */
};

/*
 * Take one directory entry. Returns false when there is no room for it; the
 * listing then stops before it.
 */
typedef bool (*dirent_emit)(void *ctx, const struct dirent_info *entry);

/* A part of a regular file, as the layers hold it. */
struct extent {
	uint64_t off, len; /* bytes; len > 0 */
	bool is_hole; /* nothing is allocated there, it reads as zeros */
	unsigned depth; /* who provides it: 1 the upper, n + 1 the n-th lower;
			   0: nobody, a hole */
};

/*
 * Take one extent; each begins where the last one ended. Returns false when it
 * wants no further one (this one is taken).
 */
typedef bool (*extent_emit)(void *ctx, const struct extent *extent);

/* What becomes of a range of a file. */
enum zero_how {
	ZERO_TRIM, /* its content is not needed: may do nothing */
	ZERO_FREE, /* it reads as zeros; its blocks may go */
	ZERO_KEEP, /* it reads as zeros; writing to it needs no new blocks */
};

enum lock_type { LOCK_RANGE_READ, LOCK_RANGE_WRITE, LOCK_RANGE_NONE };

/* A byte range and who holds or asks for it. */
struct lock_range {
	enum lock_type type;
	uint64_t start, end; /* inclusive; UINT64_MAX: to the end of file */
	uint32_t proc_id;
	uint64_t owner; /* the connection: unique in the server */
	struct name client_id; /* at most LOCK_CLIENT_ID_MAX bytes */
};

#define LOCK_CLIENT_ID_MAX 64

#endif
