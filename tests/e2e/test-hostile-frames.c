/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A frame of any bytes, in any state, gets an error or a closed connection;
 * the server goes on, with as many descriptors as before.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"

static struct harness h;

/* Frames as hex, after Tversion and Tattach; the size is put in front unless
 * it is the size that is wrong. The errno of the Rlerror, or 'c': closed. */
static const struct {
	const char *name, *hex;
	int want;
	bool is_raw;
} cases[] = {
	{ "size 0", "00000000780100000000", 'c', true },
	{ "size 6", "060000007801", 'c', true },
	{ "size over msize", "ffffff7f78010000000000", 'c', true },
	{ "an unknown type", "fa0100", EOPNOTSUPP, false },
	{ "an R-message", "190100", EOPNOTSUPP, false },
	{ "Topen of 9P2000", "7001000000000000", EOPNOTSUPP, false },
	{ "a body too short", "1801000000", EINVAL, false },
	{ "an unknown fid", "780100ffff0000", EBADF, false },
	{ "a string over the end", "48010000000000ffff6162", EINVAL, false },
	{ "a walk of 17 names",
	  "6e0100000000000100000011000100610100610100610100610100610100"
	  "610100610100610100610100610100610100610100610100610100610100"
	  "61010061",
	  EINVAL, false },
	{ "a walk with fewer names than it says",
	  "6e010000000000010000000200010061", EINVAL, false },
	{ "a write longer than the frame",
	  "760100000000000000000000000000ffffff7f00", EINVAL, false },
	{ "a read of a directory that is not open",
	  "74010000000000000000000000000000100000", EBADF, false },
	{ "an offset over 2^63", "74010000000000000000000000008000100000",
	  EBADF, false },
	{ "a name with a slash", "480100000000000300612f62ed01000000000000",
	  EINVAL, false },
	{ "a name with a NUL", "480100000000000300610062ed01000000000000",
	  EINVAL, false },
	{ "mkdir of ..", "4801000000000002002e2eed01000000000000", EEXIST,
	  false },
	{ "a name of 256 bytes",
	  "480100000000000001616161616161616161616161616161616161616161"
	  "616161616161616161616161616161616161616161616161616161616161"
	  "616161616161616161616161616161616161616161616161616161616161"
	  "616161616161616161616161616161616161616161616161616161616161"
	  "616161616161616161616161616161616161616161616161616161616161"
	  "616161616161616161616161616161616161616161616161616161616161"
	  "616161616161616161616161616161616161616161616161616161616161"
	  "616161616161616161616161616161616161616161616161616161616161"
	  "61616161616161616161616161616161616161616161616161ed01000000"
	  "000000",
	  ENAMETOOLONG, false },
	{ "an empty name", "480100000000000000ed01000000000000", EINVAL,
	  false },
	{ "unlinkat of .", "4c01000000000001002e00020000", EINVAL, false },
	{ "unlinkat with unknown flags", "4c01000000000001006601000000", EINVAL,
	  false },
	{ "attach to a fid in use", "68010000000000ffffffff0000000000000000",
	  EBUSY, false },
	{ "attach to no such tree",
	  "68010005000000ffffffff000005006e6f6e653100000000", ENOENT, false },
	{ "attach with an afid", "68010005000000010000000000000000000000",
	  EINVAL, false },
	{ "an xattr of 2^64-1 bytes",
	  "200100000000000600757365722e61ffffffffffffffff00000000", E2BIG,
	  false },
	{ "xattr flags of both kinds",
	  "200100000000000600757365722e61010000000000000003000000", EINVAL,
	  false },
};

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

static void
structured(void)
{
	unsigned char frame[1024];
	struct p9_reply r;
	struct p9 c;
	size_t i, n;
	int err;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		printf("%s\n", cases[i].name);
		harness_attach(&h, &c, 0);
		n = from_hex(cases[i].hex, frame + 4);
		frame[0] = (unsigned char)(n + 4);
		frame[1] = (unsigned char)((n + 4) >> 8);
		frame[2] = frame[3] = 0;
		n += 4;
		if (cases[i].is_raw)
			n = from_hex(cases[i].hex, frame);
		CHECK_EQ(0, p9_send_raw(&c, frame, n));
		err = p9_receive(&c, &r);
		if (cases[i].want == 'c') {
			CHECK(err < 0);
		} else {
			CHECK_EQ(0, err);
			CHECK_EQ(cases[i].want,
				 r.type == 7 ? (int)p9_get32(r.body) : 0);
		}
		p9_close(&c);
	}
}

/* The same tag twice while the first is running: a hang-up, or (if the first
 * was already answered) two answers. */
static void
duplicate_tags(void)
{
	struct p9_reply r;
	struct p9 c;
	int i;

	harness_attach(&h, &c, 0);
	for (i = 0; i < 2; i++) {
		p9_begin(&c, 50, 9); /* Tfsync: goes to a worker */
		p9_put32(&c, 0);
		p9_put32(&c, 0);
		p9_end(&c);
	}
	CHECK_EQ(0, p9_send(&c));
	while (p9_receive(&c, &r) == 0)
		if (++i == 4)
			break;
	p9_close(&c);
}

/* Bytes of a seed: raw, or with a plausible head so that they go deeper. */
static void
noise(unsigned seed)
{
	unsigned char buf[600];
	struct p9 c;
	size_t i, n;

	srandom(seed);
	harness_attach(&h, &c, 0);
	for (n = 0; n < 20; n++) {
		size_t len = 7 + (size_t)random() % 90;

		for (i = 0; i < len; i++)
			buf[i] = (unsigned char)(random() >> 7);
		if (seed % 4) {
			buf[0] = (unsigned char)len;
			buf[1] = buf[2] = buf[3] = 0;
			buf[4] = (unsigned char)(8 + random() % 120);
			memset(buf + 7, 0, 3);
			if (random() % 2)
				memset(buf + 9, 0, len > 20 ? 8 : 0);
		}
		if (p9_send_raw(&c, buf, len) < 0)
			break;
	}
	p9_close(&c);
}

int
main(void)
{
	unsigned before, seed;

	harness_start(&h, "echo x >f; mkdir d", NULL);
	harness_check_alive(&h);
	before = harness_nr_fds(&h);
	structured();
	duplicate_tags();
	for (seed = 0; seed < 400; seed++)
		noise(seed);
	harness_check_alive(&h);
	CHECK(harness_nr_fds(&h) <= before + 40);
	harness_end(&h);
	return 0;
}
