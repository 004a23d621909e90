/* SPDX-License-Identifier: BSD-3-Clause */
#include "tls-fixture.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "macros.h"

#define KEY_HEX "00112233445566778899aabbccddeeff"
#define MAX_STEPS 100000
#define HEAD 4

/* --- The protocol ---------------------------------------------------------- */

struct session {
	const struct session_events *events;
	void *owner;
	bool is_full;
};

static size_t
length(const uint8_t *m)
{
	return (size_t)m[1] << 16 | (size_t)m[2] << 8 | m[3];
}

static ssize_t
frame_len(const struct session *s, const uint8_t *head, size_t have)
{
	(void)s;
	(void)have;
	return length(head) < HEAD ? -EPROTO : (ssize_t)length(head);
}

static size_t
head_len(const uint8_t *head, size_t len)
{
	(void)head;
	return len;
}

static struct session *
session_new(const struct session_config *config)
{
	struct session *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	assert_int_equal(TLS_ON, config->tls);
	s->events = config->events;
	s->owner = config->owner;
	return s;
}

static void
reply(struct msg *msg, char letter, size_t len)
{
	uint8_t *out;
	size_t i;

	assert_int_equal(0, msg->ops->room(msg, len));
	out = msg->out[0].iov_base;
	if (letter == 'E')
		memcpy(out, msg->in[0].iov_base, len);
	for (i = HEAD; letter == 'G' && i < len; i++)
		out[i] = TLS_PATTERN(i);
	tls_message(out, letter, len);
	msg->ops->send(msg, len);
}

static void
session_receive(struct session *s, struct msg *msg)
{
	const uint8_t *in = msg->in[0].iov_base;

	assert_false(s->is_full);
	switch (in[0]) {
	case 'S':
		reply(msg, 'A', HEAD);
		s->is_full = true;
		s->events->starttls(s->owner);
		break;
	case 'G':
		reply(msg, 'G', length(in + HEAD));
		break;
	case 'Q':
		msg->ops->drop(msg);
		s->events->bye(s->owner);
		break;
	default:
		reply(msg, 'E', msg->in_len);
		break;
	}
}

static bool
session_is_full(const struct session *s)
{
	return s->is_full;
}

static void
session_tls_ready(struct session *s)
{
	s->is_full = false;
}

static bool
yes(const struct session *s)
{
	(void)s;
	return true;
}

static void
nothing(struct session *s)
{
	(void)s;
}

static void
session_free(struct session *s)
{
	free(s);
}

static const struct protocol protocol_test = {
	.name = "test",
	.min_frame = HEAD,
	.min_reply = HEAD,
	.frame_len = frame_len,
	.head_len = head_len,
	.session_new = session_new,
	.session_receive = session_receive,
	.session_is_full = session_is_full,
	.session_resume = nothing,
	.session_tls_ready = session_tls_ready,
	.session_is_begun = yes,
	.session_close = nothing,
	.session_is_idle = yes,
	.session_free = session_free,
};

/* --- The two sides --------------------------------------------------------- */

static void
connect_pair(struct tls_fixture *f)
{
	static const struct conn_origin origin = {
		.protocol = &protocol_test,
		.transport = &stream_ops,
	};
	int fds[2];

	assert_int_equal(
		0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds));
	atomic_fetch_add(&f->server.nr_conns, 1);
	atomic_fetch_add(&f->loop->nr_conns, 1);
	f->fd = fds[0];
	conn_new(f->loop, fds[1], &origin);
}

void
tls_setup(struct tls_fixture *f)
{
	static const char line[] = "bob:01\nalice:" KEY_HEX "\n";
	int fd;

	*f = (struct tls_fixture){
		.config = { .max_inflight_bytes = 64 << 20,
			    .max_total_bytes = 1 << 30,
			    .nr_loops = 1,
			    .max_conns = 10,
			    .timeout_s = 60,
			    .tls = { .mode = TLS_ON } },
		.server = { .config = &f->config },
		.psk_file = "/tmp/veneer-tls.XXXXXX",
	};
	log_set_level(LOG_ERR);
	fd = mkstemp(f->psk_file);
	assert_int_equal(sizeof(line) - 1, write(fd, line, sizeof(line) - 1));
	(void)close(fd);
	f->config.tls.psk_file = f->psk_file;
	assert_int_equal(0, tls_load(&f->config.tls, &f->server.tls));
	(void)unlink(f->psk_file); /* nothing looks at it again */
	f->loop = loop_new(&f->server);
	assert_non_null(f->loop);
	connect_pair(f);
}

void
tls_step(struct tls_fixture *f)
{
	(void)ev_run(f->loop->ev, EVRUN_NOWAIT);
}

