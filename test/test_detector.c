/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The detector: what each kind of evidence says, and what must hold whatever
 * comes.
 */
#include <config.h>

#include "policy/detector/detector.h"

#include <math.h>

#include "policy/detector/known.h"
#include "test/detector_lab.h"
#include "test/sim/rng.h"
#include "test/unit.h"

/* ----- classes */

static void
test_tuning(void **state)
{
    static const struct {
        const char *row;
        enum network_class class;
        double hour, day, rate_max;
        bool volume_throttles, gateway, identity;
    } rows[] = {
        {"a person", CLASS_PERSON, 10, 20, 100, true, false, true},
        {"an office", CLASS_OFFICE, 30, 60, 0, false, false, true},
        {"a server", CLASS_SERVER, 200, 2000, 0, false, true, true},
        {"a gateway", CLASS_GATEWAY, 500, 5000, 0, false, true, false},
        {"a list", CLASS_LIST, 500, 5000, 0, false, true, false},
        {"nothing said is a person", CLASS_UNSET, 10, 20, 100, true, false,
         true},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct detector_tuning t = lab_tuning(rows[i].class);

        expect(rows[i].row, t.floor_hour == rows[i].hour &&
                                t.floor_day == rows[i].day &&
                                t.floor_new == rows[i].hour);
        expect(rows[i].row, t.rate_max == rows[i].rate_max);
        expect(rows[i].row, t.volume_throttles == rows[i].volume_throttles);
        expect(rows[i].row, t.gateway == rows[i].gateway);
        expect(rows[i].row, (t.families >> FAMILY_IDENTITY & 1U) ==
                                (rows[i].identity ? 1U : 0U));
        expect(rows[i].row, (t.families & 15) == 15);
        expect(rows[i].row,
               t.watch == 20 && t.throttle == 40 && t.quarantine == 60);
        expect(rows[i].row, t.probation_s == 7 * DAY);
    }
}

static void
test_rate(void **state)
{
    static const struct {
        const char *row;
        enum network_class class;
        double peak;
        uint32_t rate;
    } rows[] = {
        {"a newcomer has the floor", CLASS_PERSON, 0, 10},
        {"who has sent more has the own peak", CLASS_PERSON, 42.9, 42},
        {"a person has a hundred at most", CLASS_PERSON, 300, 100},
        {"an office has what it has", CLASS_OFFICE, 300, 300},
        {"a server has its floor", CLASS_SERVER, 20, 200},
        {"nothing is beyond all bounds", CLASS_LIST, 1e15, UINT32_MAX},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct detector_tuning t = lab_tuning(rows[i].class);
        struct detector d;

        detector_begin(&d);
        d.peak_hour = rows[i].peak;
        expect(rows[i].row, detector_rate(&d, &t) == rows[i].rate);
    }
}

static void
test_rate_is_never_nothing(void **state)
{
    struct detector_tuning t = lab_tuning(CLASS_PERSON);
    struct detector d;

    (void)state;
    detector_begin(&d);
    t.floor_hour = 0;
    assert_int_equal(detector_rate(&d, &t), 1);
}

/* ----- evidence */

static void
test_volume(void **state)
{
    static const struct {
        const char *row;
        unsigned n;
        double bulk;
    } rows[] = {
        {"nine strangers are nothing", 9, 0},
        {"so many as nobody is asked about are the least", 10, 10},
        {"twice as many", 20, 10 + 28 * 0.30103},
        {"ten times as many", 100, 38},
        {"one family has an end", 400, 45},
    };
    struct detector_tuning t = lab_tuning(CLASS_PERSON);

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct sent sent = {.first = STRANGERS, .n = rows[i].n, .messages = 1};
        struct detector d;

        detector_begin(&d);
        (void)lab_note(&d, &t, &sent);
        expect(rows[i].row,
               fabs(lab_family(&d, &t, 0, FAMILY_BULK) - rows[i].bulk) < 1);
    }
}

