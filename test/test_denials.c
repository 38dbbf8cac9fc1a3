/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Refusals that are remembered: what the store below is asked, and what is
 * answered in its place.
 */
#include <config.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "policy/store/denials.h"
#include "policy/store/memory.h"
#include "test/unit.h"

enum { SPAN_S = 60, ASKS = 4, TURNS = 6, START_MS = 100000000 };

/* ----- the store below: one in memory, that counts what it is asked */

struct below {
    struct store store;
    struct store *memory;
    _Atomic unsigned asked, items, refunds;
    bool fails, degraded, unknown;
    enum standing standing; /* of everybody, as the next two */
    uint32_t first_s, throttle;
};

static void
make_key(const void *arg, const struct subject *subject,
         uint8_t key[DENIALS_KEY])
{
    (void)arg;
    crypto_generichash(key, DENIALS_KEY, subject->bytes, subject->len, NULL, 0);
}

static struct below *
of(struct store *store)
{
    return (struct below *)store;
}

/* What the memory is asked, and what a shared store knows besides. */
struct ticket {
    struct store_ticket *memory;
    struct proof proof[CHARGE_ITEMS];
};

static enum ms_err
below_submit(struct store *store, const struct charge_item *items, size_t n,
             struct store_time now, struct store_ticket **out)
{
    struct below *b = of(store);
    struct ticket *t;
    enum ms_err err;

    b->asked++;
    b->items += (unsigned)n;
    if (b->fails)
        return MS_UNAVAIL;
    t = calloc(1, sizeof(*t));
    assert_non_null(t);
    for (size_t i = 0; i < n; i++) {
        make_key(NULL, items[i].subject, t->proof[i].key);
        t->proof[i].epoch = 1;
    }
    err = store_submit(b->memory, items, n, now, &t->memory);
    if (err != MS_OK)
        free(t);
    else
        *out = (struct store_ticket *)t;
    return err;
}

static enum ms_err
below_collect(struct store *store, struct store_ticket *ticket,
              struct mono deadline, struct charge_answers *out)
{
    struct below *b = of(store);
    struct ticket *t = (struct ticket *)ticket;
    enum ms_err err = store_collect(b->memory, t->memory, deadline, out);

    for (size_t i = 0; i < out->n; i++) {
        out->item[i].receipt.shared = t->proof[i];
        out->item[i].unknown = b->unknown;
        out->item[i].standing = b->standing;
        out->item[i].first_s = b->first_s;
        out->item[i].throttle = b->throttle;
    }
    out->degraded = b->degraded;
    out->waited = true;
    free(t);
    return err;
}

static void
below_drop(struct store *store, struct store_ticket *ticket)
{
    store_drop(of(store)->memory, ((struct ticket *)ticket)->memory);
    free(ticket);
}

static void
below_refund(struct store *store, const struct receipt *receipts, size_t n,
             struct store_time now)
{
    of(store)->refunds += (unsigned)n;
    store_refund(of(store)->memory, receipts, n, now);
}

static enum ms_err
below_update(struct store *store, const struct subject *subject,
             struct store_time now,
             enum ms_err (*change)(void *, struct store_state *), void *arg)
{
    return store_update(of(store)->memory, subject, now, change, arg);
}

static enum ms_err
below_get(struct store *store, const struct subject *subject,
          struct store_time now, bool *found, struct store_record *out)
{
    return store_get(of(store)->memory, subject, now, found, out);
}

static enum ms_err
below_list(struct store *store, enum subject_kind kind, struct store_time now,
           bool (*each)(void *, const struct store_record *), void *arg)
{
    return store_list(of(store)->memory, kind, now, each, arg);
}

static enum ms_err
below_forget(struct store *store, const struct subject *subject,
             struct store_time now, bool *found)
{
    return store_forget(of(store)->memory, subject, now, found);
}

static enum ms_err
below_reset(struct store *store, const struct subject *subject, uint64_t window,
            struct store_time now, bool *found)
{
    return store_reset(of(store)->memory, subject, window, now, found);
}

static enum ms_err
below_put(struct store *store, const struct store_record *record,
          struct store_time now)
{
    return store_put(of(store)->memory, record, now);
}

static void
below_stats(struct store *store, struct store_stats *out)
{
    store_stats(of(store)->memory, out);
}

