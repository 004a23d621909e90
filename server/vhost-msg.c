/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A message is received as header and payload, never a byte of the next one:
 * descriptors belong to the bytes they come with. None of them is lost, even
 * where there are more than may be.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cleanup.h"
#include "vhost-msg.h"

#define HEAD_LEN sizeof(struct vhost_header)

_Static_assert(HEAD_LEN == 12 && sizeof(struct vhost_vring_addr) == 40 &&
		       sizeof(struct vhost_table) == 264 &&
		       sizeof(struct vhost_one_region) == 40 &&
		       offsetof(struct vhost_config, bytes) == 12,
	       "the layouts of vhost-user.rst");

/* Keep what fits; -EPROTO if some did not. */
static int
take_fds(struct vhost_message *m, const struct cmsghdr *c)
{
	size_t i, nr = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
	int fd, r = 0;

	for (i = 0; i < nr; i++) {
		memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
		if (m->nr_fds < VHOST_FDS_MAX) {
			m->fds[m->nr_fds++] = fd;
		} else {
			(void)close(fd);
			r = -EPROTO;
		}
	}
	return r;
}

/* Receive once, at most @len bytes. */
static ssize_t
receive_some(int fd, struct vhost_message *m, void *to, size_t len)
{
	union {
		char bytes[CMSG_SPACE(VHOST_FDS_MAX * sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec iov = { to, len };
	struct msghdr mh = { .msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = &control,
			     .msg_controllen = sizeof(control) };
	ssize_t n = recvmsg(fd, &mh, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	struct cmsghdr *c;
	int r = 0;

	if (n < 0)
		return -errno;
	for (c = CMSG_FIRSTHDR(&mh); c; c = CMSG_NXTHDR(&mh, c))
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS &&
		    take_fds(m, c) < 0)
			r = -EPROTO;
	/* More than a message may have: the kernel closed the rest. */
	if (mh.msg_flags & MSG_CTRUNC)
		r = -EPROTO;
	return r < 0 ? r : n;
}

int
vhost_message_receive(int fd, struct vhost_message *m)
{
	size_t end = HEAD_LEN;
	uint8_t *to;
	ssize_t n;

	for (;;) {
		if (m->done >= HEAD_LEN) {
			if ((m->head.flags & VHOST_FLAG_VERSION_MASK) !=
				    VHOST_FLAG_VERSION ||
			    m->head.size > sizeof(m->u))
				return -EPROTO;
			end = HEAD_LEN + m->head.size;
		}
		if (m->done == end)
			return 1;
		to = m->done < HEAD_LEN ? (uint8_t *)&m->head + m->done
					: m->u.bytes + (m->done - HEAD_LEN);
		n = receive_some(fd, m, to, end - m->done);
		if (n == -EINTR)
			continue;
		if (n <= 0)
			return (int)n;
		m->done += (size_t)n;
	}
}

/* The socket takes the descriptor with the first byte. */
static ssize_t
send_some(int fd, struct vhost_message *m)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = { .bytes = "" };
	struct iovec iov[2] = { { &m->head, HEAD_LEN },
				{ &m->u, m->head.size } };
	struct msghdr mh = { .msg_iov = iov, .msg_iovlen = 2 };
	struct cmsghdr *c = &control.align;
	ssize_t n;

	if (m->done < HEAD_LEN) {
		iov[0].iov_base = (uint8_t *)&m->head + m->done;
		iov[0].iov_len -= m->done;
	} else {
		iov[0].iov_len = 0;
		iov[1].iov_base = m->u.bytes + (m->done - HEAD_LEN);
		iov[1].iov_len -= m->done - HEAD_LEN;
	}
	if (m->done == 0 && m->nr_fds > 0) {
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &m->fds[0], sizeof(int));
		mh.msg_control = &control;
		mh.msg_controllen = sizeof(control.bytes);
	}
	n = sendmsg(fd, &mh, MSG_DONTWAIT | MSG_NOSIGNAL);
	return n < 0 ? -errno : n;
}

int
vhost_message_send(int fd, struct vhost_message *m)
{
	ssize_t n;

	while (m->done < HEAD_LEN + m->head.size) {
		n = send_some(fd, m);
		if (n == -EINTR)
			continue;
		if (n < 0)
			return (int)n;
		m->done += (size_t)n;
	}
	return 1;
}

void
vhost_message_reset(struct vhost_message *m)
{
	unsigned i;

	for (i = 0; i < m->nr_fds; i++)
		if (m->fds[i] >= 0)
			(void)close(m->fds[i]);
	m->nr_fds = 0;
	m->done = 0;
	m->head = (struct vhost_header){ 0 };
}

int
vhost_message_take_fd(struct vhost_message *m, unsigned i)
{
	return i < m->nr_fds ? take_fd(&m->fds[i]) : -1;
}
