/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Whatever bytes an NBD client sends, in the handshake and after it, however
 * they are cut: an answer of the right kind, or the end of that connection. The
 * server goes on, with as many descriptors as before (nbd.md 1, 2, 5, 8, 18).
 */
#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "harness.h"
#include "nbd.h"

#define OPTION "49484156454f5054"
#define FLAGS "00000003"
#define GO OPTION "00000007"
#define ERR_UNSUP 0x80000001u
#define ERR_INVALID 0x80000003u
#define ERR_UNKNOWN 0x80000006u
#define ERR_TOO_BIG 0x80000009u
#define ACK 1u
#define CLOSED 0u
#define MIB (1u << 20)

static struct harness h;

/*
 * What is sent after the greeting, as hex; and the type of the first reply, or
 * CLOSED.
 */
static const struct {
	const char *name, *hex;
	uint32_t want;
} options[] = {
	{ "flags that were not offered", "00000007", CLOSED },
	{ "the wrong magic",
	  FLAGS "4948415645ff5054"
		"0000000300000000",
	  CLOSED },
	{ "an unknown option", FLAGS OPTION "0000ffff00000003616263",
	  ERR_UNSUP },
	{ "two options at once",
	  FLAGS OPTION "0000ffff00000000" OPTION "0000000200000000",
	  ERR_UNSUP },
	{ "abort", FLAGS OPTION "0000000200000000", ACK },
	{ "list with data", FLAGS OPTION "0000000300000001aa", ERR_INVALID },
	{ "go without its counts", FLAGS GO "0000000400000000", ERR_INVALID },
	{ "go, a name longer than the data",
	  FLAGS GO "0000000affffffff696d670000aabb", ERR_INVALID },
	{ "go, more infos than data", FLAGS GO "0000000900000003696d67ffff",
	  ERR_INVALID },
	{ "go, less infos than data", FLAGS GO "0000000b00000003696d6700000000",
	  ERR_INVALID },
	{ "go to what is not there", FLAGS GO "00000009000000036e6f6e0000",
	  ERR_UNKNOWN },
	{ "go to a directory", FLAGS GO "00000009000000036469720000",
	  ERR_UNKNOWN },
	{ "go out of the tree", FLAGS GO "0000000c000000062e2e2f6e6f6e0000",
	  ERR_UNKNOWN },
	{ "go, a NUL in the name",
	  FLAGS GO "0000000900000003690067"
		   "0000",
	  ERR_UNKNOWN },
	{ "a name for EXPORT_NAME that is not there",
	  FLAGS OPTION "00000001000000036e6f6e", CLOSED },
	{ "meta contexts, lengths past the end",
	  FLAGS OPTION "000000090000000c00000003696d67ffffffff41",
	  ERR_INVALID },
	{ "set meta context before structured replies",
	  FLAGS OPTION "0000000a0000000b00000003696d6700000000", ERR_INVALID },
	{ "starttls where there is none", FLAGS OPTION "0000000500000000",
	  0x80000002u },
};

static void
connect_raw(struct nbd *c)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	char greeting[18];

	c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CHECK(c->fd >= 0);
	memcpy(sun.sun_path, h.nbd_socket, strlen(h.nbd_socket) + 1);
	CHECK_EQ(0, connect(c->fd, (struct sockaddr *)&sun, sizeof(sun)));
	CHECK_EQ(18, recv(c->fd, greeting, 18, MSG_WAITALL));
}

static size_t
from_hex(const char *s, unsigned char *out)
{
	size_t n = 0;
	unsigned v;

	for (; *s; s += 2) {
		CHECK_EQ(1, sscanf(s, "%2x", &v));
		out[n++] = (unsigned char)v;
	}
	return n;
}

/* The type of the next option reply, which is read whole; or CLOSED. */
static uint32_t
reply_type(const struct nbd *c)
{
	struct {
		uint64_t magic;
		uint32_t option, type, len;
	} __attribute__((packed)) head;
	char body[5000];
	uint32_t len;

	if (recv(c->fd, &head, sizeof(head), MSG_WAITALL) != sizeof(head))
		return CLOSED;
	CHECK_EQ(0x0003e889045565a9, be64toh(head.magic));
	len = be32toh(head.len);
	CHECK(len <= sizeof(body));
	CHECK_EQ(len, len ? recv(c->fd, body, len, MSG_WAITALL) : 0);
	return be32toh(head.type);
}

static void
send_bytes(const struct nbd *c, const void *data, size_t len, size_t step)
{
	size_t done = 0, n;

	for (; done < len; done += n) {
		n = len - done < step ? len - done : step;
		/* It may have hung up before all is sent. */
		if (send(c->fd, (const char *)data + done, n, MSG_NOSIGNAL) < 0)
			return;
	}
}

