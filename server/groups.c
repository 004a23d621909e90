/* SPDX-License-Identifier: BSD-3-Clause */
/* Groups of the host's users; see groups.h. */
#include <errno.h>
#include <grp.h>
#include <pthread.h>
#include <pwd.h>
#include <stdlib.h>

#include "cleanup.h"
#include "groups.h"
#include "macros.h"

/* Users known at once, and for how long: membership may change. */
#define NR_KNOWN 64
#define KNOWN_FOR_S 60
#define MAX_GROUPS 65536 /* NGROUPS_MAX */

struct groups {
	pthread_mutex_t lock;
	struct user *known[NR_KNOWN]; /* counted; under lock; by uid */
};

struct groups *
groups_new(void)
{
	struct groups *g = calloc(1, sizeof(*g));

	if (g)
		(void)pthread_mutex_init(&g->lock, NULL);
	return g;
}

void
groups_free(struct groups *g)
{
	unsigned i;

	if (!g)
		return;
	for (i = 0; i < NR_KNOWN; i++)
		user_unref(g->known[i]);
	(void)pthread_mutex_destroy(&g->lock);
	free(g);
}

void
user_unref(struct user *u)
{
	if (u && atomic_fetch_sub(&u->refs, 1) == 1)
		free(u);
}

static time_t
now_s(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC_COARSE, &ts);
	return ts.tv_sec;
}

/* A user with room for @nr groups. */
static struct user *
user_new(uint32_t uid, uint32_t gid, unsigned nr)
{
	struct user *u = malloc(sizeof(*u) + nr * sizeof(u->groups[0]));

	if (!u)
		return NULL;
	*u = (struct user){ .cred = { .uid = uid, .gid = gid } };
	u->cred.groups = u->groups;
	u->cred.nr_groups = nr;
	u->until = now_s() + KNOWN_FOR_S;
	atomic_init(&u->refs, 1);
	return u;
}

/* All groups of the user called @name. */
static int
list_groups(const struct passwd *pw, struct user **ret)
{
	struct user *u = NULL;
	int nr = 64, room, r;

	do {
		user_unref(u);
		room = nr;
		u = user_new(pw->pw_uid, pw->pw_gid, (unsigned)room);
		if (!u)
			return -ENOMEM;
		/* Says how many there are where they do not fit. */
		r = getgrouplist(pw->pw_name, pw->pw_gid, u->groups, &nr);
	} while (r < 0 && nr > room && nr <= MAX_GROUPS);
	u->cred.nr_groups = (unsigned)MIN(nr, room);
	*ret = u;
	return 0;
}

static int
ask(uint32_t uid, struct user **ret)
{
	CLEANUP_FREE char *buf = NULL;
	struct passwd pw, *found = NULL;
	size_t size = 16384;
	int r;

	do {
		free(take_ptr(&buf));
		buf = malloc(size);
		if (!buf)
			return -ENOMEM;
		r = getpwuid_r(uid, &pw, buf, size, &found);
		size *= 4;
	} while (r == ERANGE && size <= (1u << 22));
	if (r == 0 && found)
		return list_groups(&pw, ret);
	/* Whom it does not know, or does not answer about. */
	*ret = user_new(uid, uid, 0);
	return *ret ? 0 : -ENOMEM;
}

int
groups_of(struct groups *g, uint32_t uid, bool nowait, struct user **ret)
{
	struct user **slot = &g->known[uid % NR_KNOWN], *u, *old = NULL;
	int r;

	(void)pthread_mutex_lock(&g->lock);
	u = *slot;
	if (u && u->cred.uid == uid && u->until > now_s())
		atomic_fetch_add(&u->refs, 1);
	else
		u = NULL;
	(void)pthread_mutex_unlock(&g->lock);
	if (!u && nowait)
		return -EAGAIN;
	if (!u) {
		r = ask(uid, &u); /* may take long: without the lock */
		if (r < 0)
			return r;
		atomic_fetch_add(&u->refs, 1);
		(void)pthread_mutex_lock(&g->lock);
		old = *slot;
		*slot = u;
		(void)pthread_mutex_unlock(&g->lock);
		user_unref(old);
	}
	*ret = u;
	return 0;
}
