/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A tree over fresh layers for the tests of layers/: a temporary directory
 * (in $TMPDIR) with lower1 (above), lower2, upper and work. With
 * VENEER_TEST_BETWEEN=N there are N empty lowers between the two, with
 * VENEER_TEST_FDS=N the tree option test-fds=N.
 */
#ifndef VENEER_TESTS_LAYERS_FIXTURE_H
#define VENEER_TESTS_LAYERS_FIXTURE_H

#include <unistd.h>

#include "unit.h"

#include "tree.h"

struct fixture {
	char root[64];
	struct tree *tree;
	struct node *top; /* the tree's root */
	unsigned nr_fds; /* open before the tree was */
	const char *options; /* more of them, "key=value,key=value", or NULL;
				"@" in a value: the temporary directory */
};

extern const struct call fixture_call; /* as root, blocking */

/* cmocka set-up and tear-down: *state is a struct fixture with no tree yet. */
int fixture_setup(void **state);
/* Closes the tree, removes the layers, checks that no descriptor leaked. */
int fixture_teardown(void **state);
/* Open the tree; with_upper false: read-only. Fails the test on error. */
void fixture_open(struct fixture *f, bool with_upper);
/* The same with an upper; returns what tree_open() says. */
int fixture_try_open(struct fixture *f);
/* Set what is in f->options. */
void fixture_set_options(struct tree_config *c, const struct fixture *f);
/* Close the tree, keep the layers. */
void fixture_close(struct fixture *f);
/* That directory of the root anew, empty (the tree is closed). No process is
 * started for it: it is done thousands of times. */
void fixture_fresh(struct fixture *f, const char *dir);
/* Fresh, empty layers (the tree is closed), then the shell command @cmd. */
void fixture_layers(struct fixture *f, const char *cmd);
/* Close and open again: a restart. */
void fixture_restart(struct fixture *f);

/* tree_check() of the closed layers with those options: nothing is wrong. */
void fixture_check(struct fixture *f);

/* Run a shell command in the temporary directory. */
void fixture_sh(struct fixture *f, const char *cmd);
/* Does a shell condition hold there? */
bool fixture_holds(struct fixture *f, const char *cmd);

struct name fixture_name(const char *s);
/* Walk "a/b/c" from the root; NULL and *ret_err on failure. */
struct node *fixture_walk(struct fixture *f, const char *path, int *ret_err);
/* The ident.path of @path. */
uint64_t fixture_path(struct fixture *f, const char *path);
/* The names in the directory @path, sorted, with spaces between. */
const char *fixture_list(struct fixture *f, const char *path);
/* The whole content of @path (under 4 KiB), or "errno N". */
const char *fixture_read(struct fixture *f, const char *path);
/* Write @text at offset 0. Returns 0 or errno. */
int fixture_write(struct fixture *f, const char *path, const char *text);
/* Do "OP ARG [ARG]" by one of: unlink rmdir mkdir create rename link chmod
 * chown truncate symlink mkfifo; returns 0 or a negative errno. */
int fixture_do(struct fixture *f, const char *op, const char *a, const char *b);

/* Operations, and what must hold in the layers after them. */
#define GOLDEN_MAX_OPS 6
struct golden_case {
	const char *name;
	const char *lower; /* a shell command that fills the layers */
	struct {
		const char *op, *a, *b;
		int r;
	} ops[GOLDEN_MAX_OPS];
	const char *holds; /* a shell command, in the temporary directory */
};

/*
 * Run each case on fresh layers with the tree options @options. The lowers
 * must stay as they were, and the staging area be empty afterwards.
 */
void golden_run(struct fixture *f, const char *options,
		const struct golden_case *cases, size_t nr_cases);

/* Tests that need kernel privileges (trusted xattrs, mounts). */
#define SKIP_UNLESS_ROOT()                                      \
	do {                                                    \
		if (geteuid() != 0) {                           \
			print_message("needs root: skipped\n"); \
			skip();                                 \
		}                                               \
	} while (0)

#endif
