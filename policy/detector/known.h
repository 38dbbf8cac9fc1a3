/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/detector/known.h - whom a subject has written to, and how many
 * different things it has shown: both in constant space, of keyed hashes.
 */
#ifndef MORTSAFE_POLICY_DETECTOR_KNOWN_H
#define MORTSAFE_POLICY_DETECTOR_KNOWN_H

#include <stdbool.h>
#include <stdint.h>

#include "policy/detector/detector.h"

/* Has D written to the recipient whose hash is HASH?  From now on it has.  Two
 * generations of a Bloom filter, so that the old go; it errs by taking up
 * to one stranger in ten for known. */
bool known_recipient(struct detector *d, uint64_t hash);

/* Mark what HASH names in BITMAP (0: there is none). */
void known_mark(uint64_t *bitmap, uint64_t hash);

/* How many different things are marked, about: linear counting. */
double known_distinct(uint64_t bitmap);

#endif
