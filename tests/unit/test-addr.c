/* SPDX-License-Identifier: BSD-3-Clause */
/* Addresses and option strings as the command line writes them. */
#include "unit.h"

#include <errno.h>
#include <string.h>

#include "addr.h"
#include "config.h"
#include "protocol.h"

static const struct {
	const char *text;
	int want;
	enum addr_kind kind;
	const char *path, *host, *port;
	mode_t mode;
} cases[] = {
	{ "unix:/run/x", 0, ADDR_UNIX, "/run/x", "", "", 0600 },
	{ "9p+unix:x,mode=0660", 0, ADDR_UNIX, "x", "", "", 0660 },
	{ "unix:a,,b=c", 0, ADDR_UNIX, "a,b=c", "", "", 0600 },
	{ "unix:-", 0, ADDR_UNIX, "-", "", "", 0600 },
	{ "tcp:localhost:564", 0, ADDR_TCP, "", "localhost", "564", 0600 },
	{ "tcp:[::1]:0", 0, ADDR_TCP, "", "::1", "0", 0600 },
	{ "tcp:[::1]:5", 0, ADDR_TCP, "", "::1", "5", 0600 },
	{ "vhost-user:/run/v", 0, ADDR_UNIX, "/run/v", "", "", 0600 },
	{ "vhost-user:v,mode=0660,tag=a b", 0, ADDR_UNIX, "v", "", "", 0660 },
	{ "9p+vhost-user:fd:4,tag=x", 0, ADDR_FD, "", "", "", 0600 },
	{ "nbd+vhost-user:v", -EINVAL, 0, "", "", "", 0 },
	{ "vhost-user:", -EINVAL, 0, "", "", "", 0 },
	{ "vhost-user:-", -EINVAL, 0, "", "", "", 0 },
	{ "vhost-user:fd:x", -EINVAL, 0, "", "", "", 0 },
	{ "vhost-user:v,packed=on", 0, ADDR_UNIX, "v", "", "", 0600 },
	{ "vhost-user:v,packed=yes", -EINVAL, 0, "", "", "", 0 },
	{ "vhost-user:v,packed", -EINVAL, 0, "", "", "", 0 },
	{ "unix:x,packed=on", -EINVAL, 0, "", "", "", 0 },
	{ "vhost-user:v,tag=", -EINVAL, 0, "", "", "", 0 },
	{ "vhost-user:v,tag", -EINVAL, 0, "", "", "", 0 },
	{ "unix:x,tag=y", -EINVAL, 0, "", "", "", 0 },
	{ "fd:3", 0, ADDR_FD, "", "", "", 0600 },
	{ "nbd+unix:x", 0, ADDR_UNIX, "x", "", "", 0600 },
	{ "nbd+tcp:h:1", 0, ADDR_TCP, "", "h", "1", 0600 },
	{ "nbd+tcp:h", 0, ADDR_TCP, "", "h", "10809", 0600 },
	{ "nbd+tcp:[::1]", 0, ADDR_TCP, "", "::1", "10809", 0600 },
	{ "nbd+tcp:::1", -EINVAL, 0, "", "", "", 0 },
	{ "tcp:[::1", -EINVAL, 0, "", "", "", 0 },
	{ "tcp:[::1]5", -EINVAL, 0, "", "", "", 0 },
	{ "tcp:h:", -EINVAL, 0, "", "", "", 0 },
	{ "tcp:h:+1", -EINVAL, 0, "", "", "", 0 },
	{ "unix:", -EINVAL, 0, "", "", "", 0 },
	{ "unix:x,mode=9", -EINVAL, 0, "", "", "", 0 },
	{ "unix:x,owner=me", -EINVAL, 0, "", "", "", 0 },
	{ "tcp:1.2.3.4", -EINVAL, 0, "", "", "", 0 },
	{ "tcp:::1:5", -EINVAL, 0, "", "", "", 0 },
	{ "tcp:h:65536", -EINVAL, 0, "", "", "", 0 },
	{ "tcp:h:1,mode=0600", -EINVAL, 0, "", "", "", 0 },
	{ "fd:x", -EINVAL, 0, "", "", "", 0 },
	{ "fd:-1", -EINVAL, 0, "", "", "", 0 },
	{ "smb+unix:x", -EINVAL, 0, "", "", "", 0 },
	{ "", -EINVAL, 0, "", "", "", 0 },
};

