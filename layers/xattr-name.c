/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Names of xattrs: which are the overlay's own, and how a client's names
 * that look like those are stored (escaped) so that overlays can be nested
 * (overlay.md 2.4, the kernel's ovl_xattr_escape_name and
 * ovl_own_xattr_value).
 */
#include <errno.h>
#include <linux/limits.h>
#include <string.h>
#include <sys/xattr.h>

#include "macros.h"
#include "overlay.h"
#include "owner.h"

#define ESCAPE "overlay."
#define TRUSTED_PREFIX "trusted.overlay."
#define USER_PREFIX "user.overlay."

#define NAMES(prefix)                                        \
	{                                                    \
		[PRIVATE_OPAQUE] = prefix "opaque",          \
		[PRIVATE_REDIRECT] = prefix "redirect",      \
		[PRIVATE_METACOPY] = prefix "metacopy",      \
		[PRIVATE_ORIGIN] = prefix "origin",          \
		[PRIVATE_IMPURE] = prefix "impure",          \
		[PRIVATE_WHITEOUT] = prefix "whiteout",      \
		[PRIVATE_NLINK] = prefix "nlink",            \
		[PRIVATE_UPPER] = prefix "upper",            \
		[PRIVATE_PROTATTR] = prefix "protattr",      \
		[PRIVATE_UUID] = prefix "uuid",              \
		[PRIVATE_IDENT] = prefix "veneer.ident",     \
		[PRIVATE_PARTIAL] = prefix "veneer.partial", \
	}

static const char *const private_names[2][NR_PRIVATE] = {
	NAMES(TRUSTED_PREFIX),
	NAMES(USER_PREFIX),
};

const char *
xattr_prefix(bool userxattr)
{
	return userxattr ? USER_PREFIX : TRUSTED_PREFIX;
}

ssize_t
private_get(const struct tree *t, struct at at, enum private_xattr x, void *buf,
	    size_t size)
{
	return real_getxattr(at, private_names[t->layers.features.userxattr][x],
			     buf, size);
}

int
private_set(const struct tree *t, struct at at, enum private_xattr x,
	    const void *value, size_t size)
{
	return real_setxattr(t->layers.upper, at,
			     private_names[t->layers.features.userxattr][x],
			     value, size, 0);
}

bool
private_is_yes(const struct tree *t, struct at at, enum private_xattr x)
{
	char v[2];

	return private_get(t, at, x, v, sizeof(v)) == 1 && v[0] == 'y';
}

int
private_by_name(const struct tree *t, const char *name)
{
	const char *const *names = private_names[t->layers.features.userxattr];
	int i;

	if (!xattr_is_private(t, name) || xattr_is_escaped(t, name))
		return -ENODATA;
	for (i = 0; i < NR_PRIVATE; i++)
		if (strcmp(name, names[i]) == 0)
			return i;
	return NR_PRIVATE;
}

unsigned
private_mask(const struct tree *t, struct at at)
{
	char list[1024], *p;
	unsigned mask = 0;
	ssize_t n;
	int x;

	n = real_listxattr(at, list, sizeof(list) - 1);
	if (n < 0)
		return n == -EOPNOTSUPP ? 0 : ~0u;
	list[n] = '\0';
	for (p = list; p < list + n; p += strlen(p) + 1) {
		x = private_by_name(t, p);
		if (x >= 0 && x < NR_PRIVATE)
			mask |= 1u << x;
	}
	return mask;
}

int
metacopy_get(const struct tree *t, struct at at)
{
	ssize_t n = private_get(t, at, PRIVATE_METACOPY, NULL, 0);

	/* ovl_check_metacopy_xattr(): who may not read it has none. */
	if (n == -ENODATA || n == -EACCES)
		return 0;
	if (n < 0)
		return (int)n;
	return n > 0 && n < 4 ? -EIO : 1;
}

