/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The merged tree: one writable upper directory over read-only lower ones,
 * with the semantics and on-disk format of Linux overlayfs. This is the
 * folder's only public header.
 *
 * Every function may be called from any thread. All return 0 or a count, or
 * a negative errno; results are untouched on failure. Unless said otherwise
 * they block on disk; with call.nowait they return -EAGAIN *before any
 * effect* where they would block (a lock held elsewhere, data that is not
 * cached, a copy-up, a sync, a large merged listing, a slow layer), and are
 * then called again, whole, on a thread that may block.
 *
 * Errors of the real file system come through as they are; errors that the
 * overlay's own rules make are named at each function.
 */
#ifndef VENEER_LAYERS_TREE_H
#define VENEER_LAYERS_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "attr.h"

struct tree;
struct tree_config;
struct waiter;
struct node; /* an object of the merged tree, by a name or detached */
struct handle; /* an open file or directory */

/* A user and his groups. */
struct cred {
	uint32_t uid, gid;
	const uint32_t *groups; /* borrowed: the supplementary ones */
	unsigned nr_groups;
};

/* Who calls, and how. */
struct call {
	bool nowait;
	/*
	 * Borrowed: whose permissions are to be checked by the VFS's rules:
	 * -EACCES and -EPERM then come as from a local file system. NULL: the
	 * client has checked them.
	 */
	const struct cred *cred;
	bool is_sync; /* what is written is on disk when the call returns */
	uint32_t uid; /* owner of new objects; other than 0: writes drop suid */
	uint32_t gid; /* group of new objects; UINT32_MAX: as the host does */
	/*
	 * Borrowed, or NULL: then a call waits in its thread for an object
	 * that another one is copying up. With it, such a call parks the
	 * waiter and returns -EINPROGRESS *before any effect*; waiter.wake()
	 * says when to call again, whole. A call that copies a file up itself
	 * gives up with -ECANCELED once waiter.is_unwanted is set, unless
	 * others wait for the same.
	 */
	struct waiter *waiter;
};

/*
 * Take back @w, which a call has parked. False: it is too late, wake() has
 * been called or will be. Does not block.
 */
bool tree_unpark(struct waiter *w);

/* --- Configuration and life of a tree ---------------------------------- */

struct tree_config *tree_config_new(void);
void tree_config_free(struct tree_config *config);

/*
 * Set the option @key to @value (NULL: given without '='). Keys and values
 * are the kernel's: lowerdir (a:b:c, `\` escapes), lowerdir+ (one path),
 * upperdir, workdir, userxattr, ...; and lower, upper, work (one path each,
 * no escapes). May be given twice only for lower and lowerdir+.
 * Returns 0, -EINVAL (*@ret_why says what is wrong and, for an unknown key,
 * names the nearest known one), -ENOMEM. *@ret_why is malloced, the
 * caller's to free, and may be NULL without memory.
 */
int tree_config_set(struct tree_config *config, const char *key,
		    const char *value, char **ret_why);

/* Have an upper and a lower been named? */
bool tree_config_has_layers(const struct tree_config *config);

/* The keys that tree_config_set() knows, NULL-terminated. */
const char *const *tree_config_keys(void);

/* Something odd that does not stop the start; @line is borrowed. */
typedef void (*tree_warn)(void *ctx, const char *line);

/*
 * Open the layers of @config: the start-up checks of overlayfs, the locks on
 * upper and work, a clean work directory.
 * Returns 0, or an errno with a line in *@ret_why (malloced) that names the
 * path and what to do: -ENOENT, -ENOTDIR, -EINVAL, -ELOOP, -EBUSY (in use
 * by another veneer or a kernel mount), -EROFS and others.
 */
int tree_open(const struct tree_config *config, tree_warn warn, void *warn_ctx,
	      struct tree **ret, char **ret_why);

/*
 * Close @t. Every node and handle must have been given back; the layers'
 * locks are released.
 */
void tree_close(struct tree *t);

/* How far a copy of data to the upper is. */
struct copy_progress {
	const char *name; /* borrowed: of the file, NUL-terminated; "" if it
			     was unlinked */
	uint64_t done, size; /* bytes */
	uint64_t ns; /* since it began */
	bool is_last; /* it has ended */
	int error; /* with this, if not 0 */
};
typedef void (*tree_progress)(void *ctx, const struct copy_progress *p);

