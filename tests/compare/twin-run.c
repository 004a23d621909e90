/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One case, in two rounds. First the kernel works on upper a and veneer on b;
 * then they change places, which is the cross mount both ways: each must show
 * what was there, and the steps go on. At the end of each round the trees
 * and the uppers must be the same. With partial files there is a round more,
 * before that, and no kernel is shown veneer's upper before `veneer settle`.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "twin.h"

struct round {
	struct twin *t;
	const struct twin_case *c;
	const char *kernel_side, *veneer_side;
	struct kernel k;
	struct veneer v;
	bool k_is_mounted, v_is_up;
};

static const char *
err_name(int err)
{
	return err == 0 ? "0" : strerrorname_np(-err);
}

/* Nothing to do on both sides: a slot that is empty or of another kind. */
static bool
is_idle(const struct kernel *k, const struct step *s)
{
	enum held h = k->held[s->slot];

	if (s->op <= HOLD_WRITE)
		return false;
	if (s->op == HELD_READDIR)
		return h != HELD_DIR;
	if (s->op == HELD_READ)
		return h != HELD_FILE && h != HELD_FILE_RW;
	if (s->op == HELD_WRITE || s->op == HELD_TRUNCATE)
		return h != HELD_FILE_RW;
	return h == HELD_NONE;
}

/* Has what is held lost the name that it was opened by? */
static bool
is_nameless(const struct kernel *k, unsigned slot)
{
	char fd[64], path[512];
	ssize_t len;

	(void)snprintf(fd, sizeof(fd), "/proc/self/fd/%d", k->fds[slot]);
	len = readlink(fd, path, sizeof(path) - 1);
	path[len < 0 ? 0 : len] = '\0';
	return strstr(path, " (deleted)") != NULL;
}

/*
 * Unlinked, and of a lower layer: DIFFERENCES.md. The kernel goes on counting
 * the lower's links. Drop it on both sides.
 */
static bool
is_unlinked_lower(const struct kernel *kernel, const struct step *s,
		  const struct said *k, const struct said *v)
{
	if (s->op <= HOLD_WRITE)
		return false;
	return (k->err == -EEXIST && v->err == 0) ||
	       (s->op == HELD_STAT && v->nlink < k->nlink &&
		is_nameless(kernel, s->slot));
}

/* Instead of ENOTEMPTY, from a rename over what is full. */
static bool
may_be_instead(const struct round *r, int err)
{
	return err == -EXDEV ||
	       (r->v.user && (err == -EACCES || err == -EPERM));
}

/* EXEC_ONLY: only veneer has opened it. */
static bool
is_exec_only(struct twin *t, const struct step *s, const struct said *k,
	     const struct said *v)
{
	if (t->is_strict || s->op != HOLD || k->err != -EACCES || v->err != 0)
		return false;
	t->known[EXEC_ONLY]++;
	return true;
}

/* Of errnos; the rest is in twin-lines.c. */
static bool
is_known(struct twin *t, const struct step *s, int k, int v)
{
	if (s->op <= HOLD_WRITE || k != -ENOTDIR || v != -ENOENT)
		return false;
	t->known[REMOVED_DIR]++;
	/* The kernel marks the parent before it fails. */
	t->has_spurious_impure = true;
	return !t->is_strict;
}

/*
 * XWHITEOUT_RMDIR: veneer is not asked, or the trees would differ from then
 * on. So ENOTEMPTY goes unchecked in this one set.
 */
static bool
cannot_empty(struct round *r, const struct step *s, int k)
{
	if (!r->c->set->has_xwhiteouts || r->t->is_strict || k != -ENOTEMPTY)
		return false;
	if (s->op != RMDIR && s->op != REMOVE && s->op != RENAME &&
	    s->op != RENAMEAT)
		return false;
	r->t->known[XWHITEOUT_RMDIR]++;
	return true;
}

/*
 * STALE_LINK: likewise. The kernel copies a symbolic link without an origin
 * up, and then doubts that its names are one object.
 */
static bool
is_stale_link(struct round *r, const struct step *s, int k)
{
	if (r->t->is_strict || r->c->set->prefix[0] != 'u' || k != -ESTALE ||
	    (s->op != RENAME && s->op != RENAMEAT))
		return false;
	r->t->known[STALE_LINK]++;
	return true;
}

