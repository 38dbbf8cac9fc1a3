/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/clock.h - two clocks, two types, so that the compiler keeps them
 * apart.  Nothing below policy/ reads a clock: the time is handed in.
 */
#ifndef MORTSAFE_POLICY_CLOCK_H
#define MORTSAFE_POLICY_CLOCK_H

#include <stdint.h>

/* For spans: CLOCK_BOOTTIME, milliseconds; it never steps back in a boot. */
struct mono {
    int64_t ms;
};

/* For people and files: seconds since 1970-01-01 00:00 UTC. */
struct wall {
    int64_t s;
};

#endif
