/* SPDX-License-Identifier: BSD-3-Clause */
/* Byte-range locks of one object (9p.md 5.10). */
#include "layers-fixture.h"

#include <errno.h>

#include "lock.h"

#define END UINT64_MAX

/* Owners are (connection, process); handles 1 to 4 stand for open fids. */
struct step {
	char op; /* r, w: set; u: unlock; t: test for a write lock; d: drop */
	uint64_t owner;
	uint32_t proc;
	uintptr_t handle;
	uint64_t start, end;
	int want; /* of t: 1 in the way, 0 free */
};

#define MAX_STEPS 8

static const struct {
	const char *name;
	struct step steps[MAX_STEPS];
} cases[] = {
	{ "readers share, a writer conflicts",
	  { { 'r', 1, 1, 1, 0, END, 0 },
	    { 'r', 2, 1, 2, 0, END, 0 },
	    { 'w', 3, 1, 3, 5, 5, -EBUSY } } },
	{ "the same process of two guests is two owners",
	  { { 'w', 1, 7, 1, 0, 9, 0 }, { 'w', 2, 7, 2, 0, 9, -EBUSY } } },
	{ "one owner replaces its own",
	  { { 'w', 1, 1, 1, 0, 9, 0 },
	    { 'r', 1, 1, 1, 0, 9, 0 },
	    { 'r', 2, 1, 2, 0, 9, 0 } } },
	{ "unlocking the middle splits",
	  { { 'w', 1, 1, 1, 0, 99, 0 },
	    { 'u', 1, 1, 1, 40, 59, 0 },
	    { 'w', 2, 1, 2, 40, 59, 0 },
	    { 'w', 2, 1, 2, 39, 39, -EBUSY },
	    { 'w', 2, 1, 2, 60, 60, -EBUSY } } },
	{ "neighbours merge and go together",
	  { { 'w', 1, 1, 1, 0, 9, 0 },
	    { 'w', 1, 1, 1, 10, 19, 0 },
	    { 'u', 1, 1, 1, 0, 19, 0 },
	    { 't', 2, 1, 2, 0, END, 0 } } },
	{ "to the end of file",
	  { { 'w', 1, 1, 1, 100, END, 0 },
	    { 'w', 2, 1, 2, 0, 99, 0 },
	    { 'w', 2, 1, 2, END, END, -EBUSY } } },
	{ "a child unlocks what its handle holds",
	  { { 'w', 1, 1, 1, 0, END, 0 },
	    { 'u', 1, 2, 1, 0, END, 0 },
	    { 't', 2, 1, 2, 0, END, 0 } } },
	{ "but not what another handle holds",
	  { { 'w', 1, 1, 1, 0, END, 0 },
	    { 'u', 1, 2, 2, 0, END, 0 },
	    { 't', 2, 1, 3, 0, END, 1 } } },
	{ "a child unlocks the middle of what its handle holds",
	  { { 'w', 1, 1, 1, 0, 9, 0 },
	    { 'r', 1, 2, 1, 20, 29, 0 },
	    { 'w', 1, 3, 1, 40, 49, 0 },
	    { 'u', 1, 9, 1, 5, 45, 0 },
	    { 't', 2, 1, 2, 5, 45, 0 },
	    { 't', 2, 1, 2, 4, 4, 1 },
	    { 't', 2, 1, 2, 46, 46, 1 } } },
	{ "a child unlocks the middle of two owners' locks",
	  { { 'r', 1, 1, 1, 0, 9, 0 },
	    { 'r', 1, 2, 1, 0, 9, 0 },
	    { 'u', 1, 3, 1, 4, 5, 0 },
	    { 't', 2, 1, 2, 4, 5, 0 },
	    { 'u', 1, 1, 2, 0, 9, 0 },
	    { 't', 2, 1, 2, 9, 9, 1 },
	    { 'u', 1, 2, 2, 0, 9, 0 },
	    { 't', 2, 1, 2, 0, END, 0 } } },
	{ "a closed handle drops its locks",
	  { { 'w', 1, 1, 1, 0, END, 0 },
	    { 'd', 0, 0, 1, 0, 0, 0 },
	    { 't', 2, 1, 2, 0, END, 0 } } },
	{ "a range that ends before it starts",
	  { { 'w', 1, 1, 1, 5, 4, -EINVAL } } },
};

static int
do_step(struct lock_table *t, const struct step *s)
{
	const struct handle *h = (const void *)s->handle;
	struct lock_range range = {
		.type = s->op == 'r'   ? LOCK_RANGE_READ
			: s->op == 'u' ? LOCK_RANGE_NONE
				       : LOCK_RANGE_WRITE,
		.start = s->start,
		.end = s->end,
		.owner = s->owner,
		.proc_id = s->proc,
		.client_id = { "guest", 5 },
	};
	char id[LOCK_CLIENT_ID_MAX];

	if (s->op == 'd') {
		lock_table_drop(t, h);
		return 0;
	}
	if (s->op != 't')
		return lock_table_set(t, h, &range);
	lock_table_test(t, &range, id);
	return range.type != LOCK_RANGE_NONE;
}

static void
locks(void **state)
{
	struct lock_table *t;
	size_t i, j;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		print_message("%s\n", cases[i].name);
		t = lock_table_new(NULL);
		for (j = 0; j < MAX_STEPS && cases[i].steps[j].op; j++)
			assert_int_equal(cases[i].steps[j].want,
					 do_step(t, &cases[i].steps[j]));
		lock_table_free(t);
	}
}

/* However it grows: a client cannot have more locks than that. */
static void
limit(void **state)
{
	struct step lock = { 'w', 1, 1, 1, 0, END, 0 };
	struct step hole = { 'u', 1, 1, 1, 0, 0, 0 };
	struct lock_table *t = lock_table_new(NULL);
	uint64_t i;

	(void)state;
	assert_int_equal(0, do_step(t, &lock));
	for (i = 1; i < LOCK_TABLE_MAX; i++) {
		hole.start = hole.end = 2 * i;
		assert_int_equal(0, do_step(t, &hole));
	}
	hole.start = hole.end = 2 * i;
	assert_int_equal(-ENOLCK, do_step(t, &hole));
	hole.end = END;
	assert_int_equal(0, do_step(t, &hole));
	lock_table_free(t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(locks),
					    cmocka_unit_test(limit) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
