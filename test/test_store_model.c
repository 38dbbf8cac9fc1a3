/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Random histories, played to a store and to a list of all that was ever
 * counted.  Whatever comes - clocks read in another order, a step forward, a
 * reboot, refunds after a reset, trials beside live limits, limits that
 * change - the store says what the list says, and no span ever holds more than
 * its limit.  MORTSAFE_SEED=n plays one history, MORTSAFE_HISTORIES=n so many.
 */
#include <config.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/window.h"
#include "test/redis_lab.h"
#include "test/store_lab.h"
#include "test/unit.h"

enum {
    PEOPLE = 3,
    WINDOWS = 4,
    ITEMS = 5,
    EVENTS = 4000,
    RECEIPTS = 200,
    ACTIONS = 300
};

/* Of each window; the third does not divide by twelve. */
static const uint32_t spans_s[WINDOWS] = {12, 60, 100, 3600};

/* N events that were added at CLOCK_MS. */
struct event {
    int64_t clock_ms;
    unsigned who, window;
    uint32_t n;
};

struct held {
    struct receipt receipt;
    size_t event;
    unsigned era;
};

struct model {
    struct lab *lab;
    unsigned seed, first_seed, action;
    struct subject people[PEOPLE];
    bool throttled[PEOPLE];
    uint32_t rate[PEOPLE];
    unsigned era[PEOPLE]; /* receipts of an older one prove nothing */

    int64_t clock_ms;  /* the store's: it never goes back */
    int64_t offset_ms; /* from MONO to it */
    struct event event[EVENTS];
    size_t n_events;
    struct held held[RECEIPTS];
    size_t n_held;
};

static unsigned
pick(struct model *m, unsigned below)
{
    return (unsigned)rand_r(&m->seed) / 7 % below;
}

static void
wrong(const struct model *m, const char *what, uint64_t is, uint64_t should)
{
    fail_msg("%s, MORTSAFE_SEED=%u, action %u: %s is %llu, not %llu",
             m->lab->kind->name, m->first_seed, m->action, what,
             (unsigned long long)is, (unsigned long long)should);
}

/* ----- the list */

/* Both learn what time it is; whoever is late with it changes nothing. */
static void
tell_time(struct model *m)
{
    m->clock_ms = lab_now(m->lab).mono.ms + m->offset_ms;
    assert_true(lab_charge(m->lab, NULL, 0));
}

/* Events not older than AGE_MS. */
static uint64_t
younger(const struct model *m, unsigned who, unsigned window, int64_t age_ms)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < m->n_events; i++)
        if (m->event[i].who == who && m->event[i].window == window &&
            m->clock_ms - m->event[i].clock_ms <= age_ms)
            sum += m->event[i].n;
    return sum;
}

/* Events of the slice that is now and the twelve before. */
static uint64_t
listed(const struct model *m, unsigned who, unsigned window)
{
    int64_t slice_ms = (int64_t)window_slice_s(spans_s[window]) * 1000;
    uint64_t sum = 0;

    for (size_t i = 0; i < m->n_events; i++)
        if (m->event[i].who == who && m->event[i].window == window &&
            m->clock_ms / slice_ms - m->event[i].clock_ms / slice_ms <= 12)
            sum += m->event[i].n;
    return sum;
}

static void
check_bounds(const struct model *m, unsigned who, unsigned window,
             uint64_t used)
{
    int64_t slice_ms = (int64_t)window_slice_s(spans_s[window]) * 1000;
    uint64_t least = younger(m, who, window, (int64_t)spans_s[window] * 1000);
    uint64_t most = younger(m, who, window, 13 * slice_ms - 1);

    if (used < least)
        wrong(m, "a count, of one span at least,", used, least);
    if (used > most)
        wrong(m, "a count, of 13/12 at most,", used, most);
    if (used != listed(m, who, window))
        wrong(m, "a count", used, listed(m, who, window));
}

/* Forget what is long past. */
static void
shorten(struct model *m)
{
    size_t kept = m->n_events;

    if (m->n_events < EVENTS - ITEMS)
        return;
    m->n_held = 0; /* they know events by number */
    kept = 0;
    for (size_t i = 0; i < m->n_events; i++)
        if (m->clock_ms - m->event[i].clock_ms < 8000000)
            m->event[kept++] = m->event[i];
    m->n_events = kept;
    assert_true(m->n_events < EVENTS - ITEMS);
}

static void
add_event(struct model *m, unsigned who, unsigned window,
          const struct receipt *receipt)
{
    m->event[m->n_events] =
        (struct event){m->clock_ms, who, window, receipt->n};
    if (m->n_held < RECEIPTS)
        m->held[m->n_held++] =
            (struct held){*receipt, m->n_events, m->era[who]};
    m->n_events++;
}

