/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The prelude that everything which changes a directory shares. Private to
 * layers/.
 */
#ifndef VENEER_LAYERS_CHANGE_H
#define VENEER_LAYERS_CHANGE_H

#include "lookup.h"
#include "protattr.h"

/* A name about to change: its directory locked exclusive, in the upper. */
struct change {
	const struct call *c; /* borrowed */
	struct node *dir; /* borrowed; locked; NULL: nothing to end */
	struct name name; /* borrowed */
	char buf[256]; /* the same, NUL-terminated */
	struct found f; /* what is there now */
};

/* Refuse before anything is copied up: 0 or the errno. */
typedef int (*change_check)(const struct change *ch, const void *arg);

/*
 * Lock @dir, look @name up, ask @check; then, if @dir is not in the upper
 * yet, copy it up and begin again. Returns 0 (change_end() is due), -EROFS,
 * -ENOENT (@dir was removed), -EAGAIN, what lookup and @check say.
 */
int change_begin(struct node *dir, struct name name, const struct call *c,
		 change_check check, const void *arg, struct change *ret);
void change_end(struct change *ch);
#define CLEANUP_CHANGE __attribute__((cleanup(change_end)))

/*
 * Do its flags and the caller's rights let @dir, which is locked, be changed
 * so? 0, -EPERM, -EACCES.
 */
int change_allow_dir(struct node *dir, const struct call *c,
		     enum protattr_use use);
/*
 * May what is at @ch lose its name there (may_delete())? 0, -EPERM, -EACCES.
 */
int change_allow_removal(const struct change *ch);

/* Where the name is, or will be, in the upper. */
static inline struct at
change_at(const struct change *ch)
{
	return AT(ch->dir->body->dir->upper_fd, ch->buf);
}

/*
 * The object found there has lost its name. A directory is locked exclusive,
 * so that nobody who locks it misses that.
 */
void change_gone(struct change *ch);

/*
 * remove.c: replace the upper directory of @child, at @ch, by an empty
 * opaque one, with the whiteouts in it (overlay.md 3.4, ovl_clear_empty()).
 * @child.lock exclusive.
 */
int remove_clear_empty(struct change *ch, struct node *child);

/*
 * remove.c: is @child (locked exclusive by the caller) empty? 0, -ENOTEMPTY
 * or errno; *@ret_has_whiteouts: its upper holds whiteouts.
 */
int remove_check_empty(struct node *child, bool *ret_has_whiteouts);

#endif
