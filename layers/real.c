/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The wrappers around system calls that read a layer; real-change.c has
 * those that change one. errno is read here, on the line after the call,
 * and nowhere else in layers/.
 *
 * What has no *at() form (xattrs, before Linux 6.13; opening an O_PATH
 * descriptor for good) goes through /proc/self/fd/N or /proc/self/fd/N/name:
 * the magic link leads to the very object behind the descriptor, whatever
 * became of its path, and the l* calls do not follow the last component.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/stat.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "cleanup.h"
#include "real-path.h"
#include "real.h"

#define STATX_WANTED (STATX_BASIC_STATS | STATX_BTIME)

int
real_statx(struct at at, struct statx *ret)
{
	int r = statx(at.fd, at.name,
		      AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH,
		      STATX_WANTED, ret);

	return r < 0 ? -errno : 0;
}

static int
open_at(struct at at, int flags)
{
	struct real_path p;
	int fd;

	if (*at.name) {
		fd = openat(at.fd, at.name, flags | O_NOFOLLOW);
		return fd < 0 ? -errno : fd;
	}
	/* The magic link must be followed; what it leads to is no link. */
	fd = open(real_path(&p, at), flags & ~O_NOFOLLOW);
	return fd < 0 ? -errno : fd;
}

int
real_open_path(struct at at)
{
	int fd;

	if (*at.name)
		return open_at(at, O_PATH | O_CLOEXEC);
	fd = fcntl(at.fd, F_DUPFD_CLOEXEC, 0);
	return fd < 0 ? -errno : fd;
}

