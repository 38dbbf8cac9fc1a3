/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/store/denials.c - a layer that remembers refusals.  A subject's key
 * names a set of sixteen places: all about one subject is in one set, so that
 * it can be dropped, and whoever fills a set makes room in that set only.
 */
#include <config.h>

#include "policy/store/denials.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum {
    PLACES = 16, /* of a set */
    SETS = DENIALS_MAX / PLACES,
    LOCKS = 64
};

/* One window of one subject has refused. */
struct denial {
    uint8_t key[DENIALS_KEY];
    uint64_t window;
    uint64_t used;    /* without the events that were refused */
    int64_t until_ms; /* mono; 0: the place is free */
    int64_t room_ms;  /* mono, when room returns; INT64_MAX: never */
    uint32_t span_s;
    uint32_t limit; /* at which N was refused */
    uint32_t n;
    uint32_t first_s;  /* of the subject: these and its standing are told */
    uint32_t throttle; /* with each answer about it */
    uint8_t standing;
    bool throttled; /* it was not LIMIT, but the rate of a standing */
};

struct set {
    struct denial place[PLACES];
};

struct denials {
    struct store store;
    struct store *below;
    struct denials_keys keys;
    pthread_mutex_t lock[LOCKS]; /* each of every 64th set; leaves */
    struct set *sets;
    _Atomic int64_t last_ms; /* when the last will be forgotten */
    _Atomic int64_t seen_ms; /* the latest time that was handed in */
    _Atomic uint64_t used;   /* steps answered from memory */
};

/* What is needed of an item when its answer comes. */
struct kept {
    uint64_t window;
    uint32_t span_s, limit, n;
    uint32_t name; /* where its subject's bytes are */
    uint16_t len;  /* of them; 0: never mind */
    bool throttled;
};

/* A step that the store below has been asked, or one that it has not been. */
struct ticket {
    struct store_ticket *below; /* NULL: ANSWERS hold */
    struct charge_answers *answers;
    struct mono asked;
    size_t n;
    struct kept *item;
    uint8_t *names;
};

static struct denials *
of(struct store *store)
{
    return (struct denials *)store;
}

/* ----- sets */

static unsigned
set_of(const uint8_t key[DENIALS_KEY])
{
    return ((unsigned)key[0] << 8 | key[1]) % SETS;
}

/* The set of KEY, locked. */
static struct set *
lock(struct denials *d, const uint8_t key[DENIALS_KEY])
{
    unsigned i = set_of(key);

    pthread_mutex_lock(&d->lock[i % LOCKS]);
    return &d->sets[i];
}

static void
unlock(struct denials *d, const uint8_t key[DENIALS_KEY])
{
    pthread_mutex_unlock(&d->lock[set_of(key) % LOCKS]);
}

static void
drop(struct denials *d, const uint8_t key[DENIALS_KEY])
{
    struct set *set = lock(d, key);

    for (unsigned i = 0; i < PLACES; i++)
        if (memcmp(set->place[i].key, key, DENIALS_KEY) == 0)
            set->place[i].until_ms = 0;
    unlock(d, key);
}

static void
drop_subject(struct denials *d, const struct subject *subject)
{
    uint8_t key[DENIALS_KEY];

    d->keys.make(d->keys.arg, subject, key);
    drop(d, key);
}

static bool
same_window(const struct denial *a, const struct denial *b)
{
    return a->window == b->window && a->span_s == b->span_s &&
           memcmp(a->key, b->key, DENIALS_KEY) == 0;
}

/* Keep NEW in place of what is known of its window, or of what ends first. */
static void
keep(struct denials *d, const struct denial *new)
{
    struct set *set = lock(d, new->key);
    struct denial *place = &set->place[0];

    for (unsigned i = 0; i < PLACES; i++) {
        if (set->place[i].until_ms < place->until_ms)
            place = &set->place[i];
        if (same_window(&set->place[i], new)) {
            place = &set->place[i];
            break;
        }
    }
    *place = *new;
    unlock(d, new->key);
}

