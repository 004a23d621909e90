/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The command line. Options of a tree are handed to layers/ as they are;
 * everything that is refused is refused with the option's name and what
 * would be right.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "config-tree.h"
#include "config.h"
#include "image.h"
#include "log.h"
#include "macros.h"
#include "protocol.h"
#include "request.h"
#include "tree.h"

/* --nbd-list top, as a pattern. */
#define LIST_TOP "*"

enum option_id {
	OPT_LOWER = 256,
	OPT_UPPER,
	OPT_WORK,
	OPT_OWNER,
	OPT_ACCESS,
	OPT_SQUASH,
	OPT_SQUASH_TO,
	OPT_MAP_UID,
	OPT_MAP_GID,
	OPT_TREE,
	OPT_LISTEN,
	OPT_LISTEN_FDS,
	OPT_DEFAULT_EXPORT,
	OPT_NBD_DEVICE,
	OPT_NBD_LIST,
	OPT_NBD_READ_ONLY,
	OPT_NBD_USER,
	OPT_SOCKET_PATH,
	OPT_FD,
	OPT_TAG,
	OPT_PRINT_CAPABILITIES,
	OPT_RUN,
	OPT_LOOPS,
	OPT_WORKERS,
	OPT_MSIZE,
	OPT_MAX_CONNS,
	OPT_MAX_FIDS,
	OPT_MAX_INFLIGHT,
	OPT_MAX_INFLIGHT_BYTES,
	OPT_MAX_TOTAL_BYTES,
	OPT_MAX_XATTR_BYTES,
	OPT_TIMEOUT,
	OPT_POLL,
	OPT_APPEND,
	OPT_TLS,
	OPT_TLS_CERTIFICATES,
	OPT_TLS_VERIFY_PEER,
	OPT_TLS_PSK_FILE,
	OPT_TLS_PRIORITY,
	OPT_ALLOW_REMOTE,
	OPT_DAEMON,
	OPT_PIDFILE,
	OPT_LOG_LEVEL,
	OPT_HELP,
};

