/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ctl/service.c - the configuration and the daemon as a whole: check, config,
 * limits, reload, mode.
 */
#include <config.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/call.h"
#include "ctl/command.h"
#include "ctl/display.h"
#include "ctl/field.h"
#include "ctl/standing.h"
#include "ctl/when.h"
#include "policy/config.h"

#define CONFIG_FILE SYSCONFDIR "/mortsafe/mortsafe.conf"

/* ----- check */

static void
add_line(json_t *lines, const char *level, const char *text)
{
    json_t *line = json_object();

    field_set_text(line, "level", level);
    field_set_text(line, "text", text);
    (void)json_array_append_new(lines, line);
}

static void
add_error(void *arg, const char *text)
{
    add_line(arg, "error", text);
}

static void
add_warning(void *arg, const char *text)
{
    add_line(arg, "warning", text);
}

/* LINES as the reload and the check tell them. */
static void
tell_lines(const struct out *out, const json_t *lines)
{
    const json_t *line;
    size_t i;

    json_array_foreach(lines, i, line)
    {
        const char *level = field_text(line, "level");
        bool error = strcmp(level, "error") == 0;
        bool warning = strcmp(level, "warning") == 0;

        if (out->format != OUT_PEOPLE)
            out_json(out, line);
        else
            out_line(out,
                     error     ? OUT_BAD
                     : warning ? OUT_WARN
                               : OUT_PLAIN,
                     4, "%s%s", warning ? "warning: " : "",
                     field_text(line, "text"));
    }
}

int
cmd_check(const struct call *call)
{
    const char *path = call_word(call, 0);
    json_t *lines;
    struct config *config = NULL;
    struct why why;
    enum ms_err err;

    if (path == NULL)
        path = CONFIG_FILE;
    if (access(path, R_OK) != 0) {
        (void)why_errno(&why, MS_UNAVAIL, path);
        out_complain(call->out, "%s", why.text);
        return EX_NOINPUT;
    }
    lines = json_array();
    err = config_load(path, (struct wall){when_now()},
                      &(struct config_report){add_error, add_warning, lines},
                      &config);
    tell_lines(call->out, lines);
    if (err == MS_OK)
        out_remark(call->out, "%s: no errors, %zu warnings.", path,
                   json_array_size(lines));
    config_destroy(config);
    json_decref(lines);
    return err == MS_OK ? CTL_OK : err == MS_NOMEM ? EX_OSERR : EX_CONFIG;
}

/* ----- config, limits */

/* TEXT line by line as it is, but for bytes that a terminal would obey. */
static void
print_lines(const struct out *out, const char *text)
{
    char *copy = strdup(text), *rest = copy, *line;

    while (rest != NULL && (line = strsep(&rest, "\n")) != NULL) {
        char *shown;

        if (*line == '\0' && rest == NULL)
            break;
        shown = display_escape(line, out->utf8);
        (void)fprintf(out->file, "%s\n", shown != NULL ? shown : "");
        free(shown);
    }
    free(copy);
}

int
cmd_config(const struct call *call)
{
    bool less = call_given(call, "no-defaults");
    char name[256];
    json_t *answer = NULL;
    struct url url;
    int code;

    if (less && call_given(call, "defaults"))
        return call_usage(call, "-n and -d exclude each other");
    name[0] = '\0';
    for (size_t i = 0; i < call->n_words; i++) {
        size_t len = strlen(name);

        (void)snprintf(name + len, sizeof(name) - len, "%s%s", i > 0 ? " " : "",
                       call->words[i]);
    }
    url_start(&url, "/v1/config");
    url_query(&url, "name", name[0] != '\0' ? name : NULL);
    url_query(&url, "defaults", less ? "no" : "yes");
    code = call_get(call, &url, &answer);
    if (code != CTL_OK)
        return code;
    if (call->out->format == OUT_PEOPLE)
        print_lines(call->out, field_text(answer, "text"));
    else
        out_json(call->out, answer);
    json_decref(answer);
    return CTL_OK;
}

static const struct out_column limit_columns[] = {
    {.title = "LIMIT", .path = "name", .kind = OUT_TEXT},
    {.title = "KEY", .path = "key", .kind = OUT_TEXT},
    {.title = "COUNTS", .path = "count", .kind = OUT_TEXT},
    {.title = "RATES", .path = "rates", .kind = OUT_TEXT},
    {.title = "ACTION", .path = "action", .kind = OUT_TEXT},
    {.title = "MODE", .path = "mode", .kind = OUT_TEXT},
    {.title = "WHERE", .path = "origin", .least = 12, .spare = true},
    {.title = "ON", .path = "on", .least = 6, .spare = true},
    {.title = "IN", .path = "in", .least = 6, .spare = true},
    {.title = "SCOPE", .path = "scope", .kind = OUT_TEXT, .spare = true},
    {.title = NULL},
};

int
cmd_limits(const struct call *call)
{
    json_t *answer = NULL;
    struct url url;
    int code;

    url_start(&url, "/v1/limits");
    code = call_get(call, &url, &answer);
    if (code != CTL_OK)
        return code;
    out_table(call->out, limit_columns, field_at(answer, "limits"));
    json_decref(answer);
    return CTL_OK;
}

/* ----- reload */

int
cmd_reload(const struct call *call)
{
    json_t *answer = NULL;
    struct url url;
    bool ok;
    int code = call_patience(call, 60); /* large tables */

    if (code != CTL_OK)
        return code;
    url_start(&url, "/v1/reload");
    code = call_post(call, &url, NULL, &answer);
    if (code != CTL_OK)
        return code;
    ok = field_true(answer, "ok");
    tell_lines(call->out, field_at(answer, "lines"));
    if (ok)
        out_remark(call->out, "The configuration is in force.");
    else
        out_remark(call->out, "Nothing has changed: the old configuration "
                              "stays in force.");
    json_decref(answer);
    return ok ? CTL_OK : EX_CONFIG;
}

