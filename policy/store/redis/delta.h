/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/store/redis/delta.h - counts that this host made while the shared
 * store was away, by subject, until they are added there: exactly once.  What
 * is on its way is frozen under a sequence number and sent again under the same
 * until it is known to have arrived; newer counts wait for the next number.
 * Bounded by bytes.  Thread-safe; reads no clock.
 */
#ifndef MORTSAFE_POLICY_STORE_REDIS_DELTA_H
#define MORTSAFE_POLICY_STORE_REDIS_DELTA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/charge.h"
#include "policy/err.h"
#include "policy/store/redis/script.h"

struct deltas;

/* HOST: random, of this run of this daemon.  MEMORY: bytes at most.  MS_NOMEM.
 */
enum ms_err deltas_create(const uint8_t host[8], size_t memory,
                          struct deltas **out);
void deltas_destroy(struct deltas *deltas);

/* Add N counts of subject HASH.  Without room for it, it is not kept, and
 * deltas_lost() counts it. */
void deltas_add(struct deltas *deltas, const uint8_t hash[SITEKEY_HASH],
                const struct script_delta_item *item);

/* Take counts back that have not been frozen yet; what has is left (too
 * strict, and it ages out). */
void deltas_take_back(struct deltas *deltas, const uint8_t hash[SITEKEY_HASH],
                      const struct script_delta_item *item);

/*
 * Is there something for HASH to take along?  Then it is frozen and copied to
 * *OUT, at most SCRIPT_DELTAS counts at once.  False: nothing, or it is on its
 * way already.  *MORE: still more waits behind that, so that the store does not
 * know all that this host has let in.  Cheap when there is nothing at all.
 */
bool deltas_take(struct deltas *deltas, const uint8_t hash[SITEKEY_HASH],
                 struct script_delta *out, bool *more);

/* The same for any subject; HASH is told. */
bool deltas_next(struct deltas *deltas, uint8_t hash[SITEKEY_HASH],
                 struct script_delta *out);

/* What was taken under SEQ has arrived; or nobody knows, and it goes again
 * under the same number; or it has not even been sent, and is as if it had not
 * been taken. */
void deltas_arrived(struct deltas *deltas, const uint8_t hash[SITEKEY_HASH],
                    uint32_t seq);
void deltas_unknown(struct deltas *deltas, const uint8_t hash[SITEKEY_HASH],
                    uint32_t seq);
void deltas_unsent(struct deltas *deltas, const uint8_t hash[SITEKEY_HASH],
                   uint32_t seq);

/* WINDOW of the subject is empty now, or all of it for 0: what waits for it
 * goes.  What is on its way is not called back. */
void deltas_forget(struct deltas *deltas, const uint8_t hash[SITEKEY_HASH],
                   uint64_t window);

size_t deltas_waiting(struct deltas *deltas); /* subjects */
uint64_t deltas_lost(struct deltas *deltas);

#endif
