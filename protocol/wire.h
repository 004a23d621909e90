/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Bounded cursors over bytes: little-endian numbers for 9P, big-endian ones
 * (wire_*_be*()) for NBD. An access past the end gives 0 (reading) or nothing
 * (writing) and sets @bad, which sticks and is looked at once, after the last
 * access: no other code of protocol/ does arithmetic on positions in a
 * message.
 */
#ifndef VENEER_PROTOCOL_WIRE_H
#define VENEER_PROTOCOL_WIRE_H

#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/uio.h>

struct wire_in {
	const uint8_t *p, *end; /* borrowed */
	bool bad;
};

struct wire_out {
	uint8_t *p, *end; /* borrowed */
	bool bad;
};

/* The next @len bytes, or NULL (then @bad is set). */
static inline const uint8_t *
wire_get_bytes(struct wire_in *w, size_t len)
{
	const uint8_t *p = w->p;

	if ((size_t)(w->end - p) < len) {
		w->bad = true;
		w->p = w->end;
		return NULL;
	}
	w->p += len;
	return p;
}

static inline uint8_t
wire_get_u8(struct wire_in *w)
{
	const uint8_t *p = wire_get_bytes(w, 1);

	return p ? *p : 0;
}

static inline uint16_t
wire_get_u16(struct wire_in *w)
{
	const uint8_t *p = wire_get_bytes(w, 2);
	uint16_t v = 0;

	if (p)
		memcpy(&v, p, 2);
	return le16toh(v);
}

static inline uint32_t
wire_get_u32(struct wire_in *w)
{
	const uint8_t *p = wire_get_bytes(w, 4);
	uint32_t v = 0;

	if (p)
		memcpy(&v, p, 4);
	return le32toh(v);
}

static inline uint64_t
wire_get_u64(struct wire_in *w)
{
	const uint8_t *p = wire_get_bytes(w, 8);
	uint64_t v = 0;

	if (p)
		memcpy(&v, p, 8);
	return le64toh(v);
}

static inline uint16_t
wire_get_be16(struct wire_in *w)
{
	const uint8_t *p = wire_get_bytes(w, 2);
	uint16_t v = 0;

	if (p)
		memcpy(&v, p, 2);
	return be16toh(v);
}

static inline uint32_t
wire_get_be32(struct wire_in *w)
{
	const uint8_t *p = wire_get_bytes(w, 4);
	uint32_t v = 0;

	if (p)
		memcpy(&v, p, 4);
	return be32toh(v);
}

static inline uint64_t
wire_get_be64(struct wire_in *w)
{
	const uint8_t *p = wire_get_bytes(w, 8);
	uint64_t v = 0;

	if (p)
		memcpy(&v, p, 8);
	return be64toh(v);
}

/* Append @len bytes; @data NULL: only leave their place. */
static inline void
wire_put_bytes(struct wire_out *w, const void *data, size_t len)
{
	if ((size_t)(w->end - w->p) < len) {
		w->bad = true;
		return;
	}
	if (data && len)
		memcpy(w->p, data, len);
	w->p += len;
}

static inline void
wire_put_u8(struct wire_out *w, uint8_t v)
{
	wire_put_bytes(w, &v, 1);
}

static inline void
wire_put_u16(struct wire_out *w, uint16_t v)
{
	v = htole16(v);
	wire_put_bytes(w, &v, 2);
}

static inline void
wire_put_u32(struct wire_out *w, uint32_t v)
{
	v = htole32(v);
	wire_put_bytes(w, &v, 4);
}

static inline void
wire_put_u64(struct wire_out *w, uint64_t v)
{
	v = htole64(v);
	wire_put_bytes(w, &v, 8);
}

static inline void
wire_put_be16(struct wire_out *w, uint16_t v)
{
	v = htobe16(v);
	wire_put_bytes(w, &v, 2);
}

static inline void
wire_put_be32(struct wire_out *w, uint32_t v)
{
	v = htobe32(v);
	wire_put_bytes(w, &v, 4);
}

static inline void
wire_put_be64(struct wire_out *w, uint64_t v)
{
	v = htobe64(v);
	wire_put_bytes(w, &v, 8);
}

/* A position in a list of iovecs that is being filled, in order. */
struct wire_iov {
	const struct iovec *iov; /* borrowed */
	unsigned nr, at; /* iovecs, and the present one */
	size_t off; /* in the present one */
	size_t left; /* bytes that may still be written */
};

/* Begin at byte @off of the list, with @count bytes to write at most. */
void wire_iov_init(struct wire_iov *w, const struct iovec *iov, unsigned nr,
		   size_t off, size_t count);

/* Append @len bytes, over as many iovecs as needed; @len <= w->left. */
void wire_iov_put(struct wire_iov *w, const void *data, size_t len);

/* Copy @len bytes from byte @off of a list that is long enough. */
void wire_iov_get(const struct iovec *iov, unsigned nr, size_t off, void *ret,
		  size_t len);

/*
 * Describe bytes [@off, @off + @count) of a list in @ret, which has place
 * for @nr iovecs. Returns how many were needed.
 */
unsigned wire_iov_slice(const struct iovec *iov, unsigned nr, size_t off,
			size_t count, struct iovec *ret);

#endif
