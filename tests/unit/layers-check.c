/* SPDX-License-Identifier: BSD-3-Clause */
/* See layers-check.h. */
#include "layers-check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char functions[] =
	"mark() { setfattr -h -n \"trusted.overlay.$1\" -v \"$2\" \"$3\"; }\n"
	"K() { mkdir -p merged && mount -t overlay overlay -o \"lowerdir=$PWD/"
	"lower1:$PWD/lower2$D,upperdir=$PWD/upper,workdir=$PWD/work,$1\" "
	"merged "
	"|| return; (cd merged && eval \"$2\"); r=$?; umount merged; return "
	"$r; }\n"
	"state() { find upper/ work/ lower?/ -printf '%p %y %m %U:%G %s %T@ "
	"%C@ "
	"%A@ %n %i\\n' | sort; find upper/ work/ | sort | xargs getfattr -h -d "
	"-m - -e hex; }\n"
	/*
	 * First what the kernel says, more than once: the log is the machine's,
	 * and a warning may be another test's. Then $2, which may change it.
	 */
	"mounted() { mkdir -p merged; mount -t overlay overlay -o \"$1\" "
	"merged "
	"|| return; (cd merged && eval \"$2\") 2>err; r=$?; umount merged; "
	"[ $r = 0 ] && [ ! -s err ] || { cat err; return 1; }; }\n"
	"quiet() { for i in $(seq 40); do tag=\"veneer-check $$ $i\"; echo "
	"\"$tag\" >/dev/kmsg; mounted \"$1\" 'find . -ls >/dev/null && find . "
	"-type f -exec cat {} + >/dev/null' || return; "
	"dmesg | sed \"1,/$tag\\$/d\" | grep overlayfs: | grep -vE "
	"'xino|uuid|falling back|file handles' || return 0; done; return 1; "
	"}\n"
	"shows() { quiet \"$1\" && mounted \"$1\" \"$2\"; }\n";

struct found {
	const struct fixture *f;
	char lines[64][160];
	unsigned nr;
};

static void
collect(void *ctx, const struct check_finding *c)
{
	struct found *found = ctx;
	static const char states[] = "nrRlf";
	const char *path = c->path;
	size_t len = strlen(found->f->root);
	bool is_work = strncmp(path, found->f->root, len) == 0;
	bool is_entry = is_work && strstr(path, "/index/00fb");

	assert_true(found->nr < 64);
	assert_int_equal(c->state == CHECK_FAILED, c->error < 0);
	(void)snprintf(found->lines[found->nr++], sizeof(found->lines[0]),
		       "%s%s %s %c", is_work ? "W" : "",
		       is_entry  ? "/index/HEX"
		       : is_work ? path + len + strlen("/work")
				 : path,
		       c->kind, states[c->state]);
}

static int
by_text(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* Those whose state is none of @without, each r as @repairable. */
static const char *
join(struct found *found, char without, char repairable)
{
	static char text[8192];
	unsigned i;
	char *line;
	size_t len;

	qsort(found->lines, found->nr, sizeof(found->lines[0]), by_text);
	text[0] = '\0';
	for (i = 0; i < found->nr; i++) {
		line = found->lines[i];
		len = strlen(line);
		if (line[len - 1] == without)
			continue;
		if (line[len - 1] == 'R')
			line[len - 1] = repairable;
		strcat(text, *text ? ", " : "");
		strcat(text, line);
	}
	return text;
}

static char *
run(struct fixture *f, const char *options, bool repairs, struct found *ret)
{
	static const char *const keys[] = { "lower", "lower", "upper", "work" };
	static const char *const dirs[] = { "lower1", "lower2", "upper",
					    "work" };
	struct tree_config *c = tree_config_new();
	struct check_options o = { .repairs = repairs,
				   .found = collect,
				   .ctx = ret };
	struct check_result res;
	char path[96], *why;
	int i;

	*ret = (struct found){ .f = f };
	for (i = 0; i < 4; i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", f->root, dirs[i]);
		assert_int_equal(0, tree_config_set(c, keys[i], path, &why));
	}
	f->options = options;
	if (options)
		fixture_set_options(c, f);
	if (tree_check(c, &o, &res, &why) < 0)
		fail_msg("tree_check: %s", why);
	tree_config_free(c);
	assert_int_equal(0, res.nr_unread);
	assert_int_equal(ret->nr, res.nr_notes + res.nr_left + res.nr_repaired);
	return res.mount_options;
}

const char *
check_found(struct fixture *f, const char *options, bool repairs,
	    char **ret_mount)
{
	static struct found found;

	*ret_mount = run(f, options, repairs, &found);
	return join(&found, 0, 'R');
}

static void
sh(struct fixture *f, const char *cmd)
{
	char line[4000];

	(void)snprintf(line, sizeof(line), ". ./functions; %s", cmd);
	if (!fixture_holds(f, line))
		fail_msg("%s", cmd);
}

static void
kernel_shows(struct fixture *f, const struct check_case *cc,
	     const char *options)
{
	setenv("OPTIONS", options, 1);
	setenv("SHOWS", cc->shows ? cc->shows : ":", 1);
	sh(f, "shows \"$OPTIONS\" \"$SHOWS\"");
}

static void
run_case(struct fixture *f, const struct check_case *cc)
{
	static struct found found;
	char left[4096], *options;

	fixture_layers(f, "mkdir -p work/work");
	sh(f, cc->layers);
	sh(f, "state >/dev/null; state >state");
	free(run(f, cc->options, false, &found));
	assert_string_equal(cc->found, join(&found, 0, 0));
	sh(f, "state | diff state -");
	(void)snprintf(left, sizeof(left), "%s", join(&found, 'r', 0));
	free(run(f, cc->options, true, &found));
	assert_string_equal(cc->found, join(&found, 0, 'r'));
	options = run(f, cc->options, false, &found);
	assert_string_equal(left, join(&found, 0, 0));
	if (!strstr(left, " l"))
		kernel_shows(f, cc, options);
	free(options);
}

void
check_run(struct fixture *f, const struct check_case *cases, size_t nr_cases)
{
	char path[96];
	FILE *to;
	size_t i;

	(void)snprintf(path, sizeof(path), "%s/functions", f->root);
	to = fopen(path, "w");
	assert_non_null(to);
	assert_true(fputs(functions, to) >= 0);
	assert_int_equal(0, fclose(to));
	for (i = 0; i < nr_cases; i++) {
		print_message("%s\n", cases[i].name);
		run_case(f, &cases[i]);
	}
}
