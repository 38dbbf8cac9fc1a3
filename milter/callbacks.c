/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "milter/callbacks.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "milter/counts/ears.h"
#include "milter/detect/detect.h"
#include "milter/lookup/look.h"
#include "milter/negotiate.h"
#include "milter/now.h"
#include "milter/pool.h"
#include "milter/session.h"
#include "milter/step.h"
#include "policy/acts.h"
#include "policy/zombie.h"

static struct daemon *the_daemon;

/* A macro's value, which lives as long as the callback; NULL for none or an
 * empty one.  libmilter's argument is not const, though it is not changed. */
static const char *
macro(SMFICTX *ctx, const char *name)
{
    const char *value = smfi_getsymval(ctx, (char *)(uintptr_t)name);

    return value != NULL && *value != '\0' ? value : NULL;
}

/* ----- sessions */

/* The session behind CTX, made if there is none; NULL: no memory. */
static struct session *
get_session(SMFICTX *ctx, struct daemon *daemon)
{
    struct session *session = smfi_getpriv(ctx);
    const struct config *config;

    if (session != NULL || session_create(daemon, &session) != MS_OK)
        return session;
    if (smfi_setpriv(ctx, session) != MI_SUCCESS) {
        session_destroy(session);
        return NULL;
    }
    config = daemon_config_get(daemon);
    session->over = !daemon_session_begin(daemon, config->sessions);
    daemon_config_put(daemon, config);
    return session;
}

/* A failure where there is no message whose configuration counts. */
static sfsistat
fail_early(struct step *step, enum step_fault fault, enum ms_err err)
{
    struct acts *acts = daemon_acts_get(step->daemon);
    sfsistat status;

    step->config = daemon_config_get(step->daemon);
    step->acts = acts;
    status = step_fail(step, fault, err);
    daemon_config_put(step->daemon, step->config);
    acts_put(acts);
    step->config = NULL;
    step->acts = NULL;
    return status;
}

/* The same where a session or message would have begun: who only observes
 * wants to hear no more of it, and its descriptor back. */
static sfsistat
fail_begin(struct step *step, enum step_fault fault, enum ms_err err)
{
    sfsistat status = fail_early(step, fault, err);

    return status == SMFIS_CONTINUE ? SMFIS_ACCEPT : status;
}

/* What libmilter hands to a callback; each uses its own. */
struct call {
    const char *name;
    const struct sockaddr *addr;
    char **argv;
};

/* The message that the session is in; NULL: none. */
static struct message *
message_of(const struct step *step)
{
    return step->session != NULL ? step->session->message : NULL;
}

/* ----- CONNECT */

static void
read_connection(SMFICTX *ctx, struct session *session, const char *name,
                const struct sockaddr *addr)
{
    const char *client = macro(ctx, "{client_addr}");

    session_end(session, SESSION_REFUNDED); /* of a connection used again */
    session_forget_connect(session);
    session_forget_lookups(session);
    session_set_client(session, addr);
    session->client_stdin =
        !session->has_client && client != NULL && strcmp(client, "0") == 0;
    session_copy(session->name, sizeof(session->name), name);
    session_copy(session->daemon_name, sizeof(session->daemon_name),
                 macro(ctx, "{daemon_name}"));
    session_copy(session->daemon_port, sizeof(session->daemon_port),
                 macro(ctx, "{daemon_port}"));
    session_copy(session->daemon_addr, sizeof(session->daemon_addr),
                 macro(ctx, "{daemon_addr}"));
    session_copy(session->daemon_flags, sizeof(session->daemon_flags),
                 macro(ctx, "{daemon_flags}"));
    session_copy(session->hostname, sizeof(session->hostname), macro(ctx, "j"));
    session_copy(session->mta, sizeof(session->mta), macro(ctx, "v"));
}

/* Ask what is used at MAIL, and wait for nothing. */
static sfsistat
ask_connect(struct step *step)
{
    struct session *session = step->session;
    struct policy *p = &step->policy;

    session->config = step->config;
    session->acts = daemon_acts_get(step->daemon);
    step->acts = session->acts;
    session->connected = step->now;
    session_facts(session, NULL, step->now.wall, &step->facts);
    policy_ask(step->config, &step->facts, STAGE_CONNECT, p);
    step->has_scene = true;
    ears_connected(daemon_ears(step->daemon), &p->scene, &step->facts,
                   session->mta);
    if (p->wants) {
        session->connect_err =
            store_submit(daemon_store(step->daemon), p->items, p->n_items,
                         step->now, &session->ticket);
        return SMFIS_CONTINUE;
    }
    (void)policy_answer(p, NULL);
    return step_answer(step);
}

