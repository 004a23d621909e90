/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Copy-up: the kernel's ovl_copy_up_one() and what it calls.
 *
 * The copy is built in the staging area, as an O_TMPFILE or under a "#hex"
 * name, and published with one link or rename: a crash leaves the old object
 * or the new one. While data is copied no lock is held but the claim on the
 * body (claim.c), so that reads, other objects and creates in the same
 * directory go on; whoever wants the same object copied waits for the claim.
 *
 * An object whose name went away meanwhile, or before, is copied all the
 * same and never gets a name: open files of unlinked lower objects can be
 * written (the kernel fails with EEXIST there; DIFFERENCES.md).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "alias.h"
#include "claim.h"
#include "cleanup.h"
#include "copyup.h"
#include "index.h"
#include "lock.h"
#include "lookup.h"
#include "overlay.h"
#include "owner.h"
#include "partial.h"
#include "sync.h"

/* One object on its way. */
struct work {
	struct tree *t;
	struct upper *u;
	struct node *n;
	const struct call *c;
	struct claim claim; /* on the body of n */
	enum copyup_what what;
	bool is_metacopy; /* the data stays below */
	unsigned layer; /* the source's */
	int source; /* owned O_PATH */
	struct statx stx; /* of the source */
	struct owner owner; /* with owner=mapped: what it is shown as */
	struct at temp; /* the copy; fd owned if it is a tmpfile */
	char name[16]; /* its name in the staging area, or "" */
	int tmpfile; /* owned, or -1 */
	int pin; /* owned, or -1: for names that are gone (node_repin()) */
	struct alias_set aliases; /* names that the copy is to have, too */
};

/* Hold the source by a descriptor: its name may go while we copy. */
static int
open_source(struct work *w)
{
	CLEANUP_ACCESS struct access a = ACCESS_NONE;
	int r = access_begin(w->n, w->c, &a);
	struct statx shown;

	if (r < 0)
		return r;
	w->layer = a.layer;
	w->source = real_open_path(a.at);
	if (w->source < 0)
		return w->source;
	r = real_statx(AT(w->source, ""), &w->stx);
	shown = w->stx;
	if (r == 0)
		r = owner_show(w->t, AT(w->source, ""), &shown);
	if (r == 0 && (shown.stx_mode & S_IFMT) != w->n->body->type)
		return -ESTALE;
	w->owner = owner_of(&shown);
	/* ovl_need_meta_copy_up() */
	w->is_metacopy = w->t->layers.features.metacopy &&
			 S_ISREG(shown.stx_mode) &&
			 (w->what == COPYUP_META ||
			  (w->what == COPYUP_WRITE &&
			   partial_is_for(w->t, w->stx.stx_size)));
	return r;
}

/*
 * owner=mapped: must a file stand for what is none itself? Also for what has
 * several names: it cannot change places with one later.
 */
static bool
needs_stand_in(const struct work *w)
{
	return w->t->layers.features.maps_owner && !S_ISREG(w->stx.stx_mode) &&
	       !S_ISDIR(w->stx.stx_mode) &&
	       (!owner_is_plain_link(&w->owner) || w->stx.stx_nlink > 1);
}

static int
stage_symlink(struct work *w)
{
	char target[4097];
	ssize_t n = real_readlink(AT(w->source, ""), target, 4096);

	if (n < 0)
		return (int)n;
	target[n] = '\0';
	if (needs_stand_in(w))
		return owner_make(w->t, w->temp, &w->owner, target);
	return real_symlink(w->u, target, w->temp);
}

/* An empty object of the right type in the staging area. */
static int
stage_object(struct work *w)
{
	mode_t type = w->stx.stx_mode & S_IFMT;

	if (type == S_IFREG && w->u->has_tmpfile) {
		w->tmpfile = real_tmpfile(w->u, w->u->work_fd, 0600);
		w->temp = AT(w->tmpfile, "");
		return w->tmpfile < 0 ? w->tmpfile : 0;
	}
	workdir_temp(w->u, w->name);
	w->temp = AT(w->u->work_fd, w->name);
	switch (type) {
	case S_IFREG:
		w->tmpfile = real_create(w->u, w->temp, O_RDWR, 0600);
		return w->tmpfile < 0 ? w->tmpfile : 0;
	case S_IFDIR:
		return real_mkdir(w->u, w->temp, 0700);
	case S_IFLNK:
		return stage_symlink(w);
	default:
		if (needs_stand_in(w))
			return owner_make(w->t, w->temp, &w->owner, NULL);
		return real_mknod(
			w->u, w->temp, type,
			makedev(w->stx.stx_rdev_major, w->stx.stx_rdev_minor));
	}
}

