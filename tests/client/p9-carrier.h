/* SPDX-License-Identifier: BSD-3-Clause */
/* What may carry the messages of struct p9 instead of its socket. */
#ifndef VENEER_TESTS_CLIENT_P9_CARRIER_H
#define VENEER_TESTS_CLIENT_P9_CARRIER_H

#include <stddef.h>
#include <sys/types.h>

struct p9_carrier {
	/* Whole messages. Returns 0 or errno. */
	int (*send)(void *ctx, const void *p, size_t len);
	/* Wait for a whole reply. Returns its length or errno. */
	ssize_t (*receive)(void *ctx, void *to, size_t max);
};

#endif
