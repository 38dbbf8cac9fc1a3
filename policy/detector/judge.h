/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/detector/judge.h - what the detector's own files share: a state moved
 * to now, and the standing that follows from a score.
 */
#ifndef MORTSAFE_POLICY_DETECTOR_JUDGE_H
#define MORTSAFE_POLICY_DETECTOR_JUDGE_H

#include "policy/detector/detector.h"

/* Networks and senders that nobody is unusual below, of whatever class. */
#define JUDGE_FEW 3.0

/* NOW within what a state can hold; the functions below take no other. */
struct wall judge_clock(struct wall now);

/* If D is far ahead of NOW, a clock was wrong: D is set back. */
void judge_steady(struct detector *d, struct wall now);

/* The same; and what decays decays to NOW, and a new day may begin. */
void judge_age(struct detector *d, const struct detector_tuning *tuning,
               struct wall now);

/* The families and the score of D as it is, which is at its time. */
void judge_weigh(const struct detector *d, const struct detector_tuning *tuning,
                 double family[FAMILIES], double *score);

/* The standing that FAMILY and SCORE at NOW call for, whatever D's is:
 * normal, watched, throttled or quarantined. */
enum standing judge_level(const struct detector *d,
                          const struct detector_tuning *tuning,
                          const double family[FAMILIES], double score,
                          struct wall now);
/* STANDING, or better where the score has been low enough for long enough;
 * that it is high is remembered in D. */
enum standing judge_ease(struct detector *d,
                         const struct detector_tuning *tuning,
                         enum standing standing, const double family[FAMILIES],
                         double score, struct wall now);

/* D stands TO from NOW on, for CAUSE; d->last is what it shows. */
void judge_stand(struct detector *d, const struct detector_tuning *tuning,
                 enum standing to, enum evidence_cause cause, struct wall now);

#endif