/* ----- actions */

struct ask {
    unsigned who, window;
    struct charge_item item;
    bool counts, over, adds;
    uint64_t used;
    uint32_t limit;
};

static struct ask
make_ask(struct model *m)
{
    struct ask ask = {.who = pick(m, PEOPLE), .window = pick(m, WINDOWS)};

    ask.item = (struct charge_item){
        .subject = &m->people[ask.who],
        .window = 100 + ask.window,
        .span_s = spans_s[ask.window],
        .n = pick(m, 8) == 0 ? pick(m, 12) : 1,
        .limit = pick(m, 4) == 0 ? pick(m, 30) : 10,
        .kind = pick(m, 4) == 0 ? CHARGE_NOTE
                                : (pick(m, 5) == 0 ? CHARGE_LOOK : CHARGE_TAKE),
        .observe = pick(m, 4) == 0,
        .throttled = pick(m, 6) == 0};
    return ask;
}

/* What policy/charge.h says about a step, in words of its own. */
static bool
foretell(const struct model *m, struct ask ask[], size_t n)
{
    bool passes = true;

    for (size_t i = 0; i < n; i++) {
        struct ask *a = &ask[i];

        a->counts = !a->item.throttled || m->throttled[a->who];
        a->limit = a->item.throttled ? m->rate[a->who] : a->item.limit;
        a->used = a->counts ? listed(m, a->who, a->window) + a->item.n : 0;
        a->over = a->counts && a->used > a->limit;
        if (a->over && a->item.kind != CHARGE_NOTE && !a->item.observe)
            passes = false;
    }
    for (size_t i = 0; i < n; i++) {
        struct ask *a = &ask[i];

        a->adds = a->counts && a->item.n > 0 &&
                  (a->item.kind == CHARGE_NOTE ||
                   (a->item.kind == CHARGE_TAKE && passes && !a->over));
        for (size_t j = 0; j < i; j++)
            if (ask[j].adds && ask[j].who == a->who &&
                ask[j].window == a->window)
                a->adds = false; /* once is enough */
    }
    return passes;
}

static void
check_answer(struct model *m, const struct ask *a,
             const struct charge_answer *answer)
{
    if (answer->over != a->over)
        wrong(m, "over", answer->over, a->over);
    if (answer->used != a->used)
        wrong(m, "used", answer->used, a->used);
    if (answer->receipt.n != (a->adds ? a->item.n : 0))
        wrong(m, "a receipt", answer->receipt.n, a->adds ? a->item.n : 0);
    if ((answer->room_ms > 0) != a->over)
        wrong(m, "room", answer->room_ms, a->over);
    if ((answer->standing == STANDING_THROTTLED) != m->throttled[a->who])
        wrong(m, "a standing", answer->standing, m->throttled[a->who]);
    if (a->counts)
        check_bounds(m, a->who, a->window, answer->used - a->item.n);
    /* What is admitted by a limit keeps it, in the span that ends now. */
    if (a->adds && a->item.kind == CHARGE_TAKE &&
        younger(m, a->who, a->window, (int64_t)spans_s[a->window] * 1000) +
                a->item.n >
            a->limit)
        wrong(m, "more than a limit", answer->used, a->limit);
}

static void
charge(struct model *m)
{
    struct ask ask[ITEMS];
    struct charge_item item[ITEMS];
    size_t n = 1 + pick(m, ITEMS);
    int64_t late_ms = pick(m, 4) == 0 ? (int64_t)pick(m, 9000) : 0;
    bool passes;

    for (size_t i = 0; i < n; i++) {
        ask[i] = make_ask(m);
        item[i] = ask[i].item;
    }
    m->lab->mono_ms -= late_ms; /* a thread that was held up */
    passes = foretell(m, ask, n);
    if (lab_charge(m->lab, item, n) != passes)
        wrong(m, "added", !passes, passes);
    m->lab->mono_ms += late_ms;
    for (size_t i = 0; i < n; i++)
        check_answer(m, &ask[i], &m->lab->answers.item[i]);
    for (size_t i = 0; i < n; i++)
        if (ask[i].adds)
            add_event(m, ask[i].who, ask[i].window,
                      &m->lab->answers.item[i].receipt);
    shorten(m);
}

static void
refund(struct model *m)
{
    struct held held;
    struct event *event;
    size_t i;

    if (m->n_held == 0)
        return;
    i = pick(m, (unsigned)m->n_held);
    held = m->held[i];
    m->held[i] = m->held[--m->n_held];
    event = &m->event[held.event];
    store_refund(m->lab->store, &held.receipt, 1, lab_now(m->lab));
    if (held.era == m->era[event->who])
        event->n = 0;
}

