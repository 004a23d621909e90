/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * calls SOCKET OP NUMBER: so many requests of a kind, one after the other, for
 * counting what the server does for each. The tree has the file "file" and a
 * directory "dir" with "file" in it, both of 4 KiB and in the upper.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "p9.h"

enum { FID_FILE = 10, FID_NEW = 11 };

static char data[4096];

static int
getattr(struct p9 *c)
{
	struct p9_stat st;

	return p9_getattr(c, FID_FILE, &st);
}

static int
walk(struct p9 *c)
{
	int r = p9_walk(c, 0, FID_NEW, "dir/file");

	return r < 0 ? r : p9_clunk(c, FID_NEW);
}

static int
read_4k(struct p9 *c)
{
	ssize_t n = p9_read(c, FID_FILE, 0, data, sizeof(data));

	return n == sizeof(data) ? 0 : -1;
}

static int
write_4k(struct p9 *c)
{
	ssize_t n = p9_write(c, FID_FILE, 0, data, sizeof(data));

	return n == sizeof(data) ? 0 : -1;
}

static const struct {
	const char *name;
	int (*run)(struct p9 *c);
} ops[] = {
	{ "getattr", getattr },
	{ "walk+clunk", walk },
	{ "read", read_4k },
	{ "write", write_4k },
};

int
main(int argc, char **argv)
{
	long i, nr = argc == 4 ? atol(argv[3]) : 0;
	struct p9 c;
	size_t op;
	int r;

	for (op = 0; op < sizeof(ops) / sizeof(ops[0]); op++)
		if (argc == 4 && strcmp(ops[op].name, argv[2]) == 0)
			break;
	if (op == sizeof(ops) / sizeof(ops[0]))
		return 2;
	r = p9_open_session(&c, argv[1], "", 0);
	if (r == 0)
		r = p9_walk(&c, 0, FID_FILE, "file");
	/* What getattr is for is a fid that is not open. */
	if (r == 0 && op >= 2)
		r = p9_lopen(&c, FID_FILE, 2, NULL);
	for (i = 0; i < nr && r == 0; i++)
		r = ops[op].run(&c);
	if (r < 0)
		fprintf(stderr, "%s: %s\n", argv[2], strerror(-r));
	p9_close(&c);
	return r < 0;
}
