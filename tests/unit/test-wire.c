/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The cursors of wire.h and wire.c: both byte orders, bounded, with an error
 * that sticks; and lists of iovecs cut at every place.
 */
#include "unit.h"

#include <string.h>

#include "macros.h"
#include "wire.h"

static void
test_cursor(void **state)
{
	uint8_t buf[15];
	static const uint8_t expected[15] = { 0x01, 0x03, 0x02, 0x07, 0x06,
					      0x05, 0x04, 0x0f, 0x0e, 0x0d,
					      0x0c, 0x0b, 0x0a, 0x09, 0x08 };
	struct wire_out out = { .p = buf, .end = buf + sizeof(buf) };
	struct wire_in in = { .p = buf, .end = buf + sizeof(buf) };

	(void)state;
	wire_put_u8(&out, 0x01);
	wire_put_u16(&out, 0x0203);
	wire_put_u32(&out, 0x04050607);
	wire_put_u64(&out, UINT64_C(0x08090a0b0c0d0e0f));
	assert_false(out.bad);
	assert_memory_equal(expected, buf, sizeof(buf));
	wire_put_u8(&out, 0);
	assert_true(out.bad);
	assert_int_equal(0x01, wire_get_u8(&in));
	assert_int_equal(0x0203, wire_get_u16(&in));
	assert_int_equal(0x04050607, wire_get_u32(&in));
	assert_true(wire_get_u64(&in) == UINT64_C(0x08090a0b0c0d0e0f));
	assert_false(in.bad);
	assert_int_equal(0, wire_get_u32(&in));
	assert_true(in.bad);
}

static void
test_big_endian(void **state)
{
	uint8_t buf[14];
	static const uint8_t expected[14] = { 0x02, 0x03, 0x04, 0x05, 0x06,
					      0x07, 0x08, 0x09, 0x0a, 0x0b,
					      0x0c, 0x0d, 0x0e, 0x0f };
	struct wire_out out = { .p = buf, .end = buf + sizeof(buf) };
	struct wire_in in = { .p = buf, .end = buf + sizeof(buf) };

	(void)state;
	wire_put_be16(&out, 0x0203);
	wire_put_be32(&out, 0x04050607);
	wire_put_be64(&out, UINT64_C(0x08090a0b0c0d0e0f));
	assert_false(out.bad);
	assert_memory_equal(expected, buf, sizeof(buf));
	wire_put_be16(&out, 0);
	assert_true(out.bad);
	assert_int_equal(0x0203, wire_get_be16(&in));
	assert_int_equal(0x04050607, wire_get_be32(&in));
	assert_true(wire_get_be64(&in) == UINT64_C(0x08090a0b0c0d0e0f));
	assert_false(in.bad);
	assert_int_equal(0, wire_get_be16(&in));
	assert_true(in.bad);
}

/* A number that does not fit takes nothing, and nothing comes after. */
static void
test_sticky(void **state)
{
	uint8_t buf[3] = { 1, 2, 3 };
	struct wire_in in = { .p = buf, .end = buf + 3 };

	(void)state;
	assert_int_equal(0, wire_get_u32(&in));
	assert_true(in.bad);
	assert_int_equal(0, wire_get_u8(&in));
	assert_null(wire_get_bytes(&in, SIZE_MAX));
}

static void
test_iovecs(void **state)
{
	uint8_t text[20], room[20], back[20];
	struct iovec iov[5], slice[5];
	struct wire_iov w;
	size_t a, b, off, len;
	unsigned i, nr;

	(void)state;
	for (i = 0; i < sizeof(text); i++)
		text[i] = (uint8_t)(i + 1);
	for (a = 0; a <= 20; a++)
		for (b = a; b <= 20; b++)
			for (off = 0; off <= 20; off++) {
				iov[0] = (struct iovec){ room, a };
				iov[1] = (struct iovec){ NULL, 0 };
				iov[2] = (struct iovec){ room + a, b - a };
				iov[3] = (struct iovec){ room + b, 20 - b };
				len = 20 - off;
				memset(room, 0, sizeof(room));
				wire_iov_init(&w, iov, 4, off, len);
				wire_iov_put(&w, text, len / 2);
				wire_iov_put(&w, text + len / 2, len - len / 2);
				assert_int_equal(0, w.left);
				assert_memory_equal(text, room + off, len);
				wire_iov_get(iov, 4, off, back, len);
				assert_memory_equal(text, back, len);
				nr = wire_iov_slice(iov, 4, off, len / 2,
						    slice);
				for (i = 0, len /= 2; i < nr; i++) {
					assert_true(slice[i].iov_len > 0);
					len -= slice[i].iov_len;
				}
				assert_int_equal(0, len);
			}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cursor),
		cmocka_unit_test(test_big_endian),
		cmocka_unit_test(test_sticky),
		cmocka_unit_test(test_iovecs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
