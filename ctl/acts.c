/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ctl/acts.c - what operators do about a subject, beside the configuration:
 * reset, raise, exempt; and the trail that it leaves.
 */
#include <config.h>

#include <string.h>

#include "ctl/call.h"
#include "ctl/command.h"
#include "ctl/field.h"
#include "ctl/when.h"

/* Columns of a deed's answer, for programs. */
static const struct out_column deed_columns[] = {
    {.title = "DONE", .path = "done", .kind = OUT_FLAG},
    {.title = "ID", .path = "id", .kind = OUT_TEXT},
    {.title = "LIMIT", .path = "limit", .kind = OUT_TEXT},
    {.title = NULL},
};

/* ----- reset */

int
cmd_reset(const struct call *call)
{
    const char *limit = call_word(call, 1);
    json_t *body = json_object(), *answer = NULL;
    struct url url;
    int code;

    field_set_text(body, "limit", limit);
    url_subject(&url, NULL, call_word(call, 0), "reset");
    code = call_post(call, &url, body, &answer);
    if (code != CTL_OK)
        return code;
    if (call->out->format != OUT_PEOPLE)
        out_fields(call->out, deed_columns, answer);
    else if (limit != NULL)
        out_remark(call->out, "%s: what was counted for limit %s is gone.",
                   field_text(answer, "id"), limit);
    else
        out_remark(call->out, "%s: all that was counted is gone.",
                   field_text(answer, "id"));
    json_decref(answer);
    return CTL_OK;
}

/* ----- acts that last */

static void
write_what(FILE *cell, const struct out *out, const json_t *act)
{
    const char *kind = field_text(act, "kind");
    const char *limit = field_text(act, "limit");

    (void)out;
    if (strcmp(kind, "mode") == 0)
        (void)fprintf(cell, "mode %s", field_text(act, "mode"));
    else if (strcmp(kind, "raise") == 0)
        (void)fprintf(cell, "limit %s: %s", limit, field_text(act, "rates"));
    else if (*limit != '\0')
        (void)fprintf(cell, "not held to limit %s", limit);
    else
        (void)fputs("not held to limits", cell);
}

static void
write_until(FILE *cell, const struct out *out, const json_t *act)
{
    char buf[WHEN_TEXT];

    (void)out;
    (void)fputs(field_is(act, "until")
                    ? when_print(field_text(act, "until"), buf)
                    : "taken back by hand",
                cell);
}

static enum out_color
act_color(const json_t *act)
{
    return field_true(act, "holds") ? OUT_PLAIN : OUT_DIM;
}

static const struct out_column act_columns[] = {
    {.title = "ID", .path = "id", .kind = OUT_TEXT},
    {.title = "SUBJECT", .path = "subject", .kind = OUT_TEXT, .least = 16},
    {.title = "WHAT",
     .path = "kind",
     .kind = OUT_WRITTEN,
     .least = 14,
     .write = write_what,
     .color = act_color},
    {.title = "UNTIL",
     .path = "until",
     .kind = OUT_WRITTEN,
     .write = write_until},
    {.title = "NOTE", .path = "note", .kind = OUT_TEXT, .least = 8},
    {.title = "BY", .path = "by", .kind = OUT_TEXT, .least = 8, .spare = true},
    {.title = "FLEET", .path = "fleet", .kind = OUT_FLAG, .spare = true},
    {.title = "HOLDS", .path = "holds", .kind = OUT_FLAG, .spare = true},
    {.title = NULL},
};

/* What a new act takes from the command line. */
static json_t *
act_body(const struct call *call, const char *limit)
{
    json_t *body = json_object();

    field_set_text(body, "limit", limit);
    field_set_text(body, "until", call_option(call, "until"));
    field_set_text(body, "note", call_option(call, "note"));
    if (call_given(call, "host"))
        field_set_flag(body, "fleet", false);
    return body;
}

/* Ask for an act about KEY by VERB, and tell of it. */
static int
set_act(const struct call *call, const char *key, const char *verb,
        json_t *body)
{
    json_t *answer = NULL;
    const json_t *act;
    struct url url;
    int code;

    url_subject(&url, NULL, key, verb);
    code = call_post(call, &url, body, &answer);
    if (code != CTL_OK)
        return code;
    act = field_at(answer, "act");
    if (call->out->format != OUT_PEOPLE || !call->out->quiet)
        out_fields(call->out, act_columns, act);
    json_decref(answer);
    return CTL_OK;
}

int
cmd_raise(const struct call *call)
{
    json_t *body;

    if (!call_given(call, "until"))
        return call_usage(call, "--until is missing: a raised limit ends by "
                                "itself (--until 2026-12-31, --until 7d)");
    body = act_body(call, call_word(call, 1));
    field_set_text(body, "rates", call_word(call, 2));
    return set_act(call, call_word(call, 0), "raise", body);
}

/* ----- exempt */

static int
exempt_list(const struct call *call)
{
    json_t *answer = NULL;
    struct url url;
    int code;

    url_start(&url, "/v1/acts");
    code = call_get(call, &url, &answer);
    if (code != CTL_OK)
        return code;
    out_table(call->out, act_columns, field_at(answer, "acts"));
    if (json_array_size(field_at(answer, "acts")) == 0)
        out_remark(call->out, "Nothing is set beside the configuration.");
    json_decref(answer);
    return CTL_OK;
}

