/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Checking an upper at rest (overlay.md 12.3): the tree is opened without
 * leaving a trace, under the usual locks; then
 *
 *   1. the staging area (check-work.c) and the index (check-index.c);
 *   2. the upper, from its root down (check-walk.c), each object by its own
 *      marks first (check-marks.c), directories with the stack that a lookup
 *      finds for them (check-dir.c);
 *   3. what only shows when all is known: two names for one lower object
 *      (check-claims.c, check-shown.c), numbers of links.
 *
 * Nothing that is found ends it. A repair is one change, or several in an order
 * that shows the same tree in between; what would lose or expose something is
 * left to the owner.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "cleanup.h"
#include "settle.h"

const struct call check_call = { .gid = UINT32_MAX };

/* --- Where we are ---------------------------------------------------------- */

static bool
path_fits(struct check *k, size_t more)
{
	size_t size = k->path_size ? k->path_size : 256;
	char *p;

	while (size < k->path_len + more + 2)
		size *= 2;
	if (size == k->path_size)
		return true;
	p = realloc(k->path, size);
	if (!p) {
		k->error = -ENOMEM;
		return false;
	}
	k->path = p;
	k->path_size = size;
	return true;
}

void
check_go(struct check *k, const char *path)
{
	k->path_len = 0;
	(void)check_enter(k, path);
}

size_t
check_enter(struct check *k, const char *name)
{
	size_t old = k->path_len, len = strlen(name);

	if (!path_fits(k, len))
		return old;
	if (old > 0)
		k->path[k->path_len++] = '/';
	memcpy(k->path + k->path_len, name, len + 1);
	k->path_len += len;
	return old;
}

void
check_leave(struct check *k, size_t len)
{
	k->path_len = len;
	if (k->path)
		k->path[len] = '\0';
}

int
check_list(int dirfd, char **ret, size_t *ret_size)
{
	CLEANUP_CLOSEDIR DIR *d = NULL;
	const struct dirent *e;
	struct statx stx;
	char *names = NULL;
	FILE *f;
	int fd;

	fd = real_open(AT(dirfd, "."), O_RDONLY | O_DIRECTORY | O_NOATIME,
		       &stx);
	if (fd < 0)
		return fd;
	d = fdopendir(fd);
	f = d ? open_memstream(&names, ret_size) : NULL;
	if (!d)
		(void)real_close(fd);
	if (!f)
		return -ENOMEM;
	while ((e = readdir(d)))
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			(void)fwrite(e->d_name, 1, strlen(e->d_name) + 1, f);
	if (fclose(f) != 0) {
		free(names);
		return -ENOMEM;
	}
	*ret = names;
	return 0;
}

/* --- What is found ----------------------------------------------------------- */

static void
emit(struct check *k, enum check_kind kind, enum check_state state, int r)
{
	const struct check_text *text = &check_texts[kind];
	struct check_finding f = {
		.path = k->path_len > 0 ? k->path : ".",
		.kind = text->name,
		.what = text->what,
		.action = text->repair ? text->repair : text->advice,
		.state = state,
		.error = r < 0 ? r : 0,
	};

	if (state == CHECK_NOTE)
		k->res->nr_notes++;
	else if (state == CHECK_REPAIRED)
		k->res->nr_repaired++;
	else
		k->res->nr_left++;
	k->o->found(k->o->ctx, &f);
}

void
check_report(struct check *k, enum check_kind kind, int r)
{
	const struct check_text *text = &check_texts[kind];

	if (!text->advice)
		emit(k, kind, CHECK_NOTE, 0);
	else if (r < 0)
		emit(k, kind, CHECK_FAILED, r);
	else if (!text->repair)
		emit(k, kind, CHECK_LEFT, 0);
	else
		emit(k, kind, r == 0 ? CHECK_REPAIRED : CHECK_REPAIRABLE, 0);
}

void
check_unreadable(struct check *k, int r)
{
	k->res->nr_unread++;
	check_report(k, CHECK_UNREADABLE, r);
}

void
check_remove_mark(struct check *k, enum check_kind kind, struct at at,
		  enum private_xattr x)
{
	check_report(k, kind,
		     k->repairs ? private_remove(k->t, at, x) : CHECK_UNTRIED);
}

/* --- Choosing how to look at it ----------------------------------------------- */

static int
check_config(const struct tree_config *c, char **ret_why)
{
	if (!c->upper)
		return layer_why(ret_why, -EINVAL,
				 "no upper given (--upper DIR)");
	if (geteuid() != 0 && c->userxattr == 0)
		return layer_why(ret_why, -EPERM,
				 "nobody but root sees trusted.overlay.* "
				 "marks");
	return 0;
}

