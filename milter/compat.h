/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/compat.h - what compilers and systems do not agree on.
 */
#ifndef MORTSAFE_MILTER_COMPAT_H
#define MORTSAFE_MILTER_COMPAT_H

/*
 * A local variable that the hardening flag -ftrivial-auto-var-init is to leave
 * alone, because clearing 70 KB would cost more than what is done with them.
 */
#if defined(__has_attribute)
#if __has_attribute(uninitialized)
#define COMPAT_UNINITIALIZED __attribute__((uninitialized))
#endif
#endif
#ifndef COMPAT_UNINITIALIZED
#define COMPAT_UNINITIALIZED
#endif

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

#endif
