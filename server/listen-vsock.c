/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Sockets between virtual machines and their host (vsock(7)). Nothing of the
 * network reaches them, but every guest with such a device does: which one,
 * nothing here decides.
 */
#include <errno.h>
#include <linux/vm_sockets.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "listen-kinds.h"

/* Who is asked for there, and the port that the kernel chose. */
static void
name_vsock(struct listener *l, const struct addr *a)
{
	struct sockaddr_vm sa;
	socklen_t len = sizeof(sa);
	unsigned port = a->vsock_port;

	if (getsockname(l->fd, (struct sockaddr *)&sa, &len) == 0)
		port = sa.svm_port;
	(void)snprintf(l->port, sizeof(l->port), "%u", port);
	/* Guests know their host by this number. */
	(void)snprintf(l->host, sizeof(l->host), "%u",
		       a->cid == VMADDR_CID_ANY ? VMADDR_CID_HOST : a->cid);
	if (a->cid == VMADDR_CID_ANY)
		listener_name(l, "vsock:any:%s", l->port);
	else
		listener_name(l, "vsock:%u:%s", a->cid, l->port);
}

int
listen_vsock(struct server *s, const struct addr *a)
{
	struct sockaddr_vm sa = { .svm_family = AF_VSOCK,
				  .svm_cid = a->cid,
				  .svm_port = a->vsock_port };
	struct listener *l;
	int fd;

	fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return listen_fail("vsock", "socket", -errno);
	l = listener_new(s, fd, a);
	if (!l)
		return -ENOMEM;
	name_vsock(l, a);
	if (bind(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0)
		return listen_fail(l->uri, "cannot bind", -errno);
	if (listen(fd, LISTEN_BACKLOG) < 0)
		return listen_fail(l->uri, "listen", -errno);
	name_vsock(l, a);
	return 0;
}