static void
test_old_friends_count_half(void **state)
{
    struct detector_tuning t = lab_tuning(CLASS_PERSON);
    struct sent sent = {.n = 60, .messages = 1};
    struct detector d;
    double bulk;

    (void)state;
    detector_begin(&d);
    for (unsigned i = 0; i < 60; i++)
        (void)known_recipient(&d, rng_mix(i));
    (void)lab_note(&d, &t, &sent);
    bulk = lab_family(&d, &t, 0, FAMILY_BULK);
    assert_true(lab_near(bulk, (10 + 28 * log10(6)) / 2));
}

static void
test_own_past(void **state)
{
    struct detector_tuning t = lab_tuning(CLASS_PERSON);
    struct detector d;

    (void)state;
    detector_begin(&d);
    d.at_s = BEGIN - DAY;
    d.peak_hour = d.peak_day = d.peak_new = 400;
    (void)lab_blast(&d, &t, 0, 300, 2, 0);
    assert_int_equal(d.standing, STANDING_NORMAL);
    assert_true(lab_family(&d, &t, 600, FAMILY_BULK) == 0);
}

static void
test_a_day_teaches(void **state)
{
    static const struct {
        const char *row;
        uint8_t worst;
        double other, peak;
    } rows[] = {
        {"a quiet day is remembered", STANDING_NORMAL, 0, 15},
        {"so is one that was watched", STANDING_WATCHED, 25, 15},
        {"and one on probation", STANDING_PROBATION, 0, 15},
        {"and one that was throttled for nothing but volume",
         STANDING_THROTTLED, 19.9, 15},
        {"not if there was more", STANDING_THROTTLED, 20, 0},
        {"nor one that was quarantined", STANDING_QUARANTINED, 0, 0},
    };
    struct detector_tuning t = lab_tuning(CLASS_PERSON);

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct sent sent = {.at_s = DAY, .n = 1, .messages = 1};
        struct detector d;

        detector_begin(&d);
        d.at_s = BEGIN;
        d.max_hour = 15;
        d.day_worst = rows[i].worst;
        d.day_other = rows[i].other;
        (void)lab_note(&d, &t, &sent);
        expect(rows[i].row,
               lab_near(d.peak_hour, rows[i].peak * exp2(-1.0 / 45)));
    }
}

static void
test_a_day_teaches_twice_as_much_at_most(void **state)
{
    struct detector_tuning t = lab_tuning(CLASS_PERSON);
    struct sent sent = {.at_s = DAY, .n = 1, .messages = 1};
    struct detector d;

    (void)state;
    detector_begin(&d);
    d.at_s = BEGIN;
    d.max_hour = 500;
    (void)lab_note(&d, &t, &sent);
    assert_true(lab_near(d.peak_hour, 20 * exp2(-1.0 / 45)));
}

static void
test_content(void **state)
{
    static const struct {
        const char *row;
        unsigned spam, clean, messages;
        uint64_t message_id;
        double content;
    } rows[] = {
        {"no verdict is no evidence", 0, 0, 50, 0, 0},
        {"one that is flagged is none", 1, 0, 1, 0, 0},
        {"clean ones are none", 0, 50, 1, 0, 0},
        {"the second counts", 2, 0, 1, 0, 7.2},
        {"it has an end", 60, 0, 1, 0, 45},
        {"what is clean counts against it", 5, 95, 1, 0, 0},
        {"copies of one message are weak witnesses", 6, 0, 1, 7, 6.2},
    };
    struct detector_tuning t = lab_tuning(CLASS_PERSON);

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct sent sent = {.n = 1,
                            .messages = rows[i].messages,
                            .spam = rows[i].spam,
                            .clean = rows[i].clean,
                            .message_id = rows[i].message_id};
        struct detector d;
        double content;

        detector_begin(&d);
        (void)lab_note(&d, &t, &sent);
        content = lab_family(&d, &t, 0, FAMILY_CONTENT);
        expect(rows[i].row, fabs(content - rows[i].content) < 0.5);
    }
}

