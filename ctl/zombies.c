/* SPDX-License-Identifier: BSD-2-Clause */
/* ctl/zombies.c - who has a standing, and why: the worst first. */
#include <config.h>

#include <inttypes.h>
#include <stdint.h>
#include <string.h>

#include "ctl/call.h"
#include "ctl/command.h"
#include "ctl/field.h"
#include "ctl/standing.h"
#include "ctl/when.h"

enum { ZOMBIE_ROWS = 50, ZOMBIE_MOST = 1000 };

static enum out_color
row_color(const json_t *row)
{
    return standing_color(field_text(row, "standing"));
}

static void
write_score(FILE *cell, const struct out *out, const json_t *row)
{
    (void)out;
    if (field_is(row, "score"))
        (void)fprintf(cell, "%.1f", field_real(row, "score"));
    else
        (void)fputc('-', cell);
}

/* "zombie.account (observe)". */
static void
write_rule(FILE *cell, const struct out *out, const json_t *row)
{
    (void)out;
    (void)fprintf(cell, "%s%s", field_text(row, "rule"),
                  field_true(row, "observed") ? " (observe)" : "");
}

/* What the operator has said goes before what was counted; the score, with
 * which the reason begins, has a column of its own. */
static void
write_why(FILE *cell, const struct out *out, const json_t *row)
{
    const char *note = field_text(row, "note"), *by = field_text(row, "by");
    const char *reason = field_text(row, "reason");
    const char *colon = strstr(reason, ": ");

    (void)out;
    if (strncmp(reason, "score ", 6) == 0 && colon != NULL)
        reason = colon + 2;
    if (field_true(row, "observed"))
        (void)fputs("only observed: ", cell);
    if (*by != '\0')
        (void)fprintf(cell, "by %s%s%s%s", by, *note != '\0' ? ": " : "", note,
                      *reason != '\0' ? "; " : "");
    (void)fputs(*reason != '\0' || *by != '\0' ? reason : "-", cell);
}

static const struct out_column columns[] = {
    {.title = "WHO", .path = "subject", .least = 20},
    {.title = "STANDING", .path = "standing", .color = row_color},
    {.title = "FOR", .path = "age_s", .kind = OUT_SPAN},
    {.title = "SCORE",
     .path = "score",
     .kind = OUT_WRITTEN,
     .write = write_score},
    {.title = "HELD", .path = "held", .kind = OUT_COUNT},
    {.title = "WHY",
     .path = "reason",
     .kind = OUT_WRITTEN,
     .least = 20,
     .write = write_why},
    {.title = "RULE",
     .path = "rule",
     .kind = OUT_WRITTEN,
     .spare = true,
     .write = write_rule},
    {.title = "SINCE", .path = "since", .kind = OUT_TIME, .spare = true},
    {.title = "UNTIL", .path = "until", .kind = OUT_TIME, .spare = true},
    {.title = NULL},
};

static const struct out_column fields[] = {
    {.title = "", .path = "subject"},
    {.title = "", .path = "standing"},
    {.title = "", .path = "since"},
    {.title = "", .path = "until"},
    {.title = "", .path = "cause"},
    {.title = "", .path = "rule"},
    {.title = "", .path = "observed"},
    {.title = "", .path = "score"},
    {.title = "", .path = "held"},
    {.title = "", .path = "by"},
    {.title = "", .path = "note"},
    {.title = "", .path = "reason"},
    {.title = NULL},
};

/* ROW, and how long it has stood so by NOW. */
static json_t *
with_age(const json_t *row, const char *now)
{
    json_t *out = json_copy((json_t *)(uintptr_t)row);
    int64_t since_s, now_s;

    if (when_read(field_text(row, "since"), &since_s) &&
        when_read(now, &now_s) && since_s <= now_s)
        (void)json_object_set_new(out, "age_s", json_integer(now_s - since_s));
    return out;
}

void
standing_table(const struct out *out, const json_t *rows, const char *now)
{
    json_t *aged;
    const json_t *row;
    size_t i;

    if (out->format != OUT_PEOPLE) {
        out_table(out, fields, rows);
        return;
    }
    aged = json_array();
    json_array_foreach(rows, i, row)
    {
        (void)json_array_append_new(aged, with_age(row, now));
    }
    out_table(out, columns, aged);
    json_decref(aged);
}

/* ----- below the table */

static void
print_counts(const struct out *out, const json_t *counts)
{
    out_heading(out,
                "All in all %" PRId64 " quarantined, %" PRId64
                " throttled, %" PRId64 " watched, %" PRId64 " on probation.",
                field_int(counts, "quarantined"),
                field_int(counts, "throttled"), field_int(counts, "watched"),
                field_int(counts, "probation"));
}

/* What keeps the detector from judging as it would. */
static void
print_brakes(const struct out *out, const json_t *answer)
{
    if (field_true(answer, "braking"))
        out_line(out, OUT_BAD, 0,
                 "Far more than usual would be stopped at once: who comes to "
                 "it now is only watched. Look whether it is an attack or a "
                 "mistake.");
    if (field_true(answer, "frozen"))
        out_line(out, OUT_BAD, 0,
                 "The spam filter flags far more mail than usual, of all "
                 "senders: its verdicts count nothing for the time being.");
}

static void
print_rule(const struct out *out, const json_t *rule)
{
    bool observes = strcmp(field_text(rule, "mode"), "observe") == 0;
    bool learns = field_is(rule, "learning_until");
    char until[WHEN_TEXT];

    if (!observes && !learns)
        return;
    out_remark(out, "%s%s%s%s%s.", field_text(rule, "rule"),
               observes ? " only observes: nobody is stopped by it" : "",
               observes && learns ? "; it" : "",
               learns ? " learns what is usual until " : "",
               when_print(field_text(rule, "learning_until"), until));
}

static void
print(const struct out *out, const json_t *answer)
{
    const json_t *rules = field_at(answer, "rules"), *rule;
    const json_t *standings = field_at(answer, "standings");
    size_t i;

    if (json_array_size(standings) == 0)
        out_remark(out, "Nobody stands out.");
    else
        standing_table(out, standings, field_text(answer, "as_of"));
    if (field_is(answer, "next"))
        out_remark(out, "There are more: -n says how many are listed.");
    print_counts(out, field_at(answer, "counts"));
    print_brakes(out, answer);
    json_array_foreach(rules, i, rule)
    {
        print_rule(out, rule);
    }
    if (json_is_array(rules) && json_array_size(rules) == 0)
        out_remark(out, "No rule looks for zombies: `zombie` in "
                        "mortsafe.conf makes one.");
}

int
cmd_zombies(const struct call *call)
{
    json_t *answer = NULL;
    struct url url;
    uint64_t n;
    int code = call_number(call, "number", ZOMBIE_ROWS, 1, ZOMBIE_MOST, &n);

    if (code != CTL_OK)
        return code;
    url_start(&url, "/v1/zombies");
    url_query(&url, "standing", call_option(call, "standing"));
    url_query(&url, "observed", call_given(call, "observed") ? "yes" : NULL);
    url_query_number(&url, "limit", n);
    code = call_get(call, &url, &answer);
    if (code != CTL_OK)
        return code;
    if (call->out->format == OUT_PEOPLE)
        print(call->out, answer);
    else
        standing_table(call->out, field_at(answer, "standings"), "");
    json_decref(answer);
    return CTL_OK;
}
