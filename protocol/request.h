/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A request as a plain value: what a session makes of a message, and what
 * the server runs against a tree. Because it is a value it can be queued,
 * traced, replayed, fuzzed and parked.
 *
 * protocol/ knows nodes and handles by reference only: it never looks into
 * them. `struct node` and `struct handle` are the tree's; a test supplies
 * its own.
 */
#ifndef VENEER_PROTOCOL_REQUEST_H
#define VENEER_PROTOCOL_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "attr.h"
#include "waiter.h"

struct node;
struct handle;
struct pool_lane;
struct request;

/* A walk never has more names than this in any protocol served. */
#define REQUEST_WALK_MAX 16

enum request_op {
	REQUEST_ATTACH, /* name = aname                -> ret_node, ret_ident */
	REQUEST_WALK, /* node, walk                  -> ret_node, walk */
	REQUEST_OPEN, /* node, open.flags            -> ret_handle, ret_ident */
	REQUEST_CREATE, /* node (dir), name, open      -> ret_node, ret_handle,
	                                                    ret_ident */
	REQUEST_READ, /* handle, io                  -> ret_count */
	REQUEST_WRITE, /* handle, io                  -> ret_count */
	REQUEST_READDIR, /* handle, readdir             -> emitted entries */
	REQUEST_CLOSE, /* handle: the reference is given up even on error */
	REQUEST_GETATTR, /* node, handle or NULL        -> ret_attr */
	REQUEST_SETATTR, /* node, handle or NULL, set */
	REQUEST_STATFS, /* node                        -> ret_fs */
	REQUEST_FSYNC, /* node, handle or NULL, datasync */
	REQUEST_READLINK, /* node, io (room)             -> ret_count */
	REQUEST_MKDIR, /* node (dir), name, open.mode -> ret_ident */
	REQUEST_SYMLINK, /* node (dir), name, name2 = target -> ret_ident */
	REQUEST_MKNOD, /* node (dir), name, mknod     -> ret_ident */
	REQUEST_LINK, /* node2 (object), node (dir), name */
	REQUEST_UNLINK, /* node (dir), name, unlink.is_dir */
	REQUEST_REMOVE, /* node: by whatever name it has now */
	REQUEST_RENAME, /* node (old dir), name, node2 (new dir), name2 */
	REQUEST_RENAME_NODE, /* node (object), node2 (new dir), name2 */
	REQUEST_GETXATTR, /* node, handle or NULL, name (empty: list)
	                                                 -> xattr.value, size */
	REQUEST_SETXATTR, /* node, name, xattr (value NULL: remove) */
	REQUEST_LOCK, /* handle, lock                -> -EBUSY: conflict */
	REQUEST_GETLOCK, /* handle, lock                -> lock: the conflicting
	                     one with its client_id in lock_client_id, or
	                     type NONE */
	REQUEST_IMAGE, /* name: an image's; image     -> ret_node, ret_handle,
	                     image. -ENOENT, -EACCES... : u.image.why may say more */
	REQUEST_IMAGE_LIST, /* list                        -> emitted images.
	                     -EPERM: not to be listed */
	REQUEST_ZERO, /* handle, zero                -> -EOPNOTSUPP only if
	                     is_fast */
	REQUEST_PREFETCH, /* handle, range */
	REQUEST_EXTENTS, /* handle, extents             -> emitted extents */
};

/* A regular file of a tree that is served as blocks. Strings are malloced;
 * what is not NULL is the session's to free(). */
struct image {
	bool wants_write; /* in: unless false it may be written where possible */
	char *name; /* the canonical one, by which it can be asked for again */
	char *description; /* a few words for people, or NULL */
	char *why; /* on failure, or NULL: a sentence for the client */
	uint64_t size; /* bytes */
	uint32_t block_size; /* preferred: a power of two, 512 to 64k */
	bool is_read_only, is_rotational;
};

/*
 * Take one image of a listing; @name and @description are borrowed. Returns
 * false when there is no room for it; the listing then ends.
 */
typedef bool (*image_emit)(void *ctx, struct name name,
			   struct name description);

