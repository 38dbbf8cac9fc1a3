/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "milter/step.h"

#include <stdio.h>
#include <string.h>
#include <syslog.h>

#include "milter/counts/ears.h"
#include "milter/detect/detect.h"
#include "milter/lookup/look.h"
#include "milter/now.h"
#include "milter/reply.h"
#include "policy/acts.h"

void
step_begin(struct step *step, SMFICTX *ctx, struct daemon *daemon,
           struct session *session, enum metrics_stage stage)
{
    step->ctx = ctx;
    step->daemon = daemon;
    step->session = session;
    step->stage = stage;
    step->config = NULL;
    step->acts = NULL;
    step->now = now_read();
    step->deadline.ms = step->now.mono.ms + STEP_DEADLINE_MS;
    step->began_us = now_us();
    step->has_scene = step->local = false;
    step->n_receipts = 0;
}

/* ----- judging */

static struct store *
store_of(const struct step *step)
{
    return daemon_store(step->daemon);
}

static void
give_back(struct step *step)
{
    if (step->n_receipts > 0)
        store_refund(store_of(step), step->receipts, step->n_receipts,
                     step->now);
    step->n_receipts = 0;
}

/* Keep the receipts of a round that has been answered. */
static void
keep_receipts(struct step *step)
{
    const struct charge_answers *answers = &step->answers;
    const size_t room = sizeof(step->receipts) / sizeof(step->receipts[0]);

    for (size_t i = 0; i < answers->n && step->n_receipts < room; i++) {
        if (answers->item[i].receipt.n > 0)
            step->receipts[step->n_receipts++] = answers->item[i].receipt;
    }
}

/* What the answers have cost, and who gave them. */
static void
note_answers(struct step *step)
{
    struct message *m = step->session->message;

    if (step->answers.waited && m != NULL)
        m->waits++;
    if (!step->answers.degraded)
        return;
    daemon_count(step->daemon, DAEMON_LOCAL);
    step->local = true;
    if (m != NULL)
        m->local = true;
}

/* Wait for TICKET's answers; that the store is back is told. */
static enum ms_err
collect(struct step *step, struct store_ticket *ticket)
{
    enum ms_err err =
        store_collect(store_of(step), ticket, step->deadline, &step->answers);
    uint64_t without = err == MS_OK ? daemon_store_served(step->daemon) : 0;

    if (err == MS_OK)
        note_answers(step);
    if (without > 0)
        journal_say(daemon_journal(step->daemon), LOG_NOTICE,
                    "store: answers again; %llu decisions went without it",
                    (unsigned long long)without);
    return err;
}

static enum ms_err
charge(struct step *step)
{
    const struct policy *p = &step->policy;
    struct store_ticket *ticket = NULL;
    enum ms_err err =
        store_submit(store_of(step), p->items, p->n_items, step->now, &ticket);

    if (err == MS_OK)
        err = collect(step, ticket);
    if (err == MS_OK && !p->spent)
        keep_receipts(step);
    return err;
}

static void
ask(struct step *step, const struct config *config, enum stage stage)
{
    step->n_receipts = 0;
    step->has_scene = true;
    policy_ask(config, &step->facts, stage, &step->policy);
}

enum ms_err
step_judge(struct step *step, enum stage stage)
{
    struct policy *p = &step->policy;
    enum ms_err err = MS_INVALID; /* of an engine that asks for ever */

    ask(step, step->config, stage);
    if (p->looks)
        look_read(step, LOOKUP_WAIT);
    for (int round = p->looks ? -1 : 0; round < STEP_ROUNDS; round++) {
        bool charged = p->wants;

        err = charged ? charge(step) : MS_OK;
        if (err == MS_OK && charged)
            ears_charged(daemon_ears(step->daemon), p, &step->answers);
        if (err != MS_OK || policy_answer(p, charged ? &step->answers : NULL))
            break;
        err = MS_INVALID;
    }
    if (err != MS_OK || policy_refuses(p))
        give_back(step);
    return err;
}

enum ms_err
step_judge_connect(struct step *step)
{
    struct session *session = step->session;
    struct store_ticket *ticket = session->ticket;
    enum ms_err err = session->connect_err;

    session->ticket = NULL;
    session_facts(session, NULL, session->connected.wall, &step->facts);
    ask(step, session->config, STAGE_CONNECT);
    if (ticket != NULL)
        err = collect(step, ticket);
    if (err == MS_OK) {
        ears_charged(daemon_ears(step->daemon), &step->policy, &step->answers);
        (void)policy_answer(&step->policy, &step->answers);
    }
    return err;
}

