/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a power failure leaves of a partial file, at any time. Here is the disk:
 * of data it has what was synced, of the map that, or else all that was written.
 * By the durable bits of that map each sector must be as new as what a flush or
 * a synchronous write was answered for, and never one that is neither old nor
 * new. And synchronous writes must not flush what others have written
 * (ARCHITECTURE.md, "Partial files").
 */
#include "layers-partial.h"

#include <dirent.h>
#include <endian.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define SECTOR 512
#define NR_BLOCKS 70
#define SIZE (NR_BLOCKS * BLOCK - 3 * SECTOR)
#define NR_SECTORS (SIZE / SECTOR)
#define MAX_SECTORS 300 /* of one write */
/* partial-map.h */
#define MAP_BITS 8192
#define MAP_BLOCK 4096

/* A file, and what of it is on disk. */
struct disk {
	ino_t ino;
	unsigned nr_syncs;
	size_t size;
	unsigned char synced[NR_BLOCKS * BLOCK];
	unsigned char now[NR_BLOCKS * BLOCK];
};
static struct disk data, map;
/* The number in each sector is that of the write; 1 is the lower's. */
static uint32_t written[NR_SECTORS], flushed[NR_SECTORS], number;

static struct disk *
disk_of(int fd)
{
	struct stat st;

	if (data.ino == 0 || fstat(fd, &st) < 0)
		return NULL;
	return st.st_ino == data.ino  ? &data
	       : st.st_ino == map.ino ? &map
				      : NULL;
}

static void
look(struct disk *d, int fd)
{
	ssize_t n = pread(fd, d->now, sizeof(d->now), 0);

	assert_true(n > 0);
	d->size = (size_t)n;
}

static uint32_t
number_in(const unsigned char *sector)
{
	uint32_t first, v;
	size_t i;

	memcpy(&first, sector, sizeof(first));
	for (i = 0; i < SECTOR; i += sizeof(v)) {
		memcpy(&v, sector + i, sizeof(v));
		assert_int_equal(first, v);
	}
	return first;
}

/* The power fails, with the map @bits on disk. */
static void
fail_now(const unsigned char *bits)
{
	uint64_t i, block;
	uint32_t got;

	for (i = 0; i < NR_SECTORS; i++) {
		block = i * SECTOR / MAP_BLOCK;
		got = bits[MAP_BITS + block / 8] >> (block % 8) & 1
			      ? number_in(data.synced + i * SECTOR)
			      : 1;
		if (got < flushed[i])
			fail_msg("sector %llu (block %llu): %u, not %u",
				 (unsigned long long)i,
				 (unsigned long long)block, got, flushed[i]);
	}
}

/* --- The system calls ----------------------------------------------------------- */

ssize_t __real_pwritev2(int fd, const struct iovec *iov, int nr, off_t off,
			int flags);
int __real_fsync(int fd);
int __real_fdatasync(int fd);
ssize_t __wrap_pwritev2(int fd, const struct iovec *iov, int nr, off_t off,
			int flags);
int __wrap_fsync(int fd);
int __wrap_fdatasync(int fd);

ssize_t
__wrap_pwritev2(int fd, const struct iovec *iov, int nr, off_t off, int flags)
{
	ssize_t n = __real_pwritev2(fd, iov, nr, off, flags);
	struct disk *d = disk_of(fd);

	if (!d || n <= 0)
		return n;
	look(d, fd);
	if (flags & RWF_DSYNC)
		memcpy(d->synced + off, d->now + off, (size_t)n);
	if (d == &map)
		fail_now(map.now);
	return n;
}

static int
synced(int fd, int r)
{
	struct disk *d = disk_of(fd);

	if (!d || r < 0)
		return r;
	look(d, fd);
	memcpy(d->synced, d->now, d->size);
	d->nr_syncs++;
	return r;
}

int
__wrap_fsync(int fd)
{
	return synced(fd, __real_fsync(fd));
}

int
__wrap_fdatasync(int fd)
{
	return synced(fd, __real_fdatasync(fd));
}

/* --- What is done ---------------------------------------------------------------- */

static void
write_sectors(struct handle *h, uint64_t first, uint64_t nr, bool is_sync)
{
	static uint32_t buf[MAX_SECTORS * SECTOR / sizeof(uint32_t)];
	struct iovec iov = { buf, nr * SECTOR };
	struct call c = fixture_call;
	uint64_t i;

	number++;
	for (i = 0; i < nr * SECTOR / sizeof(*buf); i++)
		buf[i] = number;
	c.is_sync = is_sync;
	assert_int_equal(iov.iov_len,
			 tree_write(h, &c, &iov, 1, first * SECTOR));
	for (i = first; i < first + nr; i++) {
		written[i] = number;
		if (is_sync)
			flushed[i] = number;
	}
	fail_now(map.synced);
	fail_now(map.now);
}

