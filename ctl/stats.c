/* SPDX-License-Identifier: BSD-2-Clause */
/* ctl/stats.c - figures, and how fast they grow. */
#include <config.h>

#include <inttypes.h>

#include "ctl/call.h"
#include "ctl/command.h"
#include "ctl/field.h"
#include "ctl/pace.h"
#include "ctl/when.h"

/* What is counted since the start grows; what is so now does not. */
static const struct figure {
    const char *title, *path;
    bool grows;
} figures[] = {
    {"sessions open", "sessions.open", false},
    {"sessions", "sessions.all", true},
    {"sessions refused as too many", "sessions.capped", true},
    {"callbacks running", "callbacks.running", false},
    {"callbacks", "callbacks.finished", true},
    {"messages accepted", "messages.accepted", true},
    {"deferred", "decisions.deferred", true},
    {"rejected", "decisions.rejected", true},
    {"held", "decisions.held", true},
    {"would be deferred", "decisions.would_defer", true},
    {"would be rejected", "decisions.would_reject", true},
    {"would be held", "decisions.would_hold", true},
    {"errors of our own", "decisions.errors", true},
    {"decided without the shared store", "messages.local", true},
    {"subjects removed for room", "store.evicted", true},
    {"store not saved yet", "store.dirty", false},
    {"decisions waiting to be kept", "diary.queued", false},
    {"decisions not kept", "diary.lost", true},
    {"log lines dropped", "log.dropped", true},
};

static void
write_rate(FILE *cell, const struct out *out, const json_t *row)
{
    (void)out;
    if (field_is(row, "per_s"))
        (void)fprintf(cell, "%8.1f", field_real(row, "per_s"));
}

static const struct out_column columns[] = {
    {.title = "FIGURE", .path = "name", .least = 12},
    {.title = "VALUE", .path = "value", .kind = OUT_COUNT},
    {.title = "PER S",
     .path = "per_s",
     .kind = OUT_WRITTEN,
     .write = write_rate},
    {.title = NULL}};

/* How long is it since the last time, in ms; 0: there is none. */
static json_t *
make_row(const struct figure *figure, const struct out *out,
         const json_t *before, const json_t *status, int64_t ms)
{
    int64_t value = field_int(status, figure->path);
    int64_t more = value - field_int(before, figure->path);
    json_t *row = json_object();

    field_set_text(row, "name",
                   out->format == OUT_PEOPLE ? figure->title : figure->path);
    (void)json_object_set_new(row, "value", json_integer(value));
    if (figure->grows && ms > 0 && before != NULL && more >= 0)
        (void)json_object_set_new(row, "per_s",
                                  json_real((double)more * 1000 / (double)ms));
    return row;
}

static void
print(const struct out *out, const json_t *before, const json_t *status,
      int64_t ms)
{
    struct out plain = *out;
    json_t *rows = json_array();

    if (out->format == OUT_JSON) {
        out_json(out, status);
        json_decref(rows);
        return;
    }
    /* of the other values of a run that has ended, nothing follows */
    if (before != NULL && field_int(before, "pid") != field_int(status, "pid"))
        before = NULL;
    for (size_t i = 0; i < sizeof(figures) / sizeof(figures[0]); i++)
        (void)json_array_append_new(
            rows, make_row(&figures[i], out, before, status, ms));
    /* a heading once is enough for programs */
    plain.quiet = out->quiet || (out->format == OUT_TSV && ms > 0);
    out_table(&plain, columns, rows);
    json_decref(rows);
}

static int
once(const struct call *call, json_t **before, int64_t *at)
{
    int64_t now, passed = 0;
    json_t *status = NULL;
    struct url url;
    int code;

    url_start(&url, "/v1/status");
    code = call_get(call, &url, &status);
    if (code != CTL_OK)
        return code;
    now = pace_now().ms;
    if (*before != NULL) {
        passed = now - *at;
        out_remark(call->out, "%s", "");
    }
    print(call->out, *before, status, passed);
    (void)fflush(call->out->file);
    json_decref(*before);
    *before = status;
    *at = now;
    return CTL_OK;
}

int
cmd_stats(const struct call *call)
{
    json_t *before = NULL;
    uint64_t interval, left;
    int64_t at = 0;
    int code = call_number(call, "interval", 0, 1, 86400, &interval);

    if (code == CTL_OK)
        code = call_number(call, "count",
                           call_given(call, "interval") ? UINT32_MAX : 1, 1,
                           UINT32_MAX, &left);
    if (code != CTL_OK)
        return code;
    if (left > 1 && interval == 0)
        interval = 1;
    if (left > 1) {
        pace_start();
        client_until(call->client, pace_ended);
    }
    do
        code = once(call, &before, &at);
    while (code == CTL_OK && --left > 0 && !out_broken(call->out) &&
           pace_wait((int64_t)interval * 1000));
    json_decref(before);
    return pace_ended() ? CTL_OK : code;
}
