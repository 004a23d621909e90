/* SPDX-License-Identifier: BSD-3-Clause */
/* The functions of libc that layers-calls.h tells of. */
#include "layers-calls.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

struct calls calls;

static void
note_sync(int fd)
{
	struct stat st;

	if (fstat(fd, &st) == 0 && calls.nr_synced < CALLS_MAX)
		calls.synced[calls.nr_synced++] = st.st_ino;
}

int
fsync(int fd)
{
	note_sync(fd);
	return (int)syscall(SYS_fsync, fd);
}

int
fdatasync(int fd)
{
	note_sync(fd);
	return (int)syscall(SYS_fdatasync, fd);
}

int
posix_fadvise(int fd, off_t off, off_t len, int advice)
{
	calls.nr_random += advice == POSIX_FADV_RANDOM;
	if (advice == POSIX_FADV_WILLNEED) {
		calls.nr_willneed++;
		calls.willneed_len = len;
	}
	return syscall(SYS_fadvise64, fd, off, len, advice) < 0 ? errno : 0;
}

int
fallocate(int fd, int mode, off_t off, off_t len)
{
	const int special = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE;
	int kind = mode & special ? mode & special : CALLS_ALLOCATE;

	calls.nr_fallocates++;
	if (calls.lacks & kind) {
		errno = EOPNOTSUPP;
		return -1;
	}
	if (syscall(SYS_fallocate, fd, mode, off, len) < 0)
		return -1;
	if (!(mode & FALLOC_FL_PUNCH_HOLE))
		calls.allocated += len;
	return 0;
}

off_t
lseek(int fd, off_t off, int whence)
{
	off_t r;

	calls.nr_seeks++;
	if (calls.has_no_holes) {
		errno = EINVAL;
		return -1;
	}
	r = syscall(SYS_lseek, fd, off, whence);
	if (calls.splits && r > off + (16 << 10))
		r = off + (16 << 10);
	return r;
}
