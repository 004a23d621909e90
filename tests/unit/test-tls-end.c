/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The end of a connection in TLS: what was answered arrives before it, it is
 * said (close_notify), and a client that does not say it is one that left.
 */
#include "tls-fixture.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define BIG ((size_t)4 << 20)

static uint8_t *in;

/* No reply is queued any more, and yet not all has left. */
static void
the_tail_is_not_forgotten(void **state)
{
	const size_t len = 100000;
	int small = 20000;
	struct tls_fixture f;
	uint8_t out[12];
	unsigned i;

	(void)state;
	tls_setup(&f);
	tls_up(&f);
	assert_int_equal(0, setsockopt(tls_conn(&f)->fd, SOL_SOCKET, SO_SNDBUF,
				       &small, sizeof(small)));
	(void)tls_message(out, 'G', 8);
	(void)tls_message(out + 4, 0, len);
	(void)tls_message(out + 8, 'Q', 4);
	tls_say(&f, out, 12);
	for (i = 0; i < 4; i++)
		tls_step(&f);
	assert_true(STAILQ_EMPTY(&tls_conn(&f)->tx));
	assert_false(conn_is_idle(tls_conn(&f)));
	tls_hear(&f, in, len);
	tls_step(&f);
	assert_null(tls_conn(&f));
	tls_teardown(&f);
}

static void
the_end_is_said(void **state)
{
	struct tls_fixture f;
	uint8_t both[12];

	(void)state;
	tls_setup(&f);
	tls_up(&f);
	(void)tls_message(both, 'G', 8);
	(void)tls_message(both + 4, 0, BIG);
	(void)tls_message(both + 8, 'Q', 4);
	tls_say(&f, both, sizeof(both));
	tls_hear(&f, in, BIG); /* all, though it is leaving */
	tls_step(&f);
	assert_int_equal(0, gnutls_record_recv(f.client, in, 1));
	assert_null(tls_conn(&f));
	tls_teardown(&f);
}

static void
the_clients_end(void **state)
{
	struct tls_fixture f;
	unsigned is_said;

	(void)state;
	for (is_said = 0; is_said < 2; is_said++) {
		tls_setup(&f);
		tls_up(&f);
		if (is_said)
			(void)gnutls_bye(f.client, GNUTLS_SHUT_WR);
		(void)close(f.fd);
		f.fd = -1;
		tls_step(&f);
		assert_null(tls_conn(&f));
		tls_teardown(&f);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_tail_is_not_forgotten),
		cmocka_unit_test(the_end_is_said),
		cmocka_unit_test(the_clients_end),
	};
	int r;

	in = malloc(BIG);
	r = cmocka_run_group_tests(tests, NULL, NULL);
	free(in);
	return r;
}
