/* SPDX-License-Identifier: BSD-3-Clause */
/* How the fake NBD client looks at what was sent. */
#ifndef VENEER_TESTS_FAKE_NBD_CHECK_H
#define VENEER_TESTS_FAKE_NBD_CHECK_H

#include <stddef.h>
#include <stdint.h>

struct fake_nbd;

/* @len bytes were sent at once: whole replies, or abort(). */
void fake_nbd_check(struct fake_nbd *c, const uint8_t *bytes, size_t len);

#endif
