/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * INFO, GO and EXPORT_NAME (nbd.md 2 to 4): what is told of an export, and
 * that GO enters what INFO has told of.
 */
#include "unit.h"

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

/* The lengths in the data must fill it exactly. */
static void
test_lengths(void **state)
{
	static const struct {
		size_t len;
		uint8_t data[16];
		uint32_t answer;
	} cases[] = {
		{ 7, { 0, 0, 0, 1, 'f', 0, 0 }, NBD_REP_ACK },
		{ 9, { 0, 0, 0, 1, 'f', 0, 1, 0, 3 }, NBD_REP_ACK },
		{ 9, { 0, 0, 0, 1, 'f', 0, 1, 0xff, 0xff }, NBD_REP_ACK },
		{ 0, { 0 }, NBD_REP_ERR_INVALID },
		{ 5, { 0, 0, 0, 1, 'f' }, NBD_REP_ERR_INVALID },
		{ 7, { 0, 0, 0, 2, 'f', 0, 0 }, NBD_REP_ERR_INVALID },
		{ 7, { 0xff, 0xff, 0xff, 0xff, 'f' }, NBD_REP_ERR_INVALID },
		{ 8, { 0, 0, 0, 1, 'f', 0, 0, 0 }, NBD_REP_ERR_INVALID },
		{ 8, { 0, 0, 0, 1, 'f', 0, 1, 0 }, NBD_REP_ERR_INVALID },
		{ 9, { 0, 0, 0, 1, 'f', 0, 2, 0, 3 }, NBD_REP_ERR_INVALID },
		{ 6, { 0, 0, 0, 0, 0, 0 }, NBD_REP_ERR_UNKNOWN },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		print_message("case %zu\n", i);
		assert_int_equal(cases[i].answer,
				 fake_nbd_ask(&c, NBD_OPT_INFO, cases[i].data,
					      cases[i].len));
	}
}

static void
test_flags(void **state)
{
	static const struct {
		bool is_read_only, is_rotational;
		uint32_t option; /* before */
		uint16_t flags;
	} cases[] = {
		{ false, false, 0, 0xd6d },
		{ false, false, NBD_OPT_STRUCTURED_REPLY, 0xded },
		{ false, true, 0, 0xd7d },
		{ true, false, 0, 0x50f },
		{ true, false, NBD_OPT_EXTENDED_HEADERS, 0x58f },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		print_message("case %zu\n", i);
		c.backend.image.is_read_only = cases[i].is_read_only;
		c.backend.image.is_rotational = cases[i].is_rotational;
		if (cases[i].option)
			(void)fake_nbd_ask(&c, cases[i].option, NULL, 0);
		assert_int_equal(NBD_REP_ACK,
				 fake_nbd_info(&c, NBD_OPT_INFO, "f", 0));
		assert_int_equal(cases[i].flags, c.flags);
		c.flags = 0;
		assert_int_equal(NBD_REP_ACK,
				 fake_nbd_info(&c, NBD_OPT_GO, "f", 0));
		assert_int_equal(cases[i].flags, c.flags);
		assert_true(fake_nbd_fini(&c));
		fake_nbd_hello(&c);
	}
}

/* Which pieces of information come; EXPORT always. */
static void
test_pieces(void **state)
{
	static const struct {
		const char *asked, *name, *description;
		unsigned infos, expected;
	} cases[] = {
		{ "f", NULL, "words", 0, 1 },
		{ "f", NULL, "words", 0xf, 0xf },
		{ "f", NULL, NULL, 0xf, 0xb },
		{ "f", NULL, NULL, 0x8, 0x9 },
		{ "f//a", "f/a", NULL, 0, 0x3 },
	};
	struct fake_nbd_reply *r;
	uint8_t data[32];
	unsigned i, seen;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		struct wire_out w = { .p = data, .end = data + sizeof(data) };
		unsigned j;

		c.backend.image.name = cases[i].name;
		c.backend.image.description = cases[i].description;
		c.backend.image.block_size = 4096;
		wire_put_be32(&w, (uint32_t)strlen(cases[i].asked));
		wire_put_bytes(&w, cases[i].asked, strlen(cases[i].asked));
		wire_put_be16(&w, (uint16_t)__builtin_popcount(cases[i].infos));
		for (j = 0; j < 4; j++)
			if (cases[i].infos & 1u << j)
				wire_put_be16(&w, (uint16_t)j);
		(void)fake_nbd_info(&c, NBD_OPT_INFO, "fother", 0);
		fake_nbd_option(&c, NBD_OPT_INFO, data, (size_t)(w.p - data));
		seen = 0;
		while ((r = fake_nbd_take(&c))) {
			if (r->type == NBD_REP_INFO)
				seen |= 1u << r->data[1];
			if (r->type == NBD_REP_INFO && r->data[1] == 1)
				assert_string_equal(cases[i].name
							    ? cases[i].name
							    : cases[i].asked,
						    (char *)r->data + 2);
			fake_nbd_reply_free(r);
		}
		print_message("case %u\n", i);
		assert_int_equal(cases[i].expected, seen);
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_lengths),
		TEST(test_flags),
		TEST(test_pieces),

	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
