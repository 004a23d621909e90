/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Lower layers: a list of items from a seed, made on disk or printed as shell
 * lines. An item that does not fit (a file where a directory is) is passed
 * over, so any part of the list is a valid list.
 *
 * Whiteouts are in even layers and opaque directories in odd ones, and below
 * a whiteout's directory there is always one to merge with: the kernel shows
 * whiteouts elsewhere as names (docs/DIFFERENCES.md).
 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "twin.h"

#define SPARSE_SIZE 200000
/* ITEM_BLOCKS: text at these places, and a little more. */
static const long places[] = { 0, 65530, 65600, 150000, 199000 };
#define BLOCKS_SIZE 200007

/*
 * %p layer and path, %b layer and other path, %d its folder, %u the folder
 * in the layer below, %P prefix, %i the argument.
 */
static const struct {
	const char *last;
	unsigned weight;
	const char *script;
} kinds[NR_ITEM_KINDS] = {
	[ITEM_DIR] = { "d", 8, "mkdir -p %p" },
	[ITEM_FILE] = { "fh", 12, "echo lower%i >%p" },
	[ITEM_EMPTY] = { "f", 2, ": >%p" },
	[ITEM_SPARSE] = { "f", 1, "echo %i >%p; truncate -s 200000 %p" },
	[ITEM_BLOCKS] = { "fh", 0,
			  "for i in 0 65530 65600 150000 199000; do echo %i$i |"
			  "dd of=%p bs=1 seek=$i status=none; done; "
			  "truncate -s 200007 %p" },
	[ITEM_LINK] = { "h", 8, "ln -T %b %p" },
	[ITEM_SYMLINK] = { "f", 2, "ln -sT target%i %p" },
	[ITEM_FIFO] = { "f", 1, "mkfifo %p" },
	[ITEM_WHITEOUT] = { "fh", 4, "mkdir -p %u; mknod -m 0 %p c 0 0" },
	[ITEM_XWHITEOUT] = { "fh", 4,
			     "mkdir -p %u; : >%p; setfattr -n %P.whiteout %p; "
			     "setfattr -n %P.opaque -v x %d" },
	[ITEM_OPAQUE] = { "d", 3,
			  "mkdir -p %p; setfattr -n %P.opaque -v y %p" },
	[ITEM_XATTR] = { "dfh", 3, "setfattr -h -n user.a -v low%i %p" },
	[ITEM_CHMOD] = { "dfh", 2, "chmod 0%m %p" },
	[ITEM_CHOWN] = { "dfh", 2, "chown -h 1000:1001 %p" },
	[ITEM_METACOPY] = { "f", 4,
			    "echo data%i >data/x%i; : >%p; truncate -s 10 %p; "
			    "setfattr -n %P.metacopy %p; "
			    "setfattr -n %P.redirect -v /x%i %p" },
};

static const unsigned modes[] = { 0644, 0600, 0755, 06755 };

static enum item_kind
pick_kind(const struct twin_case *c, struct dice *d)
{
	unsigned total = 0, i;
	int left;

	for (i = 0; i < NR_ITEM_KINDS; i++)
		total += kinds[i].weight;
	left = (int)dice_roll(d, total);
	for (i = 0; i < NR_ITEM_KINDS; i++) {
		left -= (int)kinds[i].weight;
		if (left < 0)
			break;
	}
	if ((i == ITEM_XWHITEOUT && !c->set->has_xwhiteouts) ||
	    (i == ITEM_METACOPY && !c->set->has_data))
		i = ITEM_FILE;
	if (i == ITEM_FILE && c->set->is_partial && dice_roll(d, 4) > 0)
		i = ITEM_BLOCKS;
	return (enum item_kind)i;
}