struct conn *
tls_conn(struct tls_fixture *f)
{
	return LIST_FIRST(&f->loop->conns);
}

void
tls_teardown(struct tls_fixture *f)
{
	struct conn *c;

	while ((c = tls_conn(f))) {
		conn_close(c);
		loop_flush(f->loop);
	}
	tls_step(f);
	assert_int_equal(0, f->loop->buffers.used);
	loop_free(f->loop);
	tls_free(f->server.tls);
	if (f->client)
		gnutls_deinit(f->client);
	if (f->key)
		gnutls_psk_free_client_credentials(f->key);
	if (f->fd >= 0)
		(void)close(f->fd);
}

void
tls_plain(struct tls_fixture *f, const void *bytes, size_t len)
{
	assert_int_equal(len, send(f->fd, bytes, len, MSG_NOSIGNAL));
}

ssize_t
tls_plain_recv(struct tls_fixture *f, void *buf, size_t size)
{
	ssize_t n = recv(f->fd, buf, size, 0);

	return n < 0 ? -errno : n;
}

static ssize_t
client_pull(gnutls_transport_ptr_t ptr, void *buf, size_t size)
{
	struct tls_fixture *f = ptr;
	ssize_t n = tls_plain_recv(f, buf, size);

	if (n < 0) {
		gnutls_transport_set_errno(f->client, (int)-n);
		return -1;
	}
	f->nr_raw += (size_t)n;
	return n;
}

void
tls_client(struct tls_fixture *f, const char *user)
{
	const gnutls_datum_t key = { (unsigned char *)KEY_HEX,
				     strlen(KEY_HEX) };

	assert_int_equal(
		0, gnutls_init(&f->client, GNUTLS_CLIENT | GNUTLS_NONBLOCK));
	assert_int_equal(0, gnutls_psk_allocate_client_credentials(&f->key));
	assert_int_equal(0, gnutls_psk_set_client_credentials(
				    f->key, user, &key, GNUTLS_PSK_KEY_HEX));
	assert_int_equal(
		0, gnutls_credentials_set(f->client, GNUTLS_CRD_PSK, f->key));
	assert_int_equal(0, gnutls_priority_set_direct(
				    f->client, "NORMAL:+ECDHE-PSK:+PSK", NULL));
	gnutls_transport_set_int(f->client, f->fd);
	gnutls_transport_set_ptr2(f->client, f,
				  (gnutls_transport_ptr_t)(intptr_t)f->fd);
	gnutls_transport_set_pull_function(f->client, client_pull);
}

void
tls_ask(struct tls_fixture *f, const char *user)
{
	uint8_t m[HEAD];

	tls_plain(f, m, tls_message(m, 'S', HEAD));
	tls_step(f);
	assert_int_equal(HEAD, tls_plain_recv(f, m, sizeof(m)));
	assert_int_equal('A', m[0]);
	tls_client(f, user);
}

int
tls_shake(struct tls_fixture *f)
{
	return gnutls_handshake(f->client);
}

void
tls_finish(struct tls_fixture *f)
{
	unsigned nr = 0;
	int r;

	while ((r = tls_shake(f)) < 0) {
		assert_false(gnutls_error_is_fatal(r));
		assert_true(nr++ < MAX_STEPS);
		tls_step(f);
	}
	tls_step(f);
}

void
tls_up(struct tls_fixture *f)
{
	tls_ask(f, "alice");
	tls_finish(f);
}

void
tls_say(struct tls_fixture *f, const void *bytes, size_t len)
{
	const char *p = bytes;
	unsigned nr = 0;
	ssize_t n;

	while (len > 0) {
		n = gnutls_record_send(f->client, p, len);
		assert_true(n > 0 || n == GNUTLS_E_AGAIN);
		if (n < 0) {
			assert_true(nr++ < MAX_STEPS);
			tls_step(f);
			continue;
		}
		p += n;
		len -= (size_t)n;
	}
}

void
tls_hear(struct tls_fixture *f, void *buf, size_t len)
{
	char *p = buf;
	unsigned nr = 0;
	ssize_t n;

	while (len > 0) {
		n = gnutls_record_recv(f->client, p, len);
		assert_true(n > 0 || n == GNUTLS_E_AGAIN);
		if (n < 0) {
			assert_true(nr++ < MAX_STEPS);
			tls_step(f);
			continue;
		}
		p += n;
		len -= (size_t)n;
	}
}

size_t
tls_message(uint8_t *m, char letter, size_t len)
{
	m[0] = (uint8_t)letter;
	m[1] = (uint8_t)(len >> 16);
	m[2] = (uint8_t)(len >> 8);
	m[3] = (uint8_t)len;
	return len;
}
