/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The limits that options set, each at the limit and one past it, with a real
 * server: what is past it gets the answer that docs/veneer.8 says, and nobody
 * else does. And those that are constants of Linux.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness.h"

#define NR_READS 100
#define READ_SIZE 100000
#define NR_CLIENTS 10

static struct harness h;

static void
connections(void)
{
	struct p9 c[5];
	unsigned i;

	harness_restart(&h, "--max-connections 4");
	/* The one that the start looked with may still be closing. */
	for (i = 0; i < 4; i++)
		while (p9_open_session(&c[i], h.socket, "", 0) < 0)
			p9_close(&c[i]);
	CHECK_EQ(0, p9_connect(&c[4], h.socket, 0));
	CHECK_EQ(-ECONNRESET, p9_version(&c[4], 8192, "9P2000.L"));
	p9_close(&c[4]);
	/* Those that there are go on, and one that leaves makes room. */
	CHECK_EQ(0, p9_walk(&c[0], 0, 1, "f"));
	p9_close(&c[3]);
	while (p9_open_session(&c[3], h.socket, "", 0) < 0)
		p9_close(&c[3]);
	for (i = 0; i < 4; i++)
		p9_close(&c[i]);
	harness_stop(&h);
}

static void
fids(void)
{
	struct p9 c, other;
	uint32_t i;

	harness_restart(&h, "--max-fids 16");
	harness_attach(&h, &c, 0);
	for (i = 1; i < 16; i++)
		CHECK_EQ(0, p9_walk(&c, 0, i, "f"));
	CHECK_EQ(-ENOMEM, p9_walk(&c, 0, 16, "f"));
	CHECK_EQ(0, p9_clunk(&c, 1));
	CHECK_EQ(0, p9_walk(&c, 0, 16, "f"));
	harness_attach(&h, &other, 0);
	p9_close(&other);
	p9_close(&c);
	harness_stop(&h);
}

static void
xattrs(void)
{
	char *value = calloc(1, 65537);
	struct p9_reply r;
	struct p9 c;

	harness_restart(&h, "--max-xattr-bytes 64k");
	harness_attach(&h, &c, 0);
	CHECK_EQ(0, p9_walk(&c, 0, 1, "f"));
	CHECK_EQ(-E2BIG, p9_setxattr(&c, 1, "user.x", value, 65537, 0));
	CHECK_EQ(0, p9_setxattr(&c, 1, "user.x", value, 1000, 0));
	/* What is announced costs nothing; what arrives does. */
	CHECK_EQ(0, p9_walk(&c, 0, 2, "f"));
	p9_begin(&c, 32, 1);
	p9_put32(&c, 2);
	p9_put_string(&c, "user.y");
	p9_put64(&c, 65536);
	p9_put32(&c, 0);
	CHECK_EQ(0, p9_call(&c, &r));
	CHECK_EQ(65536, p9_write(&c, 2, 0, value, 65536));
	CHECK_EQ(-ENOMEM, p9_getxattr(&c, 1, "user.x", value, 1000));
	CHECK(p9_clunk(&c, 2) <= 0); /* the file system may have no room */
	CHECK_EQ(1000, p9_getxattr(&c, 1, "user.x", value, 1000));
	p9_close(&c);
	free(value);
	harness_stop(&h);
}

static void
names(void)
{
	char name[257] = { 0 };
	struct p9 c;

	harness_restart(&h, NULL);
	harness_attach(&h, &c, 0);
	memset(name, 'n', 255);
	CHECK_EQ(0, p9_mkdir(&c, 0, name, 0755, 0));
	CHECK_EQ(0, p9_walk(&c, 0, 1, name));
	name[255] = 'n';
	CHECK_EQ(-ENAMETOOLONG, p9_mkdir(&c, 0, name, 0755, 0));
	CHECK_EQ(-ENAMETOOLONG, p9_walk(&c, 0, 2, name));
	p9_close(&c);
	harness_stop(&h);
}

/* Ask for @nr reads of @size at once. */
static void
ask(struct p9 *c, unsigned nr, uint32_t size)
{
	unsigned i;

	CHECK_EQ(0, p9_walk(c, 0, 1, "big"));
	CHECK_EQ(0, p9_lopen(c, 1, 0, NULL));
	for (i = 0; i < nr; i++) {
		p9_begin(c, 116, (uint16_t)i);
		p9_put32(c, 1);
		p9_put64(c, i);
		p9_put32(c, size);
		p9_end(c);
	}
	CHECK_EQ(0, p9_send(c));
}

static void
take(struct p9 *c, unsigned nr, uint32_t size)
{
	struct p9_reply r;
	unsigned i;

	for (i = 0; i < nr; i++) {
		CHECK_EQ(0, p9_receive(c, &r));
		CHECK_EQ(117, r.type);
		CHECK_EQ(size + 4, r.len);
	}
}

/*
 * However little may be in flight: who asks for more gets all of it, as fast
 * as it reads; who reads nothing holds up nobody.
 */
static void
in_flight(const char *options)
{
	struct p9 c[NR_CLIENTS];
	unsigned i;

	harness_restart(&h, options);
	for (i = 0; i < NR_CLIENTS; i++) {
		harness_attach(&h, &c[i], 0);
		ask(&c[i], NR_READS, READ_SIZE);
	}
	harness_check_alive(&h);
	for (i = 0; i < NR_CLIENTS; i++) {
		take(&c[i], NR_READS, READ_SIZE);
		p9_close(&c[i]);
	}
	harness_stop(&h);
}

int
main(void)
{
	harness_start(&h, "echo x >f; truncate -s 8M big", NULL);
	harness_stop(&h);
	connections();
	fids();
	xattrs();
	names();
	in_flight("--max-inflight 1");
	in_flight("--max-inflight-bytes 64k");
	in_flight("--max-total-bytes 1M");
	in_flight("--max-total-bytes 1M --loops 1 --max-inflight-bytes 64k");
	harness_end(&h);
	return 0;
}
