/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/api/subjects.c - the busiest subjects, those nearest to a limit, and
 * those of a standing.  However many there are, only what this host keeps of
 * the busiest is looked at, and of standings so many records.
 */
#include <config.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "milter/api/changes.h"
#include "milter/api/find.h"
#include "milter/api/handlers.h"
#include "milter/api/json.h"
#include "milter/api/pick.h"
#include "policy/store/redis.h"

enum {
    MOST = 1000,       /* on a page */
    POSITIONS = 10000, /* behind which no page begins */
    FLEET = 65536,     /* rows that hosts have told, before they are merged */
    LOOKED = 200000,   /* records, for a standing: about half a second */
    GLANCE = 256       /* records between two looks whether we are to end */
};

enum source { FROM_TOP, FROM_FLEET, FROM_STANDING };

static const char *const source_names[] = {
    [FROM_TOP] = "top",
    [FROM_FLEET] = "fleet",
    [FROM_STANDING] = "standing",
};

struct list {
    struct api_call *call;
    const struct config *config;
    enum source source;
    unsigned first, last; /* kinds, both included */
    unsigned sort;
    unsigned standings; /* FROM_STANDING: bits 1 << enum standing */
    size_t at, limit;   /* position and length of the page */
    uint64_t looked;    /* FROM_STANDING: how many records */
    bool cut;           /* ... and that there were more */
    struct api_pick *pick;
    enum ms_err err;
};

/* ----- what was asked */

static bool
read_kind(struct api_call *call, struct list *list)
{
    const char *kind = api_call_query(call, "kind");

    list->first = 0;
    list->last = SUBJECT_KINDS - 1;
    if (kind == NULL)
        return true;
    for (unsigned i = 0; i < SUBJECT_KINDS; i++) {
        if (strcmp(subject_kind_name((enum subject_kind)i), kind) == 0) {
            list->first = list->last = i;
            return true;
        }
    }
    api_problem(call, 400, "bad-request",
                "kind= is client, prefix, user, sender, domain, network or "
                "pair, not `%.60s'",
                kind);
    return false;
}

static bool
read_sort(struct api_call *call, struct list *list)
{
    const char *sort = api_call_query(call, "sort");

    list->sort = sort != NULL ? top_sort_of(sort) : TOP_SHARE;
    if (list->sort < TOP_SORTS)
        return true;
    api_problem(call, 400, "bad-request",
                "sort= is share, connections, messages, recipients, external, "
                "bad_recipients or bytes, not `%.60s'",
                sort);
    return false;
}

static bool
read_source(struct api_call *call, struct list *list)
{
    const char *standing = api_call_query(call, "standing");
    char wrong[API_STANDING_WORD];
    bool fleet;

    if (!api_yes(call, "fleet", false, &fleet))
        return false;
    list->source = fleet ? FROM_FLEET : FROM_TOP;
    if (standing == NULL)
        return true;
    list->source = FROM_STANDING;
    if (!api_standings_read(standing, &list->standings, wrong)) {
        api_problem(call, 400, "bad-request",
                    "standing= is normal, watched, throttled, quarantined or "
                    "probation, or some of them apart by commas, not `%.60s'",
                    wrong);
        return false;
    }
    if (fleet) {
        api_problem(call, 400, "bad-request",
                    "standing= and fleet= do not go together");
        return false;
    }
    return true;
}

/*
 * A cursor is a position in the list it was given with, and says which: the
 * same question with another sort has another list.
 */
static void
write_cursor(const void *arg, size_t at, char out[API_CURSOR])
{
    const struct list *list = arg;

    (void)snprintf(out, API_CURSOR, "%u.%u.%u.%u.%u.%zu",
                   (unsigned)list->source, list->standings, list->first,
                   list->last, list->sort, at);
}

static bool
read_list(struct api_call *call, struct list *list)
{
    uint64_t limit;

    if (!api_only_queries(call, "kind standing sort limit cursor fleet") ||
        !read_kind(call, list) || !read_sort(call, list) ||
        !read_source(call, list) ||
        !api_call_cursor(call, POSITIONS, write_cursor, list, &list->at) ||
        !api_call_number(call, "limit", 50, 1, MOST, &limit))
        return false;
    list->limit = (size_t)limit;
    return true;
}

/* ----- collecting */

static bool
offer(struct list *list, const struct top_row *row, const char *host)
{
    if (list->err == MS_OK)
        list->err = api_pick_offer(list->pick, row, host);
    return list->err == MS_OK;
}

/* A candidate as it is now. */
static void
look_again(struct list *list, const struct subject *subject)
{
    const struct desk *desk = list->call->desk;
    struct store_record record;
    struct top_row row;
    bool found = false;

    list->err = store_get(daemon_store(desk->daemon), subject, list->call->now,
                          &found, &record);
    if (list->err == MS_OK && found &&
        top_row(list->config, &record, list->sort, &row))
        (void)offer(list, &row, list->source == FROM_FLEET ? desk->host : NULL);
}

/*
 * How many candidates are looked at again.  The order in which they come is
 * that of a moment ago: those behind so many will not have come in front.  A
 * shared store is asked over the network for each.
 */
static size_t
enough(const struct list *list)
{
    size_t page = list->at + list->limit + 1;

    return list->call->desk->shared != NULL ? page : 4 * page + 200;
}

