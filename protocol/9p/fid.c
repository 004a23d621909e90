/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The fids of a session: which exist, in which state, and who uses them.
 *
 * A message either shares a fid (most do) or changes it: then it runs alone
 * on the fid, and what arrives meanwhile is parked on fid.waiters, in order
 * of arrival. That is a reader-writer lock with one queue; it is taken when
 * a message is dispatched and never waited for by a thread. Where everything
 * completes inside session_receive() it costs two increments.
 *
 *   shared      nr_users counts them
 *   exclusive   nr_users is 1, is_exclusive (lopen, lcreate, xattrcreate, a
 *               walk with newfid == fid, and a newfid while RESERVED)
 *   ending      Tclunk, Tremove: the number is free at once (is_detached),
 *               the request itself waits for the other users to finish and
 *               is then alone
 *
 * A message that names two fids waits in the queues of both, so that later
 * messages for either cannot overtake it. The queues are sorted by arrival:
 * the earliest of all waiting requests is the first in each of its queues
 * and waits for running ones only, hence no deadlock. A message that waits
 * for its fid has its newfid RESERVED meanwhile, so that messages for that
 * wait behind it. Only later ones ever meet it: who has waited for what had
 * the number before was dispatched when that went. A waiter that may have
 * its turn goes to session.queue, keeps its places, and is dispatched again
 * from the start: the numbers may name other fids by then.
 *
 * A fid dies when it is detached and nobody uses or waits for it.
 */
#include <errno.h>
#include <stdlib.h>

#include "cleanup.h"
#include "macros.h"
#include "session.h"

enum fid_lock { LOCK_SHARED, LOCK_EXCLUSIVE, LOCK_ENDING };

struct fid_rule {
	enum fid_lock lock;
	int error[FID_NR_STATES]; /* 0: legal in this state */
};

/* Wrong xattr states are EINVAL, as is opening what is open (9p.md 3.2). */
#define NOT_XATTR [FID_XREAD] = -EINVAL, [FID_XWRITE] = -EINVAL

static const struct fid_rule rules[] = {
	[FID_OBJECT] = { LOCK_SHARED, { NOT_XATTR } },
	[FID_DIRECTORY] = { LOCK_SHARED, { [FID_FILE] = -ENOTDIR, NOT_XATTR } },
	[FID_WALK_SELF] = { LOCK_EXCLUSIVE,
			    { [FID_FILE] = -EBUSY,
			      [FID_DIR] = -EBUSY,
			      NOT_XATTR } },
	[FID_OPEN] = { LOCK_EXCLUSIVE,
		       { [FID_FILE] = -EINVAL,
			 [FID_DIR] = -EINVAL,
			 NOT_XATTR } },
	[FID_READ] = { LOCK_SHARED,
		       { [FID_PATH] = -EBADF,
			 [FID_DIR] = -EISDIR,
			 [FID_XWRITE] = -EINVAL } },
	/* A write may grow the buffer of XWRITE; see op_xattr_write(). */
	[FID_WRITE] = { LOCK_SHARED,
			{ [FID_PATH] = -EBADF,
			  [FID_DIR] = -EBADF,
			  [FID_XREAD] = -EINVAL } },
	[FID_READDIR] = { LOCK_SHARED,
			  { [FID_PATH] = -EBADF,
			    [FID_FILE] = -ENOTDIR,
			    NOT_XATTR } },
	[FID_XATTRCREATE] = { LOCK_EXCLUSIVE,
			      { [FID_DIR] = -EINVAL, NOT_XATTR } },
	[FID_LOCK] = { LOCK_SHARED, { [FID_PATH] = -EBADF, NOT_XATTR } },
	[FID_CLUNK] = { LOCK_ENDING, { 0 } },
	/* The fid is freed even so. */
	[FID_REMOVE] = { LOCK_ENDING, { NOT_XATTR } },
};

/*
 * Clients choose the numbers; the seed keeps them from choosing a bucket.
 * hash_mix() is a bijection, so equal hashes are equal numbers.
 */
static uint64_t
hash_of(const struct session *s, uint32_t num)
{
	return hash_mix(s->fid_seed ^ num);
}

static struct fid *
fid_find(const struct session *s, uint32_t num)
{
	struct hash_entry *e = hash_find(&s->fids, hash_of(s, num));

	return e ? container_of(e, struct fid, by_num) : NULL;
}

/* Must @r wait, whatever it wants to do with the fid? */
static bool
fid_is_busy(const struct fid *f, const struct p9_req *r)
{
	const struct fid_wait *first = TAILQ_FIRST(&f->waiters);

	return f->is_exclusive || (first && first->r->seq < r->seq);
}

