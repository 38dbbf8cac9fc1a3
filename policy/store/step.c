/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/store/step.c - one step of a message charged.
 *
 * A subject without a record shares one of the overflow records while its kind
 * is full.  So that nobody is forgotten, each window begins with what the
 * overflow record of its subject has counted in it: too strict, never lax.
 */
#include <config.h>

#include "policy/store/step.h"

#include <stdlib.h>
#include <string.h>

enum { SWEEP_EVERY = 8, SWEEP_SLOTS = 2 };

_Static_assert(LEDGER_SHARDS == 64, "struct step has a bit for each shard");

struct store_ticket {
    bool added;
    size_t n;
    struct charge_answer answer[];
};

/* One subject of a step. */
struct part {
    const struct subject *subject;
    uint8_t key[RECORD_KEY];
    struct shard *shard;
    uint32_t slot;   /* RECORD_NONE: no record yet */
    uint32_t shared; /* its overflow record; RECORD_NONE: there is none */
};

struct step {
    const struct charge_item *items;
    size_t n;
    uint8_t of[CHARGE_ITEMS]; /* the part of each item */
    bool adds[CHARGE_ITEMS];
    struct part part[CHARGE_ITEMS];
    size_t n_parts;
    uint64_t shards; /* a bit for each that is locked */
    uint64_t clock_ms;
    uint32_t wall_s;
};

static bool
same_subject(const struct subject *a, const struct subject *b)
{
    return a == b ||
           (a->len == b->len && memcmp(a->bytes, b->bytes, a->len) == 0);
}

static size_t
part_of(struct step *step, struct ledger *ledger, const struct subject *subject)
{
    size_t i = 0;
    struct part *part;

    while (i < step->n_parts && !same_subject(step->part[i].subject, subject))
        i++;
    if (i < step->n_parts)
        return i;
    part = &step->part[step->n_parts++];
    part->subject = subject;
    ledger_key(ledger, subject, part->key);
    part->shard = &ledger->shard[ledger_shard(part->key)];
    step->shards |= UINT64_C(1) << ledger_shard(part->key);
    return i;
}

static enum ms_err
read_items(struct step *step, struct ledger *ledger,
           const struct charge_item *items, size_t n)
{
    if (n > CHARGE_ITEMS)
        return MS_INVALID;
    step->items = items;
    step->n = n;
    for (size_t i = 0; i < n; i++) {
        if (items[i].span_s < WINDOW_SPAN_MIN_S ||
            items[i].span_s > WINDOW_SPAN_MAX_S)
            return MS_INVALID;
        step->of[i] = (uint8_t)part_of(step, ledger, items[i].subject);
    }
    return MS_OK;
}

static void
for_shards(const struct step *step, struct ledger *ledger,
           int (*verb)(pthread_mutex_t *))
{
    for (unsigned i = 0; i < LEDGER_SHARDS; i++) /* ascending: no deadlock */
        if (step->shards >> i & 1)
            verb(&ledger->shard[i].lock);
}

/* ----- the rest runs with the locks held */

static struct record *
record_of(const struct part *part)
{
    return part->slot != RECORD_NONE ? shard_at(part->shard, part->slot) : NULL;
}

/* An idle window would only take place among so many. */
static void
prune(struct part *part, uint64_t clock_s)
{
    struct record *r = record_of(part);
    size_t before = record_bytes(r);

    record_prune(r, clock_s);
    shard_resized(part->shard, r, before);
}

static uint32_t
find_shared(const struct part *part)
{
    uint8_t key[RECORD_KEY];

    if (part->shard->count[RECORD_OVERFLOW] == 0)
        return RECORD_NONE;
    ledger_overflow_key(part->key, key);
    return shard_find(part->shard, key);
}

static void
find_parts(struct step *step)
{
    for (size_t i = 0; i < step->n_parts; i++) {
        struct part *part = &step->part[i];
        struct record *r;

        part->slot = shard_find(part->shard, part->key);
        part->shared = find_shared(part);
        r = record_of(part);
        if (r == NULL)
            continue;
        if (r->n_windows > STORE_WINDOWS)
            prune(part, step->clock_ms / 1000);
        r->flags |= RECORD_PINNED;
        record_seen(r, step->wall_s);
        shard_touch(part->shard, part->slot);
    }
}

/* Where item I is counted, or its overflow record counts; NULL: nowhere. */
static const struct record_window *
find_window(const struct step *step, size_t i)
{
    const struct charge_item *item = &step->items[i];
    const struct part *part = &step->part[step->of[i]];
    const struct record *r = record_of(part);
    const struct record_window *rw = NULL;

    if (r != NULL)
        rw = record_find(r, item->window, item->span_s);
    if (rw == NULL && part->shared != RECORD_NONE)
        rw = record_find(shard_at(part->shard, part->shared), item->window,
                         item->span_s);
    return rw;
}

/* The window of item I as it stands now, if need be an empty one. */
static struct window
window_now(const struct step *step, size_t i)
{
    const struct record_window *rw = find_window(step, i);
    struct window w = {0};

    if (rw != NULL)
        w = rw->w;
    window_turn(&w, step->items[i].span_s, step->clock_ms / 1000);
    return w;
}

