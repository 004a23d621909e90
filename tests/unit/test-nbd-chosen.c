/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * BLOCK_STATUS of some contexts: in extended mode a command may choose among
 * those that were selected (nbd.md 5).
 */
#include "unit.h"

#include <string.h>

#include "fake-nbd-client.h"
#include "macros.h"

static struct fake_nbd c;

/* In extended mode a command may choose among the contexts. */
static void
test_chosen(void **state)
{
	static const struct {
		size_t len;
		uint32_t ids[3];
		uint32_t error;
		unsigned contexts;
	} cases[] = {
		{ 12, { 1 }, 0, 1 },
		{ 12, { 2 }, 0, 2 },
		{ 16, { 2, 1 }, 0, 3 },
		{ 16, { 1, 1 }, NBD_EINVAL, 0 },
		{ 12, { 0 }, NBD_EINVAL, 0 },
		{ 12, { 3 }, NBD_EINVAL, 0 },
		{ 12, { UINT32_MAX }, NBD_EINVAL, 0 },
		{ 8, { 0 }, NBD_EINVAL, 0 },
		{ 13, { 1 }, NBD_EINVAL, 0 },
		{ 4, { 0 }, NBD_EINVAL, 0 },
		{ 0, { 0 }, NBD_EINVAL, 0 },
	};
	struct nbd_header h = { .type = NBD_CMD_BLOCK_STATUS,
				.flags = NBD_FLAG_PAYLOAD_LEN };
	struct fake_nbd_cmd *cmd;
	uint8_t data[32];
	size_t i, j;

	(void)state;
	fake_nbd_start(&c, NBD_EXTENDED);
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		struct wire_out w = { .p = data, .end = data + sizeof(data) };

		print_message("case %zu\n", i);
		wire_put_be64(&w, 4096);
		for (j = 0; j < 3; j++)
			wire_put_be32(&w, cases[i].ids[j]);
		h.len = cases[i].len;
		c.contexts = cases[i].contexts;
		cmd = fake_nbd_send(&c, h, data, cases[i].len);
		assert_true(cmd->is_answered);
		assert_int_equal(cases[i].error, cmd->error);
		assert_int_equal(cases[i].contexts,
				 (cmd->maps[0].nr > 0) | (cmd->maps[1].nr > 0)
								 << 1);
	}
	assert_true(fake_nbd_fini(&c));
}

static void
test_none(void **state)
{
	(void)state;
	fake_nbd_start(&c, NBD_SIMPLE);
	assert_int_equal(NBD_EINVAL,
			 fake_nbd_call(&c, NBD_CMD_BLOCK_STATUS, 0, 0, 512));
	assert_true(fake_nbd_fini(&c));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_chosen),
		cmocka_unit_test(test_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
