/* SPDX-License-Identifier: BSD-3-Clause */
/* The layers as mount(8) takes them for overlayfs (overlay.md 1.1). */
#include <stdio.h>
#include <string.h>

#include "layer.h"

static void
print_path(FILE *to, const char *path, const char *special)
{
	for (; *path; path++) {
		if (strchr(special, *path))
			(void)fputc('\\', to);
		(void)fputc(*path, to);
	}
}

char *
layer_mount_options(const struct layer_set *set, bool with_data)
{
	unsigned nr = set->nr_lowers + (with_data ? set->nr_data : 0), i;
	const char *sep = "lowerdir=";
	size_t size;
	char *ret = NULL;
	FILE *f = open_memstream(&ret, &size);

	if (!f)
		return NULL;
	for (i = 0; i < nr; i++) {
		(void)fputs(sep, f);
		print_path(f, set->lowers[i].path, "\\:,");
		sep = i + 1 < set->nr_lowers ? ":" : "::";
	}
	(void)fputs(",upperdir=", f);
	print_path(f, set->upper->layer.path, "\\,");
	(void)fputs(",workdir=", f);
	print_path(f, set->upper->work_path, "\\,");
	return fclose(f) == 0 ? ret : NULL;
}
