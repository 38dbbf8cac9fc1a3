/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The detector message by message against worked examples: test/data/detector.
 */
#include <config.h>

#include "policy/detector/detector.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test/sim/rng.h"
#include "test/unit.h"

enum { HOUR = 3600, BEGIN = 20000 * 86400, RECIPIENTS = 64 };

/* A row of the worked examples; an example has fourteen columns. */
enum column {
    T,
    TO,
    FLAG,
    UNKNOWN,
    NETWORK,
    SENDER,
    MESSAGE_ID,
    PASSED,
    STATE,
    SCORE,
    FAMILY,
    COLUMNS = FAMILY + FAMILIES
};

/* What the examples let a throttled sender send: RATE an hour, and 10 at once.
 */
struct bucket {
    double tokens;
    int64_t at_s;
};

static bool
pours(struct bucket *b, int64_t at_s, double rate, double n)
{
    double more = rate * (double)(at_s - b->at_s) / HOUR;

    b->tokens = fmin(rate, b->tokens + more);
    if (b->tokens < n)
        return false;
    b->tokens -= n;
    return true;
}

/* The message of a row; its recipients' hashes in HASH. */
static struct detector_event
event_of(const char *row, char *column[COLUMNS], uint64_t hash[RECIPIENTS])
{
    struct detector_event e = {
        .at = {BEGIN + strtoll(column[T], NULL, 10)},
        .recipients = hash,
        .messages = 1,
        .spam = *column[FLAG] == '1',
        .clean = *column[FLAG] == '0',
        .unknown = (uint32_t)strtoul(column[UNKNOWN], NULL, 10),
        .network = rng_mix(strtoull(column[NETWORK], NULL, 10)),
        .sender = rng_mix(strtoull(column[SENDER], NULL, 10))};

    if (*column[MESSAGE_ID] != '\0')
        e.message_id = rng_mix(strtoull(column[MESSAGE_ID], NULL, 10));
    for (char *p = strtok(column[TO], "|"); p != NULL; p = strtok(NULL, "|")) {
        expect(row, e.n_recipients < RECIPIENTS);
        hash[e.n_recipients++] = rng_mix(strtoull(p, NULL, 10));
    }
    return e;
}

/* What a throttled sender is let through; what he is not is no evidence. */
static bool
offer(struct detector *d, const struct detector_tuning *t,
      const struct detector_event *e, struct bucket *bucket)
{
    double rate = fmax(t->floor_hour, fmin(d->peak_hour, t->rate_max));
    bool throttled = d->standing == STANDING_THROTTLED, passes = true;

    if (throttled)
        passes = pours(bucket, e->at.s, rate, (double)e->n_recipients);
    else
        bucket->tokens = t->floor_hour;
    bucket->at_s = e->at.s;
    if (passes)
        (void)detector_note(d, t, e);
    else
        (void)detector_pass(d, t, e->at);
    return passes && !(throttled && e->spam > 0);
}

static void
play_row(const char *row, struct detector *d, struct bucket *bucket,
         char *column[COLUMNS])
{
    struct detector_tuning t;
    uint64_t hash[RECIPIENTS];
    struct detector_event e = event_of(row, column, hash);
    double family[FAMILIES], score;
    enum standing standing;

    detector_tuning(CLASS_PERSON, &t);
    if (strcmp(column[FLAG], "legit") == 0) {
        detector_release(d, &t, DETECTOR_LEGIT, CAUSE_OPERATOR, e.at);
        expect(row, d->standing == STANDING_PROBATION);
        return;
    }
    expect(row, offer(d, &t, &e, bucket) == (*column[PASSED] != '0'));
    detector_score(d, &t, e.at, family, &score);
    expect(row, fabs(score - strtod(column[SCORE], NULL)) < 0.1);
    for (unsigned i = 0; i < FAMILIES; i++)
        expect(row, fabs(family[i] - strtod(column[FAMILY + i], NULL)) < 0.1);
    standing =
        d->standing == STANDING_PROBATION ? STANDING_NORMAL : d->standing;
    expect(row, standing == strtoul(column[STATE], NULL, 10));
}

/* The columns of LINE, which is cut up; false: it is no row. */
static bool
cut(char *line, char *column[COLUMNS])
{
    unsigned n = 0;

    if (*line < '0' || *line > '9')
        return false;
    for (char *p = line; n < COLUMNS; p++) {
        column[n++] = p;
        p += strcspn(p, ",\n");
        if (*p != ',')
            n = n < COLUMNS ? COLUMNS + 1 : n;
        *p = '\0';
    }
    assert_int_equal(n, COLUMNS);
    return true;
}

static unsigned
play(const char *path)
{
    struct detector d;
    struct bucket bucket = {0, 0};
    char line[4096], row[4200], *column[COLUMNS];
    unsigned n = 0, lines = 0;
    FILE *in = fopen(path, "re");

    if (in == NULL)
        fail_msg("%s: cannot be read", path);
    detector_begin(&d);
    while (fgets(line, sizeof(line), in) != NULL) {
        lines++;
        (void)snprintf(row, sizeof(row), "%s:%u", path, lines);
        if (cut(line, column)) {
            play_row(row, &d, &bucket, column);
            n++;
        }
    }
    fclose(in);
    return n;
}

static void
test_examples(void **state)
{
    static const struct {
        const char *name;
        unsigned rows;
    } examples[] = {{"botnet", 365},
                    {"volume", 600},
                    {"letter", 705},
                    {"copies", 200},
                    {"unknown", 77}};
    const char *top = getenv("top_srcdir");
    char path[4096];

    (void)state;
    for (size_t i = 0; i < ROWS(examples); i++) {
        (void)snprintf(path, sizeof(path), "%s/test/data/detector/%s.csv",
                       top != NULL ? top : ".", examples[i].name);
        assert_int_equal(play(path), examples[i].rows);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_examples),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
