/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which error of NBD an errno becomes (nbd.md 10), and that there is a text
 * with it wherever there can be.
 */
#include "unit.h"

#include <errno.h>
#include <string.h>

#include "fake-nbd-client.h"
#include "macros.h"

static struct fake_nbd c;

static void
test_errors(void **state)
{
	static const struct {
		int err;
		uint32_t error;
	} cases[] = {
		{ -EPERM, NBD_EPERM },       { -EROFS, NBD_EPERM },
		{ -EACCES, NBD_EPERM },      { -EIO, NBD_EIO },
		{ -EBADF, NBD_EIO },         { -ESTALE, NBD_EIO },
		{ -ENODEV, NBD_EIO },        { -ENXIO, NBD_EIO },
		{ -EFAULT, NBD_EIO },        { -ENOENT, NBD_EIO },
		{ -ECANCELED, NBD_EIO },     { -99999, NBD_EIO },
		{ -ENOMEM, NBD_ENOMEM },     { -EINVAL, NBD_EINVAL },
		{ -ENOSPC, NBD_ENOSPC },     { -EDQUOT, NBD_ENOSPC },
		{ -EFBIG, NBD_ENOSPC },      { -EOVERFLOW, NBD_EOVERFLOW },
		{ -EOPNOTSUPP, NBD_EINVAL }, { -ESHUTDOWN, NBD_ESHUTDOWN },
	};
	static const uint16_t types[] = {
		NBD_CMD_READ,        NBD_CMD_WRITE, NBD_CMD_FLUSH,
		NBD_CMD_TRIM,        NBD_CMD_CACHE, NBD_CMD_WRITE_ZEROES,
		NBD_CMD_BLOCK_STATUS
	};
	enum nbd_mode mode;
	size_t i, j;

	(void)state;
	for (mode = NBD_SIMPLE; mode <= NBD_EXTENDED; mode++) {
		fake_nbd_start(&c, mode);
		for (i = 0; i < ARRAY_SIZE(cases); i++)
			for (j = 0; j < ARRAY_SIZE(types) - !mode; j++) {
				c.backend.error = cases[i].err;
				print_message("mode %d errno %d type %u\n",
					      mode, cases[i].err, types[j]);
				assert_int_equal(
					cases[i].error,
					fake_nbd_call(&c, types[j], 0, 0, 512));
				assert_int_equal(mode != NBD_SIMPLE,
						 *c.cmds->text != '\0');
			}
		assert_true(fake_nbd_fini(&c));
	}
}

/* Only a fast zero has an error that says: not that fast. */
static void
test_fast(void **state)
{
	(void)state;
	fake_nbd_start(&c, NBD_SIMPLE);
	c.backend.error = -EOPNOTSUPP;
	assert_int_equal(NBD_ENOTSUP,
			 fake_nbd_call(&c, NBD_CMD_WRITE_ZEROES,
				       NBD_FLAG_FAST_ZERO, 0, 512));
	assert_int_equal(NBD_EINVAL,
			 fake_nbd_call(&c, NBD_CMD_WRITE_ZEROES, 0, 0, 512));
	assert_true(fake_nbd_fini(&c));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_fast),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
