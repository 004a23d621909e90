/* SPDX-License-Identifier: BSD-3-Clause */
/* The one function of a fuzz target, called by libFuzzer or replay-main.c. */
#ifndef VENEER_TESTS_FUZZ_H
#define VENEER_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
