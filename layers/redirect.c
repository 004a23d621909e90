/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Writing redirects: the name under which the layers below know an object
 * that is about to have another one (the kernel's ovl_set_redirect() and
 * ovl_get_redirect()).
 */
#include <errno.h>
#include <string.h>

#include "cleanup.h"
#include "overlay.h"
#include "redirect.h"

/* The longest absolute one; the kernel's module parameter redirect_max. */
#define REDIRECT_MAX 256

/* The redirect that @n's upper object has: its length, or 0 if none. */
static ssize_t
present(struct node *n, struct at at, char buf[4096])
{
	ssize_t len =
		private_get(n->body->tree, at, PRIVATE_REDIRECT, buf, 4095);

	return len == -ENODATA ? 0 : len;
}

/* Put @len bytes of @s before *@pos of @buf, with a slash. -EXDEV: no room. */
static int
prepend(char *buf, size_t *pos, const char *s, size_t len)
{
	bool is_absolute = s[0] == '/';

	if (len + !is_absolute > *pos)
		return -EXDEV;
	*pos -= len;
	memcpy(buf + *pos, s, len);
	if (!is_absolute)
		buf[--*pos] = '/';
	return 0;
}

/*
 * The path of @n from the root as the lowers know it: each ancestor by its
 * redirect, or by its name. Ends at one that is absolute already.
 */
static int
build_absolute(struct node *n, const struct call *c, struct at at,
	       char buf[REDIRECT_MAX], size_t *ret_pos)
{
	size_t pos = REDIRECT_MAX;
	char value[4096];
	ssize_t len;
	int r;

	for (; n->parent; n = n->parent) {
		CLEANUP_CLOSE int fd = -1;

		/* @at is of the first one only. */
		if (at.fd < 0) {
			fd = dir_open_upper(n, c);
			if (fd < 0)
				return fd;
			at = AT(fd, "");
		}
		len = present(n, at, value);
		at.fd = -1;
		if (len < 0)
			return (int)len;
		if (len > 0)
			r = prepend(buf, &pos, value, (size_t)len);
		else
			r = prepend(buf, &pos, n->name, n->name_len);
		if (r < 0)
			return r;
		if (len > 0 && value[0] == '/')
			break;
	}
	*ret_pos = pos;
	return 0;
}

int
redirect_set(struct node *n, const struct call *c, struct at at,
	     bool is_absolute)
{
	char buf[REDIRECT_MAX], value[4096];
	size_t pos = 0;
	ssize_t len;
	int r;

	len = present(n, at, value);
	if (len < 0)
		return (int)len;
	if (len > 0 && (!is_absolute || value[0] == '/'))
		return 0;
	if (!is_absolute)
		return private_set(n->body->tree, at, PRIVATE_REDIRECT, n->name,
				   n->name_len);
	r = build_absolute(n, c, at, buf, &pos);
	if (r < 0)
		return r;
	return private_set(n->body->tree, at, PRIVATE_REDIRECT, buf + pos,
			   REDIRECT_MAX - pos);
}