/*
 * Have @progress called for copies of data that take over a second: once a
 * second, and at the end; on the copying thread, without locks. To be called
 * before the tree is used. @ctx is borrowed until tree_close().
 */
void tree_on_progress(struct tree *t, tree_progress progress, void *ctx);

/*
 * Large files that are changed while their data is, in part, in a lower are
 * completed in the background where that was asked for (copyup=background):
 * by a thread of the caller's.
 */
bool tree_copies(const struct tree *t);
/* So many bytes a second at most (copyup-rate=); 0: any. */
uint64_t tree_copy_rate(const struct tree *t);
/*
 * Have @wake called when there is something to do; any thread, under locks: it
 * does not block. To be called before the tree is used; @ctx is borrowed until
 * tree_close().
 */
void tree_on_copy(struct tree *t, void (*wake)(void *ctx), void *ctx);
/*
 * Copy about @max bytes of data to the upper; *@ret_bytes: how many they were.
 * One thread at a time. Returns 1: there is more to do; 0: there is not; -ENOSPC
 * and others: try again later.
 */
int tree_copy_some(struct tree *t, uint64_t max, uint64_t *ret_bytes);
/* Have a call of that return soon. Any thread. */
void tree_copy_stop(struct tree *t);

/*
 * Have @t do with @max descriptors for what clients hold, where several trees
 * share the limit of the process; by default it takes half of that. What is
 * beyond it is closed while nobody uses it and opened again. Never raises it.
 */
void tree_limit_fds(struct tree *t, unsigned max);

/* Is there no upper, or one that cannot be written? */
bool tree_is_read_only(const struct tree *t);

/* Can a client's users own objects: as root, or with owner=mapped? */
bool tree_has_owners(const struct tree *t);

/*
 * Keep @user (borrowed) for whoever gets a node of @t, before it is used; and
 * what was kept.
 */
void tree_set_user(struct tree *t, void *user);
void *node_tree_user(const struct node *n);

/*
 * Tell the tree how long an inline (nowait) call for @n took. Over
 * TREE_SLOW_NS the layers count as slow for TREE_SLOW_FOR_MS and nowait
 * calls that reach the disk return -EAGAIN meanwhile. Does not block.
 */
void tree_note_duration(struct node *n, uint64_t ns);
#define TREE_SLOW_NS UINT64_C(2000000)
#define TREE_SLOW_FOR_MS 1000

/* --- An upper at rest --------------------------------------------------- */

/* What tree_settle() has done so far. */
struct settle_result {
	uint64_t nr_objects; /* looked at */
	uint64_t nr_flattened; /* directories that needed a redirect */
	uint64_t nr_completed; /* files that had no data of their own */
	uint64_t nr_copied; /* other objects brought to the upper */
	uint64_t nr_linked; /* names that only the index led to */
	uint64_t nr_rewritten; /* user.overlay.* marks */
	uint64_t bytes_copied;
	char *mount_options; /* owned by the caller; NULL on failure: what
				overlayfs mounts the layers with */
};

struct settle_options {
	bool is_user; /* the overlay's marks are user.overlay.*: rewrite */
	/* Called after each object; @so_far is borrowed. NULL: none. */
	void (*progress)(void *ctx, const struct settle_result *so_far);
	void *ctx; /* borrowed */
};

/*
 * Change the upper of @config, which nobody uses, so that overlayfs without
 * any option shows what was to be seen with redirects, metadata-only files,
 * an index or user.overlay.* marks; redirect_dir=nofollow does, too. The
 * options for reading it are chosen by what is there: those of @config for
 * that are overwritten.
 * Returns 0, -EPERM (needs root), what tree_open() says, or what a layer
 * says, with a line in *@ret_why (malloced) that names the object. The tree
 * that is to be seen is the same then, with the options that it needed
 * before, and calling again goes on. *@ret is filled in any case.
 */
int tree_settle(struct tree_config *config, const struct settle_options *o,
		struct settle_result *ret, char **ret_why);

