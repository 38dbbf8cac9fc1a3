/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Random histories, played to the store in memory and to the scripts of the
 * shared one: both say the same of everything.  What each of them should say
 * is test_store_model.c's business; here the clock goes back, too, which the
 * store in memory never sees but by this program's doing.
 * MORTSAFE_SEED=n plays one history, MORTSAFE_HISTORIES=n so many.
 */
#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "policy/store/ledger.h"
#include "policy/store/step.h"
#include "test/script_lab.h"
#include "test/unit.h"

enum {
    PEOPLE = 3,
    WINDOWS = 5,
    ITEMS = 6,
    RECEIPTS = 100,
    ACTIONS = 400,
    YEAR = 999 /* a window that is never empty: nobody is swept out */
};

/* Of each window; two do not divide by twelve; two have the same name. */
static const uint32_t spans_s[WINDOWS] = {12, 60, 100, 3600, 90061};
static const uint64_t names[WINDOWS] = {100, 101, 101, 103, UINT64_MAX};

struct held {
    unsigned who;
    struct receipt ours, theirs;
};

struct model {
    struct script_lab lab;
    struct ledger *ledger;
    unsigned seed, first_seed, action;
    struct subject people[PEOPLE];
    struct held held[RECEIPTS];
    size_t n_held;
};

static unsigned
pick(struct model *m, unsigned below)
{
    return (unsigned)rand_r(&m->seed) / 7 % below;
}

static void
same(const struct model *m, const char *what, uint64_t theirs, uint64_t ours)
{
    if (theirs != ours)
        fail_msg("MORTSAFE_SEED=%u, action %u: %s is %llu, not %llu",
                 m->first_seed, m->action, what, (unsigned long long)theirs,
                 (unsigned long long)ours);
}

/* The time, which the ledger is to take as it is. */
static struct store_time
now(struct model *m)
{
    int64_t ms = (int64_t)m->lab.clock_ms;

    m->ledger->seen_ms = 0;
    return (struct store_time){{ms}, {ms / 1000}};
}

static struct charge_item
make_item(struct model *m, unsigned *who)
{
    static const uint32_t much[] = {0, 12, UINT32_MAX, UINT32_MAX - 3};
    unsigned window = pick(m, WINDOWS);

    *who = pick(m, PEOPLE);
    return (struct charge_item){
        .subject = &m->people[*who],
        .window = names[window],
        .span_s = spans_s[window],
        .n = pick(m, 8) == 0
                 ? (pick(m, 9) == 0 ? much[pick(m, ROWS(much))] : pick(m, 12))
                 : 1,
        .limit =
            pick(m, 4) == 0 ? (pick(m, 9) == 0 ? UINT32_MAX : pick(m, 30)) : 10,
        .kind = pick(m, 4) == 0 ? CHARGE_NOTE
                                : (pick(m, 5) == 0 ? CHARGE_LOOK : CHARGE_TAKE),
        .observe = pick(m, 4) == 0,
        .throttled = pick(m, 6) == 0};
}

static void
compare(struct model *m, unsigned who, const struct charge_answer *theirs,
        const struct charge_answer *ours)
{
    same(m, "over", theirs->over, ours->over);
    same(m, "used", theirs->used, ours->used);
    same(m, "room", theirs->room_ms, ours->room_ms);
    same(m, "standing", theirs->standing, ours->standing);
    same(m, "a receipt", theirs->receipt.n, ours->receipt.n);
    if (ours->receipt.n == 0)
        return;
    same(m, "its slice", theirs->receipt.shared.slice, ours->receipt.slice);
    same(m, "its window", theirs->receipt.window, ours->receipt.window);
    same(m, "its span", theirs->receipt.span_s, ours->receipt.span_s);
    if (m->n_held < RECEIPTS && ours->receipt.window != YEAR)
        m->held[m->n_held++] =
            (struct held){who, ours->receipt, theirs->receipt};
}

