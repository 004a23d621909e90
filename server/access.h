/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Who a tree's clients are on the host: access=, squash=, map-uid= and
 * map-gid= of a tree. Everything that has a user or group in it passes here
 * on its way between protocol/ and layers/.
 */
#ifndef VENEER_SERVER_ACCESS_H
#define VENEER_SERVER_ACCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "attr.h"

struct call;
struct groups;

#define ACCESS_MAX_RANGES 16
/* What is shown of ids that no range has: the kernel's overflowuid. */
#define ACCESS_OVERFLOW_ID 65534u

struct id_map {
	struct id_range {
		uint32_t guest, host, count;
	} ranges[ACCESS_MAX_RANGES];
	unsigned nr; /* 0: each is itself */
};

struct access {
	enum { ACCESS_CLIENT, ACCESS_SERVER } mode;
	enum { SQUASH_NONE, SQUASH_ROOT, SQUASH_ALL } squash;
	uint32_t squash_uid, squash_gid; /* of the host */
	struct id_map uids, gids;
};

#define ACCESS_INIT                                         \
	((struct access){ .squash_uid = ACCESS_OVERFLOW_ID, \
			  .squash_gid = ACCESS_OVERFLOW_ID })

/*
 * A user's or group's number at *@p, followed by @end: *@p is then behind that.
 * False: it is none, and what *@p is, is not said.
 */
bool access_take_id(const char **p, char end, uint32_t *ret);

/*
 * Set the tree option @key. Returns 0; -ENOENT: it is none of these; -EINVAL
 * with a line in *@ret_why (malloced).
 */
int access_set(struct access *a, const char *key, const char *value,
	       char **ret_why);

/* Does nothing have to be done for it? */
bool access_is_plain(const struct access *a);

/*
 * Who @uid of a client is on the host; its group for new objects is @gid, or
 * UINT32_MAX. 0 or -EPERM: nobody, such a user cannot attach.
 */
int access_user(const struct access *a, uint32_t uid, uint32_t gid,
		uint32_t *ret_uid, uint32_t *ret_gid);

/*
 * The host's ids of a change of attributes, in place. -EINVAL: an id that
 * has none; -EPERM: squashed, and so nobody who may give things away.
 */
int access_map_set(const struct access *a, uint32_t client_uid,
		   struct attr_set *set);
/* The client's ids of attributes, in place. */
void access_show_attr(const struct access *a, struct attr *attr);

/*
 * The ids in the value of an ACL, system.posix_acl_*, in place: to the host's
 * (-EINVAL: one has none), or to the client's. Other values are left alone.
 */
int access_map_acl(const struct access *a, struct name xattr, void *value,
		   size_t size, bool to_host);

#endif
