/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "milter/clerk/cases.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "milter/clerk/board.h"

struct item {
    struct item *next;
    bool written; /* in the diary */
    bool held;    /* else a change */
    union {
        struct change change;
        struct held held;
    } is;
};

struct clerk_cases {
    struct clerk *clerk;
    pthread_mutex_t sending; /* held while one is on its way; guards TODAY */
    struct clerk_share_day today;

    pthread_mutex_t lock; /* guards all below; a leaf */
    struct item *first, **last;
    size_t n;
    uint64_t lost;
};

enum ms_err
clerk_cases_create(struct clerk *clerk, struct clerk_cases **out)
{
    struct clerk_cases *cases = calloc(1, sizeof(*cases));

    if (cases == NULL)
        return MS_NOMEM;
    cases->clerk = clerk;
    cases->last = &cases->first;
    (void)pthread_mutex_init(&cases->sending, NULL);
    (void)pthread_mutex_init(&cases->lock, NULL);
    *out = cases;
    return MS_OK;
}

static struct item *
take(struct clerk_cases *cases)
{
    struct item *item;

    (void)pthread_mutex_lock(&cases->lock);
    item = cases->first;
    if (item != NULL) {
        cases->first = item->next;
        if (cases->first == NULL)
            cases->last = &cases->first;
        cases->n--;
    }
    (void)pthread_mutex_unlock(&cases->lock);
    return item;
}

void
clerk_cases_destroy(struct clerk_cases *cases)
{
    struct item *item;

    if (cases == NULL)
        return;
    while ((item = take(cases)) != NULL)
        free(item);
    (void)pthread_mutex_destroy(&cases->lock);
    (void)pthread_mutex_destroy(&cases->sending);
    free(cases);
}

/* ----- waiting */

static void
put_back(struct clerk_cases *cases, struct item *item)
{
    (void)pthread_mutex_lock(&cases->lock);
    item->next = cases->first;
    cases->first = item;
    if (item->next == NULL)
        cases->last = &item->next;
    cases->n++;
    (void)pthread_mutex_unlock(&cases->lock);
}

static void
count_lost(struct clerk_cases *cases)
{
    (void)pthread_mutex_lock(&cases->lock);
    cases->lost++;
    (void)pthread_mutex_unlock(&cases->lock);
}

static void
append(struct clerk_cases *cases, struct item *item)
{
    struct item *over = NULL;
    bool full;

    (void)pthread_mutex_lock(&cases->lock);
    *cases->last = item;
    cases->last = &item->next;
    full = ++cases->n > CLERK_CASES_WAIT;
    (void)pthread_mutex_unlock(&cases->lock);
    if (full)
        over = take(cases);
    if (over != NULL && !over->written)
        count_lost(cases);
    free(over);
}

uint64_t
clerk_cases_lost(struct clerk_cases *cases)
{
    uint64_t lost;

    (void)pthread_mutex_lock(&cases->lock);
    lost = cases->lost;
    (void)pthread_mutex_unlock(&cases->lock);
    return lost;
}

/* ----- writing */

static enum ms_err
write_change(struct diary *diary, void *arg)
{
    return diary_add_change(diary, arg);
}

static enum ms_err
write_held(struct diary *diary, void *arg)
{
    return diary_add_held(diary, arg);
}

/* Keep a copy of CHANGE or HELD, whichever is not NULL, until it is where it
 * has to go. */
static void
keep(struct clerk_cases *cases, const struct change *change,
     const struct held *held, bool written)
{
    struct item *item;

    if (written && clerk_shared(cases->clerk) == NULL)
        return;
    item = calloc(1, sizeof(*item));
    if (item == NULL) {
        if (!written)
            count_lost(cases);
        return;
    }
    item->written = written;
    item->held = held != NULL;
    if (held != NULL)
        item->is.held = *held;
    else
        item->is.change = *change;
    append(cases, item);
}

void
clerk_cases_change(struct clerk_cases *cases, struct change *change)
{
    bool written = change->seq != 0 ||
                   clerk_write(cases->clerk, write_change, change) == MS_OK;

    keep(cases, change, NULL, written);
}

void
clerk_cases_held(struct clerk_cases *cases, const struct held *held)
{
    struct held copy = *held;
    bool written = clerk_write(cases->clerk, write_held, &copy) == MS_OK;

    keep(cases, NULL, held, written);
}

/* ----- sending */

static bool
write_item(struct clerk_cases *cases, struct item *item)
{
    if (item->written)
        return true;
    item->written =
        item->held
            ? clerk_write(cases->clerk, write_held, &item->is.held) == MS_OK
            : clerk_write(cases->clerk, write_change, &item->is.change) ==
                  MS_OK;
    return item->written;
}

static enum ms_err
share_item(struct clerk_cases *cases, const struct item *item)
{
    struct store *shared = clerk_shared(cases->clerk);

    return item->held ? clerk_share_held_now(shared, &item->is.held)
                      : clerk_share_change_now(shared, &cases->today,
                                               &item->is.change);
}

/* False: there is none, or it waits on. */
static bool
send_one_locked(struct clerk_cases *cases)
{
    struct item *item = take(cases);
    enum ms_err err;

    if (item == NULL)
        return false;
    err = write_item(cases, item) ? share_item(cases, item) : MS_UNAVAIL;
    if (err == MS_UNAVAIL || err == MS_TIMEOUT) {
        put_back(cases, item);
        return false;
    }
    free(item); /* any other error is of this one */
    return true;
}

