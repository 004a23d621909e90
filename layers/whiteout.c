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
whiteout_is(const struct tree *t, unsigned layer, struct at at,
	    const struct statx *stx)
{
	ssize_t n;

	if (S_ISCHR(stx->stx_mode))
		return stx->stx_rdev_major == 0 && stx->stx_rdev_minor == 0;
	if (layer == 0 || !S_ISREG(stx->stx_mode) || stx->stx_size != 0)
		return 0;
	n = private_get(t, at, PRIVATE_WHITEOUT, NULL, 0);
	if (n == -ENODATA)
		return 0;
	return n < 0 ? (int)n : 1;
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
