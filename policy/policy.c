/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "policy/policy.h"

#include <stdio.h>
#include <string.h>

#include "policy/limit.h"
#include "policy/relay.h"
#include "policy/ruling.h"

enum {
    HELD_A_DAY = 100, /* messages a subject may have held, then deferred */
    DAY_S = 86400
};

/* What sets the window of held messages apart from a limit's own. */
static const uint64_t held_window = UINT64_C(0x68656c6421686f6c);

/* ----- the recipient */

/* Does the MTA take it for its own?  A virtual alias shows as "error". */
static bool
mta_owns(const struct facts *facts)
{
    static const char *const mailers[] = {"local", "virtual", "error"};

    for (size_t i = 0; i < sizeof(mailers) / sizeof(mailers[0]); i++) {
        if (facts->rcpt_mailer != NULL &&
            strcmp(facts->rcpt_mailer, mailers[i]) == 0)
            return true;
    }
    return false;
}

/* Parse it and see whether it may be written to; false: refused. */
static bool
read_recipient(struct policy *p)
{
    enum relay_place place;

    address_parse(p->facts->recipient, &p->recipient);
    place = relay_place(p->config, p->facts, &p->recipient);
    p->external = place != RELAY_OURS;
    p->unlisted = place == RELAY_EXTERNAL && mta_owns(p->facts) &&
                  p->recipient.form == ADDRESS_DOMAIN &&
                  p->scene.kind != KIND_LOCAL;
    return ruling_rcpt(&p->scene, place, &p->verdict);
}

/* ----- limits */

/* Is mail over LIMIT held?  There is nothing to hold in a connection. */
static bool
limit_holds_mail(const struct limit *limit)
{
    return limit->action == LIMIT_HOLD && limit->count != METRIC_CONNECTIONS;
}

/*
 * What is said over LIMIT.  One that holds also gets a code: for when its
 * subject has had too much held already.
 */
static void
limit_verdict(const struct policy *p, struct verdict *v,
              const struct limit *limit, struct rate rate, uint64_t used,
              uint64_t retry_s, const struct subject *subject)
{
    bool never = rate.span_s != 0 && retry_s == UINT64_MAX;

    verdict_continue(v);
    if (limit_holds_mail(limit)) {
        verdict_refuse(v, VERDICT_HOLD, 450, "4.7.1");
    } else if (never || limit->action == LIMIT_REJECT) {
        verdict_refuse(v, VERDICT_REJECT, 550, "5.7.1");
        if (never && limit->count == METRIC_BYTES)
            verdict_refuse(v, VERDICT_REJECT, 552, "5.3.4");
    } else if (rate.span_s == 0) {
        verdict_refuse(v, VERDICT_DEFER, 452, "4.5.3");
    } else if (limit->count == METRIC_CONNECTIONS) {
        verdict_refuse(v, VERDICT_DEFER, 421, "4.7.0");
    } else {
        verdict_refuse(v, VERDICT_DEFER, 450, "4.7.1");
    }
    v->observed = p->scene.mode == MODE_OBSERVE || limit->mode == MODE_OBSERVE;
    (void)snprintf(v->rule, sizeof(v->rule), "limit.%.64s", limit->name);
    v->reason =
        rate.span_s == 0 ? "Too many recipients" : "Sending limit reached";
    if (!p->scene.own)
        v->reason = "Too much from your address; try again later";
    v->limit = limit;
    v->rate = rate;
    v->used = used;
    v->retry_s = retry_s;
    if (subject != NULL)
        v->subject = *subject;
}

static void
add_would(struct policy *p, const struct verdict *v)
{
    if (p->n_would < POLICY_WOULD)
        p->would[p->n_would++] = *v;
}

