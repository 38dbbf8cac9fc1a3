/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/store/redis/settle.h - what follows from the replies to one step:
 * what the store did not decide is decided in this host, what was added is
 * taken back where something else refused, and the shadow is told.
 */
#ifndef MORTSAFE_POLICY_STORE_REDIS_SETTLE_H
#define MORTSAFE_POLICY_STORE_REDIS_SETTLE_H

#include "policy/store/redis/ticket.h"

/* Every call has been answered, or never will be.  Does not wait. */
void redis_settle(struct store_ticket *ticket);

/* store_refund().  Does not wait. */
void redis_settle_refund(struct redis *r, const struct receipt *receipts,
                         size_t n, struct store_time now);

#endif
