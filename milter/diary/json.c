/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/diary/json.c - acts and entries of the audit trail as the JSON of
 * mortsafe-api(7), which is also their form in the diary and on the board.
 */
#include <config.h>

#include "milter/diary/diary.h"

#include <stdio.h>
#include <string.h>

#include "milter/diary/form.h"

enum { RATES_TEXT = RATES_MAX * (RATE_TEXT + 2) };

/* ----- acts */

static json_t *
subject_json(const struct subject *subject)
{
    char text[SUBJECT_TEXT];

    if (subject->kind == SUBJECT_KINDS)
        return json_null();
    return json_string(subject_print(subject, text));
}

static json_t *
rates_json(const struct act *act)
{
    char text[RATES_TEXT] = "", one[RATE_TEXT];
    size_t len = 0;

    if (act->kind != ACT_RAISE)
        return json_null();
    for (size_t i = 0; i < act->rates.n && i < RATES_MAX; i++) {
        int n =
            snprintf(text + len, sizeof(text) - len, "%s%s", i > 0 ? ", " : "",
                     rate_print(act->rates.rate[i], RATE_EVENTS, one));

        len += n > 0 ? (size_t)n : 0;
    }
    return json_string(text);
}

json_t *
act_json(const struct act *act, struct wall now)
{
    json_t *json = json_object();

    if (form_put(json, "id", json_string(act->id)) &&
        form_put(json, "kind", json_string(act_kind_name(act->kind))) &&
        form_put(json, "subject", subject_json(&act->subject)) &&
        form_put(json, "limit", form_text_or_null(act->limit)) &&
        form_put(json, "rates", rates_json(act)) &&
        form_put(json, "mode",
                 act->kind == ACT_MODE ? json_string(mode_name(act->mode))
                                       : json_null()) &&
        form_put(json, "since", form_time(act->since.s)) &&
        form_put(json, "until", form_time(act->until.s)) &&
        form_put(json, "note", form_text(act->note)) &&
        form_put(json, "by", form_text(act->by)) &&
        form_put(json, "host", form_text(act->host)) &&
        form_put(json, "fleet", json_boolean(act->fleet)) &&
        form_put(json, "holds", json_boolean(now.s < act->until.s)))
        return json;
    json_decref(json);
    return NULL;
}

static bool
read_kind(const json_t *json, enum act_kind *out)
{
    const char *name = json_string_value(json_object_get(json, "kind"));

    for (int kind = ACT_EXEMPT; name != NULL && kind <= ACT_MODE; kind++) {
        *out = (enum act_kind)kind;
        if (strcmp(name, act_kind_name(*out)) == 0)
            return true;
    }
    return false;
}

static bool
read_mode(const json_t *json, enum mode *out)
{
    static const enum mode modes[] = {MODE_OBSERVE, MODE_ENFORCE};
    const char *name = json_string_value(json_object_get(json, "mode"));

    for (size_t i = 0; name != NULL && i < 2; i++) {
        *out = modes[i];
        if (strcmp(name, mode_name(*out)) == 0)
            return true;
    }
    return false;
}

/* What only one kind of act has. */
static bool
read_by_kind(const json_t *json, struct act *out)
{
    const char *subject = json_string_value(json_object_get(json, "subject"));
    const char *rates = json_string_value(json_object_get(json, "rates"));

    out->subject.kind = SUBJECT_KINDS;
    if (out->kind == ACT_MODE)
        return read_mode(json, &out->mode);
    if (subject == NULL || !form_read_subject(subject, &out->subject))
        return false;
    return out->kind != ACT_RAISE ||
           (rates != NULL &&
            rates_parse(rates, RATE_EVENTS, &out->rates, NULL) == MS_OK);
}

/* Eight letters and digits: it is told to servers as a field's name. */
static bool
is_id(const char *id)
{
    return strlen(id) == ACT_ID - 1 &&
           strspn(id, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") == ACT_ID - 1;
}

enum ms_err
act_read(const json_t *json, struct act *out)
{
    struct act act = {0};

    if (!json_is_object(json) || !read_kind(json, &act.kind) ||
        !read_by_kind(json, &act) ||
        !form_read_text(json, "id", act.id, sizeof(act.id)) || !is_id(act.id) ||
        !form_read_text(json, "limit", act.limit, sizeof(act.limit)) ||
        !form_read_time(json, "since", 0, &act.since.s) ||
        !form_read_time(json, "until", ACT_FOR_EVER, &act.until.s) ||
        !form_read_text(json, "note", act.note, sizeof(act.note)) ||
        !form_read_text(json, "by", act.by, sizeof(act.by)) ||
        !form_read_text(json, "host", act.host, sizeof(act.host)) ||
        !form_read_bool(json, "fleet", &act.fleet))
        return MS_INVALID;
    *out = act;
    return MS_OK;
}

/* ----- the audit trail */

json_t *
diary_audit_json(const struct diary_audit *entry)
{
    json_t *json = json_object();

    if (form_put(json, "time", form_time(entry->at_s)) &&
        form_put(json, "host", form_text(entry->host)) &&
        form_put(json, "by", form_text(entry->by)) &&
        form_put(json, "act", form_text(entry->act)) &&
        form_put(json, "subject", form_text_or_null(entry->subject)) &&
        form_put(json, "detail", form_text(entry->detail)) &&
        form_put(json, "ok", json_boolean(entry->ok)))
        return json;
    json_decref(json);
    return NULL;
}

enum ms_err
diary_audit_read(const json_t *json, struct diary_audit *out)
{
    struct diary_audit entry = {0};

    if (!json_is_object(json) || json_object_get(json, "time") == NULL ||
        !form_read_time(json, "time", 0, &entry.at_s) ||
        !form_read_text(json, "host", entry.host, sizeof(entry.host)) ||
        !form_read_text(json, "by", entry.by, sizeof(entry.by)) ||
        !form_read_text(json, "act", entry.act, sizeof(entry.act)) ||
        !form_read_text(json, "subject", entry.subject,
                        sizeof(entry.subject)) ||
        !form_read_text(json, "detail", entry.detail, sizeof(entry.detail)) ||
        !form_read_bool(json, "ok", &entry.ok))
        return MS_INVALID;
    *out = entry;
    return MS_OK;
}
