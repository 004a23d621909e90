/* SPDX-License-Identifier: BSD-3-Clause */
/* Users of clients and of the host: options, ids both ways, ACLs, groups. */
#include "unit.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "access.h"
#include "groups.h"

static void
set(struct access *a, const char *key, const char *value)
{
	char *why = NULL;

	if (access_set(a, key, value, &why) != 0)
		fail_msg("%s=%s: %s", key, value, why);
}

static void
options(void **state)
{
	static const struct {
		const char *key, *value, *says;
	} bad[] = {
		{ "access", "any", "access=any: use client or server" },
		{ "access", "", "access needs a value" },
		{ "access", NULL, "access needs a value" },
		{ "squash", "me", "squash=me: use none, root or all" },
		{ "squash-to", "5",
		  "squash-to=5: use UID:GID, numbers of the host" },
		{ "squash-to", "5:4294967295",
		  "squash-to=5:4294967295: use UID:GID, numbers of the host" },
		{ "map-uid", "0:1000", NULL },
		{ "map-uid", "0:1000:0", NULL },
		{ "map-uid", "0:1000:1:", NULL },
		{ "map-uid", "-1:1000:1", NULL },
		{ "map-uid", "4294967290:0:10", NULL },
		{ "map-uid", "0:4294967290:10", NULL },
		{ "map-uid", " 0:1:1", NULL },
		{ "map-gid", "109:0:2",
		  "map-gid=109:0:2 overlaps with map-gid=100:1000:10" },
		{ "map-gid", "0:1009:2",
		  "map-gid=0:1009:2 overlaps with map-gid=100:1000:10" },
	};
	struct access a = ACCESS_INIT;
	char *why, range[64];
	size_t i;

	(void)state;
	assert_int_equal(-ENOENT, access_set(&a, "lower", "x", &why));
	assert_true(access_is_plain(&a));
	set(&a, "map-gid", "100:1000:10");
	assert_false(access_is_plain(&a));
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(-EINVAL, access_set(&a, bad[i].key,
						     bad[i].value, &why));
		if (bad[i].says)
			assert_string_equal(bad[i].says, why);
		free(why);
	}
	for (i = 1; i < ACCESS_MAX_RANGES; i++) {
		(void)snprintf(range, sizeof(range), "%zu:%zu:1", 1000 + i,
			       2000 + i);
		set(&a, "map-gid", range);
	}
	assert_int_equal(-EINVAL, access_set(&a, "map-gid", "9:9:1", &why));
	assert_string_equal("map-gid=9:9:1: more than 16 ranges", why);
	free(why);
}

static void
ids(void **state)
{
	struct attr_set s = { .mask = ATTR_SET_UID | ATTR_SET_GID };
	struct access a = ACCESS_INIT;
	struct attr shown = { .uid = 100999, .gid = 7 };
	uint32_t uid, gid;

	(void)state;
	set(&a, "map-uid", "0:100000:1000");
	set(&a, "map-uid", "5000:5000:1");
	set(&a, "map-gid", "0:200000:1000");
	assert_int_equal(0, access_user(&a, 999, 1, &uid, &gid));
	assert_int_equal(100999, uid);
	assert_int_equal(200001, gid);
	assert_int_equal(0, access_user(&a, 5000, 1000, &uid, &gid));
	assert_int_equal(5000, uid);
	assert_true(gid == UINT32_MAX);
	assert_int_equal(-EPERM, access_user(&a, 1000, 1, &uid, &gid));
	assert_int_equal(-EPERM, access_user(&a, 4999, 1, &uid, &gid));
	access_show_attr(&a, &shown);
	assert_int_equal(999, shown.uid);
	assert_int_equal(65534, shown.gid);
	s.uid = 1;
	s.gid = 2;
	assert_int_equal(0, access_map_set(&a, 0, &s));
	assert_int_equal(100001, s.uid);
	assert_int_equal(200002, s.gid);
	s.uid = 1;
	s.gid = 1000;
	assert_int_equal(-EINVAL, access_map_set(&a, 0, &s));
	s.mask = ATTR_SET_MODE;
	assert_int_equal(0, access_map_set(&a, 0, &s));
}

