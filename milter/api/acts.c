/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/api/acts.c - exemptions and raised rates: set, listed, taken back.
 */
#include <config.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "milter/api/find.h"
#include "milter/api/handlers.h"
#include "milter/api/json.h"
#include "milter/api/use.h"

/* An act that is asked for. */
struct wish {
    struct api_call *call;
    const struct config *config;
    const struct limit *limit; /* NULL: all */
    struct act act;
};

/* ----- what was asked */

/* The time in key "until"; without it, for ever. */
static bool
read_until(struct wish *wish)
{
    struct api_call *call = wish->call;
    const char *text;

    wish->act.until.s = ACT_FOR_EVER;
    if (!api_call_text(call, "until", 64, &text))
        return false;
    if (text == NULL)
        return true;
    if (!api_when_read(text, call->now.wall, true, &wish->act.until.s)) {
        api_problem(call, 400, "bad-request",
                    "\"until\" is a date (the end of that day, UTC), a time "
                    "such as 2026-12-24T18:00:00Z, or a span from now, such as "
                    "2h or 7d; not `%.60s'",
                    text);
        return false;
    }
    if (wish->act.until.s <= call->now.wall.s) {
        api_problem(call, 400, "bad-request", "\"until\", %.60s, is over",
                    text);
        return false;
    }
    return true;
}

static bool
read_limit(struct wish *wish)
{
    const char *name;

    if (!api_call_text(wish->call, "limit", ACT_LIMIT + 8, &name))
        return false;
    if (name == NULL)
        return true;
    wish->limit = api_limit(wish->call, wish->config, name);
    if (wish->limit == NULL)
        return false;
    if (strlen(wish->limit->name) >= ACT_LIMIT) {
        api_problem(wish->call, 400, "bad-request",
                    "the limit's name is longer than %d letters",
                    ACT_LIMIT - 1);
        return false;
    }
    (void)snprintf(wish->act.limit, sizeof(wish->act.limit), "%s",
                   wish->limit->name);
    return true;
}

/* Note, fleet, and what is so of every act. */
static bool
read_rest(struct wish *wish)
{
    struct api_call *call = wish->call;
    struct act *act = &wish->act;
    bool shared = call->desk->shared != NULL;
    const char *note;

    if (!api_call_text(call, "note", ACT_NOTE - 1, &note) ||
        !api_bool(call, "fleet", shared, &act->fleet))
        return false;
    if (act->fleet && !shared) {
        api_problem(
            call, 400, "bad-request",
            "there is no fleet: this host shares its store with nobody");
        return false;
    }
    (void)snprintf(act->note, sizeof(act->note), "%s",
                   note != NULL ? note : "");
    (void)snprintf(act->by, sizeof(act->by), "%s", call->peer->by);
    (void)snprintf(act->host, sizeof(act->host), "%.*s", ACT_HOST - 1,
                   call->desk->host);
    act->since = call->now.wall;
    return true;
}

/* Where an exemption could never match. */
static bool
check_exempt(struct wish *wish)
{
    char id[SUBJECT_TEXT];

    if (wish->act.subject.kind != SUBJECT_PAIR || wish->limit == NULL ||
        api_use_counts(wish->limit, &wish->act.subject))
        return true;
    api_problem(wish->call, 400, "bad-request",
                "limit %s does not count %.300s", wish->limit->name,
                subject_print(&wish->act.subject, id));
    return false;
}

/* What LIMIT counts, in words: "user", "client+sender". */
static char *
keys_print(const struct limit *limit, char out[64])
{
    const char *second =
        limit->n_keys > 1 ? subject_kind_name(limit->key[1].kind) : NULL;

    (void)snprintf(out, 64, "%s%s%s", subject_kind_name(limit->key[0].kind),
                   second != NULL ? "+" : "", second != NULL ? second : "");
    return out;
}

/* Mail that does not come by SMTP has no login: of it, limits of users count
 * the sender. */
static bool
counts(const struct limit *limit, const struct subject *subject)
{
    return api_use_counts(limit, subject) ||
           (limit->n_keys == 1 && limit->key[0].kind == SUBJECT_USER &&
            subject->kind == SUBJECT_SENDER);
}

