/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The index at work; index-open.c has its start.
 *
 * An object that is in the index is always reached through its entry
 * (access_begin()), whether its names have upper entries or not: the entry
 * is there as long as any name is. index_lock makes publishing an entry and
 * becoming that object in memory one step, so that there is one body for it.
 *
 * "trusted.overlay.nlink" is U or L, and how many links more (or fewer) the
 * union has than the upper or lower inode: written before each change in
 * that form which the change does not touch.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "copyup.h"
#include "index.h"
#include "overlay.h"
#include "owner.h"

void
index_name(const uint8_t *fb, size_t len, char ret[INDEX_NAME_MAX + 1])
{
	static const char digits[] = "0123456789abcdef";
	size_t i;

	for (i = 0; i < len; i++) {
		ret[2 * i] = digits[fb[i] >> 4];
		ret[2 * i + 1] = digits[fb[i] & 15];
	}
	ret[2 * len] = '\0';
}

int
index_get_nlink(const struct tree *t, struct at at, char *ret_form,
		long *ret_delta)
{
	char buf[INDEX_NLINK_MAX + 1], *end;
	ssize_t n;
	long delta;

	n = private_get(t, at, PRIVATE_NLINK, buf, sizeof(buf) - 1);
	if (n < 0)
		return n == -ERANGE ? -EINVAL : (int)n;
	buf[n] = '\0';
	if ((buf[0] != 'U' && buf[0] != 'L') ||
	    (buf[1] != '+' && buf[1] != '-') || buf[2] < '0' || buf[2] > '9')
		return -EINVAL;
	delta = strtol(buf + 1, &end, 10);
	if (end != buf + n || delta > INT32_MAX || delta < INT32_MIN)
		return -EINVAL;
	*ret_form = buf[0];
	*ret_delta = delta;
	return 0;
}

/* The union's number of links, from the mark of @at. */
static uint32_t
read_nlink(const struct tree *t, struct at at, uint32_t upper_nlink,
	   uint32_t lower_nlink)
{
	long delta, nlink;
	char form;

	if (lower_nlink <= 1 || index_get_nlink(t, at, &form, &delta) < 0)
		return upper_nlink;
	nlink = (long)(form == 'U' ? upper_nlink : lower_nlink) + delta;
	return nlink > 0 && nlink < INT32_MAX ? (uint32_t)nlink : upper_nlink;
}

/* The entry @name, if it is there and fits an object of @type. */
static int
read_entry(struct tree *t, const char *name, mode_t type, struct statx *ret)
{
	int r = real_statx(AT(t->layers.upper->index_fd, name), ret);

	if (r < 0)
		return r;
	r = owner_show(t, AT(t->layers.upper->index_fd, name), ret);
	if (r < 0)
		return r;
	/* ovl_lookup_index(): a whiteout there, or another type. */
	return (ret->stx_mode & S_IFMT) == type ? 0 : -EIO;
}

/* The origin of what was found: a lower object's own, or an upper's mark. */
static size_t
origin_of(struct search *s, uint8_t fb[ORIGIN_MAX])
{
	struct at at = { s->parent->upper_fd, s->asked };
	ssize_t n;

	if (s->top_layer > 0)
		return s->top.stx_nlink > 1 && s->lower_fd >= 0
			       ? origin_encode(layer_of(s->t, s->top_layer),
					       AT(s->lower_fd, ""), false, fb)
			       : 0;
	/* An entry is one link more. */
	if (s->top.stx_nlink < 2)
		return 0;
	n = private_get(s->t, at, PRIVATE_ORIGIN, fb, ORIGIN_MAX);
	return n > 0 && origin_check(fb, (size_t)n) == 0 ? (size_t)n : 0;
}

