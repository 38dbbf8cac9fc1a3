/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "policy/ruling.h"

#include <stdio.h>
#include <string.h>

enum ruling {
    RULING_LOGIN_NEEDED,
    RULING_LOGIN_FORBIDDEN,
    RULING_TLS_NEEDED,
    RULING_SENDER_NOT_OWNED,
    RULING_PORT25,
    RULING_SENDER_NOT_HERE,
    RULING_RELAY_DENIED,
    RULING_RELAY_HOP,
    RULING_RELAY_LOGIN,
    RULING_RELAY_SYNTAX
};

enum rule_of { OF_LISTENER, OF_NETWORK, OF_RELAY };

static const struct {
    enum rule_of of;
    const char *name;
    uint16_t code;
    const char *enhanced;
    const char *reason;
} rulings[] = {
    [RULING_LOGIN_NEEDED] = {OF_LISTENER, "auth", 530, "5.7.0",
                             "Authentication required: log in with your "
                             "mail account to send through this port"},
    [RULING_LOGIN_FORBIDDEN] = {OF_LISTENER, "auth", 550, "5.7.1",
                                "This port takes no logins: set your mail "
                                "program to port 587 or 465"},
    [RULING_TLS_NEEDED] = {OF_LISTENER, "tls", 530, "5.7.0",
                           "Must issue a STARTTLS command first"},
    [RULING_SENDER_NOT_OWNED] = {OF_LISTENER, "sender", 550, "5.7.1",
                                 "{sender}: the login {user} may not send "
                                 "from this address"},
    [RULING_PORT25] = {OF_NETWORK, "port25", 550, "5.7.1",
                       "Port 25 is for mail servers: set your mail program "
                       "to port 587 and log in"},
    [RULING_SENDER_NOT_HERE] = {OF_NETWORK, "sender", 550, "5.7.1",
                                "{sender}: this network may not send from "
                                "this address without a login"},
    [RULING_RELAY_DENIED] = {OF_RELAY, "denied", 550, "5.7.1",
                             "{recipient}: Relaying denied: log in on port "
                             "587 to send to other domains"},
    [RULING_RELAY_HOP] = {OF_RELAY, "hop", 550, "5.7.1",
                          "{recipient}: Relaying denied: the address names "
                          "a second hop"},
    [RULING_RELAY_LOGIN] = {OF_RELAY, "none", 550, "5.7.1",
                            "{recipient}: Relaying denied: this network "
                            "sends with a login only, on port 587"},
    [RULING_RELAY_SYNTAX] = {OF_RELAY, "syntax", 501, "5.1.3",
                             "{recipient}: bad recipient address"},
};

/* Refuse by RULING; returns false, as the checks below do. */
static bool
refuse(const struct scene *scene, enum ruling ruling, struct verdict *out)
{
    const char *of = "relay", *name = "";

    if (rulings[ruling].of == OF_LISTENER) {
        of = "listener.";
        name = scene->listener->name;
    } else if (rulings[ruling].of == OF_NETWORK) {
        of = "network.";
        name = scene->network->name;
    }
    verdict_continue(out);
    verdict_refuse(out, VERDICT_REJECT, rulings[ruling].code,
                   rulings[ruling].enhanced);
    out->observed = scene->mode == MODE_OBSERVE;
    out->reason = rulings[ruling].reason;
    (void)snprintf(out->rule, sizeof(out->rule), "%s%.64s.%s", of, name,
                   rulings[ruling].name);
    return false;
}

bool
ruling_skips(const struct scene *scene)
{
    if (!scene->listener->skip)
        return false;
    return scene->kind == KIND_LOCAL ||
           (scene->network != NULL && scene->listener->from != NULL &&
            scene->listener->from[scene->network->index] != 0);
}

/* ----- MAIL: the listener and the network */

/* Does `owners` list SCENE's login under KEY? */
static bool
owns(const struct config *config, const struct scene *scene, const char *key)
{
    const char *list = table_get(config->owners, key);
    char login[ADDRESS_TEXT], owner[ADDRESS_TEXT];
    size_t len;

    for (; list != NULL; list += len) {
        list += strspn(list, ", \t");
        len = strcspn(list, ", \t");
        if (len == 0)
            break;
        if (len >= sizeof(login))
            continue;
        memcpy(login, list, len);
        login[len] = '\0';
        if (address_login(login, config->users_fold,
                          config->users_default_domain, owner) &&
            strcmp(owner, scene->user) == 0)
            return true;
    }
    return false;
}

