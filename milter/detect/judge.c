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

static const struct zombie *
find_rule(const struct config *config, uint64_t id)
{
    for (size_t i = 0; i < config->n_zombies; i++) {
        if (config->zombies[i]->id == id)
            return config->zombies[i];
    }
    return NULL;
}

/* The rule may have gone since; then whichever judges that name. */
static void
find_about(struct detect *detect, const struct config *config,
           const struct detect_about *about, struct update *u)
{
    u->rule = about->rule != 0 ? find_rule(config, about->rule) : NULL;
    u->class = about->class;
    u->observed =
        about->observed || u->rule == NULL || u->rule->mode != MODE_ENFORCE;
    if (u->rule == NULL)
        update_find_now(detect, config, u);
}

/* ----- the state */

static struct detector_event
without_verdict(struct detector_event event)
{
    event.spam = event.clean = 0;
    return event;
}

static enum update_do
note_events(struct update *u, struct detector *d)
{
    const struct detect_queued *queued = u->arg;

    if (u->freeze != 0)
        (void)detector_take_back(d, &u->tuning, u->freeze, u->now.wall);
    for (; queued != NULL; queued = queued->next) {
        struct detector_event event =
            u->freeze != 0 ? without_verdict(queued->event) : queued->event;

        (void)detector_note(d, &u->tuning, &event);
    }
    return UPDATE_WRITE;
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

    if (standing_worse(u->before.standing, STANDING_WATCHED))
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

static bool
judge_one(struct detect *detect, const struct config *config,
          struct detect_work *work)
{
    struct update u = {
        .subject = &work->subject,
        .now = detect->is.now(detect->is.arg),
        .apply = note_events,
        .arg = work->events,
    };
    enum ms_err err = MS_OK;

    find_about(detect, config, &work->about, &u);
    if (u.rule == NULL || work->events == NULL) {
        detect_queue_done(detect->queue, work, DETECT_COLD);
        return true;
    }
    err = update_run(detect, &u);
    if (err != MS_OK && err != MS_VERSION) {
        (void)atomic_fetch_add(&detect->failed, 1);
        detect_queue_put_back(detect->queue, work);
        return err == MS_BUSY; /* of this one only */
    }
    if (err == MS_OK) {
        detect->active += is_new_today(&u);
        count_verdicts(detect, &u);
    }
    detect_queue_done(detect->queue, work,
                      err == MS_OK ? heat_of(&u) : DETECT_COLD);
    return true;
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
    pass_freeze(detect, now);
}

/* False: the store is away. */
static bool
judge(struct detect *detect)
{
    const struct config *config = daemon_config_get(detect->is.daemon);
    struct detect_work work;
    bool works = true;

    while (works && detect_queue_take(detect->queue, &work)) {
        works = judge_one(detect, config, &work);
        if (detect->judged >= BRAKE_VERDICTS / 4)
            tell_brake(detect);
    }
    daemon_config_put(detect->is.daemon, config);
    return works;
}

bool
judge_hot(struct detect *detect)
{
    return judge(detect);
}

bool
judge_all(struct detect *detect)
{
    bool works = judge(detect); /* what was due before */

    if (works) {
        detect_queue_due(detect->queue);
        works = judge(detect);
    }
    if (works)
        tell_brake(detect);
    return works;
}
