/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/wait.h - conditions that are waited for by a clock that never steps.
 */
#ifndef MORTSAFE_MILTER_WAIT_H
#define MORTSAFE_MILTER_WAIT_H

#include <pthread.h>
#include <stdint.h>
#include <time.h>

/* Make COND; pthread_cond_destroy() ends it. */
void wait_init(pthread_cond_t *cond);

/* MS (0: at once) from now on, for pthread_cond_timedwait(). */
struct timespec wait_until(int64_t ms);

#endif
