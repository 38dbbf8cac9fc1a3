/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/detector/detector.c - what a subject sends, against what it used to
 * send.  Counters decay with one hour or one day; a day's highest values are
 * remembered as peaks, which fade, so that a subject is measured by its own
 * busiest days of the last weeks.
 */
#include <config.h>

#include "policy/detector/detector.h"

#include <math.h>
#include <string.h>

#include "policy/detector/cusum.h"
#include "policy/detector/judge.h"
#include "policy/detector/known.h"

enum {
    HOUR_S = 3600,
    DAY_S = 86400,
    JITTER_S = 3600,     /* hosts' clocks differ by less */
    DAYS_FORGOTTEN = 90, /* longer silence makes no difference: a state is
                            not kept longer, and a clock may have jumped */
    DAY_LEARNS = 2       /* times as much as before, at most */
};

static const double peak_half_days = 45, evidence_half_s = DAY_S;
static const double verdicts_kept = 0.97; /* each day */
static const double other_most = 20; /* of a throttled day that still teaches */
static const int64_t clock_most_s = INT64_C(1) << 40;

void
detector_tuning(enum network_class class, struct detector_tuning *out)
{
    static const struct {
        double hour, day, rate_max;
        bool volume_throttles, gateway, identity;
    } classes[] = {
        [CLASS_PERSON] = {10, 20, 100, true, false, true},
        [CLASS_OFFICE] = {30, 60, 0, false, false, true},
        [CLASS_SERVER] = {200, 2000, 0, false, true, true},
        [CLASS_GATEWAY] = {500, 5000, 0, false, true, false},
        [CLASS_LIST] = {500, 5000, 0, false, true, false},
        [CLASS_UNSET] = {10, 20, 100, true, false, true},
    };
    unsigned all = (1U << FAMILIES) - 1;

    *out = (struct detector_tuning){
        .watch = 20,
        .throttle = 40,
        .quarantine = 60,
        .floor_hour = classes[class].hour,
        .floor_day = classes[class].day,
        .floor_new = classes[class].hour,
        .rate_max = classes[class].rate_max,
        .volume_throttles = classes[class].volume_throttles,
        .gateway = classes[class].gateway,
        .families =
            classes[class].identity ? all : all & ~(1U << FAMILY_IDENTITY),
        .probation_s = 7 * DAY_S,
    };
}

void
detector_begin(struct detector *d)
{
    memset(d, 0, sizeof(*d));
}

/* ----- time */

static bool
taught(const struct detector *d)
{
    if (d->day_worst == STANDING_QUARANTINED)
        return false;
    return d->day_worst != STANDING_THROTTLED || d->day_other < other_most;
}

/* PEAK after a day whose highest value was MAX. */
static void
remember(double *peak, double max, double least, bool learn, double kept)
{
    if (learn)
        *peak = fmax(*peak, fmin(max, DAY_LEARNS * fmax(least, *peak)));
    *peak *= kept;
}

static void
next_day(struct detector *d, const struct detector_tuning *t, int64_t days)
{
    double n = (double)(days < DAYS_FORGOTTEN ? days : DAYS_FORGOTTEN);
    double kept = exp2(-n / peak_half_days);
    bool learn = taught(d);

    remember(&d->peak_hour, d->max_hour, t->floor_hour, learn, kept);
    remember(&d->peak_day, d->max_day, t->floor_day, learn, kept);
    remember(&d->peak_new, d->max_new, t->floor_new, learn, kept);
    remember(&d->peak_networks, known_distinct(d->networks[0]), JUDGE_FEW,
             learn, kept);
    remember(&d->peak_senders, known_distinct(d->senders[0]), JUDGE_FEW, learn,
             kept);
    d->max_hour = d->max_day = d->max_new = 0;
    d->networks[1] = days == 1 ? d->networks[0] : 0;
    d->senders[1] = days == 1 ? d->senders[0] : 0;
    d->networks[0] = d->senders[0] = 0;
    d->judged *= pow(verdicts_kept, n);
    d->flagged *= pow(verdicts_kept, n);
    d->day_worst = (uint8_t)d->standing;
    d->day_other = 0;
}

static void
decay(struct detector *d, double dt)
{
    double hour = exp(-dt / HOUR_S), day = exp(-dt / DAY_S);
    double half = exp2(-dt / evidence_half_s);

    d->hour *= hour;
    d->day *= day;
    d->new_day *= day;
    d->spam_day *= day;
    d->judged_day *= day;
    d->unknown_day *= day;
    d->complaints_day *= day;
    d->content *= half;
    d->reception *= half;
}

