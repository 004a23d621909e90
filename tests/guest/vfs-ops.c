/* SPDX-License-Identifier: BSD-3-Clause */
/* vfs-ops DIR [mmap]: what is printed, and the final dump. */
#include "vfs-ops.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

static void
show_stat(const char *what, const struct stat *st)
{
	printf("  %s: %06o %u:%u", what, st->st_mode, st->st_uid, st->st_gid);
	if (!S_ISDIR(st->st_mode))
		printf(" nlink %u", (unsigned)st->st_nlink);
	if (S_ISREG(st->st_mode) || S_ISLNK(st->st_mode))
		printf(" size %lld", (long long)st->st_size);
	if (S_ISCHR(st->st_mode) || S_ISBLK(st->st_mode))
		printf(" dev %u:%u", major(st->st_rdev), minor(st->st_rdev));
	putchar('\n');
}

void
show(const char *path)
{
	struct stat st;

	if (lstat(path, &st) < 0)
		printf("  %s: %s\n", path, strerrorname_np(errno));
	else
		show_stat(path, &st);
}

void
show_fd(int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		printf("  fd: %s\n", strerrorname_np(errno));
	else
		show_stat("fd", &st);
}

void
cat(const char *path)
{
	char buf[256];
	int fd = open(path, O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, sizeof(buf) - 1);

	if (n < 0)
		printf("  cat %s: %s\n", path, strerrorname_np(errno));
	else
		printf("  cat %s: %zd \"%.*s\"\n", path, n, (int)n, buf);
	if (fd >= 0)
		(void)close(fd);
}

void
list(const char *path)
{
	struct dirent **names;
	int i, n = scandir(path, &names, NULL, alphasort);

	printf("  ls %s: %d", path, n);
	for (i = 0; i < n; i++) {
		if (n < 40)
			printf(" %s/%u", names[i]->d_name, names[i]->d_type);
		free(names[i]);
	}
	if (n >= 0)
		free(names);
	putchar('\n');
}

static uint64_t
hash_file(const char *path)
{
	static unsigned char buf[65536];
	uint64_t h = 14695981039346656037u;
	int fd = open(path, O_RDONLY);
	ssize_t n, i;

	while (fd >= 0 && (n = read(fd, buf, sizeof(buf))) > 0)
		for (i = 0; i < n; i++)
			h = (h ^ buf[i]) * 1099511628211u;
	if (fd >= 0)
		(void)close(fd);
	return h;
}

static int
by_string(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void
dump_xattrs(const char *path)
{
	char names[4096], value[4096], *sorted[64], *s;
	ssize_t n = llistxattr(path, names, sizeof(names)), len, j;
	int i, nr = 0;

	for (s = names; n > 0 && s < names + n && nr < 64; s += strlen(s) + 1)
		sorted[nr++] = s;
	qsort(sorted, (size_t)nr, sizeof(*sorted), by_string);
	for (i = 0; i < nr; i++) {
		len = lgetxattr(path, sorted[i], value, sizeof(value));
		printf("    %s =", sorted[i]);
		for (j = 0; j < len; j++)
			printf(" %02x", (unsigned char)value[j]);
		putchar('\n');
	}
}

static void
dump(const char *path)
{
	char child[4400], target[4096];
	struct dirent **names;
	struct stat st;
	ssize_t len;
	int i, n;

	show(path);
	if (lstat(path, &st) < 0)
		return;
	dump_xattrs(path);
	if (S_ISREG(st.st_mode))
		printf("    hash %016llx\n",
		       (unsigned long long)hash_file(path));
	if (S_ISLNK(st.st_mode)) {
		len = readlink(path, target, sizeof(target));
		printf("    -> %.*s\n", (int)len, target);
	}
	if (!S_ISDIR(st.st_mode))
		return;
	n = scandir(path, &names, NULL, alphasort);
	for (i = 0; i < n; i++) {
		if (strcmp(names[i]->d_name, ".") &&
		    strcmp(names[i]->d_name, "..")) {
			(void)snprintf(child, sizeof(child), "%s/%s", path,
				       names[i]->d_name);
			dump(child);
		}
		free(names[i]);
	}
	if (n >= 0)
		free(names);
}

void
dump_tree(void)
{
	dump(".");
}

int
main(int argc, char **argv)
{
	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	(void)umask(022);
	if (argc < 2 || chdir(argv[1]) < 0)
		return 2;
	ops_files();
	ops_names();
	ops_attrs();
	ops_users();
	if (argc > 2)
		ops_mmap();
	puts("== the tree");
	dump_tree();
	return 0;
}
