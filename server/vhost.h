/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A virtio-9p device that a VMM has us be, by vhost-user: the inside, shared
 * by the files vhost-*.c. It belongs to a connection, whose socket carries the
 * VMM's requests; the guest's messages come through queues in its memory. All
 * of it belongs to the connection's loop thread.
 *
 * Memory: a message holds the table that its iovecs point into; a queue that
 * is open points into the device's present one.
 */
#ifndef VENEER_SERVER_VHOST_H
#define VENEER_SERVER_VHOST_H

#include "conn.h"
#include "inflight.h"
#include "vhost-msg.h"
#include "vring.h"

/* A virtio-9p device has one; a VMM may have more of them. */
#define VHOST_QUEUES_MAX 8u
/* Of a message, kept in it: all but large requests. */
#define VHOST_SMALL_HEAD 512

/* Virtio's features, of which we offer these; bits of VHOST_GET_FEATURES. */
#define VHOST_F_MOUNT_TAG (UINT64_C(1) << 0)
#define VHOST_F_INDIRECT_DESC (UINT64_C(1) << 28)
#define VHOST_F_EVENT_IDX (UINT64_C(1) << 29)
#define VHOST_F_PROTOCOL_FEATURES (UINT64_C(1) << 30) /* vhost-user's */
#define VHOST_F_VERSION_1 (UINT64_C(1) << 32)
#define VHOST_F_RING_PACKED (UINT64_C(1) << 34) /* where it is to be */

/* A request of the guest, from vring_take() to vring_put(). */
struct vhost_msg {
	struct msg msg;
	struct conn *conn; /* borrowed: outlives its messages */
	struct vhost_queue *queue; /* borrowed; of the connection's device */
	struct guest_memory *mem; /* counted; what iov points into */
	struct buffer *big; /* owned; the head, if it is not in small */
	struct iovec *iov; /* owned; head, rest of the request, reply */
	unsigned max_iov;
	unsigned nr_out; /* the last of them */
	size_t out_len;
	struct vring_token token; /* of its chain */
	STAILQ_ENTRY(vhost_msg) by_device; /* while unused */
	uint8_t small[VHOST_SMALL_HEAD];
};

struct vhost_queue {
	struct vring ring;
	struct conn *conn; /* borrowed */
	struct vring_place place; /* as the VMM says */
	uint32_t base; /* where it goes on when it opens */
	bool has_base; /* the VMM said so, or it stopped there */
	bool has_place;
	bool is_open; /* ring is in use */
	bool is_enabled;
	bool is_stopping; /* nothing more is taken */
	unsigned nr_msgs; /* taken, and not put back */
	int kick, call, err; /* owned; -1: none */
	ev_io kicker; /* for kick */
};

/* What the VMM waits for until nothing is in flight; it says nothing else. */
enum vhost_pending { VHOST_NOTHING, VHOST_STOP_QUEUE, VHOST_RESET };

struct vhost {
	struct conn *conn; /* borrowed: it owns this */
	struct vhost_message rx,
		tx; /* half received; to be sent, if its size */
	bool has_tx;
	uint64_t features, protocol_features; /* negotiated */
	uint8_t status; /* virtio's */
	struct guest_memory *mem; /* counted, or NULL */
	struct inflight inflight; /* owned */
	struct vhost_queue queues[VHOST_QUEUES_MAX];
	unsigned next_queue; /* whose turn it is */
	int backend_fd; /* owned; where we ask the VMM; -1 */
	enum vhost_pending pending;
	struct vhost_queue *pending_queue; /* borrowed; VHOST_STOP_QUEUE */
	bool pending_ack; /* VHOST_RESET is to be acknowledged */
	bool is_broken; /* until the next reset */
	bool is_polled; /* in loop.polled */
	STAILQ_HEAD(, vhost_msg) free_msgs; /* owned */
	unsigned nr_free;
	struct vring_chain chain; /* being made a message of */
};

/* --- vhost-request.c: what the VMM asks --- */

/*
 * Do what @v->rx says, and put a reply into @v->tx if there is one. Returns 0
 * or errno: the VMM made a mistake that it was not told of.
 */
int vhost_request(struct vhost *v);
/* Nothing is in flight of what is waited for: finish, and reply. */
void vhost_finish_pending(struct vhost *v);
/* Is it so? */
bool vhost_is_pending_over(const struct vhost *v);

/* --- vhost-queue.c: queues of the device --- */

/* Open @q if all that it needs is there and it is not open; errno. */
int vhost_queue_open(struct vhost *v, struct vhost_queue *q);
/* Take no more of it; what is in flight is put back still. */
void vhost_queue_stop(struct vhost_queue *q);
/* Nothing of it is in flight, and it goes on from there when it opens again. */
void vhost_queue_settle(struct vhost_queue *q);
/* Where it goes on when it opens. */
uint32_t vhost_queue_base(const struct vhost *v, const struct vhost_queue *q);
/* Forget where it is. Nothing of it is in flight. */
void vhost_queue_close(struct vhost_queue *q);
/* Watch another kick (-1: none), taken over. */
void vhost_queue_set_kick(struct vhost_queue *q, int fd);
bool vhost_has_open_queue(const struct vhost *v);
/* Is it to be looked at? */
bool vhost_queue_is_live(const struct vhost_queue *q);
/* Tell drivers of what was put, those who want it. */
void vhost_call_drivers(struct vhost *v);

/* --- vhost-chain.c: messages of chains --- */

/*
 * Make a message of @v->chain, taken from @q. Returns 0; -EPROTO: it is none,
 * and the queue is broken; -ENOMEM.
 */
int vhost_msg_new(struct vhost *v, struct vhost_queue *q,
		  struct vhost_msg **ret);
void vhost_free_msgs(struct vhost *v);

/* --- transport-vhost.c --- */

/* A kick of one of its queues came. */
void vhost_on_kick(struct vhost_queue *q);
/* Its guest made nonsense: it needs a reset. */
void vhost_break(struct vhost *v, const char *why);

#endif
