/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * With tracing on, each request is one line that can be grepped, and no byte
 * of the client gets into it unescaped or at any length (style.md 12).
 */
#include "unit.h"

#include <errno.h>
#include <string.h>

#include "fake-client.h"

static struct fake_client c;

static int
setup(void **state)
{
	struct session_config config = fake_config();

	(void)state;
	config.trace = true;
	fake_client_init(&c, &config);
	fake_client_start(&c);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	return fake_client_fini(&c) ? 0 : -1;
}

static void
test_lines(void **state)
{
	struct p9_fields m = { .fid = 9 };
	uint8_t unknown[7] = { 7, 0, 0, 0, 250, 3, 0 };
	uint8_t cut[8] = { 8, 0, 0, 0, P9_TCLUNK, 4, 0 };

	(void)state;
	(void)fake_walk(&c, 0, 1, "nothing");
	assert_string_equal("tag=9999 Twalk fid=0 newfid=1 names=\"nothing\""
			    " -> ENOENT",
			    c.line);
	(void)fake_walk(&c, 0, 1, NULL);
	assert_string_equal("tag=9999 Twalk fid=0 newfid=1 names="
			    " -> ok qids=",
			    c.line);
	(void)fake_open(&c, 1, 0);
	assert_non_null(strstr(c.line, "Tlopen fid=1 flags=0 -> ok qid=80."));
	(void)fake_call(&c, P9_TCLUNK, &m, NULL);
	assert_string_equal("tag=9999 Tclunk fid=9 -> EBADF", c.line);
	(void)fake_send_raw(&c, unknown, sizeof(unknown));
	assert_string_equal("tag=3 T250 -> EOPNOTSUPP", c.line);
	(void)fake_send_raw(&c, cut, sizeof(cut));
	assert_string_equal("tag=4 Tclunk malformed -> EINVAL", c.line);
}

static void
test_escapes(void **state)
{
	char name[200];

	(void)state;
	(void)fake_walk(&c, 0, 1, "a\n\"\\\x1b\xff");
	assert_non_null(
		strstr(c.line, "names=\"a\\x0a\\x22\\x5c\\x1b\\xff\" ->"));
	memset(name, '\n', sizeof(name));
	name[199] = '\0';
	(void)fake_walk(&c, 0, 1, name);
	assert_true(strlen(c.line) < 400);
	assert_null(strchr(c.line, '\n'));
	assert_non_null(strstr(c.line, "\"... -> ENOENT"));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_lines),
		TEST(test_escapes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
