/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The interpreter of the field lists in messages.c, once for reading and
 * once for writing. Each is a loop over a few bytes per field: a Tgetattr
 * decodes in two turns, its reply encodes in twenty.
 *
 * The checks of names are here, at the only place through which a name
 * comes in: after p9_decode() a name cannot lead out of a directory. Errnos
 * as in Linux for the same name given to the system call (fs/namei.c,
 * fs/xattr.c); 9P's "/" and NUL, which no system call can be given, are
 * ENOENT in a walk (no such name can exist) and EINVAL elsewhere.
 */
#include <errno.h>

#include "macros.h"
#include "messages.h"
#include "wire.h"

/* Linux XATTR_NAME_MAX: longer ones are ERANGE, not ENAMETOOLONG. */
#define XATTR_NAME_LEN_MAX 255

static bool
name_has(struct name n, char c)
{
	return n.len > 0 && memchr(n.ptr, c, n.len);
}

/* What a name that is "." or "..", or cannot be one, is answered with. */
struct name_errors {
	int malformed, dot, dotdot;
};

static const struct name_errors name_errors[] = {
	[P9_NAME_WALK] = { -ENOENT, 0, 0 },
	[P9_NAME_CREATE] = { -EINVAL, -EEXIST, -EEXIST },
	[P9_NAME_UNLINK] = { -EINVAL, -EINVAL, -ENOTEMPTY },
	[P9_NAME_RENAME] = { -EINVAL, -EBUSY, -EBUSY },
};

static int
check_name(unsigned kind, struct name n)
{
	const struct name_errors *e = &name_errors[kind];

	if (n.len > P9_NAME_MAX)
		return -ENAMETOOLONG;
	if (n.len == 0 || name_has(n, '/') || name_has(n, '\0'))
		return e->malformed;
	if (n.ptr[0] == '.' && n.len == 1)
		return e->dot;
	if (n.ptr[0] == '.' && n.len == 2 && n.ptr[1] == '.')
		return e->dotdot;
	return 0;
}

static int
check_string(unsigned kind, struct name n)
{
	switch (kind) {
	case P9_NAME_WALK:
	case P9_NAME_CREATE:
	case P9_NAME_UNLINK:
	case P9_NAME_RENAME:
		return check_name(kind, n);
	case P9_NAME_XATTR: /* empty: list, in Txattrwalk */
		if (n.len > XATTR_NAME_LEN_MAX)
			return -ERANGE;
		return name_has(n, '\0') ? -EINVAL : 0;
	case P9_TARGET:
		if (n.len == 0)
			return -ENOENT;
		if (n.len > P9_SYMLINK_MAX)
			return -ENAMETOOLONG;
		return name_has(n, '\0') ? -EINVAL : 0;
	default:
		return 0;
	}
}

/* Returns 0 or what the check says; a short message is in w->bad. */
static int
get_string(struct wire_in *w, unsigned kind, struct name *ret)
{
	ret->len = wire_get_u16(w);
	ret->ptr = (const char *)wire_get_bytes(w, ret->len);
	return w->bad ? 0 : check_string(kind, *ret);
}

static int
get_names(struct wire_in *w, struct p9_names *ret)
{
	int err = 0, e;
	unsigned i;

	ret->nr = wire_get_u16(w);
	if (ret->nr > P9_WALK_MAX)
		return -EINVAL;
	for (i = 0; i < ret->nr; i++) {
		e = get_string(w, P9_NAME_WALK, &ret->v[i]);
		if (!err)
			err = e;
	}
	return err;
}

static void
get_qid(struct wire_in *w, struct p9_qid *ret)
{
	ret->type = wire_get_u8(w);
	ret->version = wire_get_u32(w);
	ret->path = wire_get_u64(w);
}

static int
get_qids(struct wire_in *w, struct p9_qids *ret)
{
	unsigned i;

	ret->nr = wire_get_u16(w);
	if (ret->nr > P9_WALK_MAX)
		return -EINVAL;
	for (i = 0; i < ret->nr; i++)
		get_qid(w, &ret->v[i]);
	return 0;
}

static void
get_data(struct wire_in *w, size_t tail, struct name *ret)
{
	size_t here;

	ret->len = wire_get_u32(w);
	here = (size_t)(w->end - w->p);
	ret->ptr = (const char *)w->p;
	if (ret->len > here && ret->len - here > tail)
		w->bad = true;
	w->p += MIN(here, ret->len);
}

