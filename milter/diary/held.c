/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "milter/diary/held.h"

#include <stdio.h>
#include <string.h>

#include "milter/diary/form.h"
#include "milter/diary/inside.h"

enum { COMMAND = 256 };

/* What an MTA is called, and what its administrator types, of queue id %s.
 * Sendmail has no command that deletes: the message is a few files, and one
 * that is quarantined is in nobody's hands. */
static const struct mta {
    const char *name, *deliver, *delete;
} mtas[] = {
    [HELD_POSTFIX] = {"postfix", "postsuper -H %s", "postsuper -d %s"},
    [HELD_SENDMAIL] = {"sendmail", "sendmail -Q -qQ -qI%s",
                       "find /var/spool/mqueue -type f -name '?f%s' -delete"},
};
enum { MTAS = sizeof(mtas) / sizeof(mtas[0]) };

/* ----- as JSON */

bool
held_is_id(const char *id)
{
    static const char good[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                               "abcdefghijklmnopqrstuvwxyz";

    /* all messages, to Postfix */
    return id[0] != '\0' && id[strspn(id, good)] == '\0' &&
           strcmp(id, "ALL") != 0;
}

/* FORM with ID in the place of its %s; null: that may not be typed. */
static json_t *
command_json(const char *form, const char *id)
{
    const char *at = strstr(form, "%s");

    return held_is_id(id)
               ? json_sprintf("%.*s%s%s", (int)(at - form), form, id, at + 2)
               : json_null();
}

static json_t *
commands_json(const struct held *held)
{
    const struct mta *mta = &mtas[held->mta];
    json_t *json = json_object();

    if (form_put(json, "deliver", command_json(mta->deliver, held->id)) &&
        form_put(json, "delete", command_json(mta->delete, held->id)))
        return json;
    json_decref(json);
    return NULL;
}

json_t *
held_json(const struct held *held)
{
    json_t *json = json_object();

    if (form_put(json, "at", form_time(held->at_s)) &&
        form_put(json, "host", form_text(held->host)) &&
        form_put(json, "mta", json_string(mtas[held->mta].name)) &&
        form_put(json, "id", form_text(held->id)) &&
        form_put(json, "subject", form_text(held->subject)) &&
        form_put(json, "rule", form_text(held->rule)) &&
        form_put(json, "from",
                 held->has_from ? form_text(held->from) : json_null()) &&
        form_put(json, "recipients", json_integer(held->nrcpt)) &&
        form_put(json, "command", commands_json(held)))
        return json;
    json_decref(json);
    return NULL;
}

static bool
read_mta(const json_t *json, enum held_mta *out)
{
    const char *name = json_string_value(json_object_get(json, "mta"));

    for (int i = 0; name != NULL && i < MTAS; i++) {
        *out = (enum held_mta)i;
        if (strcmp(name, mtas[i].name) == 0)
            return true;
    }
    return false;
}

enum ms_err
held_read(const json_t *json, struct held *out)
{
    const json_t *from = json_object_get(json, "from");
    struct held h = {.has_from = json_is_string(from)};
    uint64_t nrcpt;

    if (!json_is_object(json) || !read_mta(json, &h.mta) ||
        !form_read_time(json, "at", 0, &h.at_s) ||
        !form_read_text(json, "host", h.host, sizeof(h.host)) ||
        !form_read_text(json, "id", h.id, sizeof(h.id)) ||
        !form_read_text(json, "subject", h.subject, sizeof(h.subject)) ||
        !form_read_text(json, "rule", h.rule, sizeof(h.rule)) ||
        !form_read_text(json, "from", h.from, sizeof(h.from)) ||
        !form_read_number(json, "recipients", UINT32_MAX, &nrcpt))
        return MS_INVALID;
    h.nrcpt = (uint32_t)nrcpt;
    *out = h;
    return MS_OK;
}

/* ----- in the diary */

static enum ms_err
add_held(struct diary *diary, void *arg)
{
    const struct held *held = arg;
    struct diary_ask ask;

    diary_ask(diary,
              "REPLACE INTO held(at_s, mta, nrcpt, host, id, subject, rule,"
              " \"from\") VALUES(?, ?, ?, ?, ?, ?, ?, ?)",
              &ask);
    diary_number(&ask, held->at_s);
    diary_number(&ask, (int64_t)held->mta);
    diary_number(&ask, held->nrcpt);
    diary_text(&ask, held->host);
    diary_text(&ask, held->id);
    diary_text(&ask, held->subject);
    diary_text(&ask, held->rule);
    diary_text(&ask, held->has_from ? held->from : NULL);
    return diary_run(&ask);
}

enum ms_err
diary_add_held(struct diary *diary, const struct held *held)
{
    struct held copy = *held;

    return diary_write(diary, add_held, &copy);
}

struct finding {
    const char *subject;
    unsigned limit;
    bool (*each)(void *arg, const struct held *held);
    void *arg;
};

static bool
read_held(struct diary_ask *ask, struct held *out)
{
    int64_t mta = sqlite3_column_int64(ask->statement, 1);

    memset(out, 0, sizeof(*out));
    out->at_s = sqlite3_column_int64(ask->statement, 0);
    out->mta = (enum held_mta)mta;
    out->nrcpt = (uint32_t)sqlite3_column_int64(ask->statement, 2);
    diary_column(ask, 3, out->host, sizeof(out->host));
    diary_column(ask, 4, out->id, sizeof(out->id));
    diary_column(ask, 5, out->subject, sizeof(out->subject));
    diary_column(ask, 6, out->rule, sizeof(out->rule));
    diary_column(ask, 7, out->from, sizeof(out->from));
    out->has_from = sqlite3_column_type(ask->statement, 7) != SQLITE_NULL;
    return ask->rc == SQLITE_ROW && mta >= 0 && mta < MTAS;
}

static enum ms_err
find_held(struct diary *diary, void *arg)
{
    const struct finding *f = arg;
    struct diary_ask ask;
    struct held held;

    diary_ask(diary,
              f->subject != NULL
                  ? "SELECT at_s, mta, nrcpt, host, id, subject, rule, \"from\""
                    " FROM held WHERE subject = ?1 ORDER BY at_s, n LIMIT ?2"
                  : "SELECT at_s, mta, nrcpt, host, id, subject, rule, \"from\""
                    " FROM held ORDER BY at_s, n LIMIT ?2",
              &ask);
    diary_text(&ask, f->subject);
    diary_number(&ask, f->limit > 0 ? (int64_t)f->limit : -1);
    while (diary_row(&ask)) {
        if (read_held(&ask, &held) && !f->each(f->arg, &held))
            break;
    }
    return diary_done(&ask);
}

enum ms_err
diary_helds(struct diary *diary, const char *subject, unsigned limit,
            bool (*each)(void *arg, const struct held *held), void *arg)
{
    struct finding work = {NULL, limit, each, arg};
    char shown[DECISION_SUBJECT];

    if (subject != NULL) {
        decision_subject(subject, shown);
        work.subject = shown;
    }
    return diary_read(diary, find_held, &work);
}

struct which {
    const char *host, *id;
    struct held *held; /* for who asks what it is */
    bool found;
};

static enum ms_err
drop_held(struct diary *diary, void *arg)
{
    struct which *which = arg;
    struct diary_ask ask;
    enum ms_err err;

    diary_ask(diary, "DELETE FROM held WHERE host = ? AND id = ?", &ask);
    diary_text(&ask, which->host);
    diary_text(&ask, which->id);
    err = diary_run(&ask);
    which->found = err == MS_OK && sqlite3_changes(diary->db) > 0;
    return err;
}

enum ms_err
diary_drop_held(struct diary *diary, const char *host, const char *id,
                bool *found)
{
    struct which which = {.host = host, .id = id};
    enum ms_err err = diary_write(diary, drop_held, &which);

    if (err == MS_OK)
        *found = which.found;
    return err;
}

static enum ms_err
find_one(struct diary *diary, void *arg)
{
    struct which *wanted = arg;
    struct diary_ask ask;

    diary_ask(diary,
              "SELECT at_s, mta, nrcpt, host, id, subject, rule, \"from\""
              " FROM held WHERE host = ? AND id = ?",
              &ask);
    diary_text(&ask, wanted->host);
    diary_text(&ask, wanted->id);
    wanted->found = diary_row(&ask) && read_held(&ask, wanted->held);
    return diary_done(&ask);
}

enum ms_err
diary_find_held(struct diary *diary, const char *host, const char *id,
                bool *found, struct held *out)
{
    struct held held;
    struct which wanted = {host, id, &held, false};
    enum ms_err err = diary_read(diary, find_one, &wanted);

    if (err != MS_OK)
        return err;
    if (wanted.found)
        *out = held;
    *found = wanted.found;
    return MS_OK;
}

struct count {
    int64_t n, oldest_s;
};

static enum ms_err
count_held(struct diary *diary, void *arg)
{
    struct count *count = arg;
    struct diary_ask ask;

    diary_ask(diary, "SELECT count(*), min(at_s) FROM held", &ask);
    if (diary_row(&ask)) {
        count->n = sqlite3_column_int64(ask.statement, 0);
        count->oldest_s = sqlite3_column_int64(ask.statement, 1);
    }
    return diary_done(&ask);
}

enum ms_err
diary_count_held(struct diary *diary, uint64_t *n, int64_t *oldest_s)
{
    struct count count = {0, 0};
    enum ms_err err = diary_read(diary, count_held, &count);

    if (err != MS_OK)
        return err;
    *n = (uint64_t)count.n;
    *oldest_s = count.oldest_s;
    return MS_OK;
}