/* A descriptor to read the data by: the source's, or what is below it. */
static int
open_data(struct work *w)
{
	CLEANUP_CLOSE int fd = -1;
	struct statx stx;
	unsigned layer;
	int r;

	if (!atomic_load(&w->n->body->is_metacopy))
		return real_open(AT(w->source, ""), O_RDONLY | O_NOATIME, &stx);
	r = lookup_data(w->n, w->c, &fd, &layer);
	return r < 0 ? r : real_open(AT(fd, ""), O_RDONLY | O_NOATIME, &stx);
}

/* May what is to be a partial file be cloned instead? */
static bool
tries_clone(const struct work *w)
{
	return w->what == COPYUP_WRITE && atomic_load(&w->u->can_clone);
}

static int
copy_content(struct work *w, bool *ret_synced)
{
	struct copy_job job = {
		.u = w->u,
		.dst = w->tmpfile,
		.size = w->stx.stx_size,
		.step = claim_step,
		.ctx = &w->claim,
	};
	CLEANUP_CLOSE int src = -1;
	int r;

	/* As quick as becoming partial, and whole at once. */
	job.only_clone = w->is_metacopy;
	*ret_synced = true;
	if (!S_ISREG(w->stx.stx_mode) || w->what == COPYUP_TRUNCATED ||
	    w->stx.stx_size == 0)
		return 0;
	if (!w->is_metacopy || tries_clone(w)) {
		src = open_data(w);
		if (src < 0)
			return src;
		job.src = src;
		r = copyup_data(&job, ret_synced);
		if (r < 0 && (r != -EOPNOTSUPP || !w->is_metacopy))
			return r;
		w->is_metacopy = r < 0;
		*ret_synced = *ret_synced || w->is_metacopy;
	}
	/* The last extent may be a hole; metadata is one as a whole. */
	return real_truncate(w->u, w->tmpfile, w->stx.stx_size);
}

/* fsync=strict: metadata and directories too. */
static int
sync_copy(struct work *w, bool is_synced)
{
	CLEANUP_CLOSE int fd = -1;
	struct statx stx;

	if (!S_ISREG(w->stx.stx_mode) && !S_ISDIR(w->stx.stx_mode))
		return 0;
	if (is_synced && !w->u->syncs_all)
		return 0;
	if (w->tmpfile >= 0)
		return real_fsync(w->u, w->tmpfile, false);
	fd = real_open(w->temp, O_RDONLY, &stx);
	return fd < 0 ? fd : real_fsync(w->u, fd, false);
}

/* Marks that are last: they say what the copy is. */
static int
mark_copy(struct work *w)
{
	const struct layer *l = layer_of(w->t, w->layer);
	struct at from = AT(w->source, "");
	int r = 0;

	/* ovl_do_copy_up(): not where several links part here. */
	if (S_ISDIR(w->stx.stx_mode) || w->stx.stx_nlink == 1 ||
	    index_is_for(w->n->body) || w->aliases.is_complete)
		r = copyup_origin(w->t, l, from, w->temp, w->n->body->path);
	if (r == 0 && w->is_metacopy)
		r = private_set(w->t, w->temp, PRIVATE_METACOPY, "", 0);
	return r;
}

/*
 * Make the copy complete. Data first, since writing drops capabilities;
 * owner before mode, since chown clears setuid; xattrs after both, since
 * chown drops capabilities too; times last; sync before it has a name.
 */
static int
build(struct work *w)
{
	struct at from = AT(w->source, "");
	bool is_synced;
	int r;

	bool is_mapped = w->t->layers.features.maps_owner;

	r = copy_content(w, &is_synced);
	if (r == 0 && !is_mapped)
		r = copyup_owner_mode(w->u, w->temp, &w->stx);
	if (r == 0)
		r = copyup_xattrs(w->t, from, w->temp);
	/* After its source's mark was copied. */
	if (r == 0 && is_mapped && !needs_stand_in(w))
		r = owner_set(w->t, w->temp, &w->owner);
	if (r == 0)
		r = copyup_flags(w->t, from, w->temp, &w->stx);
	if (r == 0)
		r = mark_copy(w);
	if (r == 0)
		r = copyup_times(w->u, w->temp, &w->stx);
	return r < 0 ? r : sync_copy(w, is_synced);
}

