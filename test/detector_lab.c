/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test/detector_lab.c - hand-made mail.
 */
#include <config.h>

#include "test/detector_lab.h"

#include <math.h>
#include <string.h>

#include "test/sim/rng.h"
#include "test/unit.h"

struct detector_tuning lab_tuning(enum network_class class)
{
    struct detector_tuning t;

    detector_tuning(class, &t);
    return t;
}

struct wall
lab_at(int64_t s)
{
    struct wall wall = {BEGIN + s};

    return wall;
}

bool
lab_note(struct detector *d, const struct detector_tuning *t,
         const struct sent *sent)
{
    uint64_t hash[RECIPIENTS];
    struct detector_event e = {
        .at = lab_at(sent->at_s),
        .recipients = hash,
        .n_recipients = sent->n,
        .messages = sent->messages,
        .spam = sent->spam,
        .clean = sent->clean,
        .unknown = sent->unknown,
        .complaints = sent->complaints,
        .message_id = sent->message_id > 0 ? rng_mix(sent->message_id) : 0,
        .network = rng_mix(sent->network),
        .sender = rng_mix(sent->sender)};

    assert_true(sent->n <= RECIPIENTS);
    for (unsigned i = 0; i < sent->n; i++)
        hash[i] = rng_mix(sent->first + i);
    return detector_note(d, t, &e);
}

int64_t
lab_blast(struct detector *d, const struct detector_tuning *t, int64_t at_s,
          unsigned n, unsigned every_s, unsigned k)
{
    for (unsigned i = 0; i < n; i++, at_s += every_s) {
        bool spam = k > 0 && (i + 1) % k == 0;
        struct sent sent = {.at_s = at_s,
                            .first = STRANGERS + (uint64_t)at_s,
                            .n = 1,
                            .messages = 1,
                            .spam = spam,
                            .clean = k > 0 && !spam};

        (void)lab_note(d, t, &sent);
    }
    return at_s;
}

double
lab_family(const struct detector *d, const struct detector_tuning *t,
           int64_t at_s, enum family which)
{
    double family[FAMILIES], score;

    detector_score(d, t, lab_at(at_s), family, &score);
    return family[which];
}

double
lab_score(const struct detector *d, const struct detector_tuning *t,
          int64_t at_s)
{
    double family[FAMILIES], score;

    detector_score(d, t, lab_at(at_s), family, &score);
    return score;
}

bool
lab_near(double a, double b)
{
    return fabs(a - b) < 0.05;
}

bool
lab_same(const struct detector *a, const struct detector *b)
{
    uint8_t x[DETECTOR_BYTES], y[DETECTOR_BYTES];
    size_t len = detector_write(a, x);

    return detector_write(b, y) == len && memcmp(x, y, len) == 0;
}

void
lab_abuse(struct detector *d, const struct detector_tuning *t, int64_t at_s)
{
    for (unsigned i = 0; i < 40; i++) {
        struct sent sent = {.at_s = at_s,
                            .first = STRANGERS + 400 * (uint64_t)i,
                            .n = 400,
                            .messages = 10,
                            .spam = 10,
                            .unknown = 200,
                            .network = i,
                            .sender = i};

        (void)lab_note(d, t, &sent);
    }
}