/* Something about an upper that tree_check() found. */
struct check_finding {
	const char *path; /* from the upper, "." is its root; or of the work
			     directory, as that was given */
	const char *kind; /* one word, as in veneer-check(8) */
	const char *what; /* is wrong, and what it means */
	const char *action; /* what repairs will do, or did; or what its owner
			       is to do; may be ""; of a note NULL */
	enum check_state {
		CHECK_NOTE, /* no error */
		CHECK_REPAIRABLE, /* an error that repairs would mend */
		CHECK_REPAIRED,
		CHECK_LEFT, /* nobody but its owner can mend it */
		CHECK_FAILED, /* to be mended, or even looked at: see error */
	} state;
	int error; /* negative errno, of CHECK_FAILED */
};

struct check_result {
	uint64_t nr_objects; /* looked at */
	uint64_t nr_notes, nr_repaired;
	uint64_t nr_left; /* errors that are still there */
	uint64_t nr_unread; /* of those: what could not be looked at */
	char *mount_options; /* owned by the caller: what overlayfs reads the
				upper with; NULL on failure, or if it cannot
				(whiteouts=oci) */
};

struct check_options {
	bool repairs;
	/* Called for each finding, which is borrowed. */
	void (*found)(void *ctx, const struct check_finding *f);
	/* Called after each object; @so_far is borrowed. NULL: none. */
	void (*progress)(void *ctx, const struct check_result *so_far);
	void *ctx; /* borrowed */
};

/*
 * Check the upper of @config, which nobody uses, and its work directory, for
 * what overlayfs or veneer would not have left there. Changes nothing, or with
 * o->repairs what it can mend without losing or exposing anything. The options
 * for reading it are chosen by what is there, but for userxattr.
 * Returns 0 however much was found, or, with a line in *@ret_why (malloced),
 * -EPERM (trusted.* marks need root), -EINVAL (repairs, and marks of both
 * kinds: userxattr is to say which count), what tree_open() says, -ENOMEM.
 * *@ret is filled in any case.
 */
int tree_check(struct tree_config *config, const struct check_options *o,
	       struct check_result *ret, char **ret_why);

/* --- References ------------------------------------------------------- */

/* A new reference to the root. Does not block. */
struct node *tree_root(struct tree *t);

struct node *node_ref(struct node *n);
/* NULL is fine. May close descriptors, hence may block on a slow layer. */
void node_unref(struct node *n);
/* Drop a handle without caring for the result of close; NULL is fine. */
void handle_unref(struct handle *h);
/*
 * Drop a handle and report what close(2) said (a full disk under NFS). The
 * reference is gone in any case but -EAGAIN (nowait only).
 */
int tree_release(struct handle *h, const struct call *c);

/* The type (S_IFMT) of @n. Does not block. */
mode_t node_type(const struct node *n);
struct node *handle_node(struct handle *h); /* borrowed */
/* What is written through it is on disk when the call returns. Does not block. */
bool handle_is_sync(const struct handle *h);

/* --- Names ------------------------------------------------------------ */

/*
 * Walk up to @nr names from @from. ".." stops at the root; "." stays.
 * Symbolic links are not followed. *@ret_nr counts the steps made and
 * @ret_idents describes each.
 * Returns 0 if all were made: *@ret is then a new reference. -ENOENT,
 * -ENOTDIR, -ENAMETOOLONG and others of the step that failed: *@ret_nr and
 * @ret_idents are set in that case too.
 */
int tree_walk(struct node *from, const struct call *c, const struct name *names,
	      unsigned nr, struct ident *ret_idents, unsigned *ret_nr,
	      struct node **ret);

/* The present identity of @n; -ESTALE if it vanished behind our back. */
int tree_ident(struct node *n, const struct call *c, struct ident *ret);

/*
 * @flags: host O_* (access mode, APPEND, TRUNC, DIRECTORY, DSYNC, SYNC).
 * Write access or TRUNC copies up. Returns 0, -EISDIR, -ENOTDIR, -ELOOP (a
 * symbolic link), -ENXIO (device, fifo, socket), -EROFS, -ENOSPC, ...
 * *@ret: the caller's reference.
 */
