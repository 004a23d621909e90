/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Files opened late (nbd.md 15): the first change copies up, and from then on
 * every handle, late or not, is on the copy; whatever became of the name.
 */
#include "layers-blocks.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "layers-calls.h"

static const struct opening {
	const char *name, *layers; /* a shell command that makes "f" */
	bool is_read_only, is_other; /* the tree; the user */
	int ro, rw; /* what opening it says */
} openings[] = {
	{ "lower", "echo x >lower2/f", 0, 0, 0, 0 },
	{ "upper", "echo x >upper/f", 0, 0, 0, 0 },
	{ "read-only tree", "echo x >lower2/f", true, 0, 0, -EROFS },
	{ "another's", "echo x >lower2/f; chmod 644 lower2/f", 0, true, 0,
	  -EACCES },
	{ "another's, private", "echo x >lower2/f; chmod 600 lower2/f", 0, true,
	  -EACCES, -EACCES },
	{ "directory", "mkdir lower2/f", 0, 0, -EISDIR, -EISDIR },
	{ "link", "ln -s x lower2/f", 0, 0, -ELOOP, -ELOOP },
	{ "fifo", "mkfifo lower2/f", 0, 0, -ENXIO, -ENXIO },
};

static int
try_open(struct node *n, bool is_other, int flags)
{
	const struct cred cred = { .uid = 1000, .gid = 1000 };
	struct call c = fixture_call;
	struct handle *h;
	int r;

	c.cred = is_other ? &cred : NULL;
	r = tree_open_late(n, &c, flags, &h);
	if (r == 0)
		handle_unref(h);
	return r;
}

static void
opens(void **state)
{
	struct fixture *f = *state;
	const struct opening *o;
	struct node *n;
	size_t i;

	for (i = 0; i < sizeof(openings) / sizeof(openings[0]); i++) {
		o = &openings[i];
		print_message("%s\n", o->name);
		fixture_layers(f, o->layers);
		fixture_open(f, !o->is_read_only);
		n = blocks_walk(f, "f");
		assert_int_equal(o->ro, try_open(n, o->is_other, O_RDONLY));
		assert_int_equal(o->rw, try_open(n, o->is_other, O_RDWR));
		node_unref(n);
		fixture_close(f);
		assert_true(fixture_holds(f, strncmp(o->name, "upper", 5)
						     ? "! [ -e upper/f ]"
						     : ":"));
	}
}

/* Two late handles, one for reading only, two of 9P. */
static void
one_object(void **state)
{
	struct fixture *f = *state;
	struct handle *late, *late2, *ro, *h, *h_ro;
	struct node *n;

	fixture_layers(f, "printf 012345 >lower2/f");
	fixture_open(f, true);
	n = blocks_walk(f, "f");
	late = blocks_open(n);
	late2 = blocks_open(n);
	assert_int_equal(0, tree_open_late(n, &fixture_call, O_RDONLY, &ro));
	h_ro = blocks_open_9p(n, O_RDONLY);
	blocks_assert_reads(late, "012345");
	blocks_assert_reads(late2, "012345");
	assert_int_equal(-EBADF, blocks_write(ro, "x", 0));
	assert_int_equal(-EBADF,
			 tree_zero(ro, &fixture_call, 0, 1, ZERO_FREE, false));
	assert_true(fixture_holds(f, "! [ -e upper/f ]"));
	assert_int_equal(0, blocks_write(late, "a", 0));
	assert_true(fixture_holds(f, "[ \"$(cat upper/f)\" = a12345 ]"));
	h = blocks_open_9p(n, O_RDWR);
	assert_int_equal(0, blocks_write(h, "b", 1));
	assert_int_equal(0, blocks_write(late2, "c", 2));
	blocks_assert_reads(late, "abc345");
	blocks_assert_reads(late2, "abc345");
	blocks_assert_reads(ro, "abc345");
	blocks_assert_reads(h, "abc345");
	blocks_assert_reads(h_ro, "abc345");
	assert_true(fixture_holds(f, "[ \"$(cat lower2/f)\" = 012345 ]"));
	handle_unref(h_ro);
	handle_unref(h);
	handle_unref(ro);
	handle_unref(late2);
	handle_unref(late);
	node_unref(n);
}

