/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/api/release.c - letting many go whom a mistake has met, and one whose
 * owner has a code.
 */
#include <config.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "milter/api/changes.h"
#include "milter/api/handlers.h"
#include "milter/api/helds.h"
#include "milter/api/json.h"
#include "milter/notice/say.h"

enum {
    CHANGES = 10000, /* that are looked through */
    HELD = 10000
};

/* How SUBJECT stands.  False: nothing can be read of it; *ERR. */
static bool
read_detector(struct api_call *call, const struct subject *subject,
              struct detector *out, enum ms_err *err)
{
    struct store_record record;
    bool found = false;

    *err = store_get(daemon_store(call->desk->daemon), subject, call->now,
                     &found, &record);
    return *err == MS_OK && found &&
           detector_read(record.state.bytes, record.state.len, out) == MS_OK;
}

/* ----- in bulk */

struct bulk {
    struct api_call *call;
    struct diary_change_query query; /* `to' has the standings */
    struct detect_word word;
    bool dry;
    struct api_changes *changes;
    json_t *subjects, *held;
};

static bool
read_span(struct bulk *bulk)
{
    struct api_call *call = bulk->call;
    const struct {
        const char *key;
        int64_t *out;
    } times[] = {{"since", &bulk->query.since_s},
                 {"until", &bulk->query.until_s}};

    for (size_t i = 0; i < 2; i++) {
        const char *text;

        if (!api_call_text(call, times[i].key, 64, &text))
            return false;
        if (text == NULL ||
            api_when_read(text, call->now.wall, false, times[i].out))
            continue;
        api_problem(call, 400, "bad-request",
                    "\"%s\" is a time, a date or how long ago, such as 2h; not "
                    "`%.60s'",
                    times[i].key, text);
        return false;
    }
    if (bulk->query.since_s != 0)
        return true;
    api_problem(call, 400, "bad-request",
                "\"since\" is needed: who is to be let go?");
    return false;
}

static bool
read_family(struct bulk *bulk)
{
    struct api_call *call = bulk->call;
    const char *family;

    if (!api_call_text(call, "family", 16, &family))
        return false;
    bulk->query.family = family;
    if (family == NULL)
        return true;
    for (unsigned i = 0; i < FAMILIES; i++) {
        if (strcmp(family_name((enum family)i), family) == 0)
            return true;
    }
    api_problem(call, 400, "bad-request",
                "\"family\" is bulk, content, reception, spread or identity, "
                "not `%.20s'",
                family);
    return false;
}

/* A list of standings; without it, those that keep mail back. */
static bool
read_standings(struct bulk *bulk)
{
    const json_t *list = json_object_get(bulk->call->body, "standing"), *word;
    size_t i;

    bulk->query.to = 1U << STANDING_THROTTLED | 1U << STANDING_QUARANTINED;
    if (list == NULL || json_is_null(list))
        return true;
    bulk->query.to = 0;
    json_array_foreach(list, i, word)
    {
        enum standing standing;

        if (!json_is_string(word) ||
            !standing_of(json_string_value(word), &standing) ||
            standing == STANDING_NORMAL) {
            bulk->query.to = 0;
            break;
        }
        bulk->query.to |= 1U << standing;
    }
    if (bulk->query.to != 0)
        return true;
    api_problem(bulk->call, 400, "bad-request",
                "\"standing\" is a list of watched, throttled, quarantined, "
                "probation");
    return false;
}

static bool
read_bulk(struct bulk *bulk)
{
    struct api_call *call = bulk->call;
    const char *note;

    if (!api_only_queries(call, "") ||
        !api_only_keys(call, "since until family standing note dry_run") ||
        !read_span(bulk) || !read_family(bulk) || !read_standings(bulk) ||
        !api_call_text(call, "note", ACT_NOTE - 1, &note) ||
        !api_bool(call, "dry_run", false, &bulk->dry))
        return false;
    bulk->query.limit = CHANGES;
    bulk->word.by = call->peer->by;
    bulk->word.note = note != NULL ? note : "";
    return true;
}

/* Is CHANGE still why its subject stands so?  What an operator has said is
 * not undone with the rest. */
static bool
holds(const struct change *change, const struct detector *d)
{
    return change->evidence.cause == CAUSE_EVIDENCE &&
           d->standing == change->evidence.to &&
           d->last.to == change->evidence.to &&
           d->last.at_s == change->evidence.at_s;
}

/* Let the subject of CHANGE go, if it holds, and tell it. */
static enum ms_err
let_go(struct bulk *bulk, const struct change *change)
{
    struct desk *desk = bulk->call->desk;
    struct detector d;
    struct change made;
    char id[SUBJECT_TEXT];
    json_t *held = NULL;
    bool changed;
    enum ms_err err;

    if (!read_detector(bulk->call, &change->subject, &d, &err) ||
        !holds(change, &d))
        return err;
    if (!bulk->dry) {
        err = detect_release(desk->detect, &change->subject, DETECTOR_RELEASE,
                             CAUSE_OPERATOR, &bulk->word, &changed, &made);
        api_audit(bulk->call, "release", &change->subject, err == MS_OK,
                  "in bulk%s%s", *bulk->word.note != '\0' ? ": " : "",
                  bulk->word.note);
    }
    subject_print(&change->subject, id);
    if (err == MS_OK)
        err = api_helds(desk, id, HELD, true, &held);
    if (err == MS_OK && (!api_append(bulk->subjects, api_text(id)) ||
                         json_array_extend(bulk->held, held) != 0))
        err = MS_NOMEM;
    json_decref(held);
    return err;
}

