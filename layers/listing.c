/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Merging the listings of a directory's layers (overlay.md 6,
 * ovl_dir_read_merged()): from the top down, the first layer that has a name
 * decides; a whiteout decides that there is nothing.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "listing.h"
#include "lookup.h"
#include "overlay.h"
#include "owner.h"

struct entry {
	struct hash_entry by_name; /* in listing.seen */
	uint64_t path;
	size_t name_off; /* in listing.names */
	uint8_t name_len;
	unsigned char d_type;
	bool is_hidden; /* a whiteout */
	bool is_upper;
};

struct listing {
	struct entry **entries; /* owned, each too; in order of reading */
	size_t nr_entries, max_entries;
	struct hash seen;
	char *names; /* owned; the names, one after the other */
	size_t names_len, names_max;
};

#define LAYER_BUFFER 32768

void
listing_free(struct listing *l)
{
	size_t i;

	if (!l)
		return;
	for (i = 0; i < l->nr_entries; i++)
		free(l->entries[i]);
	free(l->entries);
	free(l->names);
	hash_fini(&l->seen);
	free(l);
}

static void
cleanup_listing(struct listing **l)
{
	listing_free(*l);
}
#define CLEANUP_LISTING __attribute__((cleanup(cleanup_listing)))

/* Room for one more element of @size in *@array of *@max, @nr used. */
static int
grow(void *array, size_t nr, size_t *max, size_t size)
{
	size_t want = nr + nr / 2 + 64;
	void *p;

	if (nr < *max)
		return 0;
	p = reallocarray(*(void **)array, want, size);
	if (!p)
		return -ENOMEM;
	*(void **)array = p;
	*max = want;
	return 0;
}

static int
grow_names(struct listing *l, size_t len)
{
	size_t want = (l->names_len + len) * 3 / 2 + 4096;
	char *p;

	if (l->names_len + len <= l->names_max)
		return 0;
	p = realloc(l->names, want);
	if (!p)
		return -ENOMEM;
	l->names = p;
	l->names_max = want;
	return 0;
}

static bool
is_seen(const struct listing *l, struct name name, uint64_t hash)
{
	struct hash_entry *h;
	const struct entry *e;

	for (h = hash_find(&l->seen, hash); h; h = hash_same(h)) {
		e = (const struct entry *)h;
		if (e->name_len == name.len &&
		    memcmp(l->names + e->name_off, name.ptr, name.len) == 0)
			return true;
	}
	return false;
}

static int
add(struct listing *l, struct name name, const struct entry *what)
{
	uint64_t hash = hash_bytes(name.ptr, name.len, 0);
	struct entry *e;
	int r;

	if (is_seen(l, name, hash))
		return 0;
	r = grow(&l->entries, l->nr_entries, &l->max_entries,
		 sizeof(*l->entries));
	if (r == 0)
		r = grow_names(l, name.len);
	if (r < 0)
		return r;
	e = malloc(sizeof(*e));
	if (!e)
		return -ENOMEM;
	*e = *what;
	e->name_off = l->names_len;
	e->name_len = (uint8_t)name.len;
	memcpy(l->names + l->names_len, name.ptr, name.len);
	l->names_len += name.len;
	l->entries[l->nr_entries++] = e;
	hash_add(&l->seen, &e->by_name, hash);
	return 0;
}

static bool
is_dots(const char *name)
{
	return name[0] == '.' &&
	       (name[1] == '\0' || (name[1] == '.' && name[2] == '\0'));
}

/* One layer's directory that is being read. */
struct layer_dir {
	unsigned layer;
	int fd;
	bool has_xwhiteouts; /* empty files may be whiteouts */
	bool wants_marks; /* whiteouts=oci, second round: only the marks */
};

