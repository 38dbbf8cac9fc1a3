/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/store/shard.c - one of the ledger's tables.  Slots are 32-bit numbers
 * into pages that never move: links cost four bytes, and whoever walks all
 * records can give the lock back and go on at a number.
 */
#include <config.h>

#include "policy/store/shard.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

enum {
    PAGE = 128,     /* records */
    BUCKETS = 16,   /* at first */
    EVICT_SCAN = 16 /* the oldest of a kind that are looked at */
};

enum { FREE_KIND = RECORD_KINDS };

static void
list_init(struct shard_list *list)
{
    *list = (struct shard_list){RECORD_NONE, RECORD_NONE, 0};
}

enum ms_err
shard_init(struct shard *shard, struct shard_tally *tally)
{
    memset(shard, 0, sizeof(*shard));
    shard->tally = tally;
    shard->free = RECORD_NONE;
    for (unsigned i = 0; i < RECORD_KINDS; i++)
        shard->newest[i] = shard->oldest[i] = RECORD_NONE;
    list_init(&shard->dirty);
    list_init(&shard->saving);
    randombytes_buf(&shard->epochs, sizeof(shard->epochs));
    shard->buckets = malloc(BUCKETS * sizeof(*shard->buckets));
    if (shard->buckets == NULL)
        return MS_NOMEM;
    shard->n_buckets = BUCKETS;
    memset(shard->buckets, 0xff, BUCKETS * sizeof(*shard->buckets));
    if (pthread_mutex_init(&shard->lock, NULL) == 0)
        return MS_OK;
    free(shard->buckets);
    shard->buckets = NULL;
    return MS_NOMEM;
}

void
shard_end(struct shard *shard)
{
    if (shard->buckets == NULL)
        return; /* never made */
    for (uint32_t i = 0; i < shard->n_slots; i++)
        record_end(shard_at(shard, i));
    for (uint32_t i = 0; i < shard->n_pages; i++)
        free(shard->pages[i]);
    free(shard->pages);
    free(shard->apart);
    free(shard->buckets);
    pthread_mutex_destroy(&shard->lock);
}

struct record *
shard_at(const struct shard *shard, uint32_t slot)
{
    return &shard->pages[slot / PAGE][slot % PAGE];
}

/* In a slot that is used, by a record that is not only to be deleted? */
static bool
is_live(const struct record *r)
{
    return r->kind != FREE_KIND && (r->flags & RECORD_DEAD) == 0;
}

/* ----- by standing */

void
shard_stands(struct shard *shard, uint32_t slot)
{
    if (shard_at(shard, slot)->standing != STANDING_NORMAL)
        shard->apart[slot / PAGE] = true;
}

/* Nothing keeps the mark up to date when a standing passes or a record goes:
 * whoever looks does. */
static bool
page_is_apart(const struct shard *shard, uint32_t page)
{
    for (uint32_t i = 0; i < PAGE && page * PAGE + i < shard->n_slots; i++) {
        const struct record *r = &shard->pages[page][i];

        if (is_live(r) && r->standing != STANDING_NORMAL)
            return true;
    }
    return false;
}

uint32_t
shard_apart(struct shard *shard, uint32_t slot)
{
    const uint32_t page = slot / PAGE;

    if (slot >= shard->n_slots)
        return shard->n_slots;
    if (shard->apart[page] && slot % PAGE == 0)
        shard->apart[page] = page_is_apart(shard, page);
    if (!shard->apart[page])
        slot = (page + 1) * PAGE;
    return slot < shard->n_slots ? slot : shard->n_slots;
}

uint64_t
shard_epoch(struct shard *shard)
{
    uint64_t z;

    do { /* splitmix64: it must not repeat, guessing it is no use */
        z = shard->epochs += UINT64_C(0x9e3779b97f4a7c15);
        z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
        z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
        z ^= z >> 31;
    } while (z == 0);
    return z;
}

/* ----- by key */

/* The key is a keyed hash already. */
static uint32_t *
bucket_of(const struct shard *shard, const uint8_t key[RECORD_KEY])
{
    uint32_t hash;

    memcpy(&hash, key + 4, sizeof(hash));
    return &shard->buckets[hash & (shard->n_buckets - 1)];
}

