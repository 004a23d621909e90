/* SPDX-License-Identifier: BSD-3-Clause */
/* Images: the regular files, and devices, that NBD clients know as exports. */
#ifndef VENEER_SERVER_IMAGE_H
#define VENEER_SERVER_IMAGE_H

#include "request.h"
#include "server.h"

struct call;

/*
 * Find and open the image that @r->name selects: PATH in the only tree, or
 * TREE:PATH. REQUEST_IMAGE's results are filled in. Blocks; -EAGAIN (nowait).
 * Returns 0; -ENOENT: nothing that could be served is called so; -EACCES; and
 * what opening says. Then u.image.why is a sentence.
 */
int image_open(const struct server *s, struct request *r, const struct call *c);

/*
 * Emit the images that may be listed (--nbd-list). Blocks; -EAGAIN (nowait).
 * -EPERM: none may; -ENOMEM.
 */
int image_list(const struct server *s, struct request *r, const struct call *c);

/* Can @path be one of --nbd-device? */
bool image_device_is_ok(const char *path);

/* The tree that @name is in; NULL: nothing can be called so. */
const struct export *image_export(const struct server *s, struct name name);

/*
 * Can @pattern be a GLOB of --nbd-list? Its components are matched one by one,
 * and so its depth is that of the walk.
 */
bool image_pattern_is_ok(const char *pattern);

#endif
