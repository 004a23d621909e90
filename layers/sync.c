/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What fsync(2), FLUSH and synchronous writes promise.
 *
 * Names. A copy is synced before it has its name (copyup.c), which is on disk
 * only when its directory is, and that may be a copy without a name on disk
 * itself. Who writes to a file and syncs it is to find that after a crash, not
 * the lower file: the first sync after a copy-up goes for the directories too,
 * from the file up to the first one whose own name is known to be there. Of a
 * new file a 9P client syncs the directory himself, as on any file system
 * (doing it for him makes his fsync a fifth slower on ext4); who has blocks
 * only cannot.
 *
 * Errors. Linux tells a writeback error once for each open file, and forgets
 * the pages. Open files are shared here, by several clients and with those that
 * come later: so the error stays with the object, until nobody has it open for
 * writing any more. Of a volatile upper it stays for good, as in
 * ovl_sync_status().
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "cleanup.h"
#include "sync.h"

/* --- Errors ---------------------------------------------------------------- */

void
sync_add_writer(struct body *b)
{
	/* One that came when nobody was there to be told is over, too. */
	if (atomic_fetch_add(&b->nr_writers, 1) == 0)
		atomic_store(&b->sync_error, 0);
}

void
sync_del_writer(struct body *b)
{
	if (atomic_fetch_sub(&b->nr_writers, 1) == 1)
		atomic_store(&b->sync_error, 0);
}

int
sync_status(const struct body *b)
{
	const struct upper *u = b->tree->layers.upper;

	return u->is_volatile ? atomic_load(&u->sync_error)
			      : atomic_load(&b->sync_error);
}

/* What writeback found is recorded as it is: mapping_set_error(). */
static bool
is_full(ssize_t r)
{
	return r == -ENOSPC || r == -EDQUOT;
}

/* A sync came to @r. */
static void
note(struct body *b, int r)
{
	short none = 0;

	if ((r == -EIO || is_full(r)) && atomic_load(&b->nr_writers) > 0)
		(void)atomic_compare_exchange_strong(&b->sync_error, &none,
						     (short)r);
}

int
sync_look(struct upper *u, int fd)
{
	int none = 0, r = real_writeback_error(u, fd);

	if (r < 0)
		(void)atomic_compare_exchange_strong(&u->sync_error, &none, r);
	return atomic_load(&u->sync_error);
}

/* --- Names ----------------------------------------------------------------- */

/* Whose directories are synced: each node is followed by that of its parent. */
struct chain {
	struct node **nodes; /* owned, counted */
	size_t nr, size;
};

static int
chain_add(struct chain *ch, struct node *n)
{
	struct node **p;

	if (ch->nr == ch->size) {
		p = reallocarray(ch->nodes, ch->size * 2 + 8, sizeof(*p));
		if (!p)
			return -ENOMEM;
		ch->nodes = p;
		ch->size = ch->size * 2 + 8;
	}
	ch->nodes[ch->nr++] = n;
	return 0;
}

static void
chain_free(struct chain *ch)
{
	while (ch->nr > 0)
		node_unref(ch->nodes[--ch->nr]);
	free(ch->nodes);
}

/* All names that @b has. */
static int
chain_begin(struct chain *ch, struct body *b)
{
	struct tree *t = b->tree;
	struct node *n;
	int r = 0;

	(void)pthread_mutex_lock(&t->names_lock);
	LIST_FOREACH (n, &b->nodes, by_body) {
		if (n->is_detached)
			continue;
		r = chain_add(ch, n);
		if (r < 0)
			break;
		(void)node_revive(t, n);
	}
	(void)pthread_mutex_unlock(&t->names_lock);
	return r;
}