uint32_t
shard_find(const struct shard *shard, const uint8_t key[RECORD_KEY])
{
    uint32_t slot = *bucket_of(shard, key);

    while (slot != RECORD_NONE) {
        const struct record *r = shard_at(shard, slot);

        if (memcmp(r->key, key, RECORD_KEY) == 0)
            return slot;
        slot = r->chain;
    }
    return RECORD_NONE;
}

static void
chain(struct shard *shard, uint32_t slot)
{
    struct record *r = shard_at(shard, slot);
    uint32_t *bucket = bucket_of(shard, r->key);

    r->chain = *bucket;
    *bucket = slot;
    shard->n_chained++;
}

static void
unchain(struct shard *shard, uint32_t slot)
{
    struct record *r = shard_at(shard, slot);
    uint32_t *link = bucket_of(shard, r->key);

    while (*link != slot)
        link = &shard_at(shard, *link)->chain;
    *link = r->chain;
    shard->n_chained--;
}

static void
rehash(struct shard *shard, uint32_t n_buckets)
{
    uint32_t *more = realloc(shard->buckets, (size_t)n_buckets * sizeof(*more));

    if (more == NULL)
        return; /* longer chains will do */
    memset(more, 0xff, (size_t)n_buckets * sizeof(*more));
    shard->buckets = more;
    shard->n_buckets = n_buckets;
    shard->n_chained = 0;
    for (uint32_t i = 0; i < shard->n_slots; i++)
        if (is_live(shard_at(shard, i)))
            chain(shard, i);
}

void
shard_expect(struct shard *shard, uint32_t n)
{
    uint32_t n_buckets = shard->n_buckets;

    while (n_buckets < n && n_buckets < UINT32_C(1) << 28)
        n_buckets *= 2;
    if (n_buckets > shard->n_buckets)
        rehash(shard, n_buckets);
}

/* ----- by kind and last use */

static void
use_link(struct shard *shard, uint32_t slot)
{
    struct record *r = shard_at(shard, slot);
    uint32_t *newest = &shard->newest[r->kind];

    r->newer = RECORD_NONE;
    r->older = *newest;
    if (*newest == RECORD_NONE)
        shard->oldest[r->kind] = slot;
    else
        shard_at(shard, *newest)->newer = slot;
    *newest = slot;
}

static void
use_unlink(struct shard *shard, uint32_t slot)
{
    struct record *r = shard_at(shard, slot);

    if (r->newer == RECORD_NONE)
        shard->newest[r->kind] = r->older;
    else
        shard_at(shard, r->newer)->older = r->older;
    if (r->older == RECORD_NONE)
        shard->oldest[r->kind] = r->newer;
    else
        shard_at(shard, r->older)->newer = r->newer;
}

void
shard_touch(struct shard *shard, uint32_t slot)
{
    if (shard->newest[shard_at(shard, slot)->kind] == slot)
        return;
    use_unlink(shard, slot);
    use_link(shard, slot);
}

static int
by_number(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;

    return *x < *y ? -1 : *x > *y;
}

void
shard_order(struct shard *shard)
{
    uint64_t *seen = calloc(shard->n_slots, sizeof(*seen));
    uint32_t n = 0;

    if (seen == NULL)
        return; /* then they go in the order they were made in */
    for (uint32_t i = 0; i < shard->n_slots; i++)
        if (is_live(shard_at(shard, i)))
            seen[n++] = (uint64_t)shard_at(shard, i)->last_s << 32 | i;
    qsort(seen, n, sizeof(*seen), by_number);
    for (uint32_t i = 0; i < n; i++)
        shard_touch(shard, (uint32_t)seen[i]);
    free(seen);
}

/* ----- by what is to be saved */

static void
list_append(struct shard *shard, struct shard_list *list, uint32_t slot)
{
    struct record *r = shard_at(shard, slot);

    r->list_next = RECORD_NONE;
    r->list_prev = list->last;
    if (list->last == RECORD_NONE)
        list->first = slot;
    else
        shard_at(shard, list->last)->list_next = slot;
    list->last = slot;
    list->n++;
}

