/* SPDX-License-Identifier: BSD-2-Clause */
/* milter/api/lookups.c - what is asked of the DNS, and how that goes. */
#include <config.h>

#include <string.h>

#include "milter/api/handlers.h"
#include "milter/api/json.h"
#include "milter/lookup/lookup.h"

static json_t *
servers_json(struct lookup *lookup)
{
    char servers[RESOLVER_SERVERS][LOOKUP_SERVER];
    size_t n = lookup_servers(lookup, servers, RESOLVER_SERVERS);
    json_t *list = json_array();

    for (size_t i = 0; i < n && list != NULL; i++) {
        if (!api_append(list, api_text(servers[i]))) {
            json_decref(list);
            list = NULL;
        }
    }
    return list;
}

static json_t *
resolver_json(struct lookup *lookup, const struct lookup_counts *c)
{
    const struct resolver_counts *dns = &c->dns;

    return json_pack(
        "{s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "running", c->resolver,
        "servers", servers_json(lookup), "in_flight",
        api_number(dns->in_flight), "asked", api_number(dns->asked), "answered",
        api_number(dns->answered), "failed", api_number(dns->failed), "late",
        api_number(dns->late), "crowded", api_number(dns->crowded));
}

static json_t *
results_json(const struct spf_counts *spf)
{
    json_t *json = json_object();

    for (unsigned i = 0; i < SPF_RESULTS && json != NULL; i++) {
        if (json_object_set_new(json, spf_result_name((enum spf_result)i),
                                api_number(spf->done[i])) != 0) {
            json_decref(json);
            json = NULL;
        }
    }
    return json;
}

static json_t *
spf_json(const struct lookup_counts *c)
{
    const struct spf_counts *spf = &c->evaluations;

    return json_pack("{s:b, s:o, s:o, s:o, s:o}", "running", c->spf, "results",
                     results_json(spf), "deaths", api_number(spf->deaths),
                     "restarts", api_number(spf->restarts), "in_flight",
                     api_number(spf->in_flight));
}

static const char *
action_name(enum lookup_action action)
{
    switch (action) {
    case LOOKUP_IGNORE:
        return "ignore";
    case LOOKUP_MARK:
        return "mark";
    case LOOKUP_EVIDENCE:
        return "evidence";
    case LOOKUP_DEFER:
        return "defer";
    case LOOKUP_REJECT:
        break;
    }
    return "reject";
}

/* What the configuration has done about a list of this name; null: it is not in
 * it any more. */
static json_t *
action_json(const struct config *config, const char *name)
{
    for (size_t i = 0; i < config->n_dnsbls; i++) {
        if (strcmp(config->dnsbls[i]->name, name) == 0)
            return json_string(action_name(config->dnsbls[i]->action));
    }
    return json_null();
}

static json_t *
list_json(const struct config *config, const struct dnsbl_state *state)
{
    return json_pack("{s:o, s:o, s:s, s:b, s:o, s:o, s:o, s:o}", "name",
                     api_text(state->name), "zone", api_text(state->zone),
                     "health", dnsbl_health_name(state->health), "usable",
                     lookup_is_usable(state->health), "action",
                     action_json(config, state->name), "asked",
                     api_number(state->asked), "listed",
                     api_number(state->listed), "failed",
                     api_number(state->failed));
}

static json_t *
lists_json(struct lookup *lookup, const struct config *config)
{
    struct dnsbl_state states[DNSBL_LISTS];
    size_t n = lookup_lists(lookup, states, DNSBL_LISTS);
    json_t *list = json_array();

    for (size_t i = 0; i < n && i < DNSBL_LISTS && list != NULL; i++) {
        if (!api_append(list, list_json(config, &states[i]))) {
            json_decref(list);
            list = NULL;
        }
    }
    return list;
}

static json_t *
waits_json(const struct lookup_counts *c)
{
    return json_pack("{s:o, s:o, s:o}", "waited", api_number(c->waits),
                     "not_waited", api_number(c->not_waited), "waited_ms",
                     api_number(c->waited_us / 1000));
}

void
api_get_lookups(struct api_call *call)
{
    struct daemon *daemon = call->desk->daemon;
    struct lookup *lookup = daemon_lookup(daemon);
    const struct config *config;
    struct lookup_counts c;

    if (!api_only_queries(call, ""))
        return;
    lookup_counts(lookup, &c);
    config = daemon_config_get(daemon);
    api_ok(call, json_pack("{s:o, s:o, s:o, s:o, s:o}", "resolver",
                           resolver_json(lookup, &c), "spf", spf_json(&c),
                           "lists", lists_json(lookup, config), "waits",
                           waits_json(&c), "put_off", api_number(c.put_off)));
    daemon_config_put(daemon, config);
}