int tree_open_node(struct node *n, const struct call *c, int flags,
		   struct handle **ret, struct ident *ret_ident);

/*
 * Create and open a regular file, in one step; without O_EXCL an existing
 * regular file is opened (O_TRUNC honoured). -EEXIST also for an existing
 * symbolic link, -EISDIR for a directory.
 */
int tree_create(struct node *dir, const struct call *c, struct name name,
		int flags, mode_t mode, struct node **ret,
		struct handle **ret_handle, struct ident *ret_ident);
int tree_mkdir(struct node *dir, const struct call *c, struct name name,
	       mode_t mode, struct ident *ret);
int tree_symlink(struct node *dir, const struct call *c, struct name name,
		 struct name target, struct ident *ret);
/* -EPERM for a character device 0:0, which is a whiteout. */
int tree_mknod(struct node *dir, const struct call *c, struct name name,
	       mode_t mode, uint32_t major, uint32_t minor, struct ident *ret);
/* -EPERM for a directory, -EXDEV between trees, -ENOENT for an unlinked @n. */
int tree_link(struct node *n, const struct call *c, struct node *dir,
	      struct name name);
/* -EISDIR, -ENOTDIR, -ENOTEMPTY, -EBUSY, ... */
int tree_unlink(struct node *dir, const struct call *c, struct name name,
		bool is_dir);
/* Unlink or rmdir @n by the name it has now; -ENOENT if it has none. */
int tree_remove(struct node *n, const struct call *c);
/*
 * POSIX rename. -EXDEV between trees. A directory that is not purely of the
 * upper gets a redirect, or is copied up whole where none may be written.
 */
int tree_rename(struct node *olddir, struct name oldname, struct node *newdir,
		struct name newname, const struct call *c);
int tree_rename_node(struct node *n, struct node *newdir, struct name newname,
		     const struct call *c);

/* --- Content ---------------------------------------------------------- */

/*
 * Read into @iov. Returns the count, 0 at end of file; short only there
 * (a short read of what is cached is -EAGAIN under nowait).
 */
ssize_t tree_read(struct handle *h, const struct call *c,
		  const struct iovec *iov, unsigned nr_iov, uint64_t off);
/* Short only where the disk filled up. -EBADF without write access. */
ssize_t tree_write(struct handle *h, const struct call *c,
		   const struct iovec *iov, unsigned nr_iov, uint64_t off);
/*
 * @h may be NULL. A node of a lower layer: 0 without any effect. What led to a
 * copy is synced, too; of a new file for tree_open_late() only. What a failed
 * sync of a file said (-EIO, -ENOSPC, -EDQUOT) is said again, here and by
 * synchronous changes, until nobody has it open for writing.
 */
int tree_fsync(struct node *n, struct handle *h, const struct call *c,
	       bool datasync);
/*
 * List from @off (0: afresh; else a cookie that this handle gave). Calls
 * @emit for each entry, "." and ".." first, until it returns false or the
 * end is reached. -ENOTDIR; -ENOENT: the directory was removed.
 */
int tree_readdir(struct handle *h, const struct call *c, uint64_t off,
		 dirent_emit emit, void *ctx);
/* -EINVAL for what is no link. Returns the length, cut to @size. */
ssize_t tree_readlink(struct node *n, const struct call *c, char *buf,
		      size_t size);

/* --- Files as blocks ---------------------------------------------------- */

/*
 * Open the regular file @n for reading and, if @flags says so (O_RDWR),
 * for changing it: it is copied up by the first change, not by this.
 * Returns 0, -EROFS, -EACCES, -EISDIR, -ELOOP, -ENXIO (no regular file).
 * *@ret: the caller's reference; tree_read(), tree_write() and all below take
 * it.
 */
int tree_open_late(struct node *n, const struct call *c, int flags,
		   struct handle **ret);

/* An open block device. */
struct tree_device {
	int fd; /* opened with the access mode that the handle gets */
	uint64_t size; /* bytes */
	uint64_t sector; /* a power of two; what it does are multiples of it */
};
/*
 * May the block device for which the node @n of the tree stands be opened so? Its
 * owner and mode say who may, and it is only written (O_RDWR) where @n itself is
 * in the upper. Returns 0, -EROFS, -EACCES, -ENXIO (no block device).
 */
