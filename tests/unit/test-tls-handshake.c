/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * From plain to TLS: who sends something behind its wish for TLS, no
 * ClientHello, a wrong key, or nothing more, is hung up on; and nothing that
 * came plain is taken as if it had come through TLS (nbd.md 11).
 */
#include "tls-fixture.h"

#include <errno.h>
#include <string.h>

static void
is_gone(struct tls_fixture *f)
{
	uint8_t bytes[4096];
	ssize_t n;

	tls_step(f);
	assert_null(tls_conn(f));
	/* An alert may have been said; nothing that a message asked for. */
	while ((n = tls_plain_recv(f, bytes, sizeof(bytes))) > 0)
		assert_int_not_equal('E', bytes[0]);
	assert_int_equal(0, n);
}

static void
bytes_behind_the_wish(void **state)
{
	static const uint8_t both[] = { 'S', 0, 0, 4, 'E', 0, 0, 4 };
	struct tls_fixture f;
	size_t len;

	(void)state;
	for (len = 5; len <= sizeof(both); len++) {
		tls_setup(&f);
		tls_plain(&f, both, len);
		is_gone(&f);
		tls_teardown(&f);
	}
}

/* The wish is the last that fits into what is received at once. */
static void
bytes_behind_the_end_of_a_buffer(void **state)
{
	static uint8_t m[1 << 18], in[sizeof(m)];
	struct tls_fixture f;
	size_t room;

	(void)state;
	tls_setup(&f);
	tls_plain(&f, m, tls_message(m, 'E', 4));
	tls_step(&f);
	assert_int_equal(4, tls_plain_recv(&f, in, sizeof(in)));
	room = tls_conn(&f)->rx->size;
	(void)tls_message(m, 'E', room - 4);
	(void)tls_message(m + room - 4, 'S', 4);
	(void)tls_message(m + room, 'E', 40);
	tls_plain(&f, m, room + 40);
	tls_step(&f);
	assert_int_equal(room - 4, tls_plain_recv(&f, in, room - 4));
	is_gone(&f);
	tls_teardown(&f);
}

/* A batch is flushed, and TLS begun, while frames are still looked at. */
static void
a_wish_at_the_end_of_a_batch(void **state)
{
	uint8_t m[32][4], in[sizeof(m) + 1];
	struct tls_fixture f;
	unsigned nr, i;

	(void)state;
	for (nr = 1; nr <= 32; nr++) {
		tls_setup(&f);
		for (i = 0; i < nr; i++)
			(void)tls_message(m[i], i + 1 < nr ? 'E' : 'S', 4);
		tls_plain(&f, m, nr * sizeof(m[0]));
		for (i = 0; i < 4; i++)
			tls_step(&f);
		assert_int_equal(nr * sizeof(m[0]),
				 tls_plain_recv(&f, in, sizeof(in)));
		assert_int_equal('A', in[(nr - 1) * sizeof(m[0])]);
		tls_client(&f, "alice");
		tls_finish(&f);
		tls_teardown(&f);
	}
}

static void
no_client_hello(void **state)
{
	static const char garbage[] =
		"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n0123456789";
	struct tls_fixture f;

	(void)state;
	tls_setup(&f);
	tls_ask(&f, "alice");
	tls_plain(&f, garbage, sizeof(garbage));
	is_gone(&f);
	tls_teardown(&f);
}

static void
a_wrong_user(void **state)
{
	static const char *const users[] = { "bob", "mallory", "alice " };
	struct tls_fixture f;
	unsigned nr, i;
	int r;

	(void)state;
	for (i = 0; i < 3; i++) {
		tls_setup(&f);
		tls_ask(&f, users[i]);
		for (nr = 0; (r = tls_shake(&f)) == GNUTLS_E_AGAIN; nr++) {
			assert_true(nr < 100);
			tls_step(&f);
		}
		assert_true(gnutls_error_is_fatal(r));
		is_gone(&f);
		tls_teardown(&f);
	}
}

static void
silence(void **state)
{
	static const uint8_t half[] = { 22, 3, 1, 1, 0, 1 };
	struct tls_fixture f;
	unsigned len;

	(void)state;
	for (len = 0; len <= sizeof(half); len += sizeof(half)) {
		tls_setup(&f);
		tls_ask(&f, "alice");
		tls_plain(&f, half, len);
		tls_step(&f);
		conn_check_timeout(tls_conn(&f), ev_now(f.loop->ev) + 59);
		assert_false(tls_conn(&f)->is_closed);
		conn_check_timeout(tls_conn(&f), ev_now(f.loop->ev) + 62);
		loop_flush(f.loop);
		is_gone(&f);
		tls_teardown(&f);
	}
}

/* Hands shaken, and then idle: that may last. */
static void
idle_is_no_silence(void **state)
{
	struct tls_fixture f;

	(void)state;
	tls_setup(&f);
	tls_up(&f);
	conn_check_timeout(tls_conn(&f), ev_now(f.loop->ev) + 1000);
	assert_false(tls_conn(&f)->is_closed);
	tls_teardown(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_behind_the_wish),
		cmocka_unit_test(bytes_behind_the_end_of_a_buffer),
		cmocka_unit_test(a_wish_at_the_end_of_a_batch),
		cmocka_unit_test(no_client_hello),
		cmocka_unit_test(a_wrong_user),
		cmocka_unit_test(silence),
		cmocka_unit_test(idle_is_no_silence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