/*
 * The object is the copy. At once for those who reach it by the pin, with no
 * lock of a directory: who sees that it is in the upper, and writes, must not
 * find the lower one there any more.
 */
static void
set_copied(struct work *w)
{
	struct body *b = w->n->body;

	(void)pthread_mutex_lock(body_lock(b));
	atomic_store(&b->is_metacopy, w->is_metacopy);
	atomic_store(&b->unsynced, UNSYNCED_COPY);
	/* Names that are gone already lead to the copy from now on, too. */
	if (b->pin_fd >= 0 && w->pin >= 0)
		node_repin(w->n, take_fd(&w->pin));
	atomic_store_explicit(&b->layer, 0, memory_order_release);
	if (!w->is_metacopy)
		atomic_fetch_add(&b->generation, 1);
	(void)pthread_mutex_unlock(body_lock(b));
}

/* From now on the object is the upper one. Under the locks of body.layer. */
static int
flip(void *ctx, struct at at)
{
	struct work *w = ctx;
	struct body *b = w->n->body;
	struct statx stx;
	int fd, r;

	r = real_statx(at, &stx);
	if (r < 0)
		return r;
	if (b->dir) {
		fd = real_open_dir(at);
		if (fd < 0)
			return fd;
		(void)pthread_rwlock_wrlock(&b->dir->lock);
		dir_set_upper(w->t, b->dir, fd);
	}
	body_set_real(b, statx_dev(&stx), stx.stx_ino);
	/* Who holds the lower file open and reads on loses nothing. */
	if (w->is_metacopy && !atomic_load(&b->is_metacopy)) {
		b->data_blocks_512 = w->stx.stx_blocks;
		/* Names that are gone lead to the data by this. */
		if (b->pin_fd >= 0)
			node_pin_data(w->n, take_fd(&w->source), w->layer);
	}
	set_copied(w);
	if (b->dir)
		(void)pthread_rwlock_unlock(&b->dir->lock);
	return 0;
}

/* Its name is gone: the copy stays without one, held by the pin. */
static int
publish_orphan(struct work *w)
{
	if (w->n->body->dir)
		return -ENOENT;
	if (w->name[0])
		workdir_discard(w->u, w->name);
	w->name[0] = '\0';
	return flip(w, AT(w->pin, ""));
}

static int
publish_named(struct work *w, struct node *dir)
{
	struct at to = AT(dir->body->dir->upper_fd, w->n->name);
	struct statx parent;
	int r;

	/* The kernel's ovl_set_impure() comes before the child appears. */
	r = real_statx(AT(to.fd, ""), &parent);
	if (r == 0)
		r = copyup_mark_impure(dir);
	if (r < 0)
		return r;
	if (w->name[0])
		r = real_rename(w->u, w->temp, to, RENAME_NOREPLACE);
	else
		r = real_link_fd(w->u, w->tmpfile, to);
	if (r < 0)
		return r;
	w->name[0] = '\0';
	r = flip(w, to);
	/* Best effort, as ovl_set_timestamps() on the parent. */
	(void)copyup_times(w->u, AT(to.fd, ""), &parent);
	return r;
}

/* An object that its other names must find too. */
static int
publish_indexed(struct work *w)
{
	int r = index_publish(w->n, w->layer, AT(w->source, ""), w->temp, flip,
			      w);

	if (r == 0)
		w->name[0] = '\0';
	return r;
}

static int
publish_alias(void *ctx, struct node *dir)
{
	struct work *w = ctx;

	return dir ? publish_named(w, dir) : publish_orphan(w);
}

static int
publish_where(struct work *w)
{
	struct alias_copy copy = { w->temp, !w->name[0], publish_alias, w };
	struct node *dir;
	int r;

	if (index_is_for(w->n->body))
		return publish_indexed(w);
	if (alias_is_for(w->n->body)) {
		r = alias_publish(w->n, &w->aliases, &copy);
		return r == -EAGAIN ? 0 : r; /* then all of it again */
	}
	r = node_lock_parent(w->n, w->c, true, &dir);
	if (r == -ENOENT)
		return publish_orphan(w);
	if (r < 0)
		return r;
	r = publish_named(w, dir);
	unlock_dir(dir);
	node_unref(dir);
	return r;
}

static int
publish(struct work *w)
{
	struct lock_move move = LOCK_MOVE_NONE;
	int r;

	/* Opened while it can still fail: some name may be gone. */
	if (!w->n->body->dir) {
		w->pin = real_open_path(w->temp);
		if (w->pin < 0)
			return w->pin;
	}
	r = lock_node_move(&move, w->n->body, w->tmpfile);
	if (r == 0)
		r = publish_where(w);
	lock_node_moved(&move, body_is_upper(w->n->body));
	return r;
}