static int
fid_new(struct session *s, uint32_t num, struct fid **ret)
{
	struct fid *f;

	if (num == P9_NOFID)
		return -EINVAL;
	/* Not EMFILE: guests take that for a limit of their own. */
	if (s->fids.nr_entries >= s->config.max_fids)
		return -ENOMEM;
	f = malloc(sizeof(*f));
	if (!f)
		return -ENOMEM;
	*f = (struct fid){ .num = num, .nr_users = 1, .is_exclusive = true };
	TAILQ_INIT(&f->waiters);
	hash_add(&s->fids, &f->by_num, hash_of(s, num));
	*ret = f;
	return 0;
}

void
p9_xattr_free(struct session *s, struct fid_xattr *x)
{
	if (!x)
		return;
	s->xattr_bytes -= x->room;
	free(x->value);
	free(x);
}

void
p9_fid_close(struct session *s, struct fid *f)
{
	switch ((enum fid_state)f->state) {
	case FID_FILE:
	case FID_DIR:
		if (f->handle)
			s->config.backend->handle_unref(f->handle);
		f->handle = NULL;
		break;
	case FID_XREAD:
	case FID_XWRITE:
		p9_xattr_free(s, f->xattr);
		f->xattr = NULL;
		break;
	case FID_RESERVED:
	case FID_PATH:
		break;
	}
	f->state = FID_PATH;
}

static void
fid_wake(struct session *s, struct fid_wait *w)
{
	if (w->r->state == P9_REQ_WAITING)
		p9_requeue(s, w->r);
}

/* Free its number. Who waits for it must find out what that names now. */
static void
fid_detach(struct session *s, struct fid *f)
{
	struct fid_wait *w;

	if (f->is_detached)
		return;
	hash_del(&s->fids, &f->by_num);
	f->is_detached = true;
	TAILQ_FOREACH (w, &f->waiters, by_fid)
		fid_wake(s, w);
}

/* A user or waiter has left: let the next one try, or be gone. */
static void
fid_settle(struct session *s, struct fid *f)
{
	struct fid_wait *first = TAILQ_FIRST(&f->waiters);

	if (first && !f->is_exclusive)
		fid_wake(s, first);
	if (first || !f->is_detached || f->nr_users)
		return;
	p9_fid_close(s, f);
	if (f->node)
		s->config.backend->node_unref(f->node);
	free(f);
}

static void
fid_put(struct session *s, struct fid *f)
{
	f->nr_users--;
	f->is_exclusive = false;
	if (f->ender && f->nr_users == 1)
		p9_requeue(s, take_ptr(&f->ender));
	if (f->state == FID_RESERVED)
		fid_detach(s, f);
	fid_settle(s, f);
}

/* Take a place in the queue of @f; most often the last one. */
static void
fid_enlist(struct p9_req *r, struct fid *f)
{
	struct fid_wait *w = &r->waits[r->nr_waits++], *at;

	w->r = r;
	w->f = f;
	at = TAILQ_LAST(&f->waiters, fid_wait_list);
	while (at && at->r->seq > r->seq)
		at = TAILQ_PREV(at, fid_wait_list, by_fid);
	if (at)
		TAILQ_INSERT_AFTER(&f->waiters, at, w, by_fid);
	else
		TAILQ_INSERT_HEAD(&f->waiters, w, by_fid);
}

/* Leave all queues. Returns the fids that now need fid_settle(). */
static unsigned
fids_delist(struct p9_req *r, struct fid *ret[2])
{
	unsigned i, nr = r->nr_waits;

	for (i = 0; i < nr; i++) {
		ret[i] = r->waits[i].f;
		TAILQ_REMOVE(&ret[i]->waiters, &r->waits[i], by_fid);
	}
	r->nr_waits = 0;
	return nr;
}

static bool
is_enlisted(const struct p9_req *r, const struct fid *f)
{
	return (r->nr_waits > 0 && r->waits[0].f == f) ||
	       (r->nr_waits > 1 && r->waits[1].f == f);
}

void
p9_fids_release(struct p9_req *r)
{
	struct fid *f = r->fid, *f2 = r->fid2, *left[2];
	unsigned i, nr = fids_delist(r, left);

	for (i = 0; i < nr; i++)
		fid_settle(r->s, left[i]);
	r->fid = NULL;
	r->fid2 = NULL;
	if (f2)
		fid_put(r->s, f2);
	if (!f)
		return;
	if (f->ender == r)
		f->ender = NULL;
	fid_put(r->s, f);
}

static int
fid_wait(struct p9_req *r, struct fid *f, struct fid *other)
{
	fid_enlist(r, f);
	if (other && other != f)
		fid_enlist(r, other);
	p9_park(r, NULL, P9_REQ_WAITING);
	return 1;
}

