/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Subjects in shards, each with a lock, a table of its own and a list from the
 * least recent to the most recent; a hash with a random key says which shard,
 * so that nobody outside can choose who meets there.  What is full is a shard,
 * so that the one that goes is the least recent of some thousand.
 *
 * A subject takes 96 bytes and its name, and for each row that it has ever
 * had a count in 112 bytes, or 224 once a count has passed 65,535: with what
 * malloc() adds some 270 for a client that only connects, 650 for a user with
 * four rows; a full table of those 40 MB, and 115 MB if all were at the most.
 *
 * A note costs a SipHash and a lock that is never held long: some 80 ns where
 * the subject was noted lately, as it is by the other notes of its message, and
 * up to 800 where nothing about one of 60,000 is in a cache any more.
 */
#include <config.h>

#include "milter/counts/picture.h"

#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "milter/counts/picture_inside.h"

_Static_assert(sizeof(uint64_t) == crypto_shorthash_BYTES, "SipHash-2-4");

enum {
    SHARD_LEAST = 16, /* subjects; fewer in all are one shard */
    ENTRIES_FIRST = 16
};

_Static_assert(PICTURE_ROWS <= 8, "a bit a row in `wide`");
_Static_assert((int)PICTURE_SUBJECTS / PICTURE_SHARDS < (int)PICTURE_NONE,
               "16 bits name them");

/* ----- making and ending */

enum ms_err
pictures_create(size_t most, struct pictures **out)
{
    struct pictures *pictures = calloc(1, sizeof(*pictures));
    size_t each;

    if (pictures == NULL)
        return MS_NOMEM;
    if (most > PICTURE_SUBJECTS)
        most = PICTURE_SUBJECTS;
    crypto_shorthash_keygen(pictures->key);
    pictures->n_shards =
        most < PICTURE_SHARDS * SHARD_LEAST ? 1 : PICTURE_SHARDS;
    each = most / pictures->n_shards;
    for (unsigned i = 0; i < pictures->n_shards; i++) {
        struct picture_shard *shard = &pictures->shard[i];

        (void)pthread_mutex_init(&shard->lock, NULL);
        shard->most = (uint16_t)(each > 0 ? each : 1);
        shard->oldest = shard->newest = shard->free = PICTURE_NONE;
    }
    *out = pictures;
    return MS_OK;
}

void
picture_end(struct picture_entry *entry)
{
    for (unsigned row = 0; row < PICTURE_ROWS; row++)
        free(entry->row[row]);
    free(entry->name);
    *entry = (struct picture_entry){.len = 0};
}

static void
end_shard(struct picture_shard *shard)
{
    for (unsigned i = 0; i < shard->room; i++)
        picture_end(&shard->entry[i]);
    free(shard->entry);
    free(shard->bucket);
    (void)pthread_mutex_destroy(&shard->lock);
}

void
pictures_destroy(struct pictures *pictures)
{
    if (pictures == NULL)
        return;
    for (unsigned i = 0; i < pictures->n_shards; i++)
        end_shard(&pictures->shard[i]);
    free(pictures);
}

const char *
picture_row_name(unsigned row)
{
    return row < METRICS            ? metric_name((enum metric)row)
           : row == PICTURE_REFUSED ? "refused"
                                    : NULL;
}

/* ----- which entry */

uint64_t
picture_hash(const struct pictures *pictures, const uint8_t *bytes, size_t len)
{
    unsigned char out[crypto_shorthash_BYTES];
    uint64_t n;

    (void)crypto_shorthash(out, bytes, len, pictures->key);
    memcpy(&n, out, sizeof(n));
    return n;
}

struct picture_shard *
picture_shard_of(struct pictures *pictures, uint64_t hash)
{
    return &pictures->shard[hash >> 32 & (pictures->n_shards - 1)];
}

static uint16_t *
bucket_locked(struct picture_shard *shard, uint64_t hash)
{
    return &shard->bucket[(uint32_t)hash % shard->room];
}

