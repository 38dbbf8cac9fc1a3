/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/counts/metrics_inside.h - what metrics.c counts and metrics_print.c
 * prints; nobody else's.
 */
#ifndef MORTSAFE_MILTER_COUNTS_METRICS_INSIDE_H
#define MORTSAFE_MILTER_COUNTS_METRICS_INSIDE_H

#include <pthread.h>
#include <stdatomic.h>

#include "milter/counts/metrics.h"

enum {
    METRICS_BUCKETS = 14, /* of a histogram, but for the one without end */
    METRICS_CELLS = 2000, /* different decisions; more count as "other" */
    METRICS_SLOTS = 4096, /* where they may be found: a power of two */
    METRICS_LISTENER = 64,
    METRICS_CODES = 600, /* of HTTP */
    METRICS_ACTIONS = VERDICT_HOLD + 1,
    METRICS_DEEDS = JOURNAL_WOULD + 1,
    METRICS_FACES = 2 /* of the API: socket, status port */
};

/* Their upper ends, and how these are written in seconds. */
struct metrics_bucket {
    int64_t us;
    const char *le;
};
extern const struct metrics_bucket metrics_buckets[METRICS_BUCKETS];

/* Which decision. */
struct metrics_key {
    enum metrics_stage stage;
    enum verdict_action action;
    enum journal_deed deed;
    char listener[METRICS_LISTENER], rule[VERDICT_RULE];
};

/* How often it was made.  Never moves and never goes, once it is there. */
struct metrics_cell {
    struct metrics_key key;
    _Atomic uint64_t n;
};

/* On cache lines of its own, so that stages do not wait for one another. */
struct metrics_times {
    _Alignas(64) _Atomic uint64_t bucket[METRICS_BUCKETS + 1];
    _Atomic uint64_t sum_us;
};

struct prom;
/* metrics_lookups.c: what is looked up. */
void metrics_print_lookups(struct prom *prom, const struct metrics_now *now);

struct metrics {
    struct metrics_times times[METRICS_STAGES];
    _Atomic(struct metrics_cell *) slot[METRICS_SLOTS];
    _Atomic uint64_t other[METRICS_STAGES][METRICS_ACTIONS][METRICS_DEEDS];
    _Atomic uint64_t recipients[HISTORY_OUTCOMES];
    _Atomic uint64_t requests[METRICS_FACES][METRICS_CODES];

    pthread_mutex_t lock; /* guards all below, and who fills a slot */
    size_t n_cells;
    uint64_t reloads_ok, reloads_failed;
    int64_t reloaded_s, succeeded_s; /* the last, the last that was; 0: none */
    bool reload_failed;              /* the last one */
};

#endif
