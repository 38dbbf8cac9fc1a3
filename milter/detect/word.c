/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/detect/word.c - what people say about a standing, and what they are
 * shown of it; in their own threads, which wait for the store.
 */
#include <config.h>

#include <string.h>

#include "milter/detect/inside.h"
#include "policy/acts.h"
#include "policy/zombie.h"

/* ----- verbs */

/* What a verb is given. */
struct order {
    enum detector_release how;
    enum evidence_cause cause;
    struct wall until;
    uint32_t unknown, complaints;
};

/* Have APPLY done to SUBJECT. */
static enum ms_err
obey(struct detect *detect, const struct subject *subject,
     enum update_do (*apply)(struct update *u, struct detector *d),
     const struct order *order, const struct detect_word *word,
     struct update *out)
{
    const struct config *config = daemon_config_get(detect->is.daemon);
    struct acts *acts = daemon_acts_get(detect->is.daemon);
    const struct detect_under under = {config, acts};
    enum ms_err err;

    memset(out, 0, sizeof(*out));
    out->subject = subject;
    out->now = detect->is.now(detect->is.arg);
    out->apply = apply;
    out->arg = order;
    out->word = word;
    out->under = &under;
    out->at = out->now.wall;
    err = update_run(detect, out);
    acts_put(acts);
    daemon_config_put(detect->is.daemon, config);
    out->rule = NULL; /* it may go now */
    out->under = NULL;
    return err;
}

static enum update_do
release(struct update *u, struct detector *d)
{
    const struct order *order = u->arg;

    detector_release(d, &u->tuning, order->how, order->cause, u->now.wall);
    return UPDATE_WRITE;
}

enum ms_err
detect_release(struct detect *detect, const struct subject *subject,
               enum detector_release how, enum evidence_cause cause,
               const struct detect_word *word, bool *changed,
               struct change *out)
{
    const struct order order = {.how = how, .cause = cause};
    struct update u;
    enum ms_err err;

    detect_settle(detect); /* what came before is let go, too */
    err = obey(detect, subject, release, &order, word, &u);
    *changed = err == MS_OK && u.moved;
    if (*changed)
        *out = u.change;
    return err;
}

/* One who is quarantined already is so by hand from now on. */
static enum update_do
quarantine(struct update *u, struct detector *d)
{
    const struct order *order = u->arg;

    detector_block(d, u->now.wall, order->until);
    u->always = true;
    return UPDATE_WRITE;
}

enum ms_err
detect_quarantine(struct detect *detect, const struct subject *subject,
                  struct wall until, const struct detect_word *word,
                  struct change *out)
{
    const struct order order = {.until = until};
    struct update u;
    enum ms_err err = obey(detect, subject, quarantine, &order, word, &u);

    if (err == MS_OK)
        *out = u.change;
    return err;
}

static enum update_do
lease(struct update *u, struct detector *d)
{
    detector_lease(d, CAUSE_LEASE, u->now.wall);
    return UPDATE_WRITE;
}

enum ms_err
detect_lease(struct detect *detect, const struct subject *subject,
             const struct detect_word *word, bool *changed, struct change *out)
{
    static const struct order none;
    struct update u;
    enum ms_err err;

    detect_settle(detect); /* of the customer before */
    err = obey(detect, subject, lease, &none, word, &u);
    *changed = err == MS_OK && u.moved;
    if (*changed)
        *out = u.change;
    return err;
}

/* ----- feedback */

static enum update_do
learn(struct update *u, struct detector *d)
{
    const struct order *order = u->arg;
    const struct detector_event event = {
        .at = u->now.wall,
        .unknown = order->unknown,
        .complaints = order->complaints,
    };

    (void)detector_note(d, &u->tuning, &event);
    return UPDATE_WRITE;
}

enum ms_err
detect_feedback(struct detect *detect, const struct subject *subject,
                uint32_t unknown, uint32_t complaints, const char *id)
{
    const struct order order = {.unknown = unknown, .complaints = complaints};
    struct update u;

    detect_queue_note_id(detect->queue, subject, id);
    return obey(detect, subject, learn, &order, NULL, &u);
}

