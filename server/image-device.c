/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Block devices of the host that device nodes of the trees stand for. Guests can
 * make such nodes: so which devices there are to be had is said on the command
 * line (--nbd-device), what is opened is the path given there, and a node is
 * no more than a device's number.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "cleanup.h"
#include "image-parts.h"
#include "image.h"

/* Does @st describe the device that @attr has the number of? */
static bool
is_meant(const struct stat *st, const struct attr *attr)
{
	return S_ISBLK(st->st_mode) && major(st->st_rdev) == attr->rdev_major &&
	       minor(st->st_rdev) == attr->rdev_minor;
}

/* The path that was given for it now, or NULL. */
static const char *
find(const struct config *c, const struct attr *attr)
{
	struct stat st;
	unsigned i;

	for (i = 0; i < c->nr_nbd_devices; i++)
		if (stat(c->nbd_devices[i], &st) == 0 && is_meant(&st, attr))
			return c->nbd_devices[i];
	return NULL;
}

/* What the node with @attr stands for. */
static int
open_path(const struct config *c, const struct attr *attr, int flags,
	  struct tree_device *ret)
{
	const char *path = find(c, attr);
	CLEANUP_CLOSE int fd = -1;
	struct stat st;
	int sector;

	if (!path)
		return -ENODEV;
	fd = open(path, flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return errno == ENXIO ? -ENODEV : -errno;
	if (fstat(fd, &st) < 0 || !is_meant(&st, attr))
		return -ENODEV;
	if (ioctl(fd, BLKGETSIZE64, &ret->size) < 0 ||
	    ioctl(fd, BLKSSZGET, &sector) < 0)
		return -errno;
	ret->sector = (uint64_t)sector;
	ret->fd = take_fd(&fd);
	return 0;
}

int
image_device_open(const struct server *s, struct node *n, const struct call *c,
		  int flags, struct handle **ret)
{
	struct tree_device device;
	struct attr attr;
	int r = tree_may_open_device(n, c, flags);

	if (r == 0)
		r = tree_getattr(n, NULL, c, &attr);
	if (r == 0)
		r = open_path(s->config, &attr, flags, &device);
	return r < 0 ? r : tree_open_device(n, c, flags, &device, ret);
}

bool
image_device_is_ok(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISBLK(st.st_mode);
}
