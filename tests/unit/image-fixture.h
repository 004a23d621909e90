/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A server without sockets over fresh trees in a temporary directory, which is
 * the current one, for the tests of images.
 */
#ifndef VENEER_TESTS_IMAGE_FIXTURE_H
#define VENEER_TESTS_IMAGE_FIXTURE_H

#include "server.h"

struct images {
	char root[64];
	struct config cfg;
	struct server server;
	struct export exports[2];
	struct access access; /* of all of them */
};

/* Make the layers by the shell command @layers. Returns 0 or -1. */
int images_setup(struct images *t, const char *layers);
/* Open the next tree; @upper may be NULL. Fails the test on error. */
void images_open(struct images *t, const char *name, const char *lower,
		 const char *upper);
/* Close all trees. */
void images_close(struct images *t);
/* Close, and remove the directory. Returns 0 or -1. */
int images_teardown(struct images *t);

#endif
