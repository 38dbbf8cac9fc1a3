/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/excess.h - what a limit that is exceeded comes to, as a verdict, and
 * what becomes of a verdict that does not refuse: it is tried, or holds.  The
 * engine's own.
 */
#ifndef MORTSAFE_POLICY_EXCESS_H
#define MORTSAFE_POLICY_EXCESS_H

#include <stdbool.h>
#include <stdint.h>

#include "policy/policy.h"
#include "policy/verdict.h"

/* Is mail over LIMIT held?  There is nothing to hold in a connection. */
bool excess_is_held(const struct limit *limit);

/*
 * What is said over LIMIT.  One that holds also gets a code: for when its
 * subject has had too much held already.  SUBJECT may be NULL.
 */
void excess_verdict(const struct policy *p, struct verdict *v,
                    const struct limit *limit, struct rate rate, uint64_t used,
                    uint64_t retry_s, const struct subject *subject);

/* When item I of P would fit, as ROOM_MS answers it: one that is too large for
 * a newcomer when its subject is old enough.  UINT64_MAX: never. */
uint64_t excess_retry_s(const struct policy *p, size_t i, uint64_t room_ms);

/* LIMIT could not be asked about SUBJECT, and puts mail off then. */
void excess_unknown(const struct policy *p, const struct limit *limit,
                    const struct subject *subject, struct verdict *v);

/*
 * More windows at once than a step can carry, which P's verdict says: the
 * configuration's check rules it out but for tables of rates and raised ones;
 * never let a limit go unasked.
 */
void excess_many(struct policy *p);

/* A rule on trial says V. */
void excess_try(struct policy *p, const struct verdict *v);

/* Hold for V, unless a standing has said so. */
void excess_hold(struct policy *p, const struct verdict *v);

#endif
