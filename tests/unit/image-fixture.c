/* SPDX-License-Identifier: BSD-3-Clause */
#include "image-fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "groups.h"
#include "request.h"
#include "tree.h"
#include "unit.h"

int
images_setup(struct images *t, const char *layers)
{
	const char *base = getenv("TMPDIR");

	memset(t, 0, sizeof(*t));
	(void)snprintf(t->root, sizeof(t->root), "%s/veneer-image.XXXXXX",
		       base ? base : "/tmp");
	if (!mkdtemp(t->root) || chdir(t->root) < 0 || system(layers) != 0)
		return -1;
	t->cfg.nbd_uid = t->cfg.nbd_gid = NO_ID;
	t->access = ACCESS_INIT;
	t->server = (struct server){ .config = &t->cfg,
				     .exports = t->exports,
				     .groups = groups_new() };
	return 0;
}

void
images_open(struct images *t, const char *name, const char *lower,
	    const char *upper)
{
	struct export *e = &t->exports[t->server.nr_exports++];
	struct tree_config *c = tree_config_new();
	char *why = NULL;

	assert_int_equal(0, tree_config_set(c, "lower", lower, &why));
	if (upper)
		assert_int_equal(0, tree_config_set(c, "upper", upper, &why));
	assert_int_equal(0, tree_open(c, NULL, NULL, &e->tree, &why));
	tree_config_free(c);
	e->name = (char *)(uintptr_t)name;
	e->access = &t->access;
	tree_set_user(e->tree, e);
}

void
images_close(struct images *t)
{
	while (t->server.nr_exports > 0)
		tree_close(t->exports[--t->server.nr_exports].tree);
}

int
images_teardown(struct images *t)
{
	char cmd[96];

	images_close(t);
	groups_free(t->server.groups);
	(void)snprintf(cmd, sizeof(cmd), "rm -rf %s", t->root);
	return chdir("/") < 0 || system(cmd) != 0 ? -1 : 0;
}
