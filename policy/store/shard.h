/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/store/shard.h - one of the ledger's tables: records by key, by kind
 * and last use, and by what is to be saved.  The caller holds the shard's
 * lock, a leaf: no other lock but a higher shard's is taken under it, and
 * nothing is read or written.
 *
 * A record is known by its slot, which it keeps for life; a pointer to it
 * holds until the lock is given back.
 */
#ifndef MORTSAFE_POLICY_STORE_SHARD_H
#define MORTSAFE_POLICY_STORE_SHARD_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "policy/err.h"
#include "policy/store/record.h"

/* What all shards share. */
struct shard_tally {
    uint64_t share[RECORD_KINDS];         /* bytes a kind may take */
    _Atomic uint64_t bytes[RECORD_KINDS]; /* that it takes */
    _Atomic uint64_t next_id;
    bool saved;               /* somebody saves what is dirty */
    _Atomic uint32_t stale_s; /* the detector's state of who was last seen
                                 before goes; wall clock */
};

struct shard_list {
    uint32_t first, last, n;
};

struct shard {
    _Alignas(64) pthread_mutex_t lock;
    struct shard_tally *tally;
    struct record **pages;
    bool *apart; /* by page: one of its records may stand other than normal */
    uint32_t n_pages, n_slots;
    uint32_t free; /* slots to use again */
    uint32_t *buckets;
    uint32_t n_buckets; /* a power of two */
    uint32_t n_chained;
    uint32_t newest[RECORD_KINDS], oldest[RECORD_KINDS];
    uint32_t count[RECORD_KINDS];
    struct shard_list dirty, saving;
    uint32_t sweep_at, ticks;
    uint64_t epochs; /* state of the generator */
    uint64_t evicted, overflowed;
};

/* MS_NOMEM.  shard_end() frees all. */
enum ms_err shard_init(struct shard *shard, struct shard_tally *tally);
void shard_end(struct shard *shard);

/* Make room for N records beforehand; not having it is no error. */
void shard_expect(struct shard *shard, uint32_t n);

struct record *shard_at(const struct shard *shard, uint32_t slot);

/* To be called when SLOT's standing has been set. */
void shard_stands(struct shard *shard, uint32_t slot);

/*
 * The first slot from SLOT on, in its page or the next one, whose record may
 * stand other than normal: a page without one is passed over, so that few are
 * found among many.  Behind the last there is n_slots.
 */
uint32_t shard_apart(struct shard *shard, uint32_t slot);

/* The slot of KEY, or RECORD_NONE. */
uint32_t shard_find(const struct shard *shard, const uint8_t key[RECORD_KEY]);

/* A new record, newest of its kind, clean.  MS_NOMEM. */
enum ms_err shard_insert(struct shard *shard, const struct record_seed *seed,
                         uint32_t *slot);

/* Have the saver delete row ID, which is no record's. */
void shard_bury(struct shard *shard, uint64_t id);

/* All is dirty, as if nothing had ever been saved. */
void shard_all_dirty(struct shard *shard);

/* Remove a record, and its row when the saver comes by. */
void shard_remove(struct shard *shard, uint32_t slot);

/* It was used. */
void shard_touch(struct shard *shard, uint32_t slot);

/* Take records as if each had last been used when it was last seen. */
void shard_order(struct shard *shard);

/* It is to be saved. */
void shard_dirty(struct shard *shard, uint32_t slot);

uint64_t shard_epoch(struct shard *shard);

/* To be called around what changes a record's size: the bytes it had. */
void shard_resized(struct shard *shard, const struct record *r,
                   size_t bytes_before);

/* Has KIND its share?  Then evict one or two of it; is there room now? */
bool shard_is_full(const struct shard *shard, unsigned kind);
bool shard_make_room(struct shard *shard, unsigned kind, uint64_t clock_s);

/* Look at the next N slots and remove what is idle at CLOCK_S. */
void shard_sweep(struct shard *shard, uint32_t n, uint64_t clock_s);

/* Take the first of the dirty into those being saved; RECORD_NONE: none. */
uint32_t shard_take(struct shard *shard);

/* What was taken is on disk, or is not and is dirty again. */
void shard_saved(struct shard *shard);
void shard_unsaved(struct shard *shard);

#endif
