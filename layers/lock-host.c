/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Locks of guests at the host (locks=host): what all owners of an object hold
 * together is locked, as one open file description's, in the real file, for
 * processes of the host that use it directly. Where a guest writes, a write
 * lock; where guests only read, a read lock. Between guests the table decides,
 * and nothing is asked twice.
 *
 * A file that cannot be opened for writing, as all in lowers, has read locks
 * only: a description opened for reading can hold no other.
 *
 * A lock is set in one step: where the table lets a guest write there is no
 * other, and where it lets one read there are only readers. What is unlocked
 * may be locked by others still: that is planned as stretches that are left
 * alike.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "lock.h"
#include "macros.h"

/* The host's off_t ends here; a lock that reaches it is one to the end. */
#define HOST_END ((uint64_t)INT64_MAX)

enum level { LEVEL_NONE, LEVEL_READ, LEVEL_WRITE };

/* From the level's number. */
static const short host_types[] = { F_UNLCK, F_RDLCK, F_WRLCK };

/* A lock begins or ends. */
struct edge {
	uint64_t pos; /* at most HOST_END + 1 */
	int count; /* 1, -1 */
	bool stays; /* it is none of those that are replaced */
	bool is_write;
};

struct step {
	uint64_t start, end; /* inclusive */
	enum level before, after;
};

struct lock_host {
	struct tree *tree; /* borrowed: outlives it; const */
	int fd; /* owned; -1: nothing is locked */
	bool can_write;
	struct edge *edges; /* owned; room for max_edges */
	struct step *steps; /* owned; room for one more than that */
	size_t max_edges, nr_edges, nr_steps;
};

struct lock_host *
lock_host_new(struct tree *t)
{
	struct lock_host *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	m->tree = t;
	m->fd = -1;
	return m;
}

void
lock_host_free(struct lock_host *m)
{
	if (!m)
		return;
	lock_host_close(m);
	free(m->edges);
	free(m->steps);
	free(m);
}

void
lock_host_close(struct lock_host *m)
{
	if (m->fd < 0)
		return;
	fds_count(m->tree, -1);
	(void)real_close(take_fd(&m->fd));
}

void
lock_host_open_fd(struct lock_host *m, int fd)
{
	lock_host_close(m);
	m->fd = fd;
	m->can_write = true;
	fds_count(m->tree, 1);
}

static int
open_once(struct lock_host *m, struct node *n, const struct call *c)
{
	CLEANUP_ACCESS struct access a = ACCESS_NONE;
	struct statx stx;
	int fd, r;

	r = access_begin(n, c, &a);
	if (r < 0)
		return r;
	/* In a lower nothing is opened for writing, ever. */
	m->can_write = a.layer == 0;
	fd = real_open(a.at, m->can_write ? O_RDWR : O_RDONLY | O_NOATIME,
		       &stx);
	/* Immutable, being executed, or not ours (rootless). */
	if (m->can_write && (fd == -EACCES || fd == -EPERM || fd == -ETXTBSY)) {
		m->can_write = false;
		fd = real_open(a.at, O_RDONLY, &stx);
	}
	if (fd < 0)
		return fd == -ENOENT ? -ESTALE : fd;
	if (stx.stx_ino != n->body->real_ino) {
		(void)real_close(fd); /* edited behind our back */
		return -ESTALE;
	}
	m->fd = fd;
	fds_count(m->tree, 1);
	return 0;
}

int
lock_host_open(struct lock_host *m, struct node *n, const struct call *c)
{
	int r;

	if (m->fd >= 0)
		return 0;
	r = open_once(m, n, c);
	if (fds_shrink(m->tree, c, r))
		r = open_once(m, n, c);
	fds_sweep(m->tree, c);
	return r;
}

int
lock_host_reserve(struct lock_host *m, unsigned nr_held)
{
	size_t max = 2 * ((size_t)nr_held + 1);
	void *p;

	if (max <= m->max_edges)
		return 0;
	max = MAX(max, 2 * m->max_edges);
	p = reallocarray(m->edges, max, sizeof(*m->edges));
	if (!p)
		return -ENOLCK;
	m->edges = p;
	p = reallocarray(m->steps, max + 1, sizeof(*m->steps));
	if (!p)
		return -ENOLCK;
	m->steps = p;
	m->max_edges = max;
	return 0;
}

static int
by_pos(const void *a, const void *b)
{
	uint64_t p = ((const struct edge *)a)->pos;
	uint64_t q = ((const struct edge *)b)->pos;

	return (p > q) - (p < q);
}

/* Where locks begin and end within [@start, @end]. */
static void
collect_edges(struct lock_host *m, const struct lock_table *t,
	      const struct lock_change *c, uint64_t start, uint64_t end)
{
	const struct lock_held *l;
	struct edge e;

	m->nr_edges = 0;
	LIST_FOREACH (l, &t->held, by_table) {
		if (l->range.start > end || l->range.end < start)
			continue;
		e = (struct edge){
			.pos = MAX(l->range.start, start),
			.count = 1,
			.stays = !c || !lock_is_replaced(l, c),
			.is_write = l->range.type == LOCK_RANGE_WRITE,
		};
		m->edges[m->nr_edges++] = e;
		e.pos = MIN(l->range.end, end) + 1;
		e.count = -1;
		m->edges[m->nr_edges++] = e;
	}
	qsort(m->edges, m->nr_edges, sizeof(*m->edges), by_pos);
}

