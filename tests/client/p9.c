/* SPDX-License-Identifier: BSD-3-Clause */
/* Frames: building, sending, receiving. The calls are in p9-calls.c. */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "p9-carrier.h"
#include "p9.h"

static int
connect_unix(const char *path)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", path);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&sun, sizeof(sun)) < 0) {
		int r = -errno;

		(void)close(fd);
		return r;
	}
	return fd < 0 ? -errno : fd;
}

static int
connect_tcp(const char *where)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *list;
	const char *colon = strrchr(where, ':');
	char host[256];
	int fd, one = 1;

	if (!colon)
		return -EINVAL;
	(void)snprintf(host, sizeof(host), "%.*s", (int)(colon - where), where);
	if (getaddrinfo(host, colon + 1, &hints, &list) != 0)
		return -EINVAL;
	fd = socket(list->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, list->ai_addr, list->ai_addrlen) < 0) {
		int r = -errno;

		(void)close(fd);
		fd = r;
	}
	freeaddrinfo(list);
	if (fd >= 0)
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one,
				 sizeof(one));
	return fd;
}

void
p9_init(struct p9 *c, int fd)
{
	*c = (struct p9){ .fd = fd, .next_fid = 1000, .msize = 8192 };
}

int
p9_connect(struct p9 *c, const char *where, uint32_t msize)
{
	int fd;

	if (strncmp(where, "tcp:", 4) == 0)
		fd = connect_tcp(where + 4);
	else
		fd = connect_unix(strncmp(where, "unix:", 5) == 0 ? where + 5
								  : where);
	p9_init(c, fd);
	if (fd < 0)
		return fd;
	return msize ? p9_version(c, msize, "9P2000.L") : 0;
}

int
p9_open_session(struct p9 *c, const char *where, const char *aname,
		uint32_t uid)
{
	int r = p9_connect(c, where, 1u << 20);

	return r < 0 ? r : p9_attach(c, 0, aname, uid);
}

void
p9_close(struct p9 *c)
{
	if (c->fd >= 0)
		(void)close(c->fd);
	free(c->out);
	free(c->in);
	*c = (struct p9){ .fd = -1 };
}

uint32_t
p9_fid(struct p9 *c)
{
	return c->next_fid++;
}

/* Tests may die without memory. */
static void *
grow(void *p, size_t size)
{
	p = realloc(p, size);
	if (!p)
		abort();
	return p;
}

void
p9_put_bytes(struct p9 *c, const void *p, size_t len)
{
	if (c->out_len + len > c->out_max) {
		c->out_max = (c->out_len + len) * 2 + 4096;
		c->out = grow(c->out, c->out_max);
	}
	if (len > 0)
		memcpy(c->out + c->out_len, p, len);
	c->out_len += len;
}

static void
put_int(struct p9 *c, uint64_t v, size_t len)
{
	uint8_t b[8];
	size_t i;

	for (i = 0; i < len; i++)
		b[i] = (uint8_t)(v >> (8 * i));
	p9_put_bytes(c, b, len);
}

void
p9_put8(struct p9 *c, uint8_t v)
{
	put_int(c, v, 1);
}

void
p9_put16(struct p9 *c, uint16_t v)
{
	put_int(c, v, 2);
}

void
p9_put32(struct p9 *c, uint32_t v)
{
	put_int(c, v, 4);
}

void
p9_put64(struct p9 *c, uint64_t v)
{
	put_int(c, v, 8);
}

void
p9_put_string(struct p9 *c, const char *s)
{
	p9_put16(c, (uint16_t)strlen(s));
	p9_put_bytes(c, s, strlen(s));
}

void
p9_begin(struct p9 *c, uint8_t type, uint16_t tag)
{
	c->begun = c->out_len;
	put_int(c, 0, 4);
	p9_put8(c, type);
	p9_put16(c, tag);
}

void
p9_end(struct p9 *c)
{
	size_t size = c->out_len - c->begun;
	int i;

	for (i = 0; i < 4; i++)
		c->out[c->begun + (size_t)i] = (uint8_t)(size >> (8 * i));
}

int
p9_send_raw(struct p9 *c, const void *p, size_t len)
{
	const char *s = p;
	ssize_t n;

	if (c->carrier)
		return c->carrier->send(c->carrier_ctx, p, len);
	while (len > 0) {
		n = send(c->fd, s, len, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EPIPE ? -ECONNRESET : -errno;
		s += n;
		len -= (size_t)n;
	}
	return 0;
}

int
p9_send(struct p9 *c)
{
	int r = p9_send_raw(c, c->out, c->out_len);

	c->out_len = 0;
	return r;
}

uint16_t
p9_get16(const uint8_t *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

uint32_t
p9_get32(const uint8_t *p)
{
	return p9_get16(p) | (uint32_t)p9_get16(p + 2) << 16;
}

uint64_t
p9_get64(const uint8_t *p)
{
	return p9_get32(p) | (uint64_t)p9_get32(p + 4) << 32;
}

bool
p9_receive_buffered(struct p9 *c, struct p9_reply *ret)
{
	const uint8_t *p = c->in + c->in_pos;
	size_t have = c->in_len - c->in_pos, size;

	if (have < 7)
		return false;
	size = p9_get32(p);
	if (have < size)
		return false;
	*ret = (struct p9_reply){ p[4], p9_get16(p + 5), p + 7, size - 7 };
	c->in_pos += size;
	return true;
}

static ssize_t
receive_some(struct p9 *c)
{
	size_t max = c->in_max - c->in_len;
	ssize_t n;

	if (c->carrier)
		return c->carrier->receive(c->carrier_ctx, c->in + c->in_len,
					   max);
	n = recv(c->fd, c->in + c->in_len, max, 0);
	return n < 0 ? -errno : n;
}

int
p9_receive(struct p9 *c, struct p9_reply *ret)
{
	size_t want;
	ssize_t n;

	while (!p9_receive_buffered(c, ret)) {
		if (c->in_len > c->in_pos)
			memmove(c->in, c->in + c->in_pos,
				c->in_len - c->in_pos);
		c->in_len -= c->in_pos;
		c->in_pos = 0;
		want = (size_t)c->msize + 65536;
		if (c->in_len >= 4 && p9_get32(c->in) > want)
			return -EPROTO;
		if (c->in_max < want) {
			c->in = grow(c->in, want);
			c->in_max = want;
		}
		n = receive_some(c);
		if (n == -EINTR)
			continue;
		if (n <= 0)
			return n == 0 ? -ECONNRESET : (int)n;
		c->in_len += (size_t)n;
	}
	return ret->body ? 0 : -EPROTO;
}

int
p9_call(struct p9 *c, struct p9_reply *ret)
{
	uint8_t type = c->out[4];
	uint16_t tag = p9_get16(c->out + 5);
	int r;

	p9_end(c);
	r = p9_send(c);
	if (r == 0)
		r = p9_receive(c, ret);
	if (r < 0)
		return r;
	if (ret->tag != tag)
		return -EPROTO;
	if (ret->type == 7 && ret->len == 4)
		return -(int)p9_get32(ret->body);
	return ret->type == type + 1 ? 0 : -EPROTO;
}
