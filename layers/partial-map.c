/* SPDX-License-Identifier: BSD-3-Clause */
/* The map of a partial file on disk, and the file's mark: how they look. */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "layer.h"
#include "macros.h"
#include "partial-map.h"

#define MAGIC "veneermp"
#define MAP_VERSION 1
#define PLACE ((uint64_t)4096) /* of each header */
#define BITS (2 * PLACE)
/* Words are turned around so many at a time. */
#define CHUNK ((size_t)512)

/* --- The mark ---------------------------------------------------------------- */

#define MARK_VERSION 1

int
partial_mark_get(const struct tree *t, struct at at, struct partial_mark *ret)
{
	uint8_t v[PARTIAL_MARK_SIZE + 1];
	ssize_t n = private_get(t, at, PRIVATE_PARTIAL, v, sizeof(v));

	if (n < 0 && n != -ERANGE)
		return (int)n;
	if (n != PARTIAL_MARK_SIZE || v[0] != MARK_VERSION || v[1] > 1)
		return -EIO;
	ret->is_established = v[1];
	memcpy(ret->key, v + 2, PARTIAL_KEY_SIZE);
	memcpy(ret->boot, v + 2 + PARTIAL_KEY_SIZE, PARTIAL_KEY_SIZE);
	return 0;
}

int
partial_mark_set(const struct tree *t, struct at at,
		 const struct partial_mark *mark)
{
	uint8_t v[PARTIAL_MARK_SIZE] = { MARK_VERSION, mark->is_established };

	memcpy(v + 2, mark->key, PARTIAL_KEY_SIZE);
	memcpy(v + 2 + PARTIAL_KEY_SIZE, mark->boot, PARTIAL_KEY_SIZE);
	return private_set(t, at, PRIVATE_PARTIAL, v, sizeof(v));
}

/* --- Names ------------------------------------------------------------------- */

void
partial_map_name(const uint8_t *key, char ret[PARTIAL_NAME_SIZE])
{
	size_t i;

	for (i = 0; i < PARTIAL_KEY_SIZE; i++)
		(void)snprintf(ret + 2 * i, 3, "%02x", key[i]);
}

int
partial_map_parse_name(const char *name, uint8_t *ret_key)
{
	char again[PARTIAL_NAME_SIZE];
	unsigned byte;
	size_t i;

	if (strlen(name) != PARTIAL_NAME_SIZE - 1)
		return -EINVAL;
	for (i = 0; i < PARTIAL_KEY_SIZE; i++) {
		if (sscanf(name + 2 * i, "%2x", &byte) != 1)
			return -EINVAL;
		ret_key[i] = (uint8_t)byte;
	}
	partial_map_name(ret_key, again);
	return strcmp(name, again) == 0 ? 0 : -EINVAL;
}

/* --- The header -------------------------------------------------------------- */

struct header {
	char magic[8];
	uint32_t version;
	uint32_t block_size;
	uint64_t number;
	uint64_t nr_blocks;
	uint64_t limit;
	uint64_t ino;
	uint8_t key[PARTIAL_KEY_SIZE];
	uint8_t boot[PARTIAL_KEY_SIZE];
	int32_t handle_type;
	uint32_t handle_len;
	uint8_t handle[PARTIAL_HANDLE_MAX];
	uint64_t checksum; /* of all before */
};
_Static_assert(sizeof(struct header) <= 512, "a header is within one sector");

/* FNV-1a: against what a disk does, not against people. */
static uint64_t
checksum(const struct header *h)
{
	const uint8_t *p = (const uint8_t *)h;
	uint64_t sum = UINT64_C(0xcbf29ce484222325);
	size_t i;

	for (i = 0; i < offsetof(struct header, checksum); i++)
		sum = (sum ^ p[i]) * UINT64_C(0x100000001b3);
	return sum;
}

static void
encode(const struct partial_map *m, struct header *ret)
{
	memset(ret, 0, sizeof(*ret));
	memcpy(ret->magic, MAGIC, sizeof(ret->magic));
	ret->version = htole32(MAP_VERSION);
	ret->block_size = htole32((uint32_t)PARTIAL_BLOCK);
	ret->number = htole64(m->number);
	ret->nr_blocks = htole64(m->nr_blocks);
	ret->limit = htole64(m->limit);
	ret->ino = htole64(m->ino);
	memcpy(ret->key, m->key, sizeof(ret->key));
	memcpy(ret->boot, m->boot, sizeof(ret->boot));
	ret->handle_type = (int32_t)htole32((uint32_t)m->handle_type);
	ret->handle_len = htole32((uint32_t)m->handle_len);
	memcpy(ret->handle, m->handle, m->handle_len);
	ret->checksum = htole64(checksum(ret));
}

/* Fills in all of @ret but fd. Is it a header? */
static bool
decode(const struct header *h, struct partial_map *ret)
{
	if (memcmp(h->magic, MAGIC, sizeof(h->magic)) != 0 ||
	    le32toh(h->version) != MAP_VERSION ||
	    le32toh(h->block_size) != PARTIAL_BLOCK ||
	    le64toh(h->checksum) != checksum(h))
		return false;
	ret->number = le64toh(h->number);
	ret->nr_blocks = le64toh(h->nr_blocks);
	ret->limit = le64toh(h->limit);
	ret->ino = le64toh(h->ino);
	memcpy(ret->key, h->key, sizeof(ret->key));
	memcpy(ret->boot, h->boot, sizeof(ret->boot));
	ret->handle_type = (int)le32toh((uint32_t)h->handle_type);
	ret->handle_len = le32toh(h->handle_len);
	memcpy(ret->handle, h->handle, sizeof(ret->handle));
	return ret->handle_len <= PARTIAL_HANDLE_MAX && ret->nr_blocks > 0 &&
	       ret->nr_blocks <= PARTIAL_MAX_SIZE / PARTIAL_BLOCK &&
	       ret->limit <= ret->nr_blocks * PARTIAL_BLOCK;
}

