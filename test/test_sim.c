/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How the detector treats a town of customers, and what attacks get through,
 * held to the bars it was built for and to a reference model in another
 * language, whose figures stand in the tables (test/sim/FIGURES.md).  The mail
 * is drawn at random from a fixed seed.
 */
#include <config.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "test/sim/rows.h"
#include "test/sim/tally.h"
#include "test/unit.h"

enum { TRIALS = 60, SEED = 20050524, FEWER = 10 };

/* ----- customers */

/* What chance may add to a model's MEAN number of subject-days: three standard
 * deviations, and one. */
static double
at_most(double mean)
{
    return mean + 3 * sqrt(mean) + 1;
}

static void
test_customers(void **state)
{
    /* in 1,000 subject-days, of the model; nobody else is ever quarantined */
    static const struct {
        const char *kind;
        double throttled;
        bool quarantined;
    } model[TRAFFIC_KINDS] = {
        {"residential", 0, false},   {"office", 0, false},
        {"roaming", 0, false},       {"gateway", 0, false},
        {"newsweek", 11.1, false},   {"newsmonth", 26.7, true},
        {"newsfirst", 22.2, true},   {"shop", 0, false},
        {"listserver", 48.9, false}, {"invoices", 3, false},
        {"newcust", 3, false},
    };
    struct tally_honest of[JUDGES];
    double throttled = 0, limited = 0, quarantined = 0, days = 0;
    struct rng rng = {SEED};
    uint64_t id = 1;

    (void)state;
    for (unsigned i = 0; i < TRAFFIC_KINDS; i++) {
        const struct traffic_kind *kind = &traffic_kinds[i];
        const struct tally_honest *full = &of[JUDGE_FULL];
        unsigned subjects = (kind->subjects + 1) / 2;

        assert_string_equal(kind->name, model[i].kind);
        tally_honest(&rng, i, CLASS_PERSON, subjects, id, of);
        id += subjects;
        expect(kind->name, full->throttled <=
                               at_most(model[i].throttled * full->days / 1000));
        expect(kind->name, full->quarantined == 0 || model[i].quarantined);
        throttled += full->throttled;
        quarantined += full->quarantined;
        limited += of[JUDGE_LIMIT].throttled;
        days += full->days;
        /* one witness is never enough */
        expect(kind->name, of[JUDGE_RELAY].quarantined == 0);
    }
    assert_true(throttled <= limited / 4);
    assert_true(quarantined <= at_most(0.14 * days / 1000));
}

/* Where the operator has said what they are, volume troubles nobody. */
static void
test_declared_customers(void **state)
{
    struct rng rng = {SEED + 1};

    (void)state;
    for (unsigned i = 0; i < TRAFFIC_KINDS; i++) {
        const struct traffic_kind *kind = &traffic_kinds[i];
        struct tally_honest of[JUDGES];

        if (kind->class == CLASS_PERSON)
            continue;
        tally_honest(&rng, i, kind->class, (kind->subjects + 3) / 4, 1, of);
        expect(kind->name, of[JUDGE_FULL].quarantined == 0);
        expect(kind->name, of[JUDGE_RELAY].throttled == 0);
    }
}

/* ----- attacks */

enum {
    BLAST,
    EMOTET,
    BOTLOGIN,
    BCC,
    CLEANLIST,
    SLOW10,
    SLOW2,
    SNOW15,
    SNOWAGG
};
enum { RESIDENTIAL, OFFICE };

/* What chance may take from a share of PERCENT in so many trials, and the model
 * gives of 200: three standard deviations. */
static double
at_least(double percent)
{
    double p = (2 * percent + 1) / 202; /* never certain */

    return percent - 300 * sqrt(p * (1 - p) * (1.0 / TRIALS + 1.0 / 200)) -
           1e-9;
}

static double
percent(unsigned n, const struct tally_attack *of)
{
    return 100.0 * n / of->trials;
}

