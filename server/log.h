/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The log: one line an event, to standard error. The sink is the one piece
 * of global state; any thread may write to it.
 */
#ifndef VENEER_SERVER_LOG_H
#define VENEER_SERVER_LOG_H

#include <stdbool.h>
#include <stdint.h>
#include <syslog.h>

/* Levels are syslog's: LOG_ERR, LOG_WARNING, LOG_INFO, LOG_DEBUG. */
void log_set_level(int level);
/* "error", "warning", "info", "debug"; -EINVAL for others. */
int log_level_parse(const char *name, int *ret);

static inline bool
log_wants(int level)
{
	extern int log_level_now;

	return level <= log_level_now;
}

/* Cut at 1,500 bytes. Does not allocate. */
void log_line(int level, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* How often a client may make us warn: a bucket of tokens, one a second. */
struct log_rate {
	uint64_t last_s; /* when tokens were last added */
	unsigned tokens, suppressed;
};
/*
 * May another line be written at time @now_s (seconds, any clock)?
 * *@ret_suppressed: how many were not since the last that was.
 */
bool log_rate_ok(struct log_rate *rate, uint64_t now_s,
		 unsigned *ret_suppressed);
#define LOG_RATE_BURST 20

#endif
