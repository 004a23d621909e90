/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A VMM and its guest, for tests of the vhost-user back end: a front end with
 * one region or two of memory, a queue in it, and a 9P client over that queue.
 * Layouts and numbers are its own, from QEMU's vhost-user.rst and virtio 1.2.
 * Everything dies with a message (CHECK) that is not as it must be.
 */
#ifndef VENEER_TESTS_CLIENT_VHOST_FRONT_H
#define VENEER_TESTS_CLIENT_VHOST_FRONT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "p9.h"

#define FRONT_QUEUE 128 /* descriptors */
#define FRONT_PACKED_QUEUE 100 /* of a packed one, whose heads are names */
#define FRONT_SLOTS 16 /* requests in flight */
#define FRONT_SLOT_DESCS (FRONT_QUEUE / FRONT_SLOTS)
#define FRONT_SLOT_SIZE ((size_t)512 << 10) /* request, reply, table */
#define FRONT_RINGS_SIZE ((size_t)64 << 10)
#define FRONT_MEMORY (FRONT_RINGS_SIZE + FRONT_SLOTS * FRONT_SLOT_SIZE)
/* Addresses as the guest and as the VMM have them. */
#define FRONT_GUEST UINT64_C(0x100000000)
#define FRONT_USER UINT64_C(0x7f0000000000)
/* The second region follows in the guest only. */
#define FRONT_SEAM (FRONT_RINGS_SIZE + FRONT_SLOT_SIZE / 4)

enum {
	FRONT_INDIRECT = 1u << 0,
	FRONT_EVENT_IDX = 1u << 1,
	FRONT_TWO_REGIONS = 1u << 2,
	FRONT_MEM_SLOTS = 1u << 3, /* ADD_MEM_REG instead of a table */
	FRONT_INFLIGHT = 1u << 4,
	FRONT_STATUS = 1u << 5, /* with a socket for the back end */
	FRONT_SMALL_PIECES = 1u << 6, /* indirect: 1000 bytes, then a gap */
	FRONT_PACKED = 1u << 7, /* at the server's socket PATH-packed */
};

struct front_desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags, next;
};

#define FRONT_DESC(...) ((struct front_desc){ __VA_ARGS__ })

/* A request of the VMM. */
struct front_message {
	uint32_t request, flags;
	const void *payload;
	uint32_t len;
	const int *fds;
	unsigned nr_fds;
};
#define FRONT_MESSAGE(...) (&(const struct front_message){ __VA_ARGS__ })

/* In memory, of a packed queue. */
struct front_packed_desc {
	uint64_t addr;
	uint32_t len;
	uint16_t id, flags;
};

/* Tests scribble in the ring while it is used: for no sanitizer to tell. */
#define PACKED_LOAD(p) __atomic_load_n(p, __ATOMIC_RELAXED)
#define PACKED_STORE(p, v) __atomic_store_n(p, v, __ATOMIC_RELAXED)

/* A place in a packed queue. */
struct front_pos {
	uint16_t idx;
	bool wrap;
};

/* What the driver of a packed queue knows. */
struct front_packed {
	struct front_packed_desc *ring; /* in the memory, as these two */
	uint32_t *driver, *device; /* when calls and kicks are wanted */
	struct front_pos avail, used;
	uint16_t nr_descs[FRONT_QUEUE]; /* of what is in flight, by head */
	struct front_desc
		table[FRONT_QUEUE]; /* what the next ones are made of */
};

struct front_used {
	uint32_t id, len;
};