static enum ms_err
below_flush(struct store *store, struct store_time now, struct why *why)
{
    return store_flush(of(store)->memory, now, why);
}

static void
below_destroy(struct store *store)
{
    store_destroy(of(store)->memory);
    free(store);
}

static const struct store_ops below_ops = {
    .submit = below_submit,
    .collect = below_collect,
    .drop = below_drop,
    .refund = below_refund,
    .update = below_update,
    .get = below_get,
    .list = below_list,
    .forget = below_forget,
    .reset = below_reset,
    .put = below_put,
    .stats = below_stats,
    .flush = below_flush,
    .destroy = below_destroy,
};

/* ----- a layer under test */

struct lab {
    struct store *layer;
    struct below *below;
    struct store_time now;
    struct charge_answers answers;
};

static struct lab
lab_create(void)
{
    static const struct denials_keys keys = {make_key, NULL};
    struct lab lab = {.now = {{START_MS}, {1800000000}}};

    assert_true(sodium_init() >= 0);
    lab.below = calloc(1, sizeof(*lab.below));
    assert_non_null(lab.below);
    lab.below->store.ops = &below_ops;
    assert_int_equal(store_memory_create(64 << 20, &lab.below->memory), MS_OK);
    assert_int_equal(store_denials_create(&lab.below->store, keys, &lab.layer),
                     MS_OK);
    assert_ptr_equal(store_denials_below(lab.layer), &lab.below->store);
    return lab;
}

static void
lab_end(struct lab *lab)
{
    store_destroy(lab->layer);
}

static struct subject
subject_of(const char *text)
{
    struct subject subject;
    struct why why;

    if (subject_parse(text, &subject, &why) != MS_OK)
        fail_msg("%s: %s", text, why.text);
    return subject;
}

/* Charge; has the store below been asked? */
static bool
charge(struct lab *lab, const struct charge_item *items, size_t n)
{
    unsigned asked = lab->below->asked;
    struct store_ticket *ticket = NULL;

    assert_int_equal(store_submit(lab->layer, items, n, lab->now, &ticket),
                     MS_OK);
    assert_int_equal(
        store_collect(lab->layer, ticket, lab->now.mono, &lab->answers), MS_OK);
    assert_int_equal(lab->answers.n, n);
    return lab->below->asked > asked;
}

static struct charge_item
item_of(const struct subject *subject, uint32_t n, uint32_t limit)
{
    return (struct charge_item){.subject = subject,
                                .window = 1,
                                .span_s = SPAN_S,
                                .n = n,
                                .limit = limit};
}

/* Have ANN refused once: 3 of 3 are used. */
static void
refuse(struct lab *lab, const struct subject *ann)
{
    struct charge_item item = item_of(ann, 3, 3);

    assert_true(charge(lab, &item, 1));
    item.n = 1;
    assert_true(charge(lab, &item, 1));
    assert_false(lab->answers.added);
}

/* ANN has some of 3 left; take the last, and be refused. */
static void
refuse_last(struct lab *lab, const struct subject *ann)
{
    const struct charge_item item = item_of(ann, 1, 3);

    while (charge(lab, &item, 1) && lab->answers.added)
        continue;
    assert_false(charge(lab, &item, 1));
}

/* Is ANN's next attempt answered from memory? */
static bool
is_remembered(struct lab *lab, const struct subject *ann)
{
    const struct charge_item item = item_of(ann, 1, 3);

    return !charge(lab, &item, 1);
}

/* ----- what is remembered of what is asked */

struct ask {
    const char *who; /* NULL behind the last */
    uint64_t window;
    uint32_t n, limit;
    enum {
        TAKE,
        NOTE,
        RETURNED,
        LOOK,
        EARLY,
        TRIAL,
        HOST,
        HOST_EARLY,
        THROTTLED
    } how;
    bool over;
    uint64_t used;
};

struct turn {
    int64_t pass_ms;
    enum { REFUSED, PASSED } outcome;
    unsigned below; /* items that the store below is asked */
    struct ask ask[ASKS];
};

struct story {
    const char *row;
    struct turn turn[TURNS];
};

