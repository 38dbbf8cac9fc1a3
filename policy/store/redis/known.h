/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/store/redis/known.h - who does not stand normal, as this host knows,
 * by the name in the shared store: it outlives what that store loses, and is
 * written back to it.  Thread-safe; times are handed in.
 */
#ifndef MORTSAFE_POLICY_STORE_REDIS_KNOWN_H
#define MORTSAFE_POLICY_STORE_REDIS_KNOWN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/charge.h"
#include "policy/clock.h"
#include "policy/err.h"
#include "policy/store/sitekey.h"

enum {
    KNOWN_DOUBT_MS = 1000 /* for the news that somebody was let off to come */
};

struct known;

enum ms_err known_create(struct known **out); /* MS_NOMEM */
void known_destroy(struct known *known);      /* NULL is fine */

/*
 * SUBJECT stands so, in the record of EPOCH (0: not known); whoever is normal
 * is forgotten.  Without memory one is not remembered here.
 */
void known_set(struct known *known, const uint8_t hash[SITEKEY_HASH],
               const struct subject *subject, enum standing standing,
               uint64_t epoch);

/* Is the subject known not to stand normal?  SUBJECT may be NULL. */
bool known_get(struct known *known, const uint8_t hash[SITEKEY_HASH],
               enum standing *standing, uint64_t *epoch,
               struct subject *subject);

/* The store says that the subject is normal, and nobody has said why: it is to
 * be looked at from AT on.  A doubt that is older holds. */
void known_doubt(struct known *known, const uint8_t hash[SITEKEY_HASH],
                 struct mono at);

/* One whose doubt is due at NOW; the doubt ends. */
bool known_due(struct known *known, struct mono now,
               uint8_t hash[SITEKEY_HASH]);

size_t known_count(struct known *known);

/* All of them: *N names in *OUT, which the caller frees.  MS_NOMEM. */
enum ms_err known_list(struct known *known, uint8_t (**out)[SITEKEY_HASH],
                       size_t *n);

#endif
