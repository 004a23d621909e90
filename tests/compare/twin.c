/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * twin -s SET -l LOWERS_FOLDER -n NR_LOWERS -k STEPS [-t SECONDS] [-S] [-v]
 * FIRST LAST: run the seeds FIRST to LAST in the current directory, which is on the
 * upper's file system. A seed that fails is cut down and printed. Ends with
 * 77 when overlayfs cannot be mounted here.
 */
#include <errno.h>
#include <linux/magic.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "twin.h"

#define MAX_FAILURES 3
/* Of the steps, this part is done after changing places. */
#define AFTER_SWAP 5

#define TRUSTED .prefix = "trusted.overlay"

static const struct option_set sets[] = {
	{ "default", "redirect_dir=off,index=off,metacopy=off", TRUSTED },
	{ "redirect", "redirect_dir=on,index=off,metacopy=off", TRUSTED },
	{ "metacopy", "redirect_dir=on,index=off,metacopy=on", TRUSTED,
	  .has_metacopy = true },
	{ "index", "redirect_dir=off,index=on,metacopy=off", TRUSTED,
	  .has_groups = true },
	{ "all", "redirect_dir=on,index=on,metacopy=on", TRUSTED,
	  .has_groups = true, .has_metacopy = true },
	{ "userxattr", "userxattr,index=off", .prefix = "user.overlay",
	  .has_unstable_groups = true },
	{ "xwhiteout", "redirect_dir=off,index=off,metacopy=off", TRUSTED,
	  .has_xwhiteouts = true },
	{ "data", "redirect_dir=on,index=off,metacopy=on", TRUSTED,
	  .has_metacopy = true, .has_data = true },
	{ "users", "redirect_dir=on,index=off,metacopy=on", TRUSTED,
	  .has_metacopy = true, .has_users = true,
	  .veneer_options = ",access=server" },
	/* So is what veneer shows while most data is still below. */
	{ "partial", "redirect_dir=on,index=off,metacopy=on", TRUSTED,
	  .has_metacopy = true, .is_partial = true,
	  .veneer_options = ",copyup=lazy,partial-above=1,test-slow=0" },
	{ "partial-index", "redirect_dir=on,index=on,metacopy=on", TRUSTED,
	  .has_groups = true, .has_metacopy = true, .is_partial = true,
	  .veneer_options = ",copyup=lazy,partial-above=1,test-slow=0" },
	/* The trees are the same, but not what is on disk. */
	{ "mapped", "redirect_dir=on,index=off,metacopy=off", TRUSTED,
	  .has_own_format = true, .veneer_options = ",owner=mapped" },
};

struct args {
	const struct option_set *set;
	const char *lowers;
	unsigned nr_lowers, nr_steps;
	double seconds; /* 0: no limit */
	bool is_verbose, is_strict;
	uint64_t first, last;
};

static double
now(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static const struct option_set *
find_set(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(sets) / sizeof(sets[0]); i++)
		if (strcmp(sets[i].name, name) == 0)
			return &sets[i];
	return NULL;
}

static bool
parse(int argc, char **argv, struct args *ret)
{
	int opt;

	*ret = (struct args){
		.set = &sets[0], .lowers = ".", .nr_lowers = 3, .nr_steps = 200
	};
	while ((opt = getopt(argc, argv, "s:l:n:k:t:vS")) != -1) {
		if (opt == 's')
			ret->set = find_set(optarg);
		else if (opt == 'l')
			ret->lowers = optarg;
		else if (opt == 'n')
			ret->nr_lowers = (unsigned)atoi(optarg);
		else if (opt == 'k')
			ret->nr_steps = (unsigned)atoi(optarg);
		else if (opt == 't')
			ret->seconds = atof(optarg);
		else if (opt == 'v')
			ret->is_verbose = true;
		else if (opt == 'S')
			ret->is_strict = true;
		else
			return false;
	}
	if (argc - optind != 2 || !ret->set || ret->nr_lowers < 1 ||
	    ret->nr_lowers > MAX_LOWERS || ret->nr_steps > MAX_STEPS)
		return false;
	ret->first = strtoull(argv[optind], NULL, 10);
	ret->last = strtoull(argv[optind + 1], NULL, 10);
	return true;
}

