/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The worker pool: everything submitted is done once; what has not begun can
 * be taken back; one queue never holds more than half of the workers when
 * there are others, one who asks for much neither holds all nor is before
 * others, nor has more syncs at work than another one has; stopping does what is
 * left. What is parked holds no worker, is done
 * again when woken, and can be taken back until then.
 */
#include "unit.h"

#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "macros.h"
#include "pool.h"

#define NR 200

struct stage {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool is_open; /* workers may go on */
	unsigned nr_may_leave; /* before that */
	unsigned nr_begun, nr_inside, max_inside, nr_left, nr_done;
	bool is_woken; /* too late to unpark */
	struct pool_lane lane; /* of who asks for most of it */
};

/* What a request is to do, in its ret_count. */
enum { DO, PARK, PARK_WOKEN };

static void
stage_init(struct stage *s)
{
	*s = (struct stage){ .is_open = false };
	pool_lane_init(&s->lane);
	(void)pthread_mutex_init(&s->lock, NULL);
	(void)pthread_cond_init(&s->changed, NULL);
}

static bool
work(void *ctx, struct request *req)
{
	struct stage *s = ctx;

	(void)pthread_mutex_lock(&s->lock);
	req->uid = ++s->nr_begun;
	s->nr_inside++;
	if (s->nr_inside > s->max_inside)
		s->max_inside = s->nr_inside;
	(void)pthread_cond_broadcast(&s->changed);
	while (!s->is_open && s->nr_left >= s->nr_may_leave)
		(void)pthread_cond_wait(&s->changed, &s->lock);
	s->nr_left++;
	s->nr_inside--;
	(void)pthread_mutex_unlock(&s->lock);
	req->error++;
	if (req->ret_count == DO)
		return true;
	if (req->ret_count == PARK_WOKEN)
		req->waiter.wake(&req->waiter);
	req->ret_count = DO; /* the next time */
	return false;
}

static bool
unpark(void *ctx, struct request *req)
{
	const struct stage *s = ctx;

	(void)req;
	return !s->is_woken;
}

static void
complete(void *ctx, struct request *req)
{
	struct stage *s = ctx;

	(void)req;
	(void)pthread_mutex_lock(&s->lock);
	s->nr_done++;
	(void)pthread_cond_broadcast(&s->changed);
	(void)pthread_mutex_unlock(&s->lock);
}

static const struct pool_ops ops = {
	.work = work,
	.unpark = unpark,
	.complete = complete,
};

static void
wait_for(struct stage *s, const unsigned *what, unsigned want)
{
	(void)pthread_mutex_lock(&s->lock);
	while (*what < want)
		(void)pthread_cond_wait(&s->changed, &s->lock);
	(void)pthread_mutex_unlock(&s->lock);
}

static void
open_stage(struct stage *s)
{
	(void)pthread_mutex_lock(&s->lock);
	s->is_open = true;
	(void)pthread_cond_broadcast(&s->changed);
	(void)pthread_mutex_unlock(&s->lock);
}

static void
let_leave(struct stage *s, unsigned nr)
{
	(void)pthread_mutex_lock(&s->lock);
	s->nr_may_leave = nr;
	(void)pthread_cond_broadcast(&s->changed);
	(void)pthread_mutex_unlock(&s->lock);
}

static void
each_is_done_once(void **state)
{
	static struct request reqs[NR];
	struct stage s;
	struct pool *p;
	unsigned i;

	(void)state;
	stage_init(&s);
	p = pool_new(&ops, &s, 4, 1);
	assert_non_null(p);
	for (i = 0; i < NR; i++)
		pool_submit(p, &reqs[i], &s.lane, 0);
	wait_for(&s, &s.nr_inside, 4);
	open_stage(&s);
	wait_for(&s, &s.nr_done, NR);
	assert_true(pool_free(p, 5));
	assert_int_equal(4, s.max_inside);
	for (i = 0; i < NR; i++)
		assert_int_equal(1, reqs[i].error);
}

static void
what_has_not_begun_can_be_taken_back(void **state)
{
	struct request running = { 0 }, waiting = { 0 };
	struct stage s;
	struct pool *p;

	(void)state;
	stage_init(&s);
	p = pool_new(&ops, &s, 1, 1);
	pool_submit(p, &running, &s.lane, 0);
	wait_for(&s, &s.nr_inside, 1);
	pool_submit(p, &waiting, &s.lane, 0);
	assert_false(pool_cancel(p, &running));
	assert_true(pool_cancel(p, &waiting));
	assert_false(pool_cancel(p, &waiting));
	open_stage(&s);
	assert_true(pool_free(p, 5));
	assert_int_equal(1, running.error);
	assert_int_equal(0, waiting.error);
}

