/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * owner=mapped: clients see what they set; the host sees files of the
 * server's user with marks as containers/storage writes them.
 */
#include "layers-fixture.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const struct call alice = { .uid = 1000, .gid = 50 };

/* "uid:gid:mode", and of a device ":major-minor", or "errno N". */
static const char *
shown(struct fixture *f, const char *path)
{
	static char text[128];
	struct attr a;
	int r;
	struct node *n = fixture_walk(f, path, &r);

	if (n)
		r = tree_getattr(n, NULL, &fixture_call, &a);
	node_unref(n);
	if (!n || r < 0) {
		(void)snprintf(text, sizeof(text), "errno %d", -r);
		return text;
	}
	(void)snprintf(text, sizeof(text), "%u:%u:0%o", a.uid, a.gid, a.mode);
	if (S_ISCHR(a.mode) || S_ISBLK(a.mode))
		(void)snprintf(text + strlen(text), 32, ":%u-%u", a.rdev_major,
			       a.rdev_minor);
	assert_int_equal(a.mode & S_IFMT, a.ident.type);
	return text;
}

/* A mark is @value ("": there is none), and the host sees @real. */
static void
expect_host(struct fixture *f, const char *path, const char *value,
	    const char *real)
{
	char cmd[512];

	(void)snprintf(cmd, sizeof(cmd),
		       "test \"$(getfattr -h --only-values -n "
		       "user.containers.override_stat '%s' 2>/dev/null)\" = "
		       "'%s'",
		       path, value);
	if (!fixture_holds(f, cmd))
		fail_msg("not: %s", cmd);
	(void)snprintf(cmd, sizeof(cmd),
		       "test \"$(stat -c '%%F %%a %%u' '%s')\" = '%s '$(id -u)",
		       path, real);
	if (!fixture_holds(f, cmd))
		fail_msg("not: %s", cmd);
}

static struct node *
make_file(struct fixture *f, const struct call *c, const char *name,
	  mode_t mode)
{
	struct handle *h;
	struct ident id;
	struct node *n;

	assert_int_equal(0, tree_create(f->top, c, fixture_name(name), O_RDWR,
					mode, &n, &h, &id));
	handle_unref(h);
	return n;
}

static void
created(void **state)
{
	struct fixture *f = *state;
	struct ident id;

	f->options = "owner=mapped";
	fixture_open(f, true);
	node_unref(make_file(f, &fixture_call, "plain", 0644));
	node_unref(make_file(f, &fixture_call, "secret", 0));
	node_unref(make_file(f, &alice, "hers", 04751));
	assert_int_equal(
		0, tree_mkdir(f->top, &alice, fixture_name("dir"), 03555, &id));
	assert_int_equal(0, tree_symlink(f->top, &fixture_call,
					 fixture_name("link"),
					 fixture_name("to/this"), &id));
	assert_int_equal(S_IFLNK, id.type);
	assert_int_equal(0, tree_symlink(f->top, &alice, fixture_name("hlink"),
					 fixture_name("to/that"), &id));
	assert_int_equal(S_IFLNK, id.type);
	assert_string_equal("0:0:0100644", shown(f, "plain"));
	expect_host(f, "upper/plain", "", "regular empty file 644");
	assert_string_equal("0:0:0100000", shown(f, "secret"));
	expect_host(f, "upper/secret", "0:0:00:file", "regular empty file 600");
	assert_string_equal("1000:50:0104751", shown(f, "hers"));
	expect_host(f, "upper/hers", "1000:50:04751:file",
		    "regular empty file 751");
	assert_string_equal("1000:50:043555", shown(f, "dir"));
	expect_host(f, "upper/dir", "1000:50:03555:dir", "directory 755");
	assert_string_equal("0:0:0120777", shown(f, "link"));
	expect_host(f, "upper/link", "", "symbolic link 777");
	assert_string_equal("1000:50:0120777", shown(f, "hlink"));
	expect_host(f, "upper/hlink", "1000:50:0777:symlink",
		    "regular file 600");
	assert_true(fixture_holds(f, "test \"$(cat upper/hlink)\" = to/that"));
}

