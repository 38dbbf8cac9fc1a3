/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The history of outcomes, with times handed in.
 */
#include <config.h>

#include "milter/counts/history.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "milter/counts/pack.h"
#include "test/unit.h"

enum { STEPS = 6, THREADS = 4, NOTES = 5000 };

static const int64_t noon = 1800000000 / 86400 * 86400 + 43200;

static struct history *
make(void)
{
    struct history *history = NULL;

    assert_int_equal(history_create(&history), MS_OK);
    return history;
}

static uint64_t
sum(const struct history_view *view, enum history_outcome outcome)
{
    uint64_t all = 0;

    for (size_t i = 0; i < HISTORY_MINUTES; i++)
        all += view->count[outcome][i];
    return all;
}

/* At NOON + AT_S N recipients are accepted. */
struct step {
    int64_t at_s;
    uint32_t n;
};

static void
test_rings(void **state)
{
    static const struct {
        const char *row;
        enum history_range range;
        struct step step[STEPS];
        int64_t now_s;  /* when it is looked at */
        size_t ago;     /* slots before the last */
        uint32_t there; /* in that one */
        uint64_t all;   /* in all slots */
    } rows[] = {
        {"nothing has come", HISTORY_DAY, {{0, 0}}, 0, 0, 0, 0},
        {"what comes now is in the last minute",
         HISTORY_DAY,
         {{0, 3}},
         0,
         0,
         3,
         3},
        {"a minute adds up", HISTORY_DAY, {{0, 3}, {59, 4}}, 59, 0, 7, 7},
        {"the next minute begins at zero", HISTORY_DAY, {{0, 3}}, 60, 0, 0, 3},
        {"what came a minute ago is next to it",
         HISTORY_DAY,
         {{0, 3}},
         60,
         1,
         3,
         3},
        {"minutes without mail are zero",
         HISTORY_DAY,
         {{0, 3}, {600, 1}},
         600,
         5,
         0,
         4},
        {"the first of 1440 minutes is still shown",
         HISTORY_DAY,
         {{0, 3}},
         1439 * 60,
         1439,
         3,
         3},
        {"a day later it is gone", HISTORY_DAY, {{0, 3}}, 1440 * 60, 0, 0, 0},
        {"its place is empty before it is used again",
         HISTORY_DAY,
         {{0, 3}, {86400, 1}},
         86400,
         0,
         1,
         1},
        {"a step of years forward leaves nothing",
         HISTORY_DAY,
         {{0, 3}, {1000000000, 2}},
         1000000000,
         0,
         2,
         2},
        {"after a step back the future is not shown",
         HISTORY_DAY,
         {{0, 3}, {-600, 2}},
         -600,
         0,
         2,
         2},
        {"until it has come", HISTORY_DAY, {{0, 3}, {-600, 2}}, 0, 0, 3, 5},
        {"a step back of years, too",
         HISTORY_DAY,
         {{0, 3}, {-1000000000, 2}},
         -1000000000,
         0,
         2,
         2},
        {"what comes late counts in its own minute",
         HISTORY_DAY,
         {{60, 3}, {59, 2}},
         60,
         1,
         2,
         5},
        {"before the world began it is 1970",
         HISTORY_DAY,
         {{INT64_MIN / 2, 4}},
         -noon,
         0,
         4,
         4},
        {"the end of time is one, too",
         HISTORY_DAY,
         {{INT64_MAX / 2, 4}},
         INT64_MAX / 4,
         0,
         4,
         4},
        {"an hour adds up", HISTORY_MONTH, {{0, 3}, {3599, 4}}, 3599, 0, 7, 7},
        {"the first of 720 hours is still shown",
         HISTORY_MONTH,
         {{0, 3}},
         719 * 3600,
         719,
         3,
         3},
        {"30 days later it is gone",
         HISTORY_MONTH,
         {{0, 3}},
         720 * 3600,
         0,
         0,
         0},
        {"hours that are missing are zero",
         HISTORY_MONTH,
         {{0, 3}, {36000, 1}},
         36000,
         9,
         0,
         4},
        {"hours of the future are not shown",
         HISTORY_MONTH,
         {{7200, 3}, {0, 2}},
         0,
         0,
         2,
         2},
        {"counts stop where they cannot grow",
         HISTORY_DAY,
         {{0, UINT32_MAX - 1}, {0, 5}, {1, 1}},
         1,
         0,
         UINT32_MAX,
         UINT32_MAX},
    };
    static struct history_view view;

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct history *history = make();
        struct wall now = {noon + rows[i].now_s};

        for (size_t j = 0; j < STEPS && rows[i].step[j].n > 0; j++)
            history_note(history, HISTORY_ACCEPTED, rows[i].step[j].n,
                         (struct wall){noon + rows[i].step[j].at_s});
        history_view(history, rows[i].range, now, &view);
        expect(rows[i].row,
               view.n == (rows[i].range == HISTORY_DAY ? 1440 : 720));
        expect(rows[i].row,
               view.count[HISTORY_ACCEPTED][view.n - 1 - rows[i].ago] ==
                   rows[i].there);
        expect(rows[i].row, sum(&view, HISTORY_ACCEPTED) == rows[i].all);
        expect(rows[i].row, sum(&view, HISTORY_REJECTED) == 0);
        history_destroy(history);
    }
}

