/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An intrusive hash table of chains: the entry is a member of the object, so
 * that inserting allocates nothing and cannot fail. The bucket array doubles
 * when there are more entries than buckets; where no memory is left for
 * that, chains get longer instead. Not locked: the owner of the table says
 * what protects it. No deletion while iterating but by the iterator
 * (hash_first/hash_next tolerate the removal of the entry just returned
 * only if the next one was taken before).
 */
#ifndef VENEER_COMMON_HASH_H
#define VENEER_COMMON_HASH_H

#include <stdint.h>
#include <stdlib.h>

struct hash_entry {
	struct hash_entry *next; /* borrowed: in the same bucket */
	uint64_t hash; /* const while in a table */
};

struct hash {
	struct hash_entry **buckets; /* owned */
	size_t nr_buckets; /* a power of two, 0 before the first add */
	size_t nr_entries;
};

#define HASH_MIN_BUCKETS 16

/* Spread the bits of @v over all 64 (the finaliser of splitmix64). */
static inline uint64_t
hash_mix(uint64_t v)
{
	v ^= v >> 30;
	v *= UINT64_C(0xbf58476d1ce4e5b9);
	v ^= v >> 27;
	v *= UINT64_C(0x94d049bb133111eb);
	v ^= v >> 31;
	return v;
}

/* Hash @len bytes, 8 at a time, starting from @seed. */
static inline uint64_t
hash_bytes(const void *data, size_t len, uint64_t seed)
{
	const unsigned char *p = data;
	uint64_t h = hash_mix(seed ^ (len * UINT64_C(0x9e3779b97f4a7c15)));
	uint64_t v;

	while (len >= 8) {
		__builtin_memcpy(&v, p, 8);
		h = hash_mix(h ^ v);
		p += 8;
		len -= 8;
	}
	for (v = 0; len > 0; len--)
		v = v << 8 | *p++;
	return hash_mix(h ^ v);
}

static inline void
hash_fini(struct hash *t)
{
	free(t->buckets);
	*t = (struct hash){ 0 };
}

static inline void
hash_grow(struct hash *t)
{
	size_t nr = t->nr_buckets ? t->nr_buckets * 2 : HASH_MIN_BUCKETS;
	struct hash_entry **b = calloc(nr, sizeof(*b)), *e, *next;
	size_t i;

	if (!b)
		return;
	for (i = 0; i < t->nr_buckets; i++) {
		for (e = t->buckets[i]; e; e = next) {
			next = e->next;
			e->next = b[e->hash & (nr - 1)];
			b[e->hash & (nr - 1)] = e;
		}
	}
	free(t->buckets);
	t->buckets = b;
	t->nr_buckets = nr;
}

/*
 * Make sure that a first bucket array exists. Returns 0 or -1 (no memory);
 * hash_add() on a table for which this succeeded once cannot fail.
 */
static inline int
hash_init(struct hash *t)
{
	*t = (struct hash){ 0 };
	hash_grow(t);
	return t->nr_buckets ? 0 : -1;
}

static inline void
hash_add(struct hash *t, struct hash_entry *e, uint64_t hash)
{
	struct hash_entry **b;

	if (t->nr_entries >= t->nr_buckets)
		hash_grow(t);
	b = &t->buckets[hash & (t->nr_buckets - 1)];
	e->hash = hash;
	e->next = *b;
	*b = e;
	t->nr_entries++;
}

/* @e must be in @t. */
static inline void
hash_del(struct hash *t, struct hash_entry *e)
{
	struct hash_entry **p = &t->buckets[e->hash & (t->nr_buckets - 1)];

	while (*p != e)
		p = &(*p)->next;
	*p = e->next;
	e->next = NULL;
	t->nr_entries--;
}

/* The first entry whose hash is @hash, or NULL; then hash_same(). */
static inline struct hash_entry *
hash_find(const struct hash *t, uint64_t hash)
{
	struct hash_entry *e;

	if (!t->nr_buckets)
		return NULL;
	e = t->buckets[hash & (t->nr_buckets - 1)];
	while (e && e->hash != hash)
		e = e->next;
	return e;
}

/* The next entry with the same hash as @e, or NULL. */
static inline struct hash_entry *
hash_same(const struct hash_entry *e)
{
	uint64_t hash = e->hash;

	do
		e = e->next;
	while (e && e->hash != hash);
	return (struct hash_entry *)e;
}

/* Any entry at all (to empty a table by repeated removal), or NULL. */
static inline struct hash_entry *
hash_any(const struct hash *t)
{
	size_t i;

	if (!t->nr_entries)
		return NULL;
	for (i = 0; i < t->nr_buckets; i++)
		if (t->buckets[i])
			return t->buckets[i];
	return NULL;
}

#endif