static void
special(void **state)
{
	static const struct {
		const char *name;
		mode_t mode;
		unsigned major, minor;
		const char *shown, *mark;
	} cases[] = {
		{ "char", S_IFCHR | 0666, 1, 3, "1000:50:020666:1-3",
		  "1000:50:0666:char-1-3" },
		{ "block", S_IFBLK | 0660, 259, 300000,
		  "1000:50:060660:259-300000",
		  "1000:50:0660:block-259-300000" },
		{ "fifo", S_IFIFO | 0644, 0, 0, "1000:50:010644",
		  "1000:50:0644:pipe" },
		{ "socket", S_IFSOCK | 0755, 0, 0, "1000:50:0140755",
		  "1000:50:0755:socket" },
	};
	struct fixture *f = *state;
	struct handle *h;
	struct ident id;
	struct node *n;
	char path[64];
	size_t i;
	int r;

	f->options = "owner=mapped";
	fixture_open(f, true);
	/* Over a whiteout, too. */
	fixture_close(f);
	fixture_sh(f, "echo x >lower1/fifo");
	fixture_open(f, true);
	assert_int_equal(0, fixture_do(f, "unlink", "fifo", NULL));
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(0, tree_mknod(f->top, &alice,
					       fixture_name(cases[i].name),
					       cases[i].mode, cases[i].major,
					       cases[i].minor, &id));
		assert_int_equal(cases[i].mode & S_IFMT, id.type);
		assert_string_equal(cases[i].shown, shown(f, cases[i].name));
		(void)snprintf(path, sizeof(path), "upper/%s", cases[i].name);
		expect_host(f, path, cases[i].mark, "regular empty file 600");
		n = fixture_walk(f, cases[i].name, &r);
		assert_int_equal(-ENXIO, tree_open_node(n, &fixture_call,
							O_RDWR, &h, &id));
		node_unref(n);
	}
	assert_int_equal(-EPERM,
			 tree_mknod(f->top, &alice, fixture_name("zero"),
				    S_IFCHR | 0600, 0, 0, &id));
	fixture_restart(f);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(cases[i].shown, shown(f, cases[i].name));
	/* They are removed and renamed like anything. */
	assert_int_equal(0, fixture_do(f, "rename", "char", "tty"));
	assert_string_equal(cases[0].shown, shown(f, "tty"));
	assert_int_equal(0, fixture_do(f, "unlink", "tty", NULL));
	assert_false(fixture_holds(f, "test -e upper/tty"));
}

struct types {
	char text[512];
};

static bool
add_type(void *ctx, const struct dirent_info *e)
{
	struct types *t = ctx;

	if (e->name.ptr[0] != '.')
		(void)snprintf(t->text + strlen(t->text), 64, "%.*s:%u ",
			       (int)e->name.len, e->name.ptr, e->d_type);
	return true;
}

static void
expect_types(struct fixture *f, const char *want)
{
	struct types t = { "" };
	struct handle *h;

	assert_int_equal(0, tree_open_node(f->top, &fixture_call,
					   O_RDONLY | O_DIRECTORY, &h, NULL));
	assert_int_equal(0, tree_readdir(h, &fixture_call, 0, add_type, &t));
	handle_unref(h);
	if (!strstr(t.text, want))
		fail_msg("no %s in %s", want, t.text);
}

