/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * locks=host: what the guests hold together is locked in the real file, as
 * another process sees it by fcntl(2), and what such a process holds is in the
 * guests' way (9p.md 5.10; veneer(8)).
 */
#include "layers-fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "lock.h"

#define END UINT64_MAX
#define NR_HANDLES 4 /* by the number of their owner */

/* Places that are looked at; the last two are far behind. */
static const off_t places[] = { 0, 1, 2, 3, 4,       5,
				6, 7, 8, 9, 1 << 30, INT64_MAX - 1 };
#define NR_PLACES (sizeof(places) / sizeof(places[0]))

/* '.', 'r' or 'w': what keeps this process from locking @place. */
static char
look(int fd, off_t place)
{
	struct flock fl = { .l_type = F_WRLCK, .l_start = place, .l_len = 1 };

	if (fcntl(fd, F_GETLK, &fl) < 0)
		return '?';
	if (fl.l_type == F_UNLCK)
		return '.';
	return fl.l_type == F_RDLCK ? 'r' : 'w';
}

/* What another process finds locked of @path. */
static const char *
host_sees(struct fixture *f, const char *path)
{
	static char map[NR_PLACES + 1];
	char full[256];
	int fds[2], fd, status;
	size_t i;
	pid_t pid;

	assert_int_equal(0, pipe(fds));
	(void)snprintf(full, sizeof(full), "%s/%s", f->root, path);
	pid = fork();
	if (pid == 0) {
		fd = open(full, O_RDWR);
		for (i = 0; i < NR_PLACES; i++)
			map[i] = look(fd, places[i]);
		_exit(write(fds[1], map, NR_PLACES) != (int)NR_PLACES);
	}
	assert_int_equal(pid, waitpid(pid, &status, 0));
	assert_int_equal(0, status);
	assert_int_equal(NR_PLACES, read(fds[0], map, NR_PLACES));
	(void)close(fds[0]);
	(void)close(fds[1]);
	return map;
}

/* A process that holds a lock until it is ended. */
struct holder {
	pid_t pid;
	int hold; /* closed: it ends */
};

static struct holder
hold(struct fixture *f, const char *path, int cmd, struct flock fl)
{
	struct holder h;
	char full[256], c = 0;
	int ready[2], until[2];

	assert_int_equal(0, pipe2(ready, O_CLOEXEC));
	assert_int_equal(0, pipe2(until, O_CLOEXEC));
	(void)snprintf(full, sizeof(full), "%s/%s", f->root, path);
	h.pid = fork();
	if (h.pid == 0) {
		(void)close(until[1]);
		if (fcntl(open(full, O_RDWR), cmd, &fl) < 0)
			_exit(1);
		(void)!write(ready[1], &c, 1);
		(void)!read(until[0], &c, 1);
		_exit(0);
	}
	(void)close(ready[1]);
	(void)close(until[0]);
	assert_int_equal(1, read(ready[0], &c, 1));
	(void)close(ready[0]);
	h.hold = until[1];
	return h;
}

static void
let_go(struct holder *h)
{
	(void)close(h->hold);
	assert_int_equal(h->pid, waitpid(h->pid, NULL, 0));
}

static struct handle *handles[NR_HANDLES];

static void
open_handles(struct fixture *f, const char *path, int flags)
{
	struct node *n;
	int i, r;

	n = fixture_walk(f, path, &r);
	assert_int_equal(0, r);
	for (i = 0; i < NR_HANDLES; i++)
		assert_int_equal(0, tree_open_node(n, &fixture_call, flags,
						   &handles[i], NULL));
	node_unref(n);
}

static void
close_handles(void)
{
	int i;

	for (i = 0; i < NR_HANDLES; i++) {
		handle_unref(handles[i]);
		handles[i] = NULL;
	}
}