/* Do A and B count the same subjects, whatever the scene? */
static bool
same_key(const struct limit *a, const struct limit *b)
{
    if (a->n_keys != b->n_keys || a->map != b->map)
        return false;
    for (size_t i = 0; i < a->n_keys; i++) {
        if (a->key[i].kind != b->key[i].kind ||
            a->key[i].len4 != b->key[i].len4 ||
            a->key[i].len6 != b->key[i].len6)
            return false;
    }
    return true;
}

/* The subject of LIMIT in p->subjects; NULL if there is none. */
static const struct subject *
find_subject(struct policy *p, const struct limit *limit)
{
    size_t n = p->n_subjects;

    for (size_t i = 0; i < n; i++) {
        if (same_key(p->made_by[i], limit))
            return &p->subjects[i];
    }
    if (n == CHARGE_SUBJECTS ||
        !limit_subject(limit, &p->scene, &p->subjects[n]))
        return NULL; /* add_items() has made sure of the room */
    p->made_by[n] = limit;
    p->n_subjects++;
    return &p->subjects[n];
}

/* A `/msg` rate needs no store; false: this message is full. */
static bool
check_message(struct policy *p, const struct limit *limit, struct rate rate)
{
    uint32_t used = limit->count == METRIC_EXTERNAL ? p->facts->external
                                                    : p->facts->recipients;
    const struct subject *subject;
    struct verdict v;

    if (p->stage != STAGE_RCPT ||
        (limit->count == METRIC_EXTERNAL && !p->external) || used < rate.n)
        return true;
    subject = find_subject(p, limit);
    limit_verdict(p, &v, limit, rate, (uint64_t)used + 1, 0, subject);
    if (limit->mode == MODE_OBSERVE) {
        add_would(p, &v);
        return true;
    }
    if (v.action == VERDICT_HOLD) {
        p->holding = v;
        return true;
    }
    p->verdict = v;
    return false;
}

/* More windows at once than a step can carry: the configuration's check rules
 * it out but for tables of rates and raised ones; never let a limit go
 * unasked. */
static bool
too_many(struct policy *p)
{
    verdict_refuse(&p->verdict, VERDICT_DEFER, 451, "4.3.0");
    p->verdict.observed = p->scene.mode == MODE_OBSERVE;
    p->verdict.reason = "Too many limits apply at once";
    memcpy(p->verdict.rule, "error.limits", sizeof("error.limits"));
    return false;
}

/* Ask LIMIT for N events; false: it refuses at once. */
static bool
add_items(struct policy *p, const struct limit *limit, enum charge_kind kind,
          uint32_t n)
{
    const struct subject *subject;
    struct rates rates;
    bool holds;

    if (n == 0 || !limit_holds(p->config, limit, &p->scene))
        return true;
    if (p->n_subjects == CHARGE_SUBJECTS)
        return too_many(p);
    subject = find_subject(p, limit);
    if (subject == NULL)
        return true;
    (void)limit_rates(limit, &p->scene, subject, &rates);
    holds = limit_holds_mail(limit) && kind == CHARGE_TAKE &&
            p->scene.kind != KIND_LOCAL;
    if (holds)
        kind = CHARGE_NOTE; /* counts all the same, and is held */
    for (size_t i = 0; i < rates.n; i++) {
        if (rates.rate[i].span_s == 0) {
            if (!check_message(p, limit, rates.rate[i]))
                return false;
            continue;
        }
        if (p->n_items == CHARGE_ITEMS)
            return too_many(p);
        p->source[p->n_items].limit = limit;
        p->source[p->n_items].rate = rates.rate[i];
        p->items[p->n_items++] = (struct charge_item){
            .subject = subject,
            .window = limit_window(limit, rates.rate[i].span_s),
            .span_s = rates.rate[i].span_s,
            .n = n,
            .limit = rates.rate[i].n,
            .kind = kind,
            .observe = limit->mode == MODE_OBSERVE,
            .host = limit->scope == SCOPE_HOST,
            .early = p->stage == STAGE_MAIL && kind == CHARGE_LOOK,
            .returned = holds,
            .fallback = limit->fallback,
        };
    }
    return true;
}

