/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a VMM asks of the device, one function each; the table at the end says
 * how long a request is, what it needs and whether it has a reply of its own.
 * A request that cannot be done is told so where the VMM asked to be told
 * (REPLY_ACK), else the connection ends, as vhost-user.rst has it.
 */
#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "vhost-request.h"

#define FEATURES                                                         \
	(VHOST_F_MOUNT_TAG | VHOST_F_INDIRECT_DESC | VHOST_F_EVENT_IDX | \
	 VHOST_F_PROTOCOL_FEATURES | VHOST_F_VERSION_1)
#define PROTOCOL_FEATURES                                        \
	(VHOST_PROTOCOL_MQ | VHOST_PROTOCOL_REPLY_ACK |          \
	 VHOST_PROTOCOL_BACKEND_REQ | VHOST_PROTOCOL_CONFIG |    \
	 VHOST_PROTOCOL_INFLIGHT | VHOST_PROTOCOL_RESET_DEVICE | \
	 VHOST_PROTOCOL_MEM_SLOTS | VHOST_PROTOCOL_STATUS)

/* --- Replies ----------------------------------------------------------------- */

int
vhost_reply(struct vhost *v, size_t len)
{
	v->tx.head = (struct vhost_header){
		.request = v->rx.head.request,
		.flags = VHOST_FLAG_VERSION | VHOST_FLAG_REPLY,
		.size = (uint32_t)len,
	};
	v->has_tx = true;
	return 0;
}

int
vhost_reply_u64(struct vhost *v, uint64_t value)
{
	v->tx.u.u64 = value;
	return vhost_reply(v, sizeof(value));
}

/* Is the VMM told whether the request was done? */
static bool
wants_ack(const struct vhost *v)
{
	return v->rx.head.flags & VHOST_FLAG_NEED_REPLY &&
	       v->protocol_features & VHOST_PROTOCOL_REPLY_ACK;
}

/* --- Features and the device's state ----------------------------------------- */

static uint64_t
offered(const struct vhost *v)
{
	return FEATURES | (v->conn->has_packed ? VHOST_F_RING_PACKED : 0);
}

static int
get_features(struct vhost *v)
{
	return vhost_reply_u64(v, offered(v));
}

static int
set_features(struct vhost *v)
{
	uint64_t features = v->rx.u.u64;
	unsigned i;

	if (features & ~offered(v))
		return -EINVAL;
	/* Those that are open are read by what they began with. */
	v->features = features;
	for (i = 0; i < VHOST_QUEUES_MAX; i++)
		if (!(features & VHOST_F_PROTOCOL_FEATURES))
			v->queues[i].is_enabled = true;
	return 0;
}

static int
get_protocol_features(struct vhost *v)
{
	return vhost_reply_u64(v, PROTOCOL_FEATURES);
}

static int
set_protocol_features(struct vhost *v)
{
	if (v->rx.u.u64 & ~PROTOCOL_FEATURES)
		return -EINVAL;
	v->protocol_features = v->rx.u.u64;
	return 0;
}

static int
get_queue_num(struct vhost *v)
{
	return vhost_reply_u64(v, VHOST_QUEUES_MAX);
}

static int
set_owner(struct vhost *v)
{
	(void)v;
	return 0;
}

/* Long deprecated: its rings are disabled, nothing is forgotten. */
static int
reset_owner(struct vhost *v)
{
	unsigned i;

	for (i = 0; i < VHOST_QUEUES_MAX; i++)
		v->queues[i].is_enabled = false;
	return 0;
}

static int
reset_device(struct vhost *v)
{
	unsigned i;

	for (i = 0; i < VHOST_QUEUES_MAX; i++)
		vhost_queue_stop(&v->queues[i]);
	v->pending = VHOST_RESET;
	v->pending_ack = wants_ack(v);
	return 0;
}

static int
get_status(struct vhost *v)
{
	return vhost_reply_u64(v, v->status);
}

/*
 * Not a reset of ours, even when it is 0: QEMU says so whenever the guest is
 * paused, too.
 */
static int
set_status(struct vhost *v)
{
	if (v->rx.u.u64 > UINT8_MAX)
		return -EINVAL;
	v->status = (uint8_t)v->rx.u.u64;
	return 0;
}

static int
set_backend_fd(struct vhost *v)
{
	int fd = vhost_message_take_fd(&v->rx, 0);

	if (fd < 0)
		return -EINVAL;
	if (v->backend_fd >= 0)
		(void)close(v->backend_fd);
	v->backend_fd = fd;
	return 0;
}

/* --- Configuration space ------------------------------------------------------ */

