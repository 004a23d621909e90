/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Release of resources at the end of a scope, so that no return path can
 * forget one. A variable with such an attribute is initialised where it is
 * declared; take_fd() and take_ptr() hand the resource on to another owner.
 */
#ifndef VENEER_COMMON_CLEANUP_H
#define VENEER_COMMON_CLEANUP_H

#include <dirent.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

static inline void
cleanup_free(void *pp)
{
	free(*(void **)pp);
}

static inline void
cleanup_close(int *fd)
{
	/* Never retried: Linux has freed the number whatever close says. */
	if (*fd >= 0)
		(void)close(*fd);
}

static inline void
cleanup_closedir(DIR **d)
{
	if (*d)
		(void)closedir(*d);
}

static inline void
cleanup_unlock(pthread_mutex_t **m)
{
	if (*m)
		(void)pthread_mutex_unlock(*m);
}

static inline void
cleanup_rwunlock(pthread_rwlock_t **l)
{
	if (*l)
		(void)pthread_rwlock_unlock(*l);
}

#define CLEANUP_FREE __attribute__((cleanup(cleanup_free)))
#define CLEANUP_CLOSE __attribute__((cleanup(cleanup_close)))
#define CLEANUP_CLOSEDIR __attribute__((cleanup(cleanup_closedir)))
/* Hold a mutex or rwlock that is already locked until the scope ends. */
#define CLEANUP_UNLOCK __attribute__((cleanup(cleanup_unlock)))
#define CLEANUP_RWUNLOCK __attribute__((cleanup(cleanup_rwunlock)))

static inline int
take_fd(int *fd)
{
	int v = *fd;

	*fd = -1;
	return v;
}

#define take_ptr(pp)                              \
	({                                        \
		__typeof__(*(pp)) taken_ = *(pp); \
		*(pp) = NULL;                     \
		taken_;                           \
	})

#endif
