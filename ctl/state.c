/* SPDX-License-Identifier: BSD-2-Clause */
/* ctl/state.c - is it working: status and ping. */
#include <config.h>

#include <inttypes.h>
#include <string.h>

#include "ctl/call.h"
#include "ctl/command.h"
#include "ctl/field.h"
#include "ctl/when.h"

enum { LABEL = 15 }; /* columns of what stands in front */

/* ----- health */

/* What is wrong is told first. */
static const struct state {
    const char *name;
    enum out_color color;
} states[] = {{"error", OUT_BAD}, {"warning", OUT_WARN}, {"ok", OUT_GOOD}};

enum { STATES = sizeof(states) / sizeof(states[0]) };

static size_t
count_state(const json_t *health, const char *state)
{
    const json_t *one;
    size_t i, n = 0;

    json_array_foreach(health, i, one)
    {
        n += strcmp(field_text(one, "state"), state) == 0 ? 1 : 0;
    }
    return n;
}

static void
print_states(const struct out *out, const json_t *health,
             const struct state *state)
{
    const json_t *one;
    size_t i;

    json_array_foreach(health, i, one)
    {
        if (strcmp(field_text(one, "state"), state->name) == 0)
            out_line(out, state->color, 25, "%-8s  %-13s  %s", state->name,
                     field_text(one, "name"), field_text(one, "text"));
    }
}

static void
print_health(const struct out *out, const json_t *health)
{
    size_t errors = count_state(health, "error");
    size_t warnings = count_state(health, "warning");

    if (errors > 0)
        out_line(out, OUT_BAD, 0,
                 "mortsafe is not working as it should: %zu error%s, %zu "
                 "warning%s",
                 errors, errors == 1 ? "" : "s", warnings,
                 warnings == 1 ? "" : "s");
    else if (warnings > 0)
        out_line(out, OUT_WARN, 0, "mortsafe is working, with %zu warning%s",
                 warnings, warnings == 1 ? "" : "s");
    else
        out_line(out, OUT_GOOD, 0, "mortsafe is working");
    for (size_t i = 0; i < STATES; i++)
        print_states(out, health, &states[i]);
}

/* ----- what else there is to tell */

static void
print_run(const struct out *out, const json_t *status)
{
    char span[WHEN_TEXT], since[WHEN_TEXT];

    out_line(out, OUT_PLAIN, LABEL,
             "Program        mortsafe %s on %s, process %" PRId64
             ", up for %s (since %s)",
             field_text(status, "version"), field_text(status, "host"),
             field_int(status, "pid"),
             when_span(field_int(status, "uptime_s"), span),
             when_print(field_text(status, "started"), since));
}

static void
print_mode(const struct out *out, const json_t *status)
{
    const json_t *act = field_at(status, "mode_act");
    const char *note = field_text(act, "note");
    char until[WHEN_TEXT];

    if (!field_is(status, "mode_act")) {
        out_line(out, OUT_PLAIN, LABEL, "Mode           %s, as configured",
                 field_text(status, "mode"));
        return;
    }
    out_line(out, OUT_WARN, LABEL,
             "Mode           %s%s%s, set by %s%s%s%s; configured is %s",
             field_text(status, "mode"),
             field_is(act, "until") ? " until " : "",
             when_print(field_text(act, "until"), until), field_text(act, "by"),
             *note != '\0' ? " (" : "", note, *note != '\0' ? ")" : "",
             field_text(status, "configured_mode"));
}

static void
print_config(const struct out *out, const json_t *status)
{
    char loaded[WHEN_TEXT];

    out_line(out, OUT_PLAIN, LABEL,
             "Configuration  %s, read %s; %" PRId64 " reloads, %" PRId64
             " failed%s",
             field_text(status, "config.path"),
             when_print(field_text(status, "config.loaded"), loaded),
             field_int(status, "config.reloads"),
             field_int(status, "config.reloads_failed"),
             field_true(status, "config.last_ok") ? "" : ", the last one too");
}

static void
print_counts(const struct out *out, const json_t *status)
{
    out_line(out, OUT_PLAIN, LABEL,
             "Sessions       %" PRId64 " open (at most %" PRId64 "), %" PRId64
             " since the start, %" PRId64 " refused as too many",
             field_int(status, "sessions.open"),
             field_int(status, "sessions.limit"),
             field_int(status, "sessions.all"),
             field_int(status, "sessions.capped"));
    out_line(out, OUT_PLAIN, LABEL,
             "Messages       %" PRId64 " accepted, %" PRId64
             " deferred, %" PRId64 " rejected, %" PRId64 " held, %" PRId64
             " errors of our own",
             field_int(status, "messages.accepted"),
             field_int(status, "decisions.deferred"),
             field_int(status, "decisions.rejected"),
             field_int(status, "decisions.held"),
             field_int(status, "decisions.errors"));
    out_line(out, OUT_PLAIN, LABEL,
             "Observed       %" PRId64 " would be deferred, %" PRId64
             " rejected, %" PRId64 " held",
             field_int(status, "decisions.would_defer"),
             field_int(status, "decisions.would_reject"),
             field_int(status, "decisions.would_hold"));
}

