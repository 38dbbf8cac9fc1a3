/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Standings: what follows from evidence, from time, and from what people say.
 */
#include <config.h>

#include "policy/detector/detector.h"

#include "test/detector_lab.h"
#include "test/unit.h"

static void
test_volume_alone(void **state)
{
    static const struct {
        const char *row;
        enum network_class class;
        unsigned n; /* ten times the floor an hour, and more */
        enum standing worst;
    } rows[] = {
        {"it throttles a person", CLASS_PERSON, 400, STANDING_THROTTLED},
        {"it only watches an office", CLASS_OFFICE, 1200, STANDING_WATCHED},
        {"and a server", CLASS_SERVER, 8000, STANDING_WATCHED},
        {"and a gateway", CLASS_GATEWAY, 16000, STANDING_WATCHED},
        {"and a list", CLASS_LIST, 16000, STANDING_WATCHED},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct detector_tuning t = lab_tuning(rows[i].class);
        struct detector d;

        detector_begin(&d);
        for (unsigned k = 0; k < rows[i].n; k += 100) {
            struct sent sent = {
                .at_s = k / 100, .first = STRANGERS + k, .n = 100};

            (void)lab_note(&d, &t, &sent);
        }
        expect(rows[i].row, lab_family(&d, &t, 200, FAMILY_BULK) > 40);
        expect(rows[i].row, d.standing == rows[i].worst);
    }
}

static void
test_two_witnesses(void **state)
{
    static const struct {
        const char *row;
        enum network_class class;
        enum standing worst;
    } rows[] = {
        {"a person is quarantined", CLASS_PERSON, STANDING_QUARANTINED},
        {"an office too", CLASS_OFFICE, STANDING_QUARANTINED},
        {"a server never", CLASS_SERVER, STANDING_THROTTLED},
        {"a gateway never", CLASS_GATEWAY, STANDING_THROTTLED},
        {"a list never", CLASS_LIST, STANDING_THROTTLED},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct detector_tuning t = lab_tuning(rows[i].class);
        struct detector d;

        detector_begin(&d);
        lab_abuse(&d, &t, 0);
        expect(rows[i].row, d.standing == rows[i].worst);
        expect(rows[i].row, d.cause == CAUSE_EVIDENCE && d.since_s == BEGIN);
        expect(rows[i].row,
               d.last.to == d.standing && d.last.cause == CAUSE_EVIDENCE);
        expect(rows[i].row,
               d.quarantines == (d.standing == STANDING_QUARANTINED));
    }
}

static void
test_no_family_quarantines_alone(void **state)
{
    static const unsigned low[] = {60, 30, 20};

    (void)state;
    for (unsigned f = 0; f < FAMILIES; f++)
        for (size_t i = 0; i < ROWS(low); i++) {
            struct detector_tuning t = lab_tuning(CLASS_PERSON);
            struct detector d;

            detector_begin(&d);
            t.quarantine = low[i];
            t.families = 1U << f;
            lab_abuse(&d, &t, 0);
            if (f == FAMILY_BULK || i == 0)
                assert_int_not_equal(d.standing, STANDING_QUARANTINED);
        }
}

static void
test_quarantined_learns_nothing(void **state)
{
    struct detector_tuning t = lab_tuning(CLASS_PERSON);
    struct detector d;
    double score;

    (void)state;
    detector_begin(&d);
    lab_abuse(&d, &t, 0);
    score = lab_score(&d, &t, HOUR);
    lab_abuse(&d, &t, HOUR);
    assert_true(lab_near(lab_score(&d, &t, HOUR), score));
    assert_int_equal(d.standing, STANDING_QUARANTINED);
}

static void
test_time_alone(void **state)
{
    struct detector_tuning t = lab_tuning(CLASS_PERSON);
    struct detector d;
    int64_t now_s = lab_blast(&d, &t, (detector_begin(&d), 0), 160, 2, 0);
    enum standing was = d.standing;
    unsigned changes = 0;

    (void)state;
    assert_int_equal(was, STANDING_THROTTLED);
    for (; now_s < 10 * DAY; now_s += 60) {
        if (!detector_pass(&d, &t, lab_at(now_s))) {
            assert_int_equal(d.standing, was);
            continue;
        }
        changes++;
        assert_true(standing_worse(was, d.standing));
        assert_int_equal(d.cause, CAUSE_TIME);
        if (d.standing == STANDING_WATCHED)
            assert_true(lab_score(&d, &t, now_s - HOUR) < 30);
        if (d.standing == STANDING_NORMAL)
            assert_true(lab_score(&d, &t, now_s) < 10);
        was = d.standing;
    }
    assert_int_equal(changes, 2);
    assert_int_equal(was, STANDING_NORMAL);
}

