/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Settling, the marks: from user.overlay.* to trusted.overlay.*, straight
 * over the upper. The two modes do not see each other's marks, so that at
 * each moment all of one kind are there:
 *
 *   state 1: trusted.overlay.* marks are written; user.overlay.* counts
 *   state 2: user.overlay.* marks are removed; trusted.overlay.* counts
 *   state 3: done, for good: what is user.overlay.* now belongs to clients
 *
 * Names of clients change places with ours: trusted.overlay.x, an ordinary
 * name so far, must be escaped, and user.overlay.x, which was, need not be
 * any more. What an object has yet to move is kept in a mark on it, since
 * after a crash the names alone do not tell ours from theirs.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "macros.h"
#include "overlay.h"
#include "settle.h"

#define TRUSTED "trusted.overlay."
#define USER "user.overlay."
#define ESCAPE "overlay."
/* Hidden by everybody in trusted mode, as all of overlayfs's. */
#define OURS TRUSTED "veneer."
#define STATE OURS "settle" /* on the upper's root: '1' to '3' */
#define MOVES OURS "moves" /* on each object: the same, names to be moved */

#define MAX_DEPTH 1000
#define NAME_MAX_XATTR 255

typedef int (*each_fn)(struct settle *s, struct at at);

static bool
begins(const char *name, const char *prefix)
{
	return strncmp(name, prefix, strlen(prefix)) == 0;
}

/* The names of @at in s->names: their size, or errno. */
static ssize_t
list_names(struct settle *s, struct at at)
{
	ssize_t n = real_listxattr(at, s->names, TREE_XATTR_MAX);

	return n == -EOPNOTSUPP ? 0 : n;
}

#define FOR_EACH_NAME(s, name, size)                            \
	for ((name) = (s)->names; (name) < (s)->names + (size); \
	     (name) += strlen(name) + 1)

/* --- Over the upper ------------------------------------------------------ */

static int
each_below(struct settle *s, int dirfd, each_fn each, unsigned depth)
{
	CLEANUP_CLOSEDIR DIR *d = NULL;
	const struct dirent *e;
	struct statx stx;
	int fd, sub, r = 0;

	if (depth == MAX_DEPTH)
		return -ENAMETOOLONG;
	fd = real_open(AT(dirfd, "."), O_RDONLY | O_DIRECTORY | O_NOATIME,
		       &stx);
	if (fd < 0)
		return fd;
	d = fdopendir(fd);
	if (!d) {
		(void)real_close(fd);
		return -ENOMEM;
	}
	while (r == 0 && (e = readdir(d))) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		r = each(s, AT(fd, e->d_name));
		if (r == 0 &&
		    (e->d_type == DT_DIR || e->d_type == DT_UNKNOWN)) {
			sub = real_open_dir(AT(fd, e->d_name));
			r = sub == -ENOTDIR || sub == -ELOOP ? 0 : sub;
			if (sub >= 0) {
				r = each_below(s, sub, each, depth + 1);
				(void)real_close(sub);
			}
		}
		if (r < 0 && !*s->ret_why)
			(void)layer_why(
				s->ret_why, r,
				"upper \"%s\": an object called \"%s\": "
				"%s; nothing is lost, run settle again",
				s->t->layers.upper->layer.path, e->d_name,
				strerror(-r));
	}
	return r;
}

/* Call @each for all of the upper, its root first, until it returns not 0. */
static int
each_object(struct settle *s, each_fn each)
{
	int fd = s->t->layers.upper->layer.fd, r = each(s, AT(fd, ""));

	return r == 0 ? each_below(s, fd, each, 0) : r;
}

/* --- What is there ------------------------------------------------------- */

static bool
is_known(const char *rest)
{
	static const char *const known[] = {
		"opaque", "redirect", "metacopy", "origin", "impure",
		"nlink",  "protattr", "uuid",     "upper",  "veneer.ident",
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(known); i++)
		if (strcmp(rest, known[i]) == 0)
			return true;
	return false;
}

