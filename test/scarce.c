/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "test/scarce.h"

#include <stdatomic.h>
#include <stddef.h>

static atomic_ulong left;                /* of all threads; 0: none fails */
static _Thread_local unsigned long here; /* of this one, before LEFT */

/* The linker's names (--wrap): what is called, and what it stands before. */
void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *old, size_t size);
void *__real_reallocarray(void *old, size_t n, size_t size);
void *__real_aligned_alloc(size_t align, size_t size);
char *__real_strdup(const char *text);

void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *old, size_t size);
void *__wrap_reallocarray(void *old, size_t n, size_t size);
void *__wrap_aligned_alloc(size_t align, size_t size);
char *__wrap_strdup(const char *text);

void
scarce_set(unsigned long n)
{
    here = 0;
    atomic_store(&left, n);
}

void
scarce_set_here(unsigned long n)
{
    atomic_store(&left, 0);
    here = n;
}

unsigned long
scarce_left(void)
{
    return here > 0 ? here : atomic_load(&left);
}

bool
scarce_fails(void)
{
    unsigned long n = atomic_load(&left);

    if (here > 0)
        return --here == 0;
    while (n > 0 && !atomic_compare_exchange_weak(&left, &n, n - 1))
        continue; /* another thread's came first: N is what it left */
    return n == 1;
}

void *
__wrap_malloc(size_t size)
{
    return scarce_fails() ? NULL : __real_malloc(size);
}

void *
__wrap_calloc(size_t n, size_t size)
{
    return scarce_fails() ? NULL : __real_calloc(n, size);
}

void *
__wrap_realloc(void *old, size_t size)
{
    return scarce_fails() ? NULL : __real_realloc(old, size);
}

void *
__wrap_reallocarray(void *old, size_t n, size_t size)
{
    return scarce_fails() ? NULL : __real_reallocarray(old, n, size);
}

void *
__wrap_aligned_alloc(size_t align, size_t size)
{
    return scarce_fails() ? NULL : __real_aligned_alloc(align, size);
}

char *
__wrap_strdup(const char *text)
{
    return scarce_fails() ? NULL : __real_strdup(text);
}