static void
generate(struct twin_case *c, const struct args *a, uint64_t seed)
{
	*c = (struct twin_case){ .set = a->set,
				 .seed = seed,
				 .nr_lowers = a->nr_lowers };
	lowers_generate(c);
	steps_generate(c, a->nr_steps);
	c->swap_at = a->nr_steps - a->nr_steps / AFTER_SWAP;
	c->restart_at = a->set->is_partial ? c->swap_at / 2 : 0;
}

static void
tell(struct twin *t, struct twin_case *c, const char *said, enum verdict v)
{
	printf("seed %lu of %s fails:\n%s", (unsigned long)c->seed,
	       c->set->name, said);
	(void)fflush(stdout);
	twin_shrink(t, c, v);
	(void)twin_run(t, c, stdout);
	twin_print(stdout, c);
	(void)fflush(stdout);
	t->made = NULL;
}

static void
tell_known(const struct twin *t)
{
	static const char *const what[NR_KNOWN] = {
		"a change of a removed directory that is held: not tried",
		"an impure mark stays where nothing impure is",
		"no impure mark where nothing has an origin",
		"a directory of xattr whiteouts can be removed",
		"access=server: who may execute a file may read it",
		"userxattr: a link of a symbolic link can be renamed",
	};
	unsigned i;

	for (i = 0; i < NR_KNOWN; i++)
		if (t->known[i])
			printf("known, %u times: %s\n", t->known[i], what[i]);
}

/* Overlayfs with these options, at all? */
static bool
can_mount(struct twin *t, struct twin_case *c)
{
	int r = lowers_make(c, t->lowers);

	(void)mkdir("m", 0755);
	make_sides();
	if (r == 0)
		r = mount_kernel(c, t->lowers, "a");
	if (r < 0) {
		printf("skipped: cannot mount overlayfs here (%s): %s\n",
		       c->set->options, strerror(-r));
		return false;
	}
	return mount_end() == 0;
}

static unsigned
run_seeds(struct twin *t, const struct args *a, uint64_t *ret_nr)
{
	static struct twin_case c;
	double end = now() + a->seconds;
	uint64_t seed, lowers = UINT64_MAX;
	unsigned failures = 0;
	enum verdict v;
	char *said;
	size_t len;
	FILE *out;

	for (seed = a->first; seed <= a->last && failures < MAX_FAILURES;
	     seed++) {
		if (a->seconds > 0 && now() > end)
			break;
		generate(&c, a, seed);
		if (seed / 25 != lowers)
			t->made = NULL;
		lowers = seed / 25;
		out = open_memstream(&said, &len);
		if (!out)
			abort();
		v = twin_run(t, &c, out);
		(void)fclose(out);
		if (v != SAME) {
			failures++;
			tell(t, &c, said, v);
		}
		free(said);
		++*ret_nr;
	}
	return failures;
}

int
main(int argc, char **argv)
{
	static struct twin_case first;
	double start = now();
	struct twin t = { 0 };
	unsigned failures;
	struct args a;
	uint64_t nr = 0;

	if (!parse(argc, argv, &a))
		return 2;
	(void)signal(SIGPIPE, SIG_IGN);
	(void)umask(0);
	t.lowers = a.lowers;
	t.is_strict = a.is_strict;
	t.trace = a.is_verbose ? stdout : NULL;
	generate(&first, &a, a.first);
	if (kmsg_open(&t.kmsg) < 0 || !can_mount(&t, &first))
		return 77;
	failures = run_seeds(&t, &a, &nr);
	tell_known(&t);
	lines_free(&t.lowers_were);
	printf("%s: %lu seeds of %u steps over %u lowers, %.0f ms each, %u "
	       "failed\n",
	       a.set->name, (unsigned long)nr, a.nr_steps, a.nr_lowers,
	       nr ? (now() - start) * 1000 / (double)nr : 0, failures);
	return failures ? 1 : 0;
}
