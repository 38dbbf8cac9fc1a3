/* SPDX-License-Identifier: BSD-2-Clause */
/* ctl/replay/replay.c - the command: what would have been done to the mail of
 * the last weeks. */
#include <config.h>

#include <inttypes.h>
#include <time.h>

#include "ctl/bar.h"
#include "ctl/call.h"
#include "ctl/command.h"
#include "ctl/field.h"
#include "ctl/load.h"
#include "ctl/replay/run.h"
#include "ctl/when.h"

#define CONFIG_FILE SYSCONFDIR "/mortsafe/mortsafe.conf"

/* ----- what is printed */

static const struct out_column stop_columns[] = {
    {.title = "SUBJECT", .path = "subject", .least = 16},
    {.title = "RULE", .path = "rule"},
    {.title = "WOULD", .path = "action"},
    {.title = "TIMES", .path = "times", .kind = OUT_COUNT},
    {.title = "USED", .path = "used", .kind = OUT_COUNT},
    {.title = "OF", .path = "rate"},
    {.title = "FIRST", .path = "first", .kind = OUT_TIME},
    {.title = "LAST", .path = "last", .kind = OUT_TIME, .spare = true},
    {.title = NULL}};
static const struct out_column change_columns[] = {
    {.title = "WHEN", .path = "at", .kind = OUT_TIME},
    {.title = "SUBJECT", .path = "subject", .least = 16},
    {.title = "FROM", .path = "from", .spare = true},
    {.title = "TO", .path = "to"},
    {.title = "WHY", .path = "why", .least = 30},
    {.title = NULL}};
static const struct out_column limit_columns[] = {
    {.title = "LIMIT", .path = "limit"},
    {.title = "RATE", .path = "rate"},
    {.title = "PERIODS", .path = "periods", .kind = OUT_COUNT},
    {.title = "OVER", .path = "over", .kind = OUT_COUNT},
    {.title = "MOST", .path = "most", .kind = OUT_COUNT},
    {.title = "99.9%", .path = "p999", .kind = OUT_COUNT},
    {.title = "SUGGESTED", .path = "suggested"},
    {.title = NULL}};

static const struct {
    const char *key, *heading, *none;
    const struct out_column *columns;
} parts[] = {
    {"changes", "Whose standing would have changed",
     "Nobody's standing would have changed.", change_columns},
    {"stops", "What would have been stopped",
     "Nothing would have been stopped.", stop_columns},
    {"limits", "What senders who were neither throttled nor quarantined did",
     "No limit applies to any of this mail.", limit_columns},
};

static void
print(const struct out *out, const struct history *h, const json_t *found)
{
    char from[WHEN_TEXT], until[WHEN_TEXT];

    if (out->format == OUT_JSON) {
        out_json(out, found);
        return;
    }
    out_line(out, OUT_PLAIN, 0,
             "%" PRIu64 " lines, %" PRIu64 " of them about mail, from %s to %s",
             h->lines, h->used, when_print(field_text(found, "from"), from),
             when_print(field_text(found, "until"), until));
    out_line(out, OUT_PLAIN, 0,
             "%" PRIi64 " messages to %" PRIi64 " recipients, %" PRIi64
             " of which would have been stopped",
             field_int(found, "messages"), field_int(found, "recipients"),
             field_int(found, "stopped"));
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        const json_t *rows = field_at(found, parts[i].key);

        out_heading(out, "%s", parts[i].heading);
        if (json_array_size(rows) == 0 && out->format == OUT_PEOPLE)
            out_remark(out, "%s", parts[i].none);
        else
            out_table(out, parts[i].columns, rows);
    }
}

/* ----- the command */

static enum ms_err
read_logs(const struct call *call, struct history *h, struct bar *bar,
          struct why *why)
{
    const int64_t now_s = when_now();
    time_t now = (time_t)now_s;
    struct maillog_clock clock = {.now_s = now_s};
    enum ms_err err = MS_OK;
    struct tm local;

    if (localtime_r(&now, &local) != NULL)
        clock.offset_s = local.tm_gmtoff;
    for (size_t i = 0; i < call->n_words && err == MS_OK; i++)
        err = history_read(h, call->words[i], &clock, bar_draw, bar, why);
    if (err == MS_OK && history_sort(h) != MS_OK)
        err = why_set(why, MS_NOMEM, "no memory");
    return err;
}

static enum ms_err
replay(const struct call *call, const struct config *config, struct history *h,
       struct findings *findings, struct why *why)
{
    struct bar bar;
    enum ms_err err;

    bar_start(&bar, "reading");
    err = read_logs(call, h, &bar, why);

    if (err == MS_OK) {
        bar.what = "replaying";
        err = replay_run(h, config, findings, bar_draw, &bar);
        if (err != MS_OK)
            (void)why_set(why, err, "no memory");
    }
    bar_wipe(&bar);
    return err;
}

/* Print what was found; an empty history is most likely a mistake. */
static int
tell(const struct call *call, const struct history *h,
     struct findings *findings)
{
    json_t *found = findings_json(findings);

    if (found == NULL) {
        out_complain(call->out, "no memory");
        return EX_OSERR;
    }
    print(call->out, h, found);
    json_decref(found);
    if (h->n_events > 0)
        return CTL_OK;
    out_complain(call->out,
                 "there is no mail in these logs: %" PRIu64
                 " lines, none of Postfix or Sendmail that tells "
                 "who sent what to whom",
                 h->lines);
    return EX_DATAERR;
}

int
cmd_replay(const struct call *call)
{
    const char *path = call_option(call, "config");
    struct history *h = NULL;
    struct findings *findings = NULL;
    struct config *config = NULL;
    struct why why;
    enum ms_err err;
    int code;

    code = load_config(call->out, path != NULL ? path : CONFIG_FILE, &config);
    if (code != CTL_OK)
        return code;
    (void)why_set(&why, MS_NOMEM, "no memory");
    err = history_create(&h);
    if (err == MS_OK)
        err = findings_create(&findings);
    if (err == MS_OK)
        err = replay(call, config, h, findings, &why);
    if (err == MS_OK) {
        code = tell(call, h, findings);
    } else {
        out_complain(call->out, "%s", why.text);
        code = err == MS_INVALID   ? EX_DATAERR
               : err == MS_UNAVAIL ? EX_NOINPUT
                                   : EX_OSERR;
    }
    findings_destroy(findings);
    history_destroy(h);
    config_destroy(config);
    return code;
}
