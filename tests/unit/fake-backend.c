/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See fake-backend.h. It checks, by counting and with the sanitizers, that
 * the protocol keeps its references: a node or a handle is freed with its
 * last reference, so that a use after that is seen by ASan.
 */
#include "fake-backend.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "hash.h"
#include "macros.h"

struct node {
	struct fake_backend *b;
	unsigned refs;
	struct ident ident;
};

struct handle {
	struct fake_backend *b;
	struct ident ident;
};

static mode_t
type_of(struct name n)
{
	if (n.ptr[0] == '.')
		return S_IFDIR;
	switch (n.ptr[0]) {
	case 'd':
		return S_IFDIR;
	case 'f':
		return S_IFREG;
	case 'l':
		return S_IFLNK;
	default:
		return 0;
	}
}

static struct ident
ident_of(struct name n, mode_t type)
{
	return (struct ident){ hash_bytes(n.ptr, n.len, 0), 1, type };
}

static struct node *
node_new(struct fake_backend *b, struct ident ident)
{
	struct node *n = malloc(sizeof(*n));

	*n = (struct node){ b, 1, ident };
	b->nr_nodes++;
	return n;
}

static struct handle *
handle_new(struct fake_backend *b, struct ident ident)
{
	struct handle *h = malloc(sizeof(*h));

	*h = (struct handle){ b, ident };
	b->nr_handles++;
	return h;
}

static void
node_ref(struct node *n)
{
	n->refs++;
}

static void
node_unref(struct node *n)
{
	if (--n->refs)
		return;
	n->b->nr_nodes--;
	free(n);
}

static void
handle_unref(struct handle *h)
{
	h->b->nr_handles--;
	free(h);
}

static void
run_walk(struct fake_backend *b, struct request *r)
{
	struct ident at = r->node->ident;
	unsigned i;

	for (i = 0; i < r->u.walk.nr_names; i++) {
		struct name n = r->u.walk.names[i];

		r->error = !S_ISDIR(at.type) ? -ENOTDIR
			   : !type_of(n)     ? -ENOENT
					     : 0;
		if (r->error)
			break;
		at = ident_of(n, type_of(n));
		r->u.walk.idents[i] = at;
	}
	r->u.walk.nr_idents = i;
	if (!r->error)
		r->ret_node = node_new(b, at);
}

static void
run_read(struct fake_backend *b, struct request *r)
{
	size_t left = r->u.io.count, i, j, done = 0;

	if (r->u.io.off >= b->file_size)
		left = 0;
	else
		left = MIN(left, b->file_size - r->u.io.off);
	for (i = 0; i < r->u.io.nr_iov; i++) {
		unsigned char *p = r->u.io.iov[i].iov_base;

		for (j = 0; j < r->u.io.iov[i].iov_len && done < left; j++)
			p[j] = (unsigned char)(r->u.io.off + done++);
	}
	r->ret_count = done;
}

static void
run_write(struct fake_backend *b, struct request *r)
{
	size_t i, j, done = 0;

	for (i = 0; i < r->u.io.nr_iov; i++) {
		const unsigned char *p = r->u.io.iov[i].iov_base;

		for (j = 0; j < r->u.io.iov[i].iov_len; j++, done++)
			if (done < sizeof(b->last_data))
				b->last_data[done] = p[j];
	}
	r->ret_count = b->write_max ? MIN(done, b->write_max) : done;
}

static void
run_image(struct fake_backend *b, struct request *r)
{
	const struct fake_image *from = &b->image;
	struct image *im = &r->u.image;

	if (from->why)
		im->why = strdup(from->why);
	if (!r->name.len || type_of(r->name) != S_IFREG) {
		r->error = -ENOENT;
		return;
	}
	im->size = from->size;
	im->block_size = from->block_size;
	im->is_read_only = from->is_read_only || !im->wants_write;
	im->is_rotational = from->is_rotational;
	im->name = from->name ? strdup(from->name)
			      : strndup(r->name.ptr, r->name.len);
	if (from->description)
		im->description = strdup(from->description);
	r->ret_node = node_new(b, ident_of(r->name, S_IFREG));
	r->ret_handle = handle_new(b, r->ret_node->ident);
}

