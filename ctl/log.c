/* SPDX-License-Identifier: BSD-2-Clause */
/* ctl/log.c - the last decisions, and those that come. */
#include <config.h>

#include <inttypes.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/call.h"
#include "ctl/command.h"
#include "ctl/field.h"
#include "ctl/pace.h"
#include "ctl/when.h"

enum { LOG_ROWS = 20, LOG_MOST = 1000, LOG_WAIT_S = 15, LOG_RETRY_MS = 1000 };

#define FIELD(name)                                                            \
    {                                                                          \
        .title = "", .path = name                                              \
    }
static const struct out_column columns[] = {
    FIELD("time"), FIELD("host"),      FIELD("deed"),   FIELD("action"),
    FIELD("rule"), FIELD("listener"),  FIELD("client"), FIELD("client_name"),
    FIELD("user"), FIELD("from"),      FIELD("to"),     FIELD("subject"),
    FIELD("used"), FIELD("rate.text"), FIELD("code"),   FIELD("enhanced"),
    FIELD("text"), FIELD("id"),        FIELD("ref"),    {.title = NULL}};
#undef FIELD

/* ----- a decision in a line */

static enum out_color
deed_color(const json_t *row)
{
    return strcmp(field_text(row, "deed"), "would") == 0 ? OUT_DIM : OUT_WARN;
}

static void
put_sent(FILE *line, const json_t *row, const char *path)
{
    if (field_is(row, path))
        (void)fprintf(line, " %s=<%s>", path, field_text(row, path));
}

static void
put_word(FILE *line, const json_t *row, const char *path)
{
    if (*field_text(row, path) != '\0')
        (void)fprintf(line, " %s=%s", path, field_text(row, path));
}

static void
put_decision(FILE *line, const json_t *row)
{
    const char *who = field_text(row, "user");
    char when[WHEN_TEXT];

    if (*who == '\0')
        who = field_text(row, "client");
    (void)fprintf(line, "%s %s%s %s %s",
                  when_print(field_text(row, "time"), when),
                  strcmp(field_text(row, "deed"), "would") == 0 ? "would " : "",
                  field_text(row, "action"), field_text(row, "rule"),
                  *who != '\0' ? who : "-");
    if (*field_text(row, "user") != '\0')
        put_word(line, row, "client");
    put_sent(line, row, "from");
    put_sent(line, row, "to");
    if (field_is(row, "rate"))
        (void)fprintf(line, " used=%" PRId64 "%s of %s", field_int(row, "used"),
                      field_unit(row), field_text(row, "rate.text"));
    put_word(line, row, "id");
    put_word(line, row, "ref");
}

static void
print_line(const struct out *out, const json_t *row)
{
    char *text = NULL;
    size_t len = 0;
    FILE *line = open_memstream(&text, &len);

    if (line == NULL) {
        out_complain(out, "no memory");
        return;
    }
    put_decision(line, row);
    if (fclose(line) == 0)
        out_line(out, deed_color(row), 4, "%s", text);
    free(text);
}

/* ROWS, oldest first. */
static void
print_rows(const struct out *out, const json_t *rows, bool heading)
{
    struct out plain = *out;
    const json_t *row;
    size_t i;

    if (out->format == OUT_PEOPLE) {
        json_array_foreach(rows, i, row)
        {
            print_line(out, row);
        }
        return;
    }
    plain.quiet = out->quiet || !heading;
    out_table(&plain, columns, rows);
}

static json_t *
turned(const json_t *rows)
{
    json_t *out = json_array();

    for (size_t i = json_array_size(rows); i-- > 0;)
        (void)json_array_append(out, json_array_get(rows, i));
    return out;
}

/* ----- asking */

static void
start_url(const struct call *call, struct url *url)
{
    url_start(url, "/v1/decisions");
    url_query(url, "user", call_option(call, "user"));
    url_query(url, "client", call_option(call, "client"));
    url_query(url, "rule", call_option(call, "rule"));
    url_query(url, "fleet", "no");
}

static int
show_last(const struct call *call, uint64_t n, int64_t *last)
{
    json_t *answer = NULL, *rows;
    struct url url;
    int code;

    start_url(call, &url);
    url_query(&url, "since", call_option(call, "since"));
    url_query_number(&url, "limit", n);
    code = call_get(call, &url, &answer);
    if (code != CTL_OK)
        return code;
    rows = turned(field_at(answer, "decisions"));
    print_rows(call->out, rows, true);
    if (json_array_size(rows) == 0 && !call_given(call, "follow"))
        out_remark(call->out, "Nothing has been decided against anybody%s.",
                   call_given(call, "since") ? " since then" : "");
    (void)fflush(call->out->file);
    *last = field_int(answer, "last");
    json_decref(rows);
    json_decref(answer);
    return CTL_OK;
}

/* Wait WAIT_S for what comes behind LAST, and show it. */
static int
show_next(const struct call *call, uint64_t wait_s, int64_t *last,
          struct why *why)
{
    json_t *answer = NULL;
    struct url url;
    int code;

    start_url(call, &url);
    url_query_number(&url, "after", (uint64_t)*last);
    url_query_number(&url, "wait", wait_s);
    url_query_number(&url, "limit", LOG_MOST);
    code = client_ask(call->client, CLIENT_GET, &url, NULL, &answer, why);
    if (code != CTL_OK)
        return code;
    if (field_int(answer, "last") < *last) {
        *last = 0; /* another diary, which counts anew */
        json_decref(answer);
        return CTL_OK;
    }
    if (field_int(answer, "lost") > 0)
        out_complain(call->out, "%" PRId64 " decisions were not kept",
                     field_int(answer, "lost"));
    print_rows(call->out, field_at(answer, "decisions"), false);
    (void)fflush(call->out->file);
    *last = field_int(answer, "last");
    json_decref(answer);
    return CTL_OK;
}

/* May the daemon come back? */
static bool
is_away(int code)
{
    return code == CTL_AWAY || code == EX_IOERR || code == EX_UNAVAILABLE;
}

static int
follow(const struct call *call, int64_t *last)
{
    bool away = false;
    struct why why = {""};
    int code = CTL_OK;

    client_patience(call->client, LOG_WAIT_S);
    while (!out_broken(call->out) && !pace_ended()) {
        /* whether it is back is not to be waited for */
        code = show_next(call, away ? 0 : LOG_WAIT_S, last, &why);
        if (pace_ended())
            break;
        if (code == CTL_OK && away)
            out_complain(call->out, "mortsafe is back");
        if (code != CTL_OK && !is_away(code)) {
            out_complain(call->out, "%s", why.text);
            return code;
        }
        if (code != CTL_OK && !away)
            out_complain(call->out, "%s; waiting for it", why.text);
        away = code != CTL_OK;
        if (away && !pace_wait(LOG_RETRY_MS))
            break;
    }
    return CTL_OK;
}

int
cmd_log(const struct call *call)
{
    int64_t last = 0;
    uint64_t n;
    int code = call_number(call, "number", LOG_ROWS, 1, LOG_MOST, &n);

    if (code != CTL_OK)
        return code;
    if (call_given(call, "follow")) {
        pace_start();
        client_until(call->client, pace_ended);
    }
    code = show_last(call, n, &last);
    if (code == CTL_OK && call_given(call, "follow"))
        code = follow(call, &last);
    return pace_ended() ? CTL_OK : code;
}
