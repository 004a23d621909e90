/* SPDX-License-Identifier: BSD-3-Clause */
/* See fuzz-files.h. */
#include "fuzz-files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

static void
fail(const char *what)
{
	perror(what);
	abort();
}

void
files_make(const char *base, const char *cmd)
{
	char line[2048];

	(void)snprintf(line, sizeof(line), "cd %s && { %s; }", base, cmd);
	if (system(line) != 0)
		fail(line);
}

void
files_set_xattr(const char *base, const char *path, const char *prefix,
		const char *name, const char *value)
{
	char where[256], full[128];

	(void)snprintf(where, sizeof(where), "%s/%s", base, path);
	(void)snprintf(full, sizeof(full), "%s%s", prefix, name);
	if (lsetxattr(where, full, value, strlen(value), 0) < 0 &&
	    errno != EOPNOTSUPP && errno != EPERM)
		fail(where);
}

/* The directory @name of @dir, as a stream. */
static DIR *
open_dir(int dir, const char *name)
{
	int fd = openat(dir, name,
			O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NOATIME |
				O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);

	if (!d)
		fail(name);
	return d;
}

static DIR *
open_base(const char *base, const char *path)
{
	char where[256];

	(void)snprintf(where, sizeof(where), "%s/%s", base, path);
	return open_dir(AT_FDCWD, where);
}

static bool
is_dot(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

static uint64_t
hash_bytes(uint64_t h, const void *p, size_t len)
{
	const unsigned char *b = p;

	while (len--)
		h = (h ^ *b++) * UINT64_C(0x100000001b3);
	return h;
}

static uint64_t
hash_content(uint64_t h, int dir, const char *name, mode_t type)
{
	char buf[8192];
	ssize_t n = 0;
	int fd;

	if (S_ISLNK(type))
		n = readlinkat(dir, name, buf, sizeof(buf));
	if (S_ISREG(type)) {
		fd = openat(dir, name, O_RDONLY | O_NOATIME | O_CLOEXEC);
		n = fd < 0 ? -1 : read(fd, buf, sizeof(buf));
		(void)close(fd);
	}
	if (n < 0)
		fail(name);
	return hash_bytes(h, buf, (size_t)n);
}

/* Sums up, as the order of a listing may be any. */
static uint64_t
hash_dir(DIR *d, bool has_content)
{
	const struct dirent *e;
	uint64_t sum = 0, h;
	struct stat st = { 0 };

	while ((e = readdir(d))) {
		if (strcmp(e->d_name, "..") == 0)
			continue;
		if (fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			fail(e->d_name);
		memset(&st.st_atim, 0, sizeof(st.st_atim));
		h = hash_bytes(1, e->d_name, strlen(e->d_name));
		/* ctime stands for xattrs, too. */
		h = hash_bytes(h, &st, sizeof(st));
		if (has_content)
			h = hash_content(h, dirfd(d), e->d_name, st.st_mode);
		if (S_ISDIR(st.st_mode) && !is_dot(e->d_name))
			h ^= hash_dir(open_dir(dirfd(d), e->d_name),
				      has_content);
		sum += h;
	}
	(void)closedir(d);
	return sum;
}

uint64_t
files_hash(const char *base, const char *path, bool has_content)
{
	return hash_dir(open_base(base, path), has_content);
}

static void
empty_dir(DIR *d)
{
	const struct dirent *e;

	while ((e = readdir(d))) {
		if (is_dot(e->d_name) || unlinkat(dirfd(d), e->d_name, 0) == 0)
			continue;
		(void)fchmodat(dirfd(d), e->d_name, 0700, 0);
		empty_dir(open_dir(dirfd(d), e->d_name));
		if (unlinkat(dirfd(d), e->d_name, AT_REMOVEDIR) < 0)
			fail(e->d_name);
	}
	(void)closedir(d);
}

void
files_empty(const char *base, const char *path)
{
	empty_dir(open_base(base, path));
}

bool
files_are(const char *base, const char *path, const char *names)
{
	DIR *d = open_base(base, path);
	const struct dirent *e;
	size_t len = 0;
	char name[258];
	bool ok = true;

	while ((e = readdir(d))) {
		if (is_dot(e->d_name))
			continue;
		(void)snprintf(name, sizeof(name), "%s ", e->d_name);
		ok = ok && strstr(names, name);
		len += strlen(name);
	}
	(void)closedir(d);
	return ok && len == strlen(names);
}

unsigned
files_count_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned nr = 0;

	while (d && readdir(d))
		nr++;
	if (d)
		(void)closedir(d);
	return nr;
}
