/* SPDX-License-Identifier: BSD-2-Clause */
/* ctl/relay/proxy_test.c - the command: is a host of the operator's an open
 * proxy? */
#include <config.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/bar.h"
#include "ctl/call.h"
#include "ctl/pace.h"
#include "ctl/relay/proxy.h"
#include "ctl/relay/target.h"

enum { TIMEOUT_LEAST = 5, TIMEOUT_MOST = 3600 };

/* ----- what is printed */

static enum out_color
color_answer(const json_t *row)
{
    const char *text = json_string_value(json_object_get(row, "answer"));

    if (text != NULL && strcmp(text, "OPEN") == 0)
        return OUT_BAD;
    return text != NULL && strcmp(text, "says yes") == 0 ? OUT_WARN : OUT_GOOD;
}

static const struct out_column columns[] = {
    {.title = "PORT", .path = "port", .kind = OUT_COUNT},
    {.title = "PROTOCOL", .path = "protocol"},
    {.title = "ANSWER", .path = "answer", .color = color_answer},
    {.title = "IT SAID", .path = "reply", .least = 20, .spare = true},
    {.title = NULL}};

/* Of a port where nobody listens one row is enough. */
static json_t *
rows_json(const struct proxy_outcome *outcome)
{
    json_t *rows = json_array();

    for (size_t i = 0; i < outcome->n_rows; i++) {
        const struct proxy_row *row = &outcome->rows[i];
        bool nobody = row->answer == PROXY_NOBODY;

        if (nobody && row->kind != 0)
            continue;
        (void)json_array_append_new(
            rows,
            json_pack("{s:i, s:s, s:s, s:s}", "port", (int)row->port,
                      "protocol", nobody ? "all" : proxy_kind_name(row->kind),
                      "answer", proxy_answer_name(row->answer), "reply",
                      row->reply));
    }
    return rows;
}

static void
print_json(const struct out *out, const struct target *target,
           const struct proxy_outcome *o)
{
    char address[PREFIX_TEXT];
    json_t *json =
        json_pack("{s:s, s:s, s:s, s:s, s:s, s:o}", "host", target->host.name,
                  "address", prefix_print(target->address, address), "verdict",
                  proxy_verdict_name(o->verdict), "why", o->why, "canary",
                  o->canary, "trials", rows_json(o));

    out_json(out, json);
    json_decref(json);
}

static void
print_advice(const struct out *out, const struct proxy_outcome *o)
{
    const struct advice *advice;

    out_line(out, OUT_PLAIN, 2,
             "It was asked from here. A proxy that lets only your own "
             "machines through looks the same: ask it again from elsewhere "
             "if it means to.");
    out_heading(out, "What closes it");
    for (size_t n = 0; (advice = advice_proxy(o->kinds, n)) != NULL; n++)
        target_advise(out, advice);
}

static void
print(const struct out *out, const struct target *target,
      const struct proxy_outcome *o)
{
    static const enum out_color colors[] = {[PROXY_NONE] = OUT_GOOD,
                                            [PROXY_OPEN] = OUT_BAD,
                                            [PROXY_UNTOLD] = OUT_WARN};
    json_t *rows;

    if (out->format == OUT_JSON) {
        print_json(out, target, o);
        return;
    }
    rows = rows_json(o);
    out_table(out, columns, rows);
    json_decref(rows);
    out_line(out, colors[o->verdict], 2, "Verdict: %s: %s.",
             proxy_verdict_name(o->verdict), o->why);
    if (o->verdict == PROXY_OPEN)
        print_advice(out, o);
    if (o->verdict == PROXY_NONE)
        out_remark(out,
                   "Told of one all the same? Ask the port that was named to "
                   "you by --port, and a proxy that goes to few ports by "
                   "--canary ADDRESS:443 (or 25, 80).");
}

/* ----- what is asked */

static int
code_of(enum proxy_verdict verdict)
{
    static const int codes[] = {[PROXY_NONE] = CTL_OK,
                                [PROXY_OPEN] = CTL_NO,
                                [PROXY_UNTOLD] = TARGET_UNTOLD};

    return codes[verdict];
}

static int
take_ports(const struct call *call, struct proxy_ask *ask)
{
    const char *text;

    for (size_t n = 0; (text = call_option_nth(call, "port", n)) != NULL; n++) {
        char *end;
        unsigned long port = strtoul(text, &end, 10);

        if (text[0] < '0' || text[0] > '9' || *end != '\0' || port == 0 ||
            port > UINT16_MAX)
            return call_usage(call, "--port wants a number from 1 to 65535");
        if (n == PROXY_PORTS)
            return call_usage(call, "at most %d ports at a time", PROXY_PORTS);
        ask->ports[n] = (uint16_t)port;
        ask->n_ports = n + 1;
    }
    return CTL_OK;
}

/* Where the canary listens: one of our own addresses, for it is a listener. */
static int
take_canary(const struct call *call, struct proxy_ask *ask)
{
    const char *text = call_option(call, "canary");
    struct own_host host;
    struct prefix address;
    struct why why;

    if (text == NULL)
        return CTL_OK;
    if (own_find(text, &host, &why) != MS_OK || host.n == 0)
        return call_usage(call, "--canary: %s", why.text);
    address = prefix_of_sockaddr((const struct sockaddr *)&host.addrs[0]);
    if (!own_address(address))
        return call_usage(call, "--canary wants an address of this machine");
    ask->canary = host.addrs[0];
    return CTL_OK;
}

static int
take_options(const struct call *call, const struct target *target,
             struct proxy_ask *ask)
{
    uint64_t limit_s;
    int code = call_number(call, "timeout", PROXY_LIMIT_S, TIMEOUT_LEAST,
                           TIMEOUT_MOST, &limit_s);

    if (code != CTL_OK)
        return code;
    *ask = (struct proxy_ask){.to = target->host.addrs[0],
                              .limit_s = (unsigned)limit_s};
    if (target->host.port != 0) {
        ask->ports[0] = target->host.port;
        ask->n_ports = 1;
    }
    code = take_ports(call, ask);
    return code == CTL_OK ? take_canary(call, ask) : code;
}

static int
run(const struct call *call, const struct target *target, struct proxy_ask *ask)
{
    struct proxy_outcome outcome;
    struct bar bar;
    struct target_show show = {call->out, &bar};
    char address[PREFIX_TEXT];
    enum proxy_verdict verdict;
    struct why why;
    enum ms_err err;

    if (call_given(call, "verbose") && call->out->format == OUT_PEOPLE)
        ask->line = target_line;
    ask->done = target_done;
    ask->arg = &show;
    out_remark(call->out, "Trying %s [%s], which is %s.", target->host.name,
               prefix_print(target->address, address), target_whose(target));
    target_others(call->out, target);
    pace_start();
    bar_start(&bar, "trying");
    err = proxy_run(ask, &outcome, &why);
    bar_wipe(&bar);
    if (err != MS_OK) {
        out_complain(call->out, "%s", why.text);
        return err == MS_NOMEM ? EX_OSERR : EX_UNAVAILABLE;
    }
    print(call->out, target, &outcome);
    verdict = outcome.verdict;
    proxy_end(&outcome);
    return code_of(verdict);
}

int
cmd_proxy_test(const struct call *call)
{
    struct target target;
    struct proxy_ask ask;
    int code = target_take(call, &target);

    if (code == CTL_OK)
        code = take_options(call, &target, &ask);
    if (code == CTL_OK)
        code = run(call, &target, &ask);
    target_end(&target);
    return code;
}
