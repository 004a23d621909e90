/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Two 9P sessions on one real tree, so that one's fids see what the other
 * does. The first byte chooses the tree's options; then the input is a
 * sequence of steps:
 *
 *   0x00-0x7f  a message of that type: half the length of its body, who sends
 *              it and its tag (one byte), the body
 *   0x80-0xff  bit 6 says who; the others either which message is made of the
 *              four bytes that follow (fids, two names, and a number: see
 *              fill()), or what else happens (do_other())
 *
 * What must hold is in fuzz-tree.c and, for replies, in fake-client.c.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "fake-client.h"
#include "fuzz-tree.h"
#include "fuzz.h"
#include "macros.h"
#include "wire.h"

#define BODY_MAX 600u
#define NR_CLIENTS 2

struct play {
	struct fuzz_tree *t;
	struct fake_client c[NR_CLIENTS];
	uint16_t next_tag;
};

/* --- Sessions ---------------------------------------------------------------- */

/* The first one is root in the guest, the other an ordinary user. */
static void
connect_client(struct play *p, unsigned i)
{
	struct p9_fields attach = { .afid = P9_NOFID };
	struct session_config config = fake_config();
	struct fake_client *c = &p->c[i];

	config.backend = &fuzz_tree_backend;
	config.owner_id = i + 1;
	config.max_fids = 12;
	config.max_inflight = 4;
	config.max_msize = 8192;
	config.trace = true;
	fake_client_init(c, &config);
	c->max_bytes = 20000;
	c->backend.answer = fuzz_tree_answer;
	c->backend.answer_ctx = p->t;
	fake_client_start(c);
	if (i == 0 &&
	    (fake_clunk(c, 0) || fake_call(c, P9_TATTACH, &attach, NULL)))
		abort();
}

/* Byte by byte, as libFuzzer learns what memmem() looks for. */
static bool
contains(const uint8_t *buf, size_t len, const char *secret)
{
	size_t i, j;

	for (i = 0; i < len; i++) {
		for (j = 0; secret[j] && i + j < len; j++)
			if (buf[i + j] != (uint8_t)secret[j])
				break;
		if (!secret[j])
			return true;
	}
	return false;
}

static void
hang_up(struct play *p, unsigned i)
{
	struct fake_client *c = &p->c[i];
	const struct fake_msg *m;

	if (!c->fatal) {
		fake_backend_finish_all(&c->backend);
		if (!fake_all_answered(c))
			abort();
	}
	for (m = c->all; m; m = m->next)
		if (m->is_sent && contains(m->out, m->sent_len, p->t->secret))
			abort();
	if (!fake_client_fini(c))
		abort();
}

/* --- Messages ---------------------------------------------------------------- */

static const uint8_t types[] = {
	P9_TWALK,      P9_TLOPEN,       P9_TLCREATE,  P9_TREAD,    P9_TWRITE,
	P9_TREADDIR,   P9_TMKDIR,       P9_TSYMLINK,  P9_TMKNOD,   P9_TLINK,
	P9_TRENAMEAT,  P9_TRENAME,      P9_TUNLINKAT, P9_TREMOVE,  P9_TCLUNK,
	P9_TGETATTR,   P9_TSETATTR,     P9_TSTATFS,   P9_TFSYNC,   P9_TREADLINK,
	P9_TXATTRWALK, P9_TXATTRCREATE, P9_TLOCK,     P9_TGETLOCK, P9_TFLUSH,
	P9_TATTACH,    P9_TVERSION,     P9_TAUTH,
};

/* What is in the layers, what is not, and what is no name. */
static const char *const names[] = {
	"f", "g", "d", "e",  "l", "m",   "h", "k", "w",  "p", "n",  "o",
	"x", "r", "a", "..", ".", "a/b", "",  "b", "#1", "c", "d2", "outside",
};

