/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One row per message of 9P2000.L. Decoding, encoding, tracing, the state
 * check of fids, the tests and the seeds of the fuzzers are all made from
 * it, so that a message is described once. Adding one means: its number in
 * messages.h, a row here, a start and a finish function in an op-*.c file.
 */
#include "messages.h"
#include "ops.h"

#include "macros.h"

#define FIELD(kind, member, name)                              \
	{                                                      \
		name, kind, offsetof(struct p9_fields, member) \
	}
#define U8(m) FIELD(P9_U8, m, #m)
#define U16(m) FIELD(P9_U16, m, #m)
#define U32(m) FIELD(P9_U32, m, #m)
#define U64(m) FIELD(P9_U64, m, #m)
#define STRING(m) FIELD(P9_STRING, m, #m)
#define FID FIELD(P9_U32, fid, "fid")
#define FID_AS(m, name) FIELD(P9_U32, m, name)
#define QID FIELD(P9_QID, qid, "qid")
#define DATA FIELD(P9_DATA, data, "data")
#define ATTR32(m) FIELD(P9_U32, attr.m, #m)
#define ATTR64(m) FIELD(P9_U64, attr.m, #m)
#define FS64(m) FIELD(P9_U64, fs.m, #m)
#define BODY(...)                       \
	(const struct p9_field[])       \
	{                               \
		__VA_ARGS__,            \
		{                       \
			NULL, P9_END, 0 \
		}                       \
	}
#define EMPTY                           \
	(const struct p9_field[])       \
	{                               \
		{                       \
			NULL, P9_END, 0 \
		}                       \
	}
/* T-numbers are even. */
#define ROW(type) [(type) / 2]

const struct p9_field p9_rlerror_fields[] = {
	U32(ecode),
	{ NULL, P9_END, 0 },
};

