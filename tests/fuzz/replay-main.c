/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Run a fuzz target over the files named, or all the files in a directory
 * named, without libFuzzer: so that make check replays each corpus.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "fuzz.h"

#define INPUT_MAX (1u << 20)

static int
replay_file(const char *path)
{
	CLEANUP_FREE uint8_t *buf = malloc(INPUT_MAX);
	FILE *f = fopen(path, "rb");
	uint8_t *exact;
	size_t len;

	if (!f || !buf) {
		(void)fprintf(stderr, "%s: %s\n", path, strerror(errno));
		return 1;
	}
	len = fread(buf, 1, INPUT_MAX, f);
	(void)fclose(f);
	/* Of its very size: the sanitizers see one byte too far. */
	exact = malloc(len ? len : 1);
	if (!exact)
		return 1;
	memcpy(exact, buf, len);
	(void)LLVMFuzzerTestOneInput(exact, len);
	free(exact);
	return 0;
}

static int
replay(const char *path, unsigned *nr)
{
	CLEANUP_CLOSEDIR DIR *d = opendir(path);
	struct dirent *e;
	char name[4096];
	int failed = 0;

	if (!d) {
		++*nr;
		return replay_file(path);
	}
	while ((e = readdir(d))) {
		if (e->d_name[0] == '.')
			continue;
		(void)snprintf(name, sizeof(name), "%s/%s", path, e->d_name);
		failed |= replay_file(name);
		++*nr;
	}
	return failed;
}

int
main(int argc, char **argv)
{
	unsigned nr = 0;
	int i, failed = 0;

	for (i = 1; i < argc; i++)
		failed |= replay(argv[i], &nr);
	(void)printf("%u inputs replayed\n", nr);
	return failed || nr == 0;
}
