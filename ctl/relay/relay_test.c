/* SPDX-License-Identifier: BSD-2-Clause */
/* ctl/relay/relay_test.c - the command: does a server of the operator's relay
 * for anybody? */
#include <config.h>

#include <string.h>

#include <arpa/inet.h>

#include "ctl/bar.h"
#include "ctl/call.h"
#include "ctl/pace.h"
#include "ctl/relay/relay.h"
#include "ctl/relay/script.h"
#include "ctl/relay/target.h"

enum { SMTP_PORT = 25, TIMEOUT_LEAST = 5, TIMEOUT_MOST = 3600 };

/* ----- what is printed */

static enum out_color
color_of(const json_t *row, const char *name)
{
    const char *text = json_string_value(json_object_get(row, name));

    if (text != NULL && strcmp(text, "ACCEPTED") == 0)
        return OUT_BAD;
    return text != NULL && strcmp(text, "refused") == 0 ? OUT_GOOD : OUT_WARN;
}

#define COLOR_OF(place)                                                        \
    static enum out_color color_##place(const json_t *row)                     \
    {                                                                          \
        return color_of(row, #place);                                          \
    }
COLOR_OF(helo)
COLOR_OF(ehlo)
COLOR_OF(starttls)
COLOR_OF(rset)

static const struct out_column columns[] = {
    {.title = "FORM", .path = "form", .least = 16},
    {.title = "MAIL FROM", .path = "mail", .least = 16, .spare = true},
    {.title = "RCPT TO", .path = "rcpt", .least = 20, .spare = true},
    {.title = "HELO", .path = "helo", .color = color_helo},
    {.title = "EHLO", .path = "ehlo", .color = color_ehlo},
    {.title = "STARTTLS", .path = "starttls", .color = color_starttls},
    {.title = "RSET", .path = "rset", .color = color_rset},
    {.title = "REPLY", .path = "reply", .least = 20, .spare = true},
    {.title = NULL}};

static json_t *
row_json(const struct relay_row *row)
{
    json_t *json =
        json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "form", row->vector->name,
                  "hole", vector_hole_name(row->vector->hole), "mail",
                  row->mail, "rcpt", row->rcpt, "reply", row->reply,
                  "delivered", relay_answer_name(row->delivered));

    for (unsigned p = 0; p < RELAY_PLACES && json != NULL; p++)
        (void)json_object_set_new(
            json, relay_after_name(p),
            json_string(relay_answer_name(row->answer[p])));
    return json;
}

static json_t *
rows_json(const struct relay_outcome *outcome)
{
    json_t *rows = json_array();

    for (size_t i = 0; i < outcome->n_rows; i++)
        (void)json_array_append_new(rows, row_json(&outcome->rows[i]));
    return rows;
}

static json_t *
holes_json(const struct relay_outcome *outcome)
{
    json_t *holes = json_array();

    for (unsigned h = 0; h < VECTOR_HOLES; h++)
        if ((outcome->holes & 1U << h) != 0)
            (void)json_array_append_new(holes,
                                        json_string(vector_hole_name(h)));
    return holes;
}

static void
print_json(const struct out *out, const struct target *target,
           const struct relay_outcome *o)
{
    char address[PREFIX_TEXT];
    json_t *json = json_pack(
        "{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:b, s:b, s:b, s:b, s:o, s:o}",
        "host", target->host.name, "address",
        prefix_print(target->address, address), "verdict",
        relay_verdict_name(o->verdict), "why", o->why, "server",
        advice_mta_name(o->mta), "domain", o->domain, "source", o->source,
        "xclient", o->xclient, "trusted", o->trusted, "catch_all", o->catch_all,
        "tls", o->tls, "holes", holes_json(o), "forms", rows_json(o));

    out_json(out, json);
    json_decref(json);
}

static void
print_table(const struct out *out, const struct relay_outcome *o)
{
    json_t *rows = rows_json(o);

    if (o->n_rows > 0)
        out_table(out, columns, rows);
    json_decref(rows);
}