static void
test_quarantine_does_not_pass(void **state)
{
    struct detector_tuning t = lab_tuning(CLASS_PERSON);
    struct detector d;

    (void)state;
    detector_begin(&d);
    lab_abuse(&d, &t, 0);
    for (int day = 1; day < 4000; day++)
        assert_false(detector_pass(&d, &t, lab_at(day * (int64_t)DAY)));
    assert_int_equal(d.standing, STANDING_QUARANTINED);
}

static void
test_ladder(void **state)
{
    struct detector_tuning t = lab_tuning(CLASS_PERSON);
    struct detector d;

    (void)state;
    detector_begin(&d);
    lab_abuse(&d, &t, 0);
    d.until_s = BEGIN + HOUR;
    assert_false(detector_pass(&d, &t, lab_at(HOUR - 1)));
    assert_true(detector_pass(&d, &t, lab_at(HOUR)));
    assert_int_equal(d.standing, STANDING_PROBATION);
    assert_int_equal(d.cause, CAUSE_LADDER);
    assert_true(d.until_s == BEGIN + HOUR + 7 * DAY);
    assert_false(detector_pass(&d, &t, lab_at(HOUR + 7 * DAY - 1)));
    assert_true(detector_pass(&d, &t, lab_at(HOUR + 7 * DAY)));
    assert_int_equal(d.standing, STANDING_NORMAL);
    assert_int_equal(d.cause, CAUSE_TIME);
    assert_int_equal(d.quarantines, 1);
}

static void
test_block(void **state)
{
    struct detector_tuning t = lab_tuning(CLASS_PERSON);
    struct detector d;

    (void)state;
    detector_begin(&d);
    detector_block(&d, lab_at(5), lab_at(DAY));
    assert_int_equal(d.standing, STANDING_QUARANTINED);
    assert_int_equal(d.cause, CAUSE_OPERATOR);
    assert_int_equal(d.quarantines, 0);
    assert_int_equal(evidence_score(&d.last), 0);
    assert_int_equal(d.last.to, STANDING_QUARANTINED);
    assert_false(detector_pass(&d, &t, lab_at(DAY - 1)));
    assert_true(detector_pass(&d, &t, lab_at(DAY)));
    assert_int_equal(d.standing, STANDING_PROBATION);
    assert_int_equal(d.cause, CAUSE_TIME);
    detector_block(&d, lab_at(DAY), (struct wall){0});
    assert_false(detector_pass(&d, &t, lab_at(4000 * (int64_t)DAY)));
}

static void
test_release(void **state)
{
    static const struct {
        const char *row;
        enum standing from, to;
    } rows[] = {
        {"normal stays so", STANDING_NORMAL, STANDING_NORMAL},
        {"watched is normal", STANDING_WATCHED, STANDING_NORMAL},
        {"throttled is on probation", STANDING_THROTTLED, STANDING_PROBATION},
        {"quarantined is", STANDING_QUARANTINED, STANDING_PROBATION},
        {"probation is normal", STANDING_PROBATION, STANDING_NORMAL},
    };
    static const enum detector_release how[] = {DETECTOR_RELEASE,
                                                DETECTOR_LEGIT};
    struct detector_tuning t = lab_tuning(CLASS_PERSON);

    (void)state;
    for (size_t i = 0; i < 2 * ROWS(rows); i++) {
        const char *row = rows[i / 2].row;
        struct sent sent = {
            .at_s = 2, .first = STRANGERS, .n = 1, .messages = 1};
        struct detector d;

        detector_begin(&d);
        lab_abuse(&d, &t, 0);
        d.standing = rows[i / 2].from;
        d.observed = true;
        detector_release(&d, &t, how[i % 2], CAUSE_CUSTOMER, lab_at(1));
        expect(row, d.standing == rows[i / 2].to);
        expect(row, d.content == 0 && d.reception == 0 && !d.observed);
        expect(row, d.standing == rows[i / 2].from ||
                        (d.cause == CAUSE_CUSTOMER && d.since_s == BEGIN + 1));
        expect(row, (d.until_s == BEGIN + 1 + 7 * DAY) ==
                        (d.standing == STANDING_PROBATION));
        (void)lab_note(&d, &t, &sent);
        expect(row, !standing_worse(d.standing, STANDING_WATCHED));
    }
}