/* The kinds of marks of one object; 1 once both have been seen. */
static int
scan_object(struct settle *s, struct at at)
{
	ssize_t n = list_names(s, at);
	const char *name;

	if (n < 0)
		return (int)n;
	FOR_EACH_NAME (s, name, n) {
		if (begins(name, TRUSTED) &&
		    is_known(name + sizeof(TRUSTED) - 1))
			s->value[SETTLE_TRUSTED] = 1;
		if (begins(name, USER) && is_known(name + sizeof(USER) - 1))
			s->value[SETTLE_USER] = 1;
	}
	return s->value[SETTLE_TRUSTED] && s->value[SETTLE_USER];
}

int
settle_scan(struct tree *t, unsigned *ret, char **ret_why)
{
	struct at root = { t->layers.upper->layer.fd, "" };
	CLEANUP_FREE char *names = NULL;
	char state, seen[SETTLE_USER + 1] = { 0 };
	struct settle s = { .t = t, .value = seen, .ret_why = ret_why };
	int r;

	if (real_getxattr(root, STATE, &state, 1) == 1) {
		*ret = state == '1'   ? 1u << SETTLE_BEGUN
		       : state == '2' ? 1u << SETTLE_SWITCHED
				      : 1u << SETTLE_DONE;
		return 0;
	}
	s.names = names = malloc(TREE_XATTR_MAX);
	if (!names)
		return -ENOMEM;
	r = each_object(&s, scan_object);
	*ret = (unsigned)seen[SETTLE_TRUSTED] << SETTLE_TRUSTED |
	       (unsigned)seen[SETTLE_USER] << SETTLE_USER;
	return r < 0 ? r : 0;
}

/* Is any of the listed names in one of the two namespaces? */
static bool
is_of_interest(const struct settle *s, ssize_t size)
{
	const char *name;

	FOR_EACH_NAME (s, name, size)
		if (begins(name, TRUSTED) || begins(name, USER))
			return true;
	return false;
}

int
settle_looks_private(struct settle *s, struct at at)
{
	ssize_t n = list_names(s, at);

	return n < 0 ? (int)n : is_of_interest(s, n);
}

bool
settle_hides(struct at at)
{
	return real_getxattr(at, USER "opaque", NULL, 0) != -ENODATA ||
	       real_getxattr(at, TRUSTED "opaque", NULL, 0) != -ENODATA ||
	       real_getxattr(at, USER "redirect", NULL, 0) != -ENODATA ||
	       real_getxattr(at, TRUSTED "redirect", NULL, 0) != -ENODATA;
}

/* --- Moving the names of clients ----------------------------------------- */

static int
by_length(const void *a, const void *b)
{
	size_t x = strlen(*(const char *const *)a);
	size_t y = strlen(*(const char *const *)b);

	return x < y ? -1 : x > y;
}

/* In state 1 escaped, in state 2 freed of the escape. */
static bool
is_to_move(char state, const char *name)
{
	if (state == '1')
		return begins(name, TRUSTED) && !begins(name, OURS);
	return begins(name, USER ESCAPE);
}

/*
 * Note on @at which of its names, in s->names, are to be moved in @state: so
 * that none is moved onto one that is yet to be.
 */
static int
note_moves(struct settle *s, struct at at, char state, ssize_t size)
{
	CLEANUP_FREE const char **list =
		calloc((size_t)size + 1, sizeof(*list));
	size_t nr = 0, i, pos = 0;
	const char *name;

	if (!list)
		return -ENOMEM;
	FOR_EACH_NAME (s, name, size)
		if (is_to_move(state, name))
			list[nr++] = name;
	qsort(list, nr, sizeof(*list), by_length);
	s->moves[pos++] = state;
	for (i = 0; i < nr; i++) {
		name = list[state == '1' ? nr - 1 - i : i];
		memcpy(s->moves + pos, name, strlen(name) + 1);
		pos += strlen(name) + 1;
	}
	return real_setxattr(s->t->layers.upper, at, MOVES, s->moves, pos, 0);
}

static int
copy_value(struct settle *s, struct at at, const char *from, const char *to)
{
	ssize_t n = real_getxattr_raw(at, from, s->value, TREE_XATTR_MAX);

	if (n < 0)
		return (int)n;
	return real_setxattr(s->t->layers.upper, at, to, s->value, (size_t)n,
			     0);
}

