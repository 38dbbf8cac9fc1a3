/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/store/redis/delta.c - counts that wait to be added to a shared store.
 *
 * A subject's counts are one array: the frozen ones first, which go under SEQ
 * until they are known to have arrived, then the fresh ones.  Subjects with
 * something to take are in a ring, so that each has its turn.  The keys are
 * keyed hashes already: some of their bytes choose the bucket.
 */
#include <config.h>

#include "policy/store/redis/delta.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "policy/window.h"

enum { BUCKETS = 4096, ROOM = 4, ROOM_MAX = 4096 };

struct entry {
    uint8_t hash[SITEKEY_HASH];
    struct entry *chain;
    struct entry *prev, *next; /* of the ring; NULL: on its way */
    uint32_t seq;              /* of the frozen ones */
    bool tried;                /* they may have been sent under it */
    size_t n, n_frozen, room;
    struct script_delta_item *item;
};

struct deltas {
    uint8_t host[8];
    size_t memory;
    _Atomic size_t n; /* entries */
    _Atomic uint64_t lost;

    pthread_mutex_t lock; /* guards all below; a leaf */
    size_t bytes;
    uint32_t seq; /* the last one given */
    struct entry *ready;
    struct entry *bucket[BUCKETS];
};

enum ms_err
deltas_create(const uint8_t host[8], size_t memory, struct deltas **out)
{
    struct deltas *deltas = calloc(1, sizeof(*deltas));

    if (deltas == NULL)
        return MS_NOMEM;
    if (pthread_mutex_init(&deltas->lock, NULL) != 0) {
        free(deltas);
        return MS_NOMEM;
    }
    memcpy(deltas->host, host, sizeof(deltas->host));
    deltas->memory = memory;
    *out = deltas;
    return MS_OK;
}

static void
entry_free(struct entry *entry)
{
    free(entry->item);
    free(entry);
}

void
deltas_destroy(struct deltas *deltas)
{
    if (deltas == NULL)
        return;
    for (size_t i = 0; i < BUCKETS; i++) {
        while (deltas->bucket[i] != NULL) {
            struct entry *entry = deltas->bucket[i];

            deltas->bucket[i] = entry->chain;
            entry_free(entry);
        }
    }
    pthread_mutex_destroy(&deltas->lock);
    free(deltas);
}

/* ----- with the lock held */

static struct entry **
find(struct deltas *deltas, const uint8_t hash[SITEKEY_HASH])
{
    struct entry **at = &deltas->bucket[(hash[0] | hash[1] << 8) % BUCKETS];

    while (*at != NULL && memcmp((*at)->hash, hash, SITEKEY_HASH) != 0)
        at = &(*at)->chain;
    return at;
}

static size_t
bytes_of(const struct entry *entry)
{
    return sizeof(*entry) + entry->room * sizeof(entry->item[0]);
}

/* Into the ring, as the last to have its turn. */
static void
ring_add(struct deltas *deltas, struct entry *entry)
{
    struct entry *first = deltas->ready;

    if (first == NULL) {
        entry->prev = entry->next = deltas->ready = entry;
        return;
    }
    entry->next = first;
    entry->prev = first->prev;
    entry->prev->next = entry;
    first->prev = entry;
}

static void
ring_remove(struct deltas *deltas, struct entry *entry)
{
    if (entry->next == NULL)
        return;
    entry->prev->next = entry->next;
    entry->next->prev = entry->prev;
    if (deltas->ready == entry)
        deltas->ready = entry->next != entry ? entry->next : NULL;
    entry->prev = entry->next = NULL;
}

static bool
has_room(const struct deltas *deltas, size_t bytes)
{
    return bytes <= deltas->memory && deltas->bytes <= deltas->memory - bytes;
}

static struct entry *
entry_make(struct deltas *deltas, struct entry **at,
           const uint8_t hash[SITEKEY_HASH])
{
    struct entry *entry = NULL;

    if (has_room(deltas, sizeof(*entry)))
        entry = calloc(1, sizeof(*entry));
    if (entry == NULL)
        return NULL;
    memcpy(entry->hash, hash, SITEKEY_HASH);
    *at = entry;
    ring_add(deltas, entry);
    deltas->bytes += bytes_of(entry);
    deltas->n++;
    return entry;
}

