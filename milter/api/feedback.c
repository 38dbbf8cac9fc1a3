/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "milter/api/feedback.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "milter/api/find.h"
#include "milter/api/handlers.h"
#include "milter/api/json.h"
#include "milter/diary/form.h"
#include "milter/diary/passed.h"

enum {
    IDS = 100,        /* in one report */
    SENDERS = 16,     /* of one message: rules that judge it */
    MOST = 1000,      /* recipients or complaints in one report */
    REMEMBERED = 1000 /* reports of a subject that are looked through */
};

/* ----- whose message it was */

struct senders {
    char id[SENDERS][DECISION_SUBJECT];
    size_t n;
    int64_t at_s; /* when it went out */
};

static bool
take_sender(void *arg, const struct passed *passed)
{
    struct senders *senders = arg;

    for (size_t i = 0; i < senders->n; i++) {
        if (strcmp(senders->id[i], passed->subject) == 0)
            return true;
    }
    senders->at_s = passed->at_s;
    memcpy(senders->id[senders->n++], passed->subject, DECISION_SUBJECT);
    return senders->n < SENDERS;
}

struct told {
    const struct diary_report *report;
    unsigned n;
};

static bool
count_told(void *arg, const struct diary_report *report)
{
    struct told *told = arg;

    told->n += strcmp(report->kind, told->report->kind) == 0 &&
               strcmp(report->id, told->report->id) == 0;
    return true;
}

/* How many reports of this kind about one message count. */
static unsigned
most_of(const char *kind)
{
    if (strcmp(kind, "complaint") == 0)
        return 1;
    return strcmp(kind, "bounce") == 0 ? API_BOUNCES : UINT_MAX;
}

/* It is about a message of the subject in REPORT, of AT_S; what was told before
 * is about an older one of that queue id. */
static enum ms_err
take_of(struct desk *desk, const struct diary_report *report, int64_t at_s,
        uint32_t unknown, uint32_t complaints)
{
    struct told told = {.report = report};
    struct subject subject;
    enum ms_err err = diary_reports(desk->diary, report->subject, at_s,
                                    REMEMBERED, count_told, &told);

    if (err == MS_OK && told.n < most_of(report->kind) &&
        form_read_subject(report->subject, &subject))
        err = detect_feedback(desk->detect, &subject, unknown, complaints,
                              report->id);
    return err == MS_OK ? diary_add_report(desk->diary, report) : err;
}

enum ms_err
api_feedback_take(struct desk *desk, const struct diary_report *report,
                  uint32_t unknown, uint32_t complaints,
                  void (*taken)(void *arg, const char *subject), void *arg,
                  unsigned *n)
{
    struct senders senders = {.n = 0};
    enum ms_err err = diary_passed(desk->diary, report->id, report->at_s,
                                   take_sender, &senders);

    for (size_t i = 0; i < senders.n && err == MS_OK; i++) {
        struct diary_report of = *report;

        memcpy(of.subject, senders.id[i], sizeof(of.subject));
        err = take_of(desk, &of, senders.at_s, unknown, complaints);
        if (err == MS_OK && taken != NULL)
            taken(arg, of.subject);
        *n += err == MS_OK;
    }
    return err;
}

/* ----- being told */

struct telling {
    struct api_call *call;
    struct diary_report report;
    uint32_t unknown, complaints;
    const char *ids[IDS];
    size_t n_ids;
    const char *id; /* the one that is looked for */
    json_t *matched;
    bool failed; /* no memory */
};

static bool
read_kind(struct telling *t)
{
    static const char *const kinds[] = {"complaint", "bounce", "unknown",
                                        "log"};
    const char *kind;

    if (!api_call_text(t->call, "kind", 16, &kind))
        return false;
    for (size_t i = 0; kind != NULL && i < sizeof(kinds) / sizeof(kinds[0]);
         i++) {
        if (strcmp(kinds[i], kind) == 0) {
            (void)snprintf(t->report.kind, sizeof(t->report.kind), "%s", kind);
            return true;
        }
    }
    api_problem(t->call, 400, "bad-request",
                "\"kind\" must be complaint, bounce, unknown, log or listed");
    return false;
}

static bool
read_ids(struct telling *t)
{
    const json_t *ids = json_object_get(t->call->body, "ids"), *one;
    bool ok = ids == NULL || json_is_null(ids) ||
              (json_is_array(ids) && json_array_size(ids) <= IDS);
    size_t i;

    json_array_foreach(ids, i, one)
    {
        const char *id = json_string_value(one);

        ok = ok && id != NULL && *id != '\0' && strlen(id) < DECISION_HOST;
        if (!ok)
            break;
        t->ids[t->n_ids++] = id;
    }
    if (!ok)
        api_problem(t->call, 400, "bad-request",
                    "\"ids\" is a list of at most %d queue ids", IDS);
    return ok;
}

static bool
read_number(struct telling *t, const char *key, uint32_t preset, uint32_t *out)
{
    const json_t *value = json_object_get(t->call->body, key);
    json_int_t n = json_integer_value(value);

    *out = preset;
    if (value == NULL || json_is_null(value))
        return true;
    if (!json_is_integer(value) || n < 0 || n > MOST) {
        api_problem(t->call, 400, "bad-request",
                    "\"%s\" is a number from 0 to %d", key, MOST);
        return false;
    }
    *out = (uint32_t)n;
    return true;
}

