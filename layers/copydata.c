/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Copying the data of a file: cloned where the file system can, else
 * extent by extent, so that holes stay holes exactly (the kernel copies in
 * units of 1 MiB and fills what is smaller).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "cleanup.h"
#include "copyup.h"
#include "macros.h"

/* Copied at a time. */
#define SLICE ((uint64_t)8 << 20)
#define BUFFER ((uint64_t)1 << 20)

/* Errors that say "not here", after which reading and writing still work. */
static bool
is_unsupported(int r)
{
	return r == -EXDEV || r == -EINVAL || r == -EOPNOTSUPP ||
	       r == -ENOSYS || r == -ENOTTY || r == -EPERM || r == -ETXTBSY;
}

static ssize_t
write_all(struct upper *u, int dst, char *buf, size_t len, uint64_t off)
{
	size_t done = 0;
	ssize_t n;

	while (done < len) {
		struct iovec iov = { buf + done, len - done };

		n = real_pwritev(u, dst, &iov, 1, off + done, false);
		if (n < 0)
			return n;
		if (n == 0)
			return -EIO;
		done += (size_t)n;
	}
	return (ssize_t)done;
}

/* Copy @count bytes by reading and writing; fewer at the source's end. */
static ssize_t
copy_by_hand(struct upper *u, int dst, int src, uint64_t off, uint64_t count)
{
	CLEANUP_FREE char *buf = malloc(BUFFER);
	uint64_t done = 0;
	ssize_t n;

	if (!buf)
		return -ENOMEM;
	while (done < count) {
		struct iovec iov = { buf, (size_t)MIN(count - done, BUFFER) };

		n = real_preadv(src, &iov, 1, off + done, false);
		if (n > 0)
			n = write_all(u, dst, buf, (size_t)n, off + done);
		if (n < 0)
			return n;
		if (n == 0)
			break;
		done += (uint64_t)n;
	}
	return (ssize_t)done;
}

/* A slice is done, the last one ending at @off. */
static int
end_slice(const struct copy_job *job, uint64_t off)
{
	struct timespec pause = {
		.tv_sec = job->u->slow_ms / 1000,
		.tv_nsec = job->u->slow_ms % 1000 * 1000000,
	};

	if (job->u->slow_ms > 0)
		(void)nanosleep(&pause, NULL); /* cut short: no harm */
	return job->step ? job->step(job->ctx, off, job->size) : 0;
}

/* Copy [@off, @end) of one extent. */
static int
copy_extent(const struct copy_job *job, uint64_t off, uint64_t end,
	    bool *by_hand)
{
	struct upper *u = job->u;
	int dst = job->dst, src = job->src, r;
	uint64_t count;
	ssize_t n;

	while (off < end) {
		count = MIN(end - off, SLICE);
		n = *by_hand ? -EXDEV
			     : real_copy_range(u, dst, src, off, (size_t)count);
		if (n <= 0 && (n == 0 || is_unsupported((int)n))) {
			*by_hand = true;
			n = copy_by_hand(u, dst, src, off, count);
		}
		if (n < 0)
			return (int)n;
		if (n == 0)
			return 0; /* the source became shorter */
		off += (uint64_t)n;
		r = end_slice(job, off);
		if (r < 0)
			return r;
	}
	return 0;
}

int
copyup_data(const struct copy_job *job, bool *ret_synced)
{
	struct upper *u = job->u;
	uint64_t size = job->size;
	int64_t data, hole;
	uint64_t off = 0;
	bool by_hand = false;
	int r;

	if (u->can_clone) {
		r = real_clone(u, job->dst, job->src);
		*ret_synced = r == 0;
		if (r == 0 || !is_unsupported(r))
			return r;
		/* Another file system may differ; EOPNOTSUPP is for all. */
		if (r == -EOPNOTSUPP || r == -ENOTTY)
			u->can_clone = false;
	}
	if (job->only_clone)
		return -EOPNOTSUPP;
	*ret_synced = false;
	while (off < size) {
		data = real_seek(job->src, off, SEEK_DATA);
		if (data == -ENXIO)
			return 0; /* a hole to the end */
		if (data == -EINVAL)
			data = (int64_t)off; /* knows no holes */
		hole = data < 0
			       ? data
			       : real_seek(job->src, (uint64_t)data, SEEK_HOLE);
		if (hole == -EINVAL)
			hole = (int64_t)size;
		if (hole < 0)
			return (int)hole;
		r = copy_extent(job, (uint64_t)data, MIN((uint64_t)hole, size),
				&by_hand);
		if (r < 0)
			return r;
		off = (uint64_t)hole;
	}
	return 0;
}