enum ms_err
step_note_refused(struct step *step)
{
    struct store_ticket *ticket = NULL;
    struct policy *p = &step->policy;
    enum ms_err err;

    ask(step, step->config, STAGE_REFUSED);
    if (!p->wants)
        return MS_OK;
    err =
        store_submit(store_of(step), p->items, p->n_items, step->now, &ticket);
    if (err == MS_OK)
        store_drop(store_of(step), ticket);
    return err;
}

void
step_look(struct step *step)
{
    scene_make(step->config, &step->facts, &step->policy.scene);
    step->has_scene = true;
    verdict_continue(&step->policy.verdict);
}

/* ----- telling */

/* What is told beside a verdict; NULL: nothing. */
struct words {
    const char *ref;
    const char *error; /* what of our own has failed */
    const char *text;  /* the reply's */
};

static void
tell(struct step *step, const struct verdict *v, enum journal_deed deed,
     struct words words)
{
    const struct session *session = step->session;
    const struct message *m = session != NULL ? session->message : NULL;
    const struct lookups *looked = step->has_scene ? step->facts.lookups : NULL;
    char lists[LOOK_LISTS];
    struct journal_entry entry = {
        .now = step->now,
        .verdict = v,
        .deed = deed,
        .scene = step->has_scene ? &step->policy.scene : NULL,
        .id = m != NULL ? m->id : NULL,
        .client_name = session != NULL ? session->name : NULL,
        .from = m != NULL ? m->facts.sender : NULL,
        .to = step->has_scene ? step->facts.recipient : NULL,
        .spf = looked != NULL ? look_spf(looked) : NULL,
        .lists = looked != NULL ? look_lists(looked, step->config, lists) : "",
        .nrcpt = m != NULL ? m->nrcpt : 0,
        .ref = words.ref,
        .error = words.error,
        .store = step->local ? "local" : NULL,
        .took_us = now_us() - step->began_us,
    };

    daemon_count_verdict(step->daemon, v, deed);
    journal_decide(daemon_journal(step->daemon), &entry);
    ears_decision(daemon_ears(step->daemon), step->stage, &entry, words.text);
}

/* Enforcing would have refused what is let through now. */
static void
doubt(struct step *step)
{
    struct message *m = step->session != NULL ? step->session->message : NULL;

    if (m != NULL && step->stage == METRICS_RCPT)
        m->would++;
    else if (m != NULL)
        m->doubted = true;
}

/* How many recipients V has refused: at the end of a message, all. */
static void
count_refused(struct step *step, const struct verdict *v)
{
    const struct message *m =
        step->session != NULL ? step->session->message : NULL;
    uint32_t n = 1;

    if (step->stage == METRICS_END && m != NULL && m->nrcpt > 0)
        n = m->nrcpt;
    ears_refused(
        daemon_ears(step->daemon), step->has_scene ? &step->policy.scene : NULL,
        v->action == VERDICT_REJECT ? HISTORY_REJECTED : HISTORY_DEFERRED, n,
        step->now.wall);
}

/* Trials, warnings, and a domain that the operator may have forgotten. */
static void
tell_besides(struct step *step)
{
    struct journal *journal = daemon_journal(step->daemon);
    const struct policy *p = &step->policy;

    for (size_t i = 0; i < p->n_would; i++)
        tell(step, &p->would[i], JOURNAL_WOULD, (struct words){0});
    for (size_t i = 0; i < p->n_warnings; i++)
        journal_warn(journal, &p->warning[i], step->now);
    if (p->unlisted)
        journal_unlisted(journal, p->recipient.domain, step->now);
}

static sfsistat
refuse(struct step *step, const struct verdict *v, const char *error)
{
    char ref[JOURNAL_REF], text[VERDICT_TEXT];

    journal_ref(daemon_journal(step->daemon), ref);
    if (step->has_scene)
        verdict_text(v, step->config, &step->policy.scene,
                     step->facts.recipient, ref, text);
    else
        (void)snprintf(text, sizeof(text), "%.400s (ref %s)", v->reason, ref);
    tell(step, v, JOURNAL_DONE, (struct words){ref, error, text});
    count_refused(step, v);
    return reply_set(step->ctx, v, text);
}

static void
tell_would(struct step *step, const struct verdict *v, const char *error)
{
    tell(step, v, JOURNAL_WOULD, (struct words){.error = error});
}

static bool
is_refusal(const struct verdict *v)
{
    return v->action == VERDICT_DEFER || v->action == VERDICT_REJECT;
}

