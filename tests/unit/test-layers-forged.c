/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Forged private xattrs: each mark with each of many values, on directories
 * and files of the upper and of a lower. What is seen of an object is what a
 * kernel mount shows, errno for errno; the rest of the tree is served, and the
 * lowers stay as they are.
 */
#include "layers-fixture.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#define OPTIONS "redirect_dir=on,metacopy=on"
#define LARGE 60000

static const char *const marks[] = {
	"opaque", "redirect", "metacopy", "origin",   "impure",       "nlink",
	"upper",  "uuid",     "protattr", "whiteout", "veneer.ident",
};

#define ZERO8 "\0\0\0\0\0\0\0\0"
/* The head of a handle: version, magic, length, flags, type, uuid. */
#define HEAD(flags) "\x00\xfb\x1d" flags "\x01" ZERO8 ZERO8

static const struct value {
	const char *bytes;
	size_t len; /* LARGE: so many of the first byte */
} values[] = {
#define V(s)                     \
	{                        \
		s, sizeof(s) - 1 \
	}
	V(""),
	V("y"),
	V("x"),
	V("z"),
	V("yy"),
	V("\0"),
	V("abc"),
	V("none"),
	V("/none"),
	V(".."),
	V("../.."),
	V("/.."),
	V("/../.."),
	V("."),
	V("/"),
	V("//"),
	V("a/b"),
	V("/a//b"),
	V("/other/"),
	V("other\0x"),
	V("other"),
	V("/other"),
	V("/other/in"),
	V("/link/in"),
	V("plain"),
	V("/plain"),
	V("/white"),
	V("/ud"),
	V("/uf"),
	V("/ld/l"),
	V("U+1"),
	V("L-999999999999999999999"),
	V("\x00\xfb"),
	V(HEAD("\x00") "12345678"),
	V(HEAD("\x01") "12345678"),
	V(HEAD("\x04") "12345678"),
	V(HEAD("\xff") "12345678"),
	V("\x00\xfb\xff\x00\x01" ZERO8 ZERO8 "12345678"),
	V("\x09\xfb\x1d\x00\x01" ZERO8 ZERO8 "12345678"),
	V("\x00\x04\x00\x00"),
	V("\x00\xff\xff\xff" ZERO8 ZERO8 ZERO8 ZERO8 ZERO8),
	{ "/", LARGE },
	{ "a", LARGE },
};

static const char *const objects[] = { "upper/ud",  "upper/uf",  "upper/ue",
				       "lower1/ld", "lower1/lf", "lower1/le" };
#define NR_OBJECTS (sizeof(objects) / sizeof(objects[0]))

static const char layers[] =
	"mkdir upper/ud lower2/ud lower1/ld lower2/ld lower2/other "
	"lower2/other/in; echo u >upper/ud/u; echo l >lower2/ud/l; echo u "
	">upper/uf; echo l >lower2/uf; echo u >lower1/ld/u; echo l "
	">lower2/ld/l; echo u >lower1/lf; echo l >lower2/lf; echo o "
	">lower2/other/o; echo p >lower2/plain; ln -s other lower2/link; "
	"mknod lower1/white c 0 0; mkdir lower2/white; echo ok >lower2/ok; "
	": >upper/ue; : >lower1/le";

/* --- What is seen ------------------------------------------------------------ */

static void
see(struct fixture *f, const char *name, char buf[512])
{
	struct node *n;
	struct attr a;
	int r;

	n = fixture_walk(f, name, &r);
	if (r == 0)
		r = tree_getattr(n, NULL, &fixture_call, &a);
	if (r < 0)
		(void)snprintf(buf, 512, "stat errno %d", -r);
	else
		(void)snprintf(buf, 512, "%o %lu: %s", a.mode,
			       S_ISREG(a.mode) ? (unsigned long)a.size : 0,
			       S_ISDIR(a.mode) ? fixture_list(f, name)
					       : fixture_read(f, name));
	node_unref(n);
}

static int
compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void
see_dir(const char *path, char *buf, size_t size)
{
	char *names[16];
	size_t nr = 0, i, len = 0;
	const struct dirent *e;
	DIR *d = opendir(path);

	if (!d) {
		(void)snprintf(buf, size, "errno %d", errno);
		return;
	}
	while (errno = 0, (e = readdir(d)))
		if (e->d_name[0] != '.' && nr < 16)
			names[nr++] = strdup(e->d_name);
	if (errno)
		len = (size_t)snprintf(buf, size, "errno %d", errno);
	qsort(names, nr, sizeof(names[0]), compare_names);
	for (i = 0; i < nr; i++) {
		len += (size_t)snprintf(buf + len, size - len, "%s%s",
					i ? " " : "", names[i]);
		free(names[i]);
	}
	(void)closedir(d);
}

