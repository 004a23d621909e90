/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A thread for each tree that has copyup=background. It sleeps until a file
 * becomes partial, then takes piece after piece; between two of them it waits
 * as long as copyup-rate= wants it. Whatever fails for now (a full disk) is
 * tried again later, and told once.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "cleanup.h"
#include "copier.h"
#include "log.h"
#include "macros.h"
#include "tree.h"

#define SECOND_NS UINT64_C(1000000000)
#define PIECE ((uint64_t)256 << 10)
#define RETRY_NS (10 * SECOND_NS)

/* linux/ioprio.h, which Debian 12 has without these for user space. */
#define IOPRIO_WHO_THREAD 1
#define IOPRIO_IDLE (3 << 13)

struct copier {
	struct tree *tree; /* borrowed */
	const char *name; /* borrowed */
	pthread_t thread;
	bool has_told; /* the thread's: of the failure that goes on */

	pthread_mutex_t lock;
	pthread_cond_t woken; /* with lock; CLOCK_MONOTONIC */
	bool has_work, is_stopping; /* under lock */
};

/* Best effort: then it is an ordinary thread. */
static void
be_idle(void)
{
	const struct sched_param none = { 0 };

	(void)pthread_setschedparam(pthread_self(), SCHED_IDLE, &none);
	(void)syscall(SYS_ioprio_set, IOPRIO_WHO_THREAD, 0, IOPRIO_IDLE);
}

static void
wake(void *ctx)
{
	struct copier *c = ctx;

	(void)pthread_mutex_lock(&c->lock);
	c->has_work = true;
	(void)pthread_cond_signal(&c->woken);
	(void)pthread_mutex_unlock(&c->lock);
}

/* Do nothing for so long, or (0) until there is work. False: stop. */
static bool
rest(struct copier *c, uint64_t ns)
{
	CLEANUP_UNLOCK pthread_mutex_t *lock = &c->lock;
	struct timespec until;
	int r = 0;

	(void)clock_gettime(CLOCK_MONOTONIC, &until);
	ns += (uint64_t)until.tv_nsec;
	until.tv_sec += (time_t)(ns / SECOND_NS);
	until.tv_nsec = (long)(ns % SECOND_NS);
	(void)pthread_mutex_lock(lock);
	while (!c->is_stopping && r == 0)
		r = pthread_cond_timedwait(&c->woken, lock, &until);
	return !c->is_stopping;
}

static bool
wait_for_work(struct copier *c)
{
	CLEANUP_UNLOCK pthread_mutex_t *lock = &c->lock;

	(void)pthread_mutex_lock(lock);
	while (!c->is_stopping && !c->has_work)
		(void)pthread_cond_wait(&c->woken, lock);
	c->has_work = false;
	return !c->is_stopping;
}

static bool
is_stopping(struct copier *c)
{
	CLEANUP_UNLOCK pthread_mutex_t *lock = &c->lock;

	(void)pthread_mutex_lock(lock);
	return c->is_stopping;
}

static bool
after_failure(struct copier *c, int r)
{
	if (!c->has_told)
		log_line(LOG_WARNING,
			 "tree \"%s\": cannot copy up in the background: %s; "
			 "trying again",
			 c->name, strerror(-r));
	c->has_told = true;
	return rest(c, RETRY_NS);
}

/* One piece; false: stop. */
static bool
copy(struct copier *c)
{
	uint64_t rate = tree_copy_rate(c->tree), bytes;
	int r = tree_copy_some(c->tree, PIECE, &bytes);

	if (r < 0)
		return after_failure(c, r);
	c->has_told = false;
	if (r == 0)
		return wait_for_work(c);
	if (rate == 0 || bytes < 2)
		return !is_stopping(c);
	return rest(c, (uint64_t)((double)bytes / (double)rate *
				  (double)SECOND_NS));
}

static void *
thread_main(void *ctx)
{
	struct copier *c = ctx;

	be_idle();
	while (copy(c))
		;
	return NULL;
}

struct copier *
copier_new(struct tree *tree, const char *name)
{
	struct copier *c = calloc(1, sizeof(*c));
	pthread_condattr_t attr;
	sigset_t all, old;
	int r;

	if (!c)
		return NULL;
	c->tree = tree;
	c->name = name;
	(void)pthread_mutex_init(&c->lock, NULL);
	(void)pthread_condattr_init(&attr);
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&c->woken, &attr);
	(void)pthread_condattr_destroy(&attr);
	tree_on_copy(tree, wake, c);
	/* Signals are the first loop's. */
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &old);
	r = pthread_create(&c->thread, NULL, thread_main, c);
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (r == 0)
		return c;
	tree_on_copy(tree, NULL, NULL);
	(void)pthread_cond_destroy(&c->woken);
	(void)pthread_mutex_destroy(&c->lock);
	free(c);
	return NULL;
}

bool
copier_free(struct copier *c, unsigned timeout_s)
{
	struct timespec until;

	if (!c)
		return true;
	tree_copy_stop(c->tree);
	(void)pthread_mutex_lock(&c->lock);
	c->is_stopping = true;
	(void)pthread_cond_signal(&c->woken);
	(void)pthread_mutex_unlock(&c->lock);
	(void)clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += timeout_s;
	if (pthread_timedjoin_np(c->thread, NULL, &until) != 0)
		return false;
	tree_on_copy(c->tree, NULL, NULL);
	(void)pthread_cond_destroy(&c->woken);
	(void)pthread_mutex_destroy(&c->lock);
	free(c);
	return true;
}