static void
entry_drop(struct deltas *deltas, struct entry **at)
{
    struct entry *entry = *at;

    *at = entry->chain;
    ring_remove(deltas, entry);
    deltas->bytes -= bytes_of(entry);
    deltas->n--;
    entry_free(entry);
}

static bool
same_window(const struct script_delta_item *a,
            const struct script_delta_item *b)
{
    return a->window == b->window && a->span_s == b->span_s;
}

/* The fresh count of ITEM's slice, or NULL. */
static struct script_delta_item *
fresh_one(struct entry *entry, const struct script_delta_item *item)
{
    for (size_t i = entry->n_frozen; i < entry->n; i++)
        if (same_window(&entry->item[i], item) &&
            entry->item[i].slice == item->slice)
            return &entry->item[i];
    return NULL;
}

static void
remove_at(struct entry *entry, size_t i)
{
    entry->n--;
    memmove(&entry->item[i], &entry->item[i + 1],
            (entry->n - i) * sizeof(entry->item[0]));
}

/* What is out of view when ITEM is counted need not travel. */
static void
drop_old(struct entry *entry, const struct script_delta_item *item)
{
    for (size_t i = entry->n; i > entry->n_frozen; i--) {
        const struct script_delta_item *old = &entry->item[i - 1];

        if (same_window(old, item) && item->slice > old->slice &&
            item->slice - old->slice >= WINDOW_SLICES)
            remove_at(entry, i - 1);
    }
}

static bool
grow(struct deltas *deltas, struct entry *entry)
{
    size_t room = entry->room > 0 ? 2 * entry->room : ROOM;
    struct script_delta_item *item;

    if (room > ROOM_MAX ||
        !has_room(deltas, (room - entry->room) * sizeof(entry->item[0])))
        return false;
    item = realloc(entry->item, room * sizeof(entry->item[0]));
    if (item == NULL)
        return false;
    deltas->bytes += (room - entry->room) * sizeof(entry->item[0]);
    entry->item = item;
    entry->room = room;
    return true;
}

static bool
add(struct deltas *deltas, const uint8_t hash[SITEKEY_HASH],
    const struct script_delta_item *item)
{
    struct entry **at = find(deltas, hash);
    struct entry *entry = *at;
    struct script_delta_item *had;

    if (entry == NULL)
        entry = entry_make(deltas, at, hash);
    if (entry == NULL)
        return false;
    had = fresh_one(entry, item);
    if (had != NULL) {
        had->n = item->n > UINT32_MAX - had->n ? UINT32_MAX : had->n + item->n;
        had->limit = item->limit;
        return true;
    }
    drop_old(entry, item);
    if (entry->n == entry->room && !grow(deltas, entry)) {
        if (entry->n == 0)
            entry_drop(deltas, at);
        return false;
    }
    entry->item[entry->n++] = *item;
    return true;
}

/* Freeze what is fresh, if nothing is, and show it. */
static void
take(struct deltas *deltas, struct entry *entry, struct script_delta *out)
{
    if (entry->n_frozen == 0) {
        entry->n_frozen = entry->n < SCRIPT_DELTAS ? entry->n : SCRIPT_DELTAS;
        entry->seq = ++deltas->seq;
        entry->tried = false;
    }
    ring_remove(deltas, entry);
    memcpy(out->host, deltas->host, sizeof(out->host));
    out->seq = entry->seq;
    out->n = entry->n_frozen;
    memcpy(out->item, entry->item, out->n * sizeof(out->item[0]));
}

/* The entry that went under SEQ, or NULL. */
static struct entry **
on_its_way(struct deltas *deltas, const uint8_t hash[SITEKEY_HASH],
           uint32_t seq)
{
    struct entry **at = find(deltas, hash);
    struct entry *entry = *at;

    if (entry == NULL || entry->next != NULL || entry->n_frozen == 0 ||
        entry->seq != seq)
        return NULL;
    return at;
}

/* ----- */

void
deltas_add(struct deltas *deltas, const uint8_t hash[SITEKEY_HASH],
           const struct script_delta_item *item)
{
    pthread_mutex_lock(&deltas->lock);
    if (item->n > 0 && !add(deltas, hash, item))
        deltas->lost++;
    pthread_mutex_unlock(&deltas->lock);
}

