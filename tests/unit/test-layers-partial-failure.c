/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The n-th change of the upper fails, or the process dies there, for every n
 * of becoming partial, writing, flushing, cutting, completing, unlinking.
 * Afterwards each byte is that of before or after the step; a killed process
 * loses nothing that was answered, a power failure (another boot id) nothing
 * that was flushed.
 */
#include "layers-partial.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define SIZE (4 * BLOCK + 777)
#define MAX_STEPS 6

/* SYNC: a synchronous write, with nothing before that was not flushed. */
enum step_kind { END, WRITE, SYNC, CUT, FLUSH, COPY, OPEN_TRUNC };

static const struct script {
	const char *name;
	struct {
		enum step_kind kind;
		uint64_t off, len;
	} steps[MAX_STEPS + 1];
} scripts[] = {
	{ "a part of a block", { { WRITE, BLOCK + 10, 100 } } },
	{ "over blocks", { { WRITE, BLOCK - 10, 2 * BLOCK } } },
	{ "flushes",
	  { { WRITE, 10, 100 },
	    { FLUSH, 0, 0 },
	    { WRITE, 2 * BLOCK, BLOCK },
	    { WRITE, 20, 100 },
	    { FLUSH, 0, 0 } } },
	{ "synchronous writes",
	  { { WRITE, 10, 100 },
	    { FLUSH, 0, 0 },
	    { SYNC, 2 * BLOCK + 7, 50 },
	    { SYNC, 2 * BLOCK, 300 },
	    { SYNC, BLOCK - 10, BLOCK + 600 },
	    { SYNC, SIZE - 10, 30 } } },
	{ "shorter, longer",
	  { { WRITE, 10, 100 },
	    { CUT, 2 * BLOCK + 99, 0 },
	    { CUT, 4 * BLOCK, 0 },
	    { WRITE, 3 * BLOCK, 50 },
	    { FLUSH, 0, 0 } } },
	{ "behind the end",
	  { { WRITE, SIZE + 5000, 100 },
	    { FLUSH, 0, 0 },
	    { WRITE, SIZE - 10, 30 } } },
	{ "completed by writes",
	  { { WRITE, 0, SIZE }, { FLUSH, 0, 0 }, { WRITE, 99, 5 } } },
	{ "completed by the copier",
	  { { WRITE, 10, 100 }, { COPY, 0, 0 }, { WRITE, 99, 5 } } },
	{ "cut to nothing",
	  { { WRITE, 10, 100 }, { FLUSH, 0, 0 }, { CUT, 0, 0 } } },
	{ "opened to be cut", { { WRITE, 10, 100 }, { OPEN_TRUNC, 0, 0 } } },
};

/* What is to be seen after so many steps. */
static struct state {
	uint64_t size;
	unsigned char data[8 * BLOCK];
} states[MAX_STEPS + 1];
static unsigned nr_steps;
static atomic_int *done; /* shared: steps that were answered */
static char options[256];

static void
make_states(const struct script *s)
{
	unsigned i;
	uint64_t j;

	srandom(7);
	for (nr_steps = 0; s->steps[nr_steps].kind != END; nr_steps++)
		;
	for (j = 0; j < SIZE; j++)
		states[0].data[j] = (unsigned char)(random() >> 3);
	memset(states[0].data + SIZE, 0, sizeof(states[0].data) - SIZE);
	states[0].size = SIZE;
	for (i = 0; i < nr_steps; i++) {
		struct state *st = &states[i + 1];
		uint64_t off = s->steps[i].off, len = s->steps[i].len;

		*st = states[i];
		if (s->steps[i].kind == WRITE || s->steps[i].kind == SYNC) {
			memset(st->data + off, (int)('A' + i), len);
			if (off + len > st->size)
				st->size = off + len;
		} else if (s->steps[i].kind == CUT ||
			   s->steps[i].kind == OPEN_TRUNC) {
			if (off < st->size)
				memset(st->data + off, 0, st->size - off);
			st->size = off;
		}
	}
}

