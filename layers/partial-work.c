/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The maps of partial files, W/partial/KEY, and W/work/incompat/veneer-partial:
 * while there is any map, a kernel must not mount the upper. It would read the
 * old data from below, and copy that over what is here.
 *
 * The entry is there before the first map, and goes after the last. A map
 * whose file is gone (a crash after an unlink, or at the end of a file's being
 * partial) is removed at start where the file system has handles to ask by; else
 * by settle or check.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "cleanup.h"
#include "partial.h"

#define BOOT_ID "/proc/sys/kernel/random/boot_id"
#define ABOVE_DEFAULT ((uint64_t)4 << 20)

/* --- The entry ------------------------------------------------------------------ */

/* W/work/incompat as a descriptor, or errno. */
static int
open_incompat(const struct upper *u)
{
	return real_open_dir(AT(u->work_fd, WORKDIR_INCOMPAT));
}

static int
make_dir(struct upper *u, struct at at)
{
	int r = real_mkdir(u, at, 0700);

	return r == -EEXIST ? 0 : r;
}

static int
add_entry(struct upper *u)
{
	CLEANUP_CLOSE int fd = -1;
	int r = make_dir(u, AT(u->work_fd, WORKDIR_INCOMPAT));

	if (r == 0)
		r = fd = open_incompat(u);
	return r < 0 ? r : make_dir(u, AT(fd, WORKDIR_PARTIAL_ENTRY));
}

static int
del_entry(struct upper *u)
{
	CLEANUP_CLOSE int fd = open_incompat(u);
	int r;

	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	r = real_unlink(u, AT(fd, WORKDIR_PARTIAL_ENTRY), AT_REMOVEDIR);
	/* Not where something else keeps mounts out. */
	if (r == 0 || r == -ENOENT)
		(void)real_unlink(u, AT(u->work_fd, WORKDIR_INCOMPAT),
				  AT_REMOVEDIR);
	return r == -ENOENT ? 0 : r;
}

/* --- Maps ------------------------------------------------------------------------ */

static int
open_maps(struct upper *u)
{
	struct at at = { u->base_fd, WORKDIR_PARTIAL };
	int r = make_dir(u, at);
	struct statx stx;

	return r < 0 ? r : real_open(at, O_RDONLY | O_DIRECTORY, &stx);
}

int
partial_maps_add(struct tree *t, const uint8_t *key)
{
	struct partial_set *ps = t->partials;
	CLEANUP_UNLOCK pthread_mutex_t *lock = &ps->maps_lock;
	struct upper *u = t->layers.upper;
	char name[PARTIAL_NAME_SIZE];
	struct statx stx;
	int r = 0;

	(void)pthread_mutex_lock(lock);
	if (ps->dir < 0)
		r = ps->dir = open_maps(u);
	if (r >= 0 && !ps->has_entry) {
		r = add_entry(u);
		ps->has_entry = r == 0;
		ps->is_entry_synced = false;
	}
	if (r < 0)
		return r;
	partial_map_name(key, name);
	if (real_statx(AT(ps->dir, name), &stx) == 0)
		return real_unlink(u, AT(ps->dir, name), 0);
	ps->nr_maps++;
	return 0;
}

int
partial_maps_del(struct tree *t, const uint8_t *key)
{
	struct partial_set *ps = t->partials;
	CLEANUP_UNLOCK pthread_mutex_t *lock = &ps->maps_lock;
	struct upper *u = t->layers.upper;
	char name[PARTIAL_NAME_SIZE];
	int r;

	(void)pthread_mutex_lock(lock);
	partial_map_name(key, name);
	r = ps->dir < 0 ? -ENOENT : real_unlink(u, AT(ps->dir, name), 0);
	if (r < 0 && r != -ENOENT)
		return r;
	if (ps->nr_maps > 0 && --ps->nr_maps == 0 && ps->has_entry) {
		r = del_entry(u);
		ps->has_entry = r < 0;
		return r;
	}
	return 0;
}

