/* SPDX-License-Identifier: BSD-3-Clause */
/* The fixture; see layers-fixture.h. */
#include "layers-fixture.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const struct call fixture_call = { .gid = UINT32_MAX };

static unsigned
count_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned nr = 0;

	while (d && readdir(d))
		nr++;
	if (d)
		(void)closedir(d);
	return nr;
}

void
fixture_sh(struct fixture *f, const char *cmd)
{
	assert_true(fixture_holds(f, cmd));
}

bool
fixture_holds(struct fixture *f, const char *cmd)
{
	char line[4096];

	(void)snprintf(line, sizeof(line), "cd %s && { %s; }", f->root, cmd);
	return system(line) == 0;
}

int
fixture_setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	const char *dir;
	int r;

	assert_non_null(f);
	(void)umask(0);
	dir = getenv("TMPDIR");
	r = snprintf(f->root, sizeof(f->root), "%s/veneer-unit.XXXXXX",
		     dir ? dir : "/tmp");
	assert_true(r < (int)sizeof(f->root));
	assert_non_null(mkdtemp(f->root));
	f->nr_fds = count_fds();
	fixture_sh(f, "umask 022; mkdir lower1 lower2 upper work between; "
		      "cd between && seq ${VENEER_TEST_BETWEEN:-0} | "
		      "xargs -r mkdir");
	*state = f;
	return 0;
}

void
fixture_close(struct fixture *f)
{
	node_unref(f->top);
	tree_close(f->tree);
	f->top = NULL;
	f->tree = NULL;
}

int
fixture_teardown(void **state)
{
	struct fixture *f = *state;
	char line[128];

	fixture_close(f);
	assert_int_equal(f->nr_fds, count_fds());
	(void)snprintf(line, sizeof(line), "rm -rf %s", f->root);
	assert_int_equal(0, system(line));
	free(f);
	return 0;
}

static void
set(struct tree_config *c, const char *key, const struct fixture *f,
    const char *name)
{
	char path[96], *why;

	(void)snprintf(path, sizeof(path), "%s/%s", f->root, name);
	assert_int_equal(0, tree_config_set(c, key, path, &why));
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *where)
{
	(void)st;
	(void)type;
	(void)where;
	return remove(path);
}

void
fixture_fresh(struct fixture *f, const char *dir)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/%s", f->root, dir);
	if (nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS) != 0 &&
	    errno != ENOENT)
		fail_msg("%s: %s", path, strerror(errno));
	assert_int_equal(0, mkdir(path, 0777));
}

void
fixture_layers(struct fixture *f, const char *cmd)
{
	fixture_fresh(f, "lower1");
	fixture_fresh(f, "lower2");
	fixture_fresh(f, "upper");
	fixture_fresh(f, "work");
	fixture_sh(f, cmd);
}

void
fixture_set_options(struct tree_config *c, const struct fixture *f)
{
	char copy[512], expanded[512], *rest = copy, *key, *value, *why;
	size_t len;

	(void)snprintf(copy, sizeof(copy), "%s", f->options);
	while ((key = strsep(&rest, ","))) {
		value = strchr(key, '=');
		if (value)
			*value++ = '\0';
		len = value ? strcspn(value, "@") : 0;
		if (value && value[len] == '@') {
			(void)snprintf(expanded, sizeof(expanded), "%.*s%s%s",
				       (int)len, value, f->root,
				       value + len + 1);
			value = expanded;
		}
		if (tree_config_set(c, key, value, &why) < 0)
			fail_msg("%s: %s", key, why);
	}
}

/* The layers and options of @f; the caller's. */
static struct tree_config *
make_config(struct fixture *f, bool with_upper)
{
	struct tree_config *c = tree_config_new();
	const char *between = getenv("VENEER_TEST_BETWEEN");
	char name[32], *why;
	int i;

	set(c, "lower", f, "lower1");
	for (i = 1; between && i <= atoi(between); i++) {
		(void)snprintf(name, sizeof(name), "between/%d", i);
		set(c, "lower", f, name);
	}
	set(c, "lower", f, "lower2");
	if (with_upper) {
		set(c, "upper", f, "upper");
		set(c, "work", f, "work");
	}
	if (getenv("VENEER_TEST_FDS") &&
	    tree_config_set(c, "test-fds", getenv("VENEER_TEST_FDS"), &why) < 0)
		fail_msg("%s", why);
	if (f->options)
		fixture_set_options(c, f);
	return c;
}