static const struct story stories[] = {
    {"what was refused is refused again, unasked",
     {{0, PASSED, 1, {{"user:ann", 1, 2, 2, TAKE, false, 2}}},
      {0, REFUSED, 1, {{"user:ann", 1, 1, 2, TAKE, true, 3}}},
      {0, REFUSED, 0, {{"user:ann", 1, 1, 2, TAKE, true, 3}}},
      {4999, REFUSED, 0, {{"user:ann", 1, 1, 2, TAKE, true, 3}}},
      {1, REFUSED, 1, {{"user:ann", 1, 1, 2, TAKE, true, 3}}}}},
    {"more events do not fit either",
     {{0, PASSED, 1, {{"user:ann", 1, 2, 4, TAKE, false, 2}}},
      {0, REFUSED, 1, {{"user:ann", 1, 3, 4, TAKE, true, 5}}},
      {0, REFUSED, 0, {{"user:ann", 1, 4, 4, TAKE, true, 6}}}}},
    {"fewer events may",
     {{0, PASSED, 1, {{"user:ann", 1, 2, 4, TAKE, false, 2}}},
      {0, REFUSED, 1, {{"user:ann", 1, 3, 4, TAKE, true, 5}}},
      {0, PASSED, 1, {{"user:ann", 1, 2, 4, TAKE, false, 4}}}}},
    {"a lower limit refuses, too",
     {{0, PASSED, 1, {{"user:ann", 1, 4, 4, TAKE, false, 4}}},
      {0, REFUSED, 1, {{"user:ann", 1, 1, 4, TAKE, true, 5}}},
      {0, REFUSED, 0, {{"user:ann", 1, 1, 3, TAKE, true, 5}}}}},
    {"a higher limit may not",
     {{0, PASSED, 1, {{"user:ann", 1, 4, 4, TAKE, false, 4}}},
      {0, REFUSED, 1, {{"user:ann", 1, 1, 4, TAKE, true, 5}}},
      {0, PASSED, 1, {{"user:ann", 1, 1, 5, TAKE, false, 5}}}}},
    {"another subject is asked about",
     {{0, PASSED, 1, {{"user:ann", 1, 1, 1, TAKE, false, 1}}},
      {0, REFUSED, 1, {{"user:ann", 1, 1, 1, TAKE, true, 2}}},
      {0, PASSED, 1, {{"user:bob", 1, 1, 1, TAKE, false, 1}}}}},
    {"another window, too",
     {{0, PASSED, 1, {{"user:ann", 1, 1, 1, TAKE, false, 1}}},
      {0, REFUSED, 1, {{"user:ann", 1, 1, 1, TAKE, true, 2}}},
      {0, PASSED, 1, {{"user:ann", 2, 1, 1, TAKE, false, 1}}}}},
    {"one refusal answers a whole step",
     {{0, PASSED, 1, {{"user:ann", 1, 1, 1, TAKE, false, 1}}},
      {0, REFUSED, 1, {{"user:ann", 1, 1, 1, TAKE, true, 2}}},
      {0,
       REFUSED,
       0,
       {{"user:bob", 1, 1, 1, TAKE, false, 0},
        {"user:ann", 1, 1, 1, TAKE, true, 2}}},
      {0, PASSED, 1, {{"user:bob", 1, 1, 1, TAKE, false, 1}}}}},
    {"all that is remembered of a step is told",
     {{0,
       REFUSED,
       2,
       {{"user:ann", 1, 2, 1, TAKE, true, 2},
        {"user:bob", 1, 2, 1, TAKE, true, 2}}},
      {0,
       REFUSED,
       0,
       {{"user:ann", 1, 2, 1, TAKE, true, 2},
        {"user:bob", 1, 2, 1, TAKE, true, 2}}}}},
    {"what is noted goes through",
     {{0, PASSED, 1, {{"user:ann", 1, 1, 1, TAKE, false, 1}}},
      {0, REFUSED, 1, {{"user:ann", 1, 1, 1, TAKE, true, 2}}},
      {0,
       REFUSED,
       1,
       {{"user:ann", 1, 1, 1, TAKE, true, 2},
        {"user:ann", 2, 3, 1, NOTE, false, 0}}},
      {0, PASSED, 1, {{"user:ann", 2, 1, 9, NOTE, false, 4}}}}},
    {"unless it would be given back at once",
     {{0, PASSED, 1, {{"user:ann", 1, 1, 1, TAKE, false, 1}}},
      {0, REFUSED, 1, {{"user:ann", 1, 1, 1, TAKE, true, 2}}},
      {0,
       REFUSED,
       0,
       {{"user:ann", 1, 1, 1, TAKE, true, 2},
        {"user:ann", 2, 3, 1, RETURNED, false, 0}}},
      {0, PASSED, 1, {{"user:ann", 2, 1, 9, NOTE, false, 1}}}}},
    {"a note alone is never refused",
     {{0, PASSED, 1, {{"user:ann", 1, 1, 1, TAKE, false, 1}}},
      {0, REFUSED, 1, {{"user:ann", 1, 1, 1, TAKE, true, 2}}},
      {0, PASSED, 1, {{"user:ann", 1, 1, 1, NOTE, true, 2}}}}},
    {"a note that is over is no refusal",
     {{0, PASSED, 1, {{"user:ann", 1, 2, 1, NOTE, true, 2}}},
      {0, REFUSED, 1, {{"user:ann", 1, 2, 1, TAKE, true, 4}}}}},
    {"a trial that is over is none, either",
     {{0, PASSED, 1, {{"user:ann", 1, 2, 1, TRIAL, true, 2}}},
      {0, REFUSED, 1, {{"user:ann", 1, 2, 1, TAKE, true, 2}}}}},
    {"a trial stops nobody, whatever is remembered",
     {{0, REFUSED, 1, {{"user:ann", 1, 2, 1, TAKE, true, 2}}},
      {0, PASSED, 1, {{"user:ann", 1, 2, 1, TRIAL, true, 2}}}}},
    {"this host's own limits are not remembered",
     {{0, REFUSED, 1, {{"user:ann", 1, 2, 1, HOST, true, 2}}},
      {0, REFUSED, 1, {{"user:ann", 1, 2, 1, HOST, true, 2}}}}},
    {"a look that refuses is remembered",
     {{0, PASSED, 1, {{"user:ann", 1, 1, 1, TAKE, false, 1}}},
      {0, REFUSED, 1, {{"user:ann", 1, 1, 1, LOOK, true, 2}}},
      {0, REFUSED, 0, {{"user:ann", 1, 1, 1, LOOK, true, 2}}},
      {0, REFUSED, 0, {{"user:ann", 1, 1, 1, TAKE, true, 2}}}}},
    {"what is asked again later is not asked",
     {{0, PASSED, 0, {{"user:ann", 2, 5, 1, EARLY, false, 0}}},
      {0, REFUSED, 1, {{"user:ann", 2, 5, 1, TAKE, true, 5}}}}},
    {"but refused where that is remembered",
     {{0, REFUSED, 1, {{"user:ann", 1, 2, 1, LOOK, true, 2}}},
      {0, REFUSED, 0, {{"user:ann", 1, 2, 1, EARLY, true, 2}}}}},
    {"of anybody",
     {{0, REFUSED, 1, {{"user:ann", 1, 2, 1, TAKE, true, 2}}},
      {0,
       PASSED,
       0,
       {{"client:192.0.2.1", 3, 5, 9, EARLY, false, 0},
        {"user:ann", 2, 5, 9, EARLY, false, 0}}}}},
    {"a look that is not asked again is asked",
     {{0, REFUSED, 1, {{"user:ann", 2, 5, 1, LOOK, true, 5}}}}},
    {"and what comes together with one that is",
     {{0,
       PASSED,
       2,
       {{"user:ann", 2, 1, 9, EARLY, false, 1},
        {"user:ann", 3, 1, 9, TAKE, false, 1}}}}},
    {"looking into this host costs nothing",
     {{0, REFUSED, 1, {{"user:ann", 2, 5, 1, HOST_EARLY, true, 5}}}}},
    {"what is not counted in a standing is not refused",
     {{0, REFUSED, 1, {{"user:ann", 1, 2, 1, TAKE, true, 2}}},
      {0, PASSED, 1, {{"user:ann", 1, 2, 1, THROTTLED, false, 0}}}}},
};

