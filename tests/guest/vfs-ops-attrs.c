/* SPDX-License-Identifier: BSD-3-Clause */
/* Attributes, xattrs, and what other users do. */
#include "vfs-ops.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

static void
owners_and_modes(void)
{
	puts("== owner and mode");
	DO(chmod("lower1-file", 04711));
	show("lower1-file");
	DO(chmod("dir", 01777));
	show("dir");
	DO(chown("lower1-file", 12, 34));
	show("lower1-file");
	DO(lchown("link", 5, 6));
	show("link");
	DO(chown("suid", -1, 77));
	show("suid");
	DO(chmod("none", 0644));
	DO(chown("dir", 1000, 1000));
	show("dir");
}

static void
times(void)
{
	struct timespec ts[2] = { { .tv_sec = 1000000 },
				  { .tv_sec = 2000000 } };
	struct stat before, st;

	puts("== times");
	DO(utimensat(AT_FDCWD, "dir/low", ts, 0));
	DO(stat("dir/low", &st));
	DO(st.st_atim.tv_sec);
	DO(st.st_mtim.tv_sec);
	ts[0].tv_nsec = UTIME_OMIT;
	ts[1].tv_sec = 3000000;
	DO(utimensat(AT_FDCWD, "dir/low", ts, 0));
	DO(stat("dir/low", &st));
	DO(st.st_atim.tv_sec);
	DO(st.st_mtim.tv_sec);
	DO(utimensat(AT_FDCWD, "link", ts, AT_SYMLINK_NOFOLLOW));
	/* Copying up keeps mtime; so does the directory's. */
	DO(stat("deep/er/file", &before));
	DO(chmod("deep/er/file", 0600));
	DO(stat("deep/er/file", &st));
	DO(before.st_mtim.tv_sec == st.st_mtim.tv_sec &&
	   before.st_mtim.tv_nsec == st.st_mtim.tv_nsec);
	DO(before.st_ino == st.st_ino);
}

static void
xattr_ops(void)
{
	char v[256];

	puts("== xattrs");
	DO(getxattr("xattrs", "user.one", v, sizeof(v)));
	DO(getxattr("xattrs", "user.none", v, sizeof(v)));
	DO(setxattr("xattrs", "user.two", "2", 1, XATTR_CREATE));
	DO(setxattr("xattrs", "user.two", "22", 2, XATTR_CREATE));
	DO(setxattr("xattrs", "user.two", "22", 2, XATTR_REPLACE));
	DO(setxattr("xattrs", "user.none", "x", 1, XATTR_REPLACE));
	DO(setxattr("xattrs", "user.empty", "", 0, 0));
	DO(getxattr("xattrs", "user.empty", v, sizeof(v)));
	DO(removexattr("xattrs", "user.one"));
	DO(removexattr("xattrs", "user.one"));
	DO(setxattr("dir", "user.on-dir", "d", 1, 0));
	DO(lsetxattr("link", "user.x", "y", 1, 0));
	DO(setxattr("dir", "trusted.mine", "t", 1, 0));
	DO(getxattr("dir", "trusted.overlay.origin", v, sizeof(v)));
	DO(getxattr("caps", "security.capability", v, sizeof(v)));
	DO(listxattr("xattrs", v, sizeof(v)));
}

void
ops_attrs(void)
{
	owners_and_modes();
	times();
	xattr_ops();
}

/* As user 1000, in a child. */
static void
as_alice(void)
{
	int fd;

	DO(setgid(1000));
	DO(setuid(1000));
	DO(close(open("open-dir/hers", O_CREAT | O_RDWR, 0664)));
	show("open-dir/hers");
	DO(mkdir("open-dir/her-dir", 0775));
	show("open-dir/her-dir");
	DO(open("lower1-secret", O_RDONLY));
	DO(open("lower1-file", O_WRONLY));
	DO(open("denied", O_CREAT | O_RDWR, 0644));
	DO(unlink("lower1-file"));
	DO(chmod("lower1-file", 0777));
	fd = open("suid-open", O_WRONLY);
	DO(write(fd, "x", 1));
	DO(close(fd));
	show("suid-open");
	DO(truncate("suid-open2", 1));
	show("suid-open2");
	DO(access("lower1-secret", R_OK));
	DO(symlink("t", "open-dir/her-link"));
	show("open-dir/her-link");
	DO(unlink("open-dir/sticky/not-hers"));
}

void
ops_users(void)
{
	int status;
	pid_t pid;

	puts("== another user");
	(void)fflush(stdout);
	pid = fork();
	if (pid == 0) {
		as_alice();
		(void)fflush(stdout);
		_exit(0);
	}
	(void)waitpid(pid, &status, 0);
}
