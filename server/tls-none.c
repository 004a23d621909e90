/* SPDX-License-Identifier: BSD-3-Clause */
/* Built without GnuTLS: nothing but the refusal to start with TLS. */
#include <errno.h>

#include "log.h"
#include "tls.h"

int
tls_load(const struct tls_config *config, struct tls **ret)
{
	*ret = NULL;
	if (config->mode == TLS_OFF)
		return 0;
	log_line(LOG_ERR, "--tls: this veneer was built without GnuTLS");
	return -EINVAL;
}

void
tls_free(struct tls *tls)
{
	(void)tls;
}

struct tls_session *
tls_session_new(const struct tls *tls, int fd, struct buffer_cache *buffers)
{
	(void)tls;
	(void)fd;
	(void)buffers;
	return NULL;
}

/* There is no session that any of these could be called with. */

void
tls_session_free(struct tls_session *s)
{
	(void)s;
}

int
tls_handshake(struct tls_session *s)
{
	(void)s;
	return -EPROTO;
}

void
tls_describe(const struct tls_session *s, char *ret, size_t size)
{
	(void)s;
	if (size > 0)
		*ret = '\0';
}

ssize_t
tls_recv(struct tls_session *s, void *buf, size_t size)
{
	(void)s;
	(void)buf;
	(void)size;
	return -EPROTO;
}

bool
tls_has_unread(const struct tls_session *s)
{
	(void)s;
	return false;
}

ssize_t
tls_send(struct tls_session *s, const struct iovec *iov, unsigned nr)
{
	(void)s;
	(void)iov;
	(void)nr;
	return -EPROTO;
}

bool
tls_has_unsent(const struct tls_session *s)
{
	(void)s;
	return false;
}

void
tls_bye(struct tls_session *s)
{
	(void)s;
}

const char *
tls_why(const struct tls_session *s)
{
	(void)s;
	return "";
}