static uint32_t
kib(uint64_t bytes)
{
    uint64_t n = bytes / 1024 + (bytes % 1024 != 0);

    return n > UINT32_MAX ? UINT32_MAX : (uint32_t)n;
}

/* How many events of METRIC this stage brings, and how they are counted. */
static uint32_t
events(const struct policy *p, enum metric metric, enum charge_kind *kind)
{
    const struct facts *facts = p->facts;
    bool local = p->scene.kind == KIND_LOCAL;

    *kind = CHARGE_TAKE;
    switch (p->stage) {
    case STAGE_CONNECT:
        return metric == METRIC_CONNECTIONS;
    case STAGE_MAIL:
        *kind = CHARGE_LOOK;
        if (metric == METRIC_BYTES)
            return kib(facts->size);
        return metric == METRIC_BAD_RECIPIENTS;
    case STAGE_RCPT:
        if (metric == METRIC_BAD_RECIPIENTS) {
            *kind = CHARGE_LOOK;
            return 1;
        }
        return metric == METRIC_RECIPIENTS ||
               (metric == METRIC_MESSAGES && !facts->counted) ||
               (metric == METRIC_EXTERNAL && p->external);
    case STAGE_REFUSED:
        *kind = CHARGE_NOTE;
        return metric == METRIC_BAD_RECIPIENTS && facts->unknown;
    case STAGE_END:
        if (metric == METRIC_BYTES)
            return kib(facts->bytes);
        if (!local)
            return 0;
        return metric == METRIC_MESSAGES     ? 1
               : metric == METRIC_RECIPIENTS ? facts->recipients
               : metric == METRIC_EXTERNAL   ? facts->external
                                             : 0;
    }
    return 0;
}

/*
 * Over a limit that holds, with nothing refused: may one more message of its
 * subject be held?  True: that is to be asked.
 */
static bool
ask_to_hold(struct policy *p)
{
    const struct limit *limit = p->holding.limit;

    if (p->holding.action != VERDICT_HOLD || p->facts->held != NULL)
        return false;
    p->phase = POLICY_HELD;
    p->subjects[0] = p->holding.subject;
    p->made_by[0] = limit;
    p->n_subjects = 1;
    p->source[0].limit = limit;
    p->source[0].rate = p->holding.rate;
    p->items[0] = (struct charge_item){
        .subject = &p->subjects[0],
        .window = limit_window(limit, DAY_S) ^ held_window,
        .span_s = DAY_S,
        .n = 1,
        .limit = HELD_A_DAY,
        .kind = CHARGE_TAKE,
        .host = limit->scope == SCOPE_HOST,
        .fallback = limit->fallback,
    };
    p->n_items = 1;
    return true;
}

/* Ask all limits that hold here, unless one refuses at once. */
static void
add_limits(struct policy *p)
{
    p->n_items = 0;
    p->n_subjects = 0;
    p->phase = POLICY_LIMITS;
    for (size_t i = 0; i < p->config->n_limits; i++) {
        const struct limit *limit = p->config->limits[i];
        enum charge_kind kind;
        uint32_t n = events(p, limit->count, &kind);

        if (p->stage == STAGE_MAIL && limit_holds_mail(limit))
            continue; /* nothing to hold yet: RCPT asks again */
        if (!add_items(p, limit, kind, n)) {
            p->wants = false;
            return;
        }
    }
    p->wants = p->n_items > 0;
    if (!p->wants)
        p->wants = ask_to_hold(p);
}

/* Mail to postmaster and abuse passes the limits, up to one of its own. */
static bool
is_desk_mail(const struct policy *p)
{
    return !p->external && relay_is_desk(&p->recipient) &&
           p->scene.kind != KIND_LOCAL && p->config->postmaster != NULL;
}

