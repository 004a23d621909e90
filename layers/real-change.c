/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The wrappers around system calls that change a layer: always the upper.
 * Each passes change() first, where failure tests let the n-th change fail
 * or the process die.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "cleanup.h"
#include "layer.h"
#include "real-path.h"
#include "real.h"

/* One more change; returns 0 unless a failure test wants it to fail. */
static int
change(struct upper *u)
{
	if (__builtin_expect(u->fail_at == 0, 1))
		return 0;
	if (atomic_fetch_add(&u->nr_changes, 1) + 1 != u->fail_at)
		return 0;
	if (u->fail_errno == 0)
		(void)kill(getpid(), SIGKILL); /* as if the power went */
	return -u->fail_errno;
}

#define RETURN_CHANGE(u, call)               \
	do {                                 \
		int r_ = change(u);          \
                                             \
		if (r_ < 0)                  \
			return r_;           \
		r_ = (int)(call);            \
		return r_ < 0 ? -errno : r_; \
	} while (0)

int
real_create(struct upper *u, struct at at, int flags, mode_t mode)
{
	RETURN_CHANGE(u, openat(at.fd, at.name,
				flags | O_CREAT | O_EXCL | O_NOFOLLOW |
					O_NOCTTY | O_CLOEXEC,
				mode));
}

int
real_tmpfile(struct upper *u, int dirfd, mode_t mode)
{
	RETURN_CHANGE(u,
		      openat(dirfd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, mode));
}

int
real_link_fd(struct upper *u, int fd, struct at to)
{
	struct real_path p;

	RETURN_CHANGE(u, linkat(AT_FDCWD, real_path(&p, AT(fd, "")), to.fd,
				to.name, AT_SYMLINK_FOLLOW));
}

int
real_link(struct upper *u, struct at from, struct at to)
{
	RETURN_CHANGE(u, linkat(from.fd, from.name, to.fd, to.name, 0));
}

int
real_mkdir(struct upper *u, struct at at, mode_t mode)
{
	RETURN_CHANGE(u, mkdirat(at.fd, at.name, mode));
}

int
real_mknod(struct upper *u, struct at at, mode_t mode, dev_t dev)
{
	RETURN_CHANGE(u, mknodat(at.fd, at.name, mode, dev));
}

int
real_symlink(struct upper *u, const char *target, struct at at)
{
	RETURN_CHANGE(u, symlinkat(target, at.fd, at.name));
}

int
real_unlink(struct upper *u, struct at at, int flags)
{
	RETURN_CHANGE(u, unlinkat(at.fd, at.name, flags));
}

int
real_rename(struct upper *u, struct at from, struct at to, unsigned flags)
{
	RETURN_CHANGE(u, syscall(SYS_renameat2, from.fd, from.name, to.fd,
				 to.name, flags));
}

int
real_chmod(struct upper *u, struct at at, mode_t mode)
{
	CLEANUP_CLOSE int fd = -1;
	struct real_path p;

	/* No AT_SYMLINK_NOFOLLOW for fchmodat(2) here: by descriptor. */
	if (*at.name) {
		fd = real_open_path(at);
		if (fd < 0)
			return fd;
		at = AT(fd, "");
	}
	RETURN_CHANGE(u, chmod(real_path(&p, at), mode));
}

int
real_chown(struct upper *u, struct at at, uid_t uid, gid_t gid)
{
	RETURN_CHANGE(u, fchownat(at.fd, at.name, uid, gid,
				  AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH));
}

int
real_utimens(struct upper *u, struct at at, const struct timespec ts[2])
{
	struct real_path p;

	if (*at.name)
		RETURN_CHANGE(
			u, utimensat(at.fd, at.name, ts, AT_SYMLINK_NOFOLLOW));
	RETURN_CHANGE(u, utimensat(AT_FDCWD, real_path(&p, at), ts, 0));
}

