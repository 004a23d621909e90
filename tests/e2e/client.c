/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * For shell tests: client SOCKET append FILE TEXT | cat FILE | ls DIR | rm FILE
 * | rmdir DIR | mkdir DIR | ino FILE | chmod FILE OCTAL | chown FILE UID:GID
 * | mknod NAME OCTAL MAJOR:MINOR | stat FILE | truncate FILE SIZE | rename NAME
 * NAME, with SOCKET as p9_connect() takes it, and ANAME and CLIENT_UID (0) from
 * the environment.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "p9.h"

static int
append(struct p9 *c, const char *path, const char *text)
{
	struct p9_stat st;
	char line[512];
	int r;

	(void)snprintf(line, sizeof(line), "%s\n", text);
	r = p9_walk(c, 0, 1, path);
	if (r == 0)
		r = p9_lopen(c, 1, 1, NULL);
	if (r == 0)
		r = p9_getattr(c, 1, &st);
	if (r == 0)
		r = (int)p9_write(c, 1, st.size, line, (uint32_t)strlen(line));
	return r;
}

static int
cat(struct p9 *c, const char *path)
{
	static char buf[1 << 16];
	uint64_t off = 0;
	ssize_t n;
	int r;

	r = p9_walk(c, 0, 1, path);
	if (r == 0)
		r = p9_lopen(c, 1, 0, NULL);
	if (r < 0)
		return r;
	while ((n = p9_read(c, 1, off, buf, sizeof(buf))) > 0) {
		(void)fwrite(buf, 1, (size_t)n, stdout);
		off += (uint64_t)n;
	}
	return (int)n;
}

static int
list(struct p9 *c, const char *path)
{
	static struct p9_dirent e[256];
	uint64_t off = 0;
	int n, i;

	n = p9_walk(c, 0, 1, path);
	if (n == 0)
		n = p9_lopen(c, 1, 0, NULL);
	while (n >= 0 && (n = p9_readdir(c, 1, off, 8000, e, 256)) > 0)
		for (i = 0; i < n; off = e[i++].off)
			if (strcmp(e[i].name, ".") && strcmp(e[i].name, ".."))
				puts(e[i].name);
	return n;
}

/* Change the last name of @path in its directory. */
static int
change(struct p9 *c, const char *verb, const char *path)
{
	const char *slash = strrchr(path, '/'),
		   *name = slash ? slash + 1 : path;
	char dir[512] = "";
	int r;

	if (slash)
		(void)snprintf(dir, sizeof(dir), "%.*s", (int)(slash - path),
			       path);
	r = p9_walk(c, 0, 1, dir);
	if (r < 0)
		return r;
	if (strcmp(verb, "mkdir") == 0)
		return p9_mkdir(c, 1, name, 0755, UINT32_MAX);
	return p9_unlinkat(c, 1, name, strcmp(verb, "rmdir") == 0 ? 0x200 : 0);
}

static int
ino(struct p9 *c, const char *path)
{
	struct p9_stat st;
	int r = p9_walk(c, 0, 1, path);

	if (r == 0)
		r = p9_getattr(c, 1, &st);
	if (r == 0)
		printf("%llu\n", (unsigned long long)st.qid.path);
	return r;
}

static int
change_mode(struct p9 *c, const char *path, const char *mode)
{
	struct p9_setattr s = { .valid = P9_SET_MODE };
	int r = p9_walk(c, 0, 1, path);

	s.mode = (uint32_t)strtoul(mode, NULL, 8);
	return r < 0 ? r : p9_setattr(c, 1, &s);
}

static int
change_owner(struct p9 *c, const char *path, const char *owner)
{
	struct p9_setattr s = { .valid = P9_SET_UID | P9_SET_GID };
	int r = p9_walk(c, 0, 1, path);

	if (sscanf(owner, "%u:%u", &s.uid, &s.gid) != 2)
		return -22;
	return r < 0 ? r : p9_setattr(c, 1, &s);
}

static int
change_size(struct p9 *c, const char *path, const char *size)
{
	struct p9_setattr s = { .valid = P9_SET_SIZE,
				.size = strtoull(size, NULL, 10) };
	int r = p9_walk(c, 0, 1, path);

	return r < 0 ? r : p9_setattr(c, 1, &s);
}

/* @mode with the type, octal. */
static int
make_node(struct p9 *c, const char *name, const char *mode, const char *dev)
{
	unsigned major, minor;

	if (sscanf(dev, "%u:%u", &major, &minor) != 2)
		return -22;
	return p9_mknod(c, 0, name, (uint32_t)strtoul(mode, NULL, 8), major,
			minor, 0);
}

/* "UID:GID MODE", and of a device " MAJOR:MINOR". */
static int
print_stat(struct p9 *c, const char *path)
{
	struct p9_stat st;
	int r = p9_walk(c, 0, 1, path);
	unsigned rdev, type;

	if (r == 0)
		r = p9_getattr(c, 1, &st);
	if (r < 0)
		return r;
	printf("%u:%u %o", st.uid, st.gid, st.mode);
	rdev = (unsigned)st.rdev;
	type = st.mode >> 12;
	if (type == 2 || type == 6)
		printf(" %u:%u", rdev >> 8 & 0xfff,
		       (rdev & 0xff) | (rdev >> 12 & 0xfff00));
	printf("\n");
	return 0;
}

int
main(int argc, char **argv)
{
	const char *aname = getenv("ANAME"), *uid = getenv("CLIENT_UID");
	struct p9 c;
	int r;

	if (argc < 4)
		return 2;
	r = p9_open_session(&c, argv[1], aname ? aname : "",
			    uid ? (uint32_t)strtoul(uid, NULL, 10) : 0);
	if (r == 0 && strcmp(argv[2], "append") == 0 && argc == 5)
		r = append(&c, argv[3], argv[4]);
	else if (r == 0 && strcmp(argv[2], "chmod") == 0 && argc == 5)
		r = change_mode(&c, argv[3], argv[4]);
	else if (r == 0 && strcmp(argv[2], "chown") == 0 && argc == 5)
		r = change_owner(&c, argv[3], argv[4]);
	else if (r == 0 && strcmp(argv[2], "mknod") == 0 && argc == 6)
		r = make_node(&c, argv[3], argv[4], argv[5]);
	else if (r == 0 && strcmp(argv[2], "truncate") == 0 && argc == 5)
		r = change_size(&c, argv[3], argv[4]);
	else if (r == 0 && strcmp(argv[2], "rename") == 0 && argc == 5)
		r = p9_renameat(&c, 0, argv[3], 0, argv[4]);
	else if (r == 0 && strcmp(argv[2], "stat") == 0)
		r = print_stat(&c, argv[3]);
	else if (r == 0 && strcmp(argv[2], "cat") == 0)
		r = cat(&c, argv[3]);
	else if (r == 0 && strcmp(argv[2], "ls") == 0)
		r = list(&c, argv[3]);
	else if (r == 0 && strcmp(argv[2], "ino") == 0)
		r = ino(&c, argv[3]);
	else if (r == 0)
		r = change(&c, argv[2], argv[3]);
	if (r < 0)
		fprintf(stderr, "%s %s: %s\n", argv[2], argv[3], strerror(-r));
	p9_close(&c);
	return r < 0 ? 1 : 0;
}
