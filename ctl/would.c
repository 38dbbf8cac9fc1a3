/* SPDX-License-Identifier: BSD-2-Clause */
/* ctl/would.c - the report of the observe phase. */
#include <config.h>

#include <inttypes.h>
#include <string.h>

#include "ctl/call.h"
#include "ctl/command.h"
#include "ctl/field.h"
#include "ctl/when.h"

enum { WOULD_ROWS = 10000 };

static const struct out_column columns[] = {
    {.title = "SUBJECT", .path = "subject", .least = 16},
    {.title = "WOULD", .path = "action"},
    {.title = "TIMES", .path = "n", .kind = OUT_COUNT},
    {.title = "FIRST", .path = "first", .kind = OUT_TIME},
    {.title = "LAST", .path = "last", .kind = OUT_TIME},
    {.title = NULL}};

static const struct out_column tsv_columns[] = {
    {.title = "", .path = "rule"},
    {.title = "", .path = "subject"},
    {.title = "", .path = "action"},
    {.title = "", .path = "n"},
    {.title = "", .path = "first"},
    {.title = "", .path = "last"},
    {.title = NULL}};

/* ----- for spreadsheets (RFC 4180) */

/* Quoted where it must be. */
static void
put_csv(FILE *to, const char *text)
{
    if (text[strcspn(text, ",\"\r\n")] == '\0') {
        (void)fputs(text, to);
        return;
    }
    (void)fputc('"', to);
    for (; *text != '\0'; text++) {
        if (*text == '"')
            (void)fputc('"', to);
        (void)fputc(*text, to);
    }
    (void)fputc('"', to);
}

static void
print_csv(const struct out *out, const json_t *rows)
{
    const json_t *row;
    size_t i;

    if (!out->quiet)
        (void)fputs("rule,subject,action,times,first,last\r\n", out->file);
    json_array_foreach(rows, i, row)
    {
        put_csv(out->file, field_text(row, "rule"));
        (void)fputc(',', out->file);
        put_csv(out->file, field_text(row, "subject"));
        (void)fputc(',', out->file);
        put_csv(out->file, field_text(row, "action"));
        (void)fprintf(out->file, ",%" PRId64 ",%s,%s\r\n", field_int(row, "n"),
                      field_text(row, "first"), field_text(row, "last"));
    }
}

/* ----- for people: a table a rule */

/* Rows of RULE, moved from LEFT. */
static json_t *
take_rule(json_t *left, const char *rule)
{
    json_t *taken = json_array();

    for (size_t i = 0; i < json_array_size(left);) {
        json_t *row = json_array_get(left, i);

        if (strcmp(field_text(row, "rule"), rule) != 0) {
            i++;
            continue;
        }
        (void)json_array_append(taken, row);
        (void)json_array_remove(left, i);
    }
    return taken;
}

static void
print_rule(const struct out *out, const json_t *rows)
{
    int64_t times = 0;
    const json_t *row;
    size_t i;

    json_array_foreach(rows, i, row)
    {
        times += field_int(row, "n");
    }
    out_heading(out, "%s would have stopped %zu subject%s, %" PRId64 " time%s",
                field_text(json_array_get(rows, 0), "rule"),
                json_array_size(rows), json_array_size(rows) == 1 ? "" : "s",
                times, times == 1 ? "" : "s");
    out_table(out, columns, rows);
}

static void
print(const struct out *out, const json_t *answer)
{
    json_t *left = json_copy((json_t *)field_at(answer, "rows"));
    char since[WHEN_TEXT];

    (void)when_print(field_text(answer, "since"), since);
    if (json_array_size(left) == 0)
        out_remark(out, "Nobody would have been stopped since %s.", since);
    else
        out_remark(out, "Since %s:", since);
    while (json_array_size(left) > 0) {
        json_t *first = json_incref(json_array_get(left, 0));
        json_t *rows = take_rule(left, field_text(first, "rule"));

        print_rule(out, rows);
        json_decref(rows);
        json_decref(first);
    }
    json_decref(left);
}

int
cmd_would(const struct call *call)
{
    const struct out *out = call->out;
    json_t *answer = NULL;
    struct url url;
    int code;

    if (call_given(call, "csv") && out->format != OUT_PEOPLE)
        return call_usage(call, "--csv goes with neither --json nor --tsv");
    url_start(&url, "/v1/would");
    url_query(&url, "rule", call_option(call, "rule"));
    url_query(&url, "since", call_option(call, "since"));
    url_query_number(&url, "limit", WOULD_ROWS);
    code = call_get(call, &url, &answer);
    if (code != CTL_OK)
        return code;
    if (call_given(call, "csv"))
        print_csv(out, field_at(answer, "rows"));
    else if (out->format == OUT_PEOPLE)
        print(out, answer);
    else
        out_table(out, tsv_columns, field_at(answer, "rows"));
    if (json_array_size(field_at(answer, "rows")) == WOULD_ROWS)
        out_complain(out, "there are more than %d rows: ask by --rule",
                     WOULD_ROWS);
    json_decref(answer);
    return CTL_OK;
}
