/* SPDX-License-Identifier: BSD-3-Clause */
/* The load generator; see load.h. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "load.h"

#define FIRST_FID 100 /* of chains */
#define FIRST_GETATTR 5000 /* of walked files */
#define NR_GETATTR 256
#define BIG_FID 2
#define DIR_FID 3
#define MAX_SAMPLES 2000000

/* One chain: the messages of one operation, one after the other. */
struct chain {
	unsigned step;
	uint32_t fid;
	uint64_t off;
	double began;
};

struct load {
	struct p9 *c;
	enum load_op op;
	unsigned round;
	uint32_t io; /* bytes of a large read or write */
	uint64_t random, nr_begun, next_off;
	struct chain *chains;
	float *samples;
	uint64_t nr_ops;
	struct load_result *ret; /* its nr_ops is kept current */
	char *data;
};

double
now_s(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

int
by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static int
by_float(const void *a, const void *b)
{
	float x = *(const float *)a, y = *(const float *)b;

	return (x > y) - (x < y);
}

double
cpu_of(pid_t pid)
{
	unsigned long long ns, sum = 0;
	char path[300];
	struct dirent *e;
	FILE *f;
	DIR *d;

	(void)snprintf(path, sizeof(path), "/proc/%d/task", pid);
	d = opendir(path);
	while (d && (e = readdir(d))) {
		(void)snprintf(path, sizeof(path), "/proc/%d/task/%s/schedstat",
			       pid, e->d_name);
		f = e->d_name[0] == '.' ? NULL : fopen(path, "re");
		if (!f)
			continue;
		if (fscanf(f, "%llu", &ns) == 1)
			sum += ns;
		(void)fclose(f);
	}
	if (d)
		(void)closedir(d);
	return (double)sum / 1e9;
}

double
rss_of(pid_t pid)
{
	long size, rss = 0;
	char path[64];
	FILE *f;

	(void)snprintf(path, sizeof(path), "/proc/%d/statm", pid);
	f = fopen(path, "re");
	if (f) {
		if (fscanf(f, "%ld %ld", &size, &rss) != 2)
			rss = 0;
		(void)fclose(f);
	}
	return (double)rss * 4096;
}

static uint32_t
dice(struct load *l, uint32_t sides)
{
	l->random = l->random * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(l->random >> 33) % sides;
}

static void
put_walk(struct load *l, struct chain *ch)
{
	char dir[32], file[32];

	(void)snprintf(dir, sizeof(dir), "dir%03u", dice(l, BENCH_DIRS));
	(void)snprintf(file, sizeof(file), "file%03u", dice(l, BENCH_FILES));
	p9_put32(l->c, 0);
	p9_put32(l->c, ch->fid);
	p9_put16(l->c, 3);
	p9_put_string(l->c, "top");
	p9_put_string(l->c, dir);
	p9_put_string(l->c, file);
}

static void
put_io(struct load *l, uint32_t fid, uint64_t off, uint32_t count)
{
	p9_put32(l->c, fid);
	p9_put64(l->c, off);
	p9_put32(l->c, count);
}

static void
put_create(struct load *l, struct chain *ch)
{
	char name[64];

	(void)snprintf(name, sizeof(name), "new-%u-%llu", l->round,
		       (unsigned long long)l->nr_begun);
	p9_put32(l->c, ch->fid);
	p9_put_string(l->c, name);
	p9_put32(l->c, 2);
	p9_put32(l->c, 0100644);
	p9_put32(l->c, 0);
}

static void
put_sync(struct load *l, uint8_t type)
{
	if (type == 118) {
		put_io(l, BIG_FID, 0, 4096);
		p9_put_bytes(l->c, l->data, 4096);
	} else {
		p9_put32(l->c, BIG_FID);
		p9_put32(l->c, 0);
	}
}

static uint64_t
next_large(struct load *l)
{
	uint64_t off = l->next_off;

	l->next_off += l->io;
	if (l->next_off + l->io > BENCH_BIG)
		l->next_off = 0;
	return off;
}

static void
begin(struct load *l, uint16_t tag, uint8_t type)
{
	p9_begin(l->c, type, tag);
}

/* Queue the message of the chain's step. False: the operation is complete. */
static bool
put_step(struct load *l, uint16_t tag, struct chain *ch)
{
	static const uint8_t types[LOAD_NR_OPS][5] = {
		[LOAD_GETATTR] = { 24 },
		[LOAD_WALK] = { 110, 24, 120 },
		[LOAD_OPEN] = { 110, 12, 116, 120 },
		[LOAD_CREATE] = { 110, 14, 118, 120 },
		[LOAD_READ] = { 116 },
		[LOAD_WRITE] = { 118 },
		[LOAD_RANDOM] = { 116 },
		[LOAD_SYNC] = { 118, 50 },
	};
	uint8_t type = types[l->op][ch->step];

	if (type == 0)
		return false;
	begin(l, tag, type);
	if (l->op == LOAD_GETATTR) {
		p9_put32(l->c, FIRST_GETATTR + dice(l, NR_GETATTR));
		p9_put64(l->c, 0x17ff);
	} else if (l->op == LOAD_READ) {
		put_io(l, BIG_FID, next_large(l), l->io);
	} else if (l->op == LOAD_WRITE) {
		put_io(l, BIG_FID, next_large(l), l->io);
		p9_put_bytes(l->c, l->data, l->io);
	} else if (l->op == LOAD_SYNC) {
		put_sync(l, type);
	} else if (l->op == LOAD_RANDOM) {
		put_io(l, BIG_FID, (uint64_t)dice(l, BENCH_BIG >> 12) << 12,
		       4096);
	} else if (type == 110 && l->op == LOAD_CREATE) {
		p9_put32(l->c, DIR_FID);
		p9_put32(l->c, ch->fid);
		p9_put16(l->c, 0);
	} else if (type == 110) {
		put_walk(l, ch);
	} else if (type == 14) {
		put_create(l, ch);
	} else if (type == 118) {
		put_io(l, ch->fid, 0, 1024);
		p9_put_bytes(l->c, l->data, 1024);
	} else if (type == 116) {
		put_io(l, ch->fid, 0, 4096);
	} else if (type == 24) {
		p9_put32(l->c, ch->fid);
		p9_put64(l->c, 0x17ff);
	} else {
		p9_put32(l->c, ch->fid);
		if (type == 12)
			p9_put32(l->c, 0);
	}
	p9_end(l->c);
	return true;
}

static int
begin_chain(struct load *l, uint16_t tag, struct chain *ch, double now)
{
	ch->step = 0;
	ch->began = now;
	l->nr_begun++;
	(void)put_step(l, tag, ch);
	return l->op == LOAD_WRITE ? p9_send(l->c) : 0;
}

/* One reply: the chain's next step, or its end. */
static int
advance(struct load *l, const struct p9_reply *r, unsigned depth, bool go_on)
{
	struct chain *ch;
	double now;

	if (r->tag >= depth)
		return -EPROTO;
	if (r->type == 7)
		return -(int)p9_get32(r->body);
	ch = &l->chains[r->tag];
	ch->step++;
	if (put_step(l, r->tag, ch))
		return 0;
	now = now_s();
	if (l->nr_ops < MAX_SAMPLES)
		l->samples[l->nr_ops] = (float)((now - ch->began) * 1e6);
	l->nr_ops++;
	l->ret->nr_ops = l->nr_ops;
	if (!go_on)
		return 1;
	return begin_chain(l, r->tag, ch, now);
}

static int
drive(struct load *l, unsigned depth, double seconds)
{
	double until = now_s() + seconds;
	unsigned running = depth, i;
	struct p9_reply reply;
	int r = 0;

	for (i = 0; i < depth && r >= 0; i++)
		r = begin_chain(l, (uint16_t)i, &l->chains[i], now_s());
	while (running > 0 && r >= 0) {
		if (l->c->out_len > 0)
			r = p9_send(l->c);
		if (r >= 0)
			r = p9_receive(l->c, &reply);
		while (r >= 0) {
			r = advance(l, &reply, depth,
				    now_s() < until && !l->ret->must_stop);
			if (r == 1)
				running--;
			if (r < 0 || !p9_receive_buffered(l->c, &reply))
				break;
		}
	}
	return r < 0 ? r : 0;
}

/* Fids and files that the operation works on. */
static int
prepare(struct load *l, unsigned depth)
{
	char name[64];
	unsigned i;
	int r = 0;

	for (i = 0; i < depth; i++)
		l->chains[i].fid = FIRST_FID + i;
	if (l->op == LOAD_GETATTR) {
		for (i = 0; i < NR_GETATTR && r == 0; i++) {
			(void)snprintf(name, sizeof(name),
				       "top/dir%03u/file%03u", i % BENCH_DIRS,
				       i % BENCH_FILES);
			r = p9_walk(l->c, 0, FIRST_GETATTR + i, name);
		}
	} else if (l->op == LOAD_CREATE) {
		(void)snprintf(name, sizeof(name), "made-%u", l->round);
		r = p9_mkdir(l->c, 0, name, 0755, 0);
		if (r == 0)
			r = p9_walk(l->c, 0, DIR_FID, name);
	} else if (l->op == LOAD_SYNC) {
		(void)snprintf(name, sizeof(name), "synced-%u", l->round);
		r = p9_walk(l->c, 0, BIG_FID, "");
		if (r == 0)
			r = p9_lcreate(l->c, BIG_FID, name, 1, 0644, 0);
	} else if (l->op >= LOAD_READ) {
		r = p9_walk(l->c, 0, BIG_FID,
			    l->op == LOAD_WRITE ? "big-written" : "big");
		if (r == 0)
			r = p9_lopen(l->c, BIG_FID, l->op == LOAD_WRITE ? 1 : 0,
				     NULL);
	}
	return r;
}

static void
clean_up(struct load *l)
{
	unsigned i;

	if (l->op == LOAD_GETATTR)
		for (i = 0; i < NR_GETATTR; i++)
			(void)p9_clunk(l->c, FIRST_GETATTR + i);
	else if (l->op == LOAD_CREATE)
		(void)p9_clunk(l->c, DIR_FID);
	else if (l->op >= LOAD_READ)
		(void)p9_clunk(l->c, BIG_FID);
}

static void
summarise(struct load *l, double elapsed, double cpu, struct load_result *ret)
{
	uint64_t n = l->nr_ops < MAX_SAMPLES ? l->nr_ops : MAX_SAMPLES;

	qsort(l->samples, n, sizeof(*l->samples), by_float);
	ret->nr_ops = l->nr_ops;
	ret->rate = (double)l->nr_ops / elapsed;
	ret->p50_us = n ? l->samples[n / 2] : 0;
	ret->p99_us = n ? l->samples[n * 99 / 100] : 0;
	ret->cpu_us = l->nr_ops ? cpu * 1e6 / (double)l->nr_ops : 0;
	ret->bytes = l->op == LOAD_READ || l->op == LOAD_WRITE ? l->io : 4096;
}

int
load_run(struct p9 *c, enum load_op op, unsigned depth, double seconds,
	 pid_t pid, unsigned round, struct load_result *ret)
{
	struct load l = {
		.c = c,
		.op = op,
		.round = round,
		.ret = ret,
		.io = (c->msize < 1u << 20 ? c->msize : 1u << 20) - 24,
		.random = 42 + round,
		.chains = calloc(depth, sizeof(*l.chains)),
		.samples = malloc(MAX_SAMPLES * sizeof(float)),
		.data = calloc(1, 1 << 20),
	};
	double began, cpu;
	int r = l.chains && l.samples && l.data ? prepare(&l, depth) : -ENOMEM;

	if (r == 0) {
		cpu = cpu_of(pid);
		began = now_s();
		r = drive(&l, depth, seconds);
		summarise(&l, now_s() - began, cpu_of(pid) - cpu, ret);
		clean_up(&l);
	}
	free(l.chains);
	free(l.samples);
	free(l.data);
	return r;
}
