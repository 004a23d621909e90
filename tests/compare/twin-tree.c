/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What both trees show: every name that readdir lists or that a step could
 * have made, with all its attributes, its content and its xattrs.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "twin.h"

#define HASH_START 14695981039346656037ull
#define READ_SIZE 262144
#define MAX_XATTRS 32
#define MAX_NAMES 128
#define TREE_PATH 1024

/* What a line says, from either side. */
struct seen {
	uint32_t mode, uid, gid;
	uint64_t nlink, rdev, size, mtime, ino, hash;
	char target[256];
	char xattrs[2048];
};

static char read_buf[READ_SIZE];

static void
add(struct lines *l, const char *path, const struct seen *s)
{
	bool is_dir = S_ISDIR(s->mode);
	bool is_device = S_ISCHR(s->mode) || S_ISBLK(s->mode);
	struct line *line;

	line = lines_add(l, *path ? path : ".",
			 "%o %u:%u nlink %lu rdev %lx size %ld hash %lx %s%s",
			 s->mode, s->uid, s->gid,
			 is_dir ? 0 : (unsigned long)s->nlink,
			 is_device ? (unsigned long)s->rdev : 0,
			 is_dir ? 0 : (long)s->size, (unsigned long)s->hash,
			 s->target, s->xattrs);
	line->ino = !is_dir && s->nlink > 1 ? s->ino : 0;
	line->mtime = s->mtime < EXPLICIT_BEFORE ? (long)s->mtime : -1;
}

/* All names that the generator knows, as if they had been listed. */
static bool
possible_name(unsigned i, char name[256])
{
	if (i < 9)
		(void)snprintf(name, 256, "%c%u", "dfh"[i / 3], i % 3);
	return i < 9;
}

/* --- The kernel --- */

static void
kernel_xattrs(const char *path, struct seen *s)
{
	static struct xattr v[MAX_XATTRS];
	char list[4096], *p;
	unsigned nr = 0;
	ssize_t n, len = llistxattr(path, list, sizeof(list));

	if (len < 0)
		(void)snprintf(s->xattrs, sizeof(s->xattrs), " list %s",
			       strerrorname_np(errno));
	for (p = list; len > 0 && p < list + len && nr < MAX_XATTRS;
	     p += strlen(p) + 1) {
		n = lgetxattr(path, p, v[nr].value, sizeof(v[nr].value));
		(void)snprintf(v[nr].name, sizeof(v[nr].name), "%.250s%s", p,
			       n < 0 ? "!" : "");
		v[nr++].len = n < 0 ? 0 : (size_t)n;
	}
	if (len >= 0)
		xattrs_format(v, nr, s->xattrs, sizeof(s->xattrs));
}

static void
kernel_content(const char *path, struct seen *s)
{
	ssize_t n;
	int fd;

	if (S_ISLNK(s->mode)) {
		n = readlink(path, s->target, sizeof(s->target) - 1);
		s->target[n < 0 ? 0 : n] = '\0';
		return;
	}
	fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, read_buf, READ_SIZE);
	if (n < 0)
		(void)snprintf(s->target, sizeof(s->target), "read %s",
			       strerrorname_np(errno));
	else
		s->hash = text_hash(HASH_START, read_buf, (size_t)n);
	if (fd >= 0)
		(void)close(fd);
}

static void kernel_dir(struct lines *l, const char *path);

