/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What every store must do about charges: each test runs against each
 * implementation.
 */
#include <config.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test/redis_lab.h"
#include "test/store_lab.h"
#include "test/unit.h"

enum { SPAN_S = 60, ASKS = 4, TURNS = 6 };

/* ----- steps */

/* One item, and what comes of it. */
struct ask {
    const char *who; /* NULL behind the last */
    uint64_t window;
    uint32_t n, limit;
    enum charge_kind kind;
    bool observe, throttled;
    uint32_t span_s; /* 0: SPAN_S */

    bool over;
    uint64_t used;
    uint32_t added; /* events, by its receipt */
};

/* PASS_MS later, one step. */
struct turn {
    int64_t pass_ms;
    bool refused;
    struct ask ask[ASKS];
};

struct story {
    const char *row;
    const char *standing_of; /* somebody who stands throttled to RATE */
    uint32_t rate;
    struct turn turn[TURNS]; /* up to the first without an ask */
};

#define TAKE CHARGE_TAKE, false, false, 0
#define NOTE CHARGE_NOTE, false, false, 0
#define LOOK CHARGE_LOOK, false, false, 0
#define TRIAL CHARGE_TAKE, true, false, 0
#define TRIAL_NOTE CHARGE_NOTE, true, false, 0
#define TRIAL_LOOK CHARGE_LOOK, true, false, 0
#define THROTTLED CHARGE_TAKE, false, true, 0
#define OTHER_SPAN CHARGE_TAKE, false, false, 3600
#define PASSED false
#define OVER true