static void
prepare_lower(struct fixture *f)
{
	char path[128];
	FILE *file;

	fixture_fresh(f, "lower2");
	(void)snprintf(path, sizeof(path), "%s/lower2/f", f->root);
	file = fopen(path, "we");
	assert_int_equal(SIZE, fwrite(states[0].data, 1, SIZE, file));
	assert_int_equal(0, fclose(file));
}

static void
prepare(struct fixture *f)
{
	fixture_fresh(f, "upper");
	fixture_fresh(f, "work");
}

static void
set_options(struct fixture *f, int boot, int n, int err)
{
	int len = snprintf(options, sizeof(options),
			   "metacopy=on,copyup=background,partial-above=1,"
			   "test-slow=0,test-boot=b%d",
			   boot);

	if (n > 0)
		(void)snprintf(options + len, sizeof(options) - (size_t)len,
			       ",test-fail=%d:%d", n, err);
	f->options = options;
}

/* --- One step ---------------------------------------------------------------- */

static int
with_handle(struct fixture *f, const struct script *s, unsigned i)
{
	struct iovec iov = { states[i + 1].data + s->steps[i].off,
			     s->steps[i].len };
	struct handle *h = NULL;
	ssize_t n = 0;
	struct call c = fixture_call;
	int r;
	struct node *node = fixture_walk(f, "f", &r);

	if (r == 0)
		r = tree_open_node(node, &fixture_call,
				   s->steps[i].kind == OPEN_TRUNC
					   ? O_WRONLY | O_TRUNC
					   : O_RDWR,
				   &h, NULL);
	c.is_sync = s->steps[i].kind == SYNC;
	if (r == 0 && (s->steps[i].kind == WRITE || c.is_sync))
		n = tree_write(h, &c, &iov, 1, s->steps[i].off);
	if (r == 0 && s->steps[i].kind == FLUSH)
		r = tree_fsync(node, h, &fixture_call, true);
	handle_unref(h);
	node_unref(node);
	if (n > 0 && (size_t)n < iov.iov_len)
		return -ENOSPC;
	return n < 0 ? (int)n : r;
}

static int
do_step(struct fixture *f, const struct script *s, unsigned i)
{
	uint64_t bytes;
	char size[32];
	int r;

	switch (s->steps[i].kind) {
	case CUT:
		(void)snprintf(size, sizeof(size), "%llu",
			       (unsigned long long)s->steps[i].off);
		return fixture_do(f, "truncate", "f", size);
	case COPY:
		do
			r = tree_copy_some(f->tree, BLOCK, &bytes);
		while (r == 1);
		return r;
	default:
		return with_handle(f, s, i);
	}
}

static void
run(struct fixture *f, const struct script *s)
{
	unsigned i;

	for (i = 0; i < nr_steps && do_step(f, s, i) == 0; i++)
		atomic_store(done, (int)i + 1);
}

/* --- What is there ----------------------------------------------------------- */

static bool
is_one_of(unsigned first, unsigned last, uint64_t size, unsigned char *byte,
	  uint64_t i)
{
	bool has_size = false, has_byte = false;
	unsigned s;

	for (s = first; s <= last; s++) {
		has_size = has_size || states[s].size == size;
		has_byte = has_byte || (byte && states[s].data[i] == *byte);
	}
	return byte ? has_byte : has_size;
}

/* All of it is that of one of the states @first to @last. */
static void
look(struct fixture *f, const char *when, unsigned first, unsigned last)
{
	static unsigned char buf[sizeof(states[0].data)];
	struct iovec iov = { buf, sizeof(buf) };
	struct handle *h;
	struct node *n;
	ssize_t got, i;

	h = partial_open(f, "f", O_RDONLY, &n);
	got = tree_read(h, &fixture_call, &iov, 1, 0);
	if (got < 0)
		fail_msg("%s: errno %d", when, (int)-got);
	if (!is_one_of(first, last, (uint64_t)got, NULL, 0))
		fail_msg("%s: %zd bytes", when, got);
	for (i = 0; i < got; i++)
		if (!is_one_of(first, last, 0, &buf[i], (uint64_t)i))
			fail_msg("%s: byte %zd is none of %u to %u", when, i,
				 first, last);
	handle_unref(h);
	node_unref(n);
}

