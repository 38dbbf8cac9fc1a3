/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "milter/api/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/detector/evidence.h"
#include "policy/guess.h"

/* ----- words and numbers */

/* TEXT with every byte that is not ASCII as \xHH. */
static json_t *
escaped(const char *text)
{
    size_t len = strlen(text), at = 0;
    char *buf = malloc(4 * len + 1);
    json_t *json;

    if (buf == NULL)
        return NULL;
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)text[i] < 0x80)
            buf[at++] = text[i];
        else
            at += (size_t)snprintf(buf + at, 5, "\\x%02X",
                                   (unsigned char)text[i]);
    }
    json = json_stringn(buf, at);
    free(buf);
    return json;
}

json_t *
api_text(const char *text)
{
    json_t *json;

    if (text == NULL)
        return json_null();
    json = json_string(text);
    return json != NULL ? json : escaped(text);
}

json_t *
api_number(uint64_t n)
{
    const uint64_t most = (UINT64_C(1) << 53) - 1;

    return json_integer((json_int_t)(n < most ? n : most));
}

json_t *
api_share(uint64_t permille)
{
    return json_real((double)permille / 1000);
}

json_t *
api_tenths(uint32_t tenths)
{
    return json_real((double)tenths / 10);
}

uint64_t
api_permille(uint64_t used, uint64_t n)
{
    if (n == 0)
        return 1000;
    return used > UINT64_MAX / 1000 ? UINT64_MAX / n : used * 1000 / n;
}

json_t *
api_origin(struct origin origin)
{
    char line[16];
    char *text;
    size_t len;
    json_t *json;

    if (origin.file == NULL)
        return json_string("built in");
    (void)snprintf(line, sizeof(line), ":%u", origin.line);
    len = strlen(origin.file);
    text = malloc(len + sizeof(line));
    if (text == NULL)
        return NULL;
    memcpy(text, origin.file, len);
    memcpy(text + len, line, strlen(line) + 1);
    json = api_text(text);
    free(text);
    return json;
}

enum rate_unit
api_unit(enum metric metric)
{
    return metric == METRIC_BYTES ? RATE_BYTES : RATE_EVENTS;
}

json_t *
api_rate(struct rate rate, enum metric metric)
{
    char text[RATE_TEXT];

    return json_pack("{s:I, s:I, s:s}", "n", (json_int_t)rate.n, "span_s",
                     (json_int_t)rate.span_s, "text",
                     rate_print(rate, api_unit(metric), text));
}