static const struct story stories[] = {
    {"a limit is reached, not passed",
     NULL,
     0,
     {{0, false, {{"user:ann", 1, 1, 2, TAKE, PASSED, 1, 1}}},
      {0, false, {{"user:ann", 1, 1, 2, TAKE, PASSED, 2, 1}}},
      {0, true, {{"user:ann", 1, 1, 2, TAKE, OVER, 3, 0}}},
      {0, true, {{"user:ann", 1, 1, 2, TAKE, OVER, 3, 0}}}}},
    {"several events fit whole or not at all",
     NULL,
     0,
     {{0, false, {{"user:ann", 1, 7, 10, TAKE, PASSED, 7, 7}}},
      {0, true, {{"user:ann", 1, 4, 10, TAKE, OVER, 11, 0}}},
      {0, false, {{"user:ann", 1, 3, 10, TAKE, PASSED, 10, 3}}}}},
    {"more than the limit never fits",
     NULL,
     0,
     {{0, true, {{"user:ann", 1, 11, 10, TAKE, OVER, 11, 0}}}}},
    {"a limit of nothing",
     NULL,
     0,
     {{0, true, {{"user:ann", 1, 1, 0, TAKE, OVER, 1, 0}}}}},
    {"no events pass any limit that is not passed already",
     NULL,
     0,
     {{0, false, {{"user:ann", 1, 0, 0, TAKE, PASSED, 0, 0}}},
      {0, false, {{"user:ann", 1, 5, 9, TAKE, PASSED, 5, 5}}},
      {0, true, {{"user:ann", 1, 0, 4, TAKE, OVER, 5, 0}}}}},
    {"an event counts for the whole span",
     NULL,
     0,
     {{0, false, {{"user:ann", 1, 1, 1, TAKE, PASSED, 1, 1}}},
      {60000, true, {{"user:ann", 1, 1, 1, TAKE, OVER, 2, 0}}},
      {5000, false, {{"user:ann", 1, 1, 1, TAKE, PASSED, 1, 1}}}}},
    {"a limit that is changed keeps the count",
     NULL,
     0,
     {{0, false, {{"user:ann", 1, 5, 5, TAKE, PASSED, 5, 5}}},
      {0, false, {{"user:ann", 1, 1, 6, TAKE, PASSED, 6, 1}}},
      {0, true, {{"user:ann", 1, 1, 3, TAKE, OVER, 7, 0}}}}},
    {"subjects do not share a window",
     NULL,
     0,
     {{0, false, {{"user:ann", 1, 1, 1, TAKE, PASSED, 1, 1}}},
      {0, false, {{"user:bob", 1, 1, 1, TAKE, PASSED, 1, 1}}},
      {0, false, {{"sender:ann", 1, 1, 1, TAKE, PASSED, 1, 1}}}}},
    {"windows of one subject are apart",
     NULL,
     0,
     {{0, false, {{"user:ann", 1, 1, 1, TAKE, PASSED, 1, 1}}},
      {0, false, {{"user:ann", 2, 1, 1, TAKE, PASSED, 1, 1}}}}},
    {"another span is another window",
     NULL,
     0,
     {{0, false, {{"user:ann", 1, 1, 1, TAKE, PASSED, 1, 1}}},
      {0, false, {{"user:ann", 1, 1, 1, OTHER_SPAN, PASSED, 1, 1}}}}},
    {"a step is added whole",
     NULL,
     0,
     {{0,
       false,
       {{"user:ann", 1, 1, 5, TAKE, PASSED, 1, 1},
        {"user:ann", 2, 2, 5, TAKE, PASSED, 2, 2},
        {"domain:example.org", 3, 3, 5, TAKE, PASSED, 3, 3}}}}},
    {"or not at all",
     NULL,
     0,
     {{0, false, {{"domain:example.org", 3, 5, 5, TAKE, PASSED, 5, 5}}},
      {0,
       true,
       {{"user:ann", 1, 1, 5, TAKE, PASSED, 1, 0},
        {"domain:example.org", 3, 1, 5, TAKE, OVER, 6, 0}}},
      {0, false, {{"user:ann", 1, 1, 5, LOOK, PASSED, 1, 0}}}}},
    {"all that refuse are told",
     NULL,
     0,
     {{0,
       true,
       {{"user:ann", 1, 9, 5, TAKE, OVER, 9, 0},
        {"user:ann", 2, 9, 9, TAKE, PASSED, 9, 0},
        {"user:bob", 1, 9, 8, TAKE, OVER, 9, 0}}}}},
    {"a note is added beyond its limit",
     NULL,
     0,
     {{0, false, {{"user:ann", 1, 2, 1, NOTE, OVER, 2, 2}}},
      {0, false, {{"user:ann", 1, 2, 1, NOTE, OVER, 4, 2}}}}},
    {"and stops nobody",
     NULL,
     0,
     {{0,
       false,
       {{"user:ann", 1, 2, 1, NOTE, OVER, 2, 2},
        {"user:ann", 2, 1, 1, TAKE, PASSED, 1, 1}}}}},
    {"a note is added to a step that is refused",
     NULL,
     0,
     {{0,
       true,
       {{"user:ann", 1, 1, 9, NOTE, PASSED, 1, 1},
        {"user:ann", 2, 2, 1, TAKE, OVER, 2, 0}}},
      {0, false, {{"user:ann", 1, 1, 9, LOOK, PASSED, 2, 0}}}}},
    {"a trial note, too",
     NULL,
     0,
     {{0, false, {{"user:ann", 1, 2, 1, TRIAL_NOTE, OVER, 2, 2}}}}},
    {"a look adds nothing",
     NULL,
     0,
     {{0, false, {{"user:ann", 1, 1, 1, LOOK, PASSED, 1, 0}}},
      {0, false, {{"user:ann", 1, 1, 1, LOOK, PASSED, 1, 0}}}}},
    {"a look refuses the step",
     NULL,
     0,
     {{0, false, {{"user:ann", 1, 1, 1, TAKE, PASSED, 1, 1}}},
      {0,
       true,
       {{"user:ann", 1, 1, 1, LOOK, OVER, 2, 0},
        {"user:ann", 2, 1, 1, TAKE, PASSED, 1, 0}}}}},
    {"a trial that fits is added",
     NULL,
     0,
     {{0, false, {{"user:ann", 1, 1, 1, TRIAL, PASSED, 1, 1}}}}},
    {"a trial that refuses is not added and stops nobody",
     NULL,
     0,
     {{0,
       false,
       {{"user:ann", 1, 2, 1, TRIAL, OVER, 2, 0},
        {"user:ann", 2, 2, 2, TAKE, PASSED, 2, 2}}},
      {0, false, {{"user:ann", 1, 1, 1, LOOK, PASSED, 1, 0}}}}},
    {"a trial look stops nobody",
     NULL,
     0,
     {{0,
       false,
       {{"user:ann", 1, 2, 1, TRIAL_LOOK, OVER, 2, 0},
        {"user:ann", 2, 2, 2, TAKE, PASSED, 2, 2}}}}},
    {"a trial is not added to a step that is refused",
     NULL,
     0,
     {{0,
       true,
       {{"user:ann", 1, 1, 9, TRIAL, PASSED, 1, 0},
        {"user:ann", 2, 2, 1, TAKE, OVER, 2, 0}}},
      {0, false, {{"user:ann", 1, 1, 9, LOOK, PASSED, 1, 0}}}}},
    {"a window named twice is added once",
     NULL,
     0,
     {{0,
       false,
       {{"user:ann", 1, 1, 5, TAKE, PASSED, 1, 1},
        {"user:ann", 1, 1, 9, TRIAL, PASSED, 1, 0}}},
      {0, false, {{"user:ann", 1, 1, 9, LOOK, PASSED, 2, 0}}}}},
    {"with the events of the first",
     NULL,
     0,
     {{0,
       false,
       {{"user:ann", 1, 2, 5, TAKE, PASSED, 2, 2},
        {"user:ann", 1, 3, 9, TAKE, PASSED, 3, 0}}},
      {0, false, {{"user:ann", 1, 1, 9, LOOK, PASSED, 3, 0}}}}},
    {"and compared with each",
     NULL,
     0,
     {{0, false, {{"user:ann", 1, 3, 9, TAKE, PASSED, 3, 3}}},
      {0,
       true,
       {{"user:ann", 1, 1, 9, TAKE, PASSED, 4, 0},
        {"user:ann", 1, 1, 3, TAKE, OVER, 4, 0}}}}},
    {"a trial below the live limit does not keep it from counting",
     NULL,
     0,
     {{0, false, {{"user:ann", 1, 3, 9, TAKE, PASSED, 3, 3}}},
      {0,
       false,
       {{"user:ann", 1, 1, 3, TRIAL, OVER, 4, 0},
        {"user:ann", 1, 1, 9, TAKE, PASSED, 4, 1}}},
      {0, false, {{"user:ann", 1, 1, 9, LOOK, PASSED, 5, 0}}}}},
    {"a look beside what is taken",
     NULL,
     0,
     {{0,
       false,
       {{"user:ann", 1, 1, 9, LOOK, PASSED, 1, 0},
        {"user:ann", 1, 1, 9, TAKE, PASSED, 1, 1}}}}},
    {"what counts in throttled standing only does not count in another",
     NULL,
     0,
     {{0, false, {{"user:ann", 1, 5, 1, THROTTLED, PASSED, 0, 0}}},
      {0, false, {{"user:ann", 1, 1, 9, LOOK, PASSED, 1, 0}}}}},
    {"in that standing it is compared with the rate beside it",
     "user:ann",
     3,
     {{0, false, {{"user:ann", 1, 3, 1, THROTTLED, PASSED, 3, 3}}},
      {0, true, {{"user:ann", 1, 1, 9, THROTTLED, OVER, 4, 0}}},
      {0, false, {{"user:bob", 1, 9, 9, THROTTLED, PASSED, 0, 0}}}}},
    {"counts stop at 2^32 - 1 and sums do not",
     NULL,
     0,
     {{0,
       false,
       {{"user:ann", 1, UINT32_MAX, UINT32_MAX, TAKE, PASSED, UINT32_MAX,
         UINT32_MAX}}},
      {0,
       true,
       {{"user:ann", 1, UINT32_MAX, UINT32_MAX, TAKE, OVER,
         2 * (uint64_t)UINT32_MAX, 0}}}}},
};

