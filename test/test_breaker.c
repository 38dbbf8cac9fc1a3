/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Breakers, as tables of what befalls a server and whether it is asked.
 */
#include <config.h>

#include "policy/store/redis/breaker.h"

#include "test/unit.h"

enum { STEPS = 16 };

enum deed { END, FAIL, SLOW, FAST, GOOD, BAD, LATE };

/* What happens at AT_MS, whether that changes anything, and what is then. */
struct step {
    int64_t at_ms;
    enum deed deed;
    bool changes, open;
};

static bool
act(struct breaker *b, enum deed deed, struct mono now)
{
    switch (deed) {
    case FAIL:
        return breaker_fail(b, now);
    case SLOW:
        return breaker_latency(b, BREAKER_SLOW_US + 1, now);
    case FAST:
        return breaker_latency(b, BREAKER_SLOW_US, now);
    case GOOD:
        return breaker_probed(b, true, 50, now);
    case LATE:
        return breaker_probed(b, true, 51, now);
    case BAD:
        return breaker_probed(b, false, 1, now);
    case END:
        break;
    }
    return false;
}

static void
test_steps(void **state)
{
    static const struct {
        const char *row;
        struct step step[STEPS];
    } rows[] = {
        {"one good probe closes a new one", {{0, GOOD, true, false}}},
        {"a failure before changes nothing",
         {{0, FAIL, false, true}, {1, GOOD, true, false}}},
        {"the first failure opens it",
         {{0, GOOD, true, false},
          {20000, FAIL, true, true},
          {20001, FAIL, false, true}}},
        {"one probe closes it again",
         {{0, GOOD, true, false},
          {20000, FAIL, true, true},
          {20500, GOOD, true, false}}},
        {"a bad probe does not",
         {{0, BAD, false, true}, {500, GOOD, true, false}}},
        {"a slow one does not", {{0, LATE, false, true}}},
        {"slow replies open it",
         {{0, GOOD, true, false}, {1, SLOW, true, true}}},
        {"replies just fast enough do not",
         {{0, GOOD, true, false}, {1, FAST, false, false}}},
        {"slow replies while it is open tell nothing",
         {{0, SLOW, false, true}}},
        {"the first failure is no flapping",
         {{0, GOOD, true, false},
          {1, FAIL, true, true},
          {2, GOOD, true, false}}},
        {"opened again soon it wants two probes",
         {{0, GOOD, true, false},
          {1, FAIL, true, true},
          {2, GOOD, true, false},
          {10001, FAIL, true, true},
          {10500, GOOD, false, true},
          {11000, GOOD, true, false}}},
        {"but one, if it was closed for ten seconds",
         {{0, GOOD, true, false},
          {1, FAIL, true, true},
          {2, GOOD, true, false},
          {10002, FAIL, true, true},
          {10500, GOOD, true, false}}},
        {"then three, in a row, and never more",
         {{0, GOOD, true, false},
          {1, FAIL, true, true},
          {2, GOOD, true, false},
          {3, FAIL, true, true},
          {4, GOOD, false, true},
          {5, GOOD, true, false},
          {6, FAIL, true, true},
          {7, GOOD, false, true},
          {8, GOOD, false, true},
          {9, GOOD, true, false},
          {10, FAIL, true, true},
          {11, GOOD, false, true},
          {12, GOOD, false, true},
          {13, GOOD, true, false}}},
        {"what fails between them begins anew",
         {{0, GOOD, true, false},
          {1, FAIL, true, true},
          {2, GOOD, true, false},
          {3, FAIL, true, true},
          {4, GOOD, false, true},
          {5, FAIL, false, true},
          {6, GOOD, false, true},
          {7, BAD, false, true},
          {8, GOOD, false, true},
          {9, LATE, false, true},
          {10, GOOD, false, true},
          {11, GOOD, true, false}}},
        {"a probe that comes late to a closed one tells nothing",
         {{0, GOOD, true, false}, {1, BAD, false, false}}},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct breaker b;

        breaker_init(&b, 0, (struct mono){0});
        for (const struct step *s = rows[i].step; s->deed != END; s++) {
            struct mono now = {s->at_ms};

            expect(rows[i].row, act(&b, s->deed, now) == s->changes);
            expect(rows[i].row, b.open == s->open);
            expect(rows[i].row, !s->changes || b.since.ms == s->at_ms);
        }
    }
}

