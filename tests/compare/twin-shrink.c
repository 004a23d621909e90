/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A failing case is cut down: parts of its steps, then of its lowers, are
 * taken away while it fails in the same way; halves first, single ones last.
 * What is left is printed as a script.
 */
#include <stdlib.h>

#include "twin.h"

#define MAX_TRIES 400

struct shrink {
	struct twin *t;
	struct twin_case *c;
	enum verdict want;
	unsigned tries;
};

static bool *
off_of(struct twin_case *c, bool steps, unsigned i)
{
	return steps ? &c->steps[i].off : &c->items[i].off;
}

static bool
still_fails(struct shrink *s)
{
	FILE *out = fopen("/dev/null", "w");
	enum verdict got;

	if (!out)
		return false;
	s->tries++;
	s->t->made = NULL;
	got = twin_run(s->t, s->c, out);
	(void)fclose(out);
	return got == s->want;
}

/* Take away [@from, @from + @count) if it fails without. */
static bool
cut(struct shrink *s, bool steps, unsigned from, unsigned count)
{
	unsigned nr = steps ? s->c->nr_steps : s->c->nr_items, i, cuts = 0;
	bool was[MAX_STEPS];

	for (i = from; i < from + count && i < nr; i++) {
		was[i] = *off_of(s->c, steps, i);
		cuts += !was[i];
		*off_of(s->c, steps, i) = true;
	}
	if (cuts > 0 && still_fails(s))
		return true;
	for (i = from; i < from + count && i < nr; i++)
		*off_of(s->c, steps, i) = was[i];
	return false;
}

static void
shrink_list(struct shrink *s, bool steps, unsigned max_tries)
{
	unsigned nr = steps ? s->c->nr_steps : s->c->nr_items, count, from;

	for (count = (nr + 1) / 2; count > 0; count /= 2)
		/* From the end: a failing step makes what follows useless. */
		for (from = (nr - 1) / count * count + count; from > 0;) {
			from -= count;
			if (s->tries < max_tries)
				(void)cut(s, steps, from, count);
		}
}

void
twin_shrink(struct twin *t, struct twin_case *c, enum verdict v)
{
	struct shrink s = { .t = t, .c = c, .want = v };

	shrink_list(&s, true, MAX_TRIES / 2);
	shrink_list(&s, false, MAX_TRIES * 3 / 4);
	shrink_list(&s, true, MAX_TRIES);
	t->made = NULL;
}

static const char script_head[] =
	"cat >steps.py <<'END'\n"
	"import os, sys\n"
	"from os import *\n"
	"slot = {}\n"
	"def put(path, flags, text, where):\n"
	"    fd = open(path, flags | O_NOFOLLOW, 0o644)\n"
	"    try: pwrite(fd, text.encode(), where)\n"
	"    finally: close(fd)\n"
	"def hold(n, path, flags):\n"
	"    if os.path.isdir(path): flags = O_RDONLY\n"
	"    slot[n] = open(path, flags | O_NOFOLLOW)\n"
	"def remove(path):\n"
	"    rmdir(path) if os.path.isdir(path) else unlink(path)\n"
	"def utimes(what, t):\n"
	"    utime(what, (t, t), **({} if isinstance(what, int) else "
	"{'follow_symlinks': False}))\n"
	"def step(f, *args):\n"
	"    try: got = f(*args)\n"
	"    except OSError as e: got = e.strerror\n"
	"    print(f.__name__, *args, '=', got)\n"
	"umask(0)\n";

void
twin_print(FILE *out, const struct twin_case *c)
{
	unsigned i;

	fprintf(out,
		"#!/bin/bash\n# twin: seed %lu, set %s, %u lowers: in an empty "
		"folder, as root\n",
		(unsigned long)c->seed, c->set->name, c->nr_lowers);
	lowers_print(out, c);
	fprintf(out,
		"mkdir -p upper work m\nmount -t overlay t m -o lowerdir=");
	for (i = 0; i < c->nr_lowers; i++)
		fprintf(out, "%sl%u", i ? ":" : "", i);
	fprintf(out, "%s,upperdir=upper,workdir=work,%s\n%s",
		c->set->has_data ? "::data" : "", c->set->options, script_head);
	for (i = 0; i < c->nr_steps; i++) {
		if (i == c->restart_at && i > 0)
			fprintf(out, "# here veneer starts again\n");
		if (i == c->swap_at)
			fprintf(out,
				"# here kernel and veneer change places\n");
		if (c->steps[i].off)
			continue;
		fprintf(out, "step(");
		step_print(out, &c->steps[i]);
		fprintf(out, ")\n");
	}
	fprintf(out, "END\n(cd m && python3 ../steps.py)\n");
}
