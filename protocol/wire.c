/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Access to messages that lie in several pieces of memory: a virtqueue hands
 * over guest pages, and where a piece ends says nothing about where a field
 * does (the device must work at logical offsets: virtio 1.2, 2.7.4). The
 * cursors for contiguous bytes are in wire.h, short enough to be inlined.
 */
#include "wire.h"

#include "macros.h"

void
wire_iov_init(struct wire_iov *w, const struct iovec *iov, unsigned nr,
	      size_t off, size_t count)
{
	*w = (struct wire_iov){ .iov = iov, .nr = nr, .left = count };
	while (w->at < nr && off >= iov[w->at].iov_len)
		off -= iov[w->at++].iov_len;
	w->off = off;
}

void
wire_iov_put(struct wire_iov *w, const void *data, size_t len)
{
	const uint8_t *p = data;
	size_t part;

	while (len > 0 && w->at < w->nr) {
		part = MIN(len, w->iov[w->at].iov_len - w->off);
		if (part)
			memcpy((uint8_t *)w->iov[w->at].iov_base + w->off, p,
			       part);
		p += part;
		len -= part;
		w->left -= part;
		w->off += part;
		if (w->off == w->iov[w->at].iov_len) {
			w->at++;
			w->off = 0;
		}
	}
}

void
wire_iov_get(const struct iovec *iov, unsigned nr, size_t off, void *ret,
	     size_t len)
{
	uint8_t *p = ret;
	size_t part;
	unsigned i;

	for (i = 0; i < nr && len > 0; i++) {
		if (off >= iov[i].iov_len) {
			off -= iov[i].iov_len;
			continue;
		}
		part = MIN(len, iov[i].iov_len - off);
		memcpy(p, (const uint8_t *)iov[i].iov_base + off, part);
		p += part;
		len -= part;
		off = 0;
	}
}

unsigned
wire_iov_slice(const struct iovec *iov, unsigned nr, size_t off, size_t count,
	       struct iovec *ret)
{
	unsigned i, n = 0;

	for (i = 0; i < nr && count > 0; i++) {
		if (off >= iov[i].iov_len) {
			off -= iov[i].iov_len;
			continue;
		}
		ret[n].iov_base = (uint8_t *)iov[i].iov_base + off;
		ret[n].iov_len = MIN(count, iov[i].iov_len - off);
		count -= ret[n++].iov_len;
		off = 0;
	}
	return n;
}
