/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test/sim/rng.h - random numbers that are the same on every machine, and the
 * few distributions that mail is drawn from.
 */
#ifndef MORTSAFE_TEST_SIM_RNG_H
#define MORTSAFE_TEST_SIM_RNG_H

#include <stdbool.h>
#include <stdint.h>

/* Begin with any seed; one with another seed is another sequence. */
struct rng {
    uint64_t seed;
};

/* A number scrambled: as good as a keyed hash where nobody attacks. */
uint64_t rng_mix(uint64_t n);

uint64_t rng_below(struct rng *rng, uint64_t limit); /* 0 to LIMIT - 1 */
double rng_real(struct rng *rng);                    /* 0 to below 1 */
bool rng_chance(struct rng *rng, double p);
double rng_exponential(struct rng *rng, double mean);
double rng_normal(struct rng *rng, double mean, double deviation);
/* Of mean 1; the smaller SHAPE, the more uneven. */
double rng_gamma(struct rng *rng, double shape);
unsigned rng_poisson(struct rng *rng, double mean);
/* 0 to 1, seldom at the ends: beta(2, 2). */
double rng_midst(struct rng *rng);

#endif