static void
test_release_forgets(void **state)
{
    struct detector_tuning t = lab_tuning(CLASS_PERSON);
    struct detector d;

    (void)state;
    detector_begin(&d);
    lab_abuse(&d, &t, 0);
    detector_release(&d, &t, DETECTOR_RELEASE, CAUSE_OPERATOR, lab_at(HOUR));
    assert_true(lab_score(&d, &t, HOUR) == 0);
    assert_int_equal(detector_rate(&d, &t), 10);
    assert_true(d.last.hour >= 100); /* why it had been */
}

static void
test_legit_teaches(void **state)
{
    static const struct {
        const char *row;
        int64_t after_s;
    } rows[] = {{"at once", 0},
                {"four hours later", 4 * HOUR},
                {"on the next day", DAY + 4 * HOUR},
                {"after a weekend", 3 * DAY}};
    struct detector_tuning t = lab_tuning(CLASS_PERSON);

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct detector d;
        int64_t now_s;

        detector_begin(&d);
        now_s = lab_blast(&d, &t, 0, 200, 2, 0) + rows[i].after_s;
        expect(rows[i].row, d.standing == STANDING_THROTTLED);
        detector_release(&d, &t, DETECTOR_LEGIT, CAUSE_OPERATOR, lab_at(now_s));
        expect(rows[i].row, detector_rate(&d, &t) == 100);
        (void)lab_blast(&d, &t, now_s + 7 * DAY, 200, 2, 0);
        expect(rows[i].row, !standing_worse(d.standing, STANDING_WATCHED));
    }
}

static void
test_probation_is_stricter(void **state)
{
    struct detector_tuning t = lab_tuning(CLASS_PERSON);
    struct detector usual, probation;

    (void)state;
    detector_begin(&usual);
    detector_begin(&probation);
    probation.standing = STANDING_PROBATION;
    probation.until_s = probation.probation_s = BEGIN + 7 * DAY;
    (void)lab_blast(&usual, &t, 0, 60, 2, 0);
    (void)lab_blast(&probation, &t, 0, 60, 2, 0);
    assert_int_equal(usual.standing, STANDING_WATCHED);
    assert_int_equal(probation.standing, STANDING_THROTTLED);
    for (int64_t s = HOUR; s < 6 * DAY; s += HOUR)
        (void)detector_pass(&probation, &t, lab_at(s));
    assert_int_equal(probation.standing, STANDING_PROBATION);
    assert_true(probation.until_s == BEGIN + 7 * DAY);
}

static void
test_lease(void **state)
{
    struct detector_tuning t = lab_tuning(CLASS_PERSON);
    struct detector d, none;

    (void)state;
    detector_begin(&none);
    detector_begin(&d);
    lab_abuse(&d, &t, 0);
    detector_lease(&d, CAUSE_LEASE, lab_at(1));
    assert_int_equal(d.standing, STANDING_NORMAL);
    assert_int_equal(d.cause, CAUSE_LEASE);
    assert_int_equal(d.last.from, STANDING_QUARANTINED);
    assert_int_equal(d.last.hour, 0);
    assert_int_equal(d.quarantines, 0);
    assert_memory_equal(d.known, none.known, sizeof(d.known));
    assert_true(lab_score(&d, &t, 1) == 0);
}

