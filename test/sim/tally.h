/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test/sim/tally.h - many subjects, several judges: what the tables and their
 * test are made of.
 */
#ifndef MORTSAFE_TEST_SIM_TALLY_H
#define MORTSAFE_TEST_SIM_TALLY_H

#include "test/sim/play.h"

enum { TALLY_DAYS = 75, TALLY_WARM = 30, TALLY_HISTORY = 40 };

enum judge {
    JUDGE_FULL,      /* all five families */
    JUDGE_NO_FILTER, /* no verdicts of a filter */
    JUDGE_RELAY,     /* nor is it seen which recipients are unknown */
    JUDGE_LIMIT,     /* 100 recipients an hour */
    JUDGES
};
extern const char *const tally_judges[JUDGES];

/* JUDGE of subjects of CLASS, who are let go as usual after four hours. */
void tally_judge(enum judge judge, enum network_class class,
                 struct play_judge *out);

struct tally_honest {
    unsigned days, watched, throttled, quarantined; /* subject-days */
    uint64_t recipients, held;
};
/* SUBJECTS of KIND for TALLY_DAYS, of which the first TALLY_WARM do not count;
 * the first has id FIRST. */
void tally_honest(struct rng *rng, unsigned kind, enum network_class class,
                  unsigned subjects, uint64_t first,
                  struct tally_honest out[JUDGES]);
/* Of a thousand. */
double tally_rate(unsigned days, const struct tally_honest *of);

enum { TALLY_TRIALS = 200 };
struct tally_attack {
    unsigned trials, throttled, quarantined;
    uint64_t leaked[TALLY_TRIALS]; /* in order, least first */
};
/* TRIALS subjects of KIND, attacked on the 31st day. */
void tally_attack(struct rng *rng, unsigned kind, enum network_class class,
                  unsigned attack, double flagged, unsigned trials,
                  struct tally_attack out[JUDGES]);
/* What a PART of the trials (0 to 1) leaked at most. */
uint64_t tally_leak(const struct tally_attack *a, double part);

#endif
