/* SPDX-License-Identifier: BSD-3-Clause */
/* The tree as a whole: start, end, the root, and walking. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "alias.h"
#include "cleanup.h"
#include "index.h"
#include "lookup.h"
#include "macros.h"
#include "overlay.h"
#include "partial.h"
#include "permit.h"

/* Idle files and directories kept at most, each. */
#define MAX_IDLE 16384
/* Fewer descriptors than that make no sense. */
#define MIN_FDS 64

void
tree_limit_fds(struct tree *t, unsigned max)
{
	/* What stays open: each layer and its root directory. */
	unsigned fixed = 2 * (t->layers.nr_lowers + t->layers.nr_data + 3);

	max = MAX(max, fixed + MIN_FDS) - fixed;
	if (max < atomic_load(&t->fds.max))
		atomic_store(&t->fds.max, max);
}

static void
set_fd_limit(struct tree *t, const struct tree_config *config)
{
	struct rlimit lim;

	atomic_store(&t->fds.max, config->max_fds ? config->max_fds : UINT_MAX);
	if (getrlimit(RLIMIT_NOFILE, &lim) == 0 && lim.rlim_cur < UINT_MAX)
		tree_limit_fds(t, (unsigned)lim.rlim_cur / 2);
}

/* Number the devices in the order of the layers, for ident.path. */
static void
number_devices(struct tree *t)
{
	unsigned i;

	if (t->layers.upper)
		(void)ino_to_path(t, t->layers.upper->layer.dev, 0);
	for (i = 0; i < t->layers.nr_lowers; i++)
		(void)ino_to_path(t, t->layers.lowers[i].dev, 0);
}

static void
add_trap(struct tree *t, int fd)
{
	struct statx stx;

	if (fd >= 0 && real_statx(AT(fd, ""), &stx) == 0)
		t->traps[t->nr_traps++] =
			(struct dir_id){ statx_dev(&stx), stx.stx_ino };
}

/* What must not be found inside a lower (ovl_setup_trap()). */
static int
set_traps(struct tree *t)
{
	const struct layer_set *set = &t->layers;
	unsigned i;

	t->traps = calloc(set->nr_lowers + 3, sizeof(*t->traps));
	if (!t->traps)
		return -ENOMEM;
	for (i = 0; i < set->nr_lowers; i++)
		add_trap(t, set->lowers[i].fd);
	if (set->upper) {
		add_trap(t, set->upper->layer.fd);
		add_trap(t, set->upper->base_fd);
		add_trap(t, set->upper->work_fd);
	}
	return 0;
}

bool
tree_is_trap(const struct tree *t, const struct statx *stx)
{
	unsigned i;

	for (i = 0; i < t->nr_traps; i++)
		if (t->traps[i].ino == stx->stx_ino &&
		    t->traps[i].dev == statx_dev(stx))
			return true;
	return false;
}

static uint32_t
largest_namelen(const struct layer_set *set)
{
	uint32_t len = set->upper ? set->upper->layer.namelen : 0;
	unsigned i;

	for (i = 0; i < set->nr_lowers; i++)
		len = MAX(len, set->lowers[i].namelen);
	return MIN(len, 255u);
}

static bool
has_xwhiteouts(const struct tree *t, int fd)
{
	char v[2];

	return private_get(t, AT(fd, ""), PRIVATE_OPAQUE, v, sizeof(v)) == 1 &&
	       v[0] == 'x';
}

/* All layers' roots merged, whatever their marks (ovl_get_root()). */
static int
make_root(struct tree *t)
{
	struct layer_set *set = &t->layers;
	struct dir *d = dir_new(set->nr_lowers);
	struct statx stx;
	struct body *b;
	unsigned i;
	int r = 0;

	if (!d)
		return -ENOMEM;
	if (set->upper) {
		d->upper_fd = real_open_dir(AT(set->upper->layer.fd, ""));
		d->has_upper = d->upper_fd >= 0;
		r = d->has_upper ? 0 : d->upper_fd;
		d->is_marked_impure = private_is_yes(
			t, AT(set->upper->layer.fd, ""), PRIVATE_IMPURE);
	}
	for (i = 0; i < set->nr_lowers && r == 0; i++) {
		d->lowers[i].layer = set->lowers[i].idx;
		d->lowers[i].fd = real_open_dir(AT(set->lowers[i].fd, ""));
		r = d->lowers[i].fd < 0 ? d->lowers[i].fd : 0;
		d->lowers[i].has_xwhiteouts =
			r == 0 && has_xwhiteouts(t, d->lowers[i].fd);
	}
	if (r == 0)
		r = real_statx(AT(set->upper ? set->upper->layer.fd
					     : set->lowers[0].fd,
				  ""),
			       &stx);
	if (r < 0) {
		dir_free(d);
		return r;
	}
	atomic_init(&d->fds.is_kept, true);
	b = body_new(t, &stx, set->upper ? 0 : 1,
		     ino_to_path(t, statx_dev(&stx), stx.stx_ino), d);
	if (b)
		t->root = node_add(NULL, (struct name){ "", 0 }, b);
	return t->root ? 0 : -ENOMEM;
}

