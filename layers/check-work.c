/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Checking the staging area W/work: at rest it holds the shared whiteout of
 * the last mount at most. A mount removes what else is there, so far as it
 * lies not too deep; but for incompat, which keeps mounts out.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "check.h"
#include "cleanup.h"

/* Nothing in there is needed, however deep. */
#define DEPTH 1000

int
check_discard(struct check *k, struct at at)
{
	return k->repairs ? workdir_remove(k->t->layers.upper, at, DEPTH)
			  : CHECK_UNTRIED;
}

/* A work directory that was never used, or emptied, has no staging area. */
int
check_have_staging(struct upper *u)
{
	int r;

	if (u->work_fd != -ENOENT)
		return u->work_fd < 0 ? u->work_fd : 0;
	r = real_mkdir(u, AT(u->base_fd, WORKDIR_STAGING), 0700);
	if (r == 0)
		r = u->work_fd = real_open_dir(AT(u->base_fd, WORKDIR_STAGING));
	return r < 0 ? r : 0;
}

static void
incompat_entry(struct check *k, struct at at)
{
	/* Our lock says that no server runs. */
	if (strcmp(at.name, WORKDIR_INTERLOCK) == 0)
		check_report(k, CHECK_STAGING_LIVE, check_discard(k, at));
	else if (strcmp(at.name, WORKDIR_PARTIAL_ENTRY) == 0)
		k->has_partial_entry = true; /* check-partial.c */
	else if (strcmp(at.name, "volatile") == 0)
		check_report(k, CHECK_STAGING_VOLATILE, CHECK_UNTRIED);
	else
		check_report(k, CHECK_STAGING_INCOMPAT, CHECK_UNTRIED);
}

void
check_each(struct check *k, struct at at,
	   void (*each)(struct check *k, struct at at))
{
	CLEANUP_CLOSE int fd = real_open_dir(at);
	CLEANUP_FREE char *names = NULL;
	size_t size = 0, len;
	const char *name;
	int r;

	r = fd < 0 ? fd : check_list(fd, &names, &size);
	if (r < 0) {
		check_unreadable(k, r);
		return;
	}
	for (name = names; name < names + size; name += strlen(name) + 1) {
		len = check_enter(k, name);
		each(k, AT(fd, name));
		check_leave(k, len);
	}
}

/* The one that others were links of (overlay.md 3.2). */
bool
check_is_shared_whiteout(struct check *k, const char *name,
			 const struct statx *stx)
{
	bool had = k->has_shared;

	if (name[0] != '#' || !S_ISCHR(stx->stx_mode) || stx->stx_rdev_major ||
	    stx->stx_rdev_minor)
		return false;
	k->has_shared = true;
	return !had;
}

static void
staging_entry(struct check *k, struct at at)
{
	struct statx stx;
	int r = real_statx(at, &stx);

	if (r < 0)
		check_unreadable(k, r);
	else if (S_ISDIR(stx.stx_mode) &&
		 strcmp(at.name, WORKDIR_INCOMPAT) == 0)
		check_each(k, at, incompat_entry);
	else if (!check_is_shared_whiteout(k, at.name, &stx))
		check_report(k, CHECK_STAGING_JUNK, check_discard(k, at));
}

void
check_staging(struct check *k)
{
	const struct upper *u = k->t->layers.upper;

	k->has_shared = false;
	check_go(k, u->work_path);
	(void)check_enter(k, WORKDIR_STAGING);
	if (u->work_fd >= 0)
		check_each(k, AT(u->work_fd, ""), staging_entry);
	else if (u->work_fd != -ENOENT)
		check_unreadable(k, u->work_fd);
	check_leave(k, 0);
}
