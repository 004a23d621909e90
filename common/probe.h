/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Probes for bpftrace, perf and SystemTap: a nop each, and a note in the ELF
 * file that says where it is and where its arguments are (values at hand
 * only: they are computed whether or not anybody looks). Nothing where
 * <sys/sdt.h> was missing, or configure was told --without-sdt.
 */
#ifndef VENEER_COMMON_PROBE_H
#define VENEER_COMMON_PROBE_H

#ifdef WITH_SDT
#include <sys/sdt.h>
#define PROBE3(name, a, b, c) STAP_PROBE3(veneer, name, a, b, c)
#define PROBE4(name, a, b, c, d) STAP_PROBE4(veneer, name, a, b, c, d)
#else
#define PROBE3(name, a, b, c) ((void)0)
#define PROBE4(name, a, b, c, d) ((void)0)
#endif

#endif
