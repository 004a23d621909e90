/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Checking an upper: the private xattrs of an object, each as the kernel reads
 * it (overlay.md 2). What cannot be mended without losing or showing something
 * is left, with a word on what can be done.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "cleanup.h"
#include "lookup.h"
#include "overlay.h"
#include "redirect.h"

/* Longer ones are malformed, whatever they are. */
#define VALUE_MAX 4096

static bool
has(unsigned mask, enum private_xattr x)
{
	return mask & 1u << x;
}

/* The mark @x of @o is @what: it has to go. */
static void
drop(struct check *c, const struct check_object *o, enum private_xattr x,
     const char *what)
{
	int r = 0;

	if (check_mends(c))
		r = private_remove(c->t, o->at, x);
	check_mended(c, what, "remove the mark", r);
}

/* Marks that say something about directories, or files, only. */
static void
check_type(struct check *c, const struct check_object *o, unsigned mask)
{
	mode_t type = o->stx.stx_mode & S_IFMT;

	if (has(mask, PRIVATE_OPAQUE) && type != S_IFDIR)
		drop(c, o, PRIVATE_OPAQUE, "opaque, but no directory");
	if (has(mask, PRIVATE_IMPURE) && type != S_IFDIR)
		drop(c, o, PRIVATE_IMPURE, "impure, but no directory");
	if (has(mask, PRIVATE_METACOPY) && type != S_IFREG)
		drop(c, o, PRIVATE_METACOPY, "metacopy, but no regular file");
	if (has(mask, PRIVATE_REDIRECT) && type != S_IFDIR && type != S_IFREG)
		drop(c, o, PRIVATE_REDIRECT,
		     "a redirect, but neither a directory nor a file");
	if (has(mask, PRIVATE_UUID) && !o->is_root)
		drop(c, o, PRIVATE_UUID, "uuid, but not the upper's root");
}

/* Marks that have one of a few values. */
static void
check_values(struct check *c, const struct check_object *o, unsigned mask)
{
	char v[32];
	ssize_t n;

	if (has(mask, PRIVATE_OPAQUE) && S_ISDIR(o->stx.stx_mode)) {
		n = private_get(c->t, o->at, PRIVATE_OPAQUE, v, sizeof(v));
		if (n != 1 || (v[0] != 'y' && v[0] != 'x'))
			drop(c, o, PRIVATE_OPAQUE,
			     "opaque is neither y nor x, and means nothing");
	}
	if (has(mask, PRIVATE_UUID) && o->is_root &&
	    private_get(c->t, o->at, PRIVATE_UUID, v, sizeof(v)) != 16)
		drop(c, o, PRIVATE_UUID, "uuid is malformed");
	if (has(mask, PRIVATE_IDENT) &&
	    private_get(c->t, o->at, PRIVATE_IDENT, v, sizeof(v)) != 8)
		drop(c, o, PRIVATE_IDENT, "veneer.ident is malformed");
	if (has(mask, PRIVATE_PROTATTR)) {
		n = private_get(c->t, o->at, PRIVATE_PROTATTR, v,
				sizeof(v) - 1);
		v[n > 0 ? n : 0] = '\0';
		if (n <= 0 || v[strspn(v, "ai")] != '\0')
			drop(c, o, PRIVATE_PROTATTR, "protattr is malformed");
	}
	if (has(mask, PRIVATE_NLINK))
		check_nlink(c, o->at);
}

void
check_nlink(struct check *c, struct at at)
{
	char v[16], *end;
	ssize_t n = private_get(c->t, at, PRIVATE_NLINK, v, sizeof(v) - 1);
	int r = 0;

	if (n == -ENODATA)
		return;
	if (n > 2 && (v[0] == 'U' || v[0] == 'L') &&
	    (v[1] == '+' || v[1] == '-')) {
		v[n] = '\0';
		(void)strtol(v + 1, &end, 10);
		if (*end == '\0')
			return;
	}
	if (check_mends(c))
		r = private_remove(c->t, at, PRIVATE_NLINK);
	check_mended(c, "nlink is malformed", "remove the mark", r);
}

/* No two inodes may have been copied up from one; the index says which was. */
static int
check_duplicate(struct check *c, const struct check_object *o,
		const uint8_t *fb, size_t len)
{
	CLEANUP_FREE char *what = NULL;
	ino_t ino = o->stx.stx_ino, indexed = check_indexed(c, fb, len);
	const char *other;
	int r;

	if (S_ISDIR(o->stx.stx_mode))
		return 0;
	if (indexed != 0 && indexed != ino) {
		drop(c, o, PRIVATE_ORIGIN,
		     "it has the origin of another file, says the index");
		return 0;
	}
	r = check_seen(c, fb, len, ino, &other);
	if (r < 0 || !other)
		return r;
	if (asprintf(&what,
		     "it has the origin of \"%s\", which is another file",
		     other) < 0)
		return -ENOMEM;
	drop(c, o, PRIVATE_ORIGIN, what);
	return 0;
}

