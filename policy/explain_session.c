/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/explain_session.c - who is here and where, and what follows from
 * configuration and facts alone, in words for a help desk.
 */
#include <config.h>

#include "policy/explain_say.h"

#include <stdio.h>
#include <string.h>

#include "policy/relay.h"
#include "policy/ruling.h"

/* ----- CONNECT: listener, network, mode */

static const char *
or_none(const char *text)
{
    return text != NULL && *text != '\0' ? text : "none";
}

static void
tell_listener(struct explanation *e)
{
    const struct scene *scene = &e->p.scene;
    const struct listener *listener = scene->listener;
    char rule[VERDICT_RULE];

    (void)snprintf(rule, sizeof rule, "listener.%.64s", listener->name);
    explain_begin(e, rule, listener->origin);
    explain_say(e, "listener %s: ", listener->name);
    switch (scene->by) {
    case LISTENER_BY_NAME:
        explain_say(e, "the MTA calls this port %s", e->facts.daemon_name);
        break;
    case LISTENER_BY_PORT:
        explain_say(e, "the client reached port %s", e->facts.daemon_port);
        break;
    case LISTENER_BY_FLAGS:
        explain_say(e, "by the MTA's flags for this port, %s",
                    e->facts.daemon_flags);
        break;
    case LISTENER_BY_DEFAULT:
        explain_say(e, "no listener has port %s",
                    or_none(e->facts.daemon_port));
        break;
    case LISTENER_BY_ORIGIN:
        explain_say(e, "mail that does not come by SMTP");
        break;
    }
    explain_end(e, EXPLAIN_INFO);
}

static const char *
relay_words(enum relay_right relay)
{
    switch (relay) {
    case RELAY_ANY:
        return "may send anywhere without a login";
    case RELAY_DOMAINS:
        return "may send to the own domains without a login";
    case RELAY_NONE:
        return "may send nothing without a login";
    }
    return "";
}

static void
tell_network(struct explanation *e)
{
    const struct network *network = e->p.scene.network;
    char rule[VERDICT_RULE] = "network", client[PREFIX_TEXT];
    struct origin origin = {NULL, 0, 0};

    prefix_print(e->p.scene.client, client);
    if (network != NULL) {
        (void)snprintf(rule, sizeof rule, "network.%.64s", network->name);
        origin = network->origin;
    }
    explain_begin(e, rule, origin);
    if (network != NULL)
        explain_say(e, "%s is in network %s, which %s", client, network->name,
                    relay_words(network->relay));
    else if (e->p.scene.client.family == 0)
        explain_say(e, "the client's address is not known: a stranger");
    else
        explain_say(e, "%s is in no network: without a login a stranger",
                    client);
    explain_end(e, EXPLAIN_INFO);
}

static bool
network_observes(const struct scene *scene)
{
    const struct network *network = scene->network;

    return network != NULL && network->mode == MODE_OBSERVE &&
           (!network->has_until || scene->now.s < network->until.s);
}

/* Who made this scene observe; what is asked last is the narrowest. */
static void
tell_mode(struct explanation *e)
{
    const struct config *config = e->asked->config;
    const struct scene *scene = &e->p.scene;
    const struct act *by;
    const enum mode daemon =
        acts_mode(scene->acts, config->mode, scene->now, &by);
    struct origin origin = explain_origin(e, BLOCK_TOP, "", "mode");

    if (daemon != MODE_OBSERVE && network_observes(scene))
        origin = explain_origin(e, BLOCK_NETWORK, scene->network->name, "mode");
    else if (daemon != MODE_OBSERVE && scene->mode == MODE_OBSERVE)
        origin =
            explain_origin(e, BLOCK_LISTENER, scene->listener->name, "mode");
    explain_begin(e, "mode", origin);
    explain_say(e, scene->mode == MODE_OBSERVE
                       ? "observe: what would be refused is only logged"
                       : "enforce: what is refused is refused");
    if (daemon != MODE_OBSERVE && network_observes(scene)) {
        explain_say(e, "; network %s observes", scene->network->name);
    } else if (daemon != MODE_OBSERVE && scene->mode == MODE_OBSERVE) {
        explain_say(e, "; listener %s observes", scene->listener->name);
    } else if (by != NULL) {
        explain_say(e, "; ");
        explain_say_act(e, by);
    }
    explain_end(e, EXPLAIN_INFO);
}

