/* SPDX-License-Identifier: BSD-3-Clause */
/* Users of clients and users of the host; see access.h. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "access.h"
#include "cleanup.h"
#include "macros.h"

static int __attribute__((format(printf, 2, 3)))
refuse(char **ret_why, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	if (vasprintf(ret_why, format, ap) < 0)
		*ret_why = NULL;
	va_end(ap);
	return -EINVAL;
}

/* --- Options ------------------------------------------------------------- */

bool
access_take_id(const char **p, char end, uint32_t *ret)
{
	char *stop;
	unsigned long v;

	if (**p < '0' || **p > '9')
		return false;
	errno = 0;
	v = strtoul(*p, &stop, 10);
	/* 4294967295 is "leave it" and "nobody said" everywhere. */
	if (errno || *stop != end || v >= UINT32_MAX)
		return false;
	*p = *stop ? stop + 1 : stop;
	*ret = (uint32_t)v;
	return true;
}

static bool
overlap(uint32_t a, uint32_t b, uint32_t nr_a, uint32_t nr_b)
{
	return a < (uint64_t)b + nr_b && b < (uint64_t)a + nr_a;
}

/* GUEST:HOST:COUNT */
static int
add_range(struct id_map *map, const char *key, const char *value,
	  char **ret_why)
{
	struct id_range r;
	const char *p = value;
	unsigned i;

	if (!access_take_id(&p, ':', &r.guest) ||
	    !access_take_id(&p, ':', &r.host) ||
	    !access_take_id(&p, '\0', &r.count) || r.count == 0 ||
	    r.guest > UINT32_MAX - r.count || r.host > UINT32_MAX - r.count)
		return refuse(ret_why,
			      "%s=%s: use GUEST:HOST:COUNT, the first ids of "
			      "both ranges and how many",
			      key, value);
	for (i = 0; i < map->nr; i++)
		if (overlap(r.guest, map->ranges[i].guest, r.count,
			    map->ranges[i].count) ||
		    overlap(r.host, map->ranges[i].host, r.count,
			    map->ranges[i].count))
			return refuse(
				ret_why, "%s=%s overlaps with %s=%u:%u:%u", key,
				value, key, map->ranges[i].guest,
				map->ranges[i].host, map->ranges[i].count);
	if (map->nr == ACCESS_MAX_RANGES)
		return refuse(ret_why, "%s=%s: more than %d ranges", key, value,
			      ACCESS_MAX_RANGES);
	map->ranges[map->nr++] = r;
	return 0;
}

static int
set_squash_to(struct access *a, const char *value, char **ret_why)
{
	const char *p = value;

	if (!access_take_id(&p, ':', &a->squash_uid) ||
	    !access_take_id(&p, '\0', &a->squash_gid))
		return refuse(ret_why,
			      "squash-to=%s: use UID:GID, numbers of the host",
			      value);
	return 0;
}

static int
choose(const char *key, const char *value, const char *const names[],
       char **ret_why)
{
	int i;

	for (i = 0; names[i]; i++)
		if (strcmp(names[i], value) == 0)
			return i;
	return refuse(ret_why, "%s=%s: use %s%s%s%s%s", key, value, names[0],
		      names[2] ? ", " : " or ", names[1],
		      names[2] ? " or " : "", names[2] ? names[2] : "");
}

int
access_set(struct access *a, const char *key, const char *value, char **ret_why)
{
	static const char *const modes[] = { "client", "server", NULL };
	static const char *const squashes[] = { "none", "root", "all", NULL };
	static const char *const keys[] = { "access",  "squash",  "squash-to",
					    "map-uid", "map-gid", NULL };
	int i, r;

	*ret_why = NULL;
	for (i = 0; keys[i] && strcmp(keys[i], key) != 0; i++)
		;
	if (!keys[i])
		return -ENOENT;
	if (!value || !*value)
		return refuse(ret_why, "%s needs a value", key);
	switch (i) {
	case 0:
		r = choose(key, value, modes, ret_why);
		if (r >= 0)
			a->mode = r;
		break;
	case 1:
		r = choose(key, value, squashes, ret_why);
		if (r >= 0)
			a->squash = r;
		break;
	case 2:
		return set_squash_to(a, value, ret_why);
	case 3:
		return add_range(&a->uids, key, value, ret_why);
	default:
		return add_range(&a->gids, key, value, ret_why);
	}
	return r < 0 ? r : 0;
}

bool
access_is_plain(const struct access *a)
{
	return a->mode == ACCESS_CLIENT && a->squash == SQUASH_NONE &&
	       a->uids.nr == 0 && a->gids.nr == 0;
}

