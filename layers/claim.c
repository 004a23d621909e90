/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Claims on objects under copy-up.
 *
 * Whoever asks for an object that another one has claimed is parked there if
 * it brought a waiter, without any effect, and is called again, whole, when
 * the claim is released; else its thread waits. A copy that ran out of space
 * fails all who wait for the same: each of them would only copy as much
 * again, to find the same disk full.
 *
 * A waiter leaves the claim in one of two ways, under tree.copyup_lock:
 * tree_unpark() takes it out, or claim_release() does and then wakes it.
 */
#include <errno.h>
#include <time.h>

#include "claim.h"
#include "cleanup.h"

#define SECOND_NS UINT64_C(1000000000)

/* --- Progress ------------------------------------------------------------- */

static uint64_t
now_ns(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * SECOND_NS + (uint64_t)ts.tv_nsec;
}

/* With no lock held. */
static void
tell(const struct claim *cl, uint64_t now, bool is_last, int error)
{
	struct tree *t = cl->body->tree;
	char buf[256] = "";
	struct copy_progress p = {
		.name = buf,
		.done = cl->done,
		.size = cl->size,
		.ns = now - cl->begun_ns,
		.is_last = is_last,
		.error = error,
	};
	struct node *dir;
	struct name name;

	if (node_snapshot_name(cl->node, &dir, buf, &name) == 0)
		node_unref(dir);
	t->progress(t->progress_ctx, &p);
}

static void
note_progress(struct claim *cl, uint64_t done, uint64_t size)
{
	uint64_t now = now_ns();

	cl->done = done;
	cl->size = size;
	if (now - cl->told_ns < SECOND_NS)
		return;
	cl->told_ns = now;
	tell(cl, now, false, 0);
}

static void
end_progress(const struct claim *cl, int r)
{
	uint64_t now;

	if (cl->size == 0)
		return;
	now = now_ns();
	if (now - cl->begun_ns >= SECOND_NS)
		tell(cl, now, true, r);
}

/* --- Waiting ---------------------------------------------------------------- */

static struct claim *
find(const struct tree *t, const struct body *b)
{
	struct claim *cl;

	LIST_FOREACH (cl, &t->copyups, by_tree)
		if (cl->body == b)
			return cl;
	return NULL;
}

static int
park(struct claim *cl, struct waiter *w, struct tree *t, enum copyup_what what)
{
	w->tree = t;
	w->about = cl->body;
	w->what = (int)what;
	w->claim = cl;
	w->is_parked = true;
	TAILQ_INSERT_TAIL(&cl->parked, w, by_claim);
	return -EINPROGRESS;
}

/* How the copy that @w had waited for ended, if this call is for the same. */
static int
take_error(struct waiter *w, const struct body *b, enum copyup_what what)
{
	int r = w->error;

	w->error = 0;
	return w->about == b && w->what == (int)what ? r : 0;
}

int
claim_take(struct claim *cl, struct node *n, const struct call *c,
	   enum copyup_what what)
{
	struct tree *t = n->body->tree;
	CLEANUP_UNLOCK pthread_mutex_t *lock = &t->copyup_lock;
	struct claim *other;
	int r;

	*cl = (struct claim){
		.body = n->body,
		.node = n,
		.c = c,
		.what = what,
	};
	TAILQ_INIT(&cl->parked);
	(void)pthread_mutex_lock(lock);
	while ((other = find(t, cl->body))) {
		if (c->waiter)
			return park(other, c->waiter, t, what);
		other->is_awaited = true;
		(void)pthread_cond_wait(&t->copyup_done, lock);
	}
	if (copyup_is_done(n, what))
		return 0;
	if (c->waiter && c->waiter->error) {
		r = take_error(c->waiter, n->body, what);
		if (r < 0)
			return r;
	}
	LIST_INSERT_HEAD(&t->copyups, cl, by_tree);
	if (t->progress)
		cl->begun_ns = cl->told_ns = now_ns();
	return 1;
}

/* Would the next one meet the same? */
static bool
is_for_all(int r)
{
	return r == -ENOSPC || r == -EDQUOT || r == -EIO;
}

void
claim_release(struct claim *cl, int r)
{
	struct tree *t = cl->body->tree;
	struct waiter *w, *next;

	if (t->progress)
		end_progress(cl, r);
	(void)pthread_mutex_lock(&t->copyup_lock);
	LIST_REMOVE(cl, by_tree);
	TAILQ_FOREACH (w, &cl->parked, by_claim) {
		w->claim = NULL;
		w->error = is_for_all(r) && w->what == (int)cl->what ? r : 0;
	}
	(void)pthread_cond_broadcast(&t->copyup_done);
	(void)pthread_mutex_unlock(&t->copyup_lock);
	/* They are ours until woken; then they may be anywhere. */
	for (w = TAILQ_FIRST(&cl->parked); w; w = next) {
		next = TAILQ_NEXT(w, by_claim);
		w->wake(w);
	}
}

bool
tree_unpark(struct waiter *w)
{
	struct tree *t = w->tree;
	CLEANUP_UNLOCK pthread_mutex_t *lock = &t->copyup_lock;

	(void)pthread_mutex_lock(lock);
	if (!w->claim)
		return false;
	TAILQ_REMOVE(&w->claim->parked, w, by_claim);
	w->claim = NULL;
	return true;
}

/* --- Between slices --------------------------------------------------------- */

static bool
is_wanted(struct claim *cl)
{
	const struct waiter *w = cl->c->waiter;
	struct tree *t = cl->body->tree;
	bool is_awaited;

	if (!w || !atomic_load(&w->is_unwanted))
		return true;
	(void)pthread_mutex_lock(&t->copyup_lock);
	is_awaited = cl->is_awaited || !TAILQ_EMPTY(&cl->parked);
	(void)pthread_mutex_unlock(&t->copyup_lock);
	return is_awaited;
}

int
claim_step(void *ctx, uint64_t done, uint64_t size)
{
	struct claim *cl = ctx;

	if (cl->body->tree->progress)
		note_progress(cl, done, size);
	return is_wanted(cl) ? 0 : -ECANCELED;
}
