/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Metadata contexts (nbd.md 7): which there are, and SET_META_CONTEXT, whose
 * selection counts for the export that it names and no other.
 */
#include <stdlib.h>
#include <string.h>

#include "macros.h"
#include "session.h"

static const char *const names[NBD_NR_CONTEXTS] = {
	[NBD_BASE_ALLOCATION] = "base:allocation",
	[NBD_ALLOCATION_DEPTH] = "qemu:allocation-depth",
};

void
nbd_contexts_clear(struct session *s)
{
	s->contexts = 0;
	free(s->contexts_for);
	s->contexts_for = NULL;
}

void
nbd_contexts_check(struct session *s)
{
	if (s->contexts && (!s->contexts_for ||
			    strcmp(s->contexts_for, s->image.info.name) != 0))
		nbd_contexts_clear(s);
}

static bool
equals(struct name n, const char *text, size_t len)
{
	return n.len == len && memcmp(n.ptr, text, len) == 0;
}

/*
 * The contexts that @query selects. A name space alone means all of it when
 * it is asked what there is, and nothing else (nbd.md 7). Unknown ones are
 * no error.
 */
static unsigned
contexts_of(struct name query, bool is_list)
{
	unsigned i, found = 0;
	size_t space;

	for (i = 0; i < NBD_NR_CONTEXTS; i++) {
		space = (size_t)(strchr(names[i], ':') - names[i]) + 1;
		if (equals(query, names[i], strlen(names[i])) ||
		    (is_list && equals(query, names[i], space)))
			found |= 1u << i;
	}
	return found;
}

static void
answer_contexts(struct session *s)
{
	bool is_list = s->opt.number == NBD_OPT_LIST_META_CONTEXT;
	uint8_t buf[64];
	unsigned i;

	for (i = 0; i < NBD_NR_CONTEXTS; i++) {
		struct wire_out w = { .p = buf, .end = buf + sizeof(buf) };

		if (!(s->opt.contexts & 1u << i))
			continue;
		wire_put_be32(&w, is_list ? 0 : NBD_CONTEXT_ID(i));
		wire_put_bytes(&w, names[i], strlen(names[i]));
		nbd_opt_put(s, NBD_REP_META_CONTEXT, buf, (size_t)(w.p - buf));
	}
	if (!is_list) {
		s->contexts_for = strdup(s->image.info.name);
		if (!s->contexts_for) {
			nbd_opt_error(s, NBD_REP_ERR_PLATFORM,
				      "There is no memory for that.");
			return;
		}
		s->contexts = s->opt.contexts;
	}
	nbd_opt_ack(s);
}

/* Returns false if the data is broken. */
static bool
parse(struct nbd_opt *o)
{
	bool is_list = o->number == NBD_OPT_LIST_META_CONTEXT;
	struct name query;
	uint32_t nr, i;

	o->export.len = wire_get_be32(&o->data);
	o->export.ptr = (const char *)wire_get_bytes(&o->data, o->export.len);
	nr = wire_get_be32(&o->data);
	if (nr == 0 && is_list)
		o->contexts = (1u << NBD_NR_CONTEXTS) - 1;
	for (i = 0; i < nr && !o->data.bad; i++) {
		query.len = wire_get_be32(&o->data);
		query.ptr = (const char *)wire_get_bytes(&o->data, query.len);
		if (query.ptr)
			o->contexts |= contexts_of(query, is_list);
	}
	return !o->data.bad && o->data.p == o->data.end;
}

void
nbd_opt_meta_context(struct session *s)
{
	/* It replaces the earlier selection even when it fails. */
	if (s->opt.number == NBD_OPT_SET_META_CONTEXT)
		nbd_contexts_clear(s);
	if (!parse(&s->opt))
		nbd_opt_error(s, NBD_REP_ERR_INVALID,
			      "The lengths in the option do not fit.");
	else if (s->mode == NBD_SIMPLE &&
		 s->opt.number == NBD_OPT_SET_META_CONTEXT)
		nbd_opt_error(s, NBD_REP_ERR_INVALID,
			      "Structured replies must be agreed on first.");
	else
		nbd_image_get(s, answer_contexts);
}