/* Sync the directory @at. Its owner may have made it unreadable for us. */
static int
sync_dir_at(struct tree *t, struct at at, const struct call *c)
{
	CLEANUP_CLOSE int fd = -1;
	struct statx unused;

	fd = real_open(at, O_RDONLY | O_DIRECTORY, &unused);
	if (fds_shrink(t, c, fd))
		fd = real_open(at, O_RDONLY | O_DIRECTORY, &unused);
	if (fd == -EACCES)
		return real_syncfs(t->layers.upper);
	return fd < 0 ? fd : real_fsync(t->layers.upper, fd, false);
}

static int
sync_dir(struct node *dir, const struct call *c)
{
	CLEANUP_CLOSE int fd = -1;
	struct access a;
	int r = access_begin(dir, c, &a);

	if (r < 0)
		return r;
	fd = real_open_path(a.at);
	access_end(&a); /* a sync may take long: hold no name still */
	return fd < 0 ? fd : sync_dir_at(dir->body->tree, AT(fd, ""), c);
}

/* Sync the directory of the node @i, and go on with it if it is a new copy. */
static int
chain_step(struct chain *ch, size_t i, const struct call *c)
{
	struct node *n = ch->nodes[i], *dir;
	int r;

	/* Nothing leads to what is gone; the root is not ours to sync. */
	if (__atomic_load_n(&n->is_detached, __ATOMIC_ACQUIRE) || !n->parent)
		return 0;
	dir = node_parent(n);
	r = sync_dir(dir, c);
	if (r == 0 && atomic_load(&dir->body->unsynced) == UNSYNCED_COPY) {
		r = chain_add(ch, dir);
		if (r == 0)
			return 0; /* it is in there */
	}
	node_unref(dir);
	return r;
}

static int
sync_names(struct node *n, const struct call *c)
{
	const struct upper *u = node_upper(n);
	struct chain ch = { 0 };
	size_t i;
	int r = chain_begin(&ch, n->body);

	if (r == 0 && n->body->index_name)
		r = sync_dir_at(n->body->tree, AT(u->index_fd, ""), c);
	for (i = 0; i < ch.nr && r == 0; i++)
		r = chain_step(&ch, i, c);
	/* Not before: who finds it done need not wait for us. */
	for (i = 0; i < ch.nr && r == 0; i++)
		atomic_store(&ch.nodes[i]->body->unsynced, UNSYNCED_NOTHING);
	chain_free(&ch);
	return r;
}

static bool
needs_names(const struct body *b, const struct handle *h)
{
	unsigned char u = atomic_load(&b->unsynced);

	return u == UNSYNCED_COPY || (u == UNSYNCED_MADE && h && h->is_late);
}

/* --- Syncing --------------------------------------------------------------- */

bool
sync_waits(struct node *n, const struct handle *h)
{
	return !node_upper(n)->layer.is_memory || needs_names(n->body, h);
}

bool
sync_is_asked(const struct handle *h, const struct call *c)
{
	return c->is_sync || handle_is_sync(h);
}

int
sync_done(struct node *n, const struct handle *h, const struct call *c, int r)
{
	if (r == 0 && needs_names(n->body, h))
		r = sync_names(n, c);
	note(n->body, r);
	return r;
}

int
sync_file(struct node *n, const struct handle *h, const struct call *c, int fd,
	  bool datasync)
{
	return sync_done(n, h, c, real_fsync(node_upper(n), fd, datasync));
}

ssize_t
sync_write(struct handle *h, const struct call *c, int fd,
	   const struct sync_io *io)
{
	struct upper *u = node_upper(h->node);
	struct body *b = h->node->body;
	ssize_t n;
	int r = 0;

	n = real_pwritev(u, fd, io->iov, io->nr_iov, io->off, !u->is_volatile);
	if (u->is_volatile)
		return n;
	/*
	 * No room for these bytes, or for others when they were to go to disk?
	 * If these can be written, it was others, which are lost.
	 */
	if (is_full(n) &&
	    real_pwritev(u, fd, io->iov, io->nr_iov, io->off, false) < 0)
		return n;
	if (n >= 0 && needs_names(b, h))
		r = sync_names(h->node, c);
	note(b, n < 0 ? (int)n : r);
	return r < 0 ? r : n;
}
