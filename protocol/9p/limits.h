/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Every amount that a 9P client can choose, and what is allowed. Those of
 * struct session_config (fids, requests in flight, xattr bytes, msize) and
 * its events.room() (bytes in flight) come on top, chosen by the server's
 * user. SECURITY.md has a table of all of them.
 */
#ifndef VENEER_P9_LIMITS_H
#define VENEER_P9_LIMITS_H

/* Linux mounts with 4096 at the least; Rgetattr and a dirent must fit. */
#define P9_MSIZE_MIN 4096u
#define P9_MSIZE_MAX (16u << 20)
/* What may be read before Tversion has said more. */
#define P9_MSIZE_UNNEGOTIATED 8192u
/* Below this the log says that the client asked for too little. */
#define P9_MSIZE_HINT (64u << 10)

/* Left free in each reply with data, as the Linux client counts. */
#define P9_IOHDRSZ 24u

#define P9_NAME_MAX 255u /* Linux NAME_MAX */
#define P9_SYMLINK_MAX 4095u /* PATH_MAX without the final NUL */
#define P9_WALK_MAX 16u /* 9P's MAXWELEM */

#define P9_XATTR_MAX 65536u /* Linux XATTR_SIZE_MAX: one value */

/*
 * Requests that wait, for a place among those running, for a fid or (a
 * Tflush) for its target. At this many the session is full. Until then a
 * connection whose places are all taken is read on, so that a Tflush is
 * seen.
 */
#define P9_PARKED_MAX 32u

/* Unused request structures kept for the next messages. */
#define P9_FREE_REQS_MAX 64u

/* An encoded reply that carries no file data: Rwalk with 16 qids is 217. */
#define P9_REPLY_MAX 512u

/* The length of a trace line, and of one string of the client in it. */
#define P9_TRACE_MAX 1024u
#define P9_TRACE_STRING_MAX 64u

#endif