static bool
read_header(int fd, uint64_t place, struct partial_map *ret)
{
	struct header h;
	struct iovec iov = { &h, sizeof(h) };

	return real_preadv(fd, &iov, 1, place * PLACE, false) == sizeof(h) &&
	       decode(&h, ret);
}

static int
write_at(struct upper *u, int fd, const void *buf, size_t len, uint64_t off)
{
	struct iovec iov = { (void *)(uintptr_t)buf, len };
	ssize_t n = real_pwritev(u, fd, &iov, 1, off, false);

	if (n < 0)
		return (int)n;
	return (size_t)n == len ? 0 : -ENOSPC;
}

static int
write_header(struct upper *u, const struct partial_map *m)
{
	struct header h;

	encode(m, &h);
	return write_at(u, m->fd, &h, sizeof(h), m->number % 2 * PLACE);
}

int
partial_map_write(struct upper *u, struct partial_map *m)
{
	struct partial_map next = *m;
	int r;

	/* The last one stays as it is: one of both is always whole. */
	next.number++;
	r = write_header(u, &next);
	if (r == 0)
		m->number = next.number;
	return r;
}

/* --- Bits -------------------------------------------------------------------- */

static uint64_t
place_of(const struct partial_map *m, enum partial_bits which)
{
	uint64_t size = partial_map_words(m) * sizeof(uint64_t);

	size = (size + PLACE - 1) / PLACE * PLACE;
	return BITS + (which == PARTIAL_LIVE ? size : 0);
}

static uint64_t
map_size(const struct partial_map *m)
{
	return place_of(m, PARTIAL_LIVE) +
	       partial_map_words(m) * sizeof(uint64_t);
}

int
partial_map_read_bits(const struct partial_map *m, enum partial_bits which,
		      uint64_t *ret)
{
	size_t len = partial_map_words(m) * sizeof(*ret), done = 0, i;
	ssize_t n;

	while (done < len) {
		struct iovec iov = { (char *)ret + done, len - done };

		n = real_preadv(m->fd, &iov, 1, place_of(m, which) + done,
				false);
		if (n <= 0)
			return n < 0 ? (int)n : -EIO;
		done += (size_t)n;
	}
	for (i = 0; i < partial_map_words(m); i++)
		ret[i] = le64toh(ret[i]);
	return 0;
}

int
partial_map_write_bits(struct upper *u, const struct partial_map *m,
		       enum partial_bits which, const uint64_t *words,
		       struct partial_words range)
{
	uint64_t buf[CHUNK];
	size_t i, nr;
	int r = 0;

	for (; range.nr > 0 && r == 0; range.nr -= nr, range.first += nr) {
		nr = MIN(range.nr, CHUNK);
		for (i = 0; i < nr; i++)
			buf[i] = htole64(words[i]);
		r = write_at(u, m->fd, buf, nr * sizeof(*buf),
			     place_of(m, which) + range.first * sizeof(*buf));
		words += nr;
	}
	return r;
}

/* --- Making and opening one ---------------------------------------------------- */

/*
 * All of it has its blocks, so that no bit is ever lost to a full disk, and
 * reads as zeros; the header comes last.
 */
static int
fill(struct upper *u, const struct partial_map *m)
{
	static const char zeros[4096];
	uint64_t size = map_size(m), off;
	int r = real_truncate(u, m->fd, size);

	if (r == 0)
		r = real_allocate(u, m->fd, 0, size);
	if (r == -EOPNOTSUPP)
		for (r = 0, off = 0; off < size && r == 0; off += sizeof(zeros))
			r = write_at(u, m->fd, zeros,
				     MIN(sizeof(zeros), size - off), off);
	return r < 0 ? r : write_header(u, m);
}

int
partial_map_create(struct upper *u, int dir, struct partial_map *m)
{
	char name[PARTIAL_NAME_SIZE], temp[16];
	int r;

	partial_map_name(m->key, name);
	m->number = 0;
	workdir_temp(u, temp);
	m->fd = real_create(u, AT(u->work_fd, temp), O_RDWR, 0600);
	if (m->fd < 0)
		return m->fd;
	r = fill(u, m);
	if (r == 0)
		r = real_rename(u, AT(u->work_fd, temp), AT(dir, name),
				RENAME_NOREPLACE);
	if (r < 0) {
		(void)real_close(take_fd(&m->fd));
		workdir_discard(u, temp);
	}
	return r;
}

int
partial_map_open(int dir, const uint8_t *key, struct partial_map *ret)
{
	CLEANUP_CLOSE int fd = -1;
	char name[PARTIAL_NAME_SIZE];
	struct partial_map m[2];
	struct statx stx;
	bool valid[2];
	int i, r;

	partial_map_name(key, name);
	r = real_statx(AT(dir, name), &stx);
	if (r < 0)
		return r;
	if (!S_ISREG(stx.stx_mode))
		return -EIO;
	fd = real_open(AT(dir, name), O_RDWR, &stx);
	if (fd < 0)
		return fd;
	for (i = 0; i < 2; i++)
		valid[i] = read_header(fd, (uint64_t)i, &m[i]) &&
			   m[i].number % 2 == (uint64_t)i;
	if (!valid[0] && !valid[1])
		return -EIO;
	i = valid[1] && (!valid[0] || m[1].number > m[0].number);
	if (memcmp(m[i].key, key, PARTIAL_KEY_SIZE) != 0 ||
	    stx.stx_size < map_size(&m[i]))
		return -EIO;
	*ret = m[i];
	ret->fd = take_fd(&fd);
	return 0;
}
