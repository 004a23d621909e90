/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Byte-range locks on one object (9p.md 5.10). An owner is a connection and
 * a process of its guest; locks of one owner never conflict, they replace
 * each other, split and merge as POSIX has it. Nothing here waits.
 */
#ifndef VENEER_LAYERS_LOCK_H
#define VENEER_LAYERS_LOCK_H

#include "attr.h"

struct handle;
struct lock_table;

/*
 * Locks on one object at most; one more is -ENOLCK. Each change looks at all
 * of them, on a loop.
 */
#define LOCK_TABLE_MAX 16384

struct lock_table *lock_table_new(void);
/* NULL is fine. */
void lock_table_free(struct lock_table *t);

/*
 * Set or remove @range for @h. Removing also takes what this handle set
 * under another process id (a child that unlocks). Returns 0, -EAGAIN (a
 * conflict), -ENOLCK, -EINVAL.
 */
int lock_table_set(struct lock_table *t, const struct handle *h,
		   const struct lock_range *range);
/*
 * Turn @range into the first lock that conflicts with it, client id copied
 * to @client_id, or into type NONE.
 */
int lock_table_test(struct lock_table *t, struct lock_range *range,
		    char client_id[LOCK_CLIENT_ID_MAX]);
/* The handle goes: drop all that it set. */
void lock_table_drop(struct lock_table *t, const struct handle *h);

#endif
