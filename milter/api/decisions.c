/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/api/decisions.c - what was decided, who would have been stopped, and
 * how much of it there was.
 */
#include <config.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "milter/api/find.h"
#include "milter/api/gather.h"
#include "milter/api/handlers.h"
#include "milter/api/json.h"
#include "milter/now.h"
#include "policy/address.h"

enum { WAIT_MAX_S = 20, WEEK_S = 7 * 86400 };

/* What is asked for, with room for texts that are not as they came. */
struct asked {
    struct api_call *call;
    struct diary_query query;
    char subject[DECISION_SUBJECT], user[ADDRESS_TEXT], client[PREFIX_TEXT];
    uint64_t wait_s;
    bool fleet; /* other hosts are asked, too */
};

/* ----- what was asked */

static bool
read_subject(struct asked *asked)
{
    char id[SUBJECT_TEXT];
    struct subject subject;
    bool given;

    if (!api_find_query(asked->call, "subject", &given, &subject))
        return false;
    if (!given)
        return true;
    decision_subject(subject_print(&subject, id), asked->subject);
    asked->query.subject = asked->subject;
    return true;
}

/* A login, as policy would write it. */
static void
read_user(struct asked *asked, const char *user)
{
    struct daemon *daemon = asked->call->desk->daemon;
    const struct config *config = daemon_config_get(daemon);

    asked->query.user = user;
    if (address_login(user, config->users_fold, config->users_default_domain,
                      asked->user))
        asked->query.user = asked->user;
    daemon_config_put(daemon, config);
}

static void
read_client(struct asked *asked, const char *client)
{
    struct prefix p;

    asked->query.client = client;
    if (prefix_parse(client, &p, NULL) == MS_OK)
        asked->query.client = prefix_print(p, asked->client);
}

/* Of those that only see pseudonyms nobody may try names. */
static bool
read_names(struct asked *asked)
{
    struct api_call *call = asked->call;
    const char *user = api_call_query(call, "user");
    const char *client = api_call_query(call, "client");

    if ((user != NULL || client != NULL) && api_find_hides(call)) {
        api_problem(call, 400, "bad-request",
                    "names are not told here: ask with subject= and a "
                    "pseudonym");
        return false;
    }
    if (user != NULL)
        read_user(asked, user);
    if (client != NULL)
        read_client(asked, client);
    return read_subject(asked);
}

static bool
is_one_of(const char *text, const char *const *words, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(words[i], text) == 0)
            return true;
    }
    return false;
}

static bool
read_words(struct asked *asked)
{
    static const char *const actions[] = {"defer", "reject", "hold"};
    static const char *const deeds[] = {"done", "would"};
    struct api_call *call = asked->call;
    struct diary_query *query = &asked->query;
    const char *deed = api_call_query(call, "deed");

    query->ref = api_call_query(call, "ref");
    query->id = api_call_query(call, "id");
    query->rule = api_call_query(call, "rule");
    query->action = api_call_query(call, "action");
    if (query->action != NULL && !is_one_of(query->action, actions, 3)) {
        api_problem(call, 400, "bad-request",
                    "action= is defer, reject or hold, not `%.60s'",
                    query->action);
        return false;
    }
    if (deed != NULL && !is_one_of(deed, deeds, 2)) {
        api_problem(call, 400, "bad-request",
                    "deed= is done or would, not `%.60s'", deed);
        return false;
    }
    query->done = deed != NULL && deed[0] == 'd';
    query->would = deed != NULL && deed[0] == 'w';
    return true;
}

/* To the diary, after=0 means that nobody has asked: the newest are found,
 * which are then told the oldest first all the same. */