void
deltas_take_back(struct deltas *deltas, const uint8_t hash[SITEKEY_HASH],
                 const struct script_delta_item *item)
{
    struct entry **at;
    struct script_delta_item *had = NULL;

    pthread_mutex_lock(&deltas->lock);
    at = find(deltas, hash);
    if (*at != NULL)
        had = fresh_one(*at, item);
    if (had != NULL && had->n != UINT32_MAX) {
        had->n = item->n > had->n ? 0 : had->n - item->n;
        if (had->n == 0)
            remove_at(*at, (size_t)(had - (*at)->item));
        if ((*at)->n == 0)
            entry_drop(deltas, at);
    }
    pthread_mutex_unlock(&deltas->lock);
}

bool
deltas_take(struct deltas *deltas, const uint8_t hash[SITEKEY_HASH],
            struct script_delta *out, bool *more)
{
    struct entry *entry;
    bool found;

    *more = false;
    if (deltas->n == 0)
        return false;
    pthread_mutex_lock(&deltas->lock);
    entry = *find(deltas, hash);
    found = entry != NULL && entry->next != NULL;
    if (found)
        take(deltas, entry, out);
    *more = entry != NULL && entry->n > entry->n_frozen;
    pthread_mutex_unlock(&deltas->lock);
    return found;
}

bool
deltas_next(struct deltas *deltas, uint8_t hash[SITEKEY_HASH],
            struct script_delta *out)
{
    struct entry *entry;

    pthread_mutex_lock(&deltas->lock);
    entry = deltas->ready;
    if (entry != NULL) {
        memcpy(hash, entry->hash, SITEKEY_HASH);
        take(deltas, entry, out);
    }
    pthread_mutex_unlock(&deltas->lock);
    return entry != NULL;
}

void
deltas_arrived(struct deltas *deltas, const uint8_t hash[SITEKEY_HASH],
               uint32_t seq)
{
    struct entry **at;

    pthread_mutex_lock(&deltas->lock);
    at = on_its_way(deltas, hash, seq);
    if (at != NULL) {
        struct entry *entry = *at;

        entry->n -= entry->n_frozen;
        memmove(entry->item, entry->item + entry->n_frozen,
                entry->n * sizeof(entry->item[0]));
        entry->n_frozen = 0;
        if (entry->n == 0)
            entry_drop(deltas, at);
        else
            ring_add(deltas, entry);
    }
    pthread_mutex_unlock(&deltas->lock);
}

/* They wait again; whether they were SENT is not forgotten. */
static void
put_back(struct deltas *deltas, const uint8_t hash[SITEKEY_HASH], uint32_t seq,
         bool sent)
{
    struct entry **at;

    pthread_mutex_lock(&deltas->lock);
    at = on_its_way(deltas, hash, seq);
    if (at != NULL) {
        (*at)->tried = (*at)->tried || sent;
        if (!(*at)->tried)
            (*at)->n_frozen = 0;
        ring_add(deltas, *at);
    }
    pthread_mutex_unlock(&deltas->lock);
}

void
deltas_unknown(struct deltas *deltas, const uint8_t hash[SITEKEY_HASH],
               uint32_t seq)
{
    put_back(deltas, hash, seq, true);
}

void
deltas_unsent(struct deltas *deltas, const uint8_t hash[SITEKEY_HASH],
              uint32_t seq)
{
    put_back(deltas, hash, seq, false);
}

void
deltas_forget(struct deltas *deltas, const uint8_t hash[SITEKEY_HASH],
              uint64_t window)
{
    struct entry **at;

    pthread_mutex_lock(&deltas->lock);
    at = find(deltas, hash);
    if (*at != NULL && window == 0) {
        entry_drop(deltas, at);
    } else if (*at != NULL) {
        struct entry *entry = *at;

        for (size_t i = entry->n; i > entry->n_frozen; i--)
            if (entry->item[i - 1].window == window)
                remove_at(entry, i - 1);
        if (entry->n == 0)
            entry_drop(deltas, at);
    }
    pthread_mutex_unlock(&deltas->lock);
}

size_t
deltas_waiting(struct deltas *deltas)
{
    return deltas->n;
}

uint64_t
deltas_lost(struct deltas *deltas)
{
    return deltas->lost;
}
