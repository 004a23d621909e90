/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Mapping a guest's memory, and finding addresses in it. What a VMM says of
 * its regions is checked against their files when they are mapped; whether
 * it cuts a file off later is guest-fault.c's concern.
 */
#include <errno.h>
#include <linux/magic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "cleanup.h"
#include "guest-fault.h"
#include "guest-memory.h"

static bool
ranges_overlap(uint64_t a, uint64_t a_size, uint64_t b, uint64_t b_size)
{
	return a < b + b_size && b < a + a_size;
}

/* No address of it wraps, and no region of @m has one of them. */
static bool
is_range_free(const struct guest_memory *m, const struct guest_range *r)
{
	const struct guest_range *o;
	unsigned i;

	if (r->size == 0 || r->size > SIZE_MAX / 4 ||
	    r->guest > UINT64_MAX - r->size || r->user > UINT64_MAX - r->size ||
	    r->off > INT64_MAX / 2 || r->size > INT64_MAX / 2)
		return false;
	for (i = 0; i < m->nr; i++) {
		o = &m->regions[i]->range;
		if (ranges_overlap(r->guest, r->size, o->guest, o->size) ||
		    ranges_overlap(r->user, r->size, o->user, o->size))
			return false;
	}
	return true;
}

/* What offsets and lengths of a mapping of @fd are multiples of. */
static uint64_t
page_size(int fd)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	struct statfs fs;

	if (fstatfs(fd, &fs) == 0 && fs.f_type == HUGETLBFS_MAGIC &&
	    fs.f_bsize > 0 && (fs.f_bsize & (fs.f_bsize - 1)) == 0)
		page = (uint64_t)fs.f_bsize;
	return page;
}

static int
map_region(struct guest_region *g, int fd)
{
	uint64_t page = page_size(fd), skip = g->range.off & (page - 1);
	struct stat st;

	/* Beyond the end of the file there are only signals. */
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) ||
	    (uint64_t)st.st_size < g->range.off + g->range.size)
		return -EINVAL;
	g->map_len = (g->range.size + skip + page - 1) & ~(page - 1);
	g->map = mmap(NULL, g->map_len, PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_NORESERVE, fd,
		      (off_t)(g->range.off - skip));
	if (g->map == MAP_FAILED)
		return -errno;
	g->base = (uint8_t *)g->map + skip;
	return 0;
}

static void
region_unref(struct guest_region *g)
{
	if (--g->refs > 0)
		return;
	guest_fault_forget(g->map);
	(void)munmap(g->map, g->map_len);
	free(g);
}

/* Add a region of @fd to a table that nobody sees yet. */
static int
add_region(struct guest_memory *m, const struct guest_range *range, int fd)
{
	CLEANUP_FREE struct guest_region *g = calloc(1, sizeof(*g));
	int r;

	if (!g)
		return -ENOMEM;
	if (m->nr == GUEST_REGIONS_MAX || !is_range_free(m, range))
		return -EINVAL;
	g->range = *range;
	r = map_region(g, fd);
	if (r < 0)
		return r;
	r = guest_fault_watch(g->map, g->map_len);
	if (r < 0) {
		(void)munmap(g->map, g->map_len);
		return r;
	}
	g->refs = 1;
	m->regions[m->nr++] = take_ptr(&g);
	return 0;
}

/* A table of the regions of @old, but for number @without. */
static struct guest_memory *
copy_table(const struct guest_memory *old, unsigned without)
{
	struct guest_memory *m = calloc(1, sizeof(*m));
	unsigned i;

	if (!m)
		return NULL;
	m->refs = 1;
	for (i = 0; old && i < old->nr; i++) {
		if (i == without)
			continue;
		old->regions[i]->refs++;
		m->regions[m->nr++] = old->regions[i];
	}
	return m;
}

int
guest_memory_new(const struct guest_range *ranges, const int *fds, unsigned nr,
		 struct guest_memory **ret)
{
	struct guest_memory *m = copy_table(NULL, 0);
	unsigned i;
	int r = m ? 0 : -ENOMEM;

	for (i = 0; i < nr && r == 0; i++)
		r = add_region(m, &ranges[i], fds[i]);
	if (r == 0)
		*ret = m;
	else
		guest_memory_unref(m);
	return r;
}

int
guest_memory_add(const struct guest_memory *old,
		 const struct guest_range *range, int fd,
		 struct guest_memory **ret)
{
	struct guest_memory *m = copy_table(old, GUEST_REGIONS_MAX);
	int r = m ? add_region(m, range, fd) : -ENOMEM;

	if (r == 0)
		*ret = m;
	else
		guest_memory_unref(m);
	return r;
}

int
guest_memory_remove(const struct guest_memory *old,
		    const struct guest_range *range, struct guest_memory **ret)
{
	const struct guest_range *o;
	struct guest_memory *m;
	unsigned i;

	for (i = 0; old && i < old->nr; i++) {
		o = &old->regions[i]->range;
		if (o->guest == range->guest && o->user == range->user &&
		    o->size == range->size)
			break;
	}
	if (!old || i == old->nr)
		return -ENOENT;
	m = copy_table(old, i);
	if (!m)
		return -ENOMEM;
	*ret = m;
	return 0;
}

struct guest_memory *
guest_memory_ref(struct guest_memory *m)
{
	m->refs++;
	return m;
}

void
guest_memory_unref(struct guest_memory *m)
{
	unsigned i;

	if (!m || --m->refs > 0)
		return;
	for (i = 0; i < m->nr; i++)
		region_unref(m->regions[i]);
	free(m);
}

void *
guest_memory_at(const struct guest_memory *m, uint64_t addr, size_t *len)
{
	const struct guest_region *g;
	uint64_t off;
	unsigned i;

	for (i = 0; i < m->nr; i++) {
		g = m->regions[i];
		off = addr - g->range.guest;
		if (addr < g->range.guest || off >= g->range.size)
			continue;
		if (*len > g->range.size - off)
			*len = (size_t)(g->range.size - off);
		return g->base + off;
	}
	return NULL;
}

void *
guest_memory_at_user(const struct guest_memory *m, uint64_t addr, size_t len)
{
	const struct guest_region *g;
	uint64_t off;
	unsigned i;

	for (i = 0; i < m->nr; i++) {
		g = m->regions[i];
		off = addr - g->range.user;
		if (addr >= g->range.user && off < g->range.size &&
		    len <= g->range.size - off)
			return g->base + off;
	}
	return NULL;
}
