/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Checking the marks of one object, each for itself: is it well formed, and
 * where it can mean something (overlay.md 2)? What the kernel ignores can be
 * removed without anybody seeing another tree.
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "check.h"
#include "index.h"
#include "redirect.h"
#include "search.h"

/* The kernel's PATH_MAX. */
#define REDIRECT_MAX 4096

static bool
is_dir(const struct check_object *o)
{
	return S_ISDIR(o->stx.stx_mode);
}

static bool
is_root(const struct check_object *o, const struct check *k)
{
	return is_dir(o) && o->stx.stx_ino == k->t->layers.upper->layer.ino;
}

static void
check_opaque(struct check *k, struct check_object *o)
{
	char v[2];
	ssize_t n = private_get(k->t, o->at, PRIVATE_OPAQUE, v, sizeof(v));

	if (!is_dir(o))
		check_remove_mark(k, CHECK_OPAQUE_FILE, o->at, PRIVATE_OPAQUE);
	else if (n != 1 || (v[0] != 'y' && v[0] != 'x'))
		check_remove_mark(k, CHECK_OPAQUE_VALUE, o->at, PRIVATE_OPAQUE);
	else if (v[0] == 'x')
		check_report(k, CHECK_OPAQUE_X, CHECK_UNTRIED);
}

/* Directories and files without data have theirs followed later. */
static void
check_redirect(struct check *k, struct check_object *o)
{
	char v[REDIRECT_MAX + 1];
	ssize_t n;

	if (is_dir(o) ||
	    (S_ISREG(o->stx.stx_mode) && o->marks & 1u << PRIVATE_METACOPY)) {
		k->marks |= 1u << PRIVATE_REDIRECT;
		return;
	}
	/* A file that got its data since keeps it. */
	n = private_get(k->t, o->at, PRIVATE_REDIRECT, v, REDIRECT_MAX);
	v[n > 0 ? n : 0] = '\0';
	if (S_ISREG(o->stx.stx_mode) && n > 0 &&
	    redirect_is_valid(v, (size_t)n))
		return;
	check_remove_mark(k, CHECK_REDIRECT_FILE, o->at, PRIVATE_REDIRECT);
}

/* ovl_check_metacopy_xattr(), as with verity=on; overlay.md 2.3 */
static bool
metacopy_is_valid(const uint8_t *v, ssize_t n)
{
	static const uint8_t digest_sizes[] = { 0, 32, 64 };

	if (n == 0)
		return true;
	return n >= 4 && v[0] == 0 && v[1] == n && v[2] == 0 &&
	       v[3] < sizeof(digest_sizes) && n == 4 + digest_sizes[v[3]];
}

static void
check_metacopy(struct check *k, struct check_object *o)
{
	uint8_t v[68];
	ssize_t n;

	if (!S_ISREG(o->stx.stx_mode)) {
		check_remove_mark(k, CHECK_METACOPY_FILE, o->at,
				  PRIVATE_METACOPY);
		return;
	}
	k->marks |= 1u << PRIVATE_METACOPY;
	n = private_get(k->t, o->at, PRIVATE_METACOPY, v, sizeof(v));
	if (metacopy_is_valid(v, n))
		return;
	o->is_bad_metacopy = true;
	check_report(k, CHECK_METACOPY_MALFORMED, CHECK_UNTRIED);
}

/* Is the upper object the one in the index that its origin @fb names? */
static void
find_entry(struct check *k, struct check_object *o, const uint8_t *fb,
	   size_t len)
{
	int dir = k->t->layers.upper->index_fd;
	char name[INDEX_NAME_MAX + 1];
	struct statx stx;

	if (dir < 0 || is_dir(o))
		return;
	index_name(fb, len, name);
	if (real_statx(AT(dir, name), &stx) < 0)
		return;
	o->is_indexed = stx.stx_ino == o->stx.stx_ino;
	/* Of another type: a whiteout, or a directory, for nfs_export. */
	o->is_rival = !o->is_indexed &&
		      ((stx.stx_mode ^ o->stx.stx_mode) & S_IFMT) == 0;
}

/* What to do about a malformed one depends on the directory's stack. */
static void
check_origin(struct check *k, struct check_object *o)
{
	uint8_t fb[ORIGIN_MAX];
	ssize_t n = private_get(k->t, o->at, PRIVATE_ORIGIN, fb, sizeof(fb));
	mode_t type = o->stx.stx_mode & S_IFMT;
	int r = 0;

	if (n > 0)
		r = origin_check(fb, (size_t)n);
	if (n == -ERANGE || r == -EINVAL ||
	    (n > 0 && r == 0 && origin_is_forged(fb, (size_t)n)))
		o->is_bad_origin = true;
	else if (r == -ENODATA)
		check_report(k, CHECK_ORIGIN_FOREIGN, CHECK_UNTRIED);
	if (n <= 0 || r < 0 || o->is_bad_origin)
		return;
	find_entry(k, o, fb, (size_t)n);
	o->is_origin_found =
		origin_find(k->t, fb, (size_t)n, type, &o->lower) == 0;
	if (o->is_origin_found)
		return;
	o->is_origin_gone = origin_has_layer(k->t, fb);
	if (k->t->layers.lowers[0].decodes_handles)
		check_report(k, CHECK_ORIGIN_LOST, CHECK_UNTRIED);
}

