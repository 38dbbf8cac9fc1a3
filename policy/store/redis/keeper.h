/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/store/redis/keeper.h - the thread that a shared store has: it sends
 * heartbeats, and counts that wait to be added; it follows news of standings,
 * and writes back those that the store has lost.
 */
#ifndef MORTSAFE_POLICY_STORE_REDIS_KEEPER_H
#define MORTSAFE_POLICY_STORE_REDIS_KEEPER_H

#include <stdbool.h>
#include <stddef.h>

#include "policy/store/redis/core.h"

struct redis_keeper;

/* Make it for R, which may still be in the making.  MS_NOMEM. */
enum ms_err redis_keeper_create(struct redis *r, struct redis_keeper **out);

/* Start the thread, now that R is whole (MS_NOMEM), and end it; what is told
 * below may come before and after. */
enum ms_err redis_keeper_start(struct redis_keeper *keeper);
void redis_keeper_stop(struct redis_keeper *keeper);

void redis_keeper_destroy(struct redis_keeper *keeper); /* NULL is fine */

/* The store may be asked again, or anew: of all that this host knows. */
void redis_keeper_returned(struct redis_keeper *keeper);

/* Something was told on the channel; or some may have been missed. */
void redis_keeper_news(struct redis_keeper *keeper, const char *text,
                       size_t len);
void redis_keeper_missed(struct redis_keeper *keeper);

/* Do all that there is to do, and wait until it is done; was our heartbeat
 * taken? */
bool redis_keeper_beat(struct redis_keeper *keeper);

#endif
