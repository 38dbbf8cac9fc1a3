/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/diary/change.c - changes of standings: as the JSON of mortsafe-api(7),
 * which is also their form on the board and in the diary, where a few columns
 * beside it serve to find them.
 */
#include <config.h>

#include "milter/diary/change.h"

#include <stdlib.h>
#include <string.h>

#include "milter/diary/form.h"
#include "milter/diary/inside.h"

enum { FIND = 100 };

/* ----- what it has of which name */

static const char *const classes[CLASS_UNSET] = {"person", "office", "server",
                                                 "gateway", "list"};

static const struct number {
    const char *name;
    size_t at; /* of a uint32_t in a struct evidence */
} numbers[] = {
    {"hour", offsetof(struct evidence, hour)},
    {"usual_hour", offsetof(struct evidence, usual_hour)},
    {"day", offsetof(struct evidence, day)},
    {"usual_day", offsetof(struct evidence, usual_day)},
    {"new_day", offsetof(struct evidence, new_day)},
    {"usual_new", offsetof(struct evidence, usual_new)},
    {"spam", offsetof(struct evidence, spam)},
    {"judged", offsetof(struct evidence, judged)},
    {"unknown", offsetof(struct evidence, unknown)},
    {"complaints", offsetof(struct evidence, complaints)},
    {"networks", offsetof(struct evidence, networks)},
    {"usual_networks", offsetof(struct evidence, usual_networks)},
    {"senders", offsetof(struct evidence, senders)},
    {"usual_senders", offsetof(struct evidence, usual_senders)},
};
enum { NUMBERS = sizeof(numbers) / sizeof(numbers[0]) };

const char *change_class_name(enum network_class class)
{
    return class < CLASS_UNSET ? classes[class] : "";
}

static bool
class_of(const char *name, enum network_class *out)
{
    for (int i = 0; i <= CLASS_UNSET; i++) {
        *out = (enum network_class)i;
        if (strcmp(name, change_class_name(*out)) == 0)
            return true;
    }
    return false;
}

/* ----- to JSON */

static json_t *
family_json(const struct evidence *e, enum family family)
{
    char text[EVIDENCE_TEXT];
    json_t *json = json_object();

    if (form_put(json, "family", json_string(family_name(family))) &&
        form_put(json, "decibels", form_tenths(e->tenths[family])) &&
        form_put(json, "text", form_text(evidence_say(e, family, text))))
        return json;
    json_decref(json);
    return NULL;
}

/* The strongest of the families that are not in SEEN (bits) and say anything;
 * FAMILIES: there is none. */
static enum family
strongest(const struct evidence *e, unsigned seen)
{
    enum family best = FAMILIES;

    for (unsigned i = 0; i < FAMILIES; i++)
        if (e->tenths[i] > (best < FAMILIES ? e->tenths[best] : 0) &&
            (seen & 1U << i) == 0)
            best = (enum family)i;
    return best;
}

json_t *
evidence_json(const struct evidence *e)
{
    json_t *json = json_array();
    enum family family;

    for (unsigned seen = 0; (family = strongest(e, seen)) != FAMILIES;
         seen |= 1U << family) {
        if (json_array_append_new(json, family_json(e, family)) == 0)
            continue;
        json_decref(json);
        return NULL;
    }
    return json;
}

json_t *
evidence_numbers_json(const struct evidence *e)
{
    json_t *json = json_object();

    for (size_t i = 0; i < NUMBERS; i++) {
        uint32_t n;

        memcpy(&n, (const char *)e + numbers[i].at, sizeof(n));
        if (form_put(json, numbers[i].name, json_integer(n)))
            continue;
        json_decref(json);
        return NULL;
    }
    return json;
}

static json_t *
ids_json(const struct change *change)
{
    json_t *json = json_array();

    for (size_t i = 0; i < change->n_ids && i < CHANGE_IDS; i++) {
        if (json_array_append_new(json, form_text(change->ids[i])) == 0)
            continue;
        json_decref(json);
        return NULL;
    }
    return json;
}

static bool
put_evidence(const struct evidence *e, json_t *json)
{
    return form_put(json, "at", form_time(e->at_s)) &&
           form_put(json, "from", json_string(standing_name(e->from))) &&
           form_put(json, "to", json_string(standing_name(e->to))) &&
           form_put(json, "cause", json_string(cause_name(e->cause))) &&
           form_put(json, "score", form_tenths(evidence_score(e))) &&
           form_put(json, "families", evidence_json(e)) &&
           form_put(json, "numbers", evidence_numbers_json(e));
}

