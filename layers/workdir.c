/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The staging area W/work (overlay.md 1.4, the kernel's
 * ovl_workdir_create()): made afresh at every start, mode 0 where we may
 * use it all the same. Temporary names are "#" and a hexadecimal counter.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "layer.h"
#include "real.h"

/* Remove what is in the directory @at, down to @depth levels. */
static int
remove_children(struct upper *u, struct at at, int depth)
{
	CLEANUP_CLOSEDIR DIR *d = NULL;
	struct dirent *e;
	struct statx stx;
	int fd, r = 0;

	fd = real_open(at, O_RDONLY | O_DIRECTORY, &stx);
	if (fd < 0)
		return fd;
	d = fdopendir(fd);
	if (!d) {
		(void)real_close(fd);
		return -ENOMEM;
	}
	while (r == 0 && (e = readdir(d))) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		r = workdir_remove(u, AT(dirfd(d), e->d_name), depth);
	}
	return r;
}

int
workdir_remove(struct upper *u, struct at at, int depth)
{
	int r = real_unlink(u, at, 0);

	if (r != -EISDIR && r != -EPERM)
		return r;
	r = real_unlink(u, at, AT_REMOVEDIR);
	if (r != -ENOTEMPTY || depth == 0)
		return r;
	r = remove_children(u, at, depth - 1);
	return r < 0 ? r : real_unlink(u, at, AT_REMOVEDIR);
}

/* Remove what is in the directory @at, but for @kept[0]/@kept[1]/... */
static int
remove_all_but(struct upper *u, struct at at, const char *const *kept)
{
	CLEANUP_CLOSEDIR DIR *d = NULL;
	struct dirent *e;
	struct statx stx;
	int fd, r = 0;

	fd = real_open(at, O_RDONLY | O_DIRECTORY, &stx);
	if (fd < 0)
		return fd;
	d = fdopendir(fd);
	if (!d) {
		(void)real_close(fd);
		return -ENOMEM;
	}
	while (r == 0 && (e = readdir(d))) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		if (strcmp(e->d_name, kept[0]) != 0)
			r = workdir_remove(u, AT(dirfd(d), e->d_name),
					   WORKDIR_DEPTH - 1);
		else if (kept[1])
			r = remove_all_but(u, AT(dirfd(d), e->d_name),
					   kept + 1);
	}
	return r;
}

/* -EINVAL if W/work/incompat holds anything: its name tells what. */
static int
check_incompat(struct upper *u, char **ret_why)
{
	CLEANUP_CLOSEDIR DIR *d = NULL;
	struct dirent *e;
	int fd;

	fd = openat(u->base_fd, WORKDIR_STAGING "/" WORKDIR_INCOMPAT,
		    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return 0;
	d = fdopendir(fd);
	if (!d) {
		(void)close(fd);
		return -ENOMEM;
	}
	while ((e = readdir(d))) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		if (strcmp(e->d_name, WORKDIR_PARTIAL_ENTRY) == 0) {
			u->has_partial_entry = true;
			continue;
		}
		/* Of a server that was killed: the lock says it is gone. */
		if (strcmp(e->d_name, WORKDIR_INTERLOCK) == 0)
			continue;
		return layer_why(ret_why, -EINVAL,
				 "\"%s/work/incompat/%s\" says that this upper "
				 "was not closed properly (a volatile mount?): "
				 "check it, then remove that entry",
				 u->work_path, e->d_name);
	}
	return 0;
}

/* Make W/work/@names[0]/@names[1]/... */
static int
make_path(struct upper *u, const char *const *names, unsigned nr)
{
	int fd = u->work_fd, next, r = 0;
	unsigned i;

	for (i = 0; i < nr && r == 0; i++) {
		r = real_mkdir(u, AT(fd, names[i]), 0700);
		r = r == -EEXIST ? 0 : r;
		next = r < 0 ? -1 : real_open_dir(AT(fd, names[i]));
		if (fd != u->work_fd)
			(void)real_close(fd);
		if (r == 0 && next < 0)
			return next;
		fd = next;
	}
	if (fd >= 0 && fd != u->work_fd)
		(void)real_close(fd);
	return r;
}

/*
 * What the kernel refuses to mount over: volatile/dirty for good, so that
 * whoever comes next knows; ours for as long as we run.
 */
static int
mark_incompat(struct upper *u)
{
	static const char *const dirty[] = { WORKDIR_INCOMPAT, "volatile",
					     "dirty" };
	static const char *const live[] = { WORKDIR_INCOMPAT,
					    WORKDIR_INTERLOCK };
	int r = 0;

	if (u->is_volatile)
		r = make_path(u, dirty, 3);
	if (r == 0 && u->has_interlock)
		r = make_path(u, live, 2);
	return r;
}

/* The entry for partial files must be there at any time. */
static int
clean(struct upper *u, struct at work)
{
	static const char *const kept[] = { WORKDIR_INCOMPAT,
					    WORKDIR_PARTIAL_ENTRY, NULL };

	return u->has_partial_entry ? remove_all_but(u, work, kept)
				    : workdir_remove(u, work, WORKDIR_DEPTH);
}

int
workdir_open(struct upper *u, char **ret_why)
{
	struct at work = AT(u->base_fd, WORKDIR_STAGING);
	struct statx stx;
	int r;

	r = check_incompat(u, ret_why);
	if (r < 0)
		return r;
	r = clean(u, work);
	if (r < 0 && r != -ENOENT)
		return layer_why(ret_why, -EROFS,
				 "cannot clean \"%s/work\" (%s): remove what "
				 "is in it, nothing there is needed",
				 u->work_path, strerror(-r));
	r = u->has_partial_entry ? 0 : real_mkdir(u, work, 0700);
	if (r == 0)
		r = u->work_fd = real_open(work, O_RDONLY | O_DIRECTORY, &stx);
	if (r < 0)
		return layer_why(ret_why, r, "cannot make \"%s/work\": %s",
				 u->work_path, strerror(-r));
	/* What it inherited from a default ACL would spoil the mode. */
	(void)real_removexattr(u, work, "system.posix_acl_default");
	(void)real_removexattr(u, work, "system.posix_acl_access");
	/* Mode 0 as the kernel's; an ordinary user could not use it. */
	if (geteuid() == 0)
		(void)real_chmod(u, AT(u->work_fd, ""), 0);
	r = mark_incompat(u);
	if (r < 0)
		return layer_why(ret_why, r, "cannot mark \"%s\" as in use: %s",
				 u->work_path, strerror(-r));
	return 0;
}

void
workdir_close(struct upper *u)
{
	int fd;

	if (u->whiteout[0])
		workdir_discard(u, u->whiteout);
	if (u->has_interlock) {
		fd = real_open_dir(AT(u->work_fd, WORKDIR_INCOMPAT));
		if (fd >= 0) {
			(void)real_unlink(u, AT(fd, WORKDIR_INTERLOCK),
					  AT_REMOVEDIR);
			(void)real_close(fd);
		}
		/* Not if the upper is marked as volatile. */
		(void)real_unlink(u, AT(u->work_fd, WORKDIR_INCOMPAT),
				  AT_REMOVEDIR);
	}
	(void)close(u->work_fd);
	u->work_fd = -1;
}

void
workdir_temp(struct upper *u, char ret[16])
{
	(void)snprintf(ret, 16, "#%x", atomic_fetch_add(&u->next_temp, 1));
}

void
workdir_discard(struct upper *u, const char *name)
{
	(void)workdir_remove(u, AT(u->work_fd, name), 1);
}