sfsistat
step_answer(struct step *step)
{
    const struct verdict *v = &step->policy.verdict;

    tell_besides(step);
    if (v->observed || (step->policy.n_would > 0 && !is_refusal(v)))
        doubt(step);
    switch (v->action) {
    case VERDICT_CONTINUE:
        return SMFIS_CONTINUE;
    case VERDICT_HOLD:
        if (v->observed)
            tell_would(step, v, NULL);
        return SMFIS_CONTINUE;
    case VERDICT_ACCEPT:
        tell(step, v, JOURNAL_DONE, (struct words){0});
        return SMFIS_ACCEPT;
    case VERDICT_DEFER:
    case VERDICT_REJECT:
        break;
    }
    if (!v->observed)
        return refuse(step, v, NULL);
    tell_would(step, v, NULL);
    return SMFIS_CONTINUE;
}

static void
note_one(struct step *step, enum crowd_of kind, const char *name)
{
    static const char *const kinds[CROWD_KINDS] = {
        [CROWD_HELO] = "helo",
        [CROWD_DOMAINS] = "domains",
    };
    const struct scene *scene = &step->policy.scene;
    unsigned n;

    if (crowd_note(daemon_crowd(step->daemon), kind, scene->client, name,
                   step->now.mono, &n))
        journal_crowd(daemon_journal(step->daemon), scene, kinds[kind], n,
                      step->now);
}

void
step_note_crowd(struct step *step)
{
    const struct scene *scene = &step->policy.scene;
    const struct address *sender = &scene->sender_parsed;
    const struct network *network = scene->network;
    bool many;

    if (scene->kind != KIND_RELAY || network == NULL)
        return;
    many = network->class == CLASS_GATEWAY || network->class == CLASS_LIST;
    if (step->session->helo[0] != '\0' &&
        (!many || network->origin.file == NULL))
        note_one(step, CROWD_HELO, step->session->helo);
    if (!many && sender->form == ADDRESS_DOMAIN &&
        !domains_has(step->config->domains, sender->domain))
        note_one(step, CROWD_DOMAINS, sender->domain);
}

void
step_note_macro(struct step *step, enum sights_macro macro, const char *value)
{
    ears_macro(daemon_ears(step->daemon), &step->policy.scene, macro, value);
}

/* ----- failures of our own */

static const char *
err_name(enum ms_err err)
{
    switch (err) {
    case MS_OK:
        break;
    case MS_INVALID:
        return "invalid";
    case MS_NOMEM:
        return "memory";
    case MS_UNAVAIL:
        return "unavailable";
    case MS_TIMEOUT:
        return "timeout";
    case MS_BUSY:
        return "busy";
    case MS_VERSION:
        return "version";
    }
    return "yes";
}

/* The verdict on FAULT, were it acted upon. */
static void
fault_verdict(enum step_fault fault, struct verdict *v)
{
    static const struct {
        const char *rule, *enhanced, *reason;
    } faults[] = {
        [STEP_STORE] = {"error.store", "4.3.0",
                        "Local problem; try again later"},
        [STEP_MEMORY] = {"error.memory", "4.3.0",
                         "Local problem; try again later"},
        [STEP_NOTE] = {"error.store", "4.3.0", ""},
        [STEP_ORDER] = {"error.order", "4.3.0",
                        "Local problem; try again later"},
        [STEP_FULL] = {"error.sessions", "4.3.2",
                       "Too many connections at once; try again later"},
    };

    verdict_continue(v);
    v->action = VERDICT_DEFER;
    v->code = 451;
    (void)snprintf(v->enhanced, sizeof(v->enhanced), "%s",
                   faults[fault].enhanced);
    (void)snprintf(v->rule, sizeof(v->rule), "%s", faults[fault].rule);
    v->reason = faults[fault].reason;
}

/* Do the operators want to see only what would be? */
static bool
observes(const struct step *step)
{
    return acts_mode(step->acts, step->config->mode, step->now.wall, NULL) ==
               MODE_OBSERVE ||
           (step->has_scene && step->policy.scene.mode == MODE_OBSERVE);
}

sfsistat
step_fail(struct step *step, enum step_fault fault, enum ms_err err)
{
    struct verdict v;

    daemon_count(step->daemon,
                 fault == STEP_FULL ? DAEMON_CAPPED : DAEMON_ERROR);
    if ((fault == STEP_STORE || fault == STEP_NOTE) &&
        daemon_store_failed(step->daemon))
        journal_say(daemon_journal(step->daemon), LOG_ERR,
                    "store: does not answer (%s)", err_name(err));
    fault_verdict(fault, &v);
    if (observes(step)) {
        tell_would(step, &v, err_name(err));
        doubt(step);
        return SMFIS_CONTINUE;
    }
    /* Relay and port rules have been passed before a store is asked. */
    if (fault == STEP_NOTE ||
        (fault == STEP_STORE && step->config->on_error == ON_ERROR_ACCEPT)) {
        v.action = VERDICT_CONTINUE;
        tell(step, &v, JOURNAL_DONE, (struct words){.error = err_name(err)});
        return SMFIS_CONTINUE;
    }
    return refuse(step, &v, err_name(err));
}