/* The busiest of KIND as this host last knew them. */
static void
collect_top(struct list *list, enum subject_kind kind)
{
    struct subject *subjects = NULL;
    const struct desk *desk = list->call->desk;
    size_t n = 0;

    list->err = top_list(desk->top, kind, list->sort, &subjects, &n);
    if (n > enough(list))
        n = enough(list);
    for (size_t i = 0; i < n && list->err == MS_OK && desk_ready(desk); i++)
        look_again(list, &subjects[i]);
    free(subjects);
}

static bool
take_row(void *arg, const char *host, const struct top_row *row)
{
    return offer(arg, row, host);
}

static bool
take_record(void *arg, const struct store_record *record)
{
    struct list *list = arg;
    struct top_row row;

    list->cut = list->looked == LOOKED ||
                (list->looked % GLANCE == 0 && !desk_ready(list->call->desk));
    if (list->cut)
        return false;
    list->looked++;
    if ((list->standings >> record->state.standing & 1) == 0 ||
        record->subject.kind < list->first || record->subject.kind > list->last)
        return true;
    if (!top_row(list->config, record, list->sort, &row)) {
        memset(&row, 0, sizeof(row));
        row.subject = record->subject;
        row.standing = record->state.standing;
        row.metric = METRICS;
        row.first_seen = record->first_seen;
        row.last_seen = record->last_seen;
    }
    return offer(list, &row, NULL);
}

/* Where the store is shared, what this host keeps of it, in which standings are
 * those of the fleet: nobody is to have the servers tell all they have. */
static void
walk(struct list *list, enum subject_kind kind)
{
    const struct desk *desk = list->call->desk;
    struct store *store = desk->shared != NULL
                              ? store_redis_shadow(desk->shared)
                              : daemon_store(desk->daemon);

    if (!list->cut)
        list->err = store_list(store, kind, list->call->now, take_record, list);
}

/* Those that are not normal can be had without looking at all others. */
static bool
has_normal(const struct list *list)
{
    return (list->standings >> STANDING_NORMAL & 1) != 0;
}

static void
walk_others(struct list *list)
{
    struct store *store = daemon_store(list->call->desk->daemon);
    enum ms_err err =
        store_standings(store, list->call->now, take_record, list);

    if (list->err == MS_OK)
        list->err = err;
}

static void
collect_kind(struct list *list, enum subject_kind kind)
{
    const struct desk *desk = list->call->desk;

    switch (list->source) {
    case FROM_STANDING:
        walk(list, kind);
        return;
    case FROM_FLEET:
        list->err = clerk_fleet_top(desk->clerk, kind, take_row, list);
        break;
    case FROM_TOP:
        break;
    }
    if (list->err == MS_OK)
        collect_top(list, kind);
}

static enum ms_err
collect(struct list *list)
{
    size_t most =
        list->source == FROM_FLEET ? (size_t)FLEET : list->at + list->limit + 1;

    list->err = api_pick_create(list->sort, most, &list->pick);
    if (list->source == FROM_STANDING && !has_normal(list)) {
        if (list->err == MS_OK)
            walk_others(list);
        return list->err;
    }
    for (unsigned kind = list->first; kind <= list->last && list->err == MS_OK;
         kind++)
        collect_kind(list, (enum subject_kind)kind);
    if (list->err == MS_OK && list->source == FROM_FLEET)
        api_pick_merge(list->pick);
    return list->err;
}

/* ----- answering */

static json_t *
page_of(struct list *list, bool *more)
{
    size_t n = 0;
    const struct api_picked *const *rows = api_pick_sorted(list->pick, &n);
    json_t *page = json_array();

    *more = n > list->at + list->limit;
    for (size_t i = list->at;
         i < n && i < list->at + list->limit && page != NULL; i++) {
        const char *host = rows[i]->host[0] != '\0' ? rows[i]->host : NULL;

        if (!api_append(page, api_row(&rows[i]->row, host))) {
            json_decref(page);
            page = NULL;
        }
    }
    return page;
}

static void
answer(struct list *list)
{
    struct api_call *call = list->call;
    bool more;
    json_t *page = page_of(list, &more);
    size_t next = list->at + list->limit;
    char cursor[API_CURSOR];

    write_cursor(list, next, cursor);
    api_ok(call,
           json_pack("{s:o, s:o, s:s, s:s, s:o, s:b}", "subjects", page, "next",
                     api_text(more && next < POSITIONS ? cursor : NULL), "from",
                     source_names[list->source], "sort",
                     top_sort_name(list->sort), "as_of",
                     api_time(call->now.wall.s), "complete", !list->cut));
}

static void
look(struct list *list)
{
    if (collect(list) == MS_OK)
        answer(list);
    else
        api_failed(list->call, list->err, NULL);
}

void
api_get_subjects(struct api_call *call)
{
    struct list list = {.call = call};
    bool walks;

    if (!read_list(call, &list))
        return;
    walks = list.source == FROM_STANDING && has_normal(&list);
    if (walks && !api_call_turn(call, DESK_WALK))
        return;
    list.config = daemon_config_get(call->desk->daemon);
    look(&list);
    api_pick_destroy(list.pick);
    daemon_config_put(call->desk->daemon, list.config);
    if (walks)
        api_call_turn_end(call, DESK_WALK);
}
