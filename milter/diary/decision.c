/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "milter/diary/decision.h"

#include <stdio.h>
#include <string.h>

#include "milter/line.h"
#include "milter/stamp.h"
#include "policy/rate.h"

enum { TENTH_US = 100 };

/* Longer ones would not be exact as a number of JSON. */
static const int64_t took_most_us = INT64_C(1000000000000);

#define TEXT(name) TEXT_AS(#name, name, 0, false)
#define TEXT_AS(json, name, has, words)                                        \
    {                                                                          \
        json, offsetof(struct decision, name),                                 \
            sizeof(((struct decision *)NULL)->name), has, words                \
    }

const struct decision_text decision_texts[DECISION_TEXTS] = {
    TEXT(host),
    TEXT(ref),
    TEXT(id),
    TEXT(rule),
    TEXT(listener),
    TEXT(via),
    TEXT(client),
    TEXT(client_name),
    TEXT(user),
    TEXT_AS("from", from, offsetof(struct decision, has_from), false),
    TEXT_AS("to", to, offsetof(struct decision, has_to), false),
    TEXT(subject),
    TEXT(enhanced),
    TEXT(text),
    TEXT(error),
    TEXT(store),
    TEXT(spf),
    TEXT_AS("lists", lists, 0, true),
};

/* ----- from what the journal is told */

/* VALUE (NULL is fine) as the log would show it. */
static void
copy(enum line_kind kind, const char *value, char *out, size_t size)
{
    out[0] = '\0';
    if (value != NULL)
        (void)line_print(kind, value, strlen(value), out, size);
}

static void
copy_word(const char *value, char *out, size_t size)
{
    copy(LINE_KIND_WORD, value, out, size);
}

/* An argument of MAIL or RCPT, with its angle brackets or without. */
static bool
copy_path(const char *path, char out[DECISION_ADDRESS])
{
    size_t len;

    out[0] = '\0';
    if (path == NULL)
        return false;
    len = strlen(path);
    if (len >= 2 && path[0] == '<' && path[len - 1] == '>') {
        path++;
        len -= 2;
    }
    (void)line_print(LINE_KIND_PATH, path, len, out, DECISION_ADDRESS);
    return true;
}

void
decision_subject(const char *text, char out[DECISION_SUBJECT])
{
    size_t len = strlen(text);

    if (len < DECISION_SUBJECT) {
        memcpy(out, text, len + 1);
        return;
    }
    memcpy(out, text, DECISION_SUBJECT - 4);
    memcpy(out + DECISION_SUBJECT - 4, "...", 4);
}

static void
set_subject(const struct journal_entry *entry, struct decision *out)
{
    struct prefix client = {0};
    char text[SUBJECT_TEXT], addr[PREFIX_TEXT];

    if (entry->error != NULL)
        return;
    if (entry->verdict->subject.kind != SUBJECT_KINDS) {
        (void)subject_print(&entry->verdict->subject, text);
    } else {
        if (entry->scene != NULL)
            client = prefix_cut(entry->scene->client, 32, 64);
        (void)snprintf(text, sizeof(text), "client:%s",
                       prefix_print(client, addr));
    }
    decision_subject(text, out->subject);
}

static void
set_scene(const struct journal_entry *entry, struct decision *out)
{
    const struct scene *scene = entry->scene;
    const char *name = entry->client_name;

    if (scene == NULL)
        return;
    if (scene->listener != NULL)
        copy_word(scene->listener->name, out->listener, sizeof(out->listener));
    copy_word(listener_by_name(scene->by), out->via, sizeof(out->via));
    if (scene->client.family != 0)
        (void)prefix_print(scene->client, out->client);
    /* a host without a name is called "[192.0.2.7]" by the MTA */
    if (name != NULL && name[0] != '[')
        copy(LINE_KIND_NAME, name, out->client_name, sizeof(out->client_name));
    copy_word(scene->user, out->user, sizeof(out->user));
}

static void
set_count(const struct verdict *verdict, struct decision *out)
{
    if (verdict->limit == NULL)
        return;
    out->metric = verdict->limit->count;
    out->rate = verdict->rate;
    out->used = verdict->used;
    out->retry_s = verdict->retry_s;
}

static int64_t
round_us(int64_t us)
{
    if (us <= 0)
        return 0;
    if (us > took_most_us)
        us = took_most_us;
    return (us + TENTH_US / 2) / TENTH_US * TENTH_US;
}