static void
print_finding(void *ctx, const struct check_finding *found)
{
	(void)ctx;
	if (found->state != CHECK_NOTE)
		print_message("%s: %s\n", found->path, found->what);
}

void
fixture_check(struct fixture *f)
{
	struct check_options o = { .found = print_finding };
	struct tree_config *c = make_config(f, true);
	struct check_result res;
	char *why;

	if (tree_check(c, &o, &res, &why) < 0)
		fail_msg("tree_check: %s", why);
	assert_int_equal(0, res.nr_left);
	free(res.mount_options);
	tree_config_free(c);
}

static int
try_open(struct fixture *f, bool with_upper, char **ret_why)
{
	struct tree_config *c = make_config(f, with_upper);
	int r;

	r = tree_open(c, NULL, NULL, &f->tree, ret_why);
	tree_config_free(c);
	f->top = r < 0 ? NULL : tree_root(f->tree);
	return r;
}

int
fixture_try_open(struct fixture *f)
{
	char *why;
	int r = try_open(f, true, &why);

	if (r < 0) {
		print_message("%s\n", why);
		free(why);
	}
	return r;
}

void
fixture_open(struct fixture *f, bool with_upper)
{
	char *why;

	if (try_open(f, with_upper, &why) < 0)
		fail_msg("tree_open: %s", why);
}

void
fixture_restart(struct fixture *f)
{
	fixture_close(f);
	fixture_open(f, true);
}

struct name
fixture_name(const char *s)
{
	return (struct name){ s, strlen(s) };
}

static struct node *
walk_dir(struct fixture *f, const char *path, struct name *ret_last)
{
	const char *slash = strrchr(path, '/');
	char dir[1024];
	int r;

	*ret_last = fixture_name(slash ? slash + 1 : path);
	if (!slash)
		return node_ref(f->top);
	(void)snprintf(dir, sizeof(dir), "%.*s", (int)(slash - path), path);
	return fixture_walk(f, dir, &r);
}

struct node *
fixture_walk(struct fixture *f, const char *path, int *ret_err)
{
	struct ident idents[16];
	struct name names[16];
	struct node *n = NULL;
	unsigned nr = 0, got;
	const char *s;
	size_t len;

	for (s = path; *s; s += len + (s[len] == '/')) {
		len = strcspn(s, "/");
		names[nr++] = (struct name){ s, len };
	}
	*ret_err =
		tree_walk(f->top, &fixture_call, names, nr, idents, &got, &n);
	return *ret_err < 0 ? NULL : n;
}

uint64_t
fixture_path(struct fixture *f, const char *path)
{
	struct ident ident;
	struct node *n;
	int r;

	n = fixture_walk(f, path, &r);
	assert_int_equal(0, r);
	assert_int_equal(0, tree_ident(n, &fixture_call, &ident));
	node_unref(n);
	return ident.path;
}

struct names {
	char *list[512];
	unsigned nr;
};

