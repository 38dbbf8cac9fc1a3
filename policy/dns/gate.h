/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/dns/gate.h - who may wait for the DNS: only so many at one time, for a
 * callback that waits holds up others.
 */
#ifndef MORTSAFE_POLICY_DNS_GATE_H
#define MORTSAFE_POLICY_DNS_GATE_H

#include <stdatomic.h>
#include <stdbool.h>

enum {
    GATE_WAITING = 8,  /* callbacks at one time */
    GATE_WAIT_MS = 100 /* each at most */
};

/* All zero is an open gate. */
struct gate {
    atomic_uint waiting;
};

/* May one more wait?  True: gate_leave() must follow.  Thread-safe, never
 * waits. */
bool gate_enter(struct gate *gate);
void gate_leave(struct gate *gate);

#endif
