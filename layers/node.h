/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The merged tree in memory: nodes (names), bodies (objects), directories.
 * Private to layers/.
 *
 * Lock order, outermost first; what is not listed together is never held
 * together:
 *
 *   0. lock_table.lock      byte-range locks. With locks=host held while a
 *                           first lock reaches the file, and while a copy of
 *                           it is published
 *   1. tree.rename_lock     renames that change a parent
 *      partial_set.load_lock  a partial file is made, or made ready
 *   2. dir.lock             a directory before those below it; two that are
 *                           not one below the other by address of the dir
 *   3. tree.moves_lock      shared: no directory changes its name, so that
 *                           one can be found and opened by it; exclusive: a
 *                           rename of one. Below it only trylocks of dir.lock
 *   4. tree.index_lock      the entries of the index (index=on); that a
 *                           lower hard link is found, or its object copied up
 *      partial.lock         content, times and size of a partial file; held
 *                           over I/O. Below it partial.flush_lock, held over
 *                           I/O, and partial.blocks_lock
 *      partial_set.maps_lock  how many partial files there are; over I/O
 *   5. tree.copyup_lock     who is copying what up, who waits for that; never
 *                           held over I/O; wakers are called without it.
 *                           tree_unpark() takes it below a caller's own lock
 *   6. body_lock()          real files, generation, pin; of one body only, as
 *                           bodies share them; never held over I/O
 *      owner_lock()         body.owner; held over the reading of it
 *      partial_set.queue_lock  what the copier has to do
 *   7. tree.names_lock      the tables, reference counts that reach 0
 *   8. fds.lock             who has descriptors; below it only trylocks
 *
 * alias_publish() holds more than two dir.locks, under tree.rename_lock:
 * directories by their depth.
 *
 * A copy-up is done before any dir.lock is taken; it takes the parent's
 * dir.lock itself, for the short moment of publishing.
 * dir.lock held shared: its descriptors are open and stay, its names stay;
 * exclusive: names come and go. Data is read and written with no lock held at all: a
 * real file is counted.
 */
#ifndef VENEER_LAYERS_NODE_H
#define VENEER_LAYERS_NODE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/types.h>

#include "fds.h"
#include "hash.h"
#include "layer.h"
#include "real.h"
#include "tree.h"

struct body;
struct lock_table;
struct partial;
struct partial_set;

/* A file opened in a layer, shared by handles that ask for the same. */
struct realfile {
	/* under body_lock() */
	LIST_ENTRY(realfile) by_body;
	unsigned refs; /* by handles and operations */
	unsigned nr_users; /* operations under way */
	int fd; /* owned; -1: closed; stays while there are users */

	/* const */
	struct body *body; /* borrowed: outlives it */
	unsigned layer; /* where it lies */
	int flags; /* as given to real_open() */
	unsigned generation; /* body.generation when opened */
	dev_t dev;
	ino_t ino;

	struct fd_holder fds;
};

/* What a directory has beyond other objects. */
struct dir {
	pthread_rwlock_t lock;
	/* under lock */
	int upper_fd; /* owned O_PATH; -1 */
	bool has_upper; /* it is in the upper */
	atomic_bool is_closed; /* all descriptors are -1 until the next
				  lock_dir_*(); a hint without lock */
	bool is_removed; /* rmdir()ed: nothing can be created in it */
	bool is_marked_impure; /* upper may hold children with an origin */
	bool has_renumbered; /* a child in memory shows another number than
				the upper lists, and no origin says so */
	unsigned nr_lowers;
	struct dir_lower {
		int fd; /* owned O_PATH */
		unsigned layer; /* idx of the layer */
		bool has_xwhiteouts; /* opaque=x: files may be whiteouts */
	} * lowers; /* owned, topmost first */
	struct fd_holder fds;
	/* When a walk last looked (ms), and what it saw. */
	atomic_uint seen_ms, seen_version;
	/* Of the root, what is under lock is const but for is_marked_impure. */
};

/*
 * An object: what all its names share. In tree.bodies while a second name
 * may look for it (an object with more than one link; not a lower one with
 * index=off).
 */
