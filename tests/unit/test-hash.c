/* SPDX-License-Identifier: BSD-3-Clause */
/* common/hash.h: entries are found, also when hashes collide, and survive
 * growth and the removal of others. */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "macros.h"

#define NR 5000u

struct thing {
	struct hash_entry by_key;
	uint64_t key;
};

static struct thing *
find(const struct hash *t, uint64_t hash, uint64_t key)
{
	struct hash_entry *e;

	for (e = hash_find(t, hash); e; e = hash_same(e)) {
		struct thing *x = container_of(e, struct thing, by_key);

		if (x->key == key)
			return x;
	}
	return NULL;
}

/* @spread: how many different hashes there are. */
static void
check_table(uint64_t spread)
{
	struct thing *things = calloc(NR, sizeof(*things));
	struct hash t;
	uint64_t i;

	assert_int_equal(0, hash_init(&t));
	assert_null(hash_any(&t));
	for (i = 0; i < NR; i++) {
		things[i].key = i;
		hash_add(&t, &things[i].by_key, hash_mix(i % spread));
	}
	assert_int_equal(NR, t.nr_entries);
	assert_true(t.nr_buckets >= NR);
	for (i = 0; i < NR; i += 2)
		hash_del(&t, &things[i].by_key);
	for (i = 0; i < NR; i++)
		assert_ptr_equal(i % 2 ? &things[i] : NULL,
				 find(&t, hash_mix(i % spread), i));
	assert_null(find(&t, hash_mix(spread), NR));
	for (i = 0; hash_any(&t); i++)
		hash_del(&t, hash_any(&t));
	assert_int_equal(NR / 2, i);
	assert_int_equal(0, t.nr_entries);
	hash_fini(&t);
	free(things);
}

static void
test_table(void **state)
{
	(void)state;
	check_table(NR);
	check_table(7);
}

/* Any length from any alignment; each byte and the seed count. */
static void
test_bytes(void **state)
{
	unsigned char a[40], b[40];
	size_t len, i;

	(void)state;
	memset(a, 0, sizeof(a));
	for (len = 1; len < 32; len++) {
		memcpy(b + 1, a, len);
		assert_true(hash_bytes(a, len, 1) == hash_bytes(b + 1, len, 1));
		assert_true(hash_bytes(a, len, 1) != hash_bytes(a, len, 2));
		assert_true(hash_bytes(a, len, 1) != hash_bytes(a, len - 1, 1));
		for (i = 0; i < len; i++) {
			b[1 + i] ^= 1;
			assert_true(hash_bytes(a, len, 1) !=
				    hash_bytes(b + 1, len, 1));
			b[1 + i] ^= 1;
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
