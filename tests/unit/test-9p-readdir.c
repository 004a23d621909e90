/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Treaddir (9p.md 5.8): whole entries only, never more than asked for, a
 * cookie resumes after its entry, EINVAL when not even the first one fits,
 * no bytes only at the end; the same when the reply lies in small pieces.
 */
#include "unit.h"

#include <dirent.h>
#include <errno.h>

#include "fake-client.h"
#include "wire.h"

#define ENTRY 28u /* 24 and a name of 4 */

static struct fake_client c;

static void
start(bool in_pieces)
{
	fake_client_init(&c, NULL);
	c.in_pieces = in_pieces;
	fake_client_start(&c);
	assert_int_equal(0, fake_walk(&c, 0, 1, "d"));
	assert_int_equal(0, fake_open(&c, 1, 0));
}

/* Returns the number of entries read, or an error; checks each one. */
static int
readdir_at(uint64_t offset, uint32_t count, uint64_t *ret_cookie)
{
	struct p9_fields m = { .fid = 1, .offset = offset, .count = count }, r;
	struct wire_in w;
	int err, nr = 0;

	err = fake_call(&c, P9_TREADDIR, &m, &r);
	if (err)
		return err;
	assert_true(r.data.len <= count);
	w = (struct wire_in){ .p = (const uint8_t *)r.data.ptr,
			      .end = (const uint8_t *)r.data.ptr + r.data.len };
	while (w.p < w.end) {
		assert_int_equal(P9_QTFILE, wire_get_u8(&w));
		(void)wire_get_u32(&w);
		assert_int_equal(offset, wire_get_u64(&w));
		*ret_cookie = wire_get_u64(&w);
		assert_int_equal(offset + 1, *ret_cookie);
		assert_int_equal(DT_REG, wire_get_u8(&w));
		assert_int_equal(4, wire_get_u16(&w));
		assert_int_equal('f', wire_get_u8(&w));
		assert_non_null(wire_get_bytes(&w, 3));
		offset++;
		nr++;
	}
	assert_false(w.bad);
	return nr;
}

static void
test_packing(void **state)
{
	uint64_t cookie = 0;

	(void)state;
	start(false);
	assert_int_equal(-EINVAL, readdir_at(0, 0, &cookie));
	assert_int_equal(-EINVAL, readdir_at(0, ENTRY - 1, &cookie));
	assert_int_equal(1, readdir_at(0, ENTRY, &cookie));
	assert_int_equal(1, readdir_at(0, 2 * ENTRY - 1, &cookie));
	assert_int_equal(2, readdir_at(0, 2 * ENTRY, &cookie));
	assert_int_equal(4, readdir_at(7, 128, &cookie));
	assert_int_equal(9, readdir_at(0, 256, &cookie));
	assert_int_equal(18, readdir_at(0, 512, &cookie));
	assert_int_equal(FAKE_NR_DIRENTS, readdir_at(0, UINT32_MAX, &cookie));
	assert_int_equal(0, readdir_at(FAKE_NR_DIRENTS, 512, &cookie));
	assert_int_equal(0, readdir_at(FAKE_NR_DIRENTS, 0, &cookie));
	assert_int_equal(-EINVAL, readdir_at(UINT64_MAX, 512, &cookie));
	assert_true(fake_client_fini(&c));
}

static void
scan(bool in_pieces)
{
	unsigned total = 0;
	uint64_t cookie = 0;
	int nr;

	start(in_pieces);
	while ((nr = readdir_at(cookie, 1000, &cookie)) > 0)
		total += (unsigned)nr;
	assert_int_equal(0, nr);
	assert_int_equal(FAKE_NR_DIRENTS, total);
	assert_true(fake_client_fini(&c));
}

static void
test_whole_directory(void **state)
{
	(void)state;
	scan(false);
	scan(true);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_packing),
		cmocka_unit_test(test_whole_directory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