static void
print_advice(const struct out *out, const struct relay_outcome *o)
{
    const unsigned anybody = 1U << HOLE_ANYBODY;
    unsigned holes = (o->holes & anybody) != 0 ? anybody : o->holes;
    const struct advice *advice;

    out_heading(out, "What closes it");
    for (unsigned mta = RELAY_POSTFIX; mta <= RELAY_EXIM; mta++) {
        if (o->mta != RELAY_MTA_UNKNOWN && o->mta != mta)
            continue;
        out_line(out, OUT_PLAIN, 2, "  %s:", advice_mta_name(mta));
        for (size_t n = 0; (advice = advice_relay(holes, mta, n)) != NULL; n++)
            target_advise(out, advice);
    }
    for (size_t n = 0;
         (advice = advice_relay(holes, RELAY_MTA_UNKNOWN, n)) != NULL; n++)
        target_advise(out, advice);
    if (holes == anybody)
        out_line(out, OUT_PLAIN, 2,
                 "  Then run this again: what else is open shows only behind "
                 "that.");
}

static void
print_trusted(const struct out *out, const struct target *target,
              const struct relay_outcome *o)
{
    out_line(out, OUT_PLAIN, 2,
             "Run the test where the server has no reason to trust you: "
             "print it here, copy it there. (Where it has none to trust %s "
             "either, say --stranger.)",
             o->source);
    out_verbatim(out, OUT_BOLD,
                 "      mortsafectl relay-test %s --domain %s --print-script "
                 ">relay-test.sh",
                 target->host.name,
                 o->domain[0] != '\0' ? o->domain : "example.org");
    if (o->mta != RELAY_POSTFIX || o->xclient)
        return;
    out_line(out, OUT_PLAIN, 2,
             "No other host at hand? Let Postfix take this one for a stranger "
             "while the test runs, and undo that behind it:");
    out_verbatim(out, OUT_BOLD,
                 "      postconf -e 'smtpd_authorized_xclient_hosts = %s' && "
                 "postfix reload",
                 o->source);
    out_verbatim(out, OUT_BOLD, "      mortsafectl relay-test %s",
                 target->host.name);
    out_verbatim(out, OUT_BOLD,
                 "      postconf -X smtpd_authorized_xclient_hosts && postfix "
                 "reload");
}

static void
print_sent(const struct out *out, const char *address,
           const struct relay_outcome *o)
{
    size_t sent = 0;

    for (size_t i = 0; i < o->n_rows; i++)
        sent += o->rows[i].delivered == RELAY_ACCEPTED;
    out_line(out, OUT_PLAIN, 0,
             "%zu messages were taken for %s. Look there, in its junk folder "
             "too, for the subject \"mortsafe relay test: FORM\": each FORM "
             "that arrives is a hole for certain, and one that does not "
             "arrive within an hour was stopped behind the server's door.",
             sent, address);
}

static void
print_holes(const struct out *out, const struct relay_outcome *o)
{
    if ((o->holes & 1U << HOLE_ANYBODY) != 0) {
        out_line(out, OUT_BAD, 4, "  %s", vector_hole_phrase(HOLE_ANYBODY));
        return;
    }
    for (unsigned h = 0; h < VECTOR_HOLES; h++)
        if ((o->holes & 1U << h) != 0)
            out_line(out, OUT_BAD, 4, "  %s", vector_hole_phrase(h));
}

static void
print_verdict(const struct call *call, const struct target *target,
              const struct relay_outcome *o)
{
    static const enum out_color colors[] = {[RELAY_CLOSED] = OUT_GOOD,
                                            [RELAY_OPEN] = OUT_BAD,
                                            [RELAY_UNTOLD] = OUT_WARN};
    const struct out *out = call->out;

    if (o->xclient)
        out_remark(out, "By XCLIENT it was asked as %s, a stranger.",
                   o->source);
    if (o->deferred > 0)
        out_remark(out,
                   "%zu forms were deferred: not relayed now, but a server "
                   "should refuse them for good.",
                   o->deferred);
    out_line(out, colors[o->verdict], 2, "Verdict: %s: %s.",
             relay_verdict_name(o->verdict), o->why);
    print_holes(out, o);
    if (o->trusted)
        print_trusted(out, target, o);
    if (call_given(call, "deliver"))
        print_sent(out, call_option(call, "deliver"), o);
    if (o->verdict == RELAY_OPEN)
        print_advice(out, o);
    if (o->verdict == RELAY_CLOSED)
        out_remark(out,
                   "Told of spam all the same? mortsafectl proxy-test %s tries "
                   "for a proxy, mortsafectl zombies shows whose password or "
                   "machine sends, mortsafectl listed what the lists say.",
                   target->host.name);
}

