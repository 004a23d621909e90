/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Every message of the table, both directions: what is encoded decodes to
 * the same, has the size that diod's protocol.md gives (9p.md 1.2), and is
 * refused with EINVAL when cut at any byte.
 */
#include "unit.h"

#include "fake-client.h"

#include <errno.h>
#include <string.h>

#include "macros.h"
#include "messages.h"

/* The fixed totals of 9p.md 1.2, each string taken as empty. */
static const struct {
	uint8_t type;
	size_t t, r;
} sizes[] = {
	{ P9_TSTATFS, 11, 67 },     { P9_TLOPEN, 15, 24 },
	{ P9_TLCREATE, 25, 24 },    { P9_TSYMLINK, 19, 20 },
	{ P9_TMKNOD, 29, 20 },      { P9_TRENAME, 17, 7 },
	{ P9_TREADLINK, 11, 9 },    { P9_TGETATTR, 19, 160 },
	{ P9_TSETATTR, 67, 7 },     { P9_TXATTRWALK, 17, 15 },
	{ P9_TXATTRCREATE, 25, 7 }, { P9_TREADDIR, 23, 11 },
	{ P9_TFSYNC, 15, 7 },       { P9_TLOCK, 38, 8 },
	{ P9_TGETLOCK, 34, 30 },    { P9_TLINK, 17, 7 },
	{ P9_TMKDIR, 21, 20 },      { P9_TRENAMEAT, 19, 7 },
	{ P9_TUNLINKAT, 17, 7 },    { P9_TVERSION, 13, 13 },
	{ P9_TAUTH, 19, 20 },       { P9_TATTACH, 23, 20 },
	{ P9_TFLUSH, 9, 7 },        { P9_TWALK, 17, 9 },
	{ P9_TREAD, 23, 11 },       { P9_TWRITE, 23, 11 },
	{ P9_TCLUNK, 11, 7 },       { P9_TREMOVE, 11, 7 },
};

static void
test_sizes(void **state)
{
	struct p9_fields m = { 0 };
	uint8_t buf[512];
	unsigned i, nr = 0;

	(void)state;
	for (i = 0; i < 256; i++)
		nr += p9_message_find((uint8_t)i) != NULL;
	assert_int_equal(nr, ARRAY_SIZE(sizes));
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		const struct p9_message *row = p9_message_find(sizes[i].type);

		print_message("%s\n", row->name);
		assert_int_equal(sizes[i].t, p9_encode(sizes[i].type, 1, row->t,
						       &m, buf, sizeof(buf)));
		assert_int_equal(sizes[i].r,
				 p9_encode(sizes[i].type + 1, 1, row->r, &m,
					   buf, sizeof(buf)));
	}
}

/* Encode, decode, encode again: the same bytes; cut: EINVAL. */
static void
check_list(const struct p9_field *fields)
{
	struct p9_fields m, back;
	uint8_t a[2048], b[2048];
	ssize_t len, i;

	fake_fields(&m);
	len = p9_encode(8, 3, fields, &m, a, sizeof(a));
	assert_true(len > 0);
	memset(&back, 0, sizeof(back));
	assert_int_equal(0, p9_decode(fields, a + P9_HEADER_SIZE,
				      (size_t)len - P9_HEADER_SIZE, 0, &back));
	assert_int_equal(len, p9_encode(8, 3, fields, &back, b, sizeof(b)));
	assert_memory_equal(a, b, (size_t)len);
	for (i = 0; i < len - (ssize_t)P9_HEADER_SIZE; i++) {
		int err = p9_decode(fields, a + P9_HEADER_SIZE, (size_t)i, 0,
				    &back);
		/* Only Tfsync may end early, after its fid. */
		if (!(err == 0 && i == 4))
			assert_int_equal(-EINVAL, err);
		assert_true(p9_encode(8, 3, fields, &m, b,
				      (size_t)i + P9_HEADER_SIZE) < 0);
	}
	/* Trailing bytes are accepted. */
	assert_int_equal(0, p9_decode(fields, a + P9_HEADER_SIZE, (size_t)len,
				      0, &back));
}

static void
test_round_trip(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		const struct p9_message *row = p9_message_find(sizes[i].type);

		print_message("%s\n", row->name);
		check_list(row->t);
		check_list(row->r);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_round_trip),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