/* One row an option: parsing and --help come from it. */
static const struct {
	const char *name;
	int id;
	const char *arg; /* NULL: takes none */
	const char *help;
} rows[] = {
	{ "lower", OPT_LOWER, "DIR",
	  "a read-only layer; again for the next below" },
	{ "upper", OPT_UPPER, "DIR", "the writable layer; none: read-only" },
	{ "work", OPT_WORK, "DIR",
	  "work directory on the upper's file system [UPPER.work]" },
	{ "owner", OPT_OWNER, "real|mapped",
	  "whose the objects are: mapped needs no root [real]" },
	{ "access", OPT_ACCESS, "client|server",
	  "who checks what users may do [client]" },
	{ "squash", OPT_SQUASH, "none|root|all",
	  "which users of clients are nobody here [none]" },
	{ "squash-to", OPT_SQUASH_TO, "UID:GID",
	  "who they are instead [65534:65534]" },
	{ "map-uid", OPT_MAP_UID, "GUEST:HOST:N",
	  "users of clients that are others here; again for more" },
	{ "map-gid", OPT_MAP_GID, "GUEST:HOST:N", "the same for groups" },
	{ "options", 'o', "K=V,...",
	  "overlayfs mount options: lowerdir=,upperdir=,workdir=,..." },
	{ "tree", OPT_TREE, "name=N,K=V,...",
	  "a tree of its own, attached to by aname N" },
	{ "listen", OPT_LISTEN, "ADDR",
	  "[nbd+]unix:PATH, unix:-, tcp:HOST:PORT, vsock:CID:PORT, fd:N, "
	  "vhost-user:PATH" },
	{ "listen-fds", OPT_LISTEN_FDS, "9p|nbd",
	  "what is spoken on sockets of LISTEN_FDS that do not say" },
	{ "default-export", OPT_DEFAULT_EXPORT, "NAME",
	  "the image that NBD clients get who name none" },
	{ "nbd-device", OPT_NBD_DEVICE, "PATH",
	  "a block device that may be served where the tree has it; again for "
	  "more" },
	{ "nbd-list", OPT_NBD_LIST, "none|top|GLOB",
	  "which images NBD clients are told of [top]" },
	{ "nbd-read-only", OPT_NBD_READ_ONLY, NULL, "let no NBD client write" },
	{ "nbd-user", OPT_NBD_USER, "UID[:GID]",
	  "whose rights NBD clients have" },
	{ "socket-path", OPT_SOCKET_PATH, "PATH",
	  "be a virtio-9p device for the VMM that connects there" },
	{ "fd", OPT_FD, "N", "the same over an inherited socket" },
	{ "tag", OPT_TAG, "NAME", "the mount tag of that device [veneer]" },
	{ "print-capabilities", OPT_PRINT_CAPABILITIES, NULL,
	  "say in JSON what device that is" },
	{ "run", OPT_RUN, "CMD", "run CMD with $veneer_uri, end when it ends" },
	{ "loops", OPT_LOOPS, "N", "loop threads [two a core, at most 8]" },
	{ "workers", OPT_WORKERS, "N", "worker threads at most [16]" },
	{ "msize", OPT_MSIZE, "SIZE", "largest 9P message, 4k to 16M [1M]" },
	{ "max-connections", OPT_MAX_CONNS, "N", "connections at once [1024]" },
	{ "max-fids", OPT_MAX_FIDS, "N", "fids of one connection [1048576]" },
	{ "max-inflight", OPT_MAX_INFLIGHT, "N",
	  "requests of one connection that run at once [128]" },
	{ "max-inflight-bytes", OPT_MAX_INFLIGHT_BYTES, "SIZE",
	  "of those and of unread replies [16M]" },
	{ "max-total-bytes", OPT_MAX_TOTAL_BYTES, "SIZE",
	  "buffers of all connections [1G]" },
	{ "max-xattr-bytes", OPT_MAX_XATTR_BYTES, "SIZE",
	  "xattr values that fids of one connection hold [4M]" },
	{ "timeout", OPT_TIMEOUT, "SECONDS",
	  "for the first message, half a one, unread replies [60]" },
	{ "poll-us", OPT_POLL, "US",
	  "poll so long for the next request before sleeping [50]" },
	{ "append", OPT_APPEND, "auto|strict|positional",
	  "what O_APPEND means [auto]" },
	{ "tls", OPT_TLS, "off|on|require",
	  "NBD connections with TLS [on with one of the next two]" },
	{ "tls-certificates", OPT_TLS_CERTIFICATES, "DIR",
	  "server-cert.pem, server-key.pem and ca-cert.pem" },
	{ "tls-psk-file", OPT_TLS_PSK_FILE, "FILE",
	  "keys shared with clients, as psktool writes them" },
	{ "tls-verify-peer", OPT_TLS_VERIFY_PEER, NULL,
	  "clients need a certificate, too" },
	{ "tls-priority", OPT_TLS_PRIORITY, "STRING",
	  "versions and ciphers, as GnuTLS takes them" },
	{ "allow-remote", OPT_ALLOW_REMOTE, NULL,
	  "listen on TCP beyond loopback" },
	{ "daemon", OPT_DAEMON, NULL, "go to the background once ready" },
	{ "pidfile", OPT_PIDFILE, "PATH",
	  "write the process id there once ready" },
	{ "log-level", OPT_LOG_LEVEL, "LEVEL",
	  "error, warning, info, debug [info]" },
	{ "help", OPT_HELP, NULL, "print this" },
};

void
config_usage(void)
{
	char left[64];
	size_t i;

	puts("usage: veneer serve --lower DIR [--lower DIR ...] "
	     "[--upper DIR [--work DIR]]\n"
	     "                    [--listen ADDR ...] [--run CMD] [OPTION "
	     "...]\n");
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		(void)snprintf(left, sizeof(left), "%s--%s%s%s",
			       rows[i].id == 'o' ? "-o, " : "", rows[i].name,
			       rows[i].arg ? " " : "",
			       rows[i].arg ? rows[i].arg : "");
		printf("  %-34s %s\n", left, rows[i].help);
	}
	puts("\nveneer(8) says more.");
}

