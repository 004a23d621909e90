/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * acls: what POSIX ACLs do to access, to new objects and to modes, in the
 * current directory, as root and two users; a line a step, for comparing one
 * file system with another.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#define ACCESS "system.posix_acl_access"
#define DEFAULT "system.posix_acl_default"

enum {
	USER_OBJ = 1,
	USER = 2,
	GROUP_OBJ = 4,
	GROUP = 8,
	MASK = 16,
	OTHER = 32
};

struct entry {
	uint16_t tag, perm;
	uint32_t id;
};

static void
say(const char *what, long r)
{
	if (r < 0)
		printf("%s: %s\n", what, strerrorname_np(errno));
	else
		printf("%s: %ld\n", what, r);
}

static void
set_acl(const char *path, const char *kind, const struct entry *e, int nr)
{
	uint8_t buf[4 + 8 * 16] = { 2 };
	char what[64];

	memcpy(buf + 4, e, 8 * (size_t)nr);
	(void)snprintf(what, sizeof(what), "set %s %s", kind + 17, path);
	say(what, setxattr(path, kind, buf, 4 + 8 * (size_t)nr, 0));
}

static void
get_acl(const char *path, const char *kind)
{
	uint8_t buf[256];
	struct entry e;
	struct stat st;
	ssize_t n = getxattr(path, kind, buf, sizeof(buf));
	ssize_t i;

	printf("get %s %s:", kind + 17, path);
	if (n < 0)
		printf(" %s", strerrorname_np(errno));
	for (i = 4; i + 8 <= n; i += 8) {
		memcpy(&e, buf + i, 8);
		printf(" %u:%d:%u", e.tag, (int)e.id, e.perm);
	}
	if (stat(path, &st) == 0)
		printf(" mode %o %u:%u", st.st_mode, st.st_uid, st.st_gid);
	printf("\n");
}

static void
try_open(unsigned uid, const char *path, int flags)
{
	char what[64];
	int fd;

	(void)snprintf(what, sizeof(what), "%u opens %s %o", uid, path, flags);
	if (setegid(uid) < 0 || seteuid(uid) < 0)
		perror("seteuid");
	fd = open(path, flags, 0666);
	say(what, fd < 0 ? -1 : 0);
	if (fd >= 0)
		(void)close(fd);
	if (seteuid(0) < 0 || setegid(0) < 0)
		perror("seteuid");
}

static const struct entry alice_rw[] = {
	{ USER_OBJ, 6, (uint32_t)-1 },  { USER, 6, 1000 },
	{ GROUP_OBJ, 4, (uint32_t)-1 }, { MASK, 6, (uint32_t)-1 },
	{ OTHER, 0, (uint32_t)-1 },
};
static const struct entry group_r[] = {
	{ USER_OBJ, 7, (uint32_t)-1 },
	{ GROUP_OBJ, 0, (uint32_t)-1 },
	{ GROUP, 5, 1001 },
	{ MASK, 7, (uint32_t)-1 },
	{ OTHER, 0, (uint32_t)-1 },
};
static const struct entry minimal[] = {
	{ USER_OBJ, 6, (uint32_t)-1 },
	{ GROUP_OBJ, 4, (uint32_t)-1 },
	{ OTHER, 4, (uint32_t)-1 },
};
static const struct entry broken[] = { { USER_OBJ, 6, (uint32_t)-1 } };

#define NR(a) (int)(sizeof(a) / sizeof((a)[0]))

static void
access_acl(const char *path)
{
	try_open(1000, path, O_RDWR);
	set_acl(path, ACCESS, alice_rw, NR(alice_rw));
	get_acl(path, ACCESS);
	try_open(1000, path, O_RDWR);
	try_open(1001, path, O_RDONLY);
	say("chmod 640", chmod(path, 0640)); /* the mask: no more writing */
	get_acl(path, ACCESS);
	try_open(1000, path, O_RDWR);
	try_open(1000, path, O_RDONLY);
	set_acl(path, ACCESS, broken, NR(broken));
	set_acl(path, ACCESS, minimal, NR(minimal));
	get_acl(path, ACCESS);
	set_acl(path, ACCESS, alice_rw, NR(alice_rw));
	say("remove", removexattr(path, ACCESS));
	get_acl(path, ACCESS);
}

static void
default_acl(const char *dir)
{
	char path[64];

	say("mkdir", mkdir(dir, 0755));
	set_acl(dir, DEFAULT, group_r, NR(group_r));
	get_acl(dir, DEFAULT);
	get_acl(dir, ACCESS);
	(void)snprintf(path, sizeof(path), "%s/file", dir);
	try_open(0, path, O_RDWR | O_CREAT);
	get_acl(path, ACCESS);
	try_open(1001, path, O_RDONLY);
	(void)snprintf(path, sizeof(path), "%s/sub", dir);
	say("mkdir", mkdir(path, 0750));
	get_acl(path, ACCESS);
	get_acl(path, DEFAULT);
	say("remove", removexattr(dir, DEFAULT));
	get_acl(dir, DEFAULT);
}

int
main(void)
{
	int fd;

	(void)umask(022);
	(void)setgroups(0, NULL);
	fd = open("made", O_RDWR | O_CREAT, 0600);
	(void)close(fd);
	access_acl("made");
	access_acl("lower"); /* of a lower, mode 600 */
	default_acl("dir");
	get_acl("low-acl", ACCESS); /* of a lower, with an ACL */
	try_open(1000, "low-acl", O_RDWR);
	try_open(1001, "low-acl", O_RDONLY);
	return 0;
}
