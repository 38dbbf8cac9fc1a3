/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/store/ledger.c - all records in this process.  A subject's key is a
 * keyed hash, so that nobody outside can choose which records meet; its first
 * byte names the shard.
 */
#include <config.h>

#include "policy/store/ledger.h"

#include <stdlib.h>
#include <string.h>

#include <sodium.h>

enum {
    UPDATE_TRIES = 1000, /* lost races; more is a bug, not bad luck */
    LIST_BATCH = 16,
    LIST_LOOKS = 2048,   /* slots under one lock */
    KEEP_S = 90 * 86400, /* states, unless another span is set */
    TAKE = ROWS_BATCH / LEDGER_SHARDS
};

/*
 * Percent of the memory for each kind.  A stranger can make up clients,
 * prefixes and senders, but not users, domains and networks: no kind can use
 * another's share.
 */
static const uint8_t shares[SUBJECT_KINDS] = {
    [SUBJECT_CLIENT] = 22, [SUBJECT_PREFIX] = 8, [SUBJECT_USER] = 40,
    [SUBJECT_SENDER] = 12, [SUBJECT_DOMAIN] = 5, [SUBJECT_NETWORK] = 1,
    [SUBJECT_PAIR] = 12,
};

_Static_assert(crypto_shorthash_siphashx24_BYTES == RECORD_KEY &&
                   crypto_shorthash_siphashx24_KEYBYTES == LEDGER_HASH_KEY,
               "SipHash-x-2-4");

enum ms_err
ledger_create(uint64_t memory, const uint8_t hash_key[LEDGER_HASH_KEY],
              struct ledger **out)
{
    struct ledger *ledger;

    if (memory < LEDGER_MEMORY_MIN)
        return MS_INVALID;
    if (sodium_init() < 0)
        return MS_NOMEM;
    ledger = aligned_alloc(_Alignof(struct ledger), sizeof(*ledger));
    if (ledger == NULL)
        return MS_NOMEM;
    memset(ledger, 0, sizeof(*ledger));
    for (unsigned i = 0; i < SUBJECT_KINDS; i++)
        ledger->tally.share[i] = memory / 100 * shares[i];
    ledger->tally.share[RECORD_OVERFLOW] = UINT64_MAX;
    ledger->tally.next_id = 1;
    ledger->keep_s = KEEP_S;
    ledger->ahead_s = LEDGER_UNREAD;
    if (hash_key != NULL)
        memcpy(ledger->hash_key, hash_key, LEDGER_HASH_KEY);
    else
        randombytes_buf(ledger->hash_key, LEDGER_HASH_KEY);
    for (unsigned i = 0; i < LEDGER_SHARDS; i++) {
        if (shard_init(&ledger->shard[i], &ledger->tally) != MS_OK) {
            ledger_destroy(ledger);
            return MS_NOMEM;
        }
    }
    *out = ledger;
    return MS_OK;
}

void
ledger_destroy(struct ledger *ledger)
{
    if (ledger == NULL)
        return;
    for (unsigned i = 0; i < LEDGER_SHARDS; i++)
        shard_end(&ledger->shard[i]);
    sodium_memzero(ledger->hash_key, LEDGER_HASH_KEY);
    free(ledger);
}

uint64_t
ledger_clock_ms(struct ledger *ledger, struct store_time now)
{
    int64_t ms = now.mono.ms + ledger->offset_ms;
    int64_t seen = atomic_load(&ledger->seen_ms);

    while (ms > seen)
        if (atomic_compare_exchange_weak(&ledger->seen_ms, &seen, ms))
            return (uint64_t)ms;
    return (uint64_t)seen;
}

uint32_t
ledger_wall_s(struct store_time now)
{
    if (now.wall.s < 0)
        return 0;
    return now.wall.s < UINT32_MAX ? (uint32_t)now.wall.s : UINT32_MAX;
}

void
ledger_key(const struct ledger *ledger, const struct subject *subject,
           uint8_t key[RECORD_KEY])
{
    /* 128 bits of SipHash: nobody outside can make two subjects meet, and it
     * takes a tenth of BLAKE2b's time */
    (void)crypto_shorthash_siphashx24(key, subject->bytes, subject->len,
                                      ledger->hash_key);
}

unsigned
ledger_shard(const uint8_t key[RECORD_KEY])
{
    return key[0] % LEDGER_SHARDS;
}

