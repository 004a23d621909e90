/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A vhost-user device: the input is steps of a VMM and its guest. It sends
 * requests with descriptors, writes into the guest's memory, kicks, lets the
 * loop run. The first byte says whether the device is set up beforehand. In
 * the end the VMM is gone: then nothing may be left, no descriptor either.
 */
#include <ev.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "conn.h"
#include "fuzz.h"
#include "macros.h"
#include "stub-session.h"
#include "vhost-msg.h"

#define MEMORY (64u << 10)
#define GUEST UINT64_C(0x10000)
#define USER UINT64_C(0x20000)
#define QUEUE 16
#define FDS_LOOKED_AT 64

struct fuzz {
	struct loop *loop;
	int fd, mem_fd, kick; /* the VMM's */
	uint8_t *mem;
	const uint8_t *in, *end;
};

static uint8_t
next(struct fuzz *f)
{
	return f->in < f->end ? *f->in++ : 0;
}

/* At most @max bytes, and as many as the next one says. */
static uint32_t
take(struct fuzz *f, uint8_t *to, size_t max)
{
	size_t len = next(f);

	len = MIN(len, (size_t)(f->end - f->in));
	len = MIN(len, max);
	memcpy(to, f->in, len);
	f->in += len;
	return (uint32_t)len;
}

static unsigned
count_fds(void)
{
	unsigned nr = 0;
	int i;

	for (i = 0; i < FDS_LOOKED_AT; i++)
		nr += fcntl(i, F_GETFD) >= 0;
	return nr;
}

/* Let the loop run, and throw away what it replies. */
static void
run(struct fuzz *f)
{
	struct vhost_message m = { .done = 0 };

	(void)ev_run(f->loop->ev, EVRUN_NOWAIT);
	while (vhost_message_receive(f->fd, &m) == 1)
		vhost_message_reset(&m);
	vhost_message_reset(&m);
}

static void
request(struct fuzz *f, uint32_t number, uint32_t flags, const void *payload,
	uint32_t len, int fd)
{
	struct vhost_message m = {
		.head = { number, VHOST_FLAG_VERSION | flags, len },
		.fds = { fd },
		.nr_fds = fd >= 0,
	};

	memcpy(&m.u, payload, len);
	(void)vhost_message_send(f->fd, &m);
	run(f);
}

static void
u64(struct fuzz *f, uint32_t number, uint64_t v, int fd)
{
	request(f, number, 0, &v, sizeof(v), fd);
}

static void
set_up(struct fuzz *f, uint8_t how)
{
	const struct vhost_table table = { 1,
					   0,
					   { { GUEST, MEMORY, USER, 0 } } };
	const struct vhost_vring_addr addr = {
		0, 0, USER, USER + 0x2000, USER + 0x1000, 0
	};
	const struct vhost_vring_state num = { 0, QUEUE }, on = { 0, 1 };
	const struct vhost_inflight inflight = { .nr_queues = 1,
						 .queue_size = QUEUE };

	/* All that is offered; event index, indirect, packed or not. */
	u64(f, VHOST_SET_PROTOCOL_FEATURES, 0x1b229, -1);
	u64(f, VHOST_SET_FEATURES,
	    UINT64_C(0x140000001) | (uint64_t)(how & 3) << 28 |
		    (uint64_t)(how >> 4 & 1) << 34,
	    -1);
	if (how & 4)
		request(f, VHOST_GET_INFLIGHT_FD, 0, &inflight,
			sizeof(inflight), -1);
	request(f, VHOST_SET_MEM_TABLE, 0, &table, 40, f->mem_fd);
	request(f, VHOST_SET_VRING_NUM, 0, &num, sizeof(num), -1);
	request(f, VHOST_SET_VRING_ADDR, 0, &addr, sizeof(addr), -1);
	u64(f, VHOST_SET_VRING_CALL, 0, f->kick);
	u64(f, VHOST_SET_VRING_KICK, 0, f->kick);
	request(f, VHOST_SET_VRING_ENABLE, 0, &on, sizeof(on), -1);
}

static void
step_request(struct fuzz *f)
{
	int fds[] = { -1, f->mem_fd, f->kick, -1 };
	uint32_t number = next(f), flags = next(f), len;
	uint8_t payload[UINT8_MAX] = { 0 };

	len = take(f, payload, sizeof(payload));
	request(f, number, flags & VHOST_FLAG_NEED_REPLY, payload, len,
		fds[flags & 3]);
}

static void
step_write(struct fuzz *f)
{
	size_t off = (size_t)next(f) << 8;

	off |= next(f);
	take(f, f->mem + off, MEMORY - off);
}

static void
steps(struct fuzz *f)
{
	uint64_t one = 1;

	uint8_t step;

	while (f->in < f->end) {
		step = next(f);
		if (step == 0)
			step_request(f);
		else if (step == 1)
			step_write(f);
		else if (step == 2)
			(void)!write(f->kick, &one, sizeof(one));
		else if (step < 16)
			stub_finish(step >> 1, step & 1);
		else if (step == 16)
			stub_fail();
		run(f);
	}
}

static void
fuzz_one(struct fuzz *f, struct server *server)
{
	const struct conn_origin origin = { .protocol = &protocol_stub,
					    .transport = &vhost_ops,
					    .tag = "fuzz",
					    .has_packed = true };
	uint8_t how = next(f);
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
		       pair) < 0)
		abort();
	f->fd = pair[0];
	f->kick = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	f->mem_fd = memfd_create("fuzz", MFD_CLOEXEC);
	if (ftruncate(f->mem_fd, MEMORY) < 0)
		abort();
	f->mem = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_SHARED,
		      f->mem_fd, 0);
	atomic_store(&server->nr_conns, 1);
	atomic_store(&f->loop->nr_conns, 1);
	conn_new(f->loop, pair[1], &origin);
	if (how & 8)
		set_up(f, how);
	steps(f);
	(void)close(f->fd);
	(void)munmap(f->mem, MEMORY);
	(void)close(f->mem_fd);
	while (atomic_load(&server->nr_conns) > 0) {
		(void)ev_run(f->loop->ev, EVRUN_NOWAIT);
		stub_finish(0, false);
	}
	(void)close(f->kick);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct config config = { .nr_loops = 1, .timeout_s = 60 };
	struct server server = { .config = &config };
	struct fuzz f = { .in = data, .end = data + size };
	unsigned before = count_fds();

	log_set_level(LOG_EMERG);
	f.loop = loop_new(&server);
	fuzz_one(&f, &server);
	loop_free(f.loop);
	if (count_fds() != before)
		abort();
	return 0;
}