static void
tell_skip(struct explanation *e)
{
    const struct listener *listener = e->p.scene.listener;
    char rule[VERDICT_RULE];

    if (!listener->skip)
        return;
    (void)snprintf(rule, sizeof rule, "listener.%.40s.skip", listener->name);
    explain_begin(e, rule,
                  explain_origin(e, BLOCK_LISTENER, listener->name, "skip"));
    if (ruling_skips(&e->p.scene)) {
        explain_say(e, "not looked at: this mail has been before, and comes "
                       "back from a content filter");
        explain_end(e, EXPLAIN_PASS);
    } else {
        explain_say(e, "only mail from certain networks passes here unlooked "
                       "at, and this client is in none of them");
        explain_end(e, EXPLAIN_SKIP);
    }
}

void
explain_connection(struct explanation *e)
{
    tell_listener(e);
    tell_network(e);
    tell_mode(e);
    tell_skip(e);
}

/* ----- MAIL: login, TLS, port, sender */

/* What is checked at MAIL, in the engine's order. */
struct check {
    const char *name; /* behind the last dot of its rule */
    bool network;     /* it is a network's rule; else a listener's */
    const char *option;
    bool (*matters)(const struct explanation *e);
    void (*passed)(struct explanation *e);
    void (*refused)(struct explanation *e);
};

static bool
always(const struct explanation *e)
{
    (void)e;
    return true;
}

static void
passed_auth(struct explanation *e)
{
    const struct scene *scene = &e->p.scene;

    if (scene->has_login)
        explain_say(e, "logged in as %s", scene->user);
    else
        explain_say(e, scene->auth == AUTH_FORBID
                           ? "no login; none is taken here"
                           : "no login; none is needed here");
}

static void
refused_auth(struct explanation *e)
{
    explain_say(e, e->p.scene.auth == AUTH_REQUIRE
                       ? "no login; this port needs one"
                       : "a login was used; this port takes none");
}

static void
passed_tls(struct explanation *e)
{
    explain_say(e, e->p.scene.tls_on ? "TLS is used"
                                     : "no TLS; none is needed here");
}

static void
refused_tls(struct explanation *e)
{
    explain_say(e, "no TLS; this port needs it");
}

static bool
has_port25(const struct explanation *e)
{
    return e->p.scene.network != NULL && e->p.scene.network->port25_closed;
}

static void
passed_port25(struct explanation *e)
{
    explain_say(e, e->p.scene.kind == KIND_LOGIN
                       ? "port 25 is closed for this network, but not for a "
                         "login"
                       : "only port 25 is closed for this network");
}

static void
refused_port25(struct explanation *e)
{
    explain_say(e,
                "port 25 is closed for network %s: its clients log in on "
                "port 587 or 465",
                e->p.scene.network->name);
}

static bool
has_owners(const struct explanation *e)
{
    return e->p.scene.kind == KIND_LOGIN;
}

static bool
is_empty(const struct explanation *e)
{
    return e->p.scene.sender_parsed.form == ADDRESS_NULL;
}

static void
passed_owned(struct explanation *e)
{
    const struct scene *scene = &e->p.scene;

    if (is_empty(e))
        explain_say(e, "the empty sender <> may always be used");
    else if (scene->listener->sender != SENDER_OWNED)
        explain_say(e, "a login may use any sender here");
    else
        explain_say(e, "%s belongs to the login %s", scene->sender,
                    scene->user);
}

static void
refused_owned(struct explanation *e)
{
    explain_say(e, "%s does not belong to the login %s", e->p.scene.sender,
                e->p.scene.user);
}

static bool
has_senders(const struct explanation *e)
{
    return e->p.scene.kind != KIND_LOGIN && e->p.scene.network != NULL &&
           e->p.scene.network->n_senders > 0;
}

static void
passed_senders(struct explanation *e)
{
    if (is_empty(e))
        explain_say(e, "the empty sender <> may always be used");
    else
        explain_say(e, "network %s may send as %s", e->p.scene.network->name,
                    e->p.scene.sender);
}

static void
refused_senders(struct explanation *e)
{
    explain_say(e, "network %s may not send as %s without a login",
                e->p.scene.network->name, e->p.scene.sender);
}

static const struct check checks[] = {
    {"auth", false, "auth", always, passed_auth, refused_auth},
    {"tls", false, "tls", always, passed_tls, refused_tls},
    {"port25", true, "port25", has_port25, passed_port25, refused_port25},
    {"sender", false, "sender", has_owners, passed_owned, refused_owned},
    {"sender", true, "sender", has_senders, passed_senders, refused_senders},
};

