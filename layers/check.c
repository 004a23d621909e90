/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Checking an upper at rest (overlay.md 12.3, "static checker"): what its
 * parts share, and the whole. Nothing is written unless it mends what was
 * found; not even the work directory is cleaned.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "cleanup.h"
#include "overlay.h"
#include "settle.h"

const struct call check_call = { .gid = UINT32_MAX };

int
check_push(struct check *c, const char *name, size_t *ret_len)
{
	size_t len = strlen(name), wanted = c->path_len + len + 2;
	char *p;

	if (wanted > c->path_size) {
		p = realloc(c->path, wanted * 2);
		if (!p)
			return -ENOMEM;
		c->path = p;
		c->path_size = wanted * 2;
	}
	*ret_len = c->path_len;
	if (c->path_len > 0)
		c->path[c->path_len++] = '/';
	memcpy(c->path + c->path_len, name, len + 1);
	c->path_len += len;
	return 0;
}

void
check_pop(struct check *c, size_t len)
{
	c->path_len = len;
	if (c->path)
		c->path[len] = '\0';
}

static void
tell(struct check *c, enum check_state state, const char *what,
     const char *remedy, int error)
{
	struct check_finding f = {
		.path = c->path_len > 0 ? c->path : ".",
		.state = state,
		.what = what,
		.remedy = remedy,
		.error = error,
	};

	if (state == CHECK_NOTE)
		c->res->nr_notes++;
	else if (state == CHECK_REPAIRED)
		c->res->nr_repaired++;
	else
		c->res->nr_left++;
	if (c->o->found)
		c->o->found(c->o->ctx, &f);
}

void
check_note(struct check *c, const char *what)
{
	tell(c, CHECK_NOTE, what, NULL, 0);
}

void
check_bad(struct check *c, const char *what, const char *advice)
{
	tell(c, CHECK_LEFT, what, advice, 0);
}

bool
check_mends(struct check *c)
{
	return c->o->repairs;
}

void
check_mended(struct check *c, const char *what, const char *remedy, int r)
{
	tell(c,
	     !c->o->repairs ? CHECK_REPAIRABLE
	     : r < 0        ? CHECK_FAILED
			    : CHECK_REPAIRED,
	     what, remedy, r);
}

/* --- How it is to be read --------------------------------------------------- */

/* Which of the two families are the overlay's marks; a note on the other. */
static int
choose_prefix(struct check *c, struct tree_config *config, char **ret_why)
{
	const unsigned both = 1u << SETTLE_TRUSTED | 1u << SETTLE_USER;
	struct settle_options so = { 0 };
	struct settle_result sr = { 0 };
	struct settle s = {
		.t = c->t, .o = &so, .res = &sr, .ret_why = ret_why
	};
	unsigned marks = 0;
	int r;

	s.names = malloc(TREE_XATTR_MAX);
	s.value = malloc(TREE_XATTR_MAX);
	r = s.names && s.value ? settle_scan(&s, &marks) : -ENOMEM;
	free(s.names);
	free(s.value);
	if (r < 0)
		return r;
	if (marks & 1u << SETTLE_BEGUN || marks & 1u << SETTLE_SWITCHED)
		check_bad(c, "settling this upper was not finished",
			  "run veneer settle again");
	if (config->userxattr == UNSET && marks == 1u << SETTLE_USER)
		config->userxattr = 1;
	if ((marks & both) == both)
		check_note(c, config->userxattr == 1
				      ? "there are marks in trusted.overlay.*, "
					"too: they mean nothing here"
				      : "there are marks in user.overlay.*, "
					"too: they mean nothing here");
	return 0;
}

static int
open_tree(struct check *c, struct tree_config *config, char **ret_why)
{
	int r;

	config->is_at_rest = true;
	config->is_volatile = config->index = 0;
	config->redirect_dir = REDIRECT_AUTO;
	config->metacopy = 0;
	r = tree_open(config, NULL, NULL, &c->t, ret_why);
	if (r == 0)
		r = choose_prefix(c, config, ret_why);
	if (r < 0)
		return r;
	tree_close(take_ptr(&c->t));
	config->metacopy = config->userxattr == 1 ? 0 : 1;
	r = tree_open(config, NULL, NULL, &c->t, ret_why);
	if (r < 0)
		return r;
	/* Whatever there is, is looked at. */
	c->t->layers.features.follows_redirects = true;
	c->t->layers.features.metacopy = true;
	return 0;
}

static char *
mount_options(const struct check *c)
{
	char *layers = layer_mount_options(&c->t->layers), *ret;
	bool is_user = c->t->layers.features.userxattr;

	if (!layers ||
	    asprintf(&ret, "%s%s%s%s%s", layers, is_user ? ",userxattr" : "",
		     c->uses_redirect ? ",redirect_dir=on" : "",
		     c->uses_metacopy ? ",metacopy=on" : "",
		     c->uses_index ? ",index=on" : "") < 0)
		ret = NULL;
	free(layers);
	return ret;
}

int
tree_check(struct tree_config *config, const struct check_options *o,
	   struct check_result *ret, char **ret_why)
{
	struct check c = { .o = o, .res = ret };
	int r;

	*ret = (struct check_result){ 0 };
	*ret_why = NULL;
	if (!config->upper)
		return layer_why(ret_why, -EINVAL,
				 "no upper given (--upper DIR)");
	r = hash_init(&c.seen);
	if (r == 0)
		r = open_tree(&c, config, ret_why);
	if (r == 0)
		r = check_work(&c);
	if (r == 0)
		r = check_walk(&c);
	if (r == 0)
		ret->mount_options = mount_options(&c);
	if (r < 0 && !*ret_why)
		(void)layer_why(ret_why, r, "%s", strerror(-r));
	check_seen_free(&c);
	tree_close(c.t);
	free(c.path);
	return r;
}