static void
play_turn(struct lab *lab, const char *row, const struct turn *turn)
{
    struct subject subject[ASKS];
    struct charge_item item[ASKS];
    size_t n = 0;

    for (; n < ASKS && turn->ask[n].who != NULL; n++) {
        const struct ask *ask = &turn->ask[n];

        subject[n] = lab_subject(ask->who);
        item[n] = (struct charge_item){.subject = &subject[n],
                                       .window = ask->window,
                                       .span_s = ask->span_s > 0 ? ask->span_s
                                                                 : SPAN_S,
                                       .n = ask->n,
                                       .limit = ask->limit,
                                       .kind = ask->kind,
                                       .observe = ask->observe,
                                       .throttled = ask->throttled};
    }
    lab_pass(lab, turn->pass_ms);
    expect(row, lab_charge(lab, item, n) == !turn->refused);
    for (size_t i = 0; i < n; i++) {
        const struct charge_answer *answer = &lab->answers.item[i];

        expect(row, answer->over == turn->ask[i].over);
        expect(row, answer->used == turn->ask[i].used);
        expect(row, answer->receipt.n == turn->ask[i].added);
        expect(row, (answer->room_ms > 0) == answer->over);
        expect(row, (answer->room_ms == UINT64_MAX) ==
                        (answer->over && item[i].n > item[i].limit &&
                         !item[i].throttled));
    }
}

