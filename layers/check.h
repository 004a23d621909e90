/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Checking an upper at rest (tree_check()): what its parts share. Offline: one
 * thread, and nobody else in the tree. Private to layers/.
 */
#ifndef VENEER_LAYERS_CHECK_H
#define VENEER_LAYERS_CHECK_H

#include "overlay.h"

/* What may be found; check-kinds.c says what each means. */
enum check_kind {
	CHECK_WHITEOUT_STRAY,
	CHECK_WHITEOUT_OPAQUE,
	CHECK_WHITEOUT_XATTR,
	CHECK_WHITEOUT_IDLE,
	CHECK_OPAQUE_VALUE,
	CHECK_OPAQUE_FILE,
	CHECK_OPAQUE_X,
	CHECK_REDIRECT_MALFORMED,
	CHECK_REDIRECT_LOST,
	CHECK_REDIRECT_GONE,
	CHECK_REDIRECT_TWIN,
	CHECK_REDIRECT_LOOP,
	CHECK_REDIRECT_USER,
	CHECK_REDIRECT_FILE,
	CHECK_IMPURE_MISSING,
	CHECK_IMPURE_VALUE,
	CHECK_IMPURE_FILE,
	CHECK_IMPURE_STALE,
	CHECK_ORIGIN_MALFORMED,
	CHECK_ORIGIN_TWIN,
	CHECK_ORIGIN_FOREIGN,
	CHECK_ORIGIN_LOST,
	CHECK_METACOPY_MALFORMED,
	CHECK_METACOPY_FILE,
	CHECK_METACOPY_NO_DATA,
	CHECK_METACOPY_USER,
	CHECK_NLINK_MALFORMED,
	CHECK_NLINK_WRONG,
	CHECK_PROTATTR_MALFORMED,
	CHECK_UUID_MALFORMED,
	CHECK_IDENT_MALFORMED,
	CHECK_PARTIAL_FILE,
	CHECK_PARTIAL_LOST,
	CHECK_PARTIAL_DAMAGED,
	CHECK_PARTIAL_DONE,
	CHECK_PARTIAL_STRAY,
	CHECK_INDEX_JUNK,
	CHECK_INDEX_DATA,
	CHECK_INDEX_STALE,
	CHECK_INDEX_LOWER,
	CHECK_INDEX_UPPER,
	CHECK_INDEX_MISSING,
	CHECK_STAGING_JUNK,
	CHECK_STAGING_LIVE,
	CHECK_STAGING_VOLATILE,
	CHECK_STAGING_INCOMPAT,
	CHECK_STAGING_PARTIAL,
	CHECK_STAGING_UNGUARDED,
	CHECK_SETTLE_UNFINISHED,
	CHECK_MARKS_OTHER,
	CHECK_MARKS_UNKNOWN,
	CHECK_MOUNT_POINT,
	CHECK_TOO_DEEP,
	CHECK_UNREADABLE,
	NR_CHECK_KINDS
};

/* What a kind is called, means, and comes to. */
struct check_text {
	const char *name;
	const char *what;
	const char *repair; /* what --repair will do; NULL: nothing */
	const char *advice; /* NULL: it is only a note */
};

extern const struct check_text check_texts[NR_CHECK_KINDS];

/*
 * Names that lead to one lower object: directories merged with it, or others
 * that have it as their origin.
 */
struct check_claim {
	dev_t dev; /* of the lower object */
	ino_t ino;
	bool is_dir;
	bool is_indexed;
	bool is_covering; /* the lower object has this name, too; a directory:
			     no redirect leads there */
	ino_t own_ino;
	size_t order; /* of being found */
	char *path; /* owned */
};

struct check {
	struct tree *t; /* owned */
	const struct check_options *o; /* borrowed */
	struct check_result *res; /* borrowed */
	bool repairs;
	char *path; /* owned: of what is being looked at, for messages */
	size_t path_len, path_size;
	char *names; /* owned; TREE_XATTR_MAX: names of xattrs */
	unsigned marks; /* what it takes to read the upper: 1u << PRIVATE_... */
	bool has_entries; /* in the index */
	bool has_shared; /* a whiteout that others are links of was met */
	struct check_claim *claims; /* owned */
	size_t nr_claims, max_claims;
	/* Of partial files (check-partial.c). */
	bool has_partial_entry; /* in work/incompat */
	bool has_unseen; /* files below a mount point may have maps, too */
	uint8_t (*keys)[16]; /* owned: the maps that files have */
	size_t nr_keys, max_keys;
	int error; /* -ENOMEM: it cannot go on */
};