/* The entry of LEN bytes at NAME; PICTURE_NONE. */
uint16_t
picture_find_locked(struct picture_shard *shard, uint64_t hash,
                    const uint8_t *name, size_t len)
{
    uint16_t at = shard->room > 0 ? *bucket_locked(shard, hash) : PICTURE_NONE;

    while (at != PICTURE_NONE &&
           (shard->entry[at].len != len ||
            memcmp(shard->entry[at].name, name, len) != 0))
        at = shard->entry[at].next;
    return at;
}

/* ----- from the least recent to the most recent */

static void
unlink_locked(struct picture_shard *shard, uint16_t at)
{
    const struct picture_entry *entry = &shard->entry[at];

    if (entry->older != PICTURE_NONE)
        shard->entry[entry->older].newer = entry->newer;
    else
        shard->oldest = entry->newer;
    if (entry->newer != PICTURE_NONE)
        shard->entry[entry->newer].older = entry->older;
    else
        shard->newest = entry->older;
}

static void
make_newest_locked(struct picture_shard *shard, uint16_t at)
{
    struct picture_entry *entry = &shard->entry[at];

    entry->older = shard->newest;
    entry->newer = PICTURE_NONE;
    if (shard->newest != PICTURE_NONE)
        shard->entry[shard->newest].newer = at;
    else
        shard->oldest = at;
    shard->newest = at;
}

/* ----- coming and going */

static void
put_into_bucket_locked(struct picture_shard *shard, uint64_t hash, uint16_t at)
{
    uint16_t *bucket = bucket_locked(shard, hash);

    shard->entry[at].next = *bucket;
    *bucket = at;
}

static void
remove_locked(struct pictures *pictures, struct picture_shard *shard,
              uint16_t at)
{
    struct picture_entry *entry = &shard->entry[at];
    uint64_t hash = picture_hash(pictures, entry->name, entry->len);
    uint16_t *link = bucket_locked(shard, hash);

    while (*link != at)
        link = &shard->entry[*link].next;
    *link = entry->next;
    unlink_locked(shard, at);
    picture_end(entry);
    entry->next = shard->free;
    shard->free = at;
    shard->n--;
}

/* Room for more entries; false: no memory for it, or as many as may be. */
static bool
grow_locked(struct pictures *pictures, struct picture_shard *shard)
{
    unsigned room = shard->room > 0 ? shard->room * 2U : ENTRIES_FIRST;
    struct picture_entry *entry;
    uint16_t *bucket;

    if (room > shard->most)
        room = shard->most;
    if (room == shard->room)
        return false;
    bucket = malloc(room * sizeof(bucket[0]));
    entry = realloc(shard->entry, room * sizeof(entry[0]));
    if (entry != NULL)
        shard->entry = entry;
    if (entry == NULL || bucket == NULL) {
        free(bucket);
        return false;
    }
    free(shard->bucket);
    shard->bucket = bucket;
    memset(bucket, 0xff, room * sizeof(bucket[0]));
    for (unsigned at = room; at-- > shard->room;) {
        entry[at] = (struct picture_entry){.next = shard->free};
        shard->free = (uint16_t)at;
    }
    shard->room = (uint16_t)room;
    for (uint16_t at = shard->oldest; at != PICTURE_NONE; at = entry[at].newer)
        put_into_bucket_locked(
            shard, picture_hash(pictures, entry[at].name, entry[at].len), at);
    return true;
}

/* A new entry for LEN bytes at NAME; PICTURE_NONE: no memory. */
uint16_t
picture_add_locked(struct pictures *pictures, struct picture_shard *shard,
                   uint64_t hash, const uint8_t *name, size_t len)
{
    uint8_t *copy = malloc(len);
    struct picture_entry *entry;
    uint16_t at;

    if (copy == NULL)
        return PICTURE_NONE;
    if (shard->free == PICTURE_NONE && !grow_locked(pictures, shard) &&
        shard->n > 0)
        remove_locked(pictures, shard, shard->oldest);
    at = shard->free;
    if (at == PICTURE_NONE) {
        free(copy);
        return PICTURE_NONE;
    }
    entry = &shard->entry[at];
    shard->free = entry->next;
    memcpy(copy, name, len);
    *entry = (struct picture_entry){.name = copy, .len = (uint16_t)len};
    put_into_bucket_locked(shard, hash, at);
    make_newest_locked(shard, at);
    shard->n++;
    return at;
}

