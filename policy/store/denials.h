/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/store/denials.h - a layer above a store that remembers refusals for a
 * few seconds, so that a flood from a zombie costs the store almost nothing.
 * It may be too strict for that long, never too lax: a refusal is remembered
 * with the least number of events that was refused, and until room returns or
 * five seconds have passed, whichever is first.  What is noted always goes
 * through, unless it would be given back at once.
 *
 * A step of nothing but early looks (charge.h) is answered from memory alone,
 * too: the message asks again before anything is let in, and so costs one
 * round trip less.  Who is quarantined is remembered for them.
 *
 * Limits of scope host, trials, and what this host has decided alone are not
 * remembered: they have cost the store nothing.
 */
#ifndef MORTSAFE_POLICY_STORE_DENIALS_H
#define MORTSAFE_POLICY_STORE_DENIALS_H

#include "policy/err.h"
#include "policy/store/store.h"

enum { DENIALS_MS = 5000, DENIALS_MAX = 65536, DENIALS_KEY = 16 };

/* How subjects are known to whoever tells of changes: sitekey_hash(), say.
 * A keyed hash, so that nobody outside can choose which subjects meet. */
struct denials_keys {
    void (*make)(const void *arg, const struct subject *subject,
                 uint8_t key[DENIALS_KEY]); /* from any thread */
    const void *arg;
};

/* Put the layer above STORE (moved) in *OUT.  MS_NOMEM: STORE is still the
 * caller's. */
enum ms_err store_denials_create(struct store *store, struct denials_keys keys,
                                 struct store **out);

/* Forget all: a reload, or news may have been missed.  Thread-safe. */
void store_denials_clear(struct store *layer);

/*
 * Forget what concerns the subject of KEY, of which a shared store has told:
 * what KEYS make of it, and where that store has counted, also
 * receipt.shared.key.  Thread-safe.
 */
void store_denials_drop(struct store *layer, const uint8_t key[DENIALS_KEY]);

/* The store below. */
struct store *store_denials_below(struct store *layer);

#endif
