/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test/sim/rng.c - a counter, scrambled.
 */
#include <config.h>

#include "test/sim/rng.h"

#include <math.h>

uint64_t
rng_mix(uint64_t n)
{
    uint64_t h = n * UINT64_C(0x9E3779B97F4A7C15) + UINT64_C(0x7F4A7C15);

    h ^= h >> 29;
    h *= UINT64_C(0xBF58476D1CE4E5B9);
    return h ^ (h >> 32);
}

static uint64_t
next(struct rng *rng)
{
    uint64_t h;

    rng->seed += UINT64_C(0x9E3779B97F4A7C15);
    h = rng->seed;
    h = (h ^ (h >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    h = (h ^ (h >> 27)) * UINT64_C(0x94D049BB133111EB);
    return h ^ (h >> 31);
}

double
rng_real(struct rng *rng)
{
    return (double)(next(rng) >> 11) * 0x1p-53;
}

uint64_t
rng_below(struct rng *rng, uint64_t limit)
{
    return (uint64_t)(rng_real(rng) * (double)limit);
}

bool
rng_chance(struct rng *rng, double p)
{
    return rng_real(rng) < p;
}

double
rng_exponential(struct rng *rng, double mean)
{
    return -mean * log(1 - rng_real(rng));
}

double
rng_normal(struct rng *rng, double mean, double deviation)
{
    double radius = sqrt(rng_exponential(rng, 2));

    return mean + deviation * radius * cos(2 * acos(-1) * rng_real(rng));
}

/* Marsaglia and Tsang's method; below shape 1 by a power of a uniform. */
static double
gamma_of(struct rng *rng, double shape)
{
    double d = shape - 1.0 / 3, c = 1 / sqrt(9 * d);

    if (shape < 1) {
        double power = pow(rng_real(rng), 1 / shape);

        return power * gamma_of(rng, shape + 1);
    }
    for (;;) {
        double x = rng_normal(rng, 0, 1), v = 1 + c * x;

        v = v * v * v;
        if (v > 0 &&
            log(1 - rng_real(rng)) < x * x / 2 + d - d * v + d * log(v))
            return d * v;
    }
}

double
rng_gamma(struct rng *rng, double shape)
{
    return gamma_of(rng, shape) / shape;
}

unsigned
rng_poisson(struct rng *rng, double mean)
{
    double least = exp(-mean), product = rng_real(rng);
    unsigned n = 0;

    if (mean > 50)
        return (unsigned)fmax(0, rng_normal(rng, mean, sqrt(mean)) + 0.5);
    for (; product > least; n++)
        product *= rng_real(rng);
    return n;
}

double
rng_midst(struct rng *rng)
{
    double a = rng_real(rng), b = rng_real(rng), c = rng_real(rng);

    return fmax(fmin(a, b), fmin(fmax(a, b), c));
}
