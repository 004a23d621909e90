/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * From an export name to an open image.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "image.h"
#include "macros.h"
#include "tree.h"

/* The next component of @*path, which is advanced; "" at its end. */
static struct name
next_name(const char **path, const char *end)
{
	const char *p = *path, *begin;

	while (p < end && *p == '/')
		p++;
	begin = p;
	while (p < end && *p != '/')
		p++;
	*path = p;
	return (struct name){ begin, (size_t)(p - begin) };
}

static int
walk(struct node *root, const struct call *c, struct name path,
     struct node **ret)
{
	const char *p = path.ptr, *end = p + path.len;
	struct node *at = node_ref(root), *next;
	struct ident ident;
	struct name name;
	unsigned nr;
	int r = 0;

	while (r == 0 && (name = next_name(&p, end)).len > 0) {
		if (name.len > 255 || memchr(name.ptr, '\0', name.len)) {
			r = -ENOENT;
			break;
		}
		r = tree_walk(at, c, &name, 1, &ident, &nr, &next);
		if (r == 0) {
			node_unref(at);
			at = next;
		}
	}
	if (r < 0)
		node_unref(at);
	else
		*ret = at;
	return r;
}

int
image_open(const struct server *s, struct request *r, const struct call *c)
{
	struct tree *t = s->exports[0].tree;
	struct image *im = &r->u.image;
	struct node *root = tree_root(t), *n = NULL;
	struct attr attr;
	int err = walk(root, c, r->name, &n);

	node_unref(root);
	im->is_read_only = !im->wants_write || tree_is_read_only(t);
	if (err == 0)
		err = tree_getattr(n, NULL, c, &attr);
	if (err == 0)
		err = tree_open_late(n, c, im->is_read_only ? O_RDONLY : O_RDWR,
				     &r->ret_handle);
	if (err < 0) {
		if (n)
			node_unref(n);
		return err;
	}
	im->name = strndup(r->name.ptr, r->name.len);
	im->size = attr.size;
	im->block_size = (uint32_t)MIN(MAX(attr.blksize, (uint64_t)4096),
				       (uint64_t)65536);
	r->ret_node = n;
	return 0;
}

int
image_list(const struct server *s, struct request *r, const struct call *c)
{
	(void)s;
	(void)r;
	(void)c;
	return -EPERM;
}
