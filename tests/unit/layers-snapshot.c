/* SPDX-License-Identifier: BSD-3-Clause */
/* See layers-snapshot.h. */
#include "layers-snapshot.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#define MAX_LINES 256
/* What a test sets on purpose is older. */
#define LONG_AGO 1000000000

struct line {
	char *text; /* owned */
	uint64_t ino; /* 0: it has one name */
};

struct lines {
	struct line line[MAX_LINES];
	size_t nr;
	struct snapshot_how how;
};

struct looked {
	mode_t mode;
	uid_t uid;
	gid_t gid;
	uint64_t size, ino;
	uint64_t nlink;
	struct timespec mtime, ctime;
	char content[256]; /* or target */
	char xattrs[1024];
};

static void
put_time(char buf[24], const struct lines *l, const struct looked *s)
{
	const char *is = "now";
	bool is_shared = S_ISDIR(s->mode) || s->nlink > 1;

	if (l->how.times == SNAPSHOT_EXACT ||
	    (l->how.times == SNAPSHOT_UNSHARED && !is_shared))
		(void)snprintf(buf, 24, "%ld.%09ld", (long)s->mtime.tv_sec,
			       s->mtime.tv_nsec);
	else if (l->how.times == SNAPSHOT_SET && !S_ISDIR(s->mode) &&
		 s->mtime.tv_sec < LONG_AGO)
		(void)snprintf(buf, 24, "%ld", (long)s->mtime.tv_sec);
	else
		(void)snprintf(buf, 24, "%s", is);
}

static void
add(struct lines *l, const char *path, const struct looked *s)
{
	struct line *line = &l->line[l->nr];
	char mtime[24], ctime[24] = "";
	int r;

	put_time(mtime, l, s);
	if (l->how.has_ctime)
		(void)snprintf(ctime, sizeof(ctime), " %ld.%09ld",
			       (long)s->ctime.tv_sec, s->ctime.tv_nsec);
	if (S_ISDIR(s->mode))
		r = asprintf(&line->text, "%s/ %o %u:%u %s%s <%s>", path,
			     s->mode, s->uid, s->gid, mtime, ctime, s->xattrs);
	else
		r = asprintf(&line->text,
			     "%s %o %u:%u %lu %s%s x%lu <%s> \"%s\"", path,
			     s->mode, s->uid, s->gid, (unsigned long)s->size,
			     mtime, ctime,
			     l->how.has_links ? (unsigned long)s->nlink : 0ul,
			     s->xattrs, s->content);
	assert_true(r > 0 && ++l->nr < MAX_LINES);
	if (l->how.has_links && !S_ISDIR(s->mode) && s->nlink > 1)
		line->ino = s->ino;
}

static int
compare(const void *a, const void *b)
{
	return strcmp(((const struct line *)a)->text,
		      ((const struct line *)b)->text);
}

/* The number of the first line that is the same object. */
static size_t
first_of(const struct lines *l, size_t i)
{
	size_t k;

	for (k = 0; k < i; k++)
		if (l->line[k].ino == l->line[i].ino)
			break;
	return k;
}

static void
join(struct lines *l, char buf[SNAPSHOT_MAX])
{
	size_t i, len = 0;

	qsort(l->line, l->nr, sizeof(l->line[0]), compare);
	for (i = 0; i < l->nr; i++) {
		len += (size_t)snprintf(buf + len, SNAPSHOT_MAX - len, "%s",
					l->line[i].text);
		assert_true(len < SNAPSHOT_MAX - 32);
		if (l->line[i].ino)
			len += (size_t)sprintf(buf + len, " is %lu",
					       (unsigned long)first_of(l, i));
		buf[len++] = '\n';
		buf[len] = '\0';
	}
	for (i = 0; i < l->nr; i++)
		free(l->line[i].text);
}

/* --- The tree -------------------------------------------------------------- */

struct listing {
	char names[64][64];
	size_t nr;
};

static bool
take_name(void *ctx, const struct dirent_info *e)
{
	struct listing *l = ctx;

	if (e->name.ptr[0] == '.' && e->name.len <= 2)
		return true;
	assert_true(l->nr < 64 && e->name.len < 64);
	(void)snprintf(l->names[l->nr++], 64, "%.*s", (int)e->name.len,
		       e->name.ptr);
	return true;
}

static void
look_content(struct fixture *f, struct node *n, const char *path,
	     struct looked *s)
{
	size_t size = 0;
	void *v = NULL;

	if (S_ISLNK(s->mode))
		(void)tree_readlink(n, &fixture_call, s->content,
				    sizeof(s->content) - 1);
	if (S_ISREG(s->mode))
		(void)snprintf(s->content, sizeof(s->content), "%s",
			       fixture_read(f, path));
	if (tree_getxattr(n, NULL, &fixture_call, fixture_name("user.mine"), &v,
			  &size) == 0)
		(void)snprintf(s->xattrs, sizeof(s->xattrs), "%.*s", (int)size,
			       (const char *)v);
	free(v);
}

static void
look(struct fixture *f, struct lines *l, const char *path)
{
	struct looked s = { 0 };
	struct listing in = { 0 };
	struct handle *h;
	struct attr a;
	char below[512];
	int r;
	struct node *n = fixture_walk(f, path, &r);
	size_t i;

	if (r == 0)
		r = tree_getattr(n, NULL, &fixture_call, &a);
	if (r < 0)
		fail_msg("%s: listed, but %s", path, strerror(-r));
	s.mode = a.mode;
	s.uid = a.uid;
	s.gid = a.gid;
	s.size = a.size;
	s.nlink = a.nlink;
	s.ino = a.ident.path;
	s.mtime = a.mtime;
	look_content(f, n, path, &s);
	add(l, path, &s);
	if (S_ISDIR(s.mode)) {
		assert_int_equal(0, tree_open_node(n, &fixture_call, O_RDONLY,
						   &h, NULL));
		assert_int_equal(
			0, tree_readdir(h, &fixture_call, 0, take_name, &in));
		handle_unref(h);
	}
	node_unref(n);
	for (i = 0; i < in.nr; i++) {
		(void)snprintf(below, sizeof(below), "%s%s%s", path,
			       *path ? "/" : "", in.names[i]);
		look(f, l, below);
	}
}

