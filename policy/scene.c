/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "policy/scene.h"

#include <netinet/in.h>
#include <string.h>
#include <strings.h>

#include "policy/acts.h"

static bool
said(const char *macro)
{
    return macro != NULL && *macro != '\0';
}

const char *
listener_by_name(enum listener_by by)
{
    switch (by) {
    case LISTENER_BY_NAME:
        return "name";
    case LISTENER_BY_PORT:
        return "port";
    case LISTENER_BY_FLAGS:
        return "flags";
    case LISTENER_BY_DEFAULT:
        return "default";
    case LISTENER_BY_ORIGIN:
        return "origin";
    }
    return "";
}

/* The source port of a connection; -1 without one. */
static int
source_port(const struct sockaddr *sa)
{
    struct sockaddr_in in;
    struct sockaddr_in6 in6;

    if (sa != NULL && sa->sa_family == AF_INET) {
        memcpy(&in, sa, sizeof(in));
        return ntohs(in.sin_port);
    }
    if (sa != NULL && sa->sa_family == AF_INET6) {
        memcpy(&in6, sa, sizeof(in6));
        return ntohs(in6.sin6_port);
    }
    return -1;
}

/*
 * Mail that does not come by SMTP: Postfix says port 0 (and if it is not
 * asked, shows a loopback client without a source port); Sendmail reading
 * standard input says {client_addr} = 0.
 */
static bool
is_local(const struct facts *facts, struct prefix client)
{
    if (facts->client_stdin)
        return true;
    if (said(facts->daemon_port))
        return strcmp(facts->daemon_port, "0") == 0;
    return prefix_is_loopback(client) && source_port(facts->client) == 0;
}

static bool
has_name(const struct listener *listener, const char *name)
{
    for (size_t i = 0; i < listener->n_names; i++) {
        if (strcasecmp(listener->names[i], name) == 0)
            return true;
    }
    return false;
}

/* A port number in decimal; 0 if it is none. */
static unsigned
read_port(const char *text)
{
    unsigned port = 0;

    for (; *text >= '0' && *text <= '9' && port <= UINT16_MAX; text++)
        port = 10 * port + (unsigned)(*text - '0');
    return *text == '\0' && port <= UINT16_MAX ? port : 0;
}

static bool
has_port(const struct listener *listener, unsigned port)
{
    for (size_t i = 0; i < listener->n_ports; i++) {
        if (listener->ports[i] == port)
            return true;
    }
    return false;
}

/* Sendmail's flags: capitals come doubled, `s` and `a` stand alone. */
static const struct listener *
by_flags(const struct config *config, const char *flags)
{
    if (strchr(flags, 's') != NULL)
        return config->submissions;
    if (strchr(flags, 'a') != NULL)
        return config->submission;
    return NULL;
}

static void
find_listener(const struct config *config, const struct facts *facts,
              struct scene *out)
{
    unsigned port =
        said(facts->daemon_port) ? read_port(facts->daemon_port) : 0;

    out->listener = config->local;
    out->by = LISTENER_BY_ORIGIN;
    if (is_local(facts, out->client))
        return;
    out->by = LISTENER_BY_NAME;
    for (size_t i = 0; i < config->n_listeners; i++) {
        out->listener = config->listeners[i];
        if (said(facts->daemon_name) &&
            has_name(out->listener, facts->daemon_name))
            return;
    }
    out->by = LISTENER_BY_PORT;
    for (size_t i = 0; i < config->n_listeners && port != 0; i++) {
        out->listener = config->listeners[i];
        if (has_port(out->listener, port))
            return;
    }
    out->by = LISTENER_BY_FLAGS;
    if (!said(facts->daemon_port) && said(facts->daemon_flags)) {
        out->listener = by_flags(config, facts->daemon_flags);
        if (out->listener != NULL)
            return;
    }
    out->by = LISTENER_BY_DEFAULT;
    out->listener = config->mx;
}

static void
find_network(const struct config *config, struct scene *out)
{
    uint32_t index;

    out->network = NULL;
    if (nettree_longest(config->nets, out->client, &index))
        out->network = config->networks[index];
}

/* Observe at any level is observe; a network's word goes before its
 * listener's, until it lapses. */
static enum mode
find_mode(const struct config *config, const struct scene *scene)
{
    const enum mode daemon =
        acts_mode(scene->acts, config->mode, scene->now, NULL);
    const struct network *network = scene->network;
    enum mode mode = scene->listener->mode;

    if (network != NULL && network->mode != MODE_UNSET &&
        (!network->has_until || scene->now.s < network->until.s))
        mode = network->mode;
    return daemon == MODE_OBSERVE || mode == MODE_OBSERVE ? MODE_OBSERVE
                                                          : MODE_ENFORCE;
}

static enum session_kind
find_kind(const struct config *config, const struct scene *scene)
{
    if (scene->listener == config->local)
        return KIND_LOCAL;
    if (scene->has_login && scene->auth != AUTH_FORBID)
        return KIND_LOGIN;
    if (scene->network != NULL && scene->network->relay == RELAY_ANY)
        return KIND_RELAY;
    return KIND_STRANGER;
}

static void
read_login(const struct config *config, const struct facts *facts,
           struct scene *out)
{
    out->has_login = said(facts->login) && said(facts->login_type);
    out->user[0] = '\0';
    if (out->has_login &&
        !address_login(facts->login, config->users_fold,
                       config->users_default_domain, out->user))
        memcpy(out->user, "invalid", sizeof("invalid"));
}

/* Until then a store only learns: whom it knows by then is no newcomer. */
static struct wall
settled(const struct config *config, struct wall birth)
{
    uint64_t learn_s = config->n_zombies == 0 ? SCENE_LEARN_S : 0;

    for (size_t i = 0; i < config->n_zombies; i++)
        if (config->zombies[i]->learn_s > learn_s)
            learn_s = config->zombies[i]->learn_s;
    birth.s += (int64_t)learn_s;
    return birth;
}

void
scene_make(const struct config *config, const struct facts *facts,
           struct scene *out)
{
    out->now = facts->now;
    out->acts = facts->acts;
    out->client = prefix_of_sockaddr(facts->client);
    out->tls_on = facts->tls;
    find_listener(config, facts, out);
    find_network(config, out);
    out->auth = out->listener->auth;
    out->tls = out->listener->tls;
    if (out->network != NULL && out->network->auth != AUTH_UNSET)
        out->auth = out->network->auth;
    if (out->network != NULL && out->network->tls != TLS_UNSET)
        out->tls = out->network->tls;
    read_login(config, facts, out);
    out->kind = find_kind(config, out);
    out->mode = find_mode(config, out);
    out->own = out->kind != KIND_STRANGER || out->network != NULL;
    out->sender_said = facts->sender;
    out->sender[0] = '\0';
    out->sender_parsed.form = ADDRESS_NULL;
    if (facts->sender != NULL) {
        address_parse(facts->sender, &out->sender_parsed);
        address_canonical(&out->sender_parsed, out->sender);
    }
    out->local_user[0] = '\0';
    if (out->kind == KIND_LOCAL &&
        !address_login(out->sender, config->users_fold,
                       config->users_default_domain, out->local_user))
        out->local_user[0] = '\0';
    out->seen = facts->seen;
    out->n_seen = facts->n_seen;
    out->has_birth = facts->birth.s != 0;
    if (out->has_birth)
        out->settled = settled(config, facts->birth);
}
