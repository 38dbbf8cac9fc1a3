/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/api/audit.c - who has done what.
 */
#include <config.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "milter/api/handlers.h"
#include "milter/api/json.h"

void
api_audit(struct api_call *call, const char *act, const struct subject *subject,
          bool ok, const char *format, ...)
{
    struct diary_audit entry = {.at_s = call->now.wall.s, .ok = ok};
    char id[SUBJECT_TEXT];
    va_list args;

    (void)snprintf(entry.host, sizeof(entry.host), "%.*s",
                   (int)sizeof(entry.host) - 1, call->desk->host);
    (void)snprintf(entry.by, sizeof(entry.by), "%s", call->peer->by);
    (void)snprintf(entry.act, sizeof(entry.act), "%s", act);
    if (subject != NULL)
        decision_subject(subject_print(subject, id), entry.subject);
    va_start(args, format);
    if (vsnprintf(entry.detail, sizeof(entry.detail), format, args) >=
        (int)sizeof(entry.detail))
        memcpy(entry.detail + sizeof(entry.detail) - 4, "...", 4);
    va_end(args);
    clerk_audit(call->desk->clerk, &entry);
}

/* ----- asking */

struct trail {
    struct diary_audit *list;
    size_t n, most;
    int64_t since_s;
    const char *ours; /* of the fleet, host that is in the list already */
};

/* The board has the newest first: behind the first old one are only more. */
static bool
take(void *arg, const struct diary_audit *entry)
{
    struct trail *trail = arg;

    if (entry->at_s < trail->since_s)
        return true;
    if (trail->ours != NULL && strcmp(entry->host, trail->ours) == 0)
        return true;
    trail->list[trail->n++] = *entry;
    return trail->n < trail->most;
}

static int
newest(const void *a, const void *b)
{
    const struct diary_audit *x = a, *y = b;

    return x->at_s > y->at_s ? -1 : x->at_s < y->at_s;
}

static enum ms_err
collect(struct api_call *call, struct trail *trail, unsigned limit, bool fleet)
{
    struct desk *desk = call->desk;
    enum ms_err err;

    trail->most = limit;
    err = diary_audits(desk->diary, trail->since_s, limit, take, trail);
    if (err != MS_OK || !fleet)
        return err;
    trail->most = trail->n + limit;
    trail->ours = desk->host;
    err = clerk_fleet_audit(desk->clerk, take, trail);
    if (trail->n > 0)
        qsort(trail->list, trail->n, sizeof(trail->list[0]), newest);
    return err;
}

static json_t *
trail_json(const struct trail *trail, size_t limit)
{
    json_t *list = json_array();

    for (size_t i = 0; i < trail->n && i < limit && list != NULL; i++) {
        if (!api_append(list, diary_audit_json(&trail->list[i]))) {
            json_decref(list);
            list = NULL;
        }
    }
    return list;
}

void
api_get_audit(struct api_call *call)
{
    struct trail trail = {0};
    uint64_t limit;
    bool fleet;
    enum ms_err err = MS_NOMEM;

    if (!api_only_queries(call, "since limit fleet") ||
        !api_call_when(call, "since", &trail.since_s) ||
        !api_call_number(call, "limit", 100, 1, 1000, &limit) ||
        !api_yes(call, "fleet", false, &fleet))
        return;
    trail.list = calloc(2 * (size_t)limit, sizeof(*trail.list));
    if (trail.list != NULL)
        err = collect(call, &trail, (unsigned)limit, fleet);
    if (err == MS_OK)
        api_ok(call, json_pack("{s:o}", "entries",
                               trail_json(&trail, (size_t)limit)));
    else
        api_failed(call, err, NULL);
    free(trail.list);
}