static void
list_remove(struct shard *shard, struct shard_list *list, uint32_t slot)
{
    struct record *r = shard_at(shard, slot);

    if (r->list_prev == RECORD_NONE)
        list->first = r->list_next;
    else
        shard_at(shard, r->list_prev)->list_next = r->list_next;
    if (r->list_next == RECORD_NONE)
        list->last = r->list_prev;
    else
        shard_at(shard, r->list_next)->list_prev = r->list_prev;
    list->n--;
}

/* Take it off whichever list it is on. */
static void
unlist(struct shard *shard, uint32_t slot)
{
    struct record *r = shard_at(shard, slot);

    if (r->flags & RECORD_DIRTY)
        list_remove(shard, &shard->dirty, slot);
    if (r->flags & RECORD_SAVING)
        list_remove(shard, &shard->saving, slot);
    r->flags &= (uint8_t) ~(RECORD_DIRTY | RECORD_SAVING);
}

void
shard_dirty(struct shard *shard, uint32_t slot)
{
    struct record *r = shard_at(shard, slot);

    if (!shard->tally->saved || (r->flags & RECORD_DIRTY))
        return;
    unlist(shard, slot);
    list_append(shard, &shard->dirty, slot);
    r->flags |= RECORD_DIRTY;
}

uint32_t
shard_take(struct shard *shard)
{
    uint32_t slot = shard->dirty.first;
    struct record *r;

    if (slot == RECORD_NONE)
        return RECORD_NONE;
    r = shard_at(shard, slot);
    unlist(shard, slot);
    list_append(shard, &shard->saving, slot);
    r->flags |= RECORD_SAVING;
    return slot;
}

/* ----- coming and going */

void
shard_resized(struct shard *shard, const struct record *r, size_t bytes_before)
{
    /* unsigned, so a smaller one comes out right, too */
    atomic_fetch_add_explicit(&shard->tally->bytes[r->kind],
                              (uint64_t)record_bytes(r) - bytes_before,
                              memory_order_relaxed);
}

static enum ms_err
add_page(struct shard *shard)
{
    struct record **pages;
    struct record *page;
    bool *apart;

    if (shard->n_slots >= RECORD_NONE - PAGE)
        return MS_NOMEM;
    apart = realloc(shard->apart, ((size_t)shard->n_pages + 1) * sizeof(bool));
    if (apart == NULL)
        return MS_NOMEM;
    shard->apart = apart;
    apart[shard->n_pages] = false;
    pages = realloc(shard->pages,
                    ((size_t)shard->n_pages + 1) * sizeof(struct record *));
    if (pages == NULL)
        return MS_NOMEM;
    shard->pages = pages;
    page = calloc(PAGE, sizeof(*page));
    if (page == NULL)
        return MS_NOMEM;
    pages[shard->n_pages++] = page;
    return MS_OK;
}

static void
free_slot(struct shard *shard, uint32_t slot)
{
    struct record *r = shard_at(shard, slot);

    record_end(r);
    r->kind = FREE_KIND;
    r->flags = 0;
    r->chain = shard->free;
    shard->free = slot;
}

static enum ms_err
new_slot(struct shard *shard, uint32_t *slot)
{
    if (shard->free == RECORD_NONE) {
        if (shard->n_slots / PAGE == shard->n_pages && add_page(shard) != MS_OK)
            return MS_NOMEM;
        free_slot(shard, shard->n_slots++);
    }
    *slot = shard->free;
    shard->free = shard_at(shard, *slot)->chain;
    return MS_OK;
}

enum ms_err
shard_insert(struct shard *shard, const struct record_seed *seed,
             uint32_t *slot)
{
    uint32_t at;
    struct record *r;

    shard_expect(shard, shard->n_chained + 1);
    if (new_slot(shard, &at) != MS_OK)
        return MS_NOMEM;
    r = shard_at(shard, at);
    if (record_init(r, seed) != MS_OK) {
        free_slot(shard, at);
        return MS_NOMEM;
    }
    r->epoch = shard_epoch(shard);
    r->id = atomic_fetch_add_explicit(&shard->tally->next_id, 1,
                                      memory_order_relaxed);
    chain(shard, at);
    use_link(shard, at);
    shard->count[seed->kind]++;
    shard_resized(shard, r, 0);
    *slot = at;
    return MS_OK;
}

