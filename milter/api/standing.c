/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/api/standing.c - an operator's word about one subject: quarantined,
 * let go, or another customer's from now on.
 */
#include <config.h>

#include <stdio.h>
#include <string.h>

#include "milter/api/find.h"
#include "milter/api/handlers.h"
#include "milter/api/helds.h"
#include "milter/api/json.h"
#include "policy/zombie.h"

enum { HELD = 10000 };

/* What is asked for, and what has come of it. */
struct deed {
    struct api_call *call;
    struct subject subject;
    char id[SUBJECT_TEXT];
    struct detect_word word;
    struct change change;
    bool changed;
};

static bool
read_note(struct deed *deed)
{
    const char *note;

    if (!api_call_text(deed->call, "note", ACT_NOTE - 1, &note))
        return false;
    deed->word.by = deed->call->peer->by;
    deed->word.note = note != NULL ? note : "";
    return true;
}

static bool
find_subject(struct deed *deed)
{
    if (!api_find_subject(deed->call, &deed->subject))
        return false;
    subject_print(&deed->subject, deed->id);
    return true;
}

/* What nobody asked of is null. */
static json_t *
change_or_null(const struct deed *deed)
{
    return deed->changed ? change_json(&deed->change) : json_null();
}

static void
audit(const struct deed *deed, const char *act, const char *detail, bool ok)
{
    api_audit(deed->call, act, &deed->subject, ok, "%s%s%s", detail,
              *detail != '\0' && *deed->word.note != '\0' ? ": " : "",
              deed->word.note);
}

/* ----- quarantine */

/* "for" or "until" in *OUT; 0: until released. */
static bool
read_until(struct api_call *call, struct wall *out)
{
    const char *span, *until, *text;

    if (!api_call_text(call, "for", 64, &span) ||
        !api_call_text(call, "until", 64, &until))
        return false;
    out->s = 0;
    text = span != NULL ? span : until;
    if (text == NULL)
        return true;
    if (span != NULL && until != NULL) {
        api_problem(call, 400, "bad-request",
                    "\"for\" and \"until\" do not go together");
        return false;
    }
    if (!api_when_read(text, call->now.wall, true, &out->s) ||
        out->s <= call->now.wall.s) {
        api_problem(call, 400, "bad-request",
                    "\"%s\" is a span, such as 12h or 7d, a date (the end of "
                    "that day, UTC) or a time to come, not `%.60s'",
                    span != NULL ? "for" : "until", text);
        return false;
    }
    return true;
}

/* Would anybody look at its standing? */
static bool
is_judged(struct deed *deed)
{
    struct daemon *daemon = deed->call->desk->daemon;
    const struct config *config = daemon_config_get(daemon);
    enum network_class class;
    bool judged =
        zombie_of(config, &deed->subject, deed->call->now.wall, &class) != NULL;

    daemon_config_put(daemon, config);
    if (!judged)
        api_problem(deed->call, 400, "bad-request",
                    "no zombie rule judges %.300s, so that nobody would be "
                    "stopped by its standing",
                    deed->id);
    return judged;
}

void
api_post_quarantine(struct api_call *call)
{
    struct deed deed = {.call = call};
    struct wall until;
    json_t *end;
    enum ms_err err;

    if (!api_only_queries(call, "") || !api_only_keys(call, "for until note") ||
        !read_note(&deed) || !read_until(call, &until) ||
        !find_subject(&deed) || !is_judged(&deed))
        return;
    err = detect_quarantine(call->desk->detect, &deed.subject, until,
                            &deed.word, &deed.change);
    end = until.s != 0 ? api_time(until.s) : json_string("released");
    audit(&deed, "quarantine",
          json_is_string(end) ? json_string_value(end) : "", err == MS_OK);
    json_decref(end);
    if (err != MS_OK)
        api_failed(call, err, NULL);
    else
        api_ok(call, json_pack("{s:o}", "change", change_json(&deed.change)));
}

/* ----- release */

static bool
read_how(struct api_call *call, enum detector_release *out)
{
    const char *how;

    if (!api_call_text(call, "how", 16, &how))
        return false;
    *out = how != NULL && strcmp(how, "legit") == 0 ? DETECTOR_LEGIT
                                                    : DETECTOR_RELEASE;
    if (how == NULL || *out == DETECTOR_LEGIT || strcmp(how, "release") == 0)
        return true;
    api_problem(call, 400, "bad-request",
                "\"how\" is release or legit, not `%.20s'", how);
    return false;
}

static void
answer_release(struct deed *deed)
{
    struct api_call *call = deed->call;
    json_t *held = NULL;
    enum ms_err err;

    err = api_helds(call->desk, deed->id, HELD, true, &held);
    /* the deed is done, whatever is known of its mail */
    if (err != MS_OK)
        held = json_array();
    api_ok(call, json_pack("{s:b, s:o, s:o}", "changed", deed->changed,
                           "change", change_or_null(deed), "held", held));
}

void
api_post_release(struct api_call *call)
{
    struct deed deed = {.call = call};
    enum detector_release how;
    enum ms_err err;

    if (!api_only_queries(call, "") || !api_only_keys(call, "how note") ||
        !read_how(call, &how) || !read_note(&deed) || !find_subject(&deed))
        return;
    err = detect_release(call->desk->detect, &deed.subject, how, CAUSE_OPERATOR,
                         &deed.word, &deed.changed, &deed.change);
    audit(&deed, "release", how == DETECTOR_LEGIT ? "legit" : "", err == MS_OK);
    if (err != MS_OK)
        api_failed(call, err, NULL);
    else
        answer_release(&deed);
}

/* ----- lease */

void
api_post_lease(struct api_call *call)
{
    struct deed deed = {.call = call};
    enum ms_err err;

    if (!api_only_queries(call, "") || !api_only_keys(call, "note") ||
        !read_note(&deed) || !find_subject(&deed))
        return;
    if (deed.subject.kind != SUBJECT_CLIENT &&
        deed.subject.kind != SUBJECT_PREFIX) {
        api_problem(call, 400, "bad-request",
                    "only a client or a prefix gets another customer, not "
                    "%.300s",
                    deed.id);
        return;
    }
    err = detect_lease(call->desk->detect, &deed.subject, &deed.word,
                       &deed.changed, &deed.change);
    audit(&deed, "lease", "", err == MS_OK);
    if (err != MS_OK)
        api_failed(call, err, NULL);
    else
        api_ok(call, json_pack("{s:b, s:o}", "changed", deed.changed, "change",
                               change_or_null(&deed)));
}
