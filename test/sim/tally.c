/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test/sim/tally.c - all judges see the same mail.
 */
#include <config.h>

#include "test/sim/tally.h"

#include <stdlib.h>
#include <string.h>

const char *const tally_judges[JUDGES] = {"all families", "no filter",
                                          "pure relay", "100 an hour"};

void
tally_judge(enum judge judge, enum network_class class, struct play_judge *out)
{
    *out = (struct play_judge){.limit = judge == JUDGE_LIMIT,
                               .release_s = 4 * TRAFFIC_HOUR_S};
    detector_tuning(class, &out->tuning);
    if (judge == JUDGE_NO_FILTER || judge == JUDGE_RELAY)
        out->tuning.families &= ~(1U << FAMILY_CONTENT);
    if (judge == JUDGE_RELAY)
        out->tuning.families &= ~(1U << FAMILY_RECEPTION);
}

void
tally_honest(struct rng *rng, unsigned kind, enum network_class class,
             unsigned subjects, uint64_t first, struct tally_honest out[JUDGES])
{
    struct traffic t;

    memset(out, 0, JUDGES * sizeof(*out));
    traffic_begin(&t);
    for (unsigned i = 0; i < subjects; i++) {
        t.n = t.n_recipients = 0;
        traffic_customer(&t, rng, kind, first + i, TALLY_DAYS);
        for (unsigned k = 0; k < JUDGES; k++) {
            struct play_judge judge;
            struct play_result r;

            tally_judge((enum judge)k, class, &judge);
            judge.count_from_s = TRAFFIC_BEGIN_S + TALLY_WARM * TRAFFIC_DAY_S;
            play_traffic(&t, &judge, &r);
            out[k].days += TALLY_DAYS - TALLY_WARM;
            out[k].watched += r.watched;
            out[k].throttled += r.throttled;
            out[k].quarantined += r.quarantined;
            out[k].recipients += r.honest;
            out[k].held += r.honest_held;
        }
    }
    traffic_end(&t);
}

double
tally_rate(unsigned days, const struct tally_honest *of)
{
    return of->days > 0 ? 1000.0 * days / of->days : 0;
}

static int
compare(const void *a, const void *b)
{
    uint64_t x, y;

    memcpy(&x, a, sizeof(x));
    memcpy(&y, b, sizeof(y));
    return x < y ? -1 : x > y;
}

static void
try_once(const struct traffic *t, enum network_class class,
         struct tally_attack out[JUDGES])
{
    for (unsigned k = 0; k < JUDGES; k++) {
        struct tally_attack *a = &out[k];
        struct play_judge judge;
        struct play_result r;

        tally_judge((enum judge)k, class, &judge);
        play_traffic(t, &judge, &r);
        a->leaked[a->trials++] = r.leaked;
        a->throttled += r.throttled_s >= 0;
        a->quarantined += r.quarantined_s >= 0;
    }
}

void
tally_attack(struct rng *rng, unsigned kind, enum network_class class,
             unsigned attack, double flagged, unsigned trials,
             struct tally_attack out[JUDGES])
{
    struct traffic t;

    memset(out, 0, JUDGES * sizeof(*out));
    traffic_begin(&t);
    for (unsigned i = 0; i < trials && i < TALLY_TRIALS; i++) {
        int64_t at_s = TRAFFIC_BEGIN_S + 30 * TRAFFIC_DAY_S +
                       (int64_t)rng_below(rng, TRAFFIC_DAY_S);
        uint64_t id = 900000 + i;

        t.n = t.n_recipients = 0;
        traffic_customer(&t, rng, kind, id, TALLY_HISTORY);
        traffic_attack(&t, rng, attack, id, at_s, flagged);
        try_once(&t, class, out);
    }
    for (unsigned k = 0; k < JUDGES; k++)
        qsort(out[k].leaked, out[k].trials, sizeof(out[k].leaked[0]), compare);
    traffic_end(&t);
}

uint64_t
tally_leak(const struct tally_attack *a, double part)
{
    unsigned at = (unsigned)(part * a->trials);

    if (a->trials == 0)
        return 0;
    return a->leaked[at < a->trials ? at : a->trials - 1];
}
