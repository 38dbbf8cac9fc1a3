/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ctl/quarantine.c - what operators do about a standing: stop somebody, release
 * him, or many at once, tell of a new customer, redeem a customer's code.
 */
#include <config.h>

#include <stdint.h>
#include <string.h>

#include "ctl/call.h"
#include "ctl/command.h"
#include "ctl/field.h"
#include "ctl/held.h"
#include "ctl/standing.h"

enum {
    RELEASE_WAIT_S = 60,
    LISTED = 1000 /* whose reasons are told, at most */
};

/* ANSWER's change: for people a line, for programs its fields. */
static void
tell_change(const struct call *call, const json_t *answer)
{
    const json_t *change = field_at(answer, "change");

    if (call->out->format == OUT_JSON)
        out_json(call->out, answer);
    else if (!json_is_object(change))
        return;
    else if (call->out->format == OUT_TSV)
        out_fields(call->out, standing_change_fields, change);
    else if (!call->out->quiet)
        standing_print_change(call->out, change);
}

/* Ask for VERB of KEY with BODY, and tell what has changed. */
static int
change(const struct call *call, const char *key, const char *verb, json_t *body,
       json_t **answer)
{
    struct url url;
    int code;

    url_subject(&url, NULL, key, verb);
    code = call_post(call, &url, body, answer);
    if (code != CTL_OK)
        return code;
    tell_change(call, *answer);
    if (json_is_false(field_at(*answer, "changed")))
        out_remark(call->out, "%s: nothing is to be changed.", key);
    return CTL_OK;
}

int
cmd_quarantine(const struct call *call)
{
    json_t *body, *answer = NULL;
    int code;

    if (call_given(call, "for") && call_given(call, "until"))
        return call_usage(call, "--for and --until: only one can be");
    body = json_object();
    field_set_text(body, "for", call_option(call, "for"));
    field_set_text(body, "until", call_option(call, "until"));
    field_set_text(body, "note", call_option(call, "note"));
    code = change(call, call_word(call, 0), "quarantine", body, &answer);
    json_decref(answer);
    return code;
}

int
cmd_lease(const struct call *call)
{
    json_t *body = json_object(), *answer = NULL;
    int code;

    field_set_text(body, "note", call_option(call, "note"));
    code = change(call, call_word(call, 0), "lease", body, &answer);
    json_decref(answer);
    return code;
}

int
cmd_confirm(const struct call *call)
{
    json_t *body = json_object(), *answer = NULL;
    struct url url;
    int code;

    field_set_text(body, "code", call_word(call, 0));
    url_start(&url, "/v1/confirm");
    code = call_post(call, &url, body, &answer);
    if (code != CTL_OK)
        return code;
    tell_change(call, answer);
    if (json_array_size(field_at(answer, "held")) > 0)
        out_remark(call->out, "%zu of its messages stay held.",
                   json_array_size(field_at(answer, "held")));
    json_decref(answer);
    return CTL_OK;
}

/* ----- release */

/* Has KEY been released already, so that held mail alone is to be dealt with? A
 * second release would end the probation. */
static int
is_released(const struct call *call, const char *key, bool *out)
{
    json_t *answer = NULL;
    const char *standing;
    struct url url;
    int code;

    *out = false;
    if (held_deed(call) == HELD_KEEP || call_given(call, "legit"))
        return CTL_OK;
    url_subject(&url, NULL, key, NULL);
    code = call_get(call, &url, &answer);
    standing = field_text(answer, "standing");
    *out =
        strcmp(standing, "normal") == 0 || strcmp(standing, "probation") == 0;
    json_decref(answer);
    return code;
}

/* Deal with the held mail of KEY alone. */
static int
settle_of(const struct call *call, const char *key)
{
    json_t *answer = NULL;
    struct url url;
    int code;

    out_remark(call->out, "%s is released already.", key);
    url_start(&url, "/v1/held");
    url_query(&url, "subject", key);
    url_query(&url, "fleet", "yes");
    code = call_get(call, &url, &answer);
    if (code == CTL_OK)
        code = held_settle(call, field_at(answer, "held"));
    json_decref(answer);
    return code;
}

static int
release_one(const struct call *call, const char *key)
{
    json_t *body, *answer = NULL;
    bool released;
    int code = is_released(call, key, &released);

    if (code != CTL_OK)
        return code;
    if (released)
        return settle_of(call, key);
    body = json_object();
    field_set_text(body, "how",
                   call_given(call, "legit") ? "legit" : "release");
    field_set_text(body, "note", call_option(call, "note"));
    code = change(call, key, "release", body, &answer);
    if (code == CTL_OK)
        code = held_settle(call, field_at(answer, "held"));
    json_decref(answer);
    return code;
}

/* "a,b" as a list. */
static json_t *
words_of(const char *text)
{
    json_t *list = json_array();

    while (*text != '\0') {
        size_t n = strcspn(text, ",");

        if (n > 0)
            (void)json_array_append_new(list, json_stringn(text, n));
        text += n + (text[n] == ',' ? 1 : 0);
    }
    return list;
}

