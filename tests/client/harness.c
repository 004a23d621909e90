/* SPDX-License-Identifier: BSD-3-Clause */
/* Running veneer for a test; see harness.h. */
#include "harness.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* What is left behind by a test that fails. */
static struct harness *current;

void
harness_fail(const char *file, int line, const char *what, long long want,
	     long long got)
{
	char cmd[128];

	fprintf(stderr, "%s:%d: %s: wanted %lld, got %lld\n", file, line, what,
		want, got);
	if (current) {
		(void)snprintf(cmd, sizeof(cmd), "tail -n 40 %s/log >&2",
			       current->root);
		(void)!system(cmd);
		if (current->pid > 0)
			(void)kill(current->pid, SIGKILL);
		(void)snprintf(cmd, sizeof(cmd), "rm -rf %s", current->root);
		(void)!system(cmd);
	}
	exit(1);
}

void
harness_sh(const struct harness *h, const char *cmd)
{
	char line[4096];

	(void)snprintf(line, sizeof(line), "cd %s && { %s; }", h->root, cmd);
	if (system(line) != 0)
		harness_fail(cmd, 0, "shell command", 0, 1);
}

static void
sleep_ms(long ms)
{
	struct timespec ts = { ms / 1000, ms % 1000 * 1000000 };

	(void)nanosleep(&ts, NULL);
}

void
harness_restart(struct harness *h, const char *options)
{
	char cmd[1024];
	struct p9 c;
	int i;

	(void)snprintf(cmd, sizeof(cmd),
		       "exec \"${VENEER:-./veneer}\" serve --lower %s/lower "
		       "--upper %s/upper --listen unix:%s "
		       "--listen nbd+unix:%s --listen "
		       "vhost-user:%s/vhost,tag=test --listen "
		       "vhost-user:%s/vhost-packed,tag=test,packed=on "
		       "--log-level warning "
		       "${VENEER_TEST_FDS:+-o test-fds=$VENEER_TEST_FDS} "
		       "%s 2>>%s/log",
		       h->root, h->root, h->socket, h->nbd_socket, h->root,
		       h->root, options ? options : "", h->root);
	h->pid = fork();
	if (h->pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)execl("/bin/sh", "sh", "-c", cmd, (char *)NULL);
		_exit(127);
	}
	for (i = 0; i < 1000; i++) {
		if (p9_connect(&c, h->socket, 8192) == 0) {
			p9_close(&c);
			return;
		}
		p9_close(&c);
		if (waitpid(h->pid, NULL, WNOHANG) == h->pid)
			break;
		sleep_ms(10);
	}
	harness_fail(__FILE__, __LINE__, "the server did not start", 0, 0);
}

void
harness_start(struct harness *h, const char *prepare, const char *options)
{
	const char *dir = getenv("TMPDIR");
	char cmd[2048];

	*h = (struct harness){ 0 };
	(void)snprintf(h->root, sizeof(h->root), "%.60s/veneer-e2e.XXXXXX",
		       dir ? dir : "/tmp");
	(void)signal(SIGPIPE, SIG_IGN);
	if (!mkdtemp(h->root))
		harness_fail(__FILE__, __LINE__, "mkdtemp", 0, errno);
	current = h;
	(void)snprintf(h->socket, sizeof(h->socket), "%s/socket", h->root);
	(void)snprintf(h->nbd_socket, sizeof(h->nbd_socket), "%s/nbd", h->root);
	(void)snprintf(cmd, sizeof(cmd),
		       "umask 022; mkdir lower upper; cd lower; %s; cd ..; "
		       "find lower -printf '%%p %%y %%m %%u %%s %%T@ %%l\\n' | "
		       "sort >lower.before",
		       prepare && *prepare ? prepare : ":");
	harness_sh(h, cmd);
	harness_restart(h, options);
}

void
harness_kill(struct harness *h)
{
	(void)kill(h->pid, SIGKILL);
	(void)waitpid(h->pid, NULL, 0);
	h->pid = 0;
}

void
harness_stop(struct harness *h)
{
	int i, status = -1;

	(void)kill(h->pid, SIGTERM);
	for (i = 0; i < 2000; i++) {
		if (waitpid(h->pid, &status, WNOHANG) == h->pid)
			break;
		sleep_ms(10);
	}
	h->pid = i == 2000 ? h->pid : 0;
	CHECK_EQ(0, status);
}

void
harness_end(struct harness *h)
{
	char cmd[128];

	if (h->pid > 0)
		harness_stop(h);
	harness_sh(h, "find lower -printf '%p %y %m %u %s %T@ %l\\n' | sort | "
		      "diff lower.before -");
	(void)snprintf(cmd, sizeof(cmd), "rm -rf %s", h->root);
	(void)!system(cmd);
	current = NULL;
}

void
harness_attach(struct harness *h, struct p9 *c, uint32_t uid)
{
	CHECK_EQ(0, p9_open_session(c, h->socket, "", uid));
}

void
harness_check_alive(struct harness *h)
{
	struct p9_stat st;
	struct p9 c;

	harness_attach(h, &c, 0);
	CHECK_EQ(0, p9_getattr(&c, 0, &st));
	CHECK(S_ISDIR(st.mode));
	p9_close(&c);
}

unsigned
harness_nr_fds(const struct harness *h)
{
	char path[64];
	unsigned nr = 0;
	DIR *d;

	(void)snprintf(path, sizeof(path), "/proc/%d/fd", h->pid);
	d = opendir(path);
	while (d && readdir(d))
		nr++;
	if (d)
		(void)closedir(d);
	return nr;
}

void
harness_wait_fds(const struct harness *h, unsigned want)
{
	unsigned i, nr = harness_nr_fds(h);

	for (i = 0; i < 1000 && nr > want; i++) {
		sleep_ms(10);
		nr = harness_nr_fds(h);
	}
	CHECK(nr <= want);
}