static void
raise_to(_Atomic int64_t *latest, int64_t ms)
{
    int64_t was = atomic_load_explicit(latest, memory_order_relaxed);

    while (was < ms && !atomic_compare_exchange_weak(latest, &was, ms))
        continue;
}

/* ----- answers from memory */

/* A step that is being looked up. */
struct lookup {
    struct denials *denials;
    const struct charge_item *items;
    size_t n;
    int64_t now_ms;
    uint8_t key[CHARGE_ITEMS][DENIALS_KEY];
    struct charge_answers *out;
    bool refuses; /* an item is over */
};

/* Does a refusal of ITEM show in the store below, and can it be remembered? */
static bool
counts(const struct charge_item *item)
{
    return !item->host && !item->observe && item->kind != CHARGE_NOTE;
}

/* Does D refuse ITEM, which is about the same subject, too? */
static bool
refuses(const struct denial *d, const struct charge_item *item)
{
    return counts(item) && item->window == d->window &&
           item->span_s == d->span_s && item->throttled == d->throttled &&
           item->limit <= d->limit && item->n >= d->n;
}

static void
answer_item(struct lookup *l, size_t i, const struct denial *d)
{
    const struct charge_item *item = &l->items[i];
    struct charge_answer *answer = &l->out->item[i];

    answer->standing = (enum standing)d->standing;
    answer->first_s = d->first_s;
    answer->throttle = d->throttle;
    if (!refuses(d, item))
        return;
    answer->over = true;
    answer->used = d->used + item->n;
    answer->room_ms =
        d->room_ms == INT64_MAX || (!item->throttled && item->n > item->limit)
            ? UINT64_MAX
            : (uint64_t)(d->room_ms - l->now_ms);
    l->refuses = true;
}

static void
look_up_item(struct lookup *l, size_t i)
{
    struct denials *d = l->denials;
    const uint8_t *key = l->key[i];
    const struct set *set = lock(d, key);

    for (unsigned j = 0; j < PLACES; j++)
        if (set->place[j].until_ms > l->now_ms &&
            memcmp(set->place[j].key, key, DENIALS_KEY) == 0)
            answer_item(l, i, &set->place[j]);
    unlock(d, key);
}

static bool
same_subject(const struct subject *a, const struct subject *b)
{
    return a == b ||
           (a->len == b->len && memcmp(a->bytes, b->bytes, a->len) == 0);
}

/* The key of item I; that of one before, if they share their subject. */
static void
make_key(struct lookup *l, size_t i)
{
    for (size_t j = 0; j < i; j++)
        if (same_subject(l->items[j].subject, l->items[i].subject)) {
            memcpy(l->key[i], l->key[j], DENIALS_KEY);
            return;
        }
    l->denials->keys.make(l->denials->keys.arg, l->items[i].subject, l->key[i]);
}

/* Answer the step from what is remembered in OUT; true: it refuses. */
static bool
look_up(struct denials *d, const struct charge_item *items, size_t n,
        struct store_time now, struct charge_answers *out)
{
    struct lookup l = {.denials = d,
                       .items = items,
                       .n = n,
                       .now_ms = now.mono.ms,
                       .out = out};
    bool empty = now.mono.ms >= atomic_load(&d->last_ms);

    for (size_t i = 0; i < n; i++) {
        out->item[i] = (struct charge_answer){.standing = STANDING_NORMAL};
        if (empty)
            continue; /* no key is needed */
        make_key(&l, i);
        look_up_item(&l, i);
    }
    out->n = n;
    out->added = !l.refuses;
    out->degraded = out->waited = false;
    return l.refuses;
}

/* ----- a step */

static void
end_ticket(struct ticket *t)
{
    if (t == NULL)
        return;
    free(t->answers);
    free(t->item);
    free(t->names);
    free(t);
}

/* The store below has the notes of a step that goes no further.  If it cannot
 * take them, the refusal stands all the same. */
static void
pass_notes(struct denials *d, const struct charge_item *items, size_t n,
           struct store_time now)
{
    struct charge_item notes[CHARGE_ITEMS];
    struct store_ticket *ticket = NULL;
    size_t n_notes = 0;

