/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Evidence in words.
 */
#include <config.h>

#include "policy/detector/evidence.h"

#include <stdio.h>
#include <string.h>

#include "test/unit.h"

static void
test_names(void **state)
{
    static const char *const families[FAMILIES] = {
        "bulk", "content", "reception", "spread", "identity"};
    enum evidence_cause cause;
    enum standing standing;

    (void)state;
    for (unsigned i = 0; i < FAMILIES; i++)
        assert_string_equal(family_name((enum family)i), families[i]);
    for (unsigned i = 0; i < CAUSES; i++) {
        assert_true(cause_of(cause_name((enum evidence_cause)i), &cause));
        assert_int_equal(cause, i);
    }
    for (unsigned i = 0; i <= STANDING_PROBATION; i++) {
        assert_true(standing_of(standing_name((enum standing)i), &standing));
        assert_int_equal(standing, i);
    }
    assert_false(cause_of("", &cause));
    assert_false(cause_of("Evidence", &cause));
    assert_false(standing_of("", &standing));
    assert_false(standing_of("watch", &standing));
}

static void
test_worse(void **state)
{
    static const enum standing order[] = {STANDING_NORMAL, STANDING_PROBATION,
                                          STANDING_WATCHED, STANDING_THROTTLED,
                                          STANDING_QUARANTINED};

    (void)state;
    for (size_t i = 0; i < ROWS(order); i++)
        for (size_t k = 0; k < ROWS(order); k++)
            assert_int_equal(standing_worse(order[i], order[k]), i > k);
}

static void
test_say(void **state)
{
    static const struct {
        const char *row;
        enum family family;
        struct evidence e;
        const char *text;
    } rows[] = {
        {"nothing is said of no decibels",
         FAMILY_BULK,
         {.hour = 311, .usual_hour = 24},
         ""},
        {"an hour",
         FAMILY_BULK,
         {.tenths = {1},
          .hour = 311,
          .usual_hour = 24,
          .day = 311,
          .usual_day = 60,
          .new_day = 290},
         "311 recipients in the last hour, the usual peak is 24; 290 never "
         "written to before"},
        {"more strangers on that day than recipients in that hour",
         FAMILY_BULK,
         {.tenths = {1},
          .hour = 115,
          .usual_hour = 10,
          .day = 120,
          .usual_day = 20,
          .new_day = 119},
         "115 recipients in the last hour, the usual peak is 10; 119 in 24 "
         "hours never written to before"},
        {"a day, where it says more",
         FAMILY_BULK,
         {.tenths = {1},
          .hour = 20,
          .usual_hour = 10,
          .day = 200,
          .usual_day = 20},
         "200 recipients in 24 hours, the usual peak is 20"},
        {"one of a thing",
         FAMILY_BULK,
         {.tenths = {1}, .hour = 1, .usual_hour = 1, .day = 1, .usual_day = 1},
         "1 recipient in the last hour, the usual peak is 1"},
        {"verdicts",
         FAMILY_CONTENT,
         {.tenths = {0, 1}, .spam = 12, .judged = 20},
         "12 of 20 messages of 24 hours flagged as spam"},
        {"unknown recipients",
         FAMILY_RECEPTION,
         {.tenths = {0, 0, 1}, .unknown = 1},
         "1 unknown recipient in 24 hours"},
        {"complaints",
         FAMILY_RECEPTION,
         {.tenths = {0, 0, 1}, .complaints = 2},
         "2 complaints in 24 hours"},
        {"both",
         FAMILY_RECEPTION,
         {.tenths = {0, 0, 1}, .unknown = 14, .complaints = 1},
         "14 unknown recipients and 1 complaint in 24 hours"},
        {"neither any more",
         FAMILY_RECEPTION,
         {.tenths = {0, 0, 1}},
         "unknown recipients or complaints on earlier days"},
        {"networks",
         FAMILY_SPREAD,
         {.tenths = {0, 0, 0, 1}, .networks = 12, .usual_networks = 3},
         "sent from 12 networks in two days, the usual peak is 3"},
        {"senders",
         FAMILY_IDENTITY,
         {.tenths = {0, 0, 0, 0, 1}, .senders = 9, .usual_senders = 3},
         "9 sender addresses today, the usual peak is 3"},
    };
    char text[EVIDENCE_TEXT];

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        expect(rows[i].row,
               evidence_say(&rows[i].e, rows[i].family, text) == text);
        if (strcmp(text, rows[i].text) != 0)
            fail_msg("%s: \"%s\"", rows[i].row, text);
    }
}

static const struct evidence both = {.tenths = {241, 380},
                                     .hour = 311,
                                     .usual_hour = 24,
                                     .usual_day = 60,
                                     .spam = 12,
                                     .judged = 20};

static void
test_line(void **state)
{
    static const struct evidence none;
    char line[400];

    (void)state;
    assert_int_equal(evidence_score(&both), 621);
    assert_string_equal(
        evidence_line(&both, line, sizeof(line)),
        "score 62.1: +38.0 12 of 20 messages of 24 hours flagged as spam; "
        "+24.1 311 recipients in the last hour, the usual peak is 24");
    assert_string_equal(evidence_line(&none, line, sizeof(line)), "score 0.0");
}

static void
test_line_is_cut(void **state)
{
    char whole[400], line[400];
    size_t len = strlen(evidence_line(&both, whole, sizeof(whole)));

    (void)state;
    for (size_t size = 1; size <= len + 1; size++) {
        memset(line, 'x', sizeof(line));
        (void)evidence_line(&both, line, size);
        assert_int_equal(line[size], 'x');
        assert_int_equal(strlen(line), size - 1);
        if (size == len + 1)
            assert_string_equal(line, whole);
        else if (size > 4)
            assert_string_equal(line + size - 4, "...");
        if (size > 4)
            assert_memory_equal(line, whole, size - 4);
    }
}

static void
test_the_longest_fits(void **state)
{
    struct evidence e;
    char text[EVIDENCE_TEXT], line[6 * EVIDENCE_TEXT];

    (void)state;
    memset(&e, 0xff, sizeof(e));
    for (unsigned i = 0; i < FAMILIES; i++)
        assert_null(strstr(evidence_say(&e, (enum family)i, text), "..."));
    assert_null(strstr(evidence_line(&e, line, sizeof(line)), "..."));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_worse),
        cmocka_unit_test(test_say),
        cmocka_unit_test(test_line),
        cmocka_unit_test(test_line_is_cut),
        cmocka_unit_test(test_the_longest_fits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
