/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Byte-range locks on one object (9p.md 5.10): the table of all owners
 * (lock.c), what of it is locked at the host too (lock-host.c), and the way
 * there from a node (lock-node.c). An owner is a connection and a process of
 * its guest; locks of one owner never conflict, they replace each other, split
 * and merge as POSIX has it. Nothing here waits for a lock. Private to layers/.
 */
#ifndef VENEER_LAYERS_LOCK_H
#define VENEER_LAYERS_LOCK_H

#include <pthread.h>
#include <sys/queue.h>

#include "attr.h"
#include "node.h"

struct lock_host;

/*
 * Locks on one object at most; one more is -ENOLCK. Each change looks at all
 * of them, on a loop.
 */
#define LOCK_TABLE_MAX 16384
/* With more of them than this a change of the host's is for a worker. */
#define LOCK_HOST_INLINE 64

struct lock_held {
	LIST_ENTRY(lock_held) by_table;
	const struct handle *handle; /* borrowed: who set it, never read */
	struct lock_range range; /* client_id points to id */
	char id[LOCK_CLIENT_ID_MAX];
};

struct lock_table {
	pthread_mutex_t lock;
	struct lock_host *host; /* owned; NULL: locks=server. What it points
				   to is under lock; const */
	/* under lock */
	LIST_HEAD(, lock_held) held;
	unsigned nr_held;
};

/* What happens to a table. */
struct lock_change {
	const struct handle *h;
	const struct lock_range *range;
	bool is_drop; /* all that @h set goes, whoever owns it */
};

/* --- lock.c: under the table's lock ------------------------------------- */

/* @host: taken over, also on failure; or NULL. NULL: no memory. */
struct lock_table *lock_table_new(struct lock_host *host);
/* NULL is fine. */
void lock_table_free(struct lock_table *t);

/*
 * Set or remove @range for @h. Removing also takes what this handle set
 * under another process id (a child that unlocks). Where it is to be locked
 * at the host, that is open. Returns 0, -EBUSY (a conflict), -ENOLCK, -EINVAL,
 * or what the host's file system says.
 */
int lock_table_set(struct lock_table *t, const struct handle *h,
		   const struct lock_range *range);
/*
 * Turn @range into the first lock that conflicts with it, client id copied
 * to @client_id, or into type NONE.
 */
void lock_table_test(const struct lock_table *t, struct lock_range *range,
		     char client_id[LOCK_CLIENT_ID_MAX]);
/* The handle goes: drop all that it set. */
void lock_table_drop(struct lock_table *t, const struct handle *h);
/* Does @c take away what @l covers of its range? */
bool lock_is_replaced(const struct lock_held *l, const struct lock_change *c);

/* --- lock-host.c: under the table's lock --------------------------------- */

/* For a file of @t. NULL: no memory. */
struct lock_host *lock_host_new(struct tree *t);
/* Gives all locks back. NULL is fine. */
void lock_host_free(struct lock_host *m);
/* Reach the topmost real file of @n, if it is not open yet. */
int lock_host_open(struct lock_host *m, struct node *n, const struct call *c);
/* Likewise by a descriptor for reading and writing, taken over. */
void lock_host_open_fd(struct lock_host *m, int fd);
/* Close it: the host gives up all locks. */
void lock_host_close(struct lock_host *m);
/* Have room for unlocking in a table of @nr_held locks. -ENOLCK. */
int lock_host_reserve(struct lock_host *m, unsigned nr_held);
/*
 * Lock @range, which is free for its owner in the table. Changes nothing on
 * failure: -EBUSY (a process of the host is in the way), or what the file
 * system says.
 */
int lock_host_set(struct lock_host *m, const struct lock_range *range);
/* @c, an unlock, is about to happen to @t: give up what it alone has. */
void lock_host_unset(struct lock_host *m, const struct lock_table *t,
		     const struct lock_change *c);
/* Lock all that @t holds, where nothing is locked so far. */
int lock_host_set_all(struct lock_host *m, const struct lock_table *t);
/* As lock_table_test(), for the processes of the host. */
int lock_host_test(struct lock_host *m, struct lock_range *range,
		   char client_id[LOCK_CLIENT_ID_MAX]);
/* Let what is open, and locked, of the two change places. */
void lock_host_swap(struct lock_host *m, struct lock_host *other);

/* --- lock-node.c ---------------------------------------------------------- */

/* @h goes, with its locks. */
void lock_node_drop(struct handle *h);
/* Might that wait for a disk or a server? */
bool lock_node_drop_is_slow(struct handle *h);

/* From before the copy of a file has its name until it is the file. */
struct lock_move {
	struct lock_table *t; /* locked, or NULL: nothing to do */
	struct lock_host *old; /* owned: where the locks were */
};
#define LOCK_MOVE_NONE ((struct lock_move){ .t = NULL })
/*
 * @fd, open for reading and writing, is to be the file of @b: have its locks
 * there, too, before others can reach it. lock_node_moved() in any case.
 * Returns 0, -ENOMEM, or why the file system cannot lock.
 */
int lock_node_move(struct lock_move *m, struct body *b, int fd);
/* It is the file now, or (false) it will not be: let the other one go. */
void lock_node_moved(struct lock_move *m, bool is_done);

#endif
