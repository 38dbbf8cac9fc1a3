/* SPDX-License-Identifier: BSD-2-Clause */
/* ctl/pace.c - signals are blocked and asked for, so that no handler runs. */
#include <config.h>

#include "ctl/pace.h"

#include <errno.h>
#include <signal.h>
#include <time.h>

static void
enders(sigset_t *set)
{
    (void)sigemptyset(set);
    (void)sigaddset(set, SIGINT);
    (void)sigaddset(set, SIGTERM);
}

void
pace_start(void)
{
    sigset_t set;

    enders(&set);
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
}

void
pace_end(void)
{
    sigset_t set;

    enders(&set);
    (void)sigprocmask(SIG_UNBLOCK, &set, NULL);
}

bool
pace_ended(void)
{
    sigset_t set;

    return sigpending(&set) == 0 &&
           (sigismember(&set, SIGINT) == 1 || sigismember(&set, SIGTERM) == 1);
}

bool
pace_wait(int64_t ms)
{
    const int64_t until = pace_now().ms + ms;
    sigset_t set;

    enders(&set);
    for (;;) {
        int64_t left = until - pace_now().ms;
        struct timespec span;

        left = left < 0 ? 0 : left;
        span.tv_sec = (time_t)(left / 1000);
        span.tv_nsec = (long)(left % 1000) * 1000000;
        if (sigtimedwait(&set, NULL, &span) > 0)
            return false;
        if (errno == EAGAIN)
            return true;
        /* EINTR: stopped and continued, a new size of the window */
    }
}

struct mono
pace_now(void)
{
    struct timespec now = {0, 0};

    (void)clock_gettime(CLOCK_BOOTTIME, &now);
    return (struct mono){(int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000};
}