    for (size_t i = 0; i < n; i++)
        if (items[i].kind == CHARGE_NOTE && !items[i].returned)
            notes[n_notes++] = items[i];
    if (n_notes > 0 &&
        store_submit(d->below, notes, n_notes, now, &ticket) == MS_OK)
        store_drop(d->below, ticket);
}

/* Is all of it asked again before the message is let in?  Then a round trip
 * can be saved.  In this host, looking is free. */
static bool
is_early(const struct charge_item *items, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!items[i].early || items[i].host)
            return false;
    return n > 0;
}

/* A ticket with the answers from memory; NULL: there are none, or no room for
 * them, and then the store below is asked. */
static struct ticket *
answer(struct denials *d, const struct charge_item *items, size_t n,
       struct store_time now)
{
    bool early = is_early(items, n), refused = false;
    struct ticket *t;

    if (!early && now.mono.ms >= atomic_load(&d->last_ms))
        return NULL; /* nothing is remembered */
    t = calloc(1, sizeof(*t));
    if (t != NULL)
        t->answers = malloc(sizeof(*t->answers));
    if (t != NULL && t->answers != NULL)
        refused = look_up(d, items, n, now, t->answers);
    if (t == NULL || t->answers == NULL || !(early || refused)) {
        end_ticket(t);
        return NULL;
    }
    if (refused) {
        pass_notes(d, items, n, now);
        (void)atomic_fetch_add_explicit(&d->used, 1, memory_order_relaxed);
    }
    return t;
}

/* Where the name of item I is among those kept; SIZE if it is a new one. */
static size_t
find_name(const struct ticket *t, const struct charge_item *items, size_t i,
          size_t size)
{
    for (size_t j = 0; j < i; j++)
        if (t->item[j].len > 0 &&
            same_subject(items[j].subject, items[i].subject))
            return t->item[j].name;
    return size;
}

/* Keep of ITEMS what a refusal will need: they may go before it comes. */
static enum ms_err
keep_items(struct ticket *t, const struct charge_item *items, size_t n)
{
    size_t size = 0;

    t->item = calloc(n > 0 ? n : 1, sizeof(t->item[0]));
    if (t->item == NULL)
        return MS_NOMEM;
    for (size_t i = 0; i < n; i++) {
        const struct charge_item *item = &items[i];
        size_t at = find_name(t, items, i, size);

        if (!counts(item))
            continue;
        t->item[i] = (struct kept){.window = item->window,
                                   .span_s = item->span_s,
                                   .limit = item->limit,
                                   .n = item->n,
                                   .name = (uint32_t)at,
                                   .len = item->subject->len,
                                   .throttled = item->throttled};
        if (at == size)
            size += item->subject->len;
    }
    t->n = n;
    t->names = malloc(size > 0 ? size : 1);
    if (t->names == NULL)
        return MS_NOMEM;
    for (size_t i = 0; i < n; i++)
        memcpy(t->names + t->item[i].name, items[i].subject->bytes,
               t->item[i].len);
    return MS_OK;
}

static enum ms_err
ask_below(struct denials *d, const struct charge_item *items, size_t n,
          struct store_time now, struct ticket **out)
{
    struct ticket *t = calloc(1, sizeof(*t));
    enum ms_err err = MS_NOMEM;

    if (t != NULL)
        err = keep_items(t, items, n);
    if (err == MS_OK)
        err = store_submit(d->below, items, n, now, &t->below);
    if (err != MS_OK) {
        end_ticket(t);
        return err;
    }
    t->asked = now.mono;
    *out = t;
    return MS_OK;
}

static enum ms_err
denials_submit(struct store *store, const struct charge_item *items, size_t n,
               struct store_time now, struct store_ticket **out)
{
    struct denials *d = of(store);
    struct ticket *t;
    enum ms_err err = MS_OK;

    if (n > CHARGE_ITEMS)
        return MS_INVALID;
    raise_to(&d->seen_ms, now.mono.ms);
    t = answer(d, items, n, now);
    if (t == NULL)
        err = ask_below(d, items, n, now, &t);
    if (err == MS_OK)
        *out = (struct store_ticket *)t;
    return err;
}

/* Item I of T was refused, as ANSWER says; or its subject is quarantined, and
 * then early looks are told so, though nothing is refused by that. */
