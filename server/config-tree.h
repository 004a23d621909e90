/* SPDX-License-Identifier: BSD-3-Clause */
/* Trees on a command line: --lower, --upper, --work, -o, --tree. */
#ifndef VENEER_SERVER_CONFIG_TREE_H
#define VENEER_SERVER_CONFIG_TREE_H

struct config;
struct tree_config;

/*
 * Set @key of @t to @value for the command line's @option. -EINVAL after a
 * message to standard error; -ENOMEM.
 */
int config_tree_set(struct tree_config *t, const char *option, const char *key,
		    const char *value);

/*
 * The same for each "key=value" of @text, separated by commas as mount(8) has
 * it for overlayfs: a backslash keeps the comma after it.
 */
int config_tree_set_kernel(struct tree_config *t, const char *text);

/*
 * The tree of --lower, --upper, --work and -o, which has no name: set @key of
 * it, an option of the server's about the tree or one of the tree itself;
 * what mount(8) takes; and one of --tree. As above.
 */
int config_set_unnamed(struct config *c, const char *option, const char *key,
		       const char *value);
int config_set_options(struct config *c, const char *text);
int config_add_tree(struct config *c, const char *text);

#endif