static sfsistat
connected(struct step *step, const struct call *call)
{
    struct session *session = get_session(step->ctx, step->daemon);
    sfsistat status;

    step->session = session;
    if (session == NULL)
        return fail_begin(step, STEP_MEMORY, MS_NOMEM);
    read_connection(step->ctx, session, call->name, call->addr);
    if (session->over)
        return fail_begin(step, STEP_FULL, MS_BUSY);
    step->config = daemon_config_get(step->daemon);
    status = ask_connect(step);
    if (status == SMFIS_CONTINUE)
        look_connect(step);
    if (session->ticket == NULL && session->connect_err == MS_OK)
        session_forget_connect(session);
    return status;
}

static sfsistat
greeted(SMFICTX *ctx, struct daemon *daemon, const char *name)
{
    struct session *session = get_session(ctx, daemon);

    if (session != NULL)
        session_copy(session->helo, sizeof(session->helo), name);
    return SMFIS_CONTINUE;
}

/* ----- MAIL */

/* The octets of `SIZE=`; 0 if it is not said. */
static uint64_t
read_size(char **argv)
{
    for (; *argv != NULL; argv++) {
        const char *digits = *argv + 5;
        uint64_t size = 0;

        if (strncasecmp(*argv, "SIZE=", 5) != 0)
            continue;
        for (; *digits >= '0' && *digits <= '9'; digits++) {
            if (size > UINT64_MAX / 10 - 1)
                return UINT64_MAX;
            size = size * 10 + (uint64_t)(*digits - '0');
        }
        return size;
    }
    return 0;
}

/* Begin a message with what MAIL and its macros say; the login is offered
 * here and nowhere else. */
static enum ms_err
begin_message(SMFICTX *ctx, struct session *session, char **argv)
{
    struct session_mail mail = {
        .sender = argv[0] != NULL ? argv[0] : "",
        .login = macro(ctx, "{auth_authen}"),
        .login_type = macro(ctx, "{auth_type}"),
        .id = macro(ctx, "i"),
        .tls = macro(ctx, "{tls_version}") != NULL,
        .size = argv[0] != NULL ? read_size(argv + 1) : 0,
    };

    return session_begin(session, daemon_config_get(session->daemon), &mail);
}

/* Did the verdict just answered refuse, and is it only observed? */
static bool
only_observed(const struct step *step, sfsistat status)
{
    return status == SMFIS_CONTINUE && policy_refuses(&step->policy);
}

/* What was asked at CONNECT is due at the first MAIL. */
static sfsistat
judge_connect(struct step *step)
{
    struct session *session = step->session;
    const struct config *config = step->config;
    enum ms_err err;
    sfsistat status = SMFIS_CONTINUE;

    if (session->config == NULL)
        return status;
    step->config = session->config;
    step->acts = session->acts;
    err = step_judge_connect(step);
    status =
        err == MS_OK ? step_answer(step) : step_fail(step, STEP_STORE, err);
    if (err == MS_OK && only_observed(step, status))
        session->message->unjudged = true;
    step->config = config;
    step->acts = session->message->acts;
    session_forget_connect(session);
    return status;
}

/* Is its sender judged?  Only then anything is gathered for it. */
static bool
is_watched(const struct step *step)
{
    const struct scene *scene = &step->policy.scene;
    const struct zombie *rules[ZOMBIE_RULES];
    struct subject subject;
    size_t n = step->has_scene ? zombie_rules(step->config, scene, rules) : 0;

    for (size_t i = 0; i < n; i++) {
        if (zombie_subject(rules[i], scene, &subject))
            return true;
    }
    return false;
}

static sfsistat
judge_mail(struct step *step)
{
    struct session *session = step->session;
    struct message *m = session->message;
    enum ms_err err;
    sfsistat status;

    step->config = m->config;
    step->acts = m->acts;
    session_facts(session, m, step->now.wall, &step->facts);
    err = step_judge(step, STAGE_MAIL);
    if (step->facts.login_type != NULL)
        step_note_macro(step, SIGHTS_LOGIN, step->facts.login);
    m->watched = is_watched(step);
    look_begin(step);
    if (err != MS_OK)
        return step_fail(step, STEP_STORE, err);
    status = step_answer(step);
    if (status != SMFIS_CONTINUE)
        return status;
    if (only_observed(step, status)) {
        m->unjudged = true;
        return status;
    }
    policy_count(&step->policy, &step->facts);
    message_count(m, &step->facts);
    message_charge(m, step->receipts, step->n_receipts);
    step_note_crowd(step);
    look_mail(step);
    return judge_connect(step);
}