static void
test_start(void **state)
{
    static const struct {
        const char *row;
        enum history_range range;
        int64_t now_s, start_s;
        uint32_t step_s;
    } rows[] = {
        {"a day ends with this minute", HISTORY_DAY, 1800000059,
         1800000000 - 1439 * 60, 60},
        {"a month ends with this hour", HISTORY_MONTH, 1800003599,
         1800000000 - 719 * 3600, 3600},
    };
    static struct history_view view;
    struct history *history = make();

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        history_view(history, rows[i].range, (struct wall){rows[i].now_s},
                     &view);
        expect(rows[i].row, view.start.s == rows[i].start_s);
        expect(rows[i].row, view.step_s == rows[i].step_s);
    }
    history_destroy(history);
}

static void
test_outcomes(void **state)
{
    static const char *const names[] = {"accepted", "deferred", "rejected",
                                        "held", "would"};
    static struct history_view view;
    struct history *history = make();

    (void)state;
    for (unsigned i = 0; i < HISTORY_OUTCOMES; i++) {
        assert_string_equal(history_outcome_name((enum history_outcome)i),
                            names[i]);
        history_note(history, (enum history_outcome)i, i + 1,
                     (struct wall){noon});
    }
    assert_null(history_outcome_name(HISTORY_OUTCOMES));
    history_note(history, HISTORY_OUTCOMES, 9, (struct wall){noon});
    history_view(history, HISTORY_DAY, (struct wall){noon}, &view);
    for (unsigned i = 0; i < HISTORY_OUTCOMES; i++)
        assert_int_equal(sum(&view, (enum history_outcome)i), i + 1);
    history_destroy(history);
}

/* ----- saving */

static struct history *
make_full(void)
{
    struct history *history = make();

    for (unsigned i = 0; i < 20; i++)
        history_note(history, (enum history_outcome)(i % HISTORY_OUTCOMES),
                     i + 1, (struct wall){noon + i * 1000});
    return history;
}

static void
expect_same(struct history *a, struct history *b)
{
    static struct history_view x, y;
    const struct wall now = {noon + 20000};

    for (unsigned range = 0; range < 2; range++) {
        history_view(a, (enum history_range)range, now, &x);
        history_view(b, (enum history_range)range, now, &y);
        assert_memory_equal(&x, &y, sizeof(x));
    }
}

static void
test_save(void **state)
{
    struct history *history = make_full(), *other = make();
    void *bytes, *again;
    size_t len, len_again;

    (void)state;
    history_note(other, HISTORY_HELD, 77, (struct wall){noon});
    assert_int_equal(history_save(history, &bytes, &len), MS_OK);
    assert_int_equal(history_load(other, bytes, len), MS_OK);
    expect_same(history, other);
    assert_int_equal(history_save(other, &again, &len_again), MS_OK);
    assert_int_equal(len, len_again);
    assert_memory_equal(bytes, again, len);
    history_note(other, HISTORY_HELD, 1, (struct wall){noon + 20000});
    free(bytes);
    free(again);
    history_destroy(history);
    history_destroy(other);
}

static void
test_empty(void **state)
{
    struct history *history = make_full(), *empty = make(), *none = make();
    void *bytes;
    size_t len;

    (void)state;
    assert_int_equal(history_save(empty, &bytes, &len), MS_OK);
    assert_int_equal(history_load(history, bytes, len), MS_OK);
    expect_same(history, none);
    free(bytes);
    history_destroy(history);
    history_destroy(empty);
    history_destroy(none);
}

/* The form is the same on every machine. */
static void
test_form(void **state)
{
    static const uint8_t head[] = {
        'm',  's',  'h',  'i',  's', 't', '\n', 1, 1, 0, 0, 0, /* one minute */
        0x80, 0xc3, 0xc9, 0x01, 0,   0,   0,    0,             /* 30000000 */
        4,    3,    2,    1,    0,   0,   0,    0, /* accepted, ... */
    };
    struct history *history = make();
    void *bytes;
    size_t len;

    (void)state;
    history_note(history, HISTORY_ACCEPTED, 0x01020304,
                 (struct wall){1800000000});
    assert_int_equal(history_save(history, &bytes, &len), MS_OK);
    assert_int_equal(len, 8 + 2 * (4 + 8 + 5 * 4) + 16);
    assert_memory_equal(bytes, head, sizeof(head));
    free(bytes);
    history_destroy(history);
}

