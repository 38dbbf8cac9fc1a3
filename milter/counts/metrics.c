/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What counting costs: a callback or a request two or one atomic additions,
 * some 10 ns; a decision a hash of its rule's name, a look-up and an addition,
 * some 100 ns.  A lock is taken only by the first decision of its kind.
 */
#include <config.h>

#include "milter/counts/metrics.h"

#include <stdlib.h>
#include <string.h>

#include "milter/counts/metrics_inside.h"
#include "milter/now.h"

const struct metrics_bucket metrics_buckets[METRICS_BUCKETS] = {
    {250, "0.00025"}, {500, "0.0005"},  {1000, "0.001"},  {2500, "0.0025"},
    {5000, "0.005"},  {10000, "0.01"},  {25000, "0.025"}, {50000, "0.05"},
    {100000, "0.1"},  {250000, "0.25"}, {500000, "0.5"},  {1000000, "1"},
    {2500000, "2.5"}, {5000000, "5"},
};

enum ms_err
metrics_create(struct metrics **out)
{
    struct metrics *metrics =
        aligned_alloc(_Alignof(struct metrics), sizeof(*metrics));

    if (metrics == NULL)
        return MS_NOMEM;
    memset(metrics, 0, sizeof(*metrics));
    (void)pthread_mutex_init(&metrics->lock, NULL);
    *out = metrics;
    return MS_OK;
}

void
metrics_destroy(struct metrics *metrics)
{
    if (metrics == NULL)
        return;
    for (size_t i = 0; i < METRICS_SLOTS; i++)
        free(atomic_load(&metrics->slot[i]));
    (void)pthread_mutex_destroy(&metrics->lock);
    free(metrics);
}

const char *
metrics_stage_name(enum metrics_stage stage)
{
    static const char *const names[METRICS_STAGES] = {
        [METRICS_CONNECT] = "connect", [METRICS_HELO] = "helo",
        [METRICS_MAIL] = "mail",       [METRICS_RCPT] = "rcpt",
        [METRICS_DATA] = "data",       [METRICS_END] = "end",
    };

    return stage < METRICS_STAGES ? names[stage] : NULL;
}

static void
add(_Atomic uint64_t *count, uint64_t n)
{
    (void)atomic_fetch_add_explicit(count, n, memory_order_relaxed);
}

void
metrics_callback(struct metrics *metrics, enum metrics_stage stage,
                 int64_t took_us)
{
    struct metrics_times *times = &metrics->times[stage];
    size_t i = 0;

    if (took_us < 0)
        took_us = 0;
    while (i < METRICS_BUCKETS && took_us > metrics_buckets[i].us)
        i++;
    add(&times->bucket[i], 1);
    add(&times->sum_us, (uint64_t)took_us);
}

/* ----- decisions */

/* Copy WORD ("-" for none) as far as there is room, what is not printable as
 * `?`, so that two cells never print alike; HASH goes on (FNV-1a). */
static uint64_t
take_word(const char *word, char *out, size_t room, uint64_t hash)
{
    size_t n = 0;

    if (word == NULL || *word == '\0')
        word = "-";
    for (; *word != '\0' && n < room - 1; word++) {
        out[n] = *word >= ' ' && *word <= '~' ? *word : '?';
        hash = (hash ^ (uint8_t)out[n++]) * UINT64_C(0x100000001B3);
    }
    out[n] = '\0';
    return hash;
}

static bool
same_key(const struct metrics_key *a, const struct metrics_key *b)
{
    return a->stage == b->stage && a->action == b->action &&
           a->deed == b->deed && strcmp(a->rule, b->rule) == 0 &&
           strcmp(a->listener, b->listener) == 0;
}

/* The cell of KEY, or NULL and the slot *AT where it may come.  There are
 * always free slots. */
static struct metrics_cell *
find_cell(struct metrics *metrics, const struct metrics_key *key, uint64_t hash,
          size_t *at)
{
    struct metrics_cell *cell;

    for (*at = hash % METRICS_SLOTS;; *at = (*at + 1) % METRICS_SLOTS) {
        cell = atomic_load_explicit(&metrics->slot[*at], memory_order_acquire);
        if (cell == NULL || same_key(&cell->key, key))
            return cell;
    }
}

/* A cell of KEY; NULL: no memory, or there are too many. */
static struct metrics_cell *
add_cell(struct metrics *metrics, const struct metrics_key *key, uint64_t hash)
{
    struct metrics_cell *cell;
    size_t at;

    (void)pthread_mutex_lock(&metrics->lock);
    cell = find_cell(metrics, key, hash, &at);
    if (cell == NULL && metrics->n_cells < METRICS_CELLS) {
        cell = calloc(1, sizeof(*cell));
        if (cell != NULL) {
            cell->key = *key;
            metrics->n_cells++;
            atomic_store_explicit(&metrics->slot[at], cell,
                                  memory_order_release);
        }
    }
    (void)pthread_mutex_unlock(&metrics->lock);
    return cell;
}

void
metrics_decision(struct metrics *metrics, const char *listener,
                 enum metrics_stage stage, enum verdict_action action,
                 enum journal_deed deed, const char *rule)
{
    struct metrics_key key = {.stage = stage, .action = action, .deed = deed};
    uint64_t hash = UINT64_C(0xCBF29CE484222325) + stage * 64U +
                    (unsigned)action * 8 + (unsigned)deed;
    struct metrics_cell *cell;
    size_t at;

    hash = take_word(listener, key.listener, sizeof(key.listener), hash);
    hash = take_word(rule, key.rule, sizeof(key.rule), hash * 31);
    hash ^= hash >> 32;
    cell = find_cell(metrics, &key, hash, &at);
    if (cell == NULL)
        cell = add_cell(metrics, &key, hash);
    add(cell != NULL ? &cell->n : &metrics->other[stage][action][deed], 1);
}

void
metrics_recipients(struct metrics *metrics, enum history_outcome outcome,
                   uint32_t n)
{
    add(&metrics->recipients[outcome], n);
}

/* ----- what else happens */

void
metrics_reload(struct metrics *metrics, bool ok)
{
    int64_t now_s = now_read().wall.s;

    (void)pthread_mutex_lock(&metrics->lock);
    metrics->reloads_ok += ok;
    metrics->reloads_failed += !ok;
    metrics->reload_failed = !ok;
    metrics->reloaded_s = now_s;
    if (ok)
        metrics->succeeded_s = now_s;
    (void)pthread_mutex_unlock(&metrics->lock);
}

void
metrics_reloads(struct metrics *metrics, uint64_t *ok, uint64_t *failed,
                int64_t *last_s, bool *last_ok)
{
    (void)pthread_mutex_lock(&metrics->lock);
    *ok = metrics->reloads_ok;
    *failed = metrics->reloads_failed;
    *last_s = metrics->reloaded_s;
    *last_ok = !metrics->reload_failed;
    (void)pthread_mutex_unlock(&metrics->lock);
}

void
metrics_request(struct metrics *metrics, bool tcp, unsigned status)
{
    add(&metrics->requests[tcp][status < METRICS_CODES ? status : 0], 1);
}
