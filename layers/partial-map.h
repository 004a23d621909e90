/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The map of a partial file, on disk: W/partial/KEY, and the mark
 * veneer.partial of the file it is of. Private to layers/.
 *
 *       0   a header; the one of both that is valid and has the larger number
 *    4096   the other header                                          counts
 *    8192   a bit for each block whose data is on disk
 *       +   a bit for each block whose data was written; counts while the
 *           kernel that wrote it runs
 *
 * All numbers are little-endian. A header is within one sector.
 */
#ifndef VENEER_LAYERS_PARTIAL_MAP_H
#define VENEER_LAYERS_PARTIAL_MAP_H

#include "overlay.h"

/*
 * What a guest's file system writes at once, so that little has to be brought
 * from below for it: with blocks of 64 KiB a random write of 4 KiB copied 16
 * times as much. Two bits a block are 64 KiB of map for a GiB of file.
 */
#define PARTIAL_BLOCK ((uint64_t)4096)
#define PARTIAL_KEY_SIZE 16
#define PARTIAL_NAME_SIZE (2 * PARTIAL_KEY_SIZE + 1)
#define PARTIAL_HANDLE_MAX 128
/* Larger files are copied: their maps would be large, too. */
#define PARTIAL_MAX_SIZE (UINT64_C(1) << 40)

/* The mark. */
struct partial_mark {
	bool is_established; /* the map was brought to disk */
	uint8_t key[PARTIAL_KEY_SIZE];
	uint8_t boot[PARTIAL_KEY_SIZE]; /* of the kernel that it is from */
};
#define PARTIAL_MARK_SIZE (2 + 2 * PARTIAL_KEY_SIZE)

/* -ENODATA: none; -EIO: malformed. */
int partial_mark_get(const struct tree *t, struct at at,
		     struct partial_mark *ret);
int partial_mark_set(const struct tree *t, struct at at,
		     const struct partial_mark *mark);

struct partial_map {
	int fd; /* owned; -1 */
	uint8_t key[PARTIAL_KEY_SIZE]; /* const, as is all but the next two */
	uint64_t limit; /* in the header */
	uint64_t number; /* of the header */
	uint64_t nr_blocks;
	uint64_t ino; /* of the file in the upper */
	uint8_t boot[PARTIAL_KEY_SIZE]; /* whose live bits count */
	/* The file's handle, if there is one. */
	int handle_type;
	size_t handle_len;
	uint8_t handle[PARTIAL_HANDLE_MAX];
};

enum partial_bits { PARTIAL_DURABLE, PARTIAL_LIVE };

/* A range of 64-bit words of bits. */
struct partial_words {
	size_t first, nr;
};

/* The name of the map @key in W/partial; and back: -EINVAL, it is none. */
void partial_map_name(const uint8_t *key, char ret[PARTIAL_NAME_SIZE]);
int partial_map_parse_name(const char *name, uint8_t *ret_key);

/*
 * Make the map that @m describes but for fd, in the staging area, and then move
 * it to the directory @dir. On failure there is none.
 */
int partial_map_create(struct upper *u, int dir, struct partial_map *m);
/*
 * Open the map @key: *@ret, to be closed by its fd. -ENOENT; -EIO: damaged.
 */
int partial_map_open(int dir, const uint8_t *key, struct partial_map *ret);
/* Write the header anew, in the other place. Not synced. */
int partial_map_write(struct upper *u, struct partial_map *m);

static inline size_t
partial_map_words(const struct partial_map *m)
{
	return (size_t)(m->nr_blocks / 64 + (m->nr_blocks % 64 != 0));
}

/* Read all words of one kind. */
int partial_map_read_bits(const struct partial_map *m, enum partial_bits which,
			  uint64_t *ret);
/* Write @range of them; @words begins with its first. Not synced. */
int partial_map_write_bits(struct upper *u, const struct partial_map *m,
			   enum partial_bits which, const uint64_t *words,
			   struct partial_words range);

#endif