int tree_may_open_device(struct node *n, const struct call *c, int flags);
/*
 * A handle like that of tree_open_late() on the device @what, for which @n
 * stands. @what->fd is taken over, also on failure. Returns as
 * tree_may_open_device(), or -ENOMEM.
 */
int tree_open_device(struct node *n, const struct call *c, int flags,
		     const struct tree_device *what, struct handle **ret);
/* Its size; 0 of what is none. Does not block. */
uint64_t tree_device_size(const struct handle *h);

/*
 * Do with the range what @how says; the size stays as it is, and what is past
 * it, too. With @is_fast -EOPNOTSUPP, before any effect, where that is no
 * faster than writing zeros. ZERO_TRIM of what lies in a lower, or that cannot
 * be done, is 0; so is ZERO_FREE of a hole in a lower: neither copies up.
 * -EINVAL, -EFBIG (no file has such a range), -ECANCELED (c->waiter is
 * unwanted: part of it was done), or as tree_write().
 */
int tree_zero(struct handle *h, const struct call *c, uint64_t off,
	      uint64_t len, enum zero_how how, bool is_fast);

/* The range will be read soon. Best effort: 0, or -EAGAIN (nowait). */
int tree_prefetch(struct handle *h, const struct call *c, uint64_t off,
		  uint64_t len);

/*
 * Tell which layers hold the range [@off, @off + @len): calls @emit for extents
 * that begin with @off and leave no gap, until all is told or @emit returns
 * false. Neighbours differ. Past the end of the file is a hole. Of a file with
 * very many it may be that the last ones are left out. -EINVAL: a range that
 * no file has.
 */
int tree_extents(struct handle *h, const struct call *c, uint64_t off,
		 uint64_t len, extent_emit emit, void *ctx);

/* Where the topmost object of a name lies. */
struct backing {
	unsigned depth; /* 1: the upper, n + 1: the n-th lower */
	unsigned dev_major, dev_minor; /* of the file system there (st_dev) */
};
int tree_backing(struct node *n, const struct call *c, struct backing *ret);

/* --- Attributes ------------------------------------------------------- */

/* @h may be NULL, here and below. */
int tree_getattr(struct node *n, struct handle *h, const struct call *c,
		 struct attr *ret);
/*
 * In the order size, owner, mode, times; each part that succeeded stays.
 * -EISDIR, -EINVAL (size of what is no regular file), -EPERM, -EROFS...
 */
int tree_setattr(struct node *n, struct handle *h, const struct call *c,
		 const struct attr_set *set);
int tree_statfs(struct node *n, const struct call *c, struct fs_info *ret);

/*
 * The value of @name, or with an empty name the NUL-separated list, in a
 * malloced *@ret (NULL when empty). Private names are escaped as overlayfs
 * does. -ENODATA, -EOPNOTSUPP, -E2BIG (over TREE_XATTR_MAX).
 */
int tree_getxattr(struct node *n, struct handle *h, const struct call *c,
		  struct name name, void **ret, size_t *ret_size);
/* @value NULL: remove. -ENODATA, -EEXIST, -EOPNOTSUPP, -EPERM, -E2BIG... */
int tree_setxattr(struct node *n, struct handle *h, const struct call *c,
		  struct name name, const void *value, size_t size, int flags);
#define TREE_XATTR_MAX 65536

/* --- Byte-range locks: kept per object, never wait ---------------------- */

/*
 * Set or (type NONE) remove a lock of range->owner and proc_id. Returns 0
 * or -EBUSY: another one conflicts; never a wait for it. -ENOLCK: too many.
 * All locks of a handle go with it. With locks=host a process of the host may
 * be what conflicts, and there are the errors of its file system.
 */
int tree_lock(struct handle *h, const struct call *c,
	      const struct lock_range *range);
/*
 * Would @range conflict? Turns it into the conflicting lock, with its
 * client id copied into @client_id, or into type NONE.
 */
int tree_getlock(struct handle *h, const struct call *c,
		 struct lock_range *range, char client_id[LOCK_CLIENT_ID_MAX]);

#endif
