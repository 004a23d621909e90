/* SPDX-License-Identifier: BSD-3-Clause */
/* A packed queue in a guest's memory, and its driver, for unit tests. */
#ifndef VENEER_TESTS_UNIT_PACKED_FIXTURE_H
#define VENEER_TESTS_UNIT_PACKED_FIXTURE_H

#include "inflight.h"
#include "vring.h"

#define SIZE 7
#define FIRST UINT32_C(0x80008000)
/* What the @at-th descriptor that was ever offered points to. */
#define DATA_AT(at) (0x4000 + (at)*32)
enum { NEXT = 1, WRITE = 2, INDIRECT = 4, AVAIL = 1 << 7, USED = 1 << 15 };
enum { ENABLE, DISABLE, DESC };

struct desc {
	uint64_t addr;
	uint32_t len;
	uint16_t id, flags;
};

struct fixture {
	struct guest_memory *mem;
	struct desc *ring;
	uint32_t *driver, *device;
	unsigned at; /* of what was ever offered */
	struct vring q;
	struct vring_chain chain;
	struct inflight inflight;
};

void setup(struct fixture *f);
void teardown(struct fixture *f);
int open_queue(struct fixture *f, uint32_t base);
void open_at(struct fixture *f, uint32_t base);
/* A place, as 16 bits, of the @at-th descriptor. */
uint32_t pos(unsigned at);
/* A list of @nr descriptors, of 16 bytes each. */
void offer(struct fixture *f, uint16_t id, unsigned nr);
/* It comes next. */
struct vring_token take(struct fixture *f, uint16_t id, unsigned nr);

#endif