void
lowers_generate(struct twin_case *c)
{
	/* Lowers serve 25 seeds each: making them costs more than a run. */
	struct dice d = { (c->seed / 25 + 1) * 40503u };
	unsigned nr = 60 + 3 * c->nr_lowers, i;
	struct item *t;

	nr = nr > MAX_ITEMS ? MAX_ITEMS : nr;
	for (i = 0; i < nr; i++) {
		t = &c->items[i];
		*t = (struct item){ .kind = pick_kind(c, &d),
				    .layer = dice_roll(&d, c->nr_lowers),
				    .arg = dice_roll(&d, 1000) };
		dice_path(&d, kinds[t->kind].last, t->a);
		dice_path(&d, "fh", t->b);
		if (t->kind == ITEM_WHITEOUT || t->kind == ITEM_XWHITEOUT) {
			t->layer &= ~1u;
			if (t->layer + 1 >= c->nr_lowers)
				t->kind = ITEM_FILE;
		}
		if (t->kind == ITEM_OPAQUE && !(t->layer & 1))
			t->kind = ITEM_DIR;
		/* The name is a file, where the dice made it another. */
		if (t->kind != ITEM_DIR && t->kind != ITEM_OPAQUE &&
		    kinds[t->kind].last[0] != 'd' &&
		    t->a[strlen(t->a) - 2] == 'd')
			t->a[strlen(t->a) - 2] = kinds[t->kind].last[0];
		if (t->a[strlen(t->a) - 2] != 'd' &&
		    (t->kind == ITEM_DIR || t->kind == ITEM_OPAQUE))
			t->a[strlen(t->a) - 2] = 'd';
		/* A link needs a file: mostly the one made before. */
		if (t->kind == ITEM_LINK && i > 0 &&
		    (t[-1].kind == ITEM_FILE || t[-1].kind == ITEM_BLOCKS ||
		     t[-1].kind == ITEM_LINK)) {
			memcpy(t->b, t[-1].a, PATH_LEN);
			t->layer = t[-1].layer;
		}
	}
	c->nr_items = nr;
}

static void
parents_make(const char *path, bool whole)
{
	char part[128];
	size_t i;

	for (i = 1; path[i]; i++) {
		if (path[i] != '/')
			continue;
		(void)snprintf(part, sizeof(part), "%.*s", (int)i, path);
		(void)mkdir(part, 0755);
	}
	if (whole)
		(void)mkdir(path, 0755);
}

static bool
file_make(const char *path, const char *text, unsigned arg, off_t size)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

	if (fd < 0)
		return false;
	if (text)
		(void)dprintf(fd, "%s%u\n", text, arg);
	if (size > 0)
		(void)ftruncate(fd, size);
	(void)close(fd);
	return true;
}

static void
blocks_make(const char *path, unsigned arg)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	char text[32];
	size_t i;

	if (fd < 0)
		return;
	for (i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		(void)snprintf(text, sizeof(text), "%u%ld\n", arg, places[i]);
		(void)!pwrite(fd, text, strlen(text), places[i]);
	}
	(void)ftruncate(fd, BLOCKS_SIZE);
	(void)close(fd);
}

static void
private_set(const struct twin_case *c, const char *path, const char *name,
	    const char *value)
{
	char full[64];

	(void)snprintf(full, sizeof(full), "%s.%s", c->set->prefix, name);
	(void)setxattr(path, full, value, strlen(value), 0);
}

static void
metacopy_make(const struct twin_case *c, const struct item *t, const char *p)
{
	char data[64], target[32];

	(void)snprintf(data, sizeof(data), "data/x%u", t->arg);
	(void)snprintf(target, sizeof(target), "/x%u", t->arg);
	(void)file_make(data, "data", t->arg, 0);
	if (file_make(p, NULL, 0, 10)) {
		private_set(c, p, "metacopy", "");
		private_set(c, p, "redirect", target);
	}
}

static void
whiteout_make(const struct twin_case *c, const struct item *t, const char *p)
{
	char below[128], dir[128];

	(void)snprintf(below, sizeof(below), "l%u/%s", t->layer + 1, t->a);
	parents_make(below, false);
	if (t->kind == ITEM_WHITEOUT) {
		(void)mknod(p, S_IFCHR, 0);
	} else if (file_make(p, NULL, 0, 0)) {
		private_set(c, p, "whiteout", "y");
		(void)snprintf(dir, sizeof(dir), "%.*s",
			       (int)(strrchr(p, '/') - p), p);
		private_set(c, dir, "opaque", "x");
	}
}