static struct charge_item
read_ask(const struct ask *ask, struct subject *subject)
{
    struct charge_item item;

    *subject = subject_of(ask->who);
    item = item_of(subject, ask->n, ask->limit);
    item.window = ask->window;
    if (ask->how == NOTE || ask->how == RETURNED)
        item.kind = CHARGE_NOTE;
    if (ask->how == LOOK || ask->how == EARLY || ask->how == HOST_EARLY)
        item.kind = CHARGE_LOOK;
    item.returned = ask->how == RETURNED;
    item.early = ask->how == EARLY || ask->how == HOST_EARLY;
    item.observe = ask->how == TRIAL;
    item.host = ask->how == HOST || ask->how == HOST_EARLY;
    item.throttled = ask->how == THROTTLED;
    return item;
}

static void
play_turn(struct lab *lab, const char *row, const struct turn *turn)
{
    struct subject subject[ASKS];
    struct charge_item item[ASKS];
    unsigned items = lab->below->items;
    size_t n = 0;

    for (; n < ASKS && turn->ask[n].who != NULL; n++)
        item[n] = read_ask(&turn->ask[n], &subject[n]);
    lab->now.mono.ms += turn->pass_ms;
    (void)charge(lab, item, n);
    expect(row, lab->below->items - items == turn->below);
    expect(row, lab->answers.added == (turn->outcome == PASSED));
    for (size_t i = 0; i < n; i++) {
        const struct charge_answer *answer = &lab->answers.item[i];

        expect(row, answer->over == turn->ask[i].over);
        expect(row, answer->used == turn->ask[i].used);
        expect(row, (answer->room_ms > 0) == answer->over);
        expect(row, (answer->room_ms == UINT64_MAX) ==
                        (answer->over && item[i].n > item[i].limit));
    }
}

