/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/explain_limits.c - what limits have to say: how much is used, or why
 * they do not hold here.  Each is told of once, at the first stage that asks
 * it, and again where it refuses.
 */
#include <config.h>

#include "policy/explain_say.h"

#include <stdio.h>
#include <string.h>

#include "policy/limit.h"
#include "policy/table.h"

/* ----- who is told of when */

static bool
is_local(const struct explanation *e)
{
    return e->p.scene.kind == KIND_LOCAL;
}

/* The stage at which LIMIT is first asked. */
static enum stage
stage_of(const struct explanation *e, const struct limit *limit)
{
    switch (limit->count) {
    case METRIC_CONNECTIONS:
        return STAGE_CONNECT;
    case METRIC_BAD_RECIPIENTS:
        if (is_local(e))
            return STAGE_REFUSED;
        return limit->action == LIMIT_HOLD ? STAGE_RCPT : STAGE_MAIL;
    case METRIC_BYTES: /* at MAIL there is nothing to hold yet */
        return is_local(e) || limit->action == LIMIT_HOLD ? STAGE_END
                                                          : STAGE_MAIL;
    case METRIC_MESSAGES:
    case METRIC_RECIPIENTS:
    case METRIC_EXTERNAL:
    case METRICS:
        break;
    }
    return is_local(e) ? STAGE_END : STAGE_RCPT;
}

static void
begin(struct explanation *e, const struct limit *limit)
{
    char rule[VERDICT_RULE];

    (void)snprintf(rule, sizeof rule, "limit.%.64s", limit->name);
    explain_begin(e, rule, limit->origin);
}

/* ----- what is used */

static void
say_rate(struct explanation *e, const struct limit *limit, struct rate rate)
{
    const char *unit = limit->count == METRIC_BYTES ? "K" : "";
    char span[RATE_TEXT];

    explain_say(e, "%lu%s %s in %s", (unsigned long)rate.n, unit,
                verdict_counted(limit->count),
                rate.span_s == 0 ? "one message"
                                 : verdict_span(rate.span_s, span));
}

/* "12 of 300 recipients elsewhere in 1 hour are used" */
static void
say_used(struct explanation *e, const struct limit *limit, struct rate rate,
         uint64_t used, uint32_t own)
{
    explain_say(e, "%llu%s of ", (unsigned long long)used,
                limit->count == METRIC_BYTES ? "K" : "");
    say_rate(e, limit, rate);
    explain_say(e, " are used");
    if (own > 0)
        explain_say(e, ", and %lu more by this message", (unsigned long)own);
}

static void
say_newcomer(struct explanation *e, struct limit_age age)
{
    char span[RATE_TEXT];

    if (!age.known) {
        explain_say(e, "; a newcomer, never seen before");
        return;
    }
    explain_say(e, "; a newcomer, first seen on ");
    explain_say_day(e, (struct wall){age.first_s});
    explain_say(e, ", until that is %s ago",
                verdict_span(age.warmup->for_s, span));
}

/* Where the rate comes from, if not from the limit itself. */
static void
say_source(struct explanation *e, const struct limit *limit,
           const struct subject *subject, enum limit_source source)
{
    const struct scene *scene = &e->p.scene;

    switch (source) {
    case LIMIT_OWN:
        break;
    case LIMIT_TABLE:
        explain_say(e, "; by the table %s", table_path(limit->rates_table));
        break;
    case LIMIT_WARMUP:
        say_newcomer(e, limit_age(limit, scene));
        break;
    case LIMIT_RAISED:
        explain_say(e, "; raised by ");
        explain_say_act(e,
                        acts_raises(scene->acts, limit, subject, scene->now));
        break;
    }
}

/* One rate of a limit that holds, as it is told of. */
struct told {
    const struct limit *limit;
    const struct subject *subject;
    enum limit_source source;
    struct rate rate;
    const struct explain_look *look; /* NULL: none, or it needs none */
    bool over;
    bool again; /* it has been told of: only a refusal is news */
};

