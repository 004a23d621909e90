/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The marks that overlayfs leaves in layers: whiteouts (whiteout.c), private
 * xattrs (xattr.c) and origins (origin.c). Nobody else knows how they look.
 */
#ifndef VENEER_LAYERS_OVERLAY_H
#define VENEER_LAYERS_OVERLAY_H

#include "node.h"

/* --- Whiteouts ---------------------------------------------------------- */

/*
 * Is the object that @stx describes a whiteout? Asks the disk only about
 * empty regular files (xattr whiteouts). 1, 0 or errno.
 */
int whiteout_is(const struct tree *t, struct at at, const struct statx *stx);

/*
 * Look at @at in @layer. PEEK_THERE: *@ret describes it; PEEK_ABSENT: no such
 * name, or (whiteouts=oci) one of those that only carry marks; PEEK_WHITEOUT:
 * hidden from here down. Or errno.
 */
enum { PEEK_ABSENT, PEEK_THERE, PEEK_WHITEOUT };
int whiteout_peek(const struct tree *t, unsigned layer, struct at at,
		  struct statx *ret);
/*
 * whiteouts=oci: does the directory @at, opened as @fd, hide what is below
 * it: by .wh..wh..opq in it, or .wh.NAME beside it?
 */
bool whiteout_oci_is_opaque(const struct tree *t, unsigned layer, struct at at,
			    int fd);
/* NAME of a .wh.NAME file that hides it; "" for other marks; NULL: no mark. */
const char *whiteout_oci_name(const char *name);

/*
 * Make a whiteout under a fresh temporary name in the staging area, as a
 * link of the shared one where that goes (overlay.md 3.2).
 */
int whiteout_make(struct upper *u, char ret_name[16]);

/* --- Private xattrs ------------------------------------------------------ */

enum private_xattr {
	PRIVATE_OPAQUE,
	PRIVATE_REDIRECT,
	PRIVATE_METACOPY,
	PRIVATE_ORIGIN,
	PRIVATE_IMPURE,
	PRIVATE_WHITEOUT,
	PRIVATE_NLINK, /* of an indexed object: "U+1", "L-2" */
	PRIVATE_UPPER, /* index/: whose it is; an entry: its upper directory */
	PRIVATE_PROTATTR, /* letters a, i: append only, immutable */
	PRIVATE_UUID, /* upper root: the fsid of the merged tree */
	PRIVATE_IDENT, /* ours: ident.path where an origin tells nobody */
	PRIVATE_PARTIAL, /* ours: which map a partial file has (partial-map.h) */
	NR_PRIVATE
};

/* -ENODATA when absent or unreadable; see real_getxattr(). */
ssize_t private_get(const struct tree *t, struct at at, enum private_xattr x,
		    void *buf, size_t size);
int private_set(const struct tree *t, struct at at, enum private_xattr x,
		const void *value, size_t size);

/* Is the value the one byte 'y'? */
bool private_is_yes(const struct tree *t, struct at at, enum private_xattr x);
/*
 * Which private xattrs @at has: bits 1u << x. All, if that cannot be told:
 * a bit means that it is worth asking.
 */
unsigned private_mask(const struct tree *t, struct at at);
/*
 * Which private xattr the stored @name is. NR_PRIVATE: private, but of no
 * kind that we know; -ENODATA: a client's.
 */
int private_by_name(const struct tree *t, const char *name);
/* Is the regular file @at metadata only? 1, 0; -EIO: a malformed mark. */
int metacopy_get(const struct tree *t, struct at at);
int private_remove(const struct tree *t, struct at at, enum private_xattr x);

/* "trusted.overlay." or "user.overlay.". */
const char *xattr_prefix(bool userxattr);

/* The name under which a client's xattr is stored (overlay.md 2.4). */
#define XATTR_NAME_BUF 272
/*
 * Returns 0, -EOPNOTSUPP (too long, or no namespace that passes), -ERANGE.
 */
int xattr_to_stored(const struct tree *t, struct name name,
		    char ret[XATTR_NAME_BUF]);
/* Is the stored @name private, and so hidden and never copied up? */
bool xattr_is_private(const struct tree *t, const char *name);
/* Is it a client's, escaped: private by its look, but shown and copied? */
bool xattr_is_escaped(const struct tree *t, const char *name);
/*
 * Turn the stored name at @name (@len bytes and a NUL) into what a client
 * sees, in place; returns its length.
 */
size_t xattr_to_shown(const struct tree *t, char *name, size_t len);

/* --- Origins -------------------------------------------------------------- */

/*
 * The handle of the object at @at in @layer, as the kernel encodes it
 * (overlay.md 2.2). Returns its length; 0: an origin to be written empty,
 * since nobody could decode it. @is_upper: the handle of an upper object.
 */
#define ORIGIN_MAX 160
size_t origin_encode(const struct layer *layer, struct at at, bool is_upper,
		     uint8_t ret[ORIGIN_MAX]);
/* ovl_check_fb_len(): 0, -EINVAL (no handle), -ENODATA (says nothing here). */
int origin_check(const uint8_t *fb, size_t len);
/* Is such a handle one that nobody writes: of an upper object, or too long? */
bool origin_is_forged(const uint8_t *fb, size_t len);
/* Is it of a file system of the lowers, which can tell whether it is stale? */
bool origin_has_layer(const struct tree *t, const uint8_t *fb);
/* Describe the lower object of such a handle. -ENODATA: there is none. */
int origin_find(struct tree *t, const uint8_t *fb, size_t len, mode_t type,
		struct statx *ret);

/*
 * The ident.path of the lower object that the upper object @at was copied
 * up from, and its number of links (untouched if nobody knows). -ENODATA: it
 * has no origin, or none that leads anywhere.
 */
int origin_decode(struct tree *t, struct at at, mode_t type, uint64_t *ret,
		  uint32_t *ret_nlink);

/* --- Identity (ino.c) ------------------------------------------------------ */

/* ident.path of the real object (@dev, @ino); unique over all devices. */
uint64_t ino_to_path(struct tree *t, dev_t dev, ino_t ino);
/* Another number for it, from those that no file system's inodes have. */
uint64_t ino_hashed(dev_t dev, ino_t ino);
/*
 * qid.version of a state of an object's content: never 0. @is_own: see struct
 * body. @change: 0, or the number of our last change of it.
 */
uint32_t ino_version_of(const struct statx *stx, bool is_own, uint64_t change);
/* The content of @b has changed, or (a directory, locked) is about to. */
void ino_changed(struct body *b);
void ino_ident(const struct body *b, const struct statx *stx,
	       struct ident *ret);

#endif
