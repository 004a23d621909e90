/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A VMM's requests, between the files that do them: one function each, which
 * finds the request in v->rx, checked for its length alone. They return 0,
 * also where the VMM has to wait for the reply; or errno. Descriptors that
 * they do not take out of v->rx are closed by their caller.
 */
#ifndef VENEER_SERVER_VHOST_REQUEST_H
#define VENEER_SERVER_VHOST_REQUEST_H

#include "vhost.h"

/* Reply with @len bytes of v->tx.u. Returns 0. */
int vhost_reply(struct vhost *v, size_t len);
int vhost_reply_u64(struct vhost *v, uint64_t value);

int vhost_set_mem_table(struct vhost *v);
int vhost_get_max_mem_slots(struct vhost *v);
int vhost_add_mem_region(struct vhost *v);
int vhost_remove_mem_region(struct vhost *v);
int vhost_set_vring_num(struct vhost *v);
int vhost_set_vring_addr(struct vhost *v);
int vhost_set_vring_base(struct vhost *v);
int vhost_get_vring_base(struct vhost *v);
int vhost_set_vring_enable(struct vhost *v);
int vhost_set_vring_kick(struct vhost *v);
int vhost_set_vring_call(struct vhost *v);
int vhost_set_vring_err(struct vhost *v);
int vhost_get_inflight_fd(struct vhost *v);
int vhost_set_inflight_fd(struct vhost *v);

#endif
