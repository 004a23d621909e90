/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the two forms of a queue (vring-split.c, vring-packed.c) have in common
 * with vring.c, and nobody else looks at.
 */
#ifndef VENEER_SERVER_VRING_FORM_H
#define VENEER_SERVER_VRING_FORM_H

#include <endian.h>

#include "vring.h"

/* Of a descriptor of either form. */
enum {
	VRING_DESC_NEXT = 1u << 0,
	VRING_DESC_WRITE = 1u << 1,
	VRING_DESC_INDIRECT = 1u << 2,
};

/* A descriptor as it was read. */
struct vring_piece {
	uint64_t addr;
	uint32_t len;
	uint16_t flags;
};

/* A form; q->why is looked at before, and the rest of q is vring.c's. */
struct vring_form {
	/* Find the parts in @mem: all of them, or -EINVAL. */
	int (*find)(struct vring *q, const struct guest_memory *mem,
		    const struct vring_place *place);
	/* Begin at @base; may fill q->again. -EINVAL, -ENOMEM. */
	int (*begin)(struct vring *q, uint32_t base);
	uint32_t (*base)(const struct vring *q);
	bool (*has_next)(const struct vring *q);
	/* As vring_take(); *@ret is empty. */
	int (*take)(struct vring *q, struct vring_chain *ret);
	void (*put)(struct vring *q, struct vring_token token, uint32_t len);
	/* Is a call wanted of what was put since the last question? */
	bool (*wants_call)(struct vring *q);
	void (*ask_kicks)(struct vring *q, bool wanted);
};

extern const struct vring_form vring_split_form, vring_packed_form;

/* Of a packed queue; as it is in memory. */
struct vring_packed_desc {
	uint64_t addr;
	uint32_t len;
	uint16_t id, flags;
};

/* Both places at its beginning, where the wrap counters are 1. */
#define VRING_PACKED_FIRST UINT32_C(0x80008000)

enum { VRING_DESC_AVAIL = 1u << 7, VRING_DESC_USED = 1u << 15 };

/* Has the driver made it available, where the wrap counter is @wrap? */
static inline bool
vring_is_avail(uint16_t flags, bool wrap)
{
	return !!(flags & VRING_DESC_AVAIL) == wrap &&
	       !!(flags & VRING_DESC_USED) != wrap;
}

/* @nr descriptors, at most @size, further on. */
static inline struct vring_pos
vring_pos_add(struct vring_pos at, unsigned nr, uint16_t size)
{
	unsigned idx = at.idx + nr;

	return idx < size
		       ? (struct vring_pos){ (uint16_t)idx, at.wrap }
		       : (struct vring_pos){ (uint16_t)(idx - size), !at.wrap };
}

static inline uint16_t
vring_load16(const uint16_t *p)
{
	return le16toh(__atomic_load_n(p, __ATOMIC_RELAXED));
}

static inline void
vring_store16(uint16_t *p, uint16_t v)
{
	__atomic_store_n(p, htole16(v), __ATOMIC_RELAXED);
}

static inline uint32_t
vring_load32(const uint32_t *p)
{
	return le32toh(__atomic_load_n(p, __ATOMIC_RELAXED));
}

static inline void
vring_store32(uint32_t *p, uint32_t v)
{
	__atomic_store_n(p, htole32(v), __ATOMIC_RELAXED);
}

static inline uint64_t
vring_load64(const uint64_t *p)
{
	return le64toh(__atomic_load_n(p, __ATOMIC_RELAXED));
}

/* gcc warns of __atomic_thread_fence() under TSan, which this is as well. */
static inline void
vring_barrier(void)
{
	__sync_synchronize();
}

/* It is broken for good. Returns -EPROTO. */
int vring_broken(struct vring *q, const char *why);
/* @len bytes at the VMM's address @user, aligned to @align; or NULL. */
void *vring_place_at(const struct guest_memory *mem, uint64_t user, size_t len,
		     unsigned align);
/* Append what @d points to. Returns 0 or -EPROTO. */
int vring_append(struct vring *q, struct vring_chain *c,
		 const struct vring_piece *d);
/*
 * Where the table is that @d points to, of at least one descriptor; NULL, and
 * the queue is broken.
 */
const void *vring_indirect(struct vring *q, const struct vring_piece *d,
			   unsigned *ret_nr);

#endif
