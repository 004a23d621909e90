/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The partial files of a tree that are to be completed in the background
 * (copyup=background), and doing so piece by piece. The thread is the server's.
 */
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "cleanup.h"
#include "partial.h"

#define SECOND_NS UINT64_C(1000000000)

struct partial_item {
	TAILQ_ENTRY(partial_item) by_queue; /* under queue_lock */
	struct node *node; /* counted; the copier's thread */
	uint64_t begun_ns, told_ns; /* likewise; 0: not begun */
};

static const struct call copier_call = { .gid = UINT32_MAX };

static uint64_t
now_ns(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * SECOND_NS + (uint64_t)ts.tv_nsec;
}

void
partial_queue_add(struct node *n)
{
	struct partial_set *ps = n->body->tree->partials;
	struct partial_item *it = NULL, *fresh;

	if (!ps->copies)
		return;
	fresh = calloc(1, sizeof(*fresh));
	if (!fresh)
		return; /* the next one who opens it tries again */
	fresh->node = node_ref(n);
	(void)pthread_mutex_lock(&ps->queue_lock);
	TAILQ_FOREACH (it, &ps->queue, by_queue)
		if (it->node->body == n->body)
			break;
	if (!it)
		TAILQ_INSERT_TAIL(&ps->queue, fresh, by_queue);
	(void)pthread_mutex_unlock(&ps->queue_lock);
	if (!it && ps->wake)
		ps->wake(ps->wake_ctx);
	if (!it)
		return;
	node_unref(fresh->node);
	free(fresh);
}

static void
drop(struct partial_set *ps, struct partial_item *it)
{
	(void)pthread_mutex_lock(&ps->queue_lock);
	TAILQ_REMOVE(&ps->queue, it, by_queue);
	(void)pthread_mutex_unlock(&ps->queue_lock);
	node_unref(it->node);
	free(it);
}

/* The others first. */
static void
put_last(struct partial_set *ps, struct partial_item *it)
{
	(void)pthread_mutex_lock(&ps->queue_lock);
	TAILQ_REMOVE(&ps->queue, it, by_queue);
	TAILQ_INSERT_TAIL(&ps->queue, it, by_queue);
	(void)pthread_mutex_unlock(&ps->queue_lock);
}

void
partial_queue_free(struct tree *t)
{
	struct partial_set *ps = t->partials;
	struct partial_item *it;

	while (ps && (it = TAILQ_FIRST(&ps->queue)))
		drop(ps, it);
}

/* Has the object a name yet? One that has gone is not worth copying. */
static bool
has_name(struct partial_set *ps, struct partial_item *it)
{
	struct tree *t = it->node->body->tree;
	struct node *n, *old = it->node;

	if (!__atomic_load_n(&old->is_detached, __ATOMIC_ACQUIRE))
		return true;
	(void)pthread_mutex_lock(&t->names_lock);
	LIST_FOREACH (n, &old->body->nodes, by_body)
		if (!n->is_detached)
			break;
	if (n)
		n = node_revive(t, n);
	(void)pthread_mutex_unlock(&t->names_lock);
	if (!n)
		return false;
	(void)pthread_mutex_lock(&ps->queue_lock);
	it->node = n;
	(void)pthread_mutex_unlock(&ps->queue_lock);
	node_unref(old);
	return true;
}

/* --- Progress ------------------------------------------------------------------- */

static void
tell(struct partial_item *it, const struct partial *p, bool is_last, int error)
{
	struct tree *t = p->t;
	uint64_t now = now_ns(), size = atomic_load(&p->limit), left;
	char buf[256] = "";
	struct copy_progress say = { .name = buf, .size = size };
	struct node *dir;
	struct name name;

	if (!t->progress)
		return;
	if (it->begun_ns == 0)
		it->begun_ns = it->told_ns = now;
	if (now - (is_last ? it->begun_ns : it->told_ns) < SECOND_NS)
		return;
	it->told_ns = now;
	left = atomic_load(&p->nr_missing) * PARTIAL_BLOCK;
	say.done = left < size ? size - left : 0;
	say.ns = now - it->begun_ns;
	say.is_last = is_last;
	say.error = error;
	if (node_snapshot_name(it->node, &dir, buf, &name) == 0)
		node_unref(dir);
	t->progress(t->progress_ctx, &say);
}

/* --- The copier's turn ------------------------------------------------------------- */

/* Is it only now that this cannot be done? */
static bool
may_pass(int r)
{
	return r == -ENOSPC || r == -EDQUOT || r == -ENOMEM || r == -EMFILE ||
	       r == -ENFILE;
}

static int
copy_item(struct partial_item *it, uint64_t max, uint64_t *ret_bytes)
{
	CLEANUP_PARTIAL struct partial *p = NULL;
	int64_t n;
	int r = partial_get(it->node, &copier_call, &p);

	if (r < 0 || !p)
		return r;
	tell(it, p, false, 0);
	n = partial_copy(p, max);
	if (n > 0) {
		*ret_bytes = (uint64_t)n;
		return 1;
	}
	r = n < 0 ? (int)n : partial_finish(p);
	tell(it, p, true, r);
	return r;
}

int
tree_copy_some(struct tree *t, uint64_t max, uint64_t *ret_bytes)
{
	struct partial_set *ps = t->partials;
	struct partial_item *it;
	int r;

	*ret_bytes = 0;
	if (!ps || !ps->copies)
		return 0;
	if (atomic_exchange(&ps->needs_scan, false))
		partial_scan(t);
	(void)pthread_mutex_lock(&ps->queue_lock);
	it = TAILQ_FIRST(&ps->queue);
	(void)pthread_mutex_unlock(&ps->queue_lock);
	if (!it)
		return 0;
	r = has_name(ps, it) ? copy_item(it, max, ret_bytes) : 0;
	if (r > 0)
		return 1;
	if (may_pass(r)) {
		put_last(ps, it);
		return r;
	}
	/* Done; or it cannot be: who opens it is told. */
	drop(ps, it);
	return 1;
}

bool
tree_copies(const struct tree *t)
{
	return t->partials && t->partials->copies;
}

uint64_t
tree_copy_rate(const struct tree *t)
{
	return t->partials ? t->partials->rate : 0;
}

void
tree_on_copy(struct tree *t, void (*wake)(void *ctx), void *ctx)
{
	if (!t->partials)
		return;
	t->partials->wake = wake;
	t->partials->wake_ctx = ctx;
}

void
tree_copy_stop(struct tree *t)
{
	if (t->partials)
		atomic_store(&t->partials->is_stopping, true);
}
