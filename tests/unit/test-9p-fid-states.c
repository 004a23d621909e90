/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Every message with a fid, on a fid in every state: which errno it gets
 * (9p.md 3.1 and 3.2), the same whether the backend answers at once or
 * later, and that a refused message changes nothing but what Tclunk and
 * Tremove end. A fid that a walk is still making is waited for. What the
 * tree says to files, links and directories: e2e/test-fid-states.c.
 */
#include "unit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fake-client.h"
#include "macros.h"

enum { UNKNOWN, PATH, FILE_RW, DIRECTORY, XREAD, XWRITE, NR_STATES };

/* Fid 1 is in the state, fid 0 the root, fid 2 unused. */
static const struct {
	uint8_t type;
	int err[NR_STATES];
} cases[] = {
	{ P9_TSTATFS, { -EBADF, 0, 0, 0, -EINVAL, -EINVAL } },
	{ P9_TLOPEN, { -EBADF, 0, -EINVAL, -EINVAL, -EINVAL, -EINVAL } },
	{ P9_TLCREATE, { -EBADF, 0, -EINVAL, -EINVAL, -EINVAL, -EINVAL } },
	{ P9_TSYMLINK, { -EBADF, 0, -ENOTDIR, 0, -EINVAL, -EINVAL } },
	{ P9_TMKNOD, { -EBADF, 0, -ENOTDIR, 0, -EINVAL, -EINVAL } },
	{ P9_TRENAME, { -EBADF, 0, 0, 0, -EINVAL, -EINVAL } },
	{ P9_TREADLINK, { -EBADF, 0, 0, 0, -EINVAL, -EINVAL } },
	{ P9_TGETATTR, { -EBADF, 0, 0, 0, -EINVAL, -EINVAL } },
	{ P9_TSETATTR, { -EBADF, 0, 0, 0, -EINVAL, -EINVAL } },
	{ P9_TXATTRWALK, { -EBADF, 0, 0, 0, -EINVAL, -EINVAL } },
	{ P9_TXATTRCREATE, { -EBADF, 0, 0, -EINVAL, -EINVAL, -EINVAL } },
	{ P9_TREADDIR, { -EBADF, -EBADF, -ENOTDIR, 0, -EINVAL, -EINVAL } },
	{ P9_TFSYNC, { -EBADF, 0, 0, 0, -EINVAL, -EINVAL } },
	{ P9_TLOCK, { -EBADF, -EBADF, 0, 0, -EINVAL, -EINVAL } },
	{ P9_TGETLOCK, { -EBADF, -EBADF, 0, 0, -EINVAL, -EINVAL } },
	{ P9_TLINK, { -EBADF, 0, -ENOTDIR, 0, -EINVAL, -EINVAL } },
	{ P9_TMKDIR, { -EBADF, 0, -ENOTDIR, 0, -EINVAL, -EINVAL } },
	{ P9_TRENAMEAT, { -EBADF, 0, -ENOTDIR, 0, -EINVAL, -EINVAL } },
	{ P9_TUNLINKAT, { -EBADF, 0, -ENOTDIR, 0, -EINVAL, -EINVAL } },
	{ P9_TWALK, { -EBADF, 0, 0, 0, -EINVAL, -EINVAL } },
	{ P9_TREAD, { -EBADF, -EBADF, 0, -EISDIR, 0, -EINVAL } },
	{ P9_TWRITE, { -EBADF, -EBADF, 0, -EBADF, -EINVAL, 0 } },
	{ P9_TCLUNK, { -EBADF, 0, 0, 0, 0, -EINVAL } },
	{ P9_TREMOVE, { -EBADF, 0, 0, 0, -EINVAL, -EINVAL } },
};

static void
reach(struct fake_client *c, int state)
{
	struct p9_fields m = { .fid = 0, .fid2 = 1, .size = 99 };

	m.name = fake_name("user.x");
	if (state == XREAD)
		assert_int_equal(0, fake_call(c, P9_TXATTRWALK, &m, NULL));
	else if (state == FILE_RW)
		assert_int_equal(0, fake_walk(c, 0, 1, "f"));
	else if (state != UNKNOWN)
		assert_int_equal(0, fake_walk(c, 0, 1, NULL));
	if (state == FILE_RW)
		assert_int_equal(0, fake_open(c, 1, 2));
	if (state == DIRECTORY)
		assert_int_equal(0, fake_open(c, 1, 0));
	m.fid = 1;
	if (state == XWRITE)
		assert_int_equal(0, fake_call(c, P9_TXATTRCREATE, &m, NULL));
}

static struct p9_fields
message(void)
{
	struct p9_fields m;

	fake_fields(&m);
	m.fid = 1;
	m.fid2 = 2;
	m.flags = 0;
	m.mode = 0100644;
	m.valid = 0x40;
	m.size = 0;
	m.offset = 0;
	m.start = m.length = 0;
	m.lock_type = 2;
	m.names.nr = 0;
	return m;
}

