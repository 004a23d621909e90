/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Every system call on a layer, one thin wrapper each: one place to trace,
 * to inject failures and to audit. What only reads takes an object; what
 * changes something takes the upper too, and there is no other way to change
 * a layer: the lowers' type has no such functions.
 *
 * An object is a descriptor, or a directory descriptor and one checked name.
 * Symbolic links are never followed. All return 0, a count or a descriptor
 * (O_CLOEXEC, the caller's), or negative errno. All may block.
 */
#ifndef VENEER_LAYERS_REAL_H
#define VENEER_LAYERS_REAL_H

#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>

struct upper;

struct at {
	int fd; /* borrowed: O_PATH is enough */
	const char *name; /* borrowed: one component, or "": fd itself */
};

#define AT(fd_, name_) ((struct at){ .fd = (fd_), .name = (name_) })

/* --- Reading: any layer ------------------------------------------------ */

/* Basic stats and btime. */
int real_statx(struct at at, struct statx *ret);
/* An O_PATH descriptor; -ENOTDIR for real_open_dir() if it is none. */
int real_open_path(struct at at);
int real_open_dir(struct at at);
/*
 * Open a regular file or directory for I/O; @ret_stx describes it. O_NOFOLLOW,
 * O_NOCTTY and O_NONBLOCK are added; the caller has seen the type under its
 * lock, and another type is -ESTALE. O_NOATIME in @flags is dropped where it
 * is not allowed.
 */
int real_open(struct at at, int flags, struct statx *ret_stx);
/* Would real_open() with @flags get the object behind the open @fd again? */
bool real_may_open(int fd, int flags);
/* Raw entries (struct dirent64) from an open directory; 0 at the end. */
ssize_t real_getdents(int fd, void *buf, size_t size);
ssize_t real_readlink(struct at at, char *buf, size_t size);
int real_statfs(int fd, struct statfs *ret);

/* -ENODATA also where the file system has no xattrs of that kind. */
ssize_t real_getxattr(struct at at, const char *name, void *buf, size_t size);
/* As the system says: -EOPNOTSUPP and -ERANGE included. */
ssize_t real_getxattr_raw(struct at at, const char *name, void *buf,
			  size_t size);
ssize_t real_listxattr(struct at at, char *buf, size_t size);

/*
 * The file system's own handle: its bytes go to @ret (@size of room), its
 * type to @ret_type. Returns the length, -EOPNOTSUPP, -EOVERFLOW.
 */
ssize_t real_handle(struct at at, uint8_t *ret, size_t size, int *ret_type);
/* O_PATH; @mount_fd: anything on that file system. -ESTALE, -EPERM. */
int real_open_handle(int mount_fd, int type, const uint8_t *bytes, size_t len);

/* With @nowait: -EAGAIN unless all of it is cached (or end of file). */
ssize_t real_preadv(int fd, const struct iovec *iov, unsigned nr_iov,
		    uint64_t off, bool nowait);
/* SEEK_DATA or SEEK_HOLE; -ENXIO past the last data. */
int64_t real_seek(int fd, uint64_t off, int whence);
/* The range will be read soon. Best effort. */
void real_prefetch(int fd, uint64_t off, uint64_t len);
/* Reads and writes go here and there: no readahead, small pages. Likewise. */
void real_access_random(int fd);
/* Inode flags (FS_IOC_GETFLAGS) of an open file. -ENOTTY: has none. */
int real_get_flags(int fd, unsigned *ret);
/*
 * Set or (F_UNLCK) remove a lock of the open file description @fd on [@start,
 * @end]; an @end of INT64_MAX is the end of the file. Never waits for another
 * one: -EBUSY. -EBADF: a write lock on what is open for reading.
 */
int real_lock(int fd, short type, uint64_t start, uint64_t end);
/* *@ret: the first lock of others in its way, or of type F_UNLCK. */
int real_test_lock(int fd, short type, uint64_t start, uint64_t end,
		   struct flock *ret);
/* close(2), with its result. */
int real_close(int fd);

/* --- Changing: the upper only ------------------------------------------ */

/* O_CREAT | O_EXCL are added. */
int real_create(struct upper *u, struct at at, int flags, mode_t mode);
int real_tmpfile(struct upper *u, int dirfd, mode_t mode);
/* Give the O_TMPFILE (or any object) behind @fd a name. */
int real_link_fd(struct upper *u, int fd, struct at to);
int real_link(struct upper *u, struct at from, struct at to);
int real_mkdir(struct upper *u, struct at at, mode_t mode);
int real_mknod(struct upper *u, struct at at, mode_t mode, dev_t dev);
int real_symlink(struct upper *u, const char *target, struct at at);
/* @flags: 0 or AT_REMOVEDIR. */
int real_unlink(struct upper *u, struct at at, int flags);
/* @flags: 0, RENAME_NOREPLACE, RENAME_EXCHANGE, RENAME_WHITEOUT. */
int real_rename(struct upper *u, struct at from, struct at to, unsigned flags);

int real_chmod(struct upper *u, struct at at, mode_t mode);
/* -1: leave. Clears setuid, setgid and capabilities, as the kernel does. */
int real_chown(struct upper *u, struct at at, uid_t uid, gid_t gid);
int real_utimens(struct upper *u, struct at at, const struct timespec ts[2]);
int real_setxattr(struct upper *u, struct at at, const char *name,
		  const void *value, size_t size, int flags);
int real_removexattr(struct upper *u, struct at at, const char *name);

/* Set inode flags beside those that are set. */
int real_add_flags(struct upper *u, int fd, unsigned flags);
int real_truncate(struct upper *u, int fd, uint64_t size);
/* The same as truncate(2): most file systems leave the times where @size is
 * the present one. */
int real_truncate_changed(struct upper *u, int fd, uint64_t size);
/* Give the blocks back; -EOPNOTSUPP where the file system cannot. */
int real_punch_hole(struct upper *u, int fd, uint64_t off, uint64_t len);
/* The range reads as zeros and has its blocks; likewise. The size stays. */
int real_zero_range(struct upper *u, int fd, uint64_t off, uint64_t len);
/* The range gets blocks where it has none; likewise. */
int real_allocate(struct upper *u, int fd, uint64_t off, uint64_t len);
/* Let a device forget whole sectors: they may be anything afterwards. */
int real_discard(struct upper *u, int fd, uint64_t off, uint64_t len);
/* @dsync: this write is on disk when it returns (RWF_DSYNC). */
ssize_t real_pwritev(struct upper *u, int fd, const struct iovec *iov,
		     unsigned nr_iov, uint64_t off, bool dsync);
/* -EOPNOTSUPP, -EXDEV, -EINVAL...: the file system cannot. */
int real_clone(struct upper *u, int dst, int src);
ssize_t real_copy_range(struct upper *u, int dst, int src, uint64_t off,
			size_t count);
/* fdatasync(2) of a device, which is no part of the upper. */
int real_sync_device(int fd);
/* Nothing at all on a volatile upper. */
int real_fsync(struct upper *u, int fd, bool datasync);
/* The same for the whole file system of the upper. */
int real_syncfs(struct upper *u);
/*
 * The writeback error of the open file @fd that it has not told yet, or 0.
 * Writes nothing and waits for nothing.
 */
int real_writeback_error(struct upper *u, int fd);

#endif
