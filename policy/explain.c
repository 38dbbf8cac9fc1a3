/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/explain.c - a session that did not happen: every stage is asked of
 * the engine as the daemon asks it, but the store is only looked at.  What the
 * message itself would have counted at earlier stages is added to each look.
 */
#include <config.h>

#include "policy/explain.h"

#include <string.h>

#include "policy/excess.h"
#include "policy/explain_say.h"
#include "policy/window.h"

enum {
    ROUNDS = 5 /* of one stage: look-ups, desk, limits, help or held, one to
                  spare */
};

const char *
explain_outcome_name(enum explain_outcome outcome)
{
    switch (outcome) {
    case EXPLAIN_INFO:
        return "info";
    case EXPLAIN_PASS:
        return "pass";
    case EXPLAIN_REFUSE:
        return "refuse";
    case EXPLAIN_WOULD:
        return "would";
    case EXPLAIN_SKIP:
        return "skip";
    }
    return "";
}

const char *
explain_stage_name(enum stage stage)
{
    switch (stage) {
    case STAGE_CONNECT:
        return "connect";
    case STAGE_MAIL:
        return "mail";
    case STAGE_RCPT:
        return "rcpt";
    case STAGE_REFUSED:
        return "refused";
    case STAGE_END:
        return "end";
    }
    return "";
}

/* ----- looking */

static uint32_t
add(uint32_t a, uint32_t b)
{
    return a > UINT32_MAX - b ? UINT32_MAX : a + b;
}

/* What this message would have counted in WINDOW before this stage. */
static uint32_t
own_count(const struct explanation *e, uint64_t window)
{
    for (size_t i = 0; i < e->n_own; i++)
        if (e->own[i].window == window)
            return e->own[i].n;
    return 0;
}

static void
add_own(struct explanation *e, uint64_t window, uint32_t n)
{
    size_t i = 0;

    while (i < e->n_own && e->own[i].window != window)
        i++;
    if (i == EXPLAIN_LOOKS)
        return;
    if (i == e->n_own) {
        e->own[e->n_own].window = window;
        e->own[e->n_own++].n = 0;
    }
    e->own[i].n = add(e->own[i].n, n);
}

/* The engine's items as looks. */
static void
make_looks(const struct explanation *e, struct charge_item *items)
{
    for (size_t i = 0; i < e->p.n_items; i++) {
        items[i] = e->p.items[i];
        items[i].kind = CHARGE_LOOK;
        items[i].early = items[i].returned = false;
        items[i].n = add(items[i].n, own_count(e, items[i].window));
    }
}

/*
 * An answer about this message and what it has counted before, as one about
 * this stage: if they do not fit together, but this would alone, the first
 * must go before there is room.
 */
static void
mend_answer(const struct charge_item *item, const struct charge_item *asked,
            struct charge_answer *answer)
{
    if (answer->over && answer->room_ms == UINT64_MAX &&
        item->n <= item->limit && asked->n > item->n)
        answer->room_ms =
            1000 * ((uint64_t)item->span_s + window_slice_s(item->span_s));
}

static void
note_look(struct explanation *e, size_t i, const struct charge_item *asked,
          const struct charge_answer *answer)
{
    const struct charge_item *item = &e->p.items[i];
    struct explain_look *look;

    if (e->n_looks == EXPLAIN_LOOKS)
        return;
    look = &e->look[e->n_looks++];
    *look = (struct explain_look){
        .window = item->window,
        .limit = e->p.source[i].limit,
        .rate = e->p.source[i].rate,
        .n = item->n,
        .over = answer->over,
        .unknown = answer->unknown,
        .held = e->p.phase == POLICY_HELD,
        .used = answer->used > asked->n ? answer->used - asked->n : 0,
        .own = asked->n - item->n,
        .room_s = excess_retry_s(&e->p, i, answer->room_ms),
    };
    look->kept = item->kind == CHARGE_NOTE ||
                 (item->kind == CHARGE_TAKE && !answer->over);
}

static uint64_t
seconds(uint64_t ms)
{
    return ms == UINT64_MAX ? UINT64_MAX : ms / 1000 + (ms % 1000 != 0);
}

/* How those stand whom the engine asks about in this round. */
static void
note_stands(struct explanation *e, const struct charge_item *asked,
            const struct charge_answers *answers)
{
    for (size_t i = 0; i < e->p.n_judged; i++) {
        const size_t at = e->p.judged[i].item;
        const struct charge_answer *answer;

        if (at >= answers->n || e->n_stands == POLICY_JUDGED)
            continue;
        answer = &answers->item[at];
        e->stand[e->n_stands++] = (struct explain_stand){
            .zombie = e->p.judged[i].zombie,
            .subject = *e->p.items[at].subject,
            .standing = answer->standing,
            .throttle = answer->throttle,
            .used = answer->used > asked[at].n ? answer->used - asked[at].n : 0,
            .over = asked[at].throttled && answer->over,
            .room_s = seconds(answer->room_ms),
        };
    }
}

