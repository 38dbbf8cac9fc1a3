/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/now.h - the clocks.  Only milter/ reads one; everything else is
 * handed the time.
 */
#ifndef MORTSAFE_MILTER_NOW_H
#define MORTSAFE_MILTER_NOW_H

#include <stdint.h>

#include "policy/store/store.h"

/* Both clocks: CLOCK_BOOTTIME where there is one, and CLOCK_REALTIME. */
struct store_time now_read(void);

/* For how long something took: microseconds of a clock that never steps. */
int64_t now_us(void);

#endif