static void
kernel_object(struct lines *l, const char *path, int type, bool is_listed)
{
	struct seen s = { 0 };
	struct stat st;

	if (lstat(*path ? path : ".", &st) < 0) {
		/* Whiteouts that the kernel lists: DIFFERENCES.md. */
		if (is_listed && (errno != ENOENT || type != DT_CHR))
			lines_add(l, path, "listed, %s",
				  strerrorname_np(errno));
		return;
	}
	if (!is_listed)
		lines_add(l, path, "not listed");
	if (is_listed && type != DT_UNKNOWN &&
	    (mode_t)DTTOIF(type) != (st.st_mode & S_IFMT))
		lines_add(l, path, "listed as %d", type);
	s = (struct seen){ .mode = st.st_mode,
			   .uid = st.st_uid,
			   .gid = st.st_gid,
			   .nlink = st.st_nlink,
			   .rdev = st.st_rdev,
			   .size = (uint64_t)st.st_size,
			   .mtime = (uint64_t)st.st_mtim.tv_sec,
			   .ino = st.st_ino };
	if (S_ISREG(s.mode) || S_ISLNK(s.mode))
		kernel_content(path, &s);
	kernel_xattrs(*path ? path : ".", &s);
	add(l, path, &s);
	if (S_ISDIR(s.mode))
		kernel_dir(l, path);
}

static void
kernel_dir(struct lines *l, const char *path)
{
	struct dirent **list = NULL;
	bool known[9] = { false };
	char sub[TREE_PATH], name[256], other[256];
	int nr = scandir(*path ? path : ".", &list, NULL, NULL), i;
	unsigned j;

	if (nr < 0)
		lines_add(l, path, "readdir %s", strerrorname_np(errno));
	for (i = 0; i < nr; i++) {
		(void)snprintf(name, sizeof(name), "%s", list[i]->d_name);
		for (j = 0; possible_name(j, other); j++)
			known[j] |= strcmp(name, other) == 0;
		(void)snprintf(sub, sizeof(sub), "%s%s%s", path,
			       *path ? "/" : "", name);
		if (strcmp(name, ".") != 0 && strcmp(name, "..") != 0)
			kernel_object(l, sub, list[i]->d_type, true);
		free(list[i]);
	}
	free(list);
	for (j = 0; nr >= 0 && possible_name(j, other); j++) {
		(void)snprintf(sub, sizeof(sub), "%s%s%s", path,
			       *path ? "/" : "", other);
		if (!known[j])
			kernel_object(l, sub, DT_UNKNOWN, false);
	}
}

void
tree_kernel(struct kernel *k, struct lines *ret)
{
	*ret = (struct lines){ 0 };
	if (fchdir(k->root) == 0)
		kernel_object(ret, "", DT_DIR, true);
	lines_sort(ret);
}

/* --- veneer --- */

static void
veneer_xattrs(struct veneer *v, uint32_t fid, struct seen *s)
{
	static struct xattr x[MAX_XATTRS];
	char list[4096], *p;
	unsigned nr = 0;
	ssize_t n, len = p9_getxattr(&v->c, fid, "", list, sizeof(list));

	if (len < 0)
		(void)snprintf(s->xattrs, sizeof(s->xattrs), " list %s",
			       strerrorname_np((int)-len));
	for (p = list; len > 0 && p < list + len && nr < MAX_XATTRS;
	     p += strlen(p) + 1) {
		n = p9_getxattr(&v->c, fid, p, x[nr].value,
				sizeof(x[nr].value));
		(void)snprintf(x[nr].name, sizeof(x[nr].name), "%.250s%s", p,
			       n < 0 ? "!" : "");
		x[nr++].len = n < 0 ? 0 : (size_t)n;
	}
	if (len >= 0)
		xattrs_format(x, nr, s->xattrs, sizeof(s->xattrs));
}

static void
veneer_content(struct veneer *v, uint32_t fid, struct seen *s)
{
	char target[4097];
	ssize_t n;

	if (S_ISLNK(s->mode)) {
		n = p9_readlink(&v->c, fid, target);
		(void)snprintf(s->target, sizeof(s->target), "%.200s",
			       n < 0 ? "" : target);
		return;
	}
	n = p9_lopen(&v->c, fid, 0, NULL);
	if (n == 0)
		n = p9_read(&v->c, fid, 0, read_buf, READ_SIZE);
	if (n < 0)
		(void)snprintf(s->target, sizeof(s->target), "read %s",
			       strerrorname_np((int)-n));
	else
		s->hash = text_hash(HASH_START, read_buf, (size_t)n);
}

