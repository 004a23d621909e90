/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What layers cost: lookups through many lowers beside one, listing and
 * removing what is merged beside diod on kernel overlayfs, metadata of a large
 * lower file. Servers take turns; medians count.
 *
 *   bench-layers ROUNDS ONE-SOCKET MANY-SOCKET VENEER-SOCKET DIOD-SOCKET ANAME
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "load.h"

#define MAX_ROUNDS 15
#define NR_LOOKUPS 2000
#define NR_NAMES 100000
#define RMDIR 0x200u
#define BASE_FID 1
#define DIR_FID 2
#define FILE_FID 3

struct server {
	const char *name;
	struct p9 c;
	bool lacks_unlinkat;
};

struct bench {
	unsigned nr_rounds, nr_missed;
	struct server one, many, veneer, diod;
};

static void
die(const struct server *s, const char *what, long r)
{
	fprintf(stderr, "bench-layers: %s: %s: %s\n", s->name, what,
		strerror((int)-r));
	exit(1);
}

static void
connect_to(struct server *s, const char *name, const char *socket,
	   const char *aname)
{
	int r;

	s->name = name;
	r = p9_open_session(&s->c, socket, aname, 0);
	if (r < 0)
		die(s, socket, r);
}

static double
median(double *v, unsigned n)
{
	qsort(v, n, sizeof(*v), by_value);
	return v[n / 2];
}

static const char *
verdict(struct bench *b, bool is_ok)
{
	if (!is_ok)
		b->nr_missed++;
	return is_ok ? "ok" : "MISSED";
}

/* Seconds for NR_LOOKUPS of three names, of files in turn. */
static double
lookups(struct server *s)
{
	double start = now_s();
	char path[64];
	int i, r;

	for (i = 0; i < NR_LOOKUPS; i++) {
		(void)snprintf(path, sizeof(path), "a/b/f%d", i % 100);
		r = p9_walk(&s->c, 0, BASE_FID, path);
		if (r < 0)
			die(s, path, r);
		(void)p9_clunk(&s->c, BASE_FID);
	}
	return now_s() - start;
}

static void
compare_lookups(struct bench *b)
{
	double one[MAX_ROUNDS], many[MAX_ROUNDS], o, m;
	unsigned i;

	(void)lookups(&b->one);
	(void)lookups(&b->many);
	for (i = 0; i < b->nr_rounds; i++) {
		one[i] = lookups(&b->one);
		many[i] = lookups(&b->many);
	}
	o = median(one, b->nr_rounds) / NR_LOOKUPS * 1e6;
	m = median(many, b->nr_rounds) / NR_LOOKUPS * 1e6;
	printf("walk of three names, repeated, files of the bottom lower\n"
	       "    1 lower %.1f us, 40 lowers %.1f us: %.2f times, 3 "
	       "promised: %s\n",
	       o, m, m / o, verdict(b, m <= 3 * o));
}

/* List @path whole; returns the number of names. */
static unsigned
list(struct server *s, const char *path)
{
	static struct p9_dirent e[4096];
	uint64_t off = 0;
	unsigned nr = 0;
	int n, r = p9_walk(&s->c, 0, BASE_FID, path);

	if (r == 0)
		r = p9_lopen(&s->c, BASE_FID, 0, NULL);
	if (r < 0)
		die(s, path, r);
	while ((n = p9_readdir(&s->c, BASE_FID, off, 60000, e, 4096)) > 0) {
		nr += (unsigned)n;
		off = e[n - 1].off;
	}
	if (n < 0)
		die(s, path, n);
	(void)p9_clunk(&s->c, BASE_FID);
	return nr;
}

static double
timed_list(struct server *s)
{
	double start = now_s();
	unsigned nr = list(s, "wide");

	if (nr < NR_NAMES)
		die(s, "names are missing in \"wide\"", -5);
	return now_s() - start;
}

static void
compare_listing(struct bench *b)
{
	double v[MAX_ROUNDS], d[MAX_ROUNDS], vm, dm;
	unsigned i;

	for (i = 0; i < b->nr_rounds; i++) {
		v[i] = timed_list(&b->veneer);
		d[i] = timed_list(&b->diod);
	}
	vm = median(v, b->nr_rounds) * 1e3;
	dm = median(d, b->nr_rounds) * 1e3;
	printf("list a merged directory of 100,000 names\n    veneer %.0f ms, "
	       "diod %.0f ms: %.2f times as fast, 1 promised: %s\n",
	       vm, dm, dm / vm, verdict(b, vm <= dm));
}