/* Append @text, which is borrowed. */
static int
add_text(const char ***list, unsigned *nr, const char *text)
{
	const char **p = reallocarray(*list, *nr + 1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	*list = p;
	p[(*nr)++] = text;
	return 0;
}

static int
parse_append(struct config *c, const char *text)
{
	static const char *const names[] = {
		[APPEND_AUTO] = "auto",
		[APPEND_STRICT] = "strict",
		[APPEND_POSITIONAL] = "positional",
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(names); i++) {
		if (strcmp(names[i], text) == 0) {
			c->append = (enum append_policy)i;
			return 0;
		}
	}
	return config_refuse("--append %s: use auto, strict or positional",
			     text);
}

static int
parse_limit(struct config *c, int id, const char *arg)
{
	uint64_t v = 0;
	int r;

	switch (id) {
	case OPT_LOOPS:
		return config_parse_unsigned("loops", arg, 1, CONFIG_MAX_LOOPS,
					     &c->nr_loops);
	case OPT_WORKERS:
		return config_parse_unsigned(
			"workers", arg, 1, CONFIG_MAX_WORKERS, &c->max_workers);
	case OPT_MAX_CONNS:
		return config_parse_unsigned("max-connections", arg, 1,
					     1u << 20, &c->max_conns);
	case OPT_MAX_FIDS:
		return config_parse_unsigned("max-fids", arg, 16, 1u << 30,
					     &c->max_fids);
	case OPT_MAX_INFLIGHT:
		return config_parse_unsigned("max-inflight", arg, 1, UINT16_MAX,
					     &c->max_inflight);
	case OPT_MAX_INFLIGHT_BYTES:
		return config_parse_number("max-inflight-bytes", arg, 64u << 10,
					   CONFIG_MAX_BYTES,
					   &c->max_inflight_bytes);
	case OPT_MAX_TOTAL_BYTES:
		return config_parse_number("max-total-bytes", arg, 1u << 20,
					   CONFIG_MAX_BYTES,
					   &c->max_total_bytes);
	case OPT_MAX_XATTR_BYTES:
		return config_parse_number("max-xattr-bytes", arg, 64u << 10,
					   CONFIG_MAX_BYTES,
					   &c->max_xattr_bytes);
	case OPT_TIMEOUT:
		return config_parse_unsigned("timeout", arg, 1, 86400,
					     &c->timeout_s);
	case OPT_POLL:
		return config_parse_unsigned("poll-us", arg, 0, 1000,
					     &c->poll_us);
	default:
		r = config_parse_number("msize", arg, 4096, 16u << 20, &v);
		if (r == 0)
			c->max_msize = (uint32_t)v;
		return r;
	}
}

static int
parse_nbd_list(struct config *c, const char *text)
{
	if (strcmp(text, "none") == 0) {
		c->nbd_list = NULL;
		return 0;
	}
	c->nbd_list = strcmp(text, "top") == 0 ? LIST_TOP : text;
	if (image_pattern_is_ok(c->nbd_list))
		return 0;
	return config_refuse(
		"--nbd-list %s: use none, top, or a pattern for "
		"paths without \"/\" in front, of at most 16 names",
		text);
}

static int
parse_nbd_user(struct config *c, const char *text)
{
	bool has_gid = strchr(text, ':');
	uint32_t uid, gid = NO_ID;
	const char *p = text;

	if (!access_take_id(&p, has_gid ? ':' : '\0', &uid) ||
	    (has_gid && !access_take_id(&p, '\0', &gid)))
		return config_refuse("--nbd-user %s: use UID or UID:GID, "
				     "numbers of the host",
				     text);
	c->nbd_uid = uid;
	c->nbd_gid = gid;
	return 0;
}

static int
apply_nbd(struct config *c, int id, const char *arg)
{
	switch (id) {
	case OPT_DEFAULT_EXPORT:
		c->default_export = arg;
		return *arg ? 0
			    : config_refuse("--default-export needs the path "
					    "of a file in the tree");
	case OPT_NBD_DEVICE:
		if (!image_device_is_ok(arg))
			return config_refuse("--nbd-device %s: there is no "
					     "block device",
					     arg);
		return add_text(&c->nbd_devices, &c->nr_nbd_devices, arg);
	case OPT_NBD_LIST:
		return parse_nbd_list(c, arg);
	case OPT_NBD_READ_ONLY:
		c->nbd_read_only = true;
		return 0;
	default:
		return parse_nbd_user(c, arg);
	}
}

static int
parse_tls(struct tls_config *c, int id, const char *arg)
{
	if (id == OPT_TLS_CERTIFICATES)
		c->certificates = arg;
	else if (id == OPT_TLS_PSK_FILE)
		c->psk_file = arg;
	else if (id == OPT_TLS_PRIORITY)
		c->priority = arg;
	else if (id == OPT_TLS_VERIFY_PEER)
		c->verify_peer = true;
	else if (tls_config_set_mode(c, arg) < 0)
		return config_refuse("--tls %s: use off, on or require", arg);
	return 0;
}

/* 1: help was printed. */
static int
apply(struct config *c, int id, const char *arg)
{
	switch (id) {
	case OPT_LOWER:
		return config_set_unnamed(c, "--lower", "lower", arg);
	case OPT_UPPER:
		return config_set_unnamed(c, "--upper", "upper", arg);
	case OPT_WORK:
		return config_set_unnamed(c, "--work", "work", arg);
	case OPT_OWNER:
		return config_set_unnamed(c, "--owner", "owner", arg);
	case OPT_ACCESS:
		return config_set_unnamed(c, "--access", "access", arg);
	case OPT_SQUASH:
		return config_set_unnamed(c, "--squash", "squash", arg);
	case OPT_SQUASH_TO:
		return config_set_unnamed(c, "--squash-to", "squash-to", arg);
	case OPT_MAP_UID:
		return config_set_unnamed(c, "--map-uid", "map-uid", arg);
	case OPT_MAP_GID:
		return config_set_unnamed(c, "--map-gid", "map-gid", arg);
	case 'o':
		return config_set_options(c, arg);
	case OPT_TREE:
		return config_add_tree(c, arg);
	case OPT_LISTEN:
		return add_text(&c->listens, &c->nr_listens, arg);
	case OPT_LISTEN_FDS:
		c->listen_fds = protocol_find(arg, strlen(arg));
		if (c->listen_fds)
			return 0;
		return config_refuse("--listen-fds %s: use 9p or nbd", arg);
	case OPT_DEFAULT_EXPORT:
	case OPT_NBD_DEVICE:
	case OPT_NBD_LIST:
	case OPT_NBD_READ_ONLY:
	case OPT_NBD_USER:
		return apply_nbd(c, id, arg);
	case OPT_SOCKET_PATH:
		c->vhost.path = arg;
		return 0;
	case OPT_FD:
		c->vhost.fd = arg;
		return 0;
	case OPT_TAG:
		c->vhost.tag = arg;
		return 0;
	case OPT_PRINT_CAPABILITIES:
		config_print_capabilities();
		return 1;
	case OPT_RUN:
		c->run = arg;
		return 0;
	case OPT_PIDFILE:
		c->pidfile = arg;
		return 0;
	case OPT_APPEND:
		return parse_append(c, arg);
	case OPT_TLS:
	case OPT_TLS_CERTIFICATES:
	case OPT_TLS_VERIFY_PEER:
	case OPT_TLS_PSK_FILE:
	case OPT_TLS_PRIORITY:
		return parse_tls(&c->tls, id, arg);
	case OPT_ALLOW_REMOTE:
		c->allow_remote = true;
		return 0;
	case OPT_DAEMON:
		c->is_daemon = true;
		return 0;
	case OPT_LOG_LEVEL:
		if (log_level_parse(arg, &c->log_level) == 0)
			return 0;
		return config_refuse("--log-level %s: use error, warning, info "
				     "or debug",
				     arg);
	case OPT_HELP:
		config_usage();
		return 1;
	default:
		return parse_limit(c, id, arg);
	}
}

void
config_print_capabilities(void)
{
	puts("{\n  \"type\": \"9p\"\n}");
}

/* The known option that @text, "--something", looks most like. */
static const char *
nearest_option(const char *text)
{
	size_t i, j, same, best_same = 2;
	const char *best = NULL;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		for (same = 0, j = 0; text[j] && rows[i].name[j]; j++)
			same += text[j] == rows[i].name[j];
		if (same > best_same) {
			best_same = same;
			best = rows[i].name;
		}
	}
	return best;
}