/* d_type tells the truth in merged listings and in those of one layer. */
static void
listed(void **state)
{
	struct fixture *f = *state;
	struct node *d;
	struct ident id;
	struct types t = { "" };
	struct handle *h;
	int r;

	f->options = "owner=mapped";
	fixture_open(f, true);
	assert_int_equal(0, fixture_do(f, "mkdir", "d", NULL));
	d = fixture_walk(f, "d", &r);
	assert_int_equal(0, tree_mknod(f->top, &alice, fixture_name("fifo"),
				       S_IFIFO | 0600, 0, 0, &id));
	assert_int_equal(0, tree_symlink(d, &alice, fixture_name("link"),
					 fixture_name("x"), &id));
	expect_types(f, "fifo:1 ");
	assert_int_equal(0, tree_open_node(d, &fixture_call,
					   O_RDONLY | O_DIRECTORY, &h, NULL));
	assert_int_equal(0, tree_readdir(h, &fixture_call, 0, add_type, &t));
	assert_string_equal("link:10 ", t.text);
	handle_unref(h);
	node_unref(d);
}

static int
set(struct fixture *f, const char *path, unsigned mask, uint32_t uid,
    uint32_t gid, mode_t mode)
{
	struct attr_set s = {
		.mask = mask, .uid = uid, .gid = gid, .mode = mode
	};
	int r;
	struct node *n = fixture_walk(f, path, &r);

	if (n)
		r = tree_setattr(n, NULL, &fixture_call, &s);
	node_unref(n);
	return r;
}

#define OWN (ATTR_SET_UID | ATTR_SET_GID)

static void
changed(void **state)
{
	struct fixture *f = *state;

	f->options = "owner=mapped";
	fixture_open(f, true);
	node_unref(make_file(f, &fixture_call, "file", 06755));
	assert_int_equal(0, set(f, "file", ATTR_SET_UID, 7, 0, 0));
	assert_string_equal("7:0:0100755", shown(f, "file"));
	assert_int_equal(0, set(f, "file", ATTR_SET_MODE, 0, 0, 04000));
	assert_string_equal("7:0:0104000", shown(f, "file"));
	expect_host(f, "upper/file", "7:0:04000:file",
		    "regular empty file 600");
	assert_int_equal(0, set(f, "file", OWN | ATTR_SET_MODE, 0, 9, 02644));
	assert_string_equal("0:9:0102644", shown(f, "file"));
	/* No group execute: setgid means something else, and stays. */
	assert_int_equal(0, set(f, "file", OWN, 1, 1, 0));
	assert_string_equal("1:1:0102644", shown(f, "file"));
	assert_int_equal(0, fixture_do(f, "mkdir", "d", NULL));
	assert_int_equal(0, set(f, "d", OWN | ATTR_SET_MODE, 33, 34, 07000));
	assert_int_equal(0, set(f, "d", ATTR_SET_GID, 0, 35, 0));
	assert_string_equal("33:35:047000", shown(f, "d"));
	/* Its mode does not keep us out. */
	assert_int_equal(0, fixture_do(f, "create", "d/x", NULL));
	fixture_restart(f);
	assert_string_equal("33:35:047000", shown(f, "d"));
	assert_string_equal("1:1:0102644", shown(f, "file"));
	/* A set-uid file loses that when another writes. */
	assert_int_equal(0, set(f, "file", ATTR_SET_MODE, 0, 0, 06777));
	{
		struct iovec iov = { "x", 1 };
		struct handle *h;
		struct node *n;
		int r;

		n = fixture_walk(f, "file", &r);
		assert_int_equal(0,
				 tree_open_node(n, &alice, O_WRONLY, &h, NULL));
		assert_int_equal(1, tree_write(h, &alice, &iov, 1, 0));
		handle_unref(h);
		node_unref(n);
	}
	assert_string_equal("1:1:0100777", shown(f, "file"));
}