static bool
add_desk(struct policy *p)
{
    p->phase = POLICY_DESK;
    (void)add_items(p, p->config->postmaster, CHARGE_TAKE, 1);
    p->wants = p->n_items > 0;
    return p->wants;
}

/* ----- the two steps */

static void
begin(struct policy *p, const struct config *config, const struct facts *facts,
      enum stage stage)
{
    p->stage = stage;
    p->wants = false;
    p->n_items = p->n_subjects = 0;
    p->n_would = p->n_warnings = 0;
    p->external = p->ordinary = p->unlisted = p->hold = false;
    p->phase = POLICY_FREE;
    p->config = config;
    p->facts = facts;
    p->recipient.form = ADDRESS_NULL;
    scene_make(config, facts, &p->scene);
    verdict_continue(&p->verdict);
    verdict_continue(&p->holding);
}

void
policy_ask(const struct config *config, const struct facts *facts,
           enum stage stage, struct policy *p)
{
    begin(p, config, facts, stage);
    if (ruling_skips(&p->scene)) {
        if (stage <= STAGE_MAIL) {
            p->verdict.action = VERDICT_ACCEPT;
            (void)snprintf(p->verdict.rule, sizeof(p->verdict.rule),
                           "listener.%.40s.skip", p->scene.listener->name);
        }
        return;
    }
    switch (stage) {
    case STAGE_CONNECT:
    case STAGE_REFUSED:
        add_limits(p);
        break;
    case STAGE_MAIL:
        if (ruling_mail(config, facts, &p->scene, &p->verdict) &&
            p->scene.kind != KIND_LOCAL)
            add_limits(p);
        break;
    case STAGE_RCPT:
        if (!read_recipient(p))
            break;
        p->ordinary = true;
        if (p->scene.kind == KIND_LOCAL)
            break;
        if (!is_desk_mail(p) || !add_desk(p))
            add_limits(p);
        break;
    case STAGE_END:
        if (p->scene.kind == KIND_LOCAL ? facts->external > 0
                                        : facts->ordinary > 0)
            add_limits(p);
        break;
    }
}

static uint64_t
seconds(uint64_t ms)
{
    return ms == UINT64_MAX ? UINT64_MAX : ms / 1000 + (ms % 1000 != 0);
}

/* Has this charge carried the count over the limit's warning line? */
static void
note_warning(struct policy *p, size_t i, const struct charge_answer *answer)
{
    const struct charge_item *item = &p->items[i];
    const struct limit *limit = p->source[i].limit;
    uint64_t line = (uint64_t)item->limit * limit->warn_percent / 100;

    if (limit->warn_percent == 0 || answer->receipt.n == 0 ||
        answer->used < line || answer->used - item->n >= line ||
        p->n_warnings == POLICY_WOULD)
        return;
    p->warning[p->n_warnings++] = (struct policy_warning){
        .limit = limit,
        .rate = p->source[i].rate,
        .used = answer->used,
        .subject = *item->subject,
    };
}

/* Which of two refusals tells the client more: the final one, else the one
 * that lasts longer. */
static bool
weighs_more(const struct verdict *a, const struct verdict *b)
{
    if (b->action == VERDICT_CONTINUE || a->action != b->action)
        return a->action > b->action;
    return a->retry_s > b->retry_s;
}

/* ANSWER says that item I is over its limit. */
static void
judge_item(struct policy *p, size_t i, const struct charge_answer *answer)
{
    const struct charge_item *item = &p->items[i];
    const struct limit *limit = p->source[i].limit;
    struct verdict v;

    limit_verdict(p, &v, limit, p->source[i].rate, answer->used,
                  item->n > item->limit ? UINT64_MAX : seconds(answer->room_ms),
                  item->subject);
    if (limit->mode == MODE_OBSERVE)
        add_would(p, &v);
    else if (v.action == VERDICT_HOLD)
        p->holding = v;
    else if (weighs_more(&v, &p->verdict))
        p->verdict = v;
}