static void
one_queue_leaves_half_to_others(void **state)
{
	static struct request hung[8], other;
	struct pool_lane lane;
	struct stage s;
	struct pool *p;
	unsigned i;

	(void)state;
	stage_init(&s);
	pool_lane_init(&lane);
	p = pool_new(&ops, &s, 4, 2);
	for (i = 0; i < 8; i++)
		pool_submit(p, &hung[i], &s.lane, 0);
	wait_for(&s, &s.nr_inside, 2);
	pool_submit(p, &other, &lane, 1);
	/* It begins although six requests of the first queue wait. */
	wait_for(&s, &s.nr_inside, 3);
	open_stage(&s);
	wait_for(&s, &s.nr_done, 9);
	assert_true(pool_free(p, 5));
	assert_int_equal(1, other.error);
}

static void
those_who_ask_take_turns(void **state)
{
	static struct request first, many[20], one, two;
	struct pool_lane modest, other;
	struct stage s;
	struct pool *p;
	unsigned i;

	(void)state;
	stage_init(&s);
	pool_lane_init(&modest);
	pool_lane_init(&other);
	p = pool_new(&ops, &s, 1, 1);
	pool_submit(p, &first, &s.lane, 0);
	wait_for(&s, &s.nr_inside, 1);
	for (i = 0; i < 20; i++)
		pool_submit(p, &many[i], &s.lane, 0);
	pool_submit(p, &one, &modest, 0);
	pool_submit(p, &two, &other, 0);
	open_stage(&s);
	wait_for(&s, &s.nr_done, 23);
	assert_true(pool_free(p, 5));
	/* By one worker, hence one after the other. */
	assert_int_equal(1, first.uid);
	assert_in_range(one.uid, 2, 4);
	assert_in_range(two.uid, 2, 4);
	for (i = 1; i < 20; i++)
		assert_true(many[i - 1].uid < many[i].uid);
}

static void
nobody_holds_all_workers(void **state)
{
	static struct request many[20], one[2];
	struct pool_lane modest[2];
	struct stage s;
	struct pool *p;
	unsigned i;

	(void)state;
	stage_init(&s);
	p = pool_new(&ops, &s, 16, 1);
	for (i = 0; i < 20; i++)
		pool_submit(p, &many[i], &s.lane, 0);
	wait_for(&s, &s.nr_inside, 14);
	/* Two others begin although nothing has ended. */
	for (i = 0; i < 2; i++) {
		pool_lane_init(&modest[i]);
		pool_submit(p, &one[i], &modest[i], 0);
	}
	wait_for(&s, &s.nr_inside, 16);
	open_stage(&s);
	wait_for(&s, &s.nr_done, 22);
	assert_true(pool_free(p, 5));
	/* Of those 16, both. */
	for (i = 0; i < 2; i++)
		assert_in_range(one[i].uid, 1, 16);
}

/* Where others are about, a few threads are enough for anybody. */
static void
who_has_company_holds_few(void **state)
{
	static struct request many[20], one[2];
	struct pool_lane modest[2];
	struct stage s;
	struct pool *p;
	unsigned i, few = 2 * (unsigned)sysconf(_SC_NPROCESSORS_ONLN);

	(void)state;
	few = MIN(MAX(few, 4u), 14u);
	stage_init(&s);
	p = pool_new(&ops, &s, 16, 1);
	pool_lane_init(&modest[0]);
	pool_submit(p, &one[0], &modest[0], 0);
	for (i = 0; i < 20; i++)
		pool_submit(p, &many[i], &s.lane, 0);
	wait_for(&s, &s.nr_inside, 1 + few);
	pool_lane_init(&modest[1]);
	pool_submit(p, &one[1], &modest[1], 0);
	wait_for(&s, &s.nr_inside, 2 + few);
	(void)pthread_mutex_lock(&s.lock);
	assert_int_equal(2 + few, s.nr_begun);
	assert_in_range(one[1].uid, 1, 2 + few);
	(void)pthread_mutex_unlock(&s.lock);
	open_stage(&s);
	wait_for(&s, &s.nr_done, 22);
	assert_true(pool_free(p, 5));
}

/* 16 workers, one queue, and a lane beside that of @s. */
static struct pool *
pool_for_two(struct stage *s, struct pool_lane *modest)
{
	struct pool *p;

	stage_init(s);
	p = pool_new(&ops, s, 16, 1);
	assert_non_null(p);
	pool_lane_init(modest);
	return p;
}

/* Each of them is a sync. */
static void
submit_syncs(struct pool *p, struct pool_lane *lane, struct request *reqs,
	     unsigned nr)
{
	unsigned i;

	for (i = 0; i < nr; i++) {
		reqs[i] = (struct request){ .run_syncs = true };
		pool_submit(p, &reqs[i], lane, 0);
	}
}