int
private_remove(const struct tree *t, struct at at, enum private_xattr x)
{
	return real_removexattr(t->layers.upper, at,
				private_names[t->layers.features.userxattr][x]);
}

bool
xattr_is_private(const struct tree *t, const char *name)
{
	return strncmp(name, t->private_prefix, t->private_prefix_len) == 0;
}

bool
xattr_is_escaped(const struct tree *t, const char *name)
{
	return xattr_is_private(t, name) &&
	       strncmp(name + t->private_prefix_len, ESCAPE,
		       sizeof(ESCAPE) - 1) == 0;
}

bool
owner_keeps_xattr(const struct tree *t, const char *name)
{
	return t->layers.features.maps_owner &&
	       (strncmp(name, "security.", 9) == 0 ||
		strncmp(name, "trusted.", 8) == 0 ||
		strncmp(name, "system.posix_acl_", 17) == 0);
}

bool
owner_passes_xattr(const char *name)
{
	return strcmp(name, "security.capability") == 0 ||
	       strncmp(name, "system.posix_acl_", 17) == 0;
}

bool
owner_is_mark(const struct tree *t, const char *name)
{
	const size_t len = sizeof(OWNER_PREFIX) - 1;

	if (!t->layers.features.maps_owner)
		return false;
	if (strncmp(name, OWNER_PREFIX, len) == 0)
		return !owner_keeps_xattr(t, name + len);
	return strncmp(name, "user.virtfs.", 12) == 0;
}

size_t
xattr_to_shown(const struct tree *t, char *name, size_t len)
{
	size_t p = t->private_prefix_len, e = sizeof(ESCAPE) - 1;
	const size_t o = sizeof(OWNER_PREFIX) - 1;

	if (strncmp(name, OWNER_PREFIX, o) == 0 &&
	    owner_keeps_xattr(t, name + o)) {
		memmove(name, name + o, len - o + 1);
		return len - o;
	}
	if (!xattr_is_escaped(t, name))
		return len;
	memmove(name + p, name + p + e, len - p - e + 1);
	return len - e;
}

/* The namespaces that a client reaches, as 9p.md 5.12 lists them. */
static bool
namespace_passes(const char *name)
{
	static const char *const prefixes[] = { "user.", "trusted.",
						"security." };
	size_t i, len;

	for (i = 0; i < ARRAY_SIZE(prefixes); i++) {
		len = strlen(prefixes[i]);
		if (strncmp(name, prefixes[i], len) == 0 && name[len] != '\0')
			return true;
	}
	return strcmp(name, "system.posix_acl_access") == 0 ||
	       strcmp(name, "system.posix_acl_default") == 0;
}

static int
prepend(char name[XATTR_NAME_BUF], size_t len, const char *prefix)
{
	size_t p = strlen(prefix);

	if (len + p > XATTR_NAME_MAX)
		return -EOPNOTSUPP;
	memmove(name + p, name, len + 1);
	memcpy(name, prefix, p);
	return 0;
}

int
xattr_to_stored(const struct tree *t, struct name name,
		char ret[XATTR_NAME_BUF])
{
	size_t p = t->private_prefix_len, e = sizeof(ESCAPE) - 1;

	if (name.len > XATTR_NAME_MAX)
		return -ERANGE;
	if (memchr(name.ptr, '\0', name.len))
		return -EINVAL;
	memcpy(ret, name.ptr, name.len);
	ret[name.len] = '\0';
	if (!namespace_passes(ret))
		return -EOPNOTSUPP;
	if (owner_keeps_xattr(t, ret))
		return prepend(ret, name.len, OWNER_PREFIX);
	if (!xattr_is_private(t, ret))
		return 0;
	if (name.len + e > XATTR_NAME_MAX)
		return -EOPNOTSUPP; /* ovl_xattr_escape_name() */
	memmove(ret + p + e, ret + p, name.len - p + 1);
	memcpy(ret + p, ESCAPE, e);
	return 0;
}