/* What content was given is kept by the hour, for detector_take_back(). */
static void
turn_hour(struct detector *d, int64_t now_s)
{
    int64_t hour_s = now_s - now_s % HOUR_S;

    if (hour_s <= d->content_hour_s)
        return;
    d->content_hour[1] =
        hour_s - d->content_hour_s == HOUR_S ? d->content_hour[0] : 0;
    d->content_hour[0] = 0;
    d->content_hour_s = hour_s;
}

struct wall
judge_clock(struct wall now)
{
    struct wall possible = {now.s < 1              ? 1 /* 0 means never */
                            : now.s > clock_most_s ? clock_most_s
                                                   : now.s};

    return possible;
}

/* The clock had been ahead: what it has stamped is as if it were now. */
static void
set_back(struct detector *d, int64_t now_s)
{
    int64_t ahead_s = d->since_s > now_s ? d->since_s - now_s : 0;

    if (d->at_s > now_s)
        d->at_s = now_s;
    if (d->first_s > now_s)
        d->first_s = now_s;
    if (d->above_s > now_s)
        d->above_s = now_s;
    if (d->released_s > now_s)
        d->released_s = now_s;
    if (d->content_hour_s > now_s)
        d->content_hour_s = now_s - now_s % HOUR_S;
    d->since_s -= ahead_s;
    d->until_s = d->until_s > ahead_s ? d->until_s - ahead_s : 0;
    d->probation_s = d->probation_s > ahead_s ? d->probation_s - ahead_s : 0;
}

void
judge_steady(struct detector *d, struct wall now)
{
    if (d->at_s > now.s + JITTER_S || d->since_s > now.s + JITTER_S)
        set_back(d, now.s);
}

void
judge_age(struct detector *d, const struct detector_tuning *tuning,
          struct wall now)
{
    int64_t days;

    judge_steady(d, now);
    if (d->at_s == 0 || now.s <= d->at_s)
        return;
    days = now.s / DAY_S - d->at_s / DAY_S;
    if (days > 0)
        next_day(d, tuning, days);
    decay(d, (double)(now.s - d->at_s));
    turn_hour(d, now.s);
    d->at_s = now.s;
}

/* ----- evidence */

/* Decibels for COUNT against the busiest time so far, by how often real
 * senders outdo theirs. */
static double
unusual(double count, double least, double peak)
{
    double ratio = count / fmax(least, peak);

    return ratio < 1 ? 0 : fmin(CUSUM_CAP, 10 + 28 * log10(ratio));
}

static double
bulk(const struct detector *d, const struct detector_tuning *t)
{
    double strangers = d->day > 0 ? fmin(1, d->new_day / d->day) : 1;
    double volume = fmax(unusual(d->hour, t->floor_hour, d->peak_hour),
                         unusual(d->day, t->floor_day, d->peak_day));

    /* mail to those one always writes to counts half */
    return fmax(volume * (0.5 + 0.5 * strangers),
                unusual(d->new_day, t->floor_new, d->peak_new));
}

static double
spread(const struct detector *d)
{
    double ratio = known_distinct(d->networks[0] | d->networks[1]) /
                   fmax(JUDGE_FEW, d->peak_networks);

    return ratio <= 1 ? 0 : fmin(CUSUM_CAP, 5 + 50 * log10(ratio));
}

static double
identity(const struct detector *d)
{
    double more =
        known_distinct(d->senders[0]) - fmax(JUDGE_FEW, d->peak_senders);

    return fmin(20, 5 * fmax(0, more));
}

void
judge_weigh(const struct detector *d, const struct detector_tuning *tuning,
            double family[FAMILIES], double *score)
{
    family[FAMILY_BULK] = bulk(d, tuning);
    family[FAMILY_CONTENT] = fmax(0, d->content - CUSUM_DEAD);
    family[FAMILY_RECEPTION] = fmax(0, d->reception - CUSUM_DEAD);
    family[FAMILY_SPREAD] = spread(d);
    family[FAMILY_IDENTITY] = identity(d);
    *score = 0;
    for (unsigned i = 0; i < FAMILIES; i++) {
        if ((tuning->families & 1U << i) == 0)
            family[i] = 0;
        *score += family[i];
    }
}

void
detector_score(const struct detector *d, const struct detector_tuning *tuning,
               struct wall now, double family[FAMILIES], double *score)
{
    struct detector then = *d;

    judge_age(&then, tuning, judge_clock(now));
    judge_weigh(&then, tuning, family, score);
}

