/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A VMM may cut off the file that is its guest's memory: what touches the rest
 * of the mapping gets a SIGBUS, which would end the server for all others. It
 * is answered by zeros there instead; nothing worse can come of those than of
 * what a guest writes.
 */
#ifndef VENEER_SERVER_GUEST_FAULT_H
#define VENEER_SERVER_GUEST_FAULT_H

#include <stddef.h>

/* Mappings watched at once, of all guests. */
#define GUEST_FAULT_MAX 4096

/* Watch the mapping; -ENOMEM: too many are. Any thread. */
int guest_fault_watch(void *map, size_t len);
/* Before it is unmapped. */
void guest_fault_forget(void *map);
/* Handle the signal from now on. Once, at the start. */
void guest_fault_init(void);

#endif
