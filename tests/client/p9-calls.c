/* SPDX-License-Identifier: BSD-3-Clause */
/* One function a message, in the order of their numbers' tables. */
#include <errno.h>
#include <string.h>

#include "p9.h"

static void
begin(struct p9 *c, uint8_t type)
{
	if (++c->next_tag == P9_NOTAG)
		c->next_tag = 1;
	p9_begin(c, type, c->next_tag);
}

/* The same with the first field, which mostly is a fid. */
static void
begin_fid(struct p9 *c, uint8_t type, uint32_t fid)
{
	begin(c, type);
	p9_put32(c, fid);
}

static int
call(struct p9 *c)
{
	struct p9_reply r;

	return p9_call(c, &r);
}

static void
get_qid(const uint8_t *p, struct p9_qid *ret)
{
	*ret = (struct p9_qid){ p[0], p9_get32(p + 1), p9_get64(p + 5) };
}

int
p9_version(struct p9 *c, uint32_t msize, const char *version)
{
	struct p9_reply r;
	int err;

	p9_begin(c, 100, P9_NOTAG);
	p9_put32(c, msize);
	p9_put_string(c, version);
	err = p9_call(c, &r);
	if (err < 0)
		return err;
	if (r.len < 6 || r.len != 6u + p9_get16(r.body + 4))
		return -EPROTO;
	if (memcmp(r.body + 6, "9P2000.L", r.len - 6) != 0)
		return -EREMOTEIO;
	c->msize = p9_get32(r.body);
	return 0;
}

int
p9_attach(struct p9 *c, uint32_t fid, const char *aname, uint32_t uid)
{
	begin_fid(c, 104, fid);
	p9_put32(c, P9_NOFID);
	p9_put_string(c, "");
	p9_put_string(c, aname);
	p9_put32(c, uid);
	return call(c);
}

int
p9_walk(struct p9 *c, uint32_t fid, uint32_t newfid, const char *path)
{
	struct p9_reply r;
	uint16_t nr = 0;
	const char *s;
	size_t len;
	int err;

	for (s = path; *s; s += len + (s[len] == '/')) {
		len = strcspn(s, "/");
		nr++;
	}
	begin_fid(c, 110, fid);
	p9_put32(c, newfid);
	p9_put16(c, nr);
	for (s = path; *s; s += len + (s[len] == '/')) {
		len = strcspn(s, "/");
		p9_put16(c, (uint16_t)len);
		p9_put_bytes(c, s, len);
	}
	err = p9_call(c, &r);
	if (err < 0)
		return err;
	return r.len >= 2 && p9_get16(r.body) == nr ? 0 : -ENOENT;
}

int
p9_lopen(struct p9 *c, uint32_t fid, uint32_t flags, struct p9_qid *qid)
{
	struct p9_reply r;
	int err;

	begin_fid(c, 12, fid);
	p9_put32(c, flags);
	err = p9_call(c, &r);
	if (err == 0 && qid)
		get_qid(r.body, qid);
	return err;
}

int
p9_lcreate(struct p9 *c, uint32_t fid, const char *name, uint32_t flags,
	   uint32_t mode, uint32_t gid)
{
	begin_fid(c, 14, fid);
	p9_put_string(c, name);
	p9_put32(c, flags);
	p9_put32(c, mode);
	p9_put32(c, gid);
	return call(c);
}

ssize_t
p9_read(struct p9 *c, uint32_t fid, uint64_t off, void *buf, uint32_t count)
{
	struct p9_reply r;
	uint32_t n;
	int err;

	begin_fid(c, 116, fid);
	p9_put64(c, off);
	p9_put32(c, count);
	err = p9_call(c, &r);
	if (err < 0)
		return err;
	n = r.len >= 4 ? p9_get32(r.body) : UINT32_MAX;
	if (n > count || n != r.len - 4)
		return -EPROTO;
	memcpy(buf, r.body + 4, n);
	return n;
}

ssize_t
p9_write(struct p9 *c, uint32_t fid, uint64_t off, const void *buf,
	 uint32_t count)
{
	struct p9_reply r;
	int err;

	begin_fid(c, 118, fid);
	p9_put64(c, off);
	p9_put32(c, count);
	p9_put_bytes(c, buf, count);
	err = p9_call(c, &r);
	if (err < 0)
		return err;
	return r.len == 4 ? (ssize_t)p9_get32(r.body) : -EPROTO;
}

