/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * STARTTLS, and what is served without it (nbd.md 11).
 */
#include "unit.h"

#include "fake-nbd-client.h"
#include "macros.h"

static struct fake_nbd c;

static void
begin(enum tls_mode tls)
{
	struct session_config config = fake_nbd_config();

	config.tls = tls;
	fake_nbd_init(&c, &config);
	fake_nbd_hello(&c);
}

static void
test_off(void **state)
{
	(void)state;
	begin(TLS_OFF);
	assert_int_equal((uint32_t)NBD_REP_ERR_POLICY,
			 fake_nbd_ask(&c, NBD_OPT_STARTTLS, NULL, 0));
	assert_int_equal(0, c.nr_tls);
	assert_int_equal(NBD_REP_ACK, fake_nbd_info(&c, NBD_OPT_GO, "f", 0));
	assert_true(fake_nbd_fini(&c));
}

/* Nothing but STARTTLS and ABORT, not even to say that it is unknown. */
static void
test_required(void **state)
{
	static const uint32_t options[] = { 0, 3, 4, 6, 7, 8, 9, 10, 11, 99 };
	size_t i;

	(void)state;
	begin(TLS_REQUIRE);
	for (i = 0; i < ARRAY_SIZE(options); i++)
		assert_int_equal((uint32_t)NBD_REP_ERR_TLS_REQD,
				 fake_nbd_ask(&c, options[i], NULL, 0));
	assert_int_equal((uint32_t)NBD_REP_ERR_INVALID,
			 fake_nbd_ask(&c, NBD_OPT_STARTTLS, "x", 1));
	assert_int_equal(0, c.backend.nr_submitted);
	fake_nbd_option(&c, NBD_OPT_EXPORT_NAME, "f", 1);
	assert_non_null(c.fatal);
	assert_true(fake_nbd_fini(&c));
	begin(TLS_REQUIRE);
	assert_int_equal(NBD_REP_ACK, fake_nbd_ask(&c, NBD_OPT_ABORT, NULL, 0));
	assert_true(fake_nbd_fini(&c));
}

/* All that was agreed on before is void. */
static void
test_started(void **state)
{
	static const char *const base[] = { "base:allocation", NULL };
	struct fake_nbd_reply *r;
	enum tls_mode tls;

	(void)state;
	for (tls = TLS_ON; tls <= TLS_REQUIRE; tls++) {
		begin(tls);
		if (tls == TLS_ON) {
			(void)fake_nbd_ask(&c, NBD_OPT_EXTENDED_HEADERS, NULL,
					   0);
			(void)fake_nbd_meta(&c, NBD_OPT_SET_META_CONTEXT, "f",
					    base);
			assert_int_equal(1, c.backend.nr_handles);
		}
		assert_int_equal(NBD_REP_ACK,
				 fake_nbd_ask(&c, NBD_OPT_STARTTLS, NULL, 0));
		assert_int_equal(1, c.nr_tls);
		assert_int_equal(0, c.backend.nr_handles);
		assert_true(protocol_nbd.session_is_full(c.s));
		/* What comes now is not for the session. */
		assert_int_equal(0, fake_nbd_info(&c, NBD_OPT_INFO, "f", 0));
		protocol_nbd.session_tls_ready(c.s);
		assert_false(protocol_nbd.session_is_full(c.s));
		fake_nbd_pump(&c);
		while ((r = fake_nbd_take(&c)))
			fake_nbd_reply_free(r);
		assert_int_equal((uint32_t)NBD_REP_ERR_INVALID,
				 fake_nbd_ask(&c, NBD_OPT_STARTTLS, NULL, 0));
		assert_int_equal(
			NBD_REP_ACK,
			fake_nbd_ask(&c, NBD_OPT_STRUCTURED_REPLY, NULL, 0));
		assert_int_equal(NBD_REP_ACK,
				 fake_nbd_info(&c, NBD_OPT_GO, "f", 0));
		c.contexts = 0;
		assert_int_equal(
			NBD_EINVAL,
			fake_nbd_call(&c, NBD_CMD_BLOCK_STATUS, 0, 0, 10));
		assert_true(fake_nbd_fini(&c));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_off),
		cmocka_unit_test(test_required),
		cmocka_unit_test(test_started),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
