/* SPDX-License-Identifier: BSD-3-Clause */
/* For the tests of partial files; see layers-partial.h. */
#include "layers-partial.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct partial_model partial_model;

static void
fill(unsigned char *to, uint64_t len)
{
	uint64_t i;

	for (i = 0; i < len; i++)
		to[i] = (unsigned char)(random() >> 4);
}

void
partial_lower(struct fixture *f, const char *name, uint64_t size)
{
	char path[128];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/lower2/%s", f->root, name);
	fill(partial_model.data, size);
	partial_model.size = size;
	file = fopen(path, "we");
	assert_non_null(file);
	assert_int_equal(size, fwrite(partial_model.data, 1, size, file));
	assert_int_equal(0, fclose(file));
}

struct handle *
partial_open(struct fixture *f, const char *path, int flags, struct node **ret)
{
	struct handle *h;
	int r;

	*ret = fixture_walk(f, path, &r);
	assert_int_equal(0, r);
	assert_int_equal(0,
			 tree_open_node(*ret, &fixture_call, flags, &h, NULL));
	return h;
}

void
partial_write_at(struct fixture *f, const char *path, uint64_t off,
		 uint64_t len)
{
	struct node *n;
	struct handle *h = partial_open(f, path, O_RDWR, &n);
	struct iovec iov[2] = {
		{ partial_model.data + off, (size_t)(len / 3) },
		{ partial_model.data + off + len / 3, (size_t)(len - len / 3) },
	};

	assert_true(off + len <= PARTIAL_MODEL_MAX);
	if (off > partial_model.size)
		memset(partial_model.data + partial_model.size, 0,
		       off - partial_model.size);
	fill(partial_model.data + off, len);
	assert_int_equal(len, tree_write(h, &fixture_call, iov, 2, off));
	if (off + len > partial_model.size)
		partial_model.size = off + len;
	handle_unref(h);
	node_unref(n);
}

void
partial_truncate_to(struct fixture *f, const char *path, uint64_t size)
{
	char text[32];

	if (size > partial_model.size)
		memset(partial_model.data + partial_model.size, 0,
		       size - partial_model.size);
	partial_model.size = size;
	(void)snprintf(text, sizeof(text), "%llu", (unsigned long long)size);
	assert_int_equal(0, fixture_do(f, "truncate", path, text));
}

void
partial_fsync(struct fixture *f, const char *path)
{
	struct node *n;
	struct handle *h = partial_open(f, path, O_RDWR, &n);

	assert_int_equal(0, tree_fsync(n, h, &fixture_call, false));
	handle_unref(h);
	node_unref(n);
}

void
partial_assert_same(struct fixture *f, const char *path)
{
	static unsigned char buf[PARTIAL_MODEL_MAX + 1];
	struct node *n;
	struct handle *h = partial_open(f, path, O_RDONLY, &n);
	struct iovec iov[2] = { { buf, 7000 },
				{ buf + 7000, sizeof(buf) - 7000 } };
	struct attr attr;
	uint64_t i;

	assert_int_equal(partial_model.size,
			 tree_read(h, &fixture_call, iov, 2, 0));
	for (i = 0; i < partial_model.size; i++)
		if (buf[i] != partial_model.data[i])
			fail_msg("%s: byte %llu (block %llu) differs", path,
				 (unsigned long long)i,
				 (unsigned long long)(i / BLOCK));
	assert_int_equal(0, tree_getattr(n, h, &fixture_call, &attr));
	assert_int_equal(partial_model.size, attr.size);
	handle_unref(h);
	node_unref(n);
}

void
partial_copy_all(struct fixture *f)
{
	uint64_t bytes;

	while (tree_copy_some(f->tree, UINT64_C(1) << 20, &bytes) == 1)
		;
}

void
partial_assert_check(struct fixture *f)
{
	fixture_close(f);
	fixture_check(f);
	fixture_open(f, true);
}