/* chmod of lower files of 1 GiB: the first of each copies it up. */
static void
change_metadata(struct bench *b)
{
	struct p9_setattr set = { .valid = 1, .mode = 0600 };
	double t[3], start;
	char name[16];
	int i, r;

	for (i = 0; i < 3; i++) {
		(void)snprintf(name, sizeof(name), "large%d", i);
		r = p9_walk(&b->veneer.c, 0, BASE_FID, name);
		start = now_s();
		if (r == 0)
			r = p9_setattr(&b->veneer.c, BASE_FID, &set);
		if (r < 0)
			die(&b->veneer, name, r);
		t[i] = now_s() - start;
		(void)p9_clunk(&b->veneer.c, BASE_FID);
	}
	start = median(t, 3) * 1e3;
	printf("chmod of a lower file of 1 GiB, metacopy=on\n    %.3f ms, 1 "
	       "promised: %s\n",
	       start, verdict(b, start < 1));
}

/*
 * Remove @name below DIR_FID, as the Linux client does where Tunlinkat is not
 * supported (diod): by a fid of its own; but the try itself is spared.
 */
static void
remove_name(struct server *s, const char *name, unsigned flags)
{
	int r = s->lacks_unlinkat ? -EOPNOTSUPP
				  : p9_unlinkat(&s->c, DIR_FID, name, flags);

	if (r == -EOPNOTSUPP) {
		s->lacks_unlinkat = true;
		r = p9_walk(&s->c, DIR_FID, FILE_FID, name);
		if (r == 0)
			r = p9_remove(&s->c, FILE_FID);
	}
	if (r < 0)
		die(s, name, r);
}

/* Remove all files of the directory @path, and it. */
static void
remove_dir(struct server *s, const char *path)
{
	static struct p9_dirent e[4096];
	const char *name = strrchr(path, '/') + 1;
	char parent[64];
	uint64_t off = 0;
	int n, i, r;

	r = p9_walk(&s->c, 0, BASE_FID, path);
	if (r == 0)
		r = p9_walk(&s->c, 0, DIR_FID, path);
	if (r == 0)
		r = p9_lopen(&s->c, BASE_FID, 0, NULL);
	if (r < 0)
		die(s, path, r);
	while ((n = p9_readdir(&s->c, BASE_FID, off, 60000, e, 4096)) > 0) {
		for (i = 0; i < n; i++) {
			off = e[i].off;
			if (e[i].name[0] == '.')
				continue;
			remove_name(s, e[i].name, 0);
		}
	}
	(void)p9_clunk(&s->c, BASE_FID);
	(void)p9_clunk(&s->c, DIR_FID);
	(void)snprintf(parent, sizeof(parent), "%.*s", (int)(name - 1 - path),
		       path);
	r = p9_walk(&s->c, 0, DIR_FID, parent);
	if (r < 0)
		die(s, path, r);
	remove_name(s, name, RMDIR);
	(void)p9_clunk(&s->c, DIR_FID);
}

static double
timed_removal(struct server *s, unsigned round)
{
	double start = now_s();
	char path[64];
	int i;

	for (i = 0; i < 20; i++) {
		(void)snprintf(path, sizeof(path), "rm%u/d%d", round, i);
		remove_dir(s, path);
	}
	return now_s() - start;
}

static void
compare_removal(struct bench *b)
{
	double v[3], d[3], vm, dm;
	unsigned i;

	for (i = 0; i < 3; i++) {
		v[i] = timed_removal(&b->veneer, i);
		d[i] = timed_removal(&b->diod, i);
	}
	vm = median(v, 3) * 1e3;
	dm = median(d, 3) * 1e3;
	printf("remove 20,000 lower files in 20 directories\n    veneer %.0f "
	       "ms, diod %.0f ms: %.2f times as fast, 1 promised: %s\n",
	       vm, dm, dm / vm, verdict(b, vm <= dm));
}

int
main(int argc, char **argv)
{
	struct bench b = { 0 };

	if (argc != 7) {
		fputs("run by tests/bench/run-layers.sh\n", stderr);
		return 2;
	}
	b.nr_rounds = (unsigned)strtoul(argv[1], NULL, 10);
	if (b.nr_rounds < 1 || b.nr_rounds > MAX_ROUNDS)
		return 2;
	connect_to(&b.one, "one lower", argv[2], "");
	connect_to(&b.many, "many lowers", argv[3], "");
	connect_to(&b.veneer, "veneer", argv[4], "");
	connect_to(&b.diod, "diod", argv[5], argv[6]);
	compare_lookups(&b);
	compare_listing(&b);
	change_metadata(&b);
	compare_removal(&b);
	printf("%u promises missed\n", b.nr_missed);
	return b.nr_missed ? 1 : 0;
}