int
index_lookup(struct search *s, struct indexed *ret)
{
	mode_t type = s->top.stx_mode & S_IFMT;
	struct indexed ix = { .lower_nlink = s->top.stx_nlink };
	char name[INDEX_NAME_MAX + 1];
	uint8_t fb[ORIGIN_MAX];
	struct statx lower;
	struct at at;
	size_t len;
	int r;

	*ret = (struct indexed){ 0 };
	len = origin_of(s, fb);
	if (len == 0)
		return 0;
	index_name(fb, len, name);
	r = read_entry(s->t, name, type, &ix.stx);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	if (s->top_layer == 0) {
		/* Another inode: copied up while there was no index. */
		if (ix.stx.stx_ino != s->top.stx_ino ||
		    origin_find(s->t, fb, len, type, &lower) < 0)
			return 0;
		ix.lower_nlink = lower.stx_nlink;
	}
	at = AT(s->t->layers.upper->index_fd, name);
	r = S_ISREG(type) ? metacopy_get(s->t, at) : 0;
	if (r < 0)
		return r;
	ix.is_metacopy = r == 1;
	ix.union_nlink = read_nlink(s->t, at, ix.stx.stx_nlink, ix.lower_nlink);
	ix.name = strdup(name);
	if (!ix.name)
		return -ENOMEM;
	*ret = ix;
	return 0;
}

/* Write the union's number of links relative to @nlink, as form U or L. */
static int
write_nlink(struct node *n, struct at at, char form, uint32_t nlink)
{
	char buf[16];
	int len = snprintf(buf, sizeof(buf), "%c%+d", form,
			   (int)(atomic_load(&n->body->union_nlink) - nlink));

	return private_set(n->body->tree, at, PRIVATE_NLINK, buf, (size_t)len);
}

int
index_publish(struct node *n, unsigned layer, struct at source, struct at copy,
	      int (*flip)(void *ctx, struct at at), void *ctx)
{
	CLEANUP_UNLOCK pthread_mutex_t *lock = NULL;
	struct tree *t = n->body->tree;
	char name[INDEX_NAME_MAX + 1], *own;
	uint8_t fb[ORIGIN_MAX];
	struct at to = { t->layers.upper->index_fd, name };
	size_t len = origin_encode(layer_of(t, layer), source, false, fb);
	int r;

	if (len == 0)
		return -EIO;
	index_name(fb, len, name);
	own = strdup(name);
	if (!own)
		return -ENOMEM;
	/* It will have this one link, and the union as many as the lower. */
	r = write_nlink(n, copy, 'U', 1);
	if (r == 0) {
		(void)pthread_mutex_lock(&t->index_lock);
		lock = &t->index_lock;
		r = *copy.name ? real_rename(t->layers.upper, copy, to,
					     RENAME_NOREPLACE)
			       : real_link_fd(t->layers.upper, copy.fd, to);
	}
	if (r < 0) {
		free(own);
		/* Somebody else's: reached through another layer. */
		return r == -EEXIST ? -ESTALE : r;
	}
	n->body->index_name = own;
	return flip(ctx, to);
}

static int
link_up_locked(struct node *n, struct node *dir)
{
	struct at to = { dir->body->dir->upper_fd, n->name };
	struct statx parent, stx;
	int r;

	r = real_statx(AT(to.fd, ""), &parent);
	if (r == 0)
		r = copyup_mark_impure(dir);
	if (r == 0)
		r = write_nlink(n, index_entry(n), 'L', n->body->lower_nlink);
	if (r == 0)
		r = real_link(node_upper(n), index_entry(n), to);
	if (r < 0)
		return r;
	__atomic_store_n(&n->is_linked_up, true, __ATOMIC_RELEASE);
	(void)copyup_times(node_upper(n), AT(to.fd, ""), &parent);
	r = real_statx(to, &stx);
	return r < 0 ? r : write_nlink(n, index_entry(n), 'U', stx.stx_nlink);
}

int
index_link_up(struct node *n, const struct call *c)
{
	struct node *dir;
	int r = node_lock_parent(n, c, true, &dir);

	if (r == -ENOENT)
		return 0; /* without a name there is nothing to link */
	if (r < 0)
		return r;
	r = index_is_linked_up(n) ? 0 : link_up_locked(n, dir);
	unlock_dir(dir);
	node_unref(dir);
	return r;
}

int
index_nlink_start(struct node *n)
{
	struct statx stx;
	int r;

	if (!n->body->index_name)
		return 0;
	r = real_statx(index_entry(n), &stx);
	return r < 0 ? r : write_nlink(n, index_entry(n), 'U', stx.stx_nlink);
}

void
index_nlink_end(struct node *n, int delta)
{
	struct body *b = n->body;

	if (!b->index_name)
		return;
	/* Those who hold it have it pinned by now. */
	if (atomic_fetch_add(&b->union_nlink, (unsigned)delta) +
		    (unsigned)delta ==
	    0)
		(void)real_unlink(node_upper(n), index_entry(n), 0);
}
