/* SPDX-License-Identifier: BSD-2-Clause */
/* ctl/notices.c - what people were told, would be told, and are told again. */
#include <config.h>

#include "ctl/notices.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/call.h"
#include "ctl/command.h"
#include "ctl/field.h"
#include "ctl/when.h"

enum { NOTICE_ROWS = 50, NOTICE_MOST = 1000 };

static enum out_color
result_color(const json_t *row)
{
    const char *result = field_text(row, "result");

    if (strcmp(result, "failed") == 0 || strcmp(result, "undeliverable") == 0)
        return OUT_BAD;
    return strcmp(result, "sent") == 0 ? OUT_PLAIN : OUT_WARN;
}

static void
write_to(FILE *cell, const struct out *out, const json_t *row)
{
    (void)out;
    (void)fputs(field_true(row, "webhook") ? "webhook" : field_text(row, "to"),
                cell);
}

/* "waiting, next at 15:17 (connection refused)". */
static void
write_result(FILE *cell, const struct out *out, const json_t *row)
{
    char next[WHEN_TEXT];

    (void)out;
    (void)fputs(field_text(row, "result"), cell);
    if (field_is(row, "next"))
        (void)fprintf(cell, ", again at %s",
                      when_print(field_text(row, "next"), next));
    if (*field_text(row, "error") != '\0')
        (void)fprintf(cell, " (%s)", field_text(row, "error"));
}

static const struct out_column columns[] = {
    {.title = "TIME", .path = "at", .kind = OUT_TIME},
    {.title = "ABOUT", .path = "subject", .least = 16},
    {.title = "KIND", .path = "kind"},
    {.title = "TO",
     .path = "to",
     .kind = OUT_WRITTEN,
     .least = 12,
     .write = write_to},
    {.title = "LANGUAGE", .path = "language", .spare = true},
    {.title = "TRIES", .path = "tries", .kind = OUT_COUNT, .spare = true},
    {.title = "RESULT",
     .path = "result",
     .kind = OUT_WRITTEN,
     .least = 12,
     .write = write_result,
     .color = result_color},
    {.title = NULL},
};

static const struct out_column columns_of_one[] = {
    {.title = "TIME", .path = "at", .kind = OUT_TIME},
    {.title = "KIND", .path = "kind"},
    {.title = "TO",
     .path = "to",
     .kind = OUT_WRITTEN,
     .least = 12,
     .write = write_to},
    {.title = "RESULT",
     .path = "result",
     .kind = OUT_WRITTEN,
     .least = 12,
     .write = write_result,
     .color = result_color},
    {.title = NULL},
};

static const struct out_column fields[] = {
    {.title = "", .path = "at"},
    {.title = "", .path = "subject"},
    {.title = "", .path = "kind"},
    {.title = "", .path = "to"},
    {.title = "", .path = "language"},
    {.title = "", .path = "webhook"},
    {.title = "", .path = "result"},
    {.title = "", .path = "tries"},
    {.title = "", .path = "next"},
    {.title = "", .path = "error"},
    {.title = NULL},
};

void
notices_print(const struct out *out, const json_t *notices)
{
    out_table(out, out->format == OUT_TSV ? fields : columns, notices);
}

void
notices_print_of_one(const struct out *out, const json_t *notices)
{
    out_table(out, columns_of_one, notices);
}

static int
list(const struct call *call, const char *key)
{
    json_t *answer = NULL;
    struct url url;
    uint64_t n;
    int code = call_number(call, "number", NOTICE_ROWS, 1, NOTICE_MOST, &n);

    if (code != CTL_OK)
        return code;
    url_start(&url, "/v1/notices");
    url_query(&url, "subject", key);
    url_query_number(&url, "limit", n);
    code = call_get(call, &url, &answer);
    if (code != CTL_OK)
        return code;
    notices_print(call->out, field_at(answer, "notices"));
    if (json_array_size(field_at(answer, "notices")) == 0)
        out_remark(call->out, "Nobody was written to.");
    json_decref(answer);
    return CTL_OK;
}

/* ----- preview */

/* The letter's lines, escaped one by one. */
static void
print_letter(const struct out *out, char *text)
{
    while (*text != '\0') {
        size_t n = strcspn(text, "\n");
        bool more = text[n] == '\n';

        text[n] = '\0';
        if (n > 0 && text[n - 1] == '\r')
            text[n - 1] = '\0';
        out_verbatim(out, OUT_PLAIN, "%s", text);
        text += n + (more ? 1 : 0);
    }
}

static int
preview(const struct call *call, const char *key)
{
    char *letter = NULL;
    struct url url;
    int code;

    url_subject(&url, NULL, key, "preview");
    url_query(&url, "kind", call_option(call, "kind"));
    url_query(&url, "language", call_option(call, "language"));
    code = call_get_text(call, &url, &letter);
    if (code != CTL_OK)
        return code;
    if (call->out->format == OUT_PEOPLE) {
        print_letter(call->out, letter);
    } else {
        json_t *row = json_object();

        field_set_text(row, "letter", letter);
        if (call->out->format == OUT_JSON)
            out_json(call->out, row);
        else
            out_flat(call->out, row);
        json_decref(row);
    }
    free(letter);
    return CTL_OK;
}

/* ----- resend */

static const struct out_column sent_columns[] = {
    {.title = "SENT", .path = "sent", .kind = OUT_COUNT},
    {.title = NULL},
};

static int
resend(const struct call *call, const char *key)
{
    json_t *answer = NULL;
    struct url url;
    int64_t n;
    int code;

    url_subject(&url, NULL, key, "resend");
    code = call_post(call, &url, NULL, &answer);
    if (code != CTL_OK)
        return code;
    n = field_int(answer, "sent");
    if (call->out->format != OUT_PEOPLE)
        out_fields(call->out, sent_columns, answer);
    else if (n == 0)
        out_remark(call->out, "Nobody was written to about %s.", key);
    else
        out_remark(call->out, "%" PRId64 " letter%s sent again.", n,
                   n == 1 ? " is" : "s are");
    json_decref(answer);
    return n > 0 ? CTL_OK : CTL_NO;
}

int
cmd_notices(const struct call *call)
{
    const char *verb = call_word(call, 0), *key = call_word(call, 1);
    bool previews = verb != NULL && strcmp(verb, "preview") == 0;
    bool resends = verb != NULL && strcmp(verb, "resend") == 0;

    if ((call_given(call, "kind") || call_given(call, "language")) && !previews)
        return call_usage(call, "--kind and --language are for `preview`");
    if (!previews && !resends)
        return key == NULL
                   ? list(call, verb)
                   : call_usage(call, "say preview or resend, not %s", verb);
    if (key == NULL)
        return call_usage(call, "say whom: notices %s KEY", verb);
    if (call_given(call, "number"))
        return call_usage(call, "--number is for the list");
    return previews ? preview(call, key) : resend(call, key);
}
