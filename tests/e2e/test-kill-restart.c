/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * kill -9 in the middle of a stream of changes, and a restart: the lower is
 * as it was (harness_end looks), each file is old or new, the server starts
 * without help.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "harness.h"

#define KILLS 25
#define FILES 20
#define SIZE 30000

static struct harness h;

/* Replace files by copies, over and over, until the server is gone. */
static void
mutate(unsigned seed)
{
	char name[16], temp[16], *data = malloc(SIZE);
	struct p9 c;
	unsigned i;

	if (p9_open_session(&c, h.socket, "", 0) < 0 || !data)
		_exit(0);
	for (i = seed;; i++) {
		(void)snprintf(name, sizeof(name), "f%u", i % FILES);
		(void)snprintf(temp, sizeof(temp), "t%u", i % FILES);
		memset(data, 'a' + (int)(i % 26), SIZE);
		if (p9_walk(&c, 0, 1, "") < 0)
			break;
		(void)p9_lcreate(&c, 1, temp, 0x202, 0644, 0);
		(void)p9_write(&c, 1, 0, data, SIZE);
		(void)p9_clunk(&c, 1);
		(void)p9_renameat(&c, 0, temp, 0, name);
		if (i % 7 == 0)
			(void)p9_unlinkat(&c, 0, name, 0);
	}
	_exit(0);
}

static void
check_files(void)
{
	char name[16], *buf = malloc(SIZE);
	ssize_t n, i;
	struct p9 c;
	unsigned f;

	harness_attach(&h, &c, 0);
	for (f = 0; f < FILES; f++) {
		(void)snprintf(name, sizeof(name), "f%u", f);
		if (p9_walk(&c, 0, 1, name) == -ENOENT)
			continue;
		CHECK_EQ(0, p9_lopen(&c, 1, 0, NULL));
		n = p9_read(&c, 1, 0, buf, SIZE);
		CHECK_EQ(0, p9_clunk(&c, 1));
		CHECK_EQ(SIZE, n);
		for (i = 1; i < n; i++)
			CHECK_EQ(buf[0], buf[i]);
	}
	free(buf);
	p9_close(&c);
}

int
main(void)
{
	struct timespec ts = { 0, 0 };
	unsigned i;
	pid_t pid;

	harness_start(&h,
		      "for i in $(seq 0 19); do head -c 30000 /dev/zero | "
		      "tr '\\0' o >f$i; done",
		      NULL);
	for (i = 0; i < KILLS; i++) {
		pid = fork();
		if (pid == 0)
			mutate(i * 3);
		ts.tv_nsec = (long)(5 + i * 7) * 1000000;
		(void)nanosleep(&ts, NULL);
		harness_kill(&h);
		CHECK_EQ(pid, waitpid(pid, NULL, 0));
		harness_restart(&h, NULL);
		check_files();
	}
	harness_end(&h);
	return 0;
}
