/* SPDX-License-Identifier: BSD-3-Clause */
/* Between the two files that know GnuTLS: tls.c and tls-credentials.c. */
#ifndef VENEER_SERVER_TLS_GNUTLS_H
#define VENEER_SERVER_TLS_GNUTLS_H

#include <gnutls/gnutls.h>

struct tls;

/*
 * A session that shows and asks for what @tls says; for gnutls_deinit(), and
 * @tls outlives it. Returns NULL without memory. Any loop thread.
 */
gnutls_session_t tls_gnutls_session(const struct tls *tls);

#endif