static void
remember(struct denials *d, const struct ticket *t, size_t i,
         const struct charge_answer *answer)
{
    const struct kept *item = &t->item[i];
    int64_t now_ms = t->asked.ms;
    uint64_t room_ms = answer->over ? answer->room_ms : UINT64_MAX;
    struct subject subject;
    struct denial new = {.window = item->window,
                         .used = answer->over ? answer->used - item->n : 0,
                         .until_ms = now_ms + DENIALS_MS,
                         .room_ms = INT64_MAX,
                         .span_s = item->span_s,
                         .limit = item->limit,
                         .n = answer->over ? item->n : UINT32_MAX,
                         .first_s = answer->first_s,
                         .throttle = answer->throttle,
                         .standing = (uint8_t)answer->standing,
                         .throttled = item->throttled};

    if (!subject_read(t->names + item->name, item->len, &subject))
        return;
    if (room_ms < (uint64_t)(INT64_MAX - now_ms))
        new.room_ms = now_ms + (int64_t)room_ms;
    if (new.until_ms > new.room_ms)
        new.until_ms = new.room_ms;
    d->keys.make(d->keys.arg, &subject, new.key);
    keep(d, &new);
    raise_to(&d->last_ms, new.until_ms);
}

static enum ms_err
denials_collect(struct store *store, struct store_ticket *ticket,
                struct mono deadline, struct charge_answers *out)
{
    struct denials *d = of(store);
    struct ticket *t = (struct ticket *)ticket;
    enum ms_err err = MS_OK;

    if (t->below == NULL) {
        out->n = t->answers->n;
        out->added = t->answers->added;
        out->degraded = out->waited = false;
        memcpy(out->item, t->answers->item, out->n * sizeof(out->item[0]));
    } else {
        err = store_collect(d->below, t->below, deadline, out);
        for (size_t i = 0; err == MS_OK && !out->degraded && i < t->n; i++)
            if ((out->item[i].over ||
                 out->item[i].standing == STANDING_QUARANTINED) &&
                !out->item[i].unknown && t->item[i].len > 0)
                remember(d, t, i, &out->item[i]);
    }
    end_ticket(t);
    return err;
}

static void
denials_drop(struct store *store, struct store_ticket *ticket)
{
    struct ticket *t = (struct ticket *)ticket;

    store_drop(of(store)->below, t->below);
    end_ticket(t);
}

/* ----- what changes a subject: nothing of before holds */

static void
drop_window(struct denials *d, const uint8_t key[DENIALS_KEY],
            const struct receipt *receipt)
{
    struct set *set = lock(d, key);

    for (unsigned i = 0; i < PLACES; i++)
        if (set->place[i].window == receipt->window &&
            set->place[i].span_s == receipt->span_s &&
            memcmp(set->place[i].key, key, DENIALS_KEY) == 0)
            set->place[i].until_ms = 0;
    unlock(d, key);
}

/* There is room again, and whoever gave it back may come for it at once. */
static void
denials_refund(struct store *store, const struct receipt *receipts, size_t n,
               struct store_time now)
{
    struct denials *d = of(store);

    store_refund(d->below, receipts, n, now);
    for (size_t i = 0; i < n; i++) {
        const struct proof *shared = &receipts[i].shared;

        drop_window(d,
                    shared->epoch != 0 || shared->waits ? shared->key
                                                        : receipts[i].key,
                    &receipts[i]);
    }
}

static enum ms_err
denials_update(struct store *store, const struct subject *subject,
               struct store_time now,
               enum ms_err (*change)(void *, struct store_state *), void *arg)
{
    enum ms_err err = store_update(of(store)->below, subject, now, change, arg);

    drop_subject(of(store), subject);
    return err;
}

static enum ms_err
denials_standings(struct store *store, struct store_time now,
                  bool (*each)(void *, const struct store_record *), void *arg)
{
    return store_standings(of(store)->below, now, each, arg);
}

static void
denials_keep(struct store *store, uint32_t keep_s)
{
    store_keep_states(of(store)->below, keep_s);
}

