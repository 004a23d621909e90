/* SPDX-License-Identifier: BSD-3-Clause */
/* Opening and closing the layers of a tree. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "layer.h"
#include "node.h"

int
layer_why(char **ret_why, int r, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	if (vasprintf(ret_why, format, ap) < 0)
		*ret_why = NULL;
	va_end(ap);
	return r;
}

static int
open_root(const char *path, const char *what, int *ret_fd, char **ret_why)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC), r = -errno;

	if (fd < 0)
		return layer_why(ret_why, r, "%s \"%s\": %s%s", what, path,
				 strerror(-r),
				 r == -ENOENT ? " (create it first)" : "");
	if (fstat(fd, &st) < 0 || !S_ISDIR(st.st_mode)) {
		(void)close(fd);
		return layer_why(ret_why, -EINVAL,
				 "%s \"%s\" is not a directory", what, path);
	}
	*ret_fd = fd;
	return 0;
}

static int
layer_open(struct layer *l, unsigned idx, const char *path, char **ret_why)
{
	struct statx stx;
	int r;

	*l = (struct layer){ .idx = idx, .fd = -1 };
	l->path = strdup(path);
	if (!l->path)
		return -ENOMEM;
	r = open_root(path, idx == 0 ? "upper" : "lower", &l->fd, ret_why);
	if (r == 0)
		r = real_statx(AT(l->fd, ""), &stx);
	if (r < 0)
		return r;
	l->dev = statx_dev(&stx);
	l->ino = stx.stx_ino;
	layer_probe(l);
	return 0;
}

/* UPPER.work beside UPPER, unless told; ours to make if it is not there. */
static int
find_work(const struct tree_config *c, struct upper *u, char **ret_why)
{
	size_t len;
	int r;

	if (c->work) {
		u->work_path = strdup(c->work);
		return u->work_path ? 0 : -ENOMEM;
	}
	len = strlen(c->upper);
	while (len > 1 && c->upper[len - 1] == '/')
		len--;
	if (asprintf(&u->work_path, "%.*s.work", (int)len, c->upper) < 0) {
		u->work_path = NULL;
		return -ENOMEM;
	}
	if (c->is_at_rest || mkdir(u->work_path, 0700) == 0 || errno == EEXIST)
		return 0;
	r = -errno;
	return layer_why(ret_why, r,
			 "cannot make the work directory \"%s\": %s (name one "
			 "on the same file system as the upper with work=)",
			 u->work_path, strerror(-r));
}

static struct upper *
upper_new(const struct tree_config *c)
{
	struct upper *u = calloc(1, sizeof(*u));

	if (!u)
		return NULL;
	u->layer.fd = u->base_fd = u->work_fd = u->index_fd = -1;
	u->is_volatile = !c->is_at_rest &&
			 (c->is_volatile || c->fsync == FSYNC_VOLATILE);
	u->syncs_all = c->fsync == FSYNC_STRICT;
	u->has_interlock = c->interlock == 1 && !c->is_at_rest;
	atomic_init(&u->can_clone, true);
	(void)pthread_mutex_init(&u->whiteout_lock, NULL);
	return u;
}

static int
open_upper(const struct tree_config *c, struct layer_set *set, char **ret_why)
{
	struct upper *u = upper_new(c);
	int r;

	if (!u)
		return -ENOMEM;
	set->upper = u;
	r = layer_open(&u->layer, 0, c->upper, ret_why);
	if (r == 0)
		r = find_work(c, u, ret_why);
	if (r == 0)
		r = open_root(u->work_path, "work directory", &u->base_fd,
			      ret_why);
	return r;
}

static int
open_lowers(const struct tree_config *c, struct layer_set *set, char **ret_why)
{
	int r = 0;
	unsigned i;

	set->lowers = calloc(c->nr_lowers, sizeof(*set->lowers));
	if (!set->lowers)
		return -ENOMEM;
	for (i = 0; i < c->nr_lowers && r == 0; i++) {
		if (c->lowers[i].is_data)
			set->nr_data++;
		else
			set->nr_lowers++;
		r = layer_open(&set->lowers[i], i + 1, c->lowers[i].path,
			       ret_why);
		set->lowers[i].has_oci_whiteouts =
			c->lowers[i].whiteouts == WHITEOUTS_OCI;
	}
	return r;
}

/*
 * uuid=off: handles name no file system, so that layers can be copied to
 * another one; with several they would be mistaken (ovl_get_layers()).
 */