/* What happens to the name or the size between the open and the write. */
static const struct between {
	const char *op, *a, *b;
	const char *reads; /* after "WX" was written at 4 */
	const char *holds; /* in the layers, then */
} betweens[] = {
	{ "rename", "f", "g", "0123WX", "[ \"$(cat upper/g)\" = 0123WX ]" },
	{ "rename", "e", "f", "0123WX", "[ \"$(cat upper/f)\" = e ]" },
	{ "unlink", "f", NULL, "0123WX", "! [ -s upper/f ]" },
	{ "truncate", "f", "2", "01\0\0WX", "[ $(stat -c %s upper/f) = 6 ]" },
	{ "truncate", "f", "0", "\0\0\0\0WX", "[ $(stat -c %s upper/f) = 6 ]" },
	{ "link", "f", "g", "0123WX", "[ upper/f -ef upper/g ]" },
	{ "unlink", "hard", NULL, "0123WX", "[ \"$(cat upper/f)\" = 0123WX ]" },
	{ "chmod", "f", "400", "0123WX", "[ \"$(cat upper/f)\" = 0123WX ]" },
};

static void
between_open_and_write(void **state)
{
	struct fixture *f = *state;
	const struct between *b;
	struct handle *h;
	char buf[64];
	struct iovec iov = { buf, sizeof(buf) };
	struct node *n;
	size_t i;

	for (i = 0; i < sizeof(betweens) / sizeof(betweens[0]); i++) {
		b = &betweens[i];
		print_message("%s %s\n", b->op, b->a);
		/* Without root, what cannot be written stays so. */
		if (strcmp(b->op, "chmod") == 0 && geteuid() != 0)
			continue;
		fixture_layers(f, "printf 012345 >lower2/f; printf e >lower2/e;"
				  "ln lower2/f lower2/hard");
		fixture_open(f, true);
		n = blocks_walk(f, "f");
		h = blocks_open(n);
		assert_int_equal(0, fixture_do(f, b->op, b->a, b->b));
		assert_int_equal(0, blocks_write(h, "WX", 4));
		assert_int_equal(6, tree_read(h, &fixture_call, &iov, 1, 0));
		assert_memory_equal(b->reads, buf, 6);
		assert_true(fixture_holds(f, b->holds));
		assert_true(fixture_holds(f, "[ \"$(cat lower2/f)\" = 012345 "
					     "]"));
		handle_unref(h);
		node_unref(n);
		fixture_close(f);
	}
}

/* All names of a lower file see what is written by one. */
static void
hard_links(void **state)
{
	struct fixture *f = *state;
	struct handle *h;
	struct node *n;

	fixture_layers(f, "mkdir lower2/d; printf old >lower2/f; "
			  "ln lower2/f lower2/d/g");
	fixture_open(f, true);
	n = blocks_walk(f, "f");
	h = blocks_open(n);
	assert_int_equal(0, blocks_write(h, "new", 0));
	assert_string_equal("new", fixture_read(f, "d/g"));
	handle_unref(h);
	node_unref(n);
}

/*
 * Nobody but who writes blocks has a file without readahead, also when it
 * was closed for want of descriptors.
 */
static void
random_access(void **state)
{
	struct fixture *f = *state;
	struct handle *ro, *rw, *late_ro, *late;
	struct node *n;

	fixture_layers(f, "printf old >lower2/f");
	f->options = "test-fds=2";
	fixture_open(f, true);
	n = blocks_walk(f, "f");
	calls = (struct calls){ 0 };
	late = blocks_open(n);
	assert_int_equal(0, calls.nr_random);
	assert_int_equal(0, blocks_write(late, "new", 0));
	assert_int_equal(1, calls.nr_random);
	ro = blocks_open_9p(n, O_RDONLY);
	rw = blocks_open_9p(n, O_RDWR);
	assert_int_equal(0,
			 tree_open_late(n, &fixture_call, O_RDONLY, &late_ro));
	assert_int_equal(0, blocks_write(rw, "NEW", 0));
	blocks_assert_reads(ro, "NEW");
	blocks_assert_reads(late_ro, "NEW");
	assert_int_equal(1, calls.nr_random);
	blocks_assert_reads(late, "NEW");
	assert_int_equal(2, calls.nr_random);
	handle_unref(late_ro);
	handle_unref(rw);
	handle_unref(ro);
	handle_unref(late);
	node_unref(n);
}

#define TEST(f) \
	cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(opens),
		TEST(one_object),
		TEST(between_open_and_write),
		TEST(hard_links),
		TEST(random_access),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