static const char *const xattrs[] = {
	"",
	"user.a",
	"user.b",
	"trusted.overlay.opaque",
	"trusted.overlay.redirect",
	"trusted.overlay.metacopy",
	"trusted.overlay.origin",
	"trusted.overlay.overlay.opaque",
	"user.overlay.opaque",
	"user.overlay.impure",
	"user.overlay.",
	"trusted.a",
	"security.capability",
	"system.posix_acl_access",
	"system.posix_acl_default",
	"user.",
};

static const uint64_t numbers[] = {
	4096,
	65536,
	100000,
	UINT64_C(1) << 20,
	UINT64_C(1) << 40,
	INT64_MAX,
	UINT64_C(1) << 63,
	UINT64_MAX,
};

static const uint32_t modes[] = {
	0644, 0755, 0600, 0, 04755, 02755, 01777, 0444
};
static const uint32_t formats[] = { S_IFREG,  S_IFIFO, S_IFCHR, S_IFBLK,
				    S_IFSOCK, S_IFDIR, S_IFLNK, 0 };

/* Mostly small ones. */
static uint64_t
number(uint8_t b)
{
	return b < 0xf0 ? b : numbers[b % ARRAY_SIZE(numbers)];
}

static struct name
name_of(const struct play *p, uint8_t type, uint8_t b)
{
	static const char longest[256] = { [0 ... 254] = 'L' };
	static const char acl[] = "\2\0\0\0\1\0\7\0\377\377\377\377\2\0\6\0"
				  "\350\3\0\0\4\0\5\0\377\377\377\377\20\0\7\0"
				  "\377\377\377\377\40\0\5\0\377\377\377\377";

	if (type == P9_TWRITE && b < 0x20)
		return (struct name){ acl, sizeof(acl) - 1 };
	if (type == P9_TWRITE)
		return (struct name){ longest, b };
	if (type == P9_TSYMLINK && b >= 0xe0)
		return fake_name(b & 1 ? p->t->outside : "../outside");
	if (b == 0xff)
		return fake_name(longest);
	return fake_name(names[b % ARRAY_SIZE(names)]);
}

static uint32_t
flags_of(uint8_t type, uint8_t name2, uint8_t x)
{
	switch (type) {
	case P9_TLOPEN:
	case P9_TLCREATE:
		return (x & 3u) | (x & 4 ? 0x200u : 0) | (x & 8 ? 0x400u : 0) |
		       (x & 16 ? 0x80u : 0) | (x & 32 ? 0x10000u : 0) |
		       (x & 64 ? 0x101000u : 0);
	case P9_TUNLINKAT:
		return x & 1 ? 0x200 : x & 0x80;
	case P9_TXATTRCREATE:
		return name2 & 3;
	default: /* Tlock */
		return x >> 2 & 3;
	}
}

static void
fill(const struct play *p, struct p9_fields *m, uint8_t type,
     const uint8_t b[4])
{
	uint8_t a = b[1], z = b[2], x = b[3];

	memset(m, 0, sizeof(*m));
	m->fid = b[0] & 7;
	m->fid2 = b[0] >> 4 & 7;
	m->name = type == P9_TXATTRWALK || type == P9_TXATTRCREATE
			  ? fake_name(xattrs[a % ARRAY_SIZE(xattrs)])
			  : name_of(p, type, a);
	m->name2 = name_of(p, type, z);
	m->data = name_of(p, type, x);
	m->names.nr = MIN(x & 7u, 4u);
	m->names.v[0] = m->names.v[2] = m->name;
	m->names.v[1] = m->names.v[3] = m->name2;
	m->flags = flags_of(type, z, x);
	m->mode = modes[z & 7];
	if (type == P9_TMKNOD)
		m->mode |= formats[x & 7];
	m->major = x >> 4;
	m->gid = m->uid = x & 8 ? 1000 : UINT32_MAX;
	m->valid = x | (a & 1u) << 8;
	m->size = number(type == P9_TXATTRCREATE ? x : z);
	m->offset = number(a);
	m->count = x < 0x80 ? x : x * 64u;
	m->atime_ns = number(z);
	m->mtime_s = a;
	m->mask = 0x3fff;
	m->lock_type = x & 3;
	m->start = number(a);
	m->length = number(z);
	m->proc_id = x >> 6;
	m->oldtag = (uint16_t)(p->next_tag - x);
	m->afid = P9_NOFID;
	m->n_uname = x & 1 ? 1000 : 0;
	m->msize = 4096 + x * 64u;
	m->version = fake_name(a & 1 ? "9P2000.L" : "9P2000");
	m->client_id = m->name;
	m->datasync = x & 1;
}

