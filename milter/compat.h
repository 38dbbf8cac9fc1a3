/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/compat.h - what compilers and systems do not agree on.
 */
#ifndef MORTSAFE_MILTER_COMPAT_H
#define MORTSAFE_MILTER_COMPAT_H

/* Systems without CLOCK_BOOTTIME have a CLOCK_MONOTONIC that goes on while
 * they sleep, or do not sleep. */
#include <time.h>
#ifndef CLOCK_BOOTTIME
#define CLOCK_BOOTTIME CLOCK_MONOTONIC
#endif

/* No program that we might start would have more rights than we; it would not
 * do to start one, so a system without this loses little. */
#if defined(__linux__)
#include <sys/prctl.h>
#endif
static inline int
compat_no_new_privileges(void)
{
#if defined(PR_SET_NO_NEW_PRIVS)
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
#else
    return 0;
#endif
}

/*
 * libmilter starts and ends threads all the time, and the GNU C library keeps
 * only 40 MB of their stacks to use again: five of the usual size, many of this
 * one, which is several times what a thread of ours needs.  Instrumented code
 * needs more.
 */
#include <pthread.h>
static inline void
compat_thread_stacks(void)
{
#if defined(__GLIBC__) && !defined(MS_SANITIZED)
    pthread_attr_t attr;

    if (pthread_getattr_default_np(&attr) != 0)
        return;
    if (pthread_attr_setstacksize(&attr, (size_t)512 * 1024) == 0)
        (void)pthread_setattr_default_np(&attr);
    (void)pthread_attr_destroy(&attr);
#endif
}

#endif
