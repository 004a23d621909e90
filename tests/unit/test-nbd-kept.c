/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * GO enters what INFO has found, and after one that fails there may be
 * another (nbd.md 2).
 */
#include "unit.h"

#include <errno.h>
#include <string.h>

#include "fake-nbd-client.h"
#include "macros.h"

static struct fake_nbd c;

static int
setup(void **state)
{
	(void)state;
	fake_nbd_hello(&c);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	return fake_nbd_fini(&c) ? 0 : -1;
}

/* INFO keeps what it has found, for the same name only. */
static void
test_kept(void **state)
{
	(void)state;
	assert_int_equal(NBD_REP_ACK, fake_nbd_info(&c, NBD_OPT_INFO, "f", 0));
	assert_true(c.size == FAKE_FILE_SIZE);
	c.backend.image.size = 5;
	assert_int_equal(NBD_REP_ACK, fake_nbd_info(&c, NBD_OPT_INFO, "f", 0));
	assert_true(c.size == FAKE_FILE_SIZE);
	assert_int_equal(1, c.backend.nr_submitted);
	assert_int_equal(NBD_REP_ACK, fake_nbd_info(&c, NBD_OPT_INFO, "fg", 0));
	assert_true(c.size == 5);
	assert_int_equal(1, c.backend.nr_handles);
	assert_int_equal(NBD_REP_ACK, fake_nbd_info(&c, NBD_OPT_GO, "fg", 0));
	assert_int_equal(2, c.backend.nr_submitted);
	assert_true(protocol_nbd.session_is_begun(c.s));
}

/* A GO that fails may be followed by another one. */
static void
test_refused(void **state)
{
	static const struct {
		int err;
		const char *why;
		uint32_t answer;
	} cases[] = {
		{ -ENOENT, NULL, NBD_REP_ERR_UNKNOWN },
		{ -EISDIR, "It is a directory.", NBD_REP_ERR_UNKNOWN },
		{ -ENAMETOOLONG, NULL, NBD_REP_ERR_UNKNOWN },
		{ -EACCES, NULL, NBD_REP_ERR_POLICY },
		{ -EPERM, "No.", NBD_REP_ERR_POLICY },
		{ -EIO, NULL, NBD_REP_ERR_PLATFORM },
		{ -ENOMEM, NULL, NBD_REP_ERR_PLATFORM },
	};
	struct fake_nbd_reply *r;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		c.backend.error = cases[i].err;
		assert_int_equal(cases[i].answer,
				 fake_nbd_info(&c, NBD_OPT_GO, "f", 0));
	}
	c.backend.error = 0;
	c.backend.image.why = "It is away.";
	fake_nbd_option(&c, NBD_OPT_GO, "\0\0\0\1x\0\0", 7);
	r = fake_nbd_take(&c);
	assert_string_equal("It is away.", (char *)r->data);
	fake_nbd_reply_free(r);
	assert_int_equal(NBD_REP_ACK, fake_nbd_info(&c, NBD_OPT_GO, "f", 0));
	assert_int_equal(0, fake_nbd_call(&c, NBD_CMD_READ, 0, 0, 10));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_kept),
		TEST(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
