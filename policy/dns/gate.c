/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "policy/dns/gate.h"

bool
gate_enter(struct gate *gate)
{
    unsigned n = atomic_load_explicit(&gate->waiting, memory_order_relaxed);

    do {
        if (n >= GATE_WAITING)
            return false;
    } while (!atomic_compare_exchange_weak(&gate->waiting, &n, n + 1));
    return true;
}

void
gate_leave(struct gate *gate)
{
    (void)atomic_fetch_sub(&gate->waiting, 1);
}