/* --- Steps ------------------------------------------------------------------- */

static bool
may_send(struct fake_client *c)
{
	if (!protocol_9p.session_is_full(c->s))
		return true;
	if (c->backend.nr_pending == 0)
		abort(); /* it would be full forever */
	return false;
}

static void
step_raw(struct play *p, struct wire_in *in, uint8_t type)
{
	uint8_t frame[P9_HEADER_SIZE + BODY_MAX];
	struct wire_out out = { .p = frame, .end = frame + sizeof(frame) };
	size_t len = wire_get_u8(in) * 2u;
	uint8_t who = wire_get_u8(in);
	struct fake_client *c = &p->c[who >> 7];

	len = MIN(len, (size_t)(in->end - in->p));
	wire_put_u32(&out, (uint32_t)(P9_HEADER_SIZE + len));
	wire_put_u8(&out, type);
	wire_put_u16(&out, who & 0x7f);
	wire_put_bytes(&out, wire_get_bytes(in, len), len);
	if (may_send(c))
		(void)fake_send_raw(c, frame, P9_HEADER_SIZE + len);
}

static void
do_other(struct play *p, unsigned i, uint8_t what, uint8_t x)
{
	struct fake_client *c = &p->c[i];

	switch (what) {
	case 0x30:
		c->backend.is_deferred = x & 1;
		c->backend.can_cancel = x & 2;
		c->in_pieces = x & 4;
		return;
	case 0x31:
		fake_backend_finish(&c->backend, x & 7);
		return;
	case 0x32:
		fake_backend_finish_all(&c->backend);
		return;
	case 0x33:
		hang_up(p, i);
		connect_client(p, i);
		return;
	case 0x34:
		hang_up(p, 0);
		hang_up(p, 1);
		fuzz_tree_restart(p->t);
		connect_client(p, 0);
		connect_client(p, 1);
		return;
	case 0x35:
		c->no_room = true; /* fatal at the next reply */
		return;
	default:
		return;
	}
}

static void
step(struct play *p, struct wire_in *in, uint8_t what)
{
	unsigned i = what >> 6 & 1;
	const uint8_t *b;
	struct p9_fields m;
	uint8_t type;

	if (what < 0x80) {
		step_raw(p, in, what);
		return;
	}
	what &= 0x3f;
	if (what >= ARRAY_SIZE(types)) {
		do_other(p, i, what, wire_get_u8(in));
		return;
	}
	b = wire_get_bytes(in, 4);
	if (!b || !may_send(&p->c[i]))
		return;
	type = types[what];
	fill(p, &m, type, b);
	(void)fake_send(&p->c[i], type, p->next_tag++, &m);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct wire_in in = { .p = data, .end = data + size };
	struct play p = { .t = fuzz_tree_get(), .next_tag = 0x100 };
	unsigned i;

	fuzz_tree_begin(p.t, wire_get_u8(&in));
	for (i = 0; i < NR_CLIENTS; i++)
		connect_client(&p, i);
	while (in.p < in.end) {
		step(&p, &in, wire_get_u8(&in));
		for (i = 0; i < NR_CLIENTS; i++) {
			if (!p.c[i].fatal)
				continue;
			hang_up(&p, i);
			connect_client(&p, i);
		}
	}
	for (i = 0; i < NR_CLIENTS; i++)
		hang_up(&p, i);
	fuzz_tree_end(p.t);
	return 0;
}
