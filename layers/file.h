/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Open files and the real files behind them (the kernel's file.c). Private
 * to layers/.
 */
#ifndef VENEER_LAYERS_FILE_H
#define VENEER_LAYERS_FILE_H

#include <fcntl.h>

#include "node.h"

struct device;

/*
 * Beside the flags of open(2): blocks of it are written here and there. It
 * costs readahead (sequential reads of a cold file are 4 times as slow), so
 * nobody else shares such a real file, and none is so that is only read.
 */
#define REALFILE_RANDOM (1 << 30)

/* What a real file is opened with, of the flags of a handle. */
#define REALFILE_FLAGS \
	(O_ACCMODE | O_APPEND | O_DSYNC | O_SYNC | REALFILE_RANDOM)

/*
 * A real file for @n, opened with @flags; shared if one is there. @ret_stx
 * describes the topmost object; it may be NULL.
 */
int realfile_open(struct node *n, const struct call *c, int flags,
		  struct realfile **ret, struct statx *ret_stx);
/* A real file like @what, whose descriptor is taken over, also on failure. */
int realfile_add(struct body *b, const struct realfile *what,
		 struct realfile **ret);
/*
 * The real file that has the data of @h now: the one it holds, or, when the
 * data moved since (copy-up), one opened afresh. Open and pinned until
 * realfile_done(), whatever becomes of @h. -EAGAIN (nowait, must be opened).
 */
int realfile_get(struct handle *h, const struct call *c, struct realfile **ret);
/* Returns what close(2) said if that was the last reference, else 0. */
int realfile_done(struct body *b, struct realfile *rf);
/* The same for a reference from realfile_open() or realfile_add(). */
int realfile_put(struct body *b, struct realfile *rf);
/*
 * The owner or mode of @n is about to change: what is open of it stays open
 * from now on, unless that cannot keep us from opening it. Best effort;
 * -EAGAIN (nowait).
 */
int realfile_keep(struct node *n, const struct call *c);

/* A handle on @n whose real file is @fd (taken over, also on failure). */
int file_handle_new(struct node *n, int flags, int fd, unsigned generation,
		    struct handle **ret);

/*
 * The caller changed the content: clear setuid, and setgid where the group
 * may execute, unless it is the guest's root (file_remove_privs()).
 */
int file_drop_privs(struct node *n, const struct call *c);

/*
 * Before a change of the content of @h, which is open for writing: what was
 * opened late is copied up, file_drop_privs(). *@ret_partial: as of
 * partial_get(), what takes the change; or NULL, and then *@ret: as of
 * realfile_get(), in the upper.
 */
int file_begin_change(struct handle *h, const struct call *c,
		      struct partial **ret_partial, struct realfile **ret);

/*
 * range.c: the extent of the open @fd that begins with @off, up to @end; its
 * depth is 0. The file may change meanwhile: its length may be 0.
 */
int file_extent(int fd, uint64_t off, uint64_t end, struct extent *ret);
/* What is to become zeros, for whom. */
struct file_zero {
	struct upper *u; /* borrowed, as are the next */
	const struct call *c;
	int fd; /* in the upper */
	enum zero_how how;
};
/* Let the range read as zeros, without changing the size. */
int file_zero_range(const struct file_zero *what, uint64_t off, uint64_t len);

/* A handle on the device node @n; @d is its own, but not on failure. */
int file_handle_device(struct node *n, int flags, struct device *d,
		       struct handle **ret);
size_t file_iov_size(const struct iovec *iov, unsigned nr_iov);

/* --- device.c: the same of handles with h->device ------------------------- */

struct sync_io;
/* As tree_read(), tree_write(), tree_fsync(). */
ssize_t device_read(struct handle *h, const struct call *c,
		    const struct sync_io *io);
ssize_t device_write(struct handle *h, const struct call *c,
		     const struct sync_io *io);
int device_sync(struct handle *h, const struct call *c);
struct device_zeros {
	uint64_t off, end;
	enum zero_how how;
	bool is_fast;
};
/* As tree_zero(). */
int device_zero(struct handle *h, const struct call *c,
		const struct device_zeros *z);
void device_prefetch(const struct handle *h, uint64_t off, uint64_t len);
/* As tree_extents(), of @range.off to @range.end. */
void device_extents(const struct handle *h, const struct device_zeros *range,
		    extent_emit emit, void *ctx);
/* What close(2) says. */
int device_close(struct device *d);

/* What the real file of @h is to be opened with now. */
int file_real_flags(const struct handle *h);

/* readdir.c */
struct dirstream *dirstream_new(struct tree *t);
void dirstream_free(struct dirstream *s);

#endif
