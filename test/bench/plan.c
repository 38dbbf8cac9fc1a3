/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "test/bench/plan.h"

struct plan
plan_default(void)
{
    struct plan plan = {
        .connections = 32,
        .messages = 1,
        .recipients = 1,
        .clients = 1000,
        .first_addr = 0x0a000001U, /* 10.0.0.1 */
        .port = 25,
        .daemon_name = "MTA",
        .from_domain = "example.org",
        .to_domain = "example.com",
        .body = 1000,
        .random = 0x9e3779b97f4a7c15U,
    };

    return plan;
}

bool
plan_take(struct plan *plan)
{
    if (plan->over || (plan->total > 0 && plan->taken >= plan->total))
        return false;
    plan->taken++;
    return true;
}

/* xorshift64* (Marsaglia; Vigna): good enough to choose names. */
static uint32_t
below(struct plan *plan, uint32_t n)
{
    plan->random ^= plan->random >> 12;
    plan->random ^= plan->random << 25;
    plan->random ^= plan->random >> 27;
    return (uint32_t)(((plan->random * 0x2545f4914f6cdd1dU >> 32) * n) >> 32);
}

/* One of N, those first in the row LOUD_SUBJECTS in a hundred being the loud
 * ones; or the one whose turn it is. */
static uint32_t
one_of(struct plan *plan, uint32_t n, uint32_t *turn)
{
    uint32_t loud = (uint32_t)((uint64_t)n * plan->loud_subjects / 100);
    uint32_t next;

    if (plan->in_turn) {
        next = *turn;
        *turn = next + 1 < n ? next + 1 : 0;
        return next;
    }
    if (loud > 0 && below(plan, 100) < plan->loud_messages)
        return below(plan, loud);
    return below(plan, n);
}

uint32_t
plan_next_client(struct plan *plan)
{
    return plan->first_addr + one_of(plan, plan->clients, &plan->turn_client);
}

uint32_t
plan_next_user(struct plan *plan)
{
    if (plan->users == 0)
        return PLAN_NOBODY;
    return one_of(plan, plan->users, &plan->turn_user);
}

uint32_t
plan_next_sender(struct plan *plan)
{
    if (plan->senders == 0)
        return PLAN_NOBODY;
    return one_of(plan, plan->senders, &plan->turn_sender);
}
