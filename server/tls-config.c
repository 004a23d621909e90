/* SPDX-License-Identifier: BSD-3-Clause */
/* The options about TLS: what they may be, and which need each other. */
#include <errno.h>
#include <string.h>

#include "macros.h"
#include "tls.h"

int
tls_config_set_mode(struct tls_config *c, const char *text)
{
	static const char *const names[] = {
		[TLS_OFF] = "off",
		[TLS_ON] = "on",
		[TLS_REQUIRE] = "require",
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(names); i++) {
		if (strcmp(names[i], text) == 0) {
			c->mode = (enum tls_mode)i;
			c->has_mode = true;
			return 0;
		}
	}
	return -EINVAL;
}

int
tls_config_check(struct tls_config *c, const char **ret_why)
{
	bool has_credentials = c->certificates || c->psk_file;

	if (!c->has_mode)
		c->mode = has_credentials ? TLS_ON : TLS_OFF;
	if (c->mode != TLS_OFF && !has_credentials)
		*ret_why = "--tls: without --tls-certificates DIR or "
			   "--tls-psk-file FILE nobody could connect";
	else if (c->verify_peer && !c->certificates)
		*ret_why = "--tls-verify-peer: needs --tls-certificates DIR, "
			   "with a ca-cert.pem that clients' certificates are "
			   "checked against";
	else if (c->priority && !has_credentials)
		*ret_why = "--tls-priority: there is no TLS without "
			   "--tls-certificates DIR or --tls-psk-file FILE";
	else
		return 0;
	return -EINVAL;
}

bool
tls_config_knows_clients(const struct tls_config *c)
{
	return c->mode == TLS_REQUIRE && (!c->certificates || c->verify_peer);
}