/* Unlike any that an earlier server had. */
static uint64_t
first_salt(void)
{
	struct timespec ts;
	uint64_t salt;

	if (getrandom(&salt, sizeof(salt), GRND_NONBLOCK) == sizeof(salt))
		return salt;
	(void)clock_gettime(CLOCK_REALTIME, &ts); /* early at boot */
	return hash_mix((uint64_t)ts.tv_sec * 1000000000u +
			(uint64_t)ts.tv_nsec);
}

static void
moves_lock_init(struct tree *t)
{
	pthread_rwlockattr_t attr;

	/* Directories opened again and again must not starve a rename. */
	(void)pthread_rwlockattr_init(&attr);
	(void)pthread_rwlockattr_setkind_np(
		&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	(void)pthread_rwlock_init(&t->moves_lock, &attr);
	(void)pthread_rwlockattr_destroy(&attr);
}

static struct tree *
tree_new(void)
{
	struct tree *t = calloc(1, sizeof(*t));
	unsigned i;

	if (!t)
		return NULL;
	(void)pthread_mutex_init(&t->rename_lock, NULL);
	moves_lock_init(t);
	(void)pthread_mutex_init(&t->index_lock, NULL);
	(void)pthread_mutex_init(&t->aliases_lock, NULL);
	(void)pthread_mutex_init(&t->copyup_lock, NULL);
	(void)pthread_cond_init(&t->copyup_done, NULL);
	(void)pthread_mutex_init(&t->names_lock, NULL);
	t->next_salt = first_salt();
	for (i = 0; i < NR_BODY_LOCKS; i++) {
		(void)pthread_mutex_init(&t->body_locks[i], NULL);
		(void)pthread_mutex_init(&t->owner_locks[i], NULL);
	}
	fds_init(&t->fds);
	LIST_INIT(&t->copyups);
	TAILQ_INIT(&t->idle[0].nodes);
	TAILQ_INIT(&t->idle[1].nodes);
	if (hash_init(&t->names) < 0 || hash_init(&t->bodies) < 0 ||
	    hash_init(&t->paths) < 0) {
		tree_close(t);
		return NULL;
	}
	return t;
}

/* Files are opened by their descriptors in /proc (real.c): without it each would
 * seem not to be there. */
static int
look_for_proc(char **ret_why)
{
	if (access("/proc/self/fd", X_OK) == 0)
		return 0;
	*ret_why = strdup("/proc is not mounted here, and files are opened by "
			  "/proc/self/fd: mount -t proc proc /proc");
	return -ENOENT;
}

int
tree_open(const struct tree_config *config, tree_warn warn, void *warn_ctx,
	  struct tree **ret, char **ret_why)
{
	struct tree *t = tree_new();
	int r;

	*ret_why = NULL;
	if (!t)
		return -ENOMEM;
	r = look_for_proc(ret_why);
	if (r == 0)
		r = layer_set_open(config, warn, warn_ctx, &t->layers, ret_why);
	if (r == 0) {
		t->private_prefix = xattr_prefix(t->layers.features.userxattr);
		t->private_prefix_len = strlen(t->private_prefix);
		t->namelen = largest_namelen(&t->layers);
		t->idle[0].max = t->idle[1].max = MAX_IDLE;
		set_fd_limit(t, config);
		number_devices(t);
		if (!config->is_at_rest)
			uuid_open(t, (enum uuid)config->uuid);
		r = set_traps(t);
		if (r == 0 && !config->is_at_rest)
			r = partial_set_open(t, config, ret_why);
		if (r == 0 && t->layers.features.index && !config->is_at_rest)
			r = index_open(t, ret_why);
		if (r == 0 && t->layers.features.links)
			r = alias_tables_new(t);
		if (r == 0)
			r = make_root(t);
		if (r < 0 && !*ret_why &&
		    asprintf(ret_why, "cannot open the layers' roots: %s",
			     strerror(-r)) < 0)
			*ret_why = NULL;
	}
	if (r < 0) {
		tree_close(t);
		return r;
	}
	*ret = t;
	return 0;
}

void
tree_close(struct tree *t)
{
	unsigned i;

	if (!t)
		return;
	partial_queue_free(t);
	node_flush_idle(t);
	node_unref(t->root);
	partial_set_close(t);
	alias_tables_free(t);
	layer_set_fini(&t->layers);
	free(t->traps);
	hash_fini(&t->names);
	hash_fini(&t->bodies);
	hash_fini(&t->paths);
	(void)pthread_mutex_destroy(&t->rename_lock);
	(void)pthread_rwlock_destroy(&t->moves_lock);
	(void)pthread_mutex_destroy(&t->index_lock);
	(void)pthread_mutex_destroy(&t->aliases_lock);
	(void)pthread_mutex_destroy(&t->copyup_lock);
	(void)pthread_cond_destroy(&t->copyup_done);
	(void)pthread_mutex_destroy(&t->names_lock);
	for (i = 0; i < NR_BODY_LOCKS; i++) {
		(void)pthread_mutex_destroy(&t->body_locks[i]);
		(void)pthread_mutex_destroy(&t->owner_locks[i]);
	}
	fds_fini(&t->fds);
	free(t);
}

void
tree_on_progress(struct tree *t, tree_progress progress, void *ctx)
{
	t->progress = progress;
	t->progress_ctx = ctx;
}

bool
tree_is_read_only(const struct tree *t)
{
	return t->layers.upper == NULL;
}

bool
tree_has_owners(const struct tree *t)
{
	return t->layers.features.maps_owner ||
	       (t->layers.upper && t->layers.upper->can_chown);
}

void
tree_set_user(struct tree *t, void *user)
{
	t->user = user;
}

void *
node_tree_user(const struct node *n)
{
	return n->body->tree->user;
}

struct node *
tree_root(struct tree *t)
{
	return node_ref(t->root);
}

mode_t
node_type(const struct node *n)
{
	return n->body->type;
}

int
tree_ident(struct node *n, const struct call *c, struct ident *ret)
{
	CLEANUP_ACCESS struct access a = ACCESS_NONE;
	struct statx stx;
	int r = access_begin(n, c, &a);

	if (r == 0)
		r = real_statx(a.at, &stx);
	if (r < 0)
		return r == -ENOENT ? -ESTALE : r;
	ino_ident(n->body, &stx, ret);
	return 0;
}

/* One step of a walk, from a directory to an ordinary name. */
static int
walk_name(struct node *from, const struct call *c, struct name name,
	  bool is_last, struct ident *ret_ident, struct node **ret)
{
	CLEANUP_UNLOCK_DIR struct node *locked = NULL;
	struct found f;
	int r;

	r = lock_dir_shared(from, c);
	if (r < 0)
		return r;
	locked = from;
	if (from->body->dir->is_removed)
		return -ENOENT;
	if (!is_last && (*ret = lookup_passing(from, name, ret_ident)))
		return 0;
	r = lookup_name(from, name, c, &f);
	if (r < 0)
		return r;
	if (!f.node)
		return -ENOENT;
	ino_ident(f.node->body, &f.stx, ret_ident);
	if (f.node->body->dir) {
		atomic_store(&f.node->body->dir->seen_version,
			     ret_ident->version);
		atomic_store(&f.node->body->dir->seen_ms, node_now_ms());
	}
	*ret = f.node;
	return 0;
}

static bool
name_is(struct name name, const char *s)
{
	return name.len == strlen(s) && memcmp(name.ptr, s, name.len) == 0;
}

static int
walk_step(struct node *from, const struct call *c, struct name name,
	  bool is_last, struct ident *ret_ident, struct node **ret)
{
	struct node *to;
	int r;

	if (!from->body->dir)
		return -ENOTDIR;
	r = permit_node(from, c, PERMIT_EXEC);
	if (r < 0)
		return r;
	if (name_is(name, ".."))
		to = node_parent(from);
	else if (name_is(name, "."))
		to = node_ref(from);
	else
		return walk_name(from, c, name, is_last, ret_ident, ret);
	r = tree_ident(to, c, ret_ident);
	if (r < 0)
		node_unref(to);
	else
		*ret = to;
	return r;
}

int
tree_walk(struct node *from, const struct call *c, const struct name *names,
	  unsigned nr, struct ident *ret_idents, unsigned *ret_nr,
	  struct node **ret)
{
	struct node *n = node_ref(from), *next;
	unsigned i;
	int r;

	for (i = 0; i < nr; i++) {
		r = walk_step(n, c, names[i], i + 1 == nr, &ret_idents[i],
			      &next);
		if (r < 0) {
			node_unref(n);
			*ret_nr = r == -EAGAIN && c->nowait ? 0 : i;
			return r;
		}
		node_unref(n);
		n = next;
	}
	*ret_nr = nr;
	*ret = n;
	return 0;
}
