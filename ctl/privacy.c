/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ctl/privacy.c - what data-protection law asks of an operator: tell a person
 * what is kept, forget it, say what is kept at all and why.
 */
#include <config.h>

#include <string.h>

#include "ctl/call.h"
#include "ctl/command.h"
#include "ctl/field.h"
#include "ctl/when.h"

enum { DEEP = 6 }; /* levels of an answer that are told one below the other */

/* ----- export */

static void tell_value(const struct out *out, const char *name,
                       const json_t *value, unsigned depth);

/* A value without parts, as people would write it. */
static void
tell_plain(const struct out *out, const char *name, const json_t *value,
           unsigned depth)
{
    char buf[WHEN_TEXT];
    const char *text = json_string_value(value);
    int64_t s;
    unsigned indent = 2 * depth;

    if (text != NULL)
        out_line(out, OUT_PLAIN, indent, "%*s%s: %s", (int)indent, "", name,
                 when_read(text, &s) ? when_print_s(s, buf) : text);
    else if (json_is_integer(value))
        out_line(out, OUT_PLAIN, indent, "%*s%s: %lld", (int)indent, "", name,
                 (long long)json_integer_value(value));
    else if (json_is_real(value))
        out_line(out, OUT_PLAIN, indent, "%*s%s: %.3g", (int)indent, "", name,
                 json_real_value(value));
    else if (json_is_boolean(value))
        out_line(out, OUT_PLAIN, indent, "%*s%s: %s", (int)indent, "", name,
                 json_is_true(value) ? "yes" : "no");
}

/* Numbers side by side: "0 0 3 1". */
static void
tell_numbers(const struct out *out, const char *name, const json_t *list,
             unsigned depth)
{
    char text[1024];
    size_t len = 0, i;
    const json_t *value;

    text[0] = '\0';
    json_array_foreach(list, i, value)
    {
        int n =
            snprintf(text + len, sizeof(text) - len, "%s%lld", i > 0 ? " " : "",
                     (long long)json_integer_value(value));

        if (n < 0 || (size_t)n >= sizeof(text) - len)
            break;
        len += (size_t)n;
    }
    out_line(out, OUT_PLAIN, 2 * depth, "%*s%s: %s", (int)(2 * depth), "", name,
             text);
}

static void
tell_parts(const struct out *out, const json_t *object, unsigned depth)
{
    const char *key;
    const json_t *value;

    json_object_foreach((json_t *)(uintptr_t)object, key, value)
        tell_value(out, key, value, depth);
}

static void
tell_list(const struct out *out, const char *name, const json_t *list,
          unsigned depth)
{
    const json_t *value;
    size_t i;

    if (json_is_integer(json_array_get(list, 0))) {
        tell_numbers(out, name, list, depth);
        return;
    }
    out_line(out, OUT_BOLD, 2 * depth, "%*s%s: %zu", (int)(2 * depth), "", name,
             json_array_size(list));
    json_array_foreach(list, i, value)
    {
        char number[32];

        (void)snprintf(number, sizeof(number), "%zu", i + 1);
        tell_value(out, number, value, depth + 1);
    }
}

/* VALUE under NAME; what is null or empty says nothing. */
static void
tell_value(const struct out *out, const char *name, const json_t *value,
           unsigned depth)
{
    if (depth > DEEP)
        return;
    if (json_is_object(value)) {
        out_line(out, OUT_BOLD, 2 * depth, "%*s%s:", (int)(2 * depth), "",
                 name);
        tell_parts(out, value, depth + 1);
    } else if (json_is_array(value)) {
        tell_list(out, name, value, depth);
    } else {
        tell_plain(out, name, value, depth);
    }
}

int
cmd_export(const struct call *call)
{
    json_t *answer = NULL;
    struct url url;
    int code = call_patience(call, 60);

    if (code != CTL_OK)
        return code;
    url_subject(&url, NULL, call_word(call, 0), "export");
    code = call_get(call, &url, &answer);
    if (code != CTL_OK)
        return code;
    if (call->out->format == OUT_PEOPLE)
        tell_parts(call->out, answer, 0);
    else
        out_json(call->out, answer);
    json_decref(answer);
    return CTL_OK;
}

/* ----- forget */

static void
tell_forgotten(const struct out *out, const json_t *answer)
{
    int64_t held = field_int(answer, "forgotten.held");

    out_remark(out,
               "%s is forgotten. Records of counts: %lld; decisions: %lld; "
               "exemptions and raised limits: %lld; changes of standing: %lld; "
               "messages and what was said of them: %lld; letters: %lld; "
               "entries of the audit trail that have a pseudonym now: %lld.",
               field_text(answer, "id"),
               (long long)field_int(answer, "forgotten.records"),
               (long long)(field_int(answer, "forgotten.decisions") +
                           field_int(answer, "forgotten.woulds")),
               (long long)field_int(answer, "forgotten.acts"),
               (long long)field_int(answer, "forgotten.changes"),
               (long long)(held + field_int(answer, "forgotten.passed") +
                           field_int(answer, "forgotten.reports")),
               (long long)field_int(answer, "forgotten.notices"),
               (long long)field_int(answer, "forgotten.audits"));
    if (held > 0)
        out_remark(out, "Mail of it that the MTA holds stays there: mortsafe "
                        "knows of it no more.");
}

int
cmd_forget(const struct call *call)
{
    const char *key = call_word(call, 0);
    json_t *answer = NULL;
    struct url url;
    int code = call_confirm(call,
                            "Forget all that is kept about %s: its counts, "
                            "standing, decisions and exemptions?",
                            key);

    if (code == CTL_OK)
        code = call_patience(call, 60);
    if (code != CTL_OK)
        return code;
    url_subject(&url, NULL, key, "forget");
    code = call_post(call, &url, NULL, &answer);
    if (code != CTL_OK)
        return code;
    if (call->out->format != OUT_PEOPLE)
        out_json(call->out, answer);
    else
        tell_forgotten(call->out, answer);
    out_remark(call->out, "The MTA's and this daemon's log files are the "
                          "system's: their rotation forgets them.");
    json_decref(answer);
    return CTL_OK;
}

/* ----- data */

static const struct out_column data_columns[] = {
    {.title = "WHAT", .path = "what", .kind = OUT_TEXT},
    {.title = "WHY", .path = "why", .kind = OUT_TEXT},
    {.title = "WHERE", .path = "where", .kind = OUT_TEXT},
    {.title = "KEPT", .path = "kept", .kind = OUT_TEXT},
    {.title = "OPTION", .path = "option", .kind = OUT_TEXT},
    {.title = NULL},
};

int
cmd_data(const struct call *call)
{
    json_t *answer = NULL;
    const json_t *rows, *row;
    struct url url;
    size_t i;
    int code;

    url_start(&url, "/v1/data");
    code = call_get(call, &url, &answer);
    if (code != CTL_OK)
        return code;
    rows = field_at(answer, "data");
    if (call->out->format != OUT_PEOPLE) {
        out_table(call->out, data_columns, rows);
    } else {
        json_array_foreach(rows, i, row)
        {
            if (i > 0)
                out_line(call->out, OUT_PLAIN, 0, "%s", "");
            out_fields(call->out, data_columns, row);
        }
    }
    json_decref(answer);
    return CTL_OK;
}