static void
test_stories(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(stories); i++) {
        struct lab lab = lab_create();

        for (size_t j = 0; j < TURNS && stories[i].turn[j].ask[0].who != NULL;
             j++)
            play_turn(&lab, stories[i].row, &stories[i].turn[j]);
        lab_end(&lab);
    }
}

/* ----- for how long */

/* It ends when room returns, and until then room comes nearer. */
static void
test_room(void **state)
{
    struct lab lab = lab_create();
    struct subject ann = subject_of("user:ann");
    uint64_t room_ms;

    (void)state;
    lab.now.mono.ms = START_MS / SPAN_S / 1000 * SPAN_S * 1000;
    refuse(&lab, &ann);
    lab.now.mono.ms += 62000; /* of the 65 s that a count lives */
    assert_false(is_remembered(&lab, &ann));
    room_ms = lab.answers.item[0].room_ms;
    assert_in_range(room_ms, 1, 4999);
    lab.now.mono.ms += (int64_t)room_ms - 1;
    assert_true(is_remembered(&lab, &ann));
    assert_int_equal(lab.answers.item[0].room_ms, 1);
    lab.now.mono.ms += 1;
    assert_false(is_remembered(&lab, &ann));
    assert_true(lab.answers.added);
    lab_end(&lab);
}

/* ----- what is not remembered, or not any more */

enum event {
    NOTHING,
    CLEAR,
    DROP,
    DROP_OTHER,
    REFUND,
    REFUND_OTHER,
    REFUND_WINDOW,
    REFUND_UNSHARED,
    UPDATE,
    RESET,
    FORGET,
    PUT,
    PUT_BAD
};

static enum ms_err
leave(void *arg, struct store_state *state)
{
    (void)arg;
    (void)state;
    return MS_OK;
}

static void
do_refund(struct lab *lab, const struct subject *ann, enum event event)
{
    struct receipt receipt = {.epoch = 1, .window = 1, .span_s = SPAN_S};

    make_key(NULL, ann, receipt.shared.key);
    receipt.shared.epoch = 1;
    if (event == REFUND_OTHER)
        receipt.shared.key[5] ^= 1;
    if (event == REFUND_WINDOW)
        receipt.window = 2;
    if (event == REFUND_UNSHARED) {
        memcpy(receipt.key, receipt.shared.key, DENIALS_KEY);
        receipt.shared.epoch = 0;
    }
    store_refund(lab->layer, &receipt, 1, lab->now);
    assert_int_equal(lab->below->refunds, 1);
}

static void
do_put(struct lab *lab, const struct subject *ann, enum event event)
{
    static struct store_record record;

    record = (struct store_record){.subject = *ann};
    if (event == PUT_BAD)
        record.subject.len = UINT16_MAX;
    assert_int_equal(store_put(lab->layer, &record, lab->now),
                     event == PUT ? MS_OK : MS_INVALID);
}

