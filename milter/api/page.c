/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/api/page.c - the pages: what other handlers answer, drawn.
 */
#include <config.h>

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "milter/api/handlers.h"
#include "milter/page/page.h"

/* Does the peer of CALL see pseudonyms? */
static bool
hidden(const struct api_call *call)
{
    const struct config *config;
    bool names;

    if (!call->peer->tcp)
        return false;
    config = daemon_config_get(call->desk->daemon);
    names = config->status.names;
    daemon_config_put(call->desk->daemon, config);
    return !names;
}

/* What HANDLE answers to TARGET, one of ours, for the peer of CALL; NULL: no
 * answer that could be drawn. */
static json_t *
ask(const struct api_call *call, const char *target,
    void (*handle)(struct api_call *call))
{
    struct api_call own = {.desk = call->desk,
                           .peer = call->peer,
                           .now = call->now,
                           .rights = call->rights,
                           .method = API_GET};
    json_t *json = NULL;
    struct why why;

    if (api_call_target(&own, target, &why) == MS_OK)
        handle(&own);
    if (own.status == 200 && !own.problem) {
        json = own.json;
        own.json = NULL;
    }
    api_call_end(&own);
    if (json != NULL && hidden(call) &&
        alias_json(call->desk->alias, json) != MS_OK) {
        json_decref(json);
        json = NULL;
    }
    return json;
}

/* Answer CALL with TEXT (moved; NULL: there was no memory). */
static void
send_page(struct api_call *call, char *text, size_t len)
{
    if (text == NULL) {
        api_failed(call, MS_NOMEM, NULL);
        return;
    }
    call->text = text;
    call->text_len = len;
    call->type = "text/html; charset=utf-8";
    call->status = 200;
}

/* Did CALL ask for a page that stands still?  False: answered, it asked for
 * what there is not. */
static bool
read_still(struct api_call *call, bool *out)
{
    const char *refresh = api_call_query(call, "refresh");

    *out = refresh != NULL;
    if (call->n_queries == (*out ? 1 : 0) &&
        (!*out || strcmp(refresh, "no") == 0))
        return true;
    api_problem(call, 400, "bad-request",
                "the page can only be asked for as / and /?refresh=no");
    return false;
}

void
api_get_home(struct api_call *call)
{
    static const struct {
        const char *target;
        void (*handle)(struct api_call *call);
    } asked[] = {
        {"/v1/status", api_get_status},
        {"/v1/history?range=24h", api_get_history},
        {"/v1/subjects?sort=share&limit=40", api_get_subjects},
        {"/v1/subjects?kind=user&sort=external&limit=10", api_get_subjects},
        {"/v1/subjects?kind=client&sort=external&limit=10", api_get_subjects},
        {"/v1/decisions?limit=200&fleet=no", api_get_decisions},
        {"/v1/would?since=24h&limit=1000", api_get_would},
        {"/v1/zombies?standing=throttled,quarantined&limit=12",
         api_get_zombies},
        {"/v1/held?limit=1", api_get_held},
    };
    enum { ASKED = sizeof(asked) / sizeof(asked[0]) };
    json_t *got[ASKED];
    size_t len;
    bool still;
    char *text;

    if (!read_still(call, &still))
        return;
    for (size_t i = 0; i < ASKED; i++)
        got[i] = ask(call, asked[i].target, asked[i].handle);
    text = page_home(&(struct page_home){.status = got[0],
                                         .history = got[1],
                                         .near = got[2],
                                         .users = got[3],
                                         .clients = got[4],
                                         .decisions = got[5],
                                         .would = got[6],
                                         .zombies = got[7],
                                         .held = got[8],
                                         .now_s = call->now.wall.s,
                                         .pseudonyms = hidden(call),
                                         .still = still},
                     &len);
    call->refresh_s = still ? 0 : PAGE_REFRESH_S;
    send_page(call, text, len);
    for (size_t i = 0; i < ASKED; i++)
        json_decref(got[i]);
}

void
api_get_subject_page(struct api_call *call)
{
    struct api_call own = {.desk = call->desk,
                           .peer = call->peer,
                           .now = call->now,
                           .rights = call->rights,
                           .target = call->target,
                           .method = API_GET,
                           .v1 = true,
                           .n_segments = 2};
    bool pseudonyms = hidden(call);
    char *text = NULL;
    size_t len = 0;

    assert(call->n_segments == own.n_segments);
    memcpy(own.segment, call->segment, sizeof(own.segment));
    memcpy(own.query, call->query, sizeof(own.query));
    own.n_queries = call->n_queries;
    api_get_subject(&own);
    if (own.problem) {
        call->json = own.json;
        call->status = own.status;
        call->problem = true;
        return;
    }
    if (own.json != NULL &&
        (!pseudonyms || alias_json(call->desk->alias, own.json) == MS_OK))
        text = page_subject(own.json, call->now.wall.s, pseudonyms, &len);
    api_call_end(&own);
    send_page(call, text, len);
}
