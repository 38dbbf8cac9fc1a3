/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/pool.h - blocks of one size, the one given back last taken first.
 * libmilter's threads come and go; what a callback needs on a new thread's
 * stack costs a page fault for each page, in a block that was just used none.
 */
#ifndef MORTSAFE_MILTER_POOL_H
#define MORTSAFE_MILTER_POOL_H

#include <stddef.h>

#include "policy/err.h"

enum { POOL_IDLE = 64 }; /* blocks that are kept while nobody needs them */

struct pool;

/* Make a pool of blocks of SIZE bytes (at least a pointer's) in *OUT;
 * pool_destroy() ends it when all are back.  MS_NOMEM. */
enum ms_err pool_create(size_t size, struct pool **out);
void pool_destroy(struct pool *pool);

/* A block with anything in it, or NULL.  Thread-safe, as is giving it back. */
void *pool_take(struct pool *pool);
void pool_give(struct pool *pool, void *block);

#endif