static void
check_impure(struct check *k, struct check_object *o)
{
	if (!is_dir(o))
		check_remove_mark(k, CHECK_IMPURE_FILE, o->at, PRIVATE_IMPURE);
	else if (!private_is_yes(k->t, o->at, PRIVATE_IMPURE))
		check_remove_mark(k, CHECK_IMPURE_VALUE, o->at, PRIVATE_IMPURE);
}

/* Of what is in the index, check-index.c speaks. */
static void
check_nlink(struct check *k, struct check_object *o)
{
	long delta;
	char form;

	if (!o->is_indexed &&
	    index_get_nlink(k->t, o->at, &form, &delta) == -EINVAL)
		check_remove_mark(k, CHECK_NLINK_MALFORMED, o->at,
				  PRIVATE_NLINK);
}

/* ovl_check_protattr() */
static void
check_protattr(struct check *k, struct check_object *o)
{
	char v[32];
	ssize_t n = private_get(k->t, o->at, PRIVATE_PROTATTR, v, sizeof(v));
	ssize_t i = 0;

	while (i < n && (v[i] == 'a' || v[i] == 'i'))
		i++;
	if (n <= 0 || i < n)
		check_remove_mark(k, CHECK_PROTATTR_MALFORMED, o->at,
				  PRIVATE_PROTATTR);
}

static void
check_size(struct check *k, struct check_object *o, enum private_xattr x,
	   ssize_t size, enum check_kind kind)
{
	if (private_get(k->t, o->at, x, NULL, 0) != size)
		check_remove_mark(k, kind, o->at, x);
}

static void
check_mark(struct check *k, struct check_object *o, enum private_xattr x)
{
	switch (x) {
	case PRIVATE_OPAQUE:
		check_opaque(k, o);
		break;
	case PRIVATE_REDIRECT:
		check_redirect(k, o);
		break;
	case PRIVATE_METACOPY:
		check_metacopy(k, o);
		break;
	case PRIVATE_ORIGIN:
		check_origin(k, o);
		break;
	case PRIVATE_IMPURE:
		check_impure(k, o);
		break;
	case PRIVATE_NLINK:
		check_nlink(k, o);
		break;
	case PRIVATE_PROTATTR:
		check_protattr(k, o);
		break;
	case PRIVATE_UUID:
		if (is_root(o, k))
			check_size(k, o, x, 16, CHECK_UUID_MALFORMED);
		break;
	case PRIVATE_IDENT:
		check_size(k, o, x, 8, CHECK_IDENT_MALFORMED);
		break;
	case PRIVATE_PARTIAL:
		check_partial(k, o);
		break;
	case PRIVATE_WHITEOUT: /* check-dir.c */
	case PRIVATE_UPPER: /* nobody reads it here */
	case NR_PRIVATE:
		break;
	}
}

/* Which marks there are, and a word about those that nobody knows. */
static void
list_marks(struct check *k, struct check_object *o)
{
	ssize_t n = real_listxattr(o->at, k->names, TREE_XATTR_MAX);
	const char *name;
	int x;

	if (n < 0 && n != -EOPNOTSUPP)
		check_unreadable(k, (int)n);
	for (name = k->names; n > 0 && name < k->names + n;
	     name += strlen(name) + 1) {
		x = private_by_name(k->t, name);
		if (x >= 0 && x < NR_PRIVATE)
			o->marks |= 1u << x;
		/* veneer.settle and veneer.moves: settle_scan() saw them. */
		else if (x == NR_PRIVATE && !strstr(name, ".veneer."))
			check_report(k, CHECK_MARKS_UNKNOWN, CHECK_UNTRIED);
	}
}

void
check_marks(struct check *k, struct check_object *o)
{
	int x;

	list_marks(k, o);
	/* The first: what others are judged by. */
	if (o->marks & 1u << PRIVATE_ORIGIN)
		check_mark(k, o, PRIVATE_ORIGIN);
	for (x = 0; x < NR_PRIVATE; x++)
		if (o->marks & 1u << x && x != PRIVATE_ORIGIN)
			check_mark(k, o, (enum private_xattr)x);
}