/*
 * A change of a removed directory: of one that was in a lower, the kernel
 * says ENOTDIR, or, where the name was taken again, puts it back in the way.
 */
static bool
is_removed_dir(struct round *r, const struct step *s)
{
	if (r->t->is_strict || r->k.held[s->slot] != HELD_DIR ||
	    (s->op != HELD_CHMOD && s->op != HELD_CHOWN &&
	     s->op != HELD_UTIMES))
		return false;
	/* Its st_nlink does not say so. */
	if (!is_nameless(&r->k, s->slot))
		return false;
	r->t->known[REMOVED_DIR]++;
	return true;
}

static void
trace(const struct round *r, const struct step *s, int err)
{
	if (!r->t->trace)
		return;
	step_print(r->t->trace, s);
	fprintf(r->t->trace, " = %s\n", err_name(err));
}

static bool
do_step(struct round *r, const struct step *s, FILE *out)
{
	struct step close = { .op = HELD_CLOSE, .slot = s->slot };
	struct said k, v;

	if (is_idle(&r->k, s) || is_removed_dir(r, s))
		return true;
	r->k.user = r->v.user = step_user(r->c, s);
	if ((s->op == RENAME || s->op == RENAMEAT) &&
	    kernel_replaces_full(&r->k, s)) {
		/* The kernel leaves an opaque mark behind: DIFFERENCES.md. */
		veneer_do(&r->v, s, &v);
		k = (struct said){ .err = may_be_instead(r, v.err)
						  ? v.err
						  : -ENOTEMPTY };
	} else {
		kernel_do(&r->k, s, &k);
		if (k.is_exdev_dir)
			return true; /* veneer may be able to */
		if (cannot_empty(r, s, k.err) || is_stale_link(r, s, k.err))
			return true;
		veneer_do(&r->v, s, &v);
	}
	trace(r, s, k.err);
	if (is_unlinked_lower(&r->k, s, &k, &v)) {
		/* The kernel marks the parent before it fails. */
		r->t->has_spurious_impure |= k.err == -EEXIST;
		kernel_do(&r->k, &close, &k);
		veneer_do(&r->v, &close, &v);
		return true;
	}
	if (is_exec_only(r->t, s, &k, &v)) {
		veneer_do(&r->v, &close, &v);
		return true;
	}
	if (k.err == v.err && k.nlink == v.nlink && strcmp(k.text, v.text) == 0)
		return true;
	if (is_known(r->t, s, k.err, v.err))
		return true;
	fprintf(out, "step %ld: ", (long)(s - r->c->steps));
	step_print(out, s);
	fprintf(out, "\n  kernel: %s nlink %u %s\n  veneer: %s nlink %u %s\n",
		err_name(k.err), k.nlink, k.text, err_name(v.err), v.nlink,
		v.text);
	return false;
}

/* Where to count what DIFFERENCES.md has; NULL: it fails. */
static unsigned *
known_of(struct twin *t)
{
	return t->is_strict ? NULL : t->known;
}

/*
 * A metadata-only copy gets its data at the first open for writing: the
 * kernel makes it new by that, veneer keeps its mtime.
 */
static enum verdict
compare_trees(struct round *r, struct lines *before, bool groups, FILE *out)
{
	struct compared both = { .name_a = "kernel",
				 .name_b = "veneer",
				 .has_groups = groups,
				 .has_loose_mtime = r->c->set->has_metacopy,
				 .known = known_of(r->t) };
	struct compared since = both;
	struct lines k, v;
	unsigned nr;

	r->v.user = 0;
	tree_kernel(&r->k, &k);
	tree_veneer(&r->v, &v);
	since.name_a = "before";
	since.name_b = "after";
	since.has_groups = !r->c->set->has_unstable_groups;
	since.has_loose_nlink = r->c->set->is_partial;
	nr = lines_differ(out, &both, &k, &v);
	/* What the kernel now sees is what it saw before changing places. */
	if (nr == 0 && before->nr > 0)
		nr = lines_differ(out, &since, before, &k);
	lines_free(&v);
	lines_free(before);
	*before = k;
	return nr ? TREE_DIFFERS : SAME;
}

