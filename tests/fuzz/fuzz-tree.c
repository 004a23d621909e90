/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See fuzz-tree.h. Looked at after each request: no whiteout, no 0:0 device
 * and no mark of the overlay's own is shown, identities are complete. After
 * each tree: nothing but the upper and the work directory has changed (the
 * lowers, a directory beside them that symbolic links lead to), no descriptor
 * was lost, and veneer's own check finds nothing wrong with the upper.
 */
#include "fuzz-tree.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "fake-backend.h"
#include "fuzz-files.h"
#include "groups.h"
#include "macros.h"
#include "run.h"
#include "tree.h"

#define FAIL(...)                                   \
	do {                                        \
		(void)fprintf(stderr, __VA_ARGS__); \
		abort();                            \
	} while (0)

/* Each is a way in which layers are read or written differently. */
static const char *const variants[] = {
	"",
	"redirect_dir=on,metacopy=on,index=on",
	"redirect_dir=off",
	"redirect_dir=nofollow,xino=on",
	"userxattr",
	"index=on,xino=on",
	"metacopy=on,fsync=strict",
	"index=off,owner=mapped",
};
static const struct access plain;
#define VARIANT_USERXATTR 4
#define VARIANT_READ_ONLY 8u
#define VARIANT_MAPPED 0x10u /* owner=mapped */
#define VARIANT_ACCESS 0x20u /* access=server, and ids that are mapped */
#define NR_VARIANTS 0x40u

/* --- The tree --------------------------------------------------------------- */

static void
set(struct tree_config *c, const char *key, const char *value)
{
	char *why;

	if (tree_config_set(c, key, value, &why) < 0)
		FAIL("%s=%s: %s\n", key, value, why);
}

static struct tree_config *
make_config(const struct fuzz_tree *t)
{
	struct tree_config *c = tree_config_new();
	char path[96], copy[128], *rest = copy, *key, *value;

	(void)snprintf(path, sizeof(path), "%s/ro/lower1", t->base);
	set(c, "lower", path);
	(void)snprintf(path, sizeof(path), "%s/ro/lower2", t->base);
	set(c, "lower", path);
	if (!(t->variant & VARIANT_READ_ONLY)) {
		(void)snprintf(path, sizeof(path), "%s/rw/upper", t->base);
		set(c, "upper", path);
		(void)snprintf(path, sizeof(path), "%s/rw/work", t->base);
		set(c, "work", path);
	}
	if (t->variant & VARIANT_MAPPED)
		set(c, "owner", "mapped");
	(void)snprintf(copy, sizeof(copy), "%s",
		       variants[t->variant % ARRAY_SIZE(variants)]);
	while ((key = strsep(&rest, ","))) {
		value = strchr(key, '=');
		if (value)
			*value++ = '\0';
		if (*key)
			set(c, key, value);
	}
	return c;
}

static void
open_tree(struct fuzz_tree *t)
{
	struct tree_config *c = make_config(t);
	char *why = NULL;

	if (tree_open(c, NULL, NULL, &t->tree, &why) < 0)
		FAIL("%s: %s\n", variants[t->variant % ARRAY_SIZE(variants)],
		     why ? why : "no memory");
	tree_config_free(c);
	t->export.tree = t->tree;
	tree_set_user(t->tree, &t->export);
	t->access = ACCESS_INIT;
	if (!(t->variant & VARIANT_ACCESS))
		return;
	t->access.mode = ACCESS_SERVER;
	t->access.uids = t->access.gids = (struct id_map){
		{ { 0, 0, 1 }, { 1000, 3000, 1 }, { 65534, 65534, 1 } }, 3
	};
	t->server.groups = groups_new();
}

static void
close_tree(struct fuzz_tree *t)
{
	unsigned nr;

	tree_close(t->tree);
	t->tree = NULL;
	groups_free(t->server.groups);
	t->server.groups = NULL;
	nr = files_count_fds();
	if (nr != t->nr_fds)
		FAIL("%u descriptors, there were %u\n", nr, t->nr_fds);
	if (files_hash(t->base, "ro", false) != t->ro_hash)
		FAIL("a lower or what is beside it has changed\n");
	if (!files_are(t->base, ".", "ro rw ") ||
	    !files_are(t->base, "rw", "upper work "))
		FAIL("something was made outside the upper\n");
}