void
ledger_overflow_key(const uint8_t key[RECORD_KEY], uint8_t shared[RECORD_KEY])
{
    memset(shared, 0xff, RECORD_KEY);
    shared[0] = (uint8_t)ledger_shard(key);
    shared[4] = key[1] % LEDGER_OVERFLOW; /* byte 4 spreads the buckets */
}

/* The record of KEY in a locked shard, or NULL. */
static struct record *
find(struct shard *shard, const uint8_t key[RECORD_KEY], uint32_t *slot)
{
    *slot = shard_find(shard, key);
    return *slot != RECORD_NONE ? shard_at(shard, *slot) : NULL;
}

static struct shard *
lock(struct ledger *ledger, const uint8_t key[RECORD_KEY])
{
    struct shard *shard = &ledger->shard[ledger_shard(key)];

    pthread_mutex_lock(&shard->lock);
    return shard;
}

/* ----- refund */

static void
refund(struct ledger *ledger, const struct receipt *receipt,
       struct store_time now)
{
    struct shard *shard = lock(ledger, receipt->key);
    uint64_t clock_s = ledger_clock_ms(ledger, now) / 1000;
    uint32_t slot;
    struct record *r = find(shard, receipt->key, &slot);
    struct record_window *rw = NULL;

    if (r == NULL || r->epoch != receipt->epoch) {
        uint8_t shared[RECORD_KEY]; /* was there no room then? */

        ledger_overflow_key(receipt->key, shared);
        r = find(shard, shared, &slot);
    }
    if (r != NULL && r->epoch == receipt->epoch)
        rw = record_find(r, receipt->window, receipt->span_s);
    if (rw != NULL) {
        window_turn(&rw->w, rw->span_s, clock_s);
        window_take_back(&rw->w, receipt->slice, receipt->n);
        shard_dirty(shard, slot);
    }
    pthread_mutex_unlock(&shard->lock);
}

void
ledger_refund(struct ledger *ledger, const struct receipt *receipts, size_t n,
              struct store_time now)
{
    for (size_t i = 0; i < n; i++)
        if (receipts[i].n > 0)
            refund(ledger, &receipts[i], now);
}

/* ----- update */

/* A reading of a subject's state, to compare with when it is written. */
struct reading {
    uint64_t epoch; /* 0: there was no record */
    struct store_state state;
};

static void
read_state(struct ledger *ledger, const uint8_t key[RECORD_KEY],
           struct reading *out)
{
    struct shard *shard = lock(ledger, key);
    uint32_t slot;
    const struct record *r = find(shard, key, &slot);

    out->epoch = r != NULL ? r->epoch : 0;
    if (r != NULL)
        record_get_state(r, &out->state);
    else
        out->state = (struct store_state){.standing = STANDING_NORMAL};
    pthread_mutex_unlock(&shard->lock);
}

/* A record for a subject that has none.  Who is not normal always fits in. */
static struct record *
make_record(struct shard *shard, const struct subject *subject,
            const uint8_t key[RECORD_KEY], enum standing standing,
            uint64_t clock_s, uint32_t *slot)
{
    const struct record_seed seed = {.key = key,
                                     .kind = subject->kind,
                                     .name = subject->bytes,
                                     .len = subject->len};

    if (shard_is_full(shard, subject->kind) &&
        !shard_make_room(shard, subject->kind, clock_s) &&
        standing == STANDING_NORMAL)
        return NULL;
    if (shard_insert(shard, &seed, slot) != MS_OK)
        return NULL;
    return shard_at(shard, *slot);
}

static enum ms_err
write_state(struct shard *shard, uint32_t slot, const struct store_state *state,
            struct store_time now)
{
    struct record *r = shard_at(shard, slot);
    size_t before = record_bytes(r);

    if (record_set_state(r, state) != MS_OK)
        return MS_NOMEM;
    shard_resized(shard, r, before);
    shard_stands(shard, slot);
    r->version++;
    record_seen(r, ledger_wall_s(now));
    r->flags |= RECORD_STATE_DIRTY;
    shard_touch(shard, slot);
    shard_dirty(shard, slot);
    return MS_OK;
}

