/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/counts/picture_inside.h - what picture.c keeps and picture_save.c
 * saves; nobody else's.
 */
#ifndef MORTSAFE_MILTER_COUNTS_PICTURE_INSIDE_H
#define MORTSAFE_MILTER_COUNTS_PICTURE_INSIDE_H

#include <pthread.h>

#include <sodium.h>

#include "milter/counts/picture.h"

enum {
    PICTURE_SHARDS = 64,
    PICTURE_HOUR_S = 3600,
    PICTURE_DAY_S = 86400,
    PICTURE_SLOTS = PICTURE_HOURS + PICTURE_DAYS,
    PICTURE_NONE = UINT16_MAX
};

#define PICTURE_LAST_S INT64_C(253402300799) /* of the year 9999 */

/* Counts of a row: hours, then days, each by its number modulo how many. */
union picture_row {
    uint16_t narrow[PICTURE_SLOTS];
    uint32_t wide[PICTURE_SLOTS];
};

struct picture_entry {
    union picture_row *row[PICTURE_ROWS]; /* NULL: never counted */
    uint8_t *name;                        /* the subject's bytes */
    int64_t seen_s;
    int32_t hour, day; /* that the newest slots are about */
    uint16_t len;      /* of NAME; 0: a free place */
    uint16_t next;     /* of the same bucket, or free */
    uint16_t older, newer;
    uint8_t wide; /* a bit a row */
};

struct picture_shard {
    pthread_mutex_t lock;
    struct picture_entry *entry;
    uint16_t *bucket; /* of as many as places */
    uint16_t n, room, most;
    uint16_t oldest, newest, free;
};

struct pictures {
    unsigned char key[crypto_shorthash_KEYBYTES];
    unsigned n_shards;
    struct picture_shard shard[PICTURE_SHARDS];
};

uint64_t picture_hash(const struct pictures *pictures, const uint8_t *bytes,
                      size_t len);
struct picture_shard *picture_shard_of(struct pictures *pictures,
                                       uint64_t hash);

/* The entry of LEN bytes at NAME, or a new one; PICTURE_NONE: there is none,
 * or no memory. */
uint16_t picture_find_locked(struct picture_shard *shard, uint64_t hash,
                             const uint8_t *name, size_t len);
uint16_t picture_add_locked(struct pictures *pictures,
                            struct picture_shard *shard, uint64_t hash,
                            const uint8_t *name, size_t len);

/* A count of ENTRY; without memory for it, it stays as it was. */
uint32_t picture_get(const struct picture_entry *entry, unsigned row,
                     unsigned slot);
void picture_set(struct picture_entry *entry, unsigned row, unsigned slot,
                 uint32_t n);

/* Free what ENTRY holds, and make it empty. */
void picture_end(struct picture_entry *entry);

#endif
