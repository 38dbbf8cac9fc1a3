/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "milter/now.h"

#include "milter/compat.h"

struct store_time
now_read(void)
{
    struct store_time now;
    struct timespec ts = {0, 0};

    (void)clock_gettime(CLOCK_BOOTTIME, &ts);
    now.mono.ms = (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
    (void)clock_gettime(CLOCK_REALTIME, &ts);
    now.wall.s = (int64_t)ts.tv_sec;
    return now;
}

int64_t
now_us(void)
{
    struct timespec ts = {0, 0};

    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}
