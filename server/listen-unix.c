/* SPDX-License-Identifier: BSD-3-Clause */
/* Unix sockets to listen on; those of unix:- are in a directory of their own. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "cleanup.h"
#include "listen-kinds.h"

static socklen_t
unix_address(const char *path, struct sockaddr_un *ret)
{
	*ret = (struct sockaddr_un){ .sun_family = AF_UNIX };
	memcpy(ret->sun_path, path, strlen(path) + 1);
	return sizeof(*ret);
}

/* Nobody answers there any more: a server that died left it. */
static bool
is_stale(const char *path)
{
	CLEANUP_CLOSE int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un sun;
	socklen_t len = unix_address(path, &sun);
	struct stat st;

	if (fd < 0 || lstat(path, &st) < 0 || !S_ISSOCK(st.st_mode))
		return false;
	return connect(fd, (struct sockaddr *)&sun, len) < 0 &&
	       errno == ECONNREFUSED;
}

static int
bind_unix(int fd, const char *path, mode_t mode)
{
	struct sockaddr_un sun;
	socklen_t len = unix_address(path, &sun);
	mode_t old;
	int r;

	if (is_stale(path))
		(void)unlink(path);
	/* Right from the start: between bind and chmod anybody might come. */
	old = umask(0777 & ~mode);
	r = bind(fd, (struct sockaddr *)&sun, len) < 0 ? -errno : 0;
	(void)umask(old);
	return r;
}

/* unix:-: a socket in a directory that only we can enter. */
static int
make_private(struct listener *l, struct addr *a)
{
	const char *base = getenv("XDG_RUNTIME_DIR");

	(void)snprintf(l->directory, sizeof(l->directory), "%s/veneer-XXXXXX",
		       base && *base && strlen(base) < 40 ? base : "/tmp");
	if (!mkdtemp(l->directory)) {
		int r = -errno;

		l->directory[0] = '\0';
		return r;
	}
	(void)snprintf(a->path, sizeof(a->path), "%s/socket", l->directory);
	return 0;
}

int
listen_unix(struct server *s, struct addr *a)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct listener *l;
	int r = 0;

	if (fd < 0)
		return listen_fail("unix", "socket", -errno);
	l = listener_new(s, fd, a);
	if (!l)
		return -ENOMEM;
	if (strcmp(a->path, "-") == 0)
		r = make_private(l, a);
	listener_name(l, "%s:%s", a->is_vhost ? "vhost-user" : "unix", a->path);
	if (r == 0)
		r = bind_unix(fd, a->path, a->mode);
	if (r == -EADDRINUSE)
		return listen_fail(l->uri,
				   "another server answers there, or a file "
				   "is in the way",
				   r);
	if (r < 0)
		return listen_fail(l->uri, "cannot make the socket", r);
	(void)snprintf(l->path, sizeof(l->path), "%s", a->path);
	l->is_ours = true;
	if (listen(fd, LISTEN_BACKLOG) < 0)
		return listen_fail(l->uri, "listen", -errno);
	return 0;
}
