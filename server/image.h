/* SPDX-License-Identifier: BSD-3-Clause */
/* Images: the regular files that NBD clients know as exports. */
#ifndef VENEER_SERVER_IMAGE_H
#define VENEER_SERVER_IMAGE_H

#include "request.h"
#include "server.h"

struct call;

/*
 * Find and open the image that @r->name selects: PATH in the only tree, or
 * TREE:PATH. REQUEST_IMAGE's results are filled in.
 * Returns 0, -ENOENT, and what opening says; then u.image.why is a sentence.
 */
int image_open(const struct server *s, struct request *r, const struct call *c);

/* Emit the images that may be listed. -EPERM: none may. */
int image_list(const struct server *s, struct request *r, const struct call *c);

#endif
