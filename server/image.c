/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * From an export's name to an open image (nbd.md 12 and 15). From here on the
 * image is its node: renaming or unlinking the file does not disturb who has
 * it open.
 */
#include "image.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "image-parts.h"
#include "macros.h"

/* What the protocol allows as a preferred size (request.h). */
#define BLOCK_MIN 4096u
#define BLOCK_MAX 65536u

/* What a client is told about @err; NULL: what strerror() says. */
static const char *
sentence(int err)
{
	switch (err) {
	case -ENOENT:
		return "there is no such file in the tree";
	case -ENOTDIR:
		return "a part of the name is not a directory";
	case -EISDIR:
		return "this is a directory";
	case -ELOOP:
		return "there are too many symbolic links in the name";
	case -ENAMETOOLONG:
		return "a part of the name is longer than any file's";
	case -ENXIO:
		return "this is not a regular file";
	case -ENODEV:
		return "this is a block device that is not there, or not among "
		       "those of --nbd-device";
	case -EACCES:
	case -EPERM:
		return "the user whom the server opens images for may not";
	default:
		return NULL;
	}
}

/* To the client there is no such image, whatever is there instead. */
static int
hide(int err)
{
	switch (err) {
	case -ENOTDIR:
	case -EISDIR:
	case -ELOOP:
	case -ENAMETOOLONG:
	case -ENXIO:
	case -ENODEV:
		return -ENOENT;
	default:
		return err;
	}
}

/* Does the device turn? Of a partition its disk says so. */
static bool
is_rotational(const struct backing *b)
{
	static const char *const paths[] = { "queue", "../queue" };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(paths); i++) {
		CLEANUP_CLOSE int fd = -1;
		char path[96], c = '0';

		(void)snprintf(path, sizeof(path),
			       "/sys/dev/block/%u:%u/%s/rotational",
			       b->dev_major, b->dev_minor, paths[i]);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd >= 0)
			return read(fd, &c, 1) == 1 && c == '1';
	}
	return false;
}

char *
image_describe(const struct backing *b, uint64_t size)
{
	static const char units[] = " KMGTPE";
	unsigned unit = 0;
	uint64_t tenths;
	char layer[24] = "upper", tail[8], *text;
	int r;

	if (b->depth > 1)
		(void)snprintf(layer, sizeof(layer), "lower %u", b->depth - 1);
	while (unit < 6 && size >> (10 * (unit + 1)) > 0)
		unit++;
	if (unit == 0)
		r = asprintf(&text, "%s, %" PRIu64 " bytes", layer, size);
	else {
		tenths = (size >> (10 * unit)) * 10 +
			 ((size >> (10 * (unit - 1)) & 1023) * 10 >> 10);
		(void)snprintf(tail, sizeof(tail), ".%u",
			       (unsigned)(tenths % 10));
		r = asprintf(&text, "%s, %" PRIu64 "%s %ciB", layer,
			     tenths / 10, tenths % 10 ? tail : "", units[unit]);
	}
	return r < 0 ? NULL : text;
}

static int
open_blocks(const struct server *s, struct node *n, const struct call *c,
	    int flags, struct handle **ret)
{
	return S_ISBLK(node_type(n)) ? image_device_open(s, n, c, flags, ret)
				     : tree_open_late(n, c, flags, ret);
}

/* For writing if that may be, else for reading. */
static int
open_node(const struct server *s, struct image *im, struct node *n,
	  const struct call *c, struct handle **ret)
{
	int r = -EROFS;

	if (im->wants_write && !s->config->nbd_read_only)
		r = open_blocks(s, n, c, O_RDWR, ret);
	im->is_read_only = r == -EROFS || r == -EACCES || r == -EPERM;
	return im->is_read_only ? open_blocks(s, n, c, O_RDONLY, ret) : r;
}

static int
describe(struct image *im, struct node *n, struct handle *h,
	 const struct call *c)
{
	struct backing b;
	struct attr attr;
	int r = tree_getattr(n, h, c, &attr);

	if (r == 0)
		r = tree_backing(n, c, &b);
	if (r < 0)
		return r;
	if (S_ISBLK(node_type(n))) {
		attr.size = tree_device_size(h);
		b.dev_major = attr.rdev_major;
		b.dev_minor = attr.rdev_minor;
	}
	im->size = attr.size;
	im->block_size = BLOCK_MIN;
	while (im->block_size < attr.blksize && im->block_size < BLOCK_MAX)
		im->block_size *= 2;
	im->is_rotational = is_rotational(&b);
	im->description = image_describe(&b, attr.size);
	return 0;
}

static int
open_in(const struct server *s, struct request *r, const struct image_name *in,
	const struct call *c)
{
	struct image *im = &r->u.image;
	struct node *root = tree_root(in->export->tree), *n = NULL;
	struct handle *h = NULL;
	char *name = NULL;
	int err = image_walk(root, c, in->path, &n);

	node_unref(root);
	if (err == 0)
		err = open_node(s, im, n, c, &h);
	if (err == 0)
		err = describe(im, n, h, c);
	if (err == 0) {
		name = image_name_print(s, in->export, in->path);
		err = name ? 0 : -ENOMEM;
	}
	if (err < 0) {
		handle_unref(h);
		node_unref(n);
		return err;
	}
	im->name = name;
	r->ret_node = n;
	r->ret_handle = h;
	return 0;
}

static int
open_as_user(const struct server *s, struct request *r,
	     const struct image_name *in, const struct call *c)
{
	struct image_user user;
	int err = image_user_init(s, in->export, c, &user);

	if (err == 0)
		err = open_in(s, r, in, &user.call);
	image_user_fini(&user);
	return err;
}

int
image_open(const struct server *s, struct request *r, const struct call *c)
{
	struct image_name in = { 0 };
	const char *why = NULL;
	int err;

	/* It may have to look everywhere, and asks the kernel about disks. */
	if (c->nowait)
		return -EAGAIN;
	err = image_name_parse(s, r->name, &in, &why);
	if (err == 0)
		err = open_as_user(s, r, &in, c);
	free(in.path);
	if (err == 0 || (c->waiter && c->waiter->is_parked))
		return err;
	if (!why)
		why = sentence(err);
	r->u.image.why = strdup(why ? why : strerror(-err));
	return hide(err);
}

const struct export *
image_export(const struct server *s, struct name name)
{
	struct image_name in = { 0 };
	const char *why;
	const struct export *e;

	e = image_name_parse(s, name, &in, &why) == 0 ? in.export : NULL;
	free(in.path);
	return e;
}