static void
test_reception(void **state)
{
    static const struct {
        const char *row;
        unsigned n, unknown, complaints;
        double reception;
    } rows[] = {
        {"all were known to their hosts", 20, 0, 0, 0},
        {"one unknown is none", 1, 1, 0, 0},
        {"two are some", 2, 2, 0, 10},
        {"it has an end", 30, 30, 0, 45},
        {"accepted ones count against it", 40, 3, 0, 0},
        {"one complaint is none", 0, 0, 1, 0},
        {"three complaints", 0, 0, 3, 20},
        {"more say no more than three", 0, 0, 300, 20},
        {"bounces that come later", 0, 4, 0, 30},
        {"more unknown than there were recipients", 1, 4, 0, 30},
    };
    struct detector_tuning t = lab_tuning(CLASS_PERSON);

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct sent sent = {.n = rows[i].n,
                            .unknown = rows[i].unknown,
                            .complaints = rows[i].complaints};
        struct detector d;

        detector_begin(&d);
        (void)lab_note(&d, &t, &sent);
        expect(rows[i].row, lab_near(lab_family(&d, &t, 0, FAMILY_RECEPTION),
                                     rows[i].reception));
    }
}

static void
test_complaints_of_a_day_are_one_witness(void **state)
{
    struct detector_tuning t = lab_tuning(CLASS_PERSON);
    struct sent sent = {.complaints = 1};
    struct detector d;

    (void)state;
    detector_begin(&d);
    for (; sent.at_s < 2 * HOUR; sent.at_s += 60)
        (void)lab_note(&d, &t, &sent);
    assert_true(lab_family(&d, &t, sent.at_s, FAMILY_RECEPTION) < 25);
}

static void
test_spread_and_identity(void **state)
{
    static const struct {
        const char *row;
        unsigned networks, senders;
        double spread, identity, off;
    } rows[] = {
        {"two of each are usual", 2, 2, 0, 0, 0},
        {"six networks", 6, 1, 20, 0, 2},
        {"fifteen", 15, 1, 40, 0, 4},
        {"it has an end", 300, 1, 45, 0, 0},
        {"five senders", 1, 5, 0, 10, 2},
        {"it has a nearer end", 1, 300, 0, 20, 0},
    };
    struct detector_tuning t = lab_tuning(CLASS_PERSON);

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct detector d;
        double spread, identity;

        detector_begin(&d);
        d.standing = STANDING_NORMAL;
        for (unsigned k = 0; k < 300; k++) {
            struct sent sent = {.network = k % rows[i].networks,
                                .sender = k % rows[i].senders};

            if (d.standing != STANDING_QUARANTINED)
                (void)lab_note(&d, &t, &sent);
        }
        spread = lab_family(&d, &t, 0, FAMILY_SPREAD);
        identity = lab_family(&d, &t, 0, FAMILY_IDENTITY);
        expect(rows[i].row, fabs(spread - rows[i].spread) <= rows[i].off);
        expect(rows[i].row, fabs(identity - rows[i].identity) <= rows[i].off);
    }
}

static void
test_family_that_does_not_count(void **state)
{
    struct detector_tuning t = lab_tuning(CLASS_PERSON);
    struct sent sent = {
        .n = 9, .messages = 9, .spam = 9, .unknown = 9, .network = 1};

    (void)state;
    for (unsigned f = 0; f < FAMILIES; f++) {
        struct detector d;

        detector_begin(&d);
        t.families = 1U << f;
        for (sent.network = 0; sent.network < 9; sent.network++) {
            sent.sender = sent.network;
            sent.first = STRANGERS + 9 * sent.network;
            (void)lab_note(&d, &t, &sent);
            assert_true(lab_score(&d, &t, 0) ==
                        lab_family(&d, &t, 0, (enum family)f));
        }
        assert_true(lab_score(&d, &t, 0) > 0);
        t.families = 0;
        assert_true(lab_score(&d, &t, 0) == 0);
    }
}

