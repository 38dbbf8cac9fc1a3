/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ctl/pace.h - doing something again and again until the user has had enough.
 */
#ifndef MORTSAFE_CTL_PACE_H
#define MORTSAFE_CTL_PACE_H

#include <stdbool.h>
#include <stdint.h>

#include "policy/clock.h"

/* From now on SIGINT and SIGTERM do not end the process, but these say so. */
void pace_start(void);

/* They end it again: where nobody looks whether one has come. */
void pace_end(void);

/* Has one come? */
bool pace_ended(void);

/* Wait MS milliseconds.  False: one has come. */
bool pace_wait(int64_t ms);

struct mono pace_now(void);

#endif