static void
test_demote(void **state)
{
    static const struct {
        const char *row;
        enum standing from, to;
    } rows[] = {
        {"normal stays so", STANDING_NORMAL, STANDING_NORMAL},
        {"watched too", STANDING_WATCHED, STANDING_WATCHED},
        {"throttled is watched", STANDING_THROTTLED, STANDING_WATCHED},
        {"quarantined is", STANDING_QUARANTINED, STANDING_WATCHED},
        {"probation stays", STANDING_PROBATION, STANDING_PROBATION},
    };
    struct detector_tuning t = lab_tuning(CLASS_PERSON);

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct detector d;

        detector_begin(&d);
        lab_abuse(&d, &t, 0);
        d.standing = rows[i].from;
        detector_demote(&d, CAUSE_BREAKER, lab_at(1));
        expect(rows[i].row, d.standing == rows[i].to);
        expect(rows[i].row,
               d.quarantines == (rows[i].from != STANDING_QUARANTINED ? 1 : 0));
        if (rows[i].from != rows[i].to)
            expect(rows[i].row, d.last.from == rows[i].from &&
                                    d.last.to == rows[i].to &&
                                    d.last.cause == CAUSE_BREAKER &&
                                    evidence_score(&d.last) >= 400);
    }
}

static void
test_take_back(void **state)
{
    static const struct {
        const char *row;
        unsigned k;      /* each k-th is flagged */
        unsigned n;      /* messages */
        int64_t after_s; /* the freeze comes */
        enum standing from, to;
    } rows[] = {
        {"a throttle that is nothing without", 1, 12, 60, STANDING_THROTTLED,
         STANDING_NORMAL},
        {"a quarantine that is nothing without", 1, 20, 60,
         STANDING_QUARANTINED, STANDING_NORMAL},
        {"a watch stays: time ends it", 1, 6, 60, STANDING_WATCHED,
         STANDING_WATCHED},
        {"volume is left", 2, 30, 60, STANDING_THROTTLED, STANDING_WATCHED},
        {"so is what else throttles", 5, 160, 60, STANDING_THROTTLED,
         STANDING_THROTTLED},
        {"what is older is not touched", 1, 12, 3 * HOUR, STANDING_THROTTLED,
         STANDING_THROTTLED},
    };
    struct detector_tuning t = lab_tuning(CLASS_PERSON), frozen = t;

    (void)state;
    frozen.families &= ~(1U << FAMILY_CONTENT);
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct detector d;
        int64_t now_s;
        bool changed;

        detector_begin(&d);
        now_s = lab_blast(&d, &t, 0, rows[i].n, 2, rows[i].k) + rows[i].after_s;
        expect(rows[i].row, d.standing == rows[i].from);
        changed = detector_take_back(&d, &frozen, 77, lab_at(now_s));
        expect(rows[i].row, d.standing == rows[i].to);
        expect(rows[i].row, changed == (rows[i].from != rows[i].to));
        expect(rows[i].row, !changed || d.cause == CAUSE_FREEZE);
        expect(rows[i].row, d.taken_back == 77);
    }
}

static void
test_take_back_once(void **state)
{
    struct detector_tuning t = lab_tuning(CLASS_PERSON);
    struct detector d;
    int64_t now_s;

    (void)state;
    detector_begin(&d);
    (void)lab_blast(&d, &t, 0, 12, 2, 1);
    assert_true(detector_take_back(&d, &t, 77, lab_at(60)));
    assert_true(lab_family(&d, &t, 60, FAMILY_CONTENT) == 0);
    now_s = lab_blast(&d, &t, 120, 30, 2, 1);
    assert_true(standing_worse(d.standing, STANDING_WATCHED));
    assert_false(detector_take_back(&d, &t, 77, lab_at(now_s)));
    assert_true(detector_take_back(&d, &t, 78, lab_at(now_s)));
}

static void
test_take_back_leaves_what_was_before(void **state)
{
    struct detector_tuning t = lab_tuning(CLASS_PERSON);
    struct detector d;
    double before;
    int64_t now_s;

    (void)state;
    detector_begin(&d);
    now_s = lab_blast(&d, &t, 0, 3, 2, 1) + 5 * HOUR;
    before = lab_family(&d, &t, now_s, FAMILY_CONTENT);
    assert_true(before > 5);
    now_s = lab_blast(&d, &t, now_s, 3, 2, 1);
    assert_true(lab_family(&d, &t, now_s, FAMILY_CONTENT) > before + 5);
    (void)detector_take_back(&d, &t, 1, lab_at(now_s));
    assert_true(lab_near(lab_family(&d, &t, now_s, FAMILY_CONTENT), before));
}

