/* SPDX-License-Identifier: BSD-3-Clause */
/* One tree on a command line: --lower, --upper, --work, -o. */
#ifndef VENEER_SERVER_CONFIG_TREE_H
#define VENEER_SERVER_CONFIG_TREE_H

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

#endif