static void
charge_items(struct model *m, const struct charge_item *items,
             const uint8_t *of, size_t n)
{
    static struct charge_answers ours;
    struct script_subject people[PEOPLE];
    struct script_charge charge = {.prefix = LAB_PREFIX,
                                   .subjects = people,
                                   .n_subjects = PEOPLE,
                                   .items = items,
                                   .of = of,
                                   .n = n,
                                   .clock_ms = m->lab.clock_ms};
    const struct script_answer *theirs;
    struct store_ticket *ticket;

    memset(people, 0, sizeof(people));
    for (unsigned i = 0; i < PEOPLE; i++)
        script_lab_hash(i, people[i].hash);
    assert_int_equal(step_submit(m->ledger, items, n, now(m), &ticket), MS_OK);
    step_collect(ticket, &ours);
    theirs = script_lab_charge(&m->lab, &charge);
    same(m, "the time", theirs->clock_ms, m->lab.clock_ms);
    same(m, "added", theirs->answers.added, ours.added);
    for (size_t i = 0; i < n; i++)
        compare(m, of[i], &theirs->answers.item[i], &ours.item[i]);
}

static void
charge(struct model *m)
{
    struct charge_item items[ITEMS];
    uint8_t of[ITEMS];
    size_t n = 1 + pick(m, ITEMS);

    for (size_t i = 0; i < n; i++) {
        unsigned who;

        items[i] = make_item(m, &who);
        of[i] = (uint8_t)who;
    }
    charge_items(m, items, of, n);
}

/* So that neither store takes anybody for idle. */
static void
keep(struct model *m, unsigned who)
{
    const struct charge_item item = {.subject = &m->people[who],
                                     .window = YEAR,
                                     .span_s = 31622400,
                                     .n = 1,
                                     .kind = CHARGE_NOTE};
    const uint8_t of = (uint8_t)who;

    charge_items(m, &item, &of, 1);
}

static void
refund(struct model *m)
{
    const struct receipt *theirs;
    struct held held;
    size_t i;

    if (m->n_held == 0)
        return;
    i = pick(m, (unsigned)m->n_held);
    held = m->held[i];
    m->held[i] = m->held[--m->n_held];
    theirs = &held.theirs;
    ledger_refund(m->ledger, &held.ours, 1, now(m));
    (void)script_lab_refund(&m->lab, held.who, &theirs, 1);
}

static uint64_t
slices_sum(const struct store_window *w)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < ROWS(w->slices); i++)
        sum = sum * 31 + w->slices[i];
    return sum;
}

/* The window in RECORD as a number, 0 if it is empty or not there. */
static uint64_t
find(const struct store_record *record, unsigned window)
{
    for (size_t i = 0; i < record->n_windows; i++)
        if (record->windows[i].window == names[window] &&
            record->windows[i].span_s == spans_s[window] &&
            record->windows[i].used > 0)
            return slices_sum(&record->windows[i]);
    return 0;
}

static void
look(struct model *m)
{
    static struct store_record ours, theirs;
    unsigned who = pick(m, PEOPLE);
    uint64_t epoch;
    bool found;

    assert_int_equal(script_lab_read(&m->lab, who, &found, &theirs, &epoch),
                     MS_OK);
    assert_true(found);
    ledger_get(m->ledger, &m->people[who], now(m), &found, &ours);
    assert_true(found);
    for (unsigned i = 0; i < WINDOWS; i++)
        same(m, "a window", find(&theirs, i), find(&ours, i));
    same(m, "a version", theirs.state.version, ours.state.version);
    same(m, "a standing", theirs.state.standing, ours.state.standing);
    same(m, "a rate", theirs.state.throttle, ours.state.throttle);
    same(m, "the beginning", (uint64_t)theirs.first_seen.s,
         (uint64_t)ours.first_seen.s);
}