static void veneer_dir(struct veneer *v, struct lines *l, const char *path,
		       uint32_t fid);

static void
veneer_seen(struct veneer *v, struct lines *l, const char *path, uint32_t fid,
	    const struct p9_dirent *e)
{
	struct p9_stat st;
	struct seen s;
	int r = p9_getattr(&v->c, fid, &st);

	if (r < 0) {
		lines_add(l, path, "getattr %s", strerrorname_np(-r));
		return;
	}
	if (e && (mode_t)DTTOIF(e->type) != (st.mode & S_IFMT))
		lines_add(l, path, "listed as %d", e->type);
	if (e && e->qid.path != st.qid.path)
		lines_add(l, path, "listed with qid %lx, not %lx",
			  (unsigned long)e->qid.path,
			  (unsigned long)st.qid.path);
	s = (struct seen){ .mode = st.mode,
			   .uid = st.uid,
			   .gid = st.gid,
			   .nlink = st.nlink,
			   .rdev = st.rdev,
			   .size = st.size,
			   .mtime = st.mtime,
			   .ino = st.qid.path };
	veneer_xattrs(v, fid, &s);
	if (S_ISREG(s.mode) || S_ISLNK(s.mode))
		veneer_content(v, fid, &s);
	add(l, path, &s);
	if (S_ISDIR(s.mode))
		veneer_dir(v, l, path, fid);
}

/* @parent is open: walk from a fid of its own. */
static void
veneer_object(struct veneer *v, struct lines *l, const char *path,
	      uint32_t parent, const struct p9_dirent *e)
{
	uint32_t fid = p9_fid(&v->c);
	const char *slash = strrchr(path, '/');
	int r = p9_walk(&v->c, parent, fid, slash ? slash + 1 : path);

	if (r < 0) {
		if (e)
			lines_add(l, path, "listed, %s", strerrorname_np(-r));
		return;
	}
	if (!e)
		lines_add(l, path, "not listed");
	veneer_seen(v, l, path, fid, e);
	(void)p9_clunk(&v->c, fid);
}

static void
veneer_dir(struct veneer *v, struct lines *l, const char *path, uint32_t fid)
{
	struct p9_dirent *list = calloc(MAX_NAMES, sizeof(*list));
	uint32_t open_fid = p9_fid(&v->c);
	char sub[TREE_PATH], other[256];
	bool known[9] = { false };
	int nr = list ? p9_walk(&v->c, fid, open_fid, "") : -ENOMEM, i;
	unsigned j;

	if (nr == 0)
		nr = p9_lopen(&v->c, open_fid, 0, NULL);
	if (nr == 0)
		nr = veneer_names(v, open_fid, list, MAX_NAMES);
	(void)p9_clunk(&v->c, open_fid);
	if (nr < 0)
		lines_add(l, path, "readdir %s", strerrorname_np(-nr));
	for (i = 0; i < nr; i++) {
		for (j = 0; possible_name(j, other); j++)
			known[j] |= strcmp(list[i].name, other) == 0;
		(void)snprintf(sub, sizeof(sub), "%s%s%s", path,
			       *path ? "/" : "", list[i].name);
		if (strcmp(list[i].name, ".") != 0 &&
		    strcmp(list[i].name, "..") != 0)
			veneer_object(v, l, sub, fid, &list[i]);
	}
	for (j = 0; nr >= 0 && possible_name(j, other); j++) {
		(void)snprintf(sub, sizeof(sub), "%s%s%s", path,
			       *path ? "/" : "", other);
		if (!known[j])
			veneer_object(v, l, sub, fid, NULL);
	}
	free(list);
}

void
tree_veneer(struct veneer *v, struct lines *ret)
{
	*ret = (struct lines){ 0 };
	veneer_seen(v, ret, "", 0, NULL);
	lines_sort(ret);
}
