/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The number that statfs(2) tells the merged tree apart by (uuid=): random,
 * and kept on the upper's root as ovl_init_uuid_xattr() keeps it.
 */
#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "overlay.h"

#define UUID_SIZE 16

/* uuid_to_fsid() */
static uint64_t
to_fsid(const uint8_t uuid[UUID_SIZE])
{
	uint64_t fsid = 0;
	int i;

	for (i = 0; i < UUID_SIZE; i++)
		fsid ^= (uint64_t)uuid[i] << (8 * (i % 8));
	return fsid;
}

static int
make_uuid(struct tree *t, struct at root, uint8_t uuid[UUID_SIZE])
{
	if (getrandom(uuid, UUID_SIZE, 0) != UUID_SIZE)
		return -EIO;
	uuid[6] = (uint8_t)((uuid[6] & 0x0f) | 0x40); /* version 4 */
	uuid[8] = (uint8_t)((uuid[8] & 0x3f) | 0x80);
	return private_set(t, root, PRIVATE_UUID, uuid, UUID_SIZE);
}

void
uuid_open(struct tree *t, enum uuid mode)
{
	uint8_t uuid[UUID_SIZE];
	struct at root;
	ssize_t n;

	if (!t->layers.upper || !t->layers.upper->layer.has_xattr ||
	    mode == UUID_NULL || mode == UUID_OFF)
		return;
	root = AT(t->layers.upper->layer.fd, "");
	n = private_get(t, root, PRIVATE_UUID, uuid, sizeof(uuid));
	if (n == -ENODATA) {
		/* An upper that is in use already has been told apart so far. */
		if (mode == UUID_AUTO &&
		    private_get(t, root, PRIVATE_IMPURE, NULL, 0) > 0)
			return;
		n = make_uuid(t, root, uuid) < 0 ? -1 : UUID_SIZE;
	}
	if (n == UUID_SIZE)
		t->fsid = to_fsid(uuid);
}
