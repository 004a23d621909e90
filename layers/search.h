/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the layers say about one name of a merged directory (overlay.md 1.5).
 * Private to layers/; what is found becomes a node in lookup.c.
 */
#ifndef VENEER_LAYERS_SEARCH_H
#define VENEER_LAYERS_SEARCH_H

#include "node.h"

struct search {
	struct tree *t;
	const struct call *c;
	const struct dir *parent; /* borrowed, locked */
	const char *asked; /* borrowed: the name that is looked for */
	bool wants_data; /* open the data of a metadata-only file */

	/* The state of the search: the kernel's struct ovl_lookup_data. */
	const char *name; /* one component, or "/a/b" from the layers' roots */
	char *redirected; /* owned: the memory of name after a redirect */
	bool is_dir, stop, has_redirect;
	bool is_metacopy; /* what was found last has no data of its own */

	/* What was found, from the top. */
	bool is_found, is_upper_whiteout;
	bool top_is_metacopy; /* the topmost object is metadata only */
	unsigned top_layer, nr_lower_hits;
	struct statx top;
	struct dir *dir; /* owned: the stack of a directory */
	struct statx top_lower; /* of the topmost lower object, if any */
	int lower_fd; /* owned O_PATH: the same, where index_key needs it */
	bool is_data_lazy; /* the data is in a data-only layer, or nowhere */
	uint64_t data_blocks_512; /* of the data of a metadata-only file */
	int data_fd; /* owned O_PATH; -1 unless wants_data */
	unsigned data_layer;
};

#define SEARCH_INIT(t_, c_, parent_, name_)                                 \
	{                                                                   \
		.t = (t_), .c = (c_), .parent = (parent_), .name = (name_), \
		.asked = (name_), .lower_fd = -1, .data_fd = -1             \
	}

/*
 * Search the layers of s->parent. Returns 0, also when nothing is there.
 * -EPERM: needs a redirect or metadata-only file that is not to be followed;
 * -EINVAL: a malformed redirect; -EIO: metadata without data; -ELOOP: the
 * upper or the work directory of this very tree; -EAGAIN (nowait and slow).
 */
int search_run(struct search *s);
void search_fini(struct search *s);

/* Is the redirect @value a path as the kernel takes it, or one component? */
bool redirect_is_valid(const char *value, size_t len);

static inline void
cleanup_search(struct search *s)
{
	search_fini(s);
}
#define CLEANUP_SEARCH __attribute__((cleanup(cleanup_search)))

#endif
