/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The handler of SIGBUS. It is the only state of the process beside the log's:
 * a signal has no other way to find out whose an address is. Slots are written
 * base last and cleared base first, so that the handler, on any thread at any
 * time, sees a mapping whole or not at all.
 */
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "guest-fault.h"

static struct {
	atomic_uintptr_t base; /* 0: free */
	atomic_size_t len;
	atomic_flag is_taken;
} maps[GUEST_FAULT_MAX];
static atomic_uint nr_used; /* slots from the first on that ever were */

int
guest_fault_watch(void *map, size_t len)
{
	unsigned i, used;

	for (i = 0; i < GUEST_FAULT_MAX; i++)
		if (!atomic_flag_test_and_set(&maps[i].is_taken))
			break;
	if (i == GUEST_FAULT_MAX)
		return -ENOMEM;
	atomic_store(&maps[i].len, len);
	atomic_store(&maps[i].base, (uintptr_t)map);
	used = atomic_load(&nr_used);
	while (used <= i &&
	       !atomic_compare_exchange_weak(&nr_used, &used, i + 1))
		;
	return 0;
}

void
guest_fault_forget(void *map)
{
	unsigned i, used = atomic_load(&nr_used);

	for (i = 0; i < used; i++) {
		if (atomic_load(&maps[i].base) != (uintptr_t)map)
			continue;
		atomic_store(&maps[i].base, 0);
		atomic_flag_clear(&maps[i].is_taken);
		return;
	}
}

/* Zeros from @from to @end; a page may be larger than @from knows of. */
static bool
cover(uintptr_t from, uintptr_t end)
{
	return mmap((void *)from, end - from, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1,
		    0) != MAP_FAILED;
}

/* Only async-signal-safe: atomics without locks, mmap(2), raise(2). */
static void
on_fault(int sig, siginfo_t *info, void *context)
{
	uintptr_t at = (uintptr_t)info->si_addr, base, end;
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	unsigned i, used = atomic_load(&nr_used);
	int err = errno;

	(void)context;
	for (i = 0; i < used; i++) {
		base = atomic_load(&maps[i].base);
		end = base + atomic_load(&maps[i].len);
		if (base == 0 || at < base || at >= end)
			continue;
		/* What was cut off will not come back. */
		if (!cover(at & ~(page - 1), end) && !cover(base, end))
			break;
		errno = err;
		return;
	}
	(void)signal(sig, SIG_DFL);
	(void)raise(sig);
}

void
guest_fault_init(void)
{
	struct sigaction sa = { .sa_flags = SA_SIGINFO };

	sa.sa_sigaction = on_fault;
	(void)sigemptyset(&sa.sa_mask);
	(void)sigaction(SIGBUS, &sa, NULL);
}