/* The state that the last flush that was answered brought to disk. */
static unsigned
flushed(const struct script *s)
{
	unsigned i, last = 0;

	for (i = 0; i < (unsigned)atomic_load(done); i++)
		if (s->steps[i].kind == FLUSH || s->steps[i].kind == SYNC)
			last = i + 1;
	return last;
}

static unsigned
min(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/* No map, and nothing that keeps kernels out? */
static bool
is_clean(struct fixture *f)
{
	char maps[128], incompat[128];

	(void)snprintf(maps, sizeof(maps), "%s/work/partial", f->root);
	(void)snprintf(incompat, sizeof(incompat), "%s/work/work/incompat",
		       f->root);
	return (rmdir(maps) == 0 || errno == ENOENT) &&
	       access(incompat, F_OK) < 0;
}

/* Restarted after the @n-th change, all that was answered is there. */
static void
look_later(struct fixture *f, const struct script *s, int n, bool powered)
{
	unsigned last = (unsigned)atomic_load(done);
	char when[128];

	(void)snprintf(when, sizeof(when), "%s: change %d, %s", s->name, n,
		       powered ? "power failure" : "restart");
	set_options(f, powered, 0, 0);
	fixture_open(f, true);
	look(f, when, powered ? flushed(s) : last, min(last + 1, nr_steps));
	/* And it can be completed. */
	partial_copy_all(f);
	look(f, when, powered ? flushed(s) : last, min(last + 1, nr_steps));
	if (!is_clean(f))
		fail_msg("%s: something is left", when);
	fixture_close(f);
	fixture_check(f);
}

/* --- Failing, dying ---------------------------------------------------------- */

/* The steps with the @n-th change killing; true: there were not so many. */
static bool
dies_at(struct fixture *f, const struct script *s, int n)
{
	int status;
	pid_t pid;

	set_options(f, 0, n, 0);
	pid = fork();
	if (pid == 0) {
		fixture_open(f, true);
		run(f, s);
		_exit(0);
	}
	assert_int_equal(pid, waitpid(pid, &status, 0));
	assert_true(WIFEXITED(status) || WTERMSIG(status) == SIGKILL);
	return WIFEXITED(status);
}

static void
dies(void **state)
{
	struct fixture *f = *state;
	bool is_over;
	size_t i;
	int n, powered;

	SKIP_UNLESS_ROOT();
	for (i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++) {
		make_states(&scripts[i]);
		prepare_lower(f);
		for (n = 1, is_over = false; !is_over; n++)
			for (powered = 0; powered < 2; powered++) {
				prepare(f);
				atomic_store(done, 0);
				is_over = dies_at(f, &scripts[i], n);
				look_later(f, &scripts[i], n, powered);
			}
		print_message("%s: %d changes\n", scripts[i].name, n - 1);
	}
}

/* Best-effort steps may fail without failing the whole. */
static void
fails(void **state)
{
	struct fixture *f = *state;
	unsigned last;
	char when[128];
	int n, ok;
	size_t i;

	SKIP_UNLESS_ROOT();
	for (i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++) {
		make_states(&scripts[i]);
		prepare_lower(f);
		for (n = 1, ok = 0; ok < 6; n++) {
			prepare(f);
			atomic_store(done, 0);
			set_options(f, 0, n, n % 2 ? EIO : ENOSPC);
			fixture_open(f, true);
			run(f, &scripts[i]);
			last = (unsigned)atomic_load(done);
			ok = last == nr_steps ? ok + 1 : 0;
			(void)snprintf(when, sizeof(when), "%s: change %d",
				       scripts[i].name, n);
			look(f, when, last, min(last + 1, nr_steps));
			fixture_close(f);
			look_later(f, &scripts[i], n, n % 3 == 0);
		}
	}
}

#define TEST(f) \
	cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = { TEST(dies), TEST(fails) };

	done = mmap(NULL, sizeof(*done), PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (done == MAP_FAILED)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
