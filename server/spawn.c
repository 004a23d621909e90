/* SPDX-License-Identifier: BSD-3-Clause */
/* Running a command beside the server. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "listen.h"
#include "spawn.h"

/* What the command is told; before fork, so that nothing can go wrong after. */
static void
export_environment(const struct server *s)
{
	const struct listener *ls;

	LIST_FOREACH (ls, &s->listeners, by_server) {
		(void)setenv("veneer_uri", ls->uri, 1);
		if (ls->path[0])
			(void)setenv("veneer_socket", ls->path, 1);
		if (ls->port[0])
			(void)setenv("veneer_port", ls->port, 1);
	}
}

pid_t
spawn_command(const struct server *s, const char *cmd, int *ret_pidfd)
{
	sigset_t none;
	pid_t pid;
	int fd;

	export_environment(s);
	(void)fflush(NULL);
	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid == 0) {
		(void)sigemptyset(&none);
		(void)sigprocmask(SIG_SETMASK, &none, NULL);
		(void)signal(SIGPIPE, SIG_DFL);
		(void)execl("/bin/sh", "sh", "-c", cmd, (char *)NULL);
		_exit(127);
	}
	fd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (fd < 0) {
		int r = -errno;

		(void)kill(pid, SIGTERM);
		return r;
	}
	*ret_pidfd = fd;
	return pid;
}

int
spawn_wait(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return EXIT_RUNTIME;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