static bool
read_telling(struct telling *t)
{
    struct api_call *call = t->call;
    struct diary_report *report = &t->report;
    bool complaint;
    const char *detail;

    if (!api_only_queries(call, "") ||
        !api_only_keys(call, "kind ids unknown complaints detail") ||
        !read_kind(t) || !read_ids(t) ||
        !api_call_text(call, "detail", DIARY_REPORT_TEXT - 1, &detail))
        return false;
    complaint = strcmp(report->kind, "complaint") == 0;
    report->at_s = call->now.wall.s;
    (void)snprintf(report->host, sizeof(report->host), "%.*s",
                   (int)sizeof(report->host) - 1, call->desk->host);
    (void)snprintf(report->by, sizeof(report->by), "%s", call->peer->by);
    (void)snprintf(report->detail, sizeof(report->detail), "%s",
                   detail != NULL ? detail : "");
    return read_number(t, "unknown", !complaint, &t->unknown) &&
           read_number(t, "complaints", complaint, &t->complaints);
}

static void
add_match(void *arg, const char *subject)
{
    struct telling *t = arg;

    if (!api_append(t->matched, json_pack("{s:o, s:o}", "id", api_text(t->id),
                                          "subject", api_text(subject))))
        t->failed = true;
}

/* Of a message that this host does not know: another may.  Those who do not
 * share anything with others keep it for the operator. */
static enum ms_err
keep(struct telling *t, bool *kept)
{
    struct desk *desk = t->call->desk;
    enum ms_err err = diary_add_report(desk->diary, &t->report);

    *kept = err == MS_OK;
    if (err == MS_OK && t->report.id[0] != '\0')
        err = clerk_order_feedback(desk->clerk, &t->report, t->unknown,
                                   t->complaints);
    return err;
}

static enum ms_err
take_id(struct telling *t, const char *id, bool *kept)
{
    unsigned n = 0;
    enum ms_err err;

    t->id = id;
    (void)snprintf(t->report.id, sizeof(t->report.id), "%s", id);
    err = api_feedback_take(t->call->desk, &t->report, t->unknown,
                            t->complaints, add_match, t, &n);
    return err != MS_OK || n > 0 ? err : keep(t, kept);
}

static void
take_all(struct telling *t)
{
    bool kept = false;
    enum ms_err err = t->n_ids == 0 ? keep(t, &kept) : MS_OK;

    for (size_t i = 0; i < t->n_ids && err == MS_OK; i++)
        err = take_id(t, t->ids[i], &kept);
    api_audit(t->call, "feedback", NULL, err == MS_OK,
              "%s of %zu messages, %zu of them found", t->report.kind, t->n_ids,
              json_array_size(t->matched));
    if (err == MS_OK && t->failed)
        err = MS_NOMEM;
    if (err != MS_OK)
        api_failed(t->call, err, NULL);
    else
        api_ok(t->call,
               json_pack("{s:O, s:b}", "matched", t->matched, "kept", kept));
}

void
api_post_feedback(struct api_call *call)
{
    struct telling telling = {.call = call};
    const char *kind = json_string_value(json_object_get(call->body, "kind"));

    if (kind != NULL && strcmp(kind, "listed") == 0) {
        api_feedback_listed(call);
        return;
    }
    if (!read_telling(&telling))
        return;
    telling.matched = json_array();
    if (telling.matched == NULL)
        api_failed(call, MS_NOMEM, NULL);
    else
        take_all(&telling);
    json_decref(telling.matched);
}

/* ----- what was told */

struct reports {
    json_t *list;
    bool failed;
};

static bool
take_report(void *arg, const struct diary_report *report)
{
    struct reports *reports = arg;

    reports->failed = !api_append(reports->list, diary_report_json(report));
    return !reports->failed;
}

enum ms_err
api_reports(struct desk *desk, const char *subject, int64_t since_s,
            unsigned limit, json_t **out)
{
    struct reports reports = {.list = json_array()};
    enum ms_err err = diary_reports(desk->diary, subject, since_s, limit,
                                    take_report, &reports);

    if (err == MS_OK && (reports.failed || reports.list == NULL))
        err = MS_NOMEM;
    if (err == MS_OK)
        *out = reports.list;
    else
        json_decref(reports.list);
    return err;
}

void
api_get_reports(struct api_call *call)
{
    char id[SUBJECT_TEXT];
    struct subject subject;
    uint64_t limit;
    int64_t since_s = 0;
    bool given;
    json_t *list = NULL;
    enum ms_err err;

    if (!api_only_queries(call, "subject since limit") ||
        !api_call_when(call, "since", &since_s) ||
        !api_call_number(call, "limit", 100, 1, 1000, &limit) ||
        !api_find_query(call, "subject", &given, &subject))
        return;
    err = api_reports(call->desk, given ? subject_print(&subject, id) : NULL,
                      since_s, (unsigned)limit, &list);
    if (err == MS_OK)
        api_ok(call, json_pack("{s:o}", "reports", list));
    else
        api_failed(call, err, NULL);
}
