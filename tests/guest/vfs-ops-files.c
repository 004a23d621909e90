/* SPDX-License-Identifier: BSD-3-Clause */
/* Opening, reading, writing, truncating, mapping, locking files. */
#include "vfs-ops.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

static char buf[70000];

static void
open_flags(void)
{
	int fd;

	puts("== open");
	fd = (int)DO(open("lower1-file", O_RDONLY) >= 0 ? 0 : -1);
	DO(open("none", O_RDONLY));
	DO(open("lower1-file", O_CREAT | O_EXCL | O_RDWR, 0644));
	DO(open("dir", O_WRONLY));
	DO(open("dir", O_RDONLY | O_CREAT, 0644));
	DO(open("lower1-file/x", O_RDONLY));
	DO(open("link", O_RDONLY | O_NOFOLLOW));
	DO(open("lower1-file", O_RDONLY | O_DIRECTORY));
	DO(open("dangling", O_RDONLY));
	DO(close(fd = open("new", O_CREAT | O_EXCL | O_RDWR, 0600)));
	show("new");
	DO(close(open("new-0444", O_CREAT | O_RDWR, 0444)));
	DO(write(fd = open("new-0000", O_CREAT | O_RDWR, 0), "abc", 3));
	DO(pread(fd, buf, 10, 0));
	DO(close(fd));
	show("new-0000");
	DO(close(open("lower2-file", O_RDWR | O_TRUNC)));
	show("lower2-file");
	DO(close(open("link", O_RDWR | O_APPEND)));
}

static void
read_write(void)
{
	int fd, i;

	puts("== read and write");
	fd = open("rw", O_CREAT | O_RDWR, 0644);
	memset(buf, 'x', sizeof(buf));
	DO(write(fd, buf, sizeof(buf)));
	DO(pwrite(fd, "hello", 5, 1000000));
	DO(pread(fd, buf, 10, 999998));
	DO(buf[0] == 0 && buf[2] == 'h');
	DO(pread(fd, buf, 10, 2000000));
	DO(lseek(fd, 0, SEEK_END));
	DO(ftruncate(fd, 500));
	show_fd(fd);
	DO(ftruncate(fd, 5000));
	DO(pread(fd, buf, 4096, 4500));
	DO(fsync(fd));
	DO(fdatasync(fd));
	DO(close(fd));
	fd = open("lower1-file", O_WRONLY | O_APPEND);
	for (i = 0; i < 3; i++)
		DO(write(fd, "more\n", 5));
	DO(pread(fd, buf, 1, 0));
	/*
	 * Linux 6.12 with a write-back cache reads no further than the size
	 * it knew (netfs' zero_point) until the write is collected, and gives
	 * NULs for the rest: no server can help, but a wait.
	 */
	DO(fsync(fd));
	DO(close(fd));
	cat("lower1-file");
	fd = open("dir", O_RDONLY);
	DO(read(fd, buf, 1));
	DO(fsync(fd));
	DO(close(fd));
	DO(truncate("sparse", 3000000));
	show("sparse");
	DO(truncate("none", 1));
	DO(truncate("dir", 1));
}

/* A read-only descriptor from before the copy-up sees what is written. */
static void
copyup_under_reader(void)
{
	int ro, rw;

	puts("== copy-up under a reader");
	ro = open("dir/both", O_RDONLY);
	DO(read(ro, buf, 100));
	rw = open("dir/both", O_RDWR);
	DO(pwrite(rw, "CHANGED", 7, 0));
	DO(pread(ro, buf, 100, 0));
	printf("  %.7s\n", buf);
	DO(close(rw));
	DO(close(ro));
}

static void
unlinked(const char *path)
{
	int fd;

	printf("== unlinked while open: %s\n", path);
	fd = open(path, O_RDWR);
	DO(unlink(path));
	show(path);
	DO(pwrite(fd, "xyz", 3, 0));
	DO(pread(fd, buf, 3, 0));
	DO(ftruncate(fd, 2));
	show_fd(fd);
	DO(fchmod(fd, 0640));
	DO(fchown(fd, 7, 8));
	DO(futimens(fd, NULL));
	show_fd(fd);
	DO(close(fd));
}

/* What a child sees of a lock that we hold. */
static void
child_lock(int fd, short type, off_t start, off_t len)
{
	struct flock fl = { .l_type = type, .l_start = start, .l_len = len };
	int status;
	pid_t pid;

	(void)fflush(stdout);
	pid = fork();
	if (pid == 0) {
		DO(fcntl(fd, F_SETLK, &fl));
		fl = (struct flock){ .l_type = F_WRLCK,
				     .l_start = start,
				     .l_len = len };
		DO(fcntl(fd, F_GETLK, &fl));
		printf("  type %d start %lld len %lld\n", fl.l_type,
		       (long long)fl.l_start, (long long)fl.l_len);
		(void)fflush(stdout);
		_exit(0);
	}
	(void)waitpid(pid, &status, 0);
}

static void
locks(void)
{
	struct flock fl = { .l_type = F_WRLCK, .l_start = 10, .l_len = 10 };
	int fd;

	puts("== locks");
	fd = open("rw", O_RDWR);
	DO(fcntl(fd, F_SETLK, &fl));
	child_lock(fd, F_WRLCK, 0, 10);
	child_lock(fd, F_WRLCK, 15, 10);
	child_lock(fd, F_RDLCK, 19, 1);
	fl.l_type = F_UNLCK;
	DO(fcntl(fd, F_SETLK, &fl));
	child_lock(fd, F_WRLCK, 0, 0);
	DO(close(fd));
}

void
ops_files(void)
{
	struct statfs sf;

	open_flags();
	read_write();
	copyup_under_reader();
	DO(close(open("gone-new", O_CREAT | O_RDWR, 0644)));
	unlinked("gone-new");
	unlinked("lower3-file");
	locks();
	DO(statfs(".", &sf));
	DO(sf.f_namelen);
}

void
ops_mmap(void)
{
	int fd;
	char *p;

	puts("== mmap");
	fd = open("mapped", O_CREAT | O_RDWR, 0644);
	DO(ftruncate(fd, 10000));
	p = mmap(NULL, 10000, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	DO(p == MAP_FAILED);
	if (p == MAP_FAILED)
		return;
	memcpy(p + 5000, "mapped", 6);
	DO(msync(p, 10000, MS_SYNC));
	DO(munmap(p, 10000));
	DO(pread(fd, buf, 6, 5000));
	printf("  %.6s\n", buf);
	DO(close(fd));
}
