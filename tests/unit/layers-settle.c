/* SPDX-License-Identifier: BSD-3-Clause */
/* See layers-settle.h. */
#include "layers-settle.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* $1: more mount options; $2: a file; $3: lax. */
static const char look[] =
	"see() { mkdir -p merged && mount -t overlay none -o lowerdir=$PWD/"
	"lower1:$PWD/lower2,upperdir=$PWD/upper,workdir=$PWD/work$1 merged || "
	"return; (cd merged && if [ $3 = 1 ]; then t=; else t=%T@; fi && "
	"find . ! -type d -links 1 -printf \"%p %y %m %U:%G %s %T@ %n %l\\n\" "
	"&& find . ! -type d -links +1 -printf \"%p %y %m %U:%G %s $t %n "
	"%l\\n\" && "
	"find . -type d -printf \"%p %y %m %U:%G $t\\n\" && "
	"find . ! -type d -printf '%i %p\\n' | sort -k2 | awk '{ if (!($1 in "
	"g)) g[$1] = $2; print $2, \"is\", g[$1] }' && "
	"find . -type f -exec md5sum {} + && { [ $3 = 1 ] || find . | sort | "
	"xargs getfattr -h -d -m - -e hex; }) >$2.raw 2>err; r=$?; umount "
	"merged; sort $2.raw >$2; [ $r = 0 ] && [ ! -s err ] || { cat err; "
	"false; }; }; "
	"hash() { find lower? -printf '%p %y %m %U:%G %s %T@ %C@ %n %l\\n'; "
	"find lower? -type f -exec md5sum {} +; }; ";

static bool
holds(struct fixture *f, const char *cmd)
{
	char line[4000];

	(void)snprintf(line, sizeof(line), "%s%s", look, cmd);
	return fixture_holds(f, line);
}

void
settle_look(struct fixture *f, const char *options, bool is_lax,
	    const char *file)
{
	char cmd[256];

	(void)snprintf(cmd, sizeof(cmd), "see '%s%s' %s %d",
		       *options ? "," : "", options, file, is_lax);
	if (!holds(f, cmd))
		fail_msg("cannot look at it with \"%s\"", options);
}

bool
settle_shows(struct fixture *f, const char *options, bool is_lax)
{
	settle_look(f, options, is_lax, "after");
	return fixture_holds(f, is_lax ? "diff before.lax after"
				       : "diff before after") &&
	       holds(f, "hash | diff sums -");
}

void
settle_prepare(struct fixture *f, const struct settle_case *sc)
{
	size_t i;

	fixture_layers(f, sc->lower);
	f->options = sc->options;
	assert_true(holds(f, "hash >sums"));
	fixture_open(f, true);
	for (i = 0; i < 10 && sc->ops[i].op; i++)
		if (fixture_do(f, sc->ops[i].op, sc->ops[i].a, sc->ops[i].b) <
		    0)
			fail_msg("%s %s", sc->ops[i].op, sc->ops[i].a);
	fixture_close(f);
	settle_look(f, sc->kernel, false, "before");
	settle_look(f, sc->kernel, true, "before.lax");
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
