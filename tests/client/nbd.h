/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An NBD client for tests and benchmarks, over a Unix socket: as much of the
 * handshake as opens an export, and requests by hand, many at once. Blocking.
 * Functions return 0 or a negative errno: -EPROTO for what no server may send.
 */
#ifndef VENEER_TESTS_CLIENT_NBD_H
#define VENEER_TESTS_CLIENT_NBD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum nbd_type {
	NBD_READ,
	NBD_WRITE,
	NBD_DISC,
	NBD_FLUSH,
	NBD_TRIM,
	NBD_CACHE,
	NBD_ZEROES,
	NBD_BLOCK_STATUS,
};
#define NBD_FLAG_FUA 1u
#define NBD_FLAG_NO_HOLE 2u

struct nbd {
	int fd; /* owned; -1 */
	uint64_t size; /* of the export, in bytes */
	uint16_t flags; /* the export's */
};

struct nbd_request {
	enum nbd_type type;
	unsigned flags; /* of the command */
	uint64_t cookie, offset;
	uint32_t len;
	const void *data; /* borrowed; of a write */
};

/*
 * Connect to the socket at @path and open @export, with or without structured
 * replies. @timeout_ms: how long to try to connect. -ENOENT: the server knows
 * no such export.
 */
int nbd_open(struct nbd *c, const char *path, const char *export,
	     bool is_structured, unsigned timeout_ms);
/* Say goodbye, and close. */
void nbd_close(struct nbd *c);

/* Bytes of a request's header as it goes out. */
#define NBD_HEAD 28
void nbd_encode(const struct nbd_request *r, uint8_t ret[NBD_HEAD]);

int nbd_send(struct nbd *c, const struct nbd_request *r);
/*
 * Take the simple reply to any request: *@ret_cookie is whose. A read's data
 * goes to @data, which has @len bytes of room, and nothing otherwise. Returns
 * 0, or the server's error, negative; -ECONNRESET: it is gone.
 */
int nbd_receive(struct nbd *c, uint64_t *ret_cookie, void *data, uint32_t len);

/* One request, and its reply, without others in flight and structured replies. */
int nbd_read(struct nbd *c, uint64_t off, void *data, uint32_t len);
int nbd_write(struct nbd *c, uint64_t off, const void *data, uint32_t len);
int nbd_command(struct nbd *c, enum nbd_type type, unsigned flags, uint64_t off,
		uint32_t len);

#endif
