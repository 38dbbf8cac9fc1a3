/* SPDX-License-Identifier: BSD-2-Clause */
/* ctl/show.c - all about one subject. */
#include <config.h>

#include <inttypes.h>
#include <string.h>

#include "ctl/call.h"
#include "ctl/command.h"
#include "ctl/field.h"
#include "ctl/spark.h"
#include "ctl/standing.h"
#include "ctl/when.h"

/* ----- limits */

static enum out_color
share_color(const json_t *row)
{
    double share = field_real(row, "share");

    return share >= 1 ? OUT_BAD : share >= 0.8 ? OUT_WARN : OUT_PLAIN;
}

static void
write_slices(FILE *cell, const struct out *out, const json_t *row)
{
    spark_line(cell, field_at(row, "slices"), out->utf8);
}

static void
write_room(FILE *cell, const struct out *out, const json_t *row)
{
    int64_t room_s = field_int(row, "room_s");
    char span[WHEN_TEXT];

    (void)out;
    if (field_int(row, "rate.span_s") == 0)
        (void)fputc('-', cell); /* nothing is kept of it */
    else if (!field_is(row, "room_s"))
        (void)fputs("never", cell);
    else if (room_s == 0)
        (void)fputs("now", cell);
    else
        (void)fprintf(cell, "in %s", when_span_short(room_s, span));
}

/* "300/1h", and who has said so if it is not the configuration. */
static void
write_rate(FILE *cell, const struct out *out, const json_t *row)
{
    const char *by = field_text(row, "by");

    (void)out;
    (void)fputs(field_text(row, "rate.text"), cell);
    if (*by != '\0' && strcmp(by, "configuration") != 0)
        (void)fprintf(cell, " (%s)", by);
}

static const struct out_column limit_columns[] = {
    {.title = "LIMIT", .path = "limit", .least = 8},
    {.title = "COUNTS", .path = "metric", .spare = true},
    {.title = "USED", .path = "used", .kind = OUT_COUNT},
    {.title = "RATE",
     .path = "rate.text",
     .kind = OUT_WRITTEN,
     .write = write_rate},
    {.title = "OF LIMIT",
     .path = "share",
     .kind = OUT_BAR,
     .color = share_color},
    {.title = "SHARE",
     .path = "share",
     .kind = OUT_SHARE,
     .spare = true,
     .color = share_color},
    {.title = "OLD TO NEW",
     .path = "slices",
     .kind = OUT_WRITTEN,
     .write = write_slices},
    {.title = "ROOM",
     .path = "room_s",
     .kind = OUT_WRITTEN,
     .write = write_room},
    {.title = "MODE", .path = "mode"},
    {.title = NULL}};

#define FIELD(name)                                                            \
    {                                                                          \
        .title = "", .path = name                                              \
    }
static const struct out_column limit_fields[] = {
    FIELD("limit"),     FIELD("rule"),  FIELD("metric"), FIELD("used"),
    FIELD("rate.text"), FIELD("share"), FIELD("room_s"), FIELD("mode"),
    FIELD("action"),    FIELD("scope"), FIELD("by"),     FIELD("origin"),
    FIELD("slices"),    {.title = NULL}};
#undef FIELD

/* ----- what operators and the configuration have set for it */

/* "until 2026-12-01 00:00:00, by ann (uid 1000): ticket 4711". */
static void
print_act(const struct out *out, const char *what, const char *of,
          const json_t *act)
{
    const char *note = field_text(act, "note");
    const char *by = field_text(act, "by");
    char until[WHEN_TEXT];

    if (!field_is(act, "until"))
        (void)snprintf(until, sizeof(until), "until it is ended");
    else
        (void)when_print(field_text(act, "until"), until);
    out_line(out, OUT_PLAIN, 4, "%s %s%s%s%s%s%s%s%s", what, of,
             field_is(act, "until") ? " until " : " ", until,
             *by != '\0' ? ", by " : "", by,
             *field_text(act, "id") != '\0' ? ", act " : "",
             field_text(act, "id"),
             field_is(act, "id") && !field_true(act, "holds") ? " (over)" : "");
    if (*note != '\0')
        out_line(out, OUT_PLAIN, 4, "    %s", note);
}

static void
print_exemption(const struct out *out, const json_t *one)
{
    const json_t *limits = field_at(one, "limits");
    const char *name = field_text(one, "name");

    if (*name == '\0') { /* an act */
        print_act(out, "Exempt from",
                  field_is(one, "limit") ? field_text(one, "limit")
                                         : "all limits",
                  one);
        return;
    }
    out_line(out, OUT_PLAIN, 4, "Exempt by `exempt %s` at %s, from%s", name,
             field_text(one, "origin"),
             json_is_string(limits) ? " all limits" : ":");
    for (size_t i = 0; i < json_array_size(limits); i++)
        out_line(out, OUT_PLAIN, 4, "    %s",
                 json_string_value(json_array_get(limits, i)));
    if (*field_text(one, "note") != '\0')
        out_line(out, OUT_PLAIN, 4, "    %s", field_text(one, "note"));
}

static void
print_acts(const struct out *out, const json_t *subject)
{
    const json_t *exemptions = field_at(subject, "exemptions");
    const json_t *acts = field_at(subject, "acts"), *one;
    size_t i;

    if (json_array_size(exemptions) + json_array_size(acts) == 0)
        return;
    out_heading(out, "Set for it");
    json_array_foreach(exemptions, i, one)
    {
        print_exemption(out, one);
    }
    json_array_foreach(acts, i, one)
    {
        char of[160];

        if (strcmp(field_text(one, "kind"), "raise") != 0)
            continue; /* exemptions have been told */
        (void)snprintf(of, sizeof(of), "%.60s to %.80s",
                       field_text(one, "limit"), field_text(one, "rates"));
        print_act(out, "Raised:", of, one);
    }
}

