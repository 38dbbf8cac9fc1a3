/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/detect/update.c - one subject's state: read, changed, written unless
 * somebody else was faster, and told.  Whoever would be throttled or
 * quarantined by evidence asks the brake first: nothing is written until it
 * has answered.
 */
#include <config.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include <sodium.h>

#include "milter/detect/inside.h"
#include "policy/acts.h"
#include "policy/zombie.h"

enum {
    DAMAGE_S = 60, /* between two lines about it */
    ROUNDS = 4     /* of asking the brake */
};

/* ----- whose rule */

static void
find_rule(struct update *u, uint64_t rule)
{
    const struct detect_under *under = u->under;

    u->class = CLASS_PERSON;
    u->rule = zombie_still(under->config, u->subject, rule, u->at, &u->class);
    u->observed =
        u->rule == NULL || zombie_mode_of(under->config, under->acts, u->rule,
                                          u->subject, u->at) != MODE_ENFORCE;
}

void
update_find(struct update *u, uint64_t rule)
{
    if (u->under != NULL)
        find_rule(u, rule);
    if (u->rule != NULL)
        zombie_tuning(u->rule, u->class, &u->tuning);
    else
        detector_tuning(u->class, &u->tuning);
    if (u->freeze != 0)
        u->tuning.families &= ~(1U << FAMILY_CONTENT);
}

/* ----- the state */

static void
tell_damaged(struct detect *detect, const struct update *u)
{
    int64_t told_s = atomic_load(&detect->damage_told_s);
    int64_t now_s = u->now.wall.s;
    char text[SUBJECT_TEXT];

    (void)atomic_fetch_add(&detect->damaged, 1);
    if (told_s != 0 && now_s >= told_s && now_s - told_s < DAMAGE_S)
        return;
    atomic_store(&detect->damage_told_s, now_s);
    journal_say(daemon_journal(detect->is.daemon), LOG_WARNING,
                "detector: what was known of %s cannot be read: begun anew "
                "(%llu so far)",
                subject_print(u->subject, text),
                (unsigned long long)atomic_load(&detect->damaged));
}

/* How it stands is all that is known: what time does to that counts from now.
 */
static void
begin_standing(struct update *u, enum standing standing)
{
    struct detector *d = &u->before;
    int64_t now_s = u->now.wall.s;

    d->standing = standing;
    d->observed = false;
    d->since_s = d->above_s = now_s;
    d->until_s = d->probation_s = 0;
    if (standing == STANDING_PROBATION)
        d->probation_s = now_s + (int64_t)u->tuning.probation_s;
    u->anew = true;
}

/* The standing beside the state is the one in force, whoever has set it. */
static enum ms_err
read_state(struct update *u, const struct store_state *state)
{
    enum ms_err err = MS_OK;

    detector_begin(&u->before);
    u->damaged = u->anew = false;
    if (state->len > 0)
        err = detector_read(state->bytes, state->len, &u->before);
    if (err == MS_INVALID) {
        detector_begin(&u->before);
        u->damaged = true;
        err = MS_OK;
    }
    if (err != MS_OK)
        return err;
    update_find(u, u->before.rule);
    if (u->before.standing != state->standing)
        begin_standing(u, state->standing);
    return MS_OK;
}

static void
write_state(struct update *u, struct store_state *state)
{
    const struct detector *d = &u->after;

    state->standing = d->standing;
    state->throttle =
        d->standing == STANDING_THROTTLED ? detector_rate(d, &u->tuning) : 0;
    state->len = (uint16_t)detector_write(d, state->bytes);
    u->throttle = state->throttle;
}

/* ----- what follows from another standing */

/* The end of a quarantine, by the rule's ladder. */
static void
set_end(struct update *u, struct detector *d)
{
    uint64_t lift_s =
        u->rule != NULL ? zombie_lift_s(u->rule, d->quarantines) : 0;

    if (d->standing == STANDING_QUARANTINED && lift_s > 0)
        d->until_s = d->since_s + (int64_t)lift_s;
}

/* Too many have come to that: D is watched, or stays what it was if that is
 * worse. */
