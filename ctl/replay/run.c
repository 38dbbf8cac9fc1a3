/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "ctl/replay/run.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/detector/detector.h"
#include "policy/policy.h"
#include "policy/store/memory.h"
#include "policy/store/store.h"
#include "policy/zombie.h"

enum {
    RECIPIENTS = 1000, /* hashes of one message; more only count */
    TELL_EVERY = 512,
    ROUNDS = 4
};
#define MEMORY ((uint64_t)1 << 30)

/* All that a replay needs, some hundred KB. */
struct run {
    const struct history *history;
    const struct config *config;
    struct findings *findings;
    struct store *store;
    struct store_time now;
    struct facts facts;
    struct policy policy;
    struct charge_answers answers;
    struct verdict held;
    union {
        struct sockaddr sa;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
    } client;
    char sender[MAILLOG_ADDRESS + 3], recipient[MAILLOG_ADDRESS + 3];
    char port[8];
    uint64_t hash[RECIPIENTS];
    size_t n_hash;
    struct detector_event event;
    const struct zombie *zombie; /* whose rule judges now */
    struct subject subject;
    struct detector_tuning tuning;
    bool changed;
    struct evidence evidence;
};

static const char *
text(const struct run *run, uint32_t number)
{
    return strings_text(run->history->strings, number);
}

/* Numbers that are told apart in every bit. */
static uint64_t
spread(uint64_t n)
{
    n = (n + UINT64_C(0x9E3779B97F4A7C15)) * UINT64_C(0xBF58476D1CE4E5B9);
    n = (n ^ n >> 29) * UINT64_C(0x94D049BB133111EB);
    return n ^ n >> 32;
}

/* ----- one step of a message */

static bool
is_stop(const struct verdict *v)
{
    return v->action == VERDICT_DEFER || v->action == VERDICT_REJECT ||
           v->action == VERDICT_HOLD;
}

static enum ms_err
note_stop(struct run *run, const struct verdict *v)
{
    struct subject subject = v->subject;
    const char *user = run->policy.scene.user;
    char host[PREFIX_TEXT];

    if (subject.kind == SUBJECT_KINDS &&
        !(run->policy.scene.kind == KIND_LOGIN &&
          subject_make(SUBJECT_USER, user, &subject)))
        (void)subject_make(
            SUBJECT_CLIENT,
            prefix_print(prefix_cut(run->policy.scene.client, 32, 64), host),
            &subject);
    return findings_stop(run->findings, v, &subject, run->now.wall.s);
}

/* What limits were asked for, and how much of them is used. */
static enum ms_err
note_use(struct run *run)
{
    const struct policy *p = &run->policy;
    enum ms_err err = MS_OK;

    for (size_t i = 0; i < run->answers.n && err == MS_OK; i++) {
        const struct charge_item *item = &p->items[i];

        if (p->source[i].limit == NULL || item->kind == CHARGE_LOOK ||
            p->source[i].rate.span_s == 0)
            continue;
        err = findings_use(run->findings, p->source[i].limit, p->source[i].rate,
                           item->subject, run->answers.item[i].used,
                           run->now.wall.s);
    }
    return err;
}

static enum ms_err
charge(struct run *run)
{
    struct store_ticket *ticket;
    enum ms_err err = store_submit(run->store, run->policy.items,
                                   run->policy.n_items, run->now, &ticket);

    return err != MS_OK ? err
                        : store_collect(run->store, ticket, run->now.mono,
                                        &run->answers);
}

/* Judge STAGE; *GOES: nothing stops it. */
static enum ms_err
judge(struct run *run, enum stage stage, bool *goes)
{
    struct policy *p = &run->policy;
    enum ms_err err = MS_OK;
    bool done = false;

    policy_ask(run->config, &run->facts, stage, p);
    for (int round = 0; !done && err == MS_OK && round < ROUNDS; round++) {
        if (!p->wants) {
            done = policy_answer(p, NULL);
            continue;
        }
        err = charge(run);
        if (err == MS_OK)
            err = note_use(run);
        if (err == MS_OK)
            done = policy_answer(p, &run->answers);
    }
    *goes = !is_stop(&p->verdict);
    if (!*goes && err == MS_OK)
        err = note_stop(run, &p->verdict);
    for (size_t i = 0; i < p->n_would && err == MS_OK; i++) {
        *goes = *goes && !is_stop(&p->would[i]);
        err = note_stop(run, &p->would[i]);
    }
    return err;
}

/* ----- a message's facts */

