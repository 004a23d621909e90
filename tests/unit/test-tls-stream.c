/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What goes through TLS comes out as it went in, whatever its size and
 * however it is cut: nothing is forgotten in a buffer that no socket tells
 * of, small replies share a record, and who reads slowly gets all.
 */
#include "tls-fixture.h"

#include <stdlib.h>
#include <string.h>

#define BIG ((size_t)4 << 20)
#define NR_SMALL 2000
#define SMALL 24

static uint8_t *out, *in;

static void
echo_of_each_size(void **state)
{
	static const size_t sizes[] = { 4,     5,     100,    16383,
					16384, 16385, 131072, BIG };
	struct tls_fixture f;
	size_t i, j;

	(void)state;
	tls_setup(&f);
	tls_up(&f);
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		for (j = 4; j < sizes[i]; j++)
			out[j] = TLS_PATTERN(j + i);
		tls_say(&f, out, tls_message(out, 'E', sizes[i]));
		memset(in, 0, sizes[i]);
		tls_hear(&f, in, sizes[i]);
		assert_memory_equal(out, in, sizes[i]);
	}
	tls_teardown(&f);
}

/* They come in a few records, more than is done in one turn. */
static void
many_small_ones_at_once(void **state)
{
	struct tls_fixture f;
	size_t i, raw;

	(void)state;
	tls_setup(&f);
	tls_up(&f);
	for (i = 0; i < NR_SMALL; i++) {
		memset(out + i * SMALL, (int)i, SMALL);
		(void)tls_message(out + i * SMALL, 'E', SMALL);
	}
	raw = f.nr_raw;
	tls_say(&f, out, NR_SMALL * SMALL);
	tls_hear(&f, in, NR_SMALL * SMALL);
	assert_memory_equal(out, in, NR_SMALL * SMALL);
	/* A record has at least 22 bytes beyond its content. */
	assert_in_range(f.nr_raw - raw, NR_SMALL * SMALL,
			NR_SMALL * SMALL + NR_SMALL * 22 / 4);
	tls_teardown(&f);
}

/* The client's last words of the handshake, and its first of use. */
static void
a_message_with_the_handshake(void **state)
{
	struct tls_fixture f;

	(void)state;
	tls_setup(&f);
	tls_ask(&f, "alice");
	while (tls_shake(&f) < 0)
		tls_step(&f);
	tls_say(&f, out, tls_message(out, 'E', SMALL));
	tls_hear(&f, in, SMALL);
	assert_memory_equal(out, in, SMALL);
	tls_teardown(&f);
}

static void
a_slow_reader_gets_all(void **state)
{
	struct tls_fixture f;
	uint8_t ask[8];
	size_t i, len;

	(void)state;
	tls_setup(&f);
	tls_up(&f);
	(void)tls_message(ask, 'G', sizeof(ask));
	(void)tls_message(ask + 4, 0, BIG);
	tls_say(&f, ask, sizeof(ask));
	for (i = 0; i < 10; i++)
		tls_step(&f); /* as far as the pipe takes it */
	assert_false(conn_is_idle(tls_conn(&f)));
	for (i = 0; i < BIG; i += len) {
		len = BIG - i < 5000 ? BIG - i : 5000;
		tls_hear(&f, in + i, len);
	}
	for (i = 4; i < BIG; i++)
		assert_int_equal(TLS_PATTERN(i), in[i]);
	tls_step(&f);
	assert_true(conn_is_idle(tls_conn(&f)));
	tls_teardown(&f);
}

/*
 * Reading pauses while a large reply is sent; what came before that is in no
 * socket any more.
 */
static void
more_behind_a_large_reply(void **state)
{
	const size_t large = 1 << 20, echo = 4096, nr = 30;
	struct tls_fixture f;
	size_t i;

	(void)state;
	tls_setup(&f);
	tls_up(&f);
	tls_conn(&f)->tx_max = large;
	(void)tls_message(out, 'G', 8);
	(void)tls_message(out + 4, 0, large);
	for (i = 0; i < nr; i++)
		(void)tls_message(out + 8 + i * echo, 'E', echo);
	tls_say(&f, out, 8 + nr * echo);
	tls_hear(&f, in, large);
	tls_hear(&f, in, nr * echo);
	assert_memory_equal(out + 8, in, nr * echo);
	tls_teardown(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(echo_of_each_size),
		cmocka_unit_test(many_small_ones_at_once),
		cmocka_unit_test(a_message_with_the_handshake),
		cmocka_unit_test(a_slow_reader_gets_all),
		cmocka_unit_test(more_behind_a_large_reply),
	};
	int r;

	out = malloc(BIG);
	in = malloc(BIG);
	r = cmocka_run_group_tests(tests, NULL, NULL);
	free(out);
	free(in);
	return r;
}
