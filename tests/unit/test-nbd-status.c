/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * BLOCK_STATUS (nbd.md 6 and 7): what becomes of the extents of a file in
 * each context, and how many are told.
 */
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "fake-nbd-client.h"
#include "macros.h"

#define ONE NBD_FLAG_REQ_ONE
#define GIB ((uint64_t)1 << 30)

static struct fake_nbd c;

/* As "length:value ...". */
static const char *
map_text(const struct nbd_map *m)
{
	static char text[2][512];
	static unsigned which;
	char *to = text[which ^= 1];
	size_t len = 0;
	unsigned i;

	*to = '\0';
	for (i = 0; i < m->nr && len < 400; i++)
		len += (size_t)sprintf(to + len, "%s%llu:%u", i ? " " : "",
				       (unsigned long long)m->v[i].len,
				       m->v[i].value);
	return to;
}

#define DATA(len, depth)             \
	{                            \
		0, len, false, depth \
	}
#define HOLE(len)               \
	{                       \
		0, len, true, 0 \
	}

static void
test_shapes(void **state)
{
	static const struct {
		struct extent e[4];
		uint16_t flags;
		uint64_t off, len;
		const char *base, *depth;
	} cases[] = {
		{ { DATA(4096, 1) },
		  0,
		  0,
		  8192,
		  "4096:0 4096:3",
		  "4096:1 4096:0" },
		{ { DATA(4096, 1) }, ONE, 0, 8192, "4096:0", "4096:1" },
		/* What is one for one context is two for the other. */
		{ { DATA(4096, 1), DATA(4096, 2) },
		  0,
		  0,
		  8192,
		  "8192:0",
		  "4096:1 4096:2" },
		{ { DATA(4096, 1), DATA(4096, 2) },
		  ONE,
		  0,
		  8192,
		  "8192:0",
		  "4096:1" },
		{ { DATA(4096, 2), HOLE(8192), HOLE(4096), DATA(4096, 1) },
		  0,
		  512,
		  20000,
		  "3584:0 12288:3 4096:0 32:3",
		  "3584:2 12288:0 4096:1 32:0" },
		/* Rather too much data than too much of a hole. */
		{ { DATA(1000, 1), HOLE(1000), DATA(1000, 1) },
		  0,
		  0,
		  4096,
		  "1024:0 512:3 1536:0 1024:3",
		  "1024:1 512:0 1536:1 1024:0" },
		{ { HOLE(100), DATA(4096, 1) }, ONE, 0, 600, "600:0", "600:1" },
		{ { HOLE(4096) }, ONE, 5, 7, "7:3", "7:0" },
		{ { DATA(1 << 20, 3) }, 0, 4096, 4096, "4096:0", "4096:3" },
	};
	enum nbd_mode mode;
	size_t i;

	(void)state;
	for (mode = NBD_STRUCTURED; mode <= NBD_EXTENDED; mode++) {
		fake_nbd_init(&c, NULL);
		c.backend.image.size = 1 << 20;
		fake_nbd_start(&c, mode);
		for (i = 0; i < ARRAY_SIZE(cases); i++) {
			print_message("mode %d case %zu\n", mode, i);
			memcpy(c.backend.image.extents, cases[i].e,
			       sizeof(cases[i].e));
			c.backend.image.nr_extents = 4;
			assert_int_equal(
				0, fake_nbd_call(&c, NBD_CMD_BLOCK_STATUS,
						 cases[i].flags, cases[i].off,
						 cases[i].len));
			assert_string_equal(cases[i].base,
					    map_text(&c.cmds->maps[0]));
			assert_string_equal(cases[i].depth,
					    map_text(&c.cmds->maps[1]));
			assert_int_equal(2, c.cmds->nr_chunks);
		}
		assert_true(fake_nbd_fini(&c));
	}
}

/* So many extents, and no more is looked for. */
static void
test_many(void **state)
{
	(void)state;
	fake_nbd_init(&c, NULL);
	c.backend.image.size = GIB;
	c.backend.image.alternate = 4096;
	fake_nbd_start(&c, NBD_STRUCTURED);
	assert_int_equal(0, fake_nbd_call(&c, NBD_CMD_BLOCK_STATUS, 0, 0, GIB));
	assert_int_equal(NBD_EXTENTS_MAX, c.cmds->maps[0].nr);
	assert_int_equal(NBD_EXTENTS_MAX, c.cmds->maps[1].nr);
	assert_int_equal(NBD_EXTENTS_MAX + 1, c.backend.image.nr_emitted);
	assert_int_equal(0,
			 fake_nbd_call(&c, NBD_CMD_BLOCK_STATUS, ONE, 0, GIB));
	assert_int_equal(2, c.backend.image.nr_emitted);
	assert_true(fake_nbd_fini(&c));
}

/* What 32 bits cannot say is said in two; 64 bits can. */
static void
test_large(void **state)
{
	static const struct {
		enum nbd_mode mode;
		uint64_t len;
		const char *base;
	} cases[] = {
		{ NBD_STRUCTURED, UINT32_MAX, "4294963200:3 4095:3" },
		{ NBD_STRUCTURED, UINT32_MAX - 4095, "4294963200:3" },
		{ NBD_EXTENDED, 1000 * GIB, "1073741824000:3" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		fake_nbd_init(&c, NULL);
		c.backend.image.size = 2000 * GIB;
		fake_nbd_start(&c, cases[i].mode);
		assert_int_equal(0, fake_nbd_call(&c, NBD_CMD_BLOCK_STATUS, 0,
						  0, cases[i].len));
		assert_string_equal(cases[i].base, map_text(&c.cmds->maps[0]));
		assert_true(fake_nbd_fini(&c));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shapes),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_large),

	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