/* clang-format off */
static const struct p9_message messages[] = {
	ROW(P9_TSTATFS) = {
		"statfs", BODY(FID),
		BODY(FIELD(P9_U32, fs_type, "type"), U32(bsize), FS64(blocks),
		     FS64(bfree), FS64(bavail), FS64(files), FS64(ffree),
		     FS64(fsid),
		     FIELD(P9_U32, fs.namelen, "namelen")),
		FID_OBJECT, FID_NONE, op_statfs, op_statfs_done },
	ROW(P9_TLOPEN) = {
		"lopen", BODY(FID, U32(flags)), BODY(QID, U32(iounit)),
		FID_OPEN, FID_NONE, op_lopen, op_lopen_done },
	ROW(P9_TLCREATE) = {
		"lcreate",
		BODY(FID, FIELD(P9_NAME_CREATE, name, "name"), U32(flags),
		     U32(mode), U32(gid)),
		BODY(QID, U32(iounit)),
		FID_OPEN, FID_NONE, op_lcreate, op_lcreate_done },
	ROW(P9_TSYMLINK) = {
		"symlink",
		BODY(FID_AS(fid, "dfid"), FIELD(P9_NAME_CREATE, name, "name"),
		     FIELD(P9_TARGET, name2, "target"), U32(gid)),
		BODY(QID),
		FID_DIRECTORY, FID_NONE, op_symlink, op_qid_done },
	ROW(P9_TMKNOD) = {
		"mknod",
		BODY(FID_AS(fid, "dfid"), FIELD(P9_NAME_CREATE, name, "name"),
		     U32(mode), U32(major), U32(minor), U32(gid)),
		BODY(QID),
		FID_DIRECTORY, FID_NONE, op_mknod, op_qid_done },
	ROW(P9_TRENAME) = {
		"rename",
		BODY(FID, FID_AS(fid2, "dfid"),
		     FIELD(P9_NAME_RENAME, name2, "name")),
		EMPTY,
		FID_OBJECT, FID_DIRECTORY, op_rename, op_empty_done },
	ROW(P9_TREADLINK) = {
		"readlink", BODY(FID), BODY(FIELD(P9_STRING, name2, "target")),
		FID_OBJECT, FID_NONE, op_readlink, op_readlink_done },
	ROW(P9_TGETATTR) = {
		"getattr", BODY(FID, U64(mask)),
		BODY(FIELD(P9_U64, mask, "valid"), QID, ATTR32(mode), ATTR32(uid), ATTR32(gid),
		     ATTR64(nlink), ATTR64(rdev), ATTR64(size),
		     ATTR64(blksize), ATTR64(blocks_512), ATTR64(atime_s),
		     ATTR64(atime_ns), ATTR64(mtime_s), ATTR64(mtime_ns),
		     ATTR64(ctime_s), ATTR64(ctime_ns), ATTR64(btime_s),
		     ATTR64(btime_ns), ATTR64(gen), ATTR64(data_version)),
		FID_OBJECT, FID_NONE, op_getattr, op_getattr_done },
	ROW(P9_TSETATTR) = {
		"setattr",
		BODY(FID, U32(valid), U32(mode), U32(uid), U32(gid), U64(size),
		     U64(atime_s), U64(atime_ns), U64(mtime_s), U64(mtime_ns)),
		EMPTY,
		FID_OBJECT, FID_NONE, op_setattr, op_empty_done },
	ROW(P9_TXATTRWALK) = {
		"xattrwalk",
		BODY(FID, FID_AS(fid2, "newfid"),
		     FIELD(P9_NAME_XATTR, name, "name")),
		BODY(U64(size)),
		FID_OBJECT, FID_NEW, op_xattrwalk, op_xattrwalk_done },
	ROW(P9_TXATTRCREATE) = {
		"xattrcreate",
		BODY(FID, FIELD(P9_NAME_XATTR, name, "name"), U64(size),
		     U32(flags)),
		EMPTY,
		FID_XATTRCREATE, FID_NONE, op_xattrcreate, NULL },
	ROW(P9_TREADDIR) = {
		"readdir", BODY(FID, U64(offset), U32(count)), BODY(DATA),
		FID_READDIR, FID_NONE, op_readdir, op_readdir_done },
	ROW(P9_TFSYNC) = {
		"fsync", BODY(FID, FIELD(P9_U32_OPT, datasync, "datasync")),
		EMPTY,
		FID_OBJECT, FID_NONE, op_fsync, op_empty_done },
	ROW(P9_TLOCK) = {
		"lock",
		BODY(FID, FIELD(P9_U8, lock_type, "type"), U32(flags),
		     U64(start), U64(length), U32(proc_id), STRING(client_id)),
		BODY(U8(status)),
		FID_LOCK, FID_NONE, op_lock, op_lock_done },
	ROW(P9_TGETLOCK) = {
		"getlock",
		BODY(FID, FIELD(P9_U8, lock_type, "type"), U64(start),
		     U64(length), U32(proc_id), STRING(client_id)),
		BODY(FIELD(P9_U8, lock_type, "type"), U64(start), U64(length),
		     U32(proc_id), STRING(client_id)),
		FID_LOCK, FID_NONE, op_getlock, op_getlock_done },
	ROW(P9_TLINK) = {
		"link",
		BODY(FID_AS(fid, "dfid"), FID_AS(fid2, "fid"),
		     FIELD(P9_NAME_CREATE, name, "name")),
		EMPTY,
		FID_DIRECTORY, FID_OBJECT, op_link, op_empty_done },
	ROW(P9_TMKDIR) = {
		"mkdir",
		BODY(FID_AS(fid, "dfid"), FIELD(P9_NAME_CREATE, name, "name"),
		     U32(mode), U32(gid)),
		BODY(QID),
		FID_DIRECTORY, FID_NONE, op_mkdir, op_qid_done },
	ROW(P9_TRENAMEAT) = {
		"renameat",
		BODY(FID_AS(fid, "olddirfid"),
		     FIELD(P9_NAME_RENAME, name, "oldname"),
		     FID_AS(fid2, "newdirfid"),
		     FIELD(P9_NAME_RENAME, name2, "newname")),
		EMPTY,
		FID_DIRECTORY, FID_DIRECTORY, op_renameat, op_empty_done },
	ROW(P9_TUNLINKAT) = {
		"unlinkat",
		BODY(FID_AS(fid, "dirfid"),
		     FIELD(P9_NAME_UNLINK, name, "name"), U32(flags)),
		EMPTY,
		FID_DIRECTORY, FID_NONE, op_unlinkat, op_empty_done },
	ROW(P9_TVERSION) = {
		"version", BODY(U32(msize), STRING(version)),
		BODY(U32(msize), STRING(version)),
		FID_NONE, FID_NONE, NULL, NULL },
	ROW(P9_TAUTH) = {
		"auth",
		BODY(U32(afid), STRING(uname), STRING(aname), U32(n_uname)),
		BODY(QID),
		FID_NONE, FID_NONE, op_auth, NULL },
	ROW(P9_TATTACH) = {
		"attach",
		BODY(FID, U32(afid), STRING(uname), STRING(aname),
		     U32(n_uname)),
		BODY(QID),
		FID_NEW, FID_NONE, op_attach, op_attach_done },
	ROW(P9_TFLUSH) = {
		"flush", BODY(U16(oldtag)), EMPTY,
		FID_NONE, FID_NONE, NULL, NULL },
	ROW(P9_TWALK) = {
		"walk",
		BODY(FID, FID_AS(fid2, "newfid"),
		     FIELD(P9_NAMES, names, "names")),
		BODY(FIELD(P9_QIDS, qids, "qids")),
		FID_OBJECT, FID_NEW, op_walk, op_walk_done },
	ROW(P9_TREAD) = {
		"read", BODY(FID, U64(offset), U32(count)), BODY(DATA),
		FID_READ, FID_NONE, op_read, op_read_done },
	ROW(P9_TWRITE) = {
		"write", BODY(FID, U64(offset), DATA), BODY(U32(count)),
		FID_WRITE, FID_NONE, op_write, op_write_done },
	ROW(P9_TCLUNK) = {
		"clunk", BODY(FID), EMPTY,
		FID_CLUNK, FID_NONE, op_clunk, op_empty_done },
	ROW(P9_TREMOVE) = {
		"remove", BODY(FID), EMPTY,
		FID_REMOVE, FID_NONE, op_remove, op_empty_done },
};
/* clang-format on */

const struct p9_message *
p9_message_find(uint8_t type)
{
	const struct p9_message *row = NULL;

	if (type % 2 == 0 && type / 2 < ARRAY_SIZE(messages))
		row = &messages[type / 2];
	return row && row->name ? row : NULL;
}