/* virtio-9p's: the length of the tag, and the tag (virtio 1.2, 5.14.4). */
static void
fill_config(const struct vhost *v, uint8_t config[VHOST_CONFIG_MAX])
{
	const char *tag = v->conn->tag;
	uint16_t len = htole16((uint16_t)strlen(tag));

	memset(config, 0, VHOST_CONFIG_MAX);
	memcpy(config, &len, sizeof(len));
	memcpy(config + sizeof(len), tag, strlen(tag));
}

static bool
is_config_range(const struct vhost_message *m)
{
	const struct vhost_config *c = &m->u.config;

	return c->size <= VHOST_CONFIG_MAX &&
	       c->off <= VHOST_CONFIG_MAX - c->size &&
	       m->head.size == VHOST_CONFIG_HEAD + c->size;
}

static int
get_config(struct vhost *v)
{
	const struct vhost_config *c = &v->rx.u.config;
	uint8_t config[VHOST_CONFIG_MAX];

	if (!is_config_range(&v->rx))
		return vhost_reply(v, 0); /* which says that it is an error */
	fill_config(v, config);
	v->tx.u.config.off = c->off;
	v->tx.u.config.size = c->size;
	v->tx.u.config.flags = c->flags;
	memcpy(v->tx.u.config.bytes, config + c->off, c->size);
	return vhost_reply(v, v->rx.head.size);
}

/* It is read-only; a migration may say what is there anyway. */
static int
set_config(struct vhost *v)
{
	const struct vhost_config *c = &v->rx.u.config;
	uint8_t config[VHOST_CONFIG_MAX];

	if (!is_config_range(&v->rx) || c->flags != VHOST_CONFIG_MIGRATION)
		return -EINVAL;
	fill_config(v, config);
	return memcmp(config + c->off, c->bytes, c->size) == 0 ? 0 : -EINVAL;
}

/* --- What takes time ------------------------------------------------------------ */

bool
vhost_is_pending_over(const struct vhost *v)
{
	switch (v->pending) {
	case VHOST_NOTHING:
		return false;
	case VHOST_STOP_QUEUE:
		return v->pending_queue->nr_msgs == 0;
	case VHOST_RESET:
		return conn_is_idle(v->conn);
	}
	return false;
}

static void
finish_stop(struct vhost *v, struct vhost_queue *q)
{
	vhost_queue_settle(q);
	vhost_queue_close(q);
	v->tx.u.state = (struct vhost_vring_state){
		.index = (uint32_t)(q - v->queues),
		.num = vhost_queue_base(v, q),
	};
	(void)vhost_reply(v, sizeof(v->tx.u.state));
}

static int
finish_reset(struct vhost *v)
{
	struct vhost_queue *q;
	unsigned i;

	for (i = 0; i < VHOST_QUEUES_MAX; i++) {
		q = &v->queues[i];
		vhost_queue_settle(q);
		vhost_queue_close(q);
		q->is_enabled = false;
		q->has_place = q->has_base = false;
	}
	v->features = 0;
	v->status = 0;
	return conn_renew_session(v->conn);
}

void
vhost_finish_pending(struct vhost *v)
{
	int r = 0;

	if (v->pending == VHOST_STOP_QUEUE)
		finish_stop(v, v->pending_queue);
	else
		r = finish_reset(v);
	if (v->pending == VHOST_RESET && v->pending_ack)
		(void)vhost_reply_u64(v, r < 0);
	v->pending = VHOST_NOTHING;
	v->pending_queue = NULL;
	if (!vhost_has_open_queue(v) && v->is_broken) {
		v->is_broken = false;
		(void)conn_renew_session(v->conn);
	}
	vhost_message_reset(&v->rx);
}

/* --- The table ------------------------------------------------------------------ */

#define STATE_LEN sizeof(struct vhost_vring_state)