static void
hold_back(struct update *u, struct detector *d)
{
    const struct detector *had = &u->before;

    detector_demote(d, CAUSE_BREAKER, u->now.wall);
    d->last.from = had->standing;
    if (standing_worse(STANDING_WATCHED, had->standing))
        return;
    d->standing = had->standing;
    d->cause = had->cause;
    d->since_s = had->since_s;
    d->until_s = had->until_s;
    d->observed = had->observed;
    d->last = had->last;
}

/* By evidence, to something that is done to its mail? */
static bool
is_grave(const struct update *u, const struct detector *d)
{
    return d->standing != u->before.standing && d->cause == CAUSE_EVIDENCE &&
           standing_worse(d->standing, u->before.standing) &&
           standing_worse(d->standing, STANDING_WATCHED);
}

/* False: the brake is to be asked. */
static bool
settle_standing(struct update *u, struct detector *d)
{
    if (is_grave(u, d)) {
        if (u->refused != STANDING_NORMAL &&
            !standing_worse(u->refused, d->standing)) {
            hold_back(u, d);
        } else if (standing_worse(d->standing, u->allowed)) {
            u->wants = d->standing;
            return false;
        }
    }
    if (d->standing == u->before.standing)
        return true;
    if (d->cause == CAUSE_EVIDENCE)
        set_end(u, d);
    if (d->standing == STANDING_NORMAL)
        d->observed = false;
    else if (d->cause == CAUSE_EVIDENCE || d->cause == CAUSE_BREAKER)
        d->observed = u->observed;
    d->last.from = u->before.standing;
    return true;
}

/* Was it earned while its rule only looked on, and does it act now? */
static bool
has_lapsed(const struct update *u)
{
    return u->before.observed && !u->observed &&
           standing_worse(u->before.standing, STANDING_WATCHED);
}

/* False: there is nothing to be written. */
static bool
apply(struct update *u)
{
    u->after = u->before;
    u->lapsed = has_lapsed(u);
    u->quiet = false;
    if (!u->lapsed) {
        u->quiet =
            u->apply(u, &u->after) == UPDATE_NOTHING && !u->damaged && !u->anew;
        return !u->quiet && settle_standing(u, &u->after);
    }
    detector_demote(&u->after, CAUSE_ENFORCE, u->now.wall);
    u->after.observed = false;
    return true;
}

static bool
is_moved(const struct update *u)
{
    return u->always || u->after.standing != u->before.standing;
}

/* So that it is known again, should the store not answer. */
static void
sign(struct update *u)
{
    u->after.wrote = u->token;
    if (is_moved(u))
        u->after.changed = u->token;
}

/* For store_update(): MS_INVALID also where nothing is to be written. */
static enum ms_err
change(void *arg, struct store_state *state)
{
    struct update *u = arg;
    enum ms_err err;

    u->sent = false;
    if (++u->tries > DETECT_TRIES)
        return MS_BUSY;
    u->wants = STANDING_NORMAL;
    err = read_state(u, state);
    if (err != MS_OK)
        return err;
    u->read = true;
    if (!apply(u))
        return MS_INVALID;
    sign(u);
    write_state(u, state);
    u->sent = true;
    return MS_OK;
}

/* ----- telling */

static void
make_id(char id[ACT_ID])
{
    static const char digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

    for (int i = 0; i < ACT_ID - 1; i++)
        id[i] = digits[randombytes_uniform(sizeof(digits) - 1)];
    id[ACT_ID - 1] = '\0';
}

static void
copy_text(char *out, size_t size, const char *text)
{
    (void)snprintf(out, size, "%.*s", (int)size - 1, text);
}

static void
make_change(const struct detect *detect, const struct update *u,
            struct change *out)
{
    memset(out, 0, sizeof(*out));
    make_id(out->id);
    copy_text(out->host, sizeof(out->host), detect->is.host);
    out->subject = *u->subject;
    if (u->rule != NULL)
        (void)snprintf(out->rule, sizeof(out->rule), "zombie.%.80s",
                       u->rule->name);
    out->class = u->class;
    out->observed = u->observed;
    out->throttle = u->throttle;
    out->until_s = u->after.until_s;
    out->since_s = u->anew ? 0 : u->before.since_s;
    out->quarantines = u->after.quarantines;
    if (u->word != NULL) {
        copy_text(out->by, sizeof(out->by), u->word->by);
        copy_text(out->note, sizeof(out->note), u->word->note);
    }
    out->evidence = u->after.last;
    out->evidence.from = u->before.standing;
    out->evidence.to = u->after.standing;
    out->n_ids = detect_queue_ids(detect->queue, u->subject, out->ids);
}