json_t *
api_counts(const uint32_t *counts, size_t n)
{
    json_t *list = json_array();

    for (size_t i = 0; i < n && list != NULL; i++) {
        if (!api_append(list, json_integer(counts[i]))) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

bool
api_append(json_t *list, json_t *value)
{
    return json_array_append_new(list, value) == 0;
}

/* ----- subjects */

const char *
api_key_of(const char *id)
{
    const char *colon = strchr(id, ':');

    return colon != NULL ? colon + 1 : id;
}

json_t *
api_subject_with(const struct subject *subject, json_t *rest)
{
    char id[SUBJECT_TEXT];
    const char *kind = subject_kind_name(subject->kind);
    json_t *json;

    subject_print(subject, id);
    json = json_pack("{s:s, s:s, s:s}", "id", id, "kind", kind, "key",
                     api_key_of(id));
    if (rest == NULL || json == NULL || json_object_update(json, rest) != 0) {
        json_decref(json);
        json = NULL;
    }
    json_decref(rest);
    return json;
}

const char *
api_limit_action_name(enum limit_action action)
{
    switch (action) {
    case LIMIT_DEFER:
        return "defer";
    case LIMIT_REJECT:
        return "reject";
    case LIMIT_HOLD:
        return "hold";
    }
    return "";
}

json_t *
api_row(const struct top_row *row, const char *host)
{
    bool window = row->metric < METRICS;
    json_t *rest = json_pack(
        "{s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "standing",
        standing_name(row->standing), "limit",
        api_text(row->limit[0] != '\0' ? row->limit : NULL), "metric",
        api_text(window ? metric_name(row->metric) : NULL), "used",
        api_number(row->used), "rate",
        window ? api_rate(row->rate, row->metric) : json_null(), "share",
        api_share(row->share), "first_seen", api_time(row->first_seen.s),
        "last_seen", api_time(row->last_seen.s), "host", api_text(host));

    return api_subject_with(&row->subject, rest);
}

/* ----- acts */

char *
api_rates_print(const struct rates *rates, enum metric metric,
                char out[API_RATES])
{
    char text[RATE_TEXT];
    size_t at = 0;

    out[0] = '\0';
    for (size_t i = 0; i < rates->n; i++) {
        int n = snprintf(out + at, API_RATES - at, "%s%s", i > 0 ? ", " : "",
                         rate_print(rates->rate[i], api_unit(metric), text));

        if (n > 0 && at + (size_t)n < API_RATES)
            at += (size_t)n;
    }
    return out;
}

/* What LIMIT counts; one that the configuration has lost counts events. */
static enum metric
metric_of(const struct config *config, const char *limit)
{
    for (size_t i = 0; i < config->n_limits; i++) {
        if (strcmp(config->limits[i]->name, limit) == 0)
            return config->limits[i]->count;
    }
    return METRIC_RECIPIENTS;
}

json_t *
api_act(const struct config *config, const struct act *act, struct wall now)
{
    json_t *json = act_json(act, now);
    char text[API_RATES];

    if (json == NULL || act->kind != ACT_RAISE)
        return json;
    api_rates_print(&act->rates, metric_of(config, act->limit), text);
    if (json_object_set_new(json, "rates", json_string(text)) != 0) {
        json_decref(json);
        return NULL;
    }
    return json;
}

/* ----- pictures */

/* COUNTS has a row of ROOM counts for each of PICTURE_ROWS. */
static json_t *
picture_half(struct wall start, unsigned step_s, const uint32_t *counts,
             size_t room)
{
    json_t *all = json_object();

    for (unsigned row = 0; row < PICTURE_ROWS && all != NULL; row++) {
        if (json_object_set_new(all, picture_row_name(row),
                                api_counts(counts + row * room, room)) != 0) {
            json_decref(all);
            all = NULL;
        }
    }
    return json_pack("{s:o, s:i, s:o}", "start", api_time(start.s), "step_s",
                     (int)step_s, "counts", all);
}

json_t *
api_picture(const struct picture_view *view, const char *host)
{
    return json_pack(
        "{s:o, s:o, s:o}", "host", api_text(host), "hours",
        picture_half(view->hours_start, 3600, view->hour[0], PICTURE_HOURS),
        "days",
        picture_half(view->days_start, 86400, view->day[0], PICTURE_DAYS));
}

json_t *
api_would(const struct diary_would *would)
{
    return json_pack("{s:o, s:o, s:s, s:o, s:o, s:o}", "rule",
                     api_text(would->rule), "subject", api_text(would->subject),
                     "action", verdict_action_name(would->action), "n",
                     api_number(would->n), "first", api_time(would->first_s),
                     "last", api_time(would->last_s));
}

/* ----- what was asked */

/* Is NAME one of NAMES, which are apart by blanks? */
static bool
among(const char *names, const char *name)
{
    size_t len = strlen(name);

    for (const char *at = names; len > 0 && *at != '\0';) {
        size_t word = strcspn(at, " ");

        if (word == len && memcmp(at, name, len) == 0)
            return true;
        at += word;
        at += strspn(at, " ");
    }
    return false;
}

/* Refuse NAME, which is WHAT ("query parameter") and none of NAMES. */
static bool
refuse(struct api_call *call, const char *what, const char *name,
       const char *names)
{
    if (names[0] == '\0')
        api_problem(call, 400, "bad-request", "there is no %s `%.60s' here",
                    what, name);
    else
        api_problem(call, 400, "bad-request",
                    "there is no %s `%.60s' here; there are: %s", what, name,
                    names);
    return false;
}

bool
api_only_queries(struct api_call *call, const char *names)
{
    for (size_t i = 0; i < call->n_queries; i++) {
        if (!among(names, call->query[i].name))
            return refuse(call, "query parameter", call->query[i].name, names);
    }
    return true;
}

bool
api_only_keys(struct api_call *call, const char *names)
{
    const char *key;
    json_t *value;

    json_object_foreach(call->body, key, value)
    {
        if (!among(names, key))
            return refuse(call, "key", key, names);
    }
    return true;
}

bool
api_yes(struct api_call *call, const char *name, bool preset, bool *out)
{
    const char *value = api_call_query(call, name);
    bool yes = value != NULL && strcmp(value, "yes") == 0;

    if (value != NULL && !yes && strcmp(value, "no") != 0) {
        api_problem(call, 400, "bad-request", "%s= is yes or no, not `%.60s'",
                    name, value);
        return false;
    }
    *out = value != NULL ? yes : preset;
    return true;
}

bool
api_bool(struct api_call *call, const char *key, bool preset, bool *out)
{
    const json_t *value = json_object_get(call->body, key);

    if (value != NULL && !json_is_null(value) && !json_is_boolean(value)) {
        api_problem(call, 400, "bad-request", "\"%s\" is true or false", key);
        return false;
    }
    *out = json_is_boolean(value) ? json_is_true(value) : preset;
    return true;
}

const struct limit *
api_limit(struct api_call *call, const struct config *config, const char *name)
{
    struct guess guess;
    char text[GUESS_TEXT];

    /* "limit.user", as rules and logs have it, is meant as well */
    if (strncmp(name, "limit.", 6) == 0)
        name += 6;
    guess_start(&guess, name);
    for (size_t i = 0; i < config->n_limits; i++) {
        if (strcmp(config->limits[i]->name, name) == 0)
            return config->limits[i];
        guess_try(&guess, config->limits[i]->name);
    }
    api_problem(call, 404, "unknown-limit", "there is no limit `%.60s'%s", name,
                guess_print(&guess, text));
    return NULL;
}
