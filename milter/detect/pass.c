/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/detect/pass.c - all who stand other than normal, one after the other:
 * what time alone does to them, and a freeze.
 */
#include <config.h>

#include <string.h>

#include "milter/detect/inside.h"
#include "policy/acts.h"

enum {
    QUIET_S = 86400, /* then a dynamic address is somebody else's */
    AHEAD_S = 5      /* that a walk may come late */
};

struct walk {
    struct detect *detect;
    struct detect_under under;
    struct store_time now;
    struct wall ahead; /* modes as they are when the next walk comes */
    enum update_do (*apply)(struct update *u, struct detector *d);
    uint64_t standing[STANDING_PROBATION + 1];
    bool dynamic; /* the one who is looked at now */
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

static bool
visit(void *arg, const struct store_record *record)
{
    struct walk *walk = arg;
    struct update u = {
        .subject = &record->subject,
        .now = walk->now,
        .apply = walk->apply,
        .arg = walk,
    };
    enum standing after = record->state.standing;
    enum ms_err err;

    walk->dynamic = is_dynamic(walk->under.config, &record->subject);
    update_find(&walk->under, walk->ahead, &u);
    err = update_run(walk->detect, &u);
    if (err == MS_OK)
        after = u.after.standing;
    walk->standing[after]++;
    return err == MS_OK || err == MS_VERSION || err == MS_BUSY;
}

static bool
walk_all(struct walk *walk)
{
    struct daemon *daemon = walk->detect->is.daemon;
    const struct config *config = daemon_config_get(daemon);
    struct acts *acts = daemon_acts_get(daemon);
    enum ms_err err;

    walk->under = (struct detect_under){config, acts};
    walk->ahead.s = walk->now.wall.s + DETECT_PASS_MS / 1000 + AHEAD_S;
    err = store_standings(walk->detect->is.store, walk->now, visit, walk);
    acts_put(acts);
    daemon_config_put(daemon, config);
    return err == MS_OK;
}

void
pass_all(struct detect *detect, struct store_time now)
{
    struct walk walk = {.detect = detect, .now = now, .apply = let_pass};

    if (now.mono.ms < detect->pass_ms)
        return;
    detect->pass_ms = now.mono.ms + DETECT_PASS_MS;
    if (!walk_all(&walk))
        return;
    for (int i = 0; i <= STANDING_PROBATION; i++)
        atomic_store(&detect->standing[i], walk.standing[i]);
    atomic_store(&detect->standing[STANDING_NORMAL], 0);
}

void
pass_freeze(struct detect *detect, struct store_time now)
{
    struct walk walk = {.detect = detect, .now = now, .apply = take_back};
    uint64_t freeze = brake_freeze(detect->brake, now.wall);

    if (freeze == 0 || freeze == detect->freeze)
        return;
    if (walk_all(&walk))
        detect->freeze = freeze;
}
