/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which images clients are told of (--nbd-list). A merged tree can be huge, and
 * what is not listed can still be asked for by name: so a listing is bounded in
 * depth, in what is looked at and in what comes out, and what cannot be read is
 * not in it.
 *
 * A pattern is matched component by component: only directories that its
 * beginning matches are ever read.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cleanup.h"
#include "image-parts.h"
#include "image.h"

/* Images that are listed; components of a pattern. */
#define LIST_MAX 1000u
#define DEPTH_MAX 16u
/* Names that are read in directories, and those of them that match and are
 * looked at, for all of a listing. */
#define READ_MAX 100000u
#define MATCH_MAX 10000u

struct listing {
	const struct server *server; /* borrowed, as all here */
	const struct export *export;
	const struct call *call;
	struct request *req;
	unsigned nr_read, nr_matched, nr_listed;
	bool is_full; /* the client takes no more, or LIST_MAX */
};

/* The names in one directory that match. */
struct matches {
	struct listing *listing; /* borrowed */
	char *pattern; /* borrowed: one component */
	bool is_last; /* files are wanted, else directories */
	char **names; /* owned, as the strings */
	size_t nr, max;
	int error;
};

static bool
keep(struct matches *m, struct name name)
{
	char **p, *copy;

	if (m->nr == m->max) {
		size_t max = m->max ? m->max * 2 : 64;

		p = reallocarray(m->names, max, sizeof(*p));
		if (!p)
			return false;
		m->names = p;
		m->max = max;
	}
	copy = strndup(name.ptr, name.len);
	if (!copy)
		return false;
	m->names[m->nr++] = copy;
	return true;
}

static bool
is_wanted(const struct matches *m, const struct dirent_info *entry)
{
	char name[256];

	if (entry->d_type != DT_UNKNOWN &&
	    entry->d_type != (m->is_last ? DT_REG : DT_DIR) &&
	    !(m->is_last && entry->d_type == DT_BLK))
		return false;
	if (entry->name.len >= sizeof(name))
		return false;
	(void)snprintf(name, sizeof(name), "%.*s", (int)entry->name.len,
		       entry->name.ptr);
	return strcmp(name, ".") != 0 && strcmp(name, "..") != 0 &&
	       fnmatch(m->pattern, name, FNM_PATHNAME) == 0;
}

/* No tree function may be called from here. */
static bool
take_entry(void *ctx, const struct dirent_info *entry)
{
	struct matches *m = ctx;
	struct listing *l = m->listing;

	if (l->nr_read++ >= READ_MAX || l->nr_matched >= MATCH_MAX)
		return false;
	if (!is_wanted(m, entry))
		return true;
	l->nr_matched++;
	if (keep(m, entry->name))
		return true;
	m->error = -ENOMEM;
	return false;
}

static int
compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int
read_matches(struct matches *m, struct node *dir)
{
	const struct call *c = m->listing->call;
	struct handle *h;
	struct ident ident;
	int r;

	r = tree_open_node(dir, c, O_RDONLY | O_DIRECTORY, &h, &ident);
	if (r < 0)
		return r;
	r = tree_readdir(h, c, 0, take_entry, m);
	handle_unref(h);
	if (m->nr > 0)
		qsort(m->names, m->nr, sizeof(*m->names), compare);
	return m->error < 0 ? m->error : r;
}

/* Its size; 0 of a device that is not to be had. */
static int
size_of(const struct listing *l, struct node *n, uint64_t *ret)
{
	struct handle *h;
	struct attr attr;
	int r;

	if (!S_ISBLK(node_type(n))) {
		r = tree_getattr(n, NULL, l->call, &attr);
		if (r == 0)
			*ret = attr.size;
		return r;
	}
	*ret = 0;
	if (image_device_open(l->server, n, l->call, O_RDONLY, &h) == 0) {
		*ret = tree_device_size(h);
		handle_unref(h);
	}
	return 0;
}

