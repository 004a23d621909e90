/* SPDX-License-Identifier: BSD-3-Clause */
/* Redirects of what is renamed (overlay.md 5). Private to layers/. */
#ifndef VENEER_LAYERS_REDIRECT_H
#define VENEER_LAYERS_REDIRECT_H

#include "node.h"

/*
 * Make sure that the upper object @at of @n, which has something below it,
 * leads there when its name is gone: by a redirect that holds in the same
 * directory, or (@is_absolute, under tree.rename_lock and moves_lock)
 * anywhere.
 * -EXDEV: the path is too long. What is there already stays.
 */
int redirect_set(struct node *n, const struct call *c, struct at at,
		 bool is_absolute);

/*
 * flatten.c: make the directory @n purely of the upper: copy all of it up,
 * make it opaque, and take out the whiteouts that then hide nothing. It can
 * move anywhere afterwards, and a kernel without redirects reads it.
 * No lock may be held. -EAGAIN (nowait); what copying up may return: part of
 * it is in the upper then, and the tree shows what it showed.
 */
int flatten_dir(struct node *n, const struct call *c);

#endif