static void
test_damage(void **state)
{
    struct history *history = make_full(), *same = make_full();
    struct history *other = make();
    uint8_t *bytes;
    void *saved;
    size_t len;

    (void)state;
    history_note(other, HISTORY_WOULD, 5, (struct wall){noon});
    assert_int_equal(history_save(other, &saved, &len), MS_OK);
    bytes = saved;
    for (size_t i = 0; i < len; i++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            bytes[i] ^= (uint8_t)(1U << bit);
            assert_int_equal(history_load(history, bytes, len), MS_INVALID);
            bytes[i] ^= (uint8_t)(1U << bit);
        }
    }
    for (size_t i = 0; i < len; i++)
        assert_int_equal(history_load(history, bytes, i), MS_INVALID);
    expect_same(history, same);
    free(saved);
    history_destroy(history);
    history_destroy(same);
    history_destroy(other);
}

/* What has the right sum and is nonsense all the same. */
static void
test_nonsense(void **state)
{
    static const struct {
        const char *row;
        uint64_t used;  /* how many minutes are said to come */
        uint64_t at[2]; /* which */
        unsigned n;     /* how many really come */
        unsigned tail;  /* bytes more at the end */
        bool month;     /* is there a second ring? */
        enum ms_err err;
    } rows[] = {
        {"two minutes", 2, {1, 2}, 2, 0, true, MS_OK},
        {"the second ring is missing", 2, {1, 2}, 2, 0, false, MS_INVALID},
        {"one byte more", 2, {1, 2}, 2, 1, true, MS_INVALID},
        {"fewer than are said", 1440, {1, 2}, 2, 0, true, MS_INVALID},
        {"more than a ring has", 1441, {1, 2}, 2, 0, true, MS_INVALID},
        {"very many", UINT32_MAX, {1, 2}, 2, 0, true, MS_INVALID},
        {"two for one place", 2, {1, 1441}, 2, 0, true, MS_INVALID},
        {"the last minute of all", 1, {4223371679, 0}, 1, 0, true, MS_OK},
        {"one behind it", 1, {4223371680, 0}, 1, 0, true, MS_INVALID},
        {"the end of numbers", 1, {UINT64_MAX, 0}, 1, 0, true, MS_INVALID},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct history *history = make();
        struct pack pack;
        void *bytes;
        size_t len;

        pack_begin(&pack, "mshist\n\1");
        pack_number(&pack, rows[i].used, 4);
        for (unsigned j = 0; j < rows[i].n; j++) {
            pack_number(&pack, rows[i].at[j], 8);
            for (unsigned k = 0; k < HISTORY_OUTCOMES; k++)
                pack_number(&pack, 7, 4);
        }
        if (rows[i].month)
            pack_number(&pack, 0, 4);
        pack_number(&pack, 0, rows[i].tail);
        assert_int_equal(pack_end(&pack, &bytes, &len), MS_OK);
        expect(rows[i].row, history_load(history, bytes, len) == rows[i].err);
        free(bytes);
        history_destroy(history);
    }
}

static void
test_forms(void **state)
{
    static const char *const forms[] = {"mshist\n\2", "mspict\n\1"};
    struct history *history = make();

    (void)state;
    for (size_t i = 0; i < ROWS(forms); i++) {
        struct pack pack;
        void *bytes;
        size_t len;

        pack_begin(&pack, forms[i]);
        pack_number(&pack, 0, 8);
        assert_int_equal(pack_end(&pack, &bytes, &len), MS_OK);
        assert_int_equal(history_load(history, bytes, len), MS_INVALID);
        free(bytes);
    }
    assert_int_equal(history_load(history, NULL, 0), MS_INVALID);
    history_destroy(history);
}

/* ----- many at once */

static void *
run(void *arg)
{
    struct history *history = arg;
    struct history_view *view = malloc(sizeof(*view));
    void *bytes = NULL;
    size_t len = 0;

    assert_non_null(view);
    for (int64_t i = 0; i < NOTES; i++) {
        history_note(history, HISTORY_ACCEPTED, 1, (struct wall){noon + i});
        if (i % 500 == 0) {
            history_view(history, HISTORY_DAY, (struct wall){noon + i}, view);
            if (history_save(history, &bytes, &len) == MS_OK)
                free(bytes);
        }
    }
    free(view);
    return NULL;
}

static void
test_threads(void **state)
{
    static struct history_view view;
    struct history *history = make();
    pthread_t thread[THREADS];

    (void)state;
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, run, history), 0);
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(thread[i], NULL), 0);
    history_view(history, HISTORY_DAY, (struct wall){noon + NOTES}, &view);
    assert_int_equal(sum(&view, HISTORY_ACCEPTED), THREADS * NOTES);
    history_destroy(history);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rings),    cmocka_unit_test(test_start),
        cmocka_unit_test(test_outcomes), cmocka_unit_test(test_save),
        cmocka_unit_test(test_empty),    cmocka_unit_test(test_form),
        cmocka_unit_test(test_damage),   cmocka_unit_test(test_nonsense),
        cmocka_unit_test(test_forms),    cmocka_unit_test(test_threads),
    };

    return cmocka_run_group_tests_name("history", tests, NULL, NULL);
}
