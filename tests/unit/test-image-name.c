/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The names of images (nbd.md 12): which tree and path they mean, and by what
 * name the same can be asked for again. No tree is needed for it.
 */
#include "unit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "image-parts.h"

static struct export unnamed[] = { { .name = "" } };
static struct export one[] = { { .name = "one" } };
static struct export several[] = { { .name = "a" },
				   { .name = "" },
				   { .name = "a:b" } };
static struct export named[] = { { .name = "x" }, { .name = "y" } };

static const struct {
	struct export *exports;
	unsigned nr;
	const char *name;
	int want; /* the export, or an errno */
	const char *path, *printed;
} cases[] = {
	{ unnamed, 1, "d/x.img", 0, "d/x.img", "d/x.img" },
	{ unnamed, 1, "///d//x.img", 0, "d/x.img", "d/x.img" },
	{ unnamed, 1, "./d/./x.img/", 0, "d/x.img", "d/x.img" },
	{ unnamed, 1, "c:x", 0, "c:x", "c:x" },
	{ unnamed, 1, ":x", 0, "x", "x" },
	{ unnamed, 1, "::x", 0, ":x", "::x" },
	{ unnamed, 1, "...", 0, "...", "..." },
	{ unnamed, 1, ".", 0, "", "" },
	{ unnamed, 1, "../x", -ENOENT, "", "" },
	{ unnamed, 1, "d/..", -ENOENT, "", "" },
	{ unnamed, 1, "", 0, "usual", "usual" },
	{ unnamed, 1, "//", 0, "usual", "usual" },
	{ one, 1, "x", 0, "x", "x" },
	{ one, 1, "one:x", 0, "x", "x" },
	{ one, 1, "one:one:x", 0, "one:x", ":one:x" },
	{ several, 3, "x", 1, "x", "x" },
	{ several, 3, "a:x", 0, "x", "a:x" },
	{ several, 3, "/a:/x", 0, "x", "a:x" },
	{ several, 3, "a:b:x", 2, "x", "a:b:x" },
	{ several, 3, "c:x", 1, "c:x", "c:x" },
	{ several, 3, ":a:x", 1, "a:x", ":a:x" },
	{ several, 3, "a:", 0, "", "a:" },
	{ named, 2, "i", 0, "i", "x:i" },
	{ named, 2, "y:i", 1, "i", "y:i" },
};

static void
names(void **state)
{
	struct config cfg = { .default_export = "usual" };
	const char *why;
	char *printed;
	size_t i;
	int r;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct server s = { .config = &cfg,
				    .exports = cases[i].exports,
				    .nr_exports = cases[i].nr };
		struct name name = { cases[i].name, strlen(cases[i].name) };
		struct image_name in;

		print_message("%s\n", cases[i].name);
		why = NULL;
		r = image_name_parse(&s, name, &in, &why);
		if (cases[i].want < 0) {
			assert_int_equal(cases[i].want, r);
			assert_non_null(why);
			continue;
		}
		assert_int_equal(0, r);
		assert_string_equal(cases[i].path, in.path);
		assert_int_equal(cases[i].want, in.export - cases[i].exports);
		printed = image_name_print(&s, in.export, in.path);
		assert_string_equal(cases[i].printed, printed);
		free(printed);
		free(in.path);
	}
}

static void
refused(void **state)
{
	struct config cfg = { 0 };
	struct server s = { .config = &cfg,
			    .exports = unnamed,
			    .nr_exports = 1 };
	struct image_name in;
	char text[IMAGE_NAME_MAX + 1];
	const char *why = NULL;

	(void)state;
	memset(text, 'x', sizeof(text));
	assert_int_equal(
		0, image_name_parse(&s, (struct name){ text, IMAGE_NAME_MAX },
				    &in, &why));
	free(in.path);
	assert_int_equal(-ENOENT,
			 image_name_parse(&s,
					  (struct name){ text, sizeof(text) },
					  &in, &why));
	assert_non_null(strstr(why, "4096"));
	assert_int_equal(
		-ENOENT,
		image_name_parse(&s, (struct name){ "a\0b", 3 }, &in, &why));
	assert_non_null(strstr(why, "zero"));
	assert_int_equal(-ENOENT, image_name_parse(&s, (struct name){ "", 0 },
						   &in, &why));
	assert_non_null(strstr(why, "no default"));
}

static void
listable(void **state)
{
	static const struct {
		const char *name;
		bool want;
	} rows[] = {
		{ "plain", true },
		{ "\xc3\xa4", true },
		{ "\xe2\x82\xac", true },
		{ "\xf0\x9f\x92\xbe", true },
		{ "\xf4\x8f\xbf\xbf", true },
		{ "\xff", false },
		{ "\xc3", false },
		{ "x\x80", false },
		{ "\xc0\x80", false },
		{ "\xc1\xbf", false },
		{ "\xe0\x9f\xbf", false },
		{ "\xed\xa0\x80", false },
		{ "\xf0\x8f\xbf\xbf", false },
		{ "\xf4\x90\x80\x80", false },
		{ "\xe2\x82", false },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		print_message("%zu\n", i);
		assert_int_equal(rows[i].want,
				 image_name_is_listable(rows[i].name));
	}
}

static void
descriptions(void **state)
{
	static const struct {
		unsigned depth;
		uint64_t size;
		const char *want;
	} rows[] = {
		{ 1, 0, "upper, 0 bytes" },
		{ 2, 1023, "lower 1, 1023 bytes" },
		{ 1, 1024, "upper, 1 KiB" },
		{ 3, 1536, "lower 2, 1.5 KiB" },
		{ 1, UINT64_C(20) << 30, "upper, 20 GiB" },
		{ 1, (UINT64_C(1) << 40) - 1, "upper, 1023.9 GiB" },
		{ 1, UINT64_MAX, "upper, 15.9 EiB" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct backing b = { .depth = rows[i].depth };
		char *text = image_describe(&b, rows[i].size);

		assert_string_equal(rows[i].want, text);
		free(text);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),
		cmocka_unit_test(refused),
		cmocka_unit_test(listable),
		cmocka_unit_test(descriptions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