static sfsistat
mail(struct step *step, const struct call *call)
{
    struct session *session = get_session(step->ctx, step->daemon);
    sfsistat status;

    step->session = session;
    if (session == NULL)
        return fail_begin(step, STEP_MEMORY, MS_NOMEM);
    if (session->over)
        return fail_begin(step, STEP_FULL, MS_BUSY);
    daemon_refund_now(step->daemon);
    if (begin_message(step->ctx, session, call->argv) != MS_OK)
        return fail_begin(step, STEP_MEMORY, MS_NOMEM);
    status = judge_mail(step);
    if (status != SMFIS_CONTINUE)
        session_end(session, SESSION_REFUNDED);
    return status;
}

/* ----- RCPT */

/* The queue id, which Postfix has only from the second recipient on. */
static void
read_id(SMFICTX *ctx, struct message *m)
{
    if (m->id[0] == '\0')
        session_copy(m->id, sizeof(m->id), macro(ctx, "i"));
}

/* A bare "5.1.1": an accepted virtual alias on Postfix shows "5.1.1 User
 * unknown in virtual alias table" in its place. */
static bool
is_bare_code(const char *text)
{
    size_t n;

    if (text == NULL || *text == '\0' || strchr("245", *text) == NULL ||
        text[1] != '.')
        return false;
    n = strspn(text += 2, "0123456789");
    if (n < 1 || n > 3 || text[n] != '.')
        return false;
    n = strspn(text += n + 1, "0123456789");
    return n >= 1 && n <= 3 && text[n] == '\0';
}

static void
read_recipient(SMFICTX *ctx, char **argv, struct facts *facts)
{
    const char *host;

    facts->recipient = argv[0] != NULL ? argv[0] : "";
    facts->rcpt_mailer = macro(ctx, "{rcpt_mailer}");
    facts->refused = facts->unknown = false;
    if (facts->rcpt_mailer == NULL || strcmp(facts->rcpt_mailer, "error") != 0)
        return;
    host = macro(ctx, "{rcpt_host}");
    facts->refused = is_bare_code(host);
    facts->unknown = facts->refused && strncmp(host, "5.1.", 4) == 0;
}

/* Does what needs no store, the relay rule above all, refuse? */
static bool
refuses_freely(struct step *step)
{
    struct policy *p = &step->policy;

    policy_ask(step->config, &step->facts, STAGE_RCPT, p);
    step->has_scene = true;
    return !p->wants && !p->looks && policy_answer(p, NULL) &&
           policy_refuses(p) && p->verdict.limit == NULL;
}

/*
 * The MTA has refused it and will not ask us.  The relay rule is answered all
 * the same: macros must not open anything, should they ever be misread.
 */
static sfsistat
note_refused(struct step *step)
{
    enum ms_err err;

    if (refuses_freely(step))
        return step_answer(step);
    err = step_note_refused(step);
    if (err != MS_OK)
        (void)step_fail(step, STEP_NOTE, err);
    if (step->facts.unknown) {
        ears_unknown(daemon_ears(step->daemon), &step->policy.scene);
        message_address(step->session, step->facts.recipient, true);
    }
    policy_count(&step->policy, &step->facts);
    message_count(step->session->message, &step->facts);
    return SMFIS_CONTINUE;
}

/* Without memory for it the message is not held but put off. */
static bool
keep_held(struct message *m, const struct verdict *verdict)
{
    if (m->held == NULL)
        m->held = malloc(sizeof(*m->held));
    if (m->held == NULL)
        return false;
    *m->held = *verdict;
    m->facts.held = m->held;
    return true;
}

/* The recipient is one of the message's. */
static void
let_in(struct step *step)
{
    step->session->message->nrcpt++;
    message_address(step->session, step->facts.recipient, false);
}

static void
let_through(struct step *step)
{
    struct message *m = step->session->message;

    policy_count(&step->policy, &step->facts);
    message_count(m, &step->facts);
    message_charge(m, step->receipts, step->n_receipts);
    let_in(step);
}

