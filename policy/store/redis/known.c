/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/store/redis/known.c - who does not stand normal.  The names are keyed
 * hashes already: some of their bytes choose the bucket.
 */
#include <config.h>

#include "policy/store/redis/known.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { BUCKETS = 4096 };

#define NO_DOUBT INT64_MAX

struct entry {
    uint8_t hash[SITEKEY_HASH];
    struct entry *chain;
    uint64_t epoch;
    int64_t doubt_ms; /* to be looked at from then on */
    enum standing standing;
    enum subject_kind kind;
    uint16_t len;
    uint8_t bytes[]; /* of the subject */
};

struct known {
    _Atomic size_t n, doubts;
    pthread_mutex_t lock; /* guards the buckets; a leaf */
    struct entry *bucket[BUCKETS];
};

enum ms_err
known_create(struct known **out)
{
    struct known *known = calloc(1, sizeof(*known));

    if (known == NULL)
        return MS_NOMEM;
    if (pthread_mutex_init(&known->lock, NULL) != 0) {
        free(known);
        return MS_NOMEM;
    }
    *out = known;
    return MS_OK;
}

void
known_destroy(struct known *known)
{
    if (known == NULL)
        return;
    for (size_t i = 0; i < BUCKETS; i++) {
        while (known->bucket[i] != NULL) {
            struct entry *entry = known->bucket[i];

            known->bucket[i] = entry->chain;
            free(entry);
        }
    }
    pthread_mutex_destroy(&known->lock);
    free(known);
}

/* ----- with the lock held */

static struct entry **
find(struct known *known, const uint8_t hash[SITEKEY_HASH])
{
    struct entry **at = &known->bucket[(hash[0] | hash[1] << 8) % BUCKETS];

    while (*at != NULL && memcmp((*at)->hash, hash, SITEKEY_HASH) != 0)
        at = &(*at)->chain;
    return at;
}

static void
trust(struct known *known, struct entry *entry)
{
    if (entry->doubt_ms != NO_DOUBT)
        known->doubts--;
    entry->doubt_ms = NO_DOUBT;
}

static void
drop(struct known *known, struct entry **at)
{
    struct entry *entry = *at;

    if (entry == NULL)
        return;
    trust(known, entry);
    *at = entry->chain;
    known->n--;
    free(entry);
}

static void
insert(struct known *known, struct entry **at, const uint8_t hash[SITEKEY_HASH],
       const struct subject *subject)
{
    struct entry *entry = malloc(sizeof(*entry) + subject->len);

    if (entry == NULL)
        return;
    memcpy(entry->hash, hash, SITEKEY_HASH);
    entry->chain = NULL;
    entry->doubt_ms = NO_DOUBT;
    entry->kind = subject->kind;
    entry->len = subject->len;
    memcpy(entry->bytes, subject->bytes, subject->len);
    *at = entry;
    known->n++;
}

/* ----- */

void
known_set(struct known *known, const uint8_t hash[SITEKEY_HASH],
          const struct subject *subject, enum standing standing, uint64_t epoch)
{
    struct entry **at;

    if (standing == STANDING_NORMAL && known->n == 0)
        return;
    pthread_mutex_lock(&known->lock);
    at = find(known, hash);
    if (standing == STANDING_NORMAL)
        drop(known, at);
    else if (*at == NULL)
        insert(known, at, hash, subject);
    if (standing != STANDING_NORMAL && *at != NULL) {
        trust(known, *at);
        (*at)->standing = standing;
        (*at)->epoch = epoch;
    }
    pthread_mutex_unlock(&known->lock);
}

bool
known_get(struct known *known, const uint8_t hash[SITEKEY_HASH],
          enum standing *standing, uint64_t *epoch, struct subject *subject)
{
    const struct entry *entry;

    pthread_mutex_lock(&known->lock);
    entry = *find(known, hash);
    if (entry != NULL) {
        *standing = entry->standing;
        *epoch = entry->epoch;
    }
    if (entry != NULL && subject != NULL) {
        subject->kind = entry->kind;
        subject->len = entry->len;
        memcpy(subject->bytes, entry->bytes, entry->len);
    }
    pthread_mutex_unlock(&known->lock);
    return entry != NULL;
}

void
known_doubt(struct known *known, const uint8_t hash[SITEKEY_HASH],
            struct mono at)
{
    struct entry *entry;

    pthread_mutex_lock(&known->lock);
    entry = *find(known, hash);
    if (entry != NULL && entry->doubt_ms == NO_DOUBT) {
        entry->doubt_ms = at.ms;
        known->doubts++;
    }
    pthread_mutex_unlock(&known->lock);
}

bool
known_due(struct known *known, struct mono now, uint8_t hash[SITEKEY_HASH])
{
    struct entry *entry = NULL;

    if (known->doubts == 0)
        return false;
    pthread_mutex_lock(&known->lock);
    for (size_t i = 0; i < BUCKETS && entry == NULL; i++)
        for (entry = known->bucket[i];
             entry != NULL && entry->doubt_ms > now.ms;)
            entry = entry->chain;
    if (entry != NULL) {
        memcpy(hash, entry->hash, SITEKEY_HASH);
        trust(known, entry);
    }
    pthread_mutex_unlock(&known->lock);
    return entry != NULL;
}

size_t
known_count(struct known *known)
{
    return known->n;
}

enum ms_err
known_list(struct known *known, uint8_t (**out)[SITEKEY_HASH], size_t *n)
{
    uint8_t(*all)[SITEKEY_HASH];
    size_t at = 0;

    pthread_mutex_lock(&known->lock);
    all = malloc((known->n + 1) * SITEKEY_HASH);
    for (size_t i = 0; i < BUCKETS && all != NULL; i++)
        for (const struct entry *entry = known->bucket[i]; entry != NULL;
             entry = entry->chain)
            memcpy(all[at++], entry->hash, SITEKEY_HASH);
    pthread_mutex_unlock(&known->lock);
    if (all == NULL)
        return MS_NOMEM;
    *out = all;
    *n = at;
    return MS_OK;
}