/* ----- counts */

uint32_t
picture_get(const struct picture_entry *entry, unsigned row, unsigned slot)
{
    const union picture_row *r = entry->row[row];

    if (r == NULL)
        return 0;
    return entry->wide >> row & 1 ? r->wide[slot] : r->narrow[slot];
}

/* Make ROW such that it can hold N; false: no memory. */
static bool
widen(struct picture_entry *entry, unsigned row, uint32_t n)
{
    bool has = entry->row[row] != NULL, wide = n > UINT16_MAX;
    union picture_row *r;

    if (has && (!wide || entry->wide >> row & 1))
        return true;
    r = calloc(1, wide ? sizeof(r->wide) : sizeof(r->narrow));
    if (r == NULL)
        return false;
    for (unsigned i = 0; has && i < PICTURE_SLOTS; i++)
        r->wide[i] = entry->row[row]->narrow[i];
    if (wide)
        entry->wide |= (uint8_t)(1U << row);
    free(entry->row[row]);
    entry->row[row] = r;
    return true;
}

void
picture_set(struct picture_entry *entry, unsigned row, unsigned slot,
            uint32_t n)
{
    if (n == picture_get(entry, row, slot) || !widen(entry, row, n))
        return;
    if (entry->wide >> row & 1)
        entry->row[row]->wide[slot] = n;
    else
        entry->row[row]->narrow[slot] = (uint16_t)n;
}

static void
add(struct picture_entry *entry, unsigned row, unsigned slot, uint32_t n)
{
    uint32_t old = picture_get(entry, row, slot);

    picture_set(entry, row, slot, old > UINT32_MAX - n ? UINT32_MAX : old + n);
}

/* ----- time */

/* Hours or days since 1970; a clock out of its mind is at an end. */
static int32_t
step_of(struct wall now, int32_t step_s)
{
    int64_t s = now.s < 0 ? 0 : now.s > PICTURE_LAST_S ? PICTURE_LAST_S : now.s;

    return (int32_t)(s / step_s);
}

/* One of the two rings of an entry's rows. */
struct ring {
    unsigned first, n; /* slots */
    int32_t step_s;
};

static const struct ring hours = {0, PICTURE_HOURS, PICTURE_HOUR_S};
static const struct ring days = {PICTURE_HOURS, PICTURE_DAYS, PICTURE_DAY_S};

static unsigned
slot_of(const struct ring *ring, int32_t at)
{
    return ring->first + (unsigned)at % ring->n;
}

/*
 * Make the newest slot that of NOW.  A clock that was set back within the ring
 * changes nothing, as its slots are still there; one that was set back further
 * makes all of it the future, which is dropped.
 */
static void
advance(struct picture_entry *entry, const struct ring *ring, int32_t *newest,
        int32_t now)
{
    bool back = now <= *newest - (int32_t)ring->n;
    int64_t gone = back ? (int64_t)ring->n : (int64_t)now - *newest;

    if (gone <= 0)
        return;
    if (gone > (int64_t)ring->n)
        gone = (int64_t)ring->n;
    for (unsigned row = 0; row < PICTURE_ROWS; row++)
        for (int32_t i = 0; i < gone && entry->row[row] != NULL; i++)
            if (now - i >= 0)
                picture_set(entry, row, slot_of(ring, now - i), 0);
    *newest = now;
}

/* ----- for callers */