static void
test_stories(void **state)
{
    for (size_t i = 0; i < ROWS(stories); i++) {
        struct lab *lab = lab_create(*state);
        struct subject subject;

        lab_pass(lab, 2000); /* not on a slice's edge */
        if (stories[i].standing_of != NULL) {
            subject = lab_subject(stories[i].standing_of);
            expect(stories[i].row, lab_judge(lab, &subject, STANDING_THROTTLED,
                                             stories[i].rate, 0) == MS_OK);
        }
        lab->mono_ms = 100000000;
        for (const struct turn *turn = stories[i].turn;
             turn->ask[0].who != NULL; turn++)
            play_turn(lab, stories[i].row, turn);
        lab_end(lab);
    }
}

static void
test_bad_steps(void **state)
{
    static const struct {
        const char *row;
        uint32_t span_s;
        size_t n;
        enum ms_err err;
    } rows[] = {
        {"no items", 60, 0, MS_OK},
        {"as many as there may be", 60, CHARGE_ITEMS, MS_OK},
        {"one more", 60, CHARGE_ITEMS + 1, MS_INVALID},
        {"the shortest span", 12, 1, MS_OK},
        {"one shorter", 11, 1, MS_INVALID},
        {"the longest span", 366 * 86400, 1, MS_OK},
        {"one longer", 366 * 86400 + 1, 1, MS_INVALID},
    };
    struct lab *lab = lab_create(*state);
    struct subject ann = lab_subject("user:ann");

    for (size_t i = 0; i < ROWS(rows); i++) {
        struct charge_item item[CHARGE_ITEMS + 1];
        struct store_ticket *ticket = NULL;

        for (size_t j = 0; j < ROWS(item); j++)
            item[j] = (struct charge_item){.subject = &ann,
                                           .window = 100 * i + j,
                                           .span_s = rows[i].span_s,
                                           .n = 1,
                                           .limit = 9};
        expect(rows[i].row, store_submit(lab->store, item, rows[i].n,
                                         lab_now(lab), &ticket) == rows[i].err);
        expect(rows[i].row, (ticket != NULL) == (rows[i].err == MS_OK));
        store_drop(lab->store, ticket);
    }
    lab_end(lab);
}

/* Every item of a step may have a subject of its own. */
static void
test_many_subjects(void **state)
{
    struct lab *lab = lab_create(*state);
    struct subject subject[CHARGE_ITEMS];
    struct charge_item item[CHARGE_ITEMS];

    for (size_t i = 0; i < CHARGE_ITEMS; i++) {
        char name[32];

        snprintf(name, sizeof(name), "user:%zu", i);
        subject[i] = lab_subject(name);
        item[i] = (struct charge_item){.subject = &subject[i],
                                       .window = 1,
                                       .span_s = SPAN_S,
                                       .n = 1,
                                       .limit = 2};
    }
    assert_true(lab_charge(lab, item, CHARGE_ITEMS));
    assert_true(lab_charge(lab, item, CHARGE_ITEMS));
    assert_false(lab_charge(lab, item, CHARGE_ITEMS));
    for (size_t i = 0; i < CHARGE_ITEMS; i++)
        assert_int_equal(lab_used(lab, &subject[i], 1), 2);
    lab_end(lab);
}

static void
test_standing_is_told(void **state)
{
    struct lab *lab = lab_create(*state);
    struct subject ann = lab_subject("user:ann");

    for (int s = STANDING_NORMAL; s <= STANDING_PROBATION; s++) {
        assert_int_equal(lab_judge(lab, &ann, (enum standing)s, 0, 0), MS_OK);
        lab_take(lab, &ann, 1, SPAN_S, 1, 100);
        assert_int_equal(lab->answers.item[0].standing, s);
    }
    lab_end(lab);
}

