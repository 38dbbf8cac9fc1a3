/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ctl/feedback.c - handing in what others say of our mail.  An MTA may have
 * started us with a mail: then the exit code says whether it shall try again.
 */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/call.h"
#include "ctl/command.h"
#include "ctl/field.h"
#include "ctl/report.h"

/* ----- reading it */

struct input {
    char *text;
    size_t n, room;
};

static int
grow(const struct call *call, struct input *in)
{
    size_t room = in->room == 0 ? 65536 : 2 * in->room;
    char *text;

    if (in->n < in->room)
        return CTL_OK;
    text = realloc(in->text, room);
    if (text == NULL) {
        out_complain(call->out, "no memory");
        return EX_TEMPFAIL;
    }
    in->text = text;
    in->room = room;
    return CTL_OK;
}

/* All of FD, or a byte more than a report may have. */
static int
slurp(const struct call *call, int fd, struct input *in)
{
    int code = CTL_OK;
    ssize_t n = 1;

    while (n != 0 && in->n <= REPORT_BYTES) {
        code = grow(call, in);
        if (code != CTL_OK)
            return code;
        n = read(fd, in->text + in->n, in->room - in->n);
        if (n > 0)
            in->n += (size_t)n;
        else if (n < 0 && errno != EINTR)
            return EX_NOINPUT;
    }
    return CTL_OK;
}

static int
read_input(const struct call *call, struct input *in)
{
    const char *path = call_word(call, 0);
    bool named = path != NULL && strcmp(path, "-") != 0;
    int fd = named ? open(path, O_RDONLY | O_CLOEXEC) : STDIN_FILENO;
    int code = fd >= 0 ? slurp(call, fd, in) : EX_NOINPUT;

    if (code == EX_NOINPUT) {
        struct why why;

        (void)why_errno(&why, MS_UNAVAIL, named ? path : "standard input");
        out_complain(call->out, "%s", why.text);
    }
    if (named && fd >= 0)
        (void)close(fd);
    return code;
}

/* ----- handing it in */

enum {
    MOST = 1000, /* that the daemon counts of one message at once */
    REPORT_ROWS = 50,
    REPORT_MOST = 1000
};

/* Whatever may be better soon makes the MTA try again. */
static int
to_sysexit(int code)
{
    switch (code) {
    case CTL_AWAY:
    case EX_UNAVAILABLE:
    case EX_SOFTWARE:
    case EX_OSERR:
    case EX_IOERR:
        return EX_TEMPFAIL;
    default:
        return code;
    }
}

static json_t *
case_body(const struct report *report, const struct report_case *one)
{
    json_t *body = json_object(), *ids = json_array();

    for (size_t i = 0; i < one->n_ids; i++)
        (void)json_array_append_new(ids, json_string(one->ids[i]));
    field_set_text(body, "kind", report_kind_name(report->kind));
    (void)json_object_set_new(body, "ids", ids);
    (void)json_object_set_new(
        body, "unknown",
        json_integer(one->unknown < MOST ? one->unknown : MOST));
    (void)json_object_set_new(body, "complaints",
                              json_integer(one->complaints));
    field_set_text(body, "detail", report->detail);
    return body;
}

static const struct out_column matched_columns[] = {
    {.title = "", .path = "id"},
    {.title = "", .path = "subject"},
    {.title = NULL},
};

/* What has become of one message's, for people. */
static void
tell(const struct out *out, const json_t *answer)
{
    const json_t *matched = field_at(answer, "matched"), *one;
    size_t i;

    json_array_foreach(matched, i, one)
    {
        out_line(out, OUT_PLAIN, 4, "Counted against %s: message %s.",
                 field_text(one, "subject"), field_text(one, "id"));
    }
    if (json_array_size(matched) == 0)
        out_remark(out, field_true(answer, "kept")
                            ? "It names no message of ours: it counts nothing, "
                              "and is kept for `feedback --list`."
                            : "It names no message of ours, and counts "
                              "nothing.");
}

