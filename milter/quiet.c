/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "milter/quiet.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

enum { WAYS = 4 };

_Static_assert(sizeof(uint64_t) == crypto_shorthash_BYTES, "SipHash-2-4");

struct place {
    uint64_t hash; /* 0: free */
    int64_t until_ms;
    uint32_t n;
    char label[QUIET_LABEL];
};

struct quiet {
    pthread_mutex_t lock;
    size_t places;
    uint32_t limit;
    size_t sweep; /* where quiet_over() goes on */
    unsigned char key[crypto_shorthash_KEYBYTES];
    struct place place[];
};

enum ms_err
quiet_create(size_t places, uint32_t limit, struct quiet **out)
{
    struct quiet *quiet;

    if (places < 2 * WAYS || (places & (places - 1)) != 0 ||
        places > SIZE_MAX / 2 / sizeof(struct place))
        return MS_INVALID;
    quiet = calloc(1, sizeof(*quiet) + places * sizeof(struct place));
    if (quiet == NULL)
        return MS_NOMEM;
    quiet->places = places;
    quiet->limit = limit;
    crypto_shorthash_keygen(quiet->key);
    (void)pthread_mutex_init(&quiet->lock, NULL);
    *out = quiet;
    return MS_OK;
}

void
quiet_destroy(struct quiet *quiet)
{
    if (quiet == NULL)
        return;
    (void)pthread_mutex_destroy(&quiet->lock);
    free(quiet);
}

static uint64_t
hash_of(const struct quiet *quiet, const void *key, size_t len)
{
    unsigned char out[crypto_shorthash_BYTES];
    uint64_t hash;

    (void)crypto_shorthash(out, key, len, quiet->key);
    memcpy(&hash, out, sizeof(hash));
    return hash != 0 ? hash : 1;
}

/* How much would be lost with P: nothing if it is free or over. */
static uint32_t
weight(const struct place *p, int64_t now_ms)
{
    return p->hash == 0 || p->until_ms <= now_ms ? 0 : p->n;
}

/* The place of HASH, or the one that it may have. */
static struct place *
find_place_locked(struct quiet *quiet, uint64_t hash, int64_t now_ms)
{
    struct place *set =
        quiet->place + (size_t)(hash & (quiet->places / WAYS - 1)) * WAYS;
    struct place *best = set;

    for (size_t i = 0; i < WAYS; i++) {
        if (set[i].hash == hash)
            return &set[i];
        if (weight(&set[i], now_ms) < weight(best, now_ms))
            best = &set[i];
    }
    return best;
}

/* End the period of P. */
static void
end_locked(struct quiet *quiet, struct place *p, struct quiet_rest *rest)
{
    rest->n = 0;
    if (p->hash != 0 && p->n > quiet->limit) {
        rest->n = p->n - quiet->limit;
        memcpy(rest->label, p->label, sizeof(rest->label));
    }
    p->hash = 0;
    p->n = 0;
}

static void
set_label(struct place *p, const char *label)
{
    size_t len = strlen(label);

    if (len < sizeof(p->label)) {
        memcpy(p->label, label, len + 1);
        return;
    }
    memcpy(p->label, label, sizeof(p->label) - 4);
    memcpy(p->label + sizeof(p->label) - 4, "...", 4);
}

bool
quiet_tell(struct quiet *quiet, const void *key, size_t len, const char *label,
           struct mono now, uint64_t period_ms, struct quiet_rest *rest)
{
    uint64_t hash = hash_of(quiet, key, len);
    struct place *p;
    bool tell;

    rest->n = 0;
    (void)pthread_mutex_lock(&quiet->lock);
    p = find_place_locked(quiet, hash, now.ms);
    if (p->hash != hash || p->until_ms <= now.ms) {
        end_locked(quiet, p, rest);
        p->hash = hash;
        p->until_ms = now.ms + (int64_t)period_ms;
        set_label(p, label);
    }
    if (p->n < UINT32_MAX)
        p->n++;
    tell = p->n <= quiet->limit;
    (void)pthread_mutex_unlock(&quiet->lock);
    return tell;
}

bool
quiet_over(struct quiet *quiet, struct mono now, struct quiet_rest *rest)
{
    rest->n = 0;
    (void)pthread_mutex_lock(&quiet->lock);
    for (; rest->n == 0 && quiet->sweep < quiet->places; quiet->sweep++) {
        struct place *p = &quiet->place[quiet->sweep];

        if (p->hash != 0 && p->until_ms <= now.ms)
            end_locked(quiet, p, rest);
    }
    if (rest->n == 0)
        quiet->sweep = 0;
    (void)pthread_mutex_unlock(&quiet->lock);
    return rest->n > 0;
}
