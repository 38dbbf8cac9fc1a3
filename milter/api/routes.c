/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "milter/api/routes.h"

#include <stdio.h>
#include <string.h>

#include "milter/api/handlers.h"

static const struct api_route routes[] = {
    /* how we are */
    {API_GET, "/v1/ping", API_READ, true, API_JSON, api_get_ping},
    {API_GET, "/v1/status", API_READ, true, API_JSON, api_get_status},
    {API_GET, "/v1/lookups", API_READ, true, API_JSON, api_get_lookups},
    {API_GET, "/v1/seen", API_READ, false, API_JSON, api_get_seen},
    {API_GET, "/v1/limits", API_READ, true, API_JSON, api_get_limits},
    {API_GET, "/v1/config", API_ALL, false, API_JSON, api_get_config},
    {API_GET, "/v1/data", API_READ, true, API_JSON, api_get_data},
    {API_GET, "/v1/history", API_READ, true, API_JSON, api_get_history},
    {API_GET, "/metrics", API_READ, true, API_TEXT, api_get_metrics},
    {API_GET, "/healthz", API_READ, true, API_TEXT, api_get_healthz},
    {API_GET, "/readyz", API_READ, true, API_TEXT, api_get_readyz},

    /* who is counted, and what was decided */
    {API_GET, "/v1/subjects", API_READ, true, API_JSON, api_get_subjects},
    {API_GET, "/v1/subjects/*", API_READ, true, API_JSON, api_get_subject},
    {API_GET, "/v1/decisions", API_READ, true, API_JSON, api_get_decisions},
    {API_GET, "/v1/would", API_READ, true, API_JSON, api_get_would},
    {API_POST, "/v1/explain", API_READ, false, API_JSON, api_post_explain},

    /* who is judged, and how; what was done about it */
    {API_GET, "/v1/zombies", API_READ, true, API_JSON, api_get_zombies},
    {API_GET, "/v1/changes", API_READ, true, API_JSON, api_get_changes},
    {API_GET, "/v1/held", API_READ, true, API_JSON, api_get_held},
    {API_GET, "/v1/notices", API_READ, true, API_JSON, api_get_notices},
    {API_GET, "/v1/reports", API_READ, false, API_JSON, api_get_reports},
    {API_GET, "/v1/subjects/*/preview", API_READ, false, API_TEXT,
     api_get_preview},
    {API_POST, "/v1/subjects/*/quarantine", API_RELEASE, false, API_JSON,
     api_post_quarantine},
    {API_POST, "/v1/subjects/*/release", API_RELEASE, false, API_JSON,
     api_post_release},
    {API_POST, "/v1/subjects/*/lease", API_RELEASE, false, API_JSON,
     api_post_lease},
    {API_POST, "/v1/subjects/*/resend", API_RELEASE, false, API_JSON,
     api_post_resend},
    {API_POST, "/v1/release", API_RELEASE, false, API_JSON,
     api_post_release_all},
    {API_POST, "/v1/confirm", API_RELEASE, false, API_JSON, api_post_confirm},
    {API_POST, "/v1/held/gone", API_RELEASE, false, API_JSON,
     api_post_held_gone},
    {API_POST, "/v1/feedback", API_RELEASE, false, API_JSON, api_post_feedback},

    /* acts */
    {API_GET, "/v1/acts", API_READ, false, API_JSON, api_get_acts},
    {API_DELETE, "/v1/acts/*", API_RELEASE, false, API_JSON, api_delete_act},
    {API_POST, "/v1/subjects/*/reset", API_RESET, false, API_JSON,
     api_post_reset},
    {API_POST, "/v1/subjects/*/exempt", API_RELEASE, false, API_JSON,
     api_post_exempt},
    {API_POST, "/v1/subjects/*/raise", API_RELEASE, false, API_JSON,
     api_post_raise},
    {API_GET, "/v1/audit", API_ALL, false, API_JSON, api_get_audit},

    /* what is kept about a subject */
    {API_GET, "/v1/subjects/*/export", API_ALL, false, API_JSON,
     api_get_export},
    {API_POST, "/v1/subjects/*/forget", API_ALL, false, API_JSON,
     api_post_forget},

    /* the daemon */
    {API_POST, "/v1/reload", API_ALL, false, API_JSON, api_post_reload},
    {API_POST, "/v1/mode", API_ALL, false, API_JSON, api_post_mode},

    /* pages */
    {API_GET, "/", API_READ, true, API_HTML, api_get_home},
    {API_GET, "/subjects/*", API_READ, true, API_HTML, api_get_subject_page},
};

static const char *const methods[] = {
    [API_GET] = "GET, HEAD",
    [API_POST] = "POST",
    [API_DELETE] = "DELETE",
};

const struct api_route *
api_routes(size_t *n)
{
    *n = sizeof(routes) / sizeof(routes[0]);
    return routes;
}

/* Is CALL's path that of ROUTE? */
static bool
matches(const struct api_route *route, const struct api_call *call)
{
    const char *at = route->path + 1;
    bool v1 = strncmp(at, "v1/", 3) == 0;
    size_t i = 0;

    if (v1 != call->v1)
        return false;
    for (at += v1 ? 3 : 0; *at != '\0'; i++) {
        size_t len = strcspn(at, "/");

        if (i == call->n_segments)
            return false;
        if ((len != 1 || *at != '*') &&
            (strncmp(at, call->segment[i], len) != 0 ||
             call->segment[i][len] != '\0'))
            return false;
        at += len + (at[len] == '/');
    }
    return i == call->n_segments;
}

const struct api_route *
api_route_of(const struct api_call *call)
{
    for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
        if (routes[i].method == call->method && matches(&routes[i], call))
            return &routes[i];
    }
    return NULL;
}

char *
api_route_allow(const struct api_call *call, char out[API_ALLOW])
{
    size_t len = 0;

    out[0] = '\0';
    for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
        const struct api_route *route = &routes[i];

        if (matches(route, call) && (!call->peer->tcp || route->tcp))
            len +=
                (size_t)snprintf(out + len, API_ALLOW - len, "%s%s",
                                 len > 0 ? ", " : "", methods[route->method]);
    }
    return out;
}
