/* SPDX-License-Identifier: BSD-3-Clause */
/* Golden results; see layers-fixture.h. */
#include "layers-fixture.h"

static void
run_case(struct fixture *f, const struct golden_case *gc)
{
	size_t j;
	int r;

	print_message("%s\n", gc->name);
	fixture_layers(f, gc->lower);
	fixture_sh(f, "ls -lR --time-style=full-iso lower? >before");
	fixture_open(f, true);
	for (j = 0; j < GOLDEN_MAX_OPS && gc->ops[j].op; j++) {
		r = fixture_do(f, gc->ops[j].op, gc->ops[j].a, gc->ops[j].b);
		if (r != gc->ops[j].r)
			fail_msg("%s %s: %d, not %d", gc->ops[j].op,
				 gc->ops[j].a, r, gc->ops[j].r);
	}
	fixture_close(f);
	fixture_check(f);
	if (!fixture_holds(f, gc->holds)) {
		(void)fixture_holds(f, "ls -lR upper; getfattr -R -h -d -m - "
				       "--absolute-names upper");
		fail_msg("does not hold: %s", gc->holds);
	}
	assert_true(fixture_holds(
		f, "ls -lR --time-style=full-iso lower? | cmp - before"));
	assert_true(fixture_holds(f, "test -z \"$(ls -A work/work)\""));
}

void
golden_run(struct fixture *f, const char *options,
	   const struct golden_case *cases, size_t nr_cases)
{
	size_t i;

	SKIP_UNLESS_ROOT();
	f->options = options;
	for (i = 0; i < nr_cases; i++)
		run_case(f, &cases[i]);
}
