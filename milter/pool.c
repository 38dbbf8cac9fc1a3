/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "milter/pool.h"

#include <pthread.h>
#include <stdlib.h>

struct block {
    struct block *next;
};

struct pool {
    pthread_mutex_t lock;
    size_t size;
    struct block *idle;
    unsigned n_idle;
};

enum ms_err
pool_create(size_t size, struct pool **out)
{
    struct pool *pool = calloc(1, sizeof(*pool));

    if (pool == NULL)
        return MS_NOMEM;
    (void)pthread_mutex_init(&pool->lock, NULL);
    pool->size = size;
    *out = pool;
    return MS_OK;
}

void
pool_destroy(struct pool *pool)
{
    if (pool == NULL)
        return;
    while (pool->idle != NULL) {
        struct block *next = pool->idle->next;

        free(pool->idle);
        pool->idle = next;
    }
    (void)pthread_mutex_destroy(&pool->lock);
    free(pool);
}

void *
pool_take(struct pool *pool)
{
    struct block *block;

    (void)pthread_mutex_lock(&pool->lock);
    block = pool->idle;
    if (block != NULL) {
        pool->idle = block->next;
        pool->n_idle--;
    }
    (void)pthread_mutex_unlock(&pool->lock);
    return block != NULL ? block : malloc(pool->size);
}

void
pool_give(struct pool *pool, void *taken)
{
    struct block *block = taken;

    (void)pthread_mutex_lock(&pool->lock);
    if (pool->n_idle < POOL_IDLE) {
        block->next = pool->idle;
        pool->idle = block;
        pool->n_idle++;
        block = NULL;
    }
    (void)pthread_mutex_unlock(&pool->lock);
    free(block);
}