/* What it says about room is so. */
static void
test_room(void **state)
{
    struct lab *lab = lab_create(*state);
    struct subject ann = lab_subject("user:ann");
    int64_t room_ms;

    assert_true(lab_take(lab, &ann, 1, SPAN_S, 3, 5));
    lab_pass(lab, 20000);
    assert_true(lab_take(lab, &ann, 1, SPAN_S, 2, 5));
    lab_pass(lab, 700);
    assert_false(lab_take(lab, &ann, 1, SPAN_S, 1, 5));
    room_ms = (int64_t)lab->answers.item[0].room_ms;
    assert_in_range(room_ms, 60000 - 20700, 65000 - 20700);
    lab_pass(lab, room_ms - 1);
    assert_false(lab_take(lab, &ann, 1, SPAN_S, 1, 5));
    assert_int_equal(lab->answers.item[0].room_ms, 1);
    lab_pass(lab, 1);
    assert_true(lab_take(lab, &ann, 1, SPAN_S, 1, 5));
    assert_false(lab_take(lab, &ann, 1, SPAN_S, 6, 5));
    assert_true(lab->answers.item[0].room_ms == UINT64_MAX);
    lab_end(lab);
}

/* Threads hand in times that they read in another order. */
static void
test_jitter(void **state)
{
    struct lab *lab = lab_create(*state);
    struct subject ann = lab_subject("user:ann");

    assert_true(lab_take(lab, &ann, 1, 12, 1, 9));
    lab_pass(lab, 12000);
    assert_true(lab_take(lab, &ann, 1, 12, 1, 9));
    lab->mono_ms -= 5000; /* this one was held up, for five slices */
    assert_true(lab_take(lab, &ann, 1, 12, 1, 9));
    assert_int_equal(lab->answers.item[0].used, 3);
    lab_pass(lab, 5000 + 12000);
    assert_int_equal(lab_used(lab, &ann, 1), 2);
    lab_pass(lab, 1000);
    assert_int_equal(lab_used(lab, &ann, 1), 0);
    lab_end(lab);
}

/* ----- receipts */

static void
test_refund(void **state)
{
    enum meanwhile { NOTHING, A_SPAN, LONGER, RESET, RESET_OTHER, FORGET };
    static const struct {
        const char *row;
        enum meanwhile meanwhile;
        unsigned times;
        uint64_t left; /* of 3, and 2 more that stay */
    } rows[] = {
        {"what was added", NOTHING, 1, 2},
        {"twice is a bug that takes no more than there is", NOTHING, 2, 0},
        {"a span later it is still there", A_SPAN, 1, 2},
        {"what has aged out is left", LONGER, 1, 0},
        {"a new epoch proves nothing", RESET, 1, 7},
        {"whichever window it began for", RESET_OTHER, 1, 12},
        {"nor does another record", FORGET, 1, 7},
    };

    for (size_t i = 0; i < ROWS(rows); i++) {
        struct lab *lab = lab_create(*state);
        struct subject ann = lab_subject("user:ann");
        struct receipt receipt;
        bool found = false;

        lab_take(lab, &ann, 1, SPAN_S, 3, 100);
        receipt = lab->answers.item[0].receipt;
        expect(rows[i].row, receipt.n == 3);
        lab_take(lab, &ann, 1, SPAN_S, 2, 100);
        switch (rows[i].meanwhile) {
        case NOTHING:
            break;
        case A_SPAN:
            lab_pass(lab, 60000);
            break;
        case LONGER:
            lab_pass(lab, 65000);
            break;
        case RESET:
            store_reset(lab->store, &ann, 1, lab_now(lab), &found);
            break;
        case RESET_OTHER:
            store_reset(lab->store, &ann, 9, lab_now(lab), &found);
            break;
        case FORGET:
            store_forget(lab->store, &ann, lab_now(lab), &found);
            break;
        }
        if (rows[i].meanwhile >= RESET)
            lab_take(lab, &ann, 1, SPAN_S, 7, 100);
        for (unsigned j = 0; j < rows[i].times; j++)
            store_refund(lab->store, &receipt, 1, lab_now(lab));
        expect(rows[i].row, lab_used(lab, &ann, 1) == rows[i].left);
        lab_end(lab);
    }
}

