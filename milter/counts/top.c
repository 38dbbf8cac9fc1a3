/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A ranking for each kind and sort.  A note of a step looks at each of its
 * items, some 50 ns; a subject that comes above what a ranking admits costs a
 * SipHash, and each ranking some 50 ns: with ordinary limits at most 300 ns in
 * all.  All rankings full of ordinary names take 3 MB.
 */
#include <config.h>

#include "milter/counts/top.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "milter/counts/ranking.h"
#include "policy/limit.h"

_Static_assert(sizeof(uint64_t) == crypto_shorthash_BYTES, "SipHash-2-4");

_Static_assert((int)TOP_KEPT == (int)RANKING_MOST, "all of them are kept");

enum { HOUR_S = 3600, RANKINGS = SUBJECT_KINDS * TOP_SORTS };

struct top {
    unsigned char key[crypto_shorthash_KEYBYTES];
    struct ranking *ranking[RANKINGS];
};

/* ----- names */

const char *
top_sort_name(unsigned sort)
{
    return sort < METRICS      ? metric_name((enum metric)sort)
           : sort == TOP_SHARE ? "share"
                               : NULL;
}

unsigned
top_sort_of(const char *name)
{
    unsigned sort = 0;

    while (sort < TOP_SORTS && strcmp(top_sort_name(sort), name) != 0)
        sort++;
    return sort;
}

/* ----- making and ending */

enum ms_err
top_create(struct top **out)
{
    struct top *top = calloc(1, sizeof(*top));
    enum ms_err err = top != NULL ? MS_OK : MS_NOMEM;

    for (unsigned i = 0; err == MS_OK && i < RANKINGS; i++)
        err = ranking_create(&top->ranking[i]);
    if (err != MS_OK) {
        top_destroy(top);
        return err;
    }
    crypto_shorthash_keygen(top->key);
    *out = top;
    return MS_OK;
}

void
top_destroy(struct top *top)
{
    if (top == NULL)
        return;
    for (unsigned i = 0; i < RANKINGS; i++)
        ranking_destroy(top->ranking[i]);
    free(top);
}

static struct ranking *
ranking_of(const struct top *top, enum subject_kind kind, unsigned sort)
{
    return top->ranking[kind * TOP_SORTS + sort];
}

static uint64_t
hash_of(const struct top *top, const struct subject *subject)
{
    unsigned char out[crypto_shorthash_BYTES];
    uint64_t n;

    (void)crypto_shorthash(out, subject->bytes, subject->len, top->key);
    memcpy(&n, out, sizeof(n));
    return n;
}

/* ----- which window stands for a subject */

/* One of its windows. */
struct window {
    enum metric metric;
    uint32_t span_s, limit;
    uint64_t used;
    uint64_t share; /* millionths of the limit */
};

/* USED of N, in parts of PARTS; a limit of nothing counts as one. */
static uint64_t
part_of(uint64_t used, uint32_t n, uint32_t parts)
{
    if (used > UINT64_MAX / parts)
        return UINT64_MAX;
    return used * parts / (n > 0 ? n : 1);
}

static struct window
make_window(enum metric metric, uint32_t span_s, uint32_t limit, uint64_t used)
{
    return (struct window){metric, span_s, limit, used,
                           part_of(used, limit, 1000000)};
}

/* By SORT, for which it can stand. */
static uint64_t
score_of(const struct window *window, unsigned sort)
{
    return sort == TOP_SHARE ? window->share : window->used;
}

/* Is A's span nearer to an hour from above than B's, or else longer? */
static bool
is_nearer(uint32_t a_s, uint32_t b_s)
{
    if ((a_s >= HOUR_S) != (b_s >= HOUR_S))
        return a_s >= HOUR_S;
    return a_s >= HOUR_S ? a_s < b_s : a_s > b_s;
}

/* Does A stand for a subject, by SORT, rather than B?  Both can. */
static bool
is_better(const struct window *a, const struct window *b, unsigned sort)
{
    if (sort == TOP_SHARE || a->span_s == b->span_s)
        return score_of(a, sort) > score_of(b, sort);
    return is_nearer(a->span_s, b->span_s);
}

/* Which window stands for a subject, by each sort; NULL: none. */
struct best {
    const struct window *by[TOP_SORTS];
};

static void
choose(const struct window *window, size_t n, struct best *best)
{
    *best = (struct best){.by = {NULL}};
    for (size_t i = 0; i < n; i++) {
        const unsigned sorts[] = {window[i].metric, TOP_SHARE};

        for (size_t j = 0; j < 2; j++) {
            const struct window **by = &best->by[sorts[j]];

            if (*by == NULL || is_better(&window[i], *by, sorts[j]))
                *by = &window[i];
        }
    }
}

/* The limit of CONFIG that counts in W; NULL.  Its number for a window is made
 * of the span, so that none need be known before. */
static const struct limit *
limit_of(const struct config *config, const struct store_window *w)
{
    for (size_t i = 0; i < config->n_limits; i++)
        if (limit_window(config->limits[i], w->span_s) == w->window)
            return config->limits[i];
    if (config->postmaster != NULL &&
        limit_window(config->postmaster, w->span_s) == w->window)
        return config->postmaster;
    return NULL;
}

