/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Metadata contexts (nbd.md 2 and 7): which are told, which are selected,
 * and that a selection is for one export and replaced by the next one.
 */
#include "unit.h"

#include <string.h>

#include "fake-nbd-client.h"
#include "macros.h"

#define LIST NBD_OPT_LIST_META_CONTEXT
#define SET NBD_OPT_SET_META_CONTEXT

static struct fake_nbd c;
static const char *const base[] = { "base:allocation", NULL };
static const char *const nothing[] = { NULL };

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

static void
test_queries(void **state)
{
	static const struct {
		const char *queries[4];
		unsigned list, set; /* 1 base, 2 depth */
	} cases[] = {
		{ { NULL }, 3, 0 },
		{ { "base:allocation", NULL }, 1, 1 },
		{ { "base:allocation", "base:allocation", NULL }, 1, 1 },
		{ { "qemu:allocation-depth", "base:allocation", NULL }, 3, 3 },
		{ { "base:", NULL }, 1, 0 },
		{ { "qemu:", NULL }, 2, 0 },
		{ { "base", "base:alloc", "base:allocationx", NULL }, 0, 0 },
		{ { "", "x-none:such", "qemu:dirty-bitmap:", NULL }, 0, 0 },
		{ { "nothing", "qemu:allocation-depth", NULL }, 2, 2 },
	};
	size_t i;

	(void)state;
	(void)fake_nbd_ask(&c, NBD_OPT_STRUCTURED_REPLY, NULL, 0);
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		print_message("case %zu\n", i);
		assert_int_equal(NBD_REP_ACK, fake_nbd_meta(&c, LIST, "f",
							    cases[i].queries));
		assert_int_equal(cases[i].list, c.contexts);
		assert_int_equal(NBD_REP_ACK,
				 fake_nbd_meta(&c, SET, "f", cases[i].queries));
		assert_int_equal(cases[i].set, c.contexts);
	}
	assert_int_equal(1, c.backend.nr_submitted);
}

/* A LIST may come at any time, a SET needs the replies to be structured. */
static void
test_order(void **state)
{
	(void)state;
	assert_int_equal(NBD_REP_ACK, fake_nbd_meta(&c, LIST, "f", base));
	assert_int_equal((uint32_t)NBD_REP_ERR_INVALID,
			 fake_nbd_meta(&c, SET, "f", base));
	assert_int_equal((uint32_t)NBD_REP_ERR_UNKNOWN,
			 fake_nbd_meta(&c, LIST, "x", base));
	(void)fake_nbd_ask(&c, NBD_OPT_STRUCTURED_REPLY, NULL, 0);
	assert_int_equal((uint32_t)NBD_REP_ERR_UNKNOWN,
			 fake_nbd_meta(&c, SET, "x", base));
}

static void
test_broken(void **state)
{
	static const struct {
		size_t len;
		uint8_t data[20];
	} cases[] = {
		{ 0, { 0 } },
		{ 5, { 0, 0, 0, 1, 'f' } },
		{ 9, { 0, 0, 0, 2, 'f', 0, 0, 0, 0 } },
		{ 9, { 0, 0, 0, 1, 'f', 0, 0, 0, 1 } },
		{ 10, { 0, 0, 0, 1, 'f', 0, 0, 0, 0, 0 } },
		{ 14, { 0, 0, 0, 1, 'f', 0, 0, 0, 1, 0, 0, 0, 2, 'b' } },
		{ 13, { 0, 0, 0, 1, 'f', 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0 } },
		{ 13, { 0, 0, 0, 1, 'f', 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff } },
	};
	size_t i;

	(void)state;
	(void)fake_nbd_ask(&c, NBD_OPT_STRUCTURED_REPLY, NULL, 0);
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		print_message("case %zu\n", i);
		assert_int_equal(
			(uint32_t)NBD_REP_ERR_INVALID,
			fake_nbd_ask(&c, LIST, cases[i].data, cases[i].len));
		assert_int_equal(
			(uint32_t)NBD_REP_ERR_INVALID,
			fake_nbd_ask(&c, SET, cases[i].data, cases[i].len));
	}
}

/* Whether BLOCK_STATUS may be used after what was selected, and for whom. */
static void
test_selection(void **state)
{
	static const struct {
		const char *set[2]; /* for these, one after the other */
		bool is_last_empty;
		const char *canonical, *go;
		uint32_t error;
	} cases[] = {
		{ { "f", NULL }, false, NULL, "f", 0 },
		{ { "f", NULL }, false, NULL, "g", 0 },
		{ { "f", NULL }, false, NULL, "fg", NBD_EINVAL },
		{ { "f//a", NULL }, false, "f/a", "f/a", 0 },
		{ { "f", "x" }, false, NULL, "f", NBD_EINVAL },
		{ { "f", "f" }, true, NULL, "f", NBD_EINVAL },
		{ { "fg", "f" }, false, NULL, "f", 0 },
		{ { "f", "fg" }, false, NULL, "f", NBD_EINVAL },
	};
	size_t i, j;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		print_message("case %zu\n", i);
		c.backend.image.name = cases[i].canonical;
		(void)fake_nbd_ask(&c, NBD_OPT_STRUCTURED_REPLY, NULL, 0);
		for (j = 0; j < 2 && cases[i].set[j]; j++)
			(void)fake_nbd_meta(
				&c, SET, cases[i].set[j],
				j && cases[i].is_last_empty ? nothing : base);
		c.contexts = cases[i].error ? 0 : 1;
		if (fake_nbd_info(&c, NBD_OPT_GO, cases[i].go, 0) ==
		    NBD_REP_ACK)
			assert_int_equal(cases[i].error,
					 fake_nbd_call(&c, NBD_CMD_BLOCK_STATUS,
						       0, 0, 4096));
		else
			assert_string_equal("g", cases[i].go);
		assert_true(fake_nbd_fini(&c));
		fake_nbd_hello(&c);
	}
}

/* The flag that contexts may be chosen is told only where there are some. */
static void
test_payload_flag(void **state)
{
	unsigned i;

	(void)state;
	for (i = 0; i < 2; i++) {
		(void)fake_nbd_ask(&c, NBD_OPT_EXTENDED_HEADERS, NULL, 0);
		(void)fake_nbd_meta(&c, SET, "f", i ? base : nothing);
		assert_int_equal(NBD_REP_ACK,
				 fake_nbd_info(&c, NBD_OPT_INFO, "f", 0));
		assert_int_equal(i ? NBD_BLOCK_STATUS_PAYLOAD : 0,
				 c.flags & NBD_BLOCK_STATUS_PAYLOAD);
		assert_true(fake_nbd_fini(&c));
		fake_nbd_hello(&c);
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_queries),      TEST(test_order),
		TEST(test_broken),       TEST(test_selection),
		TEST(test_payload_flag),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