static void
print(const struct call *call, const struct target *target,
      const struct relay_outcome *o)
{
    if (call->out->format == OUT_JSON) {
        print_json(call->out, target, o);
        return;
    }
    print_table(call->out, o);
    print_verdict(call, target, o);
}

/* ----- what is asked */

static int
code_of(enum relay_verdict verdict)
{
    static const int codes[] = {[RELAY_CLOSED] = CTL_OK,
                                [RELAY_OPEN] = CTL_NO,
                                [RELAY_UNTOLD] = TARGET_UNTOLD};

    return codes[verdict];
}

/* A domain of the server's, of its name; "" for an address. */
static void
guess_domain(const char *name, char *out, size_t size)
{
    const char *dot = strchr(name, '.');
    struct prefix address;

    out[0] = '\0';
    if (dot != NULL && prefix_parse(name, &address, NULL) != MS_OK)
        (void)snprintf(out, size, "%s",
                       strchr(dot + 1, '.') != NULL ? dot + 1 : name);
}

static int
print_script(const struct call *call, const struct target *target,
             struct relay_ask *ask)
{
    char domain[OWN_NAME];
    struct why why;

    guess_domain(target->host.name, domain, sizeof(domain));
    if (ask->domain == NULL)
        ask->domain = domain;
    if (ask->domain[0] == '\0')
        return call_usage(call, "for a script, --domain has to tell a domain "
                                "of the server's");
    if (script_write(ask, target->host.name, call->out->file, &why) == MS_OK)
        return CTL_OK;
    return call_usage(call, "%s", why.text);
}

static int
run(const struct call *call, const struct target *target, struct relay_ask *ask)
{
    struct relay_outcome outcome;
    struct bar bar;
    struct target_show show = {call->out, &bar};
    char address[PREFIX_TEXT];
    struct why why;
    enum relay_verdict verdict;
    enum ms_err err;

    if (call_given(call, "verbose") && call->out->format == OUT_PEOPLE)
        ask->line = target_line;
    ask->done = target_done;
    ask->arg = &show;
    out_remark(call->out, "Trying %s [%s], which is %s. %s", target->host.name,
               prefix_print(target->address, address), target_whose(target),
               ask->deliver != NULL ? "What is accepted is sent."
                                    : "No message is sent.");
    target_others(call->out, target);
    pace_start();
    bar_start(&bar, "trying");
    err = relay_run(ask, &outcome, &why);
    bar_wipe(&bar);
    if (err == MS_INVALID)
        return call_usage(call, "%s", why.text);
    if (err != MS_OK) {
        out_complain(call->out, "%s", why.text);
        return EX_OSERR;
    }
    print(call, target, &outcome);
    verdict = outcome.verdict;
    relay_end(&outcome);
    return code_of(verdict);
}

static int
take_options(const struct call *call, const struct target *target,
             struct relay_ask *ask)
{
    const char *from = call_option(call, "from");
    struct prefix source;
    uint64_t limit_s;
    int code = call_number(call, "timeout", RELAY_LIMIT_S, TIMEOUT_LEAST,
                           TIMEOUT_MOST, &limit_s);

    if (code != CTL_OK)
        return code;
    *ask = (struct relay_ask){
        .to = own_sockaddr(target->address, target->host.port != 0
                                                ? target->host.port
                                                : SMTP_PORT),
        .domain = call_option(call, "domain"),
        .relay_domain = call_option(call, "relay-domain"),
        .foreign = call_option(call, "foreign"),
        .deliver = call_option(call, "deliver"),
        .nets = target->config != NULL ? target->config->nets : NULL,
        .stranger = call_given(call, "stranger"),
        .limit_s = (unsigned)limit_s,
    };
    if (from == NULL)
        return CTL_OK;
    if (prefix_parse(from, &source, NULL) != MS_OK)
        return call_usage(call, "--from wants an IP address");
    ask->from = own_sockaddr(source, 0);
    return CTL_OK;
}

int
cmd_relay_test(const struct call *call)
{
    struct target target;
    struct relay_ask ask;
    int code = target_take(call, &target);

    if (code == CTL_OK)
        code = take_options(call, &target, &ask);
    if (code == CTL_OK)
        code = call_given(call, "print-script")
                   ? print_script(call, &target, &ask)
                   : run(call, &target, &ask);
    target_end(&target);
    return code;
}