static void
print_store(const struct out *out, const json_t *status)
{
    const char *trouble = field_text(status, "store.trouble");
    int64_t subjects = 0;
    const char *key;
    json_t *n;

    json_object_foreach(json_object_get(field_at(status, "store"), "subjects"),
                        key, n)
    {
        subjects += json_integer_value(n);
    }
    out_line(out, *trouble != '\0' ? OUT_WARN : OUT_PLAIN, LABEL,
             "Store          %s, %" PRId64 " subjects, %" PRId64 " KiB%s%s",
             field_text(status, "store.type"), subjects,
             (field_int(status, "store.bytes") + 1023) / 1024,
             *trouble != '\0' ? ": " : "", trouble);
}

/* ----- the fleet */

static enum out_color
node_color(const json_t *row)
{
    return field_true(row, "up") ? OUT_PLAIN : OUT_BAD;
}

static const struct out_column member_columns[] = {
    {.title = "HOST", .path = "name", .least = 8},
    {.title = "VERSION", .path = "version", .least = 6},
    {.title = "MODE", .path = "mode"},
    {.title = "CONFIGURATION", .path = "config", .least = 8},
    {.title = "SEEN", .path = "seen_s", .kind = OUT_SPAN},
    {.title = "SELF", .path = "self", .kind = OUT_FLAG},
    {.title = NULL}};

static const struct out_column node_columns[] = {
    {.title = "SERVER", .path = "name", .least = 12, .color = node_color},
    {.title = "UP", .path = "up", .kind = OUT_FLAG, .color = node_color},
    {.title = "COMMANDS", .path = "commands", .kind = OUT_COUNT},
    {.title = "ERRORS", .path = "errors", .kind = OUT_COUNT},
    {.title = "TROUBLE", .path = "trouble", .least = 10},
    {.title = NULL}};

/* Does PATH of the members differ?  Then say so. */
static void
tell_difference(const struct out *out, const json_t *members, const char *path,
                const char *what)
{
    const char *first = field_text(json_array_get(members, 0), path);
    const json_t *one;
    size_t i;

    json_array_foreach(members, i, one)
    {
        if (strcmp(field_text(one, path), first) == 0)
            continue;
        out_line(out, OUT_WARN, 0, "The %s differ: %s has %s, %s has %s.", what,
                 field_text(json_array_get(members, 0), "name"), first,
                 field_text(one, "name"), field_text(one, path));
        return;
    }
}

static void
print_fleet(const struct out *out, const json_t *fleet)
{
    const json_t *members = field_at(fleet, "members");
    char since[WHEN_TEXT];

    if (fleet == NULL || json_is_null(fleet)) {
        out_remark(out, "The store is not shared: this host is alone.");
        return;
    }
    out_heading(out, "Fleet");
    if (field_true(fleet, "degraded"))
        out_line(out, OUT_BAD, 0,
                 "The shared store is away since %s: this host decides from "
                 "what it knows.",
                 when_print(field_text(fleet, "degraded_since"), since));
    if (field_true(fleet, "foreign_key"))
        out_line(out, OUT_BAD, 0,
                 "Some host has another site key: its counts are not shared.");
    out_table(out, member_columns, members);
    tell_difference(out, members, "version", "versions");
    tell_difference(out, members, "config", "configurations");
    tell_difference(out, members, "mode", "modes");
    out_heading(out, "Servers of the store");
    out_table(out, node_columns, field_at(fleet, "nodes"));
}

/* ----- the commands */

static void
print_status(const struct call *call, const json_t *status)
{
    const struct out *out = call->out;

    print_health(out, field_at(status, "health"));
    if (!out->quiet) {
        out_line(out, OUT_PLAIN, 0, "%s", "");
        print_run(out, status);
        print_mode(out, status);
        print_config(out, status);
        print_counts(out, status);
        print_store(out, status);
    }
    if (call_given(call, "fleet"))
        print_fleet(out, field_at(status, "fleet"));
}

int
cmd_status(const struct call *call)
{
    struct url url;
    json_t *status = NULL;
    int code;

    url_start(&url, "/v1/status");
    code = call_get(call, &url, &status);
    if (code != CTL_OK)
        return code;
    if (call->out->format == OUT_JSON)
        out_json(call->out, status);
    else if (call->out->format == OUT_PEOPLE)
        print_status(call, status);
    else if (call_given(call, "fleet"))
        out_table(call->out, member_columns, field_at(status, "fleet.members"));
    else
        out_flat(call->out, status);
    if (count_state(field_at(status, "health"), "error") > 0)
        code = CTL_NO;
    json_decref(status);
    return code;
}

int
cmd_ping(const struct call *call)
{
    struct url url;
    json_t *answer = NULL;
    int code;

    url_start(&url, "/v1/ping");
    code = call_get(call, &url, &answer);
    if (code != CTL_OK)
        return code;
    if (call->out->format == OUT_JSON)
        out_json(call->out, answer);
    else if (call->out->format == OUT_TSV)
        out_flat(call->out, answer);
    out_remark(call->out, "mortsafe %s answers", field_text(answer, "version"));
    if (!field_true(answer, "ok"))
        code = CTL_NO;
    json_decref(answer);
    return code;
}