static enum verdict
compare_uppers(const struct round *r, FILE *out)
{
	const char *prefix = r->c->set->prefix;
	struct compared how = { .name_a = "kernel's upper",
				.name_b = "veneer's upper",
				.has_groups = true,
				.has_spurious_impure =
					r->t->has_spurious_impure,
				.known = known_of(r->t),
				.prefix = prefix };
	struct lines k, v;
	unsigned nr;

	upper_lines(r->kernel_side, prefix, &k);
	upper_lines(r->veneer_side, prefix, &v);
	nr = lines_differ(out, &how, &k, &v);
	lines_free(&k);
	lines_free(&v);
	return nr ? UPPER_DIFFERS : SAME;
}

static enum verdict
round_start(struct round *r, FILE *out)
{
	int err = mount_kernel(r->c, r->t->lowers, r->kernel_side);

	if (err < 0) {
		fprintf(out, "the kernel does not mount %s: %s\n",
			r->kernel_side, err_name(err));
		return BROKEN;
	}
	r->k_is_mounted = kernel_open(&r->k, "m") == 0;
	err = server_start(&r->v, r->c, r->t->lowers, r->veneer_side);
	r->v_is_up = err == 0;
	if (err < 0)
		fprintf(out, "veneer does not serve %s: %s\n", r->veneer_side,
			err_name(err));
	return err < 0 ? BROKEN : SAME;
}

static enum verdict
round_end(struct round *r, enum verdict result, FILE *out)
{
	int status = 0, err;

	if (r->k_is_mounted)
		kernel_close(&r->k);
	if (r->v.pid > 0)
		status = server_stop(&r->v);
	err = r->k_is_mounted ? mount_end() : 0;
	if (result == SAME && (status != 0 || err < 0)) {
		fprintf(out, "veneer ended with %x, umount: %s\n", status,
			err_name(err));
		return BROKEN;
	}
	return result;
}

static enum verdict
round_run(struct round *r, struct lines *before, unsigned from, unsigned to,
	  int here, FILE *out)
{
	enum verdict result = round_start(r, out);
	unsigned i;

	if (result == SAME && from > 0)
		result = compare_trees(r, before, true, out);
	lines_free(before);
	for (i = from; i < to && result == SAME; i++)
		if (!r->c->steps[i].off && !do_step(r, &r->c->steps[i], out))
			result = STEP_DIFFERS;
	if (result == SAME)
		result = compare_trees(r, before, r->c->set->has_groups, out);
	(void)fchdir(here);
	result = round_end(r, result, out);
	if (result == SAME && !r->c->set->has_own_format &&
	    !r->c->set->is_partial)
		result = compare_uppers(r, out);
	if (result == SAME &&
	    (!upper_is_sound(r->c, r->t->lowers, r->kernel_side, out) ||
	     !upper_is_sound(r->c, r->t->lowers, r->veneer_side, out)))
		result = UNSOUND;
	return result;
}

void
make_sides(void)
{
	static const char *const dirs[] = { "a", "a/upper", "a/work",
					    "b", "b/upper", "b/work" };
	size_t i;

	(void)remove_tree("a");
	(void)remove_tree("b");
	for (i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++)
		(void)mkdir(dirs[i], 0755);
}

/*
 * The round after a restart, on the same sides, with what partial files there
 * are by then. Then both uppers are settled, and must be the same.
 */
static enum verdict
run_partial(struct round *r, struct lines *before, int here, FILE *out)
{
	enum verdict result;

	fputs("(started again)\n", out);
	*r = (struct round){ .t = r->t,
			     .c = r->c,
			     .kernel_side = r->kernel_side,
			     .veneer_side = r->veneer_side };
	result = round_run(r, before, r->c->restart_at, r->c->swap_at, here,
			   out);
	if (result == SAME &&
	    (!upper_settle(r->c, r->t->lowers, r->veneer_side, out) ||
	     !upper_settle(r->c, r->t->lowers, r->kernel_side, out)))
		result = UNSETTLED;
	return result == SAME ? compare_uppers(r, out) : result;
}

/*
 * @swap: change places between the rounds; else both go on with their own.
 * @warned: gets what the kernel says in its log in the second round.
 */
