/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Bodies: objects, under whatever names. Those that several names may lead to
 * are found by what they really are; all are found by the number that they
 * show, so that no two show the same one.
 */
#include <errno.h>
#include <stdlib.h>

#include "lock.h"
#include "macros.h"
#include "overlay.h"
#include "partial.h"

static uint64_t
real_hash(dev_t dev, ino_t ino)
{
	return hash_mix(hash_mix(dev) ^ ino);
}

/*
 * Under names_lock: let @b have its number, unless it is an upper object and
 * another that is in use has that: two with one origin (a copy with all xattrs,
 * which only root can make), or the lower one. The kernel says ESTALE there. A
 * lower object always has its own: listings of lowers are passed on.
 */
static void
claim_path(struct tree *t, struct body *b)
{
	const struct body *other;
	struct hash_entry *e;

	for (e = hash_find(&t->paths, hash_mix(b->path)); e; e = hash_same(e)) {
		other = container_of(e, struct body, by_path);
		if (body_is_upper(b) && other->path == b->path &&
		    (other->real_dev != b->real_dev ||
		     other->real_ino != b->real_ino)) {
			b->path = ino_hashed(b->real_dev, b->real_ino);
			break;
		}
	}
	hash_add(&t->paths, &b->by_path, hash_mix(b->path));
}

/* Room for all that nr_writes can be. */
#define SALT_STEP (UINT64_C(1) << 32)

struct body *
body_new(struct tree *t, const struct statx *stx, unsigned layer, uint64_t path,
	 struct dir *dir)
{
	struct body *b = calloc(1, sizeof(*b));

	if (!b) {
		dir_free(dir);
		return NULL;
	}
	b->tree = t;
	b->refs = 1;
	b->type = stx->stx_mode & S_IFMT;
	b->path = path;
	atomic_init(&b->layer, layer);
	b->real_dev = statx_dev(stx);
	b->real_ino = stx->stx_ino;
	atomic_init(&b->may_have_suid,
		    (stx->stx_mode & (S_ISUID | S_ISGID)) != 0);
	b->is_own =
		layer == 0 && path == ino_to_path(t, b->real_dev, b->real_ino);
	LIST_INIT(&b->files);
	LIST_INIT(&b->nodes);
	b->pin_fd = b->pin_data_fd = -1;
	b->dir = dir;
	(void)pthread_mutex_lock(&t->names_lock);
	claim_path(t, b);
	b->salt = t->next_salt;
	t->next_salt += SALT_STEP;
	(void)pthread_mutex_unlock(&t->names_lock);
	if (dir) {
		dir_trim(dir);
		fds_add(t, &dir->fds, dir_nr_fds(dir));
	}
	return b;
}

static void
drop_pin(struct body *b, int fd)
{
	if (fd < 0)
		return;
	fds_count(b->tree, -1);
	(void)real_close(fd);
}

static void
body_free(struct body *b)
{
	partial_free(b->partial);
	partial_body_gone(b);
	drop_pin(b, b->pin_fd);
	drop_pin(b, b->pin_data_fd);
	lock_table_free(b->locks);
	free(b->index_name);
	free(b->owner);
	if (b->dir)
		fds_drop(b->tree, &b->dir->fds);
	dir_free(b->dir);
	free(b);
}

void
body_unref(struct body *b)
{
	struct tree *t;
	bool last;

	if (!b)
		return;
	t = b->tree;
	(void)pthread_mutex_lock(&t->names_lock);
	last = --b->refs == 0;
	if (last && b->is_hashed)
		hash_del(&t->bodies, &b->by_real);
	if (last)
		hash_del(&t->paths, &b->by_path);
	(void)pthread_mutex_unlock(&t->names_lock);
	if (last)
		body_free(b);
}

/* Under names_lock: the body in the table, with one more reference. */
static struct body *
body_find_locked(struct tree *t, dev_t dev, ino_t ino)
{
	struct hash_entry *e;
	struct body *b;

	for (e = hash_find(&t->bodies, real_hash(dev, ino)); e;
	     e = hash_same(e)) {
		b = container_of(e, struct body, by_real);
		if (b->real_dev == dev && b->real_ino == ino) {
			b->refs++;
			return b;
		}
	}
	return NULL;
}

struct body *
body_find(struct tree *t, dev_t dev, ino_t ino)
{
	struct body *b;

	(void)pthread_mutex_lock(&t->names_lock);
	b = body_find_locked(t, dev, ino);
	(void)pthread_mutex_unlock(&t->names_lock);
	return b;
}

struct body *
body_publish(struct body *b)
{
	struct tree *t = b->tree;
	struct body *other = NULL;

	(void)pthread_mutex_lock(&t->names_lock);
	if (!b->is_hashed) {
		other = body_find_locked(t, b->real_dev, b->real_ino);
		if (!other) {
			hash_add(&t->bodies, &b->by_real,
				 real_hash(b->real_dev, b->real_ino));
			b->is_hashed = true;
		}
	}
	(void)pthread_mutex_unlock(&t->names_lock);
	if (!other)
		return b;
	body_unref(b);
	return other;
}

void
body_set_real(struct body *b, dev_t dev, ino_t ino)
{
	struct tree *t = b->tree;

	(void)pthread_mutex_lock(&t->names_lock);
	if (b->is_hashed)
		hash_del(&t->bodies, &b->by_real);
	b->real_dev = dev;
	b->real_ino = ino;
	if (b->is_hashed)
		hash_add(&t->bodies, &b->by_real, real_hash(dev, ino));
	(void)pthread_mutex_unlock(&t->names_lock);
}

struct body *
body_ref(struct body *b)
{
	(void)pthread_mutex_lock(&b->tree->names_lock);
	b->refs++;
	(void)pthread_mutex_unlock(&b->tree->names_lock);
	return b;
}