static void
test_take_back_is_of_evidence_only(void **state)
{
    struct detector_tuning t = lab_tuning(CLASS_PERSON);
    struct detector d;

    (void)state;
    detector_begin(&d);
    (void)lab_blast(&d, &t, 0, 12, 2, 1);
    detector_block(&d, lab_at(30), lab_at(DAY));
    assert_false(detector_take_back(&d, &t, 1, lab_at(60)));
    assert_int_equal(d.standing, STANDING_QUARANTINED);
}

/* Two freezes of the same hour. */
static void
test_take_back_empties_the_hour(void **state)
{
    struct detector_tuning t = lab_tuning(CLASS_PERSON);
    struct detector d;
    double left;

    (void)state;
    detector_begin(&d);
    (void)lab_blast(&d, &t, 0, 4, 2, 1);
    (void)lab_blast(&d, &t, 5 * HOUR, 2, 2, 1);
    (void)detector_take_back(&d, &t, 1, lab_at(5 * HOUR + 60));
    left = d.content;
    assert_true(left > 15);
    (void)detector_take_back(&d, &t, 2, lab_at(5 * HOUR + 60));
    assert_true(d.content == left);
}

static void
test_a_block_teaches_nothing(void **state)
{
    struct detector_tuning t = lab_tuning(CLASS_PERSON);
    struct detector d;

    (void)state;
    detector_begin(&d);
    (void)lab_blast(&d, &t, 0, 15, 2, 0);
    detector_block(&d, lab_at(60), lab_at(HOUR));
    assert_true(detector_pass(&d, &t, lab_at(HOUR)));
    d.max_hour = 15;
    (void)lab_blast(&d, &t, DAY, 1, 2, 0);
    assert_true(d.peak_hour == 0);
}

static void
test_a_block_is_no_rung(void **state)
{
    struct detector_tuning t = lab_tuning(CLASS_PERSON);
    struct detector d;

    (void)state;
    detector_begin(&d);
    lab_abuse(&d, &t, 0);
    detector_block(&d, lab_at(1), lab_at(DAY));
    detector_demote(&d, CAUSE_ENFORCE, lab_at(2));
    assert_int_equal(d.standing, STANDING_WATCHED);
    assert_int_equal(d.quarantines, 1); /* the one by evidence */
}

/* Volume does not keep an office throttled that something else had. */
static void
test_volume_alone_does_not_hold_an_office(void **state)
{
    struct detector_tuning t = lab_tuning(CLASS_OFFICE);
    struct sent sent = {.first = STRANGERS, .n = 400, .messages = 400};
    struct detector d;

    (void)state;
    detector_begin(&d);
    (void)lab_note(&d, &t, &sent);
    sent.first += 400;
    (void)lab_note(&d, &t, &sent);
    assert_true(lab_family(&d, &t, 4 * HOUR, FAMILY_BULK) > 35);
    d.standing = STANDING_THROTTLED;
    d.above_s = BEGIN;
    assert_false(detector_pass(&d, &t, lab_at(HOUR)));
    assert_true(detector_pass(&d, &t, lab_at(HOUR + 1)));
    assert_int_equal(d.standing, STANDING_WATCHED);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_volume_alone),
        cmocka_unit_test(test_two_witnesses),
        cmocka_unit_test(test_no_family_quarantines_alone),
        cmocka_unit_test(test_quarantined_learns_nothing),
        cmocka_unit_test(test_time_alone),
        cmocka_unit_test(test_quarantine_does_not_pass),
        cmocka_unit_test(test_ladder),
        cmocka_unit_test(test_block),
        cmocka_unit_test(test_release),
        cmocka_unit_test(test_release_forgets),
        cmocka_unit_test(test_legit_teaches),
        cmocka_unit_test(test_probation_is_stricter),
        cmocka_unit_test(test_lease),
        cmocka_unit_test(test_demote),
        cmocka_unit_test(test_take_back),
        cmocka_unit_test(test_take_back_once),
        cmocka_unit_test(test_take_back_leaves_what_was_before),
        cmocka_unit_test(test_take_back_is_of_evidence_only),
        cmocka_unit_test(test_take_back_empties_the_hour),
        cmocka_unit_test(test_a_block_teaches_nothing),
        cmocka_unit_test(test_a_block_is_no_rung),
        cmocka_unit_test(test_volume_alone_does_not_hold_an_office),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
