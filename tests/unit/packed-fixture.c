/* SPDX-License-Identifier: BSD-3-Clause */
#include "unit.h"

#include <sys/mman.h>
#include <unistd.h>

#include "packed-fixture.h"

#define MEMORY 0x10000
#define USER UINT64_C(0x500000)

static const struct vring_place place = { USER, USER + 0x1000, USER + 0x2000,
					  SIZE };

void
setup(struct fixture *f)
{
	const struct guest_range range = { 0, MEMORY, USER, 0 };
	int fd = memfd_create("vring", MFD_CLOEXEC);
	uint8_t *bytes;

	*f = (struct fixture){ .q.is_packed = true };
	assert_int_equal(0, ftruncate(fd, MEMORY));
	assert_int_equal(0, guest_memory_new(&range, &fd, 1, &f->mem));
	(void)close(fd);
	bytes = guest_memory_at_user(f->mem, USER, MEMORY);
	f->ring = (void *)bytes;
	f->driver = (void *)(bytes + 0x1000);
	f->device = (void *)(bytes + 0x2000);
}

void
teardown(struct fixture *f)
{
	vring_close(&f->q);
	inflight_unmap(&f->inflight);
	guest_memory_unref(f->mem);
}

int
open_queue(struct fixture *f, uint32_t base)
{
	return vring_open(&f->q, f->mem, &place, base);
}

void
open_at(struct fixture *f, uint32_t base)
{
	assert_int_equal(0, open_queue(f, base));
}

uint32_t
pos(unsigned at)
{
	return at % SIZE | (at / SIZE % 2 ? 0 : 0x8000);
}

void
offer(struct fixture *f, uint16_t id, unsigned nr)
{
	struct desc *d;

	for (; nr > 0; nr--, f->at++) {
		d = &f->ring[f->at % SIZE];
		*d = (struct desc){ DATA_AT(f->at), 16, nr == 1 ? id : 0xbad,
				    f->at / SIZE % 2 ? USED : AVAIL };
		if (nr > 1)
			d->flags |= NEXT;
	}
}

struct vring_token
take(struct fixture *f, uint16_t id, unsigned nr)
{
	assert_int_equal(1, vring_take(&f->q, &f->chain));
	assert_int_equal(id, f->chain.token.id);
	assert_int_equal(nr, f->chain.nr_in);
	assert_int_equal(nr * 16, f->chain.in_len);
	return f->chain.token;
}
