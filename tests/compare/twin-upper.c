/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An upper as it is on disk, private xattrs and all. Both sides work over the
 * very same lowers, so an origin and the names in index/ are the same bytes.
 * Left out: .uuid (of one upper), .veneer.* (ours), whether whiteouts share
 * an inode, and what is staged in work/work.
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

#define MAX_XATTRS 32
#define UPPER_PATH 1024

static bool
is_ignored(const char *name, const char *prefix)
{
	size_t len = prefix ? strlen(prefix) : 0;

	return prefix && strncmp(name, prefix, len) == 0 &&
	       (strcmp(name + len, ".uuid") == 0 ||
		strncmp(name + len, ".veneer", 7) == 0);
}

/*
 * .upper of index/ is the handle of its upper's root: on each side another,
 * but it must be that one. After 21 bytes of header come the file system's.
 */
static void
name_own_upper(const char *path, struct xattr *x)
{
	union {
		struct file_handle h;
		char room[sizeof(struct file_handle) + MAX_HANDLE_SZ];
	} own = { .h = { .handle_bytes = MAX_HANDLE_SZ } };
	char upper[UPPER_PATH];
	int mount_id;

	(void)snprintf(upper, sizeof(upper), "%s/../../upper", path);
	if (x->len > 21 &&
	    name_to_handle_at(AT_FDCWD, upper, &own.h, &mount_id, 0) == 0 &&
	    own.h.handle_bytes == x->len - 21 &&
	    memcmp(own.h.f_handle, x->value + 21, x->len - 21) == 0)
		x->len = (size_t)snprintf(x->value, sizeof(x->value), "own");
}

static void
all_xattrs(const char *path, const char *prefix, char *buf, size_t size)
{
	static struct xattr v[MAX_XATTRS];
	char list[4096], *p;
	unsigned nr = 0;
	ssize_t n, len = llistxattr(path, list, sizeof(list));

	for (p = list; len > 0 && p < list + len && nr < MAX_XATTRS;
	     p += strlen(p) + 1) {
		if (is_ignored(p, prefix))
			continue;
		n = lgetxattr(path, p, v[nr].value, sizeof(v[nr].value));
		(void)snprintf(v[nr].name, sizeof(v[nr].name), "%.250s", p);
		v[nr].len = n < 0 ? 0 : (size_t)n;
		if (strcmp(p + strlen(p) - 6, ".upper") == 0)
			name_own_upper(path, &v[nr]);
		nr++;
	}
	xattrs_format(v, nr, buf, size);
}

static void
walk(struct lines *l, const char *shown, const char *path, const char *prefix)
{
	struct dirent **list = NULL;
	char xattrs[2048], target[256] = "", sub[UPPER_PATH],
			   sub_shown[UPPER_PATH];
	struct line *line;
	struct stat st;
	int i, nr;

	/* With index=on the kernel stages there, in #N. */
	if (lstat(path, &st) < 0 || strncmp(shown, "index/#", 7) == 0)
		return;
	if (S_ISCHR(st.st_mode) && st.st_rdev == 0) {
		lines_add(l, shown, "whiteout %o %u:%u", st.st_mode, st.st_uid,
			  st.st_gid);
		return;
	}
	if (S_ISLNK(st.st_mode))
		(void)!readlink(path, target, sizeof(target) - 1);
	all_xattrs(path, prefix, xattrs, sizeof(xattrs));
	line = lines_add(l, shown, "%o %u:%u nlink %u size %ld %s%s",
			 st.st_mode, st.st_uid, st.st_gid,
			 S_ISDIR(st.st_mode) ? 0 : (unsigned)st.st_nlink,
			 S_ISREG(st.st_mode) ? (long)st.st_size : 0, target,
			 xattrs);
	if (!S_ISDIR(st.st_mode) && st.st_nlink > 1)
		line->ino = st.st_ino;
	if (!prefix)
		line->mtime = (long)st.st_mtim.tv_sec;
	if (!S_ISDIR(st.st_mode))
		return;
	nr = scandir(path, &list, NULL, NULL);
	for (i = 0; i < nr; i++) {
		(void)snprintf(sub, sizeof(sub), "%s/%s", path,
			       list[i]->d_name);
		(void)snprintf(sub_shown, sizeof(sub_shown), "%s/%s", shown,
			       list[i]->d_name);
		if (strcmp(list[i]->d_name, ".") != 0 &&
		    strcmp(list[i]->d_name, "..") != 0)
			walk(l, sub_shown, sub, prefix);
		free(list[i]);
	}
	free(list);
}

void
upper_lines(const char *side, const char *prefix, struct lines *ret)
{
	char path[64];

	*ret = (struct lines){ 0 };
	(void)snprintf(path, sizeof(path), "%s/upper", side);
	walk(ret, "upper", path, prefix);
	(void)snprintf(path, sizeof(path), "%s/work/index", side);
	walk(ret, "index", path, prefix);
	lines_sort(ret);
}

void
lowers_lines(const char *dir, struct lines *ret)
{
	struct dirent **list = NULL;
	int nr = scandir(dir, &list, NULL, NULL), i;
	char path[UPPER_PATH];

	*ret = (struct lines){ 0 };
	for (i = 0; i < nr; i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", dir,
			       list[i]->d_name);
		if (list[i]->d_name[0] == 'l' || list[i]->d_name[0] == 'd')
			walk(ret, list[i]->d_name, path, NULL);
		free(list[i]);
	}
	free(list);
	lines_sort(ret);
}