static int
open_at_rest(struct check *k, struct tree_config *c, char **ret_why)
{
	c->is_at_rest = true;
	c->copyup = COPYUP_FULL;
	c->partial_above = c->copyup_rate = 0;
	c->redirect_dir = REDIRECT_AUTO;
	c->metacopy = c->userxattr != 1 && geteuid() == 0;
	c->index = 0; /* not as a tree's: check-index.c looks at it */
	return tree_open(c, NULL, NULL, &k->t, ret_why);
}

/*
 * What settling left unfinished, and which kind of marks counts: those of the
 * options, else the only ones that are there, else trusted.overlay.*.
 */
static int
choose_marks(struct check *k, struct tree_config *c, char **ret_why)
{
	const unsigned trusted = 1u << SETTLE_TRUSTED;
	const unsigned user = 1u << SETTLE_USER;
	CLEANUP_FREE char *unused = NULL;
	unsigned marks = 0;
	bool was_user = k->t->layers.features.userxattr;

	/* What cannot be read will be reported. */
	(void)settle_scan(k->t, &marks, &unused);
	if (marks & 1u << SETTLE_BEGUN)
		c->userxattr = 1;
	else if (marks & (1u << SETTLE_SWITCHED | 1u << SETTLE_DONE))
		c->userxattr = 0;
	else if (c->userxattr == UNSET && k->repairs &&
		 marks == (trusted | user))
		/* Of the other kind are clients' own, and look like damage. */
		return layer_why(ret_why, -EINVAL,
				 "upper \"%s\" has both trusted.overlay.* and "
				 "user.overlay.* marks: say which to repair "
				 "with -o userxattr=off or -o userxattr=on",
				 c->upper);
	else if (c->userxattr == UNSET)
		c->userxattr = was_user || marks == user;
	if (marks & (1u << SETTLE_BEGUN | 1u << SETTLE_SWITCHED)) {
		k->repairs = false;
		check_report(k, CHECK_SETTLE_UNFINISHED, CHECK_UNTRIED);
	}
	if (marks & (c->userxattr ? trusted : user))
		check_report(k, CHECK_MARKS_OTHER, CHECK_UNTRIED);
	if (c->userxattr == was_user)
		return 0;
	tree_close(take_ptr(&k->t));
	return open_at_rest(k, c, ret_why);
}

/* --- The mount options ------------------------------------------------------- */

static char *
mount_options(const struct check *k, const struct tree_config *c)
{
	CLEANUP_FREE char *layers = layer_mount_options(&k->t->layers, true);
	const char *follow = "", *uuid = c->uuid == UUID_OFF ? ",uuid=off" : "";
	char *ret;
	unsigned i;

	if (k->nr_keys > 0)
		return NULL;
	for (i = 0; i < k->t->layers.nr_lowers; i++)
		if (k->t->layers.lowers[i].has_oci_whiteouts)
			return NULL;
	if (k->marks & 1u << PRIVATE_METACOPY)
		follow = ",redirect_dir=on,metacopy=on";
	else if (k->marks & 1u << PRIVATE_REDIRECT)
		follow = ",redirect_dir=on";
	if (!layers || asprintf(&ret, "%s%s%s%s", layers,
				c->userxattr == 1 ? ",userxattr" : follow,
				k->has_entries ? ",index=on" : "", uuid) < 0)
		return NULL;
	return ret;
}

/* --- All of it ------------------------------------------------------------ */

static int
check(struct check *k, struct tree_config *c, char **ret_why)
{
	int r;

	k->names = malloc(TREE_XATTR_MAX);
	if (!k->names)
		return -ENOMEM;
	r = open_at_rest(k, c, ret_why);
	if (r == 0)
		r = choose_marks(k, c, ret_why);
	if (r < 0)
		return r;
	check_staging(k);
	check_index(k);
	check_walk(k);
	check_partial_maps(k);
	check_claims(k);
	check_shown(k);
	check_index_links(k);
	return k->error;
}

int
tree_check(struct tree_config *config, const struct check_options *o,
	   struct check_result *ret, char **ret_why)
{
	struct check k = { .o = o, .res = ret, .repairs = o->repairs };
	size_t i;
	int r;

	*ret = (struct check_result){ 0 };
	*ret_why = NULL;
	r = check_config(config, ret_why);
	if (r == 0)
		r = check(&k, config, ret_why);
	if (r == 0)
		ret->mount_options = mount_options(&k, config);
	if (r < 0 && !*ret_why)
		(void)layer_why(ret_why, r, "%s", strerror(-r));
	tree_close(k.t);
	for (i = 0; i < k.nr_claims; i++)
		free(k.claims[i].path);
	free(k.claims);
	free(k.keys);
	free(k.names);
	free(k.path);
	return r;
}