static void
tell(struct detect *detect, const struct change *c, struct store_time now)
{
    (void)atomic_fetch_add(&detect->changes[c->evidence.to], 1);
    if (c->evidence.cause == CAUSE_BREAKER)
        (void)atomic_fetch_add(&detect->braked, 1);
    journal_standing(daemon_journal(detect->is.daemon), c, now);
    if (detect->is.changed != NULL)
        detect->is.changed(detect->is.arg, c);
}

/* ----- what the store may have */

/* U has not been answered. */
static void
doubt(struct detect *detect, struct update *u)
{
    u->doubtful = true;
    if (!is_moved(u))
        return;
    make_change(detect, u, &u->change);
    doubts_add(detect->doubts, u->token, &u->change, u->now.wall);
}

/* U has read a state: what does it have that was not told? */
static void
clear_doubts(struct detect *detect, const struct update *u)
{
    struct change change;

    while (doubts_clear(detect->doubts, u->subject, &u->before, &change))
        tell(detect, &change, u->now);
}

static enum update_do
nothing(struct update *u, struct detector *d)
{
    (void)u;
    (void)d;
    return UPDATE_NOTHING;
}

void
update_settle(struct detect *detect)
{
    struct store_time now = detect->is.now(detect->is.arg);
    struct subject subjects[DOUBTS];
    unsigned n = doubts_subjects(detect->doubts, now.wall, subjects);

    for (unsigned i = 0; i < n; i++) {
        struct update u = {.subject = &subjects[i],
                           .class = CLASS_PERSON,
                           .observed = true,
                           .now = now,
                           .apply = nothing};
        enum ms_err err = update_run(detect, &u);

        if (err != MS_OK && err != MS_VERSION)
            return;
    }
}

/* ----- doing it */

/* Once, without the brake. */
static enum ms_err
run_once(struct detect *detect, struct update *u)
{
    enum ms_err err;

    u->tries = 0;
    u->read = u->sent = false;
    u->throttle = 0;
    err = store_update(detect->is.store, u->subject, u->now, change, u);
    if (u->tries > 1)
        (void)atomic_fetch_add(&detect->retries, u->tries - 1);
    return err;
}

/* Ask the brake about what U wants. */
static void
ask_brake(struct detect *detect, struct update *u)
{
    if (brake_allows(detect->brake, u->wants, u->observed, u->now))
        u->allowed = u->wants;
    else
        u->refused = u->wants;
}

static void
prepare(struct detect *detect, struct update *u)
{
    u->moved = u->doubtful = false;
    do
        randombytes_buf(&u->token, sizeof(u->token));
    while (u->token == 0);
    u->allowed = u->refused = u->wants = STANDING_NORMAL;
    u->freeze = brake_freeze(detect->brake, u->now.wall);
}

/* As often as the brake has to be asked. */
static enum ms_err
run_asking(struct detect *detect, struct update *u)
{
    enum ms_err err = MS_BUSY;

    prepare(detect, u);
    for (int round = 0; round < ROUNDS; round++) {
        err = run_once(detect, u);
        if (err != MS_INVALID || u->wants == STANDING_NORMAL)
            break;
        ask_brake(detect, u);
    }
    if (u->read)
        clear_doubts(detect, u);
    if (err != MS_OK && u->sent)
        doubt(detect, u);
    if (err == MS_INVALID && u->quiet)
        return MS_OK;
    if (err == MS_INVALID)
        err = MS_BUSY; /* the brake was asked in vain */
    if (err == MS_VERSION)
        (void)atomic_fetch_add(&detect->newer, 1);
    if (err != MS_OK)
        return err;
    (void)atomic_fetch_add(&detect->updates, 1);
    if (u->damaged)
        tell_damaged(detect, u);
    u->moved = is_moved(u);
    if (u->moved) {
        make_change(detect, u, &u->change);
        tell(detect, &u->change, u->now);
    }
    return MS_OK;
}

enum ms_err
update_run(struct detect *detect, struct update *u)
{
    enum ms_err err = run_asking(detect, u);

    if (err == MS_OK && u->lapsed) /* now for what was asked */
        err = run_asking(detect, u);
    return err;
}