static json_t *
bulk_body(const struct call *call, bool dry_run)
{
    json_t *body = json_object();

    field_set_text(body, "since", call_option(call, "since"));
    field_set_text(body, "until", call_option(call, "until"));
    field_set_text(body, "family", call_option(call, "family"));
    field_set_text(body, "note", call_option(call, "note"));
    if (call_given(call, "standing"))
        (void)json_object_set_new(body, "standing",
                                  words_of(call_option(call, "standing")));
    field_set_flag(body, "dry_run", dry_run);
    return body;
}

static const struct out_column released_columns[] = {
    {.title = "WHO", .path = "subject", .least = 16},
    {.title = NULL},
};

/* For programs: the names in ANSWER. */
static void
tell_names(const struct out *out, const json_t *answer)
{
    const json_t *subjects = field_at(answer, "subjects"), *one;
    json_t *rows = json_array();
    size_t i;

    json_array_foreach(subjects, i, one)
    {
        json_t *row = json_object();

        field_set_text(row, "subject", json_string_value(one));
        (void)json_array_append_new(rows, row);
    }
    out_table(out, released_columns, rows);
    json_decref(rows);
}

/* What LISTED, rows of GET /v1/zombies, tells of the subject NAME; else its
 * name alone. */
static json_t *
row_of(const json_t *listed, const char *name)
{
    json_t *row;
    size_t i;

    json_array_foreach((json_t *)(uintptr_t)listed, i, row)
    {
        if (strcmp(field_text(row, "subject"), name) == 0)
            return json_incref(row);
    }
    row = json_object();
    field_set_text(row, "subject", name);
    return row;
}

/* For people: why they stand as they do. */
static int
tell_subjects(const struct call *call, const json_t *answer)
{
    const json_t *subjects = field_at(answer, "subjects"), *one;
    json_t *known = NULL, *rows;
    struct url url;
    size_t i;
    int code;

    url_start(&url, "/v1/zombies");
    url_query(&url, "standing", call_option(call, "standing"));
    url_query_number(&url, "limit", LISTED);
    code = call_get(call, &url, &known);
    if (code != CTL_OK)
        return code;
    rows = json_array();
    json_array_foreach(subjects, i, one)
    {
        const char *name = json_string_value(one);

        if (name != NULL)
            (void)json_array_append_new(
                rows, row_of(field_at(known, "standings"), name));
    }
    standing_table(call->out, rows, field_text(known, "as_of"));
    json_decref(rows);
    json_decref(known);
    return CTL_OK;
}

static int
ask_bulk(const struct call *call, bool dry_run, json_t **answer)
{
    struct url url;

    url_start(&url, "/v1/release");
    return call_post(call, &url, bulk_body(call, dry_run), answer);
}

/* List whom it is about; CTL_OK: go on and release them. */
static int
agree(const struct call *call)
{
    bool dry = call_given(call, "dry-run");
    json_t *answer = NULL;
    int code = ask_bulk(call, true, &answer);
    size_t n = json_array_size(field_at(answer, "subjects"));

    if (code != CTL_OK)
        return code;
    if (call->out->format != OUT_PEOPLE && dry)
        tell_names(call->out, answer);
    else if (call->out->format == OUT_PEOPLE && n > 0)
        code = tell_subjects(call, answer);
    json_decref(answer);
    if (n == 0)
        out_remark(call->out, "That is nobody.");
    if (code != CTL_OK || n == 0 || dry)
        return code == CTL_OK && n == 0 ? CTL_NO : code;
    return call_confirm(call, "Release %s%zu?", n == 1 ? "this " : "these ", n);
}

static int
release_many(const struct call *call)
{
    json_t *answer = NULL;
    size_t n;
    int code = call_patience(call, RELEASE_WAIT_S);

    if (code == CTL_OK)
        code = agree(call);
    if (code != CTL_OK || call_given(call, "dry-run"))
        return code;
    code = ask_bulk(call, false, &answer);
    if (code != CTL_OK)
        return code;
    n = json_array_size(field_at(answer, "subjects"));
    if (call->out->format != OUT_PEOPLE)
        tell_names(call->out, answer);
    out_remark(call->out, "%zu %s released.", n, n == 1 ? "is" : "are");
    code = held_settle(call, field_at(answer, "held"));
    json_decref(answer);
    return code;
}

int
cmd_release(const struct call *call)
{
    static const char *const bulk[] = {"since",    "until",   "family",
                                       "standing", "dry-run", "yes"};
    const char *key = call_word(call, 0);
    int code = held_check(call);

    if (code != CTL_OK)
        return code;
    for (size_t i = 0; i < sizeof(bulk) / sizeof(bulk[0]) && key != NULL; i++)
        if (call_given(call, bulk[i]))
            return call_usage(call, "--%s is for many: without KEY", bulk[i]);
    if (key != NULL)
        return release_one(call, key);
    if (call_given(call, "legit"))
        return call_usage(call, "--legit teaches about one: say whom");
    if (!call_given(call, "since"))
        return call_usage(call, "say whom, or since when: release KEY, "
                                "release --since TIME");
    return release_many(call);
}
