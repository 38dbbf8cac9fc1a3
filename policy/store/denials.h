/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/store/denials.h - a layer above a store that remembers refusals for a
 * few seconds, so that a flood from a zombie costs the store almost nothing.
 * It may be too strict for that long, never too lax: a refusal is remembered
 * with the least number of events that was refused, and until room returns or
 * five seconds have passed, whichever is first.  A step that only looks, of a
 * subject with a remembered refusal, is not asked either: whatever is counted
 * comes later in the message and asks again.  What is noted always goes
 * through.
 */
#ifndef MORTSAFE_POLICY_STORE_DENIALS_H
#define MORTSAFE_POLICY_STORE_DENIALS_H

#include "policy/err.h"
#include "policy/store/store.h"

enum { DENIALS_MS = 5000, DENIALS_MAX = 65536 };

/* Put the layer above STORE (moved) in *OUT.  MS_NOMEM: STORE is still the
 * caller's. */
enum ms_err store_denials_create(struct store *store, struct store **out);

/* Forget all: a reload, or news may have been missed.  Thread-safe. */
void store_denials_clear(struct store *layer);

/* Forget what concerns the subject of which a shared store has told, by its
 * key there (receipt.shared.key).  Thread-safe. */
void store_denials_drop(struct store *layer, const uint8_t key[16]);

/* The store below. */
struct store *store_denials_below(struct store *layer);

#endif
