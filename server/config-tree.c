/* SPDX-License-Identifier: BSD-3-Clause */
/* One tree on a command line; see config-tree.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "config-tree.h"
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