static void
found(void *ctx, const struct check_finding *f)
{
	(void)ctx;
	if (f->state != CHECK_NOTE)
		FAIL("%s: %s: %s\n", f->path, f->kind, f->what);
}

static void
check_upper(const struct fuzz_tree *t)
{
	struct check_options o = { .found = found };
	struct check_result res;
	struct tree_config *c;
	char *why = NULL;

	if (t->variant & VARIANT_READ_ONLY)
		return;
	c = make_config(t);
	if (tree_check(c, &o, &res, &why) < 0)
		FAIL("tree_check: %s\n", why ? why : "no memory");
	free(res.mount_options);
	tree_config_free(c);
}

static void
make_upper(const struct fuzz_tree *t)
{
	char path[96];

	(void)snprintf(path, sizeof(path), "%s/rw/upper", t->base);
	(void)mkdir(path, 0755);
	(void)snprintf(path, sizeof(path), "%s/rw/work", t->base);
	(void)mkdir(path, 0755);
}

void
fuzz_tree_begin(struct fuzz_tree *t, unsigned variant)
{
	t->variant = variant % (2 * ARRAY_SIZE(variants));
	if (geteuid() != 0)
		t->variant =
			(t->variant & VARIANT_READ_ONLY) | VARIANT_USERXATTR;
	t->nr_marks = 0;
	/* Again each time: libFuzzer opens some, too. */
	t->nr_fds = files_count_fds();
	open_tree(t);
}

void
fuzz_tree_restart(struct fuzz_tree *t)
{
	close_tree(t);
	open_tree(t);
}

void
fuzz_tree_end(struct fuzz_tree *t)
{
	close_tree(t);
	if (geteuid() == 0)
		check_upper(t);
	files_empty(t->base, "rw");
	make_upper(t);
}

/* --- What must not be seen --------------------------------------------------- */

/* Where a name like the overlay's own begins to be private, in this tree. */
static bool
is_like_mark(const struct fuzz_tree *t, const char *name)
{
	const char *prefix =
		t->variant % ARRAY_SIZE(variants) == VARIANT_USERXATTR
			? "user.overlay."
			: "trusted.overlay.";

	return strncmp(name, prefix, strlen(prefix)) == 0;
}

static void
note_mark(struct fuzz_tree *t, const struct request *r)
{
	char name[256];

	(void)snprintf(name, sizeof(name), "%.*s", (int)r->name.len,
		       r->name.ptr);
	if (!is_like_mark(t, name))
		return;
	if (t->nr_marks < FUZZ_MARKS_MAX)
		memcpy(t->marks[t->nr_marks], name, sizeof(name));
	t->nr_marks++;
}

static void
check_mark(const struct fuzz_tree *t, const char *name)
{
	unsigned i;

	if (!is_like_mark(t, name) || t->nr_marks > FUZZ_MARKS_MAX)
		return;
	for (i = 0; i < t->nr_marks; i++)
		if (strcmp(name, t->marks[i]) == 0)
			return;
	FAIL("%s is shown\n", name);
}

static void
check_xattr(const struct fuzz_tree *t, const struct request *r)
{
	const char *p = r->u.xattr.value;
	const char *end = p ? p + r->u.xattr.size : p;
	char name[256];

	if (r->name.len > 0) {
		(void)snprintf(name, sizeof(name), "%.*s", (int)r->name.len,
			       r->name.ptr);
		check_mark(t, name);
		return;
	}
	for (; p < end; p += strlen(p) + 1) {
		if (!memchr(p, '\0', (size_t)(end - p)) || !*p)
			FAIL("a list of xattrs that is none\n");
		check_mark(t, p);
	}
}