struct body {
	struct tree *tree; /* borrowed: outlives it; const */
	struct dir *dir; /* owned; NULL: no directory; const */
	uint64_t path; /* ident.path; const */
	uint64_t salt; /* nr_writes counts from there: no other body's, nor
			  an earlier server's; const */
	mode_t type; /* S_IFMT; const */

	/* under tree.names_lock */
	unsigned refs; /* by nodes */
	struct hash_entry by_path;
	struct hash_entry by_real;
	LIST_HEAD(, node) nodes; /* its names */
	bool is_hashed; /* by_real */

	bool is_own; /* path is that of its own inode in the upper; const */
	atomic_bool may_have_suid; /* writes must look at suid and sgid */
	/*
	 * The topmost object has no data of its own (overlayfs's metacopy);
	 * cleared, with the generation, when data is copied up. The blocks
	 * of the data are what users see of it: const.
	 */
	atomic_bool is_metacopy;
	/* Its data comes block by block (partial.h): writes need no copy-up. */
	atomic_bool is_partial;
	bool keeps_files; /* under body_lock(); they could not be opened again */
	atomic_uchar unsynced; /* sync.h's enum */
	atomic_short sync_error; /* of a sync that failed, until the last handle
				    open for writing goes; 0 or -errno */
	/*
	 * Where the topmost real object is. Written with the parent's
	 * dir.lock (a directory: its own too) exclusive at copy-up; read
	 * under either, or relaxed as a hint.
	 */
	atomic_uint layer;
	atomic_uint nr_writers; /* handles open for writing */
	dev_t real_dev;
	ino_t real_ino;
	atomic_uint generation; /* moves when the data moves to another file */
	atomic_uint nr_writes; /* content changes seen by us */
	uint64_t data_blocks_512;
	/* Links of the topmost lower object, no directory; 0: none. Const */
	uint32_t lower_nlink;
	/* index=on, lower_nlink > 1: links of all names; else 0 */
	atomic_uint union_nlink;
	char *index_name; /* owned; its entry in W/index, once it has one.
			     Written before layer, const then */
	atomic_uint protattr; /* protattr.c's; 0: not asked yet */

	/* under body_lock() */
	int pin_fd; /* owned O_PATH; -1. Of an object whose name is gone */
	int pin_data_fd; /* likewise, where its data is another object's */
	unsigned pin_data_layer;
	LIST_HEAD(, realfile) files; /* counted by handles; weak here */
	struct partial *partial; /* counted; while its data is in use */
	bool is_plain_metacopy; /* known to be no partial file */
	struct lock_table *locks; /* owned; NULL before the first lock */
	struct owner_known *owner; /* owned; owner.c's, or NULL; under
				      owner_lock() */
};

struct node {
	struct hash_entry by_name; /* under tree.names_lock */
	unsigned refs; /* atomic; reaches 0 under names_lock */
	bool is_hashed; /* under tree.names_lock */
	bool is_detached; /* its name is gone; under names_lock and the old
			     parent's dir.lock */
	bool is_linked_up; /* of an indexed object: this name is in the upper;
			      atomic, written under the parent's dir.lock */
	uint8_t name_len;
	struct node *parent; /* counted; NULL: the root. Of a detached node:
				its last parent. Changes under rename_lock,
				both dir.locks and names_lock */
	struct body *body; /* counted; const */
	LIST_ENTRY(node) by_body; /* under names_lock */
	TAILQ_ENTRY(node) by_age; /* while idle; under names_lock */
	atomic_uint found_ms; /* when the layers were last asked, if no dir */
	char *name; /* owned unless inline_name; NUL-terminated; like parent */
	char inline_name[];
};

/* An open file or directory: what a fid holds. */
struct handle {
	atomic_uint refs;
	struct node *node; /* counted; const */
	int flags; /* const; host O_* */
	struct realfile *real; /* counted; under body_lock(); regular files */
	struct dirstream *stream; /* owned; directories; has its own lock */
	struct device *device; /* owned; const; block devices */
	bool is_late; /* const: copies up at the first change, not before */
	atomic_bool has_locks; /* some may be in the body's lock table */
};