/* ----- for show */

bool
detect_view(const struct config *config, const struct store_record *record,
            struct wall now, struct detect_view *out)
{
    const struct store_state *state = &record->state;
    struct detector_tuning tuning;
    enum ms_err err;

    memset(out, 0, sizeof(*out));
    detector_begin(&out->detector);
    out->class = CLASS_PERSON;
    err = state->len > 0
              ? detector_read(state->bytes, state->len, &out->detector)
              : MS_INVALID;
    out->newer = err == MS_VERSION;
    out->rule = zombie_still(config, &record->subject, out->detector.rule, now,
                             &out->class);
    out->detector.standing = state->standing;
    if (err != MS_OK)
        return state->standing != STANDING_NORMAL;
    if (out->rule != NULL)
        zombie_tuning(out->rule, out->class, &tuning);
    else
        detector_tuning(out->class, &tuning);
    detector_show(&out->detector, &tuning, now, &out->now);
    return true;
}

/* ----- from observe to enforce */

struct enforcing {
    struct detect *detect;
    const struct detect_under *under;
    enum detect_enforce how;
    bool (*each)(void *arg, const struct store_record *record,
                 const struct detector *detector);
    void *arg;
    enum ms_err err;
};

static enum update_do
nothing(struct update *u, struct detector *d)
{
    (void)u;
    (void)d;
    return UPDATE_NOTHING;
}

static bool
looks_on(const struct detect_under *under, const struct detect_view *view,
         const struct subject *subject, struct wall now)
{
    return view->rule == NULL ||
           zombie_mode_of(under->config, under->acts, view->rule, subject,
                          now) != MODE_ENFORCE;
}

static bool
enforce_one(void *arg, const struct store_record *record)
{
    struct enforcing *e = arg;
    struct store_time now = e->detect->is.now(e->detect->is.arg);
    struct update u = {.subject = &record->subject,
                       .under = e->under,
                       .at = now.wall,
                       .now = now,
                       .apply = nothing};
    struct detect_view view;

    if (!detect_view(e->under->config, record, now.wall, &view) ||
        !view.detector.observed ||
        !standing_worse(view.detector.standing, STANDING_WATCHED))
        return true;
    if (e->how == DETECT_DEMOTE) {
        if (looks_on(e->under, &view, &record->subject, now.wall))
            return true; /* its rule goes on */
        e->err = update_run(e->detect, &u);
        if (e->err != MS_OK && e->err != MS_VERSION)
            return false;
    }
    return e->each == NULL || e->each(e->arg, record, &view.detector);
}

static bool
any_enforces(const struct config *config)
{
    for (size_t i = 0; i < config->n_zombies; i++) {
        if (config->zombies[i]->mode == MODE_ENFORCE)
            return true;
    }
    return false;
}

enum ms_err
detect_enforce_under(struct detect *detect, const struct detect_under *under,
                     enum detect_enforce how,
                     bool (*each)(void *arg, const struct store_record *record,
                                  const struct detector *detector),
                     void *arg)
{
    struct enforcing e = {detect, under, how, each, arg, MS_OK};
    enum ms_err err;

    if (how == DETECT_DEMOTE && !any_enforces(under->config))
        return MS_OK;
    detect_settle(detect);
    err = store_standings(detect->is.store, detect->is.now(detect->is.arg),
                          enforce_one, &e);
    return err != MS_OK ? err : e.err;
}

enum ms_err
detect_enforce(struct detect *detect, enum detect_enforce how,
               bool (*each)(void *arg, const struct store_record *record,
                            const struct detector *detector),
               void *arg)
{
    const struct config *config = daemon_config_get(detect->is.daemon);
    struct acts *acts = daemon_acts_get(detect->is.daemon);
    const struct detect_under under = {config, acts};
    enum ms_err err = detect_enforce_under(detect, &under, how, each, arg);

    acts_put(acts);
    daemon_config_put(detect->is.daemon, config);
    return err;
}
