/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A protocol for fuzzing transports: a frame is its length (32 bits) and the
 * rest, of which all but the first 23 bytes are data. Messages are kept until
 * they are finished, each byte of them is looked at, and each of the room for
 * a reply is written.
 */
#ifndef VENEER_TESTS_FUZZ_STUB_SESSION_H
#define VENEER_TESTS_FUZZ_STUB_SESSION_H

#include "protocol.h"

#define STUB_MESSAGES 6

extern const struct protocol protocol_stub;

/* Send or drop the @i-th message of the session there is, if there is one. */
void stub_finish(unsigned i, bool is_dropped);
/* Say that the client broke a rule. */
void stub_fail(void);

#endif
