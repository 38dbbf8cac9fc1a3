/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/diary/json.c - acts and entries of the audit trail as the JSON of
 * mortsafe-api(7), which is also their form in the diary and on the board.
 */
#include <config.h>

#include "milter/diary/diary.h"

#include <stdio.h>
#include <string.h>

#include "milter/line.h"
#include "milter/stamp.h"

enum { RATES_TEXT = RATES_MAX * (RATE_TEXT + 2) };

/* ----- both ways, for both */

static bool
put(json_t *json, const char *key, json_t *value)
{
    return json_object_set_new(json, key, value) == 0;
}

/* What is no UTF-8 comes as in the log. */
static json_t *
text_json(const char *text)
{
    char plain[LINE_BYTES];
    json_t *json = json_string(text);

    if (json != NULL)
        return json;
    return json_string(
        line_print(LINE_KIND_TEXT, text, strlen(text), plain, sizeof(plain)));
}

static json_t *
text_or_null(const char *text)
{
    return text[0] != '\0' ? text_json(text) : json_null();
}

static json_t *
time_json(int64_t s)
{
    char text[STAMP_TEXT];

    return stamp_print(s, text) != NULL ? json_string(text) : json_null();
}

/* The text KEY of JSON, of less than SIZE bytes; null or not there is "". */
static bool
read_text(const json_t *json, const char *key, char *out, size_t size)
{
    const json_t *value = json_object_get(json, key);
    size_t len;

    out[0] = '\0';
    if (value == NULL || json_is_null(value))
        return true;
    len = json_string_length(value);
    if (!json_is_string(value) || len >= size ||
        strlen(json_string_value(value)) != len)
        return false;
    memcpy(out, json_string_value(value), len + 1);
    return true;
}

/* The time KEY of JSON; null is NONE. */
static bool
read_time(const json_t *json, const char *key, int64_t none, int64_t *out_s)
{
    const json_t *value = json_object_get(json, key);

    *out_s = none;
    if (value == NULL || json_is_null(value))
        return true;
    return json_is_string(value) && stamp_read(json_string_value(value), out_s);
}

static bool
read_bool(const json_t *json, const char *key, bool *out)
{
    const json_t *value = json_object_get(json, key);

    *out = json_is_true(value);
    return value == NULL || json_is_boolean(value);
}

/* ----- a subject as text, and back */

static int
hex(char c)
{
    static const char digits[] = "0123456789ABCDEF";
    const char *at = c != '\0' ? strchr(digits, c) : NULL;

    return at != NULL ? (int)(at - digits) : -1;
}

/* LEN bytes of TEXT without the \xHH of subject_print().  False: too long, or
 * not of that form. */
static bool
unescape(const char *text, size_t len, char out[SUBJECT_PART_MAX + 1])
{
    const char *end = text + len;
    size_t n = 0;

    for (; text < end && n < SUBJECT_PART_MAX; n++) {
        if (*text != '\\') {
            out[n] = *text++;
            continue;
        }
        if (end - text < 4 || text[1] != 'x' || hex(text[2]) < 0 ||
            hex(text[3]) < 0 || (text[2] == '0' && text[3] == '0'))
            return false;
        out[n] = (char)(hex(text[2]) << 4 | hex(text[3]));
        text += 4;
    }
    out[n] = '\0';
    return text == end;
}

/* The kind that LEN bytes of NAME call; SUBJECT_KINDS: none of one part. */
static enum subject_kind
kind_of(const char *name, size_t len)
{
    int kind;

    for (kind = SUBJECT_CLIENT; kind < SUBJECT_PAIR; kind++) {
        const char *known = subject_kind_name((enum subject_kind)kind);

        if (strlen(known) == len && memcmp(known, name, len) == 0)
            return (enum subject_kind)kind;
    }
    return SUBJECT_KINDS;
}

/*
 * Where the second part of a pair begins in TEXT, at its "+"; NULL: nowhere.
 * An address may have one before its "@", so the first behind that is taken.
 */
static const char *
middle_of(const char *text)
{
    const char *at = strchr(text, '@');
    const char *plus = at != NULL ? strchr(at, '+') : NULL;

    return plus != NULL ? plus : strchr(text, '+');
}

