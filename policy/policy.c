/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "policy/policy.h"

#include <stdio.h>
#include <string.h>

#include "policy/excess.h"
#include "policy/lookups.h"
#include "policy/needs.h"
#include "policy/quarantine.h"
#include "policy/relay.h"
#include "policy/ruling.h"
#include "policy/zombie.h"

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

/* Mail to postmaster, abuse and `support_rcpt` passes standings and limits, up
 * to a limit of its own. */
static bool
is_help_mail(const struct policy *p)
{
    return zombie_is_help(p->config, &p->recipient, p->external);
}

/* ----- standings */

/* The first rule of zombies that acts decides; those that observe are told. */
static void
judge_standing(struct policy *p, const struct verdict *v)
{
    if (v->zombie->mode != MODE_ENFORCE)
        excess_try(p, v);
    else if (v->action == VERDICT_HOLD && p->holding.zombie == NULL)
        p->holding = *v;
    else if (v->action != VERDICT_HOLD && p->verdict.action == VERDICT_CONTINUE)
        p->verdict = *v;
}

/* ----- the two steps */

static void
begin(struct policy *p, const struct config *config, const struct facts *facts,
      enum stage stage)
{
    p->stage = stage;
    p->wants = p->looks = p->put_off = false;
    p->n_items = p->n_subjects = 0;
    p->n_would = p->n_warnings = 0;
    p->external = p->ordinary = p->unlisted = p->hold = false;
    p->spent = false;
    p->n_judged = p->n_seen = 0;
    p->throttled = NULL;
    p->phase = POLICY_FREE;
    p->config = config;
    p->facts = facts;
    p->recipient.form = ADDRESS_NULL;
    scene_make(config, facts, &p->scene);
    verdict_continue(&p->verdict);
    verdict_continue(&p->holding);
    verdict_continue(&p->stopped);
}

static void
ask_rcpt(struct policy *p)
{
    const bool help = is_help_mail(p);

    p->ordinary = true;
    if (p->scene.kind == KIND_LOCAL) /* its end asks */
        p->ordinary = !help;
    else if (!help)
        needs_ask(p, NEEDS_LIMITS | NEEDS_ZOMBIES);
    else if (!needs_desk(p))
        needs_ask(p, NEEDS_LIMITS);
}

/* What the DNS says of a stranger goes before standings and limits, so that
 * nothing is charged for what it refuses.  Help mail passes. */
static void
begin_rcpt(struct policy *p)
{
    p->looks = p->facts->lookups != NULL && lookups_any(p->facts->lookups) &&
               !is_help_mail(p);
    if (p->looks)
        p->phase = POLICY_LOOKUPS;
    else
        ask_rcpt(p);
}

/* False: it is nothing against it, and more is to be asked. */
static bool
judge_lookups(struct policy *p)
{
    p->looks = false;
    p->phase = POLICY_FREE;
    lookups_judge(p);
    if (p->verdict.action == VERDICT_CONTINUE)
        ask_rcpt(p);
    return !p->wants;
}

/* A filter flags what a throttled sender was let begin; false: refused. */
static bool
pass_flagged(struct policy *p)
{
    const struct zombie *zombie = p->facts->throttled;
    struct subject subject;
    struct verdict v;

    if (zombie == NULL || p->facts->flag != FLAG_SPAM ||
        !zombie_subject(zombie, &p->scene, &subject))
        return true;
    quarantine_flag(p, zombie, &subject, &v);
    judge_standing(p, &v);
    return p->verdict.action == VERDICT_CONTINUE;
}

/* Mail to this machine's own domains alone is counted by no limit; a message
 * to those alone who help is not stopped. */
static void
ask_end(struct policy *p)
{
    const struct facts *facts = p->facts;

    if (p->scene.kind == KIND_LOCAL)
        needs_ask(p, (facts->external > 0 ? NEEDS_LIMITS : 0) |
                         (facts->ordinary > 0 ? NEEDS_ZOMBIES : 0));
    else if (facts->ordinary > 0 && pass_flagged(p))
        needs_ask(p, NEEDS_LIMITS);
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
        needs_ask(p, NEEDS_LIMITS);
        break;
    case STAGE_MAIL:
        if (ruling_mail(config, facts, &p->scene, &p->verdict) &&
            p->scene.kind != KIND_LOCAL)
            needs_ask(p, NEEDS_LIMITS | NEEDS_ZOMBIES);
        break;
    case STAGE_RCPT:
        if (read_recipient(p))
            begin_rcpt(p);
        break;
    case STAGE_END:
        ask_end(p);
        break;
    }
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

    excess_verdict(p, &v, limit, p->source[i].rate, answer->used,
                   excess_retry_s(p, i, answer->room_ms), item->subject);
    if (limit->mode == MODE_OBSERVE)
        excess_try(p, &v);
    else if (v.action == VERDICT_HOLD)
        excess_hold(p, &v);
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
    excess_unknown(p, limit, p->items[i].subject, &v);
    if (weighs_more(&v, &p->verdict))
        p->verdict = v;
}

/* What the limits' ANSWERS come to. */
static void
judge_limits(struct policy *p, const struct charge_answers *answers)
{
    for (size_t i = 0; i < answers->n && i < p->n_items; i++) {
        if (p->source[i].limit == NULL)
            continue;
        note_warning(p, i, &answers->item[i]);
        if (p->stage == STAGE_REFUSED)
            continue; /* nobody waits for a verdict */
        if (answers->item[i].unknown)
            judge_unknown(p, i);
        else if (answers->item[i].over)
            judge_item(p, i, &answers->item[i]);
    }
}