/* ----- the end of a message */

/* libmilter's argument is not const, though it does not change it. */
static bool
quarantine(SMFICTX *ctx, const char *reason)
{
    return smfi_quarantine(ctx, (char *)(uintptr_t)reason) == MI_SUCCESS;
}

/* Has a filter said something of the message in a header that is read? */
static enum sights_verdict
verdict_of(const struct session *session)
{
    const struct message *m = session->message;

    if (!m->watched || m->config->verdict.n_headers == 0)
        return SIGHTS_NOT_ASKED;
    return message_flag(session) == FLAG_NONE ? SIGHTS_NO_VERDICT
                                              : SIGHTS_VERDICT;
}

static void
count_message(struct step *step, enum history_outcome outcome)
{
    const struct message *m = step->session->message;
    const struct ears_message message = {
        .outcome = outcome,
        .recipients = m->nrcpt,
        .would = m->doubted ? m->nrcpt : m->would,
        .external = m->facts.external,
        .bytes = step->facts.bytes,
        .port = step->session->daemon_port,
        .verdict = verdict_of(step->session),
    };

    ears_message(daemon_ears(step->daemon), &step->policy.scene, &message);
}

/* Which of the two it is, by what it says or, where it says nothing, by the
 * form of its queue ids: Sendmail's are eight letters and digits, then a
 * number of six. */
static enum held_mta
mta_of(const struct session *session)
{
    const char *said = session->mta, *id = session->message->id;

    if (said[0] != '\0')
        return said[0] >= '0' && said[0] <= '9' ? HELD_SENDMAIL : HELD_POSTFIX;
    return strlen(id) >= 14 && strspn(id + 8, "0123456789") == strlen(id) - 8
               ? HELD_SENDMAIL
               : HELD_POSTFIX;
}

/* Have it remembered for whose sake the message is held. */
static void
note_held(struct step *step, const struct verdict *v)
{
    struct detect *detect = daemon_ears(step->daemon)->detect;
    const struct session *session = step->session;
    const struct message *m = session->message;
    struct held held = {.at_s = step->now.wall.s,
                        .mta = mta_of(session),
                        .has_from = m->facts.sender != NULL,
                        .nrcpt = m->nrcpt};
    char subject[SUBJECT_TEXT] = "";

    if (detect == NULL || m->id[0] == '\0')
        return;
    (void)snprintf(held.id, sizeof(held.id), "%.*s", (int)sizeof(held.id) - 1,
                   m->id);
    (void)snprintf(held.rule, sizeof(held.rule), "%.*s",
                   (int)sizeof(held.rule) - 1, v->rule);
    if (v->subject.kind != SUBJECT_KINDS)
        (void)subject_print(&v->subject, subject);
    decision_subject(subject, held.subject);
    if (held.has_from)
        (void)snprintf(held.from, sizeof(held.from), "%.*s",
                       (int)sizeof(held.from) - 1, step->policy.scene.sender);
    detect_note_held(detect, &held);
}

sfsistat
step_hold(struct step *step)
{
    struct verdict *v = &step->policy.verdict;
    char ref[JOURNAL_REF], reason[VERDICT_RULE + 64];

    if (v->observed)
        return SMFIS_CONTINUE;
    journal_ref(daemon_journal(step->daemon), ref);
    (void)snprintf(reason, sizeof(reason), "mortsafe %.*s (ref %s)",
                   VERDICT_RULE, v->rule, ref);
    if (quarantine(step->ctx, reason)) {
        tell(step, v, JOURNAL_DONE, (struct words){.ref = ref});
        count_message(step, HISTORY_HELD);
        note_held(step, v);
        return SMFIS_CONTINUE;
    }
    v->action = VERDICT_DEFER;
    v->code = 451;
    (void)snprintf(v->enhanced, sizeof(v->enhanced), "4.3.0");
    return refuse(step, v, "quarantine");
}

void
step_accepted(struct step *step)
{
    const struct message *m = step->session->message;
    struct verdict v;

    daemon_count_accepted(step->daemon, m->waits);
    step->local = m->local; /* that of any step is the message's */
    verdict_continue(&v);
    tell(step, &v, JOURNAL_DONE, (struct words){0});
    count_message(step, HISTORY_ACCEPTED);
}