static void
run_image_list(const struct fake_backend *b, struct request *r)
{
	static const struct name description = { "fake", 4 };
	char text[16];
	struct name name = { .ptr = text };
	unsigned i;

	for (i = 0; i < b->image.nr_listed; i++) {
		name.len = (size_t)snprintf(text, sizeof(text), "f%u", i);
		if (!r->u.list.emit(r->u.list.emit_ctx, name, description))
			break;
	}
}

/* The extent at @off, of the fake's own making. */
static struct extent
extent_at(const struct fake_image *im, uint64_t off)
{
	struct extent e = { .off = off, .len = UINT64_MAX / 2 - off };
	uint64_t end = 0;
	unsigned i;

	e.is_hole = true;
	if (im->alternate) {
		e.is_hole = off / im->alternate % 2;
		e.depth = !e.is_hole;
		e.len = im->alternate - off % im->alternate;
		return e;
	}
	for (i = 0; i < im->nr_extents; i++) {
		end += im->extents[i].len;
		if (off >= end)
			continue;
		e = im->extents[i];
		e.off = off;
		e.len = end - off;
		break;
	}
	return e;
}

static void
run_extents(struct fake_backend *b, struct request *r)
{
	uint64_t off = r->u.extents.off, end = off + r->u.extents.len;
	struct extent e;

	b->image.nr_emitted = 0;
	for (; off < end; off += e.len) {
		e = extent_at(&b->image, off);
		e.len = MIN(e.len, end - off);
		b->image.nr_emitted++;
		if (!r->u.extents.emit(r->u.extents.emit_ctx, &e))
			break;
	}
}

static void
run_readdir(struct request *r)
{
	struct dirent_info e = { .d_type = DT_REG };
	char name[32];
	uint64_t i;

	for (i = r->u.readdir.off; i < FAKE_NR_DIRENTS; i++) {
		e.name.ptr = name;
		e.name.len = (size_t)snprintf(name, sizeof(name), "f%03u",
					      (unsigned)i);
		e.path = i;
		e.cookie = i + 1;
		if (!r->u.readdir.emit(r->u.readdir.emit_ctx, &e))
			return;
	}
}

static void
run_getxattr(struct fake_backend *b, struct request *r)
{
	r->u.xattr.size = b->xattr_size;
	r->u.xattr.value = malloc(b->xattr_size + 1);
	memset(r->u.xattr.value, 'x', b->xattr_size + 1);
}

static void
run_open(struct fake_backend *b, struct request *r)
{
	if (r->op == REQUEST_CREATE) {
		r->ret_ident = ident_of(r->name, S_IFREG);
		r->ret_node = node_new(b, r->ret_ident);
	} else {
		r->ret_ident = r->node->ident;
	}
	r->ret_handle = handle_new(b, r->ret_ident);
}