/* Has @h a real file? Without body_lock(): another may take its place. */
static inline bool
handle_is_file(const struct handle *h)
{
	return S_ISREG(h->node->body->type);
}

#define TREE_MAX_DEVICES 255
#define NR_BODY_LOCKS 64

struct tree {
	/* const after tree_open() */
	struct layer_set layers;
	struct partial_set *partials; /* owned; NULL without metacopy=on */
	const char *private_prefix; /* "trusted.overlay." or "user.overlay." */
	size_t private_prefix_len;
	struct node *root; /* counted */
	tree_progress progress; /* or NULL */
	void *progress_ctx; /* borrowed */
	void *user; /* borrowed; tree_set_user() */
	uint64_t fsid; /* by uuid=; 0: the upper's */
	uint32_t namelen; /* the largest of all layers */
	/* Directories that must not show up in the tree: the layers' roots
	 * and work directory, one inside a lower (ovl_lookup_trap_inode()) */
	struct dir_id *traps; /* owned */
	unsigned nr_traps;

	pthread_mutex_t rename_lock;

	pthread_rwlock_t moves_lock;

	pthread_mutex_t index_lock;

	/* Names of hard links, of each lower; NULL until needed, then const */
	pthread_mutex_t aliases_lock;
	struct alias_table **aliases; /* owned; under aliases_lock */

	pthread_mutex_t copyup_lock;
	pthread_cond_t copyup_done; /* some copy-up ended; with copyup_lock */
	LIST_HEAD(, claim) copyups; /* running ones; under copyup_lock */

	/* Bodies share them: there are too many to have one each. */
	pthread_mutex_t body_locks[NR_BODY_LOCKS];
	pthread_mutex_t owner_locks[NR_BODY_LOCKS];

	pthread_mutex_t names_lock;
	struct hash names; /* nodes by (parent, name) */
	struct hash bodies; /* by (real_dev, real_ino) */
	struct hash paths; /* all bodies, by path */
	uint64_t next_salt;
	/* refs == 0, kept; oldest first. [0]: files; [1]: directories */
	struct idle {
		TAILQ_HEAD(, node) nodes;
		unsigned nr, max;
	} idle[2];
	/* Index -> device, for ident.path; grows under names_lock only. */
	dev_t devices[TREE_MAX_DEVICES];
	atomic_uint nr_devices;

	struct fds fds;

	atomic_llong slow_until_ns; /* CLOCK_MONOTONIC */
};

struct dir_id {
	dev_t dev;
	ino_t ino;
};

/* Here because bodies are made of what statx says. */
static inline dev_t
statx_dev(const struct statx *stx)
{
	return (dev_t)(((uint64_t)stx->stx_dev_major << 32) |
		       stx->stx_dev_minor);
}

/* --- Locks that obey call.nowait --------------------------------------- */

/* Returns 0 or (nowait) -EAGAIN. */
int lock_mutex(pthread_mutex_t *m, const struct call *c);
/*
 * Lock @dir and, where its descriptors were closed, open them again. Returns
 * 0, -EAGAIN, or what the layers say: -ESTALE where they were edited.
 */
int lock_dir_shared(struct node *dir, const struct call *c);
int lock_dir_excl(struct node *dir, const struct call *c);
void unlock_dir(struct node *dir);

/* Release a directory locked by one of the above at the end of a scope. */
static inline void
cleanup_unlock_dir(struct node **dir)
{
	if (*dir)
		unlock_dir(*dir);
}
#define CLEANUP_UNLOCK_DIR __attribute__((cleanup(cleanup_unlock_dir)))

static inline void
cleanup_node_unref(struct node **n)
{
	node_unref(*n);
}
#define CLEANUP_UNREF_NODE __attribute__((cleanup(cleanup_node_unref)))

/* --- Nodes -------------------------------------------------------------- */

/*
 * The node of @name below @dir if it is in memory: a new reference, or NULL.
 * @dir is locked at least shared.
 */
struct node *node_find(struct node *dir, struct name name);

/* Take a reference to @n, idle or not, which is in a table; names_lock. */
struct node *node_revive(struct tree *t, struct node *n);

