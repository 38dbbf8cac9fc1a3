/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/detect/pass.c - all who stand other than normal, one after the other:
 * what time alone does to them, and a freeze.
 */
#include <config.h>

#include <string.h>

#include "milter/detect/inside.h"
#include "policy/acts.h"
#include "policy/zombie.h"

enum {
    QUIET_S = 86400, /* then a dynamic address is somebody else's */
    AHEAD_S = 5,     /* that a walk may come late */
    LOOKS = 64       /* then others have their turn */
};

struct walk {
    struct detect *detect;
    struct detect_under under;
    enum update_do (*apply)(struct update *u, struct detector *d);
    uint64_t standing[STANDING_PROBATION + 1];
    struct patience patience;
    unsigned looks; /* since others had their turn */
    bool dynamic;   /* the one who is looked at now */
    bool failed;    /* somebody could not be stored */
    bool broken;    /* it did not come to all */
};

/* ----- time */

/* Is SUBJECT's address one that others get tomorrow? */
static bool
is_dynamic(const struct config *config, const struct subject *subject)
{
    char text[SUBJECT_PART_MAX + 1];
    enum subject_kind kind;
    struct prefix prefix;
    uint32_t index;

    for (size_t i = 0; subject_part(subject, i, &kind, text); i++) {
        if ((kind == SUBJECT_CLIENT || kind == SUBJECT_PREFIX) &&
            prefix_parse(text, &prefix, NULL) == MS_OK &&
            nettree_longest(config->nets, prefix, &index))
            return config->networks[index]->dynamic;
    }
    return false;
}

/* Quiet for a day, and not stopped by hand? */
static bool
is_quiet(const struct detector *d, struct wall now)
{
    int64_t last_s = d->at_s > d->since_s ? d->at_s : d->since_s;

    return d->cause != CAUSE_OPERATOR && now.s - last_s >= QUIET_S;
}

static enum update_do
let_pass(struct update *u, struct detector *d)
{
    const struct walk *walk = u->arg;

    if (d->standing == STANDING_NORMAL)
        return UPDATE_NOTHING;
    if (walk->dynamic && is_quiet(d, u->now.wall)) {
        detector_lease(d, CAUSE_TIME, u->now.wall);
        return UPDATE_WRITE;
    }
    return detector_pass(d, &u->tuning, u->now.wall) ? UPDATE_WRITE
                                                     : UPDATE_NOTHING;
}

/* ----- a freeze */

static enum update_do
take_back(struct update *u, struct detector *d)
{
    if (u->freeze == 0 || d->taken_back == u->freeze)
        return UPDATE_NOTHING;
    (void)detector_take_back(d, &u->tuning, u->freeze, u->now.wall);
    return UPDATE_WRITE;
}

/* ----- the walk */

/* Would U do anything to RECORD?  An update is far dearer than that. */
static bool
would_change(const struct walk *walk, struct update *u,
             const struct store_record *record)
{
    const struct store_state *state = &record->state;
    struct detector d;
    enum ms_err err = MS_INVALID;

    if (state->len > 0)
        err = detector_read(state->bytes, state->len, &d);
    if (err == MS_VERSION)
        return false;
    if (err != MS_OK || d.standing != state->standing)
        return true; /* it is made whole */
    u->freeze = brake_freeze(walk->detect->brake, u->now.wall);
    update_find(u, d.rule);
    if (d.observed && !u->observed &&
        standing_worse(d.standing, STANDING_WATCHED))
        return true;
    return walk->apply(u, &d) == UPDATE_WRITE;
}

/* How it stands then. */
static enum standing
change(struct walk *walk, struct update *u, enum standing before)
{
    struct detect *detect = walk->detect;
    enum ms_err err = update_run(detect, u);

    walk->looks = LOOKS;
    if (!patience_has(&walk->patience, detect, u->now.mono, err))
        walk->broken = true;
    if (err == MS_OK)
        return u->after.standing;
    if (err != MS_VERSION) {
        (void)atomic_fetch_add(&detect->failed, 1);
        walk->failed = true;
    }
    return before;
}

static bool
visit(void *arg, const struct store_record *record)
{
    struct walk *walk = arg;
    struct detect *detect = walk->detect;
    struct update u = {
        .subject = &record->subject,
        .under = &walk->under,
        .now = detect->is.now(detect->is.arg),
        .apply = walk->apply,
        .arg = walk,
    };
    enum standing standing = record->state.standing;

    walk->looks++;
    walk->dynamic = is_dynamic(walk->under.config, &record->subject);
    /* modes as they are when the next walk comes */
    u.at.s = u.now.wall.s + DETECT_PASS_MS / 1000 + AHEAD_S;
    if (would_change(walk, &u, record))
        standing = change(walk, &u, standing);
    walk->standing[standing]++;
    if (walk->looks >= LOOKS) {
        walk->looks = 0;
        walk->broken |= !detect_between(detect);
    }
    return !walk->broken;
}

/* Did it come to all? */
static bool
walk_all(struct walk *walk, struct store_time now)
{
    struct daemon *daemon = walk->detect->is.daemon;
    const struct config *config = daemon_config_get(daemon);
    struct acts *acts = daemon_acts_get(daemon);
    enum ms_err err;

    walk->under = (struct detect_under){config, acts};
    err = store_standings(walk->detect->is.store, now, visit, walk);
    acts_put(acts);
    daemon_config_put(daemon, config);
    return err == MS_OK && !walk->broken;
}

void
pass_all(struct detect *detect, struct store_time now)
{
    struct walk walk = {.detect = detect, .apply = let_pass};

    if (now.mono.ms < detect->pass_ms)
        return;
    detect->pass_ms = now.mono.ms + DETECT_PASS_MS;
    if (!walk_all(&walk, now))
        return;
    for (int i = 0; i <= STANDING_PROBATION; i++)
        atomic_store(&detect->standing[i], walk.standing[i]);
    atomic_store(&detect->standing[STANDING_NORMAL], 0);
}

/* Is FREEZE to be applied at NOW?  One that could not be to all is tried again
 * in a minute. */
static bool
is_to_be_applied(struct detect *detect, uint64_t freeze, struct store_time now)
{
    if (freeze == 0 || freeze == detect->freeze)
        return false;
    if (freeze == detect->freeze_tried && now.mono.ms < detect->freeze_ms)
        return false;
    detect->freeze_tried = freeze;
    detect->freeze_ms = now.mono.ms + DETECT_PASS_MS;
    return true;
}

void
pass_freeze(struct detect *detect, struct store_time now)
{
    struct walk walk = {.detect = detect, .apply = take_back};
    uint64_t freeze = brake_freeze(detect->brake, now.wall);

    if (is_to_be_applied(detect, freeze, now) && walk_all(&walk, now) &&
        !walk.failed)
        detect->freeze = freeze;
}