static void
check_ident(const struct ident *id)
{
	if (id->path == 0 || id->version == 0 || (id->type & ~S_IFMT) ||
	    id->type == 0)
		FAIL("path %llu, version %u, type %o\n",
		     (unsigned long long)id->path, id->version, id->type);
}

static void
check_attr(const struct attr *a)
{
	check_ident(&a->ident);
	if ((a->mode & S_IFMT) != a->ident.type)
		FAIL("mode %o, type %o\n", a->mode, a->ident.type);
	if (S_ISCHR(a->mode) && a->rdev_major == 0 && a->rdev_minor == 0)
		FAIL("a whiteout is shown\n");
}

static void
check_result(struct fuzz_tree *t, const struct request *r)
{
	unsigned i;

	if (r->error > 0 || r->error < -4095)
		FAIL("errno %d\n", r->error);
	if (r->op == REQUEST_WALK)
		for (i = 0; i < r->u.walk.nr_idents; i++)
			check_ident(&r->u.walk.idents[i]);
	if (r->error)
		return;
	if (r->op == REQUEST_GETATTR)
		check_attr(&r->ret_attr);
	if (r->op == REQUEST_GETXATTR)
		check_xattr(t, r);
	if (r->op == REQUEST_SETXATTR)
		note_mark(t, r);
}

struct listing {
	dirent_emit emit;
	void *ctx;
};

static bool
check_entry(void *ctx, const struct dirent_info *e)
{
	struct listing *l = ctx;

	if (e->d_type == DT_WHT || e->d_type == DT_UNKNOWN || e->cookie == 0 ||
	    e->cookie > INT64_MAX || e->path == 0 || e->name.len == 0 ||
	    e->name.len > 255 || memchr(e->name.ptr, '/', e->name.len) ||
	    memchr(e->name.ptr, '\0', e->name.len))
		FAIL("\"%.*s\" type %u cookie %llu\n", (int)e->name.len,
		     e->name.ptr, e->d_type, (unsigned long long)e->cookie);
	return l->emit(l->ctx, e);
}

/* --- Requests ---------------------------------------------------------------- */

/* A tree that opened devices would do so on this machine: only null ones. */
static void
spare_devices(struct request *r)
{
	if (S_ISBLK(r->u.mknod.mode) ||
	    (S_ISCHR(r->u.mknod.mode) &&
	     (r->u.mknod.major || r->u.mknod.minor))) {
		r->u.mknod.major = 1;
		r->u.mknod.minor = 3;
	}
}

void
fuzz_tree_answer(void *tree, struct request *r)
{
	struct fuzz_tree *t = tree;
	struct listing l = { 0 };

	waiter_init(&r->waiter, NULL, NULL);
	if (r->op == REQUEST_MKNOD)
		spare_devices(r);
	if (r->op == REQUEST_READDIR) {
		l = (struct listing){ r->u.readdir.emit,
				      r->u.readdir.emit_ctx };
		r->u.readdir.emit = check_entry;
		r->u.readdir.emit_ctx = &l;
	}
	if (!run(&t->server, r, true) && !run(&t->server, r, false))
		FAIL("parked, but behind whom?\n");
	if (r->op == REQUEST_READDIR) {
		r->u.readdir.emit = l.emit;
		r->u.readdir.emit_ctx = l.ctx;
	}
	/* Whoever asked: we are ourselves again. */
	if ((uid_t)setfsuid((uid_t)-1) != geteuid() ||
	    (gid_t)setfsgid((gid_t)-1) != getegid())
		FAIL("the identity of a client stayed\n");
	check_result(t, r);
}

static void
submit(struct request *r)
{
	fake_backend.submit(r);
}

static bool
cancel(struct request *r)
{
	return fake_backend.cancel(r);
}

static void
ref(struct node *n)
{
	(void)node_ref(n);
}

const struct backend fuzz_tree_backend = {
	.submit = submit,
	.cancel = cancel,
	.node_ref = ref,
	.node_unref = node_unref,
	.handle_unref = handle_unref,
};

/* --- Layers ------------------------------------------------------------------ */

