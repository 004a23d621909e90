/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The options of a tree, under the kernel's names and values (overlay.md 10).
 * A value that asks for a feature which is not there is refused here, by
 * name, instead of being served wrongly later.
 */
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "layer.h"
#include "macros.h"

enum option_kind {
	OPTION_LOWERDIR, /* a:b::c, escaped */
	OPTION_LOWER, /* one path, again and again */
	OPTION_DATA, /* likewise, a data-only layer */
	OPTION_WHITEOUTS, /* of the lower just named */
	OPTION_PATH, /* offset: char * */
	OPTION_SWITCH, /* offset: int, 1 or 0 */
	OPTION_CHOICE, /* offset: int, the place of the value in values */
	OPTION_SIZE, /* offset: uint64_t, bytes */
	OPTION_FIXED, /* only values that change nothing are accepted */
	OPTION_TEST_FAIL,
	OPTION_TEST_SLOW,
	OPTION_TEST_FDS,
	OPTION_TEST_BOOT,
};

struct option {
	const char *key;
	enum option_kind kind;
	size_t offset; /* in struct tree_config */
	const char *values; /* CHOICE, FIXED: space-separated */
};

#define FIELD(name) offsetof(struct tree_config, name)

static const struct option options[] = {
	{ "lower", OPTION_LOWER, 0, NULL },
	{ "upper", OPTION_PATH, FIELD(upper), NULL },
	{ "work", OPTION_PATH, FIELD(work), NULL },
	{ "lowerdir", OPTION_LOWERDIR, 0, NULL },
	{ "lowerdir+", OPTION_LOWER, 0, NULL },
	{ "datadir+", OPTION_DATA, 0, NULL },
	{ "upperdir", OPTION_PATH, FIELD(upper), NULL },
	{ "workdir", OPTION_PATH, FIELD(work), NULL },
	{ "whiteouts", OPTION_WHITEOUTS, 0, "char oci" },
	{ "userxattr", OPTION_SWITCH, FIELD(userxattr), NULL },
	{ "redirect_dir", OPTION_CHOICE, FIELD(redirect_dir),
	  "auto on follow nofollow off" },
	{ "metacopy", OPTION_SWITCH, FIELD(metacopy), NULL },
	{ "index", OPTION_SWITCH, FIELD(index), NULL },
	{ "xino", OPTION_CHOICE, FIELD(xino), "off auto on" },
	{ "uuid", OPTION_CHOICE, FIELD(uuid), "auto on null off" },
	{ "fsync", OPTION_CHOICE, FIELD(fsync), "auto strict volatile" },
	{ "volatile", OPTION_SWITCH, FIELD(is_volatile), NULL },
	{ "locks", OPTION_CHOICE, FIELD(locks), "server host" },
	{ "interlock", OPTION_SWITCH, FIELD(interlock), NULL },
	{ "owner", OPTION_CHOICE, FIELD(owner), "real mapped" },
	{ "copyup", OPTION_CHOICE, FIELD(copyup), "auto full lazy background" },
	{ "partial-above", OPTION_SIZE, FIELD(partial_above), NULL },
	{ "copyup-rate", OPTION_SIZE, FIELD(copyup_rate), NULL },
	{ "nfs_export", OPTION_FIXED, 0, "off" },
	{ "verity", OPTION_FIXED, 0, "off" },
	{ "test-fail", OPTION_TEST_FAIL, 0, NULL },
	{ "test-slow", OPTION_TEST_SLOW, 0, NULL },
	{ "test-fds", OPTION_TEST_FDS, 0, NULL },
	{ "test-boot", OPTION_TEST_BOOT, FIELD(boot), NULL },
};

struct tree_config *
tree_config_new(void)
{
	struct tree_config *c = calloc(1, sizeof(*c));

	if (c) {
		c->userxattr = c->metacopy = c->index = UNSET;
		c->slow_ms = UNSET;
	}
	return c;
}

void
tree_config_free(struct tree_config *c)
{
	unsigned i;

	if (!c)
		return;
	for (i = 0; i < c->nr_lowers; i++)
		free(c->lowers[i].path);
	free(c->lowers);
	free(c->upper);
	free(c->work);
	free(c->boot);
	free(c);
}

bool
tree_config_has_layers(const struct tree_config *c)
{
	return c->upper && c->nr_lowers > 0;
}

const char *const *
tree_config_keys(void)
{
	static const char *const keys[] = {
		"lower",         "upper",        "work",
		"lowerdir",      "lowerdir+",    "datadir+",
		"upperdir",      "workdir",      "whiteouts",
		"userxattr",     "redirect_dir", "metacopy",
		"index",         "xino",         "uuid",
		"fsync",         "volatile",     "locks",
		"interlock",     "owner",        "copyup",
		"partial-above", "copyup-rate",  "nfs_export",
		"verity",        NULL,
	};

	return keys;
}

/* Say why and return -EINVAL. */
#define refuse(ret_why, ...) layer_why((ret_why), -EINVAL, __VA_ARGS__)