/* A usual client is served as ever. */
static void
check_normal(void)
{
	char data[512];
	struct nbd c;

	CHECK_EQ(0, nbd_open(&c, h.nbd_socket, "img", false, 0));
	CHECK_EQ(8 * MIB, c.size);
	CHECK_EQ(0, nbd_read(&c, 4 * MIB, data, sizeof(data)));
	CHECK_EQ('x', data[100]);
	nbd_close(&c);
}

static void
handshakes(void)
{
	unsigned char bytes[256];
	size_t i, len, step;
	struct nbd c;

	for (i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		printf("%s\n", options[i].name);
		len = from_hex(options[i].hex, bytes);
		for (step = len; step > 0; step = step > 1 ? 1 : 0) {
			connect_raw(&c);
			send_bytes(&c, bytes, len, step);
			CHECK_EQ(options[i].want, reply_type(&c));
			(void)close(c.fd);
		}
		/* Only a part of it, and then nobody is there. */
		connect_raw(&c);
		send_bytes(&c, bytes, len / 2, len);
		(void)close(c.fd);
		check_normal();
	}
}

/* An option of @len bytes that nobody keeps; the next one is understood. */
static void
long_option(uint32_t number, uint32_t len, uint32_t want)
{
	struct {
		uint32_t flags;
		uint64_t magic;
		uint32_t number, len;
	} __attribute__((packed))
	head = { htobe32(3), htobe64(UINT64_C(0x49484156454F5054)),
		 htobe32(number), htobe32(len) };
	char *data = calloc(1, len);
	struct nbd c;

	CHECK(data);
	connect_raw(&c);
	send_bytes(&c, &head, sizeof(head), sizeof(head));
	send_bytes(&c, data, len, len);
	CHECK_EQ(want, reply_type(&c));
	head.number = htobe32(2);
	head.len = 0;
	send_bytes(&c, (char *)&head + 4, sizeof(head) - 4, 100);
	CHECK_EQ(ACK, reply_type(&c));
	CHECK_EQ(CLOSED, reply_type(&c));
	(void)close(c.fd);
	free(data);
}

static void
options_without_end(void)
{
	unsigned char option[16];
	unsigned i;
	struct nbd c;

	CHECK_EQ(16, from_hex(OPTION "0000ffff00000000", option));
	connect_raw(&c);
	send_bytes(&c, "\0\0\0\3", 4, 4);
	for (i = 0; i < 2000; i++) {
		send_bytes(&c, option, sizeof(option), sizeof(option));
		if (reply_type(&c) == CLOSED)
			break;
	}
	CHECK(i < 2000);
	(void)close(c.fd);
	check_normal();
}

/* Commands that get an error, and leave the connection as it was. */
static const struct {
	const char *name;
	unsigned type, flags;
	uint64_t offset;
	uint32_t len;
	int want;
} commands[] = {
	{ "an unknown command", 99, 0, 0, 0, EINVAL },
	{ "resize", 8, 0, 4096, 0, EINVAL },
	{ "an unknown flag", NBD_READ, 0x8000, 0, 512, EINVAL },
	{ "DF without structured replies", NBD_READ, 4, 0, 512, EINVAL },
	{ "PAYLOAD_LEN in a compact header", NBD_READ, 0x20, 0, 512, EINVAL },
	{ "a read past the end", NBD_READ, 0, 8 * MIB - 100, 512, EINVAL },
	{ "a read at the end of numbers", NBD_READ, 0, UINT64_MAX, 512,
	  EINVAL },
	{ "a trim past the end", NBD_TRIM, 0, 0, 8 * MIB + 1, EINVAL },
	{ "zeroes past the end", NBD_ZEROES, 0, 8 * MIB, 1, ENOSPC },
	{ "zeroes at the end of numbers", NBD_ZEROES, 0, UINT64_MAX - 5, 4096,
	  ENOSPC },
	{ "cache past the end", NBD_CACHE, 0, 1, 8 * MIB, EINVAL },
	{ "block status without a context", NBD_BLOCK_STATUS, 0, 0, 4096,
	  EINVAL },
	{ "a read of 4 GiB", NBD_READ, 0, 0, UINT32_MAX, EINVAL },
	{ "no bytes are fine", NBD_READ, 0, 0, 0, 0 },
	{ "fast zeroes that a copy-up would come before", NBD_ZEROES, 0x13, 0,
	  4096, EOPNOTSUPP },
	{ "zeroes with two flags", NBD_ZEROES, 3, 0, 4096, 0 },
	{ "fast zeroes of what was copied up", NBD_ZEROES, 0x13, 0, 4096, 0 },
	{ "a flush with an offset", NBD_FLUSH, 0, 77, 88, 0 },
};