static int
bad_option(char **argv, int id, const struct option *longs)
{
	const char *text = argv[optind - 1], *near;

	if (id == ':')
		return config_refuse("%s needs a value", text);
	(void)longs;
	near = strncmp(text, "--", 2) == 0 ? nearest_option(text + 2) : NULL;
	if (near)
		return config_refuse("unknown option \"%s\": did you mean "
				     "\"--%s\"?",
				     text, near);
	return config_refuse("unknown option \"%s\": see veneer serve --help",
			     text);
}

static int
check(struct config *c)
{
	const char *why;

	if (c->nr_trees == 0)
		return config_refuse("nothing to serve: give --lower DIR, or "
				     "--tree (see veneer serve --help)");
	if (c->vhost.path && c->vhost.fd)
		return config_refuse(
			"--socket-path and --fd exclude each other");
	if (c->vhost.tag && !c->vhost.path && !c->vhost.fd)
		return config_refuse("--tag is for --socket-path and --fd; "
				     "--listen vhost-user:PATH has tag=");
	if (c->run && c->is_daemon)
		return config_refuse("--run and --daemon exclude each other");
	return tls_config_check(&c->tls, &why) < 0 ? config_refuse("%s", why)
						   : 0;
}

int
config_parse(struct config *ret, int argc, char **argv)
{
	struct option longs[ARRAY_SIZE(rows) + 1] = { 0 };
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	int id, r = 0;
	size_t i;

	*ret = (struct config){
		.nr_loops = (unsigned)MIN(2 * MAX(cores, 1L), 8L),
		.max_workers = CONFIG_DEFAULT_WORKERS,
		.max_msize = CONFIG_DEFAULT_MSIZE,
		.max_conns = CONFIG_DEFAULT_CONNS,
		.max_fids = CONFIG_DEFAULT_FIDS,
		.max_inflight = CONFIG_DEFAULT_INFLIGHT,
		.max_total_bytes = CONFIG_DEFAULT_TOTAL_BYTES,
		.max_xattr_bytes = CONFIG_DEFAULT_XATTR_BYTES,
		.poll_us = CONFIG_DEFAULT_POLL_US,
		.timeout_s = CONFIG_DEFAULT_TIMEOUT_S,
		.nbd_list = LIST_TOP,
		.nbd_uid = NO_ID,
		.nbd_gid = NO_ID,
		.log_level = LOG_INFO,
	};
	for (i = 0; i < ARRAY_SIZE(rows); i++)
		longs[i] = (struct option){ rows[i].name,
					    rows[i].arg ? required_argument
							: no_argument,
					    NULL, rows[i].id };
	optind = 1;
	opterr = 0;
	while (r == 0 &&
	       (id = getopt_long(argc, argv, ":o:h", longs, NULL)) != -1) {
		if (id == '?' || id == ':')
			return bad_option(argv, id, longs);
		r = apply(ret, id == 'h' ? OPT_HELP : id, optarg);
	}
	if (r != 0)
		return r;
	if (optind < argc)
		return config_refuse("unexpected argument \"%s\"",
				     argv[optind]);
	if (ret->max_inflight_bytes == 0)
		ret->max_inflight_bytes =
			MAX(CONFIG_DEFAULT_INFLIGHT_BYTES, 4 * ret->max_msize);
	return check(ret);
}

void
config_fini(struct config *c)
{
	unsigned i;

	for (i = 0; i < c->nr_trees; i++) {
		free(c->trees[i].name);
		tree_config_free(c->trees[i].tree);
	}
	free(c->trees);
	free(c->listens);
	free(c->nbd_devices);
}
