/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Arithmetic on sizes that come from outside. Each function returns true
 * when the result does not fit; *@ret is then not to be used.
 */
#ifndef VENEER_COMMON_CHECKED_H
#define VENEER_COMMON_CHECKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline bool
add_overflows_size(size_t a, size_t b, size_t *ret)
{
	return __builtin_add_overflow(a, b, ret);
}

static inline bool
mul_overflows_size(size_t a, size_t b, size_t *ret)
{
	return __builtin_mul_overflow(a, b, ret);
}

static inline bool
add_overflows_u64(uint64_t a, uint64_t b, uint64_t *ret)
{
	return __builtin_add_overflow(a, b, ret);
}

/* Does [@off, @off + @count) leave the range of off_t? */
static inline bool
range_overflows_off(uint64_t off, uint64_t count)
{
	uint64_t end;

	return add_overflows_u64(off, count, &end) || end > INT64_MAX;
}

#endif
