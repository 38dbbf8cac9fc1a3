/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/store/redis/dial.h - from an endpoint to a connected wire: the name,
 * its addresses in turn, TLS; all within one deadline.
 *
 * The system's resolver cannot be told when to give up.  So a thread of its
 * own asks it, and nobody waits for that thread's end: who loses interest
 * leaves the question to it.
 */
#ifndef MORTSAFE_POLICY_STORE_REDIS_DIAL_H
#define MORTSAFE_POLICY_STORE_REDIS_DIAL_H

#include "policy/clock.h"
#include "policy/endpoint.h"
#include "policy/err.h"
#include "policy/store/redis/tls.h"
#include "policy/store/redis/wire.h"
#include "policy/store/sqlite.h" /* struct store_clock */

struct dialer;

struct dialer_needs {
    struct endpoint at;
    struct link_tls *tls; /* borrowed; NULL: plain */
    struct store_clock clock;
    int quit; /* a descriptor; readable: give up */
};

/* A dialer has at most one question out at the name server, whatever the
 * number of attempts.  Of one thread.  MS_NOMEM. */
enum ms_err dialer_create(const struct dialer_needs *needs,
                          struct dialer **out);
void dialer_destroy(struct dialer *dialer); /* NULL is fine; never waits */

/* Connect until DEADLINE.  MS_UNAVAIL, MS_TIMEOUT (both with WHY), MS_NOMEM. */
enum ms_err dialer_connect(struct dialer *dialer, struct mono deadline,
                           struct wire **out, struct why *why);

#endif
