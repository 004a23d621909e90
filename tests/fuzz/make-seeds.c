/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Write the first inputs of the 9P fuzz targets, made from the message
 * table: make-seeds DIR fills DIR/decode and DIR/session, which must exist.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fake-client.h"

static void
write_seed(const char *dir, const char *kind, const char *name,
	   const uint8_t *bytes, size_t len)
{
	char path[4096];
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/%s/seed-%s", dir, kind, name);
	f = fopen(path, "wb");
	if (!f || fwrite(bytes, 1, len, f) != len || fclose(f)) {
		perror(path);
		exit(1);
	}
}

/* A step of fuzz-9p-session.c. Returns its length. */
static size_t
add_step(uint8_t *to, uint8_t type, uint8_t tag, const struct p9_fields *m)
{
	uint8_t buf[1024];
	ssize_t len = p9_encode(type, tag, p9_message_find(type)->t, m, buf,
				sizeof(buf));
	size_t body = (size_t)len - P9_HEADER_SIZE;

	to[0] = type;
	to[1] = (uint8_t)((body + 1) / 2);
	to[2] = tag;
	memset(to + 3, 0, body + 1);
	memcpy(to + 3, buf + P9_HEADER_SIZE, body);
	return 3 + (body + 1) / 2 * 2;
}

/* Walk to what the message needs, open it, then the message. */
static void
session_seed(const char *dir, const char *name, uint8_t type)
{
	static const char *const objects[] = { "f", "d", "l" };
	struct p9_fields m;
	uint8_t buf[4096];
	char file[64];
	size_t len, i;

	for (i = 0; i < 6; i++) {
		fake_fields(&m);
		len = 0;
		buf[len++] = i & 1 ? 0xe5 : 0xe4; /* deferred or not */
		m.fid = 0;
		m.fid2 = 1;
		m.names.nr = 1;
		m.names.v[0] = fake_name(objects[i / 2]);
		len += add_step(buf + len, P9_TWALK, 1, &m);
		m.fid = 1;
		m.fid2 = 2;
		m.flags = 2;
		if (type != P9_TLCREATE && type != P9_TXATTRCREATE)
			len += add_step(buf + len, P9_TLOPEN, 2, &m);
		m.size = 9;
		m.flags = 0;
		m.offset = 0;
		m.count = 500;
		m.oldtag = 2;
		len += add_step(buf + len, type, 3, &m);
		len += add_step(buf + len, P9_TWRITE, 4, &m);
		len += add_step(buf + len, P9_TFLUSH, 5, &m);
		len += add_step(buf + len, P9_TCLUNK, 6, &m);
		buf[len++] = 0xf4;
		(void)snprintf(file, sizeof(file), "%s%zu", name, i);
		write_seed(dir, "session", file, buf, len);
	}
}

int
main(int argc, char **argv)
{
	struct p9_fields m;
	uint8_t buf[1024];
	unsigned type;
	ssize_t len;

	if (argc != 2)
		return 2;
	for (type = 0; type < 256; type++) {
		const struct p9_message *row = p9_message_find(type & 0xfe);
		char name[32];

		if (!row)
			continue;
		fake_fields(&m);
		len = p9_encode((uint8_t)type, 0, type & 1 ? row->r : row->t,
				&m, buf, sizeof(buf));
		buf[5] = (uint8_t)type;
		buf[6] = 0;
		(void)snprintf(name, sizeof(name), "%c%s", type & 1 ? 'R' : 'T',
			       row->name);
		write_seed(argv[1], "decode", name, buf + 5, (size_t)len - 5);
		if (!(type & 1))
			session_seed(argv[1], row->name, (uint8_t)type);
	}
	return 0;
}