static void
bad_commands(void)
{
	struct nbd c;
	size_t i;

	CHECK_EQ(0, nbd_open(&c, h.nbd_socket, "img", false, 0));
	for (i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		printf("%s\n", commands[i].name);
		CHECK_EQ(-commands[i].want,
			 nbd_command(&c, commands[i].type, commands[i].flags,
				     commands[i].offset, commands[i].len));
	}
	nbd_close(&c);
	check_normal();
}

static void
large_writes(void)
{
	char *data = calloc(1, 130 * MIB);
	struct nbd c;

	CHECK(data);
	CHECK_EQ(0, nbd_open(&c, h.nbd_socket, "img", false, 0));
	CHECK_EQ(-ENOSPC, nbd_write(&c, 0, data, 9 * MIB));
	CHECK_EQ(-ENOSPC, nbd_write(&c, 0, data, 33 * MIB));
	CHECK_EQ(-ENOSPC, nbd_write(&c, 0, data, 100 * MIB));
	CHECK_EQ(0, nbd_write(&c, 8 * MIB - 1, data, 1));
	/* More than is ever read to its end. */
	CHECK(nbd_write(&c, 0, data, 130 * MIB) < 0);
	nbd_close(&c);
	free(data);
	check_normal();
}

static void
broken_commands(void)
{
	uint64_t cookie;
	struct nbd c;
	unsigned i;

	/* No command at all. */
	CHECK_EQ(0, nbd_open(&c, h.nbd_socket, "img", false, 0));
	send_bytes(&c, "what is this, and why is it here", 32, 32);
	CHECK_EQ(-ECONNRESET, nbd_receive(&c, &cookie, NULL, 0));
	nbd_close(&c);
	/* Gone in the middle of a write. */
	CHECK_EQ(0, nbd_open(&c, h.nbd_socket, "img", false, 0));
	CHECK_EQ(0, nbd_send(&c, &(struct nbd_request){ .type = NBD_WRITE,
							.len = 4096 }));
	send_bytes(&c, "a little", 8, 8);
	(void)close(c.fd);
	/* Gone with many reads under way, and none of them read. */
	CHECK_EQ(0, nbd_open(&c, h.nbd_socket, "img", false, 0));
	for (i = 0; i < 100; i++)
		CHECK_EQ(0,
			 nbd_send(&c, &(struct nbd_request){ .type = NBD_READ,
							     .len = MIB }));
	(void)close(c.fd);
	check_normal();
}

/* Cookies are the client's: any, twice, and in any order. */
static void
same_cookies(void)
{
	const uint64_t mine = 0x0123456789abcdef;
	char data[512];
	uint64_t cookie;
	struct nbd c;
	unsigned i;

	CHECK_EQ(0, nbd_open(&c, h.nbd_socket, "img", false, 0));
	for (i = 0; i < 20; i++)
		CHECK_EQ(0,
			 nbd_send(&c, &(struct nbd_request){ .type = NBD_READ,
							     .cookie = mine,
							     .offset = MIB,
							     .len = 512 }));
	for (i = 0; i < 20; i++) {
		CHECK_EQ(0, nbd_receive(&c, &cookie, data, sizeof(data)));
		CHECK(cookie == mine);
		CHECK_EQ('x', data[511]);
	}
	nbd_close(&c);
}

static bool
has_fds(unsigned nr)
{
	unsigned i;

	for (i = 0; i < 1000 && harness_nr_fds(&h) > nr; i++)
		(void)usleep(10000);
	return harness_nr_fds(&h) <= nr;
}

/* How many it has when those who are gone are gone for it, too. */
static unsigned
settled_fds(void)
{
	unsigned i, nr = harness_nr_fds(&h);

	for (i = 0; i < 10; i++, (void)usleep(10000))
		if (harness_nr_fds(&h) != nr) {
			nr = harness_nr_fds(&h);
			i = 0;
		}
	return nr;
}

int
main(void)
{
	unsigned nr;

	harness_start(&h,
		      "mkdir dir; head -c 8388608 /dev/zero | tr '\\0' x >img",
		      NULL);
	handshakes();
	nr = settled_fds(); /* with the directory that is known now */
	handshakes();
	long_option(0xfffe, 3 * MIB, ERR_UNSUP);
	long_option(7, MIB, ERR_TOO_BIG);
	long_option(9, 2 * MIB, ERR_TOO_BIG);
	options_without_end();
	bad_commands();
	large_writes();
	broken_commands();
	same_cookies();
	CHECK(has_fds(nr));
	harness_end(&h);
	return 0;
}
