/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A guest's memory, as a VMM shares it with us: regions of descriptors that
 * are mapped here. A table never changes: another one takes its place, and
 * goes when the last message that points into it is done. All of it belongs
 * to one loop thread, but the mapped bytes: the guest changes them at any
 * time, and workers read and write them while a message holds the table.
 */
#ifndef VENEER_SERVER_GUEST_MEMORY_H
#define VENEER_SERVER_GUEST_MEMORY_H

#include <stddef.h>
#include <stdint.h>

/* What GET_MAX_MEM_SLOTS tells the VMM. */
#define GUEST_REGIONS_MAX 64

/* As the VMM describes it. */
struct guest_range {
	uint64_t guest; /* address as the guest's driver writes it */
	uint64_t size;
	uint64_t user; /* address in the VMM, of which rings are told */
	uint64_t off; /* of its first byte in the descriptor */
};

struct guest_region {
	unsigned refs; /* tables it is in */
	struct guest_range range; /* const */
	uint8_t *base; /* of its first byte here; const */
	void *map; /* owned */
	size_t map_len;
};

struct guest_memory {
	unsigned refs;
	unsigned nr;
	struct guest_region *regions[GUEST_REGIONS_MAX]; /* counted */
};

/*
 * Map @nr regions of @fds, which stay the caller's. Returns 0; -EINVAL for
 * regions that overlap, wrap, are empty or lie beyond the end of their file,
 * and for what is no file; -ENOMEM; what mmap(2) says.
 * @ret: a reference, dropped with guest_memory_unref().
 */
int guest_memory_new(const struct guest_range *ranges, const int *fds,
		     unsigned nr, struct guest_memory **ret);
/* The regions of @old (NULL: none) and one more. */
int guest_memory_add(const struct guest_memory *old,
		     const struct guest_range *range, int fd,
		     struct guest_memory **ret);
/* All but @range, whose offset is not looked at; -ENOENT: it is not there. */
int guest_memory_remove(const struct guest_memory *old,
			const struct guest_range *range,
			struct guest_memory **ret);
struct guest_memory *guest_memory_ref(struct guest_memory *m);
/* NULL is fine. */
void guest_memory_unref(struct guest_memory *m);

/*
 * Where the guest's address @addr is here, or NULL; *@len, from 1 up, is cut
 * to what follows in one piece.
 */
void *guest_memory_at(const struct guest_memory *m, uint64_t addr, size_t *len);
/* The same for all of @len bytes at an address of the VMM. */
void *guest_memory_at_user(const struct guest_memory *m, uint64_t addr,
			   size_t len);

#endif
