/* SPDX-License-Identifier: BSD-3-Clause */
/* The verbs that serve nothing: each in a file of its own. */
#ifndef VENEER_SERVER_VERB_H
#define VENEER_SERVER_VERB_H

/* Each takes the arguments from the verb on; returns an enum exit_code. */
int verb_settle(int argc, char **argv);
/* As fsck(8): 0 clean, 1 repaired, 4 left, 8 failed, 16 usage. */
int verb_check(int argc, char **argv);

/* On stdout, for a shell: as it is if nothing in it means anything there. */
void verb_print_quoted(const char *s);
/* As many open files as there may be: deep trees need one a level. */
void verb_raise_limits(void);

#endif