/*
 * Put a node for @name below @dir, whose object is @body, into the table.
 * Takes over the reference to @body in any case. When another thread was
 * first with the same name its node is returned instead. NULL: no memory.
 */
struct node *node_add(struct node *dir, struct name name, struct body *body);

/*
 * Take @n out of the table: its name is gone (unlink, or replaced by a
 * rename). @dir.lock exclusive. For an object other than a directory that
 * somebody still holds, node_pin() it first.
 */
void node_detach(struct node *n);
/* Does anybody but the caller hold @n? A hint, right under dir.lock excl. */
bool node_is_shared(const struct node *n);
/* Keep a way to the object (O_PATH) for when its name is gone. */
int node_pin(struct node *n, struct at at);
/* The same for the data of a metadata-only file: @fd is taken over. */
void node_pin_data(struct node *n, int fd, unsigned layer);
/* A copy of that descriptor, the caller's; -ESTALE: there is none. */
int node_pinned_data(struct node *n, int *ret_fd, unsigned *ret_layer);
/* The pinned object of @n is now behind @fd (taken over). Under body_lock(). */
void node_repin(struct node *n, int fd);
/*
 * Give @n a new place. rename_lock, both dir.locks exclusive; any node at
 * the new place was detached. -ENOMEM before any effect.
 */
int node_move_prepare(struct name name, char **ret_name);
void node_move(struct node *n, struct node *newdir, struct name name,
	       char *prepared);

/*
 * A new body, not to be found by others yet. Its path is another than @path
 * where an object in use has that one. @dir: its directory part, taken over (also
 * on failure), or NULL. Returns NULL without memory.
 */
struct body *body_new(struct tree *t, const struct statx *stx, unsigned layer,
		      uint64_t path, struct dir *dir);
/*
 * The body of an upper object with more than one link, if it is in memory: a
 * new reference, or NULL.
 */
struct body *body_find(struct tree *t, dev_t dev, ino_t ino);
struct body *body_ref(struct body *b);
void body_unref(struct body *b);
/*
 * Let other names find @b by (real_dev, real_ino). Where one for the same
 * object is there already, @b is dropped and that one returned (counted).
 */
struct body *body_publish(struct body *b);

/*
 * The object of @b is now the upper one (@dev, @ino): where others look for
 * it by that. Under the locks of body.layer.
 */
void body_set_real(struct body *b, dev_t dev, ino_t ino);

struct dir *dir_new(unsigned nr_lowers);
/* Let it have no lowers (locked exclusive): it is opaque now. */
void dir_drop_lowers(struct tree *t, struct dir *d);
/* It is in the upper now, as @fd (taken over). Locked exclusive. */
void dir_set_upper(struct tree *t, struct dir *d, int fd);
/* The closed @d, locked exclusive, gets the descriptors of @from. */
void dir_adopt(struct tree *t, struct dir *d, struct dir *from);
/* Give room for lowers that it is not in back. */
void dir_trim(struct dir *d);
/* How many descriptors it has now. */
unsigned dir_nr_fds(const struct dir *d);
/* Closes its descriptors; a body's: after fds_drop(). NULL is fine. */
void dir_free(struct dir *d);

/* reopen.c: open the closed @n, which is locked exclusive. */
int dir_reopen(struct node *n, const struct call *c);
/*
 * An O_PATH descriptor, the caller's, of the upper directory of @n, whose lock
 * is not waited for. moves_lock is held.
 */
int dir_open_upper(struct node *n, const struct call *c);
/* Take tree.moves_lock. Returns 0 or (nowait) -EAGAIN. */
int lock_moves(struct tree *t, const struct call *c, bool excl);

/* --- Access to the real object ------------------------------------------ */

/*
 * The topmost real object of a node, held in place: by the shared lock of
 * its parent (or of itself, a directory), or because it is pinned.
 */
struct access {
	struct node *locked; /* counted and locked shared, or NULL */
	struct at at;
	unsigned layer;
};