/*
 * Item I could not be counted, and its limit is to put mail off then.  A trial
 * has nothing to tell.
 */
static void
judge_unknown(struct policy *p, size_t i)
{
    const struct limit *limit = p->source[i].limit;
    struct verdict v;

    if (limit->mode == MODE_OBSERVE)
        return;
    verdict_continue(&v);
    verdict_refuse(&v, VERDICT_DEFER, 451, "4.3.0");
    v.observed = p->scene.mode == MODE_OBSERVE;
    v.failed = true;
    (void)snprintf(v.rule, sizeof(v.rule), "limit.%.64s", limit->name);
    v.reason = "Local problem; try again later";
    v.subject = *p->items[i].subject;
    if (weighs_more(&v, &p->verdict))
        p->verdict = v;
}

/* What the limits' ANSWERS come to; false: more is to be asked. */
static bool
judge_limits(struct policy *p, const struct charge_answers *answers)
{
    for (size_t i = 0; i < answers->n && i < p->n_items; i++) {
        note_warning(p, i, &answers->item[i]);
        if (p->stage == STAGE_REFUSED)
            continue; /* nobody waits for a verdict */
        if (answers->item[i].unknown)
            judge_unknown(p, i);
        else if (answers->item[i].over)
            judge_item(p, i, &answers->item[i]);
    }
    if (p->scene.kind == KIND_LOCAL) { /* nobody is there to be told */
        if (p->verdict.action != VERDICT_CONTINUE)
            p->holding = p->verdict;
        p->verdict.action = VERDICT_CONTINUE;
        p->hold = p->holding.action != VERDICT_CONTINUE;
        return true;
    }
    return p->verdict.action != VERDICT_CONTINUE || !ask_to_hold(p);
}

/* The answer to ask_to_hold(). */
static void
judge_hold(struct policy *p, const struct charge_answers *answers)
{
    if (answers->item[0].unknown) {
        judge_unknown(p, 0);
        return;
    }
    p->hold = !answers->item[0].over;
    if (!p->hold) {
        p->verdict = p->holding;
        p->verdict.action = VERDICT_DEFER;
    }
}

/* The verdict stands; what is to be held is held at its end, and known by
 * its rule until then. */
static void
finish(struct policy *p)
{
    const struct verdict *why = p->hold ? &p->holding : p->facts->held;

    if (p->verdict.action != VERDICT_CONTINUE)
        return;
    if (p->stage == STAGE_END && why != NULL) {
        p->verdict = *why;
        p->verdict.action = VERDICT_HOLD;
        p->verdict.code = 0;
    } else if (p->hold) {
        p->verdict = p->holding;
        p->verdict.action = VERDICT_CONTINUE;
    }
}

bool
policy_answer(struct policy *p, const struct charge_answers *answers)
{
    bool done = true;

    if (answers != NULL) {
        switch (p->phase) {
        case POLICY_FREE:
            break;
        case POLICY_DESK:
            if (answers->item[0].over || answers->item[0].unknown) {
                add_limits(p);
                done = !p->wants;
            } else {
                p->ordinary = false;
            }
            break;
        case POLICY_LIMITS:
            done = judge_limits(p, answers);
            break;
        case POLICY_HELD:
            judge_hold(p, answers);
            break;
        }
    }
    if (done)
        finish(p);
    return done;
}

bool
policy_refuses(const struct policy *p)
{
    return p->verdict.action == VERDICT_DEFER ||
           p->verdict.action == VERDICT_REJECT;
}

void
policy_count(const struct policy *p, struct facts *facts)
{
    if (p->stage == STAGE_REFUSED) {
        facts->bad += facts->unknown;
    } else if (p->stage == STAGE_RCPT && !policy_refuses(p)) {
        facts->recipients++;
        facts->external += p->external;
        facts->ordinary += p->ordinary;
        facts->counted = facts->counted || p->ordinary;
    }
}
