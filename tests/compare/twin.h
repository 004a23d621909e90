/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Twin runs: one random sequence of operations on kernel overlayfs, by system
 * calls, and on veneer, by 9P, over the very same lowers. A case is plain
 * data (what the lowers hold, the steps), so it can be run again, cut down
 * and printed. Sizes here are small on purpose: everything meets everything.
 */
#ifndef VENEER_TESTS_COMPARE_TWIN_H
#define VENEER_TESTS_COMPARE_TWIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "p9.h"

#define NR_SLOTS 4
#define MAX_STEPS 1000
#define MAX_ITEMS 400
#define MAX_LOWERS 64
#define PATH_LEN 48

/* Times before this were set on purpose and are compared. */
#define EXPLICIT_BEFORE 1000000000

/* --- The case: twin-step.c, twin-lowers.c --- */

enum op {
	CREATE,
	WRITE,
	APPEND,
	TRUNCATE,
	OPEN_TRUNC,
	MKDIR,
	RMDIR,
	UNLINK,
	REMOVE, /* Tremove: a fid, file or directory */
	RENAMEAT,
	RENAME, /* Trename: a fid */
	LINK,
	SYMLINK,
	MKNOD,
	CHMOD,
	CHOWN,
	UTIMES,
	SETXATTR,
	REMOVEXATTR,
	HOLD, /* open and keep: a file for reading, or a directory */
	HOLD_WRITE,
	HELD_READ,
	HELD_WRITE,
	HELD_STAT,
	HELD_CHMOD,
	HELD_CHOWN,
	HELD_UTIMES,
	HELD_TRUNCATE,
	HELD_READDIR,
	HELD_CLOSE,
	NR_OPS
};

struct step {
	enum op op;
	bool off; /* cut away by shrinking */
	unsigned slot, arg;
	long offset; /* of what is read or written */
	char a[PATH_LEN], b[PATH_LEN];
};

enum item_kind {
	ITEM_DIR,
	ITEM_FILE,
	ITEM_EMPTY,
	ITEM_SPARSE,
	ITEM_BLOCKS, /* several blocks of a partial file */
	ITEM_LINK,
	ITEM_SYMLINK,
	ITEM_FIFO,
	ITEM_WHITEOUT,
	ITEM_XWHITEOUT, /* a zero-size file with the xattr */
	ITEM_OPAQUE,
	ITEM_XATTR,
	ITEM_CHMOD,
	ITEM_CHOWN,
	ITEM_METACOPY, /* and its file in the data-only layer */
	NR_ITEM_KINDS
};

struct item {
	enum item_kind kind;
	bool off;
	unsigned layer, arg;
	char a[PATH_LEN], b[PATH_LEN];
};

struct option_set {
	const char *name;
	const char *options; /* the same words for both */
	const char *prefix; /* of the private xattrs */
	bool has_groups; /* st_ino of hard links agrees at once */
	bool has_metacopy;
	bool has_unstable_groups; /* st_ino changes at remount */
	bool has_xwhiteouts, has_data;
	bool has_users; /* steps by root and two others */
	const char *veneer_options; /* only for veneer: ",option" or NULL */
	bool has_own_format; /* the kernel would see another tree: they never
				change places */
	bool is_partial; /* nor before `veneer settle`; and files are large */
};

struct twin_case {
	const struct option_set *set;
	uint64_t seed;
	unsigned nr_lowers, nr_items, nr_steps;
	unsigned restart_at; /* if not 0: both start again on their own upper */
	unsigned
		swap_at; /* from this step on each works on the other's upper */
	struct item items[MAX_ITEMS];
	struct step steps[MAX_STEPS];
};

struct dice {
	uint64_t state;
};
unsigned dice_roll(struct dice *d, unsigned sides);
/* d0/f2, d1/d0/f1 ...; the last name is one of @last or, rarely, any. */
void dice_path(struct dice *d, const char *last, char path[PATH_LEN]);

void steps_generate(struct twin_case *c, unsigned nr);
void step_print(FILE *out, const struct step *s);
/* Who does it: 0, or a user of these. */
#define NR_USERS 3
#define USER_ID(user) ((user) ? 999u + (user) : 0u)
unsigned step_user(const struct twin_case *c, const struct step *s);
unsigned step_mode(const struct step *s);
long step_size(const struct step *s);
void step_owner(const struct step *s, int *ret_uid, int *ret_gid);
const char *step_xattr(const struct step *s);
int step_xattr_flags(const struct step *s);
const char *step_target(const struct step *s);
void step_node(const struct step *s, unsigned *ret_mode, unsigned *ret_major,
	       unsigned *ret_minor);
/* Text to write, different from step to step. */
size_t step_text(const struct step *s, char buf[32]);

void lowers_generate(struct twin_case *c);
/* Make l0, l1 ... (and data) in @dir, which is emptied first. */
int lowers_make(const struct twin_case *c, const char *dir);
void lowers_print(FILE *out, const struct twin_case *c);

/* --- Doing a step: twin-kernel.c, twin-veneer.c --- */

/* What a step answered. */
struct said {
	int err; /* 0 or a negative errno */
	unsigned nlink; /* HELD_STAT */
	bool is_exdev_dir; /* a directory rename that needs redirects */
	char text[600];
};

/* What is held in a slot: the kernel's side knows. */
enum held { HELD_NONE, HELD_FILE, HELD_FILE_RW, HELD_DIR };

struct kernel {
	int root; /* owned; O_PATH of the mount */
	int fds[NR_SLOTS]; /* owned */
	enum held held[NR_SLOTS];
	unsigned user; /* whose step comes next; 0: root */
	unsigned slot_user[NR_SLOTS]; /* who has opened it */
};
int kernel_open(struct kernel *k, const char *mount);
void kernel_close(struct kernel *k);
void kernel_do(struct kernel *k, const struct step *s, struct said *ret);
/* Would this rename replace a directory with something in it? */
bool kernel_replaces_full(struct kernel *k, const struct step *s);