static void
happen(struct lab *lab, const struct subject *ann, enum event event)
{
    uint8_t key[DENIALS_KEY];
    bool found;

    make_key(NULL, ann, key);
    switch (event) {
    case NOTHING:
        break;
    case CLEAR:
        store_denials_clear(lab->layer);
        break;
    case DROP_OTHER:
        key[5] ^= 1; /* in the same set */
        store_denials_drop(lab->layer, key);
        break;
    case DROP:
        store_denials_drop(lab->layer, key);
        break;
    case REFUND:
    case REFUND_OTHER:
    case REFUND_WINDOW:
    case REFUND_UNSHARED:
        do_refund(lab, ann, event);
        break;
    case UPDATE:
        assert_int_equal(store_update(lab->layer, ann, lab->now, leave, NULL),
                         MS_OK);
        break;
    case RESET:
        assert_int_equal(store_reset(lab->layer, ann, 0, lab->now, &found),
                         MS_OK);
        break;
    case FORGET:
        assert_int_equal(store_forget(lab->layer, ann, lab->now, &found),
                         MS_OK);
        break;
    case PUT:
    case PUT_BAD:
        do_put(lab, ann, event);
        break;
    }
}

static void
test_events(void **state)
{
    static const struct {
        const char *row;
        enum event event;
        bool remembered;
    } rows[] = {
        {"nothing happens", NOTHING, true},
        {"all is forgotten at a reload", CLEAR, false},
        {"the subject has changed elsewhere", DROP, false},
        {"another has changed", DROP_OTHER, true},
        {"something of it was given back", REFUND, false},
        {"something of another was", REFUND_OTHER, true},
        {"something of another window was", REFUND_WINDOW, true},
        {"it was counted in this host only", REFUND_UNSHARED, false},
        {"its standing may have changed", UPDATE, false},
        {"its counts begin anew", RESET, false},
        {"it is forgotten", FORGET, false},
        {"another record takes its place", PUT, false},
        {"a bad record does not", PUT_BAD, true},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct lab lab = lab_create();
        struct subject ann = subject_of("user:ann");

        refuse(&lab, &ann);
        happen(&lab, &ann, rows[i].event);
        expect(rows[i].row, is_remembered(&lab, &ann) == rows[i].remembered);
        lab_end(&lab);
    }
}

static void
test_doubtful_answers(void **state)
{
    static const struct {
        const char *row;
        bool degraded, unknown, remembered;
    } rows[] = {
        {"an answer of the store", false, false, true},
        {"one of this host alone", true, false, false},
        {"one that was not found out", false, true, false},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct lab lab = lab_create();
        struct subject ann = subject_of("user:ann");

        lab.below->degraded = rows[i].degraded;
        lab.below->unknown = rows[i].unknown;
        refuse(&lab, &ann);
        expect(rows[i].row, lab.answers.degraded == rows[i].degraded);
        lab.below->degraded = lab.below->unknown = false;
        expect(rows[i].row, is_remembered(&lab, &ann) == rows[i].remembered);
        lab_end(&lab);
    }
}

/* ----- the rest of an answer */

static void
test_standing(void **state)
{
    struct lab lab = lab_create();
    struct subject ann = subject_of("user:ann"), bob = subject_of("user:bob");
    struct charge_item item[2];

    (void)state;
    lab.below->standing = STANDING_THROTTLED;
    lab.below->first_s = 1234567;
    lab.below->throttle = 7;
    refuse(&lab, &ann);
    item[0] = item_of(&ann, 1, 3);
    item[1] = item_of(&bob, 1, 3);
    assert_false(charge(&lab, item, 2));
    assert_int_equal(lab.answers.item[0].standing, STANDING_THROTTLED);
    assert_int_equal(lab.answers.item[0].first_s, 1234567);
    assert_int_equal(lab.answers.item[0].throttle, 7);
    assert_int_equal(lab.answers.item[1].standing, STANDING_NORMAL);
    assert_int_equal(lab.answers.item[1].first_s, 0);
    assert_int_equal(lab.answers.item[1].throttle, 0);
    assert_false(lab.answers.waited);
    assert_false(lab.answers.degraded);
    assert_int_equal(lab.answers.item[0].receipt.n, 0);
    lab_end(&lab);
}

