/* SPDX-License-Identifier: BSD-3-Clause */
/* Attributes of the merged objects: getattr, setattr, statfs, readlink. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "cleanup.h"
#include "copyup.h"
#include "file.h"
#include "macros.h"
#include "overlay.h"
#include "owner.h"
#include "partial.h"
#include "permit.h"
#include "protattr.h"

/* No file is larger, whatever a client says (MAX_LFS_FILESIZE). */
#define SIZE_LIMIT ((uint64_t)INT64_MAX)

static struct timespec
from_statx(struct statx_timestamp ts)
{
	return (struct timespec){ .tv_sec = ts.tv_sec, .tv_nsec = ts.tv_nsec };
}

/* How many names of @b, of those that somebody holds, are gone. */
static unsigned
nr_detached(const struct body *b)
{
	struct node *n;
	unsigned nr = 0;

	(void)pthread_mutex_lock(&b->tree->names_lock);
	LIST_FOREACH (n, &b->nodes, by_body)
		nr += n->is_detached;
	(void)pthread_mutex_unlock(&b->tree->names_lock);
	return nr;
}

/* What users are to see as the number of links (overlay.md 8). */
static uint64_t
shown_nlink(const struct node *n, unsigned layer, const struct statx *stx)
{
	bool is_detached = __atomic_load_n(&n->is_detached, __ATOMIC_ACQUIRE);
	const struct dir *d = n->body->dir;
	unsigned nlink = atomic_load(&n->body->union_nlink);

	if (n->body->index_name || nlink > 0)
		return nlink;
	if (d) {
		if (is_detached)
			return 0;
		/* ovl_getattr(): merged directories say 1. */
		if (d->nr_lowers + d->has_upper > 1)
			return 1;
	} else if (is_detached && layer != 0) {
		/* Its name is under a whiteout; the layer's links stay. */
		nlink = nr_detached(n->body);
		return stx->stx_nlink > nlink ? stx->stx_nlink - nlink : 0;
	}
	return stx->stx_nlink;
}

static void
fill_attr(const struct node *n, unsigned layer, const struct statx *stx,
	  struct attr *ret)
{
	*ret = (struct attr){
		.mode = stx->stx_mode,
		.uid = stx->stx_uid,
		.gid = stx->stx_gid,
		.nlink = shown_nlink(n, layer, stx),
		.rdev_major = stx->stx_rdev_major,
		.rdev_minor = stx->stx_rdev_minor,
		.size = stx->stx_size,
		.blksize = stx->stx_blksize,
		.blocks_512 = stx->stx_blocks,
		.atime = from_statx(stx->stx_atime),
		.mtime = from_statx(stx->stx_mtime),
		.ctime = from_statx(stx->stx_ctime),
		.btime = from_statx(stx->stx_btime),
	};
	if (atomic_load(&n->body->is_metacopy))
		ret->blocks_512 = n->body->data_blocks_512;
	/* What was written behind the data below. */
	if (atomic_load(&n->body->is_partial))
		ret->blocks_512 = MAX(ret->blocks_512, stx->stx_blocks);
	ino_ident(n->body, stx, &ret->ident);
}

int
tree_getattr(struct node *n, struct handle *h, const struct call *c,
	     struct attr *ret)
{
	CLEANUP_ACCESS struct access a = ACCESS_NONE;
	struct realfile *rf = NULL;
	struct statx stx;
	int r;

	if (h && handle_is_file(h) && !atomic_load(&n->body->is_metacopy)) {
		r = realfile_get(h, c, &rf);
		if (r < 0)
			return r;
		r = owner_statx(n, AT(rf->fd, ""), &stx);
		if (r == 0)
			fill_attr(n, atomic_load(&n->body->layer), &stx, ret);
		(void)realfile_done(n->body, rf);
		return r;
	}
	r = access_begin(n, c, &a);
	if (r == 0)
		r = partial_statx(n, c, a.at, &stx);
	/* Gone, or another object: a layer was edited behind our back. */
	if (r == -ENOENT || (r == 0 && stx.stx_ino != n->body->real_ino))
		return -ESTALE;
	if (r == 0)
		r = owner_show_node(n, a.at, &stx);
	if (r == 0)
		fill_attr(n, a.layer, &stx, ret);
	return r;
}

