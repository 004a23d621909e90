/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Partial files: metadata-only upper files whose data comes block by block,
 * with a map of the blocks that are there (ARCHITECTURE.md, "Partial files").
 * Private to layers/.
 */
#ifndef VENEER_LAYERS_PARTIAL_H
#define VENEER_LAYERS_PARTIAL_H

#include <stdatomic.h>

#include "copyup.h"
#include "partial-map.h"

struct claim;

/* A partial file somebody uses: one for all who do. */
struct partial {
	/* const */
	struct tree *t; /* borrowed */
	struct upper *u; /* borrowed */
	struct body *body; /* borrowed: outlives it */
	int upper; /* owned, O_RDWR: the metadata-only file */
	int lower; /* owned, O_RDONLY: the data below */
	unsigned lower_layer;

	unsigned refs; /* under body_lock(); one of them is body.partial's */

	/*
	 * Shared: content, times and size are changed or looked at.
	 * Exclusive: the copier's blocks with the times put back, truncation,
	 * the end of it all.
	 */
	pthread_rwlock_t lock;
	/*
	 * What is at and behind it is the upper's. Never moves up. Written
	 * under lock exclusive.
	 */
	atomic_uint_fast64_t limit;
	bool is_done; /* it is a whole file now; set under lock and flush_lock */

	size_t bits_size; /* const: of the one mapping that the bits are in */
	atomic_uint_fast64_t *live; /* a bit a block that is here */
	atomic_uint_fast64_t nr_missing; /* blocks below the limit */
	pthread_mutex_t blocks_lock;
	pthread_cond_t blocks_free; /* with it */
	/* under blocks_lock */
	uint64_t *claimed; /* being filled */
	struct partial_words changed; /* may have bits that are not durable */

	pthread_mutex_t flush_lock;
	/* under flush_lock */
	struct partial_map map;
	uint64_t *durable; /* the bits that are on disk */
	bool is_established; /* the mark says that the map is on disk */
	int sync_error; /* of a sync that failed: what is on disk? */

	atomic_uint_fast64_t cursor; /* a hint: where the copier looks first */
};

/* All of a tree's. partial-work.c */
struct partial_set {
	/* const */
	uint8_t boot[PARTIAL_KEY_SIZE]; /* of the running kernel */
	bool makes_partial; /* copyup=lazy or background */
	bool copies; /* copyup=background */
	uint64_t above, rate; /* bytes; bytes a second, 0: any */

	/* One is made, or made ready, at a time. Above all dir.locks. */
	pthread_mutex_t load_lock;

	pthread_mutex_t maps_lock; /* below all but nothing */
	/* under maps_lock */
	int dir; /* owned: W/partial; -1: not there */
	unsigned nr_maps;
	bool has_entry, is_entry_synced;

	/* partial-queue.c */
	pthread_mutex_t queue_lock; /* below body_lock() */
	TAILQ_HEAD(, partial_item) queue; /* under queue_lock */
	atomic_bool needs_scan, is_stopping;
	void (*wake)(void *ctx); /* const; or NULL */
	void *wake_ctx; /* borrowed */
};

/* --- partial-work.c: W/partial, and the entry that keeps kernels out ------- */

/*
 * Find what there is of partial files in u->base_fd: t->partials. -EINVAL:
 * there are some, and no metacopy=on.
 */
int partial_set_open(struct tree *t, const struct tree_config *c,
		     char **ret_why);
void partial_set_close(struct tree *t);
/* Tells one run of a kernel from another: what is not synced dies with it. */
int partial_boot_id(uint8_t ret[PARTIAL_KEY_SIZE]);
/*
 * There is to be a map @key: W/partial and the entry are made where they are
 * missing; a map that there is goes.
 */
int partial_maps_add(struct tree *t, const uint8_t *key);
/* Let the directories' entries be on disk. */
int partial_maps_sync(struct tree *t);
/*
 * Remove the map @key. One less, and with the last the entry goes. -ENOENT:
 * it counts as removed.
 */
int partial_maps_del(struct tree *t, const uint8_t *key);
/* The body of an object without a name goes: so does its map. */
void partial_body_gone(struct body *b);
/*
 * settle: all maps are of objects that are gone; remove them and the entry.
 * -EBUSY: one is in use still.
 */
int partial_set_remove(struct tree *t);

/* --- partial-open.c: getting at one ---------------------------------------- */

/*
 * The partial file that @n is now: to be given back with partial_put(); NULL: it
 * is none. -EAGAIN (nowait, must be read from disk), -EIO (its map is damaged,
 * or another's). No dir.lock may be held.
 */
int partial_get(struct node *n, const struct call *c, struct partial **ret);
/* The same if it is in use already, else NULL. Any lock but body_lock(). */
struct partial *partial_find(struct body *b);
void partial_put(struct partial *p);
/* The last real file of @b was closed. */
void partial_relax(struct body *b);
/* Of a body that goes. */
void partial_free(struct partial *p);

/*
 * The same before a change of what the copier would put back (times,
 * capabilities): what cannot be read is NULL, too. Then, below any dir.lock,
 * keep the copier out: *@ret is what to unlock. 0, or -EAGAIN (nowait).
 */
int partial_peek(struct node *n, const struct call *c, struct partial **ret);
int partial_lock_shared(struct partial *p, const struct call *c,
			pthread_rwlock_t **ret);
/* real_statx() of the object @at of @n, without what the copier does to it. */
int partial_statx(struct node *n, const struct call *c, struct at at,
		  struct statx *ret);

static inline void
cleanup_partial_put(struct partial **p)
{
	if (*p)
		partial_put(*p);
}
#define CLEANUP_PARTIAL __attribute__((cleanup(cleanup_partial_put)))