/* Who is quarantined is known at MAIL, too, where only memory is asked; what is
 * asked in earnest goes to the store. */
static void
test_quarantined(void **state)
{
    struct lab lab = lab_create();
    struct subject ann = subject_of("user:ann");
    struct charge_item item = item_of(&ann, 1, 3), look = item;

    (void)state;
    look.kind = CHARGE_LOOK;
    look.early = true;
    lab.below->standing = STANDING_QUARANTINED;
    assert_true(charge(&lab, &item, 1));
    assert_false(charge(&lab, &look, 1));
    assert_int_equal(lab.answers.item[0].standing, STANDING_QUARANTINED);
    lab.below->standing = STANDING_PROBATION; /* told of elsewhere, later */
    assert_true(charge(&lab, &item, 1));
    assert_int_equal(lab.answers.item[0].standing, STANDING_PROBATION);
    lab.now.mono.ms += DENIALS_MS;
    assert_false(charge(&lab, &look, 1));
    assert_int_equal(lab.answers.item[0].standing, STANDING_NORMAL);
    lab_end(&lab);
}

static void
test_stats(void **state)
{
    static struct store_stats stats;
    struct lab lab = lab_create();
    struct subject ann = subject_of("user:ann"), bob = subject_of("user:bob");

    (void)state;
    store_stats(lab.layer, &stats);
    assert_int_equal(stats.shared.denials, 0);
    refuse(&lab, &ann);
    refuse(&lab, &bob);
    assert_true(is_remembered(&lab, &ann));
    store_stats(lab.layer, &stats);
    assert_int_equal(stats.shared.denials, 2);
    assert_int_equal(stats.shared.denials_used, 1);
    assert_int_equal(stats.subjects[SUBJECT_USER], 2);
    lab.now.mono.ms += DENIALS_MS;
    assert_false(is_remembered(&lab, &ann));
    store_stats(lab.layer, &stats);
    assert_int_equal(stats.shared.denials, 1);
    lab_end(&lab);
}

/* What passes through: the store below fails, and is asked what it has. */
static void
test_failures(void **state)
{
    static struct store_record record;
    struct lab lab = lab_create();
    struct subject ann = subject_of("user:ann");
    struct charge_item item[CHARGE_ITEMS + 1];
    struct store_ticket *ticket = NULL;
    struct why why;
    bool found;

    (void)state;
    for (size_t i = 0; i < ROWS(item); i++)
        item[i] = item_of(&ann, 1, 3);
    item[1].kind = CHARGE_NOTE;
    assert_int_equal(
        store_submit(lab.layer, item, ROWS(item), lab.now, &ticket),
        MS_INVALID);
    lab.below->fails = true;
    assert_int_equal(store_submit(lab.layer, item, 1, lab.now, &ticket),
                     MS_UNAVAIL);
    assert_null(ticket);
    lab.below->fails = false;
    refuse(&lab, &ann);
    lab.below->fails = true; /* a refusal stands without its notes */
    assert_true(charge(&lab, item, 2));
    assert_false(lab.answers.added);
    assert_int_equal(store_get(lab.layer, &ann, lab.now, &found, &record),
                     MS_OK);
    assert_true(found);
    assert_int_equal(store_flush(lab.layer, lab.now, &why), MS_OK);
    lab_end(&lab);
}

static void
test_drop(void **state)
{
    struct lab lab = lab_create();
    struct subject ann = subject_of("user:ann");
    const struct charge_item item = item_of(&ann, 1, 3);
    struct store_ticket *ticket = NULL;

    (void)state;
    assert_int_equal(store_submit(lab.layer, &item, 1, lab.now, &ticket),
                     MS_OK);
    store_drop(lab.layer, ticket);
    assert_false(is_remembered(&lab, &ann));
    assert_int_equal(lab.answers.item[0].used, 2); /* it has counted */
    refuse_last(&lab, &ann);
    assert_int_equal(store_submit(lab.layer, &item, 1, lab.now, &ticket),
                     MS_OK);
    store_drop(lab.layer, ticket); /* of an answer from memory */
    lab_end(&lab);
}