/* The subject that subject_print() has written as TEXT. */
static bool
read_subject(const char *text, struct subject *out)
{
    const char *colon = strchr(text, ':');
    const char *plus = strchr(text, '+'), *middle;
    char one[SUBJECT_PART_MAX + 1], two[SUBJECT_PART_MAX + 1];
    enum subject_kind kind1, kind2;

    if (colon == NULL)
        return false;
    if (plus == NULL || plus > colon) {
        kind1 = kind_of(text, (size_t)(colon - text));
        return kind1 != SUBJECT_KINDS &&
               unescape(colon + 1, strlen(colon + 1), one) &&
               subject_make(kind1, one, out);
    }
    kind1 = kind_of(text, (size_t)(plus - text));
    kind2 = kind_of(plus + 1, (size_t)(colon - plus - 1));
    middle = middle_of(colon + 1);
    return kind1 != SUBJECT_KINDS && kind2 != SUBJECT_KINDS && middle != NULL &&
           unescape(colon + 1, (size_t)(middle - colon - 1), one) &&
           unescape(middle + 1, strlen(middle + 1), two) &&
           subject_make_pair(kind1, one, kind2, two, out);
}

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

    if (put(json, "id", json_string(act->id)) &&
        put(json, "kind", json_string(act_kind_name(act->kind))) &&
        put(json, "subject", subject_json(&act->subject)) &&
        put(json, "limit", text_or_null(act->limit)) &&
        put(json, "rates", rates_json(act)) &&
        put(json, "mode",
            act->kind == ACT_MODE ? json_string(mode_name(act->mode))
                                  : json_null()) &&
        put(json, "since", time_json(act->since.s)) &&
        put(json, "until", time_json(act->until.s)) &&
        put(json, "note", text_json(act->note)) &&
        put(json, "by", text_json(act->by)) &&
        put(json, "host", text_json(act->host)) &&
        put(json, "fleet", json_boolean(act->fleet)) &&
        put(json, "holds", json_boolean(now.s < act->until.s)))
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
    if (subject == NULL || !read_subject(subject, &out->subject))
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
        !read_text(json, "id", act.id, sizeof(act.id)) || !is_id(act.id) ||
        !read_text(json, "limit", act.limit, sizeof(act.limit)) ||
        !read_time(json, "since", 0, &act.since.s) ||
        !read_time(json, "until", ACT_FOR_EVER, &act.until.s) ||
        !read_text(json, "note", act.note, sizeof(act.note)) ||
        !read_text(json, "by", act.by, sizeof(act.by)) ||
        !read_text(json, "host", act.host, sizeof(act.host)) ||
        !read_bool(json, "fleet", &act.fleet))
        return MS_INVALID;
    *out = act;
    return MS_OK;
}

/* ----- the audit trail */

json_t *
diary_audit_json(const struct diary_audit *entry)
{
    json_t *json = json_object();

    if (put(json, "time", time_json(entry->at_s)) &&
        put(json, "host", text_json(entry->host)) &&
        put(json, "by", text_json(entry->by)) &&
        put(json, "act", text_json(entry->act)) &&
        put(json, "subject", text_or_null(entry->subject)) &&
        put(json, "detail", text_json(entry->detail)) &&
        put(json, "ok", json_boolean(entry->ok)))
        return json;
    json_decref(json);
    return NULL;
}

enum ms_err
diary_audit_read(const json_t *json, struct diary_audit *out)
{
    struct diary_audit entry = {0};

    if (!json_is_object(json) || json_object_get(json, "time") == NULL ||
        !read_time(json, "time", 0, &entry.at_s) ||
        !read_text(json, "host", entry.host, sizeof(entry.host)) ||
        !read_text(json, "by", entry.by, sizeof(entry.by)) ||
        !read_text(json, "act", entry.act, sizeof(entry.act)) ||
        !read_text(json, "subject", entry.subject, sizeof(entry.subject)) ||
        !read_text(json, "detail", entry.detail, sizeof(entry.detail)) ||
        !read_bool(json, "ok", &entry.ok))
        return MS_INVALID;
    *out = entry;
    return MS_OK;
}