static void
item_make(const struct twin_case *c, const struct item *t)
{
	char p[128], b[128];

	(void)snprintf(p, sizeof(p), "l%u/%s", t->layer, t->a);
	(void)snprintf(b, sizeof(b), "l%u/%s", t->layer, t->b);
	parents_make(p, t->kind == ITEM_DIR || t->kind == ITEM_OPAQUE);
	switch (t->kind) {
	case ITEM_FILE:
		(void)file_make(p, "lower", t->arg, 0);
		break;
	case ITEM_EMPTY:
		(void)file_make(p, NULL, 0, 0);
		break;
	case ITEM_SPARSE:
		(void)file_make(p, "", t->arg, SPARSE_SIZE);
		break;
	case ITEM_BLOCKS:
		blocks_make(p, t->arg);
		break;
	case ITEM_LINK:
		(void)link(b, p);
		break;
	case ITEM_SYMLINK:
		(void)symlink("target", p);
		break;
	case ITEM_FIFO:
		(void)mknod(p, S_IFIFO | 0644, 0);
		break;
	case ITEM_WHITEOUT:
	case ITEM_XWHITEOUT:
		whiteout_make(c, t, p);
		break;
	case ITEM_OPAQUE:
		private_set(c, p, "opaque", "y");
		break;
	case ITEM_XATTR:
		(void)lsetxattr(p, "user.a", "low", 3, 0);
		break;
	case ITEM_CHMOD:
		/* Not a whiteout's, and not through a symbolic link. */
		(void)fchmodat(AT_FDCWD, p, modes[t->arg % 4],
			       AT_SYMLINK_NOFOLLOW);
		break;
	case ITEM_CHOWN:
		(void)lchown(p, 1000, 1001);
		break;
	case ITEM_METACOPY:
		metacopy_make(c, t, p);
		break;
	case ITEM_DIR:
	case NR_ITEM_KINDS:
		break;
	}
}

/* Times that are the same whenever they are made. */
static int
set_time(const char *path, const struct stat *st, int type, struct FTW *f)
{
	unsigned layer = path[2] == 'l' ? (unsigned)atoi(path + 3) : 0;
	struct timespec ts[2] = { { 1000 * (layer + 1), 0 },
				  { 1000 * (layer + 1), 0 } };

	(void)st;
	(void)type;
	(void)f;
	return utimensat(AT_FDCWD, path, ts, AT_SYMLINK_NOFOLLOW);
}

int
lowers_make(const struct twin_case *c, const char *dir)
{
	int here = open(".", O_PATH | O_CLOEXEC), r = 0;
	char name[16];
	unsigned i;

	if (here < 0 || chdir(dir) < 0)
		return -errno;
	for (i = 0; i < MAX_LOWERS; i++) {
		(void)snprintf(name, sizeof(name), "l%u", i);
		(void)remove_tree(name);
		if (i < c->nr_lowers && mkdir(name, 0755) < 0)
			r = -errno;
	}
	(void)remove_tree("data");
	(void)mkdir("data", 0755);
	for (i = 0; i < c->nr_items; i++)
		if (!c->items[i].off)
			item_make(c, &c->items[i]);
	(void)nftw(".", set_time, 20, FTW_PHYS);
	(void)fchdir(here);
	(void)close(here);
	return r;
}

static void
print_word(FILE *out, const struct twin_case *c, const struct item *t,
	   char word)
{
	int dir = strrchr(t->a, '/') ? (int)(strrchr(t->a, '/') - t->a) : 0;

	switch (word) {
	case 'p':
		fprintf(out, "l%u/%s", t->layer, t->a);
		break;
	case 'b':
		fprintf(out, "l%u/%s", t->layer, t->b);
		break;
	case 'd':
		fprintf(out, "l%u/%.*s", t->layer, dir, t->a);
		break;
	case 'u':
		fprintf(out, "l%u/%.*s", t->layer + 1, dir, t->a);
		break;
	case 'P':
		fputs(c->set->prefix, out);
		break;
	case 'i':
		fprintf(out, "%u", t->arg);
		break;
	case 'm':
		fprintf(out, "%o", modes[t->arg % 4]);
		break;
	}
}

void
lowers_print(FILE *out, const struct twin_case *c)
{
	const struct item *t;
	const char *p;
	unsigned i;

	fprintf(out, "mkdir data; mkdir");
	for (i = 0; i < c->nr_lowers; i++)
		fprintf(out, " l%u", i);
	fputc('\n', out);
	for (i = 0; i < c->nr_items; i++) {
		t = &c->items[i];
		if (t->off)
			continue;
		if (strchr(t->a, '/'))
			fprintf(out, "mkdir -p l%u/%.*s; ", t->layer,
				(int)(strrchr(t->a, '/') - t->a), t->a);
		for (p = kinds[t->kind].script; *p; p++) {
			if (*p == '%')
				print_word(out, c, t, *++p);
			else
				fputc(*p, out);
		}
		fputc('\n', out);
	}
	fprintf(out, "for l in l*; do find $l -exec touch -hd @$((1000 * "
		     "(${l#l} + 1))) {} +; done\n");
}