/* Write STATE if the record is as READING saw it; *DONE tells. */
static enum ms_err
write_if_same(struct ledger *ledger, const struct subject *subject,
              const uint8_t key[RECORD_KEY], const struct reading *reading,
              const struct store_state *state, struct store_time now,
              bool *done)
{
    struct shard *shard = lock(ledger, key);
    uint64_t clock_s = ledger_clock_ms(ledger, now) / 1000;
    enum ms_err err = MS_OK;
    uint32_t slot;
    struct record *r = find(shard, key, &slot);

    *done = r == NULL ? reading->epoch == 0
                      : r->epoch == reading->epoch &&
                            r->version == reading->state.version;
    if (*done && r == NULL) {
        r = make_record(shard, subject, key, state->standing, clock_s, &slot);
        if (r == NULL)
            err = MS_NOMEM;
    }
    if (*done && r != NULL)
        err = write_state(shard, slot, state, now);
    pthread_mutex_unlock(&shard->lock);
    return err;
}

static bool
is_blank(const struct store_state *state)
{
    return state->standing == STANDING_NORMAL && state->throttle == 0 &&
           state->len == 0;
}

/* The wall clock, but no further on since it was first read than the store's:
 * nobody has been away for the year that somebody sets it forward.  What was
 * loaded has aged by it until then, as windows do. */
static uint32_t
age_wall_s(struct ledger *ledger, struct store_time now)
{
    int64_t clock_s = (int64_t)(ledger_clock_ms(ledger, now) / 1000);
    int64_t ahead_s = (int64_t)ledger_wall_s(now) - clock_s;
    int64_t first_s = LEDGER_UNREAD;

    if (!atomic_compare_exchange_strong(&ledger->ahead_s, &first_s, ahead_s) &&
        ahead_s > first_s)
        ahead_s = first_s;
    return ledger_wall_s((struct store_time){.wall = {clock_s + ahead_s}});
}

/* States of those who were last seen before then are not kept any more. */
static void
age_states(struct ledger *ledger, struct store_time now)
{
    uint32_t now_s = age_wall_s(ledger, now),
             keep_s = atomic_load(&ledger->keep_s);

    atomic_store_explicit(&ledger->tally.stale_s,
                          now_s > keep_s ? now_s - keep_s : 0,
                          memory_order_relaxed);
}

enum ms_err
ledger_update(struct ledger *ledger, const struct subject *subject,
              struct store_time now,
              enum ms_err (*change)(void *arg, struct store_state *state),
              void *arg, bool *changed)
{
    uint8_t key[RECORD_KEY];
    struct reading reading;
    struct store_state state;
    bool done = false;

    *changed = false;
    age_states(ledger, now);
    ledger_key(ledger, subject, key);
    for (int i = 0; i < UPDATE_TRIES && !done; i++) {
        enum ms_err err;

        read_state(ledger, key, &reading);
        state = reading.state;
        err = change(arg, &state);
        if (err != MS_OK)
            return err;
        if (state.len > STORE_STATE_MAX || state.standing > STANDING_PROBATION)
            return MS_INVALID;
        if (reading.epoch == 0 && is_blank(&state))
            return MS_OK; /* no record is as good as an empty one */
        err = write_if_same(ledger, subject, key, &reading, &state, now, &done);
        if (err != MS_OK)
            return err;
    }
    *changed = done && state.standing != reading.state.standing;
    return done ? MS_OK : MS_BUSY;
}

/* ----- for the operator */

enum ms_err
ledger_get(struct ledger *ledger, const struct subject *subject,
           struct store_time now, bool *found, struct store_record *out)
{
    uint8_t key[RECORD_KEY];
    struct shard *shard;
    uint32_t slot;
    const struct record *r;

    ledger_key(ledger, subject, key);
    shard = lock(ledger, key);
    r = find(shard, key, &slot);
    *found =
        r != NULL && record_show(r, ledger_clock_ms(ledger, now) / 1000, out);
    pthread_mutex_unlock(&shard->lock);
    return MS_OK;
}

/* Which records an operator asks for. */
struct wanted {
    bool any_kind; /* that stands other than normal */
    enum subject_kind kind;
};

static bool
is_wanted(const struct wanted *wanted, const struct record *r)
{
    if ((r->flags & RECORD_DEAD) != 0)
        return false;
    if (wanted->any_kind)
        return r->kind < SUBJECT_KINDS && r->standing != STANDING_NORMAL;
    return r->kind == wanted->kind;
}

/* Copy records that are wanted from *SLOT on, until OUT is full or a callback
 * should have its turn; how many. */
static size_t
copy_some(struct ledger *ledger, struct shard *shard,
          const struct wanted *wanted, struct store_time now, uint32_t *slot,
          struct store_record out[LIST_BATCH])
{
    uint64_t clock_s = ledger_clock_ms(ledger, now) / 1000;
    size_t n = 0;

