/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Settling an upper at rest: turning what only some kernels and options read
 * into what every overlayfs mount reads. The order is
 *
 *   1. the merged tree: flatten, complete, copy up (settle-walk.c);
 *   2. the same again: names that only the index leads to, since 1. may put
 *      into the index what it had passed before;
 *   3. the index goes (settle-index.c);
 *   4. user.overlay.* becomes trusted.overlay.* (settle-rewrite.c).
 *
 * The tree stays open, and so locked, to the end; from 3. on nothing is
 * looked up in it any more.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "overlay.h"
#include "partial.h"
#include "settle.h"

const struct call settle_call = { .gid = UINT32_MAX };

void
settle_note(struct settle *s)
{
	s->res->nr_objects++;
	if (s->o->progress)
		s->o->progress(s->o->ctx, s->res);
}

/* --- Failing ------------------------------------------------------------- */

static const char *
hint_of(const struct settle *s, int r)
{
	switch (r) {
	case -EPERM:
		return s->rewrites ? "it needs a redirect or data from below, "
				     "which user.overlay.* marks never do: "
				     "remove it"
				   : "is something immutable?";
	case -EIO:
		return "is the lower missing that has its data?";
	case -EINVAL:
		return "its redirect is malformed";
	case -EMLINK:
		return "it has several names, which cannot be kept together "
		       "without file handles and a uuid (index=on): copy the "
		       "lower to another file system";
	case -ENAMETOOLONG:
		return "too deep";
	default:
		return "nothing is lost, run settle again";
	}
}

/* The path of @n from the root, with a slash at the end; the caller's. */
static char *
path_of(const struct node *n)
{
	char *path = strdup("/"), *longer;

	for (; path && n->parent; n = n->parent) {
		if (asprintf(&longer, "/%s%s", n->name, path) < 0)
			longer = NULL;
		free(path);
		path = longer;
	}
	return path;
}

int
settle_fail(struct settle *s, struct node *dir, struct name name, int r)
{
	CLEANUP_FREE char *path = NULL;

	if (*s->ret_why)
		return r;
	path = path_of(dir);
	return layer_why(s->ret_why, r, "\"%s%.*s\": %s (%s)", path ? path : "",
			 (int)name.len, name.ptr, strerror(-r), hint_of(s, r));
}

/* --- Choosing how to read it ---------------------------------------------- */

static int
check_config(const struct tree_config *c, char **ret_why)
{
	unsigned i;

	if (!c->upper)
		return layer_why(ret_why, -EINVAL,
				 "no upper given (--upper DIR)");
	if (geteuid() != 0)
		return layer_why(ret_why, -EPERM,
				 "settling needs root: nobody else sees "
				 "trusted.overlay.* marks");
	for (i = 0; i < c->nr_lowers; i++)
		if (c->lowers[i].whiteouts == WHITEOUTS_OCI)
			return layer_why(ret_why, -EINVAL,
					 "lower \"%s\": no kernel reads "
					 "whiteouts=oci: unpack it again with "
					 "overlayfs's whiteouts",
					 c->lowers[i].path);
	return 0;
}

/* The marks are user.overlay.* or not: say so in @c. */
static int
choose_prefix(struct settle *s, struct tree_config *c, unsigned marks)
{
	const unsigned both = 1u << SETTLE_TRUSTED | 1u << SETTLE_USER;
	bool is_user = s->o->is_user || c->userxattr == 1;

	if (is_user && marks == 1u << SETTLE_TRUSTED)
		return layer_why(s->ret_why, -EINVAL,
				 "upper \"%s\" has trusted.overlay.* marks "
				 "only: leave out userxattr and --trusted",
				 c->upper);
	if (!is_user && c->userxattr == UNSET && marks == both)
		return layer_why(s->ret_why, -EINVAL,
				 "upper \"%s\" has both trusted.overlay.* and "
				 "user.overlay.*: say which are the overlay's "
				 "with -o userxattr=off or --trusted",
				 c->upper);
	if (marks & 1u << SETTLE_BEGUN)
		c->userxattr = 1;
	else if (marks & (1u << SETTLE_SWITCHED | 1u << SETTLE_DONE))
		c->userxattr = 0;
	else if (c->userxattr == UNSET || is_user)
		c->userxattr = is_user || marks == 1u << SETTLE_USER;
	s->rewrites = c->userxattr == 1 || marks & 1u << SETTLE_SWITCHED;
	c->metacopy = !c->userxattr;
	return 0;
}

/*
 * Must it be read with an index? 1; -ENOENT: there was one, but where? 0: one
 * may help.
 */
static int
check_index(struct settle *s, const struct tree_config *c)
{
	const struct upper *u = s->t->layers.upper;
	struct at root = { u->layer.fd, "" };
	struct statx stx;
	int r = settle_index_in_use(u);

	if (r != 0)
		return r;
	if (real_statx(AT(u->base_fd, "index"), &stx) == 0)
		return 0;
	if (real_getxattr(root, "trusted.overlay.origin", NULL, 0) < 0 &&
	    real_getxattr(root, "user.overlay.origin", NULL, 0) < 0)
		return 0;
	return layer_why(s->ret_why, -ENOENT,
			 "upper \"%s\" was used with index=on, but \"%s\" has "
			 "no index: name its work directory with --work, or "
			 "remove trusted.overlay.origin from the upper if it "
			 "is lost",
			 c->upper, u->work_path);
}

