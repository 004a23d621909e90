/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * held-files [mapped]: files that stay open while their names go, move or get
 * another layer below them, in the current directory, which test-guest-caches
 * has filled. With mapped, mappings are shared and see what is written.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

static int failures;

/* The line tells which. */
#define MUST(call)                                                             \
	((call) ? (void)0                                                      \
		: (void)(failures++,                                           \
			 printf("FAILED: held-files.c:%d: %s: %m\n", __LINE__, \
				#call)))

static int
has(int fd, const char *text)
{
	char buf[256];
	ssize_t n = pread(fd, buf, sizeof(buf), 0);

	if (n == (ssize_t)strlen(text) && !memcmp(buf, text, (size_t)n))
		return 1;
	printf("  has '%.*s'\n", n < 0 ? 0 : (int)n, buf);
	return 0;
}

static int
file_has(const char *path, const char *text)
{
	int fd = open(path, O_RDONLY), r = fd >= 0 && has(fd, text);

	if (fd >= 0)
		(void)close(fd);
	return r;
}

static ino_t
ino_of(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 ? st.st_ino : 0;
}

/* A descriptor and a mapping from before the copy-up. */
static void
copied_up(int mapped)
{
	int r = open("copied", O_RDONLY), w;
	ino_t ino = ino_of("copied");
	struct stat st;
	char *m;

	m = mmap(NULL, 4096, PROT_READ, mapped ? MAP_SHARED : MAP_PRIVATE, r,
		 0);
	MUST(m != MAP_FAILED && !memcmp(m, "lower\n", 6));
	w = open("copied", O_RDWR);
	MUST(pwrite(w, "UP", 2, 0) == 2);
	MUST(has(r, "UPwer\n"));
	MUST(!mapped || !memcmp(m, "UPwer\n", 6));
	MUST(fstat(r, &st) == 0 && st.st_ino == ino && st.st_nlink == 1);
	MUST(fstat(w, &st) == 0 && st.st_ino == ino && st.st_size == 6);
	MUST(ino && ino_of("copied") == ino);
	MUST(ftruncate(w, 2) == 0 && has(r, "UP"));
	if (mapped) {
		char *s = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED,
			       w, 0);

		MUST(s != MAP_FAILED);
		MUST(ftruncate(w, 4096) == 0);
		s[0] = 'M';
		s[4095] = 'E';
		MUST(msync(s, 4096, MS_SYNC) == 0 && m[0] == 'M');
		MUST(munmap(s, 4096) == 0);
		MUST(pread(r, &st, 1, 4095) == 1 && *(char *)&st == 'E');
	}
	MUST(munmap(m, 4096) == 0 && close(r) == 0 && close(w) == 0);
}

/* All that an open file can do has to work without a name. */
static void
unlinked(const char *name, int flags)
{
	static const struct timespec times[2] = { { 1000, 0 }, { 2000, 0 } };
	int fd = open(name, flags, 0644), again;
	struct stat st, old;
	char path[32], v[4];

	MUST(fd >= 0 && fstat(fd, &old) == 0);
	if (flags & O_CREAT)
		MUST(write(fd, "lower\n", 6) == 6);
	MUST(unlink(name) == 0);
	MUST(access(name, F_OK) < 0 && errno == ENOENT);
	MUST(fstat(fd, &st) == 0 && st.st_nlink == 0 && st.st_size == 6 &&
	     st.st_ino == old.st_ino);
	MUST(has(fd, "lower\n"));
	MUST(fchmod(fd, 0600) == 0 && fstat(fd, &st) == 0 &&
	     (st.st_mode & 07777) == 0600);
	MUST(fchown(fd, 12, 34) == 0 && fstat(fd, &st) == 0 &&
	     st.st_uid == 12 && st.st_gid == 34);
	MUST(futimens(fd, times) == 0 && fstat(fd, &st) == 0 &&
	     st.st_atime == 1000 && st.st_mtime == 2000);
	MUST(fsetxattr(fd, "user.x", "val", 3, 0) == 0);
	MUST(fgetxattr(fd, "user.x", v, 4) == 3 && !memcmp(v, "val", 3));
	(void)sprintf(path, "/proc/self/fd/%d", fd);
	again = open(path, O_RDWR);
	MUST(again >= 0 && has(again, "lower\n"));
	MUST(pwrite(again, "seen", 4, 0) == 4 && has(fd, "seenr\n"));
	MUST(ftruncate(again, 3) == 0 && has(fd, "see"));
	MUST(close(again) == 0);
	if ((flags & O_ACCMODE) == O_RDWR) {
		MUST(pwrite(fd, "more", 4, 3) == 4 && has(fd, "seemore"));
		MUST(ftruncate(fd, 4) == 0 && has(fd, "seem"));
		MUST(fsync(fd) == 0);
	}
	MUST(fstat(fd, &st) == 0 && st.st_nlink == 0);
	MUST(close(fd) == 0);
	MUST(access(name, F_OK) < 0);
}

static void
ancestor_renamed(void)
{
	int fd = open("a/b/c/file", O_RDWR), r = open("a/b/c/file", O_RDONLY),
	    dir = open("a/b", O_RDONLY | O_DIRECTORY), n;
	ino_t ino = ino_of("a/b/c/file");
	struct stat st;

	MUST(rename("a", "z") == 0);
	MUST(has(fd, "lower\n") && pwrite(fd, "moved\n", 6, 0) == 6);
	MUST(fsync(fd) == 0);
	MUST(has(r, "moved\n") && file_has("z/b/c/file", "moved\n"));
	MUST(fstat(fd, &st) == 0 && st.st_ino == ino &&
	     ino_of("z/b/c/file") == ino);
	n = openat(dir, "made", O_CREAT | O_EXCL | O_WRONLY, 0644);
	MUST(n >= 0 && write(n, "x", 1) == 1 && fsync(n) == 0 && close(n) == 0);
	MUST(file_has("z/b/made", "x") && access("a/b/made", F_OK) < 0);
	MUST(rename("z/b/c", "c2") == 0 && has(r, "moved\n"));
	MUST(mkdir("a", 0755) == 0 && access("a/b", F_OK) < 0);
	MUST(fchmod(fd, 0604) == 0 && stat("c2/file", &st) == 0 &&
	     (st.st_mode & 0777) == 0604);
	MUST(close(fd) == 0 && close(r) == 0 && close(dir) == 0);
}

static void
replaced(void)
{
	int fd = open("target", O_RDONLY);
	struct stat st;

	MUST(rename("source", "target") == 0);
	MUST(has(fd, "lower\n") && file_has("target", "source\n"));
	MUST(fstat(fd, &st) == 0 && st.st_nlink == 0 &&
	     st.st_ino != ino_of("target"));
	MUST(close(fd) == 0);
}

int
main(int argc, char **argv)
{
	int mapped = argc > 1 && !strcmp(argv[1], "mapped");

	copied_up(mapped);
	unlinked("gone-rw", O_RDWR);
	unlinked("gone-ro", O_RDONLY);
	unlinked("gone-new", O_RDWR | O_CREAT | O_EXCL);
	ancestor_renamed();
	replaced();
	return failures ? 1 : 0;
}