/* The store has failed, and the operator wants mail to go on. */
static void
let_through_uncounted(struct step *step)
{
    struct message *m = step->session->message;

    m->facts.recipients++;
    m->facts.external += step->policy.external;
    let_in(step);
}

static sfsistat
judge_rcpt(struct step *step)
{
    struct message *m = step->session->message;
    const struct policy *p = &step->policy;
    enum ms_err err = step_judge(step, STAGE_RCPT);
    sfsistat status;

    look_judged(step);
    step_note_macro(step, SIGHTS_MAILER, step->facts.rcpt_mailer);
    if (err != MS_OK) {
        status = step_fail(step, STEP_STORE, err);
        if (status == SMFIS_CONTINUE)
            let_through_uncounted(step);
        return status;
    }
    status = step_answer(step);
    if (only_observed(step, status)) {
        let_in(step);
        return status;
    }
    if (status != SMFIS_CONTINUE)
        return status;
    let_through(step);
    if (p->hold && !keep_held(m, &p->verdict))
        return step_fail(step, STEP_MEMORY, MS_NOMEM);
    return status;
}

/* Enforcing would have refused the message, so nobody is asked any more. */
static void
look_on(struct step *step)
{
    if (!step->facts.refused)
        let_in(step);
    else if (step->facts.unknown)
        message_address(step->session, step->facts.recipient, true);
}

static sfsistat
rcpt(struct step *step, const struct call *call)
{
    struct message *m = message_of(step);

    if (m == NULL)
        return fail_early(step, STEP_ORDER, MS_INVALID);
    read_id(step->ctx, m);
    session_facts(step->session, m, step->now.wall, &step->facts);
    read_recipient(step->ctx, call->argv, &step->facts);
    if (m->unjudged) {
        look_on(step);
        return SMFIS_CONTINUE;
    }
    step->config = m->config;
    step->acts = m->acts;
    look_read(step, LOOKUP_NOW);
    return step->facts.refused ? note_refused(step) : judge_rcpt(step);
}

/* ----- headers, body and their end */

/* What comes behind DATA. */
struct piece {
    const char *name, *value; /* of a header; NULL */
    size_t octets;
    bool whole; /* who tells of it tells of all octets */
};

static void
take_piece(struct session *session, const struct piece *piece)
{
    struct message *m = session->message;

    m->begun = true;
    m->bodies = m->bodies || piece->whole;
    m->octets += piece->octets;
    if (piece->name == NULL)
        return;
    message_header(session, piece->name, piece->value);
    look_header(session, piece->name, piece->value);
}

/* Headers and body are asked for only where they are of use. */
static sfsistat
data(SMFICTX *ctx, const struct piece *piece)
{
    struct daemon *daemon = the_daemon;
    struct session *session = smfi_getpriv(ctx);
    int64_t began_us = now_us();

    if (daemon_enter(daemon) && session != NULL && session->message != NULL) {
        take_piece(session, piece);
        ears_callback(daemon_ears(daemon), METRICS_DATA, now_us() - began_us);
    }
    daemon_leave(daemon);
    return SMFIS_CONTINUE;
}

/* The store has failed; a hold that has been decided stays. */
static sfsistat
fail_end(struct step *step, enum ms_err err)
{
    const struct verdict *held = step->session->message->held;
    sfsistat status = step_fail(step, STEP_STORE, err);

    if (status != SMFIS_CONTINUE || held == NULL)
        return status;
    step->policy.verdict = *held;
    step->policy.verdict.action = VERDICT_HOLD;
    return step_hold(step);
}

/* What filters have said; where none has, what the DNS says of a stranger. */
static enum verdict_flag
said(const struct step *step)
{
    enum verdict_flag flag = message_flag(step->session);

    return flag == FLAG_NONE && look_is_evidence(step) ? FLAG_SPAM : flag;
}

/* What is said is evidence in any case, or a freeze would end before its reason
 * does; nothing is done for it while it is not believed. */
static enum verdict_flag
believed(const struct step *step)
{
    struct detect *detect = daemon_ears(step->daemon)->detect;

    return detect != NULL && detect_frozen(detect, step->now.wall) ? FLAG_NONE
                                                                   : said(step);
}

