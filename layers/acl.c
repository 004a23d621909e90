/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * POSIX ACLs as their xattrs have them: a version of 4 bytes, then entries of
 * tag[2] perm[2] id[4], little-endian (include/uapi/linux/posix_acl_xattr.h).
 */
#include <errno.h>
#include <string.h>

#include "acl.h"
#include "overlay.h"
#include "owner.h"
#include "permit.h"

#define ACL_VERSION 2
#define ACL_HEAD 4
#define ACL_ENTRY 8

enum {
	TAG_USER_OBJ = 0x01,
	TAG_USER = 0x02,
	TAG_GROUP_OBJ = 0x04,
	TAG_GROUP = 0x08,
	TAG_MASK = 0x10,
	TAG_OTHER = 0x20,
};

static unsigned
get16(const uint8_t *p)
{
	return p[0] | (unsigned)p[1] << 8;
}

static void
put16(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)v;
	p[1] = (uint8_t)(v >> 8);
}

/* Cut the entry's permissions down to what the mode gives that class. */
static void
mask_entry(uint8_t *entry, mode_t *mode, unsigned shift)
{
	unsigned perm = get16(entry + 2) & (*mode >> shift) & 7;

	put16(entry + 2, perm);
	*mode = (*mode & ~(mode_t)(7 << shift)) | perm << shift;
}

static bool
is_valid(const struct acl *acl)
{
	return acl->size >= ACL_HEAD && acl->size <= ACL_MAX &&
	       (acl->size - ACL_HEAD) % ACL_ENTRY == 0 &&
	       get16(acl->bytes) == ACL_VERSION && get16(acl->bytes + 2) == 0;
}

int
acl_create(const struct acl *dflt, mode_t *mode, struct acl *ret)
{
	uint8_t *e, *group = NULL, *mask = NULL;
	bool is_extended = false;
	mode_t m = *mode;

	*ret = *dflt;
	if (dflt->size == 0)
		return 0;
	if (!is_valid(dflt))
		return -EINVAL;
	for (e = ret->bytes + ACL_HEAD; e < ret->bytes + ret->size;
	     e += ACL_ENTRY) {
		switch (get16(e)) {
		case TAG_USER_OBJ:
			mask_entry(e, &m, 6);
			break;
		case TAG_GROUP_OBJ:
			group = e;
			break;
		case TAG_OTHER:
			mask_entry(e, &m, 0);
			break;
		case TAG_MASK:
			mask = e;
			is_extended = true;
			break;
		case TAG_USER:
		case TAG_GROUP:
			is_extended = true;
			break;
		default:
			return -EINVAL;
		}
	}
	if (!group)
		return -EINVAL;
	mask_entry(mask ? mask : group, &m, 3);
	*mode = m;
	if (!is_extended)
		ret->size = 0;
	return 0;
}

int
acl_read_default(struct at dir, struct acl *ret)
{
	ssize_t n = real_getxattr(dir, "system.posix_acl_default", ret->bytes,
				  sizeof(ret->bytes));

	ret->size = n > 0 ? (size_t)n : 0;
	return n < 0 && n != -ENODATA ? (int)n : 0;
}

int
acl_read_access(const struct tree *t, struct at at, struct acl *ret)
{
	static const char name[] = "system.posix_acl_access";
	ssize_t n = -ENODATA;

	if (owner_keeps_xattr(t, name))
		n = real_getxattr(at, OWNER_PREFIX "system.posix_acl_access",
				  ret->bytes, sizeof(ret->bytes));
	if (n == -ENODATA)
		n = real_getxattr(at, name, ret->bytes, sizeof(ret->bytes));
	ret->size = n > 0 ? (size_t)n : 0;
	return n < 0 && n != -ENODATA ? (int)n : 0;
}

static uint32_t
get_id(const uint8_t *entry)
{
	return get16(entry + 4) | (uint32_t)get16(entry + 6) << 16;
}

/* Is the entry, of a group, about the caller? */
static bool
is_of_group(const uint8_t *e, const struct call *c, const struct statx *stx)
{
	if (get16(e) == TAG_GROUP_OBJ)
		return permit_is_member(c, stx->stx_gid);
	return get16(e) == TAG_GROUP && permit_is_member(c, get_id(e));
}

int
acl_grant(const struct acl *acl, const struct call *c, const struct statx *stx,
	  int mask, int *ret)
{
	const uint8_t *e, *end = acl->bytes + acl->size;
	int most = 7, other = 0, perm;
	bool is_member = false;

	if (!is_valid(acl))
		return -EINVAL;
	for (e = acl->bytes + ACL_HEAD; e < end; e += ACL_ENTRY) {
		if (get16(e) == TAG_MASK)
			most = get16(e + 2) & 7;
		if (get16(e) == TAG_OTHER)
			other = get16(e + 2) & 7;
	}
	for (e = acl->bytes + ACL_HEAD; e < end; e += ACL_ENTRY) {
		perm = get16(e + 2) & 7;
		if (get16(e) == TAG_USER && get_id(e) == c->cred->uid) {
			*ret = perm & most;
			return 0;
		}
		if (!is_of_group(e, c, stx))
			continue;
		/* Any of his groups may do; if none does, nothing does. */
		is_member = true;
		if ((perm & mask) == mask) {
			*ret = perm & most;
			return 0;
		}
	}
	*ret = is_member ? 0 : other;
	return 0;
}
