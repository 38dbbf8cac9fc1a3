/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/detect/judge.c - what waits becomes evidence: all events of a subject
 * in one update, in the order they came.
 */
#include <config.h>

#include "milter/detect/inside.h"
#include "policy/acts.h"
#include "policy/zombie.h"

enum { DAY_S = 86400 };

static const double warm = 10; /* a score from which one is looked at at once */

/* ----- whose rule */

/* The rule may have gone since; then whichever judges that name.  What was only
 * looked on when it happened is so for good. */
static void
find_about(const struct detect_under *under, const struct detect_about *about,
           struct update *u)
{
    u->rule = zombie_by_id(under->config, about->rule);
    u->class = about->class;
    u->observed = about->observed || u->rule == NULL ||
                  zombie_mode_of(under->config, under->acts, u->rule,
                                 u->subject, u->now.wall) != MODE_ENFORCE;
    u->under = u->rule == NULL ? under : NULL;
    u->at = u->now.wall;
}

/* ----- the state */

static struct detector_event
without_verdict(struct detector_event event)
{
    event.spam = event.clean = 0;
    return event;
}

/* Was QUEUED in a write that came through though it was not answered, or is it
 * from before a release? */
static bool
is_over(const struct update *u, const struct detector *d,
        const struct detect_queued *queued)
{
    const struct detector *had = &u->before;

    return (queued->token != 0 &&
            (queued->token == had->wrote || queued->token == had->changed)) ||
           detector_forgets(d, &queued->event, u->now.wall);
}

static enum update_do
note_events(struct update *u, struct detector *d)
{
    const struct detect_queued *queued = u->arg;
    bool writes = u->freeze != 0 && d->taken_back != u->freeze;

    if (u->rule == NULL)
        return UPDATE_NOTHING;
    if (writes)
        (void)detector_take_back(d, &u->tuning, u->freeze, u->now.wall);
    for (; queued != NULL; queued = queued->next) {
        struct detector_event event =
            u->freeze != 0 ? without_verdict(queued->event) : queued->event;

        if (is_over(u, d, queued))
            continue;
        (void)detector_note(d, &u->tuning, &event);
        d->rule = u->rule->id;
        writes = true;
    }
    return writes ? UPDATE_WRITE : UPDATE_NOTHING;
}

/* The store may have what U did with QUEUED. */
static void
mark(struct detect_queued *queued, const struct update *u)
{
    if (!u->doubtful || u->lapsed)
        return;
    for (; queued != NULL; queued = queued->next)
        queued->token = u->token;
}

/* ----- what it says about everybody */

static bool
is_new_today(const struct update *u)
{
    return u->after.at_s / DAY_S != u->before.at_s / DAY_S;
}

static void
count_verdicts(struct detect *detect, const struct update *u)
{
    const struct detect_queued *queued = u->arg;

    if (u->rule == NULL || standing_worse(u->before.standing, STANDING_WATCHED))
        return;
    for (; queued != NULL; queued = queued->next) {
        detect->judged += queued->event.spam + queued->event.clean;
        detect->flagged += queued->event.spam;
    }
}

/* Where a throttle may come next, every message counts; not of one who is
 * throttled already, nor where the rule only looks on. */
static enum detect_heat
heat_of(const struct update *u)
{
    double family[FAMILIES], score;

    if (u->observed)
        return DETECT_COLD;
    if (u->after.standing != STANDING_NORMAL)
        return standing_worse(u->after.standing, STANDING_WATCHED) ? DETECT_COLD
                                                                   : DETECT_HOT;
    detector_score(&u->after, &u->tuning, u->now.wall, family, &score);
    return score >= warm ? DETECT_HOT : DETECT_COLD;
}

/* ----- one after the other */

bool
patience_has(struct patience *patience, struct detect *detect,
             struct mono since, enum ms_err err)
{
    if (err == MS_OK || err == MS_VERSION || err == MS_BUSY) {
        patience->row = 0; /* it answers */
        return true;
    }
    patience->row++;
    patience->lost_ms += detect->is.now(detect->is.arg).mono.ms - since.ms;
    return patience->row < PATIENCE_ROW && patience->lost_ms < PATIENCE_MS;
}

static void
count(struct detect *detect, const struct update *u)
{
    detect->active += is_new_today(u);
    count_verdicts(detect, u);
}

static enum ms_err
judge_one(struct detect *detect, const struct detect_under *under,
          struct detect_work *work, struct store_time now)
{
    struct update u = {
        .subject = &work->subject,
        .now = now,
        .apply = note_events,
        .arg = work->events,
    };
    enum ms_err err;

    find_about(under, &work->about, &u);
    if (work->events == NULL) {
        detect_queue_done(detect->queue, work, DETECT_COLD);
        return MS_OK;
    }
    err = update_run(detect, &u);
    if (err != MS_OK && err != MS_VERSION) {
        (void)atomic_fetch_add(&detect->failed, 1);
        mark(work->events, &u);
        detect_queue_put_back(detect->queue, work);
        return err;
    }
    if (err == MS_OK)
        count(detect, &u);
    detect_queue_done(detect->queue, work,
                      err == MS_OK ? heat_of(&u) : DETECT_COLD);
    return err;
}

/* What the brake is told, all at once. */
static void
tell_brake(struct detect *detect)
{
    struct store_time now = detect->is.now(detect->is.arg);

    if (detect->active > 0)
        brake_active(detect->brake, detect->active, now);
    if (detect->judged > 0)
        brake_heard(detect->brake, detect->judged, detect->flagged, now);
    detect->active = detect->judged = detect->flagged = 0;
}

/* False: the store is away. */
static bool
judge(struct detect *detect, struct detect_round *round)
{
    const struct config *config = daemon_config_get(detect->is.daemon);
    struct acts *acts = daemon_acts_get(detect->is.daemon);
    const struct detect_under under = {config, acts};
    struct patience patience = {0, 0};
    struct detect_work work;
    bool works = true;

    while (works && detect_queue_take(detect->queue, round, &work)) {
        struct store_time now = detect->is.now(detect->is.arg);
        enum ms_err err = judge_one(detect, &under, &work, now);

        works = patience_has(&patience, detect, now.mono, err);
        if (detect->judged >= BRAKE_VERDICTS / 4)
            tell_brake(detect);
    }
    acts_put(acts);
    daemon_config_put(detect->is.daemon, config);
    return works;
}

bool
judge_hot(struct detect *detect, size_t most)
{
    struct detect_round round;

    detect_queue_round(detect->queue, DETECT_ONLY_HOT, &round);
    if (round.hot > most)
        round.hot = most;
    return judge(detect, &round);
}

static bool
judge_due(struct detect *detect)
{
    struct detect_round round;

    detect_queue_round(detect->queue, DETECT_ALL, &round);
    return judge(detect, &round);
}

bool
judge_all(struct detect *detect)
{
    bool all = detect_queue_due(detect->queue);
    bool works = judge_due(detect);

    if (works && !all) { /* that was what an earlier one had left */
        (void)detect_queue_due(detect->queue);
        works = judge_due(detect);
    }
    if (works)
        tell_brake(detect);
    return works;
}
