/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Write the first inputs of the 9P fuzz targets, made from the message
 * table: make-seeds DIR fills DIR/decode, DIR/session and DIR/tree,
 * which must exist.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fake-client.h"
#include "macros.h"

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

/* Walk to @object, open it for the message, then the message and others. */
static size_t
add_messages(uint8_t *buf, uint8_t type, const char *object)
{
	struct p9_fields m;
	size_t len;

	fake_fields(&m);
	m.fid = 0;
	m.fid2 = 1;
	m.names.nr = 1;
	m.names.v[0] = fake_name(object);
	len = add_step(buf, P9_TWALK, 1, &m);
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
	return len + add_step(buf + len, P9_TCLUNK, 6, &m);
}

static void
sequence_seeds(const char *dir, const char *name, uint8_t type)
{
	static const char *const objects[] = { "f", "d", "l" };
	uint8_t buf[4096];
	char file[64];
	size_t len, i;

	for (i = 0; i < 6; i++) {
		(void)snprintf(file, sizeof(file), "%s%zu", name, i);
		/* fuzz-9p-session.c: deferred or not, and finish all. */
		buf[0] = i & 1 ? 0xe5 : 0xe4;
		len = 1 + add_messages(buf + 1, type, objects[i / 2]);
		buf[len++] = 0xf4;
		write_seed(dir, "session", file, buf, len);
		/* fuzz-9p-tree.c: options; deferred or not. */
		buf[0] = (uint8_t)(i + type);
		buf[1] = 0xb0;
		buf[2] = i & 1;
		len = 3 + add_messages(buf + 3, type, objects[i / 2]);
		write_seed(dir, "tree", file, buf, len);
	}
}

/*
 * What a client must not get anywhere with, for fuzz-9p-tree.c over the
 * layers of fuzz-tree.c: message, fid, second fid, names.
 */
static const struct {
	const char *name, *steps[6];
} attacks[] = {
	{ "link-read",
	  { "walk 0 1 m/f", "walk 0 1 m", "lopen 1", "walk 1 2 f", "lopen 2",
	    "read 2" } },
	{ "link-absolute",
	  { "walk 0 1 l", "walk 1 2 f", "lopen 2", "read 2", "readdir 1",
	    "lcreate 1 0 x" } },
	{ "link-below",
	  { "walk 0 1 d/m/f", "walk 0 1 d/e/m", "walk 1 2 f", "lopen 2",
	    "read 2", "unlinkat 1 0 f" } },
	{ "link-planted",
	  { "symlink 0 0 x ../../ro/outside", "walk 0 1 x/f", "walk 0 1 x",
	    "lcreate 1 0 a", "walk 1 2 f", "lopen 2" } },
	{ "link-created",
	  { "symlink 0 0 x ../../ro/outside/f", "walk 0 1", "lcreate 1 0 x",
	    "write 1", "walk 0 2 x", "lopen 2" } },
	{ "link-renamed",
	  { "symlink 0 0 x ../../ro/outside", "walk 0 1 x", "walk 0 2 e",
	    "renameat 0 2 f g", "renameat 1 0 f g", "rename 2 1 0 a" } },
	{ "parent",
	  { "walk 0 1 ../../outside/f", "walk 0 2 d/../../..",
	    "walk 2 3 outside", "mkdir 2 0 ..", "lcreate 2 0 x",
	    "unlinkat 2 0 .." } },
	{ "marks",
	  { "walk 0 1 o", "xattrwalk 1 2 trusted.overlay.opaque",
	    "xattrwalk 1 3 user.overlay.opaque", "read 2", "read 3",
	    "xattrwalk 1 4" } },
	{ "marks-written",
	  { "mkdir 0 0 x", "walk 0 1 x", "lcreate 1 0 a", "walk 0 2 x",
	    "xattrwalk 2 3", "xattrwalk 2 4 trusted.overlay.opaque" } },
	{ "whiteout",
	  { "unlinkat 0 0 f", "walk 0 1 f", "walk 0 2 w", "lopen 0",
	    "readdir 0", "getattr 2" } },
	{ "unlinked",
	  { "walk 0 1 f", "unlinkat 0 0 f", "getattr 1", "lopen 1", "read 1",
	    "link 0 1 x" } },
	{ "unlinked-directory",
	  { "walk 0 1 e/d", "walk 0 2 e", "unlinkat 2 0 d", "lcreate 1 0 x",
	    "walk 1 3 ..", "getattr 1" } },
	{ "fifo",
	  { "walk 0 1 p", "lopen 1", "walk 0 2 n", "lopen 2", "lcreate 0 0 p",
	    "read 1" } },
	{ "large",
	  { "walk 0 1 d/g", "lopen 1", "read 1", "walk 0 2 d", "lopen 2",
	    "readdir 2" } },
	{ "value",
	  { "walk 0 1 f", "xattrcreate 1 0 user.b", "write 1", "clunk 1",
	    "walk 0 1 f", "xattrwalk 1 2 user.b" } },
};

static struct p9_names
split(char *path)
{
	struct p9_names n = { 0 };
	char *name;

	while ((name = strsep(&path, "/")))
		n.v[n.nr++] = fake_name(name);
	return n;
}

static size_t
add_attack(uint8_t *buf, const char *step)
{
	char word[16], name[64] = "", name2[64] = "", path[64];
	struct p9_fields m = { .flags = 0 };
	unsigned type;

	if (sscanf(step, "%15s %u %u %63s %63s", word, &m.fid, &m.fid2, name,
		   name2) < 2)
		abort();
	for (type = 0; type < 256; type += 2)
		if (p9_message_find((uint8_t)type) &&
		    strcmp(p9_message_find((uint8_t)type)->name, word) == 0)
			break;
	(void)snprintf(path, sizeof(path), "%s", name);
	m.name = fake_name(name);
	m.name2 = fake_name(name2);
	if (*path)
		m.names = split(path);
	m.data = fake_name("some data");
	m.size = m.data.len;
	m.count = UINT32_MAX;
	m.mode = 0755;
	m.mask = UINT64_MAX;
	if (type == P9_TLCREATE)
		m.flags = 2;
	return add_step(buf, (uint8_t)type, 1, &m);
}

static void
attack_seeds(const char *dir)
{
	uint8_t buf[4096];
	char file[64];
	size_t i, j, len;

	for (i = 0; i < ARRAY_SIZE(attacks); i++) {
		len = 0;
		buf[len++] = (uint8_t)(i % 3); /* options */
		for (j = 0; j < ARRAY_SIZE(attacks[i].steps); j++)
			if (attacks[i].steps[j])
				len += add_attack(buf + len,
						  attacks[i].steps[j]);
		(void)snprintf(file, sizeof(file), "attack-%s",
			       attacks[i].name);
		write_seed(dir, "tree", file, buf, len);
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
			sequence_seeds(argv[1], row->name, (uint8_t)type);
	}
	attack_seeds(argv[1]);
	return 0;
}