static void
addresses(void **state)
{
	struct addr a;
	char why[256];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		print_message("%s\n", cases[i].text);
		why[0] = '\0';
		assert_int_equal(cases[i].want,
				 addr_parse(cases[i].text, &a, why));
		if (cases[i].want < 0) {
			assert_true(why[0] != '\0');
			continue;
		}
		assert_int_equal(cases[i].kind, a.kind);
		assert_string_equal(cases[i].path, a.path);
		assert_string_equal(cases[i].host, a.host);
		assert_string_equal(cases[i].port, a.port);
		assert_int_equal(cases[i].mode, a.mode);
		assert_int_equal(!!strstr(cases[i].text, "packed=on"),
				 a.has_packed);
	}
}

static void
vsock(void **state)
{
	static const struct {
		const char *text;
		int want;
		const char *protocol;
		uint32_t cid, port; /* UINT32_MAX: any */
	} rows[] = {
		{ "vsock:2:5", 0, "9p", 2, 5 },
		{ "9p+vsock:any:564", 0, "9p", UINT32_MAX, 564 },
		{ "nbd+vsock:-1:0", 0, "nbd", UINT32_MAX, UINT32_MAX },
		{ "nbd+vsock:3", 0, "nbd", 3, 10809 },
		{ "nbd+vsock:4294967294:4294967294", 0, "nbd", 4294967294,
		  4294967294 },
		{ "nbd+vsock:4294967295:1", -EINVAL, "", 0, 0 },
		{ "nbd+vsock:1:4294967295", -EINVAL, "", 0, 0 },
		{ "nbd+vsock:host:1", -EINVAL, "", 0, 0 },
		{ "nbd+vsock::1", -EINVAL, "", 0, 0 },
		{ "nbd+vsock:00000000000000000000001:1", -EINVAL, "", 0, 0 },
		{ "vsock:1", -EINVAL, "", 0, 0 },
		{ "vsock:", -EINVAL, "", 0, 0 },
		{ "vsock:1:", -EINVAL, "", 0, 0 },
		{ "vsock:1:2,mode=0600", -EINVAL, "", 0, 0 },
	};
	struct addr a;
	char why[256];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		print_message("%s\n", rows[i].text);
		assert_int_equal(rows[i].want,
				 addr_parse(rows[i].text, &a, why));
		if (rows[i].want < 0)
			continue;
		assert_int_equal(ADDR_VSOCK, a.kind);
		assert_string_equal(rows[i].protocol, a.protocol->name);
		assert_int_equal(rows[i].cid, a.cid);
		assert_int_equal(rows[i].port, a.vsock_port);
	}
}

static void
a_path_too_long(void **state)
{
	char text[200] = "unix:", why[256];
	struct addr a;

	(void)state;
	memset(text + 5, 'x', 107);
	assert_int_equal(0, addr_parse(text, &a, why));
	text[5 + 107] = 'x';
	assert_int_equal(-EINVAL, addr_parse(text, &a, why));
}

static void
sizes(void **state)
{
	static const struct {
		const char *text;
		int want;
		uint64_t size;
	} rows[] = {
		{ "0", 0, 0 },
		{ "4096", 0, 4096 },
		{ "64k", 0, 65536 },
		{ "1M", 0, 1 << 20 },
		{ "", -EINVAL, 0 },
		{ "-1", -EINVAL, 0 },
		{ "1x", -EINVAL, 0 },
		{ "1kk", -EINVAL, 0 },
		{ "99999999999999999999", -EINVAL, 0 },
		{ "18446744073709551615k", -EINVAL, 0 },
	};
	uint64_t v;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		v = 0;
		assert_int_equal(rows[i].want,
				 config_parse_size(rows[i].text, &v));
		assert_int_equal(rows[i].size, v);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses),
		cmocka_unit_test(vsock),
		cmocka_unit_test(a_path_too_long),
		cmocka_unit_test(sizes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
