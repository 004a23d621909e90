/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Checking partial files: is the map of each there, whole and its own; is each
 * map some file's; and do mounts of the kernel keep out while there are any?
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "cleanup.h"
#include "partial.h"

static void
remember(struct check *k, const uint8_t *key)
{
	size_t max = k->max_keys ? 2 * k->max_keys : 64;
	uint8_t(*keys)[PARTIAL_KEY_SIZE];

	if (k->nr_keys == k->max_keys) {
		keys = reallocarray(k->keys, max, sizeof(*keys));
		if (!keys) {
			k->error = -ENOMEM;
			return;
		}
		k->keys = keys;
		k->max_keys = max;
	}
	memcpy(k->keys[k->nr_keys++], key, PARTIAL_KEY_SIZE);
}

static bool
is_known(const struct check *k, const uint8_t *key)
{
	size_t i;

	for (i = 0; i < k->nr_keys; i++)
		if (memcmp(k->keys[i], key, PARTIAL_KEY_SIZE) == 0)
			return true;
	return false;
}

/* Never synced, by a kernel that is gone: the next server makes it anew. */
static bool
is_made_anew(const struct partial_mark *mark)
{
	uint8_t boot[PARTIAL_KEY_SIZE];

	return !mark->is_established && partial_boot_id(boot) == 0 &&
	       memcmp(boot, mark->boot, sizeof(boot)) != 0;
}

/* What is wrong with the map of @o; CHECK_PARTIAL_FILE: nothing. */
static enum check_kind
judge_map(const struct check *k, const struct check_object *o,
	  const struct partial_mark *mark)
{
	CLEANUP_CLOSE int dir =
		real_open_dir(AT(k->t->layers.upper->base_fd, WORKDIR_PARTIAL));
	struct partial_map m;
	int r;

	if (is_made_anew(mark))
		return CHECK_PARTIAL_FILE;
	r = dir < 0 ? dir : partial_map_open(dir, mark->key, &m);
	if (r == -ENOENT)
		return CHECK_PARTIAL_LOST;
	if (r < 0)
		return CHECK_PARTIAL_DAMAGED;
	(void)real_close(m.fd);
	return m.ino == o->stx.stx_ino ? CHECK_PARTIAL_FILE
				       : CHECK_PARTIAL_LOST;
}

void
check_partial(struct check *k, struct check_object *o)
{
	struct partial_mark mark;
	int r = partial_mark_get(k->t, o->at, &mark);

	if (!S_ISREG(o->stx.stx_mode) || !(o->marks & 1u << PRIVATE_METACOPY)) {
		check_remove_mark(k, CHECK_PARTIAL_DONE, o->at,
				  PRIVATE_PARTIAL);
		return;
	}
	if (r < 0) {
		check_report(k, CHECK_PARTIAL_DAMAGED, CHECK_UNTRIED);
		return;
	}
	remember(k, mark.key);
	check_report(k, judge_map(k, o, &mark), CHECK_UNTRIED);
}

/* --- The work directory ----------------------------------------------------------- */

static void
check_map(struct check *k, struct at at)
{
	uint8_t key[PARTIAL_KEY_SIZE];

	if (partial_map_parse_name(at.name, key) < 0 || !is_known(k, key))
		check_report(k, CHECK_PARTIAL_STRAY, check_discard(k, at));
}

static int
make_entry(struct upper *u)
{
	CLEANUP_CLOSE int fd = -1;
	int r = check_have_staging(u);

	if (r == 0)
		r = real_mkdir(u, AT(u->work_fd, WORKDIR_INCOMPAT), 0700);
	if (r == 0 || r == -EEXIST)
		r = fd = real_open_dir(AT(u->work_fd, WORKDIR_INCOMPAT));
	return r < 0 ? r : real_mkdir(u, AT(fd, WORKDIR_PARTIAL_ENTRY), 0700);
}

static int
remove_entry(struct upper *u)
{
	CLEANUP_CLOSE int fd = real_open_dir(AT(u->work_fd, WORKDIR_INCOMPAT));

	return fd < 0 ? fd
		      : real_unlink(u, AT(fd, WORKDIR_PARTIAL_ENTRY),
				    AT_REMOVEDIR);
}

static void
check_entry(struct check *k)
{
	struct upper *u = k->t->layers.upper;

	check_go(k, u->work_path);
	(void)check_enter(k, WORKDIR_STAGING);
	if (k->nr_keys > 0 && !k->has_partial_entry)
		check_report(k, CHECK_STAGING_UNGUARDED,
			     k->repairs ? make_entry(u) : CHECK_UNTRIED);
	(void)check_enter(k, WORKDIR_INCOMPAT);
	(void)check_enter(k, WORKDIR_PARTIAL_ENTRY);
	if (k->nr_keys == 0 && k->has_partial_entry)
		check_report(k, CHECK_STAGING_PARTIAL,
			     k->repairs ? remove_entry(u) : CHECK_UNTRIED);
	check_leave(k, 0);
}

void
check_partial_maps(struct check *k)
{
	const struct upper *u = k->t->layers.upper;
	struct at at = { u->base_fd, WORKDIR_PARTIAL };
	struct statx stx;

	check_go(k, u->work_path);
	(void)check_enter(k, WORKDIR_PARTIAL);
	/* A file that was not seen may be the one that has it. */
	if (!k->has_unseen && k->res->nr_unread == 0 &&
	    real_statx(at, &stx) == 0)
		check_each(k, at, check_map);
	check_entry(k);
}
