/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/diary/report.c - what was said about earlier messages.
 */
#include <config.h>

#include "milter/diary/change.h"

#include <stdlib.h>
#include <string.h>

#include "milter/diary/form.h"
#include "milter/diary/inside.h"

enum { FIND = 100 };

json_t *
diary_report_json(const struct diary_report *report)
{
    json_t *json = json_object();

    if (form_put(json, "at", form_time(report->at_s)) &&
        form_put(json, "host", form_text(report->host)) &&
        form_put(json, "kind", form_text(report->kind)) &&
        form_put(json, "subject", form_text_or_null(report->subject)) &&
        form_put(json, "id", form_text_or_null(report->id)) &&
        form_put(json, "by", form_text(report->by)) &&
        form_put(json, "detail", form_text(report->detail)))
        return json;
    json_decref(json);
    return NULL;
}

enum ms_err
diary_report_read(const json_t *json, struct diary_report *out)
{
    struct diary_report r = {0};

    if (!json_is_object(json) || json_object_get(json, "at") == NULL ||
        !form_read_time(json, "at", 0, &r.at_s) ||
        !form_read_text(json, "host", r.host, sizeof(r.host)) ||
        !form_read_text(json, "kind", r.kind, sizeof(r.kind)) ||
        !form_read_text(json, "subject", r.subject, sizeof(r.subject)) ||
        !form_read_text(json, "id", r.id, sizeof(r.id)) ||
        !form_read_text(json, "by", r.by, sizeof(r.by)) ||
        !form_read_text(json, "detail", r.detail, sizeof(r.detail)))
        return MS_INVALID;
    *out = r;
    return MS_OK;
}

/* ----- in the diary */

struct adding {
    const struct diary_report *report;
    const char *json;
};

static enum ms_err
add_report(struct diary *diary, void *arg)
{
    const struct adding *adding = arg;
    const char *subject = adding->report->subject;
    struct diary_ask ask;
    enum ms_err err;

    diary_ask(diary, "INSERT INTO report(at_s, subject, json) VALUES(?, ?, ?)",
              &ask);
    diary_number(&ask, adding->report->at_s);
    diary_text(&ask, subject[0] != '\0' ? subject : NULL);
    diary_text(&ask, adding->json);
    err = diary_run(&ask);
    return err == MS_OK ? diary_drop_oldest(diary,
                                            "DELETE FROM report WHERE n <="
                                            " (SELECT max(n) FROM report) - ?",
                                            DIARY_REPORTS)
                        : err;
}

enum ms_err
diary_add_report(struct diary *diary, const struct diary_report *report)
{
    char *json = form_dump(diary_report_json(report));
    struct adding adding = {report, json};
    enum ms_err err = MS_NOMEM;

    if (json != NULL)
        err = diary_write(diary, add_report, &adding);
    free(json);
    return err;
}

struct finding {
    const char *subject;
    int64_t since_s;
    unsigned limit;
    bool (*each)(void *arg, const struct diary_report *report);
    void *arg;
};

static enum ms_err
read_json(const json_t *json, void *out)
{
    return diary_report_read(json, out);
}

static enum ms_err
find_reports(struct diary *diary, void *arg)
{
    const struct finding *f = arg;
    struct diary_report report;
    struct diary_ask ask;

    diary_ask(diary,
              f->subject != NULL ? "SELECT json FROM report WHERE +at_s >= ?1"
                                   " AND subject = ?2 ORDER BY n DESC LIMIT ?3"
                                 : "SELECT json FROM report WHERE +at_s >= ?1"
                                   " ORDER BY n DESC LIMIT ?3",
              &ask);
    diary_number(&ask, f->since_s);
    diary_text(&ask, f->subject);
    diary_number(&ask, f->limit > 0 ? f->limit : FIND);
    while (diary_row(&ask)) {
        if (diary_record(&ask, 0, read_json, &report) &&
            !f->each(f->arg, &report))
            break;
    }
    return diary_done(&ask);
}

enum ms_err
diary_reports(struct diary *diary, const char *subject, int64_t since_s,
              unsigned limit,
              bool (*each)(void *arg, const struct diary_report *report),
              void *arg)
{
    struct finding work = {NULL, since_s, limit, each, arg};
    char shown[DECISION_SUBJECT];

    if (subject != NULL) {
        decision_subject(subject, shown);
        work.subject = shown;
    }
    return diary_read(diary, find_reports, &work);
}
