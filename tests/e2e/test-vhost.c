/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A virtio-9p device for a VMM (vhost-user.rst of QEMU, virtio 1.2): its
 * configuration, and a client over its queue, with all ways in which a driver
 * may lay out what it puts there.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness.h"
#include "vhost-front.h"

#define DATA_LEN 100000

static char path[128];

static void
work(struct vhost_front *f)
{
	static uint8_t data[DATA_LEN], back[DATA_LEN];
	struct p9 *c = &f->p9;
	struct p9_dirent e[8];
	struct p9_stat st;
	char target[4097];
	size_t i;

	for (i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 7 + i / 251);
	CHECK_EQ(0, p9_walk(c, 0, 1, ""));
	CHECK_EQ(0, p9_lcreate(c, 1, "new", 02, 0644, 0));
	CHECK_EQ(DATA_LEN, p9_write(c, 1, 0, data, DATA_LEN));
	CHECK_EQ(DATA_LEN, p9_read(c, 1, 0, back, DATA_LEN));
	CHECK_EQ(0, memcmp(data, back, DATA_LEN));
	CHECK_EQ(0, p9_read(c, 1, DATA_LEN, back, 4096));
	CHECK_EQ(0, p9_getattr(c, 1, &st));
	CHECK_EQ(DATA_LEN, st.size);
	CHECK_EQ(0, p9_clunk(c, 1));
	CHECK_EQ(0, p9_walk(c, 0, 1, "link"));
	CHECK_EQ(0, p9_readlink(c, 1, target));
	CHECK_EQ(3000, strlen(target));
	CHECK_EQ(0, p9_clunk(c, 1));
	CHECK_EQ(-ENOENT, p9_walk(c, 0, 1, "absent"));
	CHECK_EQ(0, p9_walk(c, 0, 1, ""));
	CHECK_EQ(0, p9_lopen(c, 1, 0, NULL));
	CHECK_EQ(6, p9_readdir(c, 1, 0, 8192, e, 8));
	CHECK_EQ(0, p9_clunk(c, 1));
	CHECK_EQ(0, p9_unlinkat(c, 0, "new", 0));
}

static void
check_config(struct vhost_front *f)
{
	struct {
		uint32_t off, size, flags;
		uint8_t bytes[64];
	} config = { 0, 64, 0, "" };
	uint32_t len;

	front_send(f, FRONT_MESSAGE(.request = 24, .payload = &config,
				    .len = sizeof(config)));
	len = front_reply(f, 24, &config, sizeof(config), NULL);
	CHECK_EQ(sizeof(config), len);
	CHECK_EQ(0, memcmp(config.bytes, "\4\0test\0", 7));
	config.off = 250;
	front_send(f, FRONT_MESSAGE(.request = 24, .payload = &config,
				    .len = sizeof(config)));
	CHECK_EQ(0, front_reply(f, 24, &config, sizeof(config), NULL));
	config.off = 0;
	CHECK(front_ask(f, FRONT_MESSAGE(.request = 25, .payload = &config,
					 .len = sizeof(config))) != 0);
}

int
main(void)
{
	static const struct {
		const char *name;
		unsigned flags;
	} rows[] = {
		{ "direct", 0 },
		{ "indirect", FRONT_INDIRECT },
		{ "event index", FRONT_EVENT_IDX },
		{ "two regions", FRONT_TWO_REGIONS },
		{ "memory slots", FRONT_TWO_REGIONS | FRONT_MEM_SLOTS },
		{ "small pieces", FRONT_INDIRECT | FRONT_SMALL_PIECES },
		{ "all", FRONT_INDIRECT | FRONT_SMALL_PIECES | FRONT_EVENT_IDX |
				 FRONT_TWO_REGIONS | FRONT_INFLIGHT |
				 FRONT_STATUS },
	};
	struct vhost_front f;
	struct harness h;
	unsigned nr_fds;
	size_t i, k;

	harness_start(&h,
		      "echo hi >hello; ln -s $(printf %03000d 0) link; "
		      "mkdir d",
		      "--loops 1");
	(void)snprintf(path, sizeof(path), "%s/vhost", h.root);
	harness_check_alive(&h); /* what it opens for good */
	nr_fds = harness_nr_fds(&h);
	for (i = 0; i < 2 * sizeof(rows) / sizeof(rows[0]); i++) {
		k = i / 2;
		printf("%s, %s\n", rows[k].name, i % 2 ? "packed" : "split");
		(void)fflush(stdout);
		front_open(&f, path,
			   rows[k].flags | (i % 2 ? FRONT_PACKED : 0));
		check_config(&f);
		work(&f);
		/* A guest that boots again. */
		(void)front_stop_queue(&f);
		front_close(&f);
	}
	harness_check_alive(&h);
	harness_wait_fds(&h, nr_fds);
	harness_end(&h);
	return 0;
}
