/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A connection that speaks a protocol of the tests' own over a socket pair,
 * and a GnuTLS client at its other end; all in one thread, step by step.
 *
 * A message is a letter, three bytes of its own length, big-endian, and bytes:
 * 'S' asks for TLS and gets 'A'; 'E' is sent back; 'G' asks for as many bytes
 * as its 4 bytes say, and gets a 'G' with those; 'Q' has the server hang up.
 */
#ifndef VENEER_TESTS_TLS_FIXTURE_H
#define VENEER_TESTS_TLS_FIXTURE_H

#include "unit.h"

#include <gnutls/gnutls.h>

#include "conn.h"
#include "tls.h"

struct tls_fixture {
	struct config config;
	struct server server;
	struct loop *loop;
	int fd; /* the client's side; -1: closed */
	gnutls_session_t client;
	gnutls_psk_client_credentials_t key;
	size_t nr_raw; /* bytes that came for it, and not through TLS */
	char psk_file[32];
};

/* A server that knows alice, and a client, which has said nothing. */
void tls_setup(struct tls_fixture *f);
void tls_teardown(struct tls_fixture *f);
/* Let the loop do what it can without waiting. */
void tls_step(struct tls_fixture *f);
/* The server's side; NULL once it is gone. */
struct conn *tls_conn(struct tls_fixture *f);

/* Plain bytes, without TLS. Receiving returns 0 at the end, or -EAGAIN. */
void tls_plain(struct tls_fixture *f, const void *bytes, size_t len);
ssize_t tls_plain_recv(struct tls_fixture *f, void *buf, size_t size);

/* A client's session of @user, for who was told that TLS is spoken. */
void tls_client(struct tls_fixture *f, const char *user);
/* Ask for TLS, take the answer, and that. */
void tls_ask(struct tls_fixture *f, const char *user);
/* One step of its handshake: gnutls_handshake()'s result. */
int tls_shake(struct tls_fixture *f);
/* All of it; it must succeed. */
void tls_finish(struct tls_fixture *f);
/* tls_ask() as alice, and that. */
void tls_up(struct tls_fixture *f);

/* All of it, stepping meanwhile. */
void tls_say(struct tls_fixture *f, const void *bytes, size_t len);
void tls_hear(struct tls_fixture *f, void *buf, size_t len);
/* A message of @len bytes with its head; returns @len. */
size_t tls_message(uint8_t *m, char letter, size_t len);
/* The byte at @i of what 'G' gives. */
#define TLS_PATTERN(i) ((uint8_t)((i)*7 + ((i) >> 8)))

#endif
