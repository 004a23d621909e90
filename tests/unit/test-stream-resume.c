/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A session that lets messages wait until replies were sent is told so, whoever
 * sent them: what was asked while a client read nothing is answered once it
 * reads (protocol.h, session_resume). Over a socket pair, with a protocol of the
 * test's own that has one large reply unsent at most.
 */
#include "unit.h"

#include <ev.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "conn.h"

#define FRAME 8
#define REPLY ((size_t)300 << 10) /* more than a socket takes */
#define MAX_WAITING 32

struct session {
	struct session_config config;
	struct msg *waiting[MAX_WAITING];
	unsigned nr_waiting;
};

static struct session *
session_new(const struct session_config *config)
{
	struct session *s = calloc(1, sizeof(*s));

	if (s)
		s->config = *config;
	return s;
}

static void
session_resume(struct session *s)
{
	struct msg *m;

	while (s->nr_waiting > 0 &&
	       s->config.events->room(s->config.owner, 0) == SIZE_MAX) {
		m = s->waiting[--s->nr_waiting];
		assert_int_equal(0, m->ops->room(m, REPLY));
		memset(m->out[0].iov_base, 'r', REPLY);
		m->ops->send(m, REPLY);
	}
}

static void
session_receive(struct session *s, struct msg *msg)
{
	assert_true(s->nr_waiting < MAX_WAITING);
	s->waiting[s->nr_waiting++] = msg;
	session_resume(s);
}

static void
session_close(struct session *s)
{
	while (s->nr_waiting > 0) {
		s->nr_waiting--;
		s->waiting[s->nr_waiting]->ops->drop(s->waiting[s->nr_waiting]);
	}
}

static ssize_t
frame_len(const struct session *s, const uint8_t *head, size_t have)
{
	(void)s;
	(void)head;
	(void)have;
	return FRAME;
}

static size_t
head_len(const uint8_t *head, size_t len)
{
	(void)head;
	return len;
}

static bool
is_full(const struct session *s)
{
	return s->nr_waiting == MAX_WAITING;
}

static bool
is_true(const struct session *s)
{
	(void)s;
	return true;
}

static void
session_free(struct session *s)
{
	free(s);
}

static const struct protocol protocol = {
	.name = "test",
	.min_frame = FRAME,
	.min_reply = 1,
	.frame_len = frame_len,
	.head_len = head_len,
	.session_new = session_new,
	.session_receive = session_receive,
	.session_is_full = is_full,
	.session_resume = session_resume,
	.session_is_begun = is_true,
	.session_close = session_close,
	.session_is_idle = is_true,
	.session_free = session_free,
};

/* Bytes that are there to be read. */
static size_t
received(int fd)
{
	static char in[REPLY];
	size_t sum = 0;
	ssize_t n;

	while ((n = recv(fd, in, sizeof(in), MSG_DONTWAIT)) > 0)
		sum += (size_t)n;
	return sum;
}

static void
ask(int fd, unsigned nr)
{
	static const char frames[MAX_WAITING * FRAME];

	assert_int_equal(nr * FRAME, send(fd, frames, nr * FRAME, 0));
}

/*
 * Bytes that can be read and written at once: what comes in is handled first,
 * and may send what the session waits for.
 */
static void
sent_while_more_is_received(void **state)
{
	struct config config = { .max_inflight_bytes = 16 << 20,
				 .max_total_bytes = 1 << 30,
				 .nr_loops = 1,
				 .timeout_s = 60 };
	struct server server = { .config = &config };
	struct loop *l;
	size_t sum = 0;
	const struct conn_origin origin = {
		.protocol = &protocol,
		.transport = &stream_ops,
	};
	unsigned i;
	int fds[2];

	(void)state;
	log_set_level(LOG_ERR);
	l = loop_new(&server);
	assert_int_equal(
		0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds));
	atomic_store(&server.nr_conns, 1);
	atomic_store(&l->nr_conns, 1);
	conn_new(l, fds[1], &origin);
	ask(fds[0], 1);
	(void)ev_run(l->ev, EVRUN_NOWAIT);
	sum += received(fds[0]);
	assert_in_range(sum, 1, REPLY - 1);
	ask(fds[0], 8);
	for (i = 0; i < 200 && sum < 9 * REPLY; i++) {
		(void)ev_run(l->ev, EVRUN_NOWAIT);
		sum += received(fds[0]);
	}
	assert_int_equal(9 * REPLY, sum);
	conn_close(LIST_FIRST(&l->conns));
	loop_flush(l);
	(void)ev_run(l->ev, EVRUN_NOWAIT);
	loop_free(l);
	(void)close(fds[0]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sent_while_more_is_received),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