struct veneer {
	struct p9 c;
	unsigned user; /* 0: root, or USER_ID(user); also its root's fid */
	enum held held[NR_SLOTS];
	int pid;
};
void veneer_do(struct veneer *v, const struct step *s, struct said *ret);
/* Walk name by name, for the errno; @fid must be free. */
int veneer_walk(struct veneer *v, const char *path, uint32_t fid);
/* All names, malloc'ed, separated by NUL; returns how many or an errno. */
int veneer_names(struct veneer *v, uint32_t fid, struct p9_dirent *ret,
		 unsigned max);
void said_names(struct said *ret, char names[][64], unsigned nr);

/* --- What is there: twin-lines.c, twin-tree.c, twin-upper.c --- */

struct line {
	char *path, *text; /* owned */
	uint64_t ino; /* of what has several links; else 0 */
	long mtime; /* -1: not set on purpose */
};
struct lines {
	struct line *v; /* owned */
	size_t nr, max;
};
/* Adds a line; its ino and mtime may be set until the next one. */
struct line *lines_add(struct lines *l, const char *path, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void lines_free(struct lines *l);
void lines_sort(struct lines *l);
/*
 * Differences of docs/DIFFERENCES.md that come up at random: counted and told
 * at the end; -S makes them fail.
 */
enum known {
	REMOVED_DIR, /* held, changed: ENOENT; the kernel says ENOTDIR */
	STALE_IMPURE, /* readdir of the kernel removes a mark without cause */
	/*
	 * The parent of a removed object that the kernel cannot copy up, or
	 * of one that cannot have an origin.
	 */
	NO_IMPURE,
	XWHITEOUT_RMDIR, /* the kernel: ENOTEMPTY, though it lists nothing */
	EXEC_ONLY, /* who may execute a file may read it */
	STALE_LINK, /* userxattr, a renamed link of a symbolic link: ESTALE */
	NR_KNOWN
};

/* How two listings are compared. */
struct compared {
	const char *name_a, *name_b;
	bool has_groups; /* names of one inode must be the same ones */
	bool has_loose_mtime; /* only where both were set on purpose */
	bool has_loose_nlink; /* settled: links that parted are counted anew */
	bool has_spurious_impure; /* NO_IMPURE may be */
	unsigned *known; /* borrowed; counts, NULL: they fail */
	const char *prefix; /* of private xattrs, of an upper; or NULL */
};
/* Print what differs, 20 lines at most; returns how many. */
unsigned lines_differ(FILE *out, const struct compared *how, struct lines *a,
		      struct lines *b);
uint64_t text_hash(uint64_t hash, const void *data, size_t len);
/* Sorted "name=value" of all xattrs that @skip does not take out. */
struct xattr {
	char name[256];
	char value[512];
	size_t len;
};
void xattrs_format(struct xattr *v, unsigned nr, char *buf, size_t size);

void tree_kernel(struct kernel *k, struct lines *ret);
void tree_veneer(struct veneer *v, struct lines *ret);
/* The upper and the index of @side, with private xattrs under @prefix. */
void upper_lines(const char *side, const char *prefix, struct lines *ret);
/* The lowers in @dir, with their mtimes: nothing of them may ever change. */
void lowers_lines(const char *dir, struct lines *ret);

/* --- Running: twin-mount.c, twin-kmsg.c, twin-run.c, twin-shrink.c --- */

/* Paths are below the current directory. */
int mount_kernel(const struct twin_case *c, const char *lowers,
		 const char *side);
int mount_end(void);
int server_start(struct veneer *v, const struct twin_case *c,
		 const char *lowers, const char *side);
/* 0, or the status it ended with. */
int server_stop(struct veneer *v);
/* veneer check of @side, at rest: is it clean? Prints what is found. */
bool upper_is_sound(const struct twin_case *c, const char *lowers,
		    const char *side, FILE *out);
/* veneer settle of @side, at rest: did it? Prints what it says. */
bool upper_settle(const struct twin_case *c, const char *lowers,
		  const char *side, FILE *out);
int remove_tree(const char *path);

/* Lines of the kernel's log since the last call; -1 to start. */
struct kmsg {
	int fd; /* owned */
};
int kmsg_open(struct kmsg *k);
void kmsg_skip(struct kmsg *k);
/* Print the warnings of overlayfs; returns how many. */
unsigned kmsg_warnings(struct kmsg *k, FILE *out);

enum verdict {
	SAME,
	STEP_DIFFERS,
	TREE_DIFFERS,
	UPPER_DIFFERS,
	UNSOUND, /* says veneer check */
	UNSETTLED, /* veneer settle fails */
	WARNED,
	LOWERS_CHANGED,
	BROKEN
};

struct twin {
	const char *lowers; /* folder of the lowers */
	FILE *trace; /* borrowed; each step and its errno, or NULL */
	bool is_strict; /* known differences fail */
	bool has_spurious_impure; /* of this case; see NO_IMPURE */
	unsigned known[NR_KNOWN];
	struct kmsg kmsg;
	const struct twin_case *made; /* borrowed; whose lowers are there */
	struct lines lowers_were;
};
/* Empty uppers a and b. */
void make_sides(void);
enum verdict twin_run(struct twin *t, const struct twin_case *c, FILE *out);
/* Cut @c down while it goes on failing with @v. */
void twin_shrink(struct twin *t, struct twin_case *c, enum verdict v);
void twin_print(FILE *out, const struct twin_case *c);

#endif
