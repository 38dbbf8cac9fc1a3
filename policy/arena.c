/* SPDX-License-Identifier: BSD-2-Clause */
/* policy/arena.c - memory that is given back all at once. */
#include <config.h>

#include "policy/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK = 16384 };

struct chunk {
    struct chunk *next;
    size_t used, size;
    alignas(max_align_t) unsigned char bytes[];
};

struct arena {
    struct chunk *first; /* the one that is being filled */
};

enum ms_err
arena_create(struct arena **out)
{
    struct arena *arena = calloc(1, sizeof *arena);

    if (arena == NULL)
        return MS_NOMEM;
    *out = arena;
    return MS_OK;
}

void
arena_destroy(struct arena *arena)
{
    struct chunk *chunk, *next;

    if (arena == NULL)
        return;
    for (chunk = arena->first; chunk != NULL; chunk = next) {
        next = chunk->next;
        free(chunk);
    }
    free(arena);
}

static struct chunk *
chunk_create(size_t size)
{
    struct chunk *chunk;

    if (size > SIZE_MAX - sizeof *chunk)
        return NULL;
    chunk = calloc(1, sizeof *chunk + size);
    if (chunk != NULL)
        chunk->size = size;
    return chunk;
}

/* A large piece gets a chunk of its own, behind the one being filled. */
static void *
large(struct arena *arena, size_t size)
{
    struct chunk *chunk = chunk_create(size);

    if (chunk == NULL)
        return NULL;
    chunk->used = size;
    if (arena->first == NULL) {
        arena->first = chunk;
    } else {
        chunk->next = arena->first->next;
        arena->first->next = chunk;
    }
    return chunk->bytes;
}

void *
arena_get(struct arena *arena, size_t size)
{
    const size_t align = alignof(max_align_t);
    struct chunk *chunk = arena->first;
    void *piece;

    if (size == 0)
        size = 1;
    if (size > SIZE_MAX - align)
        return NULL;
    size = (size + align - 1) / align * align;
    if (size > CHUNK / 4)
        return large(arena, size);
    if (chunk == NULL || chunk->size - chunk->used < size) {
        chunk = chunk_create(CHUNK);
        if (chunk == NULL)
            return NULL;
        chunk->next = arena->first;
        arena->first = chunk;
    }
    piece = chunk->bytes + chunk->used;
    chunk->used += size;
    return piece;
}

void *
arena_array(struct arena *arena, size_t n, size_t size)
{
    if (size != 0 && n > SIZE_MAX / size)
        return NULL;
    return arena_get(arena, n * size);
}

char *
arena_dup(struct arena *arena, const char *text, size_t len)
{
    char *copy;

    if (len == SIZE_MAX)
        return NULL;
    copy = arena_get(arena, len + 1);
    if (copy != NULL && len > 0)
        memcpy(copy, text, len);
    return copy;
}
