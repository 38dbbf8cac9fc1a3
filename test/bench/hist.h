/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test/bench/hist.h - how long things took: a histogram in constant space,
 * 32 steps to each power of two, so a quantile is at most 3 % too high.
 */
#ifndef MORTSAFE_TEST_BENCH_HIST_H
#define MORTSAFE_TEST_BENCH_HIST_H

#include <stdint.h>

enum { HIST_STEPS = 32, HIST_BUCKETS = HIST_STEPS * 44 };

/* By value; all zero is empty. */
struct hist {
    uint64_t n;
    uint64_t max_ns;
    uint32_t bucket[HIST_BUCKETS]; /* the last takes all above 2^47 ns */
};

void hist_add(struct hist *h, uint64_t took_ns);

/* The least time that PERMILLE (0 to 1000) of all took at most, in ns,
 * rounded up to its step; 0 if H is empty. */
uint64_t hist_quantile(const struct hist *h, unsigned permille);

#endif
