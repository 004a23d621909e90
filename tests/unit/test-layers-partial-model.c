/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Partial files against a model: a plain array. Random writes, truncations,
 * zeros, flushes, renames, links, steps of the copier, restarts; all must read
 * as in the model. After a restart with another boot id, which is what a power
 * failure looks like, each byte may be that of the last flush instead; what
 * was flushed must be there.
 *
 * VENEER_TEST_SEED=N: that seed only; VENEER_TEST_STEPS=N: so many steps.
 */
#include "layers-partial.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NR_SEEDS 60
#define NR_STEPS 40

/* As of the last flush. */
static struct partial_model flushed;
static char name[16], options[256];
static unsigned boot, nr_names;
static const char *copyup;
/* Open all the time, or (other seeds) never: then all is read from the map. */
static struct handle *held;
static struct node *held_node;
static bool holds;

static uint64_t
below(uint64_t n)
{
	return n ? (uint64_t)random() % n : 0;
}

static void
set_options(struct fixture *f)
{
	(void)snprintf(options, sizeof(options),
		       "metacopy=on,copyup=%s,partial-above=16K,"
		       "test-slow=0,test-boot=boot%u",
		       copyup, boot);
	f->options = options;
}

static void
write_some(struct fixture *f)
{
	uint64_t size = partial_model.size, off, len;

	switch (below(4)) {
	case 0: /* whole blocks */
		off = below(size / BLOCK + 1) * BLOCK;
		len = BLOCK * (1 + below(3));
		break;
	case 1: /* a long one */
		off = below(size + 1);
		len = 1 + below(20 * BLOCK);
		break;
	case 2: /* behind the end */
		off = size + below(2 * BLOCK);
		len = 1 + below(5000);
		break;
	default:
		off = below(size + 1);
		len = 1 + below(9000);
		break;
	}
	if (off + len <= PARTIAL_MODEL_MAX)
		partial_write_at(f, name, off, len);
}

/* Shorter, longer, or both at once. */
static void
truncate_some(struct fixture *f)
{
	unsigned how = (unsigned)below(3);

	if (how > 0)
		partial_truncate_to(f, name,
				    partial_model.size -
					    below(partial_model.size / 3 + 1));
	if (how < 2 && partial_model.size + 3 * BLOCK < PARTIAL_MODEL_MAX)
		partial_truncate_to(f, name,
				    partial_model.size + below(3 * BLOCK));
}

static void
zero_some(struct fixture *f)
{
	uint64_t size = partial_model.size, off = below(size), len;
	struct handle *h;
	struct node *n;

	len = 1 + below(size - off < 5 * BLOCK ? size - off : 5 * BLOCK);
	if (off + len > size)
		len = size - off;
	if (len == 0)
		return;
	h = partial_open(f, name, O_RDWR, &n);
	assert_int_equal(0, tree_zero(h, &fixture_call, off, len,
				      below(2) ? ZERO_FREE : ZERO_KEEP, false));
	memset(partial_model.data + off, 0, len);
	handle_unref(h);
	node_unref(n);
}

static void
rename_it(struct fixture *f)
{
	char to[16];

	(void)snprintf(to, sizeof(to), "d/n%u", nr_names++);
	assert_int_equal(0, fixture_do(f, "rename", name, to));
	strcpy(name, to);
}

static void
link_it(struct fixture *f)
{
	char to[16];

	(void)snprintf(to, sizeof(to), "l%u", nr_names++);
	assert_int_equal(0, fixture_do(f, "link", name, to));
	partial_assert_same(f, to);
	assert_int_equal(0, fixture_do(f, "unlink", name, NULL));
	strcpy(name, to);
}

static void
hold(struct fixture *f)
{
	held = holds ? partial_open(f, name, O_RDONLY, &held_node) : NULL;
}

static void
let_go(void)
{
	handle_unref(held);
	node_unref(held_node);
	held = NULL;
	held_node = NULL;
}

static void
restart(struct fixture *f)
{
	let_go();
	fixture_close(f);
	if (below(3) == 0)
		fixture_check(f);
	set_options(f);
	fixture_open(f, true);
	hold(f);
}

/* Each byte as it is, or as of the last flush; from now on it is so. */
static void
power_failure(struct fixture *f)
{
	static unsigned char buf[PARTIAL_MODEL_MAX];
	struct iovec iov = { buf, sizeof(buf) };
	struct handle *h;
	struct node *n;
	uint64_t i;

	boot++;
	restart(f);
	h = partial_open(f, name, O_RDONLY, &n);
	assert_int_equal(partial_model.size,
			 tree_read(h, &fixture_call, &iov, 1, 0));
	for (i = 0; i < partial_model.size; i++)
		if (buf[i] != partial_model.data[i] &&
		    (i >= flushed.size || buf[i] != flushed.data[i]))
			fail_msg("byte %llu is neither old nor new",
				 (unsigned long long)i);
	memcpy(partial_model.data, buf, partial_model.size);
	handle_unref(h);
	node_unref(n);
}

static void
flush(struct fixture *f)
{
	partial_fsync(f, name);
	memcpy(flushed.data, partial_model.data, partial_model.size);
	flushed.size = partial_model.size;
}

static void
step(struct fixture *f)
{
	uint64_t bytes;

	switch (below(20)) {
	case 0:
	case 11:
		truncate_some(f);
		break;
	case 1:
	case 2:
		flush(f);
		break;
	case 3:
		restart(f);
		break;
	case 4:
		power_failure(f);
		break;
	case 5:
		rename_it(f);
		break;
	case 6:
		link_it(f);
		break;
	case 7:
		assert_int_equal(0, fixture_do(f, "chmod", name, "640"));
		break;
	case 8:
		assert_true(tree_copy_some(f->tree, BLOCK, &bytes) >= 0);
		break;
	case 9:
	case 10:
		zero_some(f);
		break;
	default:
		write_some(f);
		break;
	}
}

static void
one_seed(struct fixture *f, unsigned seed, unsigned nr_steps)
{
	unsigned i;

	srandom(seed);
	copyup = seed % 2 ? "lazy" : "background";
	holds = seed % 3 != 0;
	strcpy(name, "f");
	fixture_layers(f, "mkdir lower2/d");
	partial_lower(f, name, (4 + below(20)) * BLOCK + below(BLOCK));
	flushed = partial_model;
	set_options(f);
	fixture_open(f, true);
	hold(f);
	for (i = 0; i < nr_steps && partial_model.size > 0; i++) {
		step(f);
		if (i % 4 == 0)
			partial_assert_same(f, name);
	}
	partial_assert_same(f, name);
	let_go();
	fixture_close(f);
	fixture_check(f);
}

static void
random_steps(void **state)
{
	struct fixture *f = *state;
	const char *one = getenv("VENEER_TEST_SEED");
	const char *steps = getenv("VENEER_TEST_STEPS");
	unsigned nr_steps = steps ? (unsigned)atoi(steps) : NR_STEPS, seed;

	SKIP_UNLESS_ROOT();
	for (seed = 1; seed <= NR_SEEDS; seed++) {
		print_message("seed %d\n", one ? atoi(one) : (int)seed);
		one_seed(f, one ? (unsigned)atoi(one) : seed, nr_steps);
		if (one)
			break;
	}
}

#define TEST(f) \
	cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = { TEST(random_steps) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
