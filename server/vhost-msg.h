/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Messages of the vhost-user protocol (QEMU's docs/interop/vhost-user.rst):
 * numbers and layouts, and a message with its descriptors over a Unix socket.
 * All numbers are of the machine's own byte order.
 */
#ifndef VENEER_SERVER_VHOST_MSG_H
#define VENEER_SERVER_VHOST_MSG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum vhost_request {
	VHOST_GET_FEATURES = 1,
	VHOST_SET_FEATURES = 2,
	VHOST_SET_OWNER = 3,
	VHOST_RESET_OWNER = 4,
	VHOST_SET_MEM_TABLE = 5,
	VHOST_SET_VRING_NUM = 8,
	VHOST_SET_VRING_ADDR = 9,
	VHOST_SET_VRING_BASE = 10,
	VHOST_GET_VRING_BASE = 11,
	VHOST_SET_VRING_KICK = 12,
	VHOST_SET_VRING_CALL = 13,
	VHOST_SET_VRING_ERR = 14,
	VHOST_GET_PROTOCOL_FEATURES = 15,
	VHOST_SET_PROTOCOL_FEATURES = 16,
	VHOST_GET_QUEUE_NUM = 17,
	VHOST_SET_VRING_ENABLE = 18,
	VHOST_SET_BACKEND_REQ_FD = 21,
	VHOST_GET_CONFIG = 24,
	VHOST_SET_CONFIG = 25,
	VHOST_GET_INFLIGHT_FD = 31,
	VHOST_SET_INFLIGHT_FD = 32,
	VHOST_RESET_DEVICE = 34,
	VHOST_GET_MAX_MEM_SLOTS = 36,
	VHOST_ADD_MEM_REG = 37,
	VHOST_REM_MEM_REG = 38,
	VHOST_SET_STATUS = 39,
	VHOST_GET_STATUS = 40,
	VHOST_NR_REQUESTS
};

/* What we ask of the VMM, on a socket of its own. */
enum { VHOST_BACKEND_CONFIG_CHANGE = 2 };

enum {
	VHOST_FLAG_VERSION = 1,
	VHOST_FLAG_VERSION_MASK = 3,
	VHOST_FLAG_REPLY = 1u << 2,
	VHOST_FLAG_NEED_REPLY = 1u << 3,
};

#define VHOST_PROTOCOL_MQ (UINT64_C(1) << 0)
#define VHOST_PROTOCOL_REPLY_ACK (UINT64_C(1) << 3)
#define VHOST_PROTOCOL_BACKEND_REQ (UINT64_C(1) << 5)
#define VHOST_PROTOCOL_CONFIG (UINT64_C(1) << 9)
#define VHOST_PROTOCOL_INFLIGHT (UINT64_C(1) << 12)
#define VHOST_PROTOCOL_RESET_DEVICE (UINT64_C(1) << 13)
#define VHOST_PROTOCOL_MEM_SLOTS (UINT64_C(1) << 15)
#define VHOST_PROTOCOL_STATUS (UINT64_C(1) << 16)

/* Of the payload of *_VRING_KICK, _CALL and _ERR. */
#define VHOST_VRING_INDEX_MASK 0xffu
#define VHOST_VRING_NO_FD (1u << 8)

struct vhost_vring_state {
	uint32_t index, num;
};

struct vhost_vring_addr {
	uint32_t index, flags;
	uint64_t desc, used, avail, log;
};

struct vhost_region {
	uint64_t guest, size, user, off;
};

/* SET_MEM_TABLE carries as many at most, and no message more fds. */
#define VHOST_TABLE_MAX 8
#define VHOST_FDS_MAX 8

struct vhost_table {
	uint32_t nr, padding;
	struct vhost_region regions[VHOST_TABLE_MAX];
};

struct vhost_one_region {
	uint64_t padding;
	struct vhost_region region;
};

#define VHOST_CONFIG_MAX 256u
struct vhost_config {
	uint32_t off, size, flags;
	uint8_t bytes[VHOST_CONFIG_MAX];
};
#define VHOST_CONFIG_HEAD 12u
/* SET_CONFIG as a part of a migration. */
#define VHOST_CONFIG_MIGRATION 1u

struct vhost_inflight {
	uint64_t len, off;
	uint16_t nr_queues, queue_size;
};
/* Without what a compiler puts behind it. */
#define VHOST_INFLIGHT_LEN 20u

struct vhost_header {
	uint32_t request, flags, size;
};

struct vhost_message {
	struct vhost_header head;
	union {
		uint64_t u64;
		struct vhost_vring_state state;
		struct vhost_vring_addr addr;
		struct vhost_table table;
		struct vhost_one_region region;
		struct vhost_config config;
		struct vhost_inflight inflight;
		uint8_t bytes[512];
	} u;
	int fds[VHOST_FDS_MAX]; /* owned by whom the message is */
	unsigned nr_fds;
	size_t done; /* bytes received, or sent */
};

/*
 * Receive more of @m, which is zeroed before its first byte. Returns 1 once
 * it is whole, 0 at the end of the stream, -EAGAIN: come again; -EPROTO: no
 * message of the protocol; errno. What descriptors came are in it always.
 */
int vhost_message_receive(int fd, struct vhost_message *m);
/* Send the rest of @m, with fds[0] if it has one. Returns 1, or errno. */
int vhost_message_send(int fd, struct vhost_message *m);
/* Close the descriptors that nobody took out, and begin anew. */
void vhost_message_reset(struct vhost_message *m);
/* Take out descriptor @i; -1 if there is none. */
int vhost_message_take_fd(struct vhost_message *m, unsigned i);

#endif
