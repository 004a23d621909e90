/* SPDX-License-Identifier: BSD-3-Clause */
/* --run: a command that uses the server, and whose end ends it. */
#ifndef VENEER_SERVER_SPAWN_H
#define VENEER_SERVER_SPAWN_H

#include <sys/types.h>

#include "server.h"

/*
 * Run @cmd with sh -c, with veneer_uri, veneer_nbd and what else veneer(8) has
 * under --run in its environment. *@ret_pidfd becomes readable when it ends; the caller's to
 * close. Returns the process id or errno.
 */
pid_t spawn_command(const struct server *s, const char *cmd, int *ret_pidfd);

/* Reap @pid, which has ended: its exit status, 128 + N for signal N. */
int spawn_wait(pid_t pid);

#endif
