/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What each command asks of the tree (nbd.md 9 and 14).
 */
#include "unit.h"

#include <string.h>

#include "fake-nbd-client.h"
#include "macros.h"

static struct fake_nbd c;

/* What each command becomes. */
static void
test_requests(void **state)
{
	static const struct {
		uint16_t type, flags;
		enum request_op op;
		enum zero_how how;
		bool is_fast, is_sync;
	} cases[] = {
		{ NBD_CMD_WRITE_ZEROES, 0, REQUEST_ZERO, ZERO_FREE, 0, 0 },
		{ NBD_CMD_WRITE_ZEROES, NBD_FLAG_NO_HOLE, REQUEST_ZERO,
		  ZERO_KEEP, 0, 0 },
		{ NBD_CMD_WRITE_ZEROES, NBD_FLAG_FAST_ZERO | NBD_FLAG_FUA,
		  REQUEST_ZERO, ZERO_FREE, 1, 1 },
		{ NBD_CMD_TRIM, 0, REQUEST_ZERO, ZERO_TRIM, 0, 0 },
		{ NBD_CMD_TRIM, NBD_FLAG_FUA, REQUEST_ZERO, ZERO_TRIM, 0, 1 },
		{ NBD_CMD_WRITE, 0, REQUEST_WRITE, 0, 0, 0 },
		{ NBD_CMD_WRITE, NBD_FLAG_FUA, REQUEST_WRITE, 0, 0, 1 },
		{ NBD_CMD_FLUSH, 0, REQUEST_FSYNC, 0, 0, 0 },
		{ NBD_CMD_CACHE, 0, REQUEST_PREFETCH, 0, 0, 0 },
		{ NBD_CMD_BLOCK_STATUS, 0, REQUEST_EXTENTS, 0, 0, 0 },
	};
	const struct request *r = &c.backend.last;
	size_t i;

	(void)state;
	fake_nbd_start(&c, NBD_STRUCTURED);
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		print_message("case %zu\n", i);
		assert_int_equal(0, fake_nbd_call(&c, cases[i].type,
						  cases[i].flags, 300, 20));
		assert_int_equal(cases[i].op, r->op);
		assert_non_null(r->handle);
		assert_non_null(r->node);
		if (r->op == REQUEST_ZERO) {
			assert_int_equal(cases[i].how, r->u.zero.how);
			assert_int_equal(cases[i].is_fast, r->u.zero.is_fast);
			assert_int_equal(cases[i].is_sync, r->u.zero.is_sync);
			assert_true(r->u.zero.off == 300 &&
				    r->u.zero.len == 20);
		} else if (r->op == REQUEST_WRITE) {
			assert_int_equal(cases[i].is_sync, r->u.io.is_sync);
			assert_int_equal(1, c.backend.last_data[0]);
			assert_int_equal(8, c.backend.last_data[1]);
		} else if (r->op == REQUEST_FSYNC) {
			assert_true(r->u.datasync);
		} else {
			/* u.extents begins with the same members. */
			assert_true(r->u.range.off == 300 &&
				    r->u.range.len == 20);
		}
	}
	assert_true(fake_nbd_fini(&c));
}

/* A cookie is the client's affair: it may even be used twice at a time. */
static void
test_cookies(void **state)
{
	struct nbd_header h = { .type = NBD_CMD_READ, .cookie = 7, .len = 9 };
	struct fake_nbd_cmd *one, *two;

	(void)state;
	fake_nbd_start(&c, NBD_SIMPLE);
	c.backend.is_deferred = true;
	one = fake_nbd_send(&c, h, NULL, 0);
	two = fake_nbd_send(&c, h, NULL, 0);
	fake_backend_finish_all(&c.backend);
	assert_true(one->is_answered && two->is_answered);
	assert_true(fake_nbd_fini(&c));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_requests),
		cmocka_unit_test(test_cookies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
