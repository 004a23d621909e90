/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Checking that a lower object is one upper object's alone. Overlayfs finds an
 * inode in memory by the lower object that it was copied up from, or that it is
 * merged with, and refuses the second one that claims to be the same
 * (ovl_get_inode(), ESTALE).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "check.h"
#include "cleanup.h"

void
check_claim_add(struct check *k, const struct check_object *o,
		const struct statx *lower, bool is_covering)
{
	size_t max = k->max_claims ? k->max_claims * 2 : 64;
	struct check_claim *p;

	if (k->nr_claims == k->max_claims) {
		p = reallocarray(k->claims, max, sizeof(*p));
		if (!p) {
			k->error = -ENOMEM;
			return;
		}
		k->claims = p;
		k->max_claims = max;
	}
	p = &k->claims[k->nr_claims];
	*p = (struct check_claim){
		.dev = statx_dev(lower),
		.ino = lower->stx_ino,
		.is_dir = S_ISDIR(lower->stx_mode),
		.is_indexed = o->is_indexed,
		.is_covering = is_covering,
		.own_ino = o->stx.stx_ino,
		.order = k->nr_claims,
		.path = strdup(k->path),
	};
	if (p->path)
		k->nr_claims++;
	else
		k->error = -ENOMEM;
}

static int
by_lower(const struct check_claim *a, const struct check_claim *b)
{
	if (a->dev != b->dev)
		return a->dev < b->dev ? -1 : 1;
	if (a->ino != b->ino)
		return a->ino < b->ino ? -1 : 1;
	return 0;
}

/* Of those for one lower object, the one that is to keep it first. */
static int
by_right(const void *va, const void *vb)
{
	const struct check_claim *a = va, *b = vb;
	int r = by_lower(a, b);

	if (r != 0)
		return r;
	if (a->is_indexed != b->is_indexed)
		return a->is_indexed ? -1 : 1;
	if (a->is_covering != b->is_covering)
		return a->is_covering ? -1 : 1;
	return a->order < b->order ? -1 : 1;
}

/* The object @path of the upper: its directory, which the caller closes. */
static int
open_parent(struct check *k, const char *path, struct at *ret)
{
	int fd = real_open_dir(AT(k->t->layers.upper->layer.fd, "")), next;
	const char *slash;
	char name[256];

	while (fd >= 0 && (slash = strchr(path, '/'))) {
		name_copy((struct name){ path, (size_t)(slash - path) }, name);
		next = real_open_dir(AT(fd, name));
		(void)real_close(fd);
		fd = next;
		path = slash + 1;
	}
	*ret = AT(fd, path);
	return fd;
}

static int
drop_origin(struct check *k, const char *path)
{
	CLEANUP_CLOSE int fd = -1;
	struct at at;

	if (!k->repairs)
		return CHECK_UNTRIED;
	fd = open_parent(k, path, &at);
	return fd < 0 ? fd : private_remove(k->t, at, PRIVATE_ORIGIN);
}

/* Another name of what was dealt with, among the claims from @first? */
static bool
is_again(const struct check_claim *first, const struct check_claim *c)
{
	for (; first < c; first++)
		if (first->own_ino == c->own_ino)
			return true;
	return false;
}

void
check_claim_report(struct check *k, const struct check_claim *c)
{
	check_go(k, c->path);
	if (c->is_dir)
		check_report(k, CHECK_REDIRECT_TWIN, CHECK_UNTRIED);
	else
		check_report(k, CHECK_ORIGIN_TWIN, drop_origin(k, c->path));
	check_leave(k, 0);
}

void
check_claims(struct check *k)
{
	const struct check_claim *first = k->claims, *c;
	size_t i;

	if (k->nr_claims == 0)
		return;
	qsort(k->claims, k->nr_claims, sizeof(*k->claims), by_right);
	for (i = 1; i < k->nr_claims; i++) {
		c = &k->claims[i];
		if (by_lower(first, c) != 0)
			first = c;
		else if (!is_again(first, c))
			check_claim_report(k, c);
	}
}

const struct check_claim *
check_claim_find(struct check *k, dev_t dev, ino_t ino)
{
	const struct check_claim key = { .dev = dev, .ino = ino };
	size_t from = 0, to = k->nr_claims, mid;

	while (from < to) {
		mid = from + (to - from) / 2;
		if (by_lower(&k->claims[mid], &key) < 0)
			from = mid + 1;
		else
			to = mid;
	}
	if (from == k->nr_claims || by_lower(&k->claims[from], &key) != 0)
		return NULL;
	return &k->claims[from];
}

unsigned
check_claims_covered(struct check *k, dev_t dev, ino_t ino)
{
	const struct check_claim *c = check_claim_find(k, dev, ino);
	const struct check_claim *end = k->claims + k->nr_claims;
	unsigned nr = 0;

	for (; c && c < end && c->dev == dev && c->ino == ino; c++)
		nr += c->is_covering;
	return nr;
}