static void
set_mark(const struct fuzz_tree *t, const char *path, const char *mark,
	 const char *value)
{
	files_set_xattr(t->base, path, "trusted.overlay.", mark, value);
	files_set_xattr(t->base, path, "user.overlay.", mark, value);
}

static void
make_layers(struct fuzz_tree *t)
{
	bool is_root = geteuid() == 0;

	files_make(t->base,
		   "umask 022; mkdir rw rw/upper rw/work ro ro/lower1 "
		   "ro/lower2 ro/outside ro/outside/d; cd ro; "
		   "echo outside >outside/f; echo outside >outside/d/f; "
		   "cd lower1; mkdir d o e e/d; echo one >f; echo d >d/f; "
		   "ln -s ../outside m; ln -s ../../outside d/m; "
		   "ln -s \"$PWD/../outside\" l; ln -s f k; ln f d/h; "
		   "echo hard >h; ln h d/k; ln h e/h; mkfifo p; echo o >o/f; "
		   "cd ../lower2; mkdir d d/e o r; echo two >f; "
		   "seq 1500 >g; seq 3000 >d/g; echo deep >d/e/f; "
		   "ln -s ../../../outside d/e/m; ln -s / d/l; "
		   "echo gone >w; echo hidden >o/g; echo r >r/f; "
		   "ln g d/x; mkfifo d/p");
	if (is_root)
		files_make(t->base,
			   "cd ro; mknod lower1/w c 0 0; mknod lower1/n c 1 3; "
			   "mknod lower2/d/n b 1 3; mknod lower1/d/w c 0 0; "
			   "echo >lower2/d/w; chown 1000:1000 lower1/f");
	set_mark(t, "ro/lower1/o", "opaque", "y");
	set_mark(t, "ro/lower1/e", "redirect", "/r");
	files_set_xattr(t->base, "ro/lower1/f", "user.", "a", "of f");
	files_set_xattr(t->base, "ro/lower2/d", "user.", "a", "of d");
}

static void
remove_layers(void)
{
	struct fuzz_tree *t = fuzz_tree_get();

	if (files_hash(t->base, "ro", true) != t->content_hash)
		FAIL("contents of a lower or beside it have changed\n");
	files_empty(t->base, ".");
	(void)rmdir(t->base);
}

static void
write_secret(struct fuzz_tree *t)
{
	unsigned char bytes[16];
	char path[128];
	unsigned i;
	FILE *f;

	if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
		FAIL("getrandom: %s\n", strerror(errno));
	for (i = 0; i < sizeof(bytes); i++)
		(void)snprintf(t->secret + 2 * i, 3, "%02x", bytes[i]);
	(void)snprintf(path, sizeof(path), "%s/f", t->outside);
	f = fopen(path, "w");
	if (!f || fputs(t->secret, f) < 0 || fclose(f))
		FAIL("%s: %s\n", path, strerror(errno));
}

struct fuzz_tree *
fuzz_tree_get(void)
{
	static struct fuzz_tree tree;
	struct fuzz_tree *t = &tree;
	const char *dir = getenv("TMPDIR");
	int r;

	if (t->base[0])
		return t;
	(void)umask(0);
	if (!dir)
		dir = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
	r = snprintf(t->base, sizeof(t->base), "%s/veneer-fuzz.XXXXXX", dir);
	if (r >= (int)sizeof(t->base) || !mkdtemp(t->base))
		FAIL("%s: %s\n", t->base, strerror(errno));
	(void)snprintf(t->outside, sizeof(t->outside), "%.*s/ro/outside", r,
		       t->base);
	make_layers(t);
	write_secret(t);
	t->ro_hash = files_hash(t->base, "ro", false);
	t->content_hash = files_hash(t->base, "ro", true);
	t->export.access = &plain;
	t->export.name = t->base + strlen(t->base); /* "" */
	t->export.access = &t->access;
	t->server.exports = &t->export;
	t->server.nr_exports = 1;
	(void)atexit(remove_layers);
	return t;
}
