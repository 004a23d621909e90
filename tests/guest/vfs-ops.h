/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Every operation of the VFS on a directory, one canonical line a step: run
 * in a guest on veneer's tree and on the host on kernel overlayfs, the output
 * must be the same. Static, no library but libc.
 */
#ifndef VENEER_TESTS_GUEST_VFS_OPS_H
#define VENEER_TESTS_GUEST_VFS_OPS_H

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Run @expr and print it with its result, or the name of its errno. */
#define DO(expr)                                                       \
	({                                                             \
		errno = 0;                                             \
		long r_ = (long)(expr);                                \
		printf("%s = %ld%s%s\n", #expr, r_, r_ < 0 ? " " : "", \
		       r_ < 0 ? strerrorname_np(errno) : "");          \
		r_;                                                    \
	})

/* Type, mode, owner, size, links (of what is no directory), device. */
void show(const char *path);
void show_fd(int fd);
/* The content, as text. */
void cat(const char *path);
/* The names in a directory, sorted. */
void list(const char *path);
/* Everything below "." : attributes, contents, targets, xattrs. */
void dump_tree(void);

void ops_files(void);
void ops_names(void);
void ops_attrs(void);
void ops_users(void);
void ops_mmap(void);

#endif
