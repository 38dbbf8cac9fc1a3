/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "policy/relay.h"

#include <string.h>
#include <strings.h>

/* Does MACRO ({j}, say) name the domain NAME? */
static bool
names(const char *macro, const char *name)
{
    char domain[ADDRESS_DOMAIN_MAX + 1];

    return macro != NULL && address_domain(macro, domain) &&
           strcmp(domain, name) == 0;
}

static bool
is_our_domain(const struct config *config, const struct facts *facts,
              const char *domain)
{
    return domains_has(config->domains, domain) ||
           strcmp(domain, "localhost") == 0 || names(facts->hostname, domain);
}

/* The literal of the address that the client has reached. */
static bool
is_our_literal(const struct facts *facts, struct prefix literal)
{
    struct prefix own;

    return facts->daemon_addr != NULL && literal.family != 0 &&
           prefix_parse(facts->daemon_addr, &own, NULL) == MS_OK &&
           memcmp(&own, &literal, sizeof(own)) == 0;
}

enum relay_place
relay_place(const struct config *config, const struct facts *facts,
            const struct address *rcpt)
{
    switch (rcpt->form) {
    case ADDRESS_NULL:
    case ADDRESS_MALFORMED:
        return RELAY_MALFORMED;
    case ADDRESS_HOP:
        return RELAY_HOP;
    case ADDRESS_BARE:
        return RELAY_OURS;
    case ADDRESS_DOMAIN:
        return is_our_domain(config, facts, rcpt->domain) ? RELAY_OURS
                                                          : RELAY_EXTERNAL;
    case ADDRESS_LITERAL:
        return is_our_literal(facts, rcpt->literal) ? RELAY_OURS
                                                    : RELAY_EXTERNAL;
    }
    return RELAY_MALFORMED;
}

enum relay_ruling
relay_rule(const struct scene *scene, enum relay_place place)
{
    enum relay_right right = RELAY_DOMAINS;

    if (scene->kind == KIND_LOGIN || scene->kind == KIND_LOCAL)
        return RELAY_GRANTED;
    if (scene->network != NULL)
        right = scene->network->relay;
    switch (right) {
    case RELAY_ANY:
        return RELAY_GRANTED;
    case RELAY_DOMAINS:
        return place == RELAY_OURS ? RELAY_GRANTED : RELAY_DENIED;
    case RELAY_NONE:
        return RELAY_NEEDS_LOGIN;
    }
    return RELAY_DENIED;
}

bool
relay_is_desk(const struct address *rcpt)
{
    return strcasecmp(rcpt->local, "postmaster") == 0 ||
           strcasecmp(rcpt->local, "abuse") == 0;
}