static bool
collect(void *ctx, const struct dirent_info *e)
{
	struct names *n = ctx;

	n->list[n->nr++] = strndup(e->name.ptr, e->name.len);
	return n->nr < 512;
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

const char *
fixture_list(struct fixture *f, const char *path)
{
	static char text[8192];
	struct names names = { .nr = 0 };
	struct ident ident;
	struct handle *h;
	struct node *n;
	unsigned i;
	int r;

	text[0] = '\0';
	n = fixture_walk(f, path, &r);
	if (r == 0)
		r = tree_open_node(n, &fixture_call, O_RDONLY, &h, &ident);
	if (r == 0) {
		r = tree_readdir(h, &fixture_call, 0, collect, &names);
		handle_unref(h);
	}
	node_unref(n);
	if (r < 0) {
		(void)snprintf(text, sizeof(text), "errno %d", -r);
		return text;
	}
	qsort(names.list, names.nr, sizeof(char *), by_name);
	for (i = 0; i < names.nr; i++) {
		if (strcmp(names.list[i], ".") && strcmp(names.list[i], "..")) {
			strcat(text, *text ? " " : "");
			strcat(text, names.list[i]);
		}
		free(names.list[i]);
	}
	return text;
}

const char *
fixture_read(struct fixture *f, const char *path)
{
	static char text[4097];
	struct iovec iov = { text, 4096 };
	struct handle *h = NULL;
	struct node *n;
	ssize_t got;
	int r;

	n = fixture_walk(f, path, &r);
	if (r == 0)
		r = tree_open_node(n, &fixture_call, O_RDONLY, &h, NULL);
	got = r < 0 ? r : tree_read(h, &fixture_call, &iov, 1, 0);
	if (got < 0)
		(void)snprintf(text, sizeof(text), "errno %d", (int)-got);
	else
		text[got] = '\0';
	handle_unref(h);
	node_unref(n);
	return text;
}

int
fixture_write(struct fixture *f, const char *path, const char *text)
{
	struct iovec iov = { (char *)text, strlen(text) };
	struct handle *h = NULL;
	struct node *n;
	ssize_t put;
	int r;

	n = fixture_walk(f, path, &r);
	if (r == 0)
		r = tree_open_node(n, &fixture_call, O_RDWR, &h, NULL);
	put = r < 0 ? r : tree_write(h, &fixture_call, &iov, 1, 0);
	handle_unref(h);
	node_unref(n);
	return put < 0 ? (int)put : 0;
}

static int
do_setattr(struct fixture *f, const char *path, struct attr_set set)
{
	struct node *n;
	int r;

	n = fixture_walk(f, path, &r);
	if (r == 0)
		r = tree_setattr(n, NULL, &fixture_call, &set);
	node_unref(n);
	return r;
}

static int
do_link(struct fixture *f, const char *a, struct node *dir, struct name to)
{
	struct node *n;
	int r;

	n = fixture_walk(f, a, &r);
	if (r == 0)
		r = tree_link(n, &fixture_call, dir, to);
	node_unref(n);
	return r;
}

static int
do_create(struct node *dir, struct name name)
{
	struct handle *h;
	struct ident id;
	struct node *n;
	int r;

	r = tree_create(dir, &fixture_call, name, O_RDWR | O_EXCL, 0644, &n, &h,
			&id);
	if (r == 0) {
		handle_unref(h);
		node_unref(n);
	}
	return r;
}

int
fixture_do(struct fixture *f, const char *op, const char *a, const char *b)
{
	const struct call *c = &fixture_call;
	struct name na = { 0 }, nb = { 0 };
	struct node *da, *db = NULL;
	struct ident id;
	int r = -ENOENT;

	if (strcmp(op, "chmod") == 0)
		return do_setattr(f, a,
				  (struct attr_set){
					  .mask = ATTR_SET_MODE,
					  .mode = (mode_t)strtol(b, NULL, 8) });
	if (strcmp(op, "chown") == 0)
		return do_setattr(f, a,
				  (struct attr_set){ .mask = ATTR_SET_UID,
						     .uid = (uint32_t)strtoul(
							     b, NULL, 10) });
	if (strcmp(op, "truncate") == 0)
		return do_setattr(
			f, a,
			(struct attr_set){ .mask = ATTR_SET_SIZE,
					   .size = strtoull(b, NULL, 10) });
	da = walk_dir(f, a, &na);
	if (b)
		db = walk_dir(f, b, &nb);
	if (da && strcmp(op, "unlink") == 0)
		r = tree_unlink(da, c, na, false);
	else if (da && strcmp(op, "rmdir") == 0)
		r = tree_unlink(da, c, na, true);
	else if (da && strcmp(op, "mkdir") == 0)
		r = tree_mkdir(da, c, na, 0755, &id);
	else if (da && strcmp(op, "create") == 0)
		r = do_create(da, na);
	else if (da && db && strcmp(op, "rename") == 0)
		r = tree_rename(da, na, db, nb, c);
	else if (db && strcmp(op, "link") == 0)
		r = do_link(f, a, db, nb);
	else if (da && strcmp(op, "mkfifo") == 0)
		r = tree_mknod(da, c, na, S_IFIFO | 0600, 0, 0, &id);
	else if (da && strcmp(op, "symlink") == 0)
		r = tree_symlink(da, c, na, fixture_name(b), &id);
	node_unref(da);
	node_unref(db);
	return r;
}
