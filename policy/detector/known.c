/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/detector/known.c - a Bloom filter in two generations and bitmaps of 64
 * bits.  The hashes handed in are uniform, so parts of them serve as they are.
 */
#include <config.h>

#include "policy/detector/known.h"

#include <math.h>
#include <string.h>

enum {
    PROBES = 4,      /* bits a recipient */
    PROBE_BITS = 11, /* of a hash, for one of 2,048 places */
    GENERATION = 350 /* recipients, then the next begins */
};

static bool
is_in(const uint8_t *filter, uint64_t hash)
{
    for (unsigned i = 0; i < PROBES; i++, hash >>= PROBE_BITS) {
        unsigned bit = hash % (8 * DETECTOR_BLOOM);

        if ((filter[bit / 8] & 1U << bit % 8) == 0)
            return false;
    }
    return true;
}

static void
put_in(uint8_t *filter, uint64_t hash)
{
    for (unsigned i = 0; i < PROBES; i++, hash >>= PROBE_BITS) {
        unsigned bit = hash % (8 * DETECTOR_BLOOM);

        filter[bit / 8] |= (uint8_t)(1U << bit % 8);
    }
}

bool
known_recipient(struct detector *d, uint64_t hash)
{
    bool known;

    if (is_in(d->known[0], hash))
        return true;
    known = is_in(d->known[1], hash);
    put_in(d->known[0], hash);
    if (++d->n_known >= GENERATION) {
        memcpy(d->known[1], d->known[0], DETECTOR_BLOOM);
        memset(d->known[0], 0, DETECTOR_BLOOM);
        d->n_known = 0;
    }
    return known;
}

void
known_mark(uint64_t *bitmap, uint64_t hash)
{
    if (hash != 0)
        *bitmap |= UINT64_C(1) << (hash & 63);
}

double
known_distinct(uint64_t bitmap)
{
    int empty = 64;

    for (; bitmap != 0; bitmap &= bitmap - 1)
        empty--;
    return 64 * log(64 / (empty > 0 ? empty : 0.5));
}
