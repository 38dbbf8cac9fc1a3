/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "ctl/standing.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/field.h"
#include "ctl/held.h"
#include "ctl/notices.h"
#include "ctl/when.h"

enum out_color
standing_color(const char *standing)
{
    static const struct {
        const char *name;
        enum out_color color;
    } rows[] = {{"quarantined", OUT_BAD},
                {"throttled", OUT_BAD},
                {"watched", OUT_WARN},
                {"probation", OUT_WARN}};

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (strcmp(standing, rows[i].name) == 0)
            return rows[i].color;
    return OUT_PLAIN;
}

/* ----- why */

/* Who or what has changed it, as one would say it. */
static const char *
cause_words(const char *cause)
{
    static const struct {
        const char *name, *words;
    } rows[] = {{"evidence", "by what it sent"},
                {"time", "as time has passed"},
                {"operator", "by hand"},
                {"customer", "by the customer's code"},
                {"breaker", "as too many would have been stopped at once"},
                {"freeze", "as the spam filter flagged everybody"},
                {"enforce", "as the rule began to act"},
                {"lease", "as the address has a new customer"},
                {"ladder", "as the time set for it was over"}};

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (strcmp(cause, rows[i].name) == 0)
            return rows[i].words;
    return cause;
}

static void
print_families(const struct out *out, const json_t *families)
{
    const json_t *one;
    size_t i;

    json_array_foreach(families, i, one)
    {
        out_line(out, OUT_PLAIN, 20, "    %+6.1f  %-9s %s",
                 field_real(one, "decibels"), field_text(one, "family"),
                 field_text(one, "text"));
    }
}

/* What all families of ROW come to. */
static double
sum_of(const json_t *row)
{
    const json_t *one;
    double sum = 0;
    size_t i;

    json_array_foreach(field_at(row, "families"), i, one)
    {
        sum += field_real(one, "decibels");
    }
    return sum;
}

static void
print_by(const struct out *out, const json_t *row)
{
    const char *by = field_text(row, "by"), *note = field_text(row, "note");

    if (*by != '\0' || *note != '\0')
        out_line(out, OUT_PLAIN, 4, "%s%s%s%s", *by != '\0' ? "By " : "", by,
                 *by != '\0' && *note != '\0' ? ": " : "", note);
}

/* " since ..., until ..., by what it sent": as far as there is any. */
static void
put_history(FILE *line, const json_t *zombie)
{
    char buf[WHEN_TEXT];

    if (field_is(zombie, "since"))
        (void)fprintf(line, " since %s",
                      when_print(field_text(zombie, "since"), buf));
    if (field_is(zombie, "until"))
        (void)fprintf(line, ", until %s",
                      when_print(field_text(zombie, "until"), buf));
    if (*field_text(zombie, "cause") != '\0')
        (void)fprintf(line, ", %s", cause_words(field_text(zombie, "cause")));
}

/* Does STANDING keep mail back? */
static bool
stops(const char *standing)
{
    return strcmp(standing, "throttled") == 0 ||
           strcmp(standing, "quarantined") == 0;
}

static void
print_first(const struct out *out, const json_t *zombie)
{
    const char *standing = field_text(zombie, "standing");
    bool observed = strcmp(field_text(zombie, "mode"), "observe") == 0;
    char *text = NULL;
    size_t len = 0;
    FILE *line = open_memstream(&text, &len);

    if (line == NULL) {
        out_complain(out, "no memory");
        return;
    }
    put_history(line, zombie);
    if (fclose(line) == 0)
        out_line(out, standing_color(standing), 4, "%s%s; rule %s, as a %s%s",
                 standing, text, field_text(zombie, "rule"),
                 field_text(zombie, "class"),
                 observed && stops(standing)
                     ? "; observed only, so that all its mail passes"
                     : "");
    free(text);
}

static void
print_head(const struct out *out, const json_t *zombie)
{
    int64_t n = field_int(zombie, "quarantines");

    print_first(out, zombie);
    print_by(out, zombie);
    if (field_is(zombie, "rate"))
        out_line(out, OUT_PLAIN, 4,
                 "While throttled, %" PRId64 " recipients an hour pass.",
                 field_int(zombie, "rate"));
    if (n > 0)
        out_line(out, OUT_PLAIN, 4,
                 "It has been quarantined %" PRId64 " time%s so far.", n,
                 n == 1 ? "" : "s");
    if (field_true(zombie, "newer"))
        out_line(
            out, OUT_WARN, 4,
            "A newer mortsafe has judged it: this one leaves it as it is.");
}

/* ----- what is usual */

static const struct {
    const char *name, *title;
} measures[] = {{"hour", "recipients, last hour"},
                {"day", "recipients, last day"},
                {"new", "of them new, last day"},
                {"networks", "client networks"},
                {"senders", "sender addresses"},
                {"judged", "messages judged by the filter"},
                {"spam", "of them flagged as spam"},
                {"unknown", "unknown recipients"},
                {"complaints", "complaints"}};

enum { MEASURES = sizeof(measures) / sizeof(measures[0]) };

static const struct out_column usual_columns[] = {
    {.title = "COUNTED", .path = "title", .least = 12},
    {.title = "USUAL", .path = "usual", .kind = OUT_COUNT},
    {.title = "NOW", .path = "now", .kind = OUT_COUNT},
    {.title = NULL},
};