    pthread_mutex_lock(&shard->lock);
    for (unsigned looks = 0; looks < LIST_LOOKS && n < LIST_BATCH; looks++) {
        const struct record *r;

        if (wanted->any_kind)
            *slot = shard_apart(shard, *slot);
        if (*slot >= shard->n_slots)
            break;
        r = shard_at(shard, (*slot)++);
        if (is_wanted(wanted, r) && record_show(r, clock_s, &out[n]))
            n++;
    }
    pthread_mutex_unlock(&shard->lock);
    return n;
}

static uint32_t
slots_of(struct shard *shard)
{
    uint32_t n;

    pthread_mutex_lock(&shard->lock);
    n = shard->n_slots;
    pthread_mutex_unlock(&shard->lock);
    return n;
}

static enum ms_err
walk(struct ledger *ledger, const struct wanted *wanted, struct store_time now,
     bool (*each)(void *arg, const struct store_record *record), void *arg)
{
    struct store_record *some = malloc(LIST_BATCH * sizeof(*some));
    bool more = true;

    if (some == NULL)
        return MS_NOMEM;
    for (unsigned i = 0; i < LEDGER_SHARDS && more; i++) {
        struct shard *shard = &ledger->shard[i];
        uint32_t slot = 0;

        while (more && slot < slots_of(shard)) {
            size_t n = copy_some(ledger, shard, wanted, now, &slot, some);

            for (size_t j = 0; j < n && more; j++)
                more = each(arg, &some[j]);
        }
    }
    free(some);
    return MS_OK;
}

enum ms_err
ledger_list(struct ledger *ledger, enum subject_kind kind,
            struct store_time now,
            bool (*each)(void *arg, const struct store_record *record),
            void *arg)
{
    return walk(ledger, &(struct wanted){.kind = kind}, now, each, arg);
}

enum ms_err
ledger_standings(struct ledger *ledger, struct store_time now,
                 bool (*each)(void *arg, const struct store_record *record),
                 void *arg)
{
    return walk(ledger, &(struct wanted){.any_kind = true}, now, each, arg);
}

void
ledger_keep(struct ledger *ledger, uint32_t keep_s)
{
    atomic_store(&ledger->keep_s, keep_s);
}

enum ms_err
ledger_forget(struct ledger *ledger, const struct subject *subject,
              struct store_time now, bool *found)
{
    uint8_t key[RECORD_KEY];
    struct shard *shard;
    uint32_t slot;

    (void)now;
    ledger_key(ledger, subject, key);
    shard = lock(ledger, key);
    *found = find(shard, key, &slot) != NULL;
    if (*found)
        shard_remove(shard, slot);
    pthread_mutex_unlock(&shard->lock);
    return MS_OK;
}

enum ms_err
ledger_reset(struct ledger *ledger, const struct subject *subject,
             uint64_t window, struct store_time now, bool *found)
{
    uint8_t key[RECORD_KEY];
    struct shard *shard;
    uint32_t slot;
    struct record *r;

    ledger_key(ledger, subject, key);
    shard = lock(ledger, key);
    r = find(shard, key, &slot);
    *found = r != NULL;
    if (r != NULL) {
        record_reset(r, window);
        r->epoch = shard_epoch(shard);
        record_seen(r, ledger_wall_s(now));
        shard_dirty(shard, slot);
    }
    pthread_mutex_unlock(&shard->lock);
    return MS_OK;
}

/* ----- put */

static bool
window_fits(const struct store_record *in, size_t i)
{
    const struct store_window *w = &in->windows[i];

    if (w->span_s < WINDOW_SPAN_MIN_S || w->span_s > WINDOW_SPAN_MAX_S)
        return false;
    for (size_t j = 0; j < i; j++)
        if (in->windows[j].window == w->window &&
            in->windows[j].span_s == w->span_s)
            return false;
    return true;
}

/* It may come from a file that anybody could write. */
static bool
record_fits(const struct store_record *in)
{
    struct subject subject;

    if (in->subject.len > SUBJECT_BYTES ||
        !subject_read(in->subject.bytes, in->subject.len, &subject) ||
        subject.kind != in->subject.kind ||
        (unsigned)in->state.standing > STANDING_PROBATION ||
        in->state.len > STORE_STATE_MAX || in->n_windows > STORE_WINDOWS)
        return false;
    for (size_t i = 0; i < in->n_windows; i++)
        if (!window_fits(in, i))
            return false;
    return true;
}

