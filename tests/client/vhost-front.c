/* SPDX-License-Identifier: BSD-3-Clause */
/* The VMM's side of the front end; the guest's is vhost-guest.c. */
#include "vhost-front.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "harness.h"

#define PATIENCE_MS 10000

struct header {
	uint32_t request, flags, size;
};

static int
connect_to(const struct vhost_front *f, const char *path)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)snprintf(sun.sun_path, sizeof(sun.sun_path), "%s%s", path,
		       f->flags & FRONT_PACKED ? "-packed" : "");
	CHECK(fd >= 0);
	CHECK_EQ(0, connect(fd, (struct sockaddr *)&sun, sizeof(sun)));
	return fd;
}

void
front_send(struct vhost_front *f, const struct front_message *m)
{
	struct header h = { m->request, 1 | m->flags, m->len };
	struct iovec iov[2] = { { &h, sizeof(h) },
				{ (void *)m->payload, m->len } };
	union {
		char bytes[CMSG_SPACE(16 * sizeof(int))];
		struct cmsghdr align;
	} control = { .bytes = "" };
	struct msghdr mh = { .msg_iov = iov, .msg_iovlen = 2 };
	struct cmsghdr *c = &control.align;

	if (m->nr_fds > 0) {
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(m->nr_fds * sizeof(int));
		memcpy(CMSG_DATA(c), m->fds, m->nr_fds * sizeof(int));
		mh.msg_control = &control;
		mh.msg_controllen = CMSG_SPACE(m->nr_fds * sizeof(int));
	}
	(void)sendmsg(f->fd, &mh, MSG_NOSIGNAL);
}

static void
wait_readable(int fd)
{
	struct pollfd p = { fd, POLLIN, 0 };

	CHECK_EQ(1, poll(&p, 1, PATIENCE_MS));
}

uint32_t
front_reply(struct vhost_front *f, uint32_t request, void *payload,
	    uint32_t max, int *ret_fd)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = { .bytes = "" };
	struct header h;
	struct iovec iov = { &h, sizeof(h) };
	struct msghdr mh = { .msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = &control,
			     .msg_controllen = sizeof(control) };
	struct cmsghdr *c;

	wait_readable(f->fd);
	CHECK_EQ(sizeof(h), recvmsg(f->fd, &mh, MSG_CMSG_CLOEXEC));
	CHECK_EQ(request, h.request);
	CHECK_EQ(5, h.flags);
	CHECK(h.size <= max);
	if (h.size > 0)
		CHECK_EQ(h.size, recv(f->fd, payload, h.size, MSG_WAITALL));
	c = CMSG_FIRSTHDR(&mh);
	if (ret_fd)
		*ret_fd = -1;
	if (c && ret_fd)
		memcpy(ret_fd, CMSG_DATA(c), sizeof(int));
	return h.size;
}

uint64_t
front_ask(struct vhost_front *f, const struct front_message *m)
{
	struct front_message asked = *m;
	uint64_t answer;

	asked.flags |= 8;
	front_send(f, &asked);
	CHECK_EQ(8, front_reply(f, m->request, &answer, 8, NULL));
	return answer;
}

uint64_t
front_get(struct vhost_front *f, uint32_t request)
{
	uint64_t answer;

	front_send(f, FRONT_MESSAGE(.request = request));
	CHECK_EQ(8, front_reply(f, request, &answer, 8, NULL));
	return answer;
}

bool
front_is_hung_up(struct vhost_front *f)
{
	char byte;

	wait_readable(f->fd);
	return recv(f->fd, &byte, 1, 0) <= 0;
}

static void
set_u64(struct vhost_front *f, uint32_t request, uint64_t v, const int *fd)
{
	CHECK_EQ(0,
		 front_ask(f, FRONT_MESSAGE(.request = request, .payload = &v,
					    .len = 8, .fds = fd,
					    .nr_fds = fd ? 1 : 0)));
}

static void
set_state(struct vhost_front *f, uint32_t request, uint32_t num)
{
	uint32_t state[2] = { 0, num };

	CHECK_EQ(0, front_ask(f, FRONT_MESSAGE(.request = request,
					       .payload = state,
					       .len = sizeof(state))));
}

void
front_set_memory(struct vhost_front *f)
{
	size_t cut = f->flags & FRONT_TWO_REGIONS ? FRONT_SEAM : FRONT_MEMORY;
	uint64_t regions[2][4] = {
		{ FRONT_GUEST, cut, FRONT_USER, 0 },
		{ FRONT_GUEST + cut, FRONT_MEMORY - cut, 2 * FRONT_USER + cut,
		  cut },
	};
	unsigned i, nr = cut == FRONT_MEMORY ? 1 : 2;
	uint64_t table[9] = { nr }, one[5] = { 0 };
	int fds[2] = { f->mem_fd, f->mem_fd };

	for (i = 0; i < nr && f->flags & FRONT_MEM_SLOTS; i++) {
		memcpy(one + 1, regions[i], sizeof(regions[i]));
		CHECK_EQ(0,
			 front_ask(f,
				   FRONT_MESSAGE(.request = 37, .payload = one,
						 .len = sizeof(one), .fds = fds,
						 .nr_fds = 1)));
	}
	if (f->flags & FRONT_MEM_SLOTS)
		return;
	memcpy(table + 1, regions, sizeof(regions));
	CHECK_EQ(0, front_ask(f, FRONT_MESSAGE(.request = 5, .payload = table,
					       .len = 8 + nr * 32, .fds = fds,
					       .nr_fds = nr)));
}