int
partial_maps_sync(struct tree *t)
{
	struct partial_set *ps = t->partials;
	CLEANUP_UNLOCK pthread_mutex_t *lock = &ps->maps_lock;
	struct upper *u = t->layers.upper;
	CLEANUP_CLOSE int incompat = -1;
	struct statx stx;
	int r;

	(void)pthread_mutex_lock(lock);
	r = real_fsync(u, ps->dir, false);
	if (r < 0 || ps->is_entry_synced)
		return r;
	incompat = real_open(AT(u->work_fd, WORKDIR_INCOMPAT),
			     O_RDONLY | O_DIRECTORY, &stx);
	r = incompat < 0 ? incompat : real_fsync(u, incompat, false);
	if (r == 0)
		r = real_fsync(u, u->work_fd, false);
	if (r == 0)
		r = real_fsync(u, u->base_fd, false);
	ps->is_entry_synced = r == 0;
	return r;
}

/* --- What is left of files that are gone ------------------------------------------ */

/* Has the object @at, found by its handle, the data that @m is about? */
static bool
is_needed(const struct tree *t, struct at at, const struct partial_map *m)
{
	struct partial_mark mark;
	int r = partial_mark_get(t, at, &mark);

	if (r == -ENODATA)
		return false;
	if (r < 0 || memcmp(mark.key, m->key, sizeof(mark.key)) != 0)
		return r < 0;
	if (metacopy_get(t, at) != 0)
		return true;
	/* Whole, when the mark should have gone. */
	return private_remove(t, at, PRIVATE_PARTIAL) < 0;
}

/* Is it certain that nobody needs the map @key? */
static bool
is_stale(const struct tree *t, const uint8_t *key)
{
	CLEANUP_CLOSE int fd = -1;
	struct partial_map m;
	bool is_stale = false;

	if (partial_map_open(t->partials->dir, key, &m) < 0)
		return false;
	if (m.handle_len > 0) {
		fd = real_open_handle(t->layers.upper->layer.fd, m.handle_type,
				      m.handle, m.handle_len);
		is_stale = fd == -ESTALE ||
			   (fd >= 0 && !is_needed(t, AT(fd, ""), &m));
	}
	(void)real_close(m.fd);
	return is_stale;
}

/* Call @each for the maps there are; returns how many, or errno. */
static int
for_each_map(struct tree *t, int (*each)(struct tree *t, const uint8_t *key))
{
	CLEANUP_CLOSEDIR DIR *d = NULL;
	uint8_t key[PARTIAL_KEY_SIZE];
	const struct dirent *e;
	struct statx stx;
	int fd, r, nr = 0;

	fd = real_open(AT(t->layers.upper->base_fd, WORKDIR_PARTIAL),
		       O_RDONLY | O_DIRECTORY, &stx);
	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	d = fdopendir(fd);
	if (!d) {
		(void)real_close(fd);
		return -ENOMEM;
	}
	while ((e = readdir(d))) {
		if (partial_map_parse_name(e->d_name, key) < 0)
			continue;
		nr++;
		r = each ? each(t, key) : 0;
		if (r < 0)
			return r;
	}
	return nr;
}

static int
remove_stale(struct tree *t, const uint8_t *key)
{
	/* What stays keeps mounts out, and no more. */
	if (is_stale(t, key))
		(void)partial_maps_del(t, key);
	return 0;
}

static int
remove_map(struct tree *t, const uint8_t *key)
{
	struct partial_map m;
	CLEANUP_CLOSE int fd = -1;
	int r = partial_map_open(t->partials->dir, key, &m);

	/* A walk has completed all; this one is of something it did not see. */
	if (r == 0) {
		fd = m.handle_len == 0
			     ? -ESTALE
			     : real_open_handle(t->layers.upper->layer.fd,
						m.handle_type, m.handle,
						m.handle_len);
		r = fd >= 0 && is_needed(t, AT(fd, ""), &m) ? -EBUSY : 0;
		(void)real_close(m.fd);
	}
	return r == -EBUSY ? r : partial_maps_del(t, key);
}

int
partial_set_remove(struct tree *t)
{
	struct upper *u = t->layers.upper;
	struct partial_set *ps = t->partials;
	int r;

	if (!ps)
		return 0;
	r = for_each_map(t, remove_map);
	if (r < 0)
		return r;
	if (ps->dir >= 0)
		(void)real_close(take_fd(&ps->dir));
	r = real_unlink(u, AT(u->base_fd, WORKDIR_PARTIAL), AT_REMOVEDIR);
	if (r < 0 && r != -ENOENT)
		return r;
	r = ps->has_entry ? del_entry(u) : 0;
	ps->has_entry = ps->has_entry && r < 0;
	return r;
}