static sfsistat
judge_end(struct step *step)
{
    struct message *m = step->session->message;
    enum ms_err err;
    sfsistat status;

    step->facts.bytes = m->bodies ? m->octets : m->facts.size;
    if (step->facts.lookups != NULL)
        step_look(step); /* evidence is about who is here */
    step->facts.flag = believed(step);
    if (m->unjudged) {
        step_look(step);
        return SMFIS_CONTINUE;
    }
    err = step_judge(step, STAGE_END);
    step_note_macro(step, SIGHTS_ID, m->id);
    if (err != MS_OK)
        return fail_end(step, err);
    status = step_answer(step);
    if (step->policy.verdict.action == VERDICT_HOLD)
        status = step_hold(step);
    return status;
}

/* What was refused is evidence only if it was for the sender's standing: that
 * it was flagged, say.  What is put off comes again, and counts then. */
static void
note_evidence(struct step *step, sfsistat status)
{
    const struct verdict *v = &step->policy.verdict;
    bool passed = status == SMFIS_CONTINUE;

    if (step->has_scene &&
        (passed || (v->zombie != NULL && v->action != VERDICT_DEFER)))
        message_evidence(step->session, &step->policy.scene, said(step),
                         passed);
}

static sfsistat
message_end(struct step *step, const struct call *call)
{
    struct message *m = message_of(step);
    sfsistat status;

    (void)call;
    if (m == NULL)
        return fail_early(step, STEP_ORDER, MS_INVALID);
    read_id(step->ctx, m);
    session_facts(step->session, m, step->now.wall, &step->facts);
    step->config = m->config;
    step->acts = m->acts;
    look_read(step, LOOKUP_NOW);
    status = judge_end(step);
    note_evidence(step, status);
    if (status != SMFIS_CONTINUE) {
        session_end(step->session, SESSION_REFUNDED);
        return status;
    }
    look_end(step);
    if (step->policy.verdict.action != VERDICT_HOLD ||
        step->policy.verdict.observed)
        step_accepted(step);
    session_end(step->session, SESSION_KEPT);
    return status;
}

/* ----- what libmilter calls */

/* No memory even to begin: as step_fail() would have it. */
static sfsistat
fail_bare(struct daemon *daemon)
{
    const struct config *config = daemon_config_get(daemon);
    struct acts *acts = daemon_acts_get(daemon);
    bool observes =
        acts_mode(acts, config->mode, now_read().wall, NULL) == MODE_OBSERVE;

    acts_put(acts);
    daemon_config_put(daemon, config);
    daemon_count(daemon, DAEMON_ERROR);
    return observes ? SMFIS_CONTINUE : SMFIS_TEMPFAIL;
}

/* What a callback has in common with the others, around its VERB. */
static sfsistat
perform(SMFICTX *ctx, enum metrics_stage stage,
        sfsistat (*verb)(struct step *, const struct call *),
        const struct call *call)
{
    struct daemon *daemon = the_daemon;
    sfsistat status = SMFIS_TEMPFAIL;
    struct step *step;

    if (daemon_enter(daemon)) {
        step = pool_take(daemon_steps(daemon));
        if (step != NULL) {
            step_begin(step, ctx, daemon, smfi_getpriv(ctx), stage);
            status = verb(step, call);
            ears_callback(daemon_ears(daemon), stage,
                          now_us() - step->began_us);
            pool_give(daemon_steps(daemon), step);
        } else {
            status = fail_bare(daemon);
        }
    }
    daemon_leave(daemon);
    return status;
}

static sfsistat
on_connect(SMFICTX *ctx, char *name, _SOCK_ADDR *addr)
{
    return perform(ctx, METRICS_CONNECT, connected,
                   &(struct call){.name = name, .addr = addr});
}

static sfsistat
on_helo(SMFICTX *ctx, char *name)
{
    struct daemon *daemon = the_daemon;
    int64_t began_us = now_us();
    sfsistat status = SMFIS_TEMPFAIL;

    if (daemon_enter(daemon)) {
        status = greeted(ctx, daemon, name);
        ears_callback(daemon_ears(daemon), METRICS_HELO, now_us() - began_us);
    }
    daemon_leave(daemon);
    return status;
}

static sfsistat
on_mail(SMFICTX *ctx, char **argv)
{
    return perform(ctx, METRICS_MAIL, mail, &(struct call){.argv = argv});
}

static sfsistat
on_rcpt(SMFICTX *ctx, char **argv)
{
    return perform(ctx, METRICS_RCPT, rcpt, &(struct call){.argv = argv});
}

static sfsistat
on_data(SMFICTX *ctx)
{
    return data(ctx, &(struct piece){.octets = 0});
}