/* chown of root's symbolic link, which cannot have a mark. */
static void
link_changed(void **state)
{
	struct fixture *f = *state;
	char target[64];
	struct node *n;
	uint64_t path;
	ssize_t len;
	int r;

	f->options = "owner=mapped";
	fixture_layers(f, "ln -s below lower1/low; mkfifo lower1/fifo");
	fixture_open(f, true);
	assert_int_equal(0, fixture_do(f, "symlink", "up", "target"));
	n = fixture_walk(f, "up", &r);
	path = fixture_path(f, "up");
	assert_int_equal(0, set(f, "up", OWN, 5, 6, 0));
	assert_string_equal("5:6:0120777", shown(f, "up"));
	len = tree_readlink(n, &fixture_call, target, sizeof(target));
	assert_int_equal(6, len);
	assert_memory_equal("target", target, 6);
	assert_int_equal(path, fixture_path(f, "up"));
	node_unref(n);
	expect_host(f, "upper/up", "5:6:0777:symlink", "regular file 600");
	path = fixture_path(f, "low");
	assert_int_equal(0, set(f, "low", OWN, 5, 6, 0));
	assert_string_equal("5:6:0120777", shown(f, "low"));
	assert_int_equal(path, fixture_path(f, "low"));
	assert_int_equal(0, set(f, "fifo", OWN | ATTR_SET_MODE, 5, 6, 0123));
	assert_string_equal("5:6:010123", shown(f, "fifo"));
	/* Back to root's: it may stay a file. */
	assert_int_equal(0, set(f, "up", OWN, 0, 0, 0));
	assert_string_equal("0:0:0120777", shown(f, "up"));
	fixture_restart(f);
	assert_string_equal("0:0:0120777", shown(f, "up"));
	assert_string_equal("5:6:0120777", shown(f, "low"));
	assert_string_equal("5:6:010123", shown(f, "fifo"));
	assert_int_equal(path, fixture_path(f, "low"));
	fixture_close(f);
	fixture_check(f);
}

/* Lower objects of other owners, or with marks, in either layer. */
static void
copied_up(void **state)
{
	struct fixture *f = *state;

	SKIP_UNLESS_ROOT();
	f->options = "owner=mapped";
	fixture_layers(
		f,
		"umask 022; cd lower2; mkdir d; echo x >other; echo x >marked; "
		"ln -s to link; mkfifo fifo; mknod null c 1 3; "
		"chown -h 7:8 other link fifo null d; chmod 6755 other; "
		"setfattr -n user.containers.override_stat "
		"-v 3:4:01777 d; "
		"setfattr -n user.containers.override_stat "
		"-v 0:4:04711:file marked");
	fixture_open(f, true);
	assert_string_equal("7:8:0106755", shown(f, "other"));
	assert_string_equal("3:4:041777", shown(f, "d"));
	assert_string_equal("0:4:0104711", shown(f, "marked"));
	/* A change of times alone brings them up as they are. */
	assert_int_equal(0, set(f, "other", ATTR_SET_ATIME, 0, 0, 0));
	assert_int_equal(0, set(f, "marked", ATTR_SET_ATIME, 0, 0, 0));
	assert_int_equal(0, set(f, "link", ATTR_SET_ATIME, 0, 0, 0));
	assert_int_equal(0, set(f, "fifo", ATTR_SET_ATIME, 0, 0, 0));
	assert_int_equal(0, set(f, "null", ATTR_SET_ATIME, 0, 0, 0));
	assert_int_equal(0, fixture_do(f, "create", "d/x", NULL));
	fixture_restart(f);
	assert_string_equal("7:8:0106755", shown(f, "other"));
	expect_host(f, "upper/other", "7:8:06755:file", "regular file 755");
	assert_string_equal("0:4:0104711", shown(f, "marked"));
	expect_host(f, "upper/marked", "0:4:04711:file", "regular file 711");
	assert_string_equal("3:4:041777", shown(f, "d"));
	expect_host(f, "upper/d", "3:4:01777:dir", "directory 777");
	assert_string_equal("7:8:0120777", shown(f, "link"));
	assert_string_equal("7:8:010644", shown(f, "fifo"));
	assert_string_equal("7:8:020644:1-3", shown(f, "null"));
}

