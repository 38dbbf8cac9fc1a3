/* SPDX-License-Identifier: BSD-2-Clause */
/* ctl/top.c - who uses most of what is allowed, again and again. */
#include <config.h>

#include <inttypes.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "ctl/call.h"
#include "ctl/command.h"
#include "ctl/field.h"
#include "ctl/pace.h"
#include "ctl/when.h"

enum { TOP_ROWS = 20, TOP_MOST = 1000, TOP_S = 2, TOP_EDGE = 4 };

static const struct kind {
    const char *many, *one;
} kinds[] = {{"users", "user"},      {"clients", "client"},
             {"prefixes", "prefix"}, {"senders", "sender"},
             {"domains", "domain"},  {"networks", "network"}};

static const char *
kind_of(const char *many)
{
    for (size_t i = 0; many != NULL && i < sizeof(kinds) / sizeof(kinds[0]);
         i++)
        if (strcmp(kinds[i].many, many) == 0)
            return kinds[i].one;
    return NULL;
}

/* ----- a row */

static enum out_color
share_color(const json_t *row)
{
    double share = field_real(row, "share");

    return share >= 1 ? OUT_BAD : share >= 0.8 ? OUT_WARN : OUT_PLAIN;
}

static enum out_color
standing_color(const json_t *row)
{
    return strcmp(field_text(row, "standing"), "normal") == 0 ? OUT_DIM
                                                              : OUT_WARN;
}

static const struct out_column columns[] = {
    {.title = "SUBJECT", .path = "id", .least = 16},
    {.title = "OF LIMIT",
     .path = "share",
     .kind = OUT_BAR,
     .color = share_color},
    {.title = "SHARE",
     .path = "share",
     .kind = OUT_SHARE,
     .color = share_color},
    {.title = "USED", .path = "used", .kind = OUT_COUNT},
    {.title = "RATE", .path = "rate.text"},
    {.title = "LIMIT", .path = "limit", .least = 6},
    {.title = "STANDING", .path = "standing", .color = standing_color},
    {.title = "LAST SEEN",
     .path = "last_seen",
     .kind = OUT_TIME,
     .spare = true},
    {.title = "COUNTS", .path = "metric", .spare = true},
    {.title = "HOST", .path = "host", .spare = true, .least = 8},
    {.title = NULL}};

/* For programs the bar is the same field again, and the host is told. */
#define FIELD(name)                                                            \
    {                                                                          \
        .title = "", .path = name                                              \
    }
static const struct out_column tsv_columns[] = {
    FIELD("id"),        FIELD("share"),  FIELD("used"),     FIELD("rate.text"),
    FIELD("limit"),     FIELD("metric"), FIELD("standing"), FIELD("first_seen"),
    FIELD("last_seen"), FIELD("host"),   {.title = NULL}};
#undef FIELD

/* ----- the picture */

static const char *
from_whom(const char *from)
{
    if (strcmp(from, "fleet") == 0)
        return "of all hosts";
    return strcmp(from, "standing") == 0 ? "by standing" : "of this host";
}

static void
print(const struct call *call, const json_t *answer)
{
    const struct out *out = call->out;
    const char *kind = call_word(call, 0);
    const json_t *rows = field_at(answer, "subjects");
    char as_of[WHEN_TEXT];

    if (out->format != OUT_PEOPLE) {
        out_table(out, tsv_columns, rows);
        return;
    }
    if (!out->quiet)
        out_line(out, OUT_BOLD, 0, "top %s %s, by %s, %s",
                 kind != NULL ? kind : "subjects",
                 from_whom(field_text(answer, "from")),
                 field_text(answer, "sort"),
                 when_print(field_text(answer, "as_of"), as_of));
    if (json_array_size(rows) == 0)
        out_remark(out, "Nobody has been seen yet.");
    else
        out_table(out, columns, rows);
}

/* Rows that fit the screen. */
static uint64_t
fitting(uint64_t n)
{
    struct winsize size;

    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 &&
        size.ws_row > TOP_EDGE && (uint64_t)size.ws_row - TOP_EDGE < n)
        return (uint64_t)size.ws_row - TOP_EDGE;
    return n;
}

static int
once(const struct call *call, uint64_t n, bool redraw)
{
    json_t *answer = NULL;
    struct url url;
    int code;

    url_start(&url, "/v1/subjects");
    url_query(&url, "kind", kind_of(call_word(call, 0)));
    url_query(&url, "sort", call_option(call, "sort"));
    url_query_number(&url, "limit", redraw ? fitting(n) : n);
    url_query(&url, "fleet", call_given(call, "fleet") ? "yes" : NULL);
    code = call_get(call, &url, &answer);
    if (code != CTL_OK)
        return code;
    if (redraw) { /* from the corner, all that was there being removed */
        out_measure(call->out);
        (void)fputs("\033[H\033[J", call->out->file);
    }
    print(call, answer);
    (void)fflush(call->out->file);
    json_decref(answer);
    return CTL_OK;
}

int
cmd_top(const struct call *call)
{
    const struct out *out = call->out;
    bool redraw = out->terminal && out->format == OUT_PEOPLE;
    bool again = redraw || call_given(call, "interval");
    uint64_t n, interval;
    int code = call_number(call, "number", TOP_ROWS, 1, TOP_MOST, &n);

    if (code == CTL_OK)
        code = call_number(call, "interval", TOP_S, 1, 86400, &interval);
    if (code != CTL_OK)
        return code;
    if (!again)
        return once(call, n, false);
    pace_start();
    client_until(call->client, pace_ended);
    do
        code = once(call, n, redraw);
    while (code == CTL_OK && !out_broken(out) &&
           pace_wait((int64_t)interval * 1000));
    return pace_ended() ? CTL_OK : code;
}
