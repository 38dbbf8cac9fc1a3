/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/store/redis/call.h - a call on its way, as the watch sees it; what
 * else there is to do with one is in redis/nodes.h.
 */
#ifndef MORTSAFE_POLICY_STORE_REDIS_CALL_H
#define MORTSAFE_POLICY_STORE_REDIS_CALL_H

#include "policy/clock.h"
#include "policy/store/redis/nodes.h"

/* The list that the watch keeps of those that wait. */
struct call_wait {
    struct redis_call *next;
    struct mono at;
};
struct call_wait *call_wait(struct redis_call *call);

/* Its time has come: send it again, or let it wait on. */
void call_again(struct redis_call *call);

/* It comes to nothing. */
void call_end(struct redis_call *call);

#endif
