/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The index (index=on; overlay.md 2.1, 4.4, 7): W/index holds a link to every
 * upper file that was copied up from a lower one with several links, under
 * the hexadecimal origin of that. All names find the one copy there, and the
 * number of links that they are to show. Private to layers/.
 */
#ifndef VENEER_LAYERS_INDEX_H
#define VENEER_LAYERS_INDEX_H

#include "node.h"
#include "search.h"

#define INDEX_NAME_MAX (2 * 160)
#define INDEX_NLINK_MAX 12

/* How an entry for the handle @fb is called. */
void index_name(const uint8_t *fb, size_t len, char ret[INDEX_NAME_MAX + 1]);
/* The handle that @name spells (ORIGIN_MAX). -EINVAL, -ENODATA: none. */
int index_parse_name(const char *name, uint8_t *ret_fb, size_t *ret_len);
/*
 * What a start makes of the entry @at: 0: keep it; 1: remove it, it is stale;
 * -EINVAL, -ENODATA: none of an index, which is not to be used.
 */
int index_judge_entry(struct tree *t, struct at at);
/*
 * The mark nlink of @at: so many links more than the upper (U) or lower (L)
 * inode has (ovl_get_nlink()). -ENODATA: none; -EINVAL: malformed.
 */
int index_get_nlink(const struct tree *t, struct at at, char *ret_form,
		    long *ret_delta);

/*
 * Make or open W/index, verify that it belongs to this upper and these
 * lowers, remove what is stale in it. -ESTALE, -EINVAL with *@ret_why.
 */
int index_open(struct tree *t, char **ret_why);

/* May objects like @b be in the index: several lower links, and index=on? */
static inline bool
index_is_for(const struct body *b)
{
	return b->lower_nlink > 1 && !b->dir && b->tree->layers.features.index;
}

/*
 * Must the name of @n get an upper entry before it, or its object's number
 * of links, changes (ovl_nlink_start())?
 */
static inline bool
index_needs_link_up(const struct node *n)
{
	return index_is_for(n->body) &&
	       (!body_is_upper(n->body) || !index_is_linked_up(n));
}

/* What the index knows about something that search_run() found. */
struct indexed {
	char *name; /* owned; NULL: it is not in the index */
	struct statx stx; /* of the entry */
	bool is_metacopy;
	uint32_t lower_nlink, union_nlink;
};

/*
 * Ask the index about the non-directory that @s found. -EIO: its entry is
 * none of ours. Under tree.index_lock.
 */
int index_lookup(struct search *s, struct indexed *ret);

/*
 * Give the object of @n its entry: @copy is its copy, which has all but a name
 * and is marked with its origin @source (in @layer): a descriptor for an
 * O_TMPFILE and "", or a name in staging, which is moved. Takes index_lock,
 * under which @flip makes it the object that everybody uses.
 */
int index_publish(struct node *n, unsigned layer, struct at source,
		  struct at copy, int (*flip)(void *ctx, struct at at),
		  void *ctx);

/* Give the name of @n an upper entry (ovl_link_up()). */
int index_link_up(struct node *n, const struct call *c);

/*
 * The number of names of @n's object is about to change in the upper: keep
 * the union's on disk, relative to the upper's (ovl_nlink_start()).
 */
int index_nlink_start(struct node *n);
/* It did, by @delta. Without names the entry goes too (ovl_nlink_end()). */
void index_nlink_end(struct node *n, int delta);

#endif