/* The kinds that are not plain integers. */
static int
get_field(struct wire_in *w, unsigned kind, size_t tail, void *to)
{
	switch (kind) {
	case P9_U32_OPT:
		*(uint32_t *)to = w->p == w->end ? 0 : wire_get_u32(w);
		return 0;
	case P9_QID:
		get_qid(w, to);
		return 0;
	case P9_NAMES:
		return get_names(w, to);
	case P9_QIDS:
		return get_qids(w, to);
	case P9_DATA:
		get_data(w, tail, to);
		return 0;
	default:
		return get_string(w, kind, to);
	}
}

int
p9_decode(const struct p9_field *f, const void *buf, size_t len, size_t tail,
	  struct p9_fields *ret)
{
	struct wire_in w = { .p = buf, .end = (const uint8_t *)buf + len };
	int err = 0, e;
	void *to;

	for (; f->kind != P9_END; f++) {
		to = (char *)ret + f->off;
		switch (f->kind) {
		case P9_U8:
			*(uint8_t *)to = wire_get_u8(&w);
			break;
		case P9_U16:
			*(uint16_t *)to = wire_get_u16(&w);
			break;
		case P9_U32:
			*(uint32_t *)to = wire_get_u32(&w);
			break;
		case P9_U64:
			*(uint64_t *)to = wire_get_u64(&w);
			break;
		default:
			e = get_field(&w, f->kind, tail, to);
			if (!err)
				err = e;
		}
	}
	return w.bad ? -EINVAL : err;
}

static void
put_string(struct wire_out *w, const struct name *n)
{
	if (n->len > UINT16_MAX) {
		w->bad = true;
		return;
	}
	wire_put_u16(w, (uint16_t)n->len);
	wire_put_bytes(w, n->ptr, n->len);
}

static void
put_qid(struct wire_out *w, const struct p9_qid *q)
{
	wire_put_u8(w, q->type);
	wire_put_u32(w, q->version);
	wire_put_u64(w, q->path);
}

static void
put_field(struct wire_out *w, unsigned kind, const void *from)
{
	const struct p9_names *names = from;
	const struct p9_qids *qids = from;
	const struct name *n = from;
	unsigned i;

	switch (kind) {
	case P9_QID:
		put_qid(w, from);
		return;
	case P9_NAMES:
		wire_put_u16(w, (uint16_t)names->nr);
		for (i = 0; i < names->nr; i++)
			put_string(w, &names->v[i]);
		return;
	case P9_QIDS:
		wire_put_u16(w, (uint16_t)qids->nr);
		for (i = 0; i < qids->nr; i++)
			put_qid(w, &qids->v[i]);
		return;
	case P9_DATA:
		wire_put_u32(w, (uint32_t)n->len);
		wire_put_bytes(w, n->ptr, n->len);
		return;
	default:
		put_string(w, n);
	}
}

ssize_t
p9_encode(uint8_t type, uint16_t tag, const struct p9_field *f,
	  const struct p9_fields *m, void *buf, size_t size)
{
	struct wire_out w = { .p = buf, .end = (uint8_t *)buf + size };
	const void *from;
	uint32_t len;

	wire_put_u32(&w, 0); /* patched below */
	wire_put_u8(&w, type);
	wire_put_u16(&w, tag);
	for (; f->kind != P9_END; f++) {
		from = (const char *)m + f->off;
		switch (f->kind) {
		case P9_U8:
			wire_put_u8(&w, *(const uint8_t *)from);
			break;
		case P9_U16:
			wire_put_u16(&w, *(const uint16_t *)from);
			break;
		case P9_U32:
		case P9_U32_OPT:
			wire_put_u32(&w, *(const uint32_t *)from);
			break;
		case P9_U64:
			wire_put_u64(&w, *(const uint64_t *)from);
			break;
		default:
			put_field(&w, f->kind, from);
		}
	}
	if (w.bad)
		return -EMSGSIZE;
	len = (uint32_t)(w.p - (uint8_t *)buf);
	w = (struct wire_out){ .p = buf, .end = (uint8_t *)buf + 4 };
	wire_put_u32(&w, len);
	return len;
}