/* --- Ids ------------------------------------------------------------------- */

static bool
to_host(const struct id_map *map, uint32_t id, uint32_t *ret)
{
	const struct id_range *r;
	unsigned i;

	*ret = id;
	for (i = 0; i < map->nr; i++) {
		r = &map->ranges[i];
		if (id - r->guest < r->count && id >= r->guest) {
			*ret = r->host + (id - r->guest);
			return true;
		}
	}
	return map->nr == 0;
}

static uint32_t
to_guest(const struct id_map *map, uint32_t id)
{
	const struct id_range *r;
	unsigned i;

	for (i = 0; i < map->nr; i++) {
		r = &map->ranges[i];
		if (id - r->host < r->count && id >= r->host)
			return r->guest + (id - r->host);
	}
	return map->nr == 0 ? id : ACCESS_OVERFLOW_ID;
}

static bool
is_squashed(const struct access *a, uint32_t client_uid)
{
	return a->squash == SQUASH_ALL ||
	       (a->squash == SQUASH_ROOT && client_uid == 0);
}

int
access_user(const struct access *a, uint32_t uid, uint32_t gid,
	    uint32_t *ret_uid, uint32_t *ret_gid)
{
	if (is_squashed(a, uid)) {
		*ret_uid = a->squash_uid;
		*ret_gid = a->squash_gid;
		return 0;
	}
	if (!to_host(&a->uids, uid, ret_uid))
		return -EPERM;
	/* A group without a number here: as the host does. */
	if (gid == UINT32_MAX || !to_host(&a->gids, gid, ret_gid))
		*ret_gid = UINT32_MAX;
	return 0;
}

int
access_map_set(const struct access *a, uint32_t client_uid,
	       struct attr_set *set)
{
	if (!(set->mask & (ATTR_SET_UID | ATTR_SET_GID)))
		return 0;
	if (set->mask & ATTR_SET_UID && !to_host(&a->uids, set->uid, &set->uid))
		return -EINVAL;
	if (set->mask & ATTR_SET_GID && !to_host(&a->gids, set->gid, &set->gid))
		return -EINVAL;
	/* access=server knows better who may do what. */
	if (a->mode == ACCESS_CLIENT && is_squashed(a, client_uid) &&
	    ((set->mask & ATTR_SET_UID && set->uid != a->squash_uid) ||
	     (set->mask & ATTR_SET_GID && set->gid != a->squash_gid)))
		return -EPERM;
	return 0;
}

void
access_show_attr(const struct access *a, struct attr *attr)
{
	attr->uid = to_guest(&a->uids, attr->uid);
	attr->gid = to_guest(&a->gids, attr->gid);
}

/* --- ACLs ------------------------------------------------------------------ */

/* include/uapi/linux/posix_acl_xattr.h: version[4], then tag[2] perm[2] id[4] */
#define ACL_HEAD 4
#define ACL_ENTRY 8
#define ACL_TAG_USER 0x02
#define ACL_TAG_GROUP 0x08

static bool
is_acl(struct name xattr)
{
	static const char prefix[] = "system.posix_acl_";

	return xattr.len > sizeof(prefix) - 1 &&
	       memcmp(xattr.ptr, prefix, sizeof(prefix) - 1) == 0;
}

static uint32_t
get_id(const uint8_t *p)
{
	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
	       (uint32_t)p[3] << 24;
}

static void
put_id(uint8_t *p, uint32_t id)
{
	int i;

	for (i = 0; i < 4; i++)
		p[i] = (uint8_t)(id >> (8 * i));
}

int
access_map_acl(const struct access *a, struct name xattr, void *value,
	       size_t size, bool is_to_host)
{
	uint8_t *e = value, *end = e + size;
	const struct id_map *map;
	uint32_t id;

	if (!value || !is_acl(xattr) || size < ACL_HEAD ||
	    (a->uids.nr == 0 && a->gids.nr == 0))
		return 0;
	for (e += ACL_HEAD; end - e >= ACL_ENTRY; e += ACL_ENTRY) {
		if (e[0] != ACL_TAG_USER && e[0] != ACL_TAG_GROUP)
			continue;
		map = e[0] == ACL_TAG_USER ? &a->uids : &a->gids;
		id = get_id(e + 4);
		if (!is_to_host)
			id = to_guest(map, id);
		else if (!to_host(map, id, &id))
			return -EINVAL;
		put_id(e + 4, id);
	}
	return 0;
}