static char *
spans_print(const struct rates *rates, char out[API_RATES])
{
    char span[RATE_TEXT];
    size_t at = 0;

    out[0] = '\0';
    for (size_t i = 0; i < rates->n; i++) {
        const char *text = "msg";
        int n;

        if (rates->rate[i].span_s > 0)
            text = span_print(rates->rate[i].span_s, span);
        n = snprintf(out + at, API_RATES - at, "%s%s", i > 0 ? ", " : "", text);
        if (n > 0 && at + (size_t)n < API_RATES)
            at += (size_t)n;
    }
    return out;
}

/* Does every rate have the span of one that the limit has for this subject?
 * A window of another span would begin empty, and be one more than a step of a
 * message has room for. */
static bool
check_spans(struct wish *wish, const struct rates *rates)
{
    const struct api_use_of of = {.config = wish->config,
                                  .subject = &wish->act.subject,
                                  .now = wish->call->now};
    char spans[API_RATES], span[RATE_TEXT];
    struct rates has;
    bool table;

    api_use_rates(&of, wish->limit, &has, &table);
    for (size_t i = 0; i < rates->n; i++) {
        uint32_t span_s = rates->rate[i].span_s;
        bool ok = false;

        for (size_t j = 0; j < has.n && !ok; j++)
            ok = has.rate[j].span_s == span_s;
        if (!ok) {
            api_problem(wish->call, 400, "bad-request",
                        "limit %s counts by %s, not by %s", wish->limit->name,
                        spans_print(&has, spans),
                        span_s > 0 ? span_print(span_s, span) : "msg");
            return false;
        }
    }
    return true;
}

static bool
read_rates(struct wish *wish)
{
    struct api_call *call = wish->call;
    struct why why;
    const char *text;
    char id[SUBJECT_TEXT], keys[64];

    if (!api_call_text(call, "rates", API_RATES, &text))
        return false;
    if (text == NULL || wish->limit == NULL) {
        api_problem(call, 400, "bad-request", "\"%s\" is needed",
                    text == NULL ? "rates" : "limit");
        return false;
    }
    if (rates_parse(text, api_unit(wish->limit->count), &wish->act.rates,
                    &why) != MS_OK) {
        api_problem(call, 400, "bad-request", "\"rates\": %s", why.text);
        return false;
    }
    if (!counts(wish->limit, &wish->act.subject)) {
        api_problem(call, 400, "bad-request",
                    "limit %s counts by %s, so there is nothing to raise for "
                    "%.300s",
                    wish->limit->name, keys_print(wish->limit, keys),
                    subject_print(&wish->act.subject, id));
        return false;
    }
    return check_spans(wish, &wish->act.rates);
}

static bool
read_exempt(struct wish *wish)
{
    wish->act.kind = ACT_EXEMPT;
    return api_only_keys(wish->call, "limit until note fleet") &&
           read_limit(wish) && read_until(wish) && read_rest(wish) &&
           api_find_subject(wish->call, &wish->act.subject) &&
           check_exempt(wish);
}

static bool
read_raise(struct wish *wish)
{
    wish->act.kind = ACT_RAISE;
    if (!api_only_keys(wish->call, "limit rates until note fleet") ||
        !read_limit(wish) || !read_until(wish) || !read_rest(wish))
        return false;
    if (wish->act.until.s == ACT_FOR_EVER) {
        api_problem(wish->call, 400, "bad-request",
                    "\"until\" is needed: what is to stay belongs into the "
                    "configuration");
        return false;
    }
    return api_find_subject(wish->call, &wish->act.subject) && read_rates(wish);
}

/* ----- setting */

/* "limit user: 2000/1d until 2026-12-24T23:59:59Z: holidays" */
static void
audit(struct wish *wish, bool ok)
{
    const struct act *act = &wish->act;
    char rates[API_RATES] = "";
    json_t *until = api_time(act->until.s);

    if (act->kind == ACT_RAISE)
        api_rates_print(&act->rates, wish->limit->count, rates);
    api_audit(wish->call, act_kind_name(act->kind), &act->subject, ok,
              "%s%s%s%s%s%s%s%s",
              act->limit[0] != '\0' ? "limit " : "all limits", act->limit,
              rates[0] != '\0' ? ": " : "", rates,
              act->until.s != ACT_FOR_EVER ? " until " : "",
              act->until.s != ACT_FOR_EVER && json_is_string(until)
                  ? json_string_value(until)
                  : "",
              act->note[0] != '\0' ? ": " : "", act->note);
    json_decref(until);
}

