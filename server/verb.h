/* SPDX-License-Identifier: BSD-3-Clause */
/* The verbs that serve nothing: each in a file of its own. */
#ifndef VENEER_SERVER_VERB_H
#define VENEER_SERVER_VERB_H

/* Each takes the arguments from the verb on; returns the exit code. */
int verb_check(int argc, char **argv);
int verb_settle(int argc, char **argv);

/* No umask, and as many descriptors as we may have: one a level of a tree. */
void verb_prepare(void);
/* The command that mounts layers by @options (or NULL), as a shell takes it. */
void verb_print_mount(const char *options);

#endif