/* Items may go as soon as the step is submitted. */
static void
test_items_go(void **state)
{
    struct lab lab = lab_create();
    struct subject *subject = malloc(2 * sizeof(*subject));
    struct charge_item *item = malloc(3 * sizeof(*item));
    struct subject bob = subject_of("user:bob");
    struct store_ticket *ticket = NULL;

    (void)state;
    assert_non_null(subject);
    assert_non_null(item);
    subject[0] = subject_of("user:ann");
    subject[1] = bob;
    item[0] = item_of(&subject[0], 9, 9);
    item[1] = item_of(&subject[1], 9, 3);
    item[2] = item_of(&subject[0], 9, 9);
    item[2].window = 2;
    assert_int_equal(store_submit(lab.layer, item, 3, lab.now, &ticket), MS_OK);
    free(item);
    free(subject);
    assert_int_equal(
        store_collect(lab.layer, ticket, lab.now.mono, &lab.answers), MS_OK);
    assert_false(lab.answers.added);
    item = malloc(sizeof(*item));
    assert_non_null(item);
    item[0] = item_of(&bob, 9, 3);
    assert_false(charge(&lab, item, 1));
    free(item);
    lab_end(&lab);
}

/* ----- many */

/* As many as there may be, and more: none is wrong, and most are known. */
static void
test_bounds(void **state)
{
    enum { MANY = DENIALS_MAX + DENIALS_MAX / 4 };
    static struct store_stats stats;
    struct lab lab = lab_create();
    unsigned known = 0;

    (void)state;
    for (unsigned i = 0; i < MANY; i++) {
        char text[32];
        struct subject subject;
        struct charge_item item;

        snprintf(text, sizeof(text), "user:%u", i);
        subject = subject_of(text);
        item = item_of(&subject, 2, 1);
        assert_true(charge(&lab, &item, 1));
        known += !charge(&lab, &item, 1);
        assert_false(lab.answers.added);
    }
    assert_int_equal(known, MANY); /* the newest always is */
    store_stats(lab.layer, &stats);
    assert_in_range(stats.shared.denials, DENIALS_MAX / 2, DENIALS_MAX);
    lab_end(&lab);
}

struct crowd {
    struct lab *lab;
    unsigned seed;
};

static void *
run(void *arg)
{
    struct crowd *crowd = arg;
    struct lab *lab = crowd->lab;

    for (unsigned i = 0; i < 2000; i++) {
        char text[32];
        struct subject subject;
        struct charge_item item;
        struct store_ticket *ticket = NULL;
        struct charge_answers answers;

        snprintf(text, sizeof(text), "user:%u", (i * crowd->seed) % 50);
        subject = subject_of(text);
        item = item_of(&subject, 1, 10);
        assert_int_equal(store_submit(lab->layer, &item, 1, lab->now, &ticket),
                         MS_OK);
        assert_int_equal(
            store_collect(lab->layer, ticket, lab->now.mono, &answers), MS_OK);
        if (i % 100 == 0)
            store_denials_clear(lab->layer);
        if (i % 7 == 0)
            happen(lab, &subject, DROP);
    }
    return NULL;
}

/* Not one is let through that should not be. */
static void
test_threads(void **state)
{
    struct lab lab = lab_create();
    struct crowd crowd[4];
    pthread_t thread[4];

    (void)state;
    for (unsigned i = 0; i < ROWS(thread); i++) {
        crowd[i] = (struct crowd){&lab, 2 * i + 1};
        assert_int_equal(pthread_create(&thread[i], NULL, run, &crowd[i]), 0);
    }
    for (unsigned i = 0; i < ROWS(thread); i++)
        pthread_join(thread[i], NULL);
    for (unsigned i = 0; i < 50; i++) {
        char text[32];
        struct subject subject;
        struct charge_item item;

        snprintf(text, sizeof(text), "user:%u", i);
        subject = subject_of(text);
        item = item_of(&subject, 1, 10);
        store_denials_clear(lab.layer);
        assert_true(charge(&lab, &item, 1));
        assert_int_equal(lab.answers.item[0].used, 11);
    }
    lab_end(&lab);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stories),
        cmocka_unit_test(test_room),
        cmocka_unit_test(test_events),
        cmocka_unit_test(test_doubtful_answers),
        cmocka_unit_test(test_standing),
        cmocka_unit_test(test_quarantined),
        cmocka_unit_test(test_stats),
        cmocka_unit_test(test_failures),
        cmocka_unit_test(test_drop),
        cmocka_unit_test(test_items_go),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_threads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