static void
set(struct wish *wish)
{
    struct api_call *call = wish->call;
    struct why why = {.text = ""};
    enum ms_err err = clerk_set(call->desk->clerk, &wish->act, &why);

    audit(wish, err == MS_OK);
    if (err != MS_OK)
        api_failed(call, err, why.text[0] != '\0' ? why.text : NULL);
    else
        api_ok(call,
               json_pack("{s:o}", "act",
                         api_act(wish->config, &wish->act, call->now.wall)));
}

static void
make(struct api_call *call, bool (*read)(struct wish *wish))
{
    struct wish wish = {.call = call};

    if (!api_only_queries(call, ""))
        return;
    wish.config = daemon_config_get(call->desk->daemon);
    if (read(&wish))
        set(&wish);
    daemon_config_put(call->desk->daemon, wish.config);
}

void
api_post_exempt(struct api_call *call)
{
    make(call, read_exempt);
}

void
api_post_raise(struct api_call *call)
{
    make(call, read_raise);
}

/* ----- listing and taking back */

/* The newest first; those of one second by their ids. */
static int
by_time(const void *a, const void *b)
{
    const struct act *const *x = a, *const *y = b;

    if ((*x)->since.s != (*y)->since.s)
        return (*x)->since.s < (*y)->since.s ? 1 : -1;
    return strcmp((*x)->id, (*y)->id);
}

/* All of ACTS as a list; NULL: no memory. */
static json_t *
list_acts(const struct config *config, const struct acts *acts, struct wall now)
{
    size_t n = acts_count(acts);
    const struct act **sorted = calloc(n + 1, sizeof(*sorted));
    json_t *list = sorted != NULL ? json_array() : NULL;

    for (size_t i = 0; i < n && list != NULL; i++)
        sorted[i] = acts_at(acts, i);
    if (list != NULL && n > 0)
        qsort(sorted, n, sizeof(*sorted), by_time);
    for (size_t i = 0; i < n && list != NULL; i++) {
        if (!api_append(list, api_act(config, sorted[i], now))) {
            json_decref(list);
            list = NULL;
        }
    }
    free(sorted);
    return list;
}

void
api_get_acts(struct api_call *call)
{
    const struct config *config;
    struct acts *acts;

    if (!api_only_queries(call, ""))
        return;
    config = daemon_config_get(call->desk->daemon);
    acts = daemon_acts_get(call->desk->daemon);
    api_ok(call,
           json_pack("{s:o}", "acts", list_acts(config, acts, call->now.wall)));
    acts_put(acts);
    daemon_config_put(call->desk->daemon, config);
}

static bool
find_act(struct api_call *call, const char *id, struct act *out)
{
    struct acts *acts = daemon_acts_get(call->desk->daemon);
    bool found = false;

    for (size_t i = 0; i < acts_count(acts) && !found; i++) {
        found = strcmp(acts_at(acts, i)->id, id) == 0;
        if (found)
            *out = *acts_at(acts, i);
    }
    acts_put(acts);
    if (!found)
        api_problem(call, 404, "unknown-act", "there is no act `%.60s'", id);
    return found;
}

static void
take_back(struct api_call *call, struct act *act)
{
    struct daemon *daemon = call->desk->daemon;
    const struct config *config = daemon_config_get(daemon);
    struct why why = {.text = ""};
    bool found;
    enum ms_err err = clerk_unset(call->desk->clerk, act->id, &found, &why);

    api_audit(call, "remove", act->kind != ACT_MODE ? &act->subject : NULL,
              err == MS_OK, "%s %s%s%s", act_kind_name(act->kind), act->id,
              act->limit[0] != '\0' ? " of limit " : "", act->limit);
    if (err != MS_OK)
        api_failed(call, err, why.text[0] != '\0' ? why.text : NULL);
    else
        api_ok(call, json_pack("{s:b, s:o}", "done", 1, "act",
                               api_act(config, act, call->now.wall)));
    daemon_config_put(daemon, config);
}

void
api_delete_act(struct api_call *call)
{
    struct act act;

    if (!api_only_queries(call, "") || !find_act(call, call->segment[1], &act))
        return;
    /* the route asks for less, since most acts are of subjects */
    if (act.kind == ACT_MODE && !api_call_may(call, API_ALL))
        return;
    take_back(call, &act);
}