static void
flush(struct node *n, struct handle *h)
{
	assert_int_equal(0, tree_fsync(n, h, &fixture_call, true));
	memcpy(flushed, written, sizeof(flushed));
	fail_now(map.synced);
}

static void
find(struct fixture *f, struct disk *d, const char *pattern)
{
	char cmd[128], path[512];
	struct stat st;
	FILE *out;

	(void)snprintf(cmd, sizeof(cmd), "echo %s/%s", f->root, pattern);
	out = popen(cmd, "re");
	assert_non_null(out);
	assert_non_null(fgets(path, sizeof(path), out));
	(void)pclose(out);
	path[strcspn(path, "\n")] = '\0';
	assert_int_equal(0, stat(path, &st));
	d->ino = st.st_ino;
}

/* A file of which one block is here, and flushed. */
static struct handle *
begin(struct fixture *f, struct node **ret)
{
	static uint32_t text[SIZE / sizeof(uint32_t)];
	struct handle *h;
	char path[128];
	FILE *file;
	size_t i;

	for (i = 0; i < SIZE / sizeof(*text); i++)
		text[i] = 1;
	for (i = 0; i < NR_SECTORS; i++)
		written[i] = flushed[i] = 1;
	number = 1;
	data.ino = map.ino = 0;
	(void)snprintf(path, sizeof(path), "%s/lower2/f", f->root);
	file = fopen(path, "we");
	assert_non_null(file);
	assert_int_equal(SIZE, fwrite(text, 1, SIZE, file));
	assert_int_equal(0, fclose(file));
	f->options = "metacopy=on,copyup=lazy,partial-above=256K,test-slow=0";
	fixture_open(f, true);
	h = partial_open(f, "f", O_RDWR, ret);
	assert_int_equal(4, tree_write(h, &fixture_call,
				       &(struct iovec){ &number, 4 }, 1, 0));
	find(f, &data, "upper/f");
	find(f, &map, "work/partial/*");
	flush(*ret, h);
	assert_true(data.nr_syncs > 0 && map.nr_syncs > 0);
	return h;
}

static void
end(struct fixture *f, struct node *n, struct handle *h)
{
	data.ino = map.ino = 0;
	handle_unref(h);
	node_unref(n);
	fixture_close(f);
}

/* --- Tests ------------------------------------------------------------------------ */

static void
at_any_time(void **state)
{
	struct fixture *f = *state;
	uint64_t first, nr;
	struct handle *h;
	struct node *n;
	int i;

	SKIP_UNLESS_ROOT();
	srandom(42);
	h = begin(f, &n);
	for (i = 0; i < 150; i++) {
		nr = 1 + (uint64_t)random() % (i % 3 ? 20 : MAX_SECTORS);
		first = (uint64_t)random() % (NR_SECTORS - nr + 1);
		if (random() % 8 == 0)
			flush(n, h);
		else
			write_sectors(h, first, nr, random() % 2);
	}
	flush(n, h);
	end(f, n, h);
}

/* How often the data, and the map, were synced for one synchronous write. */
static void
costs(struct handle *h, uint64_t block, unsigned want_data, unsigned want_map)
{
	data.nr_syncs = map.nr_syncs = 0;
	write_sectors(h, block * BLOCK / SECTOR + 3, 1, true);
	assert_int_equal(want_data, data.nr_syncs);
	assert_int_equal(want_map, map.nr_syncs);
}

static void
only_their_own(void **state)
{
	struct fixture *f = *state;
	struct handle *h;
	struct node *n;

	SKIP_UNLESS_ROOT();
	h = begin(f, &n);
	write_sectors(h, 8 * BLOCK / SECTOR, 10, false);
	costs(h, 4, 0, 1); /* missing */
	costs(h, 4, 0, 0); /* durable */
	costs(h, 0, 0, 0);
	assert_int_equal(0, data.synced[8 * BLOCK]); /* another's, unasked */
	costs(h, 8, 1, 1); /* here, and the rest of it was never synced */
	costs(h, 8, 0, 0);
	end(f, n, h);
}

#define TEST(f) \
	cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = { TEST(at_any_time),
					    TEST(only_their_own) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
