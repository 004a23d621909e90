/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a VMM may ask that is wrong (vhost-user.rst): it is told so where it
 * asked to be told, else it is hung up on. No descriptor that comes with it is
 * lost, and the server lives on.
 */
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "harness.h"
#include "vhost-front.h"

#define U64(x) ((const uint64_t[]){ x }), 8
#define STATE(i, n) ((const uint32_t[]){ i, n }), 8
#define BYTES(...)                           \
	((const uint64_t[]){ __VA_ARGS__ }), \
		sizeof((const uint64_t[]){ __VA_ARGS__ })
#define MiB ((uint64_t)1 << 20)

/* What comes along: descriptors of these. */
enum { NONE, EVENT, MEMORY, FILE_OF_3, NINE };

static const struct row {
	const char *name;
	uint32_t request;
	const void *payload;
	uint32_t len;
	int what; /* enum above */
	unsigned fine; /* form of queue with which it is fine */
} rows[] = {
	{ "an unknown request", 999, U64(0), NONE, 0 },
	{ "request 0", 0, U64(0), NONE, 0 },
	{ "logging", 6, BYTES(4096, 0), MEMORY, 0 },
	{ "features not offered", 2, U64((uint64_t)1 << 26), NONE, 0 },
	{ "short features", 2, NULL, 0, NONE, 0 },
	{ "protocol features not offered", 16, U64((uint64_t)1 << 60), NONE,
	  0 },
	{ "a table of 9 regions", 5, BYTES(9), NONE, 0 },
	{ "a table without descriptors", 5, BYTES(1, 0, 4096, FRONT_USER, 0),
	  NONE, 0 },
	{ "a short table", 5, BYTES(1, 0, 4096), MEMORY, 0 },
	{ "an empty region", 5, BYTES(1, 0, 0, FRONT_USER, 0), MEMORY, 0 },
	{ "a region beyond its file", 5, BYTES(1, 0, 64 * MiB, FRONT_USER, 0),
	  MEMORY, 0 },
	{ "a region that wraps in the guest", 5,
	  BYTES(1, UINT64_MAX - 4095, 8192, FRONT_USER, 0), MEMORY, 0 },
	{ "a region that wraps in the VMM", 5,
	  BYTES(1, 0, 8192, UINT64_MAX - 4095, 0), MEMORY, 0 },
	{ "an offset that wraps", 5,
	  BYTES(1, 0, 8192, FRONT_USER, UINT64_MAX - 4095), MEMORY, 0 },
	{ "a region of a pipe", 5, BYTES(1, 0, 4096, FRONT_USER, 0), EVENT, 0 },
	{ "a region twice", 37, BYTES(0, FRONT_GUEST, 4096, FRONT_USER, 0),
	  MEMORY, 0 },
	{ "a slot without a descriptor", 37,
	  BYTES(0, 1 << 30, 4096, FRONT_USER / 2, 0), NONE, 0 },
	{ "a slot that is not there", 38, BYTES(0, 1 << 30, 4096, 5, 0), NONE,
	  0 },
	{ "a queue that is not there", 8, STATE(8, 128), NONE, 0 },
	{ "a queue of 100", 8, STATE(1, 100), NONE, FRONT_PACKED },
	{ "a queue of 2048", 8, STATE(1, 2048), NONE, 0 },
	{ "a queue of 0", 8, STATE(1, 0), NONE, 0 },
	{ "the size of a live queue", 8, STATE(0, 64), NONE, 0 },
	{ "the base of a live queue", 10, STATE(0, 1), NONE, 0 },
	{ "a base of 65536", 10, STATE(1, 65536), NONE, FRONT_PACKED },
	{ "enabled twice over", 18, STATE(0, 2), NONE, 0 },
	{ "an address of queue 9", 9, BYTES(9, 0, 0, 0, 0), NONE, 0 },
	{ "a logged queue", 9, BYTES((uint64_t)1 << 32, 0, 0, 0, 0), NONE, 0 },
	{ "a kick without a descriptor", 12, U64(0), NONE, 0 },
	{ "no kick, but a descriptor", 12, U64(256), EVENT, 0 },
	{ "polling", 12, U64(256), NONE, 0 },
	{ "a kick of queue 200", 12, U64(200), EVENT, 0 },
	{ "a kick that is a file", 12, U64(1), FILE_OF_3, 0 },
	{ "a call that is a file", 13, U64(1), FILE_OF_3, 0 },
	{ "an unknown flag of a call", 13, U64(1 << 9), EVENT, 0 },
	{ "a back end socket without one", 21, NULL, 0, NONE, 0 },
	{ "configuration written", 25, BYTES((uint64_t)4 << 32, 0), NONE, 0 },
	{ "configuration beyond its end", 25,
	  BYTES(((uint64_t)4 << 32) | 254, 1), NONE, 0 },
	{ "a status of 256", 39, U64(256), NONE, 0 },
	{ "inflight of a live queue", 32, BYTES(4096, 0, 1 | 128 << 16), MEMORY,
	  0 },
};

