/* SPDX-License-Identifier: BSD-3-Clause */
/* See layers-settle.h. */
#include "layers-settle.h"
#include "layers-snapshot.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What is to be seen, exactly and lax; and the lowers. */
static char before[2][SNAPSHOT_MAX], lower[2][SNAPSHOT_MAX];

/* Lax: without xattrs, and times of directories and of what has several names. */
static void
look(struct fixture *f, const char *options, bool is_lax,
     char buf[SNAPSHOT_MAX])
{
	struct snapshot_how how = { .has_links = true,
				    .has_all_xattrs = !is_lax,
				    .times = is_lax ? SNAPSHOT_UNSHARED
						    : SNAPSHOT_EXACT };
	char more[128];

	(void)snprintf(more, sizeof(more), "%s%s", *options ? "," : "",
		       options);
	if (!snapshot_kernel(f, more, how, buf))
		fail_msg("cannot look at it with \"%s\"", options);
}

static bool
is_same(const char *was, const char *is)
{
	if (strcmp(was, is) == 0)
		return true;
	print_message("before:\n%s\nafter:\n%s\n", was, is);
	return false;
}

bool
settle_shows(struct fixture *f, const char *options, bool is_lax)
{
	static char after[SNAPSHOT_MAX];

	look(f, options, is_lax, after);
	if (!is_same(before[is_lax], after))
		return false;
	snapshot_dir(f, "lower1", after);
	if (!is_same(lower[0], after))
		return false;
	snapshot_dir(f, "lower2", after);
	return is_same(lower[1], after);
}

void
settle_lowers(struct fixture *f, const struct settle_case *sc)
{
	fixture_layers(f, sc->lower);
	snapshot_dir(f, "lower1", lower[0]);
	snapshot_dir(f, "lower2", lower[1]);
}

static void
change_and_look(struct fixture *f, const struct settle_case *sc)
{
	size_t i;

	f->options = sc->options;
	fixture_open(f, true);
	for (i = 0; i < 10 && sc->ops[i].op; i++)
		if (fixture_do(f, sc->ops[i].op, sc->ops[i].a, sc->ops[i].b) <
		    0)
			fail_msg("%s %s", sc->ops[i].op, sc->ops[i].a);
	fixture_close(f);
	look(f, sc->kernel, false, before[0]);
	look(f, sc->kernel, true, before[1]);
}

void
settle_upper(struct fixture *f, const struct settle_case *sc)
{
	fixture_fresh(f, "upper");
	fixture_fresh(f, "work");
	change_and_look(f, sc);
}

void
settle_prepare(struct fixture *f, const struct settle_case *sc)
{
	settle_lowers(f, sc);
	change_and_look(f, sc);
}

int
settle_run(struct fixture *f, const char *options, bool is_loud,
	   struct settle_result *ret)
{
	static const char *const keys[] = { "lower", "lower", "upper", "work" };
	static const char *const dirs[] = { "lower1", "lower2", "upper",
					    "work" };
	struct tree_config *c = tree_config_new();
	struct settle_options o = { 0 };
	char path[96], *why, *rest, *key, *value;
	int i, r;

	for (i = 0; i < 4; i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", f->root, dirs[i]);
		assert_int_equal(0, tree_config_set(c, keys[i], path, &why));
	}
	(void)snprintf(path, sizeof(path), "%s", options ? options : "");
	for (rest = path; options && (key = strsep(&rest, ","));) {
		value = strchr(key, '=');
		*value++ = '\0';
		assert_int_equal(0, tree_config_set(c, key, value, &why));
	}
	r = tree_settle(c, &o, ret, &why);
	if (r < 0 && is_loud)
		print_message("settle: %s\n", why);
	free(why);
	free(ret->mount_options);
	tree_config_free(c);
	return r;
}