void
snapshot_tree(struct fixture *f, struct snapshot_how how,
	      char buf[SNAPSHOT_MAX])
{
	struct lines l = { .how = how };

	look(f, &l, "");
	join(&l, buf);
}

/* --- A kernel mount -------------------------------------------------------- */

static int
by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* All of them, in hex. */
static void
look_xattrs_kernel(const char *path, struct looked *s)
{
	char names[1024], value[512], *name[32], *at;
	ssize_t size = listxattr(path, names, sizeof(names)), k;
	size_t len = 0, nr = 0, i;

	for (at = names; at < names + size; at += strlen(at) + 1) {
		assert_true(nr < 32);
		name[nr++] = at;
	}
	qsort(name, nr, sizeof(name[0]), by_name);
	for (i = 0; i < nr; i++) {
		size = getxattr(path, name[i], value, sizeof(value));
		assert_true(size >= 0 &&
			    len + strlen(name[i]) + 2 * (size_t)size + 3 <
				    sizeof(s->xattrs));
		len += (size_t)sprintf(s->xattrs + len, "%s=", name[i]);
		for (k = 0; k < size; k++)
			len += (size_t)sprintf(s->xattrs + len, "%02x",
					       (unsigned char)value[k]);
		s->xattrs[len++] = ' ';
		s->xattrs[len] = '\0';
	}
}

static void
look_content_kernel(const struct lines *l, int dir, const char *name,
		    struct looked *s)
{
	int fd = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	char proc[64];
	ssize_t n;

	(void)snprintf(proc, sizeof(proc), "/proc/self/fd/%d", fd);
	if (l->how.has_all_xattrs) {
		look_xattrs_kernel(proc, s);
	} else {
		n = getxattr(proc, "user.mine", s->xattrs,
			     sizeof(s->xattrs) - 1);
		s->xattrs[n < 0 ? 0 : n] = '\0';
	}
	(void)close(fd);
	if (S_ISLNK(s->mode)) {
		n = readlinkat(dir, name, s->content, sizeof(s->content) - 1);
		s->content[n < 0 ? 0 : n] = '\0';
	}
	if (!S_ISREG(s->mode))
		return;
	fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, s->content, sizeof(s->content) - 1);
	if (n < 0)
		(void)snprintf(s->content, sizeof(s->content), "errno %d",
			       errno);
	else
		s->content[n] = '\0';
	if (fd >= 0)
		(void)close(fd);
}

static void look_kernel(struct lines *l, int dir, const char *name,
			const char *path);

static void
list_kernel(struct lines *l, int dir, const char *name, const char *path)
{
	int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fdopendir(fd);
	const struct dirent *e;
	char below[512];

	assert_non_null(d);
	while ((e = readdir(d))) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		(void)snprintf(below, sizeof(below), "%s%s%s", path,
			       *path ? "/" : "", e->d_name);
		look_kernel(l, fd, e->d_name, below);
	}
	(void)closedir(d);
}

static void
look_kernel(struct lines *l, int dir, const char *name, const char *path)
{
	struct looked s = { 0 };
	struct stat st;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		fail_msg("%s: the kernel lists it, but %s", path,
			 strerror(errno));
	s.mode = st.st_mode;
	s.uid = st.st_uid;
	s.gid = st.st_gid;
	s.size = (uint64_t)st.st_size;
	s.nlink = st.st_nlink;
	s.ino = st.st_ino;
	s.mtime = st.st_mtim;
	s.ctime = st.st_ctim;
	look_content_kernel(l, dir, name, &s);
	add(l, path, &s);
	if (S_ISDIR(s.mode))
		list_kernel(l, dir, name, path);
}

bool
snapshot_kernel(struct fixture *f, const char *options, struct snapshot_how how,
		char buf[SNAPSHOT_MAX])
{
	struct lines l = { .how = how };
	char data[1024], where[128];
	const char *r = f->root;

	(void)snprintf(where, sizeof(where), "%s/merged", r);
	(void)mkdir(where, 0755);
	(void)snprintf(data, sizeof(data),
		       "lowerdir=%s/lower1:%s/lower2,upperdir=%s/upper,"
		       "workdir=%s/work%s",
		       r, r, r, r, options);
	if (mount("veneer-test", where, "overlay", 0, data) < 0) {
		print_message("%s: %s\n", data, strerror(errno));
		return false;
	}
	look_kernel(&l, AT_FDCWD, where, "");
	if (umount2(where, 0) < 0)
		(void)umount2(where, MNT_DETACH);
	join(&l, buf);
	return true;
}

void
snapshot_dir(struct fixture *f, const char *dir, char buf[SNAPSHOT_MAX])
{
	struct lines l = { .how = { .has_links = true,
				    .has_ctime = true,
				    .has_all_xattrs = true,
				    .times = SNAPSHOT_EXACT } };
	char where[128];

	(void)snprintf(where, sizeof(where), "%s/%s", f->root, dir);
	look_kernel(&l, AT_FDCWD, where, "");
	join(&l, buf);
}
