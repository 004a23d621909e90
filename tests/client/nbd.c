/* SPDX-License-Identifier: BSD-3-Clause */
/* The tests' NBD client; see nbd.h. Numbers are of nbd.md, 1 to 6. */
#include <endian.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "nbd.h"

#define MAGIC_GREETING UINT64_C(0x4e42444d41474943)
#define MAGIC_OPTION UINT64_C(0x49484156454F5054)
#define MAGIC_REQUEST 0x25609513u
#define MAGIC_SIMPLE 0x67446698u
#define OPT_GO 7
#define OPT_STRUCTURED 8
#define REP_ACK 1
#define REP_INFO 3
#define REP_ERROR (1u << 31)
#define INFO_EXPORT 0
#define MAX_REPLY 4200

struct option_reply {
	uint64_t magic;
	uint32_t option, type, len;
} __attribute__((packed));

static int
receive_all(int fd, void *buf, size_t len)
{
	ssize_t n = len ? recv(fd, buf, len, MSG_WAITALL) : 0;

	return n == (ssize_t)len ? 0 : n < 0 ? -errno : -ECONNRESET;
}

static int
send_all(int fd, struct iovec *iov, unsigned nr)
{
	struct msghdr mh = { .msg_iov = iov, .msg_iovlen = nr };
	ssize_t n;

	while (mh.msg_iovlen > 0) {
		n = sendmsg(fd, &mh, MSG_NOSIGNAL);
		if (n < 0)
			return -errno;
		while (mh.msg_iovlen > 0 && (size_t)n >= mh.msg_iov->iov_len) {
			n -= (ssize_t)mh.msg_iov->iov_len;
			mh.msg_iov++;
			mh.msg_iovlen--;
		}
		if (mh.msg_iovlen > 0) {
			mh.msg_iov->iov_base = (char *)mh.msg_iov->iov_base + n;
			mh.msg_iov->iov_len -= (size_t)n;
		}
	}
	return 0;
}

/* Keep what INFO_EXPORT says. */
static void
take_info(struct nbd *c, const uint8_t *body, uint32_t len)
{
	uint16_t id, flags;
	uint64_t size;

	if (len != 12)
		return;
	memcpy(&id, body, 2);
	memcpy(&size, body + 2, 8);
	memcpy(&flags, body + 10, 2);
	if (be16toh(id) != INFO_EXPORT)
		return;
	c->size = be64toh(size);
	c->flags = be16toh(flags);
}

/* Send an option, and take its replies up to the last one. */
static int
option(struct nbd *c, uint32_t number, void *data, uint32_t len)
{
	struct {
		uint64_t magic;
		uint32_t number, len;
	} __attribute__((packed))
	head = { htobe64(MAGIC_OPTION), htobe32(number), htobe32(len) };
	struct iovec iov[2] = { { &head, sizeof(head) }, { data, len } };
	struct option_reply reply;
	uint8_t body[MAX_REPLY];
	uint32_t type, body_len;
	int r = send_all(c->fd, iov, 2);

	while (r == 0) {
		r = receive_all(c->fd, &reply, sizeof(reply));
		type = be32toh(reply.type);
		body_len = be32toh(reply.len);
		if (r == 0 && (body_len > sizeof(body) ||
			       be32toh(reply.option) != number))
			r = -EPROTO;
		if (r == 0)
			r = receive_all(c->fd, body, body_len);
		if (r < 0)
			break;
		if (type & REP_ERROR)
			return -ENOENT;
		if (type == REP_ACK)
			return 0;
		if (type == REP_INFO)
			take_info(c, body, body_len);
	}
	return r;
}

static int
go(struct nbd *c, const char *export)
{
	size_t len = strlen(export);
	uint8_t data[MAX_REPLY];
	uint32_t be = htobe32((uint32_t)len);

	if (len > 4096)
		return -ENAMETOOLONG;
	memcpy(data, &be, 4);
	memcpy(data + 4, export, len);
	memset(data + 4 + len, 0, 2);
	return option(c, OPT_GO, data, (uint32_t)len + 6);
}

static int
connect_within(struct nbd *c, const char *path, unsigned timeout_ms)
{
	struct timespec pause = { .tv_nsec = 1000000 };
	struct sockaddr_un sun = { .sun_family = AF_UNIX };

	if (strlen(path) >= sizeof(sun.sun_path))
		return -ENAMETOOLONG;
	memcpy(sun.sun_path, path, strlen(path));
	c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	while (c->fd >= 0 &&
	       connect(c->fd, (struct sockaddr *)&sun, sizeof(sun)) < 0) {
		if (timeout_ms-- == 0)
			return -errno;
		(void)nanosleep(&pause, NULL);
	}
	return c->fd < 0 ? -errno : 0;
}

