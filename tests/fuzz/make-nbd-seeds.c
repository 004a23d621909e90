/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Write the first inputs of the NBD fuzz targets: make-nbd-seeds DIR fills
 * DIR/nbd-handshake and DIR/nbd-session, which must exist.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "macros.h"
#include "nbd/messages.h"
#include "wire.h"

static uint8_t buf[4096];
static struct wire_out to;

static void
begin(uint8_t first)
{
	to = (struct wire_out){ .p = buf, .end = buf + sizeof(buf) };
	wire_put_u8(&to, first);
}

static void
end(const char *dir, const char *kind, const char *name, unsigned nr)
{
	size_t len = (size_t)(to.p - buf);
	char path[4096];
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/%s/seed-%s-%u", dir, kind, name,
		       nr);
	f = fopen(path, "wb");
	if (!f || fwrite(buf, 1, len, f) != len || fclose(f)) {
		perror(path);
		exit(1);
	}
}

static void
add_option(uint8_t number, const void *data, size_t len)
{
	wire_put_u8(&to, number);
	wire_put_be16(&to, (uint16_t)len);
	wire_put_bytes(&to, data, len);
}

static void
handshake_seeds(const char *dir)
{
	static const char info[] = "\0\0\0\1f\0\3\0\1\0\2\0\3";
	static const char meta[] = "\0\0\0\1f\0\0\0\2"
				   "\0\0\0\17base:allocation"
				   "\0\0\0\25qemu:allocation-depth";
	unsigned tls, form;

	for (tls = 0; tls < 3; tls++)
		for (form = 0; form < 3; form++) {
			begin((uint8_t)tls);
			wire_put_u8(&to, 3); /* flags */
			wire_put_u8(&to, 0xce); /* exports to be listed */
			if (tls)
				add_option(NBD_OPT_STARTTLS, "", 0);
			add_option(NBD_OPT_LIST, "", 0);
			if (form)
				add_option(form == 1 ? NBD_OPT_STRUCTURED_REPLY
						     : NBD_OPT_EXTENDED_HEADERS,
					   "", 0);
			add_option(NBD_OPT_LIST_META_CONTEXT, meta,
				   sizeof(meta) - 1);
			add_option(NBD_OPT_SET_META_CONTEXT, meta,
				   sizeof(meta) - 1);
			wire_put_u8(&to, 0xc5); /* deferred */
			add_option(NBD_OPT_INFO, info, sizeof(info) - 1);
			wire_put_u8(&to, 0xff);
			if (form == 0)
				add_option(NBD_OPT_EXPORT_NAME, "f", 1);
			add_option(form == 1 ? NBD_OPT_ABORT : NBD_OPT_GO, info,
				   sizeof(info) - 1);
			end(dir, "nbd-handshake", "options", tls * 3 + form);
		}
}

static void
add_command(uint8_t step, uint8_t flags, uint16_t off, uint16_t len)
{
	wire_put_u8(&to, step);
	wire_put_u8(&to, flags);
	wire_put_be16(&to, off);
	wire_put_be16(&to, len);
}

static void
session_seeds(const char *dir)
{
	static const uint8_t chosen[16] = { 0, 0, 0, 0, 0, 0, 16, 0,
					    0, 0, 0, 2, 0, 0, 0,  1 };
	unsigned mode, type, flags;

	for (mode = 0; mode < 3; mode++)
		for (type = 0; type < 9; type++) {
			begin((uint8_t)mode);
			for (flags = 1; flags < 0x40; flags *= 2)
				add_command((uint8_t)type, (uint8_t)flags, 5,
					    300);
			wire_put_u8(&to, 0xd5); /* deferred */
			wire_put_u8(&to, 0xdb); /* what is sent stays */
			wire_put_u8(&to, 0xde); /* data and holes */
			add_command((uint8_t)(type | 0x20), 0, 0, 0);
			add_command(NBD_CMD_WRITE, NBD_FLAG_PAYLOAD_LEN, 9, 9);
			add_command(NBD_CMD_BLOCK_STATUS, NBD_FLAG_PAYLOAD_LEN,
				    0, 16);
			wire_put_bytes(&to, chosen, sizeof(chosen));
			wire_put_u8(&to, 0xc1);
			wire_put_u8(&to, 0xc0);
			wire_put_u8(&to, 0xff);
			add_command(NBD_CMD_DISC, 0, 0, 0);
			end(dir, "nbd-session", "command", mode * 9 + type);
		}
}

int
main(int argc, char **argv)
{
	if (argc != 2)
		return 2;
	handshake_seeds(argv[1]);
	session_seeds(argv[1]);
	return 0;
}
