/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * LIST (nbd.md 2): as many as there are, within a bound; or not at all. Who
 * was told of exports may ask for each of them.
 */
#include "unit.h"

#include <errno.h>
#include <stdio.h>
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

/* How many exports it tells of, each well-formed; then an ACK. */
static unsigned
list(void)
{
	struct fake_nbd_reply *r;
	unsigned nr = 0;
	char text[32];
	size_t len;

	fake_nbd_option(&c, NBD_OPT_LIST, NULL, 0);
	while ((r = fake_nbd_take(&c)) && r->type == NBD_REP_SERVER) {
		len = (size_t)snprintf(text, sizeof(text), "f%ufake", nr++);
		assert_int_equal(len + 4, r->len);
		assert_int_equal(len - 4, r->data[3]);
		assert_string_equal(text, (char *)r->data + 4);
		fake_nbd_reply_free(r);
	}
	assert_non_null(r);
	assert_int_equal(NBD_REP_ACK, r->type);
	fake_nbd_reply_free(r);
	return nr;
}

static void
test_list(void **state)
{
	static const unsigned nrs[] = { 0, 1, 3, 1000 };
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(nrs); i++) {
		c.backend.image.nr_listed = nrs[i];
		assert_int_equal(nrs[i], list());
	}
}

static void
test_bound(void **state)
{
	unsigned nr;

	(void)state;
	c.backend.image.nr_listed = 100000;
	nr = list();
	assert_in_range(nr, 10000, NBD_LIST_BYTES_MAX / 20);
}

static void
test_refused(void **state)
{
	static const struct {
		int err;
		uint32_t answer;
	} cases[] = {
		{ -EPERM, NBD_REP_ERR_POLICY },
		{ -EACCES, NBD_REP_ERR_POLICY },
		{ -EIO, NBD_REP_ERR_PLATFORM },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		c.backend.error = cases[i].err;
		assert_int_equal(cases[i].answer,
				 fake_nbd_ask(&c, NBD_OPT_LIST, NULL, 0));
	}
}

static void
test_options(void **state)
{
	unsigned i, max = NBD_OPTIONS_MAX * 4;

	(void)state;
	c.backend.image.nr_listed = 3;
	assert_int_equal(3, list());
	assert_int_equal(3, list());
	for (i = 2; i < max; i++)
		assert_int_equal(NBD_REP_ACK,
				 fake_nbd_info(&c, NBD_OPT_INFO, "f1", 0));
	assert_null(c.fatal);
	assert_int_equal(0, fake_nbd_info(&c, NBD_OPT_INFO, "f1", 0));
	assert_non_null(c.fatal);
}

/* On a worker: the session takes nothing until it is back. */
static void
test_later(void **state)
{
	(void)state;
	c.backend.image.nr_listed = 2;
	c.backend.is_deferred = true;
	assert_int_equal(0, fake_nbd_ask(&c, NBD_OPT_LIST, NULL, 0));
	assert_true(protocol_nbd.session_is_full(c.s));
	assert_int_equal(0, fake_nbd_ask(&c, NBD_OPT_ABORT, NULL, 0));
	assert_int_equal(0, c.nr_ready);
	fake_backend_finish_all(&c.backend);
	assert_int_equal(1, c.nr_ready);
	assert_int_equal(0, c.nr_bye);
	fake_nbd_pump(&c);
	assert_int_equal(1, c.nr_bye);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_list),    TEST(test_bound), TEST(test_refused),
		TEST(test_options), TEST(test_later),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