static void
test_refund_of_nothing(void **state)
{
    struct lab *lab = lab_create(*state);
    struct subject ann = lab_subject("user:ann");
    struct receipt receipt[3];

    memset(receipt, 0, sizeof(receipt)); /* n = 0 */
    receipt[1].n = 5;                    /* of nobody */
    lab_take(lab, &ann, 1, SPAN_S, 2, 9);
    receipt[2] = lab->answers.item[0].receipt;
    receipt[2].window = 7; /* of a window that is not there */
    store_refund(lab->store, receipt, ROWS(receipt), lab_now(lab));
    store_refund(lab->store, NULL, 0, lab_now(lab));
    assert_int_equal(lab_used(lab, &ann, 1), 2);
    lab_end(lab);
}

static void
test_drop(void **state)
{
    struct lab *lab = lab_create(*state);
    struct subject ann = lab_subject("user:ann");
    const struct charge_item item = {
        .subject = &ann, .window = 1, .span_s = SPAN_S, .n = 1, .limit = 9};
    struct store_ticket *ticket = NULL;

    assert_int_equal(store_submit(lab->store, &item, 1, lab_now(lab), &ticket),
                     MS_OK);
    store_drop(lab->store, ticket);
    store_drop(lab->store, NULL);
    assert_int_equal(lab_used(lab, &ann, 1), 1);
    lab_end(lab);
}

/* An answer tells when its subject was first seen, and how fast it may send. */
static void
test_first_seen_is_told(void **state)
{
    struct lab *lab = lab_create(*state);
    struct subject ann = lab_subject("user:ann");
    const struct charge_answer *answer = &lab->answers.item[0];
    uint32_t first_s;

    lab_take(lab, &ann, 1, SPAN_S, 1, 100);
    assert_int_equal(answer->first_s, 0);
    first_s = (uint32_t)lab_now(lab).wall.s;
    lab_pass(lab, 3 * SPAN_S * 1000);
    lab_take(lab, &ann, 1, SPAN_S, 1, 100);
    assert_in_range(answer->first_s, first_s - 1, first_s + 1);
    assert_int_equal(answer->throttle, 0);
    assert_int_equal(lab_judge(lab, &ann, STANDING_THROTTLED, 7, 0), MS_OK);
    lab_take(lab, &ann, 1, SPAN_S, 1, 100);
    assert_int_equal(answer->throttle, 7);
    assert_in_range(answer->first_s, first_s - 1, first_s + 1);
    lab_end(lab);
}

/* How often each subject that does not stand normal is listed. */
struct stood {
    unsigned ann, net, others;
    enum standing standing;
    bool once;
};

static bool
see_standing(void *arg, const struct store_record *record)
{
    struct stood *stood = arg;
    char text[SUBJECT_TEXT];

    (void)subject_print(&record->subject, text);
    if (strcmp(text, "user:ann") == 0)
        stood->ann++;
    else if (strcmp(text, "client:192.0.2.7") == 0)
        stood->net++;
    else
        stood->others++;
    stood->standing = record->state.standing;
    return !stood->once;
}

static void
test_standings_are_listed(void **state)
{
    struct lab *lab = lab_create(*state);
    struct subject ann = lab_subject("user:ann");
    struct subject net = lab_subject("client:192.0.2.7");
    struct subject bob = lab_subject("user:bob");
    struct stood stood = {0};

    lab_take(lab, &bob, 1, SPAN_S, 1, 100);
    assert_int_equal(lab_judge(lab, &ann, STANDING_QUARANTINED, 0, 5), MS_OK);
    assert_int_equal(lab_judge(lab, &net, STANDING_WATCHED, 0, 0), MS_OK);
    assert_int_equal(
        store_standings(lab->store, lab_now(lab), see_standing, &stood), MS_OK);
    assert_int_equal(stood.ann, 1);
    assert_int_equal(stood.net, 1);
    assert_int_equal(stood.others, 0);
    stood = (struct stood){.once = true};
    assert_int_equal(
        store_standings(lab->store, lab_now(lab), see_standing, &stood), MS_OK);
    assert_int_equal(stood.ann + stood.net, 1);
    assert_int_equal(lab_judge(lab, &net, STANDING_NORMAL, 0, 0), MS_OK);
    stood = (struct stood){0};
    assert_int_equal(
        store_standings(lab->store, lab_now(lab), see_standing, &stood), MS_OK);
    assert_int_equal(stood.ann, 1);
    assert_int_equal(stood.net, 0);
    assert_int_equal(stood.standing, STANDING_QUARANTINED);
    lab_end(lab);
}

