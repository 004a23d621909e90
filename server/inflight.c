/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The layout is the specification's QueueRegionSplit, one queue after the
 * other. Batches are of one request: what is put back is at the head of the
 * list before used.idx moves, and marked as done after it. So whenever we
 * end, the next server finds used.idx one ahead and knows which one that was.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "guest-fault.h"
#include "inflight.h"
#include "macros.h"

#define INFLIGHT_VERSION 1
#define QUEUE_ALIGN 64u

struct inflight_desc {
	uint8_t inflight, padding[5];
	uint16_t next;
	uint64_t counter;
};

struct inflight_queue {
	uint64_t features;
	uint16_t version, desc_num, last_batch_head, used_idx;
	struct inflight_desc desc[];
};

_Static_assert(sizeof(struct inflight_desc) == 16 &&
		       sizeof(struct inflight_queue) == 16,
	       "the layout of vhost-user.rst");

#define LOAD(p) __atomic_load_n(p, __ATOMIC_RELAXED)
/* In this order for whoever looks at it after our end. */
#define STORE(p, v) __atomic_store_n(p, v, __ATOMIC_RELEASE)

static size_t
queue_bytes(uint16_t queue_size)
{
	size_t len = sizeof(struct inflight_queue) +
		     queue_size * sizeof(struct inflight_desc);

	return (len + QUEUE_ALIGN - 1) & ~(size_t)(QUEUE_ALIGN - 1);
}

size_t
inflight_size(uint16_t nr_queues, uint16_t queue_size)
{
	return nr_queues * queue_bytes(queue_size);
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
	    len < inflight_size(f->nr_queues, f->queue_size) || len == 0)
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
inflight_new(uint16_t nr_queues, uint16_t queue_size, struct inflight *ret,
	     int *ret_fd)
{
	size_t len = inflight_size(nr_queues, queue_size);
	struct inflight f = { .nr_queues = nr_queues,
			      .queue_size = queue_size };
	CLEANUP_CLOSE int fd = memfd_create("veneer-inflight", MFD_CLOEXEC);
	int r;

	if (fd < 0 || ftruncate(fd, (off_t)len) < 0)
		return -errno;
	r = inflight_map(&f, fd, 0, len);
	if (r < 0)
		return r;
	*ret = f;
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
inflight_queue(const struct inflight *f, unsigned index, uint16_t size)
{
	if (!f->map || index >= f->nr_queues || size > f->queue_size)
		return NULL;
	return (void *)((char *)f->map + index * queue_bytes(f->queue_size));
}

/* The batch that was being put back when the last server ended: it was. */
static void
settle(struct inflight_queue *f, uint16_t size, uint16_t used_idx)
{
	uint16_t nr = (uint16_t)(used_idx - LOAD(&f->used_idx));
	uint16_t head = LOAD(&f->last_batch_head);
	unsigned i;

	for (i = 0; i < MIN(nr, size) && head < size; i++) {
		STORE(&f->desc[head].inflight, 0);
		head = LOAD(&f->desc[head].next);
	}
	STORE(&f->used_idx, used_idx);
}

struct entry {
	uint64_t counter;
	uint16_t head;
};

static int
compare(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	return x->counter < y->counter ? -1 : x->counter > y->counter;
}

int
inflight_recover(struct inflight_queue *f, uint16_t size, uint16_t used_idx,
		 uint16_t **ret, uint64_t *ret_counter)
{
	CLEANUP_FREE struct entry *all = calloc(size, sizeof(*all));
	uint16_t *heads = calloc(size, sizeof(*heads));
	unsigned i, nr = 0;

	if (!all || !heads) {
		free(heads);
		return -ENOMEM;
	}
	if (LOAD(&f->version) == 0) {
		STORE(&f->desc_num, size);
		STORE(&f->used_idx, used_idx);
		STORE(&f->version, INFLIGHT_VERSION);
	}
	settle(f, size, used_idx);
	for (i = 0; i < size; i++)
		if (LOAD(&f->desc[i].inflight))
			all[nr++] = (struct entry){ LOAD(&f->desc[i].counter),
						    (uint16_t)i };
	qsort(all, nr, sizeof(*all), compare);
	for (i = 0; i < nr; i++)
		heads[i] = all[i].head;
	*ret_counter = nr > 0 ? all[nr - 1].counter + 1 : 0;
	*ret = heads;
	return (int)nr;
}

void
inflight_take(struct inflight_queue *f, uint16_t head, uint64_t counter)
{
	STORE(&f->desc[head].counter, counter);
	STORE(&f->desc[head].inflight, 1);
}

void
inflight_put_begin(struct inflight_queue *f, uint16_t head)
{
	STORE(&f->desc[head].next, LOAD(&f->last_batch_head));
	STORE(&f->last_batch_head, head);
}

void
inflight_put_end(struct inflight_queue *f, uint16_t head, uint16_t used_idx)
{
	STORE(&f->desc[head].inflight, 0);
	STORE(&f->used_idx, used_idx);
}