/* At MAIL, who is quarantined may still reach help: RCPT tells. */
static void
judge_stopped(struct policy *p, const struct verdict *v)
{
    if (p->stage != STAGE_MAIL)
        judge_standing(p, v);
    else if (v->zombie->mode == MODE_ENFORCE && v->action != VERDICT_HOLD &&
             p->stopped.action == VERDICT_CONTINUE)
        p->stopped = *v;
}

static void
judge_throttled(struct policy *p, const struct zombie *zombie,
                const struct subject *subject,
                const struct charge_answer *answer)
{
    struct verdict v;

    if (p->throttled == NULL || p->throttled->mode != MODE_ENFORCE)
        p->throttled = zombie;
    if (p->stage == STAGE_RCPT && answer->over)
        quarantine_slow(p, zombie, subject, answer, &v);
    else if (p->stage == STAGE_END && p->facts->flag == FLAG_SPAM)
        quarantine_flag(p, zombie, subject, &v);
    else
        return;
    judge_standing(p, &v);
}

/* What the standings among ANSWERS come to: those who are quarantined first.
 */
static void
judge_zombies(struct policy *p, const struct charge_answers *answers)
{
    struct verdict v;

    for (size_t i = 0; i < p->n_judged; i++) {
        struct policy_judged *judged = &p->judged[i];

        if (judged->item >= answers->n)
            continue;
        judged->standing = answers->item[judged->item].standing;
        if (judged->standing != STANDING_QUARANTINED)
            continue;
        quarantine_stop(p, judged->zombie, p->items[judged->item].subject, &v);
        judge_stopped(p, &v);
    }
    for (size_t i = 0; i < p->n_judged; i++) {
        const struct policy_judged *judged = &p->judged[i];

        if (judged->standing == STANDING_THROTTLED)
            judge_throttled(p, judged->zombie, p->items[judged->item].subject,
                            &answers->item[judged->item]);
    }
}

/* Who is new.  While the store is away nobody can say: this host has not seen
 * all, and its first sight is not the first. */
static void
read_seen(struct policy *p, const struct charge_answers *answers)
{
    size_t n = 0;

    for (size_t i = 0; i < p->n_seen && !answers->degraded; i++) {
        if (p->seen_item[i] >= answers->n ||
            answers->item[p->seen_item[i]].unknown)
            continue;
        p->seen[n].limit = p->seen[i].limit;
        p->seen[n++].first_s = answers->item[p->seen_item[i]].first_s;
    }
    p->n_seen = n;
}

/* What standings and limits come to: a standing goes before; false: more is to
 * be asked. */
static bool
judge_all(struct policy *p, const struct charge_answers *answers)
{
    judge_zombies(p, answers);
    read_seen(p, answers);
    if (p->verdict.action == VERDICT_CONTINUE)
        judge_limits(p, answers);
    if (p->scene.kind == KIND_LOCAL) { /* nobody is there to be told */
        if (p->verdict.action != VERDICT_CONTINUE && p->holding.zombie == NULL)
            p->holding = p->verdict;
        p->verdict.action = VERDICT_CONTINUE;
        p->hold = p->holding.action != VERDICT_CONTINUE;
        return true;
    }
    return p->verdict.action != VERDICT_CONTINUE ||
           !(needs_help(p) || needs_room(p));
}

/* The answer to needs_help(): the first was from memory perhaps, and the
 * sender is released by now. */
static void
judge_help(struct policy *p, const struct charge_answers *answers)
{
    if (answers->item[0].over &&
        answers->item[0].standing == STANDING_QUARANTINED)
        p->verdict = p->stopped;
}

/* The answer to needs_room(). */
static void
judge_hold(struct policy *p, const struct charge_answers *answers)
{
    if (answers->item[0].unknown) {
        judge_unknown(p, 0);
        return;
    }
    p->hold = true;
    for (size_t i = 0; i < answers->n; i++)
        p->hold = p->hold && !answers->item[i].over;
    if (!p->hold) {
        p->verdict = p->holding;
        quarantine_overflow(&p->verdict);
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

    if (p->phase == POLICY_LOOKUPS) {
        done = judge_lookups(p);
    } else if (answers != NULL) {
        switch (p->phase) {
        case POLICY_FREE:
        case POLICY_LOOKUPS:
            break;
        case POLICY_DESK:
            if (answers->item[0].over || answers->item[0].unknown) {
                needs_ask(p, NEEDS_LIMITS | NEEDS_ZOMBIES);
                done = !p->wants;
            } else {
                p->ordinary = false;
            }
            break;
        case POLICY_LIMITS:
            done = judge_all(p, answers);
            break;
        case POLICY_HELP:
            judge_help(p, answers);
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

/* An acting rule goes before one that only observes. */
static void
note_throttled(const struct policy *p, struct facts *facts)
{
    if (p->ordinary && p->throttled != NULL &&
        (facts->throttled == NULL || facts->throttled->mode != MODE_ENFORCE))
        facts->throttled = p->throttled;
}

void
policy_count(const struct policy *p, struct facts *facts)
{
    if (p->stage == STAGE_REFUSED) {
        facts->bad += facts->unknown;
    } else if (p->stage == STAGE_MAIL && !policy_refuses(p)) {
        memcpy(facts->seen, p->seen, p->n_seen * sizeof(p->seen[0]));
        facts->n_seen = p->n_seen;
    } else if (p->stage == STAGE_RCPT && !policy_refuses(p)) {
        facts->recipients++;
        facts->external += p->external;
        facts->ordinary += p->ordinary;
        facts->counted = facts->counted || p->ordinary;
        note_throttled(p, facts);
    }
}
