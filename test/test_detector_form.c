/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The stored form of a detector's state: what is written is read again, and
 * what was not written by us is refused.
 */
#include <config.h>

#include "policy/detector/detector.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "test/seal.h"
#include "test/sim/rng.h"
#include "test/unit.h"

enum { LENGTH = 922 };

_Static_assert((int)LENGTH <= (int)DETECTOR_BYTES,
               "there is room for what test_round_trip finds written");

/* A state in which every field is something else. */
static struct detector
any(struct rng *rng)
{
    struct detector d;
    double *real[] = {&d.hour,           &d.day,          &d.new_day,
                      &d.max_hour,       &d.max_day,      &d.max_new,
                      &d.peak_hour,      &d.peak_day,     &d.peak_new,
                      &d.peak_networks,  &d.peak_senders, &d.content,
                      &d.reception,      &d.judged,       &d.flagged,
                      &d.spam_day,       &d.judged_day,   &d.unknown_day,
                      &d.complaints_day, &d.day_other,    &d.content_hour[0],
                      &d.content_hour[1]};
    int64_t *time[] = {&d.at_s,    &d.content_hour_s, &d.above_s,
                       &d.since_s, &d.until_s,        &d.probation_s,
                       &d.first_s, &d.last.at_s,      &d.released_s};
    uint64_t *word[] = {&d.message_id, &d.networks[0], &d.networks[1],
                        &d.senders[0], &d.senders[1],  &d.taken_back,
                        &d.rule,       &d.wrote,       &d.changed};
    uint32_t *number[] = {&d.n_known,       &d.quarantines,
                          &d.last.hour,     &d.last.usual_hour,
                          &d.last.day,      &d.last.usual_day,
                          &d.last.new_day,  &d.last.usual_new,
                          &d.last.spam,     &d.last.judged,
                          &d.last.unknown,  &d.last.complaints,
                          &d.last.networks, &d.last.usual_networks,
                          &d.last.senders,  &d.last.usual_senders};

    detector_begin(&d);
    for (size_t i = 0; i < ROWS(real); i++)
        *real[i] = 55 * rng_real(rng);
    d.content_hour[1] = -d.content_hour[1];
    for (size_t i = 0; i < ROWS(time); i++)
        *time[i] = (int64_t)rng_below(rng, UINT64_C(1) << 40);
    for (size_t i = 0; i < ROWS(word); i++)
        *word[i] = rng_mix(rng_below(rng, UINT32_MAX));
    for (size_t i = 0; i < ROWS(number); i++)
        *number[i] = (uint32_t)rng_mix(rng_below(rng, UINT32_MAX));
    for (size_t i = 0; i < sizeof(d.known); i++)
        d.known[i / DETECTOR_BLOOM][i % DETECTOR_BLOOM] =
            (uint8_t)rng_below(rng, 256);
    for (size_t i = 0; i < FAMILIES; i++)
        d.last.tenths[i] = (uint16_t)rng_below(rng, 65536);
    d.day_worst = (uint8_t)rng_below(rng, STANDING_PROBATION + 1);
    d.standing = (enum standing)rng_below(rng, STANDING_PROBATION + 1);
    d.last.from = (enum standing)rng_below(rng, STANDING_PROBATION + 1);
    d.last.to = (enum standing)rng_below(rng, STANDING_PROBATION + 1);
    d.cause = (enum evidence_cause)rng_below(rng, CAUSES);
    d.last.cause = (enum evidence_cause)rng_below(rng, CAUSES);
    d.observed = rng_chance(rng, 0.5);
    return d;
}

/* Field by field, since there are holes between them. */
static void
expect_same(const struct detector *a, const struct detector *b)
{
    assert_memory_equal(a->known, b->known, sizeof(a->known));
    assert_memory_equal(a->networks, b->networks, sizeof(a->networks));
    assert_memory_equal(a->senders, b->senders, sizeof(a->senders));
    assert_memory_equal(a->last.tenths, b->last.tenths, sizeof(a->last.tenths));
#define SAME(field) assert_true(a->field == b->field)
    SAME(at_s), SAME(hour), SAME(day), SAME(new_day);
    SAME(max_hour), SAME(max_day), SAME(max_new);
    SAME(peak_hour), SAME(peak_day), SAME(peak_new);
    SAME(peak_networks), SAME(peak_senders), SAME(content), SAME(reception);
    SAME(content_hour[0]), SAME(content_hour[1]), SAME(content_hour_s);
    SAME(judged), SAME(flagged), SAME(spam_day), SAME(judged_day);
    SAME(unknown_day), SAME(complaints_day), SAME(message_id), SAME(n_known);
    SAME(day_worst), SAME(day_other), SAME(above_s), SAME(standing);
    SAME(cause), SAME(observed), SAME(since_s), SAME(until_s);
    SAME(probation_s), SAME(quarantines), SAME(first_s), SAME(taken_back);
    SAME(last.at_s), SAME(last.from), SAME(last.to), SAME(last.cause);
    SAME(last.hour), SAME(last.usual_hour), SAME(last.day);
    SAME(last.usual_day), SAME(last.new_day), SAME(last.usual_new);
    SAME(last.spam), SAME(last.judged), SAME(last.unknown);
    SAME(last.complaints), SAME(last.networks), SAME(last.usual_networks);
    SAME(last.senders), SAME(last.usual_senders);
    SAME(released_s), SAME(rule), SAME(wrote), SAME(changed);
#undef SAME
}

