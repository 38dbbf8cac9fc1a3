/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/store/step.h - one step of a message charged to a ledger: all its
 * items are checked, then all are added, or none (policy/charge.h).
 */
#ifndef MORTSAFE_POLICY_STORE_STEP_H
#define MORTSAFE_POLICY_STORE_STEP_H

#include <stddef.h>

#include "policy/charge.h"
#include "policy/store/ledger.h"
#include "policy/store/store.h"

/*
 * Charge N items (at most CHARGE_ITEMS) to LEDGER at NOW.  *TICKET holds the
 * answers; step_collect() or step_drop() ends it.  Thread-safe; does not
 * wait.  MS_INVALID (too many items, a span out of range); MS_NOMEM (also:
 * one subject has more windows than a record can hold); then nothing was
 * charged.
 */
enum ms_err step_submit(struct ledger *ledger, const struct charge_item *items,
                        size_t n, struct store_time now,
                        struct store_ticket **ticket);

void step_collect(struct store_ticket *ticket, struct charge_answers *out);

/* What was charged stays.  NULL is fine. */
void step_drop(struct store_ticket *ticket);

#endif
