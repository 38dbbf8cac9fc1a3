/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test/scarce.h - memory that runs out on demand: one allocation fails, the
 * n-th.  Functions here stand before malloc(), calloc(), realloc(),
 * reallocarray(), aligned_alloc() and strdup() as this program and the
 * project's own libraries call them; what a shared library allocates for itself
 * is not counted.  The linker must be told: a program has $(SCARCE_SOURCES) and
 * $(SCARCE_LINK), see local.mk.
 *
 * Any thread may call these at any time.
 */
#ifndef MORTSAFE_TEST_SCARCE_H
#define MORTSAFE_TEST_SCARCE_H

#include <stdbool.h>

/*
 * Let the N-th allocation from now on fail (1: the next one), whichever thread
 * asks for it, and none after it; 0: none at all.
 */
void scarce_set(unsigned long n);

/*
 * The same, where only the calling thread's allocations count.  Of the two, a
 * thread's last call holds.
 */
void scarce_set_here(unsigned long n);

/* Allocations until one fails, that one included; 0: it did, or none will. */
unsigned long scarce_left(void);

/*
 * Count an allocation that the linker cannot see, by a function handed to
 * SQLite, say.  Returns whether it is the one that is to fail.
 */
bool scarce_fails(void);

#endif