static bool
read_place(struct asked *asked)
{
    struct api_call *call = asked->call;
    struct diary_query *query = &asked->query;
    uint64_t limit;

    if (!api_call_when(call, "since", &query->since_s) ||
        !api_call_when(call, "until", &query->until_s) ||
        !api_call_number(call, "limit", 100, 1, 1000, &limit) ||
        !api_call_number(call, "after", 0, 0, INT64_MAX, &query->after) ||
        !api_call_number(call, "before", 0, 0, INT64_MAX, &query->before) ||
        !api_call_number(call, "wait", 0, 0, WAIT_MAX_S, &asked->wait_s))
        return false;
    query->limit = (unsigned)limit;
    if (asked->wait_s > 0 && api_call_query(call, "after") == NULL) {
        api_problem(call, 400, "bad-request",
                    "wait= goes with after=: wait for what comes after which?");
        return false;
    }
    return true;
}

static bool
read_asked(struct asked *asked)
{
    struct api_call *call = asked->call;
    bool by_name;

    if (!api_only_queries(call, "ref id user client rule subject action deed "
                                "since until limit after before wait fleet") ||
        !read_words(asked) || !read_place(asked) || !read_names(asked))
        return false;
    by_name = asked->query.ref != NULL || asked->query.id != NULL;
    return api_yes(call, "fleet", by_name, &asked->fleet);
}

/* ----- finding */

/* What other hosts have told about a reference, a queue id, a subject. */
static enum ms_err
ask_fleet(struct asked *asked, struct api_gather *gather)
{
    const struct diary_query *query = &asked->query;
    char name[SUBJECT_TEXT] = "";

    if (query->ref != NULL)
        (void)snprintf(name, sizeof(name), "ref %.1000s", query->ref);
    else if (query->id != NULL)
        (void)snprintf(name, sizeof(name), "id %.1000s", query->id);
    else if (query->subject != NULL)
        (void)snprintf(name, sizeof(name), "%s", asked->subject);
    if (!asked->fleet || name[0] == '\0')
        return MS_OK;
    return api_gather_fleet(gather, asked->call->desk, name, query);
}

static enum ms_err
search(struct asked *asked, struct api_gather *gather)
{
    struct api_call *call = asked->call;
    enum ms_err err;

    if (!api_call_turn(call, DESK_SEARCH))
        return MS_BUSY;
    err = api_gather_diary(gather, call->desk, &asked->query);
    api_call_turn_end(call, DESK_SEARCH);
    return err;
}

/*
 * Until there is one, or as long as the caller would wait: what comes may be
 * about others, and what was looked through is not looked through again.
 * *LAST is the newest seq, wanted or not.
 */
static enum ms_err
find(struct asked *asked, struct api_gather *gather, uint64_t *last)
{
    struct diary *diary = asked->call->desk->diary;
    int64_t until_us = now_us() + (int64_t)asked->wait_s * 1000000;
    enum ms_err err;

    *last = diary_wait(diary, 0, 0);
    err = search(asked, gather);
    while (err == MS_OK && api_gather_count(gather) == 0) {
        int64_t left_ms = (until_us - now_us()) / 1000;
        uint64_t seen = *last;

        if (left_ms <= 0)
            break;
        *last = diary_wait(diary, seen, left_ms);
        if (*last == seen)
            break; /* the time is over, or the daemon's */
        if (seen > asked->query.after)
            asked->query.after = seen;
        err = search(asked, gather);
    }
    return err;
}

/* Where to go on with after=: behind what was told, if there is more of it. */
static uint64_t
go_on(const struct asked *asked, const struct api_gather *gather,
      uint64_t newest)
{
    uint64_t told = api_gather_seq(gather);

    if (asked->query.after > 0 &&
        api_gather_count(gather) == asked->query.limit)
        return told;
    return told > newest ? told : newest;
}

static void
answer(struct asked *asked, struct api_gather *gather)
{
    struct api_call *call = asked->call;
    bool after = api_call_query(call, "after") != NULL;
    uint64_t last, newest;
    enum ms_err err = find(asked, gather, &newest);

    last = go_on(asked, gather, newest);
    if (err == MS_OK)
        err = ask_fleet(asked, gather);
    if (call->problem)
        return; /* it was nobody's turn */
    if (err != MS_OK) {
        api_failed(call, err, NULL);
        return;
    }
    api_ok(call, json_pack("{s:o, s:o, s:o}", "decisions",
                           api_gather_json(gather, asked->query.limit,
                                           after ? API_OLDEST_FIRST
                                                 : API_NEWEST_FIRST),
                           "last", api_number(last), "lost",
                           api_number(clerk_lost(call->desk->clerk))));
}