/* What QEMU's security_model=mapped-xattr has left (9p.md 6.3). */
static void
virtfs(void **state)
{
	struct fixture *f = *state;
	char target[64];
	struct node *n;
	int r;

	f->options = "owner=mapped";
	fixture_layers(
		f, "umask 022; cd lower2; printf to/there >link; touch null; "
		   "mkdir d; "
		   "echo x >plain; v() { setfattr -n user.virtfs.$2 -v $3 $1; "
		   "}; v link uid 0xe8030000; v link gid 0x32000000; "
		   "v link mode 0xffa10000; v null mode 0xb6210000; "
		   "v null rdev 0x0301000000000000; v d mode 0xed430000; "
		   "v plain uid 0x07000000");
	fixture_open(f, true);
	assert_string_equal("1000:50:0120777", shown(f, "link"));
	assert_string_equal("0:0:020666:1-3", shown(f, "null"));
	assert_string_equal("0:0:041755", shown(f, "d"));
	assert_string_equal("7:0:0100644", shown(f, "plain"));
	n = fixture_walk(f, "link", &r);
	assert_int_equal(
		8, tree_readlink(n, &fixture_call, target, sizeof(target)));
	assert_memory_equal("to/there", target, 8);
	node_unref(n);
	assert_int_equal(0, set(f, "null", ATTR_SET_UID, 2, 0, 0));
	assert_string_equal("2:0:020666:1-3", shown(f, "null"));
	expect_host(f, "upper/null", "2:0:0666:char-1-3",
		    "regular empty file 600");
}

/* A malformed mark: EIO, on that entry alone. */
static void
malformed(void **state)
{
	static const char *const marks[] = {
		"",
		"0",
		"0:0",
		"0:0:",
		"0:0:8",
		"0:0:0644:",
		"-1:0:0644",
		"0:0:0644:x",
		"0:0:0644:dir",
		"0:0:0644:char",
		"0:0:0644:char-1",
		"0:0:0644:char-1-",
		"0:0:0644:char-1-3x",
		"0:0:0644:file:",
		"4294967296:0:0644",
		"0:0:0644:block-4294967296-0",
		" 0:0:0644",
		"0:0:0644 ",
		"0:0:0200000",
		("0000000000000000000000000000000000000000000000000000000000000"
		 "0:0:0"),
	};
	struct fixture *f = *state;
	char cmd[512];
	size_t i;

	f->options = "owner=mapped";
	for (i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
		(void)snprintf(
			cmd, sizeof(cmd),
			"umask 022; touch lower1/ok lower1/odd; setfattr -n "
			"user.containers.override_stat -v '%s' "
			"lower1/odd",
			marks[i]);
		fixture_layers(f, cmd);
		fixture_open(f, true);
		assert_string_equal("odd ok", fixture_list(f, ""));
		assert_string_equal("0:0:0100644", shown(f, "ok"));
		if (strcmp(shown(f, "odd"), "errno 5") != 0)
			fail_msg("\"%s\": %s", marks[i], shown(f, "odd"));
		fixture_close(f);
	}
	fixture_layers(f, "touch lower1/odd; setfattr -n user.virtfs.uid "
			  "-v 0x0102 lower1/odd");
	fixture_open(f, true);
	assert_string_equal("errno 5", shown(f, "odd"));
}

static int
set_xattr(struct fixture *f, const char *path, const char *name,
	  const char *value)
{
	int r;
	struct node *n = fixture_walk(f, path, &r);

	if (n)
		r = tree_setxattr(n, NULL, &fixture_call, fixture_name(name),
				  value, value ? strlen(value) : 0, 0);
	node_unref(n);
	return r;
}

/* The value, or with name "" the list with spaces, or "errno N". */
static const char *
get_xattr(struct fixture *f, const char *path, const char *name)
{
	static char text[512];
	void *value = NULL;
	size_t size = 0, i;
	int r;
	struct node *n = fixture_walk(f, path, &r);

	if (n)
		r = tree_getxattr(n, NULL, &fixture_call, fixture_name(name),
				  &value, &size);
	node_unref(n);
	if (r < 0)
		(void)snprintf(text, sizeof(text), "errno %d", -r);
	for (i = 0; r == 0 && i < size && i < sizeof(text) - 1; i++)
		text[i] = ((char *)value)[i] ? ((char *)value)[i] : ' ';
	if (r == 0)
		text[i] = '\0';
	free(value);
	return text;
}