/*
 * This host's share of LIMIT, which a fleet keeps together: what is its part
 * in what all have counted, but at least that of one host among so many.
 */
static uint32_t
share_of(const struct step *step, size_t i, uint32_t limit)
{
    const struct record_window *rw = find_window(step, i);
    uint64_t hosts = step->items[i].hosts;
    uint64_t even, earned;

    if (hosts == 0)
        return limit;
    even = (limit + hosts - 1) / hosts;
    earned = rw != NULL ? (uint64_t)limit * rw->percent / 100 : 0;
    return (uint32_t)(earned > even ? earned : even);
}

/* The limit of item I; false if it does not count at all. */
static bool
limit_of(const struct step *step, size_t i, uint32_t *limit)
{
    const struct charge_item *item = &step->items[i];
    const struct record *r = record_of(&step->part[step->of[i]]);

    *limit = item->limit;
    if (!item->throttled)
        return true;
    if (r == NULL || r->standing != STANDING_THROTTLED)
        return false;
    *limit = r->state != NULL ? r->state->throttle : 0;
    return true;
}

/* Milliseconds until item I, which has at most SHARE of LIMIT here, would fit.
 * What is too much for the share only may be sent once the fleet is whole. */
static uint64_t
room_of(const struct step *step, size_t i, const struct window *w,
        uint32_t share, uint32_t limit)
{
    const struct charge_item *item = &step->items[i];

    if (item->n > share && item->n <= limit)
        return (uint64_t)item->span_s * 1000;
    return window_room_ms(w, item->span_s, step->clock_ms, item->n, share);
}

/* Compare item I; false if it refuses the step. */
static bool
check_item(struct step *step, size_t i, struct charge_answer *answer)
{
    const struct charge_item *item = &step->items[i];
    const struct record *r = record_of(&step->part[step->of[i]]);
    struct window w;
    uint32_t limit, share;

    *answer = (struct charge_answer){.standing = STANDING_NORMAL};
    if (r != NULL) {
        answer->standing = (enum standing)r->standing;
        answer->first_s = r->first_s;
        answer->throttle = r->state != NULL ? r->state->throttle : 0;
    }
    step->adds[i] = false;
    if (!limit_of(step, i, &limit))
        return true;
    w = window_now(step, i);
    answer->used = window_sum(&w) + item->n;
    share = share_of(step, i, limit);
    answer->over = answer->used > share;
    if (answer->over)
        answer->room_ms = room_of(step, i, &w, share, limit);
    step->adds[i] = item->n > 0 && item->kind != CHARGE_LOOK;
    if (item->kind == CHARGE_NOTE || !answer->over)
        return true;
    step->adds[i] = false;
    return item->observe;
}

static bool
same_window(const struct step *step, size_t i, size_t j)
{
    return step->of[i] == step->of[j] &&
           step->items[i].window == step->items[j].window &&
           step->items[i].span_s == step->items[j].span_s;
}

/* Check all; which items add, each window once; does the step go through? */
static bool
check(struct step *step, struct charge_answer *answers)
{
    bool passes = true;

    for (size_t i = 0; i < step->n; i++)
        if (!check_item(step, i, &answers[i]))
            passes = false;
    for (size_t i = 0; i < step->n; i++) {
        if (!passes && step->items[i].kind != CHARGE_NOTE)
            step->adds[i] = false;
        for (size_t j = 0; j < i && step->adds[i]; j++)
            if (step->adds[j] && same_window(step, i, j))
                step->adds[i] = false;
    }
    return passes;
}

/* Share the overflow record, since no room could be made. */
static enum ms_err
share_record(struct part *part)
{
    uint8_t key[RECORD_KEY];
    const struct record_seed seed = {.key = key, .kind = RECORD_OVERFLOW};

    part->shard->overflowed++;
    if (part->shared == RECORD_NONE) {
        ledger_overflow_key(part->key, key);
        if (shard_insert(part->shard, &seed, &part->shared) != MS_OK)
            return MS_NOMEM;
    }
    part->slot = part->shared;
    return MS_OK;
}

/* Give PART a record to count in. */
static enum ms_err
make_record(const struct step *step, struct part *part)
{
    const struct subject *subject = part->subject;
    struct shard *shard = part->shard;
    const struct record_seed seed = {.key = part->key,
                                     .kind = subject->kind,
                                     .name = subject->bytes,
                                     .len = subject->len};

    if (part->slot != RECORD_NONE)
        return MS_OK;
    if (shard_is_full(shard, subject->kind) &&
        !shard_make_room(shard, subject->kind, step->clock_ms / 1000))
        return share_record(part);
    if (shard_insert(shard, &seed, &part->slot) != MS_OK)
        return MS_NOMEM;
    record_of(part)->flags |= RECORD_PINNED;
    record_seen(record_of(part), step->wall_s);
    return MS_OK;
}

