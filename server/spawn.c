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
#include "macros.h"
#include "spawn.h"
#include "uri.h"

static void
export_nbd(const struct listener *ls)
{
	char prefix[URI_MAX];

	if (uri_prefix(ls, prefix) < 0)
		return;
	(void)setenv("veneer_nbd", prefix, 1);
	if (ls->path[0])
		(void)setenv("veneer_nbd_socket", ls->path, 1);
	if (ls->kind == ADDR_TCP)
		(void)setenv("veneer_nbd_port", ls->port, 1);
}

static bool
serves_9p(const struct server *s)
{
	const struct listener *ls;

	LIST_FOREACH (ls, &s->listeners, by_server)
		if (!listener_is_nbd(ls))
			return true;
	return false;
}

/*
 * What the command is told; before fork, so that nothing can go wrong after.
 * The list has the last listener first, and so the first one's stay.
 */
static void
export_environment(const struct server *s)
{
	static const char *const names[] = {
		"veneer_uri", "veneer_socket",     "veneer_port",
		"veneer_nbd", "veneer_nbd_socket", "veneer_nbd_port",
	};
	bool has_9p = serves_9p(s);
	const struct listener *ls;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(names); i++)
		(void)unsetenv(names[i]);
	LIST_FOREACH (ls, &s->listeners, by_server) {
		if (listener_is_nbd(ls))
			export_nbd(ls);
		if (listener_is_nbd(ls) && has_9p)
			continue;
		(void)setenv("veneer_uri", ls->uri, 1);
		if (ls->path[0])
			(void)setenv("veneer_socket", ls->path, 1);
		if (ls->kind == ADDR_TCP)
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
