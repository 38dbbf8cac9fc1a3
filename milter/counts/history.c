/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two rings of slots.  Each slot knows which minute or hour it is about, so
 * that no step of the clock can show one in the place of another: a slot of
 * another time counts as zero, and is emptied when its turn comes.
 *
 * A note costs two look-ups and two atomic additions, some 20 ns; the lock is
 * taken only by the first note of a minute or hour, and by those who look.
 */
#include <config.h>

#include "milter/counts/history.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "milter/counts/pack.h"

enum { MINUTE_S = 60, HOUR_S = 3600, RANGES = HISTORY_MONTH + 1 };

/* Of the saved form; the last letter is its version. */
static const char form[] = "mshist\n\1";

static const int64_t no_time = -1; /* a slot's, before its first count */
static const int64_t last_s = INT64_C(253402300799); /* of the year 9999 */

struct slot {
    _Atomic int64_t at; /* minutes or hours since 1970 */
    _Atomic uint32_t count[HISTORY_OUTCOMES];
};

struct history {
    pthread_mutex_t lock; /* to give a slot another time */
    struct slot minute[HISTORY_MINUTES];
    struct slot hour[HISTORY_HOURS];
};

struct ring {
    struct slot *slot;
    size_t n;
    uint32_t step_s;
};

static struct ring
ring_of(struct history *history, enum history_range range)
{
    switch (range) {
    case HISTORY_DAY:
        break;
    case HISTORY_MONTH:
        return (struct ring){history->hour, HISTORY_HOURS, HOUR_S};
    }
    return (struct ring){history->minute, HISTORY_MINUTES, MINUTE_S};
}

static void
clear(struct history *history)
{
    for (unsigned range = 0; range < RANGES; range++) {
        struct ring ring = ring_of(history, (enum history_range)range);

        for (size_t i = 0; i < ring.n; i++)
            atomic_store_explicit(&ring.slot[i].at, no_time,
                                  memory_order_relaxed);
    }
}

enum ms_err
history_create(struct history **out)
{
    struct history *history = calloc(1, sizeof(*history));

    if (history == NULL)
        return MS_NOMEM;
    (void)pthread_mutex_init(&history->lock, NULL);
    clear(history);
    *out = history;
    return MS_OK;
}

void
history_destroy(struct history *history)
{
    if (history == NULL)
        return;
    (void)pthread_mutex_destroy(&history->lock);
    free(history);
}

const char *
history_outcome_name(enum history_outcome outcome)
{
    static const char *const names[HISTORY_OUTCOMES] = {
        [HISTORY_ACCEPTED] = "accepted", [HISTORY_DEFERRED] = "deferred",
        [HISTORY_REJECTED] = "rejected", [HISTORY_HELD] = "held",
        [HISTORY_WOULD] = "would",
    };

    return outcome < HISTORY_OUTCOMES ? names[outcome] : NULL;
}

/* ----- slots */

/* The step of RING that NOW is in; a clock out of its mind is at an end. */
static int64_t
step_of(const struct ring *ring, struct wall now)
{
    int64_t s = now.s < 0 ? 0 : now.s > last_s ? last_s : now.s;

    return s / ring->step_s;
}

static struct slot *
slot_of(const struct ring *ring, int64_t at)
{
    return &ring->slot[(uint64_t)at % ring->n];
}

static void
empty_locked(struct slot *slot, int64_t at)
{
    for (unsigned i = 0; i < HISTORY_OUTCOMES; i++)
        atomic_store_explicit(&slot->count[i], 0, memory_order_relaxed);
    atomic_store_explicit(&slot->at, at, memory_order_release);
}

static void
add(_Atomic uint32_t *count, uint32_t n)
{
    uint32_t old = atomic_load_explicit(count, memory_order_relaxed), sum;

    do {
        sum = old > UINT32_MAX - n ? UINT32_MAX : old + n;
    } while (!atomic_compare_exchange_weak_explicit(
        count, &old, sum, memory_order_relaxed, memory_order_relaxed));
}

static void
note(struct history *history, enum history_range range,
     enum history_outcome outcome, uint32_t n, struct wall now)
{
    struct ring ring = ring_of(history, range);
    int64_t at = step_of(&ring, now);
    struct slot *slot = slot_of(&ring, at);

    if (atomic_load_explicit(&slot->at, memory_order_acquire) != at) {
        (void)pthread_mutex_lock(&history->lock);
        if (atomic_load_explicit(&slot->at, memory_order_relaxed) != at)
            empty_locked(slot, at);
        (void)pthread_mutex_unlock(&history->lock);
    }
    add(&slot->count[outcome], n);
}

