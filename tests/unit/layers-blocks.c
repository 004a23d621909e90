/* SPDX-License-Identifier: BSD-3-Clause */
/* See layers-blocks.h. */
#include "layers-blocks.h"

#include <fcntl.h>
#include <string.h>

#include "node.h"

struct node *
blocks_walk(struct fixture *f, const char *path)
{
	struct node *n;
	int r;

	n = fixture_walk(f, path, &r);
	assert_int_equal(0, r);
	return n;
}

struct handle *
blocks_open(struct node *n)
{
	struct handle *h = NULL;

	assert_int_equal(0, tree_open_late(n, &fixture_call, O_RDWR, &h));
	return h;
}

struct handle *
blocks_open_9p(struct node *n, int flags)
{
	struct handle *h = NULL;

	assert_int_equal(0, tree_open_node(n, &fixture_call, flags, &h, NULL));
	return h;
}

static int
write_as(struct handle *h, const struct call *c, const char *text, uint64_t off)
{
	struct iovec iov = { (char *)(uintptr_t)text, strlen(text) };
	ssize_t n = tree_write(h, c, &iov, 1, off);

	if (n < 0)
		return (int)n;
	assert_int_equal(strlen(text), n);
	return 0;
}

int
blocks_write(struct handle *h, const char *text, uint64_t off)
{
	return write_as(h, &fixture_call, text, off);
}

void
blocks_assert_reads(struct handle *h, const char *want)
{
	char buf[256];
	struct iovec iov = { buf, sizeof(buf) };
	ssize_t n = tree_read(h, &fixture_call, &iov, 1, 0);

	assert_int_equal(strlen(want), n);
	assert_memory_equal(want, buf, (size_t)n);
}

int
blocks_sync(struct handle *h, enum sync_how how)
{
	struct node *n = handle_node(h);
	struct call c = fixture_call;

	c.is_sync = true;
	switch (how) {
	case SYNC_ALL:
	case SYNC_DATA:
		return tree_fsync(n, h, &fixture_call, how == SYNC_DATA);
	case SYNC_WRITE:
		return write_as(h, &c, "x", 0);
	case SYNC_ZERO:
		return tree_zero(h, &c, 0, 1, ZERO_FREE, false);
	}
	return -1;
}

void
blocks_fail_next(struct fixture *f, int err)
{
	struct upper *u = f->tree->layers.upper;

	u->fail_errno = err;
	u->fail_at = atomic_load(&u->nr_changes) + 1;
}