/* ----- from a step of a message */

/* Item I of P, as ANSWER says; false: it says nothing. */
static bool
window_of(const struct policy *p, size_t i, const struct charge_answer *answer,
          struct window *out)
{
    const struct charge_item *item = &p->items[i];
    const struct limit *limit = p->source[i].limit;
    uint64_t used = answer->used;

    if (answer->unknown || limit == NULL ||
        item->window != limit_window(limit, item->span_s))
        return false;           /* of mail that is held, say */
    if (answer->receipt.n == 0) /* an attempt that was not counted */
        used -= used < item->n ? used : item->n;
    *out = make_window(limit->count, item->span_s, item->limit, used);
    return used > 0;
}

/* What a step has shown of one subject. */
struct shown {
    const struct subject *subject;
    size_t n;
    struct window window[CHARGE_ITEMS];
};

static void
note_shown(struct top *top, const struct shown *shown)
{
    const struct subject *subject = shown->subject;
    struct best best;
    uint64_t hash = 0;
    bool hashed = false;

    choose(shown->window, shown->n, &best);
    for (unsigned sort = 0; sort < TOP_SORTS; sort++) {
        struct ranking *ranking = ranking_of(top, subject->kind, sort);

        if (best.by[sort] == NULL ||
            !ranking_admits(ranking, score_of(best.by[sort], sort)))
            continue;
        if (!hashed)
            hash = hash_of(top, subject);
        hashed = true;
        ranking_set(ranking, hash, subject, score_of(best.by[sort], sort));
    }
}

void
top_note(struct top *top, const struct policy *p,
         const struct charge_answers *answers)
{
    size_t n = p->n_items < answers->n ? p->n_items : answers->n;

    for (size_t j = 0; j < p->n_subjects; j++) {
        struct shown shown;

        shown.subject = &p->subjects[j];
        shown.n = 0;
        for (size_t i = 0; i < n; i++)
            if (p->items[i].subject == shown.subject &&
                window_of(p, i, &answers->item[i], &shown.window[shown.n]))
                shown.n++;
        if (shown.n > 0)
            note_shown(top, &shown);
    }
}

/* ----- from a record */

/* The windows of a record that a configuration knows, and their limits. */
struct known {
    size_t n;
    struct window window[STORE_WINDOWS];
    const struct limit *limit[STORE_WINDOWS];
    struct best best;
};

static void
know(const struct config *config, const struct store_record *record,
     struct known *out)
{
    out->n = 0;
    for (size_t i = 0; i < record->n_windows && i < STORE_WINDOWS; i++) {
        const struct store_window *w = &record->windows[i];
        const struct limit *limit = limit_of(config, w);

        if (limit == NULL)
            continue;
        out->limit[out->n] = limit;
        out->window[out->n++] =
            make_window(limit->count, w->span_s, w->limit, w->used);
    }
    choose(out->window, out->n, &out->best);
}

bool
top_row(const struct config *config, const struct store_record *record,
        unsigned sort, struct top_row *out)
{
    const struct window *w;
    struct known known;
    uint64_t share;

    know(config, record, &known);
    w = sort < TOP_SORTS ? known.best.by[sort] : NULL;
    if (w == NULL || w->used == 0)
        return false;
    share = part_of(w->used, w->limit, 1000);
    out->subject = record->subject;
    out->standing = record->state.standing;
    (void)snprintf(out->limit, sizeof(out->limit), "%.*s",
                   (int)sizeof(out->limit) - 1,
                   known.limit[w - known.window]->name);
    out->metric = w->metric;
    out->rate = (struct rate){w->limit, w->span_s};
    out->used = w->used;
    out->share = share > UINT32_MAX ? UINT32_MAX : (uint32_t)share;
    out->first_seen = record->first_seen;
    out->last_seen = record->last_seen;
    return true;
}

void
top_rank(struct top *top, const struct config *config,
         const struct store_record *record)
{
    uint64_t hash = hash_of(top, &record->subject);
    struct known known;

    know(config, record, &known);
    for (unsigned sort = 0; sort < TOP_SORTS; sort++) {
        const struct window *w = known.best.by[sort];

        ranking_set(ranking_of(top, record->subject.kind, sort), hash,
                    &record->subject, w != NULL ? score_of(w, sort) : 0);
    }
}

/* ----- the list */

enum ms_err
top_list(struct top *top, enum subject_kind kind, unsigned sort,
         struct subject **out, size_t *n)
{
    if (kind >= SUBJECT_KINDS || sort >= TOP_SORTS)
        return MS_INVALID;
    return ranking_list(ranking_of(top, kind, sort), out, n);
}

void
top_forget(struct top *top, const struct subject *subject)
{
    uint64_t hash = hash_of(top, subject);

    for (unsigned sort = 0; sort < TOP_SORTS; sort++)
        ranking_set(ranking_of(top, subject->kind, sort), hash, subject, 0);
}