static void
end_over(struct explanation *e, const struct limit *limit)
{
    if (limit->mode == MODE_OBSERVE) {
        explain_say(e, "; this limit only observes");
        explain_end(e, EXPLAIN_WOULD);
    } else {
        if (limit->action == LIMIT_HOLD && limit->count != METRIC_CONNECTIONS)
            explain_say(e, "; the mail is held");
        explain_end_refusal(e);
    }
}

static void
say_room(struct explanation *e, uint64_t room_s)
{
    char span[RATE_TEXT];

    if (room_s == UINT64_MAX)
        explain_say(e, "; this is more than can be sent at all");
    else
        explain_say(e, "; there is room in %s", verdict_span(room_s, span));
}

static void
begin_rate(struct explanation *e, const struct told *told)
{
    begin(e, told->limit);
    e->step.counted = true;
    e->step.known = told->look != NULL && !told->look->unknown;
    e->step.subject = *told->subject;
    e->step.metric = told->limit->count;
    e->step.rate = told->rate;
}

static void
tell_window(struct explanation *e, const struct told *told)
{
    const struct explain_look *look = told->look;

    begin_rate(e, told);
    if (look == NULL) {
        say_rate(e, told->limit, told->rate);
        explain_say(e, "; how many are used was not asked");
    } else if (look->unknown) {
        explain_say(e, "the store that the hosts share does not answer, and "
                       "this limit puts mail off then");
        explain_end_refusal(e);
        return;
    } else {
        e->step.used = look->used;
        e->step.room_s = look->over ? look->room_s : 0;
        say_used(e, told->limit, told->rate, look->used, look->own);
        if (look->over)
            say_room(e, look->room_s);
    }
    say_source(e, told->limit, told->subject, told->source);
    if (told->over)
        end_over(e, told->limit);
    else
        explain_end(e, EXPLAIN_PASS);
}

/* A rate of one message: what counts is in the facts. */
static void
tell_message(struct explanation *e, const struct told *told)
{
    const uint32_t used = told->limit->count == METRIC_EXTERNAL
                              ? e->facts.external
                              : e->facts.recipients;

    begin_rate(e, told);
    e->step.known = true;
    e->step.used = used;
    say_used(e, told->limit, told->rate, used, 0);
    say_source(e, told->limit, told->subject, told->source);
    if (told->over)
        end_over(e, told->limit);
    else
        explain_end(e, EXPLAIN_PASS);
}

static const struct explain_look *
find_look(const struct explanation *e, const struct limit *limit,
          struct rate rate)
{
    for (size_t i = 0; i < e->n_looks; i++)
        if (e->look[i].limit == limit && !e->look[i].held &&
            e->look[i].rate.span_s == rate.span_s)
            return &e->look[i];
    return NULL;
}

/* Has V come of this rate of LIMIT? */
static bool
is_of(const struct verdict *v, const struct limit *limit, struct rate rate)
{
    return v->limit == limit && v->rate.span_s == rate.span_s;
}

/* A limit for one message needs no look: the engine has said. */
static bool
is_full(const struct explanation *e, const struct limit *limit,
        struct rate rate)
{
    if (is_of(&e->p.verdict, limit, rate) || is_of(&e->p.holding, limit, rate))
        return true;
    for (size_t i = 0; i < e->p.n_would; i++)
        if (is_of(&e->p.would[i], limit, rate))
            return true;
    return false;
}

/* Tell of each rate of a limit that holds; was it told of anything? */
static bool
tell_rates(struct explanation *e, const struct limit *limit, bool again)
{
    struct told told = {.limit = limit, .again = again};
    struct subject subject;
    struct rates rates;
    bool any = false;

    if (!limit_subject(limit, &e->p.scene, &subject))
        return false;
    told.subject = &subject;
    told.source = limit_rates(limit, &e->p.scene, &subject, &rates);
    for (size_t i = 0; i < rates.n; i++) {
        const bool message = rates.rate[i].span_s == 0;

        told.rate = rates.rate[i];
        told.look = find_look(e, limit, told.rate);
        told.over = message ? is_full(e, limit, told.rate)
                            : told.look != NULL &&
                                  (told.look->over || told.look->unknown);
        if ((again && !told.over) ||
            (!message && told.look == NULL && e->asked->look != NULL) ||
            (message && e->stage != STAGE_RCPT))
            continue;
        if (message)
            tell_message(e, &told);
        else
            tell_window(e, &told);
        any = true;
    }
    return any;
}