void
api_get_decisions(struct api_call *call)
{
    struct asked asked = {.call = call};
    struct api_gather *gather = NULL;
    enum ms_err err;

    if (!read_asked(&asked) ||
        (asked.wait_s > 0 && !api_call_turn(call, DESK_WAIT)))
        return;
    err = api_gather_create(&gather);
    if (err == MS_OK) {
        /* who asks sees what has just happened; who follows waits for it */
        if (asked.wait_s == 0)
            clerk_settle(call->desk->clerk);
        answer(&asked, gather);
    } else {
        api_failed(call, err, NULL);
    }
    api_gather_destroy(gather);
    if (asked.wait_s > 0)
        api_call_turn_end(call, DESK_WAIT);
}

/* ----- would */

struct rows {
    json_t *list;
    uint64_t most;
    bool failed;
};

static bool
take_would(void *arg, const struct diary_would *would)
{
    struct rows *rows = arg;

    rows->failed = !api_append(rows->list, api_would(would));
    return !rows->failed && json_array_size(rows->list) < rows->most;
}

void
api_get_would(struct api_call *call)
{
    int64_t since_s = call->now.wall.s - WEEK_S;
    struct rows rows = {0};
    enum ms_err err;

    if (!api_only_queries(call, "rule since limit") ||
        !api_call_when(call, "since", &since_s) ||
        !api_call_number(call, "limit", 1000, 1, 10000, &rows.most))
        return;
    clerk_settle(call->desk->clerk);
    if (!api_call_turn(call, DESK_SEARCH))
        return;
    rows.list = json_array();
    err = diary_woulds(call->desk->diary, api_call_query(call, "rule"), since_s,
                       take_would, &rows);
    api_call_turn_end(call, DESK_SEARCH);
    if (err == MS_OK && rows.failed)
        err = MS_NOMEM;
    if (err != MS_OK) {
        json_decref(rows.list);
        api_failed(call, err, NULL);
        return;
    }
    api_ok(call, json_pack("{s:o, s:o}", "since", api_time(since_s), "rows",
                           rows.list));
}

/* ----- history */

static json_t *
outcomes_json(const struct history_view *view)
{
    json_t *all = json_object();

    for (int i = 0; i < HISTORY_OUTCOMES && all != NULL; i++) {
        const char *name = history_outcome_name((enum history_outcome)i);

        if (json_object_set_new(all, name,
                                api_counts(view->count[i], view->n)) != 0) {
            json_decref(all);
            all = NULL;
        }
    }
    return all;
}

void
api_get_history(struct api_call *call)
{
    const char *range = api_call_query(call, "range");
    struct history_view *view;
    bool month;

    if (!api_only_queries(call, "range"))
        return;
    month = range != NULL && strcmp(range, "30d") == 0;
    if (range != NULL && !month && strcmp(range, "24h") != 0) {
        api_problem(call, 400, "bad-request",
                    "range= is 24h or 30d, not `%.60s'", range);
        return;
    }
    view = malloc(sizeof(*view)); /* some 30 KB */
    if (view == NULL) {
        api_failed(call, MS_NOMEM, NULL);
        return;
    }
    history_view(call->desk->history, month ? HISTORY_MONTH : HISTORY_DAY,
                 call->now.wall, view);
    api_ok(call,
           json_pack("{s:s, s:o, s:I, s:o}", "range", month ? "30d" : "24h",
                     "start", api_time(view->start.s), "step_s",
                     (json_int_t)view->step_s, "outcomes",
                     outcomes_json(view)));
    free(view);
}
