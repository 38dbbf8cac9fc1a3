/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test/fuzz/fuzz.h - a fuzz target is a file with this one function.  With
 * --enable-fuzzing libFuzzer calls it; else test/fuzz/main.c gives it the
 * seeds, and variations of them, as a test.
 */
#ifndef MORTSAFE_TEST_FUZZ_FUZZ_H
#define MORTSAFE_TEST_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What must hold for every input. */
#define must(condition)                                                        \
    do {                                                                       \
        if (!(condition))                                                      \
            abort();                                                           \
    } while (0)

#endif