/* "r1 0 9": owner (and handle) 1 locks; "u2 5 END"; "c1": handle 1 closes. */
static int
guest(const char *step)
{
	unsigned owner = (unsigned)(step[1] - '0');
	struct lock_range range = {
		.type = step[0] == 'r'   ? LOCK_RANGE_READ
			: step[0] == 'w' ? LOCK_RANGE_WRITE
					 : LOCK_RANGE_NONE,
		.owner = owner,
		.proc_id = owner,
		.client_id = { "guest", 5 },
	};
	char *end;

	if (step[0] == 'c') {
		handle_unref(handles[owner]);
		handles[owner] = NULL;
		return 0;
	}
	range.start = strtoull(step + 2, &end, 10);
	range.end = strcmp(end, " END") == 0 ? END : strtoull(end, NULL, 10);
	return tree_lock(handles[owner], &fixture_call, &range);
}

#define MAX_STEPS 5

static const struct {
	const char *name;
	struct {
		const char *guest, *host;
	} steps[MAX_STEPS];
} cases[] = {
	{ "unlocking splits",
	  { { "w1 0 9", "wwwwwwwwww.." },
	    { "u1 4 5", "wwww..wwww.." },
	    { "u1 0 END", "............" } } },
	{ "of two readers one goes",
	  { { "r1 0 5", "rrrrrr......" },
	    { "r2 3 9", "rrrrrrrrrr.." },
	    { "u1 0 9", "...rrrrrrr.." },
	    { "u2 5 6", "...rr..rrr.." } } },
	{ "a reader stays where all of another's goes",
	  { { "r1 2 3", "..rr........" },
	    { "r1 6 6", "..rr..r....." },
	    { "r2 0 9", "rrrrrrrrrr.." },
	    { "u2 0 END", "..rr..r....." },
	    { "c1", "............" } } },
	{ "more, and less",
	  { { "r1 0 9", "rrrrrrrrrr.." },
	    { "w1 2 5", "rrwwwwrrrr.." },
	    { "r1 3 3", "rrwrwwrrrr.." },
	    { "w1 0 9", "wwwwwwwwww.." },
	    { "r1 0 END", "rrrrrrrrrrrr" } } },
	{ "to the end of file",
	  { { "w1 7 END", ".......wwwww" },
	    { "r2 0 6", "rrrrrrrwwwww" },
	    { "u1 9 END", "rrrrrrrww..." } } },
	{ "a handle closes",
	  { { "w1 0 3", "wwww........" },
	    { "r2 6 9", "wwww..rrrr.." },
	    { "c1", "......rrrr.." },
	    { "c2", "............" } } },
	{ "where no file reaches",
	  { { "w1 9223372036854775808 END", "............" },
	    { "w1 9223372036854775806 END", "...........w" } } },
};

static void
mirror(void **state)
{
	struct fixture *f = *state;
	size_t i, j;

	fixture_sh(f, "echo x >upper/f");
	fixture_open(f, true);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		print_message("%s\n", cases[i].name);
		open_handles(f, "f", O_RDWR);
		for (j = 0; j < MAX_STEPS && cases[i].steps[j].guest; j++) {
			assert_int_equal(0, guest(cases[i].steps[j].guest));
			assert_string_equal(cases[i].steps[j].host,
					    host_sees(f, "upper/f"));
		}
		close_handles();
		assert_string_equal("............", host_sees(f, "upper/f"));
	}
}

/* A process of the host is in the way: then nothing has changed. */
static void
host_is_first(void **state)
{
	struct flock one = { .l_type = F_WRLCK, .l_start = 8, .l_len = 1 };
	struct flock rest = { .l_type = F_RDLCK, .l_start = 8 };
	struct fixture *f = *state;
	struct holder h;

	fixture_sh(f, "echo x >upper/f");
	fixture_open(f, true);
	open_handles(f, "f", O_RDWR);
	h = hold(f, "upper/f", F_SETLK, one);
	assert_int_equal(-EBUSY, guest("r1 0 END"));
	assert_string_equal("........w...", host_sees(f, "upper/f"));
	assert_int_equal(0, guest("w1 3 5"));
	/* Its first part could be had, and the middle is to be less. */
	assert_int_equal(-EBUSY, guest("r1 0 9"));
	assert_string_equal("...www..w...", host_sees(f, "upper/f"));
	assert_int_equal(-EBUSY, guest("r2 5 5")); /* another guest's */
	let_go(&h);
	assert_int_equal(0, guest("r1 0 9"));
	assert_string_equal("rrrrrrrrrr..", host_sees(f, "upper/f"));
	h = hold(f, "upper/f", F_SETLK, rest);
	assert_int_equal(0, guest("r2 0 END"));
	assert_int_equal(-EBUSY, guest("w3 20 20"));
	let_go(&h);
	close_handles();
}