int
real_setxattr(struct upper *u, struct at at, const char *name,
	      const void *value, size_t size, int flags)
{
	struct real_path p;

	real_path(&p, at);
	if (*at.name)
		RETURN_CHANGE(u, lsetxattr(p.buf, name, value, size, flags));
	RETURN_CHANGE(u, setxattr(p.buf, name, value, size, flags));
}

int
real_removexattr(struct upper *u, struct at at, const char *name)
{
	struct real_path p;

	real_path(&p, at);
	if (*at.name)
		RETURN_CHANGE(u, lremovexattr(p.buf, name));
	RETURN_CHANGE(u, removexattr(p.buf, name));
}

int
real_add_flags(struct upper *u, int fd, unsigned flags)
{
	unsigned now;
	int r = real_get_flags(fd, &now), value;

	if (r < 0)
		return r;
	value = (int)(now | flags);
	if ((unsigned)value == now)
		return 0;
	RETURN_CHANGE(u, ioctl(fd, FS_IOC_SETFLAGS, &value));
}

int
real_truncate(struct upper *u, int fd, uint64_t size)
{
	RETURN_CHANGE(u, ftruncate(fd, (off_t)size));
}

int
real_truncate_changed(struct upper *u, int fd, uint64_t size)
{
	struct real_path p;

	RETURN_CHANGE(u, truncate(real_path(&p, AT(fd, "")), (off_t)size));
}

int
real_punch_hole(struct upper *u, int fd, uint64_t off, uint64_t len)
{
	RETURN_CHANGE(u,
		      fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				(off_t)off, (off_t)len));
}

int
real_zero_range(struct upper *u, int fd, uint64_t off, uint64_t len)
{
	RETURN_CHANGE(u,
		      fallocate(fd, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE,
				(off_t)off, (off_t)len));
}

int
real_allocate(struct upper *u, int fd, uint64_t off, uint64_t len)
{
	RETURN_CHANGE(
		u, fallocate(fd, FALLOC_FL_KEEP_SIZE, (off_t)off, (off_t)len));
}

int
real_discard(struct upper *u, int fd, uint64_t off, uint64_t len)
{
	uint64_t range[2] = { off, len };

	RETURN_CHANGE(u, ioctl(fd, BLKDISCARD, range));
}

int
real_sync_device(int fd)
{
	return fdatasync(fd) < 0 ? -errno : 0;
}

ssize_t
real_pwritev(struct upper *u, int fd, const struct iovec *iov, unsigned nr_iov,
	     uint64_t off, bool dsync)
{
	ssize_t n;
	int r = change(u);

	if (r < 0)
		return r;
	do
		n = pwritev2(fd, iov, (int)nr_iov, (off_t)off,
			     dsync ? RWF_DSYNC : 0);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

int
real_clone(struct upper *u, int dst, int src)
{
	RETURN_CHANGE(u, ioctl(dst, FICLONE, src));
}

ssize_t
real_copy_range(struct upper *u, int dst, int src, uint64_t off, size_t count)
{
	loff_t in = (loff_t)off, out = (loff_t)off;
	ssize_t n;
	int r = change(u);

	if (r < 0)
		return r;
	n = copy_file_range(src, &in, dst, &out, count, 0);
	return n < 0 ? -errno : n;
}

int
real_fsync(struct upper *u, int fd, bool datasync)
{
	if (u->is_volatile)
		return 0;
	RETURN_CHANGE(u, datasync ? fdatasync(fd) : fsync(fd));
}

int
real_syncfs(struct upper *u)
{
	if (u->is_volatile)
		return 0;
	RETURN_CHANGE(u, syncfs(u->layer.fd));
}

int
real_writeback_error(struct upper *u, int fd)
{
	/* It waits for what is being written of the range: nothing ever. */
	RETURN_CHANGE(u, sync_file_range(fd, INT64_MAX - 1, 1,
					 SYNC_FILE_RANGE_WAIT_BEFORE));
}