/*
 * Everything borrowed stays valid until done() returns: the protocol keeps
 * the message, the fids and hence the nodes and handles alive.
 */
struct request {
	enum request_op op;
	int error; /* result: 0 or negative errno; set before done() */
	void *owner; /* borrowed: session_config.owner of the session */

	/* Who asks. gid is the group for new objects, or NO_ID. */
	uint32_t uid, gid;

	struct node *node, *node2; /* borrowed until done() */
	struct handle *handle; /* borrowed until done(), but for CLOSE */
	struct name name, name2; /* borrowed until done() */

	union {
		struct {
			struct name names[REQUEST_WALK_MAX];
			unsigned nr_names;
			/* result: how far it came, and what is there */
			unsigned nr_idents;
			struct ident idents[REQUEST_WALK_MAX];
		} walk;
		struct {
			int flags; /* host O_*: access mode, APPEND, TRUNC,
			                EXCL, DSYNC, SYNC, DIRECTORY only */
			mode_t mode; /* 07777 */
		} open;
		struct {
			struct iovec *iov; /* borrowed: reply room or payload */
			unsigned nr_iov;
			uint64_t off;
			size_t count; /* sum of the iovecs */
			bool is_sync; /* WRITE: on disk before done() */
		} io;
		struct {
			uint64_t off; /* cookie of the last entry, 0: start */
			dirent_emit emit; /* may be called on any thread */
			void *emit_ctx;
		} readdir;
		struct attr_set set;
		bool datasync;
		struct {
			mode_t mode; /* with S_IFMT */
			uint32_t major, minor;
		} mknod;
		struct {
			bool is_dir;
		} unlink;
		struct {
			void *value; /* GETXATTR: a result, owned by the session
			                that frees it; SETXATTR: borrowed */
			size_t size;
			int flags; /* XATTR_CREATE, XATTR_REPLACE or 0 */
		} xattr;
		struct {
			struct lock_range range;
			char client_id[LOCK_CLIENT_ID_MAX]; /* GETLOCK result */
		} lock;
		struct image image;
		struct {
			image_emit emit; /* may be called on any thread */
			void *emit_ctx;
		} list;
		struct {
			uint64_t off, len;
			enum zero_how how;
			bool is_fast; /* -EOPNOTSUPP rather than write zeros */
			bool is_sync; /* on disk before done() */
		} zero;
		struct {
			uint64_t off, len;
		} range;
		struct {
			uint64_t off, len;
			extent_emit emit; /* may be called on any thread */
			void *emit_ctx;
		} extents;
	} u;

	/* Results; references are the session's from done() on. */
	struct node *ret_node;
	struct handle *ret_handle;
	struct ident ret_ident;
	union {
		size_t ret_count;
		struct attr ret_attr;
		struct fs_info ret_fs;
	};

	/*
	 * Called once, on the thread that submitted, possibly before submit()
	 * returns. Not called for a request that cancel() withdrew.
	 */
	void (*done)(struct request *req);

	/* For whoever holds the request between submit() and done(). */
	STAILQ_ENTRY(request) by_queue;
	unsigned run_state, run_queue; /* the server's, as the following */
	struct pool_lane *run_lane; /* borrowed */
	bool run_syncs; /* it waits for a disk to have written */
	struct waiter waiter;
};

/* "Nobody in particular": n_uname and gid on the wire, and here. */
#define NO_ID UINT32_MAX

/* What a session needs from below; const, filled in by the server. */
struct backend {
	/* Run @req; ends in req->done(req). Does not block. */
	void (*submit)(struct request *req);
	/*
	 * Withdraw @req if it has not begun, or has and waits without having
	 * done anything. Returns true if so: done() will not be called, and
	 * the request is the session's again. Else it may end early, with an
	 * error.
	 */
	bool (*cancel)(struct request *req);
	void (*node_ref)(struct node *node);
	void (*node_unref)(struct node *node);
	/* Drop a handle whose close nobody waits for (disconnect, reset). */
	void (*handle_unref)(struct handle *handle);
};

#endif
