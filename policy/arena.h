/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/arena.h - memory that is given back all at once: a snapshot of many
 * small parts needs one end, and no path through its making can leak.
 */
#ifndef MORTSAFE_POLICY_ARENA_H
#define MORTSAFE_POLICY_ARENA_H

#include <stddef.h>

#include "policy/err.h"

struct arena;

/* Make an empty arena in *OUT; arena_destroy() ends it.  MS_NOMEM. */
enum ms_err arena_create(struct arena **out);

/* Free it and all that came from it.  NULL is fine. */
void arena_destroy(struct arena *arena);

/*
 * SIZE zeroed bytes, aligned for anything, that live as long as ARENA; NULL
 * if there is no memory.  Not thread-safe.
 */
void *arena_get(struct arena *arena, size_t size);

/* N zeroed elements of SIZE bytes; NULL also if that overflows. */
void *arena_array(struct arena *arena, size_t n, size_t size);

/* A copy of LEN bytes at TEXT with a NUL behind; or NULL. */
char *arena_dup(struct arena *arena, const char *text, size_t len);

#endif
