/* SPDX-License-Identifier: BSD-2-Clause */
/* milter/api/seen.c - what the MTA has shown since the start. */
#include <config.h>

#include "milter/api/handlers.h"
#include "milter/api/json.h"
#include "milter/crowd.h"

enum { CROWDS = 100 }; /* that are told at most */

static json_t *
listeners_json(const struct sights_view *view)
{
    json_t *list = json_array();

    for (size_t i = 0; i < view->n_listeners && list != NULL; i++) {
        const struct sights_listener *row = &view->listener[i];

        if (!api_append(
                list,
                json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "name",
                          api_text(row->name), "port",
                          api_text(row->port[0] != '\0' ? row->port : NULL),
                          "sessions", api_number(row->sessions), "messages",
                          api_number(row->messages), "logins",
                          api_number(row->logins), "tls",
                          api_number(row->tls)))) {
            json_decref(list);
            list = NULL;
        }
    }
    return list;
}

static json_t *
macros_json(const struct sights_view *view)
{
    json_t *list = json_array();

    for (unsigned i = 0; i < SIGHTS_MACROS && list != NULL; i++) {
        if (!api_append(
                list,
                json_pack("{s:s, s:s, s:o, s:o}", "name",
                          sights_macro_name((enum sights_macro)i), "stage",
                          sights_macro_stage((enum sights_macro)i), "asked",
                          api_number(view->macro[i].asked), "missing",
                          api_number(view->macro[i].missing)))) {
            json_decref(list);
            list = NULL;
        }
    }
    return list;
}

/* The network of CONFIG that HOST is in; NULL: none any more. */
static const char *
network_of(const struct config *config, struct prefix host)
{
    uint32_t index;

    return nettree_longest(config->nets, host, &index)
               ? config->networks[index]->name
               : NULL;
}

static json_t *
crowd_json(const struct api_call *call, const struct config *config,
           const struct crowd_row *row)
{
    int64_t ago_ms = call->now.mono.ms - row->told.ms;
    char text[PREFIX_TEXT];

    return json_pack(
        "{s:s, s:o, s:o, s:o, s:o}", "client", prefix_print(row->host, text),
        "network", api_text(network_of(config, row->host)), "helo",
        api_number(row->names[CROWD_HELO]), "domains",
        api_number(row->names[CROWD_DOMAINS]), "at",
        api_time(call->now.wall.s - (ago_ms > 0 ? ago_ms : 0) / 1000));
}

static json_t *
crowds_json(const struct api_call *call)
{
    struct daemon *daemon = call->desk->daemon;
    const struct config *config = daemon_config_get(daemon);
    struct crowd_row row[CROWDS];
    size_t n = crowd_list(daemon_crowd(daemon), call->now.mono, row, CROWDS);
    json_t *list = json_array();

    for (size_t i = 0; i < n && list != NULL; i++) {
        if (!api_append(list, crowd_json(call, config, &row[i]))) {
            json_decref(list);
            list = NULL;
        }
    }
    daemon_config_put(daemon, config);
    return list;
}

static json_t *
mtas_json(const struct sights_view *view)
{
    json_t *list = json_array();

    for (size_t i = 0; i < view->n_mtas && list != NULL; i++) {
        if (!api_append(list, api_text(view->mta[i]))) {
            json_decref(list);
            list = NULL;
        }
    }
    return list;
}

void
api_get_seen(struct api_call *call)
{
    struct sights_view view;

    if (!api_only_queries(call, ""))
        return;
    sights_read(call->desk->sights, &view);
    api_ok(call,
           json_pack("{s:o, s:o, s:o, s:o, s:{s:o, s:o}, s:o}", "since",
                     api_time(view.since.s), "listeners", listeners_json(&view),
                     "macros", macros_json(&view), "crowds", crowds_json(call),
                     "filter", "logins", api_number(view.logins), "verdicts",
                     api_number(view.verdicts), "mtas", mtas_json(&view)));
}
