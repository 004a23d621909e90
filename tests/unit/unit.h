/* SPDX-License-Identifier: BSD-3-Clause */
/* What cmocka wants to be included before itself, in one line. */
#ifndef VENEER_TESTS_UNIT_H
#define VENEER_TESTS_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#endif