static void
test_frozen_content_teaches_nothing(void **state)
{
    struct detector_tuning t = lab_tuning(CLASS_PERSON);
    struct sent sent = {.n = 1, .messages = 50, .spam = 50};
    struct detector d;

    (void)state;
    detector_begin(&d);
    t.families &= ~(1U << FAMILY_CONTENT);
    (void)lab_note(&d, &t, &sent);
    t.families |= 1U << FAMILY_CONTENT;
    assert_true(lab_family(&d, &t, 0, FAMILY_CONTENT) == 0);
    assert_true(d.flagged == 0 && d.judged == 0);
}

/* Networks of yesterday still count, those of the day before do not. */
static void
test_networks_of_two_days(void **state)
{
    static const struct {
        const char *row;
        int days;
        bool spread;
    } rows[] = {{"on the next day", 1, true}, {"two days later", 2, false}};
    struct detector_tuning t = lab_tuning(CLASS_PERSON);

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct sent sent = {.messages = 1};
        struct detector d;

        detector_begin(&d);
        for (sent.network = 0; sent.network < 6; sent.network++)
            (void)lab_note(&d, &t, &sent);
        d.day_worst = STANDING_QUARANTINED; /* or the day would teach it */
        expect(rows[i].row, (lab_family(&d, &t, rows[i].days * DAY,
                                        FAMILY_SPREAD) > 10) == rows[i].spread);
    }
}

static void
test_a_throttled_sender_does_not_teach_what_is_usual(void **state)
{
    struct detector_tuning t = lab_tuning(CLASS_PERSON);
    struct sent sent = {.n = 1, .messages = 1, .spam = 1};
    struct detector d;

    (void)state;
    detector_begin(&d);
    (void)lab_note(&d, &t, &sent);
    assert_true(d.flagged == 1 && d.judged == 1);
    d.standing = STANDING_THROTTLED;
    d.above_s = BEGIN;
    (void)lab_note(&d, &t, &sent);
    assert_true(d.flagged == 1 && d.judged == 1);
}

/* ----- known, distinct */

static void
test_known(void **state)
{
    struct detector d;
    unsigned wrong = 0;

    (void)state;
    detector_begin(&d);
    for (uint64_t i = 0; i < 300; i++)
        (void)known_recipient(&d, rng_mix(i));
    for (uint64_t i = 0; i < 300; i++)
        assert_true(known_recipient(&d, rng_mix(i)));
    for (uint64_t i = 1000; i < 1300; i++)
        wrong += known_recipient(&d, rng_mix(i)) ? 1 : 0;
    assert_in_range(wrong, 0, 30);
    for (uint64_t i = 2000; i < 3000; i++)
        (void)known_recipient(&d, rng_mix(i));
    wrong = 0;
    for (uint64_t i = 0; i < 100; i++)
        wrong += known_recipient(&d, rng_mix(i)) ? 1 : 0;
    assert_in_range(wrong, 0, 20); /* two generations later they are new */
}

static void
test_a_generation(void **state)
{
    struct detector d;
    uint64_t i = 0;

    (void)state;
    detector_begin(&d);
    while (d.n_known < 349)
        (void)known_recipient(&d, rng_mix(i++));
    while (d.n_known == 349) /* until one that seems new */
        (void)known_recipient(&d, rng_mix(i++));
    assert_int_equal(d.n_known, 0);
    assert_true(known_recipient(&d, rng_mix(0)));
    assert_int_equal(d.n_known, 1);
}

static void
test_distinct(void **state)
{
    static const struct {
        unsigned things, least, most; /* in tenths */
    } rows[] = {{0, 0, 0},     {1, 10, 10},    {3, 20, 31},
                {10, 85, 115}, {30, 230, 370}, {2000, 2600, 3200}};

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        uint64_t bitmap = 0;

        known_mark(&bitmap, 0);
        for (unsigned k = 0; k < rows[i].things; k++) {
            known_mark(&bitmap, rng_mix(7000 + k));
            known_mark(&bitmap, rng_mix(7000 + k));
        }
        assert_in_range((unsigned)(10 * known_distinct(bitmap)), rows[i].least,
                        rows[i].most);
    }
}