static void
set_client(struct run *run, const char *addr)
{
    memset(&run->client, 0, sizeof(run->client));
    run->facts.client = &run->client.sa;
    if (inet_pton(AF_INET, addr, &run->client.in.sin_addr) == 1) {
        run->client.in.sin_family = AF_INET;
        run->client.in.sin_port = htons(1024);
    } else if (inet_pton(AF_INET6, addr, &run->client.in6.sin6_addr) == 1) {
        run->client.in6.sin6_family = AF_INET6;
        run->client.in6.sin6_port = htons(1024);
    } else {
        run->facts.client = NULL;
    }
}

/* The configuration's own number of the service. */
static unsigned
port_of(const struct run *run, const struct history_message *m)
{
    const struct config *c = run->config;
    const struct listener *listener = c->mx;

    if (m->local)
        return 0;
    if (m->port == 465)
        listener = c->submissions;
    else if (m->port == 587 || m->user != 0)
        listener = c->submission;
    return listener != NULL && listener->n_ports > 0 ? listener->ports[0] : 25;
}

static void
set_facts(struct run *run, const struct history_message *m)
{
    run->facts = (struct facts){.now = run->now.wall, .tls = true};
    set_client(run, text(run, m->addr));
    (void)snprintf(run->port, sizeof(run->port), "%u", port_of(run, m));
    (void)snprintf(run->sender, sizeof(run->sender), "<%s>",
                   text(run, m->sender));
    run->facts.daemon_port = run->port;
    run->facts.hostname = "localhost";
    run->facts.sender = run->sender;
    run->facts.size = m->size;
    if (m->local) {
        run->facts.client = NULL;
        run->facts.client_stdin = true;
    } else if (m->user != 0) {
        run->facts.login = text(run, m->user);
        run->facts.login_type = "PLAIN";
    }
}

/* ----- standings */

/* Write D, which has changed. */
static void
keep(struct run *run, struct detector *d, struct store_state *state)
{
    uint64_t lift_s = zombie_lift_s(run->zombie, d->quarantines);

    if (run->changed && d->standing == STANDING_QUARANTINED && lift_s > 0)
        d->until_s = d->since_s + (int64_t)lift_s;
    run->evidence = d->last;
    state->standing = d->standing;
    state->throttle =
        d->standing == STANDING_THROTTLED ? detector_rate(d, &run->tuning) : 0;
    state->len = (uint16_t)detector_write(d, state->bytes);
}

static enum ms_err
take_in(void *arg, struct store_state *state)
{
    struct run *run = arg;
    struct detector d;

    if (state->len == 0 || detector_read(state->bytes, state->len, &d) != MS_OK)
        detector_begin(&d);
    run->changed = detector_note(&d, &run->tuning, &run->event);
    keep(run, &d, state);
    return MS_OK;
}

/* What time alone has done since; MS_BUSY: nothing. */
static enum ms_err
let_pass(void *arg, struct store_state *state)
{
    struct run *run = arg;
    struct detector d;

    if (state->standing == STANDING_NORMAL ||
        detector_read(state->bytes, state->len, &d) != MS_OK ||
        !detector_pass(&d, &run->tuning, run->now.wall))
        return MS_BUSY;
    run->changed = true;
    keep(run, &d, state);
    return MS_OK;
}

/* Have WORK change the state of everybody whom a rule judges in SCENE. */
static enum ms_err
judge_sender(struct run *run, const struct scene *scene,
             enum ms_err (*work)(void *arg, struct store_state *state))
{
    const struct zombie *rules[ZOMBIE_RULES];
    size_t n = zombie_rules(run->config, scene, rules);
    enum ms_err err = MS_OK;

    run->event.at = run->now.wall;
    for (size_t i = 0; i < n && err == MS_OK; i++) {
        char name[VERDICT_RULE];

        if (!zombie_subject(rules[i], scene, &run->subject))
            continue;
        run->zombie = rules[i];
        run->changed = false;
        zombie_tuning(rules[i], zombie_class(run->config, rules[i], scene),
                      &run->tuning);
        err = store_update(run->store, &run->subject, run->now, work, run);
        if (err == MS_BUSY)
            err = MS_OK;
        (void)snprintf(name, sizeof(name), "zombie.%.64s", rules[i]->name);
        if (err == MS_OK && run->changed)
            err = findings_change(run->findings, name, &run->subject,
                                  &run->evidence);
    }
    return err;
}

static uint64_t
network_of(const struct run *run)
{
    const struct prefix wide = prefix_cut(run->policy.scene.client, 16, 32);
    uint64_t h = wide.family;

    for (size_t i = 0; i < sizeof(wide.addr); i++)
        h = spread(h ^ wide.addr[i]);
    return wide.family == 0 ? 0 : h;
}

/* ----- events */

static void
add_hash(struct run *run, uint32_t address)
{
    if (run->n_hash < RECIPIENTS)
        run->hash[run->n_hash++] = spread(address);
    else
        run->event.more++;
}

