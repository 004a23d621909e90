/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * --append: what an offset means on a fid that was opened with APPEND, for
 * each access mode and for two clients that write in turns (9p.md 5.9).
 */
#include <stdio.h>
#include <string.h>

#include "harness.h"

#define WRONLY 1
#define RDWR 2
#define APPEND 0x400

static struct harness h;

static const struct {
	const char *policy;
	uint32_t flags;
	bool appends;
} cases[] = {
	{ "auto", WRONLY | APPEND, true },
	{ "auto", RDWR | APPEND, false },
	{ "auto", WRONLY, false },
	{ "strict", WRONLY | APPEND, true },
	{ "strict", RDWR | APPEND, true },
	{ "strict", RDWR, false },
	{ "positional", WRONLY | APPEND, false },
	{ "positional", RDWR | APPEND, false },
	{ "positional", WRONLY, false },
};

/*
 * Both have seen a file of four bytes, and write where it ended for them; then
 * one writes back a page in front, as kernels 6.4 to 6.18 do.
 */
static void
check_policy(const char *name, uint32_t flags, bool appends, bool creates)
{
	const char *want = appends ? "dataa1b1a2b2" : "a2tab2";
	struct p9 a, b;
	char buf[64];
	ssize_t n;

	harness_attach(&h, &a, 0);
	harness_attach(&h, &b, 0);
	CHECK_EQ(0, p9_walk(&a, 0, 10, creates ? "" : name));
	if (creates)
		CHECK_EQ(0, p9_lcreate(&a, 10, name, flags, 0644, 0));
	else
		CHECK_EQ(0, p9_lopen(&a, 10, flags, NULL));
	if (creates)
		CHECK_EQ(4, p9_write(&a, 10, 0, "data", 4));
	CHECK_EQ(0, p9_walk(&b, 0, 10, name));
	CHECK_EQ(0, p9_lopen(&b, 10, flags, NULL));
	CHECK_EQ(2, p9_write(&a, 10, 4, "a1", 2));
	CHECK_EQ(2, p9_write(&b, 10, 4, "b1", 2));
	CHECK_EQ(2, p9_write(&a, 10, 0, "a2", 2));
	CHECK_EQ(2, p9_write(&b, 10, 4, "b2", 2));
	CHECK_EQ(0, p9_walk(&a, 0, 11, name));
	CHECK_EQ(0, p9_lopen(&a, 11, 0, NULL));
	n = p9_read(&a, 11, 0, buf, sizeof(buf));
	printf("flags %x: %.*s\n", flags, (int)n, buf);
	CHECK_EQ(strlen(want), n);
	CHECK(memcmp(want, buf, (size_t)n) == 0);
	p9_close(&a);
	p9_close(&b);
}

int
main(void)
{
	char options[64], name[16];
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		/* Copied up at the open, of the upper, or made. */
		(void)snprintf(options, sizeof(options), "--append %s",
			       cases[i].policy);
		printf("%s\n", options);
		harness_start(&h, "printf data >f", options);
		(void)snprintf(name, sizeof(name), "n%zu", i);
		check_policy("f", cases[i].flags, cases[i].appends, false);
		check_policy(name, cases[i].flags, cases[i].appends, true);
		harness_end(&h);
	}
	return 0;
}