static void
reset(struct model *m)
{
    unsigned who = pick(m, PEOPLE), window = pick(m, WINDOWS + 1);
    struct script_change change = {.deed = SCRIPT_RESET};
    bool found, done;

    change.window = window < WINDOWS ? names[window] : 0;
    ledger_reset(m->ledger, &m->people[who], change.window, now(m), &found);
    assert_int_equal(script_lab_change(&m->lab, who, &change, &done), MS_OK);
    same(m, "found", done, found);
    keep(m, who);
}

static void
forget(struct model *m)
{
    unsigned who = pick(m, PEOPLE);
    struct script_change change = {.deed = SCRIPT_FORGET};
    bool found, done;

    ledger_forget(m->ledger, &m->people[who], now(m), &found);
    assert_int_equal(script_lab_change(&m->lab, who, &change, &done), MS_OK);
    same(m, "found", done, found);
    keep(m, who);
}

/* Out and in again: counts stay for their whole span. */
static void
move(struct model *m)
{
    static struct store_record record;
    unsigned who = pick(m, PEOPLE);
    struct script_change change = {.deed = SCRIPT_PUT, .record = &record};
    bool found, done;

    ledger_get(m->ledger, &m->people[who], now(m), &found, &record);
    assert_int_equal(ledger_put(m->ledger, &record, now(m)), MS_OK);
    assert_int_equal(script_lab_change(&m->lab, who, &change, &done), MS_OK);
    assert_true(done);
}

static enum ms_err
set_state(void *arg, struct store_state *state)
{
    const struct store_state *wanted = arg;

    state->standing = wanted->standing;
    state->throttle = wanted->throttle;
    return MS_OK;
}

static void
judge(struct model *m)
{
    unsigned who = pick(m, PEOPLE);
    struct store_state state = {.standing = (enum standing)pick(m, 5)};
    bool changed;

    state.throttle = state.standing == STANDING_THROTTLED ? pick(m, 6) : 0;
    ledger_update(m->ledger, &m->people[who], now(m), set_state, &state,
                  &changed);
    script_lab_judge(&m->lab, who, state.standing, state.throttle, 0);
}

static void
pass(struct model *m)
{
    static const unsigned most_ms[] = {5,      900,     9000,     70000,
                                       900000, 5000000, 100000000};
    unsigned by_ms = pick(m, most_ms[pick(m, ROWS(most_ms))]);

    if (pick(m, 4) == 0)
        m->lab.clock_ms -= by_ms;
    else
        m->lab.clock_ms += by_ms;
}

static void
play(struct model *m, unsigned seed)
{
    m->seed = m->first_seed = seed;
    m->n_held = 0;
    m->lab.clock_ms = UINT64_C(1800000000000);
    (void)script_lab_say(&m->lab, "FLUSHALL", (char *)NULL);
    assert_int_equal(ledger_create(1 << 24, NULL, &m->ledger), MS_OK);
    for (unsigned i = 0; i < PEOPLE; i++) {
        const char name[] = {(char)('a' + i), '\0'};

        assert_true(subject_make(SUBJECT_USER, name, &m->people[i]));
        keep(m, i);
    }
    for (m->action = 0; m->action < ACTIONS; m->action++) {
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
        else if (what < 96)
            move(m);
        else
            judge(m);
    }
    ledger_destroy(m->ledger);
}

static void
test_histories(void **state)
{
    static struct model m;
    const char *seed = getenv("MORTSAFE_SEED");
    const char *many = getenv("MORTSAFE_HISTORIES");
    unsigned n = many != NULL ? (unsigned)strtoul(many, NULL, 10) : 12;

    (void)state;
    script_lab_begin(&m.lab);
    if (seed != NULL)
        play(&m, (unsigned)strtoul(seed, NULL, 10));
    for (unsigned i = 1; seed == NULL && i <= n; i++)
        play(&m, i);
    script_lab_end(&m.lab);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_histories),
    };

    return cmocka_run_group_tests_name("redis model", tests, NULL, NULL);
}