/* Judged by all families, a filter flags half. */
static void
test_bars(void **state)
{
    static const struct {
        const char *row;
        unsigned attack, victim;
        double flagged;
        enum judge judge;
        double throttled, quarantined; /* percent, at least */
        uint64_t leak;                 /* recipients, half of the times */
    } rows[] = {
        {"a blast", BLAST, OFFICE, 0.5, JUDGE_FULL, 99, 80, 25},
        {"a botnet's log-in", BOTLOGIN, OFFICE, 0.5, JUDGE_FULL, 99, 95, 25},
        {"a spam bot", EMOTET, OFFICE, 0.5, JUDGE_FULL, 99, 80, 25},
        {"a blast that no filter sees", BLAST, OFFICE, 0.5, JUDGE_NO_FILTER, 99,
         0, 60},
        {"a blast through a pure relay", BLAST, RESIDENTIAL, 0.5, JUDGE_RELAY,
         99, 0, 200},
        {"ten an hour", SLOW10, OFFICE, 0.5, JUDGE_FULL, 99, 95, 50},
        {"two an hour", SLOW2, OFFICE, 0.5, JUDGE_FULL, 99, 95, 50},
        {"one of sixty accounts", SNOW15, OFFICE, 0.5, JUDGE_FULL, 99, 95, 50},
        {"sixty as one", SNOWAGG, OFFICE, 0.5, JUDGE_FULL, 99, 95, 50},
        {"addresses that were checked", CLEANLIST, OFFICE, 0.5, JUDGE_FULL, 99,
         95, 50},
    };
    static struct tally_attack of[JUDGES];
    struct rng rng = {SEED + 2};

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        const struct tally_attack *a = &of[rows[i].judge];

        tally_attack(&rng, rows[i].victim, CLASS_PERSON, rows[i].attack,
                     rows[i].flagged, TRIALS, of);
        expect(rows[i].row, percent(a->throttled, a) >= rows[i].throttled);
        expect(rows[i].row, percent(a->quarantined, a) >= rows[i].quarantined);
        expect(rows[i].row, tally_leak(a, 0.5) <= rows[i].leak);
    }
}

/*
 * The model's figures of office users.  Its quarantines are compared only where
 * a filter sees half, and may be FEWER percent more often: throttling by
 * windows lets less through than its bucket, and what is put off is no
 * evidence.  In the end less leaks, and that is compared everywhere.
 */
static void
test_no_worse_than_the_model(void **state)
{
    static const struct {
        const char *row;
        unsigned attack;
        double flagged;
        struct {
            double quarantined, throttled;
            uint64_t leak;
        } model[JUDGE_LIMIT];
    } rows[] = {
        {"blast", BLAST, .5, {{100, 100, 14}, {86, 100, 43}, {0, 100, 191}}},
        {"emotet", EMOTET, .5, {{100, 100, 9}, {65, 100, 28}, {0, 100, 46}}},
        {"botlogin",
         BOTLOGIN,
         .5,
         {{100, 100, 20}, {100, 100, 30}, {100, 100, 55}}},
        {"bcc", BCC, .5, {{86, 100, 90}, {86, 100, 90}, {0, 100, 180}}},
        {"cleanlist",
         CLEANLIST,
         .5,
         {{100, 100, 18}, {1, 98, 422}, {0, 97, 429}}},
        {"slow10", SLOW10, .5, {{100, 100, 15}, {100, 100, 89}, {0, 9, 720}}},
        {"slow2", SLOW2, .5, {{100, 100, 18}, {39, 90, 320}, {0, 0, 338}}},
        {"snow15", SNOW15, .5, {{99, 100, 11}, {47, 70, 91}, {13, 46, 103}}},
        {"snowagg",
         SNOWAGG,
         .5,
         {{100, 100, 9}, {100, 100, 42}, {100, 100, 211}}},
        {"blast, all seen",
         BLAST,
         .9,
         {{100, 100, 7}, {74, 100, 42}, {0, 100, 202}}},
        {"emotet, unseen",
         EMOTET,
         .05,
         {{68, 100, 26}, {67, 100, 27}, {0, 100, 47}}},
    };
    static struct tally_attack of[JUDGES];
    struct rng rng = {SEED + 3};

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        tally_attack(&rng, OFFICE, CLASS_PERSON, rows[i].attack,
                     rows[i].flagged, TRIALS, of);
        for (unsigned k = 0; k < JUDGE_LIMIT; k++) {
            double leak = (double)rows[i].model[k].leak;

            expect(rows[i].row, percent(of[k].throttled, &of[k]) >=
                                    at_least(rows[i].model[k].throttled));
            expect(rows[i].row,
                   (double)tally_leak(&of[k], 0.5) <= 1.2 * leak + 5);
        }
        expect(rows[i].row,
               rows[i].flagged != 0.5 ||
                   percent(of[0].quarantined, &of[0]) >=
                       at_least(rows[i].model[0].quarantined) - FEWER);
    }
}

