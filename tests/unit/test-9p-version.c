/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Tversion (9p.md 4.1): which versions and sizes are agreed on, what comes
 * before it, and the full reset when it comes again.
 */
#include "unit.h"

#include <errno.h>
#include <string.h>

#include "fake-client.h"
#include "macros.h"

static int
version(struct fake_client *c, uint32_t msize, const char *v,
	struct p9_fields *ret)
{
	struct p9_fields m = { .msize = msize, .version = fake_name(v) };

	return fake_call(c, P9_TVERSION, &m, ret);
}

static void
test_versions(void **state)
{
	static const struct {
		const char *version;
		uint32_t msize;
		int err;
		const char *reply;
		uint32_t ret_msize;
	} cases[] = {
		{ "9P2000.L", 131072, 0, "9P2000.L", 131072 },
		{ "9P2000.L", 4096, 0, "9P2000.L", 4096 },
		{ "9P2000.L", 4095, -EMSGSIZE, "", 0 },
		{ "9P2000.L", 0, -EMSGSIZE, "", 0 },
		{ "9P2000.L", 1 << 20, 0, "9P2000.L", 1 << 20 },
		{ "9P2000.L", (1 << 20) + 1, 0, "9P2000.L", 1 << 20 },
		{ "9P2000.L", UINT32_MAX, 0, "9P2000.L", 1 << 20 },
		{ "9P2000.L.Google.13", 65536, 0, "9P2000.L", 65536 },
		{ "9P2000.u", 65536, 0, "unknown", 65536 },
		{ "9P2000", 65536, 0, "unknown", 65536 },
		{ "", 65536, 0, "unknown", 65536 },
	};
	struct p9_fields r;
	struct fake_client c;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		print_message("%s %u\n", cases[i].version, cases[i].msize);
		fake_client_init(&c, NULL);
		assert_int_equal(cases[i].err, version(&c, cases[i].msize,
						       cases[i].version, &r));
		if (!cases[i].err) {
			assert_int_equal(cases[i].ret_msize, r.msize);
			assert_int_equal(strlen(cases[i].reply), r.version.len);
			assert_memory_equal(cases[i].reply, r.version.ptr,
					    r.version.len);
		}
		/* Not negotiated: an error, and a second try is welcome. */
		if (strcmp(cases[i].reply, "9P2000.L") != 0)
			assert_int_equal(-EPROTO, fake_walk(&c, 0, 1, NULL));
		assert_null(c.fatal);
		fake_client_start(&c);
		assert_true(fake_client_fini(&c));
	}
}

static void
test_first_message(void **state)
{
	struct p9_fields m = { .fid = 0 };
	struct fake_client c;

	(void)state;
	fake_client_init(&c, NULL);
	assert_int_equal(2, fake_call(&c, P9_TCLUNK, &m, NULL));
	assert_non_null(c.fatal);
	assert_true(fake_client_fini(&c));
}

static void
test_hint(void **state)
{
	struct fake_client c;

	(void)state;
	fake_client_init(&c, NULL);
	assert_int_equal(0, version(&c, 65536, "9P2000.L", NULL));
	assert_int_equal(0, c.nr_hints);
	assert_int_equal(0, version(&c, 8192, "9P2000.L", NULL));
	assert_int_equal(1, c.nr_hints);
	assert_int_equal(0, version(&c, 8192, "9P2000.L", NULL));
	assert_int_equal(1, c.nr_hints);
	assert_true(fake_client_fini(&c));
}

static void
check_reset(bool can_cancel)
{
	struct p9_fields m = { .fid = 0, .fid2 = 5 };
	struct fake_client c;
	struct fake_msg *old[3];
	int i;

	fake_client_init(&c, NULL);
	fake_client_start(&c);
	assert_int_equal(0, fake_walk(&c, 0, 1, "f"));
	assert_int_equal(0, fake_open(&c, 1, 0));
	m.names.nr = 1;
	m.names.v[0] = fake_name("f");
	c.backend.is_deferred = true;
	c.backend.can_cancel = can_cancel;
	old[0] = fake_send(&c, P9_TWALK, 1, &m);
	m.fid = 5;
	old[1] = fake_send(&c, P9_TGETATTR, 2, &m); /* waits for fid 5 */
	m.fid = 1;
	m.count = 9;
	old[2] = fake_send(&c, P9_TREAD, 3, &m);
	assert_int_equal(0, version(&c, 65536, "9P2000.L", NULL));
	assert_int_equal(can_cancel ? 0 : 2, c.backend.nr_pending);
	/* Dropped at once, or when the backend is done with its buffers. */
	assert_int_equal(can_cancel ? 2 : 1, fake_result(old[0], NULL));
	assert_int_equal(2, fake_result(old[1], NULL));
	fake_backend_finish_all(&c.backend);
	for (i = 0; i < 3; i++)
		assert_int_equal(2, fake_result(old[i], NULL));
	assert_int_equal(0, c.backend.nr_nodes);
	assert_int_equal(0, c.backend.nr_handles);
	c.backend.is_deferred = false;
	assert_int_equal(-EBADF, fake_clunk(&c, 1));
	fake_client_start(&c);
	assert_true(fake_client_fini(&c));
}

static void
test_reset(void **state)
{
	(void)state;
	check_reset(false);
	check_reset(true);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_versions),
		cmocka_unit_test(test_first_message),
		cmocka_unit_test(test_hint),
		cmocka_unit_test(test_reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