/* What IN shows, in a record of its own: if there is no memory for it, the old
 * one has lost nothing. */
static enum ms_err
make_contents(const struct store_record *in, const uint8_t key[RECORD_KEY],
              uint64_t clock_s, struct record *out)
{
    const struct record_seed seed = {.key = key,
                                     .kind = in->subject.kind,
                                     .name = in->subject.bytes,
                                     .len = in->subject.len,
                                     .n_windows = (uint8_t)in->n_windows};

    if (record_init(out, &seed) != MS_OK)
        return MS_NOMEM;
    if (record_set_state(out, &in->state) != MS_OK) {
        record_end(out);
        return MS_NOMEM;
    }
    record_fill(out, in, clock_s);
    return MS_OK;
}

/* Give the record in SLOT what FROM holds, which is moved. */
static void
replace(struct shard *shard, uint32_t slot, struct record *from,
        const struct store_record *in)
{
    struct record *r = shard_at(shard, slot);
    size_t before = record_bytes(r);

    record_end(r);
    r->windows = from->windows;
    r->n_windows = from->n_windows;
    r->len = from->len;
    r->state = from->state;
    r->standing = from->standing;
    r->version = in->state.version;
    r->first_s = ledger_wall_s((struct store_time){.wall = in->first_seen});
    r->last_s = ledger_wall_s((struct store_time){.wall = in->last_seen});
    r->epoch = shard_epoch(shard);
    r->flags |= RECORD_STATE_DIRTY;
    shard_resized(shard, r, before);
    shard_stands(shard, slot);
    shard_touch(shard, slot);
    shard_dirty(shard, slot);
}

enum ms_err
ledger_put(struct ledger *ledger, const struct store_record *in,
           struct store_time now)
{
    uint8_t key[RECORD_KEY];
    struct shard *shard;
    struct record contents;
    uint64_t clock_s;
    uint32_t slot;
    enum ms_err err;

    if (!record_fits(in))
        return MS_INVALID;
    ledger_key(ledger, &in->subject, key);
    shard = lock(ledger, key);
    clock_s = ledger_clock_ms(ledger, now) / 1000;
    err = make_contents(in, key, clock_s, &contents);
    if (err == MS_OK && find(shard, key, &slot) == NULL &&
        make_record(shard, &in->subject, key, in->state.standing, clock_s,
                    &slot) == NULL) {
        record_end(&contents);
        err = MS_NOMEM;
    }
    if (err == MS_OK)
        replace(shard, slot, &contents, in);
    pthread_mutex_unlock(&shard->lock);
    return err;
}

void
ledger_stats(struct ledger *ledger, struct store_stats *out)
{
    memset(out, 0, sizeof(*out));
    for (unsigned i = 0; i < LEDGER_SHARDS; i++) {
        struct shard *shard = &ledger->shard[i];

        pthread_mutex_lock(&shard->lock);
        for (unsigned kind = 0; kind < SUBJECT_KINDS; kind++)
            out->subjects[kind] += shard->count[kind];
        out->evicted += shard->evicted;
        out->overflowed += shard->overflowed;
        out->dirty += shard->dirty.n + shard->saving.n;
        pthread_mutex_unlock(&shard->lock);
    }
    for (unsigned kind = 0; kind < RECORD_KINDS; kind++)
        out->bytes += atomic_load_explicit(&ledger->tally.bytes[kind],
                                           memory_order_relaxed);
}

void
ledger_sweep(struct ledger *ledger, uint32_t parts, struct store_time now)
{
    age_states(ledger, now);
    for (unsigned i = 0; i < LEDGER_SHARDS; i++) {
        struct shard *shard = &ledger->shard[i];

        pthread_mutex_lock(&shard->lock);
        shard_sweep(shard, shard->n_slots / parts + 1,
                    ledger_clock_ms(ledger, now) / 1000);
        pthread_mutex_unlock(&shard->lock);
    }
}

/* ----- for a saver */

/* The key that ROW, found whole, has in this ledger. */
static void
key_of(const struct ledger *ledger, const struct row *row,
       enum ledger_keys keys, uint8_t key[RECORD_KEY])
{
    struct subject subject;

    if (keys == LEDGER_KEYS_NEW &&
        subject_read(row->name, row->name_len, &subject))
        ledger_key(ledger, &subject, key);
    else
        memcpy(key, row->key, RECORD_KEY);
}

