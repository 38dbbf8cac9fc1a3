/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "test/bench/hist.h"

/*
 * Values under HIST_STEPS have a bucket each; above, the highest set bit
 * chooses the group and the five bits behind it the step.
 */
static unsigned
bucket_of(uint64_t ns)
{
    unsigned high;
    unsigned b;

    if (ns < HIST_STEPS)
        return (unsigned)ns;
    high = 63U - (unsigned)__builtin_clzll(ns);
    b = (high - 4) * HIST_STEPS + ((unsigned)(ns >> (high - 5)) & 31U);
    return b < HIST_BUCKETS ? b : HIST_BUCKETS - 1;
}

/* The largest value that falls into bucket B. */
static uint64_t
bucket_top(unsigned b)
{
    unsigned high;

    if (b < HIST_STEPS)
        return b;
    high = b / HIST_STEPS + 4;
    return ((uint64_t)(HIST_STEPS + b % HIST_STEPS + 1) << (high - 5)) - 1;
}

void
hist_add(struct hist *h, uint64_t took_ns)
{
    h->n++;
    if (took_ns > h->max_ns)
        h->max_ns = took_ns;
    h->bucket[bucket_of(took_ns)]++;
}

uint64_t
hist_quantile(const struct hist *h, unsigned permille)
{
    uint64_t want = (h->n * permille + 999) / 1000;
    uint64_t seen = 0;
    unsigned b;

    if (h->n == 0)
        return 0;
    for (b = 0; b < HIST_BUCKETS; b++) {
        seen += h->bucket[b];
        if (seen >= want && seen > 0)
            break;
    }
    return b < HIST_BUCKETS && bucket_top(b) < h->max_ns ? bucket_top(b)
                                                         : h->max_ns;
}