static void
note_volume(struct detector *d, const struct detector_event *e)
{
    double n = (double)e->n_recipients + e->more;

    for (size_t i = 0; i < e->n_recipients; i++)
        d->new_day += known_recipient(d, e->recipients[i]) ? 0 : 1;
    d->hour += n;
    d->day += n;
    d->max_hour = fmax(d->max_hour, d->hour);
    d->max_day = fmax(d->max_day, d->day);
    d->max_new = fmax(d->max_new, d->new_day);
}

static void
note(struct detector *d, const struct detector_tuning *t,
     const struct detector_event *e)
{
    note_volume(d, e);
    /* a family that does not count learns nothing either: a filter that is
     * wrong would teach what is usual */
    if ((t->families & 1U << FAMILY_CONTENT) != 0)
        cusum_content(d, e);
    if ((t->families & 1U << FAMILY_RECEPTION) != 0)
        cusum_reception(d, e);
    known_mark(&d->networks[0], e->network);
    known_mark(&d->senders[0], e->sender);
    d->spam_day += e->spam;
    d->judged_day += (double)e->spam + e->clean;
    d->unknown_day += e->unknown;
    d->complaints_day += e->complaints;
}

bool
detector_forgets(const struct detector *d, const struct detector_event *event,
                 struct wall now)
{
    int64_t since_s = event->since.s != 0 ? event->since.s : event->at.s;

    return since_s <= d->released_s && d->released_s <= now.s + JITTER_S;
}

bool
detector_note(struct detector *d, const struct detector_tuning *tuning,
              const struct detector_event *event)
{
    struct wall now = judge_clock(event->at);
    double family[FAMILIES], score;
    enum standing to;

    judge_age(d, tuning, now);
    if (d->at_s == 0) {
        d->at_s = d->first_s = now.s;
        turn_hour(d, now.s);
    }
    if (d->standing == STANDING_QUARANTINED)
        return false; /* or trying again would keep it in for ever */
    note(d, tuning, event);
    judge_weigh(d, tuning, family, &score);
    d->day_other = fmax(d->day_other, score - family[FAMILY_BULK]);
    to = judge_level(d, tuning, family, score, now);
    to = standing_worse(to, d->standing) ? to : d->standing;
    to = judge_ease(d, tuning, to, family, score, now);
    if (standing_worse(to, (enum standing)d->day_worst))
        d->day_worst = (uint8_t)to;
    if (to == d->standing)
        return false;
    if (to == STANDING_QUARANTINED && d->quarantines < UINT32_MAX)
        d->quarantines++;
    judge_stand(d, tuning, to,
                standing_worse(to, d->standing) ? CAUSE_EVIDENCE : CAUSE_TIME,
                now);
    return true;
}

uint32_t
detector_rate(const struct detector *d, const struct detector_tuning *tuning)
{
    double rate = fmax(tuning->floor_hour, d->peak_hour);

    if (tuning->rate_max > 0)
        rate = fmin(rate, tuning->rate_max);
    return rate < 1 ? 1 : rate < UINT32_MAX ? (uint32_t)rate : UINT32_MAX;
}

static uint32_t
whole(double x)
{
    return x < UINT32_MAX ? (uint32_t)(x + 0.5) : UINT32_MAX;
}

void
detector_show(const struct detector *d, const struct detector_tuning *tuning,
              struct wall now, struct evidence *out)
{
    struct detector then = *d;
    double family[FAMILIES], score;

    now = judge_clock(now);
    judge_age(&then, tuning, now);
    judge_weigh(&then, tuning, family, &score);
    *out = (struct evidence){
        .at_s = now.s,
        .from = d->standing,
        .to = d->standing,
        .cause = d->cause,
        .hour = whole(then.hour),
        .usual_hour = whole(fmax(tuning->floor_hour, then.peak_hour)),
        .day = whole(then.day),
        .usual_day = whole(fmax(tuning->floor_day, then.peak_day)),
        .new_day = whole(then.new_day),
        .usual_new = whole(fmax(tuning->floor_new, then.peak_new)),
        .spam = whole(then.spam_day),
        .judged = whole(then.judged_day),
        .unknown = whole(then.unknown_day),
        .complaints = whole(then.complaints_day),
        .networks = whole(known_distinct(then.networks[0] | then.networks[1])),
        .usual_networks = whole(fmax(JUDGE_FEW, then.peak_networks)),
        .senders = whole(known_distinct(then.senders[0])),
        .usual_senders = whole(fmax(JUDGE_FEW, then.peak_senders)),
    };
    for (unsigned i = 0; i < FAMILIES; i++)
        out->tenths[i] = (uint16_t)(10 * family[i] + 0.5);
}