/* One recipient of the message under way. */
static enum ms_err
judge_recipient(struct run *run, const struct history_recipient *r)
{
    struct findings_totals *totals = findings_totals(run->findings);
    enum ms_err err;
    bool goes;

    (void)snprintf(run->recipient, sizeof(run->recipient), "<%s>",
                   text(run, r->address));
    run->facts.recipient = run->recipient;
    run->facts.refused = run->facts.unknown = r->refused;
    err = judge(run, r->refused ? STAGE_REFUSED : STAGE_RCPT, &goes);
    if (err != MS_OK)
        return err;
    totals->recipients++;
    totals->stopped += !goes;
    if (!goes)
        return MS_OK;
    policy_count(&run->policy, &run->facts);
    add_hash(run, r->address);
    run->event.unknown += r->refused;
    if (run->policy.hold) {
        run->held = run->policy.verdict;
        run->facts.held = &run->held;
    }
    return MS_OK;
}

static enum ms_err
judge_message(struct run *run, const struct history_message *m)
{
    const struct history *h = run->history;
    struct findings_totals *totals = findings_totals(run->findings);
    struct scene scene;
    enum ms_err err;
    bool goes;

    totals->messages++;
    set_facts(run, m);
    run->n_hash = 0;
    run->event = (struct detector_event){.messages = 1, .spam = m->spam};
    scene_make(run->config, &run->facts, &scene);
    err = judge_sender(run, &scene, let_pass);
    if (err == MS_OK)
        err = judge(run, STAGE_MAIL, &goes);
    if (err != MS_OK)
        return err;
    if (!goes) {
        totals->recipients += m->count;
        totals->stopped += m->count;
        return MS_OK;
    }
    policy_count(&run->policy, &run->facts);
    for (uint32_t i = m->recipients; i != HISTORY_NONE && err == MS_OK;
         i = h->recipient[i].next)
        err = judge_recipient(run, &h->recipient[i]);
    if (err != MS_OK || run->n_hash == 0)
        return err;
    run->event.recipients = run->hash;
    run->event.n_recipients = run->n_hash;
    run->event.network = network_of(run);
    run->event.sender = spread(m->sender);
    run->facts.bytes = m->size;
    run->facts.flag = m->spam ? FLAG_SPAM : FLAG_NONE;
    if (run->facts.recipients > 0)
        err = judge(run, STAGE_END, &goes);
    return err != MS_OK ? err : judge_sender(run, &run->policy.scene, take_in);
}

static enum ms_err
judge_connection(struct run *run, uint32_t addr)
{
    bool goes;

    findings_totals(run->findings)->connections++;
    run->facts = (struct facts){.now = run->now.wall, .hostname = "localhost"};
    set_client(run, text(run, addr));
    run->facts.daemon_port = "25";
    return judge(run, STAGE_CONNECT, &goes);
}

/* A recipient of an earlier message was unknown to whom it went. */
static enum ms_err
judge_bounce(struct run *run, const struct history_message *m)
{
    struct scene scene;

    if (!m->known)
        return MS_OK;
    set_facts(run, m);
    scene_make(run->config, &run->facts, &scene);
    run->event = (struct detector_event){.unknown = 1};
    return judge_sender(run, &scene, take_in);
}

static enum ms_err
play(struct run *run, const struct history_event *event)
{
    const struct history_message *messages = run->history->message;

    run->now.wall.s = event->at_s;
    run->now.mono.ms = event->at_s * 1000;
    switch (event->kind) {
    case HISTORY_CONNECT:
        return judge_connection(run, event->what);
    case HISTORY_MESSAGE:
        return judge_message(run, &messages[event->what]);
    case HISTORY_BOUNCE:
        return judge_bounce(run, &messages[event->what]);
    }
    return MS_OK;
}

enum ms_err
replay_run(const struct history *history, const struct config *config,
           struct findings *findings,
           void (*tell)(void *arg, uint64_t done, uint64_t total), void *arg)
{
    struct run *run = calloc(1, sizeof(*run));
    enum ms_err err = MS_NOMEM;

    if (run == NULL)
        return MS_NOMEM;
    run->history = history;
    run->config = config;
    run->findings = findings;
    err = store_memory_create(MEMORY, &run->store);
    for (size_t i = 0; i < history->n_events && err == MS_OK; i++) {
        if (i % TELL_EVERY == 0)
            tell(arg, i, history->n_events);
        err = play(run, &history->event[i]);
    }
    if (history->n_events > 0) {
        findings_totals(findings)->first_s = history->event[0].at_s;
        findings_totals(findings)->last_s = run->now.wall.s;
    }
    store_destroy(run->store);
    free(run);
    return err;
}
