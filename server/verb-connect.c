/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * "veneer connect ADDR": standard input and output as a connection to a
 * server, for programs that start another one where they want a socket (the
 * cmd: of QEMU's guestfwd, ProxyCommand of ssh).
 */
#include <errno.h>
#include <linux/vm_sockets.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "addr.h"
#include "cleanup.h"
#include "config.h"
#include "log.h"
#include "macros.h"
#include "verb.h"

#define BUFFER_SIZE 65536
/* A pipe that can be written to takes so much without blocking (pipe(7)). */
#define PIPE_CHUNK 4096

/* One direction. */
struct way {
	int from, to; /* borrowed */
	size_t pos, len; /* what waits to be written */
	bool is_over;
	char buf[BUFFER_SIZE];
};

static int
dial(int family, const void *sa, size_t len)
{
	CLEANUP_CLOSE int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, sa, (socklen_t)len) < 0)
		return -errno;
	return take_fd(&fd);
}

static int
dial_tcp(const struct addr *a)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *list, *ai;
	int r = -EHOSTUNREACH;

	if (getaddrinfo(a->host, a->port, &hints, &list) != 0)
		return r;
	for (ai = list; ai && r < 0; ai = ai->ai_next)
		r = dial(ai->ai_family, ai->ai_addr, ai->ai_addrlen);
	freeaddrinfo(list);
	return r;
}

/* Returns a socket, or errno. */
static int
dial_addr(const struct addr *a)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	struct sockaddr_vm vm = { .svm_family = AF_VSOCK,
				  .svm_cid = a->cid,
				  .svm_port = a->vsock_port };

	switch (a->kind) {
	case ADDR_UNIX:
		(void)snprintf(sun.sun_path, sizeof(sun.sun_path), "%s",
			       a->path);
		return dial(AF_UNIX, &sun, sizeof(sun));
	case ADDR_TCP:
		return dial_tcp(a);
	case ADDR_VSOCK:
		return dial(AF_VSOCK, &vm, sizeof(vm));
	case ADDR_FD:
		break;
	}
	return -EINVAL;
}

/* What the way waits for: to read, or to write. */
static struct pollfd
interest(const struct way *w)
{
	if (w->is_over)
		return (struct pollfd){ .fd = -1 };
	if (w->len > 0)
		return (struct pollfd){ w->to, POLLOUT, 0 };
	return (struct pollfd){ w->from, POLLIN, 0 };
}

/* Read or write once. Returns 0, also at the end of what is read; errno. */
static int
step(struct way *w)
{
	ssize_t n;

	if (w->len == 0) {
		n = read(w->from, w->buf, sizeof(w->buf));
		w->pos = 0;
		w->len = n > 0 ? (size_t)n : 0;
		w->is_over = n == 0;
		/* The other side is to see the end, if it can. */
		if (n == 0 && shutdown(w->to, SHUT_WR) < 0)
			(void)close(w->to);
	} else {
		n = write(w->to, w->buf + w->pos, MIN(w->len, PIPE_CHUNK));
		w->pos += n > 0 ? (size_t)n : 0;
		w->len -= n > 0 ? (size_t)n : 0;
	}
	return n < 0 && errno != EINTR && errno != EAGAIN ? -errno : 0;
}

/* Until the server hangs up, or there is nobody to tell what it says. */
static int
carry(int fd)
{
	static struct way out, in;
	struct pollfd p[2];
	int r = 0;

	(void)signal(SIGPIPE, SIG_IGN);
	out = (struct way){ .from = STDIN_FILENO, .to = fd };
	in = (struct way){ .from = fd, .to = STDOUT_FILENO };
	while (r == 0 && !in.is_over) {
		p[0] = interest(&out);
		p[1] = interest(&in);
		if (poll(p, 2, -1) < 0)
			return errno == EINTR ? 0 : -errno;
		/* Nobody listens any more: what is said still is heard. */
		if (p[0].revents && step(&out) < 0)
			out.is_over = true;
		if (p[1].revents)
			r = step(&in);
	}
	return r;
}

int
verb_connect(int argc, char **argv)
{
	CLEANUP_CLOSE int fd = -1;
	struct addr a;
	char why[256];
	int r;

	if (argc != 2) {
		log_line(LOG_ERR, "usage: veneer connect ADDR");
		return EXIT_USAGE;
	}
	if (addr_parse(argv[1], &a, why) < 0) {
		log_line(LOG_ERR, "%s", why);
		return EXIT_USAGE;
	}
	if (a.is_vhost || a.kind == ADDR_FD) {
		log_line(LOG_ERR,
			 "%s: use unix:PATH, tcp:HOST:PORT or vsock:CID:PORT",
			 argv[1]);
		return EXIT_USAGE;
	}
	fd = dial_addr(&a);
	r = fd < 0 ? fd : carry(fd);
	if (r < 0)
		log_line(LOG_ERR, "%s: %s", argv[1], strerror(-r));
	return r < 0 ? EXIT_RUNTIME : EXIT_OK;
}