/* Labels are kept under a user.* name; marks are out of reach. */
static void
labels(void **state)
{
	struct fixture *f = *state;

	f->options = "owner=mapped";
	fixture_layers(f, "touch lower1/file; setfattr -n user.a -v 1 "
			  "lower1/file; setfattr -n user.virtfs.uid -v "
			  "0x01000000 lower1/file");
	fixture_open(f, true);
	assert_int_equal(0, set_xattr(f, "file", "security.capability", "cap"));
	assert_int_equal(0, set_xattr(f, "file", "trusted.t", "tt"));
	assert_int_equal(0,
			 set_xattr(f, "file", "trusted.overlay.opaque", "y"));
	assert_int_equal(
		0, set_xattr(f, "file", "system.posix_acl_access", "anything"));
	assert_string_equal("cap", get_xattr(f, "file", "security.capability"));
	assert_string_equal("tt", get_xattr(f, "file", "trusted.t"));
	assert_string_equal("anything",
			    get_xattr(f, "file", "system.posix_acl_access"));
	assert_true(fixture_holds(
		f, "test $(getfattr --only-values -n "
		   "user.containers.override_security.capability upper/file) "
		   "= cap"));
	assert_non_null(strstr(get_xattr(f, "file", ""), "user.a "));
	assert_non_null(strstr(get_xattr(f, "file", ""), "trusted.t "));
	assert_non_null(
		strstr(get_xattr(f, "file", ""), "security.capability "));
	assert_null(strstr(get_xattr(f, "file", ""), "user.containers"));
	assert_null(strstr(get_xattr(f, "file", ""), "user.virtfs"));
	assert_string_equal(
		"errno 61",
		get_xattr(f, "file", "user.containers.override_stat"));
	assert_string_equal("errno 61",
			    get_xattr(f, "file", "user.virtfs.uid"));
	assert_int_equal(
		-EPERM,
		set_xattr(f, "file", "user.containers.override_stat", "0:0:0"));
	assert_int_equal(-EPERM, set_xattr(f, "file", "user.virtfs.mode", "x"));
	assert_int_equal(0, set_xattr(f, "file", "trusted.t", NULL));
	assert_string_equal("errno 61", get_xattr(f, "file", "trusted.t"));
	/* chown takes capabilities. */
	assert_int_equal(0, set(f, "file", ATTR_SET_UID, 1, 0, 0));
	assert_string_equal("errno 61",
			    get_xattr(f, "file", "security.capability"));
}

/* Real capabilities of a lower are seen, and come along. */
static void
real_capability(void **state)
{
	struct fixture *f = *state;

	SKIP_UNLESS_ROOT();
	f->options = "owner=mapped";
	fixture_layers(f, "touch lower1/ping; setcap cap_net_raw+ep "
			  "lower1/ping");
	fixture_open(f, true);
	assert_non_null(
		strstr(get_xattr(f, "ping", ""), "security.capability "));
	assert_string_not_equal("errno 61",
				get_xattr(f, "ping", "security.capability"));
	assert_int_equal(0, set(f, "ping", ATTR_SET_MODE, 0, 0, 0755));
	assert_string_not_equal("errno 61",
				get_xattr(f, "ping", "security.capability"));
	assert_true(fixture_holds(f, "test -z \"$(getcap upper/ping)\""));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
		TEST(created),         TEST(special),      TEST(listed),
		TEST(changed),         TEST(link_changed), TEST(copied_up),
		TEST(virtfs),          TEST(malformed),    TEST(labels),
		TEST(real_capability),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