/* Returns 0, -EAGAIN (nowait), -ESTALE (no way to it is left). */
int access_begin(struct node *n, const struct call *c, struct access *ret);
void access_end(struct access *a);
#define CLEANUP_ACCESS __attribute__((cleanup(access_end)))
/* What access_end() accepts before access_begin(). */
#define ACCESS_NONE ((struct access){ .at = { .fd = -1 } })

/* The parent of @n, counted: of the root itself, of a detached one its last. */
struct node *node_parent(struct node *n);

/*
 * The name of @n and its directory (counted) as they are right now.
 * -ENOENT: detached; -EBUSY: the root.
 */
int node_snapshot_name(struct node *n, struct node **ret_dir,
		       char buf[static 256], struct name *ret_name);

/*
 * Lock the directory in which @n has its name, shared or exclusive; *@ret is
 * counted. Returns 0, -EAGAIN (nowait), -ENOENT: @n is detached (or the
 * root, which has no parent: not to be asked).
 */
int node_lock_parent(struct node *n, const struct call *c, bool excl,
		     struct node **ret);

/* The layer of the topmost directory in the stack (locked): 0 is the upper. */
static inline unsigned
dir_top_layer(const struct dir *d)
{
	return d->has_upper ? 0 : d->lowers[0].layer;
}

static inline struct at
dir_top(const struct dir *d)
{
	return AT(d->has_upper ? d->upper_fd : d->lowers[0].fd, "");
}

/* The fd of @layer in @dir's stack (locked), or -1. */
int dir_fd_of(const struct dir *d, unsigned layer);

/*
 * A walk that only passes through a directory looks at it again after so
 * long: until then a lower edited behind our back may show its old entries.
 */
#define NODE_SEEN_MS 10
/* CLOCK_MONOTONIC, coarse, in ms. */
unsigned node_now_ms(void);

/*
 * A file that nobody held is looked for in all layers again after so long:
 * until then one that a lower gained above it behind our back is not seen.
 */
#define NODE_FOUND_MS 1000

/* Drop all idle nodes and keep none from now on (tree_close). */
void node_flush_idle(struct tree *t);

/* Is the layer slow now (design.md 3, rule 3)? Then nowait calls give up. */
static inline const struct layer *
layer_of(const struct tree *t, unsigned layer)
{
	return layer == 0 ? &t->layers.upper->layer
			  : &t->layers.lowers[layer - 1];
}

/* Is this one of t->traps? */
bool tree_is_trap(const struct tree *t, const struct statx *stx);

/* uuid.c: fill in t->fsid, as uuid= says. Best effort. */
void uuid_open(struct tree *t, enum uuid mode);

bool layer_is_slow(const struct tree *t, unsigned layer);
#define RETURN_IF_SLOW(t, layer, c)                             \
	do {                                                    \
		if ((c)->nowait && layer_is_slow((t), (layer))) \
			return -EAGAIN;                         \
	} while (0)

static inline struct upper *
node_upper(const struct node *n)
{
	return n->body->tree->layers.upper;
}

/* Where an object that is in the index is reached. */
static inline struct at
index_entry(const struct node *n)
{
	return AT(node_upper(n)->index_fd, n->body->index_name);
}

/* Does the name of @n have an entry of its own in the upper? */
static inline bool
index_is_linked_up(const struct node *n)
{
	return !n->body->index_name ||
	       __atomic_load_n(&n->is_linked_up, __ATOMIC_ACQUIRE);
}

static inline pthread_mutex_t *
body_lock(const struct body *b)
{
	return &b->tree->body_locks[hash_mix((uintptr_t)b) % NR_BODY_LOCKS];
}

static inline pthread_mutex_t *
owner_lock(const struct body *b)
{
	return &b->tree->owner_locks[hash_mix((uintptr_t)b) % NR_BODY_LOCKS];
}

static inline bool
body_is_upper(const struct body *b)
{
	return atomic_load_explicit(&b->layer, memory_order_acquire) == 0;
}

/* Make sure a name fits a buffer and copy it there with a NUL. */
static inline const char *
name_copy(struct name name, char buf[static 256])
{
	size_t len = name.len < 255 ? name.len : 255;

	__builtin_memcpy(buf, name.ptr, len);
	buf[len] = '\0';
	return buf;
}

#endif
