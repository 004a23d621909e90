/* SPDX-License-Identifier: BSD-3-Clause */
/* Values on the command line: sizes, numbers, lists of options. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "log.h"

int
config_refuse(const char *format, ...)
{
	char line[1024];
	va_list ap;

	va_start(ap, format);
	(void)vsnprintf(line, sizeof(line), format, ap);
	va_end(ap);
	log_line(LOG_ERR, "%s", line);
	return -EINVAL;
}

int
config_parse_size(const char *text, uint64_t *ret)
{
	unsigned long long v;
	unsigned shift = 0;
	char *end;

	errno = 0;
	v = strtoull(text, &end, 10);
	if (errno || end == text || *text == '-')
		return -EINVAL;
	if (*end == 'k' || *end == 'K')
		shift = 10;
	else if (*end == 'm' || *end == 'M')
		shift = 20;
	else if (*end == 'g' || *end == 'G')
		shift = 30;
	if (shift)
		end++;
	if (*end || v > UINT64_MAX >> shift)
		return -EINVAL;
	*ret = (uint64_t)v << shift;
	return 0;
}

int
config_parse_number(const char *option, const char *text, uint64_t min,
		    uint64_t max, uint64_t *ret)
{
	uint64_t v = 0;

	if (config_parse_size(text, &v) < 0 || v < min || v > max)
		return config_refuse("--%s %s: use a number from %llu to %llu",
				     option, text, (unsigned long long)min,
				     (unsigned long long)max);
	*ret = v;
	return 0;
}

int
config_parse_unsigned(const char *option, const char *text, unsigned min,
		      unsigned max, unsigned *ret)
{
	uint64_t v = 0;
	int r = config_parse_number(option, text, min, max, &v);

	if (r == 0)
		*ret = (unsigned)v;
	return r;
}

void
config_next_option(char **rest, char **ret_key, char **ret_value)
{
	char *in = *rest, *out = in;

	*ret_key = in;
	*ret_value = NULL;
	while (*in) {
		if (in[0] == ',' && in[1] == ',')
			in++;
		else if (*in == ',')
			break;
		*out++ = *in++;
	}
	*rest = *in ? in + 1 : NULL;
	*out = '\0';
	out = strchr(*ret_key, '=');
	if (out) {
		*out = '\0';
		*ret_value = out + 1;
	}
}