/* Is ACT the one called WORD, or about the key WORD? */
static bool
act_is(const json_t *act, const char *word)
{
    const char *subject = field_text(act, "subject");
    const char *key = strchr(subject, ':');

    return strcmp(field_text(act, "id"), word) == 0 ||
           strcmp(subject, word) == 0 ||
           (key != NULL && strcmp(key + 1, word) == 0);
}

static size_t
count_acts(const json_t *acts, const char *word)
{
    const json_t *act;
    size_t i, n = 0;

    json_array_foreach(acts, i, act)
    {
        n += act_is(act, word);
    }
    return n;
}

/* WORD as the daemon writes it, if that is another way: "Ann" is
 * "user:ann@example.org".  *ANSWER holds it; the caller's to end. */
static const char *
canonical(const struct call *call, const char *word, json_t **answer)
{
    struct why why;
    struct url url;

    url_subject(&url, NULL, word, NULL);
    return client_ask(call->client, CLIENT_GET, &url, NULL, answer, &why) ==
                   CTL_OK
               ? field_text(*answer, "id")
               : word;
}

/* The id of the act that WORD means among ACTS; "" if there is none or more
 * than one, which has been told. */
static const char *
find_act(const struct call *call, const json_t *acts, const char *word)
{
    const char *id = "";
    json_t *known = NULL;
    const json_t *act;
    size_t i, n = 0;

    if (count_acts(acts, word) == 0)
        word = canonical(call, word, &known);
    json_array_foreach(acts, i, act)
    {
        if (act_is(act, word)) {
            id = field_text(act, "id");
            n++;
        }
    }
    if (n == 0)
        out_complain(call->out, "nothing is set for %s, and no act has that id",
                     word);
    else if (n > 1)
        out_complain(call->out,
                     "%zu things are set for %s: name one by its id "
                     "(`mortsafectl exempt list`)",
                     n, word);
    json_decref(known);
    return n == 1 ? id : "";
}

static int
exempt_del(const struct call *call, const char *word)
{
    json_t *acts = NULL, *answer = NULL;
    struct url url;
    const char *id;
    int code;

    url_start(&url, "/v1/acts");
    code = call_get(call, &url, &acts);
    if (code != CTL_OK)
        return code;
    id = find_act(call, field_at(acts, "acts"), word);
    code = CTL_NO;
    if (*id != '\0') {
        url_start(&url, "/v1/acts");
        url_segment(&url, id);
        code = call_delete(call, &url, &answer);
        if (code == CTL_OK && call->out->format != OUT_PEOPLE)
            out_fields(call->out, act_columns, field_at(answer, "act"));
        else if (code == CTL_OK)
            out_remark(call->out, "%s is taken back.", id);
        json_decref(answer);
    }
    json_decref(acts);
    return code;
}

int
cmd_exempt(const struct call *call)
{
    const char *verb = call_word(call, 0), *key = call_word(call, 1);
    bool add = strcmp(verb, "add") == 0, del = strcmp(verb, "del") == 0;

    if (strcmp(verb, "list") == 0)
        return key == NULL ? exempt_list(call)
                           : call_usage(call, "`exempt list` takes no word");
    if (!add && !del)
        return call_usage(call, "say exempt add, del or list, not %s", verb);
    if (key == NULL)
        return call_usage(call, "say whom: exempt %s KEY", verb);
    if (add)
        return set_act(call, key, "exempt", act_body(call, call_word(call, 2)));
    if (call->n_words > 2)
        return call_usage(call, "`exempt del` takes one word");
    return exempt_del(call, key);
}

/* ----- the trail */

static enum out_color
audit_color(const json_t *entry)
{
    return field_true(entry, "ok") ? OUT_PLAIN : OUT_WARN;
}

static const struct out_column audit_columns[] = {
    {.title = "TIME", .path = "time", .kind = OUT_TIME},
    {.title = "BY", .path = "by", .kind = OUT_TEXT, .least = 8},
    {.title = "ACT", .path = "act", .kind = OUT_TEXT, .color = audit_color},
    {.title = "SUBJECT", .path = "subject", .kind = OUT_TEXT, .least = 16},
    {.title = "DETAIL", .path = "detail", .kind = OUT_TEXT, .least = 16},
    {.title = "DONE", .path = "ok", .kind = OUT_FLAG, .spare = true},
    {.title = "HOST", .path = "host", .kind = OUT_TEXT, .spare = true},
    {.title = NULL},
};

int
cmd_audit(const struct call *call)
{
    json_t *answer = NULL;
    struct url url;
    uint64_t n;
    int code = call_number(call, "number", 100, 1, 1000, &n);

    if (code != CTL_OK)
        return code;
    url_start(&url, "/v1/audit");
    url_query(&url, "since", call_option(call, "since"));
    url_query_number(&url, "limit", n);
    url_query(&url, "fleet", call_given(call, "host") ? "no" : "yes");
    code = call_get(call, &url, &answer);
    if (code == EX_UNAVAILABLE && !call_given(call, "host"))
        out_complain(call->out, "with --host, what was done on this host");
    if (code != CTL_OK)
        return code;
    out_table(call->out, audit_columns, field_at(answer, "entries"));
    if (json_array_size(field_at(answer, "entries")) == 0)
        out_remark(call->out, "Nobody has done anything yet.");
    json_decref(answer);
    return CTL_OK;
}
