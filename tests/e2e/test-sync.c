/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What is asked to be on disk is: DSYNC and SYNC of an open, Tfsync of files,
 * directories and fids that are not open (9p.md 2, 13). And a copy that becomes
 * visible is synced, and with locks=host locked, before it has its name. Seen
 * by strace(1), attached to the server; skipped where that may not be.
 */
#include <errno.h>
#include <regex.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "harness.h"

#define RDONLY 0
#define RDWR 2
#define DSYNC 0x1000
#define SYNC 0x100000
/* As strace prints O_SYNC, old and new. */
#define OPENED_SYNC "O_SYNC|O_DSYNC\\|__O_SYNC"

static struct harness h;
static struct p9 c;
static pid_t tracer;
static char trace[1 << 16]; /* what came since trace_begin() */
static long trace_begun;

static void
in_root(char buf[128], const char *name)
{
	(void)snprintf(buf, 128, "%s/%s", h.root, name);
}

static void
read_file(const char *name, long from)
{
	char path[128];
	size_t n = 0;
	FILE *f;

	in_root(path, name);
	f = fopen(path, "r");
	if (f && fseek(f, from, SEEK_SET) == 0)
		n = fread(trace, 1, sizeof(trace) - 1, f);
	trace[n] = '\0';
	if (f)
		(void)fclose(f);
}

/* Attach to all threads of the server. False: it may not be. */
static bool
trace_start(void)
{
	struct timespec ts = { .tv_nsec = 10000000 };
	char out[128], err[128], pid[16];
	int i;

	in_root(out, "trace");
	in_root(err, "strace");
	(void)snprintf(pid, sizeof(pid), "%d", h.pid);
	tracer = fork();
	if (tracer == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
		if (!freopen(err, "w", stderr))
			_exit(127);
		(void)execlp("strace", "strace", "-f", "-o", out, "-e",
			     "trace=open,openat,pwritev2,fsync,fdatasync,"
			     "syncfs,linkat,renameat2,fcntl",
			     "-p", pid, (char *)NULL);
		_exit(127);
	}
	for (i = 0; i < 1000; i++) {
		read_file("strace", 0);
		if (strstr(trace, "attached"))
			return true;
		if (waitpid(tracer, NULL, WNOHANG) == tracer)
			return false;
		(void)nanosleep(&ts, NULL);
	}
	return false;
}

/* The tracer goes with the server. */
static void
trace_end(void)
{
	p9_close(&c);
	harness_stop(&h);
	CHECK_EQ(tracer, waitpid(tracer, NULL, 0));
	harness_end(&h);
}

static void
trace_begin(void)
{
	char path[128];
	struct stat st;

	in_root(path, "trace");
	CHECK_EQ(0, stat(path, &st));
	trace_begun = st.st_size;
}

/* Where @pattern is in the trace, from @from on; or NULL. */
static const char *
find(const char *from, const char *pattern)
{
	regmatch_t at;
	regex_t re;
	int r;

	CHECK_EQ(0, regcomp(&re, pattern, REG_EXTENDED | REG_NEWLINE));
	r = regexec(&re, from, 1, &at, 0);
	regfree(&re);
	return r == 0 ? from + at.rm_so : NULL;
}

/* Since trace_begin(): is there a call like @pattern? */
static bool
has(const char *pattern)
{
	read_file("trace", trace_begun);
	return find(trace, pattern) != NULL;
}

static void
write_by(uint32_t fid)
{
	trace_begin();
	CHECK_EQ(4, p9_write(&c, fid, 0, "data", 4));
	CHECK(has("pwritev2\\(.* = 4$"));
}

/* Which descriptor was written last. */
static int
written(void)
{
	const char *at;

	read_file("trace", trace_begun);
	at = find(trace, "pwritev2\\([0-9]+");
	CHECK(at);
	return atoi(at + strlen("pwritev2("));
}

/* Open, or create, with @flags; 4 bytes through it. The descriptor. */
static int
open_and_write(uint32_t fid, const char *name, uint32_t flags, bool creates)
{
	trace_begin();
	CHECK_EQ(0, p9_walk(&c, 0, fid, creates ? "" : name));
	if (creates)
		CHECK_EQ(0, p9_lcreate(&c, fid, name, flags, 0644, 0));
	else
		CHECK_EQ(0, p9_lopen(&c, fid, flags, NULL));
	CHECK_EQ(flags == (RDWR | DSYNC),
		 has("O_RDWR.*O_DSYNC.* = [0-9]") && !has(OPENED_SYNC));
	CHECK_EQ(flags == (RDWR | SYNC), has("O_RDWR.*" OPENED_SYNC));
	write_by(fid);
	return written();
}

