/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The names of images: [TREE:]PATH. What is in front of a colon is a tree only
 * if one is called that; with nothing in front of it the rest is a path in any
 * case. Without a tree the unnamed one is meant, or else the first.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "image-parts.h"

/* The tree of names that say none. */
static const struct export *
usual_export(const struct server *s)
{
	unsigned i;

	for (i = 0; i < s->nr_exports; i++)
		if (!s->exports[i].name[0])
			return &s->exports[i];
	return &s->exports[0];
}

/* The tree that @name begins with, and its length with the colon; or NULL. */
static const struct export *
take_tree(const struct server *s, struct name name, size_t *ret_len)
{
	const struct export *best = NULL;
	size_t best_len = 0, len;
	unsigned i;

	if (name.len > 0 && name.ptr[0] == ':') {
		*ret_len = 1;
		return usual_export(s);
	}
	for (i = 0; i < s->nr_exports; i++) {
		len = strlen(s->exports[i].name);
		if (len > best_len && name.len > len && name.ptr[len] == ':' &&
		    memcmp(name.ptr, s->exports[i].name, len) == 0) {
			best = &s->exports[i];
			best_len = len;
		}
	}
	*ret_len = best_len + 1;
	return best;
}

/* Put @name without what means nothing at @out. False: it has a "..". */
static bool
canonicalise(struct name name, char *out)
{
	const char *p = name.ptr, *end = p + name.len, *begin;
	char *first = out;
	size_t len;

	while (p < end) {
		begin = p;
		while (p < end && *p != '/')
			p++;
		len = (size_t)(p - begin);
		p++;
		if (len == 0 || (len == 1 && *begin == '.'))
			continue;
		if (len == 2 && memcmp(begin, "..", 2) == 0)
			return false;
		if (out > first)
			*out++ = '/';
		memcpy(out, begin, len);
		out += len;
	}
	*out = '\0';
	return true;
}

static int
parse(const struct server *s, struct name name, struct image_name *ret,
      const char **ret_why)
{
	const struct export *e;
	char *path;
	size_t len;

	while (name.len > 0 && name.ptr[0] == '/') {
		name.ptr++;
		name.len--;
	}
	e = take_tree(s, name, &len);
	if (e) {
		name.ptr += len;
		name.len -= len;
	} else {
		e = usual_export(s);
	}
	path = malloc(name.len + 1);
	if (!path)
		return -ENOMEM;
	if (!canonicalise(name, path)) {
		free(path);
		*ret_why = "\"..\" is not possible in a name";
		return -ENOENT;
	}
	ret->export = e;
	ret->path = path;
	return 0;
}

static bool
is_empty(struct name name)
{
	size_t i;

	for (i = 0; i < name.len && name.ptr[i] == '/'; i++)
		;
	return i == name.len;
}

int
image_name_parse(const struct server *s, struct name name,
		 struct image_name *ret, const char **ret_why)
{
	const char *usual = s->config->default_export;

	if (name.len > IMAGE_NAME_MAX) {
		*ret_why = "the name is longer than 4096 bytes";
		return -ENOENT;
	}
	if (memchr(name.ptr, '\0', name.len)) {
		*ret_why = "the name has a zero byte";
		return -ENOENT;
	}
	if (is_empty(name) && !usual) {
		*ret_why = "there is no default export: give the path of a "
			   "file";
		return -ENOENT;
	}
	if (is_empty(name))
		name = (struct name){ usual, strlen(usual) };
	return parse(s, name, ret, ret_why);
}

char *
image_name_print(const struct server *s, const struct export *e,
		 const char *path)
{
	const char *tree = s->nr_exports > 1 ? e->name : "";
	struct name name = { path, strlen(path) };
	char *text;
	size_t len;

	/* What looks like a tree must not be taken for one. */
	if (!*tree && !take_tree(s, name, &len))
		return strdup(path);
	return asprintf(&text, "%s:%s", tree, path) < 0 ? NULL : text;
}

/* RFC 3629, without what is overlong, and without surrogates. */
static bool
is_utf8(const char *text)
{
	static const uint32_t least[] = { 0, 0x80, 0x800, 0x10000 };
	const unsigned char *p = (const unsigned char *)text;
	unsigned i, nr;
	uint32_t v;

	for (; *p; p += nr + 1) {
		nr = *p < 0x80   ? 0
		     : *p < 0xc0 ? 4
		     : *p < 0xe0 ? 1
		     : *p < 0xf0 ? 2
		     : *p < 0xf8 ? 3
				 : 4;
		if (nr == 4)
			return false;
		v = nr == 0 ? *p : *p & (0x3fu >> nr);
		for (i = 1; i <= nr; i++) {
			if ((p[i] & 0xc0) != 0x80)
				return false; /* its end, too */
			v = v << 6 | (p[i] & 0x3fu);
		}
		if (v < least[nr] || v > 0x10ffff || v >> 11 == 0xd800 >> 11)
			return false;
	}
	return true;
}

bool
image_name_is_listable(const char *name)
{
	return strlen(name) <= IMAGE_NAME_MAX && is_utf8(name);
}
