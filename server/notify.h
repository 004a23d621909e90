/* SPDX-License-Identifier: BSD-3-Clause */
/* Telling the world that we are ready: systemd, a pidfile, the parent. */
#ifndef VENEER_SERVER_NOTIFY_H
#define VENEER_SERVER_NOTIFY_H

/* Send @state ("READY=1") to $NOTIFY_SOCKET, if there is one. */
void notify_systemd(const char *state);

/* Write our process id to @path, atomically. 0 or errno. */
int notify_write_pidfile(const char *path);

/*
 * --daemon: fork; the parent waits and exits, with 0 once the child calls
 * notify_parent(), with 1 if it ends before. Returns in the child, with the
 * descriptor for notify_parent(), or errno.
 */
int notify_daemonize(void);
/* Let the parent go; detach from the terminal. */
void notify_parent(int fd);

#endif