/* An object of the upper, as far as it can be judged by itself. */
struct check_object {
	struct at at;
	struct statx stx;
	unsigned marks; /* 1u << PRIVATE_... */
	bool is_bad_origin; /* malformed */
	bool is_origin_found, is_origin_gone; /* its file system says that */
	bool is_bad_metacopy;
	bool is_indexed; /* in the index, by its origin; or: */
	bool is_rival; /* another object is */
	struct statx lower; /* if is_origin_found */
};

extern const struct call check_call; /* as root, blocking */

/*
 * Report @kind at k->path. @r: what mending it came to, 0 or errno, or:
 */
#define CHECK_UNTRIED 1
void check_report(struct check *k, enum check_kind kind, int r);
/* The same for what could not be read. */
void check_unreadable(struct check *k, int r);
/* Report @kind; with --repair, mend it by removing the mark @x of @at. */
void check_remove_mark(struct check *k, enum check_kind kind, struct at at,
		       enum private_xattr x);

/* Have k->path be @path, from now on. */
void check_go(struct check *k, const char *path);
/* Append a name; returns what check_leave() wants. */
size_t check_enter(struct check *k, const char *name);
void check_leave(struct check *k, size_t len);

/*
 * The names in the directory behind @fd, each with a NUL, in a malloced *@ret
 * of *@ret_size bytes. Without "." and "..".
 */
int check_list(int fd, char **ret, size_t *ret_size);

/* check-marks.c: look at @o's marks, each for itself, and fill in the rest. */
void check_marks(struct check *k, struct check_object *o);

/* check-walk.c: all of the upper. */
void check_walk(struct check *k);

/* A directory of the upper, and the stack that it is the top of. */
struct check_level {
	struct check *k; /* borrowed */
	struct dir *dir; /* owned, or the tree's root's */
	struct statx stx;
	struct statx lower; /* of the topmost lower one, if there is any */
	unsigned depth;
	bool is_known; /* dir is what a lookup finds */
	bool is_opaque, has_origin;
	bool needs_impure, is_unsure; /* what was seen in it */
	bool is_changed; /* a name in it was removed */
};

/*
 * check-dir.c: open the directory @o below @up, and judge its redirect and
 * origin. @ret is to be closed with check_dir_close() in any case. 0 or errno.
 */
int check_dir_open(struct check_level *up, struct check_object *o,
		   struct check_level *ret);
/* Judge what only shows when all in it was seen. */
void check_dir_end(struct check_level *lv);
void check_dir_close(struct check_level *lv);
/*
 * What do the lowers of @lv show as @name: PEEK_THERE (*@ret describes it; or
 * who knows), PEEK_ABSENT, PEEK_WHITEOUT.
 */
int check_below(const struct check_level *lv, const char *name,
		struct statx *ret);

/* check-claims.c: who else leads to the lower object @lower? */
void check_claim_add(struct check *k, const struct check_object *o,
		     const struct statx *lower, bool is_covering);
/* Once all are known: report those that must not be. */
void check_claims(struct check *k);
/* One of them is wrong: report @c, and drop its origin if it is a file. */
void check_claim_report(struct check *k, const struct check_claim *c);
/* Afterwards: the one that keeps the lower object (@dev, @ino), or NULL. */
const struct check_claim *check_claim_find(struct check *k, dev_t dev,
					   ino_t ino);
/* How many names of the lower file (@dev, @ino) are covered by upper ones? */
unsigned check_claims_covered(struct check *k, dev_t dev, ino_t ino);

/* check-shown.c: is a lower object that is claimed shown by its own name? */
void check_shown(struct check *k);

/* check-work.c: the staging area, which is W/work, with index=on W/index. */
void check_staging(struct check *k);
/* Is @name, described by @stx, the one that overlayfs leaves in there? */
bool check_is_shared_whiteout(struct check *k, const char *name,
			      const struct statx *stx);
/* With --repair, remove @at from there; else CHECK_UNTRIED. */
int check_discard(struct check *k, struct at at);
/* Call @each for what is in the directory @at, with k->path. */
void check_each(struct check *k, struct at at,
		void (*each)(struct check *k, struct at at));
/* check-work.c: make the staging area if there is none. 0 or errno. */
int check_have_staging(struct upper *u);
/* check-partial.c: the mark veneer.partial of @o. */
void check_partial(struct check *k, struct check_object *o);
/* Once all files are known: their maps, and the entry in work/incompat. */
void check_partial_maps(struct check *k);
/* check-index.c: W/index; and the numbers of links, once all is known. */
void check_index(struct check *k);
void check_index_links(struct check *k);

#endif