static void
look(struct model *m)
{
    unsigned who = pick(m, PEOPLE), window = pick(m, WINDOWS);

    check_bounds(m, who, window,
                 lab_used(m->lab, &m->people[who], 100 + window));
}

/* No receipt of theirs proves anything any more. */
static void
new_era(struct model *m, unsigned who)
{
    m->era[who]++;
}

static void
reset(struct model *m)
{
    unsigned who = pick(m, PEOPLE), window = pick(m, WINDOWS + 1);
    bool found;

    store_reset(m->lab->store, &m->people[who],
                window < WINDOWS ? 100 + window : 0, lab_now(m->lab), &found);
    for (size_t i = 0; i < m->n_events; i++)
        if (m->event[i].who == who &&
            (window == WINDOWS || m->event[i].window == window))
            m->event[i].n = 0;
    new_era(m, who);
}

static void
forget(struct model *m)
{
    unsigned who = pick(m, PEOPLE);
    bool found;

    store_forget(m->lab->store, &m->people[who], lab_now(m->lab), &found);
    for (size_t i = 0; i < m->n_events; i++)
        if (m->event[i].who == who)
            m->event[i].n = 0;
    m->throttled[who] = false;
    m->rate[who] = 0;
    new_era(m, who);
}

static void
judge(struct model *m)
{
    unsigned who = pick(m, PEOPLE);

    m->throttled[who] = pick(m, 2) == 0;
    m->rate[who] = m->throttled[who] ? pick(m, 6) : 0;
    assert_int_equal(
        lab_judge(m->lab, &m->people[who],
                  m->throttled[who] ? STANDING_THROTTLED : STANDING_NORMAL,
                  m->rate[who], (uint16_t)pick(m, 3)),
        MS_OK);
}

static void
restart(struct model *m)
{
    int64_t away_s = pick(m, 3) == 0 ? pick(m, 5000) : pick(m, 30);
    int64_t before_ms;

    if (!m->lab->kind->keeps)
        return;
    if (m->lab->kind->shared || pick(m, 2) == 0) { /* the daemon, for a while */
        lab_close(m->lab);
        lab_pass(m->lab, away_s * 1000);
        lab_reopen(m->lab);
    } else {
        char boot[16];

        snprintf(boot, sizeof(boot), "boot %u", m->action);
        before_ms = m->lab->mono_ms;
        if (pick(m, 4) == 0)
            away_s = -away_s; /* the wall clock was put back meanwhile */
        lab_reboot(m->lab, boot, away_s);
        m->offset_ms += before_ms - m->lab->mono_ms;
        m->offset_ms += away_s > 0 ? away_s * 1000 : 0;
    }
    tell_time(m);
    for (unsigned who = 0; who < PEOPLE && !m->lab->kind->shared; who++)
        new_era(m, who);
}

static void
pass(struct model *m)
{
    static const unsigned most_ms[] = {5, 900, 9000, 70000, 900000, 5000000};

    lab_pass(m->lab, pick(m, most_ms[pick(m, ROWS(most_ms))]));
    tell_time(m);
}

static void
play(struct model *m, const struct lab_kind *kind, unsigned seed)
{
    memset(m, 0, sizeof(*m));
    m->seed = m->first_seed = seed;
    m->lab = lab_create(kind);
    tell_time(m);
    for (unsigned i = 0; i < PEOPLE; i++) {
        char name[32];

        snprintf(name, sizeof(name), "user:%u", i);
        m->people[i] = lab_subject(name);
    }
    for (; m->action < ACTIONS; m->action++) {
        unsigned what = pick(m, 100);

        if (what < 50)
            charge(m);
        else if (what < 70)
            pass(m);
        else if (what < 82)
            refund(m);
        else if (what < 92)
            look(m);
        else if (what < 94)
            reset(m);
        else if (what < 95)
            forget(m);
        else if (what < 98)
            judge(m);
        else
            restart(m);
    }
    lab_end(m->lab);
}

static void
test_histories(void **state)
{
    const struct lab_kind *kind = *state;
    static struct model model;
    const char *seed = getenv("MORTSAFE_SEED");
    const char *many = getenv("MORTSAFE_HISTORIES");
    unsigned n = kind->shared ? 10 : kind->keeps ? 30 : 120;

    if (seed != NULL) {
        play(&model, kind, (unsigned)strtoul(seed, NULL, 10));
        return;
    }
    if (many != NULL)
        n = (unsigned)strtoul(many, NULL, 10);
    for (unsigned i = 1; i <= n; i++)
        play(&model, kind, i);
}

static const struct lab_test all[] = {
    LAB_TEST(test_histories),
};

int
main(void)
{
    return redis_lab_run(all, ROWS(all));
}
