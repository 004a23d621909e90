/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Any bytes as the body of any message: what decodes must encode again, to
 * bytes that decode to the same message. The first byte of the input is the
 * message's type, R-messages included; the second one how many bytes of data
 * lie elsewhere.
 */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "messages.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct p9_message *row;
	const struct p9_field *list;
	struct p9_fields m, back;
	uint8_t *body, *a, *b;
	ssize_t len;

	if (size < 2)
		return 0;
	row = p9_message_find(data[0] & 0xfe);
	if (!row)
		return 0;
	list = data[0] & 1 ? row->r : row->t;
	size -= 2;
	body = malloc(size + 1); /* exactly sized: ASan sees one byte more */
	memcpy(body, data + 2, size);
	if (p9_decode(list, body, size, 0, &m) == 0) {
		/* An optional field may make it 4 bytes longer. */
		a = malloc(size + P9_HEADER_SIZE + 4);
		b = malloc(size + P9_HEADER_SIZE + 4);
		len = p9_encode(data[0], 1, list, &m, a,
				size + P9_HEADER_SIZE + 4);
		if (len < 0 ||
		    p9_decode(list, a + P9_HEADER_SIZE,
			      (size_t)len - P9_HEADER_SIZE, 0, &back) ||
		    p9_encode(data[0], 1, list, &back, b, (size_t)len) != len ||
		    memcmp(a, b, (size_t)len) != 0)
			abort();
		free(a);
		free(b);
	}
	(void)p9_decode(list, body, size, data[1], &m);
	free(body);
	return 0;
}