/*
 * Is a lower file of that size to be made partial rather than copied?
 */
bool partial_is_for(const struct tree *t, uint64_t size);
/*
 * Let the claimed metadata-only upper file, which is none, be a partial one.
 */
int partial_begin(struct claim *cl);
/*
 * copyup.c: what is to be done for @what of a claimed metadata-only upper
 * file, partial or not.
 */
int partial_copyup(struct claim *cl, enum copyup_what what);

/* --- partial-io.c, partial-write.c: what handles do ------------------------ */

struct partial_run {
	uint64_t len;
	bool is_here; /* in the upper */
};
/* What [@off, @off + @len) begins with. */
struct partial_run partial_run(const struct partial *p, uint64_t off,
			       uint64_t len);
/* As tree_read(). */
ssize_t partial_read(struct partial *p, const struct call *c,
		     const struct iovec *iov, unsigned nr_iov, uint64_t off);
void partial_prefetch(const struct partial *p, uint64_t off, uint64_t len);
int partial_extents(const struct partial *p, uint64_t off, uint64_t len,
		    extent_emit emit, void *ctx);

/* Data to be written. */
struct partial_data {
	const struct iovec *iov; /* borrowed */
	unsigned nr_iov;
	uint64_t off;
	bool appends; /* at the end, wherever that is */
	bool is_sync; /* partial_flush_written() will be called */
	bool is_narrow; /* out: for that */
};
/* As tree_write(), but for syncing it. */
ssize_t partial_write(struct partial *p, const struct call *c,
		      struct partial_data *d);
/* Bytes that are to be zeros. */
struct partial_zeros {
	uint64_t off, end;
	enum zero_how how;
};
/* As tree_zero(), likewise. */
int partial_zero(struct partial *p, const struct call *c,
		 const struct partial_zeros *what);
/* ftruncate(2), or with @keeps_same truncate(2), which leaves the times where
 * the size stays. */
int partial_truncate(struct partial *p, uint64_t size, bool keeps_same);

/* --- partial-block.c: blocks and their bits -------------------------------- */

static inline bool
partial_has(const struct partial *p, uint64_t block)
{
	return atomic_load_explicit(&p->live[block / 64],
				    memory_order_acquire) >>
		       (block % 64) &
	       1;
}

/* How many blocks there are below @limit. */
static inline uint64_t
partial_blocks(uint64_t limit)
{
	return limit / PARTIAL_BLOCK + (limit % PARTIAL_BLOCK != 0);
}

/* Count what is missing anew. */
void partial_count(struct partial *p);
/*
 * Claim the blocks [@first, @first + @nr): waits for who has claimed any. Returns
 * 1; 0: meanwhile some came, and none is claimed; -EAGAIN (@nowait).
 */
int partial_claim(struct partial *p, uint64_t first, uint64_t nr, bool nowait);
void partial_release(struct partial *p, uint64_t first, uint64_t nr);
/* Under blocks_lock: the next flush is to look at @range of p->live. */
void partial_note_changed(struct partial *p, struct partial_words range);
/* Their data is in the upper: say so, in the map too. */
int partial_mark(struct partial *p, uint64_t first, uint64_t nr);
/* Read all of [@off, @off + @len) from below; -EIO: it became shorter. */
int partial_read_lower(const struct partial *p, char *buf, size_t len,
		       uint64_t off);
struct partial_iovs {
	struct iovec *iov; /* borrowed */
	unsigned nr;
	bool is_sync; /* by partial_pwritev_sync() */
};
/* Write all of @all, whose iov is used up. 0 or errno. */
int partial_write_all(struct partial *p, struct partial_iovs *all,
		      uint64_t off);

/* --- partial-sync.c: what is on disk, and the end --------------------------- */

/*
 * All that was written is on disk, and so is where it is. Blocks.
 */
int partial_flush(struct partial *p, bool datasync);
/*
 * Is the map on disk, so that what a write brings there can be added by itself?
 */
bool partial_is_established(struct partial *p);
/* As real_pwritev(), and its data is on disk. */
ssize_t partial_pwritev_sync(struct partial *p, const struct iovec *iov,
			     unsigned nr_iov, uint64_t off);
/*
 * All of the blocks [@first, @first + @nr), which are here, was written by that:
 * bring their bits to disk, too. Best effort.
 */
void partial_keep_bits(struct partial *p, uint64_t first, uint64_t nr);
/*
 * Let the first @len bytes of what partial_write() has written as @d be on disk.
 * 0 or errno.
 */
int partial_flush_written(struct partial *p, const struct partial_data *d,
			  uint64_t len);
/*
 * Before the file grows: the limit in the map is the present one. Under
 * p->lock exclusive.
 */
int partial_keep_limit(struct partial *p);
/* Must that be done first, if the file is to reach @end? Under p->lock. */
bool partial_is_limit_behind(const struct partial *p, uint64_t end);
/*
 * If nothing is missing, let it be a whole file. 0 also where something is.
 */
int partial_finish(struct partial *p);

/* --- partial-copy.c: the copier ---------------------------------------------- */

/*
 * Copy missing blocks of @p, about @max bytes. Returns how many bytes that
 * were, at least 1; 0: none is missing; or errno.
 */
int64_t partial_copy(struct partial *p, uint64_t max);
/* All of them, for @cl; and finish it. */
int partial_complete(struct partial *p, struct claim *cl);

/* --- partial-queue.c: what the copier has to do ------------------------------ */

/* @n is a partial file: it will be copied. Best effort. */
void partial_queue_add(struct node *n);
void partial_queue_free(struct tree *t);
/*
 * partial-scan.c: find the partial files of an earlier server in the upper.
 */
void partial_scan(struct tree *t);

#endif
