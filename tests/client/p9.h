/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A small 9P2000.L client for tests and benchmarks: its own encoder and
 * decoder, so that the server's are not checked against themselves. One
 * thread; calls block. All return 0 (or a count) or a negative errno: what
 * Rlerror said, -EPROTO for nonsense, -ECONNRESET when the server hung up.
 */
#ifndef VENEER_TESTS_CLIENT_P9_H
#define VENEER_TESTS_CLIENT_P9_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define P9_NOFID 0xffffffffu
#define P9_NOTAG 0xffffu

struct p9_qid {
	uint8_t type;
	uint32_t version;
	uint64_t path;
};

struct p9_stat {
	uint64_t valid;
	struct p9_qid qid;
	uint32_t mode, uid, gid;
	uint64_t nlink, rdev, size, blksize, blocks;
	uint64_t atime, atime_ns, mtime, mtime_ns, ctime, ctime_ns;
	uint64_t btime, gen, data_version;
};

struct p9_dirent {
	struct p9_qid qid;
	uint64_t off;
	uint8_t type;
	char name[256];
};

struct p9_carrier;

struct p9 {
	int fd;
	const struct p9_carrier *carrier; /* instead of fd; or NULL */
	void *carrier_ctx;
	uint32_t msize;
	uint16_t next_tag;
	uint32_t next_fid; /* for p9_fid() */
	uint8_t *out; /* owned; the message being built */
	size_t out_len, out_max;
	size_t begun; /* where in out it begins */
	uint8_t *in; /* owned; what was received */
	size_t in_pos, in_len, in_max;
};

/* --- Connecting --- */

/* "unix:PATH", "PATH" or "tcp:HOST:PORT". */
int p9_connect(struct p9 *c, const char *where, uint32_t msize);
/* The same over a connected socket, taken over. */
void p9_init(struct p9 *c, int fd);
void p9_close(struct p9 *c);
/* connect, Tversion, Tattach as @uid to @aname on fid 0. */
int p9_open_session(struct p9 *c, const char *where, const char *aname,
		    uint32_t uid);
/* A fid number never used before on this connection. */
uint32_t p9_fid(struct p9 *c);

/* --- Frames: for what the calls below do not do --- */

void p9_begin(struct p9 *c, uint8_t type, uint16_t tag);
void p9_put8(struct p9 *c, uint8_t v);
void p9_put16(struct p9 *c, uint16_t v);
void p9_put32(struct p9 *c, uint32_t v);
void p9_put64(struct p9 *c, uint64_t v);
void p9_put_string(struct p9 *c, const char *s);
void p9_put_bytes(struct p9 *c, const void *p, size_t len);
/* Finish the message begun (fills in its size). Several may be queued. */
void p9_end(struct p9 *c);
/* Send all that is queued. */
int p9_send(struct p9 *c);
int p9_send_raw(struct p9 *c, const void *p, size_t len);

/* A reply: its body, valid until the next receive. */
struct p9_reply {
	uint8_t type;
	uint16_t tag;
	const uint8_t *body;
	size_t len;
};
/* Wait for one reply. */
int p9_receive(struct p9 *c, struct p9_reply *ret);
/* One that has already been received whole; false: none. */
bool p9_receive_buffered(struct p9 *c, struct p9_reply *ret);
/* Send what is queued, wait for the reply; an Rlerror becomes its errno. */
int p9_call(struct p9 *c, struct p9_reply *ret);

uint16_t p9_get16(const uint8_t *p);
uint32_t p9_get32(const uint8_t *p);
uint64_t p9_get64(const uint8_t *p);

/* --- Calls --- */

int p9_version(struct p9 *c, uint32_t msize, const char *version);
int p9_attach(struct p9 *c, uint32_t fid, const char *aname, uint32_t uid);
/* @path: names separated by '/', "" clones. -ENOENT if it came short. */
int p9_walk(struct p9 *c, uint32_t fid, uint32_t newfid, const char *path);
int p9_lopen(struct p9 *c, uint32_t fid, uint32_t flags, struct p9_qid *qid);
int p9_lcreate(struct p9 *c, uint32_t fid, const char *name, uint32_t flags,
	       uint32_t mode, uint32_t gid);
ssize_t p9_read(struct p9 *c, uint32_t fid, uint64_t off, void *buf,
		uint32_t count);
ssize_t p9_write(struct p9 *c, uint32_t fid, uint64_t off, const void *buf,
		 uint32_t count);
int p9_clunk(struct p9 *c, uint32_t fid);
int p9_remove(struct p9 *c, uint32_t fid);
int p9_getattr(struct p9 *c, uint32_t fid, struct p9_stat *ret);

/* Bits of Tsetattr's valid. */
enum {
	P9_SET_MODE = 1,
	P9_SET_UID = 2,
	P9_SET_GID = 4,
	P9_SET_SIZE = 8,
	P9_SET_ATIME = 0x10,
	P9_SET_MTIME = 0x20,
	P9_SET_CTIME = 0x40,
	P9_SET_ATIME_SET = 0x80,
	P9_SET_MTIME_SET = 0x100,
};
struct p9_setattr {
	uint32_t valid, mode, uid, gid;
	uint64_t size, atime, atime_ns, mtime, mtime_ns;
};
int p9_setattr(struct p9 *c, uint32_t fid, const struct p9_setattr *s);
int p9_mkdir(struct p9 *c, uint32_t fid, const char *name, uint32_t mode,
	     uint32_t gid);
int p9_symlink(struct p9 *c, uint32_t fid, const char *name, const char *target,
	       uint32_t gid);
int p9_mknod(struct p9 *c, uint32_t fid, const char *name, uint32_t mode,
	     uint32_t major, uint32_t minor, uint32_t gid);
int p9_readlink(struct p9 *c, uint32_t fid, char buf[4097]);
int p9_link(struct p9 *c, uint32_t dfid, uint32_t fid, const char *name);
int p9_unlinkat(struct p9 *c, uint32_t fid, const char *name, uint32_t flags);
int p9_renameat(struct p9 *c, uint32_t olddir, const char *oldname,
		uint32_t newdir, const char *newname);
int p9_rename(struct p9 *c, uint32_t fid, uint32_t dfid, const char *name);
/* One Treaddir; entries up to @max. Returns how many; *@ret_off the last. */
int p9_readdir(struct p9 *c, uint32_t fid, uint64_t off, uint32_t count,
	       struct p9_dirent *ret, unsigned max);
int p9_fsync(struct p9 *c, uint32_t fid, uint32_t datasync);
int p9_statfs(struct p9 *c, uint32_t fid, uint32_t *ret_type);
/* Whole value (or list, @name ""), at most @size; returns its length. */
ssize_t p9_getxattr(struct p9 *c, uint32_t fid, const char *name, void *buf,
		    size_t size);
int p9_setxattr(struct p9 *c, uint32_t fid, const char *name, const void *v,
		uint32_t size, uint32_t flags);
/* Returns the status (0 success, 1 blocked, 2 error) or errno. */
int p9_lock(struct p9 *c, uint32_t fid, uint8_t type, uint64_t start,
	    uint64_t len, uint32_t pid, const char *client);
/* Returns the type in the way (2: none). */
int p9_getlock(struct p9 *c, uint32_t fid, uint8_t type, uint64_t start,
	       uint64_t len, uint32_t pid, const char *client);
int p9_flush(struct p9 *c, uint16_t oldtag);

#endif