static int
copyup_claimed(struct work *w)
{
	int r = open_source(w);

	if (r == 0)
		r = stage_object(w);
	if (r < 0) {
		w->name[0] = '\0'; /* nothing was made */
		return r;
	}
	r = build(w);
	return r < 0 ? r : publish(w);
}

/* Copy @n alone; its parent is in the upper. */
static int
copyup_try(struct node *n, const struct call *c, enum copyup_what what)
{
	struct tree *t = n->body->tree;
	struct work w = {
		.t = t,
		.u = t->layers.upper,
		.n = n,
		.c = c,
		.what = what,
		.source = -1,
		.tmpfile = -1,
		.pin = -1,
	};
	int r = 0;

	if (alias_is_for(n->body) && !body_is_upper(n->body))
		r = alias_find(n, c, &w.aliases);
	if (r < 0)
		return r;
	r = claim_take(&w.claim, n, c, what);
	if (r <= 0) {
		alias_set_free(&w.aliases);
		return r;
	}
	r = 0;
	if (!body_is_upper(n->body))
		r = copyup_claimed(&w);
	else if (!copyup_has_data(n->body, what))
		r = partial_copyup(&w.claim, what);
	if (w.name[0])
		workdir_discard(w.u, w.name);
	if (r == 0 && !index_is_linked_up(n))
		r = index_link_up(n, c);
	alias_set_free(&w.aliases);
	/* A copy without a name goes with its descriptor: who is woken may
	 * need the room. */
	if (w.tmpfile >= 0)
		(void)real_close(w.tmpfile);
	if (w.source >= 0)
		(void)real_close(w.source);
	if (w.pin >= 0)
		(void)real_close(w.pin);
	claim_release(&w.claim, r);
	return r;
}

/* The same again where no descriptor was free. */
static int
copyup_one(struct node *n, const struct call *c, enum copyup_what what)
{
	int r = copyup_try(n, c, what);

	return fds_shrink(n->body->tree, c, r) ? copyup_try(n, c, what) : r;
}

/* The topmost of @n and its ancestors that is not in the upper; counted. */
static struct node *
topmost_lower(struct node *n)
{
	struct node *top = node_ref(n), *parent;

	while (!__atomic_load_n(&top->is_detached, __ATOMIC_ACQUIRE)) {
		parent = node_parent(top);
		if (body_is_upper(parent->body)) {
			node_unref(parent);
			break;
		}
		node_unref(top);
		top = parent;
	}
	return top;
}

int
copyup_node(struct node *n, const struct call *c, enum copyup_what what)
{
	struct node *top;
	int r = 0;

	if (!n->body->tree->layers.upper)
		return -EROFS;
	if (copyup_is_done(n, what))
		return 0;
	if (c->nowait)
		return -EAGAIN;
	while (r == 0 && !copyup_is_done(n, what)) {
		top = topmost_lower(n);
		r = copyup_one(top, c, top == n ? what : COPYUP_META);
		node_unref(top);
		/* Without a name there is nothing to link up. */
		if (__atomic_load_n(&n->is_detached, __ATOMIC_ACQUIRE) &&
		    body_is_upper(n->body) && copyup_has_data(n->body, what))
			break;
	}
	return r;
}

int
copyup_mark_impure(struct node *dir)
{
	struct dir *d = dir->body->dir;
	int r;

	if (d->is_marked_impure)
		return 0;
	r = private_set(dir->body->tree, AT(d->upper_fd, ""), PRIVATE_IMPURE,
			"y", 1);
	/* No xattrs at all: the mount warned; origins are lost too. */
	if (r == -EOPNOTSUPP)
		r = 0;
	if (r == 0)
		d->is_marked_impure = true;
	return r;
}

int
copyup_mark_parent(struct node *dir, const struct node *n, struct at at)
{
	const struct body *b = n->body;
	struct tree *t = b->tree;

	if (private_get(t, at, PRIVATE_ORIGIN, NULL, 0) >= 0)
		return copyup_mark_impure(dir);
	if (b->path == ino_to_path(t, b->real_dev, b->real_ino))
		return 0;
	/* Its number lives as long as it is in memory. */
	dir->body->dir->has_renumbered = true;
	return b->lower_nlink > 1 ? 0 : copyup_mark_impure(dir);
}
