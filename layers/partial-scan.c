/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Finding the partial files that an earlier server left: a walk through the
 * upper alone, whose names are those of the merged tree, until there are as many
 * as there are maps. What is renamed meanwhile may be missed; it is found when
 * somebody opens it, or at the next start.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "cleanup.h"
#include "partial.h"

/* Each level costs a descriptor; deeper ones are found when opened. */
#define MAX_DEPTH 256

struct scan {
	struct tree *t; /* borrowed */
	struct name names[MAX_DEPTH]; /* borrowed from the levels */
	unsigned nr;
	unsigned nr_wanted;
};

static const struct call scan_call = { .gid = UINT32_MAX };

/* The file at s->names has the mark: let the copier have it. */
static void
found(struct scan *s)
{
	struct ident idents[MAX_DEPTH];
	struct partial *p = NULL;
	struct node *n = NULL;
	unsigned got;

	if (tree_walk(s->t->root, &scan_call, s->names, s->nr, idents, &got,
		      &n) < 0)
		return;
	/* What cannot be read is told to those who open it. */
	if (S_ISREG(n->body->type) && partial_get(n, &scan_call, &p) == 0 && p)
		partial_put(p);
	node_unref(n);
	s->nr_wanted--;
}

static bool
goes_on(const struct scan *s)
{
	return s->nr_wanted > 0 && !atomic_load(&s->t->partials->is_stopping);
}

static void walk(struct scan *s, struct at at);

static void
visit(struct scan *s, struct at at)
{
	struct partial_mark mark;
	struct statx stx;

	if (s->nr == MAX_DEPTH || real_statx(at, &stx) < 0)
		return;
	s->names[s->nr++] = (struct name){ at.name, strlen(at.name) };
	if (S_ISDIR(stx.stx_mode))
		walk(s, at);
	else if (S_ISREG(stx.stx_mode) &&
		 partial_mark_get(s->t, at, &mark) != -ENODATA)
		found(s);
	s->nr--;
}

static void
walk(struct scan *s, struct at at)
{
	CLEANUP_CLOSEDIR DIR *d = NULL;
	const struct dirent *e;
	struct statx stx;
	int fd = real_open(at, O_RDONLY | O_DIRECTORY | O_NOATIME, &stx);

	if (fd < 0)
		return;
	d = fdopendir(fd);
	if (!d) {
		(void)real_close(fd);
		return;
	}
	while (goes_on(s) && (e = readdir(d)))
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			visit(s, AT(fd, e->d_name));
}

void
partial_scan(struct tree *t)
{
	struct partial_set *ps = t->partials;
	struct scan s = { .t = t };

	(void)pthread_mutex_lock(&ps->maps_lock);
	s.nr_wanted = ps->nr_maps;
	(void)pthread_mutex_unlock(&ps->maps_lock);
	/* A descriptor of its own: readdir() moves its position. */
	walk(&s, AT(t->layers.upper->layer.fd, "."));
}
