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

/* Let the others go first from now on: this thread.  Where a thread has no
 * priority of its own, and where it may not be changed, all stays. */
#include <sys/resource.h>
static inline void
compat_give_way(void)
{
#if defined(__linux__)
    (void)setpriority(PRIO_PROCESS, 0, 5);
#endif
}

/* Whose process is at the other end of a Unix socket.  Where nobody says so, it
 * is nobody, who may do nothing. */
#include <sys/socket.h>
#include <sys/types.h>
static inline int
compat_peer(int fd, uid_t *uid, gid_t *gid)
{
#if defined(SO_PEERCRED)
    struct ucred cred;
    socklen_t len = sizeof(cred);

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) != 0)
        return -1;
    *uid = cred.uid;
    *gid = cred.gid;
    return 0;
#else
    return getpeereid(fd, uid, gid);
#endif
}

/* Its supplementary groups in OUT, which has room for MOST; returns how many,
 * or -1: nobody says, or they are more. */
static inline int
compat_peer_groups(int fd, gid_t *out, size_t most)
{
#if defined(SO_PEERGROUPS)
    socklen_t len = (socklen_t)(most * sizeof(*out));

    if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, out, &len) == 0)
        return (int)(len / sizeof(*out));
#else
    (void)fd;
    (void)out;
    (void)most;
#endif
    return -1;
}

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
