/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Whiteouts: how they look (overlay.md 3.1) and how they are made. Only
 * character devices 0:0 are ever made; links of one inode that stays in the
 * staging area, as the kernel does since 5.8 (ovl_whiteout()).
 */
#include <errno.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "cleanup.h"
#include "overlay.h"

int
whiteout_is(const struct tree *t, struct at at, const struct statx *stx)
{
	ssize_t n;

	if (S_ISCHR(stx->stx_mode))
		return stx->stx_rdev_major == 0 && stx->stx_rdev_minor == 0;
	if (!S_ISREG(stx->stx_mode) || stx->stx_size != 0)
		return 0;
	n = private_get(t, at, PRIVATE_WHITEOUT, NULL, 0);
	if (n == -ENODATA)
		return 0;
	return n < 0 ? (int)n : 1;
}

#define OCI_PREFIX ".wh."
#define OCI_PREFIX_LEN (sizeof(OCI_PREFIX) - 1)
#define OCI_OPAQUE ".wh..wh..opq"

static bool
has_oci(const struct tree *t, unsigned layer)
{
	return layer > 0 && layer_of(t, layer)->has_oci_whiteouts;
}

const char *
whiteout_oci_name(const char *name)
{
	if (strncmp(name, OCI_PREFIX, OCI_PREFIX_LEN) != 0)
		return NULL;
	name += OCI_PREFIX_LEN;
	/* .wh..wh..opq and what aufs leaves beside it are about no name. */
	return strncmp(name, OCI_PREFIX, OCI_PREFIX_LEN) == 0 ? "" : name;
}

/* Is there a .wh.NAME for the name of @at? */
static bool
oci_hides(struct at at)
{
	char name[OCI_PREFIX_LEN + 256];
	struct statx stx;
	size_t len = strlen(at.name);

	if (len + OCI_PREFIX_LEN > 255)
		return false;
	memcpy(name, OCI_PREFIX, OCI_PREFIX_LEN);
	memcpy(name + OCI_PREFIX_LEN, at.name, len + 1);
	return real_statx(AT(at.fd, name), &stx) == 0;
}

bool
whiteout_oci_is_opaque(const struct tree *t, unsigned layer, struct at at,
		       int fd)
{
	struct statx stx;

	return has_oci(t, layer) &&
	       (real_statx(AT(fd, OCI_OPAQUE), &stx) == 0 || oci_hides(at));
}

int
whiteout_peek(const struct tree *t, unsigned layer, struct at at,
	      struct statx *ret)
{
	int r;

	if (has_oci(t, layer) && whiteout_oci_name(at.name))
		return PEEK_ABSENT;
	r = real_statx(at, ret);
	if (r == -ENOENT || r == -ENAMETOOLONG) {
		if (has_oci(t, layer) && oci_hides(at))
			return PEEK_WHITEOUT;
		return PEEK_ABSENT;
	}
	if (r == 0)
		r = whiteout_is(t, at, ret);
	if (r < 0)
		return r;
	return r == 1 ? PEEK_WHITEOUT : PEEK_THERE;
}

/* Under whiteout_lock: have a shared whiteout in the staging area. */
static int
shared_whiteout(struct upper *u)
{
	char name[16];
	int r;

	if (u->whiteout[0])
		return 0;
	workdir_temp(u, name);
	r = real_mknod(u, AT(u->work_fd, name), S_IFCHR, makedev(0, 0));
	if (r == 0)
		memcpy(u->whiteout, name, sizeof(name));
	return r;
}

int
whiteout_make(struct upper *u, char ret_name[16])
{
	CLEANUP_UNLOCK pthread_mutex_t *lock = &u->whiteout_lock;
	char name[16];
	int r;

	(void)pthread_mutex_lock(lock);
	r = shared_whiteout(u);
	if (r < 0)
		return r;
	if (!u->no_shared_whiteout) {
		workdir_temp(u, name);
		r = real_link(u, AT(u->work_fd, u->whiteout),
			      AT(u->work_fd, name));
		if (r == 0) {
			memcpy(ret_name, name, sizeof(name));
			return 0;
		}
		/* Full (ext4: 65000 links): a new one next time. */
		if (r != -EMLINK)
			u->no_shared_whiteout = true;
	}
	memcpy(ret_name, u->whiteout, sizeof(name));
	u->whiteout[0] = '\0';
	return 0;
}
