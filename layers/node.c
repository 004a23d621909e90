/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Nodes, bodies and directories in memory.
 *
 * A node lives while it is referenced: by a fid, a handle, a child. One that
 * nobody references stays for a while in tree.idle, a directory with its
 * descriptors: walks to it then cost one statx a name, however many layers
 * there are. Reference counts drop without a lock until the last one, which
 * goes under names_lock, where lookups take theirs; so nobody finds a node
 * that is being freed.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "lock.h"
#include "macros.h"
#include "node.h"

static uint64_t
name_hash(const struct node *parent, struct name name)
{
	return hash_bytes(name.ptr, name.len, (uintptr_t)parent);
}

static struct idle *
idle_of(struct tree *t, const struct node *n)
{
	return &t->idle[n->body->dir != NULL];
}

struct node *
node_revive(struct tree *t, struct node *n)
{
	if (__atomic_fetch_add(&n->refs, 1, __ATOMIC_RELAXED) == 0) {
		TAILQ_REMOVE(&idle_of(t, n)->nodes, n, by_age);
		idle_of(t, n)->nr--;
	}
	return n;
}

static struct node *
find_locked(struct tree *t, struct node *dir, struct name name, uint64_t hash)
{
	struct hash_entry *e;
	struct node *n;

	for (e = hash_find(&t->names, hash); e; e = hash_same(e)) {
		n = container_of(e, struct node, by_name);
		if (n->parent == dir && n->name_len == name.len &&
		    memcmp(n->name, name.ptr, name.len) == 0)
			return node_revive(t, n);
	}
	return NULL;
}

struct node *
node_find(struct node *dir, struct name name)
{
	struct tree *t = dir->body->tree;
	uint64_t hash = name_hash(dir, name);
	struct node *n;

	(void)pthread_mutex_lock(&t->names_lock);
	n = find_locked(t, dir, name, hash);
	(void)pthread_mutex_unlock(&t->names_lock);
	return n;
}

struct node *
node_add(struct node *dir, struct name name, struct body *body)
{
	struct node *n = malloc(sizeof(*n) + name.len + 1), *other;
	struct tree *t = body->tree;
	uint64_t hash = name_hash(dir, name);

	if (!n) {
		body_unref(body);
		return NULL;
	}
	*n = (struct node){ .refs = 1, .name_len = (uint8_t)name.len };
	memcpy(n->inline_name, name.ptr, name.len);
	n->inline_name[name.len] = '\0';
	n->name = n->inline_name;
	n->body = body;
	(void)pthread_mutex_lock(&t->names_lock);
	other = dir ? find_locked(t, dir, name, hash) : NULL;
	if (!other) {
		n->parent = dir ? node_revive(t, dir) : NULL;
		if (dir)
			hash_add(&t->names, &n->by_name, hash);
		n->is_hashed = dir != NULL;
		LIST_INSERT_HEAD(&body->nodes, n, by_body);
	}
	(void)pthread_mutex_unlock(&t->names_lock);
	if (other) {
		free(n);
		body_unref(body);
		return other;
	}
	return n;
}

struct node *
node_ref(struct node *n)
{
	__atomic_fetch_add(&n->refs, 1, __ATOMIC_RELAXED);
	return n;
}

/* Under names_lock: out of the table for good. */
static void
unhash(struct tree *t, struct node *n)
{
	if (n->is_hashed)
		hash_del(&t->names, &n->by_name);
	n->is_hashed = false;
}

static struct node *
bury(struct tree *t, struct node *n)
{
	unhash(t, n);
	LIST_REMOVE(n, by_body);
	return n;
}

/*
 * The last reference to @n may be gone: under names_lock, keep it idle or
 * return what is to be freed now (@n, or the one that is idle for longest).
 */
static struct node *
retire(struct tree *t, struct node *n)
{
	struct idle *idle = idle_of(t, n);
	struct node *victim;

	if (!n->is_hashed || idle->max == 0)
		return bury(t, n);
	TAILQ_INSERT_TAIL(&idle->nodes, n, by_age);
	if (++idle->nr <= idle->max)
		return NULL;
	victim = TAILQ_FIRST(&idle->nodes);
	TAILQ_REMOVE(&idle->nodes, victim, by_age);
	idle->nr--;
	return bury(t, victim);
}

