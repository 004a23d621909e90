/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Partial files in memory: one struct for all who use the object, made when
 * its data is first asked for and given up when no real file of the object is
 * open any more. What it knows is in the map on disk at any time.
 *
 * A map that is damaged, or of another file, or missing where it must be there,
 * is never guessed at: the data cannot be had (-EIO).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>

#include "claim.h"
#include "cleanup.h"
#include "file.h"
#include "lookup.h"
#include "macros.h"
#include "partial.h"

/* Its descriptors: the upper, the lower, the map. */
#define NR_FDS 3

/* --- Building one -------------------------------------------------------------- */

static struct partial *
partial_new(struct node *n)
{
	struct partial *p = calloc(1, sizeof(*p));
	pthread_rwlockattr_t attr;

	if (!p)
		return NULL;
	p->t = n->body->tree;
	p->u = node_upper(n);
	p->body = n->body;
	p->upper = p->lower = p->map.fd = -1;
	/* Writers must not keep a truncation, or the copier, out for ever. */
	(void)pthread_rwlockattr_init(&attr);
	(void)pthread_rwlockattr_setkind_np(
		&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	(void)pthread_rwlock_init(&p->lock, &attr);
	(void)pthread_rwlockattr_destroy(&attr);
	(void)pthread_mutex_init(&p->blocks_lock, NULL);
	(void)pthread_cond_init(&p->blocks_free, NULL);
	(void)pthread_mutex_init(&p->flush_lock, NULL);
	fds_count(p->t, NR_FDS);
	return p;
}

void
partial_free(struct partial *p)
{
	if (!p)
		return;
	if (p->upper >= 0)
		(void)real_close(p->upper);
	if (p->lower >= 0)
		(void)real_close(p->lower);
	if (p->map.fd >= 0)
		(void)real_close(p->map.fd);
	fds_count(p->t, -NR_FDS);
	(void)pthread_rwlock_destroy(&p->lock);
	(void)pthread_mutex_destroy(&p->blocks_lock);
	(void)pthread_cond_destroy(&p->blocks_free);
	(void)pthread_mutex_destroy(&p->flush_lock);
	if (p->live)
		(void)munmap(p->live, p->bits_size);
	free(p);
}

/* The metadata-only file @n, and the data below it. */
static int
open_files(struct partial *p, struct node *n, const struct call *c,
	   struct statx *ret_upper, struct statx *ret_lower)
{
	CLEANUP_ACCESS struct access a = ACCESS_NONE;
	CLEANUP_CLOSE int below = -1;
	int r = lookup_data(n, c, &below, &p->lower_layer);

	if (r < 0)
		return r;
	p->lower = real_open(AT(below, ""), O_RDONLY | O_NOATIME, ret_lower);
	if (p->lower < 0)
		return p->lower;
	r = access_begin(n, c, &a);
	if (r < 0)
		return r;
	p->upper = real_open(a.at, O_RDWR, ret_upper);
	if (p->upper < 0)
		return p->upper;
	/* Blocks come here and there: ext4 writes 4 KiB 8 times as fast. */
	real_access_random(p->upper);
	return 0;
}

/*
 * All bits at once, and mapped: of an image of 10 GiB they are 1 MiB, and its first
 * write must not wait for that to be cleared.
 */
static int
make_bits(struct partial *p)
{
	size_t nr = partial_map_words(&p->map);
	uint64_t *bits;

	_Static_assert(sizeof(*p->live) == sizeof(*bits), "one mapping");
	p->bits_size = 3 * nr * sizeof(*bits);
	bits = mmap(NULL, p->bits_size, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (bits == MAP_FAILED)
		return -ENOMEM;
	p->live = (atomic_uint_fast64_t *)bits;
	p->claimed = bits + nr;
	p->durable = bits + 2 * nr;
	return 0;
}

/* A map in which nothing is here, under the key that p->map has. */
static int
make_map(struct partial *p, const struct statx *upper,
	 const struct statx *lower)
{
	struct partial_map *m = &p->map;
	ssize_t n;

	m->limit = MIN(upper->stx_size, lower->stx_size);
	m->nr_blocks = MAX(partial_blocks(m->limit), UINT64_C(1));
	if (m->limit > PARTIAL_MAX_SIZE)
		return -EFBIG;
	m->ino = upper->stx_ino;
	memcpy(m->boot, p->t->partials->boot, sizeof(m->boot));
	n = real_handle(AT(p->upper, ""), m->handle, sizeof(m->handle),
			&m->handle_type);
	m->handle_len = n < 0 ? 0 : (size_t)n;
	return partial_map_create(p->u, p->t->partials->dir, m);
}

/* --- One that is on disk --------------------------------------------------------- */

/* The kernel that wrote the live bits is gone: what is durable counts. */
static int
drop_live(struct partial *p)
{
	struct partial_map *m = &p->map;
	struct partial_words all = { 0, partial_map_words(m) };
	int r = partial_map_write_bits(p->u, m, PARTIAL_LIVE, p->durable, all);

	memcpy(m->boot, p->t->partials->boot, sizeof(m->boot));
	return r < 0 ? r : partial_map_write(p->u, m);
}

static int
read_bits(struct partial *p, uint64_t size)
{
	struct partial_map *m = &p->map;
	size_t i, nr = partial_map_words(m);
	CLEANUP_FREE uint64_t *live = calloc(nr, sizeof(*live));
	int r = live ? make_bits(p) : -ENOMEM;

	if (r == 0)
		r = partial_map_read_bits(m, PARTIAL_DURABLE, p->durable);
	if (r == 0 && memcmp(m->boot, p->t->partials->boot, sizeof(m->boot)))
		r = drop_live(p);
	if (r == 0)
		r = partial_map_read_bits(m, PARTIAL_LIVE, live);
	if (r < 0)
		return r;
	for (i = 0; i < nr; i++)
		atomic_init(&p->live[i], live[i]);
	p->changed = (struct partial_words){ 0, nr };
	/* Cut shorter, and then nothing more: that needs no map. */
	atomic_init(&p->limit, MIN(m->limit, size));
	partial_count(p);
	return 0;
}

/* @n has the mark @mark: get at its map. */
static int
read_partial(struct partial *p, struct node *n, const struct call *c,
	     const struct partial_mark *mark)
{
	struct partial_set *ps = p->t->partials;
	struct statx upper, lower;
	bool is_lost;
	int r = open_files(p, n, c, &upper, &lower);

	if (r < 0)
		return r;
	/* Of a kernel that is gone, and never synced: nothing was promised. */
	is_lost = !mark->is_established &&
		  memcmp(mark->boot, ps->boot, sizeof(ps->boot)) != 0;
	if (is_lost) {
		struct partial_mark anew = *mark;

		memcpy(p->map.key, mark->key, sizeof(mark->key));
		memcpy(anew.boot, ps->boot, sizeof(anew.boot));
		r = partial_maps_add(p->t, mark->key);
		if (r == 0)
			r = make_map(p, &upper, &lower);
		if (r == 0)
			r = partial_mark_set(p->t, AT(p->upper, ""), &anew);
	} else {
		r = ps->dir < 0 ? -ENOENT
				: partial_map_open(ps->dir, mark->key, &p->map);
		if (r == -ENOENT || (r == 0 && p->map.ino != upper.stx_ino))
			r = -EIO;
		p->is_established = mark->is_established;
	}
	return r < 0 ? r : read_bits(p, upper.stx_size);
}

/* --- Handing it out --------------------------------------------------------------- */

struct partial *
partial_find(struct body *b)
{
	struct partial *p;

	if (!atomic_load(&b->is_partial))
		return NULL;
	(void)pthread_mutex_lock(body_lock(b));
	p = b->partial;
	if (p)
		p->refs++;
	(void)pthread_mutex_unlock(body_lock(b));
	return p;
}

/* Let @p, or that there is none, be known of @b. A reference is the caller's. */
static void
publish(struct body *b, struct partial *p)
{
	(void)pthread_mutex_lock(body_lock(b));
	b->is_plain_metacopy = !p;
	b->partial = p;
	if (p)
		p->refs = 2;
	atomic_store(&b->is_partial, p != NULL);
	(void)pthread_mutex_unlock(body_lock(b));
}

/* Under load_lock. */
static int
load(struct node *n, const struct call *c, struct partial **ret)
{
	CLEANUP_ACCESS struct access a = ACCESS_NONE;
	struct tree *t = n->body->tree;
	struct partial_mark mark;
	struct partial *p;
	int r = access_begin(n, c, &a);

	if (r < 0)
		return r;
	r = partial_mark_get(t, a.at, &mark);
	access_end(&a);
	if (r == -ENODATA) {
		publish(n->body, NULL);
		*ret = NULL;
		return 0;
	}
	if (r < 0)
		return r;
	p = partial_new(n);
	if (!p)
		return -ENOMEM;
	r = read_partial(p, n, c, &mark);
	if (r < 0) {
		partial_free(p);
		return r;
	}
	publish(n->body, p);
	partial_queue_add(n);
	*ret = p;
	return 0;
}

int
partial_get(struct node *n, const struct call *c, struct partial **ret)
{
	CLEANUP_UNLOCK pthread_mutex_t *lock = NULL;
	struct body *b = n->body;
	bool is_plain;
	int r;

	*ret = NULL;
	/* Whole once seen so: realfile_get() will open what flip() left. */
	if (!atomic_load(&b->is_metacopy) || !body_is_upper(b) ||
	    !b->tree->partials)
		return 0;
	for (;;) {
		(void)pthread_mutex_lock(body_lock(b));
		is_plain =
			b->is_plain_metacopy || !atomic_load(&b->is_metacopy);
		*ret = is_plain ? NULL : b->partial;
		if (*ret)
			(*ret)->refs++;
		(void)pthread_mutex_unlock(body_lock(b));
		if (*ret || is_plain)
			return 0;
		if (c->nowait)
			return -EAGAIN;
		if (lock)
			break;
		lock = &b->tree->partials->load_lock;
		(void)pthread_mutex_lock(lock);
	}
	r = load(n, c, ret);
	if (fds_shrink(b->tree, c, r))
		r = load(n, c, ret);
	fds_sweep(b->tree, c);
	return r;
}

/* Under body_lock(): does nobody use it, and is no real file open? */
static struct partial *
take_idle(struct body *b)
{
	struct partial *p = b->partial;

	if (!p || p->refs > 1 || !LIST_EMPTY(&b->files))
		return NULL;
	b->partial = NULL;
	return p;
}

void
partial_relax(struct body *b)
{
	struct partial *p;

	if (!atomic_load(&b->is_partial))
		return;
	(void)pthread_mutex_lock(body_lock(b));
	p = take_idle(b);
	(void)pthread_mutex_unlock(body_lock(b));
	partial_free(p);
}

void
partial_put(struct partial *p)
{
	struct body *b = p->body;
	struct partial *gone;

	(void)pthread_mutex_lock(body_lock(b));
	p->refs--;
	gone = p->refs == 0 ? p : b->partial == p ? take_idle(b) : NULL;
	(void)pthread_mutex_unlock(body_lock(b));
	partial_free(gone);
}

int
partial_peek(struct node *n, const struct call *c, struct partial **ret)
{
	int r = partial_get(n, c, ret);

	/* Nor does the copier get at it then. */
	return r == -EAGAIN ? r : 0;
}

int
partial_lock_shared(struct partial *p, const struct call *c,
		    pthread_rwlock_t **ret)
{
	int r = 0;

	if (!p)
		return 0;
	if (c->nowait)
		r = pthread_rwlock_tryrdlock(&p->lock) ? -EAGAIN : 0;
	else
		(void)pthread_rwlock_rdlock(&p->lock);
	if (r == 0)
		*ret = &p->lock;
	return r;
}

int
partial_statx(struct node *n, const struct call *c, struct at at,
	      struct statx *ret)
{
	CLEANUP_PARTIAL struct partial *p = partial_find(n->body);
	CLEANUP_RWUNLOCK pthread_rwlock_t *lock = NULL;
	int r = partial_lock_shared(p, c, &lock);

	return r < 0 ? r : real_statx(at, ret);
}

/* --- Becoming one -------------------------------------------------------------- */

bool
partial_is_for(const struct tree *t, uint64_t size)
{
	const struct partial_set *ps = t->partials;

	return ps && ps->makes_partial && size > 0 && size >= ps->above &&
	       size <= PARTIAL_MAX_SIZE;
}

static int
make_partial(struct partial *p, struct node *n, const struct call *c)
{
	struct partial_mark mark = { .is_established = false };
	struct statx upper, lower;
	int r = open_files(p, n, c, &upper, &lower);

	if (r == 0 && getrandom(mark.key, sizeof(mark.key), 0) !=
			      (ssize_t)sizeof(mark.key))
		r = -EIO;
	if (r == 0)
		r = partial_maps_add(p->t, mark.key);
	if (r < 0)
		return r;
	memcpy(p->map.key, mark.key, sizeof(mark.key));
	memcpy(mark.boot, p->t->partials->boot, sizeof(mark.boot));
	r = make_map(p, &upper, &lower);
	if (r == 0)
		r = make_bits(p);
	/* The map is there first: the mark is never without it. */
	if (r == 0)
		r = partial_mark_set(p->t, AT(p->upper, ""), &mark);
	if (r < 0) {
		(void)partial_maps_del(p->t, mark.key);
		return r;
	}
	atomic_init(&p->limit, p->map.limit);
	atomic_init(&p->nr_missing, partial_blocks(p->map.limit));
	return 0;
}

int
partial_begin(struct claim *cl)
{
	struct node *n = cl->node;
	CLEANUP_UNLOCK pthread_mutex_t *lock =
		&n->body->tree->partials->load_lock;
	struct partial *p;
	int r;

	(void)pthread_mutex_lock(lock);
	p = partial_new(n);
	if (!p)
		return -ENOMEM;
	r = make_partial(p, n, cl->c);
	if (r < 0) {
		partial_free(p);
		return r;
	}
	publish(n->body, p);
	partial_queue_add(n);
	partial_put(p);
	return 0;
}

/* How large it is. */
static int
size_of(struct node *n, const struct call *c, uint64_t *ret)
{
	CLEANUP_ACCESS struct access a = ACCESS_NONE;
	struct statx stx;
	int r = access_begin(n, c, &a);

	if (r == 0)
		r = real_statx(a.at, &stx);
	*ret = r < 0 ? 0 : stx.stx_size;
	return r;
}

/* The caller cuts it to nothing: so nothing is missing. */
static int
empty(struct partial *p)
{
	int r = partial_truncate(p, 0, false);

	return r < 0 ? r : partial_finish(p);
}

int
partial_copyup(struct claim *cl, enum copyup_what what)
{
	CLEANUP_PARTIAL struct partial *p = NULL;
	struct node *n = cl->node;
	uint64_t size;
	int r = partial_get(n, cl->c, &p);

	if (r < 0)
		return r;
	if (p && what == COPYUP_WRITE)
		return 0;
	if (p)
		return what == COPYUP_TRUNCATED ? empty(p)
						: partial_complete(p, cl);
	if (what == COPYUP_DATA)
		return copyup_late_data(cl, false);
	r = size_of(n, cl->c, &size);
	if (r < 0 || !partial_is_for(n->body->tree, size))
		return r < 0 ? r : copyup_late_data(cl, false);
	/* A clone is whole at once. */
	if (atomic_load(&node_upper(n)->can_clone)) {
		r = copyup_late_data(cl, true);
		if (r != -EOPNOTSUPP)
			return r;
	}
	return partial_begin(cl);
}