struct vhost_front {
	int fd; /* the control socket */
	unsigned flags; /* FRONT_* */
	int mem_fd, kick, call, backend; /* backend: our end; -1 */
	int inflight_fd;
	uint64_t inflight_len;
	uint8_t *mem; /* FRONT_MEMORY */
	struct front_desc *desc; /* in mem, but packed.table where it is so */
	struct front_packed packed;
	/* Of a split queue, in mem. */
	uint16_t *avail; /* flags, idx, ring, used_event */
	uint16_t *used; /* flags, idx, elements, avail_event */
	uint16_t avail_idx, used_seen;
	uint32_t slots; /* bits of those in use */
	size_t head_len[FRONT_SLOTS]; /* of their replies: in one piece */
	uint8_t *reply; /* owned: the last one taken */
	struct p9 p9; /* a client over the queue */
};

/* --- The VMM --- */

/* Connect to @path and make memory; nothing is said yet. */
void front_connect(struct vhost_front *f, const char *path, unsigned flags);
/* All that a VMM says until the queue is live. */
void front_setup(struct vhost_front *f);
/* front_connect(), front_setup(), and a session: root on fid 0. */
void front_open(struct vhost_front *f, const char *path, unsigned flags);
void front_close(struct vhost_front *f);
/* Connect again, where the server is another one; the guest notices nothing. */
void front_reconnect(struct vhost_front *f, const char *path);

void front_send(struct vhost_front *f, const struct front_message *m);
/* The same, to be acknowledged: 0, or not. */
uint64_t front_ask(struct vhost_front *f, const struct front_message *m);
/* A reply to @request: its payload's length. *@ret_fd: -1, or a descriptor. */
uint32_t front_reply(struct vhost_front *f, uint32_t request, void *payload,
		     uint32_t max, int *ret_fd);
/* A request without payload that is answered with a number. */
uint64_t front_get(struct vhost_front *f, uint32_t request);
/* Has the server hung up? Waits for it. */
bool front_is_hung_up(struct vhost_front *f);
/* Number, place, base, descriptors, enable. */
void front_start_queue(struct vhost_front *f, uint32_t base);
/* GET_VRING_BASE. */
uint32_t front_stop_queue(struct vhost_front *f);
/* What it says when nothing is in flight: where the driver is. */
uint32_t front_base(const struct vhost_front *f);
void front_set_memory(struct vhost_front *f);

/* --- The guest --- */

/* An address of the guest for what is at @off of its memory. */
uint64_t front_addr(size_t off);
uint8_t *front_slot(struct vhost_front *f, unsigned slot);
void front_set_desc(struct vhost_front *f, unsigned i, struct front_desc d);
/* Put @head into the ring, and kick if the device wants it. */
void front_offer(struct vhost_front *f, uint16_t head);
void front_kick(struct vhost_front *f);
/* Wait for the next that comes back; it must within 10 s. */
struct front_used front_wait(struct vhost_front *f);
/* Has one? */
bool front_has_used(const struct vhost_front *f);
/* How many descriptors are not in flight, as far as the device has told. */
unsigned front_nr_free(const struct vhost_front *f);
/* Empty the rings, as a driver does after a reset. */
void front_clear_rings(struct vhost_front *f);
/*
 * Offer the message @p, with room for @room bytes of reply. Returns its slot,
 * the head is slot * FRONT_SLOT_DESCS.
 */
unsigned front_put_message(struct vhost_front *f, const void *p, size_t len,
			   size_t room);
/* The reply in @slot, which is free then. */
const uint8_t *front_take_reply(struct vhost_front *f, unsigned slot);

/* --- vhost-packed.c: the same of a packed queue --- */

void packed_init(struct vhost_front *f);
void packed_clear(struct vhost_front *f);
uint32_t packed_base(const struct vhost_front *f);
void packed_offer(struct vhost_front *f, uint16_t head);
bool packed_has_used(const struct vhost_front *f);
/* Have a call for the next one. */
void packed_ask_call(struct vhost_front *f);
/* The next one that is used; its id is UINT32_MAX: that was not in flight. */
struct front_used packed_take_used(struct vhost_front *f);
/* How a descriptor is in an indirect table. */
void packed_write_desc(struct front_packed_desc *to, struct front_desc d);

#endif