/* Hand in ONE; what it matched goes to MATCHED, too. */
static int
hand_in_case(const struct call *call, const struct report *report,
             const struct report_case *one, json_t *matched)
{
    json_t *answer = NULL;
    struct url url;
    int code;

    url_start(&url, "/v1/feedback");
    code = call_post(call, &url, case_body(report, one), &answer);
    if (code != CTL_OK)
        return code;
    (void)json_array_extend(matched,
                            (json_t *)(uintptr_t)field_at(answer, "matched"));
    if (call->out->format == OUT_JSON)
        out_json(call->out, answer);
    else if (call->out->format == OUT_PEOPLE)
        tell(call->out, answer);
    json_decref(answer);
    return CTL_OK;
}

static int
hand_in(const struct call *call, const struct report *report)
{
    json_t *matched = json_array();
    int code = CTL_OK;
    size_t n = 0;

    for (size_t i = 0; i < report->n && code == CTL_OK; i++) {
        const struct report_case *one = &report->cases[i];

        if (one->unknown == 0 && one->complaints == 0)
            continue;
        n++;
        code = hand_in_case(call, report, one, matched);
    }
    if (call->out->format == OUT_TSV)
        out_table(call->out, matched_columns, matched);
    if (code == CTL_OK && n == 0)
        out_remark(call->out, "This says nothing against a sender (%s).",
                   report->detail);
    json_decref(matched);
    return to_sysexit(code);
}

/* Read it, and hand it in. */
static int
take(const struct call *call)
{
    const char *kind = call_option(call, "kind");
    struct input in = {.text = NULL};
    struct report report;
    struct why why = {""};
    int code = read_input(call, &in);
    enum ms_err err;

    if (code == CTL_OK) {
        err = report_read(in.text, in.n,
                          report_kind_of(kind != NULL ? kind : "auto"), &report,
                          &why);
        if (err != MS_OK) {
            out_complain(call->out, "%s", why.text);
            code = err == MS_NOMEM ? EX_TEMPFAIL : EX_DATAERR;
        } else {
            code = hand_in(call, &report);
            report_end(&report);
        }
    }
    free(in.text);
    return code;
}

/* ----- what was handed in */

static const struct out_column report_columns[] = {
    {.title = "TIME", .path = "at", .kind = OUT_TIME},
    {.title = "KIND", .path = "kind"},
    {.title = "AGAINST", .path = "subject", .least = 16},
    {.title = "ID", .path = "id"},
    {.title = "DETAIL", .path = "detail", .least = 16},
    {.title = "BY", .path = "by", .least = 8, .spare = true},
    {.title = "HOST", .path = "host", .spare = true},
    {.title = NULL},
};

static int
list(const struct call *call)
{
    json_t *answer = NULL;
    struct url url;
    uint64_t n;
    int code = call_number(call, "number", REPORT_ROWS, 1, REPORT_MOST, &n);

    if (code != CTL_OK)
        return code;
    url_start(&url, "/v1/reports");
    url_query(&url, "since", call_option(call, "since"));
    url_query_number(&url, "limit", n);
    code = call_get(call, &url, &answer);
    if (code != CTL_OK)
        return code;
    out_table(call->out, report_columns, field_at(answer, "reports"));
    if (json_array_size(field_at(answer, "reports")) == 0)
        out_remark(call->out, "Nobody has reported anything.");
    json_decref(answer);
    return CTL_OK;
}

int
cmd_feedback(const struct call *call)
{
    bool lists = call_given(call, "list");

    if (lists && (call_given(call, "kind") || call_word(call, 0) != NULL))
        return call_usage(call, "--list reads nothing");
    if (!lists && (call_given(call, "since") || call_given(call, "number")))
        return call_usage(call, "--since and --number are for --list");
    return lists ? list(call) : take(call);
}
