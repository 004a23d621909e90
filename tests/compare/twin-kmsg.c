/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What overlayfs says in the kernel's log. The log is one for the whole
 * machine: a warning may be another test's, so whoever asks asks twice.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "twin.h"

/* Said of plain mounts too: about file systems, not about an upper. */
static const char *const banners[] = {
	"xino", "null uuid", "falling back to", "does not support file handles",
	"uuid",
};

int
kmsg_open(struct kmsg *k)
{
	k->fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (k->fd < 0)
		return -errno;
	(void)lseek(k->fd, 0, SEEK_END);
	return 0;
}

void
kmsg_skip(struct kmsg *k)
{
	(void)lseek(k->fd, 0, SEEK_END);
}

static bool
is_banner(const char *line)
{
	size_t i;

	for (i = 0; i < sizeof(banners) / sizeof(banners[0]); i++)
		if (strstr(line, banners[i]))
			return true;
	return false;
}

unsigned
kmsg_warnings(struct kmsg *k, FILE *out)
{
	char line[2048], *text;
	unsigned nr = 0;
	ssize_t n;

	/* A record a read; EPIPE: some were overwritten, go on. */
	while ((n = read(k->fd, line, sizeof(line) - 1)) > 0 ||
	       (n < 0 && errno == EPIPE)) {
		line[n < 0 ? 0 : n] = '\0';
		text = strstr(line, "overlayfs:");
		if (!text || is_banner(text))
			continue;
		fprintf(out, "  kernel log: %.*s\n", (int)strcspn(text, "\n"),
			text);
		nr++;
	}
	return nr;
}
