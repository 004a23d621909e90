/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What fids cost that a client just holds: resident memory and descriptors of
 * the server, and what was promised. Walks are sent many at once.
 *
 *   bench-fids SOCKET PID FILES DIRS CONNECTIONS
 *
 * The tree has FILES files, a hundred in each of f/d0, f/d1..., and DIRS
 * directories m/d0, m/d1... First one connection has a fid on each file; then
 * all of them together have five for each; then the first one has one on each
 * directory, too, and last the attributes of all are asked.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "p9.h"

#define BATCH 100
#define TWALK 110
#define TGETATTR 24
#define FIDS_A_FILE 5
#define FILES_A_DIR 100

struct fids {
	const char *socket;
	int pid;
	unsigned nr_files, nr_dirs, nr_conns, nr_missed;
};

static void
die(const char *what, int r)
{
	fprintf(stderr, "bench-fids: %s: %s\n", what, strerror(-r));
	exit(1);
}

/* Bytes of anonymous memory that the server has now. */
static double
resident(const struct fids *f)
{
	char path[64], line[128];
	unsigned long kib = 0;
	FILE *file;

	(void)snprintf(path, sizeof(path), "/proc/%d/status", f->pid);
	file = fopen(path, "r");
	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "RssAnon: %lu", &kib) == 1)
			break;
	if (file)
		(void)fclose(file);
	return (double)kib * 1024;
}

static unsigned
nr_descriptors(const struct fids *f)
{
	char path[64];
	unsigned nr = 0;
	DIR *dir;

	(void)snprintf(path, sizeof(path), "/proc/%d/fd", f->pid);
	dir = opendir(path);
	while (dir && readdir(dir))
		nr++;
	if (dir)
		(void)closedir(dir);
	return nr > 2 ? nr - 2 : 0;
}

/* Replies to the batch just sent; each must be of @type. */
static void
end_batch(struct p9 *c, unsigned nr, uint8_t type, const char *what)
{
	struct p9_reply reply;
	int r = p9_send(c);

	for (; nr > 0 && r == 0; nr--) {
		r = p9_receive(c, &reply);
		if (r == 0 && reply.type != type)
			r = -(int)p9_get32(reply.body);
	}
	if (r < 0)
		die(what, r);
}

/* Fid 1 + @first + i goes to the object i of @nr; directories, or files. */
static void
take(const struct fids *f, struct p9 *c, unsigned first, unsigned nr,
     bool is_dir)
{
	char dir[32], file[32];
	unsigned i, k;

	for (i = 0; i < nr; i += k) {
		for (k = 0; k < BATCH && i + k < nr; k++) {
			unsigned n = (first + i + k) % f->nr_files;

			(void)snprintf(dir, sizeof(dir), "d%u",
				       is_dir ? i + k : n / FILES_A_DIR);
			(void)snprintf(file, sizeof(file), "file%u",
				       n % FILES_A_DIR);
			p9_begin(c, TWALK, (uint16_t)k);
			p9_put32(c, 0);
			p9_put32(c, 1 + first + i + k);
			p9_put16(c, is_dir ? 2 : 3);
			p9_put_string(c, is_dir ? "m" : "f");
			p9_put_string(c, dir);
			if (!is_dir)
				p9_put_string(c, file);
			p9_end(c);
		}
		end_batch(c, k, TWALK + 1, "Twalk");
	}
}

static void
ask(struct p9 *c, unsigned first, unsigned nr)
{
	unsigned i, k;

	for (i = 0; i < nr; i += k) {
		for (k = 0; k < BATCH && i + k < nr; k++) {
			p9_begin(c, TGETATTR, (uint16_t)k);
			p9_put32(c, 1 + first + i + k);
			p9_put64(c, 0x7ff);
			p9_end(c);
		}
		end_batch(c, k, TGETATTR + 1, "Tgetattr");
	}
}

static void
show(struct fids *f, const char *what, double bytes, unsigned promised)
{
	bool misses = promised && bytes > promised;

	f->nr_missed += misses;
	printf("%-34s %6.0f bytes", what, bytes);
	if (promised)
		printf("  at most %u%s", promised, misses ? " MISSED" : "");
	printf("  (%u descriptors)\n", nr_descriptors(f));
	(void)fflush(stdout);
}

static void
run(struct fids *f)
{
	unsigned nr_files = f->nr_files, i;
	unsigned rest = nr_files * (FIDS_A_FILE - 1) / (f->nr_conns - 1) + 1;
	struct p9 *c = calloc(f->nr_conns, sizeof(*c));
	double at[4], fid;
	char what[64];

	for (i = 0; c && i < f->nr_conns; i++)
		if (p9_open_session(&c[i], f->socket, "", 0) < 0)
			die(f->socket, -ECONNREFUSED);
	if (!c)
		die("fids", -ENOMEM);
	take(f, &c[0], 0, 1000, false);
	at[0] = resident(f);
	take(f, &c[0], 1000, nr_files - 1000, false);
	at[1] = resident(f);
	for (i = 1; i < f->nr_conns; i++)
		take(f, &c[i], 0, rest, false);
	at[2] = resident(f);
	take(f, &c[0], nr_files, f->nr_dirs, true);
	at[3] = resident(f);
	fid = (at[2] - at[1]) / (rest * (f->nr_conns - 1));
	(void)snprintf(what, sizeof(what), "fid (of %u on %u connections)",
		       nr_files + rest * (f->nr_conns - 1), f->nr_conns);
	show(f, what, fid, 160);
	(void)snprintf(what, sizeof(what), "node of a file (of %u)", nr_files);
	show(f, what, (at[1] - at[0]) / (nr_files - 1000) - fid, 400);
	show(f, "node of a directory", (at[3] - at[2]) / f->nr_dirs - fid, 0);
	for (i = 1; i < f->nr_conns; i++)
		ask(&c[i], 0, rest);
	ask(&c[0], 0, nr_files + f->nr_dirs);
	show(f, "growth of each when it is used",
	     (resident(f) - at[3]) / (nr_files + f->nr_dirs), 0);
	for (i = 0; i < f->nr_conns; i++)
		p9_close(&c[i]);
	free(c);
}

int
main(int argc, char **argv)
{
	struct fids f = { 0 };

	if (argc != 6) {
		fputs("usage: bench-fids SOCKET PID FILES DIRS CONNECTIONS\n",
		      stderr);
		return 2;
	}
	f.socket = argv[1];
	f.pid = atoi(argv[2]);
	f.nr_files = (unsigned)atoi(argv[3]);
	f.nr_dirs = (unsigned)atoi(argv[4]);
	f.nr_conns = (unsigned)atoi(argv[5]);
	run(&f);
	return f.nr_missed ? 1 : 0;
}