/* ----- clocks */

static void
test_clocks(void **state)
{
    static const struct {
        const char *row;
        int64_t jump_s;
    } rows[] = {
        {"a second back", -1},
        {"an hour back", -HOUR},
        {"a day back", -DAY},
        {"to before the beginning", -2 * (int64_t)BEGIN},
        {"to the end of time", INT64_MAX - BEGIN},
        {"to the beginning of time", INT64_MIN},
        {"ten years ahead", 3650 * (int64_t)DAY},
        {"a day ahead", DAY},
    };
    struct detector_tuning t = lab_tuning(CLASS_PERSON);

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct sent sent = {.n = 1, .messages = 1, .clean = 1};
        struct detector d;
        int64_t now_s = 0;

        detector_begin(&d);
        /* before, then there, then back again for thirty days */
        for (unsigned k = 0; k < 400; k++, now_s += 2 * HOUR) {
            sent.at_s = k == 40 ? rows[i].jump_s : now_s;
            sent.first = k % 30;
            (void)lab_note(&d, &t, &sent);
            expect(rows[i].row, d.standing == STANDING_NORMAL);
            (void)detector_pass(&d, &t, lab_at(sent.at_s));
        }
        expect(rows[i].row, d.at_s == BEGIN + now_s - 2 * HOUR);
        expect(rows[i].row, d.hour > 1 && d.hour < 2 && d.day < 20);
        expect(rows[i].row, d.first_s <= BEGIN);
    }
}

/* A quarantine that is made longer is the same one. */
static void
test_a_longer_block(void **state)
{
    struct detector d;

    (void)state;
    detector_begin(&d);
    detector_block(&d, lab_at(0), lab_at(DAY));
    detector_block(&d, lab_at(HOUR), lab_at(2 * DAY));
    assert_int_equal(d.since_s - lab_at(0).s, 0);
    assert_int_equal(d.until_s - lab_at(2 * DAY).s, 0);
}

static void
test_a_wrong_clock_holds_nobody(void **state)
{
    struct detector_tuning t = lab_tuning(CLASS_PERSON);
    int64_t ahead_s = 3650 * (int64_t)DAY;
    struct detector d;

    (void)state;
    detector_begin(&d);
    (void)lab_blast(&d, &t, ahead_s, 160, 2, 0);
    assert_int_equal(d.standing, STANDING_THROTTLED);
    for (int64_t s = 0; s < 10 * DAY; s += HOUR)
        (void)detector_pass(&d, &t, lab_at(s));
    assert_int_equal(d.standing, STANDING_NORMAL);
    detector_block(&d, lab_at(ahead_s), lab_at(ahead_s + DAY));
    assert_false(detector_pass(&d, &t, lab_at(10 * DAY)));
    assert_false(detector_pass(&d, &t, lab_at(11 * DAY - 1)));
    assert_true(detector_pass(&d, &t, lab_at(11 * DAY)));
}

static void
test_quiet_years_cost_no_more_than_a_season(void **state)
{
    struct detector_tuning t = lab_tuning(CLASS_PERSON);
    struct sent sent = {.at_s = 3650 * (int64_t)DAY, .n = 1, .messages = 1};
    struct detector d;

    (void)state;
    detector_begin(&d);
    d.at_s = BEGIN;
    d.peak_hour = 400;
    (void)lab_note(&d, &t, &sent);
    assert_true(lab_near(d.peak_hour, 100));
}

/* ----- whatever comes */