/*
 * Is the sender the login's own?  Looked up as Postfix does: the address, the
 * address without its extension, the user alone in our own domains, the
 * domain.
 */
static bool
is_owned(const struct config *config, const struct facts *facts,
         const struct scene *scene)
{
    const struct address *sender = &scene->sender_parsed;
    const char *canonical = scene->sender;
    const char *at = strrchr(canonical, '@');
    const char *plus = strchr(canonical, '+');
    char key[2 * ADDRESS_TEXT];
    int local;

    if (sender->form == ADDRESS_HOP || sender->form == ADDRESS_MALFORMED)
        return false;
    local = at != NULL ? (int)(at - canonical) : (int)strlen(canonical);
    if (owns(config, scene, canonical))
        return true;
    if (plus != NULL && plus > canonical && plus - canonical < local) {
        (void)snprintf(key, sizeof(key), "%.*s%s", (int)(plus - canonical),
                       canonical, at != NULL ? at : "");
        if (owns(config, scene, key))
            return true;
    }
    if (at == NULL)
        return false; /* the user alone was looked up above */
    if (relay_place(config, facts, sender) == RELAY_OURS) {
        (void)snprintf(key, sizeof(key), "%.*s", local, canonical);
        if (owns(config, scene, key))
            return true;
    }
    return owns(config, scene, at);
}

/* A network's `sender =` pattern: an address, a domain, or ".domain". */
static bool
matches_pattern(const char *pattern, const struct scene *scene)
{
    const char *domain = scene->sender_parsed.domain;
    size_t len = strlen(domain), tail = strlen(pattern + 1);

    if (strchr(pattern, '@') != NULL)
        return strcmp(pattern, scene->sender) == 0;
    if (pattern[0] != '.')
        return strcmp(pattern, domain) == 0;
    return len >= tail && strcmp(domain + len - tail, pattern + 1) == 0 &&
           (len == tail || domain[len - tail - 1] == '.');
}

static bool
may_send_from(const struct scene *scene)
{
    const struct network *network = scene->network;

    if (scene->sender_parsed.form != ADDRESS_DOMAIN)
        return false;
    for (size_t i = 0; i < network->n_senders; i++) {
        if (matches_pattern(network->senders[i], scene))
            return true;
    }
    return false;
}

static bool
check_sender(const struct config *config, const struct facts *facts,
             const struct scene *scene, struct verdict *out)
{
    if (scene->sender_parsed.form == ADDRESS_NULL)
        return true;
    if (scene->kind == KIND_LOGIN) {
        if (scene->listener->sender == SENDER_OWNED &&
            !is_owned(config, facts, scene))
            return refuse(scene, RULING_SENDER_NOT_OWNED, out);
        return true;
    }
    if (scene->network != NULL && scene->network->n_senders > 0 &&
        !may_send_from(scene))
        return refuse(scene, RULING_SENDER_NOT_HERE, out);
    return true;
}

bool
ruling_mail(const struct config *config, const struct facts *facts,
            const struct scene *scene, struct verdict *out)
{
    if (scene->kind == KIND_LOCAL)
        return true;
    if (scene->auth == AUTH_REQUIRE && !scene->has_login)
        return refuse(scene, RULING_LOGIN_NEEDED, out);
    if (scene->auth == AUTH_FORBID && scene->has_login)
        return refuse(scene, RULING_LOGIN_FORBIDDEN, out);
    if (scene->tls == TLS_REQUIRE && !scene->tls_on)
        return refuse(scene, RULING_TLS_NEEDED, out);
    if (scene->kind != KIND_LOGIN && scene->listener == config->mx &&
        scene->network != NULL && scene->network->port25_closed)
        return refuse(scene, RULING_PORT25, out);
    return check_sender(config, facts, scene, out);
}

/* ----- RCPT: relay authorization */

bool
ruling_rcpt(const struct scene *scene, enum relay_place place,
            struct verdict *out)
{
    if (scene->kind == KIND_LOCAL)
        return true; /* may relay; one recipient alone cannot be refused */
    if (place == RELAY_MALFORMED)
        return refuse(scene, RULING_RELAY_SYNTAX, out);
    if (place == RELAY_HOP)
        return refuse(scene, RULING_RELAY_HOP, out);
    switch (relay_rule(scene, place)) {
    case RELAY_GRANTED:
        return true;
    case RELAY_DENIED:
        return refuse(scene, RULING_RELAY_DENIED, out);
    case RELAY_NEEDS_LOGIN:
        return refuse(scene, RULING_RELAY_LOGIN, out);
    }
    return refuse(scene, RULING_RELAY_DENIED, out);
}