static void
test_round_trip(void **state)
{
    struct rng rng = {1};

    (void)state;
    for (int i = 0; i < 2000; i++) {
        struct detector d = any(&rng), again;
        uint8_t bytes[DETECTOR_BYTES];

        assert_int_equal(detector_write(&d, bytes), LENGTH);
        assert_int_equal(detector_read(bytes, LENGTH, &again), MS_OK);
        expect_same(&d, &again);
    }
}

/* Byte by byte: what an older mortsafe wrote must be read for ever. */
static void
test_layout(void **state)
{
    static const uint8_t head[] = {1, 0x80, 0x43, 0x6d, 0x38, 0, 0,    0,   0,
                                   0, 0,    0,    0,    0,    0, 0x24, 0x40};
    struct detector d;
    uint8_t bytes[DETECTOR_BYTES];

    (void)state;
    detector_begin(&d);
    d.at_s = 946684800;
    d.hour = 10;
    (void)detector_write(&d, bytes);
    assert_memory_equal(bytes, head, sizeof(head));
}

static void
test_cuts(void **state)
{
    struct rng rng = {2};
    struct detector d = any(&rng), out = d;
    uint8_t bytes[DETECTOR_BYTES + 1] = {0};
    size_t len = detector_write(&d, bytes);

    (void)state;
    for (size_t cut = 0; cut < len; cut++)
        assert_int_equal(detector_read(bytes, cut, &out), MS_INVALID);
    assert_int_equal(detector_read(bytes, len + 1, &out), MS_INVALID);
    expect_same(&d, &out);
}

static void
test_flips(void **state)
{
    struct rng rng = {3};
    struct detector d = any(&rng), out = d;
    uint8_t bytes[DETECTOR_BYTES];
    size_t len = detector_write(&d, bytes);

    (void)state;
    for (size_t bit = 0; bit < 8 * len; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_equal(detector_read(bytes, len, &out), MS_INVALID);
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    expect_same(&d, &out);
}

static void
test_newer(void **state)
{
    struct detector out;
    uint8_t bytes[2000] = {2};

    (void)state;
    assert_int_equal(detector_read(bytes, 1, &out), MS_INVALID);
    assert_int_equal(detector_read(bytes, sizeof(bytes), &out), MS_INVALID);
    for (size_t len = 1 + SEAL; len <= sizeof(bytes); len++) {
        bytes[0] = 2;
        memset(bytes + 1, 0x55, sizeof(bytes) - 1);
        seal(bytes, len);
        assert_int_equal(detector_read(bytes, len, &out), MS_VERSION);
    }
    bytes[0] = 0;
    seal(bytes, LENGTH);
    assert_int_equal(detector_read(bytes, LENGTH, &out), MS_INVALID);
}

static void
test_sealed_nonsense(void **state)
{
    struct detector_tuning t;
    struct rng rng = {4};
    unsigned read = 0;

    (void)state;
    detector_tuning(CLASS_PERSON, &t);
    for (int i = 0; i < 40000; i++) {
        struct detector d = any(&rng);
        struct detector_event e = {.at = {20000 * INT64_C(86400)},
                                   .messages = 1,
                                   .spam = 1,
                                   .more = 1};
        uint8_t bytes[DETECTOR_BYTES];
        double family[FAMILIES], score;
        struct evidence shown;

        (void)detector_write(&d, bytes);
        for (uint64_t n = 1 + rng_below(&rng, 4); n > 0; n--)
            bytes[rng_below(&rng, LENGTH - SEAL)] =
                (uint8_t)rng_below(&rng, 256);
        bytes[0] = 1;
        seal(bytes, LENGTH);
        if (detector_read(bytes, LENGTH, &d) != MS_OK)
            continue;
        read++;
        assert_in_range(d.standing, 0, STANDING_PROBATION);
        assert_in_range(d.cause, 0, CAUSES - 1);
        (void)detector_pass(&d, &t, e.at);
        (void)detector_note(&d, &t, &e);
        (void)detector_take_back(&d, &t, 5, e.at);
        detector_show(&d, &t, e.at, &shown);
        detector_score(&d, &t, e.at, family, &score);
        assert_true(score >= 0 && score <= 200);
        detector_release(&d, &t, DETECTOR_LEGIT, CAUSE_OPERATOR, e.at);
        assert_true(detector_rate(&d, &t) >= 1);
    }
    assert_in_range(read, 20000, 39000);
}

static void
test_saturation(void **state)
{
    static const struct {
        const char *row;
        double in, out;
    } rows[] = {
        {"no number is nothing", NAN, 0},
        {"less than nothing is nothing", -1, 0},
        {"without end is much", INFINITY, 1e15},
        {"the greatest is much", DBL_MAX, 1e15},
        {"the least is itself", DBL_TRUE_MIN, DBL_TRUE_MIN},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct detector d, out;
        uint8_t bytes[DETECTOR_BYTES];

        detector_begin(&d);
        d.hour = rows[i].in;
        d.at_s = INT64_MIN;
        d.since_s = INT64_MAX;
        expect(rows[i].row,
               detector_read(bytes, detector_write(&d, bytes), &out) == MS_OK);
        expect(rows[i].row, out.hour == rows[i].out);
        expect(rows[i].row, out.at_s == 0 && out.since_s == INT64_C(1) << 40);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_layout),
        cmocka_unit_test(test_cuts),
        cmocka_unit_test(test_flips),
        cmocka_unit_test(test_newer),
        cmocka_unit_test(test_saturation),
        cmocka_unit_test(test_sealed_nonsense),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