static void
check_case(size_t i, int state, bool is_deferred)
{
	struct p9_fields m = message();
	struct fake_client c;
	struct fake_msg *msg;
	bool ends = cases[i].type == P9_TCLUNK || cases[i].type == P9_TREMOVE;

	fake_client_init(&c, NULL);
	fake_client_start(&c);
	reach(&c, state);
	if (cases[i].type == P9_TLINK || cases[i].type == P9_TRENAME ||
	    cases[i].type == P9_TRENAMEAT)
		m.fid2 = 0;
	c.backend.is_deferred = is_deferred;
	msg = fake_send(&c, cases[i].type, 5, &m);
	fake_backend_finish_all(&c.backend);
	assert_int_equal(cases[i].err[state], fake_result(msg, NULL));
	c.backend.is_deferred = false;
	/* Still there, unless the message ends it. */
	if (state == XWRITE && !ends) /* it lacks bytes */
		assert_int_equal(-EINVAL, fake_clunk(&c, 1));
	else
		assert_int_equal(state == UNKNOWN || ends ? -EBADF : 0,
				 fake_clunk(&c, 1));
	assert_null(c.fatal);
	assert_true(fake_client_fini(&c));
}

static void
test_states(void **unused)
{
	size_t i;
	int state;

	(void)unused;
	for (i = 0; i < ARRAY_SIZE(cases); i++)
		for (state = 0; state < NR_STATES; state++) {
			print_message("%s in state %d\n",
				      p9_message_find(cases[i].type)->name,
				      state);
			check_case(i, state, false);
			check_case(i, state, true);
		}
}

/*
 * Fid 1 is being made by a walk: a message that names it, first or second,
 * waits, and finds what came of it: @made, or no fid.
 */
static void
check_reserved(uint8_t type, bool is_second, int made, int walk_error)
{
	struct p9_fields walk = { .fid = 0, .fid2 = 1 }, m = message();
	bool is_new =
		type == P9_TATTACH ||
		(is_second && (type == P9_TWALK || type == P9_TXATTRWALK));
	struct fake_msg *msg;
	struct fake_client c;

	fake_client_init(&c, NULL);
	fake_client_start(&c);
	c.backend.is_deferred = true;
	walk.names.nr = 1;
	walk.names.v[0] = fake_name("d");
	(void)fake_send(&c, P9_TWALK, 4, &walk);
	m.fid = is_second ? 0 : 1;
	m.fid2 =
		is_second ? 1
		: type == P9_TLINK || type == P9_TRENAME || type == P9_TRENAMEAT
			? 0
			: 2;
	m.afid = P9_NOFID;
	msg = fake_send(&c, type, 5, &m);
	assert_int_equal(1, fake_result(msg, NULL));
	assert_int_equal(1, c.backend.nr_pending);
	c.backend.error = walk_error;
	fake_backend_finish(&c.backend, 0);
	c.backend.error = 0;
	fake_backend_finish_all(&c.backend);
	assert_int_equal(!walk_error ? made
			 : is_new    ? 0
				     : -EBADF,
			 fake_result(msg, NULL));
	assert_true(fake_client_fini(&c));
}

static void
test_reserved(void **unused)
{
	static const struct {
		uint8_t type;
		int err;
	} second[] = {
		{ P9_TRENAME, 0 },    { P9_TLINK, 0 },
		{ P9_TRENAMEAT, 0 },  { P9_TXATTRWALK, -EBUSY },
		{ P9_TWALK, -EBUSY },
	};
	size_t i;

	(void)unused;
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		print_message("%s\n", p9_message_find(cases[i].type)->name);
		check_reserved(cases[i].type, false, cases[i].err[PATH], 0);
		check_reserved(cases[i].type, false, 0, -ENOENT);
	}
	for (i = 0; i < ARRAY_SIZE(second); i++) {
		print_message("%s, second\n",
			      p9_message_find(second[i].type)->name);
		check_reserved(second[i].type, true, second[i].err, 0);
		check_reserved(second[i].type, true, 0, -ENOENT);
	}
	check_reserved(P9_TATTACH, false, -EBUSY, 0);
	check_reserved(P9_TATTACH, false, 0, -ENOENT);
}

/* The backend's error comes through, and the state stays. */
static void
test_backend_errors(void **unused)
{
	struct p9_fields m = message();
	struct fake_client c;
	size_t i;

	(void)unused;
	fake_client_init(&c, NULL);
	fake_client_start(&c);
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		uint8_t type = cases[i].type;
		bool local = type == P9_TXATTRCREATE || type == P9_TLOCK;

		if (cases[i].err[FILE_RW] || local || type == P9_TCLUNK ||
		    type == P9_TREMOVE)
			continue;
		print_message("%s\n", p9_message_find(type)->name);
		reach(&c, FILE_RW);
		c.backend.error = -ENOSPC;
		m.fid2 = type == P9_TRENAME ? 0 : 2;
		m.names.nr = 1;
		assert_int_equal(-ENOSPC, fake_call(&c, type, &m, NULL));
		assert_int_equal(-EBADF, fake_clunk(&c, 2));
		c.backend.error = 0;
		assert_int_equal(0, fake_clunk(&c, 1));
	}
	assert_true(fake_client_fini(&c));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_states),
		cmocka_unit_test(test_reserved),
		cmocka_unit_test(test_backend_errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
