/* SPDX-License-Identifier: BSD-3-Clause */
/* How far long copy-ups are, for the log. */
#ifndef VENEER_SERVER_PROGRESS_H
#define VENEER_SERVER_PROGRESS_H

struct copy_progress;

/* A tree_progress: one line at debug. @ctx: the export's name. Any thread. */
void progress_log(void *ctx, const struct copy_progress *p);

#endif