/* Who is in the way, if no guest is: processes of the host. */
static void
getlock(void **state)
{
	struct flock some = { .l_type = F_WRLCK, .l_start = 2, .l_len = 3 };
	struct flock rest = { .l_type = F_RDLCK, .l_start = 7 };
	struct lock_range range = { .end = END, .owner = 9 };
	char id[LOCK_CLIENT_ID_MAX];
	struct fixture *f = *state;
	struct holder h;

	fixture_sh(f, "echo x >upper/f");
	fixture_open(f, true);
	open_handles(f, "f", O_RDONLY);
	range.type = LOCK_RANGE_WRITE;
	assert_int_equal(0,
			 tree_getlock(handles[0], &fixture_call, &range, id));
	assert_int_equal(LOCK_RANGE_NONE, range.type);
	h = hold(f, "upper/f", F_SETLK, some);
	range.type = LOCK_RANGE_READ;
	assert_int_equal(0,
			 tree_getlock(handles[0], &fixture_call, &range, id));
	assert_int_equal(LOCK_RANGE_WRITE, range.type);
	assert_int_equal(2, range.start);
	assert_int_equal(4, range.end);
	assert_int_equal(h.pid, range.proc_id);
	assert_int_equal(4, range.client_id.len);
	assert_memory_equal("host", range.client_id.ptr, 4);
	let_go(&h);
	/* Of a description, which many processes may share. */
	h = hold(f, "upper/f", F_OFD_SETLK, rest);
	range = (struct lock_range){ .type = LOCK_RANGE_WRITE, .end = END };
	assert_int_equal(0,
			 tree_getlock(handles[0], &fixture_call, &range, id));
	assert_int_equal(LOCK_RANGE_READ, range.type);
	assert_int_equal(7, range.start);
	assert_true(range.end == END);
	assert_int_equal(0, range.proc_id);
	let_go(&h);
	close_handles();
}

/*
 * A lower is never opened for writing, so that it has read locks; its copy
 * has what the guests hold.
 */
static void
copyup(void **state)
{
	struct fixture *f = *state;

	fixture_sh(f, "echo x >lower2/f");
	fixture_open(f, true);
	open_handles(f, "f", O_RDONLY);
	assert_int_equal(0, guest("r1 0 3"));
	assert_int_equal(0, guest("w2 5 END"));
	assert_string_equal("rrrr.rrrrrrr", host_sees(f, "lower2/f"));
	assert_int_equal(0, fixture_do(f, "chmod", "f", "600"));
	assert_string_equal("rrrr.wwwwwww", host_sees(f, "upper/f"));
	assert_string_equal("............", host_sees(f, "lower2/f"));
	assert_int_equal(0, guest("u2 6 END"));
	assert_string_equal("rrrr.w......", host_sees(f, "upper/f"));
	close_handles();
	assert_string_equal("............", host_sees(f, "upper/f"));
}

/* First without its data, which then comes in place. */
static void
copyup_metadata(void **state)
{
	struct fixture *f = *state;

	SKIP_UNLESS_ROOT();
	f->options = "locks=host,metacopy=on";
	fixture_sh(f, "echo x >lower2/f");
	fixture_open(f, true);
	open_handles(f, "f", O_RDONLY);
	assert_int_equal(0, guest("w1 1 2"));
	assert_int_equal(0, fixture_do(f, "chmod", "f", "600"));
	assert_string_equal(".ww.........", host_sees(f, "upper/f"));
	assert_int_equal(0, fixture_write(f, "f", "data"));
	assert_string_equal(".ww.........", host_sees(f, "upper/f"));
	assert_int_equal(0, guest("r1 2 3"));
	assert_string_equal(".wrr........", host_sees(f, "upper/f"));
	close_handles();
}

