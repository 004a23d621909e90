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

/* The file data of a message is counted, not told. */
static void
test_data(void **state)
{
	struct p9_fields m = { .fid = 1, .offset = 9990, .count = 100 };
	struct p9_fields w = { .fid = 2, .data = { "secret", 6 } };

	(void)state;
	assert_int_equal(0, fake_walk(&c, 0, 1, "f"));
	assert_int_equal(0, fake_walk(&c, 0, 2, "f"));
	assert_int_equal(0, fake_open(&c, 1, 0));
	assert_int_equal(0, fake_open(&c, 2, 1));
	assert_int_equal(0, fake_call(&c, P9_TREAD, &m, NULL));
	assert_string_equal("tag=9999 Tread fid=1 offset=9990 count=100"
			    " -> ok data=10",
			    c.line);
	assert_int_equal(0, fake_call(&c, P9_TWRITE, &w, NULL));
	assert_string_equal("tag=9999 Twrite fid=2 offset=0 data=6"
			    " -> ok count=6",
			    c.line);
}

/* One line for each, also for what is never answered. */
static void
test_dropped(void **state)
{
	struct p9_fields m = { .fid = 0 }, flush = { .oldtag = 5 };
	struct p9_fields version = { .msize = 8192,
				     .version = fake_name("9P2000.L") };

	(void)state;
	c.backend.is_deferred = c.backend.can_cancel = true;
	c.nr_lines = 0;
	(void)fake_send(&c, P9_TGETATTR, 5, &m);
	assert_int_equal(0, c.nr_lines);
	(void)fake_send(&c, P9_TFLUSH, 6, &flush);
	assert_int_equal(2, c.nr_lines);
	assert_string_equal("tag=5 Tgetattr fid=0 mask=0 -> dropped",
			    c.line_before);
	assert_string_equal("tag=6 Tflush oldtag=5 -> ok", c.line);
	/* A reset of the session. */
	(void)fake_send(&c, P9_TGETATTR, 7, &m);
	(void)fake_send(&c, P9_TVERSION, 8, &version);
	assert_int_equal(2 + 3, c.nr_lines); /* and the hint about msize */
	assert_string_equal("tag=8 Tversion msize=8192 version=\"9P2000.L\""
			    " -> ok msize=8192 version=\"9P2000.L\"",
			    c.line);
	/* A tag that is in use; and what comes after that. */
	m = (struct p9_fields){ .fid = 1, .afid = P9_NOFID };
	(void)fake_send(&c, P9_TATTACH, 9, &m);
	c.nr_lines = 0;
	(void)fake_send(&c, P9_TATTACH, 9, &m);
	assert_non_null(c.fatal);
	assert_int_equal(1, c.nr_lines);
	assert_non_null(strstr(c.line, "tag=9 Tattach fid=1 "));
	assert_non_null(strstr(c.line, " -> dropped"));
	(void)fake_send(&c, P9_TFLUSH, 10, &flush);
	assert_int_equal(2, c.nr_lines);
	assert_string_equal("tag=10 Tflush oldtag=5 -> dropped", c.line);
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
		TEST(test_data),
		TEST(test_dropped),
		TEST(test_escapes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
