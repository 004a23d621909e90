/* SPDX-License-Identifier: BSD-3-Clause */
/* Users of the host and their groups, for access=server; kept for a minute. */
#ifndef VENEER_SERVER_GROUPS_H
#define VENEER_SERVER_GROUPS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "tree.h"

struct groups; /* who is known */

struct user {
	struct cred cred; /* groups points to the array below */
	atomic_uint refs;
	time_t until; /* CLOCK_MONOTONIC: then he is to be asked about again */
	uint32_t groups[];
};

struct groups *groups_new(void);
void groups_free(struct groups *g);

/*
 * What the host says of the user @uid: *@ret is the caller's reference. One
 * whom it does not know has the group of the same number, and no other.
 * Thread-safe. Asks the system's databases, and so blocks, unless @nowait:
 * then -EAGAIN if it would. -ENOMEM.
 */
int groups_of(struct groups *g, uint32_t uid, bool nowait, struct user **ret);
/* NULL is fine. */
void user_unref(struct user *u);

#endif