int
p9_clunk(struct p9 *c, uint32_t fid)
{
	begin_fid(c, 120, fid);
	return call(c);
}

int
p9_remove(struct p9 *c, uint32_t fid)
{
	begin_fid(c, 122, fid);
	return call(c);
}

int
p9_getattr(struct p9 *c, uint32_t fid, struct p9_stat *ret)
{
	struct p9_reply r;
	const uint8_t *b;
	int err;

	begin_fid(c, 24, fid);
	p9_put64(c, 0x3fff);
	err = p9_call(c, &r);
	if (err < 0)
		return err;
	if (r.len != 153)
		return -EPROTO;
	b = r.body;
	ret->valid = p9_get64(b);
	get_qid(b + 8, &ret->qid);
	ret->mode = p9_get32(b + 21);
	ret->uid = p9_get32(b + 25);
	ret->gid = p9_get32(b + 29);
	ret->nlink = p9_get64(b + 33);
	ret->rdev = p9_get64(b + 41);
	ret->size = p9_get64(b + 49);
	ret->blksize = p9_get64(b + 57);
	ret->blocks = p9_get64(b + 65);
	ret->atime = p9_get64(b + 73);
	ret->atime_ns = p9_get64(b + 81);
	ret->mtime = p9_get64(b + 89);
	ret->mtime_ns = p9_get64(b + 97);
	ret->ctime = p9_get64(b + 105);
	ret->ctime_ns = p9_get64(b + 113);
	ret->btime = p9_get64(b + 121);
	ret->gen = p9_get64(b + 137);
	ret->data_version = p9_get64(b + 145);
	return 0;
}

int
p9_setattr(struct p9 *c, uint32_t fid, const struct p9_setattr *s)
{
	begin_fid(c, 26, fid);
	p9_put32(c, s->valid);
	p9_put32(c, s->mode);
	p9_put32(c, s->uid);
	p9_put32(c, s->gid);
	p9_put64(c, s->size);
	p9_put64(c, s->atime);
	p9_put64(c, s->atime_ns);
	p9_put64(c, s->mtime);
	p9_put64(c, s->mtime_ns);
	return call(c);
}

int
p9_mkdir(struct p9 *c, uint32_t fid, const char *name, uint32_t mode,
	 uint32_t gid)
{
	begin_fid(c, 72, fid);
	p9_put_string(c, name);
	p9_put32(c, mode);
	p9_put32(c, gid);
	return call(c);
}

int
p9_symlink(struct p9 *c, uint32_t fid, const char *name, const char *target,
	   uint32_t gid)
{
	begin_fid(c, 16, fid);
	p9_put_string(c, name);
	p9_put_string(c, target);
	p9_put32(c, gid);
	return call(c);
}

int
p9_mknod(struct p9 *c, uint32_t fid, const char *name, uint32_t mode,
	 uint32_t major, uint32_t minor, uint32_t gid)
{
	begin_fid(c, 18, fid);
	p9_put_string(c, name);
	p9_put32(c, mode);
	p9_put32(c, major);
	p9_put32(c, minor);
	p9_put32(c, gid);
	return call(c);
}

int
p9_readlink(struct p9 *c, uint32_t fid, char buf[4097])
{
	struct p9_reply r;
	size_t n;
	int err;

	begin_fid(c, 22, fid);
	err = p9_call(c, &r);
	if (err < 0)
		return err;
	n = r.len >= 2 ? p9_get16(r.body) : 9999;
	if (n > 4096 || n != r.len - 2)
		return -EPROTO;
	memcpy(buf, r.body + 2, n);
	buf[n] = '\0';
	return 0;
}

int
p9_link(struct p9 *c, uint32_t dfid, uint32_t fid, const char *name)
{
	begin_fid(c, 70, dfid);
	p9_put32(c, fid);
	p9_put_string(c, name);
	return call(c);
}

int
p9_unlinkat(struct p9 *c, uint32_t fid, const char *name, uint32_t flags)
{
	begin_fid(c, 76, fid);
	p9_put_string(c, name);
	p9_put32(c, flags);
	return call(c);
}

int
p9_renameat(struct p9 *c, uint32_t olddir, const char *oldname, uint32_t newdir,
	    const char *newname)
{
	begin_fid(c, 74, olddir);
	p9_put_string(c, oldname);
	p9_put32(c, newdir);
	p9_put_string(c, newname);
	return call(c);
}

