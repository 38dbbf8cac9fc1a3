/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/api/pick.c - a heap whose root is the worst of those that are kept:
 * the next better one takes its place.
 */
#include <config.h>

#include "milter/api/pick.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct api_pick {
    unsigned sort;
    size_t n, room, most;
    struct api_picked **row; /* in the order of a heap, until it is sorted */
};

enum ms_err
api_pick_create(unsigned sort, size_t most, struct api_pick **out)
{
    struct api_pick *pick = calloc(1, sizeof(*pick));

    if (pick == NULL)
        return MS_NOMEM;
    pick->sort = sort;
    pick->most = most;
    *out = pick;
    return MS_OK;
}

void
api_pick_destroy(struct api_pick *pick)
{
    if (pick == NULL)
        return;
    for (size_t i = 0; i < pick->n; i++)
        free(pick->row[i]);
    free(pick->row);
    free(pick);
}

static uint64_t
weight(unsigned sort, const struct top_row *row)
{
    return sort == TOP_SHARE ? row->share : row->used;
}

/* Names settle what is equal, so that pages follow one another. */
static int
by_name(const struct subject *a, const struct subject *b)
{
    size_t len = a->len < b->len ? a->len : b->len;
    int order = a->kind < b->kind ? -1 : a->kind > b->kind;

    if (order == 0)
        order = memcmp(a->bytes, b->bytes, len);
    if (order == 0)
        order = a->len < b->len ? -1 : a->len > b->len;
    return order;
}

/* Is A better than B? */
static bool
better(unsigned sort, const struct top_row *a, const struct top_row *b)
{
    if (weight(sort, a) != weight(sort, b))
        return weight(sort, a) > weight(sort, b);
    if (a->used != b->used)
        return a->used > b->used;
    return by_name(&a->subject, &b->subject) < 0;
}

static bool
worse_at(const struct api_pick *pick, size_t a, size_t b)
{
    return better(pick->sort, &pick->row[b]->row, &pick->row[a]->row);
}

static void
swap(struct api_pick *pick, size_t a, size_t b)
{
    struct api_picked *row = pick->row[a];

    pick->row[a] = pick->row[b];
    pick->row[b] = row;
}

static void
rise(struct api_pick *pick, size_t at)
{
    while (at > 0 && worse_at(pick, at, (at - 1) / 2)) {
        swap(pick, at, (at - 1) / 2);
        at = (at - 1) / 2;
    }
}

static void
sink(struct api_pick *pick, size_t at)
{
    for (;;) {
        size_t child = 2 * at + 1;

        if (child + 1 < pick->n && worse_at(pick, child + 1, child))
            child++;
        if (child >= pick->n || !worse_at(pick, child, at))
            return;
        swap(pick, child, at);
        at = child;
    }
}

static bool
grow(struct api_pick *pick)
{
    size_t room = pick->room > 0 ? 2 * pick->room : 64;
    struct api_picked **row;

    if (pick->n < pick->room)
        return true;
    row = realloc(pick->row, room * sizeof(struct api_picked *));
    if (row == NULL)
        return false;
    pick->row = row;
    pick->room = room;
    return true;
}

static void
set(struct api_picked *picked, const struct top_row *row, const char *host)
{
    picked->row = *row;
    (void)snprintf(picked->host, sizeof(picked->host), "%.63s",
                   host != NULL ? host : "");
}

enum ms_err
api_pick_offer(struct api_pick *pick, const struct top_row *row,
               const char *host)
{
    if (pick->n == pick->most) {
        if (better(pick->sort, row, &pick->row[0]->row)) {
            set(pick->row[0], row, host);
            sink(pick, 0);
        }
        return MS_OK;
    }
    if (!grow(pick))
        return MS_NOMEM;
    pick->row[pick->n] = malloc(sizeof(struct api_picked));
    if (pick->row[pick->n] == NULL)
        return MS_NOMEM;
    set(pick->row[pick->n], row, host);
    rise(pick, pick->n++);
    return MS_OK;
}

/* Same subjects side by side, of each the one with most use first. */
static int
by_subject(const void *a, const void *b)
{
    const struct top_row *x = &(*(struct api_picked *const *)a)->row;
    const struct top_row *y = &(*(struct api_picked *const *)b)->row;
    int order = by_name(&x->subject, &y->subject);

    if (order != 0)
        return order;
    return x->used > y->used ? -1 : x->used < y->used;
}

void
api_pick_merge(struct api_pick *pick)
{
    size_t kept = 0;

    if (pick->n == 0)
        return;
    qsort(pick->row, pick->n, sizeof(pick->row[0]), by_subject);
    for (size_t i = 1; i < pick->n; i++) {
        if (by_name(&pick->row[i]->row.subject,
                    &pick->row[kept]->row.subject) == 0)
            free(pick->row[i]);
        else
            pick->row[++kept] = pick->row[i];
    }
    pick->n = kept + 1;
    for (size_t i = pick->n / 2; i-- > 0;)
        sink(pick, i);
}

/* The heap gives the worst one after the other: the best comes to the front. */
const struct api_picked *const *
api_pick_sorted(struct api_pick *pick, size_t *n)
{
    size_t all = pick->n;

    *n = all;
    while (pick->n > 1) {
        swap(pick, 0, --pick->n);
        sink(pick, 0);
    }
    pick->n = all;
    return (const struct api_picked *const *)pick->row;
}
