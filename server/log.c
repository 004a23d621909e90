/* SPDX-License-Identifier: BSD-3-Clause */
/* Writing log lines: whole, by one write(2) each, so that threads mix none. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "macros.h"

int log_level_now = LOG_INFO;

static const struct {
	const char *name;
	int level;
} levels[] = {
	{ "error", LOG_ERR },
	{ "warning", LOG_WARNING },
	{ "info", LOG_INFO },
	{ "debug", LOG_DEBUG },
};

void
log_set_level(int level)
{
	log_level_now = level;
}

int
log_level_parse(const char *name, int *ret)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(levels); i++) {
		if (strcmp(levels[i].name, name) == 0) {
			*ret = levels[i].level;
			return 0;
		}
	}
	return -EINVAL;
}

void
log_line(int level, const char *format, ...)
{
	char buf[1600];
	const char *name = "info";
	va_list ap;
	size_t i, len;
	int n;

	if (!log_wants(level))
		return;
	for (i = 0; i < ARRAY_SIZE(levels); i++)
		if (levels[i].level == level)
			name = levels[i].name;
	n = snprintf(buf, sizeof(buf), "veneer: %s: ", name);
	va_start(ap, format);
	(void)vsnprintf(buf + n, 1500, format, ap);
	va_end(ap);
	len = strlen(buf);
	buf[len++] = '\n';
	/* Nowhere to report that the log cannot be written. */
	if (write(STDERR_FILENO, buf, len) < 0)
		return;
}

bool
log_rate_ok(struct log_rate *rate, uint64_t now_s, unsigned *ret_suppressed)
{
	uint64_t passed = now_s - rate->last_s;

	if (passed > 0) {
		rate->tokens = (unsigned)MIN(rate->tokens + passed,
					     (uint64_t)LOG_RATE_BURST);
		rate->last_s = now_s;
	}
	if (rate->tokens == 0) {
		rate->suppressed++;
		return false;
	}
	rate->tokens--;
	*ret_suppressed = rate->suppressed;
	rate->suppressed = 0;
	return true;
}