static void
test_merged(void **state)
{
    struct detector_tuning t = lab_tuning(CLASS_PERSON);
    struct sent one = {.n = 1, .messages = 1}, all = {.n = 30,
                                                      .messages = 30,
                                                      .spam = 3,
                                                      .clean = 27,
                                                      .unknown = 3};
    struct detector single, merged;

    (void)state;
    detector_begin(&single);
    detector_begin(&merged);
    for (unsigned i = 0; i < 30; i++) {
        one.first = i;
        one.spam = i % 10 == 9;
        one.clean = i % 10 != 9;
        one.unknown = i % 10 == 4;
        (void)lab_note(&single, &t, &one);
    }
    (void)lab_note(&merged, &t, &all);
    assert_true(lab_near(single.hour, merged.hour));
    assert_true(lab_near(single.day, merged.day));
    assert_true(lab_near(single.new_day, merged.new_day));
    assert_true(lab_near(single.content, merged.content));
    assert_true(lab_near(single.judged, merged.judged));
    assert_true(lab_near(single.flagged, merged.flagged));
    assert_true(fabs(single.reception - merged.reception) < 6);
    assert_true(lab_near(single.unknown_day, merged.unknown_day));
    assert_int_equal(single.standing, merged.standing);
    assert_memory_equal(single.known, merged.known, sizeof(single.known));
}

static void
test_more_than_there_are_hashes_of(void **state)
{
    struct detector_tuning t = lab_tuning(CLASS_PERSON);
    struct detector_event e = {.at = lab_at(0), .messages = 5, .more = 50};
    struct detector d;

    (void)state;
    detector_begin(&d);
    (void)detector_note(&d, &t, &e);
    assert_true(d.hour == 50 && d.new_day == 0);
}

/* What came before a release does not speak against whoever was let go. */
static void
test_forgets(void **state)
{
    static const struct {
        const char *name;
        int64_t released_s, at_s, since_s, now_s;
        bool forgets;
    } rows[] = {
        {"never let go", 0, 100, 0, 100, false},
        {"before", 1000, 999, 0, 1010, true},
        {"in the same second", 1000, 1000, 0, 1010, true},
        {"after", 1000, 1001, 0, 1010, false},
        {"some of it before", 1000, 1005, 999, 1010, true},
        {"none of it before", 1000, 1005, 1001, 1010, false},
        {"by a clock that was ahead", 9000, 1005, 0, 1010, false},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct detector d = {.released_s = rows[i].released_s};
        struct detector_event e = {.at = {rows[i].at_s},
                                   .since = {rows[i].since_s}};

        expect(rows[i].name,
               detector_forgets(&d, &e, (struct wall){rows[i].now_s}) ==
                   rows[i].forgets);
    }
}

/* Who lets it go, and who does not. */
static void
test_let_go(void **state)
{
    struct detector_tuning t = lab_tuning(CLASS_PERSON);
    struct detector d;
    int64_t now_s = lab_at(0).s;

    (void)state;
    detector_begin(&d);
    detector_block(&d, lab_at(0), (struct wall){0});
    assert_int_equal(d.released_s, 0);
    detector_release(&d, &t, DETECTOR_RELEASE, CAUSE_OPERATOR, lab_at(0));
    assert_int_equal(d.released_s, now_s);
    detector_lease(&d, CAUSE_LEASE, lab_at(5));
    assert_int_equal(d.released_s, now_s + 5);
    d.standing = STANDING_THROTTLED; /* by nothing but content */
    d.cause = CAUSE_EVIDENCE;
    assert_true(detector_take_back(&d, &t, 7, lab_at(9)));
    assert_int_equal(d.released_s, now_s + 9);
    assert_false(detector_take_back(&d, &t, 8, lab_at(11)));
    assert_int_equal(d.released_s, now_s + 9);
}