static void
opened(const char *a, const char *b, bool creates)
{
	int plain, dsync, sync;

	plain = open_and_write(10, creates ? "n1" : a, RDWR, creates);
	dsync = open_and_write(11, creates ? "n2" : a, RDWR | DSYNC, creates);
	sync = open_and_write(12, creates ? "n3" : b, RDWR | SYNC, creates);
	/* Who did not ask for it does not wait for it. */
	CHECK(plain != dsync && plain != sync && dsync != sync);
	write_by(10);
	CHECK_EQ(plain, written());
	write_by(11);
	CHECK_EQ(dsync, written());
	CHECK_EQ(0, p9_clunk(&c, 10));
	CHECK_EQ(0, p9_clunk(&c, 11));
	CHECK_EQ(0, p9_clunk(&c, 12));
}

static void
fsync_is(uint32_t fid, uint32_t datasync, const char *call)
{
	trace_begin();
	CHECK_EQ(0, p9_fsync(&c, fid, datasync));
	CHECK_EQ(call != NULL, has("fsync|fdatasync|syncfs"));
	if (call)
		CHECK(has(call));
}

static void
fsyncs(void)
{
	CHECK_EQ(0, p9_walk(&c, 0, 10, "up"));
	fsync_is(10, 0, " fsync\\(.* = 0"); /* not open */
	CHECK_EQ(0, p9_lopen(&c, 10, RDONLY, NULL));
	fsync_is(10, 0, " fsync\\(.* = 0");
	fsync_is(10, 1, " fdatasync\\(.* = 0");
	CHECK_EQ(0, p9_unlinkat(&c, 0, "up", 0));
	fsync_is(10, 0, " fsync\\(.* = 0");
	CHECK_EQ(0, p9_clunk(&c, 10));
	CHECK_EQ(0, p9_mkdir(&c, 0, "dir", 0755, 0));
	CHECK_EQ(0, p9_walk(&c, 0, 10, "dir"));
	fsync_is(10, 0, " fsync\\(.* = 0");
	CHECK_EQ(0, p9_clunk(&c, 10));
	/* Nothing of it is ours. */
	CHECK_EQ(0, p9_walk(&c, 0, 10, "low"));
	fsync_is(10, 0, NULL);
	CHECK_EQ(0, p9_clunk(&c, 10));
}

/* Data, locks and only then the name. */
static void
copyup_order(void)
{
	const char *name;

	CHECK_EQ(0, p9_walk(&c, 0, 10, "low"));
	CHECK_EQ(0, p9_lopen(&c, 10, RDONLY, NULL));
	CHECK_EQ(0, p9_lock(&c, 10, 1, 0, 0, 1, "guest"));
	trace_begin();
	CHECK_EQ(0, p9_walk(&c, 0, 11, "low"));
	CHECK_EQ(0, p9_lopen(&c, 11, RDWR, NULL));
	read_file("trace", trace_begun);
	name = find(trace, "linkat|renameat2");
	CHECK(name);
	CHECK(find(trace, "F_OFD_SETLK.*F_WRLCK.* = 0"));
	CHECK(find(trace, "F_OFD_SETLK.*F_WRLCK.* = 0") < name);
	CHECK(find(trace, "(fsync|fdatasync)\\(.* = 0"));
	CHECK(find(trace, "(fsync|fdatasync)\\(.* = 0") < name);
	CHECK_EQ(0, p9_clunk(&c, 10));
	CHECK_EQ(0, p9_clunk(&c, 11));
}

static bool
start(const char *options)
{
	harness_start(&h, "printf data >up; printf data >up2; printf data >low",
		      options);
	harness_attach(&h, &c, 0);
	if (trace_start())
		return true;
	printf("skipped: strace cannot attach: %s\n", trace);
	p9_close(&c);
	harness_end(&h);
	return false;
}

int
main(void)
{
	/* A server with LeakSanitizer cannot end while it is traced. */
	(void)setenv("ASAN_OPTIONS", "detect_leaks=0", 1);
	/* Strict, for where a copy is a clone, which auto does not sync. */
	if (!start("--loops 1 --workers 1 -o locks=host,fsync=strict"))
		return 77;
	opened("up", "up2", false);
	opened("up", "up2", true);
	fsyncs();
	copyup_order();
	trace_end();
	/* A volatile upper is never synced, whoever asks. */
	if (!start("--loops 1 --workers 1 -o volatile"))
		return 77;
	CHECK_EQ(0, p9_walk(&c, 0, 10, "up"));
	CHECK_EQ(0, p9_lopen(&c, 10, RDWR, NULL));
	fsync_is(10, 0, NULL);
	trace_end();
	return 0;
}