static unsigned
make_fds(struct vhost_front *f, int what, int fds[9])
{
	unsigned i;

	switch (what) {
	case EVENT:
		fds[0] = f->call;
		return 1;
	case MEMORY:
		fds[0] = f->mem_fd;
		return 1;
	case FILE_OF_3:
		for (i = 0; i < 3; i++)
			fds[i] = f->mem_fd;
		return 3;
	case NINE:
		for (i = 0; i < 9; i++)
			fds[i] = f->call;
		return 9;
	default:
		return 0;
	}
}

static void
check_row(const char *path, const struct row *row, unsigned form)
{
	struct vhost_front f;
	struct p9_stat st;
	unsigned nr;
	int fds[9];

	printf("%s\n", row->name);
	(void)fflush(stdout);
	front_open(&f, path, form);
	nr = make_fds(&f, row->what, fds);
	CHECK(front_ask(&f,
			FRONT_MESSAGE(.request = row->request,
				      .payload = row->payload, .len = row->len,
				      .fds = fds, .nr_fds = nr)) != 0);
	/* No harm was done. */
	CHECK_EQ(0, p9_getattr(&f.p9, 0, &st));
	front_send(&f, FRONT_MESSAGE(.request = row->request,
				     .payload = row->payload, .len = row->len,
				     .fds = fds, .nr_fds = nr));
	CHECK(front_is_hung_up(&f));
	front_close(&f);
}

/* What is no message. */
static void
check_frames(const char *path)
{
	static const uint32_t version[3] = { 1, 2, 0 },
			      large[3] = { 2, 1, 513 };
	struct vhost_front f;
	uint64_t one = 1;
	int fds[9];

	front_connect(&f, path, 0);
	CHECK_EQ(12, write(f.fd, version, 12));
	CHECK(front_is_hung_up(&f));
	front_close(&f);
	front_connect(&f, path, 0);
	CHECK_EQ(12, write(f.fd, large, 12));
	CHECK(front_is_hung_up(&f));
	front_close(&f);
	front_connect(&f, path, 0);
	front_send(&f, FRONT_MESSAGE(.request = 12, .payload = &one, .len = 8,
				     .fds = fds,
				     .nr_fds = make_fds(&f, NINE, fds)));
	CHECK(front_is_hung_up(&f));
	front_close(&f);
	/* Half a message, with a descriptor: and then it goes. */
	front_connect(&f, path, 0);
	front_send(&f, FRONT_MESSAGE(.request = 12, .payload = &one, .len = 4,
				     .fds = fds,
				     .nr_fds = make_fds(&f, EVENT, fds)));
	front_close(&f);
	/* Descriptors of nothing that needs any. */
	front_connect(&f, path, 0);
	front_send(&f, FRONT_MESSAGE(.request = 1, .fds = fds,
				     .nr_fds = make_fds(&f, FILE_OF_3, fds)));
	CHECK_EQ(8, front_reply(&f, 1, &one, 8, NULL));
	front_close(&f);
}

int
main(void)
{
	struct harness h;
	char path[128];
	unsigned nr_fds;
	size_t i;

	harness_start(&h, "echo hi >hello", "--loops 1");
	(void)snprintf(path, sizeof(path), "%s/vhost", h.root);
	harness_check_alive(&h);
	nr_fds = harness_nr_fds(&h);
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		check_row(path, &rows[i], 0);
		if (rows[i].fine != FRONT_PACKED)
			check_row(path, &rows[i], FRONT_PACKED);
	}
	check_frames(path);
	harness_check_alive(&h);
	harness_wait_fds(&h, nr_fds);
	harness_end(&h);
	return 0;
}