/* What happened to a state, at random. */
static struct detector_event
any_event(struct rng *rng, int64_t now_s, uint64_t hash[RECIPIENTS])
{
    struct detector_event e = {
        .at = lab_at(now_s),
        .recipients = hash,
        .n_recipients = rng_chance(rng, 0.9) ? 1 + rng_below(rng, 3)
                                             : rng_below(rng, RECIPIENTS),
        .more = rng_chance(rng, 0.98) ? 0 : UINT32_MAX,
        .messages = (uint32_t)rng_below(rng, 3),
        .unknown = (uint32_t)(rng_chance(rng, 0.9) ? 0 : rng_below(rng, 9)),
        .complaints = rng_chance(rng, 0.98) ? 0 : UINT32_MAX,
        .message_id = rng_below(rng, 3),
        .network = rng_below(rng, rng_chance(rng, 0.95) ? 3 : 100),
        .sender = rng_below(rng, rng_chance(rng, 0.95) ? 3 : 100)};

    if (rng_chance(rng, 0.5))
        e.clean = (uint32_t)rng_below(rng, 3);
    if (rng_chance(rng, 0.1))
        e.spam = (uint32_t)rng_below(rng, 5);
    if (rng_chance(rng, 0.001))
        e.spam = e.clean = e.unknown = UINT32_MAX;
    for (size_t i = 0; i < e.n_recipients; i++)
        hash[i] = rng_mix(rng_below(rng, 5000));
    return e;
}

/* One thing that can be done to D; returns whether it told of a change. */
static bool
anything(struct detector *d, const struct detector_tuning *t, struct rng *rng,
         int64_t now_s)
{
    uint64_t hash[RECIPIENTS];
    struct detector_event e = any_event(rng, now_s, hash);
    enum standing was = d->standing;
    bool told;

    switch (rng_below(rng, 400)) {
    case 0:
        detector_release(
            d, t, rng_chance(rng, 0.5) ? DETECTOR_LEGIT : DETECTOR_RELEASE,
            CAUSE_OPERATOR, lab_at(now_s));
        assert_true(d->standing == STANDING_NORMAL ||
                    d->standing == STANDING_PROBATION);
        return d->standing != was;
    case 1:
        detector_block(d, lab_at(now_s), lab_at(now_s + DAY));
        return true;
    case 2:
        detector_lease(d, CAUSE_LEASE, lab_at(now_s));
        return true;
    case 3:
        detector_demote(d, CAUSE_BREAKER, lab_at(now_s));
        assert_false(standing_worse(d->standing, STANDING_WATCHED));
        return d->standing != was;
    case 4:
        told = detector_take_back(d, t, 1 + rng_below(rng, 9), lab_at(now_s));
        assert_false(standing_worse(d->standing, was));
        return told;
    default:
        break;
    }
    if (rng_chance(rng, 0.3)) {
        told = detector_pass(d, t, lab_at(now_s));
        assert_false(standing_worse(d->standing, was) &&
                     was != STANDING_QUARANTINED);
        return told;
    }
    told = detector_note(d, t, &e);
    assert_true(was != STANDING_QUARANTINED || !told);
    assert_true(was != STANDING_PROBATION || !told ||
                standing_worse(d->standing, STANDING_PROBATION));
    assert_false(told && t->gateway && d->standing == STANDING_QUARANTINED);
    return told;
}

static void
check(const struct detector *d, const struct detector_tuning *t, int64_t now_s)
{
    static const double most[FAMILIES] = {45, 45, 45, 45, 20};
    double family[FAMILIES], again[FAMILIES], score, sum = 0, score_again;
    uint8_t bytes[DETECTOR_BYTES];
    struct detector copy;

    detector_score(d, t, lab_at(now_s), family, &score);
    for (unsigned i = 0; i < FAMILIES; i++) {
        assert_true(family[i] >= 0 && family[i] <= most[i]);
        sum += family[i];
    }
    assert_true(lab_near(sum, score) && score <= 200);
    assert_true(detector_rate(d, t) >= 1);
    assert_int_equal(detector_read(bytes, detector_write(d, bytes), &copy),
                     MS_OK);
    assert_true(lab_same(d, &copy));
    detector_score(&copy, t, lab_at(now_s), again, &score_again);
    assert_true(score == score_again);
}

