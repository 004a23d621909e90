/* SPDX-License-Identifier: BSD-3-Clause */
/* The command line of `veneer serve`, as values. */
#ifndef VENEER_SERVER_CONFIG_H
#define VENEER_SERVER_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "access.h"
#include "tls.h"

struct protocol;
struct tree_config;

enum exit_code { EXIT_OK = 0, EXIT_RUNTIME = 1, EXIT_USAGE = 2 };

enum append_policy { APPEND_AUTO, APPEND_STRICT, APPEND_POSITIONAL };

struct config_tree {
	char *name; /* owned */
	struct tree_config *tree; /* owned */
	struct access access;
};

struct config {
	struct config_tree *trees; /* owned */
	unsigned nr_trees;
	const char **listens; /* owned array of borrowed argv strings */
	unsigned nr_listens;
	/* What inherited sockets without a name of ours speak; NULL: guess. */
	const struct protocol *listen_fds;
	/* The device of a back-end program (vhost-user.rst): borrowed, or NULL */
	struct {
		const char *path, *fd, *tag;
	} vhost;
	const char *run; /* borrowed, or NULL */
	const char *default_export; /* borrowed, or NULL */
	const char *nbd_list; /* borrowed: a pattern; NULL: nothing */
	bool nbd_read_only;
	const char **nbd_devices; /* owned array of borrowed argv strings */
	unsigned nr_nbd_devices;
	uint32_t nbd_uid, nbd_gid; /* of the host; NO_ID: not given */
	const char *pidfile; /* borrowed, or NULL */
	unsigned nr_loops;
	unsigned max_workers;
	uint32_t max_msize;
	unsigned max_conns, max_fids;
	unsigned max_inflight; /* requests of a connection that run at once */
	uint64_t max_inflight_bytes; /* of those, and of unsent replies */
	uint64_t max_total_bytes; /* buffers of all connections */
	uint64_t max_xattr_bytes; /* of values that a connection's fids hold */
	unsigned poll_us; /* polled for the next request before sleeping */
	unsigned timeout_s; /* for half frames and unread replies */
	enum append_policy append;
	struct tls_config tls;
	bool allow_remote;
	bool is_daemon;
	int log_level;
};

#define CONFIG_MAX_LOOPS 64
#define CONFIG_MAX_WORKERS 256
#define CONFIG_DEFAULT_WORKERS 16
#define CONFIG_DEFAULT_MSIZE (1u << 20)
#define CONFIG_DEFAULT_CONNS 1024
#define CONFIG_DEFAULT_FIDS (1u << 20)
#define CONFIG_DEFAULT_INFLIGHT 128
/* Or four messages, where that is more. */
#define CONFIG_DEFAULT_INFLIGHT_BYTES (16u << 20)
#define CONFIG_DEFAULT_TOTAL_BYTES (1u << 30)
#define CONFIG_DEFAULT_XATTR_BYTES (4u << 20)
/* Not a limit that anybody means; small enough to be added up. */
#define CONFIG_MAX_BYTES (UINT64_C(1) << 40)
#define CONFIG_DEFAULT_POLL_US 50
#define CONFIG_DEFAULT_TIMEOUT_S 60

/*
 * Parse the arguments after "serve". Returns 0; -EINVAL after a message to
 * standard error; 1 if help was asked for and printed.
 */
int config_parse(struct config *ret, int argc, char **argv);
void config_fini(struct config *config);

/* -EINVAL, after a line in the log that says what would be right. */
int config_refuse(const char *format, ...)
	__attribute__((format(printf, 1, 2)));

/* The options with a line each, as --help prints them. */
void config_usage(void);

/* What vhost-user.json calls VhostUserBackendCapabilities, to stdout. */
void config_print_capabilities(void);

/*
 * Cut the next "key" or "key=value" off an option string of QEMU's form
 * (k=v,k=v, two commas for one). @*rest is advanced, NULL at the end; key and
 * value point into the string, which is modified.
 */
void config_next_option(char **rest, char **ret_key, char **ret_value);

/* Bytes with an optional k, M or G; -EINVAL. */
int config_parse_size(const char *text, uint64_t *ret);

/*
 * The same for --@option, from @min to @max. -EINVAL after a message to standard
 * error.
 */
int config_parse_number(const char *option, const char *text, uint64_t min,
			uint64_t max, uint64_t *ret);
int config_parse_unsigned(const char *option, const char *text, unsigned min,
			  unsigned max, unsigned *ret);

#endif