/* Each subject once: its last change comes first. */
static bool
is_last(const struct bulk *bulk, size_t at)
{
    const struct change *change = api_changes_at(bulk->changes, at);

    for (size_t i = 0; i < at; i++) {
        if (subject_same(&api_changes_at(bulk->changes, i)->subject,
                         &change->subject))
            return false;
    }
    return true;
}

static enum ms_err
let_all_go(struct bulk *bulk)
{
    enum ms_err err = api_changes_find(bulk->call->desk, &bulk->query,
                                       API_CHANGES_FLEET, &bulk->changes);

    for (size_t i = 0; err == MS_OK && i < api_changes_count(bulk->changes);
         i++) {
        if (is_last(bulk, i))
            err = let_go(bulk, api_changes_at(bulk->changes, i));
    }
    api_changes_destroy(bulk->changes);
    return err;
}

void
api_post_release_all(struct api_call *call)
{
    struct bulk bulk = {.call = call};
    enum ms_err err;

    if (!read_bulk(&bulk))
        return;
    bulk.subjects = json_array();
    bulk.held = json_array();
    err = bulk.subjects != NULL && bulk.held != NULL ? let_all_go(&bulk)
                                                     : MS_NOMEM;
    if (err == MS_OK)
        api_ok(call, json_pack("{s:O, s:O, s:b}", "subjects", bulk.subjects,
                               "held", bulk.held, "done", !bulk.dry));
    else
        api_failed(call, err, NULL);
    json_decref(bulk.subjects);
    json_decref(bulk.held);
}

/* ----- by a code */

/* What a code leads to. */
struct coded {
    struct api_call *call;
    const char *code;
    struct change change; /* the quarantine that it is for */
    char id[SUBJECT_TEXT];
};

static bool
refuse(struct coded *coded, unsigned status, const char *type, const char *why)
{
    api_problem(coded->call, status, type, "%s", why);
    return false;
}

/* A guess and a code of long ago are told the same. */
static bool
find_quarantine(struct coded *coded)
{
    struct desk *desk = coded->call->desk;
    char id[ACT_ID];
    bool found = false;
    enum ms_err err = MS_OK;

    if (notice_code_id(coded->code, id))
        err = api_changes_by_id(desk, id, &found, &coded->change);
    if (err != MS_OK) {
        api_failed(coded->call, err, NULL);
        return false;
    }
    if (!found || coded->change.evidence.to != STANDING_QUARANTINED ||
        coded->change.evidence.cause != CAUSE_EVIDENCE ||
        !notice_code_fits(desk->notice, coded->code, &coded->change))
        return refuse(coded, 404, "unknown-code",
                      "no quarantine that is remembered has this code");
    subject_print(&coded->change.subject, coded->id);
    return true;
}

static bool
rule_lets(struct coded *coded)
{
    struct daemon *daemon = coded->call->desk->daemon;
    const struct config *config = daemon_config_get(daemon);
    const struct zombie *rule = say_rule(config, &coded->change);
    bool lets = rule != NULL && rule->self_release;

    daemon_config_put(daemon, config);
    return lets || refuse(coded, 409, "conflict",
                          "the configuration lets nobody out by a code here: "
                          "`self_release = no'");
}

/* Does it still stand as the code found it, and for the first time? */
static bool
stands(struct coded *coded)
{
    struct detector d;
    enum ms_err err;
    bool known = read_detector(coded->call, &coded->change.subject, &d, &err);

    if (err != MS_OK) {
        api_failed(coded->call, err, NULL);
        return false;
    }
    if (!known || !holds(&coded->change, &d))
        return refuse(coded, 409, "used-code",
                      "this code was used, or its quarantine is over");
    if (d.quarantines > 1)
        return refuse(coded, 409, "repeat-offender",
                      "this is not the first quarantine: an operator must "
                      "release it");
    return true;
}

static void
answer_code(struct coded *coded, const struct change *change, bool changed)
{
    json_t *held = NULL;

    if (api_helds(coded->call->desk, coded->id, HELD, true, &held) != MS_OK)
        held = json_array();
    api_ok(coded->call,
           json_pack("{s:o, s:o, s:o}", "subject", api_text(coded->id),
                     "change", changed ? change_json(change) : json_null(),
                     "held", held));
}

static void
let_out(struct coded *coded)
{
    struct api_call *call = coded->call;
    const struct detect_word word = {.by = call->peer->by, .note = ""};
    struct change change;
    bool changed = false;
    enum ms_err err = detect_release(call->desk->detect, &coded->change.subject,
                                     DETECTOR_RELEASE, CAUSE_CUSTOMER, &word,
                                     &changed, &change);

    api_audit(call, "confirm", &coded->change.subject, err == MS_OK,
              "by the code of change %s", coded->change.id);
    if (err != MS_OK)
        api_failed(call, err, NULL);
    else
        answer_code(coded, &change, changed);
}

void
api_post_confirm(struct api_call *call)
{
    struct coded coded = {.call = call};

    if (!api_only_queries(call, "") || !api_only_keys(call, "code") ||
        !api_call_text(call, "code", 200, &coded.code))
        return;
    if (coded.code == NULL) {
        api_problem(call, 400, "bad-request", "\"code\" is needed");
        return;
    }
    /* one at a time: a code is good once */
    if (!api_call_turn(call, DESK_CONFIRM))
        return;
    if (find_quarantine(&coded) && rule_lets(&coded) && stands(&coded))
        let_out(&coded);
    api_call_turn_end(call, DESK_CONFIRM);
}
