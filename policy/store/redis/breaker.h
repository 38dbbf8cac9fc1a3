/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/store/redis/breaker.h - whether one server is asked at all: open at
 * the first missed deadline or failure, closed again by probes that wrote. Pure
 * arithmetic on times that are handed in; its owner locks.
 */
#ifndef MORTSAFE_POLICY_STORE_REDIS_BREAKER_H
#define MORTSAFE_POLICY_STORE_REDIS_BREAKER_H

#include <stdbool.h>
#include <stdint.h>

#include "policy/clock.h"

enum {
    BREAKER_PROBE_MS = 500,  /* between probes, with up to a fifth more */
    BREAKER_SLOW_US = 50000, /* a mean of BREAKER_REPLIES over it opens */
    BREAKER_REPLIES = 20,
    BREAKER_FLAP_MS = 10000, /* opened again so soon: one probe more */
    BREAKER_PROBES_MAX = 3   /* good ones in a row that close it */
};

struct breaker {
    bool open;
    struct mono since;    /* it is open, or closed */
    struct mono probe_at; /* while open */
    unsigned good;        /* probes in a row */
    unsigned needed;
    uint32_t random; /* for jitter */
};

/* Open, as nothing has been heard yet, with a probe due at once. */
void breaker_init(struct breaker *b, uint32_t seed, struct mono now);

/* A request failed, or a connection.  What good probes there were do not count
 * any more; the next is due at once.  True: that has opened it. */
bool breaker_fail(struct breaker *b, struct mono now);

/* The mean latency of the last replies.  True: that has opened it. */
bool breaker_latency(struct breaker *b, uint32_t mean_us, struct mono now);

/* A probe is due at AT, if not before: there is a connection again. */
void breaker_hurry(struct breaker *b, struct mono at);

/* Is a probe due?  Then the next one is set. */
bool breaker_probe_due(struct breaker *b, struct mono now);

/* What came of a probe that took TOOK_MS (one that is slow is not good).
 * After a good one the next, if it is needed, follows in half the time.
 * True: that has closed it. */
bool breaker_probed(struct breaker *b, bool good, int64_t took_ms,
                    struct mono now);

#endif