int
real_open_dir(struct at at)
{
	int fd = openat(at.fd, *at.name ? at.name : ".",
			O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int
real_open(struct at at, int flags, struct statx *ret_stx)
{
	CLEANUP_CLOSE int fd = -1;
	int r;

	flags |= O_NOCTTY | O_NONBLOCK | O_CLOEXEC;
	fd = open_at(at, flags);
	if (fd == -EPERM && (flags & O_NOATIME))
		fd = open_at(at, flags & ~O_NOATIME);
	if (fd < 0)
		return fd;
	r = real_statx(AT(fd, ""), ret_stx);
	if (r < 0)
		return r;
	/* Swapped by someone on the host since the caller looked. */
	if (!S_ISREG(ret_stx->stx_mode) && !S_ISDIR(ret_stx->stx_mode))
		return -ESTALE;
	return take_fd(&fd);
}

bool
real_may_open(int fd, int flags)
{
	int mode = (flags & O_ACCMODE) == O_RDONLY   ? R_OK
		   : (flags & O_ACCMODE) == O_WRONLY ? W_OK
						     : R_OK | W_OK;

	return faccessat(fd, "", mode, AT_EACCESS | AT_EMPTY_PATH) == 0;
}

ssize_t
real_getdents(int fd, void *buf, size_t size)
{
	ssize_t n = getdents64(fd, buf, size);

	return n < 0 ? -errno : n;
}

ssize_t
real_readlink(struct at at, char *buf, size_t size)
{
	ssize_t n = readlinkat(at.fd, at.name, buf, size);

	return n < 0 ? -errno : n;
}

int
real_statfs(int fd, struct statfs *ret)
{
	int r = fstatfs(fd, ret);

	return r < 0 ? -errno : 0;
}

/*
 * getxattrat(2) of Linux 6.13, which no libc of Debian 12 knows: a quarter of
 * the time of a way through /proc. -ENOSYS: not here.
 */
static ssize_t
getxattr_at(struct at at, const char *name, void *buf, size_t size)
{
#if defined(__x86_64__) || defined(__aarch64__) || defined(__riscv)
	static atomic_bool is_missing;
	struct {
		uint64_t value;
		uint32_t size, flags;
	} args = { (uintptr_t)buf, (uint32_t)size, 0 };
	long n;

	if (atomic_load_explicit(&is_missing, memory_order_relaxed))
		return -ENOSYS;
	n = syscall(464, at.fd, at.name, AT_SYMLINK_NOFOLLOW, name, &args,
		    sizeof(args));
	if (n >= 0)
		return n;
	/* A container's filter may say EPERM for what it does not know. */
	if (errno != ENOSYS && errno != EPERM)
		return -errno;
	if (errno == ENOSYS)
		atomic_store(&is_missing, true);
#else
	(void)at;
	(void)name;
	(void)buf;
	(void)size;
#endif
	return -ENOSYS;
}

ssize_t
real_getxattr_raw(struct at at, const char *name, void *buf, size_t size)
{
	struct real_path p;
	ssize_t n;

	if (*at.name) {
		n = getxattr_at(at, name, buf, size);
		if (n != -ENOSYS)
			return n;
	}
	real_path(&p, at);
	if (*at.name)
		n = lgetxattr(p.buf, name, buf, size);
	else
		n = getxattr(p.buf, name, buf, size);
	return n < 0 ? -errno : n;
}

ssize_t
real_getxattr(struct at at, const char *name, void *buf, size_t size)
{
	ssize_t n = real_getxattr_raw(at, name, buf, size);

	/*
	 * Not kept, or not for our eyes: absent, as overlayfs has it
	 * (ovl_get_opaquedir_val and others take any error for "no").
	 */
	if (n == -EOPNOTSUPP || n == -EACCES || n == -EPERM)
		return -ENODATA;
	return n;
}

ssize_t
real_listxattr(struct at at, char *buf, size_t size)
{
	struct real_path p;
	ssize_t n;

	real_path(&p, at);
	if (*at.name)
		n = llistxattr(p.buf, buf, size);
	else
		n = listxattr(p.buf, buf, size);
	return n < 0 ? -errno : n;
}

/* struct file_handle with room: its array member is flexible. */
union handle_room {
	struct file_handle h;
	uint8_t bytes[sizeof(struct file_handle) + MAX_HANDLE_SZ];
};

ssize_t
real_handle(struct at at, uint8_t *ret, size_t size, int *ret_type)
{
	union handle_room room = { .h.handle_bytes = MAX_HANDLE_SZ };
	int mount_id;

	if (name_to_handle_at(at.fd, at.name, &room.h, &mount_id,
			      *at.name ? 0 : AT_EMPTY_PATH) < 0)
		return -errno;
	if (room.h.handle_bytes > size)
		return -EOVERFLOW;
	memcpy(ret, room.h.f_handle, room.h.handle_bytes);
	*ret_type = room.h.handle_type;
	return room.h.handle_bytes;
}

int
real_open_handle(int mount_fd, int type, const uint8_t *bytes, size_t len)
{
	union handle_room room = { .h.handle_type = type };
	int fd;

	if (len > MAX_HANDLE_SZ)
		return -EINVAL;
	room.h.handle_bytes = (unsigned)len;
	memcpy(room.h.f_handle, bytes, len);
	fd = open_by_handle_at(mount_fd, &room.h, O_PATH | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

ssize_t
real_preadv(int fd, const struct iovec *iov, unsigned nr_iov, uint64_t off,
	    bool nowait)
{
	ssize_t n;

	do
		n = preadv2(fd, iov, (int)nr_iov, (off_t)off,
			    nowait ? RWF_NOWAIT : 0);
	while (n < 0 && errno == EINTR);
	if (n < 0 && nowait && (errno == EOPNOTSUPP || errno == EINVAL))
		return -EAGAIN; /* this file system knows no NOWAIT */
	return n < 0 ? -errno : n;
}

int64_t
real_seek(int fd, uint64_t off, int whence)
{
	off_t r = lseek(fd, (off_t)off, whence);

	return r < 0 ? -errno : r;
}

void
real_prefetch(int fd, uint64_t off, uint64_t len)
{
	(void)posix_fadvise(fd, (off_t)off, (off_t)len, POSIX_FADV_WILLNEED);
}

void
real_access_random(int fd)
{
	(void)posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM);
}

int
real_get_flags(int fd, unsigned *ret)
{
	int flags, r = ioctl(fd, FS_IOC_GETFLAGS, &flags);

	if (r < 0)
		return -errno;
	*ret = (unsigned)flags;
	return 0;
}

static struct flock
flock_of(short type, uint64_t start, uint64_t end)
{
	return (struct flock){
		.l_type = type,
		.l_whence = SEEK_SET,
		.l_start = (off_t)start,
		.l_len = end == INT64_MAX ? 0 : (off_t)(end - start + 1),
	};
}

int
real_lock(int fd, short type, uint64_t start, uint64_t end)
{
	struct flock fl = flock_of(type, start, end);

	if (fcntl(fd, F_OFD_SETLK, &fl) == 0)
		return 0;
	return errno == EAGAIN || errno == EACCES ? -EBUSY : -errno;
}

int
real_test_lock(int fd, short type, uint64_t start, uint64_t end,
	       struct flock *ret)
{
	*ret = flock_of(type, start, end);
	return fcntl(fd, F_OFD_GETLK, ret) < 0 ? -errno : 0;
}

int
real_close(int fd)
{
	return close(fd) < 0 ? -errno : 0;
}