/* ----- decisions */

static void
write_deed(FILE *cell, const struct out *out, const json_t *row)
{
    (void)out;
    (void)fprintf(cell, "%s%s",
                  strcmp(field_text(row, "deed"), "would") == 0 ? "would " : "",
                  field_text(row, "action"));
}

static void
write_used(FILE *cell, const struct out *out, const json_t *row)
{
    (void)out;
    if (field_is(row, "rate"))
        (void)fprintf(cell, "%" PRId64 "%s of %s", field_int(row, "used"),
                      field_unit(row), field_text(row, "rate.text"));
    else
        (void)fputc('-', cell);
}

/* What `why` takes. */
static void
write_reference(FILE *cell, const struct out *out, const json_t *row)
{
    const char *id = field_text(row, "id");

    (void)out;
    (void)fputs(*id != '\0' ? id : field_text(row, "ref"), cell);
}

static const struct out_column decision_columns[] = {
    {.title = "TIME", .path = "time", .kind = OUT_TIME},
    {.title = "WHAT",
     .path = "action",
     .kind = OUT_WRITTEN,
     .write = write_deed},
    {.title = "RULE", .path = "rule", .least = 10},
    {.title = "USED", .path = "used", .kind = OUT_WRITTEN, .write = write_used},
    {.title = "CLIENT", .path = "client", .least = 10},
    {.title = "FOR WHY",
     .path = "ref",
     .kind = OUT_WRITTEN,
     .write = write_reference},
    {.title = NULL}};

/* ----- pictures */

static void
write_counts(FILE *cell, const struct out *out, const json_t *row)
{
    spark_line(cell, field_at(row, "counts"), out->utf8);
}

static const struct out_column picture_columns[] = {
    {.title = "COUNTED", .path = "metric", .least = 8},
    {.title = "OLD TO NEW",
     .path = "counts",
     .kind = OUT_WRITTEN,
     .write = write_counts},
    {.title = "MOST", .path = "most", .kind = OUT_COUNT},
    {.title = "ALL", .path = "all", .kind = OUT_COUNT},
    {.title = NULL}};

static json_t *
picture_row(const char *metric, json_t *counts)
{
    json_int_t most = 0, all = 0;
    json_t *one;
    size_t i;

    json_array_foreach(counts, i, one)
    {
        all += json_integer_value(one);
        if (json_integer_value(one) > most)
            most = json_integer_value(one);
    }
    if (all == 0)
        return NULL;
    return json_pack("{s:s, s:O, s:I, s:I}", "metric", metric, "counts", counts,
                     "most", most, "all", all);
}

static void
print_picture(const struct out *out, const json_t *picture, const char *title)
{
    json_t *rows = json_array(), *counts, *row;
    const char *metric;

    json_object_foreach(json_object_get(picture, "counts"), metric, counts)
    {
        row = picture_row(metric, counts);
        if (row != NULL)
            (void)json_array_append_new(rows, row);
    }
    if (json_array_size(rows) > 0) {
        out_heading(out, "%s", title);
        out_table(out, picture_columns, rows);
    }
    json_decref(rows);
}

/* ----- all of it */

static void
print_head(const struct out *out, const json_t *subject)
{
    const json_t *also = field_at(subject, "also"), *one;
    const char *standing = field_text(subject, "standing");
    char first[WHEN_TEXT], last[WHEN_TEXT];
    size_t i;

    out_line(out, OUT_BOLD, 4, "%s %s%s%s", field_text(subject, "kind"),
             field_text(subject, "key"), *standing != '\0' ? ": " : "",
             standing);
    if (field_is(subject, "first_seen") || field_is(subject, "last_seen"))
        out_line(out, OUT_PLAIN, 4, "first seen %s, last seen %s",
                 when_print(field_text(subject, "first_seen"), first),
                 when_print(field_text(subject, "last_seen"), last));
    json_array_foreach(also, i, one)
    {
        out_remark(out, "There is also %s.", json_string_value(one));
    }
}

static void
print(const struct out *out, const json_t *subject)
{
    const json_t *pictures = field_at(subject, "pictures");
    const json_t *decisions = field_at(subject, "decisions");

    print_head(out, subject);
    standing_print(out, subject);
    if (json_array_size(field_at(subject, "limits")) > 0) {
        out_heading(out, "Limits");
        out_table(out, limit_columns, field_at(subject, "limits"));
    } else {
        out_remark(out, "No limit counts it.");
    }
    print_acts(out, subject);
    if (json_array_size(decisions) > 0) {
        out_heading(out, "Last decisions");
        out_table(out, decision_columns, decisions);
    } else {
        out_heading(out, "Nothing was decided against it of late.");
    }
    print_picture(out, field_at(pictures, "hours"), "Last 24 hours");
    print_picture(out, field_at(pictures, "days"), "Last 30 days");
}

int
cmd_show(const struct call *call)
{
    const char *first = call_word(call, 0), *second = call_word(call, 1);
    json_t *subject = NULL;
    struct url url;
    int code;

    url_subject(&url, second != NULL ? first : NULL,
                second != NULL ? second : first, NULL);
    code = call_get(call, &url, &subject);
    if (code != CTL_OK)
        return code;
    if (call->out->format == OUT_JSON)
        out_json(call->out, subject);
    else if (call->out->format == OUT_TSV)
        out_table(call->out, limit_fields, field_at(subject, "limits"));
    else
        print(call->out, subject);
    json_decref(subject);
    return code;
}
