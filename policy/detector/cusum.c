/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/detector/cusum.c - cumulative sums of log likelihood ratios.
 */
#include <config.h>

#include "policy/detector/cusum.h"

#include <math.h>

enum { STEPS = 1000 }; /* of one event: more verdicts share a step */

/* A filter flags so much of a zombie's mail at least, and of others' so much at
 * least and at most. */
static const double zombie_flagged = 0.5, over_own = 0.3;
static const double own_least = 0.05, own_most = 0.5;
static const double copy = 0.25; /* the weight of another copy's verdict */

/* Of the recipients: unknown to their hosts, of a customer and of a zombie. */
static const double customer_unknown = 0.03, zombie_unknown = 0.30;
static const double complaint = 10, complaints_most = 30; /* decibels; a day */

static double
decibels(double ratio)
{
    return 10 * log10(ratio);
}

static double
within(double least, double x, double most)
{
    return fmin(most, fmax(least, x));
}

static double
add(double sum, double evidence)
{
    return within(0, sum + evidence, CUSUM_CAP + CUSUM_DEAD);
}

/* What one verdict says: against the rate at which D's own mail is flagged. */
static double
verdict(const struct detector *d, bool flagged)
{
    double own =
        within(own_least, (d->flagged + 1) / (d->judged + 20), own_most);
    double zombie = fmax(zombie_flagged, own + over_own);

    return decibels(flagged ? zombie / own : (1 - zombie) / (1 - own));
}

static void
judge(struct detector *d, bool flagged, double weight, double messages)
{
    double before = d->content;

    d->content = add(d->content, weight * verdict(d, flagged));
    d->content_hour[0] += d->content - before;
    if (d->standing == STANDING_THROTTLED)
        return; /* what is bad already does not teach what is usual */
    d->judged += messages;
    d->flagged += flagged ? messages : 0;
}

void
cusum_content(struct detector *d, const struct detector_event *event)
{
    uint64_t all = (uint64_t)event->spam + event->clean;
    uint64_t steps = all < STEPS ? all : STEPS;
    uint64_t spam = all > 0 ? event->spam * steps / all : 0;
    bool again = event->message_id != 0 && event->message_id == d->message_id;

    if (all == 0)
        return;
    for (uint64_t i = 0; i < steps; i++) {
        /* the flagged among the others, as evenly as can be */
        bool flagged = (i + 1) * spam / steps != i * spam / steps;

        judge(d, flagged, again ? copy : 1, (double)all / (double)steps);
        again = event->message_id != 0;
    }
    d->message_id = event->message_id;
}

void
cusum_reception(struct detector *d, const struct detector_event *event)
{
    double all = (double)event->n_recipients + event->more;
    double accepted = fmax(0, all - event->unknown);
    double room = fmax(0, complaints_most - complaint * d->complaints_day);
    double evidence =
        event->unknown * decibels(zombie_unknown / customer_unknown) +
        accepted * decibels((1 - zombie_unknown) / (1 - customer_unknown)) +
        fmin(room, complaint * event->complaints);

    d->reception = add(d->reception, evidence);
}
