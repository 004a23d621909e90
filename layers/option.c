/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The options of a tree, under the kernel's names and values (overlay.md 10).
 * A value that asks for a feature which is not there is refused here, by
 * name, instead of being served wrongly later.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "layer.h"
#include "macros.h"

enum option_kind {
	OPTION_LOWERDIR, /* a:b:c, escaped */
	OPTION_LOWER, /* one path, again and again */
	OPTION_UPPER,
	OPTION_WORK,
	OPTION_USERXATTR,
	OPTION_VOLATILE,
	OPTION_TEST_FAIL,
	OPTION_CHOICE, /* only values that change nothing are accepted */
};

struct option {
	const char *key;
	enum option_kind kind;
	const char *accepted; /* CHOICE: space-separated values */
};

static const struct option options[] = {
	{ "lower", OPTION_LOWER, NULL },
	{ "upper", OPTION_UPPER, NULL },
	{ "work", OPTION_WORK, NULL },
	{ "lowerdir", OPTION_LOWERDIR, NULL },
	{ "lowerdir+", OPTION_LOWER, NULL },
	{ "upperdir", OPTION_UPPER, NULL },
	{ "workdir", OPTION_WORK, NULL },
	{ "userxattr", OPTION_USERXATTR, NULL },
	{ "volatile", OPTION_VOLATILE, NULL },
	{ "redirect_dir", OPTION_CHOICE, "off nofollow" },
	{ "metacopy", OPTION_CHOICE, "off" },
	{ "index", OPTION_CHOICE, "off" },
	{ "nfs_export", OPTION_CHOICE, "off" },
	{ "xino", OPTION_CHOICE, "off auto" },
	{ "uuid", OPTION_CHOICE, "null" },
	{ "verity", OPTION_CHOICE, "off" },
	{ "fsync", OPTION_CHOICE, "auto" },
	{ "test-fail", OPTION_TEST_FAIL, NULL },
};

struct tree_config *
tree_config_new(void)
{
	struct tree_config *c = calloc(1, sizeof(*c));

	if (c)
		c->userxattr = -1;
	return c;
}

void
tree_config_free(struct tree_config *c)
{
	unsigned i;

	if (!c)
		return;
	for (i = 0; i < c->nr_lowers; i++)
		free(c->lowers[i]);
	free(c->lowers);
	free(c->upper);
	free(c->work);
	free(c);
}

const char *const *
tree_config_keys(void)
{
	static const char *const keys[] = {
		"lower",    "upper",   "work",       "lowerdir", "lowerdir+",
		"upperdir", "workdir", "userxattr",  "volatile", "redirect_dir",
		"metacopy", "index",   "nfs_export", "xino",     "uuid",
		"verity",   "fsync",   NULL,
	};

	return keys;
}

/* Say why and return -EINVAL. */
#define refuse(ret_why, ...) layer_why((ret_why), -EINVAL, __VA_ARGS__)

static int
add_lower(struct tree_config *c, char *path, char **ret_why)
{
	char **p;

	if (!path)
		return -ENOMEM;
	if (c->nr_lowers == LAYER_MAX_LOWERS) {
		free(path);
		return refuse(ret_why, "more than %d lower layers",
			      LAYER_MAX_LOWERS);
	}
	p = reallocarray(c->lowers, c->nr_lowers + 1, sizeof(*p));
	if (!p) {
		free(path);
		return -ENOMEM;
	}
	c->lowers = p;
	c->lowers[c->nr_lowers++] = path;
	return 0;
}

/* Cut the next path off *@rest: up to an unescaped ':'. Unescapes in place. */
static char *
next_lower(char **rest)
{
	char *in = *rest, *out = *rest, *path = *rest;

	while (*in && *in != ':') {
		if (*in == '\\' && in[1])
			in++;
		*out++ = *in++;
	}
	*rest = *in ? in + 1 : NULL;
	*out = '\0';
	return path;
}

static int
set_lowerdir(struct tree_config *c, const char *value, char **ret_why)
{
	CLEANUP_FREE char *copy = strdup(value);
	char *rest = copy, *path;
	int r;

	if (!copy)
		return -ENOMEM;
	while (rest) {
		path = next_lower(&rest);
		if (!*path && rest && *rest && path > copy)
			return refuse(ret_why,
				      "lowerdir=%s: data-only layers (\"::\") "
				      "are not supported by this version",
				      value);
		if (!*path)
			return refuse(ret_why,
				      "lowerdir=%s: an empty path: too many "
				      "colons?",
				      value);
		r = add_lower(c, strdup(path), ret_why);
		if (r < 0)
			return r;
	}
	return 0;
}