void
partial_body_gone(struct body *b)
{
	struct tree *t = b->tree;
	struct partial_mark mark;
	struct statx stx;

	if (!t->partials || b->pin_fd < 0 || !body_is_upper(b) ||
	    !atomic_load(&b->is_metacopy))
		return;
	if (real_statx(AT(b->pin_fd, ""), &stx) < 0 || stx.stx_nlink > 0)
		return;
	if (partial_mark_get(t, AT(b->pin_fd, ""), &mark) == 0)
		(void)partial_maps_del(t, mark.key);
}

/* --- Start and end ------------------------------------------------------------------ */

int
partial_boot_id(uint8_t ret[PARTIAL_KEY_SIZE])
{
	CLEANUP_CLOSE int fd = open(BOOT_ID, O_RDONLY | O_CLOEXEC);
	char text[37], digits[PARTIAL_NAME_SIZE];
	size_t i, nr = 0;

	if (fd >= 0 && read(fd, text, 36) == 36) {
		for (i = 0; i < 36; i++)
			if (text[i] != '-' && nr < sizeof(digits) - 1)
				digits[nr++] = text[i];
		digits[nr] = '\0';
		if (partial_map_parse_name(digits, ret) == 0)
			return 0;
	}
	/* Unknown: then each process is one, and a crash of it counts. */
	return getrandom(ret, PARTIAL_KEY_SIZE, 0) == PARTIAL_KEY_SIZE ? 0
								       : -EIO;
}

static struct partial_set *
set_new(const struct tree_config *c)
{
	struct partial_set *ps = calloc(1, sizeof(*ps));

	if (!ps || partial_boot_id(ps->boot) < 0) {
		free(ps);
		return NULL;
	}
	if (c->boot)
		memcpy(ps->boot, c->boot, strnlen(c->boot, sizeof(ps->boot)));
	ps->dir = -1;
	ps->copies = c->copyup == COPYUP_BACKGROUND || c->copyup == COPYUP_AUTO;
	ps->makes_partial = ps->copies || c->copyup == COPYUP_LAZY;
	ps->above = c->partial_above ? c->partial_above : ABOVE_DEFAULT;
	ps->rate = c->copyup_rate;
	(void)pthread_mutex_init(&ps->load_lock, NULL);
	(void)pthread_mutex_init(&ps->maps_lock, NULL);
	(void)pthread_mutex_init(&ps->queue_lock, NULL);
	TAILQ_INIT(&ps->queue);
	return ps;
}

/* There are @nr maps: get at them. */
static int
take_maps(struct tree *t, int nr)
{
	struct partial_set *ps = t->partials;
	struct upper *u = t->layers.upper;
	int r = ps->dir = open_maps(u);

	if (r < 0)
		return r;
	ps->nr_maps = (unsigned)nr;
	/* A crash may have kept the maps and not the entry. */
	r = add_entry(u);
	ps->has_entry = r == 0;
	if (r < 0)
		return r;
	r = for_each_map(t, remove_stale);
	atomic_store(&ps->needs_scan, ps->copies && ps->nr_maps > 0);
	return r < 0 ? r : 0;
}

int
partial_set_open(struct tree *t, const struct tree_config *c, char **ret_why)
{
	struct upper *u = t->layers.upper;
	int r;

	if (!u)
		return 0;
	r = for_each_map(t, NULL);
	if (r < 0)
		return layer_why(ret_why, r, "cannot read \"%s/%s\": %s",
				 u->work_path, WORKDIR_PARTIAL, strerror(-r));
	if (r > 0 && !t->layers.features.metacopy && !c->is_settling)
		return layer_why(
			ret_why, -EINVAL,
			"upper \"%s\" has files that are copied up in part: "
			"use metacopy=on, or complete them by veneer settle",
			u->layer.path);
	/* Of maps that are gone. */
	if (r == 0 && u->has_partial_entry)
		(void)del_entry(u);
	if (!t->layers.features.metacopy)
		return 0;
	t->partials = set_new(c);
	if (!t->partials)
		return -ENOMEM;
	return r > 0 ? take_maps(t, r) : 0;
}

void
partial_set_close(struct tree *t)
{
	struct partial_set *ps = t->partials;

	if (!ps)
		return;
	if (ps->dir >= 0)
		(void)real_close(ps->dir);
	(void)pthread_mutex_destroy(&ps->load_lock);
	(void)pthread_mutex_destroy(&ps->maps_lock);
	(void)pthread_mutex_destroy(&ps->queue_lock);
	free(take_ptr(&t->partials));
}
