/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/store/redis/drain.h - counts that this host made while the store was
 * away go to it, those of some subjects at a time; what does not arrive waits
 * on.  Waits for replies; one thread at a time.
 */
#ifndef MORTSAFE_POLICY_STORE_REDIS_DRAIN_H
#define MORTSAFE_POLICY_STORE_REDIS_DRAIN_H

#include "policy/store/redis/core.h"

enum { REDIS_DRAIN_SOME = 20 }; /* subjects */

/* Send some; have all of them arrived? */
bool redis_drain_some(struct redis *r);

/* The same until none wait, some do not arrive, or UNTIL. */
void redis_drain_all(struct redis *r, struct mono until);

#endif