int
p9_rename(struct p9 *c, uint32_t fid, uint32_t dfid, const char *name)
{
	begin_fid(c, 20, fid);
	p9_put32(c, dfid);
	p9_put_string(c, name);
	return call(c);
}

int
p9_readdir(struct p9 *c, uint32_t fid, uint64_t off, uint32_t count,
	   struct p9_dirent *ret, unsigned max)
{
	const uint8_t *p, *end;
	struct p9_reply r;
	unsigned nr = 0;
	size_t len;
	int err;

	begin_fid(c, 40, fid);
	p9_put64(c, off);
	p9_put32(c, count);
	err = p9_call(c, &r);
	if (err < 0)
		return err;
	if (r.len < 4 || p9_get32(r.body) != r.len - 4 || r.len - 4 > count)
		return -EPROTO;
	p = r.body + 4;
	end = r.body + r.len;
	for (; p < end && nr < max; nr++) {
		if (end - p < 24)
			return -EPROTO;
		len = p9_get16(p + 22);
		if (len > 255 || (size_t)(end - p) < 24 + len)
			return -EPROTO;
		get_qid(p, &ret[nr].qid);
		ret[nr].off = p9_get64(p + 13);
		ret[nr].type = p[21];
		memcpy(ret[nr].name, p + 24, len);
		ret[nr].name[len] = '\0';
		p += 24 + len;
	}
	return (int)nr;
}

int
p9_fsync(struct p9 *c, uint32_t fid, uint32_t datasync)
{
	begin_fid(c, 50, fid);
	p9_put32(c, datasync);
	return call(c);
}

int
p9_statfs(struct p9 *c, uint32_t fid, uint32_t *ret_type)
{
	struct p9_reply r;
	int err;

	begin_fid(c, 8, fid);
	err = p9_call(c, &r);
	if (err == 0)
		*ret_type = p9_get32(r.body);
	return err;
}

ssize_t
p9_getxattr(struct p9 *c, uint32_t fid, const char *name, void *buf,
	    size_t size)
{
	uint32_t newfid = p9_fid(c);
	struct p9_reply r;
	uint64_t len;
	ssize_t n = 0;
	int err;

	begin_fid(c, 30, fid);
	p9_put32(c, newfid);
	p9_put_string(c, name);
	err = p9_call(c, &r);
	if (err < 0)
		return err;
	len = p9_get64(r.body);
	if (len > size)
		n = -ERANGE;
	else if (len > 0)
		n = p9_read(c, newfid, 0, buf, (uint32_t)len);
	(void)p9_clunk(c, newfid);
	return n;
}

int
p9_setxattr(struct p9 *c, uint32_t fid, const char *name, const void *v,
	    uint32_t size, uint32_t flags)
{
	uint32_t newfid = p9_fid(c);
	ssize_t n = 0;
	int err, close_err;

	err = p9_walk(c, fid, newfid, "");
	if (err < 0)
		return err;
	begin_fid(c, 32, newfid);
	p9_put_string(c, name);
	p9_put64(c, size);
	p9_put32(c, flags);
	err = call(c);
	if (err == 0 && size > 0)
		n = p9_write(c, newfid, 0, v, size);
	close_err = p9_clunk(c, newfid);
	if (err < 0)
		return err;
	return n < 0 ? (int)n : close_err;
}

int
p9_lock(struct p9 *c, uint32_t fid, uint8_t type, uint64_t start, uint64_t len,
	uint32_t pid, const char *client)
{
	struct p9_reply r;
	int err;

	begin_fid(c, 52, fid);
	p9_put8(c, type);
	p9_put32(c, 0);
	p9_put64(c, start);
	p9_put64(c, len);
	p9_put32(c, pid);
	p9_put_string(c, client);
	err = p9_call(c, &r);
	return err < 0 ? err : r.body[0];
}

int
p9_getlock(struct p9 *c, uint32_t fid, uint8_t type, uint64_t start,
	   uint64_t len, uint32_t pid, const char *client)
{
	struct p9_reply r;
	int err;

	begin_fid(c, 54, fid);
	p9_put8(c, type);
	p9_put64(c, start);
	p9_put64(c, len);
	p9_put32(c, pid);
	p9_put_string(c, client);
	err = p9_call(c, &r);
	return err < 0 ? err : r.body[0];
}

int
p9_flush(struct p9 *c, uint16_t oldtag)
{
	begin(c, 108);
	p9_put16(c, oldtag);
	return call(c);
}
