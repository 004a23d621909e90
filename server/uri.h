/* SPDX-License-Identifier: BSD-3-Clause */
/* How clients are told where an image is served. */
#ifndef VENEER_SERVER_URI_H
#define VENEER_SERVER_URI_H

#include "listen.h"

#define URI_MAX 1024

/*
 * The URI of the image @name (put in as it is) at @l, as the NBD project
 * defines them. Returns 0, or -ENOENT: no NBD is spoken there, or nobody can
 * be told where that is.
 */
int uri_nbd(const struct listener *l, const char *name, char ret[URI_MAX]);

/*
 * What, followed by "/NAME", is an image for QEMU's file=; over TCP and vsock
 * that is a URI for all others, too. Returns as uri_nbd().
 */
int uri_prefix(const struct listener *l, char ret[URI_MAX]);

#endif