void
clerk_cases_send(struct clerk_cases *cases)
{
    bool more = true;

    while (more) {
        (void)pthread_mutex_lock(&cases->sending);
        more = send_one_locked(cases);
        (void)pthread_mutex_unlock(&cases->sending);
    }
}

/* ----- what is held no more */

struct dropping {
    struct clerk_cases *cases;
    const struct clerk_gone *gone;
    size_t n;
    bool *done;      /* of each of GONE: it was known */
    enum ms_err err; /* the first */
};

static void
note_error(struct dropping *d, enum ms_err err)
{
    if (d->err == MS_OK)
        d->err = err;
}

struct drop {
    const struct clerk_gone *gone;
    struct held held;
    bool found;
};

static enum ms_err
drop_here(struct diary *diary, void *arg)
{
    struct drop *drop = arg;
    const struct clerk_gone *gone = drop->gone;
    enum ms_err err =
        diary_find_held(diary, gone->host, gone->id, &drop->found, &drop->held);
    bool found;

    return err == MS_OK && drop->found
               ? diary_drop_held(diary, gone->host, gone->id, &found)
               : err;
}

/* Off the diary, and what it told of it off the board. */
static void
drop_known(struct dropping *d)
{
    struct store *shared = clerk_shared(d->cases->clerk);

    for (size_t i = 0; i < d->n; i++) {
        struct drop drop = {.gone = &d->gone[i]};

        note_error(d, clerk_write(d->cases->clerk, drop_here, &drop));
        d->done[i] = drop.found;
        if (drop.found)
            note_error(d, clerk_share_gone(shared, &drop.held));
    }
}

static bool
drop_from_board(void *arg, const struct held *held)
{
    struct dropping *d = arg;

    for (size_t i = 0; i < d->n; i++) {
        if (strcmp(d->gone[i].id, held->id) != 0 ||
            strcmp(d->gone[i].host, held->host) != 0)
            continue;
        d->done[i] = true;
        note_error(d, clerk_share_gone(clerk_shared(d->cases->clerk), held));
    }
    return d->err == MS_OK;
}

/* "gone HOST" in OUT; false: no host is called so. */
static bool
name_of(const char *host, struct clerk_names *out)
{
    out->n = 0;
    clerk_names_add(out, "gone ", host);
    return out->n > 0;
}

static void
tell_host(struct dropping *d, const struct clerk_gone *gone)
{
    const struct board_blob blob = {gone->id, (const uint8_t *)"", 0};
    struct clerk_names names;

    if (name_of(gone->host, &names) && held_is_id(gone->id))
        note_error(d,
                   store_board_put(clerk_shared(d->cases->clerk), names.name[0],
                                   &blob, CLERK_HELD_KEEP_S, true));
}

/* What this host does not know, or another has in its diary, too. */
static void
drop_of_others(struct dropping *d)
{
    bool unknown = false;

    for (size_t i = 0; i < d->n; i++)
        unknown = unknown || !d->done[i];
    if (unknown)
        note_error(d,
                   clerk_fleet_held(d->cases->clerk, NULL, drop_from_board, d));
    for (size_t i = 0; i < d->n; i++)
        if (d->done[i] &&
            strcmp(d->gone[i].host, clerk_host(d->cases->clerk)) != 0)
            tell_host(d, &d->gone[i]);
}

enum ms_err
clerk_cases_drop(struct clerk_cases *cases, const struct clerk_gone *gone,
                 size_t n, unsigned *dropped)
{
    struct dropping d = {.cases = cases, .gone = gone, .n = n};

    *dropped = 0;
    d.done = calloc(n + 1, sizeof(*d.done));
    if (d.done == NULL)
        return MS_NOMEM;
    clerk_cases_send(cases); /* none of them is to come behind */
    drop_known(&d);
    if (clerk_shared(cases->clerk) != NULL)
        drop_of_others(&d);
    for (size_t i = 0; i < n; i++)
        *dropped += d.done[i];
    free(d.done);
    return d.err;
}

static bool
follow_one(void *arg, const struct board_blob *blob)
{
    struct dropping *d = arg;
    struct clerk *clerk = d->cases->clerk;
    const struct clerk_gone gone = {clerk_host(clerk), blob->field};
    struct drop drop = {.gone = &gone};
    struct clerk_names names;

    if (clerk_write(clerk, drop_here, &drop) == MS_OK &&
        name_of(gone.host, &names))
        (void)store_board_remove(clerk_shared(clerk), names.name[0], gone.id);
    return true; /* else with the next call */
}

void
clerk_cases_follow(struct clerk_cases *cases)
{
    struct dropping d = {.cases = cases};
    struct store *shared = clerk_shared(cases->clerk);
    struct clerk_names names;

    if (shared != NULL && name_of(clerk_host(cases->clerk), &names))
        (void)store_board_fields(shared, names.name[0], follow_one, &d);
}

/* ----- who is forgotten */

void
clerk_cases_weed(struct clerk_cases *cases, const struct clerk_weed *weed)
{
    struct item **at = &cases->first;

    (void)pthread_mutex_lock(&cases->sending);
    (void)pthread_mutex_lock(&cases->lock);
    while (*at != NULL) {
        struct item *item = *at;
        bool bad = item->held ? weed->held(weed->arg, &item->is.held)
                              : weed->change(weed->arg, &item->is.change);

        if (!bad) {
            at = &item->next;
            continue;
        }
        *at = item->next;
        cases->n--;
        free(item);
    }
    cases->last = at;
    (void)pthread_mutex_unlock(&cases->lock);
    (void)pthread_mutex_unlock(&cases->sending);
}
