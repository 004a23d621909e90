/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A real tree for a fuzz target, in one thread: layers in a temporary
 * directory that are made once, an upper that is empty for each input, and
 * server/run.c in between. Whatever must never happen, whatever a client
 * sends, ends in abort(): see fuzz-tree.c.
 */
#ifndef VENEER_TESTS_FUZZ_TREE_H
#define VENEER_TESTS_FUZZ_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "access.h"
#include "request.h"
#include "server.h"

#define FUZZ_MARKS_MAX 32

struct fuzz_tree {
	char base
		[64]; /* ro: lower1 (above), lower2, outside; rw: upper, work */
	char outside[80]; /* what no client may reach: ro/outside */
	char secret[33]; /* the content of a file there */
	uint64_t ro_hash; /* of all that must not change; ctime tells */
	uint64_t content_hash; /* with contents: looked at in the end */
	unsigned nr_fds; /* open while there is no tree */
	unsigned variant;
	struct tree *tree; /* owned; NULL: closed */
	struct access access;
	struct export export;
	struct server server;
	/* Names like the overlay's own that a client has set: all it may see.*/
	char marks[FUZZ_MARKS_MAX][256];
	unsigned nr_marks;
};

/* The layers, made with the first call; they go when the process exits. */
struct fuzz_tree *fuzz_tree_get(void);

/* The options that @variant chooses; fresh layers, an open tree. */
void fuzz_tree_begin(struct fuzz_tree *t, unsigned variant);
/* Close the tree and open it again over what is there. */
void fuzz_tree_restart(struct fuzz_tree *t);
/* Close it, look at all that was left behind, and empty the upper. */
void fuzz_tree_end(struct fuzz_tree *t);

/* fake_backend.answer: run @r, as the server does; look at what came of it. */
void fuzz_tree_answer(void *tree, struct request *r);
/* That backend's other functions. */
extern const struct backend fuzz_tree_backend;

#endif