static int
move_name(struct settle *s, struct at at, char state, const char *name)
{
	char to[NAME_MAX_XATTR + sizeof(ESCAPE)];
	int r;

	if (state == '1')
		(void)snprintf(to, sizeof(to), TRUSTED ESCAPE "%s",
			       name + sizeof(TRUSTED) - 1);
	else
		(void)snprintf(to, sizeof(to), USER "%s",
			       name + sizeof(USER ESCAPE) - 1);
	r = copy_value(s, at, name, to);
	if (r == -ENODATA)
		return 0; /* it was moved, but not crossed out */
	return r < 0 ? r : real_removexattr(s->t->layers.upper, at, name);
}

/* Move what the mark says, crossing out each name. */
static int
run_moves(struct settle *s, struct at at)
{
	struct upper *u = s->t->layers.upper;
	size_t len, left;
	ssize_t n;
	int r;

	for (;;) {
		n = real_getxattr_raw(at, MOVES, s->moves, TREE_XATTR_MAX - 1);
		if (n <= 1)
			return n < 0 ? (int)n : 0;
		s->moves[n] = '\0';
		r = move_name(s, at, s->moves[0], s->moves + 1);
		if (r < 0)
			return r;
		len = strlen(s->moves + 1) + 1;
		left = (size_t)n - 1 > len ? (size_t)n - 1 - len : 0;
		memmove(s->moves + 1, s->moves + 1 + len, left);
		r = real_setxattr(u, at, MOVES, s->moves, left + 1, 0);
		if (r < 0)
			return r;
	}
}

/* --- The two states ------------------------------------------------------ */

static bool
is_private_user(const char *name)
{
	return begins(name, USER) && !begins(name, USER ESCAPE);
}

/* The state that the mark of @at tells, or 0. */
static char
state_of(struct settle *s, struct at at)
{
	return real_getxattr(at, MOVES, s->moves, TREE_XATTR_MAX) > 0
		       ? s->moves[0]
		       : '\0';
}

static int
write_trusted(struct settle *s, struct at at)
{
	char to[NAME_MAX_XATTR + sizeof(TRUSTED)];
	ssize_t n = list_names(s, at);
	bool is_again = state_of(s, at); /* or by another link */
	const char *name;
	int r = 0;

	settle_note(s);
	if (n < 0 || !is_of_interest(s, n))
		return n < 0 ? (int)n : 0;
	if (!is_again)
		r = note_moves(s, at, '1', n);
	if (r == 0)
		r = run_moves(s, at);
	FOR_EACH_NAME (s, name, n) {
		if (r < 0 || !is_private_user(name))
			continue;
		(void)snprintf(to, sizeof(to), TRUSTED "%s",
			       name + sizeof(USER) - 1);
		r = copy_value(s, at, name, to);
		s->res->nr_rewritten += !is_again;
	}
	return r;
}

static int
remove_user(struct settle *s, struct at at)
{
	struct upper *u = s->t->layers.upper;
	char state = state_of(s, at);
	ssize_t n = list_names(s, at);
	const char *name;
	int r = 0;

	settle_note(s);
	if (n < 0 || !state)
		return n < 0 ? (int)n : 0;
	if (state == '1') {
		FOR_EACH_NAME (s, name, n)
			if (r == 0 && is_private_user(name))
				r = real_removexattr(u, at, name);
		if (r == 0)
			r = note_moves(s, at, '2', n);
	}
	if (r == 0)
		r = run_moves(s, at);
	return r < 0 ? r : real_removexattr(u, at, MOVES);
}

int
settle_rewrite(struct settle *s)
{
	struct upper *u = s->t->layers.upper;
	struct at root = { u->layer.fd, "" };
	char state = '\0';
	int r = 0;

	(void)real_getxattr(root, STATE, &state, 1);
	if (state != '2') {
		r = real_setxattr(u, root, STATE, "1", 1, 0);
		if (r == 0)
			r = each_object(s, write_trusted);
		/* A power cut must not keep the switch and lose a mark. */
		if (r == 0)
			r = real_syncfs(u);
		if (r == 0)
			r = real_setxattr(u, root, STATE, "2", 1, 0);
	}
	if (r == 0)
		r = each_object(s, remove_user);
	if (r == 0)
		r = real_setxattr(u, root, STATE, "3", 1, 0);
	if (r < 0 && !*s->ret_why)
		(void)layer_why(s->ret_why, r,
				"cannot rewrite the marks of upper \"%s\": %s; "
				"nothing is lost, run settle again",
				u->layer.path, strerror(-r));
	return r;
}