void
picture_note(struct pictures *pictures, const struct subject *subject,
             unsigned row, uint32_t n, struct wall now)
{
    uint64_t hash = picture_hash(pictures, subject->bytes, subject->len);
    struct picture_shard *shard = picture_shard_of(pictures, hash);
    int32_t hour = step_of(now, PICTURE_HOUR_S),
            day = step_of(now, PICTURE_DAY_S);
    uint16_t at;

    if (row >= PICTURE_ROWS || n == 0 || subject->len == 0)
        return;
    (void)pthread_mutex_lock(&shard->lock);
    at = picture_find_locked(shard, hash, subject->bytes, subject->len);
    if (at == PICTURE_NONE)
        at = picture_add_locked(pictures, shard, hash, subject->bytes,
                                subject->len);
    if (at != PICTURE_NONE) {
        struct picture_entry *entry = &shard->entry[at];

        advance(entry, &hours, &entry->hour, hour);
        advance(entry, &days, &entry->day, day);
        add(entry, row, slot_of(&hours, hour), n);
        add(entry, row, slot_of(&days, day), n);
        entry->seen_s = now.s;
        if (shard->newest != at) {
            unlink_locked(shard, at);
            make_newest_locked(shard, at);
        }
    }
    (void)pthread_mutex_unlock(&shard->lock);
}

/* The slots of RING that end with NOW, of which NEWEST is the last that ENTRY
 * has: what it has behind NOW is none of the past. */
static void
view(const struct picture_entry *entry, const struct ring *ring, int32_t newest,
     int32_t now, uint32_t *out, size_t row_size)
{
    for (unsigned i = 0; i < ring->n; i++) {
        int32_t at = now - (int32_t)ring->n + 1 + (int32_t)i;

        if (at < 0 || at > newest || at <= newest - (int32_t)ring->n)
            continue;
        for (unsigned row = 0; row < PICTURE_ROWS; row++)
            out[row * row_size + i] =
                picture_get(entry, row, slot_of(ring, at));
    }
}

bool
picture_view(struct pictures *pictures, const struct subject *subject,
             struct wall now, struct picture_view *out)
{
    uint64_t hash = picture_hash(pictures, subject->bytes, subject->len);
    struct picture_shard *shard = picture_shard_of(pictures, hash);
    int32_t hour = step_of(now, PICTURE_HOUR_S),
            day = step_of(now, PICTURE_DAY_S);
    struct picture_view seen;
    uint16_t at;

    memset(&seen, 0, sizeof(seen));
    seen.hours_start.s = (int64_t)(hour - PICTURE_HOURS + 1) * PICTURE_HOUR_S;
    seen.days_start.s = (int64_t)(day - PICTURE_DAYS + 1) * PICTURE_DAY_S;
    (void)pthread_mutex_lock(&shard->lock);
    at = picture_find_locked(shard, hash, subject->bytes, subject->len);
    if (at != PICTURE_NONE) {
        const struct picture_entry *entry = &shard->entry[at];

        view(entry, &hours, entry->hour, hour, seen.hour[0], PICTURE_HOURS);
        view(entry, &days, entry->day, day, seen.day[0], PICTURE_DAYS);
    }
    (void)pthread_mutex_unlock(&shard->lock);
    if (at != PICTURE_NONE)
        *out = seen;
    return at != PICTURE_NONE;
}

bool
picture_forget(struct pictures *pictures, const struct subject *subject)
{
    uint64_t hash = picture_hash(pictures, subject->bytes, subject->len);
    struct picture_shard *shard = picture_shard_of(pictures, hash);
    uint16_t at;

    (void)pthread_mutex_lock(&shard->lock);
    at = picture_find_locked(shard, hash, subject->bytes, subject->len);
    if (at != PICTURE_NONE)
        remove_locked(pictures, shard, at);
    (void)pthread_mutex_unlock(&shard->lock);
    return at != PICTURE_NONE;
}

void
pictures_trim(struct pictures *pictures, struct wall now)
{
    int32_t day = step_of(now, PICTURE_DAY_S);

    for (unsigned i = 0; i < pictures->n_shards; i++) {
        struct picture_shard *shard = &pictures->shard[i];

        (void)pthread_mutex_lock(&shard->lock);
        while (shard->oldest != PICTURE_NONE &&
               shard->entry[shard->oldest].day <= day - PICTURE_DAYS)
            remove_locked(pictures, shard, shard->oldest);
        (void)pthread_mutex_unlock(&shard->lock);
    }
}