static void
run_op(struct fake_backend *b, struct request *r)
{
	static const struct name root = { "d", 1 };

	switch (r->op) {
	case REQUEST_ATTACH:
		r->ret_ident = ident_of(root, S_IFDIR);
		r->ret_node = node_new(b, r->ret_ident);
		break;
	case REQUEST_WALK:
		run_walk(b, r);
		break;
	case REQUEST_OPEN:
	case REQUEST_CREATE:
		run_open(b, r);
		break;
	case REQUEST_READ:
		run_read(b, r);
		break;
	case REQUEST_WRITE:
		run_write(b, r);
		break;
	case REQUEST_READDIR:
		run_readdir(r);
		break;
	case REQUEST_GETATTR:
		r->ret_attr = (struct attr){ .ident = r->node->ident,
					     .mode = r->node->ident.type | 0644,
					     .nlink = 1,
					     .size = FAKE_FILE_SIZE };
		break;
	case REQUEST_STATFS:
		r->ret_fs = (struct fs_info){ .blksize = 4096, .blocks = 7 };
		break;
	case REQUEST_READLINK:
		r->ret_count = r->u.io.iov[0].iov_len > 0 ? 1 : 0;
		*(char *)r->u.io.iov[0].iov_base = 't';
		break;
	case REQUEST_MKDIR:
	case REQUEST_SYMLINK:
	case REQUEST_MKNOD:
		r->ret_ident = ident_of(r->name, S_IFREG);
		break;
	case REQUEST_GETXATTR:
		run_getxattr(b, r);
		break;
	case REQUEST_GETLOCK:
		r->u.lock.range.type = LOCK_RANGE_NONE;
		break;
	case REQUEST_CLOSE:
	case REQUEST_SETATTR:
	case REQUEST_FSYNC:
	case REQUEST_LINK:
	case REQUEST_UNLINK:
	case REQUEST_REMOVE:
	case REQUEST_RENAME:
	case REQUEST_RENAME_NODE:
	case REQUEST_SETXATTR:
	case REQUEST_LOCK:
	case REQUEST_ZERO:
	case REQUEST_PREFETCH:
		break;
	case REQUEST_IMAGE:
		run_image(b, r);
		break;
	case REQUEST_IMAGE_LIST:
		run_image_list(b, r);
		break;
	case REQUEST_EXTENTS:
		run_extents(b, r);
		break;
	}
}

static void
run(struct fake_backend *b, struct request *r)
{
	if (b->answer) {
		b->answer(b->answer_ctx, r);
		r->done(r);
		return;
	}
	if (r->op == REQUEST_CLOSE) {
		handle_unref(r->handle); /* also when it fails */
		b->nr_closed++;
	}
	if (r->op == REQUEST_SETXATTR)
		b->last_value_is_null = !r->u.xattr.value;
	r->error = b->error;
	if (!r->error)
		run_op(b, r);
	r->done(r);
}

static void
keep_name(char *to, size_t size, struct name n)
{
	size_t len = MIN(n.len, size - 1);

	if (len)
		memcpy(to, n.ptr, len);
	to[len] = '\0';
}

static void
submit(struct request *r)
{
	struct fake_backend *b = r->owner;

	b->nr_submitted++;
	b->last = *r;
	keep_name(b->last_name, sizeof(b->last_name), r->name);
	keep_name(b->last_name2, sizeof(b->last_name2), r->name2);
	if (!b->is_deferred) {
		run(b, r);
		return;
	}
	STAILQ_INSERT_TAIL(&b->pending, r, by_queue);
	b->nr_pending++;
}

static bool
cancel(struct request *r)
{
	struct fake_backend *b = r->owner;

	if (!b->can_cancel)
		return false;
	STAILQ_REMOVE(&b->pending, r, request, by_queue);
	b->nr_pending--;
	b->nr_cancelled++;
	return true;
}

const struct backend fake_backend = {
	.submit = submit,
	.cancel = cancel,
	.node_ref = node_ref,
	.node_unref = node_unref,
	.handle_unref = handle_unref,
};

void
fake_backend_init(struct fake_backend *b)
{
	*b = (struct fake_backend){ .xattr_size = 5,
				    .file_size = FAKE_FILE_SIZE };
	b->image.size = FAKE_FILE_SIZE;
	b->image.block_size = 512;
	STAILQ_INIT(&b->pending);
}

void
fake_backend_finish(struct fake_backend *b, unsigned i)
{
	struct request *r = STAILQ_FIRST(&b->pending);

	while (r && i-- > 0)
		r = STAILQ_NEXT(r, by_queue);
	if (!r)
		return;
	STAILQ_REMOVE(&b->pending, r, request, by_queue);
	b->nr_pending--;
	run(b, r);
}

void
fake_backend_finish_all(struct fake_backend *b)
{
	while (b->nr_pending > 0)
		fake_backend_finish(b, 0);
}