/* Answer what the engine wants to know; ANSWERS is NULL if nobody can. */
static enum ms_err
look(struct explanation *e, struct charge_answers *answers)
{
    struct charge_item items[CHARGE_ITEMS];
    enum ms_err err;

    make_looks(e, items);
    err = e->asked->look(e->asked->arg, items, e->p.n_items, answers);
    if (err != MS_OK)
        return err;
    for (size_t i = 0; i < e->p.n_items && i < answers->n; i++) {
        mend_answer(&e->p.items[i], &items[i], &answers->item[i]);
        note_look(e, i, &items[i], &answers->item[i]);
    }
    note_stands(e, items, answers);
    return MS_OK;
}

/* ----- one stage */

/* What a stage that refuses nothing has counted is the message's own. */
static void
keep_counts(struct explanation *e)
{
    for (size_t i = 0; i < e->n_looks; i++)
        if (e->look[i].kept)
            add_own(e, e->look[i].window, e->look[i].n);
}

/* Ask STAGE of the engine until its verdict stands. */
static enum ms_err
judge(struct explanation *e, enum stage stage)
{
    struct charge_answers answers;
    enum ms_err err = MS_OK;
    bool done = false;

    e->stage = stage;
    e->n_looks = e->n_stands = 0;
    policy_ask(e->asked->config, &e->facts, stage, &e->p);
    for (int round = 0; round < ROUNDS && err == MS_OK && !done; round++) {
        const bool looks = e->p.wants && e->asked->look != NULL;

        if (looks)
            err = look(e, &answers);
        if (err == MS_OK)
            done = policy_answer(&e->p, looks ? &answers : NULL);
    }
    if (err == MS_OK && !policy_refuses(&e->p))
        keep_counts(e);
    return err;
}

/* V is met at STAGE, unless one was before. */
static void
meet(struct explanation *e, const struct verdict *v, enum stage stage)
{
    if (e->first.action != VERDICT_CONTINUE || v->action == VERDICT_CONTINUE)
        return;
    e->first = *v;
    e->first_stage = stage;
}

/* ----- the session */

/* At CONNECT nobody has logged in or said a sender yet. */
static enum ms_err
walk_connect(struct explanation *e, struct verdict *out)
{
    enum ms_err err;

    e->facts.tls = false;
    e->facts.login = e->facts.login_type = e->facts.sender = NULL;
    e->facts.size = 0;
    err = judge(e, STAGE_CONNECT);
    e->facts.tls = e->asked->facts.tls;
    e->facts.login = e->asked->facts.login;
    e->facts.login_type = e->asked->facts.login_type;
    e->facts.sender = e->asked->facts.sender;
    e->facts.size = e->asked->facts.size;
    if (err != MS_OK)
        return err;
    explain_connection(e);
    if (e->p.verdict.action == VERDICT_ACCEPT)
        meet(e, &e->p.verdict, STAGE_CONNECT);
    else
        explain_limits(e);
    *out = e->p.verdict;
    return MS_OK;
}

/* What was asked at CONNECT is answered at MAIL, behind MAIL's own rules. */
static enum ms_err
walk_mail(struct explanation *e, const struct verdict *connect)
{
    const enum ms_err err = judge(e, STAGE_MAIL);

    if (err != MS_OK)
        return err;
    explain_mail(e);
    if (!policy_refuses(&e->p) || e->p.verdict.limit != NULL ||
        e->p.verdict.zombie != NULL || e->p.verdict.failed) {
        explain_zombies(e);
        explain_limits(e);
    }
    policy_count(&e->p, &e->facts);
    if (policy_refuses(&e->p))
        meet(e, &e->p.verdict, STAGE_MAIL);
    meet(e, connect, STAGE_CONNECT);
    return MS_OK;
}

static enum ms_err
walk_recipient(struct explanation *e, const char *recipient)
{
    enum ms_err err;

    e->facts.recipient = e->recipient = recipient;
    err = judge(e, STAGE_RCPT);
    if (err != MS_OK)
        return err;
    explain_recipient(e);
    explain_lookups(e);
    explain_zombies(e);
    explain_limits(e);
    if (policy_refuses(&e->p)) {
        meet(e, &e->p.verdict, STAGE_RCPT);
        e->n_refused++;
    }
    policy_count(&e->p, &e->facts);
    if (e->p.hold) {
        e->held = e->p.verdict;
        e->facts.held = &e->held;
    }
    return MS_OK;
}