void
shard_remove(struct shard *shard, uint32_t slot)
{
    struct record *r = shard_at(shard, slot);

    assert((r->flags & (RECORD_DEAD | RECORD_PINNED)) == 0);
    unchain(shard, slot);
    use_unlink(shard, slot);
    shard->count[r->kind]--;
    atomic_fetch_sub_explicit(&shard->tally->bytes[r->kind], record_bytes(r),
                              memory_order_relaxed);
    if (r->flags & RECORD_STORED) {
        record_end(r);
        r->flags |= RECORD_DEAD;
        shard_dirty(shard, slot);
        return;
    }
    unlist(shard, slot);
    free_slot(shard, slot);
}

void
shard_bury(struct shard *shard, uint64_t id)
{
    uint32_t slot;
    struct record *r;

    if (new_slot(shard, &slot) != MS_OK)
        return; /* the next start finds it again */
    r = shard_at(shard, slot);
    *r = (struct record){.id = id, .flags = RECORD_DEAD | RECORD_STATE_STORED};
    shard_dirty(shard, slot);
}

bool
shard_is_full(const struct shard *shard, unsigned kind)
{
    return atomic_load_explicit(&shard->tally->bytes[kind],
                                memory_order_relaxed) >=
           shard->tally->share[kind];
}

static bool
evict(struct shard *shard, unsigned kind, uint64_t clock_s)
{
    for (unsigned i = 0; i < EVICT_SCAN; i++) {
        uint32_t slot = shard->oldest[kind];
        struct record *r;

        if (slot == RECORD_NONE)
            return false;
        r = shard_at(shard, slot);
        if ((r->flags & RECORD_PINNED) == 0 && record_is_spare(r, clock_s)) {
            shard_remove(shard, slot);
            shard->evicted++;
            return true;
        }
        shard_touch(shard, slot); /* a second chance */
    }
    return false;
}

bool
shard_make_room(struct shard *shard, unsigned kind, uint64_t clock_s)
{
    bool evicted = evict(shard, kind, clock_s);

    /* Records also grow, so two go for one until the share is kept. */
    if (evicted && shard_is_full(shard, kind))
        evict(shard, kind, clock_s);
    return evicted || !shard_is_full(shard, kind);
}

void
shard_sweep(struct shard *shard, uint32_t n, uint64_t clock_s)
{
    while (n-- > 0 && shard->n_slots > 0) {
        struct record *r;

        if (shard->sweep_at >= shard->n_slots)
            shard->sweep_at = 0;
        r = shard_at(shard, shard->sweep_at);
        if (is_live(r) && (r->flags & RECORD_PINNED) == 0 &&
            record_is_idle(r, clock_s,
                           atomic_load_explicit(&shard->tally->stale_s,
                                                memory_order_relaxed)))
            shard_remove(shard, shard->sweep_at);
        shard->sweep_at++;
    }
}

/* ----- the saver's verdict */

void
shard_saved(struct shard *shard)
{
    uint32_t slot = shard->saving.first;

    while (slot != RECORD_NONE) {
        struct record *r = shard_at(shard, slot);
        uint32_t next = r->list_next;

        r->flags &= (uint8_t)~RECORD_SAVING;
        if (r->state == NULL || r->state->len == 0)
            r->flags &= (uint8_t)~RECORD_STATE_STORED;
        if (r->flags & RECORD_DEAD)
            free_slot(shard, slot);
        slot = next;
    }
    list_init(&shard->saving);
}

void
shard_unsaved(struct shard *shard)
{
    while (shard->saving.first != RECORD_NONE) {
        uint32_t slot = shard->saving.first;
        struct record *r = shard_at(shard, slot);

        if (r->state != NULL || (r->flags & RECORD_STATE_STORED))
            r->flags |= RECORD_STATE_DIRTY;
        shard_dirty(shard, slot);
    }
}

void
shard_all_dirty(struct shard *shard)
{
    shard_unsaved(shard);
    for (uint32_t i = 0; i < shard->n_slots; i++) {
        struct record *r = shard_at(shard, i);

        if (r->kind == FREE_KIND)
            continue;
        r->flags &= (uint8_t) ~(RECORD_STORED | RECORD_STATE_STORED);
        if (r->flags & RECORD_DEAD) {
            unlist(shard, i);
            free_slot(shard, i);
            continue;
        }
        r->flags |= RECORD_STATE_DIRTY;
        shard_dirty(shard, i);
    }
}
