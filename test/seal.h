/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test/seal.h - a detector's state as somebody else would write it: whoever can
 * write can compute a checksum, too.
 */
#ifndef MORTSAFE_TEST_SEAL_H
#define MORTSAFE_TEST_SEAL_H

#include <stddef.h>
#include <stdint.h>

enum { SEAL = 8 }; /* bytes, at the end of every layout */

/* Write the checksum of the LEN - SEAL bytes before it. */
static inline void
seal(uint8_t *bytes, size_t len)
{
    uint64_t sum = UINT64_C(0xcbf29ce484222325);

    for (size_t i = 0; i < len - SEAL; i += 8) {
        uint64_t word = 0;

        for (size_t k = 0; k < 8 && i + k < len - SEAL; k++)
            word |= (uint64_t)bytes[i + k] << (8 * k);
        sum = (sum ^ word) * UINT64_C(0x100000001b3);
        sum ^= sum >> 29;
    }
    for (size_t i = 0; i < SEAL; i++)
        bytes[len - SEAL + i] = (uint8_t)(sum >> (8 * i));
}

#endif