/* Wait for @f, and have the newfid @num already, if not from before. */
static int
fid_wait_with_new(struct p9_req *r, struct fid *f, uint32_t num)
{
	int err = r->fid2 ? 0 : fid_new(r->s, num, &r->fid2);

	return err ? err : fid_wait(r, f, NULL);
}

/*
 * Tclunk and Tremove: the number is free for the messages that follow; the
 * request itself goes on when it is the only user left.
 */
static int
acquire_end(struct p9_req *r, struct fid *f, const struct fid_rule *rule)
{
	fid_detach(r->s, f);
	r->is_ending = true;
	r->fid = f;
	f->nr_users++;
	if (f->nr_users == 1)
		return rule->error[f->state];
	f->ender = r;
	p9_park(r, NULL, P9_REQ_ENDING);
	return 1;
}

static int
acquire_one(struct p9_req *r, struct fid *f, const struct fid_rule *rule)
{
	if (rule->lock == LOCK_ENDING)
		return acquire_end(r, f, rule);
	if (rule->lock == LOCK_EXCLUSIVE && f->nr_users)
		return fid_wait(r, f, NULL);
	if (rule->error[f->state])
		return rule->error[f->state];
	f->nr_users++;
	f->is_exclusive = rule->lock == LOCK_EXCLUSIVE;
	r->fid = f;
	return 0;
}

/* A message with a newfid; @f is NULL for Tattach, which has only that. */
static int
acquire_new(struct p9_req *r, struct fid *f, const struct fid_rule *rule,
	    uint32_t num)
{
	struct fid *old = r->fid2 ? NULL : fid_find(r->s, num);
	struct fid *fresh = r->fid2;
	int err = 0;

	if (old && fid_is_busy(old, r))
		return fid_wait(r, old, f);
	if (old)
		return -EBUSY;
	if (f && rule->error[f->state])
		return rule->error[f->state];
	if (!fresh)
		err = fid_new(r->s, num, &fresh);
	if (err)
		return err;
	if (f) {
		f->nr_users++;
		r->fid = f;
		r->fid2 = fresh;
		fresh->uid = f->uid;
	} else {
		r->fid = fresh;
	}
	return 0;
}

static int
acquire_two(struct p9_req *r, struct fid *f, struct fid *f2)
{
	const struct fid_rule *a = &rules[r->row->fid];
	const struct fid_rule *b = &rules[r->row->fid2];

	if (a->error[f->state])
		return a->error[f->state];
	if (b->error[f2->state])
		return b->error[f2->state];
	f->nr_users++;
	f2->nr_users++;
	r->fid = f;
	r->fid2 = f2;
	return 0;
}

static int
acquire(struct p9_req *r, const struct p9_fields *m)
{
	struct session *s = r->s;
	const struct fid_rule *rule = &rules[r->row->fid];
	bool is_new2 = r->row->fid2 == FID_NEW;
	struct fid *f, *f2 = NULL;

	if (r->row->fid == FID_NEW)
		return acquire_new(r, NULL, rule, m->fid);
	f = fid_find(s, m->fid);
	if (!f)
		return -EBADF;
	if (is_new2 && m->fid2 == m->fid) {
		if (r->type != P9_TWALK)
			return -EINVAL;
		is_new2 = false;
		rule = &rules[FID_WALK_SELF];
	} else if (r->row->fid2 != FID_NONE) {
		/* Its own newfid, from before, is none that is there. */
		f2 = r->fid2 ? NULL : fid_find(s, m->fid2);
		if (!f2 && !is_new2)
			return -EBADF;
	}
	if (fid_is_busy(f, r))
		return is_new2 && !f2 ? fid_wait_with_new(r, f, m->fid2)
				      : fid_wait(r, f, f2);
	if (is_new2)
		return acquire_new(r, f, rule, m->fid2);
	if (!f2)
		return acquire_one(r, f, rule);
	if (fid_is_busy(f2, r))
		return fid_wait(r, f2, f);
	return acquire_two(r, f, f2);
}

int
p9_fids_acquire(struct p9_req *r, const struct p9_fields *m)
{
	struct fid *left[2];
	unsigned i, nr;
	int err;

	if (r->row->fid == FID_NONE)
		return 0;
	if (r->is_ending)
		return rules[r->row->fid].error[r->fid->state];
	if (r->nr_waits == 0)
		return acquire(r, m);
	nr = fids_delist(r, left);
	err = acquire(r, m);
	for (i = 0; i < nr; i++)
		if (!is_enlisted(r, left[i]))
			fid_settle(r->s, left[i]);
	return err;
}

void
p9_fids_reset(struct session *s)
{
	struct fid *f;
	size_t i;

	for (i = 0; i < s->fids.nr_buckets; i++) {
		while (s->fids.buckets[i]) {
			f = container_of(s->fids.buckets[i], struct fid,
					 by_num);
			fid_detach(s, f);
			fid_settle(s, f);
		}
	}
}