static int
check_origin(struct check *c, const struct check_object *o,
	     bool *ret_has_origin)
{
	uint8_t fb[ORIGIN_MAX];
	struct statx stx;
	ssize_t n;
	int r;

	n = private_get(c->t, o->at, PRIVATE_ORIGIN, fb, sizeof(fb));
	/* Empty: somebody who could not decode it anyway wrote it. */
	*ret_has_origin = true;
	if (n == 0)
		return 0;
	r = n < 0 ? -EINVAL : origin_check(fb, (size_t)n);
	if (r == -EINVAL) {
		*ret_has_origin = false;
		drop(c, o, PRIVATE_ORIGIN, "origin is malformed");
		return 0;
	}
	if (r < 0)
		check_note(c, "its origin is of another kind of machine");
	else if (origin_find(c->t, fb, (size_t)n, 0, &stx) < 0)
		check_note(c, "its origin is in none of these lowers");
	return o->is_root ? 0 : check_duplicate(c, o, fb, (size_t)n);
}

static int
check_redirect(struct check *c, const struct check_object *o)
{
	static const char lost[] =
		"set it to the path that the directory had below, or, giving "
		"up what is there, make the directory opaque and remove it";
	CLEANUP_FREE char *v = malloc(VALUE_MAX + 1);
	ssize_t n;

	if (!v)
		return -ENOMEM;
	n = private_get(c->t, o->at, PRIVATE_REDIRECT, v, VALUE_MAX);
	v[n > 0 ? n : 0] = '\0';
	if (n <= 0 || memchr(v, '\0', (size_t)n) ||
	    !redirect_is_valid(v, (size_t)n) || o->error == -EACCES)
		check_bad(c, "its redirect is malformed", lost);
	else if (!S_ISDIR(o->stx.stx_mode))
		; /* of a file: check_metacopy(); else it is a remainder */
	else if (o->n && o->n->body->dir && o->n->body->dir->nr_lowers == 0 &&
		 !private_is_yes(c->t, o->at, PRIVATE_OPAQUE))
		check_bad(c, "its redirect leads nowhere in these lowers",
			  lost);
	else
		c->uses_redirect = true;
	return 0;
}

static void
check_metacopy(struct check *c, const struct check_object *o)
{
	unsigned layer;
	int fd, r = metacopy_get(c->t, o->at);

	if (r < 0) {
		check_bad(c, "metacopy is malformed",
			  "if its data is whole, remove the mark");
		return;
	}
	c->uses_metacopy = true;
	r = o->n ? lookup_data(o->n, &check_call, &fd, &layer) : o->error;
	if (r == 0)
		(void)real_close(fd);
	else
		check_bad(c, "its data is in none of these lowers",
			  "name the lower that has it; without, only the size "
			  "is known");
	if (private_get(c->t, o->at, PRIVATE_REDIRECT, NULL, 0) >= 0)
		c->uses_redirect = true;
}

/* Two directories over one lower directory: the kernel shows one of them. */
static int
check_stack(struct check *c, const struct check_object *o)
{
	CLEANUP_FREE char *what = NULL;
	const struct dir *d = o->n ? o->n->body->dir : NULL;
	const char *other;
	struct statx stx;
	struct {
		uint64_t dev, ino;
	} key;
	int r;

	if (!d || d->nr_lowers == 0 || o->is_root)
		return 0;
	if (real_statx(AT(d->lowers[0].fd, ""), &stx) < 0)
		return 0;
	key.dev = statx_dev(&stx);
	key.ino = stx.stx_ino;
	r = check_seen(c, &key, sizeof(key), o->stx.stx_ino, &other);
	if (r < 0 || !other)
		return r;
	if (asprintf(&what,
		     "it is merged with the directory that \"%s\" is "
		     "merged with",
		     other) < 0)
		return -ENOMEM;
	check_bad(c, what,
		  "remove the redirect of one, and make it opaque; or settle");
	return 0;
}

int
check_marks(struct check *c, const struct check_object *o, bool *ret_has_origin)
{
	unsigned mask = private_mask(c->t, o->at);
	bool is_file = S_ISREG(o->stx.stx_mode);
	int r = 0;

	*ret_has_origin = false;
	if (mask == ~0u) {
		check_bad(c, "its xattrs cannot be read", "is the disk well?");
		return 0;
	}
	check_type(c, o, mask);
	check_values(c, o, mask);
	if (has(mask, PRIVATE_ORIGIN))
		r = check_origin(c, o, ret_has_origin);
	if (r == 0 && has(mask, PRIVATE_REDIRECT) &&
	    (is_file || S_ISDIR(o->stx.stx_mode)))
		r = check_redirect(c, o);
	if (r == 0 && has(mask, PRIVATE_METACOPY) && is_file)
		check_metacopy(c, o);
	else if (o->error < 0 && o->error != -ESTALE &&
		 !has(mask, PRIVATE_REDIRECT))
		check_bad(c, "cannot be looked up", strerror(-o->error));
	return r == 0 ? check_stack(c, o) : r;
}