static void
see_kernel(struct fixture *f, const char *name, char buf[512])
{
	char path[128], text[128] = "";
	struct stat st;
	ssize_t n;
	int fd;

	(void)snprintf(path, sizeof(path), "%s/merged/%s", f->root, name);
	if (lstat(path, &st) < 0) {
		(void)snprintf(buf, 512, "stat errno %d", errno);
		return;
	}
	if (S_ISDIR(st.st_mode)) {
		see_dir(path, text, sizeof(text));
	} else {
		fd = open(path, O_RDONLY | O_CLOEXEC);
		n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
		if (n < 0)
			(void)snprintf(text, sizeof(text), "errno %d", errno);
		else
			text[n] = '\0';
		if (fd >= 0)
			(void)close(fd);
	}
	(void)snprintf(buf, 512, "%o %lu: %s", st.st_mode,
		       S_ISREG(st.st_mode) ? (unsigned long)st.st_size : 0,
		       text);
}

static int
mount_kernel(struct fixture *f)
{
	const char *r = f->root;
	char data[512], where[128];

	(void)snprintf(where, sizeof(where), "%s/merged", r);
	(void)mkdir(where, 0755);
	(void)snprintf(data, sizeof(data),
		       "lowerdir=%s/lower1:%s/lower2,upperdir=%s/upper,"
		       "workdir=%s/work," OPTIONS,
		       r, r, r, r);
	return mount("veneer-test", where, "overlay", 0, data);
}

/* --- Forging ------------------------------------------------------------------ */

/* All objects alike. False: the file system does not take that. */
static bool
forge(struct fixture *f, const char *mark, const struct value *v)
{
	static char large[LARGE];
	char path[128], name[64];
	const void *bytes = v->bytes;
	size_t o;

	(void)snprintf(name, sizeof(name), "trusted.overlay.%s", mark);
	if (v->len == LARGE) {
		memset(large, v->bytes[0], sizeof(large));
		bytes = large;
	}
	for (o = 0; o < NR_OBJECTS; o++) {
		(void)snprintf(path, sizeof(path), "%s/%s", f->root,
			       objects[o]);
		if (lsetxattr(path, name, bytes, v->len, 0) < 0)
			return false;
	}
	return true;
}

static void
unforge(struct fixture *f, const char *mark)
{
	char path[128], name[64];
	size_t o;

	(void)snprintf(name, sizeof(name), "trusted.overlay.%s", mark);
	for (o = 0; o < NR_OBJECTS; o++) {
		(void)snprintf(path, sizeof(path), "%s/%s", f->root,
			       objects[o]);
		(void)lremovexattr(path, name);
	}
}

static void
print_value(const struct value *v)
{
	size_t i;

	print_message("value of %lu bytes:", (unsigned long)v->len);
	for (i = 0; i < v->len && i < 40; i++)
		print_message(" %02x",
			      (unsigned char)v->bytes[v->len == LARGE ? 0 : i]);
	print_message("\n");
}

/* Returns how many of the objects the two do not see alike. */
static size_t
one(struct fixture *f, const char *mark, const struct value *v)
{
	char ours[NR_OBJECTS][512], kernels[512], merged[128];
	size_t o, bad = 0;

	fixture_open(f, true);
	for (o = 0; o < NR_OBJECTS; o++)
		see(f, strchr(objects[o], '/') + 1, ours[o]);
	/* All other names, and what is in them. */
	assert_string_equal("ld le lf link ok other plain ud ue uf",
			    fixture_list(f, ""));
	assert_string_equal("ok\n", fixture_read(f, "ok"));
	fixture_close(f);
	if (mount_kernel(f) < 0)
		fail_msg("the kernel does not mount it: %s", strerror(errno));
	for (o = 0; o < NR_OBJECTS; o++) {
		see_kernel(f, strchr(objects[o], '/') + 1, kernels);
		if (strcmp(ours[o], kernels) == 0)
			continue;
		print_message("%s, %s: \"%s\", but the kernel: \"%s\"\n",
			      objects[o], mark, ours[o], kernels);
		print_value(v);
		bad++;
	}
	(void)snprintf(merged, sizeof(merged), "%s/merged", f->root);
	assert_int_equal(0, umount2(merged, 0));
	return bad;
}

static void
forged(void **state)
{
	struct fixture *f = *state;
	size_t m, v, nr = 0, bad = 0;

	SKIP_UNLESS_ROOT();
	f->options = OPTIONS;
	fixture_layers(f, layers);
	fixture_sh(f, "ls -lR --time-style=full-iso lower? >before");
	for (m = 0; m < sizeof(marks) / sizeof(marks[0]); m++) {
		for (v = 0; v < sizeof(values) / sizeof(values[0]); v++) {
			if (!forge(f, marks[m], &values[v]))
				continue;
			nr++;
			bad += one(f, marks[m], &values[v]);
		}
		unforge(f, marks[m]);
	}
	print_message("%lu forged marks\n", (unsigned long)nr);
	assert_int_equal(0, bad);
	assert_true(fixture_holds(
		f, "ls -lR --time-style=full-iso lower? | cmp - before"));
}

#define TEST(f) \
	cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = { TEST(forged) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