static enum ms_err
walk_end(struct explanation *e)
{
    enum ms_err err;

    e->recipient = e->facts.recipient = NULL;
    if (e->facts.bytes == 0)
        e->facts.bytes = e->facts.size;
    err = judge(e, STAGE_END);
    if (err != MS_OK)
        return err;
    explain_zombies(e);
    explain_limits(e);
    explain_idle_limits(e);
    meet(e, &e->p.verdict, STAGE_END);
    return MS_OK;
}

/* Up to where the client is stopped, be it only as far as is observed. */
static enum ms_err
walk(struct explanation *e)
{
    const struct explain_asked *asked = e->asked;
    struct verdict connect;
    enum ms_err err = walk_connect(e, &connect);

    if (err == MS_OK && e->first.action == VERDICT_CONTINUE)
        err = walk_mail(e, &connect);
    if (err != MS_OK || e->first.action != VERDICT_CONTINUE ||
        asked->n_recipients == 0)
        return err;
    for (size_t i = 0; i < asked->n_recipients && err == MS_OK; i++)
        err = walk_recipient(e, asked->recipients[i]);
    if (err == MS_OK && e->facts.recipients > 0)
        err = walk_end(e);
    return err;
}

/* ----- what it comes to */

static const char *
moment(enum stage stage)
{
    switch (stage) {
    case STAGE_CONNECT: /* it is answered there */
    case STAGE_MAIL:
        return "MAIL";
    case STAGE_RCPT:
    case STAGE_REFUSED:
        return "RCPT";
    case STAGE_END:
        break;
    }
    return "the end of the message";
}

static void
say_verdict(struct explanation *e, const struct verdict *v)
{
    const char *would = v->observed ? "would be " : "";

    switch (v->action) {
    case VERDICT_CONTINUE:
        explain_say(e, e->asked->n_recipients == 0
                           ? "nothing against this session up to MAIL"
                           : "the message is accepted");
        break;
    case VERDICT_ACCEPT:
        explain_say(e, "the session is let through unlooked at");
        break;
    case VERDICT_DEFER:
        explain_say(e, "%sput off at %s with %u %s: the client tries again",
                    would, moment(e->first_stage), (unsigned)v->code,
                    v->enhanced);
        break;
    case VERDICT_REJECT:
        explain_say(e, "%srefused at %s with %u %s", would,
                    moment(e->first_stage), (unsigned)v->code, v->enhanced);
        break;
    case VERDICT_HOLD:
        explain_say(e, "%saccepted and held for an operator", would);
        break;
    }
    if (e->n_refused > 0 && e->n_refused < e->asked->n_recipients)
        explain_say(e, " (%zu of %zu recipients)", e->n_refused,
                    e->asked->n_recipients);
}

static void
tell_verdict(struct explanation *e)
{
    const struct verdict *v = &e->first;
    enum explain_outcome outcome = EXPLAIN_REFUSE;

    if (v->action != VERDICT_CONTINUE)
        e->stage = e->first_stage;
    e->recipient = NULL;
    explain_begin(e, v->rule[0] != '\0' ? v->rule : "verdict",
                  v->limit != NULL    ? v->limit->origin
                  : v->zombie != NULL ? v->zombie->origin
                  : v->list != NULL   ? v->list->origin
                                      : e->first_origin);
    say_verdict(e, v);
    if (v->action == VERDICT_CONTINUE || v->action == VERDICT_ACCEPT)
        outcome = EXPLAIN_PASS;
    else if (v->observed)
        outcome = EXPLAIN_WOULD;
    explain_end(e, outcome);
}

enum ms_err
policy_explain(const struct explain_asked *asked,
               void (*each)(void *to, const struct explain_step *step),
               void *to, struct verdict *out, enum stage *stage)
{
    struct explanation e;
    enum ms_err err;

    e.asked = asked;
    e.each = each;
    e.to = to;
    e.facts = asked->facts;
    e.facts.recipient = e.recipient = NULL;
    e.facts.rcpt_mailer = NULL;
    e.facts.refused = e.facts.unknown = false;
    e.n_looks = e.n_stands = e.n_own = e.n_refused = 0;
    e.shown_zombies = 0;
    e.shown_lookups = false;
    memset(e.shown, 0, sizeof e.shown);
    verdict_continue(&e.first);
    e.first_stage = STAGE_MAIL;
    e.first_origin = (struct origin){NULL, 0, 0};
    err = walk(&e);
    if (err != MS_OK)
        return err;
    tell_verdict(&e);
    *out = e.first;
    *stage = e.stage;
    return MS_OK;
}