static const struct row {
	const char *name;
	int (*run)(struct vhost *v);
	size_t min_len; /* of its payload */
	uint64_t needs; /* of the protocol features */
	bool has_reply; /* or may have to wait, and answers by itself */
} rows[VHOST_NR_REQUESTS] = {
	[VHOST_GET_FEATURES] = { "GET_FEATURES", get_features, 0, 0, true },
	[VHOST_SET_FEATURES] = { "SET_FEATURES", set_features, 8, 0, false },
	[VHOST_SET_OWNER] = { "SET_OWNER", set_owner, 0, 0, false },
	[VHOST_RESET_OWNER] = { "RESET_OWNER", reset_owner, 0, 0, false },
	[VHOST_SET_MEM_TABLE] = { "SET_MEM_TABLE", vhost_set_mem_table, 8, 0,
				  false },
	[VHOST_SET_VRING_NUM] = { "SET_VRING_NUM", vhost_set_vring_num,
				  STATE_LEN, 0, false },
	[VHOST_SET_VRING_ADDR] = { "SET_VRING_ADDR", vhost_set_vring_addr,
				   sizeof(struct vhost_vring_addr), 0, false },
	[VHOST_SET_VRING_BASE] = { "SET_VRING_BASE", vhost_set_vring_base,
				   STATE_LEN, 0, false },
	[VHOST_GET_VRING_BASE] = { "GET_VRING_BASE", vhost_get_vring_base,
				   STATE_LEN, 0, true },
	[VHOST_SET_VRING_KICK] = { "SET_VRING_KICK", vhost_set_vring_kick, 8, 0,
				   false },
	[VHOST_SET_VRING_CALL] = { "SET_VRING_CALL", vhost_set_vring_call, 8, 0,
				   false },
	[VHOST_SET_VRING_ERR] = { "SET_VRING_ERR", vhost_set_vring_err, 8, 0,
				  false },
	[VHOST_GET_PROTOCOL_FEATURES] = { "GET_PROTOCOL_FEATURES",
					  get_protocol_features, 0, 0, true },
	[VHOST_SET_PROTOCOL_FEATURES] = { "SET_PROTOCOL_FEATURES",
					  set_protocol_features, 8, 0, false },
	[VHOST_GET_QUEUE_NUM] = { "GET_QUEUE_NUM", get_queue_num, 0,
				  VHOST_PROTOCOL_MQ, true },
	[VHOST_SET_VRING_ENABLE] = { "SET_VRING_ENABLE", vhost_set_vring_enable,
				     STATE_LEN, 0, false },
	[VHOST_SET_BACKEND_REQ_FD] = { "SET_BACKEND_REQ_FD", set_backend_fd, 0,
				       VHOST_PROTOCOL_BACKEND_REQ, false },
	[VHOST_GET_CONFIG] = { "GET_CONFIG", get_config, VHOST_CONFIG_HEAD,
			       VHOST_PROTOCOL_CONFIG, true },
	[VHOST_SET_CONFIG] = { "SET_CONFIG", set_config, VHOST_CONFIG_HEAD,
			       VHOST_PROTOCOL_CONFIG, false },
	[VHOST_GET_INFLIGHT_FD] = { "GET_INFLIGHT_FD", vhost_get_inflight_fd,
				    VHOST_INFLIGHT_LEN, VHOST_PROTOCOL_INFLIGHT,
				    true },
	[VHOST_SET_INFLIGHT_FD] = { "SET_INFLIGHT_FD", vhost_set_inflight_fd,
				    VHOST_INFLIGHT_LEN, VHOST_PROTOCOL_INFLIGHT,
				    false },
	[VHOST_RESET_DEVICE] = { "RESET_DEVICE", reset_device, 0,
				 VHOST_PROTOCOL_RESET_DEVICE, true },
	[VHOST_GET_MAX_MEM_SLOTS] = { "GET_MAX_MEM_SLOTS",
				      vhost_get_max_mem_slots, 0,
				      VHOST_PROTOCOL_MEM_SLOTS, true },
	[VHOST_ADD_MEM_REG] = { "ADD_MEM_REG", vhost_add_mem_region,
				sizeof(struct vhost_one_region),
				VHOST_PROTOCOL_MEM_SLOTS, false },
	[VHOST_REM_MEM_REG] = { "REM_MEM_REG", vhost_remove_mem_region,
				sizeof(struct vhost_one_region),
				VHOST_PROTOCOL_MEM_SLOTS, false },
	[VHOST_SET_STATUS] = { "SET_STATUS", set_status, 8,
			       VHOST_PROTOCOL_STATUS, false },
	[VHOST_GET_STATUS] = { "GET_STATUS", get_status, 0,
			       VHOST_PROTOCOL_STATUS, true },
};

static void
warn(struct vhost *v, const char *name, int err)
{
	char line[120];

	(void)snprintf(line, sizeof(line), "%s of the VMM is refused: %s", name,
		       strerror(-err));
	conn_warn(v->conn, line);
}

int
vhost_request(struct vhost *v)
{
	const struct vhost_header *h = &v->rx.head;
	const struct row *row =
		h->request < VHOST_NR_REQUESTS ? &rows[h->request] : NULL;
	bool is_known = row && row->run;
	int r = -EOPNOTSUPP;

	if (is_known && (v->protocol_features & row->needs) == row->needs)
		r = h->size < row->min_len ? -EINVAL : row->run(v);
	if (r < 0)
		warn(v, is_known ? row->name : "an unknown request", r);
	if (is_known && row->has_reply)
		return r;
	if (!wants_ack(v))
		return r;
	return vhost_reply_u64(v, r < 0);
}
