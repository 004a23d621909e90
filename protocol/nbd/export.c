/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The options that are about exports: EXPORT_NAME, LIST, INFO and GO.
 *
 * An image is looked for once: what INFO (or a metadata option) has found
 * stays open, and is what GO by the same name enters, with the same size and
 * the same flags (nbd.md 2).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "macros.h"
#include "session.h"

/* --- finding it --- */

void
nbd_image_release(struct session *s)
{
	const struct backend *b = s->config.backend;
	struct nbd_image *im = &s->image;

	if (im->handle)
		b->handle_unref(im->handle);
	if (im->node)
		b->node_unref(im->node);
	free(im->info.name);
	free(im->info.description);
	free(im->asked);
	*im = (struct nbd_image){ .node = NULL };
}

/* What it means for the client that an image cannot be had. */
static void
refuse_image(struct session *s, int err, const char *why)
{
	uint32_t type = NBD_REP_ERR_UNKNOWN;

	if (s->opt.number == NBD_OPT_EXPORT_NAME) {
		nbd_fatal(s, "closed: it named an export that it cannot have");
		nbd_opt_drop(s);
		return;
	}
	switch (err) {
	case -EACCES:
	case -EPERM:
	case -EBUSY:
		type = NBD_REP_ERR_POLICY;
		why = why ? why : "The export may not be used.";
		break;
	case -EIO:
	case -ENOMEM:
	case -EMFILE:
	case -ENFILE:
		type = NBD_REP_ERR_PLATFORM;
		why = why ? why : "The export cannot be opened at present.";
		break;
	case -ESHUTDOWN:
		type = NBD_REP_ERR_SHUTDOWN;
		why = why ? why : "This server is going down.";
		break;
	default:
		why = why ? why : "There is no such export.";
	}
	nbd_opt_error(s, type, why);
}

static int
keep_image(struct nbd_image *im, const struct request *req, struct name asked)
{
	im->info = req->u.image;
	im->info.why = NULL;
	im->node = req->ret_node;
	im->handle = req->ret_handle;
	im->asked = malloc(asked.len + 1);
	if (!im->asked || !im->info.name || !im->handle)
		return -ENOMEM;
	if (asked.len)
		memcpy(im->asked, asked.ptr, asked.len);
	im->asked_len = asked.len;
	return 0;
}

static void
image_done(struct session *s, int err)
{
	char *why = s->control.u.image.why; /* owned */

	/* Also of a failure: whatever strings there are, are ours. */
	if (keep_image(&s->image, &s->control, s->opt.export) < 0 && !err)
		err = -ENOMEM;
	if (err) {
		nbd_image_release(s);
		refuse_image(s, err, why);
	} else {
		s->opt.then(s);
	}
	free(why);
}

void
nbd_image_get(struct session *s, void (*then)(struct session *s))
{
	struct name export = s->opt.export;
	struct nbd_image *im = &s->image;

	if (export.len > NBD_STRING_MAX) {
		refuse_image(s, -ENOENT, "The export's name is too long.");
		return;
	}
	if (im->handle && im->asked_len == export.len &&
	    (export.len == 0 ||
	     memcmp(im->asked, export.ptr, export.len) == 0)) {
		then(s);
		return;
	}
	nbd_image_release(s);
	s->opt.then = then;
	s->control = (struct request){ .name = export };
	s->control.u.image.wants_write = true;
	nbd_control(s, REQUEST_IMAGE, image_done);
}

/* --- what it is --- */

static uint16_t
transmission_flags(const struct session *s)
{
	const struct image *im = &s->image.info;
	unsigned flags = NBD_HAS_FLAGS | NBD_SEND_FLUSH | NBD_SEND_FUA |
			 NBD_CAN_MULTI_CONN | NBD_SEND_CACHE;

	if (im->is_read_only)
		flags |= NBD_READ_ONLY;
	else
		flags |= NBD_SEND_TRIM | NBD_SEND_WRITE_ZEROES |
			 NBD_SEND_FAST_ZERO;
	if (im->is_rotational)
		flags |= NBD_ROTATIONAL;
	if (s->mode != NBD_SIMPLE)
		flags |= NBD_SEND_DF;
	if (s->mode == NBD_EXTENDED && s->contexts)
		flags |= NBD_BLOCK_STATUS_PAYLOAD;
	return (uint16_t)flags;
}

static void
put_info(struct session *s, enum nbd_info info, const void *data, size_t len)
{
	uint8_t buf[2 + NBD_STRING_MAX];
	struct wire_out w = { .p = buf, .end = buf + sizeof(buf) };

	wire_put_be16(&w, info);
	wire_put_bytes(&w, data, MIN(len, (size_t)NBD_STRING_MAX));
	nbd_opt_put(s, NBD_REP_INFO, buf, (size_t)(w.p - buf));
}

static void
put_block_size(struct session *s)
{
	uint8_t buf[12];
	struct wire_out w = { .p = buf, .end = buf + sizeof(buf) };
	uint32_t preferred = NBD_BLOCK_PREFERRED_MIN;

	while (preferred < s->image.info.block_size &&
	       preferred < NBD_BLOCK_PREFERRED_MAX)
		preferred *= 2;
	wire_put_be32(&w, NBD_BLOCK_MIN);
	wire_put_be32(&w, preferred);
	wire_put_be32(&w, NBD_PAYLOAD_TOLD);
	put_info(s, NBD_INFO_BLOCK_SIZE, buf, sizeof(buf));
}

