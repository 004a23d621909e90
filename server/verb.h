/* SPDX-License-Identifier: BSD-3-Clause */
/* The verbs that serve nothing: each in a file of its own. */
#ifndef VENEER_SERVER_VERB_H
#define VENEER_SERVER_VERB_H

/* Each takes the arguments from the verb on; returns an enum exit_code. */
int verb_settle(int argc, char **argv);

#endif
