/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * TLS of connections, with GnuTLS: nobody else includes its headers. Without
 * it (configure --without-gnutls) tls-none.c stands for all of this.
 */
#ifndef VENEER_SERVER_TLS_H
#define VENEER_SERVER_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "protocol.h"

struct buffer_cache;

/* The options, as given. */
struct tls_config {
	enum tls_mode mode;
	bool has_mode; /* --tls was given */
	bool verify_peer;
	const char *certificates; /* borrowed, or NULL */
	const char *psk_file; /* borrowed, or NULL */
	const char *priority; /* borrowed, or NULL: the default */
};

/* --tls; -EINVAL for what is none of its values. */
int tls_config_set_mode(struct tls_config *config, const char *text);
/*
 * After all options: settles the mode that was not given. Returns 0; -EINVAL
 * with what is wrong with them, static, in *@ret_why.
 */
int tls_config_check(struct tls_config *config, const char **ret_why);

/*
 * Is nobody served whom the server does not know, by a key or by a certificate
 * that was checked?
 */
bool tls_config_knows_clients(const struct tls_config *config);

/* What the server shows to clients, and what it knows of theirs. */
struct tls;

/*
 * Read what @config names, once: nothing looks at the files again. Errors and
 * warnings are logged. @ret: freed with tls_free(); NULL with TLS_OFF.
 * Returns 0, -ENOMEM, -EBADMSG (a file does not hold what it should), or what
 * the system says of a file. Blocks on disk.
 */
int tls_load(const struct tls_config *config, struct tls **ret);
/* After all sessions. NULL is fine. */
void tls_free(struct tls *tls);

/* The server's side of one connection. One loop thread; nothing blocks. */
struct tls_session;

/*
 * Speak TLS on the socket @fd (borrowed). @tls and @buffers outlive it.
 * Returns NULL without memory.
 */
struct tls_session *tls_session_new(const struct tls *tls, int fd,
				    struct buffer_cache *buffers);
/* NULL is fine. */
void tls_session_free(struct tls_session *s);

/*
 * Go on with the handshake. Returns 0: done; -EAGAIN: when the socket can be
 * read, or, if tls_has_unsent(), written; -EPROTO: it failed, see tls_why().
 */
int tls_handshake(struct tls_session *s);
/* One line on who is there and by which ciphers, after the handshake. */
void tls_describe(const struct tls_session *s, char *ret, size_t size);

/*
 * As recv(): takes one look at the socket, however much that brings. Returns
 * bytes, 0 at the end of the stream (said, or cut off), -EAGAIN, -EPROTO (see
 * tls_why()) or what the system says.
 * With all of @size filled there may be more that the socket knows nothing
 * of: tls_has_unread().
 */
ssize_t tls_recv(struct tls_session *s, void *buf, size_t size);
bool tls_has_unread(const struct tls_session *s);

/*
 * As sendmsg(): takes bytes of @iov, many small ones as one record, and sends
 * what came of them. What was taken need not be kept, but may be
 * unsent: then call again, with an @nr of 0 if there is no more. Returns the
 * bytes taken, -EAGAIN: none, -EPROTO or what the system says.
 */
ssize_t tls_send(struct tls_session *s, const struct iovec *iov, unsigned nr);
bool tls_has_unsent(const struct tls_session *s);

/* Say that nothing will follow, if that can be said without waiting. */
void tls_bye(struct tls_session *s);

/* Why the last call failed with -EPROTO; valid until the session is freed. */
const char *tls_why(const struct tls_session *s);

#endif
