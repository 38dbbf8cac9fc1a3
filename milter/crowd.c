/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "milter/crowd.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

enum { PLACES = 1024, WAYS = 4, BITS = 256 };

_Static_assert(sizeof(uint64_t) == crypto_shorthash_BYTES, "SipHash-2-4");

/* Which names came, as bits of their hashes: two may share one, so that the
 * count is never too high. */
struct names {
    uint64_t bit[BITS / 64];
    bool told;
    int64_t told_ms;
};

struct place {
    struct prefix host; /* family 0: free */
    int64_t began_ms;
    struct names names[CROWD_KINDS];
};

struct crowd {
    pthread_mutex_t lock;
    unsigned char key[crypto_shorthash_KEYBYTES];
    struct place place[PLACES];
};

static const unsigned most[CROWD_KINDS] = {
    [CROWD_HELO] = CROWD_HELO_MOST,
    [CROWD_DOMAINS] = CROWD_DOMAINS_MOST,
};

enum ms_err
crowd_create(struct crowd **out)
{
    struct crowd *crowd = calloc(1, sizeof(*crowd));

    if (crowd == NULL)
        return MS_NOMEM;
    crypto_shorthash_keygen(crowd->key);
    (void)pthread_mutex_init(&crowd->lock, NULL);
    *out = crowd;
    return MS_OK;
}

void
crowd_destroy(struct crowd *crowd)
{
    if (crowd == NULL)
        return;
    (void)pthread_mutex_destroy(&crowd->lock);
    free(crowd);
}

static uint64_t
hash(const struct crowd *crowd, const void *bytes, size_t len)
{
    unsigned char out[crypto_shorthash_BYTES];
    uint64_t n;

    (void)crypto_shorthash(out, bytes, len, crowd->key);
    memcpy(&n, out, sizeof(n));
    return n;
}

/* HOST's place with a day that still runs, or the one that it may have. */
static struct place *
find_place_locked(struct crowd *crowd, const struct prefix *host,
                  int64_t now_ms)
{
    size_t at = hash(crowd, host, sizeof(*host)) % PLACES / WAYS * WAYS;
    struct place *oldest = &crowd->place[at];

    for (struct place *p = oldest; p < &crowd->place[at + WAYS]; p++) {
        if (memcmp(&p->host, host, sizeof(*host)) == 0) {
            oldest = p;
            break;
        }
        if (p->host.family == 0 || p->began_ms < oldest->began_ms)
            oldest = p;
        if (oldest->host.family == 0)
            break;
    }
    if (memcmp(&oldest->host, host, sizeof(*host)) != 0 ||
        now_ms - oldest->began_ms >= CROWD_DAY_MS) {
        *oldest = (struct place){.began_ms = now_ms};
        oldest->host = *host;
    }
    return oldest;
}

static unsigned
count(const struct names *names)
{
    unsigned n = 0;

    for (size_t i = 0; i < BITS / 64; i++)
        n += (unsigned)__builtin_popcountll(names->bit[i]);
    return n;
}

bool
crowd_note(struct crowd *crowd, enum crowd_of kind, struct prefix host,
           const char *name, struct mono now, unsigned *n)
{
    uint64_t bit = hash(crowd, name, strlen(name)) % BITS;
    struct names *names;
    bool tell = false;

    if (host.family == 0)
        return false;
    (void)pthread_mutex_lock(&crowd->lock);
    names = &find_place_locked(crowd, &host, now.ms)->names[kind];
    names->bit[bit / 64] |= UINT64_C(1) << bit % 64;
    if (!names->told && (*n = count(names)) > most[kind]) {
        tell = names->told = true;
        names->told_ms = now.ms;
    }
    (void)pthread_mutex_unlock(&crowd->lock);
    return tell;
}

/* What PLACE has been found out for, in OUT; false: for nothing. */
static bool
list_one_locked(const struct place *place, struct crowd_row *out)
{
    bool told = false;

    *out = (struct crowd_row){.host = place->host};
    for (unsigned kind = 0; kind < CROWD_KINDS; kind++) {
        const struct names *names = &place->names[kind];

        out->names[kind] = count(names);
        if (!names->told)
            continue;
        if (!told || names->told_ms < out->told.ms)
            out->told.ms = names->told_ms;
        told = true;
    }
    return told;
}

size_t
crowd_list(struct crowd *crowd, struct mono now, struct crowd_row *out,
           size_t room)
{
    size_t n = 0;

    (void)pthread_mutex_lock(&crowd->lock);
    for (size_t i = 0; i < PLACES && n < room; i++) {
        const struct place *place = &crowd->place[i];

        if (place->host.family != 0 &&
            now.ms - place->began_ms < CROWD_DAY_MS &&
            list_one_locked(place, &out[n]))
            n++;
    }
    (void)pthread_mutex_unlock(&crowd->lock);
    return n;
}
