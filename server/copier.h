/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The thread that completes the partial files of a tree (copyup=background),
 * while nobody else wants the processor or the disk.
 */
#ifndef VENEER_SERVER_COPIER_H
#define VENEER_SERVER_COPIER_H

#include <stdbool.h>

struct copier;
struct tree;

/*
 * Start the thread for @tree, before it is used. @name (of the tree, for
 * messages) and @tree are borrowed until copier_free(). NULL: no memory, or no
 * thread.
 */
struct copier *copier_new(struct tree *tree, const char *name);

/*
 * Stop it. Waits for what it is about to do, at most @timeout_s; returns false
 * if it still is at it (then it stays, leaked on purpose). NULL is fine.
 */
bool copier_free(struct copier *c, unsigned timeout_s);

#endif