void
node_unref(struct node *n)
{
	struct node *dead;
	struct tree *t;
	unsigned refs;

	while (n) {
		refs = __atomic_load_n(&n->refs, __ATOMIC_RELAXED);
		while (refs > 1)
			if (__atomic_compare_exchange_n(
				    &n->refs, &refs, refs - 1, false,
				    __ATOMIC_RELEASE, __ATOMIC_RELAXED))
				return;
		t = n->body->tree;
		dead = NULL;
		(void)pthread_mutex_lock(&t->names_lock);
		if (__atomic_sub_fetch(&n->refs, 1, __ATOMIC_ACQ_REL) == 0)
			dead = retire(t, n);
		(void)pthread_mutex_unlock(&t->names_lock);
		if (!dead)
			return;
		n = dead->parent; /* its reference, dropped next round */
		body_unref(dead->body);
		if (dead->name != dead->inline_name)
			free(dead->name);
		free(dead);
	}
}

void
node_flush_idle(struct tree *t)
{
	struct node *n;
	int i;

	(void)pthread_mutex_lock(&t->names_lock);
	t->idle[0].max = t->idle[1].max = 0;
	for (i = 0; i < 2; i++) {
		while ((n = TAILQ_FIRST(&t->idle[i].nodes))) {
			(void)node_revive(t, n);
			(void)pthread_mutex_unlock(&t->names_lock);
			node_unref(n);
			(void)pthread_mutex_lock(&t->names_lock);
		}
	}
	(void)pthread_mutex_unlock(&t->names_lock);
}

void
node_detach(struct node *n)
{
	struct tree *t = n->body->tree;

	(void)pthread_mutex_lock(&t->names_lock);
	unhash(t, n);
	__atomic_store_n(&n->is_detached, true, __ATOMIC_RELEASE);
	(void)pthread_mutex_unlock(&t->names_lock);
	/* Nothing leads to it any more. */
	if (n->body->dir)
		atomic_store(&n->body->dir->fds.is_kept, true);
}

bool
node_is_shared(const struct node *n)
{
	return __atomic_load_n(&n->refs, __ATOMIC_ACQUIRE) > 1;
}

static void
set_pin(struct body *b, int *pin, int fd)
{
	*pin = fd;
	fds_count(b->tree, 1);
}

int
node_pin(struct node *n, struct at at)
{
	struct body *b = n->body;
	bool is_pinned;
	int fd;

	(void)pthread_mutex_lock(body_lock(b));
	is_pinned = b->pin_fd >= 0;
	(void)pthread_mutex_unlock(body_lock(b));
	if (is_pinned)
		return 0;
	fd = real_open_path(at);
	if (fd < 0)
		return fd;
	(void)pthread_mutex_lock(body_lock(b));
	if (b->pin_fd < 0)
		set_pin(b, &b->pin_fd, take_fd(&fd));
	(void)pthread_mutex_unlock(body_lock(b));
	if (fd >= 0)
		(void)real_close(fd);
	return 0;
}

void
node_repin(struct node *n, int fd)
{
	/* In place: others may be using the number right now. */
	(void)dup3(fd, n->body->pin_fd, O_CLOEXEC);
	(void)real_close(fd);
}

void
node_pin_data(struct node *n, int fd, unsigned layer)
{
	struct body *b = n->body;

	(void)pthread_mutex_lock(body_lock(b));
	if (b->pin_data_fd < 0) {
		set_pin(b, &b->pin_data_fd, take_fd(&fd));
		b->pin_data_layer = layer;
	}
	(void)pthread_mutex_unlock(body_lock(b));
	if (fd >= 0)
		(void)real_close(fd);
}

int
node_pinned_data(struct node *n, int *ret_fd, unsigned *ret_layer)
{
	struct body *b = n->body;
	int fd = -ESTALE;

	(void)pthread_mutex_lock(body_lock(b));
	if (b->pin_data_fd >= 0)
		fd = real_open_path(AT(b->pin_data_fd, ""));
	*ret_layer = b->pin_data_layer;
	(void)pthread_mutex_unlock(body_lock(b));
	if (fd < 0)
		return fd;
	*ret_fd = fd;
	return 0;
}

int
node_move_prepare(struct name name, char **ret_name)
{
	char *s = malloc(name.len + 1);

	if (!s)
		return -ENOMEM;
	memcpy(s, name.ptr, name.len);
	s[name.len] = '\0';
	*ret_name = s;
	return 0;
}

void
node_move(struct node *n, struct node *newdir, struct name name, char *prepared)
{
	struct tree *t = n->body->tree;
	struct node *olddir = n->parent;
	char *oldname = n->name == n->inline_name ? NULL : n->name;

	(void)pthread_mutex_lock(&t->names_lock);
	unhash(t, n);
	__atomic_store_n(&n->parent, node_ref(newdir), __ATOMIC_RELEASE);
	n->name = prepared;
	n->name_len = (uint8_t)name.len;
	hash_add(&t->names, &n->by_name, name_hash(newdir, name));
	n->is_hashed = true;
	(void)pthread_mutex_unlock(&t->names_lock);
	free(oldname);
	node_unref(olddir);
}