static enum verdict
run_rounds(struct twin *t, const struct twin_case *c, bool swap, FILE *out,
	   FILE *warned)
{
	struct round r = {
		.t = t, .c = c, .kernel_side = "a", .veneer_side = "b"
	};
	int here = open(".", O_PATH | O_CLOEXEC);
	struct lines before = { 0 };
	enum verdict result;

	make_sides();
	if (c->set->has_users) {
		(void)chmod("a/upper", 01777);
		(void)chmod("b/upper", 01777);
	}
	/* The kernel goes by inodes that it still has in memory. */
	t->has_spurious_impure = r.c->set->prefix[0] == 'u';
	result = round_run(&r, &before, 0,
			   c->restart_at ? c->restart_at : c->swap_at, here,
			   out);
	if (result == SAME && c->restart_at)
		result = run_partial(&r, &before, here, out);
	kmsg_skip(&t->kmsg);
	if (result == SAME) {
		fputs("(places changed)\n", out);
		r = (struct round){ .t = t,
				    .c = c,
				    .kernel_side = swap ? "b" : "a",
				    .veneer_side = swap ? "a" : "b" };
		result = round_run(&r, &before, c->swap_at, c->nr_steps, here,
				   out);
		if (kmsg_warnings(&t->kmsg, warned) > 0 && result == SAME)
			result = WARNED;
	}
	lines_free(&before);
	(void)close(here);
	return result;
}

/* Keep the lines of @said that are in @again, or that are not. */
static void
keep_lines(char *said, const char *again, bool present)
{
	char *out = said, line[2048];
	size_t len;

	while (*said) {
		len = strcspn(said, "\n") + 1;
		(void)snprintf(line, sizeof(line), "%.*s", (int)len, said);
		said += len;
		if ((strstr(again, line) != NULL) == present)
			out = stpcpy(out, line);
	}
	*out = '\0';
}

/*
 * Are these warnings veneer's fault? Not those that do not come each time,
 * which are another program's, nor those that the kernel gives for its own
 * upper as well.
 */
static enum verdict
judge_warnings(struct twin *t, const struct twin_case *c, char *said, FILE *out)
{
	FILE *f, *null = fopen("/dev/null", "w");
	char *again = NULL;
	size_t len;
	int tries;

	for (tries = 0; null && tries < 6 && *said; tries++) {
		f = open_memstream(&again, &len);
		if (!f)
			break;
		(void)run_rounds(t, c, tries % 2 == 1, null, f);
		(void)fclose(f);
		keep_lines(said, again, tries % 2 == 1);
		free(again);
	}
	if (null)
		(void)fclose(null);
	fputs(said, out);
	return *said ? WARNED : SAME;
}

static enum verdict
prepare_lowers(struct twin *t, const struct twin_case *c, FILE *out)
{
	int r;

	if (t->made == c)
		return SAME;
	lines_free(&t->lowers_were);
	r = lowers_make(c, t->lowers);
	t->made = r < 0 ? NULL : c;
	if (r < 0)
		fprintf(out, "no lowers: %s\n", err_name(r));
	lowers_lines(t->lowers, &t->lowers_were);
	return r < 0 ? BROKEN : SAME;
}

static enum verdict
check_lowers(struct twin *t, FILE *out)
{
	struct compared how = { .name_a = "lowers before",
				.name_b = "lowers after",
				.has_groups = true };
	struct lines now;
	unsigned nr;

	lowers_lines(t->lowers, &now);
	nr = lines_differ(out, &how, &t->lowers_were, &now);
	lines_free(&now);
	if (nr > 0)
		t->made = NULL;
	return nr > 0 ? LOWERS_CHANGED : SAME;
}

enum verdict
twin_run(struct twin *t, const struct twin_case *c, FILE *out)
{
	enum verdict result = prepare_lowers(t, c, out);
	char *said = NULL;
	size_t len;
	FILE *f;

	if (result != SAME)
		return result;
	f = open_memstream(&said, &len);
	if (!f)
		return BROKEN;
	result = run_rounds(t, c, !c->set->has_own_format, out, f);
	(void)fclose(f);
	if (result == WARNED)
		result = judge_warnings(t, c, said, out);
	if (result == SAME)
		result = check_lowers(t, out);
	free(said);
	return result;
}
