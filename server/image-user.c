/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * As whom images are opened. NBD names no user: who may connect has the rights
 * of one whom the command line names (--nbd-user).
 */
#include "access.h"
#include "groups.h"
#include "image-parts.h"
#include "request.h"

/* Without --nbd-user, where somebody has to be checked. */
#define NOBODY ACCESS_OVERFLOW_ID

int
image_user_init(const struct server *s, const struct export *e,
		const struct call *c, struct image_user *ret)
{
	const struct config *cfg = s->config;
	int r;

	*ret = (struct image_user){ .call = *c };
	if (cfg->nbd_uid == NO_ID && e->access->mode == ACCESS_CLIENT)
		return 0;
	ret->call.uid = cfg->nbd_uid != NO_ID ? cfg->nbd_uid : NOBODY;
	r = groups_of(s->groups, ret->call.uid, c->nowait, &ret->user);
	if (r < 0)
		return r;
	ret->cred = ret->user->cred;
	if (cfg->nbd_gid != NO_ID)
		ret->cred.gid = cfg->nbd_gid;
	ret->call.cred = &ret->cred;
	return 0;
}

void
image_user_fini(struct image_user *u)
{
	user_unref(u->user);
}
