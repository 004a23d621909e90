/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The checks at start (overlay.md 1.3, the kernel's ovl_get_upper(),
 * ovl_get_workdir(), ovl_check_overlapping_layers()). Directories are
 * compared by (device, inode) on the way up "..", never by path strings.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "cleanup.h"
#include "layer.h"
#include "node.h"

struct place_id {
	dev_t dev;
	ino_t ino;
	uint64_t mnt_id;
};

static int
id_of(int fd, struct place_id *ret)
{
	struct statx stx;

	if (statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS | STATX_MNT_ID,
		  &stx) < 0)
		return -errno;
	*ret = (struct place_id){ statx_dev(&stx), stx.stx_ino,
				  stx.stx_mnt_id };
	return 0;
}

static bool
same_dir(const struct place_id *a, const struct place_id *b)
{
	return a->dev == b->dev && a->ino == b->ino;
}

/* Is the directory @fd strictly below @top? 1, 0 or errno. */
static int
is_below(int fd, const struct place_id *top)
{
	CLEANUP_CLOSE int up = -1;
	struct place_id id, last;
	int next, r;

	r = id_of(fd, &last);
	while (r == 0) {
		next = openat(up < 0 ? fd : up, "..",
			      O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (next < 0)
			return -errno;
		if (up >= 0)
			(void)close(up);
		up = next;
		r = id_of(up, &id);
		if (r < 0 || same_dir(&id, &last))
			return r; /* the root of everything */
		if (same_dir(&id, top))
			return 1;
		last = id;
	}
	return r;
}

static int
check_work(const struct upper *u, char **ret_why)
{
	struct place_id up, work;
	int r = id_of(u->layer.fd, &up);

	if (r == 0)
		r = id_of(u->base_fd, &work);
	if (r < 0)
		return r;
	if (same_dir(&up, &work))
		return layer_why(ret_why, -EINVAL,
				 "upper and work directory are the same: "
				 "\"%s\"",
				 u->work_path);
	if (up.dev != work.dev || up.mnt_id != work.mnt_id)
		return layer_why(ret_why, -EINVAL,
				 "work directory \"%s\" is not on the same "
				 "file system and mount as upper \"%s\"",
				 u->work_path, u->layer.path);
	if (is_below(u->base_fd, &up) == 1)
		return layer_why(ret_why, -EINVAL,
				 "work directory \"%s\" is inside upper \"%s\"",
				 u->work_path, u->layer.path);
	if (is_below(u->layer.fd, &work) == 1)
		return layer_why(ret_why, -EINVAL,
				 "upper \"%s\" is inside work directory \"%s\"",
				 u->layer.path, u->work_path);
	return 0;
}

/* A lower against the upper and its work directory. */
static int
check_lower_upper(const struct layer *l, const struct upper *u, char **ret_why)
{
	struct place_id id, up, work;

	if (id_of(l->fd, &id) < 0 || id_of(u->layer.fd, &up) < 0 ||
	    id_of(u->base_fd, &work) < 0)
		return -EIO;
	if (same_dir(&id, &up) || same_dir(&id, &work))
		return layer_why(ret_why, -ELOOP,
				 "lower \"%s\" is the upper or work directory "
				 "too",
				 l->path);
	if (is_below(l->fd, &up) == 1 || is_below(l->fd, &work) == 1)
		return layer_why(ret_why, -ELOOP,
				 "lower \"%s\" is inside the upper or work "
				 "directory",
				 l->path);
	return 0;
}

static int
check_two_lowers(const struct layer *a, const struct layer *b, char **ret_why)
{
	struct place_id ia, ib;

	if (id_of(a->fd, &ia) < 0 || id_of(b->fd, &ib) < 0)
		return -EIO;
	if (same_dir(&ia, &ib))
		return layer_why(ret_why, -ELOOP,
				 "lower \"%s\" and lower \"%s\" are the same "
				 "directory",
				 a->path, b->path);
	if (is_below(a->fd, &ib) == 1)
		return layer_why(ret_why, -ELOOP,
				 "lower \"%s\" is inside lower \"%s\"", a->path,
				 b->path);
	if (is_below(b->fd, &ia) == 1)
		return layer_why(ret_why, -ELOOP,
				 "lower \"%s\" is inside lower \"%s\"", b->path,
				 a->path);
	return 0;
}

int
layer_check_overlap(const struct layer_set *set, char **ret_why)
{
	unsigned i, j;
	int r = 0;

	if (set->upper)
		r = check_work(set->upper, ret_why);
	for (i = 0; i < set->nr_lowers + set->nr_data && r == 0; i++) {
		if (set->upper)
			r = check_lower_upper(&set->lowers[i], set->upper,
					      ret_why);
		for (j = 0; j < i && r == 0; j++)
			r = check_two_lowers(&set->lowers[i], &set->lowers[j],
					     ret_why);
	}
	return r;
}

/* --- Who else uses it ------------------------------------------------------ */

/* The process that holds a flock on inode @ino, by /proc/locks; 0: unknown. */
static int
flock_holder(ino_t ino)
{
	CLEANUP_FREE char *line = NULL;
	FILE *f = fopen("/proc/locks", "re");
	unsigned long found_ino;
	size_t size = 0;
	int pid, found = 0;

	if (!f)
		return 0;
	while (!found && getline(&line, &size, f) > 0)
		if (sscanf(line, "%*d: FLOCK %*s %*s %d %*x:%*x:%lu", &pid,
			   &found_ino) == 2 &&
		    found_ino == ino)
			found = pid;
	(void)fclose(f);
	return found;
}

static int
lock_directory(int fd, const char *what, const char *path, char **ret_why)
{
	char comm[64] = "a process we cannot see", proc[64];
	struct stat st;
	FILE *f;
	int pid;

	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return 0;
	if (errno != EWOULDBLOCK)
		return layer_why(ret_why, -errno, "cannot lock %s \"%s\": %s",
				 what, path, strerror(errno));
	pid = fstat(fd, &st) == 0 ? flock_holder(st.st_ino) : 0;
	(void)snprintf(proc, sizeof(proc), "/proc/%d/comm", pid);
	f = pid > 0 ? fopen(proc, "re") : NULL;
	if (f) {
		if (fgets(comm, sizeof(comm), f))
			comm[strcspn(comm, "\n")] = '\0';
		(void)fclose(f);
	}
	return layer_why(ret_why, -EBUSY,
			 "%s \"%s\" is in use by %s (pid %d): stop it, or give "
			 "this server an upper of its own",
			 what, path, comm, pid);
}

/* Undo mountinfo's \ooo, and overlayfs's own backslashes, in place. */
static void
unescape(char *s)
{
	char *out = s;
	unsigned v;

	for (; *s; s++) {
		if (*s == '\\' && s[1] >= '0' && s[1] <= '3' &&
		    sscanf(s + 1, "%3o", &v) == 1) {
			*out++ = (char)v;
			s += 3;
		} else if (*s == '\\' && s[1]) {
			*out++ = *++s;
		} else {
			*out++ = *s;
		}
	}
	*out = '\0';
}

/*
 * Is the directory on which an overlay is mounted the picture of @upper? It
 * shows the inode number and the times of that. One that is gone by now, or where
 * we may not go, is taken for another's: a path like "upper" is no sign.
 */
static bool
mount_shows(const char *line, int upper)
{
	char where[256];
	struct stat st, up;

	if (sscanf(line, "%*s %*s %*s %*s %255s", where) != 1)
		return false;
	unescape(where);
	if (stat(where, &st) < 0 || fstat(upper, &up) < 0)
		return false;
	return st.st_ino == up.st_ino &&
	       st.st_ctim.tv_sec == up.st_ctim.tv_sec &&
	       st.st_ctim.tv_nsec == up.st_ctim.tv_nsec;
}

/*
 * Does the overlay mount described by @line use the directory @id? A path
 * that is not absolute was one of the mounting process's working directory.
 */
static bool
mount_uses(const char *line, const char *option, const struct place_id *id,
	   int upper)
{
	CLEANUP_FREE char *path = NULL;
	const char *p = strstr(line, option);
	struct stat st;

	if (!p)
		return false;
	p += strlen(option);
	path = strndup(p, strcspn(p, ",\n"));
	if (!path)
		return false;
	unescape(path);
	if (path[0] != '/')
		return mount_shows(line, upper);
	return stat(path, &st) == 0 && st.st_ino == id->ino &&
	       (((dev_t)major(st.st_dev) << 32) | minor(st.st_dev)) == id->dev;
}

static int
check_kernel_mounts(const struct upper *u, char **ret_why)
{
	CLEANUP_FREE char *line = NULL;
	FILE *f = fopen("/proc/self/mountinfo", "re");
	struct place_id up, work;
	char where[256];
	size_t size = 0;
	int r = 0;

	if (!f)
		return 0;
	if (id_of(u->layer.fd, &up) < 0 || id_of(u->base_fd, &work) < 0)
		r = -EIO;
	while (r == 0 && getline(&line, &size, f) > 0) {
		if (!strstr(line, " - overlay "))
			continue;
		if (!mount_uses(line, "upperdir=", &up, u->layer.fd) &&
		    !mount_uses(line, "workdir=", &work, u->layer.fd))
			continue;
		if (sscanf(line, "%*s %*s %*s %*s %255s", where) != 1)
			where[0] = '\0';
		r = layer_why(ret_why, -EBUSY,
			      "upper \"%s\" is in use by the overlayfs mount "
			      "on \"%s\": umount that first",
			      u->layer.path, where);
	}
	(void)fclose(f);
	return r;
}

int
layer_check_in_use(const struct upper *u, char **ret_why)
{
	int r;

	r = lock_directory(u->layer.fd, "upper", u->layer.path, ret_why);
	if (r == 0)
		r = lock_directory(u->base_fd, "work directory", u->work_path,
				   ret_why);
	return r < 0 ? r : check_kernel_mounts(u, ret_why);
}
