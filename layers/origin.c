/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The origin mark of an upper object: the handle of the lower object it was
 * copied up from (overlay.md 2.2), byte for byte what the kernel writes
 * (ovl_encode_real_fh, ovl_get_origin_fh). It keeps inode numbers the same
 * over copy-up and restart.
 *
 * Without CAP_DAC_READ_SEARCH nobody can decode a handle; the kernel's form
 * for that is an empty mark, and the number itself is kept beside it in a
 * private xattr of ours, which the kernel ignores.
 */
#include <errno.h>
#include <string.h>

#include "cleanup.h"
#include "macros.h"
#include "overlay.h"

#define FB_VERSION 0
#define FB_MAGIC 0xfb
#define FB_HEAD 21 /* version, magic, length, flags, type, uuid */
#define FB_FLAG_BIG_ENDIAN 0x01
#define FB_FLAG_ANY_ENDIAN 0x02
#define FB_FLAG_UPPER 0x04
#define FB_FLAG_ALL 0x07

#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define FB_FLAG_OURS FB_FLAG_BIG_ENDIAN
#else
#define FB_FLAG_OURS 0
#endif

size_t
origin_encode(const struct layer *layer, struct at at, bool is_upper,
	      uint8_t ret[ORIGIN_MAX])
{
	ssize_t n;
	int type;

	if (!layer->has_uuid || !layer->decodes_handles)
		return 0;
	n = real_handle(at, ret + FB_HEAD, ORIGIN_MAX - FB_HEAD, &type);
	if (n < 0 || type < 0 || type > 0xff)
		return 0;
	ret[0] = FB_VERSION;
	ret[1] = FB_MAGIC;
	ret[2] = (uint8_t)(FB_HEAD + n);
	ret[3] = FB_FLAG_OURS | (is_upper ? FB_FLAG_UPPER : 0);
	ret[4] = (uint8_t)type;
	memcpy(ret + 5, layer->uuid, sizeof(layer->uuid));
	return FB_HEAD + (size_t)n;
}

int
origin_check(const uint8_t *fb, size_t len)
{
	if (len < FB_HEAD + 1 || fb[1] != FB_MAGIC || fb[2] > len)
		return -EINVAL;
	if (fb[0] > FB_VERSION || fb[3] & ~FB_FLAG_ALL)
		return -ENODATA;
	if (!(fb[3] & FB_FLAG_ANY_ENDIAN) &&
	    (fb[3] & FB_FLAG_BIG_ENDIAN) != FB_FLAG_OURS)
		return -ENODATA;
	return 0;
}

bool
origin_is_forged(const uint8_t *fb, size_t len)
{
	return fb[3] & FB_FLAG_UPPER || fb[2] != len || len <= FB_HEAD;
}

/* Does @l have the object of the handle @fb, if anybody has? */
static bool
is_layer_of(const struct tree *t, const struct layer *l, const uint8_t *fb)
{
	/* ovl_check_origin_fh(): a null uuid tells no others apart. */
	if (l->is_null_uuid && t->layers.upper &&
	    l->dev != t->layers.upper->layer.dev)
		return false;
	return l->has_uuid && l->decodes_handles &&
	       memcmp(l->uuid, fb + 5, sizeof(l->uuid)) == 0;
}

bool
origin_has_layer(const struct tree *t, const uint8_t *fb)
{
	unsigned i;

	for (i = 0; i < t->layers.nr_lowers; i++)
		if (is_layer_of(t, &t->layers.lowers[i], fb))
			return true;
	return false;
}

int
origin_find(struct tree *t, const uint8_t *fb, size_t len, mode_t type,
	    struct statx *ret)
{
	const struct layer *l;
	struct statx stx;
	unsigned i;

	if (origin_check(fb, len) < 0 || fb[3] & FB_FLAG_UPPER)
		return -ENODATA;
	for (i = 0; i < t->layers.nr_lowers; i++) {
		CLEANUP_CLOSE int fd = -1;

		l = &t->layers.lowers[i];
		if (!is_layer_of(t, l, fb))
			continue;
		fd = real_open_handle(l->fd, fb[4], fb + FB_HEAD,
				      fb[2] - FB_HEAD);
		if (fd < 0 || real_statx(AT(fd, ""), &stx) < 0)
			continue;
		/* With owner=mapped a file may stand for anything but a
		 * directory. */
		if (type && t->layers.features.maps_owner &&
		    !S_ISDIR(stx.stx_mode) && !S_ISDIR(type))
			type = 0;
		if (type && (stx.stx_mode & S_IFMT) != type)
			return -ENODATA;
		*ret = stx;
		return 0;
	}
	return -ENODATA;
}

/* The number that only veneer keeps, where an origin tells nobody. */
static int
ident_decode(const struct tree *t, struct at at, uint64_t *ret)
{
	uint64_t path = 0;
	uint8_t id[8];
	int i;

	if (private_get(t, at, PRIVATE_IDENT, id, sizeof(id)) != sizeof(id))
		return -ENODATA;
	for (i = 7; i >= 0; i--)
		path = path << 8 | id[i];
	*ret = path;
	return 0;
}

int
origin_decode(struct tree *t, struct at at, mode_t type, uint64_t *ret,
	      uint32_t *ret_nlink)
{
	uint8_t buf[ORIGIN_MAX];
	struct statx stx;
	ssize_t n;

	n = private_get(t, at, PRIVATE_ORIGIN, buf, sizeof(buf));
	if (n > 0 && origin_find(t, buf, (size_t)n, type, &stx) == 0) {
		*ret = ino_to_path(t, statx_dev(&stx), stx.stx_ino);
		*ret_nlink = stx.stx_nlink;
		return 0;
	}
	if (n < 0 && n != -ERANGE)
		return -ENODATA;
	return ident_decode(t, at, ret);
}
