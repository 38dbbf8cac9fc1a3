/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/detector/standing.c - from scores to standings, and what people and
 * time make of them.  Two witnesses are needed for a quarantine, and outside of
 * a person's own mail for a throttle too: volume is never enough.
 */
#include <config.h>

#include <math.h>
#include <string.h>

#include "policy/detector/detector.h"
#include "policy/detector/judge.h"
#include "policy/detector/known.h"

enum { HOUR_S = 3600, TAKE_BACK_S = 2 * 3600 };

static const double hysteresis = 10;
static const double witness_least = 10; /* less beside bulk is nothing */

/* What a threshold is on probation, and what a score must fall below to leave
 * the standing. */
static double
lower(double threshold)
{
    return fmax(threshold - hysteresis, threshold / 2);
}

/* Is volume all there is? */
static bool
is_alone(const double family[FAMILIES], double score)
{
    return score - family[FAMILY_BULK] < witness_least;
}

enum standing
judge_level(const struct detector *d, const struct detector_tuning *t,
            const double family[FAMILIES], double score, struct wall now)
{
    bool probation = now.s < d->probation_s;
    bool may_quarantine = !t->gateway && !is_alone(family, score);
    bool may_throttle = t->volume_throttles || !is_alone(family, score);

    if (may_quarantine &&
        score >= (probation ? lower(t->quarantine) : t->quarantine))
        return STANDING_QUARANTINED;
    if (may_throttle && score >= (probation ? lower(t->throttle) : t->throttle))
        return STANDING_THROTTLED;
    if (score >= (probation ? lower(t->watch) : t->watch))
        return STANDING_WATCHED;
    return STANDING_NORMAL;
}

enum standing
judge_ease(struct detector *d, const struct detector_tuning *t,
           enum standing standing, const double family[FAMILIES], double score,
           struct wall now)
{
    bool alone = is_alone(family, score) && !t->volume_throttles;

    if (score >= lower(t->throttle) && !alone)
        d->above_s = now.s;
    else if (standing == STANDING_THROTTLED && now.s - d->above_s > HOUR_S)
        standing = STANDING_WATCHED;
    if (standing == STANDING_WATCHED && score < lower(t->watch))
        standing =
            now.s < d->probation_s ? STANDING_PROBATION : STANDING_NORMAL;
    return standing;
}

static void
stand(struct detector *d, enum standing to, enum evidence_cause cause,
      struct wall now)
{
    d->last.at_s = now.s;
    d->last.from = d->standing;
    d->last.to = to;
    d->last.cause = cause;
    d->standing = to;
    d->cause = cause;
    d->since_s = now.s;
    d->until_s = to == STANDING_PROBATION ? d->probation_s : 0;
}

void
judge_stand(struct detector *d, const struct detector_tuning *tuning,
            enum standing to, enum evidence_cause cause, struct wall now)
{
    detector_show(d, tuning, now, &d->last);
    stand(d, to, cause, now);
}

bool
detector_pass(struct detector *d, const struct detector_tuning *tuning,
              struct wall now)
{
    double family[FAMILIES], score;
    enum standing to;

    now = judge_clock(now);
    judge_steady(d, now);
    if (d->standing == STANDING_NORMAL)
        return false;
    if (d->until_s != 0 && now.s >= d->until_s &&
        d->standing != STANDING_PROBATION) {
        bool ladder =
            d->standing == STANDING_QUARANTINED && d->cause == CAUSE_EVIDENCE;

        detector_release(d, tuning, DETECTOR_RELEASE,
                         ladder ? CAUSE_LADDER : CAUSE_TIME, now);
        return true;
    }
    detector_score(d, tuning, now, family, &score);
    to = judge_ease(d, tuning, d->standing, family, score, now);
    if (to == STANDING_PROBATION && now.s >= d->probation_s)
        to = STANDING_NORMAL;
    if (to == d->standing)
        return false;
    judge_stand(d, tuning, to, CAUSE_TIME, now);
    return true;
}

/* ----- what people say */

/* The level of now is normal, and that which its standing came from: whoever
 * says so may have slept over it. */