/* What one raw entry of @ld is. 0, -ENOENT: gone. */
static int
judge(const struct tree *t, const struct layer_dir *ld,
      const struct dirent64 *raw, struct entry *ret)
{
	struct at at = AT(ld->fd, raw->d_name);
	struct statx stx;
	int r;

	ret->d_type = raw->d_type;
	if (raw->d_type != DT_CHR && raw->d_type != DT_UNKNOWN &&
	    !(raw->d_type == DT_REG && ld->has_xwhiteouts))
		return 0;
	r = real_statx(at, &stx);
	if (r < 0)
		return r;
	ret->d_type = IFTODT(stx.stx_mode);
	/* An xattr whiteout hides only in a directory that says so. */
	if (S_ISREG(stx.stx_mode) && !ld->has_xwhiteouts)
		return 0;
	r = whiteout_is(t, at, &stx);
	ret->is_hidden = r == 1;
	return r < 0 ? r : 0;
}

/* Call @each for every raw entry of the directory but "." and "..". */
typedef int (*raw_entry_fn)(void *ctx, const struct layer_dir *ld,
			    const struct dirent64 *raw);

static int
for_each_raw(struct layer_dir *ld, struct at at, raw_entry_fn each, void *ctx)
{
	CLEANUP_FREE char *buf = malloc(LAYER_BUFFER);
	CLEANUP_CLOSE int fd = -1;
	const struct dirent64 *raw;
	struct statx stx;
	ssize_t n, pos;
	int r;

	if (!buf)
		return -ENOMEM;
	fd = real_open(at, O_RDONLY | O_DIRECTORY | (ld->layer ? O_NOATIME : 0),
		       &stx);
	if (fd < 0)
		return fd;
	ld->fd = fd;
	while ((n = real_getdents(fd, buf, LAYER_BUFFER)) > 0) {
		for (pos = 0; pos < n; pos += raw->d_reclen) {
			raw = (const void *)(buf + pos);
			if (is_dots(raw->d_name))
				continue;
			r = each(ctx, ld, raw);
			if (r != 0)
				return r;
		}
	}
	return (int)n;
}

/* The same over all layers of a locked directory, from the top. */
static int
for_each_layer(const struct tree *t, struct dir *d, raw_entry_fn each,
	       void *ctx)
{
	struct layer_dir ld = { 0 };
	unsigned i;
	int r = 0;

	if (d->has_upper)
		r = for_each_raw(&ld, AT(d->upper_fd, "."), each, ctx);
	for (i = 0; i < d->nr_lowers && r == 0; i++) {
		ld = (struct layer_dir){
			.layer = d->lowers[i].layer,
			.has_xwhiteouts = d->lowers[i].has_xwhiteouts,
		};
		r = for_each_raw(&ld, AT(d->lowers[i].fd, "."), each, ctx);
		/* What .wh.NAME hides is below, not beside it. */
		ld.wants_marks = layer_of(t, ld.layer)->has_oci_whiteouts;
		if (r == 0 && ld.wants_marks)
			r = for_each_raw(&ld, AT(d->lowers[i].fd, "."), each,
					 ctx);
	}
	return r;
}

struct reading {
	struct tree *t;
	struct listing *l;
};

/* An entry of a layer with whiteouts=oci: a mark, or an ordinary name? */
static int
read_one_oci(struct reading *rd, const struct layer_dir *ld, const char *name)
{
	const char *hidden = whiteout_oci_name(name);
	struct entry e = { .is_hidden = true };

	if (!hidden)
		return ld->wants_marks ? 1 : 0;
	if (!ld->wants_marks || !*hidden)
		return 1;
	return add(rd->l, (struct name){ hidden, strlen(hidden) }, &e) < 0
		       ? -ENOMEM
		       : 1;
}

static int
read_one(void *ctx, const struct layer_dir *ld, const struct dirent64 *raw)
{
	struct reading *rd = ctx;
	struct entry e = { .is_upper = ld->layer == 0 };
	const struct layer *l = layer_of(rd->t, ld->layer);
	int r;

	if (l->has_oci_whiteouts) {
		r = read_one_oci(rd, ld, raw->d_name);
		if (r != 0)
			return r < 0 ? r : 0;
	}
	r = judge(rd->t, ld, raw, &e);
	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return r;
	if (e.d_type == DT_REG && !e.is_hidden)
		e.d_type = owner_d_type(rd->t, AT(ld->fd, raw->d_name));
	e.path = ino_to_path(rd->t, l->dev, raw->d_ino);
	return add(rd->l, (struct name){ raw->d_name, strlen(raw->d_name) },
		   &e);
}

