/* SPDX-License-Identifier: BSD-2-Clause */
/* ctl/explain.c - what would be answered, and why. */
#include <config.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/call.h"
#include "ctl/command.h"
#include "ctl/explain_file.h"
#include "ctl/field.h"

/* ----- a step */

static enum out_color
outcome_color(const json_t *row)
{
    const char *outcome = field_text(row, "outcome");

    if (strcmp(outcome, "refuse") == 0)
        return OUT_BAD;
    if (strcmp(outcome, "would") == 0)
        return OUT_WARN;
    return strcmp(outcome, "skip") == 0 ? OUT_DIM : OUT_PLAIN;
}

static void
put_step(FILE *line, const json_t *row)
{
    const char *rule = field_text(row, "rule");

    (void)fprintf(line, "%-8s %-7s ", field_text(row, "stage"),
                  field_text(row, "outcome"));
    if (*rule != '\0')
        (void)fprintf(line, "%s: ", rule);
    if (field_is(row, "recipient"))
        (void)fprintf(line, "%s: ", field_text(row, "recipient"));
    (void)fputs(field_text(row, "text"), line);
    if (field_is(row, "subject"))
        (void)fprintf(line, " (%s)", field_text(row, "subject"));
    if (field_is(row, "origin"))
        (void)fprintf(line, " [%s]", field_text(row, "origin"));
}

static void
print_step(const struct out *out, const json_t *row)
{
    char *text = NULL;
    size_t len = 0;
    FILE *line = open_memstream(&text, &len);

    if (line == NULL) {
        out_complain(out, "no memory");
        return;
    }
    put_step(line, row);
    if (fclose(line) == 0)
        out_line(out, outcome_color(row), 17, "%s", text);
    free(text);
}

static void
print_steps(const struct out *out, const json_t *steps)
{
    const json_t *row;
    size_t i;

    json_array_foreach(steps, i, row)
    {
        print_step(out, row);
    }
}

#define FIELD(name)                                                            \
    {                                                                          \
        .title = "", .path = name                                              \
    }
static const struct out_column tsv_columns[] = {
    FIELD("stage"), FIELD("outcome"),   FIELD("rule"),    FIELD("origin"),
    FIELD("text"),  FIELD("recipient"), FIELD("subject"), FIELD("metric"),
    FIELD("used"),  FIELD("rate.text"), FIELD("room_s"),  FIELD("share"),
    {.title = NULL}};
#undef FIELD

/* ----- the answer */

static bool
goes_on(const json_t *answer)
{
    const char *action = field_text(answer, "action");

    return strcmp(action, "continue") == 0 || strcmp(action, "accept") == 0;
}

static void
print_answer(const struct out *out, const json_t *answer)
{
    const char *rule = field_text(answer, "rule");

    out_heading(out, "Answer");
    if (goes_on(answer) && *rule == '\0') {
        out_line(out, OUT_GOOD, 0, "The message goes on.");
    } else if (goes_on(answer) || field_true(answer, "observed")) {
        out_line(
            out, OUT_WARN, 0,
            "The message goes on; %s is only observed and would say:", rule);
    } else {
        out_line(
            out, OUT_BAD, 0, "%s at %s, by %s:",
            strcmp(field_text(answer, "action"), "hold") == 0 ? "Taken and held"
            : strcmp(field_text(answer, "action"), "defer") == 0 ? "Deferred"
                                                                 : "Rejected",
            field_text(answer, "stage"), rule);
    }
    if (field_int(answer, "code") > 0)
        out_line(out, OUT_PLAIN, 4, "    %" PRId64 " %s %s",
                 field_int(answer, "code"), field_text(answer, "enhanced"),
                 field_text(answer, "text"));
}

/* ----- the question */

static int
set_number(const struct call *call, json_t *body, const char *name,
           uint64_t most)
{
    uint64_t n;
    int code = call_number(call, name, 0, 1, most, &n);

    if (code == CTL_OK && call_given(call, name))
        (void)json_object_set_new(body, name, json_integer((json_int_t)n));
    return code;
}

/* All that was given for OPTION, as a list in BODY; nothing without any. */
static void
set_list(const struct call *call, json_t *body, const char *option)
{
    json_t *list = json_array();
    const char *one;

    for (size_t i = 0; (one = call_option_nth(call, option, i)) != NULL; i++)
        (void)json_array_append_new(list, json_string(one));
    if (json_array_size(list) > 0)
        (void)json_object_set(body, option, list);
    json_decref(list);
}

static int
read_question(const struct call *call, json_t *body)
{
    static const char *const texts[] = {"client", "user",     "from",
                                        "helo",   "listener", "spf"};
    int code;

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        field_set_text(body, texts[i], call_option(call, texts[i]));
    field_set_text(body, "spf_helo", call_option(call, "spf-helo"));
    set_list(call, body, "to");
    set_list(call, body, "listed");
    if (call_given(call, "tls") || call_given(call, "no-tls"))
        field_set_flag(body, "tls", call_given(call, "tls"));
    code = set_number(call, body, "port", UINT16_MAX);
    if (code == CTL_OK)
        code = set_number(call, body, "size", INT64_MAX);
    if (code == CTL_OK && !call_given(call, "port") &&
        !call_given(call, "listener"))
        (void)json_object_set_new(
            body, "port", json_integer(call_given(call, "user") ? 587 : 25));
    return code;
}

static int
ask(const struct call *call, json_t *body, json_t **answer)
{
    struct url url;

    if (call_given(call, "file"))
        return explain_file(call->out, call_option(call, "file"), body, answer);
    url_start(&url, "/v1/explain");
    return call_post(call, &url, json_incref(body), answer);
}

int
cmd_explain(const struct call *call)
{
    json_t *body = json_object(), *answer = NULL;
    int code = CTL_OK;

    if (!call_given(call, "client"))
        code = call_usage(call, "explain needs --client");
    if (code == CTL_OK && call_given(call, "tls") && call_given(call, "no-tls"))
        code = call_usage(call, "--tls and --no-tls exclude each other");
    if (code == CTL_OK && call_given(call, "port") &&
        call_given(call, "listener"))
        code = call_usage(call, "--port and --listener exclude each other");
    if (code == CTL_OK)
        code = read_question(call, body);
    if (code == CTL_OK)
        code = ask(call, body, &answer);
    json_decref(body);
    if (code != CTL_OK)
        return code;
    if (call->out->format == OUT_JSON)
        out_json(call->out, answer);
    else if (call->out->format == OUT_TSV)
        out_table(call->out, tsv_columns, field_at(answer, "steps"));
    else
        print_steps(call->out, field_at(answer, "steps"));
    print_answer(call->out, answer);
    if (!goes_on(answer) && !field_true(answer, "observed"))
        code = CTL_NO;
    json_decref(answer);
    return code;
}
