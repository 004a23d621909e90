/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * For the tests of partial files: a lower file of random bytes, and beside it,
 * in memory, what is to be seen of it after each change.
 */
#ifndef VENEER_TESTS_LAYERS_PARTIAL_H
#define VENEER_TESTS_LAYERS_PARTIAL_H

#include "layers-fixture.h"

#define BLOCK ((uint64_t)4096)
#define PARTIAL_MODEL_MAX ((size_t)256 << 10)

/* A shell condition: upper/FILE is partial. */
#define PARTIAL(file)                                                  \
	"[ $(getfattr -m trusted.overlay -d upper/" file " | grep -c " \
	"-e 'veneer.partial=' -e 'overlay.metacopy') = 2 ]"
/* It is a whole one. */
#define WHOLE(file)                                                    \
	"[ $(getfattr -m trusted.overlay -d upper/" file " | grep -c " \
	"-e 'veneer.partial=' -e 'overlay.metacopy') = 0 ]"

/* Write lower2/@name; what follows is about this one, whatever its name is. */
void partial_lower(struct fixture *f, const char *name, uint64_t size);
/* Both are the caller's. */
struct handle *partial_open(struct fixture *f, const char *path, int flags,
			    struct node **ret);
/* Write @len random bytes at @off. */
void partial_write_at(struct fixture *f, const char *path, uint64_t off,
		      uint64_t len);
void partial_truncate_to(struct fixture *f, const char *path, uint64_t size);
void partial_fsync(struct fixture *f, const char *path);
/* All of it reads as it should, and has that size. */
void partial_assert_same(struct fixture *f, const char *path);
/* Let the copier do all that there is. */
void partial_copy_all(struct fixture *f);
/* tree_check() finds no error; the tree is closed and opened again. */
void partial_assert_check(struct fixture *f);

/* What is to be seen. */
struct partial_model {
	uint64_t size;
	unsigned char data[PARTIAL_MODEL_MAX];
};
extern struct partial_model partial_model;

#endif
