/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/diary/acts.c - what operators have set, and what they have done.
 */
#include <config.h>

#include "milter/diary/diary.h"

#include <stdlib.h>
#include <string.h>

#include "milter/diary/form.h"
#include "milter/diary/inside.h"

/* ----- what operators have set */

static enum ms_err
put_row(struct diary *diary, const struct act *act, const char *json)
{
    char subject[SUBJECT_TEXT];
    struct diary_ask ask;

    diary_ask(diary, "REPLACE INTO act VALUES(?, ?, ?, ?)", &ask);
    diary_text(&ask, act->id);
    diary_text(&ask, act->subject.kind != SUBJECT_KINDS
                         ? subject_print(&act->subject, subject)
                         : NULL);
    diary_number(&ask, act->until.s);
    diary_text(&ask, json);
    return diary_run(&ask);
}

enum ms_err
diary_put_act_inside(struct diary *diary, const struct act *act)
{
    char *text = form_dump(act_json(act, act->since));
    enum ms_err err = MS_NOMEM;

    if (text != NULL)
        err = put_row(diary, act, text);
    free(text);
    return err;
}

static enum ms_err
put_act(struct diary *diary, void *arg)
{
    return diary_put_act_inside(diary, arg);
}

enum ms_err
diary_put_act(struct diary *diary, const struct act *act)
{
    struct act copy = *act;

    return diary_write(diary, put_act, &copy);
}

static enum ms_err
read_json(const json_t *json, void *out)
{
    return act_read(json, out);
}

/* An act that reads as none is left out: it is of another version. */
static bool
read_act(struct diary_ask *ask, struct act *out)
{
    return diary_record(ask, 0, read_json, out);
}

enum ms_err
diary_acts_inside(struct diary *diary,
                  bool (*each)(void *arg, const struct act *act), void *arg)
{
    struct act act;
    struct diary_ask ask;

    diary_ask(diary, "SELECT json FROM act ORDER BY id", &ask);
    while (diary_row(&ask)) {
        if (read_act(&ask, &act) && !each(arg, &act))
            break;
    }
    return diary_done(&ask);
}

struct acts_work {
    bool (*each)(void *arg, const struct act *act);
    void *arg;
};

static enum ms_err
read_acts(struct diary *diary, void *arg)
{
    const struct acts_work *work = arg;

    return diary_acts_inside(diary, work->each, work->arg);
}

enum ms_err
diary_acts(struct diary *diary, bool (*each)(void *arg, const struct act *act),
           void *arg)
{
    struct acts_work work = {each, arg};

    return diary_read(diary, read_acts, &work);
}

struct removal {
    const char *id;
    bool found;
};

static enum ms_err
remove_act(struct diary *diary, void *arg)
{
    struct removal *removal = arg;
    struct diary_ask ask;
    enum ms_err err;

    diary_ask(diary, "DELETE FROM act WHERE id = ?", &ask);
    diary_text(&ask, removal->id);
    err = diary_run(&ask);
    removal->found = err == MS_OK && sqlite3_changes(diary->db) > 0;
    return err;
}

enum ms_err
diary_remove_act(struct diary *diary, const char *id, bool *found)
{
    struct removal removal = {.id = id};
    enum ms_err err = diary_write(diary, remove_act, &removal);

    if (err == MS_OK)
        *found = removal.found;
    return err;
}

/* ----- what they have done */

static enum ms_err
drop_audits(struct diary *diary)
{
    struct diary_ask ask;

    diary_ask(diary,
              "DELETE FROM audit WHERE id <= (SELECT max(id) FROM audit) - ?",
              &ask);
    diary_number(&ask, DIARY_AUDIT);
    return diary_run(&ask);
}

static enum ms_err
add_audit(struct diary *diary, void *arg)
{
    const struct diary_audit *entry = arg;
    struct diary_ask ask;
    enum ms_err err;

    diary_ask(diary,
              "INSERT INTO audit(at_s, host, by, act, subject, detail, ok)"
              " VALUES(?, ?, ?, ?, ?, ?, ?)",
              &ask);
    diary_number(&ask, entry->at_s);
    diary_text(&ask, entry->host);
    diary_text(&ask, entry->by);
    diary_text(&ask, entry->act);
    diary_text(&ask, entry->subject);
    diary_text(&ask, entry->detail);
    diary_number(&ask, entry->ok);
    err = diary_run(&ask);
    return err == MS_OK ? drop_audits(diary) : err;
}

enum ms_err
diary_add_audit(struct diary *diary, const struct diary_audit *entry)
{
    struct diary_audit copy = *entry;

    return diary_write(diary, add_audit, &copy);
}

struct audits_work {
    int64_t since_s;
    unsigned limit;
    bool (*each)(void *arg, const struct diary_audit *entry);
    void *arg;
};

static enum ms_err
read_audits(struct diary *diary, void *arg)
{
    const struct audits_work *work = arg;
    struct diary_audit entry;
    struct diary_ask ask;

    diary_ask(diary,
              "SELECT host, by, act, subject, detail, at_s, ok FROM audit"
              " WHERE at_s >= ? ORDER BY id DESC LIMIT ?",
              &ask);
    diary_number(&ask, work->since_s);
    diary_number(&ask, work->limit);
    while (diary_row(&ask)) {
        diary_column(&ask, 0, entry.host, sizeof(entry.host));
        diary_column(&ask, 1, entry.by, sizeof(entry.by));
        diary_column(&ask, 2, entry.act, sizeof(entry.act));
        diary_column(&ask, 3, entry.subject, sizeof(entry.subject));
        diary_column(&ask, 4, entry.detail, sizeof(entry.detail));
        entry.at_s = sqlite3_column_int64(ask.statement, 5);
        entry.ok = sqlite3_column_int(ask.statement, 6) != 0;
        if (ask.rc == SQLITE_ROW && !work->each(work->arg, &entry))
            break;
    }
    return diary_done(&ask);
}

enum ms_err
diary_audits(struct diary *diary, int64_t since_s, unsigned limit,
             bool (*each)(void *arg, const struct diary_audit *), void *arg)
{
    struct audits_work work = {since_s, limit, each, arg};

    return diary_read(diary, read_audits, &work);
}