static uint32_t
queue_size(const struct vhost_front *f)
{
	return f->flags & FRONT_PACKED ? FRONT_PACKED_QUEUE : FRONT_QUEUE;
}

static void
set_inflight(struct vhost_front *f)
{
	uint64_t d[3] = { 0, 0, 1 | queue_size(f) << 16 };

	if (f->inflight_fd >= 0) {
		d[0] = f->inflight_len;
		CHECK_EQ(0, front_ask(f, FRONT_MESSAGE(.request = 32,
						       .payload = d, .len = 24,
						       .fds = &f->inflight_fd,
						       .nr_fds = 1)));
		return;
	}
	front_send(f, FRONT_MESSAGE(.request = 31, .payload = d, .len = 24));
	CHECK_EQ(24, front_reply(f, 31, d, 24, &f->inflight_fd));
	CHECK(f->inflight_fd >= 0);
	f->inflight_len = d[0];
	/* As a VMM does. */
	CHECK_EQ(0,
		 front_ask(f,
			   FRONT_MESSAGE(.request = 32, .payload = d, .len = 24,
					 .fds = &f->inflight_fd, .nr_fds = 1)));
}

static void
set_backend(struct vhost_front *f)
{
	int pair[2];

	CHECK_EQ(0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
	CHECK_EQ(0, front_ask(f, FRONT_MESSAGE(.request = 21, .fds = &pair[1],
					       .nr_fds = 1)));
	(void)close(pair[1]);
	f->backend = pair[0];
}

static size_t
offset_in(const struct vhost_front *f, const void *p)
{
	return (size_t)((const uint8_t *)p - f->mem);
}

void
front_start_queue(struct vhost_front *f, uint32_t base)
{
	uint64_t addr[5] = { 0, FRONT_USER, FRONT_USER + offset_in(f, f->used),
			     FRONT_USER + offset_in(f, f->avail), 0 };

	set_state(f, 8, queue_size(f));
	set_state(f, 10, base);
	CHECK_EQ(0, front_ask(f, FRONT_MESSAGE(.request = 9, .payload = addr,
					       .len = sizeof(addr))));
	set_u64(f, 12, 0, &f->kick);
	set_u64(f, 13, 0, &f->call);
	set_state(f, 18, 1);
}

uint32_t
front_stop_queue(struct vhost_front *f)
{
	uint32_t state[2] = { 0, 0 };

	front_send(f, FRONT_MESSAGE(.request = 11, .payload = state,
				    .len = sizeof(state)));
	CHECK_EQ(8, front_reply(f, 11, state, sizeof(state), NULL));
	CHECK_EQ(0, state[0]);
	return state[1];
}

static void
setup(struct vhost_front *f, uint32_t base)
{
	uint64_t features = front_get(f, 1), protocol = front_get(f, 15);
	uint64_t packed = f->flags & FRONT_PACKED ? UINT64_C(1) << 34 : 0;
	uint64_t want = 1 | UINT64_C(1) << 30 | UINT64_C(1) << 32 | packed;

	CHECK_EQ(want | UINT64_C(1) << 28 | UINT64_C(1) << 29, features);
	if (f->flags & FRONT_INDIRECT)
		want |= UINT64_C(1) << 28;
	if (f->flags & FRONT_EVENT_IDX)
		want |= UINT64_C(1) << 29;
	if (!(f->flags & FRONT_STATUS))
		protocol &= ~(UINT64_C(1) << 16);
	front_send(f, FRONT_MESSAGE(.request = 16, .payload = &protocol,
				    .len = 8));
	front_send(f, FRONT_MESSAGE(.request = 3));
	if (f->flags & FRONT_STATUS)
		set_backend(f);
	set_u64(f, 2, want, NULL);
	if (f->flags & FRONT_INFLIGHT)
		set_inflight(f);
	front_set_memory(f);
	front_start_queue(f, base);
}

void
front_setup(struct vhost_front *f)
{
	setup(f, front_base(f));
}

void
front_connect(struct vhost_front *f, const char *path, unsigned flags)
{
	*f = (struct vhost_front){
		.flags = flags,
		.mem_fd = memfd_create("guest", MFD_CLOEXEC),
		.kick = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
		.call = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
		.backend = -1,
		.inflight_fd = -1,
	};
	f->fd = connect_to(f, path);
	CHECK(f->mem_fd >= 0 && f->kick >= 0 && f->call >= 0);
	CHECK_EQ(0, ftruncate(f->mem_fd, FRONT_MEMORY));
	f->mem = mmap(NULL, FRONT_MEMORY, PROT_READ | PROT_WRITE, MAP_SHARED,
		      f->mem_fd, 0);
	CHECK(f->mem != MAP_FAILED);
	f->desc = (void *)f->mem;
	f->avail = (void *)(f->mem + 0x4000);
	f->used = (void *)(f->mem + 0x8000);
	if (f->flags & FRONT_PACKED)
		packed_init(f);
}

void
front_reconnect(struct vhost_front *f, const char *path)
{
	(void)close(f->fd);
	f->fd = connect_to(f, path);
	/* It does not know how far the server got. */
	setup(f, f->flags & FRONT_PACKED ? 0x80008000 : f->avail_idx);
}

void
front_close(struct vhost_front *f)
{
	int fds[] = { f->fd,   f->mem_fd,  f->kick,
		      f->call, f->backend, f->inflight_fd };
	unsigned i;

	p9_close(&f->p9);
	free(f->reply);
	(void)munmap(f->mem, FRONT_MEMORY);
	for (i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
		if (fds[i] >= 0)
			(void)close(fds[i]);
}