static sfsistat
on_header(SMFICTX *ctx, char *name, char *value)
{
    return data(ctx, &(struct piece){
                         .name = name,
                         .value = value,
                         .octets = strlen(name) + strlen(value) + 4,
                     }); /* ": " and CRLF */
}

static sfsistat
on_eoh(SMFICTX *ctx)
{
    return data(ctx, &(struct piece){.octets = 2, .whole = true});
}

static sfsistat
on_body(SMFICTX *ctx, unsigned char *bytes, size_t n)
{
    (void)bytes;
    return data(ctx, &(struct piece){.octets = n, .whole = true});
}

static sfsistat
on_eom(SMFICTX *ctx)
{
    return perform(ctx, METRICS_END, message_end, &(struct call){0});
}

/* An earlier filter has refused the message, or its sender is gone: where the
 * operator says so, that is a verdict. */
static void
note_aborted(const struct session *session)
{
    const struct message *m = session->message;
    struct facts facts;
    struct scene scene;

    if (m == NULL || !m->watched || !m->begun ||
        !m->config->verdict.aborted_is_spam)
        return;
    session_facts(session, m, now_read().wall, &facts);
    scene_make(m->config, &facts, &scene);
    message_evidence(session, &scene, FLAG_SPAM, false);
}

static sfsistat
on_abort(SMFICTX *ctx)
{
    struct daemon *daemon = the_daemon;
    struct session *session = smfi_getpriv(ctx);

    if (daemon_enter(daemon) && session != NULL) {
        note_aborted(session);
        session_end(session, SESSION_DROPPED);
    }
    daemon_leave(daemon);
    return SMFIS_CONTINUE;
}

/* May be the only callback, and may hold the lock of libmilter's pool. */
static sfsistat
on_close(SMFICTX *ctx)
{
    struct daemon *daemon = the_daemon;
    struct session *session = smfi_getpriv(ctx);

    if (daemon_enter(daemon) && session != NULL) {
        (void)smfi_setpriv(ctx, NULL);
        session_destroy(session);
        daemon_session_end(daemon);
    }
    daemon_leave(daemon);
    return SMFIS_CONTINUE;
}

/* What of a message is asked for beside its envelope. */
static unsigned
wanted(const struct config *config)
{
    bool judges = config->n_zombies > 0;
    unsigned want = config->counts_bytes ? NEGOTIATE_OCTETS : 0;

    if (judges && config->verdict.n_headers > 0)
        want |= NEGOTIATE_HEADERS;
    if (judges && config->verdict.aborted_is_spam)
        want |= NEGOTIATE_DATA;
    if (look_marks(config))
        want |= NEGOTIATE_MARKS;
    return want;
}

static unsigned
wanted_now(struct daemon *daemon)
{
    const struct config *config;
    unsigned want = 0;

    if (daemon_enter(daemon)) {
        config = daemon_config_get(daemon);
        want = wanted(config);
        daemon_config_put(daemon, config);
    }
    daemon_leave(daemon);
    return want;
}

static sfsistat
on_negotiate(SMFICTX *ctx, unsigned long actions, unsigned long steps,
             unsigned long f2, unsigned long f3, unsigned long *out_actions,
             unsigned long *out_steps, unsigned long *out_f2,
             unsigned long *out_f3)
{
    const unsigned want = wanted_now(the_daemon);

    (void)f2;
    (void)f3;
    *out_actions = negotiate_actions(actions, want);
    *out_steps = negotiate_steps(steps, want);
    *out_f2 = 0;
    *out_f3 = 0;
    negotiate_macros(ctx, actions);
    return SMFIS_CONTINUE;
}

struct smfiDesc
callbacks_describe(void)
{
    static char name[] = "mortsafe";
    struct smfiDesc filter = {
        .xxfi_name = name,
        .xxfi_version = SMFI_VERSION,
        .xxfi_flags = SMFIF_QUARANTINE | SMFIF_ADDHDRS | SMFIF_CHGHDRS,
        .xxfi_connect = on_connect,
        .xxfi_helo = on_helo,
        .xxfi_envfrom = on_mail,
        .xxfi_envrcpt = on_rcpt,
        .xxfi_data = on_data,
        .xxfi_header = on_header,
        .xxfi_eoh = on_eoh,
        .xxfi_body = on_body,
        .xxfi_eom = on_eom,
        .xxfi_abort = on_abort,
        .xxfi_close = on_close,
        .xxfi_negotiate = on_negotiate,
    };

    return filter;
}

void
callbacks_serve(struct daemon *daemon)
{
    the_daemon = daemon;
}