static void
test_probes(void **state)
{
    struct breaker b;
    int64_t last = 1000, least = INT64_MAX, most = 0;

    (void)state;
    breaker_init(&b, 7, (struct mono){1000});
    assert_true(breaker_probe_due(&b, (struct mono){1000}));
    assert_false(breaker_probe_due(&b, (struct mono){1000}));
    for (int64_t ms = 1001; ms < 200000; ms++) {
        if (!breaker_probe_due(&b, (struct mono){ms}))
            continue;
        least = ms - last < least ? ms - last : least;
        most = ms - last > most ? ms - last : most;
        last = ms;
    }
    assert_true(least >= 500 && least < 520);
    assert_true(most > 580 && most <= 600);
}

static void
test_hurry(void **state)
{
    struct breaker b;

    (void)state;
    breaker_init(&b, 7, (struct mono){0});
    assert_true(breaker_probe_due(&b, (struct mono){0}));
    breaker_hurry(&b, (struct mono){100});
    assert_true(breaker_probe_due(&b, (struct mono){100}));
    assert_false(breaker_probe_due(&b, (struct mono){101}));
    assert_true(breaker_probed(&b, true, 0, (struct mono){101}));
    breaker_hurry(&b, (struct mono){102});
    assert_false(breaker_probe_due(&b, (struct mono){5000}));
    assert_true(breaker_fail(&b, (struct mono){5000}));
    assert_true(breaker_probe_due(&b, (struct mono){5000}));
}

static void
test_second_probe(void **state)
{
    struct breaker b;

    (void)state;
    breaker_init(&b, 7, (struct mono){0});
    for (int64_t ms = 1; ms <= 2; ms++) {
        assert_true(breaker_probed(&b, true, 0, (struct mono){ms}));
        assert_true(breaker_fail(&b, (struct mono){ms}));
    }
    assert_true(breaker_probe_due(&b, (struct mono){1000}));
    assert_false(breaker_probed(&b, true, 5, (struct mono){1005}));
    assert_false(breaker_probe_due(&b, (struct mono){1254}));
    assert_true(breaker_probe_due(&b, (struct mono){1255}));
    assert_false(breaker_probed(&b, false, 5, (struct mono){1260}));
    assert_false(breaker_probe_due(&b, (struct mono){1754}));
    assert_true(breaker_probe_due(&b, (struct mono){1855}));
}

/* From the cure on, the worst: every probe just missed it, three wanted. */
static void
test_recovery(void **state)
{
    struct breaker b;
    int64_t ms = 0;

    (void)state;
    breaker_init(&b, 3, (struct mono){0});
    assert_true(breaker_probed(&b, true, 0, (struct mono){0}));
    for (int flap = 0; flap < 3; flap++) {
        assert_true(breaker_fail(&b, (struct mono){++ms}));
        while (!breaker_probed(&b, true, 0, (struct mono){ms}))
            ;
    }
    assert_true(breaker_fail(&b, (struct mono){++ms}));
    assert_true(breaker_probe_due(&b, (struct mono){ms}));
    for (int64_t cure = ms + 1;; ms++) {
        if (breaker_probe_due(&b, (struct mono){ms}) &&
            breaker_probed(&b, true, 1, (struct mono){ms})) {
            assert_true(ms - cure < 2000);
            return;
        }
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_steps),    cmocka_unit_test(test_probes),
        cmocka_unit_test(test_hurry),    cmocka_unit_test(test_second_probe),
        cmocka_unit_test(test_recovery),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
