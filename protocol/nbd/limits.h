/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Every amount that an NBD client can choose, and what is allowed (nbd.md 1,
 * 6 and 8). Requests and bytes in flight come on top, chosen by the server's
 * user: session_config.max_inflight and events.room().
 */
#ifndef VENEER_NBD_LIMITS_H
#define VENEER_NBD_LIMITS_H

/* Data of an option; of one with metadata contexts. More is not looked at. */
#define NBD_OPTION_DATA_MAX (64u << 10)
#define NBD_META_DATA_MAX (1u << 20)
/* Any string: "MUST be <= 4096". */
#define NBD_STRING_MAX 4096u
/* Options of a connection, and as many more for each export that it was
 * told of: qemu-nbd -L asks for each (nbdkit: 32). */
#define NBD_OPTIONS_MAX 32u
/* The answer to LIST ends before it gets longer. */
#define NBD_LIST_BYTES_MAX (1u << 20)

/* Data of a READ or WRITE: what we tell, what we take, and what we still
 * read to the end to answer it with an error. */
#define NBD_PAYLOAD_TOLD (32u << 20)
#define NBD_PAYLOAD_MAX (64u << 20)
#define NBD_PAYLOAD_SKIP_MAX (128u << 20)
/* The payload of a BLOCK_STATUS: a length and some ids. */
#define NBD_STATUS_PAYLOAD_MAX 4096u

/* A READ is answered in pieces of this size where it may be: they stay in
 * the processor's cache between the file and the socket. */
#define NBD_READ_PIECE (256u << 10)
/* And no READ begins, or goes on, while more waits to be sent. */
#define NBD_UNSENT_MAX (256u << 10)
/* Pieces, and parts of maps, end at multiples of these in the export. */
#define NBD_PIECE_ALIGN 4096u
#define NBD_EXTENT_ALIGN 512u
/* Extents of one context in one answer. */
#define NBD_EXTENTS_MAX 4096u

/* Block sizes that we tell. */
#define NBD_BLOCK_MIN 1u
#define NBD_BLOCK_PREFERRED_MIN 4096u
#define NBD_BLOCK_PREFERRED_MAX 65536u

/* Commands that wait, and their bytes: then the session is full. */
#define NBD_PARKED_MAX 32u
#define NBD_PARKED_BYTES_MAX (256u << 10)
/* Unused request structures kept for the next commands. */
#define NBD_FREE_REQS_MAX 64u

/* The length of a trace line, and of one string of the client in it. */
#define NBD_TRACE_MAX 512u
#define NBD_TRACE_STRING_MAX 64u

#endif
