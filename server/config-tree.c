/* SPDX-License-Identifier: BSD-3-Clause */
/* Trees on a command line; see config-tree.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "config-tree.h"
#include "config.h"
#include "log.h"
#include "tree.h"

int
config_tree_set(struct tree_config *t, const char *option, const char *key,
		const char *value)
{
	CLEANUP_FREE char *why = NULL;
	int r = tree_config_set(t, key, value, &why);

	if (r < 0)
		log_line(LOG_ERR, "%s: %s", option, why ? why : strerror(-r));
	return r;
}

/* Cut the next "key=value" off @*rest, which is NULL at the end. */
static void
next_option(char **rest, char **ret_key, char **ret_value)
{
	char *p = *rest;

	*ret_key = p;
	*ret_value = NULL;
	while (*p && *p != ',') {
		if (*p == '=' && !*ret_value) {
			*p = '\0';
			*ret_value = p + 1;
		}
		if (*p == '\\' && p[1])
			p++;
		p++;
	}
	*rest = *p ? p + 1 : NULL;
	*p = '\0';
}

int
config_tree_set_kernel(struct tree_config *t, const char *text)
{
	CLEANUP_FREE char *copy = strdup(text);
	char *rest = copy, *key, *value;
	int r = copy ? 0 : -ENOMEM;

	while (r == 0 && rest) {
		next_option(&rest, &key, &value);
		r = config_tree_set(t, "-o", key, value);
	}
	return r;
}

static struct config_tree *
add_tree(struct config *c, const char *name)
{
	struct config_tree *p;

	p = reallocarray(c->trees, c->nr_trees + 1, sizeof(*p));
	if (!p)
		return NULL;
	c->trees = p;
	p += c->nr_trees;
	p->name = strdup(name);
	p->tree = tree_config_new();
	p->access = ACCESS_INIT;
	c->nr_trees++;
	return p->name && p->tree ? p : NULL;
}

/* The tree of --lower, --upper, --work and -o: the first one, unnamed. */
static struct config_tree *
unnamed_tree(struct config *c)
{
	unsigned i;

	for (i = 0; i < c->nr_trees; i++)
		if (c->trees[i].name[0] == '\0')
			return &c->trees[i];
	return add_tree(c, "");
}

/* An option of the server's about that tree, or one of the tree itself. */
static int
set_tree(struct config_tree *t, const char *option, const char *key,
	 const char *value)
{
	CLEANUP_FREE char *why = NULL;
	int r = access_set(&t->access, key, value, &why);

	if (r == -ENOENT)
		return config_tree_set(t->tree, option, key, value);
	return r < 0 ? config_refuse("%s: %s", option, why ? why : strerror(-r))
		     : 0;
}

int
config_set_unnamed(struct config *c, const char *option, const char *key,
		   const char *value)
{
	struct config_tree *t = unnamed_tree(c);

	return t ? set_tree(t, option, key, value) : -ENOMEM;
}

int
config_set_options(struct config *c, const char *text)
{
	struct config_tree *t = unnamed_tree(c);

	return t ? config_tree_set_kernel(t->tree, text) : -ENOMEM;
}

static int
rename_tree(struct config *c, struct config_tree *t, const char *name)
{
	unsigned i;

	if (!name || !*name || strchr(name, '/'))
		return config_refuse(
			"--tree: name= needs a name without \"/\"");
	for (i = 0; i < c->nr_trees; i++)
		if (strcmp(c->trees[i].name, name) == 0)
			return config_refuse("--tree: two trees called \"%s\"",
					     name);
	free(t->name);
	t->name = strdup(name);
	return t->name ? 0 : -ENOMEM;
}

int
config_add_tree(struct config *c, const char *text)
{
	CLEANUP_FREE char *copy = strdup(text);
	/* A name that no client can ask for, until it has its own. */
	struct config_tree *t = add_tree(c, "/");
	char *rest = copy, *key, *value;
	int r = copy && t ? 0 : -ENOMEM;

	while (r == 0 && rest) {
		config_next_option(&rest, &key, &value);
		if (strcmp(key, "name") == 0)
			r = rename_tree(c, t, value);
		else
			r = set_tree(t, "--tree", key, value);
	}
	if (r == 0 && strcmp(t->name, "/") == 0)
		return config_refuse("--tree %s: give it a name with name=",
				     text);
	return r;
}