/*
 * Upper entries that have an origin, or a lower directory below them, carry
 * its number: as looked up. Where that fails the entry stays listed with its
 * own number; only using it fails (the kernel breaks the whole listing).
 */
static void
correct_paths(struct node *n, const struct call *c, struct listing *l)
{
	const struct dir *d = n->body->dir;
	struct found f;
	struct entry *e;
	size_t i;

	for (i = 0; i < l->nr_entries; i++) {
		e = l->entries[i];
		if (!e->is_upper || e->is_hidden)
			continue;
		if (!d->is_marked_impure && !d->has_renumbered &&
		    !(e->d_type == DT_DIR && d->nr_lowers > 0))
			continue;
		if (lookup_name(n,
				(struct name){ l->names + e->name_off,
					       e->name_len },
				c, &f) < 0)
			continue;
		if (f.node)
			e->path = f.node->body->path;
		node_unref(f.node);
	}
}

int
listing_read(struct node *n, const struct call *c, struct listing **ret)
{
	CLEANUP_LISTING struct listing *l = calloc(1, sizeof(*l));
	struct reading rd = { .t = n->body->tree, .l = l };
	struct entry dot = { .path = n->body->path, .d_type = DT_DIR };
	struct node *parent;
	int r;

	if (!l || hash_init(&l->seen) < 0)
		return -ENOMEM;
	if (n->body->dir->is_removed) {
		*ret = take_ptr(&l);
		return 0;
	}
	r = add(l, (struct name){ ".", 1 }, &dot);
	parent = node_parent(n);
	dot.path = parent->body->path;
	node_unref(parent);
	if (r == 0)
		r = add(l, (struct name){ "..", 2 }, &dot);
	if (r == 0)
		r = for_each_layer(rd.t, n->body->dir, read_one, &rd);
	if (r < 0)
		return r;
	correct_paths(n, c, l);
	*ret = take_ptr(&l);
	return 0;
}

int
listing_emit(const struct listing *l, uint64_t off, dirent_emit emit, void *ctx)
{
	const struct entry *e;
	struct dirent_info info;
	size_t i;

	for (i = (size_t)off; i < l->nr_entries; i++) {
		e = l->entries[i];
		if (e->is_hidden)
			continue;
		info = (struct dirent_info){
			.name = { l->names + e->name_off, e->name_len },
			.path = e->path,
			.cookie = i + 1,
			.d_type = e->d_type,
		};
		if (!emit(ctx, &info))
			break;
	}
	return 0;
}

int
listing_is_empty(struct node *n, bool *ret_has_whiteouts)
{
	CLEANUP_LISTING struct listing *l = calloc(1, sizeof(*l));
	struct reading rd = { .t = n->body->tree, .l = l };
	bool has_whiteouts = false;
	size_t i;
	int r;

	if (!l || hash_init(&l->seen) < 0)
		return -ENOMEM;
	r = for_each_layer(rd.t, n->body->dir, read_one, &rd);
	if (r < 0)
		return r;
	for (i = 0; i < l->nr_entries; i++) {
		if (!l->entries[i]->is_hidden)
			return 0;
		if (l->entries[i]->is_upper)
			has_whiteouts = true;
	}
	*ret_has_whiteouts = has_whiteouts;
	return 1;
}

static int
remove_one(void *ctx, const struct layer_dir *ld, const struct dirent64 *raw)
{
	struct tree *t = ctx;
	struct entry e = { 0 };
	int r = judge(t, ld, raw, &e);

	if (r == 0 && e.is_hidden)
		r = real_unlink(t->layers.upper, AT(ld->fd, raw->d_name), 0);
	return r == -ENOENT ? 0 : r;
}

int
listing_remove_whiteouts(struct tree *t, int upper_fd)
{
	struct layer_dir ld = { 0 };

	return for_each_raw(&ld, AT(upper_fd, "."), remove_one, t);
}
