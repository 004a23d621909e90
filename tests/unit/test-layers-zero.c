/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Zeroing and trimming (nbd.md 14): what each way leaves in the file, with file
 * systems that can do all, some or nothing of it; and that it is not asked
 * again for what it cannot do.
 */
#include "layers-blocks.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "layers-calls.h"

#define PUNCH FALLOC_FL_PUNCH_HOLE
#define RANGE FALLOC_FL_ZERO_RANGE
#define ALL (PUNCH | RANGE | CALLS_ALLOCATE)
#define UPPER "tr '\\0' x </dev/zero | head -c 1000000 >upper/f"
#define LOWER "tr '\\0' x </dev/zero | head -c 1000000 >lower2/f"
/* A hole where the range is, data around it. */
#define HOLED LOWER "; fallocate -p -o 65536 -l 655360 lower2/f"

#define OFF 100000
#define LEN 500000
enum what { OLD, ZEROS };

static const struct zeroing {
	const char *name, *layers; /* a shell command */
	int lacks; /* of fallocate() */
	enum zero_how how;
	bool is_fast;
	int r;
	enum what what; /* becomes of the range */
	bool copies_up, has_hole;
} zeroings[] = {
	{ "trim", UPPER, 0, ZERO_TRIM, 0, 0, ZEROS, 1, 1 },
	{ "trim lower", LOWER, 0, ZERO_TRIM, 0, 0, OLD, 0, 0 },
	{ "trim, cannot", UPPER, PUNCH, ZERO_TRIM, 0, 0, OLD, 1, 0 },
	{ "free", UPPER, 0, ZERO_FREE, 0, 0, ZEROS, 1, 1 },
	{ "free lower", LOWER, 0, ZERO_FREE, 0, 0, ZEROS, 1, 1 },
	{ "free hole", HOLED, 0, ZERO_FREE, 0, 0, ZEROS, 0, 1 },
	{ "free, cannot", UPPER, ALL, ZERO_FREE, 0, 0, ZEROS, 1, 0 },
	{ "free fast", UPPER, 0, ZERO_FREE, 1, 0, ZEROS, 1, 1 },
	{ "free fast hole", HOLED, 0, ZERO_FREE, 1, 0, ZEROS, 0, 1 },
	{ "free fast lower", LOWER, 0, ZERO_FREE, 1, -EOPNOTSUPP, OLD, 0, 0 },
	{ "free fast, cannot", UPPER, PUNCH, ZERO_FREE, 1, -EOPNOTSUPP, OLD, 1,
	  0 },
	{ "keep", UPPER, 0, ZERO_KEEP, 0, 0, ZEROS, 1, 0 },
	{ "keep lower", LOWER, 0, ZERO_KEEP, 0, 0, ZEROS, 1, 0 },
	{ "keep hole", HOLED, 0, ZERO_KEEP, 0, 0, ZEROS, 1, 0 },
	{ "keep, no range", UPPER, RANGE, ZERO_KEEP, 0, 0, ZEROS, 1, 0 },
	{ "keep, no allocate", UPPER, RANGE | CALLS_ALLOCATE, ZERO_KEEP, 0, 0,
	  ZEROS, 1, 0 },
	{ "keep, cannot", UPPER, ALL, ZERO_KEEP, 0, 0, ZEROS, 1, 0 },
	{ "keep fast", UPPER, 0, ZERO_KEEP, 1, 0, ZEROS, 1, 0 },
	{ "keep fast lower", LOWER, 0, ZERO_KEEP, 1, -EOPNOTSUPP, OLD, 0, 0 },
	{ "keep fast, cannot", UPPER, ALL, ZERO_KEEP, 1, -EOPNOTSUPP, OLD, 1,
	  0 },
};

static void
assert_content(struct handle *h, enum what what)
{
	static char buf[1000001];
	struct iovec iov = { buf, sizeof(buf) };
	size_t i;

	assert_int_equal(1000000, tree_read(h, &fixture_call, &iov, 1, 0));
	for (i = 0; i < 1000000; i++)
		if (buf[i] != (what == ZEROS && i >= OFF && i < OFF + LEN
				       ? '\0'
				       : 'x') &&
		    (i < 65536 || i >= 65536 + 655360 || buf[i] != '\0'))
			fail_msg("byte %zu is %d", i, buf[i]);
}

