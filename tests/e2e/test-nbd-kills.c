/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * kill -9 during a stream of NBD writes and flushes, over and over: whatever
 * was answered is there afterwards, flushed or not, since a killed process
 * takes nothing out of the page cache (nbd.md 9; what a power failure takes is
 * looked at in unit/test-layers-partial-*). What was on its way is old or new,
 * in each block of 4 KiB. The images are lower files at first, hence partial
 * ones (veneer.8, copyup=) that each kill meets in another state; the last ones
 * are copied in the background meanwhile.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness.h"
#include "nbd.h"

#define KILLS 200
#define IMAGES 8
#define BLOCK 512u
#define BLOCKS 8192u /* of an image */
#define MAX_RUN 48u /* blocks of a write: over several blocks of a map */
#define DEPTH 8u

static struct harness h;
static uint64_t next_seq = 1;
static uint64_t answered[IMAGES][BLOCKS]; /* what each block holds */
static uint64_t under_way[BLOCKS]; /* what is being written to it, or 0 */

static struct slot {
	enum nbd_type type;
	unsigned first, nr;
	char data[MAX_RUN * BLOCK];
} slots[DEPTH];

static unsigned
dice(unsigned sides)
{
	return (unsigned)random() % sides;
}

/* A block says all over where it belongs and who wrote it. */
static void
stamp(char *to, uint64_t block, uint64_t seq)
{
	uint64_t words[2] = { block, seq };
	unsigned i;

	for (i = 0; i < BLOCK; i += sizeof(words))
		memcpy(to + i, words, sizeof(words));
}

/* Who wrote @data; it must be one writer, in the right place. */
static uint64_t
read_stamp(const char *data, uint64_t block)
{
	char whole[BLOCK];
	uint64_t seq;

	memcpy(&seq, data + 8, 8);
	stamp(whole, block, seq);
	CHECK(memcmp(whole, data, BLOCK) == 0);
	return seq;
}

static void
make_images(void)
{
	char name[128], data[BLOCK];
	unsigned i, k;
	FILE *f;

	for (i = 0; i < IMAGES; i++) {
		(void)snprintf(name, sizeof(name), "%s/lower/%u.img", h.root,
			       i);
		f = fopen(name, "we");
		CHECK(f);
		for (k = 0; k < BLOCKS; k++) {
			stamp(data, k, 0);
			CHECK_EQ(1, fwrite(data, BLOCK, 1, f));
		}
		CHECK_EQ(0, fclose(f));
	}
}

static bool
is_free(unsigned first, unsigned nr)
{
	unsigned i;

	for (i = first; i < first + nr; i++)
		if (under_way[i])
			return false;
	return true;
}

static int
begin(struct nbd *c, unsigned i)
{
	struct slot *s = &slots[i];
	struct nbd_request r = { .cookie = i };
	unsigned k;

	s->type = dice(12) == 0 ? NBD_FLUSH : NBD_WRITE;
	s->nr = 0;
	if (s->type == NBD_WRITE) {
		do {
			s->nr = 1 + dice(MAX_RUN);
			s->first = dice(BLOCKS - s->nr);
		} while (!is_free(s->first, s->nr));
		for (k = 0; k < s->nr; k++) {
			under_way[s->first + k] = next_seq;
			stamp(s->data + k * BLOCK, s->first + k, next_seq);
		}
		next_seq++;
		r.offset = (uint64_t)s->first * BLOCK;
		r.len = s->nr * BLOCK;
		r.data = s->data;
		if (dice(20) == 0)
			r.flags = NBD_FLAG_FUA;
	}
	r.type = s->type;
	return nbd_send(c, &r);
}

/* Take one reply, and note what is there now. */
static int
take(struct nbd *c, unsigned image, unsigned *ret_slot)
{
	uint64_t cookie;
	unsigned k;
	int r = nbd_receive(c, &cookie, NULL, 0);

	if (r < 0)
		return r;
	CHECK(cookie < DEPTH);
	*ret_slot = (unsigned)cookie;
	for (k = 0; k < slots[cookie].nr; k++) {
		answered[image][slots[cookie].first + k] =
			under_way[slots[cookie].first + k];
		under_way[slots[cookie].first + k] = 0;
	}
	slots[cookie].nr = 0;
	return 0;
}

/* Write until the server is dead. */
static void
play(unsigned image, unsigned nr_replies)
{
	char name[16];
	struct nbd c;
	unsigned i;
	int r = 0;

	(void)snprintf(name, sizeof(name), "%u.img", image);
	CHECK_EQ(0, nbd_open(&c, h.nbd_socket, name, false, 5000));
	CHECK_EQ(BLOCKS * BLOCK, c.size);
	for (i = 0; i < DEPTH; i++)
		CHECK_EQ(0, begin(&c, i));
	while (nr_replies-- > 0) {
		CHECK_EQ(0, take(&c, image, &i));
		CHECK_EQ(0, begin(&c, i));
	}
	harness_kill(&h);
	while (r == 0)
		r = take(&c, image, &i);
	CHECK_EQ(-ECONNRESET, r);
	nbd_close(&c);
}

static void
check_image(unsigned image)
{
	char name[16], data[64 * BLOCK];
	unsigned i, k;
	uint64_t seq;
	struct nbd c;

	(void)snprintf(name, sizeof(name), "%u.img", image);
	CHECK_EQ(0, nbd_open(&c, h.nbd_socket, name, false, 5000));
	for (i = 0; i < BLOCKS; i += 64) {
		CHECK_EQ(0,
			 nbd_read(&c, (uint64_t)i * BLOCK, data, sizeof(data)));
		for (k = i; k < i + 64; k++) {
			seq = read_stamp(data + (k - i) * BLOCK, k);
			if (under_way[k] == 0 || seq != under_way[k])
				CHECK_EQ(answered[image][k], seq);
			answered[image][k] = seq;
			under_way[k] = 0;
		}
	}
	nbd_close(&c);
}

/* Completed by veneer settle, the uppers hold the same. */
static void
check_upper(void)
{
	char name[128], data[BLOCK];
	unsigned i, k;
	FILE *f;

	harness_sh(&h, "\"${VENEER:-./veneer}\" settle --lower lower --upper "
		       "upper >settle.log 2>&1");
	for (i = 0; i < IMAGES; i++) {
		(void)snprintf(name, sizeof(name), "%s/upper/%u.img", h.root,
			       i);
		f = fopen(name, "re");
		CHECK(f);
		for (k = 0; k < BLOCKS; k++) {
			CHECK_EQ(1, fread(data, BLOCK, 1, f));
			CHECK_EQ(answered[i][k], read_stamp(data, k));
		}
		(void)fclose(f);
	}
}

int
main(void)
{
	const char *const options[] = {
		"-o metacopy=on,copyup=lazy,partial-above=64k",
		"-o metacopy=on,copyup=background,partial-above=64k,"
		"copyup-rate=8M",
	};
	unsigned i, image;

	harness_start(&h, "", options[0]);
	harness_stop(&h);
	make_images();
	harness_sh(&h, "rm lower.before; find lower -printf "
		       "'%p %y %m %u %s %T@ %l\\n' | sort >lower.before");
	harness_restart(&h, options[0]);
	for (i = 0; i < KILLS; i++) {
		image = i * IMAGES / KILLS;
		play(image, 5 + dice(120));
		harness_restart(&h, options[image >= IMAGES * 3 / 4]);
		check_image(image);
	}
	for (i = 0; i < IMAGES; i++)
		check_image(i);
	harness_stop(&h);
	check_upper();
	harness_restart(&h, options[0]);
	harness_end(&h);
	return 0;
}