static void
test_whatever_comes(void **state)
{
    static const int64_t gaps[] = {0, 1, 60, HOUR, DAY, 40 * DAY, -5, -2 * DAY};
    struct rng rng = {5};

    (void)state;
    for (unsigned class = 0; class <= CLASS_UNSET; class ++) {
        struct detector_tuning t = lab_tuning((enum network_class) class);
        struct detector d;
        unsigned seen[STANDING_PROBATION + 1] = {0};
        int64_t now_s = 0;

        detector_begin(&d);
        for (unsigned i = 0; i < 6000; i++) {
            enum standing was = d.standing;
            bool told;

            now_s +=
                gaps[rng_below(&rng, rng_chance(&rng, 0.95) ? 4 : ROWS(gaps))];
            told = anything(&d, &t, &rng, now_s);
            assert_true(told || d.standing == was);
            assert_true(!told ||
                        (d.last.from == was && d.last.to == d.standing));
            check(&d, &t, now_s);
            seen[d.standing]++;
        }
        for (unsigned i = 0; i <= STANDING_PROBATION; i++)
            assert_true(seen[i] > 0);
    }
}

static void
test_states_do_not_touch_each_other(void **state)
{
    struct detector_tuning t = lab_tuning(CLASS_PERSON);
    struct detector alone, beside, other;
    struct rng one = {1}, again = {1}, rng = {2};

    (void)state;
    detector_begin(&alone);
    detector_begin(&beside);
    detector_begin(&other);
    for (unsigned i = 0; i < 500; i++)
        (void)anything(&alone, &t, &one, i * (int64_t)60);
    for (unsigned i = 0; i < 500; i++) {
        (void)anything(&other, &t, &rng, i * (int64_t)3600);
        (void)anything(&beside, &t, &again, i * (int64_t)60);
    }
    assert_true(lab_same(&alone, &beside));
    assert_false(lab_same(&alone, &other));
}

static void
test_looking_changes_nothing(void **state)
{
    struct detector_tuning t = lab_tuning(CLASS_PERSON);
    struct detector d, before;
    struct evidence shown;

    (void)state;
    detector_begin(&d);
    lab_abuse(&d, &t, 0);
    before = d;
    (void)lab_score(&d, &t, 3 * DAY);
    detector_show(&d, &t, lab_at(0), &shown);
    assert_true(lab_same(&d, &before));
    assert_int_equal(shown.from, STANDING_QUARANTINED);
    assert_int_equal(shown.to, STANDING_QUARANTINED);
    assert_int_equal(evidence_score(&shown), evidence_score(&d.last));
    assert_int_equal(shown.usual_hour, 10);
    assert_int_equal(shown.hour, (uint32_t)(d.hour + 0.5));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tuning),
        cmocka_unit_test(test_rate),
        cmocka_unit_test(test_rate_is_never_nothing),
        cmocka_unit_test(test_volume),
        cmocka_unit_test(test_old_friends_count_half),
        cmocka_unit_test(test_own_past),
        cmocka_unit_test(test_a_day_teaches),
        cmocka_unit_test(test_a_day_teaches_twice_as_much_at_most),
        cmocka_unit_test(test_content),
        cmocka_unit_test(test_reception),
        cmocka_unit_test(test_complaints_of_a_day_are_one_witness),
        cmocka_unit_test(test_spread_and_identity),
        cmocka_unit_test(test_family_that_does_not_count),
        cmocka_unit_test(test_frozen_content_teaches_nothing),
        cmocka_unit_test(test_networks_of_two_days),
        cmocka_unit_test(test_a_throttled_sender_does_not_teach_what_is_usual),
        cmocka_unit_test(test_known),
        cmocka_unit_test(test_a_generation),
        cmocka_unit_test(test_distinct),
        cmocka_unit_test(test_clocks),
        cmocka_unit_test(test_a_wrong_clock_holds_nobody),
        cmocka_unit_test(test_a_longer_block),
        cmocka_unit_test(test_quiet_years_cost_no_more_than_a_season),
        cmocka_unit_test(test_merged),
        cmocka_unit_test(test_more_than_there_are_hashes_of),
        cmocka_unit_test(test_forgets),
        cmocka_unit_test(test_let_go),
        cmocka_unit_test(test_whatever_comes),
        cmocka_unit_test(test_states_do_not_touch_each_other),
        cmocka_unit_test(test_looking_changes_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