/* As ftruncate(2), which always sets mtime, or truncate(2). */
static int
set_size(struct node *n, struct handle *h, const struct call *c, uint64_t size,
	 bool sets_mtime)
{
	CLEANUP_PARTIAL struct partial *p = NULL;
	struct handle *own = NULL;
	struct realfile *rf;
	int r = partial_get(n, c, &p);

	if (r == 0 && p)
		r = c->nowait ? -EAGAIN
			      : partial_truncate(p, size, !sets_mtime);
	if (r < 0)
		return r;
	if (p) {
		ino_changed(n->body);
		return file_drop_privs(n, c);
	}
	if (!h || !handle_is_file(h) || (h->flags & O_ACCMODE) == O_RDONLY) {
		r = tree_open_node(n, c, O_WRONLY, &own, NULL);
		if (r < 0)
			return r;
		h = own;
	}
	r = realfile_get(h, c, &rf);
	if (r == 0) {
		r = sets_mtime ? real_truncate(node_upper(n), rf->fd, size)
			       : real_truncate_changed(node_upper(n), rf->fd,
						       size);
		/* By a path, the mode of today counts; an open file was
		 * allowed to be written when it was opened. */
		if (r == -EACCES)
			r = real_truncate(node_upper(n), rf->fd, size);
		ino_changed(n->body);
		(void)realfile_done(n->body, rf);
	}
	if (r == 0)
		r = file_drop_privs(n, c);
	handle_unref(own);
	return r;
}

static int
set_times(struct upper *u, struct at at, const struct attr_set *set)
{
	struct timespec ts[2] = { { .tv_nsec = UTIME_OMIT },
				  { .tv_nsec = UTIME_OMIT } };

	if (set->mask & ATTR_SET_ATIME)
		ts[0] = set->atime;
	if (set->mask & ATTR_SET_MTIME)
		ts[1] = set->mtime;
	return real_utimens(u, at, ts);
}

/* Owner and mode of the real object @at. */
static int
set_owner_mode(struct node *n, struct at at, const struct attr_set *set)
{
	struct upper *u = node_upper(n);
	uid_t uid = set->mask & ATTR_SET_UID ? set->uid : (uid_t)-1;
	gid_t gid = set->mask & ATTR_SET_GID ? set->gid : (gid_t)-1;
	int r = 0;

	/*
	 * chown(-1, -1) moves nothing but ctime: it does for a lone CTIME,
	 * which chown(2) of the guest with both ids -1 ends up as.
	 */
	if (set->mask & (ATTR_SET_UID | ATTR_SET_GID) ||
	    set->mask == ATTR_SET_CTIME)
		r = real_chown(u, at, uid, gid);
	if (r < 0 || !(set->mask & ATTR_SET_MODE))
		return r;
	if (S_ISLNK(n->body->type))
		return -EOPNOTSUPP;
	r = real_chmod(u, at, set->mode & 07777);
	if (r == 0)
		atomic_store(&n->body->may_have_suid,
			     (set->mode & (S_ISUID | S_ISGID)) != 0);
	return r;
}

static int
set_owner_mode_times(struct node *n, const struct call *c,
		     const struct attr_set *set)
{
	const unsigned owner = ATTR_SET_UID | ATTR_SET_GID | ATTR_SET_MODE;
	CLEANUP_PARTIAL struct partial *p = NULL;
	CLEANUP_ACCESS struct access a = ACCESS_NONE;
	CLEANUP_RWUNLOCK pthread_rwlock_t *lock = NULL;
	bool is_mapped = n->body->tree->layers.features.maps_owner;
	int r = partial_peek(n, c, &p);

	if (r == 0 && is_mapped && set->mask & owner)
		r = owner_change(n, c, set);
	if (r == 0)
		r = access_begin(n, c, &a);
	if (r == 0)
		r = partial_lock_shared(p, c, &lock);
	if (r == 0 && (!is_mapped || set->mask == ATTR_SET_CTIME))
		r = set_owner_mode(n, a.at, set);
	if (r == 0 && set->mask & (ATTR_SET_ATIME | ATTR_SET_MTIME))
		r = set_times(node_upper(n), a.at, set);
	return r;
}

static bool
is_given(unsigned is_set, struct timespec ts)
{
	return is_set && ts.tv_nsec != UTIME_NOW;
}

/* Times set to "now" do not touch what an append-only file is about. */
static enum protattr_use
setattr_use(const struct attr_set *set)
{
	return set->mask & (ATTR_SET_SIZE | ATTR_SET_MODE | ATTR_SET_UID |
			    ATTR_SET_GID) ||
			       is_given(set->mask & ATTR_SET_ATIME,
					set->atime) ||
			       is_given(set->mask & ATTR_SET_MTIME, set->mtime)
		       ? PROTATTR_CHANGE
		       : PROTATTR_APPEND;
}