json_t *
change_json(const struct change *change)
{
    char subject[SUBJECT_TEXT];
    json_t *json = json_object();

    (void)subject_print(&change->subject, subject);
    if (form_put(json, "id", form_text(change->id)) &&
        form_put(json, "host", form_text(change->host)) &&
        form_put(json, "subject", form_text(subject)) &&
        form_put(json, "rule", form_text(change->rule)) &&
        form_put(json, "class",
                 json_string(change_class_name(change->class))) &&
        form_put(json, "observed", json_boolean(change->observed)) &&
        form_put(json, "throttle", form_number_or_null(change->throttle)) &&
        form_put(json, "until", form_time_or_null(change->until_s)) &&
        form_put(json, "since", form_time_or_null(change->since_s)) &&
        form_put(json, "quarantines", json_integer(change->quarantines)) &&
        form_put(json, "by", form_text(change->by)) &&
        form_put(json, "note", form_text(change->note)) &&
        put_evidence(&change->evidence, json) &&
        form_put(json, "ids", ids_json(change)))
        return json;
    json_decref(json);
    return NULL;
}

/* ----- and back */

static bool
read_family(const json_t *json, struct evidence *out)
{
    const char *name = json_string_value(json_object_get(json, "family"));
    const json_t *decibels = json_object_get(json, "decibels");
    double tenths = json_number_value(decibels) * 10 + 0.5;

    if (name == NULL || !json_is_number(decibels) || !(tenths >= 0) ||
        tenths >= UINT16_MAX)
        return false;
    for (unsigned i = 0; i < FAMILIES; i++)
        if (strcmp(name, family_name((enum family)i)) == 0)
            out->tenths[i] = (uint16_t)tenths;
    return true; /* one that we do not know adds nothing */
}

static bool
read_families(const json_t *json, struct evidence *out)
{
    const json_t *one;
    size_t i;

    json_array_foreach(json, i, one)
    {
        if (!read_family(one, out))
            return false;
    }
    return json_is_array(json);
}

static bool
read_numbers(const json_t *json, struct evidence *out)
{
    for (size_t i = 0; i < NUMBERS; i++) {
        uint64_t wide;
        uint32_t n;

        if (!form_read_number(json, numbers[i].name, UINT32_MAX, &wide))
            return false;
        n = (uint32_t)wide;
        memcpy((char *)out + numbers[i].at, &n, sizeof(n));
    }
    return json_is_object(json);
}

static bool
read_evidence(const json_t *json, struct evidence *out)
{
    const char *from = json_string_value(json_object_get(json, "from"));
    const char *to = json_string_value(json_object_get(json, "to"));
    const char *cause = json_string_value(json_object_get(json, "cause"));

    return from != NULL && standing_of(from, &out->from) && to != NULL &&
           standing_of(to, &out->to) && cause != NULL &&
           cause_of(cause, &out->cause) &&
           form_read_time(json, "at", 0, &out->at_s) &&
           read_families(json_object_get(json, "families"), out) &&
           read_numbers(json_object_get(json, "numbers"), out);
}

static bool
read_ids(const json_t *json, struct change *out)
{
    size_t n = json_array_size(json);

    for (; out->n_ids < n && out->n_ids < CHANGE_IDS; out->n_ids++) {
        const char *id = json_string_value(json_array_get(json, out->n_ids));
        size_t len = id != NULL ? strlen(id) : sizeof(out->ids[0]);

        if (len >= sizeof(out->ids[0]))
            return false;
        memcpy(out->ids[out->n_ids], id, len + 1);
    }
    return true;
}

static bool
read_whom(const json_t *json, struct change *out)
{
    const char *subject = json_string_value(json_object_get(json, "subject"));
    const char *class = json_string_value(json_object_get(json, "class"));
    uint64_t throttle, quarantines;

    if (subject == NULL || !form_read_subject(subject, &out->subject) ||
        class == NULL || !class_of(class, &out->class) ||
        !form_read_number(json, "throttle", UINT32_MAX, &throttle) ||
        !form_read_number(json, "quarantines", UINT32_MAX, &quarantines))
        return false;
    out->throttle = (uint32_t)throttle;
    out->quarantines = (uint32_t)quarantines;
    return true;
}

