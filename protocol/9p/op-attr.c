/* SPDX-License-Identifier: BSD-3-Clause */
/* Messages about attributes of objects and of the file system, and Tfsync. */
#include <errno.h>
#include <sys/stat.h>

#include "ops.h"
#include "session.h"

/* Bits of Tgetattr's mask and of valid in its reply. */
#define GETATTR_BASIC 0x7ffu
#define GETATTR_BTIME 0x800u
#define GETATTR_GEN 0x1000u

/* Bits of Tsetattr's valid: the first seven are enum attr_set_mask's. */
#define SETATTR_VALUES 0x7fu
#define SETATTR_ATIME_SET 0x80u
#define SETATTR_MTIME_SET 0x100u
_Static_assert(ATTR_SET_MODE == 0x1 && ATTR_SET_UID == 0x2 &&
		       ATTR_SET_GID == 0x4 && ATTR_SET_SIZE == 0x8 &&
		       ATTR_SET_ATIME == 0x10 && ATTR_SET_MTIME == 0x20 &&
		       ATTR_SET_CTIME == 0x40,
	       "Tsetattr's bits are used as they are");

#define V9FS_MAGIC 0x01021997u
#define BLKSIZE_UNIT 4096u
#define NSEC_PER_SEC 1000000000u

void
op_getattr(struct p9_req *r, const struct p9_fields *m)
{
	(void)m; /* all of it, whatever was asked for */
	r->req.node = r->fid->node;
	r->req.handle = p9_fid_handle(r->fid);
	p9_submit(r, REQUEST_GETATTR);
}

/* Linux's 32-bit encoding, which its client decodes; not glibc's dev_t. */
static uint32_t
encode_rdev(uint32_t major, uint32_t minor)
{
	return (minor & 0xff) | (major << 8) | ((minor & ~0xffu) << 12);
}

/* Programs size their buffers by it, so as large as one Tread can be. */
static uint64_t
blksize_of(const struct session *s)
{
	uint32_t max = p9_data_max(s);

	return max < BLKSIZE_UNIT ? BLKSIZE_UNIT : max - max % BLKSIZE_UNIT;
}

static void
convert_attr(const struct attr *a, struct p9_attr *ret)
{
	ret->mode = a->mode;
	ret->uid = a->uid;
	ret->gid = a->gid;
	ret->nlink = a->nlink;
	ret->rdev = encode_rdev(a->rdev_major, a->rdev_minor);
	ret->size = a->size;
	ret->blocks_512 = a->blocks_512;
	ret->atime_s = (uint64_t)a->atime.tv_sec;
	ret->atime_ns = (uint64_t)a->atime.tv_nsec;
	ret->mtime_s = (uint64_t)a->mtime.tv_sec;
	ret->mtime_ns = (uint64_t)a->mtime.tv_nsec;
	ret->ctime_s = (uint64_t)a->ctime.tv_sec;
	ret->ctime_ns = (uint64_t)a->ctime.tv_nsec;
	ret->btime_s = (uint64_t)a->btime.tv_sec;
	ret->btime_ns = (uint64_t)a->btime.tv_nsec;
	ret->gen = a->gen;
	ret->data_version = 0;
}

void
op_getattr_done(struct p9_req *r)
{
	const struct attr *a = &r->req.ret_attr;
	struct p9_fields m;

	if (r->req.error) {
		p9_reply_error(r, r->req.error);
		return;
	}
	m.mask = GETATTR_BASIC;
	if (a->btime.tv_sec || a->btime.tv_nsec)
		m.mask |= GETATTR_BTIME;
	if (a->gen)
		m.mask |= GETATTR_GEN;
	m.qid = p9_qid_of(&a->ident);
	convert_attr(a, &m.attr);
	m.attr.blksize = blksize_of(r->s);
	p9_reply(r, &m);
}

/* A time of Tsetattr; without a value: now. */
static int
convert_time(bool has_value, uint64_t sec, uint64_t nsec, struct timespec *ret)
{
	if (!has_value) {
		*ret = (struct timespec){ .tv_nsec = UTIME_NOW };
		return 0;
	}
	if (nsec >= NSEC_PER_SEC)
		return -EINVAL;
	*ret = (struct timespec){ .tv_sec = (time_t)sec,
				  .tv_nsec = (long)nsec };
	return 0;
}

static int
convert_set(const struct p9_fields *m, struct attr_set *ret)
{
	int err = 0;

	*ret = (struct attr_set){
		.mask = m->valid & SETATTR_VALUES,
		.mode = m->mode & 07777,
		.uid = m->uid,
		.gid = m->gid,
		.size = m->size,
	};
	if ((ret->mask & ATTR_SET_SIZE) && m->size > INT64_MAX)
		return -EINVAL;
	if (ret->mask & ATTR_SET_ATIME)
		err = convert_time(m->valid & SETATTR_ATIME_SET, m->atime_s,
				   m->atime_ns, &ret->atime);
	if (!err && (ret->mask & ATTR_SET_MTIME))
		err = convert_time(m->valid & SETATTR_MTIME_SET, m->mtime_s,
				   m->mtime_ns, &ret->mtime);
	return err;
}

void
op_setattr(struct p9_req *r, const struct p9_fields *m)
{
	int err = convert_set(m, &r->req.u.set);

	if (err) {
		p9_reply_error(r, err);
		return;
	}
	r->req.node = r->fid->node;
	r->req.handle = p9_fid_handle(r->fid);
	p9_submit(r, REQUEST_SETATTR);
}

void
op_statfs(struct p9_req *r, const struct p9_fields *m)
{
	(void)m;
	r->req.node = r->fid->node;
	p9_submit(r, REQUEST_STATFS);
}

void
op_statfs_done(struct p9_req *r)
{
	struct p9_fields m;

	if (r->req.error) {
		p9_reply_error(r, r->req.error);
		return;
	}
	m.fs = r->req.ret_fs;
	/* Not the layer's: programs would try its ioctls. */
	m.fs_type = V9FS_MAGIC;
	m.bsize = (uint32_t)m.fs.blksize;
	p9_reply(r, &m);
}

void
op_fsync(struct p9_req *r, const struct p9_fields *m)
{
	r->req.node = r->fid->node;
	r->req.handle = p9_fid_handle(r->fid);
	r->req.u.datasync = m->datasync != 0;
	p9_submit(r, REQUEST_FSYNC);
}