/* Make sure that item I has a window to add to, before anything is added. */
static enum ms_err
make_window(const struct step *step, size_t i, struct part *part)
{
    const struct charge_item *item = &step->items[i];
    struct record *r;
    struct window begun;
    size_t before;

    if (make_record(step, part) != MS_OK)
        return MS_NOMEM;
    r = record_of(part);
    if (record_find(r, item->window, item->span_s) != NULL)
        return MS_OK;
    begun = window_now(step, i);
    before = record_bytes(r);
    if (record_add(r, item->window, item->span_s) != MS_OK)
        return MS_NOMEM;
    r->windows[r->n_windows - 1].w = begun;
    shard_resized(part->shard, r, before);
    if (shard_is_full(part->shard, r->kind))
        shard_make_room(part->shard, r->kind, step->clock_ms / 1000);
    return MS_OK;
}

static enum ms_err
make_windows(struct step *step)
{
    for (size_t i = 0; i < step->n; i++)
        if (step->adds[i] &&
            make_window(step, i, &step->part[step->of[i]]) != MS_OK)
            return MS_NOMEM;
    return MS_OK;
}

/* All hosts have counted FLEET in RW: remember which part of it was here. */
static void
remember_part(struct record_window *rw, uint64_t fleet)
{
    uint64_t here = window_sum(&rw->w);

    if (fleet == 0)
        return; /* nobody has told */
    if (here >= fleet)
        rw->percent = 100;
    else
        rw->percent = (here * 100 + fleet - 1) / fleet & 0x7f;
}

static void
add_item(const struct step *step, size_t i, struct receipt *receipt)
{
    const struct charge_item *item = &step->items[i];
    const struct part *part = &step->part[step->of[i]];
    struct record *r = record_of(part);
    struct record_window *rw = record_find(r, item->window, item->span_s);

    window_turn(&rw->w, item->span_s, step->clock_ms / 1000);
    memcpy(receipt->key, part->key, RECORD_KEY);
    receipt->epoch = r->epoch;
    receipt->window = item->window;
    receipt->span_s = item->span_s;
    receipt->slice = window_add(&rw->w, item->n);
    receipt->n = item->n;
    remember_part(rw, item->fleet);
    shard_dirty(part->shard, part->slot);
}

/* Whoever makes room later needs to know who is near a limit. */
static void
keep_limit(const struct step *step, size_t i)
{
    const struct charge_item *item = &step->items[i];
    const struct record *r = record_of(&step->part[step->of[i]]);
    struct record_window *rw = NULL;
    uint32_t limit;

    if (r != NULL && limit_of(step, i, &limit))
        rw = record_find(r, item->window, item->span_s);
    if (rw != NULL && (!item->observe || rw->limit == 0))
        rw->limit = share_of(step, i, limit);
}

static void
add(const struct step *step, struct charge_answer *answers)
{
    for (size_t i = 0; i < step->n; i++) {
        if (step->adds[i])
            add_item(step, i, &answers[i].receipt);
        keep_limit(step, i);
    }
}

static void
let_go(struct step *step)
{
    for (size_t i = 0; i < step->n_parts; i++) {
        struct part *part = &step->part[i];

        if (part->slot != RECORD_NONE)
            record_of(part)->flags &= (uint8_t)~RECORD_PINNED;
    }
    for (size_t i = 0; i < step->n_parts; i++) {
        struct shard *shard = step->part[i].shard;

        if (shard->ticks++ % SWEEP_EVERY == 0)
            shard_sweep(shard, SWEEP_SLOTS, step->clock_ms / 1000);
    }
}

enum ms_err
step_submit(struct ledger *ledger, const struct charge_item *items, size_t n,
            struct store_time now, struct store_ticket **ticket)
{
    struct step step;
    struct store_ticket *t;
    enum ms_err err;

    step.n_parts = 0;
    step.shards = 0;
    err = read_items(&step, ledger, items, n);
    if (err != MS_OK)
        return err;
    t = malloc(sizeof(*t) + n * sizeof(t->answer[0]));
    if (t == NULL)
        return MS_NOMEM;
    t->n = n;
    step.wall_s = ledger_wall_s(now);
    for_shards(&step, ledger, pthread_mutex_lock);
    step.clock_ms = ledger_clock_ms(ledger, now); /* now nobody is later */
    find_parts(&step);
    t->added = check(&step, t->answer);
    err = make_windows(&step);
    if (err == MS_OK)
        add(&step, t->answer);
    let_go(&step);
    for_shards(&step, ledger, pthread_mutex_unlock);
    if (err != MS_OK) {
        free(t);
        return err;
    }
    *ticket = t;
    return MS_OK;
}

void
step_collect(struct store_ticket *ticket, struct charge_answers *out)
{
    out->added = ticket->added;
    out->degraded = false;
    out->waited = false;
    out->n = ticket->n;
    memcpy(out->item, ticket->answer, ticket->n * sizeof(ticket->answer[0]));
    free(ticket);
}

void
step_drop(struct store_ticket *ticket)
{
    free(ticket);
}