/* Look at the upper as it is, and put into @c what it takes to read it. */
static int
choose_options(struct settle *s, struct tree_config *c, unsigned *ret_marks,
	       bool *ret_needs_index)
{
	int r;

	c->redirect_dir = REDIRECT_AUTO;
	c->metacopy = c->index = 0;
	c->is_settling = true;
	c->copyup = COPYUP_FULL;
	c->partial_above = c->copyup_rate = 0;
	c->is_volatile = 0; /* no kernel would mount it */
	if (c->fsync == FSYNC_VOLATILE)
		c->fsync = FSYNC_AUTO;
	if (c->uuid != UUID_OFF)
		c->uuid = UUID_NULL; /* write none */
	r = tree_open(c, NULL, NULL, &s->t, s->ret_why);
	if (r < 0)
		return r;
	r = settle_scan(s->t, ret_marks, s->ret_why);
	if (r == 0)
		r = choose_prefix(s, c, *ret_marks);
	if (r == 0)
		r = check_index(s, c);
	*ret_needs_index = r == 1;
	tree_close(take_ptr(&s->t));
	return r < 0 ? r : 0;
}

/* An index also keeps names together that are copied up now. */
static int
open_tree(struct settle *s, struct tree_config *c, bool needs_index)
{
	int r;

	c->index = 1;
	r = tree_open(c, NULL, NULL, &s->t, s->ret_why);
	if (r == 0 || needs_index || (r != -EINVAL && r != -ESTALE))
		return r;
	free(take_ptr(s->ret_why));
	c->index = 0;
	return tree_open(c, NULL, NULL, &s->t, s->ret_why);
}

/* Files of a lower root that are whiteouts for user.overlay.* only. */
static int
check_lower_roots(struct settle *s)
{
	static const char *const names[] = { "trusted.overlay.opaque",
					     "user.overlay.opaque" };
	const struct layer_set *set = &s->t->layers;
	unsigned i;
	char v[2];

	for (i = 0; s->rewrites && i < 2 * set->nr_lowers; i++)
		if (real_getxattr(AT(set->lowers[i / 2].fd, ""), names[i % 2],
				  v, sizeof(v)) == 1 &&
		    v[0] == 'x')
			return layer_why(s->ret_why, -EINVAL,
					 "lower \"%s\" has %s=x: its whiteouts "
					 "cannot be kept when marks are "
					 "rewritten",
					 set->lowers[i / 2].path, names[i % 2]);
	return 0;
}

/* --- All of it ------------------------------------------------------------ */

/* All files are complete: kernels may mount the upper again. */
static int
remove_maps(struct settle *s)
{
	const struct upper *u = s->t->layers.upper;
	int r = partial_set_remove(s->t);

	if (r == -EBUSY)
		return layer_why(s->ret_why, r,
				 "\"%s/%s\" has the map of a file that is in "
				 "no place to be found: see veneer check",
				 u->work_path, WORKDIR_PARTIAL);
	if (r < 0)
		return layer_why(s->ret_why, r, "cannot remove \"%s/%s\": %s",
				 u->work_path, WORKDIR_PARTIAL, strerror(-r));
	return 0;
}

static int
settle_tree(struct settle *s)
{
	int r = check_lower_roots(s);

	if (r == 0)
		r = settle_walk(s, false);
	if (r == 0 && s->t->layers.features.index &&
	    settle_index_in_use(s->t->layers.upper) != 0) {
		r = settle_walk(s, true);
		if (r == 0)
			r = settle_index_drop_partial(s);
	}
	if (r == 0)
		r = remove_maps(s);
	return r == 0 ? settle_index_remove(s) : r;
}

static int
settle(struct settle *s, struct tree_config *c)
{
	bool needs_index;
	unsigned marks;
	int r;

	s->names = malloc(TREE_XATTR_MAX);
	s->value = malloc(TREE_XATTR_MAX);
	s->moves = malloc(TREE_XATTR_MAX);
	if (!s->names || !s->value || !s->moves)
		return -ENOMEM;
	r = choose_options(s, c, &marks, &needs_index);
	/* Half the user.overlay.* marks are gone: the rest was done before. */
	if (r == 0 && marks & 1u << SETTLE_SWITCHED)
		r = tree_open(c, NULL, NULL, &s->t, s->ret_why);
	else if (r == 0)
		r = open_tree(s, c, needs_index);
	if (r == 0 && !(marks & 1u << SETTLE_SWITCHED))
		r = settle_tree(s);
	if (r == 0 && s->rewrites)
		r = settle_rewrite(s);
	return r;
}

int
tree_settle(struct tree_config *config, const struct settle_options *o,
	    struct settle_result *ret, char **ret_why)
{
	struct settle s = { .o = o, .res = ret, .ret_why = ret_why };
	int r;

	*ret = (struct settle_result){ 0 };
	*ret_why = NULL;
	r = check_config(config, ret_why);
	if (r == 0)
		r = settle(&s, config);
	if (r == 0)
		ret->mount_options = layer_mount_options(&s.t->layers, false);
	if (r < 0 && !*ret_why)
		(void)layer_why(ret_why, r,
				"%s; nothing is lost, run settle again",
				strerror(-r));
	tree_close(s.t);
	free(s.names);
	free(s.value);
	free(s.moves);
	return r;
}