/* Wherever a copy-up fails: the locks are at the file that counts. */
static void
copyup_fails(void **state)
{
	struct fixture *f = *state;
	char options[64];
	int nth, nr_failed = 0;

	/* Some make no difference; and more than there are. */
	for (nth = 1; nth <= 20; nth++) {
		fixture_layers(f, "echo x >lower2/f");
		(void)snprintf(options, sizeof(options),
			       "locks=host,test-fail=%d:28", nth);
		f->options = options;
		fixture_open(f, true);
		open_handles(f, "f", O_RDONLY);
		assert_int_equal(0, guest("w1 1 2"));
		nr_failed += fixture_do(f, "chmod", "f", "600") < 0;
		if (fixture_holds(f, "test -e upper/f"))
			assert_string_equal(".ww.........",
					    host_sees(f, "upper/f"));
		else
			assert_string_equal(".rr.........",
					    host_sees(f, "lower2/f"));
		close_handles();
		fixture_close(f);
	}
	assert_in_range(nr_failed, 4, 18);
}

/* Its name goes, or is another's: the file is locked all the same. */
static void
unlinked(void **state)
{
	struct fixture *f = *state;

	fixture_sh(f,
		   "echo x >upper/f; ln upper/f upper/kept; echo y >lower2/g");
	fixture_open(f, true);
	open_handles(f, "f", O_RDWR);
	assert_int_equal(0, fixture_do(f, "rename", "g", "f"));
	assert_int_equal(0, guest("w1 0 1"));
	assert_string_equal("ww..........", host_sees(f, "upper/kept"));
	assert_string_equal("............", host_sees(f, "upper/f"));
	close_handles();
	open_handles(f, "f", O_RDONLY);
	assert_int_equal(0, fixture_do(f, "unlink", "f", NULL));
	assert_int_equal(0, guest("w1 0 1"));
	close_handles();
}

/* A file that the server may only read: read locks, as for a lower. */
static void
not_writable(void **state)
{
	struct fixture *f = *state;

	fixture_sh(f, "echo x >upper/f");
	fixture_open(f, true);
	open_handles(f, "f", O_RDWR);
	assert_int_equal(0, fixture_do(f, "chmod", "f", "444"));
	assert_int_equal(0, guest("w1 0 1"));
	fixture_sh(f, "chmod 644 upper/f");
	assert_string_equal(geteuid() == 0 ? "ww.........." : "rr..........",
			    host_sees(f, "upper/f"));
	close_handles();
}

/* What may take long is for a worker. */
static void
nowait(void **state)
{
	const struct call c = { .nowait = true, .gid = UINT32_MAX };
	struct lock_range range = { .type = LOCK_RANGE_WRITE,
				    .client_id = { "guest", 5 } };
	struct fixture *f = *state;
	int i;

	fixture_sh(f, "echo x >upper/f");
	fixture_open(f, true);
	open_handles(f, "f", O_RDWR);
	for (i = 0; i <= LOCK_HOST_INLINE; i++) {
		range.start = range.end = 2 * (unsigned)i;
		assert_int_equal(0, tree_lock(handles[0], &c, &range));
	}
	assert_int_equal(-EAGAIN, tree_lock(handles[0], &c, &range));
	assert_int_equal(-EAGAIN, tree_release(handles[0], &c));
	assert_int_equal(0, tree_release(handles[0], &fixture_call));
	handles[0] = NULL;
	assert_string_equal("............", host_sees(f, "upper/f"));
	assert_int_equal(0, tree_lock(handles[1], &c, &range));
	close_handles();
}

/* By default the host knows nothing of it. */
static void
not_asked_for(void **state)
{
	struct fixture *f = *state;

	f->options = NULL;
	fixture_sh(f, "echo x >upper/f");
	fixture_open(f, true);
	open_handles(f, "f", O_RDWR);
	assert_int_equal(0, guest("w1 0 END"));
	assert_string_equal("............", host_sees(f, "upper/f"));
	close_handles();
}

static int
setup(void **state)
{
	int r = fixture_setup(state);

	((struct fixture *)*state)->options = "locks=host";
	return r;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, fixture_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(mirror),        TEST(host_is_first),   TEST(getlock),
		TEST(copyup),        TEST(copyup_metadata), TEST(copyup_fails),
		TEST(unlinked),      TEST(not_writable),    TEST(nowait),
		TEST(not_asked_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
