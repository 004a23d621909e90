/* SPDX-License-Identifier: BSD-3-Clause */
/* Between image*.c; theirs only. */
#ifndef VENEER_SERVER_IMAGE_PARTS_H
#define VENEER_SERVER_IMAGE_PARTS_H

#include <stdbool.h>
#include <stddef.h>

#include "attr.h"
#include "server.h"
#include "tree.h"

struct user;

/* The longest name of an export: NBD_MAX_STRING of the protocol. */
#define IMAGE_NAME_MAX 4096
/* Symbolic links that may be followed to an image: the kernel's MAXSYMLINKS. */
#define IMAGE_LINKS_MAX 40

/* image-name.c */

/* Which tree, and where in it. */
struct image_name {
	const struct export *export; /* borrowed */
	char *path; /* owned; without "/" at its ends, "//", "." and ".." */
};

/*
 * Take @name apart: [TREE:]PATH, "" stands for --default-export. Does not
 * block. Returns 0; -ENOENT: no image can be called that, *@ret_why (static)
 * says why; -ENOMEM.
 */
int image_name_parse(const struct server *s, struct name name,
		     struct image_name *ret, const char **ret_why);
/* The name of @path in @e, malloced: parsed again it is the same. */
char *image_name_print(const struct server *s, const struct export *e,
		       const char *path);
/* Can it be told to clients: UTF-8 and not too long? */
bool image_name_is_listable(const char *name);

/* image-walk.c */

/*
 * What is at @path, following symbolic links inside the tree of @root: "/" in
 * them is @root, and ".." does not leave it. *@ret is a new reference.
 * Returns what tree_walk() says, -ELOOP: too many links.
 */
int image_walk(struct node *root, const struct call *c, const char *path,
	       struct node **ret);

/* image-user.c */

/* As whom images are opened. */
struct image_user {
	struct call call; /* with his rights */
	struct cred cred;
	struct user *user; /* counted, or NULL */
};

/*
 * Who that is in the tree of @e, for the call @c: --nbd-user; without it the
 * server itself, but nobody where the tree has access=server. May block.
 * Returns 0 or -ENOMEM. @ret is not to be moved; image_user_fini().
 */
int image_user_init(const struct server *s, const struct export *e,
		    const struct call *c, struct image_user *ret);
void image_user_fini(struct image_user *u);

/* image-device.c */

/*
 * Open the device that the node @n stands for, as tree_open_late() does a file;
 * -ENODEV: it is not among those of --nbd-device, or not there. Blocks.
 */
int image_device_open(const struct server *s, struct node *n,
		      const struct call *c, int flags, struct handle **ret);

/* image.c */

/* A few words about @n, of @size bytes, malloced: "upper, 20 GiB"; or NULL. */
char *image_describe(const struct backing *b, uint64_t size);

#endif