static void
put_export(struct session *s)
{
	uint8_t buf[10];
	struct wire_out w = { .p = buf, .end = buf + sizeof(buf) };

	wire_put_be64(&w, s->image.info.size);
	wire_put_be16(&w, transmission_flags(s));
	put_info(s, NBD_INFO_EXPORT, buf, sizeof(buf));
}

static bool
is_asked(const struct session *s, enum nbd_info info)
{
	return s->opt.infos & 1u << info;
}

static bool
is_renamed(const struct session *s)
{
	const struct nbd_image *im = &s->image;

	return strlen(im->info.name) != im->asked_len ||
	       memcmp(im->info.name, im->asked, im->asked_len) != 0;
}

/* INFO_EXPORT always: qemu needs it, and never asks. */
static void
answer_info(struct session *s)
{
	const struct image *im = &s->image.info;

	nbd_contexts_check(s);
	put_export(s);
	if (is_asked(s, NBD_INFO_NAME) || is_renamed(s))
		put_info(s, NBD_INFO_NAME, im->name, strlen(im->name));
	if (is_asked(s, NBD_INFO_DESCRIPTION) && im->description)
		put_info(s, NBD_INFO_DESCRIPTION, im->description,
			 strlen(im->description));
	if (is_asked(s, NBD_INFO_BLOCK_SIZE))
		put_block_size(s);
	if (s->opt.number == NBD_OPT_GO)
		s->state = NBD_STATE_TRANSMISSION;
	nbd_opt_ack(s);
}

void
nbd_opt_info(struct session *s)
{
	struct nbd_opt *o = &s->opt;
	uint16_t nr, i, info;

	o->export.len = wire_get_be32(&o->data);
	o->export.ptr = (const char *)wire_get_bytes(&o->data, o->export.len);
	nr = wire_get_be16(&o->data);
	for (i = 0; i < nr && !o->data.bad; i++) {
		info = wire_get_be16(&o->data);
		if (info <= NBD_INFO_BLOCK_SIZE)
			o->infos |= 1u << info;
	}
	if (o->data.bad || o->data.p != o->data.end)
		nbd_opt_error(s, NBD_REP_ERR_INVALID,
			      "The lengths in the option do not fit.");
	else
		nbd_image_get(s, answer_info);
}

static void
answer_export_name(struct session *s)
{
	static const uint8_t zeroes[NBD_EXPORT_NAME_ZEROES];
	uint8_t buf[NBD_EXPORT_NAME_REPLY + sizeof(zeroes)];
	struct wire_out w = { .p = buf, .end = buf + sizeof(buf) };

	nbd_contexts_check(s);
	wire_put_be64(&w, s->image.info.size);
	wire_put_be16(&w, transmission_flags(s));
	if (!s->no_zeroes)
		wire_put_bytes(&w, zeroes, sizeof(zeroes));
	s->state = NBD_STATE_TRANSMISSION;
	nbd_opt_raw(s, buf, (size_t)(w.p - buf));
}

void
nbd_opt_export_name(struct session *s)
{
	struct nbd_opt *o = &s->opt;

	if (s->mode == NBD_EXTENDED) {
		nbd_fatal(s, "closed: EXPORT_NAME after EXTENDED_HEADERS");
		nbd_opt_drop(s);
		return;
	}
	o->export.len = o->len;
	o->export.ptr = (const char *)wire_get_bytes(&o->data, o->len);
	nbd_image_get(s, answer_export_name);
}

/* --- LIST --- */

/* Any thread: nothing else looks at the answer meanwhile. */
static bool
emit_image(void *ctx, struct name name, struct name description)
{
	struct session *s = ctx;
	struct nbd_opt *o = &s->opt;
	uint8_t buf[4 + 2 * NBD_STRING_MAX];
	struct wire_out w = { .p = buf, .end = buf + sizeof(buf) };
	size_t len = MIN(description.len, (size_t)NBD_STRING_MAX);

	if (name.len > NBD_STRING_MAX)
		return true; /* no string may be longer */
	wire_put_be32(&w, (uint32_t)name.len);
	wire_put_bytes(&w, name.ptr, name.len);
	wire_put_bytes(&w, description.ptr, len);
	if (o->out.len + sizeof(buf) > NBD_LIST_BYTES_MAX)
		return false;
	nbd_opt_put(s, NBD_REP_SERVER, buf, (size_t)(w.p - buf));
	o->nr_listed++;
	return true;
}

static void
list_done(struct session *s, int err)
{
	if (err == -EPERM || err == -EACCES) {
		nbd_opt_error(s, NBD_REP_ERR_POLICY,
			      "The exports of this server are not listed.");
	} else if (err) {
		nbd_opt_error(s, NBD_REP_ERR_PLATFORM,
			      "The exports cannot be listed at present.");
	} else {
		s->nr_listed = MAX(s->nr_listed, s->opt.nr_listed);
		nbd_opt_ack(s);
	}
}

void
nbd_opt_list(struct session *s)
{
	s->control = (struct request){ .op = REQUEST_IMAGE_LIST };
	s->control.u.list.emit = emit_image;
	s->control.u.list.emit_ctx = s;
	nbd_control(s, REQUEST_IMAGE_LIST, list_done);
}