void
history_note(struct history *history, enum history_outcome outcome,
             uint32_t recipients, struct wall now)
{
    if (outcome >= HISTORY_OUTCOMES || recipients == 0)
        return;
    note(history, HISTORY_DAY, outcome, recipients, now);
    note(history, HISTORY_MONTH, outcome, recipients, now);
}

void
history_view(struct history *history, enum history_range range, struct wall now,
             struct history_view *out)
{
    struct ring ring = ring_of(history, range);
    int64_t first = step_of(&ring, now) - (int64_t)ring.n + 1;

    memset(out, 0, sizeof(*out));
    out->start.s = first * ring.step_s;
    out->step_s = ring.step_s;
    out->n = ring.n;
    (void)pthread_mutex_lock(&history->lock);
    for (size_t i = 0; i < ring.n; i++) {
        int64_t at = first + (int64_t)i;
        struct slot *slot = slot_of(&ring, at);

        if (at < 0 ||
            atomic_load_explicit(&slot->at, memory_order_acquire) != at)
            continue;
        for (unsigned j = 0; j < HISTORY_OUTCOMES; j++)
            out->count[j][i] =
                atomic_load_explicit(&slot->count[j], memory_order_relaxed);
    }
    (void)pthread_mutex_unlock(&history->lock);
}

/* ----- the saved form: of each ring how many slots, then these */

static void
save_ring_locked(const struct ring *ring, struct pack *pack)
{
    uint32_t used = 0;

    for (size_t i = 0; i < ring->n; i++)
        used += atomic_load(&ring->slot[i].at) != no_time;
    pack_number(pack, used, 4);
    for (size_t i = 0; i < ring->n; i++) {
        struct slot *slot = &ring->slot[i];

        if (atomic_load(&slot->at) == no_time)
            continue;
        pack_number(pack, (uint64_t)atomic_load(&slot->at), 8);
        for (unsigned j = 0; j < HISTORY_OUTCOMES; j++)
            pack_number(pack, atomic_load(&slot->count[j]), 4);
    }
}

enum ms_err
history_save(struct history *history, void **bytes, size_t *len)
{
    struct pack pack;

    pack_begin(&pack, form);
    (void)pthread_mutex_lock(&history->lock);
    for (unsigned range = 0; range < RANGES; range++) {
        struct ring ring = ring_of(history, (enum history_range)range);

        save_ring_locked(&ring, &pack);
    }
    (void)pthread_mutex_unlock(&history->lock);
    return pack_end(&pack, bytes, len);
}

/* Read a ring into SLOT, where all are empty; false: it is none. */
static bool
load_ring(const struct ring *ring, struct pack_reader *reader)
{
    uint64_t used = pack_read(reader, 4);

    if (used > ring->n)
        return false;
    for (uint64_t i = 0; i < used; i++) {
        uint64_t at = pack_read(reader, 8);
        struct slot *slot;

        if (reader->failed || at > (uint64_t)last_s / ring->step_s)
            return false;
        slot = slot_of(ring, (int64_t)at);
        if (atomic_load(&slot->at) != no_time)
            return false;
        atomic_store(&slot->at, (int64_t)at);
        for (unsigned j = 0; j < HISTORY_OUTCOMES; j++)
            atomic_store(&slot->count[j], (uint32_t)pack_read(reader, 4));
    }
    return !reader->failed;
}

/* What LOADED has is all there is from now on. */
static void
take(struct history *history, struct history *loaded)
{
    (void)pthread_mutex_lock(&history->lock);
    for (unsigned range = 0; range < RANGES; range++) {
        struct ring to = ring_of(history, (enum history_range)range);
        struct ring from = ring_of(loaded, (enum history_range)range);

        for (size_t i = 0; i < to.n; i++) {
            empty_locked(&to.slot[i], atomic_load(&from.slot[i].at));
            for (unsigned j = 0; j < HISTORY_OUTCOMES; j++)
                atomic_store(&to.slot[i].count[j],
                             atomic_load(&from.slot[i].count[j]));
        }
    }
    (void)pthread_mutex_unlock(&history->lock);
}

enum ms_err
history_load(struct history *history, const void *bytes, size_t len)
{
    struct history *loaded = NULL;
    struct pack_reader reader;
    enum ms_err err = pack_open(&reader, form, bytes, len);

    if (err != MS_OK)
        return err;
    err = history_create(&loaded);
    for (unsigned range = 0; err == MS_OK && range < RANGES; range++) {
        struct ring ring = ring_of(loaded, (enum history_range)range);

        if (!load_ring(&ring, &reader))
            err = MS_INVALID;
    }
    if (err == MS_OK && !pack_is_done(&reader))
        err = MS_INVALID;
    if (err == MS_OK)
        take(history, loaded);
    history_destroy(loaded);
    return err;
}