static int
forget_uuids(struct layer_set *set, char **ret_why)
{
	struct layer *first = &set->lowers[0], *l;
	unsigned i;

	for (i = 0; i <= set->nr_lowers; i++) {
		l = i < set->nr_lowers ? &set->lowers[i]
		    : set->upper       ? &set->upper->layer
				       : first;
		if (l->dev != first->dev)
			return layer_why(
				ret_why, -EINVAL,
				"uuid=off: \"%s\" and \"%s\" are on two "
				"file systems",
				first->path, l->path);
		memset(l->uuid, 0, sizeof(l->uuid));
		l->has_uuid = l->is_null_uuid = true;
	}
	return 0;
}

/* Lock the upper, and see what is there; probing would leave traces. */
static int
take_at_rest(const struct tree_config *c, struct layer_set *set, char **ret_why)
{
	struct upper *u = set->upper;
	int r = layer_check_in_use(u, ret_why);

	if (r < 0)
		return r;
	u->work_fd = real_open_dir(AT(u->base_fd, "work"));
	u->index_fd = real_open_dir(AT(u->base_fd, "index"));
	u->fail_at = c->fail_at;
	u->fail_errno = c->fail_errno;
	return option_resolve(
		c, set, c->userxattr == UNSET ? geteuid() != 0 : c->userxattr,
		&set->features, ret_why);
}

/* owner=mapped: can the upper keep what it is about? */
static int
check_marks(struct upper *u, char **ret_why)
{
	struct at at = AT(u->work_fd, "");
	int r = real_setxattr(u, at, "user.veneer.probe", "", 0, 0);

	if (r == 0)
		return real_removexattr(u, at, "user.veneer.probe");
	return layer_why(ret_why, -EINVAL,
			 "owner=mapped: the file system of \"%s\" keeps no "
			 "user.* xattrs (%s)",
			 u->layer.path, strerror(-r));
}

/* The upper is ours now: lock, clean, probe. */
static int
take_upper(const struct tree_config *c, tree_warn warn, void *warn_ctx,
	   struct layer_set *set, char **ret_why)
{
	struct upper *u = set->upper;
	bool userxattr = false;
	int r;

	if (c->is_at_rest)
		return take_at_rest(c, set, ret_why);
	r = layer_check_in_use(u, ret_why);
	if (r == 0)
		r = workdir_open(u, ret_why);
	if (r == 0)
		r = layer_probe_upper(u, c->userxattr, warn, warn_ctx,
				      &userxattr, ret_why);
	if (r == 0)
		r = option_resolve(c, set, userxattr, &set->features, ret_why);
	if (r == 0 && set->features.maps_owner)
		r = check_marks(u, ret_why);
	/* From here on failure tests count. */
	u->fail_at = c->fail_at;
	u->fail_errno = c->fail_errno;
	u->slow_ms = c->slow_ms > 0 ? c->slow_ms : 0;
	if (c->slow_ms != UNSET)
		u->can_clone = false; /* there are no slices then */
	return r;
}

int
layer_set_open(const struct tree_config *c, tree_warn warn, void *warn_ctx,
	       struct layer_set *ret, char **ret_why)
{
	int r = 0;

	*ret = (struct layer_set){ .uid = geteuid(), .gid = getegid() };
	*ret_why = NULL;
	if (c->nr_lowers == 0 || c->lowers[0].is_data)
		return layer_why(ret_why, -EINVAL,
				 "no lower layer given (--lower DIR)");
	if (c->work && !c->upper)
		return layer_why(ret_why, -EINVAL,
				 "work directory \"%s\" without an upper",
				 c->work);
	if (c->upper)
		r = open_upper(c, ret, ret_why);
	if (r == 0)
		r = open_lowers(c, ret, ret_why);
	if (r == 0)
		r = layer_check_overlap(ret, ret_why);
	if (r == 0 && c->uuid == UUID_OFF)
		r = forget_uuids(ret, ret_why);
	if (r < 0)
		return r;
	if (ret->upper)
		return take_upper(c, warn, warn_ctx, ret, ret_why);
	/* Without an upper: who may read trusted.* at all? */
	return option_resolve(
		c, ret, c->userxattr == UNSET ? geteuid() != 0 : c->userxattr,
		&ret->features, ret_why);
}

static void
layer_close(struct layer *l)
{
	if (l->fd >= 0)
		(void)close(l->fd);
	free(l->path);
}

void
layer_set_fini(struct layer_set *set)
{
	struct upper *u = set->upper;
	unsigned i;

	if (u) {
		if (u->work_fd >= 0)
			workdir_close(u);
		layer_close(&u->layer);
		if (u->index_fd >= 0)
			(void)close(u->index_fd);
		if (u->base_fd >= 0)
			(void)close(u->base_fd);
		free(u->work_path);
		(void)pthread_mutex_destroy(&u->whiteout_lock);
		free(u);
	}
	for (i = 0; i < set->nr_lowers + set->nr_data; i++)
		layer_close(&set->lowers[i]);
	free(set->lowers);
	*set = (struct layer_set){ 0 };
}