static void
who_syncs_in_company_has_as_many(void **state)
{
	static struct request many[20], one, other;
	struct pool_lane modest;
	struct stage s;
	struct pool *p = pool_for_two(&s, &modest);

	(void)state;
	submit_syncs(p, &modest, &one, 1);
	submit_syncs(p, &s.lane, many, 20);
	wait_for(&s, &s.nr_inside, 2);
	/* What is no sync does not wait for those. */
	pool_submit(p, &other, &s.lane, 0);
	wait_for(&s, &s.nr_inside, 3);
	(void)pthread_mutex_lock(&s.lock);
	assert_int_equal(3, s.nr_begun);
	assert_in_range(other.uid, 1, 3);
	(void)pthread_mutex_unlock(&s.lock);
	/* One that waits can be taken back; the rest is done. */
	assert_true(pool_cancel(p, &many[19]));
	open_stage(&s);
	wait_for(&s, &s.nr_done, 21);
	assert_true(pool_free(p, 5));
	assert_int_equal(0, s.lane.nr_syncs);
}

static void
who_syncs_alone_again_has_more(void **state)
{
	static struct request many[30], one;
	struct pool_lane modest;
	struct stage s;
	struct pool *p = pool_for_two(&s, &modest);

	(void)state;
	submit_syncs(p, &modest, &one, 1);
	let_leave(&s, 1);
	wait_for(&s, &s.nr_done, 1);
	submit_syncs(p, &s.lane, many, 30);
	let_leave(&s, 5);
	wait_for(&s, &s.nr_done, 5);
	assert_int_equal(1, s.max_inside);
	let_leave(&s, 12);
	wait_for(&s, &s.nr_inside, 4);
	open_stage(&s);
	wait_for(&s, &s.nr_done, 31);
	assert_true(pool_free(p, 5));
}

/* One worker, and @parked is put aside: another one was done after it. */
static struct pool *
pool_with_parked(struct stage *s, struct request *parked)
{
	struct request other = { 0 };
	struct pool *p;

	stage_init(s);
	s->is_open = true;
	p = pool_new(&ops, s, 1, 1);
	parked->ret_count = PARK;
	pool_submit(p, parked, &s->lane, 0);
	pool_submit(p, &other, &s->lane, 0);
	wait_for(s, &s->nr_done, 1);
	assert_int_equal(1, other.error);
	return p;
}

static void
parked_holds_no_worker(void **state)
{
	struct request parked = { 0 };
	struct stage s;
	struct pool *p = pool_with_parked(&s, &parked);

	(void)state;
	assert_int_equal(1, parked.error);
	parked.waiter.wake(&parked.waiter);
	wait_for(&s, &s.nr_done, 2);
	assert_true(pool_free(p, 5));
	assert_int_equal(2, parked.error);
}

static void
woken_before_it_is_put_aside(void **state)
{
	struct request parked = { .ret_count = PARK_WOKEN };
	struct stage s;
	struct pool *p;

	(void)state;
	stage_init(&s);
	s.is_open = true;
	p = pool_new(&ops, &s, 1, 1);
	pool_submit(p, &parked, &s.lane, 0);
	wait_for(&s, &s.nr_done, 1);
	assert_true(pool_free(p, 5));
	assert_int_equal(2, parked.error);
}

static void
parked_can_be_taken_back(void **state)
{
	struct request parked = { 0 };
	struct stage s;
	struct pool *p = pool_with_parked(&s, &parked);

	(void)state;
	assert_true(pool_cancel(p, &parked));
	assert_false(pool_cancel(p, &parked));
	assert_true(pool_free(p, 5));
	assert_int_equal(1, parked.error);
	assert_int_equal(1, s.nr_done);
}

static void
woken_wins_over_cancel(void **state)
{
	struct request parked = { 0 };
	struct stage s;
	struct pool *p = pool_with_parked(&s, &parked);

	(void)state;
	assert_false(atomic_load(&parked.waiter.is_unwanted));
	s.is_woken = true;
	assert_false(pool_cancel(p, &parked));
	assert_true(atomic_load(&parked.waiter.is_unwanted));
	parked.waiter.wake(&parked.waiter);
	wait_for(&s, &s.nr_done, 2);
	assert_true(pool_free(p, 5));
	assert_int_equal(2, parked.error);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_is_done_once),
		cmocka_unit_test(what_has_not_begun_can_be_taken_back),
		cmocka_unit_test(one_queue_leaves_half_to_others),
		cmocka_unit_test(those_who_ask_take_turns),
		cmocka_unit_test(nobody_holds_all_workers),
		cmocka_unit_test(who_has_company_holds_few),
		cmocka_unit_test(who_syncs_in_company_has_as_many),
		cmocka_unit_test(who_syncs_alone_again_has_more),
		cmocka_unit_test(parked_holds_no_worker),
		cmocka_unit_test(woken_before_it_is_put_aside),
		cmocka_unit_test(parked_can_be_taken_back),
		cmocka_unit_test(woken_wins_over_cancel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