static int
set_path(char **where, const char *key, const char *value, char **ret_why)
{
	if (*where)
		return refuse(ret_why, "%s given twice: \"%s\" and \"%s\"", key,
			      *where, value);
	*where = strdup(value);
	return *where ? 0 : -ENOMEM;
}

static int
set_flag(bool *where, const char *key, const char *value, char **ret_why)
{
	if (!value || strcmp(value, "on") == 0)
		*where = true;
	else if (strcmp(value, "off") == 0)
		*where = false;
	else
		return refuse(ret_why, "%s=%s: use on or off", key, value);
	return 0;
}

static int
set_choice(const struct option *o, const char *value, char **ret_why)
{
	size_t len = value ? strlen(value) : 0;
	const char *p = o->accepted;

	while (value && *p) {
		if (strncmp(p, value, len) == 0 &&
		    (p[len] == ' ' || p[len] == '\0'))
			return 0;
		p += strcspn(p, " ");
		p += *p == ' ';
	}
	return refuse(ret_why,
		      "%s=%s is not supported by this version (only: %s)",
		      o->key, value ? value : "", o->accepted);
}

/* N or N:ERRNO; for failure tests, see HACKING.md. */
static int
set_test_fail(struct tree_config *c, const char *value, char **ret_why)
{
	char *end;

	c->fail_at = strtol(value, &end, 10);
	c->fail_errno = *end == ':' ? (int)strtol(end + 1, &end, 10) : 0;
	if (*end || c->fail_at < 0 || c->fail_errno < 0)
		return refuse(ret_why, "test-fail=%s: use N or N:ERRNO", value);
	return 0;
}

/* Levenshtein's distance, for names of up to 31 characters. */
static unsigned
distance(const char *a, const char *b)
{
	unsigned row[32], i, j, diagonal, up;
	size_t la = strlen(a), lb = strlen(b);

	if (la > 31 || lb > 31)
		return 99;
	for (j = 0; j <= lb; j++)
		row[j] = j;
	for (i = 1; i <= la; i++) {
		diagonal = row[0];
		row[0] = i;
		for (j = 1; j <= lb; j++) {
			up = row[j];
			row[j] = MIN(MIN(up, row[j - 1]) + 1,
				     diagonal + (a[i - 1] != b[j - 1]));
			diagonal = up;
		}
	}
	return row[lb];
}

static int
refuse_unknown(const char *key, char **ret_why)
{
	const char *const *k, *best = NULL;
	unsigned d, best_d = 4;

	for (k = tree_config_keys(); *k; k++) {
		d = distance(key, *k);
		if (d < best_d) {
			best_d = d;
			best = *k;
		}
	}
	if (best)
		return refuse(
			ret_why,
			"unknown tree option \"%s\": did you mean \"%s\"?", key,
			best);
	return refuse(ret_why, "unknown tree option \"%s\"", key);
}

static int
set_option(struct tree_config *c, const struct option *o, const char *value,
	   char **ret_why)
{
	bool flag;
	int r;

	switch (o->kind) {
	case OPTION_LOWERDIR:
		return set_lowerdir(c, value, ret_why);
	case OPTION_LOWER:
		return add_lower(c, strdup(value), ret_why);
	case OPTION_UPPER:
		return set_path(&c->upper, o->key, value, ret_why);
	case OPTION_WORK:
		return set_path(&c->work, o->key, value, ret_why);
	case OPTION_USERXATTR:
		r = set_flag(&flag, o->key, value, ret_why);
		if (r == 0)
			c->userxattr = flag;
		return r;
	case OPTION_VOLATILE:
		return set_flag(&c->is_volatile, o->key, value, ret_why);
	case OPTION_TEST_FAIL:
		return set_test_fail(c, value, ret_why);
	case OPTION_CHOICE:
		return set_choice(o, value, ret_why);
	}
	return -EINVAL;
}

int
tree_config_set(struct tree_config *c, const char *key, const char *value,
		char **ret_why)
{
	const struct option *o;
	size_t i;

	*ret_why = NULL;
	for (i = 0; i < ARRAY_SIZE(options); i++) {
		o = &options[i];
		if (strcmp(o->key, key) != 0)
			continue;
		if (o->kind != OPTION_USERXATTR && o->kind != OPTION_VOLATILE &&
		    (!value || !*value))
			return refuse(ret_why, "%s needs a value", key);
		return set_option(c, o, value, ret_why);
	}
	return refuse_unknown(key, ret_why);
}