/* Takes @path over. */
static int
add_lower(struct tree_config *c, char *path, bool is_data, char **ret_why)
{
	struct lower_config *p;

	if (!path)
		return -ENOMEM;
	p = c->nr_lowers == LAYER_MAX_LOWERS
		    ? NULL
		    : reallocarray(c->lowers, c->nr_lowers + 1, sizeof(*p));
	if (!p) {
		free(path);
		if (c->nr_lowers < LAYER_MAX_LOWERS)
			return -ENOMEM;
		return refuse(ret_why, "more than %d lower layers",
			      LAYER_MAX_LOWERS);
	}
	c->lowers = p;
	p += c->nr_lowers++;
	*p = (struct lower_config){ .path = path, .is_data = is_data };
	if (!is_data && c->nr_lowers > 1 && p[-1].is_data)
		return refuse(ret_why,
			      "lower \"%s\" after the data-only layer \"%s\": "
			      "those come last",
			      path, p[-1].path);
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
	bool is_data = false;
	int r;

	if (!copy)
		return -ENOMEM;
	while (rest) {
		path = next_lower(&rest);
		/* "::" begins, and then separates, the data-only layers. */
		if (!*path && path > copy && rest && *rest && *rest != ':') {
			is_data = true;
			path = next_lower(&rest);
		} else if (is_data) {
			return refuse(ret_why,
				      "lowerdir=%s: after a data-only layer "
				      "only \"::\" may follow",
				      value);
		}
		if (!*path)
			return refuse(ret_why,
				      "lowerdir=%s: an empty path: too many "
				      "colons?",
				      value);
		r = add_lower(c, strdup(path), is_data, ret_why);
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
set_switch(int *where, const char *key, const char *value, char **ret_why)
{
	if (!value || strcmp(value, "on") == 0)
		*where = 1;
	else if (strcmp(value, "off") == 0)
		*where = 0;
	else
		return refuse(ret_why, "%s=%s: use on or off", key, value);
	return 0;
}

/* Bytes: a number, and K, M, G or T for powers of 1024. */
static int
set_size(uint64_t *where, const char *key, const char *value, char **ret_why)
{
	static const char units[] = "KMGT";
	unsigned long long size;
	const char *unit;
	uint64_t bytes;
	char *end;

	errno = 0;
	size = strtoull(value, &end, 10);
	unit = *end ? strchr(units, toupper((unsigned char)*end)) : NULL;
	if (value[0] < '0' || value[0] > '9' || errno || (*end && !unit) ||
	    (unit && end[1]) ||
	    __builtin_mul_overflow(
		    size, UINT64_C(1) << (unit ? 10 * (unit - units + 1) : 0),
		    &bytes))
		return refuse(ret_why,
			      "%s=%s: use a number of bytes, or with "
			      "K, M, G or T",
			      key, value);
	*where = bytes;
	return 0;
}

/* The place of @value among o->values; refused if it is none of them. */
static int
find_value(const struct option *o, const char *value, int *ret, char **ret_why)
{
	size_t len = strlen(value);
	const char *p = o->values;
	int i;

	for (i = 0; *p; i++) {
		if (strncmp(p, value, len) == 0 &&
		    (p[len] == ' ' || p[len] == '\0')) {
			*ret = i;
			return 0;
		}
		p += strcspn(p, " ");
		p += *p == ' ';
	}
	if (o->kind == OPTION_FIXED)
		return refuse(ret_why,
			      "%s=%s is not supported by this version (only: "
			      "%s)",
			      o->key, value, o->values);
	return refuse(ret_why, "%s=%s: use one of: %s", o->key, value,
		      o->values);
}

static int
set_whiteouts(struct tree_config *c, const struct option *o, const char *value,
	      char **ret_why)
{
	if (c->nr_lowers == 0)
		return refuse(ret_why,
			      "whiteouts=%s comes after the lower it is about",
			      value);
	return find_value(o, value, &c->lowers[c->nr_lowers - 1].whiteouts,
			  ret_why);
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

/* Milliseconds that copy-up pauses after each slice; likewise. */
static int
set_test_slow(struct tree_config *c, const char *value, char **ret_why)
{
	char *end;

	c->slow_ms = strtol(value, &end, 10);
	if (*end || c->slow_ms < 0)
		return refuse(ret_why, "test-slow=%s: use MILLISECONDS", value);
	return 0;
}

/* Descriptors for what clients hold; likewise. */
static int
set_test_fds(struct tree_config *c, const char *value, char **ret_why)
{
	char *end;
	long nr = strtol(value, &end, 10);

	if (*end || nr < 1 || nr > INT_MAX)
		return refuse(ret_why, "test-fds=%s: use NUMBER", value);
	c->max_fds = (unsigned)nr;
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
	void *field = (char *)c + o->offset;
	int unused;

	if (o->kind != OPTION_SWITCH && (!value || !*value))
		return refuse(ret_why, "%s needs a value", o->key);
	switch (o->kind) {
	case OPTION_LOWERDIR:
		return set_lowerdir(c, value, ret_why);
	case OPTION_LOWER:
		return add_lower(c, strdup(value), false, ret_why);
	case OPTION_DATA:
		return add_lower(c, strdup(value), true, ret_why);
	case OPTION_WHITEOUTS:
		return set_whiteouts(c, o, value, ret_why);
	case OPTION_PATH:
		return set_path(field, o->key, value, ret_why);
	case OPTION_SWITCH:
		return set_switch(field, o->key, value, ret_why);
	case OPTION_CHOICE:
		return find_value(o, value, field, ret_why);
	case OPTION_SIZE:
		return set_size(field, o->key, value, ret_why);
	case OPTION_FIXED:
		return find_value(o, value, &unused, ret_why);
	case OPTION_TEST_FAIL:
		return set_test_fail(c, value, ret_why);
	case OPTION_TEST_SLOW:
		return set_test_slow(c, value, ret_why);
	case OPTION_TEST_FDS:
		return set_test_fds(c, value, ret_why);
	case OPTION_TEST_BOOT:
		return set_path(field, o->key, value, ret_why);
	}
	return -EINVAL;
}

int
tree_config_set(struct tree_config *c, const char *key, const char *value,
		char **ret_why)
{
	size_t i;

	*ret_why = NULL;
	for (i = 0; i < ARRAY_SIZE(options); i++)
		if (strcmp(options[i].key, key) == 0)
			return set_option(c, &options[i], value, ret_why);
	return refuse_unknown(key, ret_why);
}

/* Pairs that the kernel refuses (ovl_fs_params_verify()). */
static int
check_conflicts(const struct tree_config *c, bool userxattr, char **ret_why)
{
	bool redirects = c->redirect_dir == REDIRECT_ON;

	if (c->metacopy == 1 && c->redirect_dir != REDIRECT_AUTO && !redirects)
		return refuse(ret_why, "metacopy=on needs redirect_dir=on");
	if (c->metacopy != 1 &&
	    (c->copyup == COPYUP_LAZY || c->copyup == COPYUP_BACKGROUND))
		return refuse(ret_why, "copyup=%s needs metacopy=on",
			      c->copyup == COPYUP_LAZY ? "lazy" : "background");
	if (c->metacopy != 1 && (c->partial_above || c->copyup_rate))
		return refuse(ret_why, "%s needs metacopy=on",
			      c->partial_above ? "partial-above"
					       : "copyup-rate");
	if (!userxattr)
		return 0;
	if (redirects || c->redirect_dir == REDIRECT_FOLLOW)
		return refuse(ret_why,
			      "redirect_dir=%s needs trusted xattrs, not "
			      "userxattr: use redirect_dir=nofollow",
			      redirects ? "on" : "follow");
	if (c->metacopy == 1)
		return refuse(
			ret_why,
			"metacopy=on needs trusted xattrs, not userxattr");
	return 0;
}

/* Can lower hard links be told apart for ever? (ovl_get_indexdir()) */
static int
check_index(const struct layer_set *set, char **ret_why)
{
	const struct layer *l;
	unsigned i;

	for (i = 0; i <= set->nr_lowers; i++) {
		l = i == 0 ? &set->upper->layer : &set->lowers[i - 1];
		if (!l->has_uuid || !l->decodes_handles || !l->has_xattr)
			return refuse(ret_why,
				      "index=on: the file system of \"%s\" has "
				      "no file handles that can be decoded "
				      "(needs root, too)",
				      l->path);
	}
	return 0;
}

int
option_resolve(const struct tree_config *c, const struct layer_set *set,
	       bool userxattr, struct features *ret, char **ret_why)
{
	bool can_mark = set->upper && set->upper->layer.has_xattr;
	struct features f = {
		.userxattr = userxattr,
		.maps_owner = c->owner == OWNER_MAPPED,
	};
	int r;

	r = check_conflicts(c, userxattr, ret_why);
	if (r < 0)
		return r;
	f.follows_redirects =
		!userxattr && c->redirect_dir != REDIRECT_NOFOLLOW;
	f.writes_redirects = can_mark && !userxattr &&
			     (c->redirect_dir == REDIRECT_ON ||
			      c->redirect_dir == REDIRECT_AUTO);
	f.metacopy = c->metacopy == 1 && (can_mark || !set->upper);
	f.index = c->index == 1 && set->upper;
	f.locks_at_host = c->locks == LOCKS_HOST;
	f.links = c->index == UNSET && set->upper;
	/* ovl_create_upper(): where offline changes of a lower would merge. */
	f.opaque_mkdir = can_mark &&
			 (f.metacopy || f.index ||
			  c->redirect_dir == REDIRECT_ON || c->xino == XINO_ON);
	r = f.index ? check_index(set, ret_why) : 0;
	if (r == 0)
		*ret = f;
	return r;
}