/* An empty file has nothing to be served: it is not listed. */
static int
list_file(struct listing *l, struct node *n, const char *path)
{
	CLEANUP_FREE char *name = image_name_print(l->server, l->export, path);
	CLEANUP_FREE char *what = NULL;
	struct backing b;
	uint64_t size = 0;
	int r = name ? 0 : -ENOMEM;

	if (r == 0)
		r = size_of(l, n, &size);
	if (r == 0)
		r = tree_backing(n, l->call, &b);
	if (r < 0 || size == 0 || !image_name_is_listable(name))
		return r;
	what = image_describe(&b, size);
	if (!what)
		return -ENOMEM;
	l->is_full =
		!l->req->u.list.emit(l->req->u.list.emit_ctx,
				     (struct name){ name, strlen(name) },
				     (struct name){ what, strlen(what) }) ||
		++l->nr_listed >= LIST_MAX;
	return 0;
}

static int list_dir(struct listing *l, struct node *dir, const char *path,
		    char *pattern);

static int
list_name(struct listing *l, struct node *dir, const char *path,
	  const char *name, char *rest)
{
	struct name one = { name, strlen(name) };
	CLEANUP_FREE char *below = NULL;
	struct ident ident;
	struct node *n;
	unsigned nr;
	int r = 0;

	if (asprintf(&below, "%s%s%s", path, *path ? "/" : "", name) < 0) {
		below = NULL;
		return -ENOMEM;
	}
	/* Gone meanwhile, or not for this user: not listed. */
	if (tree_walk(dir, l->call, &one, 1, &ident, &nr, &n) < 0)
		return 0;
	if (rest && S_ISDIR(ident.type))
		r = list_dir(l, n, below, rest);
	else if (!rest && (S_ISREG(ident.type) || S_ISBLK(ident.type)))
		r = list_file(l, n, below);
	node_unref(n);
	return r == -ENOMEM ? r : 0;
}

/* List what @pattern matches in @dir, which is at @path. Recursive: as deep as
 * the pattern. */
static int
list_dir(struct listing *l, struct node *dir, const char *path, char *pattern)
{
	char *slash = strchr(pattern, '/');
	struct matches m = { .listing = l,
			     .pattern = pattern,
			     .is_last = !slash };
	size_t i;
	int r;

	if (slash)
		*slash = '\0';
	r = read_matches(&m, dir);
	for (i = 0; i < m.nr; i++) {
		if (!l->is_full && r != -ENOMEM)
			r = list_name(l, dir, path, m.names[i],
				      slash ? slash + 1 : NULL);
		free(m.names[i]);
	}
	free(m.names);
	if (slash)
		*slash = '/';
	return r;
}

static int
list_export(struct listing *l, const struct call *c, const char *pattern)
{
	CLEANUP_FREE char *copy = strdup(pattern);
	struct image_user user;
	struct node *root;
	int r = copy ? image_user_init(l->server, l->export, c, &user)
		     : -ENOMEM;

	if (r < 0)
		return r;
	l->call = &user.call;
	root = tree_root(l->export->tree);
	r = list_dir(l, root, "", copy);
	node_unref(root);
	image_user_fini(&user);
	return r == -ENOMEM ? r : 0;
}

int
image_list(const struct server *s, struct request *r, const struct call *c)
{
	const char *pattern = s->config->nbd_list;
	struct listing l = { .server = s, .req = r };
	unsigned i;
	int err = 0;

	if (!pattern)
		return -EPERM;
	if (c->nowait)
		return -EAGAIN;
	for (i = 0; i < s->nr_exports && err == 0 && !l.is_full; i++) {
		l.export = &s->exports[i];
		err = list_export(&l, c, pattern);
	}
	return err;
}

bool
image_pattern_is_ok(const char *pattern)
{
	unsigned nr = 1;
	const char *p;

	/* As paths of the tree: none of these matches anything. */
	if (!*pattern || *pattern == '/' || strstr(pattern, "//") ||
	    pattern[strlen(pattern) - 1] == '/')
		return false;
	for (p = pattern; *p; p++)
		nr += *p == '/';
	return nr <= DEPTH_MAX;
}