static int
greet(struct nbd *c)
{
	uint32_t flags = htobe32(3); /* fixed newstyle, no zeroes */
	struct iovec iov = { &flags, sizeof(flags) };
	uint64_t magic[2];
	uint16_t server;
	int r = receive_all(c->fd, magic, sizeof(magic));

	if (r == 0)
		r = receive_all(c->fd, &server, sizeof(server));
	if (r == 0 && (be64toh(magic[0]) != MAGIC_GREETING ||
		       be64toh(magic[1]) != MAGIC_OPTION))
		r = -EPROTO;
	return r < 0 ? r : send_all(c->fd, &iov, 1);
}

int
nbd_open(struct nbd *c, const char *path, const char *export,
	 bool is_structured, unsigned timeout_ms)
{
	int r;

	*c = (struct nbd){ .fd = -1 };
	r = connect_within(c, path, timeout_ms);
	if (r == 0)
		r = greet(c);
	if (r == 0 && is_structured)
		r = option(c, OPT_STRUCTURED, NULL, 0);
	if (r == 0)
		r = go(c, export);
	if (r < 0 && c->fd >= 0) {
		(void)close(c->fd);
		c->fd = -1;
	}
	return r;
}

void
nbd_close(struct nbd *c)
{
	const struct nbd_request bye = { .type = NBD_DISC };

	if (c->fd < 0)
		return;
	(void)nbd_send(c, &bye);
	(void)close(c->fd);
	c->fd = -1;
}

void
nbd_encode(const struct nbd_request *r, uint8_t ret[NBD_HEAD])
{
	struct {
		uint32_t magic;
		uint16_t flags, type;
		uint64_t cookie, offset;
		uint32_t len;
	} __attribute__((packed)) head = {
		.magic = htobe32(MAGIC_REQUEST),
		.flags = htobe16((uint16_t)r->flags),
		.type = htobe16((uint16_t)r->type),
		.cookie = r->cookie,
		.offset = htobe64(r->offset),
		.len = htobe32(r->len),
	};

	_Static_assert(sizeof(head) == NBD_HEAD, "as on the wire");
	memcpy(ret, &head, sizeof(head));
}

int
nbd_send(struct nbd *c, const struct nbd_request *r)
{
	uint8_t head[NBD_HEAD];
	struct iovec iov[2] = {
		{ head, sizeof(head) },
		{ (void *)(uintptr_t)r->data, r->data ? r->len : 0 },
	};

	nbd_encode(r, head);
	return send_all(c->fd, iov, 2);
}

int
nbd_receive(struct nbd *c, uint64_t *ret_cookie, void *data, uint32_t len)
{
	struct {
		uint32_t magic, error;
		uint64_t cookie;
	} __attribute__((packed)) head;
	int r = receive_all(c->fd, &head, sizeof(head));

	if (r < 0)
		return r;
	if (be32toh(head.magic) != MAGIC_SIMPLE)
		return -EPROTO;
	*ret_cookie = head.cookie;
	if (head.error)
		return -(int)be32toh(head.error);
	return receive_all(c->fd, data, len);
}

int
nbd_read(struct nbd *c, uint64_t off, void *data, uint32_t len)
{
	const struct nbd_request rq = { .type = NBD_READ,
					.offset = off,
					.len = len };
	uint64_t cookie;
	int r = nbd_send(c, &rq);

	return r < 0 ? r : nbd_receive(c, &cookie, data, len);
}

int
nbd_write(struct nbd *c, uint64_t off, const void *data, uint32_t len)
{
	const struct nbd_request rq = {
		.type = NBD_WRITE, .offset = off, .len = len, .data = data
	};
	uint64_t cookie;
	int r = nbd_send(c, &rq);

	return r < 0 ? r : nbd_receive(c, &cookie, NULL, 0);
}

int
nbd_command(struct nbd *c, enum nbd_type type, unsigned flags, uint64_t off,
	    uint32_t len)
{
	const struct nbd_request rq = {
		.type = type, .flags = flags, .offset = off, .len = len
	};
	uint64_t cookie;
	int r = nbd_send(c, &rq);

	return r < 0 ? r : nbd_receive(c, &cookie, NULL, 0);
}