static bool
has_upper_data(const struct node *n)
{
	return body_is_upper(n->body) && (!atomic_load(&n->body->is_metacopy) ||
					  atomic_load(&n->body->is_partial));
}

/*
 * A truncation of what has no data in the upper to the size that it has: the
 * data need not be copied for that (the kernel does). Not where it would take
 * setuid or setgid away.
 */
static int
is_needless_size(struct node *n, const struct call *c, uint64_t size, bool *ret)
{
	CLEANUP_ACCESS struct access a = ACCESS_NONE;
	struct statx stx;
	int r;

	if (!node_upper(n))
		return 0;
	r = access_begin(n, c, &a);
	if (r == 0)
		r = owner_statx(n, a.at, &stx);
	if (r == 0)
		*ret = stx.stx_size == size &&
		       !(stx.stx_mode & (S_ISUID | S_ISGID));
	return r;
}

int
tree_setattr(struct node *n, struct handle *h, const struct call *c,
	     const struct attr_set *asked)
{
	struct attr_set own = *asked, *set = &own;
	const unsigned rest = ATTR_SET_MODE | ATTR_SET_UID | ATTR_SET_GID |
			      ATTR_SET_ATIME | ATTR_SET_MTIME;
	bool has_size = set->mask & ATTR_SET_SIZE, is_same = false;
	bool sets_mtime = set->mask & ATTR_SET_MTIME;
	int r;

	if (has_size && S_ISDIR(n->body->type))
		return -EISDIR;
	if (has_size && (!S_ISREG(n->body->type) || set->size > SIZE_LIMIT))
		return -EINVAL;
	r = protattr_check(n, c, setattr_use(set));
	if (r == 0)
		r = permit_setattr(n, h, c, set);
	if (r == 0 && has_size && !has_upper_data(n)) {
		sets_mtime = true; /* it changes, whatever is copied */
		r = is_needless_size(n, c, set->size, &is_same);
	}
	if (r < 0)
		return r;
	has_size = has_size && !is_same;
	if (is_same && !(set->mask & rest))
		return 0;
	/* One copy-up for all of it, without data that is cut off anyway. */
	r = copyup_node(n, c,
			!has_size        ? COPYUP_META
			: set->size == 0 ? COPYUP_TRUNCATED
					 : COPYUP_WRITE);
	if (r == 0 && set->mask & (ATTR_SET_MODE | ATTR_SET_UID | ATTR_SET_GID))
		r = realfile_keep(n, c);
	if (r == 0 && has_size)
		r = set_size(n, h, c, set->size, sets_mtime);
	if (r == 0 && (set->mask & rest || set->mask == ATTR_SET_CTIME))
		r = set_owner_mode_times(n, c, set);
	return r;
}

int
tree_statfs(struct node *n, const struct call *c, struct fs_info *ret)
{
	struct tree *t = n->body->tree;
	unsigned layer = t->layers.upper ? 0 : 1;
	struct statfs st;
	int r;

	RETURN_IF_SLOW(t, layer, c);
	r = real_statfs(layer == 0 ? t->layers.upper->layer.fd
				   : t->layers.lowers[0].fd,
			&st);
	if (r < 0)
		return r;
	*ret = (struct fs_info){
		.fs_type = (uint64_t)st.f_type,
		.blksize = (uint64_t)st.f_bsize,
		.blocks = st.f_blocks,
		.bfree = st.f_bfree,
		.bavail = st.f_bavail,
		.files = st.f_files,
		.ffree = st.f_ffree,
		.fsid = (uint64_t)(uint32_t)st.f_fsid.__val[0] |
			(uint64_t)(uint32_t)st.f_fsid.__val[1] << 32,
		.namelen = t->namelen,
	};
	if (t->fsid)
		ret->fsid = t->fsid;
	return 0;
}

ssize_t
tree_readlink(struct node *n, const struct call *c, char *buf, size_t size)
{
	CLEANUP_ACCESS struct access a = ACCESS_NONE;
	int r;

	if (!S_ISLNK(n->body->type))
		return -EINVAL;
	r = access_begin(n, c, &a);
	return r < 0 ? r : owner_readlink(n->body->tree, a.at, buf, size);
}
