/* SPDX-License-Identifier: BSD-3-Clause */
/* Addresses as the command line writes them: [9p+|nbd+]KIND:REST[,OPTION...]. */
#ifndef VENEER_SERVER_ADDR_H
#define VENEER_SERVER_ADDR_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct protocol;

enum addr_kind { ADDR_UNIX, ADDR_TCP, ADDR_VSOCK, ADDR_FD };
/* Bytes of a mount tag, with the final NUL; Linux's driver takes any. */
#define ADDR_TAG_MAX 64

struct addr {
	enum addr_kind kind;
	const struct protocol *protocol;
	char path[108]; /* UNIX; "-": a private one, to be made */
	mode_t mode; /* UNIX: of the socket */
	char host[256]; /* TCP; without brackets */
	char port[16]; /* TCP; digits */
	uint32_t cid, vsock_port; /* VSOCK; UINT32_MAX: any */
	int fd; /* FD */
	bool is_vhost; /* a VMM connects there: UNIX, FD */
	char tag[ADDR_TAG_MAX]; /* of its device */
	bool has_packed; /* which offers packed queues */
};

/*
 * Parse @text. Returns 0, or -EINVAL and a line in @why that says what is
 * wrong and what would be right.
 */
int addr_parse(const char *text, struct addr *ret, char why[256]);
/* That of --socket-path, or else --fd, with --tag or NULL. */
int addr_parse_vhost(const char *path, const char *fd, const char *tag,
		     struct addr *ret, char why[256]);

#endif