enum ms_err
change_read(const json_t *json, struct change *out)
{
    struct change change = {0};

    if (!json_is_object(json) || !read_whom(json, &change) ||
        !form_read_text(json, "id", change.id, sizeof(change.id)) ||
        !form_read_text(json, "host", change.host, sizeof(change.host)) ||
        !form_read_text(json, "rule", change.rule, sizeof(change.rule)) ||
        !form_read_bool(json, "observed", &change.observed) ||
        !form_read_time(json, "until", 0, &change.until_s) ||
        !form_read_time(json, "since", 0, &change.since_s) ||
        !form_read_text(json, "by", change.by, sizeof(change.by)) ||
        !form_read_text(json, "note", change.note, sizeof(change.note)) ||
        !read_evidence(json, &change.evidence) ||
        !read_ids(json_object_get(json, "ids"), &change))
        return MS_INVALID;
    *out = change;
    return MS_OK;
}

/* ----- in the diary */

struct adding {
    const struct change *change;
    const char *json;
    uint64_t seq;
};

static enum ms_err
add_change(struct diary *diary, void *arg)
{
    struct adding *adding = arg;
    const struct change *change = adding->change;
    enum family family = strongest(&change->evidence, 0);
    char subject[SUBJECT_TEXT];
    struct diary_ask ask;
    enum ms_err err;

    diary_ask(diary,
              "INSERT INTO change(at_s, id, subject, family, \"to\", json)"
              " VALUES(?, ?, ?, ?, ?, ?)",
              &ask);
    diary_number(&ask, change->evidence.at_s);
    diary_text(&ask, change->id);
    diary_text(&ask, subject_print(&change->subject, subject));
    diary_text(&ask, family < FAMILIES ? family_name(family) : NULL);
    diary_number(&ask, 1 << change->evidence.to);
    diary_text(&ask, adding->json);
    err = diary_run(&ask);
    adding->seq = (uint64_t)sqlite3_last_insert_rowid(diary->db);
    return err == MS_OK ? diary_drop_oldest(diary,
                                            "DELETE FROM change WHERE seq <="
                                            " (SELECT max(seq) FROM change)"
                                            " - ?",
                                            DIARY_CHANGES)
                        : err;
}

enum ms_err
diary_add_change(struct diary *diary, struct change *change)
{
    char *json = form_dump(change_json(change));
    struct adding adding = {.change = change, .json = json};
    enum ms_err err = MS_NOMEM;

    if (json != NULL)
        err = diary_write(diary, add_change, &adding);
    if (err == MS_OK)
        change->seq = adding.seq;
    free(json);
    return err;
}

struct finding {
    const struct diary_change_query *query;
    bool (*each)(void *arg, const struct change *change);
    void *arg;
};

static void
write_find(const struct diary_change_query *q, char text[DIARY_SQL])
{
    const struct {
        bool is_asked;
        const char *sql;
    } filters[] = {
        {true, "SELECT seq, json FROM change WHERE +at_s >= ?1"
               " AND +at_s < ?2"},
        {q->id != NULL, " AND id = ?3"},
        {q->subject != NULL, " AND subject = ?4"},
        {q->family != NULL, " AND +family = ?5"},
        {q->to != 0, " AND (\"to\" & ?6) != 0"},
        {true, " ORDER BY seq DESC LIMIT ?7"},
    };
    size_t len = 0;

    for (size_t i = 0; i < sizeof(filters) / sizeof(filters[0]); i++)
        if (filters[i].is_asked)
            len = diary_append(text, len, filters[i].sql);
}

static enum ms_err
read_json(const json_t *json, void *out)
{
    return change_read(json, out);
}

/* The row that ASK stands at.  False: it is of another version. */
static bool
read_change(struct diary_ask *ask, struct change *out)
{
    if (!diary_record(ask, 1, read_json, out))
        return false;
    out->seq = (uint64_t)sqlite3_column_int64(ask->statement, 0);
    return true;
}

static enum ms_err
find_changes(struct diary *diary, void *arg)
{
    const struct finding *f = arg;
    const struct diary_change_query *q = f->query;
    char sql[DIARY_SQL];
    struct change change;
    struct diary_ask ask;

    write_find(q, sql);
    diary_ask(diary, sql, &ask);
    diary_number(&ask, q->since_s);
    diary_number(&ask, q->until_s != 0 ? q->until_s : INT64_MAX);
    diary_text(&ask, q->id);
    diary_text(&ask, q->subject);
    diary_text(&ask, q->family);
    diary_number(&ask, q->to);
    diary_number(&ask, q->limit > 0 ? q->limit : FIND);
    while (diary_row(&ask)) {
        if (read_change(&ask, &change) && !f->each(f->arg, &change))
            break;
    }
    return diary_done(&ask);
}

enum ms_err
diary_changes(struct diary *diary, const struct diary_change_query *query,
              bool (*each)(void *arg, const struct change *change), void *arg)
{
    struct finding work = {query, each, arg};

    return diary_read(diary, find_changes, &work);
}