static void
teach(struct detector *d)
{
    static const struct evidence nothing;
    const struct evidence *was =
        d->last.to == d->standing ? &d->last : &nothing;

    d->peak_hour =
        fmax(fmax(d->peak_hour, was->hour), fmax(d->hour, d->max_hour));
    d->peak_day = fmax(fmax(d->peak_day, was->day), fmax(d->day, d->max_day));
    d->peak_new =
        fmax(fmax(d->peak_new, was->new_day), fmax(d->new_day, d->max_new));
    d->peak_networks = fmax(fmax(d->peak_networks, was->networks),
                            known_distinct(d->networks[0] | d->networks[1]));
    d->peak_senders = fmax(fmax(d->peak_senders, was->senders),
                           known_distinct(d->senders[0]));
}

static void
forget_level(struct detector *d)
{
    d->hour = d->day = d->new_day = 0;
    d->max_hour = d->max_day = d->max_new = 0;
    memset(d->networks, 0, sizeof(d->networks));
    memset(d->senders, 0, sizeof(d->senders));
}

void
detector_release(struct detector *d, const struct detector_tuning *tuning,
                 enum detector_release how, enum evidence_cause cause,
                 struct wall now)
{
    bool was_bad = standing_worse(d->standing, STANDING_WATCHED);
    enum standing to = was_bad ? STANDING_PROBATION : STANDING_NORMAL;
    struct evidence shown;

    now = judge_clock(now);
    judge_age(d, tuning, now);
    detector_show(d, tuning, now, &shown);
    if (how == DETECTOR_LEGIT)
        teach(d);
    else
        forget_level(d);
    d->content = d->reception = 0;
    memset(d->content_hour, 0, sizeof(d->content_hour));
    d->observed = false;
    d->released_s = now.s;
    d->probation_s = was_bad ? now.s + tuning->probation_s : 0;
    if (to == d->standing)
        return;
    d->last = shown;
    stand(d, to, cause, now);
}

void
detector_block(struct detector *d, struct wall now, struct wall until)
{
    bool longer = d->standing == STANDING_QUARANTINED;
    int64_t since_s = d->since_s;

    memset(&d->last, 0, sizeof(d->last)); /* no evidence is behind it */
    d->observed = false;
    stand(d, STANDING_QUARANTINED, CAUSE_OPERATOR, judge_clock(now));
    if (longer)
        d->since_s = since_s;
    d->day_worst = STANDING_QUARANTINED;
    d->until_s = until.s > 0 ? judge_clock(until).s : 0;
}

void
detector_lease(struct detector *d, enum evidence_cause cause, struct wall now)
{
    enum standing was = d->standing;
    uint64_t taken_back = d->taken_back;

    now = judge_clock(now);
    detector_begin(d);
    d->standing = was;
    d->taken_back = taken_back;
    d->released_s = now.s;
    stand(d, STANDING_NORMAL, cause, now);
}

void
detector_demote(struct detector *d, enum evidence_cause cause, struct wall now)
{
    if (!standing_worse(d->standing, STANDING_WATCHED))
        return;
    if (d->standing == STANDING_QUARANTINED && d->cause == CAUSE_EVIDENCE &&
        d->quarantines > 0)
        d->quarantines--;
    /* for what it has shown already */
    stand(d, STANDING_WATCHED, cause, judge_clock(now));
}

bool
detector_take_back(struct detector *d, const struct detector_tuning *tuning,
                   uint64_t freeze, struct wall now)
{
    struct detector_tuning all = *tuning; /* also what came before the hour */
    double family[FAMILIES], score;
    enum standing to;

    if (d->taken_back == freeze)
        return false;
    d->taken_back = freeze;
    all.families |= 1U << FAMILY_CONTENT;
    now = judge_clock(now);
    judge_age(d, tuning, now);
    d->content -= fmax(0, d->content_hour[0] + d->content_hour[1]);
    d->content = fmax(0, d->content);
    memset(d->content_hour, 0, sizeof(d->content_hour));
    if (!standing_worse(d->standing, STANDING_WATCHED) ||
        d->cause != CAUSE_EVIDENCE || now.s - d->since_s > TAKE_BACK_S)
        return false;
    judge_weigh(d, &all, family, &score);
    to = judge_level(d, &all, family, score, now);
    if (to == STANDING_NORMAL && now.s < d->probation_s)
        to = STANDING_PROBATION;
    if (!standing_worse(d->standing, to))
        return false;
    if (d->standing == STANDING_QUARANTINED && d->quarantines > 0)
        d->quarantines--;
    d->released_s = now.s;
    judge_stand(d, &all, to, CAUSE_FREEZE, now);
    return true;
}
