/* SPDX-License-Identifier: BSD-3-Clause */
/* The floor; see floor.h. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "floor.h"

#define ECHO_BUFFER ((size_t)4 << 20)

static void
put32(uint8_t *p, uint32_t v)
{
	int i;

	for (i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> (8 * i));
}

/* The size of the answer to a message, and of what it must say in it. */
static size_t
echo_answer(const uint8_t *in, uint8_t *out)
{
	uint8_t type = in[4];
	size_t len = 7;
	uint32_t n;

	if (type == 24)
		len = 160;
	else if (type == 110)
		len = 9 + 13u * p9_get16(in + 15);
	else if (type == 12 || type == 14)
		len = 24;
	else if (type == 100)
		len = 21;
	else if (type == 104 || type == 72)
		len = 20;
	else if (type == 118)
		len = 11;
	else if (type == 116)
		len = 11 + p9_get32(in + 19);
	put32(out, (uint32_t)len);
	out[4] = (uint8_t)(type + 1);
	memcpy(out + 5, in + 5, 2);
	if (type == 110)
		memcpy(out + 7, in + 15, 2);
	if (type == 116 || type == 118) {
		n = p9_get32(in + 19);
		put32(out + 7, n);
	}
	if (type == 100) {
		memcpy(out + 7, in + 7, 4);
		memcpy(out + 11, "\x08\0009P2000.L", 10);
	}
	return len;
}

static void
echo_serve(int fd)
{
	uint8_t *in = malloc(ECHO_BUFFER), *out = calloc(1, ECHO_BUFFER * 8);
	size_t have = 0, pos, made, size;
	ssize_t n;

	if (!in || !out)
		_exit(1);
	while ((n = recv(fd, in + have, ECHO_BUFFER - have, 0)) > 0) {
		have += (size_t)n;
		for (pos = made = 0; have - pos >= 7; pos += size) {
			size = p9_get32(in + pos);
			if (size < 7 || size > ECHO_BUFFER || have - pos < size)
				break;
			made += echo_answer(in + pos, out + made);
		}
		memmove(in, in + pos, have - pos);
		have -= pos;
		for (pos = 0; pos < made; pos += (size_t)n) {
			n = send(fd, out + pos, made - pos, MSG_NOSIGNAL);
			if (n < 0)
				_exit(0);
		}
	}
	(void)close(fd);
	free(in);
	free(out);
}

pid_t
floor_echo(const char *path)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0), conn;
	pid_t pid;

	(void)snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", path);
	(void)unlink(path);
	if (bind(fd, (struct sockaddr *)&sun, sizeof(sun)) < 0 ||
	    listen(fd, 8) < 0)
		return -errno;
	pid = fork();
	if (pid != 0) {
		(void)close(fd);
		return pid;
	}
	/* Not to outlive the benchmark, however that ends. */
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	while ((conn = accept(fd, NULL, NULL)) >= 0)
		echo_serve(conn);
	_exit(0);
}

static double
thread_cpu_us(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec / 1e3;
}

static void
file_path(char path[64], unsigned i)
{
	(void)snprintf(path, 64, "top/dir%03u/file%03u", i * 7 % BENCH_DIRS,
		       i * 13 % BENCH_FILES);
}

/* One operation, the @i-th. False: it failed. */
static bool
one(int dir, int big, enum load_op op, unsigned i, char *buf)
{
	uint64_t off = (uint64_t)i << 20;
	struct stat st;
	char path[64];
	int fd = -1;
	bool ok = true;

	file_path(path, i);
	switch (op) {
	case LOAD_GETATTR:
		return fstat(big, &st) == 0;
	case LOAD_WALK:
		fd = openat(dir, path, O_PATH);
		ok = fd >= 0 && fstat(fd, &st) == 0;
		break;
	case LOAD_OPEN:
		fd = openat(dir, path, O_RDONLY);
		ok = fd >= 0 && pread(fd, buf, 4096, 0) == 4096;
		break;
	case LOAD_CREATE:
		(void)snprintf(path, sizeof(path), "floor/new-%u", i);
		fd = openat(dir, path, O_RDWR | O_CREAT, 0644);
		ok = fd >= 0 && pwrite(fd, buf, 1024, 0) == 1024;
		break;
	case LOAD_READ:
		return pread(big, buf, 1 << 20, (off_t)(off % BENCH_BIG)) > 0;
	case LOAD_WRITE:
		return pwrite(big, buf, 1 << 20, (off_t)(off % BENCH_BIG)) > 0;
	case LOAD_RANDOM:
		off = (uint64_t)i * 2654435761u % (BENCH_BIG >> 12) << 12;
		return pread(big, buf, 4096, (off_t)off) == 4096;
	case LOAD_SYNC:
	case LOAD_NR_OPS:
		return false;
	}
	if (fd >= 0)
		(void)close(fd);
	return ok;
}

double
floor_syscalls(const char *mount, enum load_op op, double seconds)
{
	double until = now_s() + seconds, began;
	char *buf = calloc(1, 1 << 20);
	int dir, big;
	unsigned i;

	dir = open(mount, O_PATH | O_DIRECTORY);
	big = openat(dir, op == LOAD_WRITE ? "big-written" : "big",
		     op == LOAD_WRITE ? O_WRONLY : O_RDONLY);
	(void)mkdirat(dir, "floor", 0755);
	if (dir < 0 || big < 0 || !buf)
		return -1;
	began = thread_cpu_us();
	for (i = 0; i % 16 || now_s() < until; i++)
		if (!one(dir, big, op, i, buf))
			break;
	began = (thread_cpu_us() - began) / (i ? i : 1);
	(void)close(dir);
	(void)close(big);
	free(buf);
	return i ? began : -1;
}
