/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "milter/wait.h"

enum { NS = 1000000000 };

void
wait_init(pthread_cond_t *cond)
{
    pthread_condattr_t attr;

    (void)pthread_condattr_init(&attr);
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void)pthread_cond_init(cond, &attr);
    (void)pthread_condattr_destroy(&attr);
}

struct timespec
wait_until(int64_t ms)
{
    struct timespec at = {0, 0};

    (void)clock_gettime(CLOCK_MONOTONIC, &at);
    if (ms <= 0)
        return at;
    at.tv_sec += (time_t)(ms / 1000);
    at.tv_nsec += (long)(ms % 1000) * 1000000;
    if (at.tv_nsec >= NS) {
        at.tv_sec++;
        at.tv_nsec -= NS;
    }
    return at;
}
