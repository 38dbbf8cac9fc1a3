/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "milter/api/gather.h"

#include <stdlib.h>
#include <string.h>

#include "milter/api/json.h"
#include "milter/clerk/clerk.h"

struct api_gather {
    struct decision *list;
    size_t n, room;
    enum ms_err err;

    /* Of the one query that is running: */
    const struct diary_query *query;
    unsigned taken;
};

enum ms_err
api_gather_create(struct api_gather **out)
{
    struct api_gather *gather = calloc(1, sizeof(*gather));

    if (gather == NULL)
        return MS_NOMEM;
    *out = gather;
    return MS_OK;
}

void
api_gather_destroy(struct api_gather *gather)
{
    if (gather == NULL)
        return;
    free(gather->list);
    free(gather);
}

static bool
take(void *arg, const struct decision *decision)
{
    struct api_gather *gather = arg;
    size_t room = gather->room > 0 ? 2 * gather->room : 32;

    if (gather->n == gather->room) {
        struct decision *list =
            realloc(gather->list, room * sizeof(struct decision));

        if (list == NULL) {
            gather->err = MS_NOMEM;
            return false;
        }
        gather->list = list;
        gather->room = room;
    }
    gather->list[gather->n++] = *decision;
    return true;
}

enum ms_err
api_gather_diary(struct api_gather *gather, struct desk *desk,
                 const struct diary_query *query)
{
    enum ms_err err;

    gather->err = MS_OK;
    err = diary_find(desk->diary, query, take, gather);
    return err != MS_OK ? err : gather->err;
}

/* ----- the fleet's */

static bool
is(const char *wanted, const char *text)
{
    return wanted == NULL || strcmp(wanted, text) == 0;
}

/* "limit" is also the beginning of "limit.user". */
static bool
is_rule(const char *wanted, const char *rule)
{
    size_t len = wanted != NULL ? strlen(wanted) : 0;

    return wanted == NULL || (strncmp(wanted, rule, len) == 0 &&
                              (rule[len] == '\0' || rule[len] == '.'));
}

/* Does QUERY, which the board knows nothing of, ask for DECISION? */
static bool
wants(const struct diary_query *query, const struct decision *decision)
{
    bool would = decision->deed == JOURNAL_WOULD;

    if (query->done != query->would && query->would != would)
        return false;
    if ((query->since_s != 0 && decision->at_s < query->since_s) ||
        (query->until_s != 0 && decision->at_s > query->until_s))
        return false;
    return is(query->ref, decision->ref) && is(query->id, decision->id) &&
           is(query->user, decision->user) &&
           is(query->client, decision->client) &&
           is_rule(query->rule, decision->rule) &&
           is(query->subject, decision->subject) &&
           is(query->action, verdict_action_name(decision->action));
}

static bool
take_wanted(void *arg, const struct decision *decision)
{
    struct api_gather *gather = arg;

    if (!wants(gather->query, decision))
        return true;
    return take(gather, decision) && ++gather->taken < gather->query->limit;
}

enum ms_err
api_gather_fleet(struct api_gather *gather, struct desk *desk, const char *name,
                 const struct diary_query *query)
{
    gather->err = MS_OK;
    gather->query = query;
    gather->taken = 0;
    (void)clerk_fleet_decisions(desk->clerk, name, take_wanted, gather);
    return gather->err;
}

/* ----- of a subject */

/* Those that name SUBJECT without being about it: a login that was refused for
 * its sender is its user's. */
static bool
names(const struct subject *subject, const char *id, struct diary_query *query)
{
    switch (subject->kind) {
    case SUBJECT_USER:
        query->user = api_key_of(id);
        return true;
    case SUBJECT_CLIENT:
        query->client = api_key_of(id);
        return true;
    case SUBJECT_PREFIX:
    case SUBJECT_SENDER:
    case SUBJECT_DOMAIN:
    case SUBJECT_NETWORK:
    case SUBJECT_PAIR:
    case SUBJECT_KINDS:
        break;
    }
    return false;
}

enum ms_err
api_gather_subject(struct api_gather *gather, struct desk *desk,
                   const struct subject *subject, unsigned most)
{
    char id[SUBJECT_TEXT], cut[DECISION_SUBJECT];
    const struct diary_query about = {.subject = cut, .limit = most};
    const struct diary_query any = {.limit = most};
    struct diary_query naming = {.limit = most};
    enum ms_err err;

    decision_subject(subject_print(subject, id), cut);
    err = api_gather_diary(gather, desk, &about);
    if (err == MS_OK && names(subject, id, &naming))
        err = api_gather_diary(gather, desk, &naming);
    /* the board has them under the name of whomever they concern */
    if (err == MS_OK)
        err = api_gather_fleet(gather, desk, cut, &any);
    return err;
}

/* ----- telling */

/* The newest first; those of one host by the order in which it wrote them. */
static int
newest(const void *a, const void *b)
{
    const struct decision *x = a, *y = b;
    int order = x->at_s > y->at_s ? -1 : x->at_s < y->at_s;

    if (order == 0)
        order = strcmp(x->host, y->host);
    if (order == 0)
        order = x->seq > y->seq ? -1 : x->seq < y->seq;
    return order;
}

static int
oldest(const void *a, const void *b)
{
    return newest(b, a);
}

/* On the board a decision may stand without the number it got later. */
static bool
same(const struct decision *a, const struct decision *b)
{
    if (a->at_s != b->at_s || strcmp(a->host, b->host) != 0)
        return false;
    if (a->seq != 0 && b->seq != 0)
        return a->seq == b->seq;
    return strcmp(a->ref, b->ref) == 0 && strcmp(a->id, b->id) == 0 &&
           strcmp(a->rule, b->rule) == 0 &&
           strcmp(a->subject, b->subject) == 0 && strcmp(a->to, b->to) == 0;
}

/* Has one like number I been told?  All of a second stand side by side. */
static bool
told(const struct api_gather *gather, size_t i)
{
    const struct decision *list = gather->list;

    for (size_t j = i; j-- > 0 && list[j].at_s == list[i].at_s;) {
        if (same(&list[j], &list[i]))
            return true;
    }
    return false;
}

json_t *
api_gather_json(struct api_gather *gather, size_t most,
                enum api_gather_order order)
{
    json_t *json = json_array();

    if (gather->n > 0)
        qsort(gather->list, gather->n, sizeof(gather->list[0]),
              order == API_NEWEST_FIRST ? newest : oldest);
    for (size_t i = 0;
         i < gather->n && json != NULL && json_array_size(json) < most; i++) {
        if (!told(gather, i) &&
            !api_append(json, decision_json(&gather->list[i]))) {
            json_decref(json);
            json = NULL;
        }
    }
    return json;
}

size_t
api_gather_count(const struct api_gather *gather)
{
    return gather->n;
}

uint64_t
api_gather_seq(const struct api_gather *gather)
{
    uint64_t most = 0;

    for (size_t i = 0; i < gather->n; i++) {
        if (gather->list[i].seq > most)
            most = gather->list[i].seq;
    }
    return most;
}
