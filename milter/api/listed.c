/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/api/listed.c - what DNS lists say of our customers' addresses, as
 * somebody has asked them: evidence of the kind that recipients' complaints
 * are, for that is what lists are made from.
 */
#include <config.h>

#include "milter/api/feedback.h"

#include <stdio.h>
#include <string.h>

#include "milter/api/find.h"
#include "milter/api/handlers.h"
#include "milter/api/json.h"
#include "milter/diary/form.h"
#include "policy/zombie.h"

enum {
    SUBJECTS = 100, /* in one telling */
    LISTS = 32,     /* of one subject */
    DAY_S = 86400,
    REMEMBERED = 1000 /* reports of a subject that are looked through */
};

struct listed {
    struct api_call *call;
    struct diary_report report;
    json_t *matched;
    bool kept, failed; /* some count for nothing; no memory */
};

/* ----- reading it */

/* The client that TEXT names, as policy writes it. */
static bool
read_client(const struct config *config, const char *text, struct subject *out)
{
    struct api_find found;

    if (strncmp(text, "client:", 7) != 0)
        return false;
    api_find_candidates(config, text, &found);
    if (found.n == 0)
        return false;
    *out = found.subject[found.n - 1];
    return true;
}

static bool
are_lists(const json_t *lists)
{
    const json_t *one;
    size_t i;

    if (!json_is_array(lists) || json_array_size(lists) == 0 ||
        json_array_size(lists) > LISTS)
        return false;
    json_array_foreach(lists, i, one)
    {
        const char *zone = json_string_value(one);

        if (zone == NULL || *zone == '\0' || strlen(zone) >= DECISION_HOST)
            return false;
    }
    return true;
}

/* Before anything is counted: all of it, or nothing. */
static bool
is_well_formed(const struct config *config, const json_t *subjects)
{
    const json_t *one;
    size_t i;

    if (!json_is_array(subjects) || json_array_size(subjects) == 0 ||
        json_array_size(subjects) > SUBJECTS)
        return false;
    json_array_foreach(subjects, i, one)
    {
        const char *text = json_string_value(json_object_get(one, "subject"));
        struct subject subject;

        if (text == NULL || !read_client(config, text, &subject) ||
            !are_lists(json_object_get(one, "lists")))
            return false;
    }
    return true;
}

/* ----- counting it */

static bool
find_same(void *arg, const struct diary_report *report)
{
    struct diary_report *same = arg;

    if (strcmp(report->kind, same->kind) != 0 ||
        strcmp(report->id, same->id) != 0)
        return true;
    same->at_s = report->at_s;
    return false;
}

/* Was it told within a day? */
static enum ms_err
is_known(const struct listed *l, bool *known)
{
    struct diary_report same = l->report;
    enum ms_err err;

    same.at_s = 0;
    err =
        diary_reports(l->call->desk->diary, l->report.subject,
                      l->report.at_s - DAY_S + 1, REMEMBERED, find_same, &same);
    *known = same.at_s != 0;
    return err;
}

static bool
is_judged(const struct listed *l, const struct config *config,
          const struct subject *subject)
{
    enum network_class class;

    return zombie_of(config, subject, l->call->now.wall, &class) != NULL;
}

static enum ms_err
take_list(struct listed *l, const struct subject *subject, bool judged)
{
    struct desk *desk = l->call->desk;
    bool known;
    enum ms_err err = is_known(l, &known);

    if (err != MS_OK || known)
        return err;
    l->kept = l->kept || !judged;
    if (judged)
        err = detect_feedback(desk->detect, subject, 0, 1, "");
    if (err == MS_OK)
        err = diary_add_report(desk->diary, &l->report);
    if (err == MS_OK && judged &&
        !api_append(l->matched,
                    json_pack("{s:o, s:o}", "id", api_text(l->report.id),
                              "subject", api_text(l->report.subject))))
        l->failed = true;
    return err;
}

static enum ms_err
take_subject(struct listed *l, const struct config *config, const json_t *one)
{
    char printed[SUBJECT_TEXT];
    struct subject subject;
    const json_t *zone;
    enum ms_err err = MS_OK;
    bool judged;
    size_t i;

    (void)read_client(
        config, json_string_value(json_object_get(one, "subject")), &subject);
    decision_subject(subject_print(&subject, printed), l->report.subject);
    judged = is_judged(l, config, &subject);
    json_array_foreach(json_object_get(one, "lists"), i, zone)
    {
        if (err != MS_OK)
            break;
        (void)snprintf(l->report.id, sizeof(l->report.id), "%s",
                       json_string_value(zone));
        err = take_list(l, &subject, judged);
    }
    return err;
}

static void
take_all(struct listed *l, const struct config *config, const json_t *subjects)
{
    struct api_call *call = l->call;
    enum ms_err err = MS_OK;
    const json_t *one;
    size_t i;

    json_array_foreach(subjects, i, one)
    {
        if (err == MS_OK)
            err = take_subject(l, config, one);
    }
    api_audit(call, "feedback", NULL, err == MS_OK,
              "listed: %zu addresses, %zu listings counted",
              json_array_size(subjects), json_array_size(l->matched));
    if (err == MS_OK && l->failed)
        err = MS_NOMEM;
    if (err != MS_OK)
        api_failed(call, err, NULL);
    else
        api_ok(call,
               json_pack("{s:O, s:b}", "matched", l->matched, "kept", l->kept));
}

static void
begin_report(struct listed *l, const char *detail)
{
    const struct api_call *call = l->call;
    struct diary_report *report = &l->report;

    report->at_s = call->now.wall.s;
    (void)snprintf(report->kind, sizeof(report->kind), "listed");
    (void)snprintf(report->host, sizeof(report->host), "%.*s",
                   (int)sizeof(report->host) - 1, call->desk->host);
    (void)snprintf(report->by, sizeof(report->by), "%s", call->peer->by);
    (void)snprintf(report->detail, sizeof(report->detail), "%s",
                   detail != NULL ? detail : "");
}

void
api_feedback_listed(struct api_call *call)
{
    const json_t *subjects = json_object_get(call->body, "subjects");
    struct listed l = {.call = call, .matched = json_array()};
    const struct config *config = daemon_config_get(call->desk->daemon);
    const char *detail;

    if (!api_only_queries(call, "") ||
        !api_only_keys(call, "kind subjects detail") ||
        !api_call_text(call, "detail", DIARY_REPORT_TEXT - 1, &detail))
        goto done;
    begin_report(&l, detail);
    if (l.matched == NULL)
        api_failed(call, MS_NOMEM, NULL);
    else if (is_well_formed(config, subjects))
        take_all(&l, config, subjects);
    else
        api_problem(call, 400, "bad-request",
                    "\"subjects\" is a list of at most %d, each with a "
                    "\"subject\" (client:ADDRESS) and \"lists\", at most %d "
                    "zones",
                    SUBJECTS, LISTS);
done:
    daemon_config_put(call->desk->daemon, config);
    json_decref(l.matched);
}