/* Where CHECK's option is written: a network's goes before the listener's. */
static struct origin
origin_of(const struct explanation *e, const struct check *check)
{
    const struct scene *scene = &e->p.scene;
    const struct network *network = scene->network;
    bool over = check->network;

    if (network != NULL && strcmp(check->name, "auth") == 0)
        over = network->auth != AUTH_UNSET;
    else if (network != NULL && strcmp(check->name, "tls") == 0)
        over = network->tls != TLS_UNSET;
    return over ? explain_origin(e, BLOCK_NETWORK, network->name, check->option)
                : explain_origin(e, BLOCK_LISTENER, scene->listener->name,
                                 check->option);
}

void
explain_mail(struct explanation *e)
{
    const struct scene *scene = &e->p.scene;
    char rule[VERDICT_RULE];

    for (size_t i = 0; i < sizeof checks / sizeof *checks; i++) {
        const struct check *check = &checks[i];

        if (scene->kind == KIND_LOCAL || !check->matters(e))
            continue;
        (void)snprintf(rule, sizeof rule, "%s.%.64s.%s",
                       check->network ? "network" : "listener",
                       check->network ? scene->network->name
                                      : scene->listener->name,
                       check->name);
        explain_begin(e, rule, origin_of(e, check));
        if (policy_refuses(&e->p) && strcmp(rule, e->p.verdict.rule) == 0) {
            check->refused(e);
            explain_end_refusal(e);
            return; /* what follows was not asked */
        }
        check->passed(e);
        explain_end(e, EXPLAIN_PASS);
    }
}

/* ----- RCPT: relaying */

/* The recipient's domain, or what stands for one. */
static const char *
domain_of(const struct explanation *e)
{
    const struct address *recipient = &e->p.recipient;

    switch (recipient->form) {
    case ADDRESS_BARE:
        return "an address without a domain";
    case ADDRESS_LITERAL:
        return "an address in brackets";
    case ADDRESS_DOMAIN:
        return recipient->domain;
    case ADDRESS_NULL:
    case ADDRESS_HOP:
    case ADDRESS_MALFORMED:
        break;
    }
    return "this recipient";
}

static void
say_granted(struct explanation *e, enum relay_place place)
{
    const struct scene *scene = &e->p.scene;

    if (scene->kind == KIND_LOCAL) {
        explain_say(e, "mail of this machine may go anywhere");
        return;
    }
    explain_say(e, "%s is %s", domain_of(e),
                place == RELAY_OURS ? "one of the own domains" : "elsewhere");
    if (scene->kind == KIND_LOGIN)
        explain_say(e, "; a login may send anywhere");
    else if (place != RELAY_OURS)
        explain_say(e, "; network %s may send anywhere", scene->network->name);
}

static void
say_denied(struct explanation *e, enum relay_place place)
{
    const struct network *network = e->p.scene.network;

    if (place == RELAY_MALFORMED)
        explain_say(e, "this is no address that mail could go to");
    else if (place == RELAY_HOP)
        explain_say(e, "the address names a second hop, which nobody may use");
    else if (network != NULL && network->relay == RELAY_NONE)
        explain_say(e, "network %s may send nothing without a login",
                    network->name);
    else
        explain_say(e,
                    "%s is none of the own domains, and only those may be "
                    "sent to without a login",
                    domain_of(e));
}

/* A network's right, where that is what decides. */
static struct origin
relay_origin(const struct explanation *e, enum relay_place place)
{
    const struct scene *scene = &e->p.scene;

    if (scene->network == NULL || scene->kind == KIND_LOGIN ||
        place == RELAY_MALFORMED || place == RELAY_HOP ||
        (place == RELAY_OURS && scene->network->relay != RELAY_NONE))
        return (struct origin){NULL, 0, 0};
    return explain_origin(e, BLOCK_NETWORK, scene->network->name, "relay");
}

void
explain_recipient(struct explanation *e)
{
    const enum relay_place place =
        relay_place(e->asked->config, &e->facts, &e->p.recipient);
    const bool refused =
        policy_refuses(&e->p) && strncmp(e->p.verdict.rule, "relay.", 6) == 0;

    explain_begin(e, refused ? e->p.verdict.rule : "relay",
                  relay_origin(e, place));
    if (refused) {
        say_denied(e, place);
        explain_end_refusal(e);
    } else {
        say_granted(e, place);
        explain_end(e, EXPLAIN_PASS);
    }
}