/* Has the file fewer blocks than data? */
static bool
has_hole(struct node *n)
{
	struct attr attr;

	assert_int_equal(0, tree_getattr(n, NULL, &fixture_call, &attr));
	return attr.blocks_512 * 512 < 700000;
}

static bool
add(void *ctx, const struct extent *e)
{
	*(bool *)ctx |= e->is_hole;
	return true;
}

/* A copy that shares blocks (xfs) is given more of them when it is changed. */
static bool
shows_hole(struct handle *h)
{
	bool is_there = false;

	assert_int_equal(
		0, tree_extents(h, &fixture_call, OFF, LEN, add, &is_there));
	return is_there;
}

static void
each_way(void **state)
{
	struct fixture *f = *state;
	const struct zeroing *z;
	unsigned nr_asked;
	struct handle *h;
	struct node *n;
	size_t i;

	for (i = 0; i < sizeof(zeroings) / sizeof(zeroings[0]); i++) {
		z = &zeroings[i];
		print_message("%s\n", z->name);
		fixture_layers(f, z->layers);
		fixture_open(f, true);
		n = blocks_walk(f, "f");
		h = blocks_open(n);
		calls = (struct calls){ .lacks = z->lacks };
		assert_int_equal(z->r, tree_zero(h, &fixture_call, OFF, LEN,
						 z->how, z->is_fast));
		assert_content(h, z->what);
		assert_true(z->copies_up == fixture_holds(f, "[ -e upper/f ]"));
		/* tmpfs and ext4 keep the blocks of what is zeroed. */
		if (z->has_hole)
			assert_true(has_hole(n) || shows_hole(h));
		else
			assert_false(has_hole(n));
		nr_asked = calls.nr_fallocates;
		assert_int_equal(z->r, tree_zero(h, &fixture_call, OFF, LEN,
						 z->how, z->is_fast));
		if (z->lacks == ALL || z->lacks == PUNCH)
			assert_int_equal(nr_asked, calls.nr_fallocates);
		calls = (struct calls){ 0 };
		handle_unref(h);
		node_unref(n);
		fixture_close(f);
	}
}

static const struct range {
	uint64_t off, len;
	int r;
} ranges[] = {
	{ 0, 0, 0 },
	{ INT64_MAX, 0, 0 },
	{ (uint64_t)INT64_MAX + 1, 1, -EINVAL },
	{ 0, (uint64_t)INT64_MAX + 1, -EINVAL },
	{ UINT64_MAX, UINT64_MAX, -EINVAL },
	{ 1, INT64_MAX, -EFBIG },
	{ 5000, INT64_MAX - 5000, 0 },
	{ 1000000, 1 << 20, 0 },
	{ 0, INT64_MAX, 0 },
	{ 1, INT64_MAX - 1, 0 },
};

/* However long: nothing is allocated past the end, and the size stays. */
static void
odd_ranges(void **state)
{
	struct fixture *f = *state;
	struct handle *h;
	struct attr attr;
	struct node *n;
	enum zero_how how;
	size_t i;

	for (how = ZERO_TRIM; how <= ZERO_KEEP; how++)
		for (i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
			fixture_layers(f, UPPER);
			fixture_open(f, true);
			n = blocks_walk(f, "f");
			h = blocks_open(n);
			/* Every other time by writing. */
			calls = (struct calls){ .lacks = i % 2 ? ALL : 0,
						.has_no_holes = i > 7 };
			assert_int_equal(ranges[i].r,
					 tree_zero(h, &fixture_call,
						   ranges[i].off, ranges[i].len,
						   how, false));
			assert_in_range(calls.allocated, 0, 1000000);
			calls = (struct calls){ 0 };
			assert_int_equal(
				0, tree_getattr(n, h, &fixture_call, &attr));
			assert_int_equal(1000000, attr.size);
			handle_unref(h);
			node_unref(n);
			fixture_close(f);
		}
}

#define TEST(f) \
	cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = { TEST(each_way), TEST(odd_ranges) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