static void
squash(void **state)
{
	struct attr_set s = { .mask = ATTR_SET_UID, .uid = 5 };
	struct access a = ACCESS_INIT;
	uint32_t uid, gid;

	(void)state;
	set(&a, "squash", "root");
	assert_int_equal(0, access_user(&a, 0, 0, &uid, &gid));
	assert_int_equal(65534, uid);
	assert_int_equal(65534, gid);
	assert_int_equal(0, access_user(&a, 7, 8, &uid, &gid));
	assert_int_equal(7, uid);
	assert_int_equal(8, gid);
	/* Nobody cannot give things away, in the client's name. */
	assert_int_equal(-EPERM, access_map_set(&a, 0, &s));
	assert_int_equal(0, access_map_set(&a, 7, &s));
	s.uid = 65534;
	assert_int_equal(0, access_map_set(&a, 0, &s));
	set(&a, "squash", "all");
	set(&a, "squash-to", "33:34");
	assert_int_equal(0, access_user(&a, 7, 8, &uid, &gid));
	assert_int_equal(33, uid);
	assert_int_equal(34, gid);
}

static void
acls(void **state)
{
	static const uint8_t guest[] = {
		2,  0, 0, 0, 1,   0,   7,   0,   255, 255, 255, 255, /* owner */
		2,  0, 6, 0, 5,   0,   0,   0, /* user 5 */
		8,  0, 4, 0, 6,   0,   0,   0, /* group 6 */
		16, 0, 7, 0, 255, 255, 255, 255, 9 /* mask; a stray byte */
	};
	static const struct name name = { "system.posix_acl_access", 23 };
	static const struct name other = { "user.system.posix_acl_", 22 };
	struct access a = ACCESS_INIT;
	uint8_t v[sizeof(guest)];

	(void)state;
	memcpy(v, guest, sizeof(v));
	set(&a, "map-uid", "0:1000:10");
	set(&a, "map-gid", "0:70000:10");
	assert_int_equal(0, access_map_acl(&a, other, v, sizeof(v), true));
	assert_memory_equal(guest, v, sizeof(v));
	assert_int_equal(0, access_map_acl(&a, name, v, sizeof(v), true));
	assert_int_equal(1005 & 0xff, v[16]);
	assert_int_equal(1005 >> 8, v[17]);
	assert_int_equal(70006 & 0xff, v[24]);
	assert_int_equal(70006 >> 16, v[26]);
	assert_memory_equal(guest, v, 12);
	assert_memory_equal(guest + 28, v + 28, sizeof(v) - 28);
	assert_int_equal(0, access_map_acl(&a, name, v, sizeof(v), false));
	assert_memory_equal(guest, v, sizeof(v));
	v[16] = 10;
	assert_int_equal(-EINVAL, access_map_acl(&a, name, v, sizeof(v), true));
	assert_int_equal(0, access_map_acl(&a, name, v, 3, true));
}

/* What the host's databases say, by another way; and whom it does not know. */
static void
groups(void **state)
{
	struct groups *g = groups_new();
	const struct passwd *pw = getpwnam("daemon");
	struct user *u, *again;
	gid_t list[64];
	int nr = 64, i;

	(void)state;
	assert_non_null(pw);
	assert_int_equal(-EAGAIN, groups_of(g, pw->pw_uid, true, &u));
	assert_int_equal(0, groups_of(g, pw->pw_uid, false, &u));
	assert_true(getgrouplist(pw->pw_name, pw->pw_gid, list, &nr) >= 0);
	assert_int_equal(pw->pw_uid, u->cred.uid);
	assert_int_equal(pw->pw_gid, u->cred.gid);
	assert_int_equal(nr, u->cred.nr_groups);
	for (i = 0; i < nr; i++)
		assert_int_equal(list[i], u->cred.groups[i]);
	assert_int_equal(0, groups_of(g, pw->pw_uid, true, &again));
	assert_ptr_equal(u, again);
	user_unref(again);
	/* Another one takes the place; who was got stays. */
	assert_int_equal(0,
			 groups_of(g, pw->pw_uid + 64 * 100000, false, &again));
	assert_int_equal(pw->pw_uid + 64 * 100000, again->cred.uid);
	assert_int_equal(pw->pw_uid + 64 * 100000, again->cred.gid);
	assert_int_equal(0, again->cred.nr_groups);
	groups_free(g);
	assert_int_equal(pw->pw_uid, u->cred.uid);
	user_unref(u);
	user_unref(again);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options), cmocka_unit_test(ids),
		cmocka_unit_test(squash),  cmocka_unit_test(acls),
		cmocka_unit_test(groups),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