enum { CROWD = 1500 };

/* How each of a crowd is said to stand. */
struct roll {
    enum standing standing[CROWD];
    unsigned n;
};

static bool
call_out(void *arg, const struct store_record *record)
{
    struct roll *roll = arg;
    char text[SUBJECT_TEXT];
    unsigned i;

    (void)subject_print(&record->subject, text);
    assert_int_equal(sscanf(text, "user:u%u", &i), 1);
    assert_in_range(i, 0, CROWD - 1);
    assert_int_equal(roll->standing[i], STANDING_NORMAL); /* once each */
    roll->standing[i] = record->state.standing;
    roll->n++;
    return true;
}

static struct subject
nth(unsigned i)
{
    char text[32];

    (void)snprintf(text, sizeof(text), "user:u%u", i);
    return lab_subject(text);
}

/* Exactly those stand apart whom SHOULD names. */
static void
check_roll(struct lab *lab, const enum standing should[CROWD])
{
    struct roll *roll = calloc(1, sizeof(*roll));

    assert_non_null(roll);
    assert_int_equal(store_standings(lab->store, lab_now(lab), call_out, roll),
                     MS_OK);
    assert_memory_equal(roll->standing, should, CROWD * sizeof(should[0]));
    free(roll);
}

static void
test_few_stand_apart_among_many(void **state)
{
    struct lab *lab = lab_create(*state);
    enum standing *should = calloc(CROWD, sizeof(*should));
    struct store_record record;
    bool found;

    assert_non_null(should);
    for (unsigned i = 0; i < CROWD; i++) {
        struct subject one = nth(i);

        lab_take(lab, &one, 1, SPAN_S, 1, 100);
        if (i % 97 != 0)
            continue;
        should[i] = i % 2 != 0 ? STANDING_WATCHED : STANDING_QUARANTINED;
        assert_int_equal(lab_judge(lab, &one, should[i], 0, 5), MS_OK);
    }
    check_roll(lab, should);
    for (unsigned i = 0; i < CROWD; i += 97) { /* some are let go, some go */
        struct subject one = nth(i);

        if (i % 3 == 0)
            assert_int_equal(lab_judge(lab, &one, STANDING_NORMAL, 0, 0),
                             MS_OK);
        else if (i % 3 == 1)
            assert_int_equal(
                store_forget(lab->store, &one, lab_now(lab), &found), MS_OK);
        if (i % 3 != 2)
            should[i] = STANDING_NORMAL;
    }
    check_roll(lab, should);
    for (unsigned i = 1; i < CROWD; i += 211) { /* who comes as a whole */
        struct subject one = nth(i);

        assert_int_equal(
            store_get(lab->store, &one, lab_now(lab), &found, &record), MS_OK);
        assert_true(found);
        record.state.standing = should[i] = STANDING_THROTTLED;
        assert_int_equal(store_put(lab->store, &record, lab_now(lab)), MS_OK);
    }
    check_roll(lab, should);
    if (lab->kind->keeps) {
        lab_reopen(lab);
        check_roll(lab, should);
    }
    free(should);
    lab_end(lab);
}

static const struct lab_test all[] = {
    LAB_TEST(test_stories),
    LAB_TEST(test_bad_steps),
    LAB_TEST(test_many_subjects),
    LAB_TEST(test_standing_is_told),
    LAB_TEST(test_room),
    LAB_TEST(test_jitter),
    LAB_TEST(test_refund),
    LAB_TEST(test_refund_of_nothing),
    LAB_TEST(test_drop),
    LAB_TEST(test_first_seen_is_told),
    LAB_TEST(test_standings_are_listed),
    LAB_TEST_HERE(test_few_stand_apart_among_many),
};

int
main(void)
{
    return redis_lab_run(all, ROWS(all));
}