/* ----- rows of a file */

/* What is wrong with TEXT as a file, "" if nothing, and how many rows it has.
 */
static void
read_rows(const char *text, unsigned *n, struct why *why)
{
    char path[] = "/tmp/mortsafe-rows-XXXXXX";
    int fd = mkstemp(path);
    const char *subject;
    const uint64_t *recipient;
    struct rows *rows;
    struct mail mail;
    size_t len = strlen(text);

    *n = 0;
    why->text[0] = '\0';
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, len), (ssize_t)len);
    assert_int_equal(close(fd), 0);
    assert_int_equal(rows_open(path, &rows, why), MS_OK);
    while (rows_next(rows, &mail, &subject, &recipient, why) == MS_OK &&
           subject != NULL) {
        assert_true(mail.n > 0 && recipient[mail.n - 1] != 0);
        (*n)++;
    }
    rows_close(rows);
    assert_int_equal(unlink(path), 0);
}

static void
test_rows(void **state)
{
    static const struct {
        const char *row, *text;
        unsigned n;
        const char *wrong; /* in the words; NULL: nothing is */
    } rows[] = {
        {"an empty file has none", "", 0, NULL},
        {"a head is none", "t,subject,rcpts,flag,bounces,prefix,from,attack\n",
         0, NULL},
        {"one without an end of line", "1,a,2,0,0,3,4,0", 1, NULL},
        {"lines may end as on other systems", "1,a,2,,0,3,4,0\r\n", 1, NULL},
        {"several recipients", "1,a,2|3|x@example.org,1,3,3,4,1\n", 1, NULL},
        {"fractions of a second", "1.25,a,2,0,0,3,4,0\n1.5,a,2,0,0,,,0\n", 2,
         NULL},
        {"a column is missing", "1,a,2,0,0,3,4\n", 0, ":1: not eight columns"},
        {"one too many", "1,a,2,0,0,3,4,0,\n", 0, ":1: not eight columns"},
        {"an empty line", "1,a,2,0,0,3,4,0\n\n", 1, ":2: not eight columns"},
        {"no time", "x,a,2,0,0,3,4,0\n", 0, ":1: the time"},
        {"a time before all", "-1,a,2,0,0,3,4,0\n", 0, ":1: the time"},
        {"a time without end", "inf,a,2,0,0,3,4,0\n", 0, ":1: the time"},
        {"time goes back", "9,a,2,0,0,3,4,0\n8,a,2,0,0,3,4,0\n", 1,
         ":2: earlier"},
        {"nobody", "1,,2,0,0,3,4,0\n", 0, ":1: the subject"},
        {"to nobody", "1,a,,0,0,3,4,0\n", 0, ":1: a recipient"},
        {"to nobody besides", "1,a,2|,0,0,3,4,0\n", 0, ":1: a recipient"},
        {"a flag that is none", "1,a,2,2,0,3,4,0\n", 0, ":1: the flag"},
        {"more bounces than recipients", "1,a,2,0,2,3,4,0\n", 0, ":1: bounces"},
        {"no bounces told", "1,a,2,0,,3,4,0\n", 0, ":1: bounces"},
        {"an attack or not", "1,a,2,0,0,3,4,yes\n", 0, ":1: attack"},
        {"a head within", "1,a,2,0,0,3,4,0\nt,a,b,c,d,e,f,g\n", 1,
         ":2: the time"},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct why why;
        unsigned n;

        read_rows(rows[i].text, &n, &why);
        expect(rows[i].row, n == rows[i].n);
        if (rows[i].wrong == NULL)
            expect(rows[i].row, why.text[0] == '\0');
        else
            expect(rows[i].row, strstr(why.text, rows[i].wrong) != NULL);
    }
}

static void
test_no_file(void **state)
{
    struct rows *rows = NULL;
    struct why why;

    (void)state;
    assert_int_equal(rows_open("/nonexistent", &rows, &why), MS_UNAVAIL);
    assert_null(rows);
    rows_close(NULL);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_customers),
        cmocka_unit_test(test_declared_customers),
        cmocka_unit_test(test_bars),
        cmocka_unit_test(test_no_worse_than_the_model),
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_no_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
