/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The start and finish functions of the message table (messages.c). A start
 * function gets its fids acquired and checked and ends in p9_reply(),
 * p9_reply_error() or p9_submit(), after which the request may be gone. A
 * finish function looks at r->req.error and the results and ends in one of
 * the replies.
 */
#ifndef VENEER_P9_OPS_H
#define VENEER_P9_OPS_H

struct p9_fields;
struct p9_req;

/* op-walk.c */
void op_auth(struct p9_req *r, const struct p9_fields *m);
void op_attach(struct p9_req *r, const struct p9_fields *m);
void op_attach_done(struct p9_req *r);
void op_walk(struct p9_req *r, const struct p9_fields *m);
void op_walk_done(struct p9_req *r);
void op_clunk(struct p9_req *r, const struct p9_fields *m);
void op_remove(struct p9_req *r, const struct p9_fields *m);

/* op-name.c */
void op_symlink(struct p9_req *r, const struct p9_fields *m);
void op_mknod(struct p9_req *r, const struct p9_fields *m);
void op_mkdir(struct p9_req *r, const struct p9_fields *m);
void op_qid_done(struct p9_req *r); /* of these three */
void op_link(struct p9_req *r, const struct p9_fields *m);
void op_rename(struct p9_req *r, const struct p9_fields *m);
void op_renameat(struct p9_req *r, const struct p9_fields *m);
void op_unlinkat(struct p9_req *r, const struct p9_fields *m);
void op_empty_done(struct p9_req *r); /* any with an empty reply */

/* op-open.c */
void op_lopen(struct p9_req *r, const struct p9_fields *m);
void op_lopen_done(struct p9_req *r);
void op_lcreate(struct p9_req *r, const struct p9_fields *m);
void op_lcreate_done(struct p9_req *r);

/* op-file.c */
void op_read(struct p9_req *r, const struct p9_fields *m);
void op_read_done(struct p9_req *r);
void op_write(struct p9_req *r, const struct p9_fields *m);
void op_write_done(struct p9_req *r);
void op_readdir(struct p9_req *r, const struct p9_fields *m);
void op_readdir_done(struct p9_req *r);
void op_readlink(struct p9_req *r, const struct p9_fields *m);
void op_readlink_done(struct p9_req *r);

/* op-attr.c */
void op_getattr(struct p9_req *r, const struct p9_fields *m);
void op_getattr_done(struct p9_req *r);
void op_setattr(struct p9_req *r, const struct p9_fields *m);
void op_statfs(struct p9_req *r, const struct p9_fields *m);
void op_statfs_done(struct p9_req *r);
void op_fsync(struct p9_req *r, const struct p9_fields *m);

/* op-xattr.c */
void op_xattrwalk(struct p9_req *r, const struct p9_fields *m);
void op_xattrwalk_done(struct p9_req *r);
void op_xattrcreate(struct p9_req *r, const struct p9_fields *m);
/* Tread and Twrite on a fid in an xattr state, and the clunk of XWRITE. */
void op_xattr_read(struct p9_req *r, const struct p9_fields *m);
void op_xattr_write(struct p9_req *r, const struct p9_fields *m);
void op_xattr_commit(struct p9_req *r);

/* op-lock.c */
void op_lock(struct p9_req *r, const struct p9_fields *m);
void op_lock_done(struct p9_req *r);
void op_getlock(struct p9_req *r, const struct p9_fields *m);
void op_getlock_done(struct p9_req *r);

#endif
