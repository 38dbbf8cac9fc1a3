/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/store/ledger.h - all records in this process, in 64 shards: what the
 * memory store and the embedded store are made of.  Every function is
 * thread-safe and none reads or writes a file; those of the same names in
 * policy/store/store.h say what they do.  policy/store/step.h charges.
 */
#ifndef MORTSAFE_POLICY_STORE_LEDGER_H
#define MORTSAFE_POLICY_STORE_LEDGER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "policy/store/row.h"
#include "policy/store/shard.h"
#include "policy/store/store.h"

enum {
    LEDGER_SHARDS = 64,   /* a power of two; step.c has a bit for each */
    LEDGER_OVERFLOW = 64, /* shared records of a shard: 4,096 in all */
    LEDGER_HASH_KEY = 16,
    LEDGER_MEMORY_MIN = 1 << 20
};

/* A value that no clocks' difference has. */
#define LEDGER_UNREAD INT64_MIN

struct ledger {
    struct shard shard[LEDGER_SHARDS];
    struct shard_tally tally;
    uint8_t hash_key[LEDGER_HASH_KEY];
    _Atomic uint32_t keep_s; /* that the detector's states are kept */
    _Atomic int64_t ahead_s; /* the wall clock is ahead of the store's, as first
                                read; LEDGER_UNREAD: not yet */
    int64_t offset_ms;       /* from CLOCK_BOOTTIME to the store's clock */
    _Atomic int64_t seen_ms; /* latest */
};

/*
 * Make an empty ledger of at most MEMORY bytes in *OUT; ledger_destroy() ends
 * it.  HASH_KEY makes the keys of records; NULL: a random one.  MS_INVALID
 * (MEMORY under 1 MiB), MS_NOMEM.
 */
enum ms_err ledger_create(uint64_t memory,
                          const uint8_t hash_key[LEDGER_HASH_KEY],
                          struct ledger **out);
void ledger_destroy(struct ledger *ledger);

/*
 * The store's clock at NOW, in milliseconds.  It does not go back: threads
 * hand in times that they read in another order.
 */
uint64_t ledger_clock_ms(struct ledger *ledger, struct store_time now);

/* The key of SUBJECT, the shard of KEY, and the key of the record that a
 * newcomer with KEY shares when there is no room. */
void ledger_key(const struct ledger *ledger, const struct subject *subject,
                uint8_t key[RECORD_KEY]);
unsigned ledger_shard(const uint8_t key[RECORD_KEY]);
void ledger_overflow_key(const uint8_t key[RECORD_KEY],
                         uint8_t shared[RECORD_KEY]);

/* The wall clock as records keep it. */
uint32_t ledger_wall_s(struct store_time now);

void ledger_refund(struct ledger *ledger, const struct receipt *receipts,
                   size_t n, struct store_time now);

/* *CHANGED: the standing is another than it was. */
enum ms_err ledger_update(struct ledger *ledger, const struct subject *subject,
                          struct store_time now,
                          enum ms_err (*change)(void *arg,
                                                struct store_state *state),
                          void *arg, bool *changed);
enum ms_err ledger_get(struct ledger *ledger, const struct subject *subject,
                       struct store_time now, bool *found,
                       struct store_record *out);
enum ms_err ledger_list(
    struct ledger *ledger, enum subject_kind kind, struct store_time now,
    bool (*each)(void *arg, const struct store_record *record), void *arg);
enum ms_err ledger_standings(struct ledger *ledger, struct store_time now,
                             bool (*each)(void *arg,
                                          const struct store_record *record),
                             void *arg);
void ledger_keep(struct ledger *ledger, uint32_t keep_s);
enum ms_err ledger_forget(struct ledger *ledger, const struct subject *subject,
                          struct store_time now, bool *found);
enum ms_err ledger_reset(struct ledger *ledger, const struct subject *subject,
                         uint64_t window, struct store_time now, bool *found);
enum ms_err ledger_put(struct ledger *ledger, const struct store_record *in,
                       struct store_time now);
void ledger_stats(struct ledger *ledger, struct store_stats *out);

/* Look at a part of all records, 1/PARTS, and drop those that are idle. */
void ledger_sweep(struct ledger *ledger, uint32_t parts, struct store_time now);

/* ----- for a saver; one thread at a time */

/*
 * Put what ROW holds into a ledger that nobody else uses yet.  KEYS: its key
 * was made with this ledger's hash key.  MS_INVALID: it or its state is
 * damaged, and that will be deleted.  MS_NOMEM.
 */
enum ledger_keys { LEDGER_KEYS_HOLD, LEDGER_KEYS_NEW };
enum ms_err ledger_restore(struct ledger *ledger, const struct row *row,
                           enum ledger_keys keys);

/* Expect N records; then, once they are in, order them by last use. */
void ledger_expect(struct ledger *ledger, uint64_t n);
void ledger_order(struct ledger *ledger);

/* Records that wait to be saved. */
uint64_t ledger_dirty(struct ledger *ledger);

/*
 * Copy some dirty records to ROWS, which is emptied first: the first few of
 * each shard, so that they come about in the order they were made in, and rows
 * that lie together are written together.  None: nothing is dirty.  MS_NOMEM.
 */
enum ms_err ledger_take(struct ledger *ledger, struct rows *rows);

/* All that was taken is on disk; or it is not, and is dirty again. */
void ledger_saved(struct ledger *ledger);
void ledger_unsaved(struct ledger *ledger);

/* The file is new: all is dirty, and nothing has a row. */
void ledger_all_dirty(struct ledger *ledger);

#endif
