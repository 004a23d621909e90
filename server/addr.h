/* SPDX-License-Identifier: BSD-3-Clause */
/* Addresses as the command line writes them: [9p+|nbd+]KIND:REST[,OPTION...]. */
#ifndef VENEER_SERVER_ADDR_H
#define VENEER_SERVER_ADDR_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct protocol;

enum addr_kind { ADDR_UNIX, ADDR_TCP, ADDR_VSOCK, ADDR_FD };

struct addr {
	enum addr_kind kind;
	const struct protocol *protocol;
	char path[108]; /* UNIX; "-": a private one, to be made */
	mode_t mode; /* UNIX: of the socket */
	char host[256]; /* TCP; without brackets */
	char port[16]; /* TCP; digits */
	uint32_t cid, vsock_port; /* VSOCK; UINT32_MAX: any */
	int fd; /* FD */
};

/*
 * Parse @text. Returns 0, or -EINVAL and a line in @why that says what is
 * wrong and what would be right.
 */
int addr_parse(const char *text, struct addr *ret, char why[256]);

#endif
