/* SPDX-License-Identifier: BSD-3-Clause */
/* The verbs that serve nothing: each in a file of its own. */
#ifndef VENEER_SERVER_VERB_H
#define VENEER_SERVER_VERB_H

#include <stdbool.h>
#include <time.h>

/* Each takes the arguments from the verb on; returns the exit code. */
int verb_check(int argc, char **argv);
int verb_connect(int argc, char **argv);
int verb_settle(int argc, char **argv);

struct tree_config;

/* The command line of a verb over an upper at rest. */
struct verb_args {
	struct tree_config *tree; /* owned by the caller: tree_config_free() */
	bool is_set; /* the one option that is the verb's own */
	bool is_quiet, wants_help;
};

/*
 * Parse what follows "veneer VERB": layers, options, --quiet, --help, and
 * "--@own". Returns 0, or -EINVAL after a line in the log that says what would
 * be right; -ENOMEM.
 */
int verb_parse(const char *verb, const char *own, int argc, char **argv,
	       struct verb_args *ret);

/* A line of progress on the terminal, at most one a second. */
struct verb_progress {
	struct timespec last; /* when it was printed */
	bool is_printed; /* and the cursor is on it */
};
void verb_progress_begin(struct verb_progress *p);
/* Is it time for another? The caller prints it, "\r" first. */
bool verb_progress_is_due(struct verb_progress *p);
/* Take the line away, for others or for good. */
void verb_progress_end(struct verb_progress *p);

/* No umask, and as many descriptors as we may have: one a level of a tree. */
void verb_prepare(void);
/* The command that mounts layers by @options (or NULL), as a shell takes it. */
void verb_print_mount(const char *options);

#endif
