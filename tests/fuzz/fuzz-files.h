/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Files of a fuzz target's temporary directory, straight: made, hashed,
 * removed. Paths are relative to @base; what fails ends the process.
 */
#ifndef VENEER_TESTS_FUZZ_FILES_H
#define VENEER_TESTS_FUZZ_FILES_H

#include <stdbool.h>
#include <stdint.h>

/* A shell command in @base. */
void files_make(const char *base, const char *cmd);
/* Set the xattr @prefix@name, where the file system and we may. */
void files_set_xattr(const char *base, const char *path, const char *prefix,
		     const char *name, const char *value);
/* Of all below @path: names and all of stat but access times; and content. */
uint64_t files_hash(const char *base, const char *path, bool has_content);
/* Remove all below the directory @path. */
void files_empty(const char *base, const char *path);
/* Are those of @names ("a b ") the names in the directory @path? */
bool files_are(const char *base, const char *path, const char *names);
/* Descriptors that this process has open. */
unsigned files_count_fds(void);

#endif