/* ----- at a stage */

/* Does this stage bring what LIMIT counts? */
static bool
is_brought(const struct explanation *e, const struct limit *limit)
{
    if (limit->count == METRIC_EXTERNAL && e->stage == STAGE_RCPT)
        return e->p.external;
    if (limit->count == METRIC_BYTES)
        return (e->stage == STAGE_END ? e->facts.bytes : e->facts.size) > 0;
    return true;
}

static void
tell_limit(struct explanation *e, const struct limit *limit)
{
    bool *shown = &e->shown[limit->index % CHARGE_ITEMS];
    struct limit_reason reason;
    struct subject subject;
    enum limit_state state =
        limit_state(e->asked->config, limit, &e->p.scene, &reason);

    if (*shown) {
        if (state == LIMIT_APPLIES)
            (void)tell_rates(e, limit, true);
        return;
    }
    if (stage_of(e, limit) != e->stage)
        return;
    if (state != LIMIT_APPLIES) {
        begin(e, limit);
        explain_say_state(e, limit->in, "counts", state, &reason);
        explain_end(e, EXPLAIN_SKIP);
        *shown = true;
    } else if (!limit_subject(limit, &e->p.scene, &subject)) {
        begin(e, limit);
        explain_say_nobody(e, limit->key, limit->n_keys, "counts");
        explain_end(e, EXPLAIN_SKIP);
        *shown = true;
    } else if (is_brought(e, limit)) {
        *shown = tell_rates(e, limit, false);
    }
}

/* Mail to postmaster and abuse, which passes while its own limit has room. */
static void
tell_desk(struct explanation *e)
{
    const struct limit *limit = e->asked->config->postmaster;
    const struct explain_look *look;

    if (limit == NULL || limit->rates.n == 0)
        return;
    look = find_look(e, limit, limit->rates.rate[0]);
    if (look == NULL)
        return;
    begin(e, limit);
    e->step.counted = e->step.known = true;
    (void)limit_subject(limit, &e->p.scene, &e->step.subject);
    e->step.metric = limit->count;
    e->step.rate = look->rate;
    e->step.used = look->used;
    explain_say(e, look->over
                       ? "mail to postmaster and abuse passes other limits, "
                         "but there has been too much of it: "
                       : "mail to postmaster and abuse passes other limits: ");
    say_used(e, limit, look->rate, look->used, look->own);
    explain_end(e, look->over ? EXPLAIN_SKIP : EXPLAIN_PASS);
}

/* Over a limit that holds: has its subject had too much held already? */
static void
tell_held(struct explanation *e)
{
    for (size_t i = 0; i < e->n_looks; i++) {
        const struct explain_look *look = &e->look[i];

        if (!look->held || !look->over || look->limit == NULL)
            continue;
        begin(e, look->limit);
        explain_say(e,
                    "%llu messages have been held today, which is the most: "
                    "it is put off",
                    (unsigned long long)look->used);
        explain_end_refusal(e);
    }
}

void
explain_limits(struct explanation *e)
{
    const struct config *config = e->asked->config;

    if (e->stage == STAGE_RCPT)
        tell_desk(e);
    if (e->stage == STAGE_RCPT && !e->p.ordinary)
        return; /* refused already, or mail to postmaster */
    for (size_t i = 0; i < config->n_limits; i++)
        tell_limit(e, config->limits[i]);
    tell_held(e);
}

void
explain_idle_limits(struct explanation *e)
{
    const struct config *config = e->asked->config;

    for (size_t i = 0; i < config->n_limits; i++) {
        const struct limit *limit = config->limits[i];
        const char *why = NULL;

        if (limit->count == METRIC_EXTERNAL && e->facts.external == 0)
            why = "it counts recipients elsewhere, and there is none";
        else if (limit->count == METRIC_BYTES && e->facts.bytes == 0)
            why = "it counts bytes, and the size is not said";
        if (why == NULL || e->shown[limit->index % CHARGE_ITEMS])
            continue;
        begin(e, limit);
        explain_say(e, "%s", why);
        explain_end(e, EXPLAIN_SKIP);
    }
}