static enum ms_err
restore(struct ledger *ledger, const struct row *row,
        const uint8_t key[RECORD_KEY], bool *whole)
{
    struct shard *shard = &ledger->shard[ledger_shard(key)];
    const struct record_seed seed = {.key = key,
                                     .kind = (unsigned)row->kind,
                                     .name = row->name,
                                     .len = (uint16_t)row->name_len,
                                     .n_windows = row_windows(row)};
    struct record *r;
    uint32_t slot;
    size_t before;
    enum ms_err err;

    if (shard_find(shard, key) != RECORD_NONE)
        return MS_INVALID;
    err = shard_insert(shard, &seed, &slot);
    if (err != MS_OK)
        return err;
    r = shard_at(shard, slot);
    before = record_bytes(r);
    err = row_read(row, r);
    shard_resized(shard, r, before);
    shard_stands(shard, slot);
    *whole = row->state == NULL || (r->state != NULL && r->state->len > 0);
    if (!*whole)
        shard_dirty(shard, slot); /* the damaged state goes */
    return err;
}

enum ms_err
ledger_restore(struct ledger *ledger, const struct row *row,
               enum ledger_keys keys)
{
    uint8_t key[RECORD_KEY];
    bool whole = true;
    enum ms_err err = MS_INVALID;
    bool usable = row->id > 0 && row->id < INT64_MAX / 2;

    /* also past a damaged row: its id is taken until it has been deleted */
    if (usable && ledger->tally.next_id <= row->id)
        ledger->tally.next_id = row->id + 1;
    if (usable && row_check(row)) {
        key_of(ledger, row, keys, key);
        err = restore(ledger, row, key, &whole);
    }
    if (err == MS_INVALID)
        shard_bury(&ledger->shard[row->id % LEDGER_SHARDS], row->id);
    return err == MS_OK && !whole ? MS_INVALID : err;
}

void
ledger_expect(struct ledger *ledger, uint64_t n)
{
    for (unsigned i = 0; i < LEDGER_SHARDS; i++)
        shard_expect(&ledger->shard[i], (uint32_t)(n / LEDGER_SHARDS) + 1);
}

uint64_t
ledger_dirty(struct ledger *ledger)
{
    uint64_t n = 0;

    for (unsigned i = 0; i < LEDGER_SHARDS; i++) {
        pthread_mutex_lock(&ledger->shard[i].lock);
        n += ledger->shard[i].dirty.n;
        pthread_mutex_unlock(&ledger->shard[i].lock);
    }
    return n;
}

/* It is in ROWS, and may be in the file from now on. */
static void
taken(struct record *r)
{
    r->flags |= RECORD_STORED;
    if (r->state != NULL && r->state->len > 0)
        r->flags |= RECORD_STATE_STORED;
    r->flags &= (uint8_t)~RECORD_STATE_DIRTY;
}

static enum ms_err
take_from(struct shard *shard, struct rows *rows)
{
    enum ms_err err = MS_OK;

    pthread_mutex_lock(&shard->lock);
    for (int i = 0; i < TAKE && shard->dirty.first != RECORD_NONE; i++) {
        struct record *r = shard_at(shard, shard->dirty.first);

        err = rows_add(rows, r);
        if (err != MS_OK)
            break;
        taken(r);
        shard_take(shard);
    }
    pthread_mutex_unlock(&shard->lock);
    return err;
}

enum ms_err
ledger_take(struct ledger *ledger, struct rows *rows)
{
    enum ms_err err = MS_OK;

    rows_clear(rows);
    for (unsigned i = 0; i < LEDGER_SHARDS && err == MS_OK; i++)
        err = take_from(&ledger->shard[i], rows);
    rows_sort(rows);
    return err;
}

/* One of the functions that a saver ends with, for each shard. */
static void
all_shards(struct ledger *ledger, void (*end)(struct shard *shard))
{
    for (unsigned i = 0; i < LEDGER_SHARDS; i++) {
        pthread_mutex_lock(&ledger->shard[i].lock);
        end(&ledger->shard[i]);
        pthread_mutex_unlock(&ledger->shard[i].lock);
    }
}

void
ledger_order(struct ledger *ledger)
{
    all_shards(ledger, shard_order);
}

void
ledger_saved(struct ledger *ledger)
{
    all_shards(ledger, shard_saved);
}

void
ledger_unsaved(struct ledger *ledger)
{
    all_shards(ledger, shard_unsaved);
}

void
ledger_all_dirty(struct ledger *ledger)
{
    all_shards(ledger, shard_all_dirty);
}
