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

void
update_find(const struct detect_under *under, struct wall at,
            struct update *update)
{
    const struct config *config = under->config;

    update->class = CLASS_PERSON;
    update->rule = zombie_of(config, update->subject, at, &update->class);
    update->observed = update->rule == NULL ||
                       zombie_mode_of(config, under->acts, update->rule,
                                      update->subject, at) != MODE_ENFORCE;
}

void
update_find_now(struct detect *detect, const struct config *config,
                struct update *update)
{
    struct acts *acts = daemon_acts_get(detect->is.daemon);

    update_find(&(struct detect_under){config, acts}, update->now.wall, update);
    acts_put(acts);
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

/* The standing beside the state is the one in force, whoever has set it. */
static enum ms_err
read_state(struct update *u, const struct store_state *state)
{
    enum ms_err err = MS_OK;

    detector_begin(&u->before);
    u->damaged = false;
    if (state->len > 0)
        err = detector_read(state->bytes, state->len, &u->before);
    if (err == MS_INVALID) {
        detector_begin(&u->before);
        u->damaged = true;
        err = MS_OK;
    }
    if (err == MS_OK && u->before.standing != state->standing) {
        u->before.standing = state->standing;
        u->before.observed = false;
    }
    return err;
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
    const struct zombie *rule = u->rule;
    size_t i = d->quarantines > 0 ? d->quarantines - 1 : 0;

    if (d->standing != STANDING_QUARANTINED || rule == NULL ||
        rule->n_lifts == 0)
        return;
    if (i >= rule->n_lifts)
        i = rule->n_lifts - 1;
    if (rule->lift_s[i] > 0)
        d->until_s = d->since_s + (int64_t)rule->lift_s[i];
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
        u->quiet = u->apply(u, &u->after) == UPDATE_NOTHING && !u->damaged;
        return !u->quiet && settle_standing(u, &u->after);
    }
    detector_demote(&u->after, CAUSE_ENFORCE, u->now.wall);
    u->after.observed = false;
    return true;
}

/* For store_update(): MS_INVALID also where nothing is to be written. */
static enum ms_err
change(void *arg, struct store_state *state)
{
    struct update *u = arg;
    enum ms_err err;

    if (++u->tries > DETECT_TRIES)
        return MS_BUSY;
    u->wants = STANDING_NORMAL;
    err = read_state(u, state);
    if (err != MS_OK)
        return err;
    if (!apply(u))
        return MS_INVALID;
    write_state(u, state);
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
tell(struct detect *detect, struct update *u)
{
    struct change *c = &u->change;

    make_change(detect, u, c);
    (void)atomic_fetch_add(&detect->changes[c->evidence.to], 1);
    if (c->evidence.cause == CAUSE_BREAKER)
        (void)atomic_fetch_add(&detect->braked, 1);
    journal_standing(daemon_journal(detect->is.daemon), c, u->now);
    if (detect->is.changed != NULL)
        detect->is.changed(detect->is.arg, c);
}

/* ----- doing it */

/* Once, without the brake. */
static enum ms_err
run_once(struct detect *detect, struct update *u)
{
    enum ms_err err;

    u->tries = 0;
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
    u->moved = false;
    u->allowed = u->refused = u->wants = STANDING_NORMAL;
    u->freeze = brake_freeze(detect->brake, u->now.wall);
    if (u->rule != NULL)
        zombie_tuning(u->rule, u->class, &u->tuning);
    else
        detector_tuning(u->class, &u->tuning);
    if (u->freeze != 0)
        u->tuning.families &= ~(1U << FAMILY_CONTENT);
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
    u->moved = u->always || u->after.standing != u->before.standing;
    if (u->moved)
        tell(detect, u);
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