static enum level
level_of(const struct lock_host *m, enum lock_type type)
{
	return type == LOCK_RANGE_WRITE && m->can_write ? LEVEL_WRITE
							: LEVEL_READ;
}

/* How many locks there are at one place. */
struct counts {
	int nr[2][2]; /* [stays][is_write] */
};

static enum level
level_of_counts(const struct lock_host *m, int nr_read, int nr_write)
{
	if (nr_write)
		return level_of(m, LOCK_RANGE_WRITE);
	return nr_read ? LEVEL_READ : LEVEL_NONE;
}

static struct step
step_of(const struct lock_host *m, const struct counts *n)
{
	return (struct step){
		.before = level_of_counts(m, n->nr[0][0] + n->nr[1][0],
					  n->nr[0][1] + n->nr[1][1]),
		.after = level_of_counts(m, n->nr[1][0], n->nr[1][1]),
	};
}

static void
add_step(struct lock_host *m, struct step s, uint64_t start, uint64_t end)
{
	struct step *last = m->nr_steps ? &m->steps[m->nr_steps - 1] : NULL;

	if (last && last->before == s.before && last->after == s.after) {
		last->end = end;
		return;
	}
	s.start = start;
	s.end = end;
	m->steps[m->nr_steps++] = s;
}

/* @c, an unlock, or NULL: nothing changes. */
static void
plan(struct lock_host *m, const struct lock_table *t,
     const struct lock_change *c)
{
	uint64_t pos = c ? c->range->start : 0;
	uint64_t end = c ? MIN(c->range->end, HOST_END) : HOST_END;
	struct counts n = { { { 0 } } };
	const struct edge *e;
	size_t i;

	m->nr_steps = 0;
	if (pos > end)
		return;
	collect_edges(m, t, c, pos, end);
	for (i = 0; i < m->nr_edges; i++) {
		e = &m->edges[i];
		if (e->pos > pos)
			add_step(m, step_of(m, &n), pos, e->pos - 1);
		pos = e->pos;
		n.nr[e->stays][e->is_write] += e->count;
	}
	if (pos <= end)
		add_step(m, step_of(m, &n), pos, end);
}

int
lock_host_set(struct lock_host *m, const struct lock_range *range)
{
	if (range->start > HOST_END)
		return 0; /* where no file of the host reaches */
	return real_lock(m->fd, host_types[level_of(m, range->type)],
			 range->start, MIN(range->end, HOST_END));
}

void
lock_host_unset(struct lock_host *m, const struct lock_table *t,
		const struct lock_change *c)
{
	const struct step *s = m->steps;
	size_t i, j;

	if (m->fd < 0)
		return; /* nothing is locked */
	plan(m, t, c);
	for (i = 0; i < m->nr_steps; i = j) {
		for (j = i + 1; j < m->nr_steps && s[j].after == s[i].after;)
			j++;
		while (i < j && s[i].before == s[i].after)
			i++; /* as it was: no need to say it again */
		/* If the host has no memory for that, more stays locked. */
		if (i < j)
			(void)real_lock(m->fd, host_types[s[i].after],
					s[i].start, s[j - 1].end);
	}
}

int
lock_host_set_all(struct lock_host *m, const struct lock_table *t)
{
	const struct step *s;
	int r = 0;

	plan(m, t, NULL);
	for (s = m->steps; r == 0 && s < m->steps + m->nr_steps; s++)
		if (s->after != LEVEL_NONE)
			r = real_lock(m->fd, host_types[s->after], s->start,
				      s->end);
	return r;
}

int
lock_host_test(struct lock_host *m, struct lock_range *range,
	       char client_id[LOCK_CLIENT_ID_MAX])
{
	static const char whose[] = "host";
	struct flock fl;
	int r;

	if (range->start > HOST_END) {
		range->type = LOCK_RANGE_NONE;
		return 0;
	}
	r = real_test_lock(m->fd, host_types[level_of(m, range->type)],
			   range->start, MIN(range->end, HOST_END), &fl);
	if (r < 0)
		return r;
	if (fl.l_type == F_UNLCK) {
		range->type = LOCK_RANGE_NONE;
		return 0;
	}
	memcpy(client_id, whose, sizeof(whose) - 1);
	*range = (struct lock_range){
		.type = fl.l_type == F_RDLCK ? LOCK_RANGE_READ
					     : LOCK_RANGE_WRITE,
		.start = (uint64_t)fl.l_start,
		.end = fl.l_len ? (uint64_t)(fl.l_start + fl.l_len - 1)
				: UINT64_MAX,
		/* -1: many processes may hold such a lock together. */
		.proc_id = fl.l_pid > 0 ? (uint32_t)fl.l_pid : 0,
		.client_id = { client_id, sizeof(whose) - 1 },
	};
	return 0;
}

void
lock_host_swap(struct lock_host *m, struct lock_host *other)
{
	struct lock_host tmp = *m;

	*m = *other;
	*other = tmp;
}
