/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The memory with the queues' parts one after the other, of which the files
 * inflight-*.c know the layout.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "guest-fault.h"
#include "inflight-form.h"
#include "inflight.h"

#define QUEUE_ALIGN 64u

/* Before the first descriptor's, and for each: as in vhost-user.rst. */
#define SPLIT_HEAD 16u
#define SPLIT_DESC 16u
#define PACKED_HEAD 32u
#define PACKED_DESC 32u

/* Of both forms. */
struct inflight_queue {
	uint64_t features;
	uint16_t version; /* 0: nothing is here */
};

static size_t
queue_bytes(const struct inflight *f)
{
	size_t len = f->is_packed ? PACKED_HEAD + f->queue_size * PACKED_DESC
				  : SPLIT_HEAD + f->queue_size * SPLIT_DESC;

	return (len + QUEUE_ALIGN - 1) & ~(size_t)(QUEUE_ALIGN - 1);
}

static size_t
all_bytes(const struct inflight *f)
{
	return f->nr_queues * queue_bytes(f);
}

int
inflight_map(struct inflight *f, int fd, uint64_t off, uint64_t len)
{
	struct stat st;
	void *map;
	int r;

	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) ||
	    off % (uint64_t)sysconf(_SC_PAGESIZE) != 0 || off > INT64_MAX / 2 ||
	    len > INT64_MAX / 2 || (uint64_t)st.st_size < off + len ||
	    len < all_bytes(f) || len == 0)
		return -EINVAL;
	map = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		   (off_t)off);
	if (map == MAP_FAILED)
		return -errno;
	r = guest_fault_watch(map, len);
	if (r < 0) {
		(void)munmap(map, len);
		return r;
	}
	f->map = map;
	f->len = len;
	return 0;
}

int
inflight_new(struct inflight *f, int *ret_fd)
{
	size_t len = all_bytes(f);
	CLEANUP_CLOSE int fd = memfd_create("veneer-inflight", MFD_CLOEXEC);
	int r;

	if (fd < 0 || ftruncate(fd, (off_t)len) < 0)
		return -errno;
	r = inflight_map(f, fd, 0, len);
	if (r < 0)
		return r;
	*ret_fd = take_fd(&fd);
	return 0;
}

void
inflight_unmap(struct inflight *f)
{
	if (f->map) {
		guest_fault_forget(f->map);
		(void)munmap(f->map, f->len);
	}
	*f = (struct inflight){ .map = NULL };
}

struct inflight_queue *
inflight_queue(const struct inflight *f, unsigned index, uint16_t size,
	       bool is_packed)
{
	if (!f->map || index >= f->nr_queues || size > f->queue_size ||
	    is_packed != f->is_packed)
		return NULL;
	return (void *)((char *)f->map + index * queue_bytes(f));
}

void
inflight_forget(struct inflight_queue *f)
{
	INFLIGHT_STORE(&f->version, 0);
}

static int
compare(const void *a, const void *b)
{
	const struct inflight_entry *x = a, *y = b;

	return x->counter < y->counter ? -1 : x->counter > y->counter;
}

int
inflight_again(struct vring *q, struct inflight_entry *all, unsigned nr)
{
	struct vring_token *again = calloc(nr + 1, sizeof(*again));
	unsigned i;

	if (again) {
		qsort(all, nr, sizeof(*all), compare);
		for (i = 0; i < nr; i++)
			again[i] = all[i].token;
		q->counter = nr > 0 ? all[nr - 1].counter + 1 : 0;
		q->again = again;
		q->nr_again = nr;
	}
	free(all);
	return again ? 0 : -ENOMEM;
}
