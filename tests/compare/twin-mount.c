/* SPDX-License-Identifier: BSD-3-Clause */
/* The kernel's mount at m, and a veneer server at sock. No shell: speed. */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "twin.h"

#define OPTIONS_LEN 4096

/*
 * lowerdir=...,upperdir=...,workdir=...,options. Absolute, as far as we say:
 * /proc/self/mountinfo shows them as they were given, and several runs at
 * once have an upper of the same name.
 */
static void
format_options(const struct twin_case *c, const char *lowers, const char *side,
	       char buf[OPTIONS_LEN])
{
	int len = snprintf(buf, OPTIONS_LEN, "lowerdir=");
	char here[256];
	unsigned i;

	if (!getcwd(here, sizeof(here)))
		abort();
	for (i = 0; i < c->nr_lowers; i++)
		len += snprintf(buf + len, OPTIONS_LEN - (size_t)len,
				"%s%s/l%u", i ? ":" : "", lowers, i);
	if (c->set->has_data)
		len += snprintf(buf + len, OPTIONS_LEN - (size_t)len,
				"::%s/data", lowers);
	(void)snprintf(buf + len, OPTIONS_LEN - (size_t)len,
		       ",upperdir=%s/%s/upper,workdir=%s/%s/work,%s", here,
		       side, here, side, c->set->options);
}

int
mount_kernel(const struct twin_case *c, const char *lowers, const char *side)
{
	char options[OPTIONS_LEN];

	format_options(c, lowers, side, options);
	return mount("veneer-twin", "m", "overlay", 0, options) < 0 ? -errno
								    : 0;
}

int
mount_end(void)
{
	return umount2("m", 0) < 0 ? -errno : 0;
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *f)
{
	(void)st;
	(void)type;
	(void)f;
	return remove(path);
}

int
remove_tree(const char *path)
{
	return nftw(path, remove_one, 20, FTW_DEPTH | FTW_PHYS) < 0 ? -errno
								    : 0;
}

/* `veneer VERB --quiet -o OPTIONS`: does it end with 0? */
static bool
run_verb(const char *verb, const char *options, const char *side, FILE *out)
{
	const char *veneer = getenv("VENEER");
	char line[512];
	int to[2], status = -1;
	FILE *said;
	pid_t pid;

	if (pipe2(to, O_CLOEXEC) < 0)
		return false;
	pid = fork();
	if (pid == 0) {
		(void)dup2(to[1], 1);
		(void)dup2(to[1], 2);
		(void)execl(veneer ? veneer : "./veneer", "veneer", verb,
			    "--quiet", "-o", options, (char *)NULL);
		_exit(127);
	}
	(void)close(to[1]);
	said = fdopen(to[0], "r");
	while (said && fgets(line, sizeof(line), said))
		fprintf(out, "  %s of %s: %s", verb, side, line);
	if (said)
		(void)fclose(said);
	(void)waitpid(pid, &status, 0);
	return status == 0;
}

bool
upper_is_sound(const struct twin_case *c, const char *lowers, const char *side,
	       FILE *out)
{
	char options[OPTIONS_LEN];

	format_options(c, lowers, side, options);
	return run_verb("check", options, side, out);
}

bool
upper_settle(const struct twin_case *c, const char *lowers, const char *side,
	     FILE *out)
{
	char options[OPTIONS_LEN];

	format_options(c, lowers, side, options);
	return run_verb("settle", options, side, out);
}

static void
server_exec(const char *tree)
{
	const char *veneer = getenv("VENEER");
	int log = open("log", O_WRONLY | O_CREAT | O_APPEND, 0644);

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)dup2(log, 1);
	(void)dup2(log, 2);
	(void)execl(veneer ? veneer : "./veneer", "veneer", "serve", "--tree",
		    tree, "--listen", "unix:sock", "--log-level", "warning",
		    "--loops", "1", (char *)NULL);
	_exit(127);
}

static void
wait_a_moment(void)
{
	struct timespec ts = { 0, 200000 };

	(void)nanosleep(&ts, NULL);
}

int
server_start(struct veneer *v, const struct twin_case *c, const char *lowers,
	     const char *side)
{
	char options[OPTIONS_LEN], tree[OPTIONS_LEN + 64];
	const char *fds = getenv("VENEER_TEST_FDS");
	int i, r = -ETIMEDOUT;

	*v = (struct veneer){ .c = { .fd = -1 } };
	(void)unlink("sock");
	format_options(c, lowers, side, options);
	(void)snprintf(tree, sizeof(tree), "name=twin,%s%s%s%.8s", options,
		       c->set->veneer_options ? c->set->veneer_options : "",
		       fds ? ",test-fds=" : "", fds ? fds : "");
	v->pid = fork();
	if (v->pid == 0)
		server_exec(tree);
	for (i = 0; i < 50000; i++) {
		r = p9_open_session(&v->c, "sock", "", 0);
		if (r == 0 || waitpid(v->pid, NULL, WNOHANG) == v->pid)
			break;
		p9_close(&v->c);
		wait_a_moment();
	}
	for (i = 1; r == 0 && c->set->has_users && i < NR_USERS; i++)
		r = p9_attach(&v->c, (uint32_t)i, "", USER_ID((unsigned)i));
	return r;
}

int
server_stop(struct veneer *v)
{
	int status = -1;

	p9_close(&v->c);
	(void)kill(v->pid, SIGTERM);
	(void)waitpid(v->pid, &status, 0);
	return status;
}