/* ----- mode */

static int
show_mode(const struct call *call)
{
    json_t *status = NULL;
    const json_t *act;
    struct url url;
    int code;

    url_start(&url, "/v1/status");
    code = call_get(call, &url, &status);
    if (code != CTL_OK)
        return code;
    act = field_at(status, "mode_act");
    if (call->out->format != OUT_PEOPLE) {
        json_t *answer = json_object();

        field_set_text(answer, "mode", field_text(status, "mode"));
        field_set_text(answer, "configured_mode",
                       field_text(status, "configured_mode"));
        (void)json_object_set(answer, "act", (json_t *)(uintptr_t)act);
        out_json(call->out, answer);
        json_decref(answer);
    } else if (json_is_object(act)) {
        char until[WHEN_TEXT];

        out_line(call->out, OUT_PLAIN, 0,
                 "%s, by %s, until %s; the configuration says %s",
                 field_text(status, "mode"), field_text(act, "by"),
                 field_is(act, "until")
                     ? when_print(field_text(act, "until"), until)
                     : "it is taken back",
                 field_text(status, "configured_mode"));
    } else {
        out_line(call->out, OUT_PLAIN, 0, "%s", field_text(status, "mode"));
    }
    json_decref(status);
    return CTL_OK;
}

static const struct out_column concerned_columns[] = {
    {.title = "WHO", .path = "subject", .kind = OUT_TEXT, .least = 16},
    {.title = "RULE", .path = "rule", .kind = OUT_TEXT, .least = 10},
    {.title = "WOULD", .path = "action", .kind = OUT_TEXT},
    {.title = "TIMES", .path = "n", .kind = OUT_COUNT},
    {.title = "LAST", .path = "last", .kind = OUT_TIME},
    {.title = NULL},
};

enum { CONCERNED = 20 }; /* that are listed; the others are counted */

/* Who would have been stopped lately, for whoever is about to enforce. */
static int
tell_concerned(const struct call *call)
{
    json_t *answer = NULL, *first;
    const json_t *rows;
    struct url url;
    size_t n;
    int code;

    url_start(&url, "/v1/would");
    url_query(&url, "since", "7d");
    url_query_number(&url, "limit", 10000);
    code = call_get(call, &url, &answer);
    if (code != CTL_OK || call->out->format != OUT_PEOPLE) {
        json_decref(answer);
        return code;
    }
    rows = field_at(answer, "rows");
    n = json_array_size(rows);
    first = json_array();
    for (size_t i = 0; i < n && i < CONCERNED; i++)
        (void)json_array_append(first, json_array_get(rows, i));
    if (n == 0) {
        out_line(call->out, OUT_PLAIN, 0,
                 "In the last 7 days nobody would have been stopped on this "
                 "host.");
    } else {
        out_line(call->out, OUT_PLAIN, 0,
                 "Who would have been stopped in the last 7 days on this "
                 "host:");
        out_table(call->out, concerned_columns, first);
    }
    if (n > CONCERNED)
        out_line(call->out, OUT_PLAIN, 0,
                 "... and %zu more: `mortsafectl would`", n - CONCERNED);
    json_decref(first);
    json_decref(answer);
    return CTL_OK;
}

/* Who has earned a standing while its rule observed. */
static int
tell_observed(const struct call *call)
{
    json_t *answer = NULL;
    const json_t *rows;
    struct url url;
    int code;

    url_start(&url, "/v1/zombies");
    url_query(&url, "observed", "yes");
    url_query_number(&url, "limit", CONCERNED);
    code = call_get(call, &url, &answer);
    if (code != CTL_OK)
        return code;
    rows = field_at(answer, "standings");
    if (json_array_size(rows) > 0 && call->out->format == OUT_PEOPLE) {
        out_heading(call->out, "Standings that were earned while only "
                               "observing; who has one will be watched:");
        standing_table(call->out, rows, field_text(answer, "as_of"));
        if (json_array_size(rows) == CONCERNED)
            out_line(call->out, OUT_PLAIN, 0,
                     "There may be more: `mortsafectl zombies --observed`");
    }
    json_decref(answer);
    return CTL_OK;
}

static int
set_mode(const struct call *call, const char *mode)
{
    json_t *body = json_object(), *answer = NULL;
    struct url url;
    int code;

    field_set_text(body, "mode", mode);
    field_set_text(body, "for", call_option(call, "for"));
    field_set_text(body, "note", call_option(call, "note"));
    field_set_flag(body, "fleet", call_given(call, "fleet"));
    url_start(&url, "/v1/mode");
    code = call_post(call, &url, body, &answer);
    json_decref(answer);
    return code == CTL_OK ? show_mode(call) : code;
}

int
cmd_mode(const struct call *call)
{
    const char *mode = call_word(call, 0);
    int code;

    if (mode == NULL)
        return show_mode(call);
    if (strcmp(mode, "enforce") == 0) {
        code = call_given(call, "yes") ? CTL_OK : tell_concerned(call);
        if (code == CTL_OK && !call_given(call, "yes"))
            code = tell_observed(call);
        if (code == CTL_OK)
            code =
                call_confirm(call, "Refuse mail from now on%s?",
                             call_given(call, "fleet") ? ", on all hosts" : "");
        if (code != CTL_OK)
            return code;
    }
    return set_mode(call, mode);
}