void
decision_make(const struct journal_entry *entry, const char *text,
              const char *host, struct decision *out)
{
    const struct verdict *verdict = entry->verdict;

    memset(out, 0, sizeof(*out));
    out->at_s = entry->now.wall.s;
    out->deed = entry->deed;
    out->action = verdict->action;
    out->nrcpt = entry->nrcpt;
    out->code = verdict->code;
    out->took_us = round_us(entry->took_us);
    copy_word(host, out->host, sizeof(out->host));
    copy_word(entry->ref, out->ref, sizeof(out->ref));
    copy_word(entry->id, out->id, sizeof(out->id));
    copy_word(verdict->rule, out->rule, sizeof(out->rule));
    copy_word(verdict->enhanced, out->enhanced, sizeof(out->enhanced));
    copy_word(entry->error, out->error, sizeof(out->error));
    copy_word(entry->store, out->store, sizeof(out->store));
    copy_word(entry->spf, out->spf, sizeof(out->spf));
    copy_word(entry->lists, out->lists, sizeof(out->lists));
    copy(LINE_KIND_TEXT, text, out->text, sizeof(out->text));
    out->has_from = copy_path(entry->from, out->from);
    out->has_to = copy_path(entry->to, out->to);
    set_scene(entry, out);
    set_subject(entry, out);
    set_count(verdict, out);
}

bool
decision_is_counted(const struct decision *decision)
{
    return decision->rate.n != 0 || decision->rate.span_s != 0;
}

/* ----- to JSON */

static const char *
deed_name(enum journal_deed deed)
{
    switch (deed) {
    case JOURNAL_DONE:
        return "done";
    case JOURNAL_WOULD:
        break;
    }
    return "would";
}

/* Set KEY of JSON to VALUE (moved).  False: there was no memory for either. */
static bool
put(json_t *json, const char *key, json_t *value)
{
    return json_object_set_new(json, key, value) == 0;
}

/* Larger than any number of JSON that we read: it is so many, or more. */
static json_t *
number(uint64_t n)
{
    return json_integer(n > INT64_MAX ? INT64_MAX : (json_int_t)n);
}

/* The words of TEXT, apart by commas. */
static json_t *
words_json(const char *text)
{
    json_t *list = json_array();

    while (*text != '\0') {
        size_t len = strcspn(text, ",");

        if (json_array_append_new(list, json_stringn(text, len)) != 0) {
            json_decref(list);
            return NULL;
        }
        text += len + (text[len] == ',');
    }
    return list;
}

static json_t *
text_json(const struct decision_text *t, const char *text, bool has)
{
    if (t->words)
        return words_json(text);
    return has ? json_string(text) : json_null();
}

static bool
put_texts(const struct decision *d, json_t *json)
{
    bool ok = true;

    for (size_t i = 0; i < DECISION_TEXTS; i++) {
        const struct decision_text *t = &decision_texts[i];
        const char *bytes = (const char *)d;
        bool has = t->has != 0 ? *(const bool *)(bytes + t->has)
                               : bytes[t->at] != '\0';

        ok = put(json, t->name, text_json(t, bytes + t->at, has)) && ok;
    }
    return ok;
}

static json_t *
rate_json(const struct decision *d)
{
    char text[RATE_TEXT];

    rate_print(d->rate, d->metric == METRIC_BYTES ? RATE_BYTES : RATE_EVENTS,
               text);
    return json_pack("{s:I, s:I, s:s}", "n", (json_int_t)d->rate.n, "span_s",
                     (json_int_t)d->rate.span_s, "text", text);
}

static bool
put_count(const struct decision *d, json_t *json)
{
    bool counted = decision_is_counted(d);

    return put(json, "metric",
               counted ? json_string(metric_name(d->metric)) : json_null()) &&
           put(json, "used", counted ? number(d->used) : json_null()) &&
           put(json, "rate", counted ? rate_json(d) : json_null()) &&
           put(json, "retry_s",
               counted && d->retry_s != UINT64_MAX ? number(d->retry_s)
                                                   : json_null());
}

static json_t *
time_json(int64_t s)
{
    char text[STAMP_TEXT];

    return stamp_print(s, text) != NULL ? json_string(text) : json_null();
}

json_t *
decision_json(const struct decision *d)
{
    json_t *json = json_object();

    if (put(json, "seq", number(d->seq)) &&
        put(json, "time", time_json(d->at_s)) &&
        put(json, "deed", json_string(deed_name(d->deed))) &&
        put(json, "action", json_string(verdict_action_name(d->action))) &&
        put(json, "nrcpt", json_integer(d->nrcpt)) && put_count(d, json) &&
        put(json, "code", d->code != 0 ? json_integer(d->code) : json_null()) &&
        put(json, "ms", json_real((double)d->took_us / 1000)) &&
        put_texts(d, json))
        return json;
    json_decref(json);
    return NULL;
}

/* ----- and back */

/* Printable ASCII, as all that we write? */
static bool
is_plain(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (text[i] < ' ' || text[i] > '~')
            return false;
    return true;
}

/* KEY of JSON, if it is a text of less than SIZE bytes; null is "". */
static bool
read_text(const json_t *json, const char *key, char *out, size_t size,
          bool *has)
{
    const json_t *value = json_object_get(json, key);
    size_t len;

    out[0] = '\0';
    *has = false;
    if (value == NULL || json_is_null(value))
        return true;
    len = json_string_length(value);
    if (!json_is_string(value) || len >= size ||
        !is_plain(json_string_value(value), len))
        return false;
    memcpy(out, json_string_value(value), len + 1);
    *has = true;
    return true;
}