static void
print_usual(const struct out *out, const json_t *zombie)
{
    json_t *rows = json_array();
    bool any = false;

    for (size_t i = 0; i < MEASURES; i++) {
        const json_t *usual =
            json_object_get(field_at(zombie, "usual"), measures[i].name);
        const json_t *now =
            json_object_get(field_at(zombie, "now"), measures[i].name);
        json_t *row;

        if (now == NULL)
            continue;
        any = any || json_integer_value(now) > 0;
        row = json_pack("{s:s, s:O}", "title", measures[i].title, "now", now);
        if (usual != NULL && row != NULL)
            (void)json_object_set(row, "usual", (json_t *)(uintptr_t)usual);
        (void)json_array_append_new(rows, row);
    }
    if (any) {
        out_heading(out, "Usual, and now");
        out_table(out, usual_columns, rows);
    }
    json_decref(rows);
}

void
standing_print_now(const struct out *out, const json_t *subject)
{
    const json_t *zombie = field_at(subject, "zombie");

    if (!json_is_object(zombie))
        return;
    print_head(out, zombie);
    if (json_array_size(field_at(zombie, "families")) == 0)
        return;
    out_line(out, OUT_PLAIN, 0,
             "Evidence, %.1f decibels then, %.1f now:", sum_of(zombie),
             field_real(zombie, "score"));
    print_families(out, field_at(zombie, "families"));
}

/* ----- how it came to it */

const struct out_column standing_change_fields[] = {
    {.title = "", .path = "at"},       {.title = "", .path = "id"},
    {.title = "", .path = "host"},     {.title = "", .path = "subject"},
    {.title = "", .path = "rule"},     {.title = "", .path = "from"},
    {.title = "", .path = "to"},       {.title = "", .path = "cause"},
    {.title = "", .path = "observed"}, {.title = "", .path = "until"},
    {.title = "", .path = "score"},    {.title = "", .path = "by"},
    {.title = "", .path = "note"},     {.title = NULL},
};

static void
print_ids(const struct out *out, const json_t *ids)
{
    char text[512];
    size_t len = 0, i;
    const json_t *id;

    text[0] = '\0';
    json_array_foreach(ids, i, id)
    {
        const char *word = json_string_value(id);
        int n = snprintf(text + len, sizeof(text) - len, "%s%s",
                         i > 0 ? " " : "", word != NULL ? word : "");

        if (n < 0 || (size_t)n >= sizeof(text) - len)
            break;
        len += (size_t)n;
    }
    if (len > 0)
        out_line(out, OUT_PLAIN, 8, "    messages %s", text);
}

static void
print_change(const struct out *out, const json_t *change)
{
    char at[WHEN_TEXT];

    out_line(out, standing_color(field_text(change, "to")), 4,
             "%s  %s, was %s: %s%s, change %s on %s",
             when_print(field_text(change, "at"), at), field_text(change, "to"),
             field_text(change, "from"),
             cause_words(field_text(change, "cause")),
             field_true(change, "observed") ? ", observed only" : "",
             field_text(change, "id"), field_text(change, "host"));
    if (*field_text(change, "by") != '\0' ||
        *field_text(change, "note") != '\0')
        out_line(out, OUT_PLAIN, 8, "    %s%s%s", field_text(change, "by"),
                 *field_text(change, "by") != '\0' ? ": " : "",
                 field_text(change, "note"));
    if (strcmp(field_text(change, "cause"), "evidence") != 0)
        return;
    print_families(out, field_at(change, "families"));
    print_ids(out, field_at(change, "ids"));
}

void
standing_print_change(const struct out *out, const json_t *change)
{
    char until[WHEN_TEXT] = "";

    if (field_is(change, "until"))
        (void)when_print(field_text(change, "until"), until);
    else if (strcmp(field_text(change, "to"), "quarantined") == 0)
        (void)snprintf(until, sizeof(until), "it is released");
    out_line(out, OUT_PLAIN, 0, "%s is %s%s%s%s (was %s).",
             field_text(change, "subject"),
             strcmp(field_text(change, "to"), "probation") == 0 ? "on " : "",
             field_text(change, "to"), *until != '\0' ? " until " : "", until,
             field_text(change, "from"));
    if (field_true(change, "observed") && stops(field_text(change, "to")))
        out_line(out, OUT_WARN, 0,
                 "Its rule only observes: no mail of it is stopped.");
}

/* ----- reports */

static const struct out_column report_columns[] = {
    {.title = "TIME", .path = "at", .kind = OUT_TIME},
    {.title = "KIND", .path = "kind"},
    {.title = "ID", .path = "id"},
    {.title = "BY", .path = "by", .least = 8, .spare = true},
    {.title = "DETAIL", .path = "detail", .least = 16},
    {.title = NULL},
};

/* ----- all of it */

void
standing_print(const struct out *out, const json_t *subject)
{
    const json_t *changes = field_at(subject, "changes"), *change;
    const json_t *held = field_at(subject, "held");
    size_t i;

    if (json_is_object(field_at(subject, "zombie"))) {
        out_heading(out, "Standing");
        standing_print_now(out, subject);
        print_usual(out, field_at(subject, "zombie"));
    }
    if (json_array_size(changes) > 0)
        out_heading(out, "Changes of standing");
    json_array_foreach(changes, i, change)
    {
        print_change(out, change);
    }
    if (json_array_size(held) > 0) {
        out_heading(out, "Held mail");
        held_print_of_one(out, held);
        held_print_commands(out, held);
    }
    if (json_array_size(field_at(subject, "notices")) > 0) {
        out_heading(out, "Notices");
        notices_print_of_one(out, field_at(subject, "notices"));
    }
    if (json_array_size(field_at(subject, "reports")) > 0) {
        out_heading(out, "Reports about it");
        out_table(out, report_columns, field_at(subject, "reports"));
    }
}
