/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The server as a whole: what its parts share. State hangs off struct
 * server; the only globals are the log's.
 */
#ifndef VENEER_SERVER_SERVER_H
#define VENEER_SERVER_SERVER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "config.h"

struct copier;
struct groups;
struct loop;
struct pool;
struct tls;
struct tree;

/* A tree that clients can attach to. */
struct export
{
	char *name; /* owned; "" for the unnamed one */
	struct tree *tree; /* owned */
	struct copier *copier; /* owned; NULL unless copyup=background */
	unsigned index; /* of its queue in the pool */
	const struct access *access; /* borrowed from the config; const */
};

struct server {
	const struct config *config; /* borrowed; const */
	struct export *exports; /* owned; const after start */
	unsigned nr_exports;
	struct loop **loops; /* owned; const after start; loops[0] is main's */
	unsigned nr_loops;
	unsigned max_polling; /* busy loops, for any to poll; const */
	struct pool *pool; /* owned */
	struct tls *tls; /* owned; const after start; NULL: no TLS */
	struct groups *groups; /* owned; NULL unless some access is not plain */
	LIST_HEAD(, listener) listeners; /* owned; loop 0 */
	atomic_uint nr_conns;
	atomic_ullong next_conn_id;
};

/*
 * The export that @len bytes of aname select: "" and "/" the first; a
 * leading slash does not count. NULL: there is none.
 */
struct export *export_find(const struct server *s, const char *aname,
			   size_t len);

/* Serve as @config says until told to stop; returns the exit code. */
int serve(const struct config *config);

#endif