/* The words of KEY of JSON, if it has such a list. */
static bool
read_words(const json_t *json, const char *key, char *out, size_t size)
{
    const json_t *list = json_object_get(json, key), *word;
    size_t i, len = 0;

    out[0] = '\0';
    if (list != NULL && !json_is_null(list) && !json_is_array(list))
        return false;
    json_array_foreach(list, i, word)
    {
        size_t n = json_string_length(word), comma = len > 0;

        if (n == 0 || n + comma >= size - len ||
            !is_plain(json_string_value(word), n))
            return false;
        if (comma)
            out[len++] = ',';
        memcpy(out + len, json_string_value(word), n + 1);
        len += n;
    }
    return true;
}

static bool
read_texts(const json_t *json, struct decision *d)
{
    for (size_t i = 0; i < DECISION_TEXTS; i++) {
        const struct decision_text *t = &decision_texts[i];
        char *bytes = (char *)d;
        bool has = false;

        if (t->words ? !read_words(json, t->name, bytes + t->at, t->size)
                     : !read_text(json, t->name, bytes + t->at, t->size, &has))
            return false;
        if (t->has != 0)
            *(bool *)(bytes + t->has) = has;
    }
    return true;
}

/* KEY of JSON, from 0 to MOST; null is NONE. */
static bool
read_number(const json_t *json, const char *key, uint64_t none, uint64_t most,
            uint64_t *out)
{
    const json_t *value = json_object_get(json, key);
    json_int_t n = json_integer_value(value);

    *out = none;
    if (value == NULL || json_is_null(value))
        return true;
    if (!json_is_integer(value) || n < 0 || (uint64_t)n > most)
        return false;
    *out = (uint64_t)n;
    return true;
}

static bool
read_rate(const json_t *json, struct rate *out)
{
    uint64_t n, span_s;

    if (!json_is_object(json) || !read_number(json, "n", 0, UINT32_MAX, &n) ||
        !read_number(json, "span_s", 0, UINT32_MAX, &span_s))
        return false;
    *out = (struct rate){(uint32_t)n, (uint32_t)span_s};
    return true;
}

static bool
read_metric(const json_t *json, enum metric *out)
{
    const char *name = json_string_value(json);

    for (unsigned i = 0; name != NULL && i < METRICS; i++) {
        if (strcmp(name, metric_name((enum metric)i)) == 0) {
            *out = (enum metric)i;
            return true;
        }
    }
    return false;
}

static bool
read_count(const json_t *json, struct decision *d)
{
    const json_t *rate = json_object_get(json, "rate");

    if (rate == NULL || json_is_null(rate))
        return true;
    return read_rate(rate, &d->rate) &&
           read_metric(json_object_get(json, "metric"), &d->metric) &&
           read_number(json, "used", 0, INT64_MAX, &d->used) &&
           read_number(json, "retry_s", UINT64_MAX, INT64_MAX, &d->retry_s);
}

static bool
read_deed(const json_t *json, struct decision *d)
{
    const char *deed = json_string_value(json_object_get(json, "deed"));
    const char *action = json_string_value(json_object_get(json, "action"));

    if (deed == NULL || action == NULL)
        return false;
    d->deed = strcmp(deed, "would") == 0 ? JOURNAL_WOULD : JOURNAL_DONE;
    if (strcmp(deed, deed_name(d->deed)) != 0)
        return false;
    for (int a = VERDICT_CONTINUE; a <= VERDICT_HOLD; a++) {
        d->action = (enum verdict_action)a;
        if (strcmp(action, verdict_action_name(d->action)) == 0)
            return true;
    }
    return false;
}

static bool
read_took(const json_t *json, int64_t *out_us)
{
    const json_t *ms = json_object_get(json, "ms");
    double tenths = json_number_value(ms) * 1000 / TENTH_US;

    *out_us = 0;
    if (ms == NULL || json_is_null(ms))
        return true;
    if (!json_is_number(ms) || !(tenths >= 0) ||
        tenths > (double)(took_most_us / TENTH_US))
        return false;
    *out_us = (int64_t)(tenths + 0.5) * TENTH_US;
    return true;
}

static bool
read_rest(const json_t *json, struct decision *d)
{
    const char *time = json_string_value(json_object_get(json, "time"));
    uint64_t nrcpt, code;

    if (time == NULL || !stamp_read(time, &d->at_s) ||
        !read_number(json, "seq", 0, INT64_MAX, &d->seq) ||
        !read_number(json, "nrcpt", 0, UINT32_MAX, &nrcpt) ||
        !read_number(json, "code", 0, 999, &code))
        return false;
    d->nrcpt = (uint32_t)nrcpt;
    d->code = (uint16_t)code;
    return read_took(json, &d->took_us);
}

enum ms_err
decision_read(const json_t *json, struct decision *out)
{
    struct decision d = {0};

    if (!json_is_object(json) || !read_rest(json, &d) || !read_deed(json, &d) ||
        !read_count(json, &d) || !read_texts(json, &d))
        return MS_INVALID;
    *out = d;
    return MS_OK;
}
