/* SPDX-License-Identifier: BSD-3-Clause */
/* Listings: a line a path, sorted, with the names of one file grouped. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "twin.h"

#define MAX_SHOWN 20

/* Tests may die without memory. */
static void *
got(void *p)
{
	if (!p)
		abort();
	return p;
}

struct line *
lines_add(struct lines *l, const char *path, const char *fmt, ...)
{
	char text[4096];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (l->nr == l->max) {
		l->max = l->max * 2 + 64;
		l->v = got(reallocarray(l->v, l->max, sizeof(*l->v)));
	}
	l->v[l->nr] = (struct line){ .path = got(strdup(path)),
				     .text = got(strdup(text)) };
	return &l->v[l->nr++];
}

void
lines_free(struct lines *l)
{
	size_t i;

	for (i = 0; i < l->nr; i++) {
		free(l->v[i].path);
		free(l->v[i].text);
	}
	free(l->v);
	*l = (struct lines){ 0 };
}

static int
by_path(const void *a, const void *b)
{
	return strcmp(((const struct line *)a)->path,
		      ((const struct line *)b)->path);
}

void
lines_sort(struct lines *l)
{
	if (l->nr > 0)
		qsort(l->v, l->nr, sizeof(*l->v), by_path);
}

/* The first path with the same inode: the same on both sides. */
static const char *
leader(const struct lines *l, size_t i)
{
	size_t j;

	if (l->v[i].ino == 0)
		return "";
	for (j = 0; l->v[j].ino != l->v[i].ino; j++)
		;
	return l->v[j].path;
}

/* Does @text have the impure mark, and is it @other without? */
static bool
differs_in_impure(const char *text, const char *other, const char *prefix)
{
	char mark[64];
	const char *at;
	size_t len;

	(void)snprintf(mark, sizeof(mark), " %s.impure=y", prefix);
	at = strstr(text, mark);
	len = at ? (size_t)(at - text) : 0;
	return at && strncmp(text, other, len) == 0 &&
	       strcmp(at + strlen(mark), other + len) == 0;
}

/* But for "nlink N"? */
static bool
differs_in_nlink(const char *p, const char *q)
{
	static const char mark[] = " nlink ";
	const char *at = strstr(p, mark), *other = strstr(q, mark);

	if (!at || !other || at - p != other - q ||
	    strncmp(p, q, (size_t)(at - p)) != 0)
		return false;
	at += strlen(mark);
	other += strlen(mark);
	return strcmp(at + strspn(at, "0123456789"),
		      other + strspn(other, "0123456789")) == 0;
}

/* @p is the kernel's, @q is veneer's. */
static bool
is_same_text(const struct compared *how, const struct line *p,
	     const struct line *q)
{
	enum known which;

	if (strcmp(p->text, q->text) == 0)
		return true;
	if (how->has_loose_nlink && differs_in_nlink(p->text, q->text))
		return true;
	if (!how->known || !how->prefix)
		return false;
	if (differs_in_impure(q->text, p->text, how->prefix))
		which = STALE_IMPURE;
	else if (how->has_spurious_impure &&
		 differs_in_impure(p->text, q->text, how->prefix))
		which = NO_IMPURE;
	else
		return false;
	how->known[which]++;
	return true;
}

static bool
is_same_mtime(const struct compared *how, const struct line *p,
	      const struct line *q)
{
	if (p->mtime == q->mtime)
		return true;
	if (p->mtime != -1 && q->mtime != -1)
		return false;
	return how->has_loose_mtime;
}

/* How many names have the inode of @i? */
static unsigned
group_size(const struct lines *l, size_t i)
{
	unsigned nr = 0;
	size_t j;

	for (j = 0; j < l->nr; j++)
		nr += l->v[j].ino == l->v[i].ino;
	return nr;
}

static bool
is_same_group(const struct compared *how, const struct lines *a, size_t i,
	      const struct lines *b, size_t j)
{
	if (!how->has_groups || strcmp(leader(a, i), leader(b, j)) == 0)
		return true;
	/* The only one that is left, and counts others. */
	return how->has_loose_nlink &&
	       (a->v[i].ino == 0 || group_size(a, i) == 1) &&
	       (b->v[j].ino == 0 || group_size(b, j) == 1);
}

static bool
is_same(const struct compared *how, const struct lines *a, size_t i,
	const struct lines *b, size_t j)
{
	return is_same_text(how, &a->v[i], &b->v[j]) &&
	       is_same_mtime(how, &a->v[i], &b->v[j]) &&
	       is_same_group(how, a, i, b, j);
}

static void
show(FILE *out, const char *name, const struct lines *l, size_t i)
{
	fprintf(out, "  %s: %s: mtime %ld %s %s\n", name, l->v[i].path,
		l->v[i].mtime, l->v[i].text, leader(l, i));
}

unsigned
lines_differ(FILE *out, const struct compared *how, struct lines *a,
	     struct lines *b)
{
	unsigned nr = 0;
	size_t i = 0, j = 0;
	int r;

	while ((i < a->nr || j < b->nr) && nr < MAX_SHOWN) {
		r = i == a->nr   ? 1
		    : j == b->nr ? -1
				 : strcmp(a->v[i].path, b->v[j].path);
		if (r != 0 || !is_same(how, a, i, b, j)) {
			nr++;
			if (r <= 0)
				show(out, how->name_a, a, i);
			if (r >= 0)
				show(out, how->name_b, b, j);
		}
		i += r <= 0;
		j += r >= 0;
	}
	return nr;
}

uint64_t
text_hash(uint64_t hash, const void *data, size_t len)
{
	const unsigned char *p = data;

	while (len--)
		hash = (hash ^ *p++) * 1099511628211ull;
	return hash;
}

static int
by_xattr(const void *a, const void *b)
{
	return strcmp(((const struct xattr *)a)->name,
		      ((const struct xattr *)b)->name);
}

void
xattrs_format(struct xattr *v, unsigned nr, char *buf, size_t size)
{
	size_t len = 0, j;
	unsigned i;

	buf[0] = '\0';
	qsort(v, nr, sizeof(*v), by_xattr);
	for (i = 0; i < nr && len + 400 < size; i++) {
		len += (size_t)snprintf(buf + len, size - len,
					" %s=", v[i].name);
		for (j = 0; j < v[i].len && len + 8 < size; j++) {
			unsigned char c = (unsigned char)v[i].value[j];

			len += (size_t)snprintf(
				buf + len, size - len,
				c > 32 && c < 127 ? "%c" : "\\%02x", c);
		}
	}
}
