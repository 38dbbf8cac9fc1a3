/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "milter/lookup/put_off.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

enum { PLACES = 8192, WAYS = 4 }; /* a power of two; of one client */

_Static_assert(sizeof(uint64_t) == crypto_shorthash_BYTES, "SipHash-2-4");

struct place {
    uint64_t hash;    /* 0: free */
    int64_t until_ms; /* behind it is free, too */
};

struct put_off {
    unsigned char key[crypto_shorthash_KEYBYTES];
    pthread_mutex_t lock; /* guards all below */
    struct place place[PLACES];
};

enum ms_err
put_off_create(struct put_off **out)
{
    struct put_off *put_off = calloc(1, sizeof(*put_off));

    if (put_off == NULL)
        return MS_NOMEM;
    crypto_shorthash_keygen(put_off->key);
    (void)pthread_mutex_init(&put_off->lock, NULL);
    *out = put_off;
    return MS_OK;
}

void
put_off_destroy(struct put_off *put_off)
{
    if (put_off == NULL)
        return;
    (void)pthread_mutex_destroy(&put_off->lock);
    free(put_off);
}

static uint64_t
hash_of(const struct put_off *put_off, struct prefix client)
{
    const struct prefix cut = prefix_cut(client, 32, 64);
    unsigned char bytes[1 + sizeof(cut.addr)], out[crypto_shorthash_BYTES];
    uint64_t hash;

    bytes[0] = cut.family;
    memcpy(bytes + 1, cut.addr, sizeof(cut.addr));
    (void)crypto_shorthash(out, bytes, sizeof(bytes), put_off->key);
    memcpy(&hash, out, sizeof(hash));
    return hash != 0 ? hash : 1;
}

/* The place of HASH, or the one that it may have: the oldest. */
static struct place *
find_place_locked(struct put_off *put_off, uint64_t hash)
{
    struct place *ways = &put_off->place[hash & (PLACES - WAYS)];
    struct place *oldest = ways;

    for (struct place *p = ways; p < ways + WAYS; p++) {
        if (p->hash == hash)
            return p;
        if (p->until_ms < oldest->until_ms)
            oldest = p;
    }
    return oldest;
}

void
put_off_note(struct put_off *put_off, struct prefix client, struct mono now)
{
    uint64_t hash = hash_of(put_off, client);
    struct place *place;

    (void)pthread_mutex_lock(&put_off->lock);
    place = find_place_locked(put_off, hash);
    if (place->hash != hash || place->until_ms <= now.ms)
        *place = (struct place){hash, now.ms + PUT_OFF_FOR_MS};
    (void)pthread_mutex_unlock(&put_off->lock);
}

bool
put_off_has(struct put_off *put_off, struct prefix client, struct mono now)
{
    uint64_t hash = hash_of(put_off, client);
    const struct place *place;
    bool has;

    (void)pthread_mutex_lock(&put_off->lock);
    place = find_place_locked(put_off, hash);
    has = place->hash == hash && now.ms < place->until_ms;
    (void)pthread_mutex_unlock(&put_off->lock);
    return has;
}
