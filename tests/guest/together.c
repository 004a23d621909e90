/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What processes of several guests do to one file:
 *   together append FILE NAME COUNT      lines "NAME number ...", one write each
 *   together count fcntl|flock FILE COUNT
 *                                        read, add one and write, under a lock;
 *                                        FILE.inside is there only meanwhile
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

static int
fail(const char *what)
{
	printf("FAILED: together: %s: %m\n", what);
	return 1;
}

/* The line's length tells whether it is whole. */
static int
append(const char *path, const char *name, int count)
{
	int fd = open(path, O_WRONLY | O_APPEND), i, len;
	char line[200];

	if (fd < 0)
		return fail(path);
	for (i = 0; i < count; i++) {
		len = snprintf(line, sizeof(line), "%s %d %.*s\n", name, i,
			       i * 37 % 100,
			       "----------------------------------------------"
			       "----------------------------------------------"
			       "--------");
		if (write(fd, line, (size_t)len) != len)
			return fail("write");
	}
	return close(fd) == 0 ? 0 : fail("close");
}

static int
lock(int fd, int is_flock, int takes)
{
	struct flock fl = { .l_type = takes ? F_WRLCK : F_UNLCK };

	return is_flock ? flock(fd, takes ? LOCK_EX : LOCK_UN)
			: fcntl(fd, F_SETLKW, &fl);
}

static int
add_one(int fd, const char *inside)
{
	char text[16] = "";
	int there;

	there = open(inside, O_CREAT | O_EXCL | O_WRONLY, 0600);
	if (there < 0)
		return fail("somebody else is inside");
	(void)close(there);
	if (pread(fd, text, sizeof(text) - 1, 0) < 0)
		return fail("read");
	(void)snprintf(text, sizeof(text), "%010d\n", atoi(text) + 1);
	if (pwrite(fd, text, 11, 0) != 11)
		return fail("write");
	return unlink(inside) == 0 ? 0 : fail("unlink");
}

static int
count(const char *path, int is_flock, int times)
{
	int fd = open(path, O_RDWR), i, r;
	char inside[256];

	(void)snprintf(inside, sizeof(inside), "%s.inside", path);
	for (i = 0; i < times; i++) {
		if (lock(fd, is_flock, 1) < 0)
			return fail("lock");
		r = add_one(fd, inside);
		if (lock(fd, is_flock, 0) < 0)
			return fail("unlock");
		if (r)
			return r;
		/* Others look once a second only: let them find it free. */
		(void)usleep(100000);
	}
	return close(fd) == 0 ? 0 : fail("close");
}

int
main(int argc, char **argv)
{
	if (argc != 5)
		return 2;
	if (!strcmp(argv[1], "append"))
		return append(argv[2], argv[3], atoi(argv[4]));
	return count(argv[3], !strcmp(argv[2], "flock"), atoi(argv[4]));
}