static enum ms_err
denials_forget(struct store *store, const struct subject *subject,
               struct store_time now, bool *found)
{
    enum ms_err err = store_forget(of(store)->below, subject, now, found);

    drop_subject(of(store), subject);
    return err;
}

static enum ms_err
denials_reset(struct store *store, const struct subject *subject,
              uint64_t window, struct store_time now, bool *found)
{
    enum ms_err err =
        store_reset(of(store)->below, subject, window, now, found);

    drop_subject(of(store), subject);
    return err;
}

static enum ms_err
denials_put(struct store *store, const struct store_record *record,
            struct store_time now)
{
    enum ms_err err = store_put(of(store)->below, record, now);

    if (err != MS_INVALID) /* then there may be no subject */
        drop_subject(of(store), &record->subject);
    return err;
}

/* ----- what changes nothing */

static enum ms_err
denials_get(struct store *store, const struct subject *subject,
            struct store_time now, bool *found, struct store_record *out)
{
    return store_get(of(store)->below, subject, now, found, out);
}

static enum ms_err
denials_list(struct store *store, enum subject_kind kind, struct store_time now,
             bool (*each)(void *, const struct store_record *), void *arg)
{
    return store_list(of(store)->below, kind, now, each, arg);
}

static uint64_t
count(struct denials *d)
{
    int64_t now_ms = atomic_load(&d->seen_ms);
    uint64_t n = 0;

    for (unsigned i = 0; i < SETS; i++) {
        pthread_mutex_lock(&d->lock[i % LOCKS]);
        for (unsigned j = 0; j < PLACES; j++)
            n += d->sets[i].place[j].until_ms > now_ms;
        pthread_mutex_unlock(&d->lock[i % LOCKS]);
    }
    return n;
}

static void
denials_stats(struct store *store, struct store_stats *out)
{
    struct denials *d = of(store);

    store_stats(d->below, out);
    out->shared.denials = count(d);
    out->shared.denials_used = atomic_load(&d->used);
}

static enum ms_err
denials_flush(struct store *store, struct store_time now, struct why *why)
{
    return store_flush(of(store)->below, now, why);
}

static void
denials_destroy(struct store *store)
{
    struct denials *d = of(store);

    store_destroy(d->below);
    for (unsigned i = 0; i < LOCKS; i++)
        (void)pthread_mutex_destroy(&d->lock[i]);
    free(d->sets);
    free(d);
}

static const struct store_ops denials_ops = {
    .submit = denials_submit,
    .collect = denials_collect,
    .drop = denials_drop,
    .refund = denials_refund,
    .update = denials_update,
    .get = denials_get,
    .list = denials_list,
    .standings = denials_standings,
    .forget = denials_forget,
    .reset = denials_reset,
    .put = denials_put,
    .keep = denials_keep,
    .stats = denials_stats,
    .flush = denials_flush,
    .destroy = denials_destroy,
};

/* ----- the layer */

enum ms_err
store_denials_create(struct store *store, struct denials_keys keys,
                     struct store **out)
{
    struct denials *d = calloc(1, sizeof(*d));

    if (d == NULL)
        return MS_NOMEM;
    d->sets = calloc(SETS, sizeof(d->sets[0]));
    if (d->sets == NULL) {
        free(d);
        return MS_NOMEM;
    }
    for (unsigned i = 0; i < LOCKS; i++)
        (void)pthread_mutex_init(&d->lock[i], NULL);
    d->store.ops = &denials_ops;
    d->below = store;
    d->keys = keys;
    *out = &d->store;
    return MS_OK;
}

void
store_denials_clear(struct store *layer)
{
    struct denials *d = of(layer);

    for (unsigned i = 0; i < SETS; i++) {
        pthread_mutex_lock(&d->lock[i % LOCKS]);
        for (unsigned j = 0; j < PLACES; j++)
            d->sets[i].place[j].until_ms = 0;
        pthread_mutex_unlock(&d->lock[i % LOCKS]);
    }
}

void
store_denials_drop(struct store *layer, const uint8_t key[DENIALS_KEY])
{
    drop(of(layer), key);
}

struct store *
store_denials_below(struct store *layer)
{
    return of(layer)->below;
}
