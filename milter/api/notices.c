/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/api/notices.c - letters and webhooks: which were sent, what one would
 * say, and the last ones again.
 */
#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "milter/api/changes.h"
#include "milter/api/find.h"
#include "milter/api/handlers.h"
#include "milter/api/json.h"
#include "milter/api/judged.h"

void
api_get_notices(struct api_call *call)
{
    char id[SUBJECT_TEXT];
    struct subject subject;
    uint64_t limit;
    bool given;

    if (!api_only_queries(call, "subject limit") ||
        !api_call_number(call, "limit", 100, 1, 1000, &limit) ||
        !api_find_query(call, "subject", &given, &subject))
        return;
    api_ok(call,
           json_pack("{s:o}", "notices",
                     notice_list(call->desk->notice,
                                 given ? subject_print(&subject, id) : NULL,
                                 (unsigned)limit)));
}

/* ----- what a letter would say */

struct preview {
    struct api_call *call;
    struct subject subject;
    bool has_kind;
    enum notice_kind kind;
    const char *language;
    struct change change; /* what it is about */
};

static bool
read_kind(struct preview *preview)
{
    const char *kind = api_call_query(preview->call, "kind");

    preview->has_kind = kind != NULL;
    for (unsigned i = 0; kind != NULL && i < NOTICE_KINDS; i++) {
        if (strcmp(notice_kind_name((enum notice_kind)i), kind) == 0) {
            preview->kind = (enum notice_kind)i;
            return true;
        }
    }
    if (kind == NULL)
        return true;
    api_problem(preview->call, 400, "bad-request",
                "kind= is throttled, quarantined, released or postmaster, not "
                "`%.60s'",
                kind);
    return false;
}

/* The letter that would go to the owner for a change to STANDING; in *KIND.
 * False: none would. */
static bool
kind_of(enum standing standing, enum notice_kind *kind)
{
    switch (standing) {
    case STANDING_THROTTLED:
        *kind = NOTICE_THROTTLED;
        return true;
    case STANDING_QUARANTINED:
        *kind = NOTICE_QUARANTINED;
        return true;
    case STANDING_NORMAL:
    case STANDING_PROBATION:
        *kind = NOTICE_RELEASED;
        return true;
    case STANDING_WATCHED:
        break;
    }
    *kind = NOTICE_POSTMASTER;
    return false;
}

/* The newest change of the subject that has led to such a letter. */
static enum ms_err
find_change(struct preview *preview, bool *found)
{
    char id[SUBJECT_TEXT];
    const struct diary_change_query query = {
        .subject = subject_print(&preview->subject, id), .limit = 20};
    struct api_changes *changes = NULL;
    enum ms_err err;

    err = api_changes_find(preview->call->desk, &query, API_CHANGES_FLEET,
                           &changes);
    *found = false;
    for (size_t i = 0; err == MS_OK && i < api_changes_count(changes); i++) {
        const struct change *change = api_changes_at(changes, i);
        enum notice_kind kind;
        bool owners = kind_of(change->evidence.to, &kind);

        if (preview->has_kind && preview->kind != NOTICE_POSTMASTER &&
            !(owners && kind == preview->kind))
            continue;
        if (!preview->has_kind)
            preview->kind = kind;
        preview->change = *change;
        *found = true;
        break;
    }
    api_changes_destroy(changes);
    return err;
}

/* For who was never in that standing: as if it came to it now. */
static enum ms_err
imagine_change(struct preview *preview)
{
    static const enum standing to[] = {
        [NOTICE_THROTTLED] = STANDING_THROTTLED,
        [NOTICE_QUARANTINED] = STANDING_QUARANTINED,
        [NOTICE_RELEASED] = STANDING_PROBATION,
        [NOTICE_POSTMASTER] = STANDING_QUARANTINED,
    };
    struct api_call *call = preview->call;
    struct change *change = &preview->change;
    struct daemon *daemon = call->desk->daemon;
    const struct config *config = daemon_config_get(daemon);
    struct store_record record;
    struct detect_view view;
    bool found = false;
    enum ms_err err = store_get(daemon_store(daemon), &preview->subject,
                                call->now, &found, &record);

    memset(change, 0, sizeof(*change));
    if (!preview->has_kind)
        preview->kind = NOTICE_QUARANTINED;
    if (err == MS_OK && found &&
        detect_view(config, &record, call->now.wall, &view)) {
        change->evidence = view.now;
        change->class = view.class;
        api_judged_rule(view.rule, change->rule);
    }
    daemon_config_put(daemon, config);
    change->subject = preview->subject;
    change->evidence.at_s = call->now.wall.s;
    change->evidence.from = STANDING_NORMAL;
    change->evidence.to = to[preview->kind];
    change->evidence.cause = CAUSE_EVIDENCE;
    return err;
}

static void
answer_preview(struct preview *preview)
{
    struct api_call *call = preview->call;
    struct why why = {""};
    char *letter = NULL;
    enum ms_err err =
        notice_preview(call->desk->notice, &preview->change, preview->kind,
                       preview->language, &letter, &why);

    if (err == MS_INVALID) {
        api_problem(call, 409, "conflict", "%s",
                    why.text[0] != '\0' ? why.text
                                        : "the configuration has no `notice'");
        return;
    }
    if (err != MS_OK) {
        api_failed(call, err, why.text);
        return;
    }
    call->text = letter;
    call->text_len = strlen(letter);
    call->type = "text/plain; charset=utf-8";
    call->status = 200;
}

void
api_get_preview(struct api_call *call)
{
    struct preview preview = {.call = call};
    bool found;
    enum ms_err err;

    if (!api_only_queries(call, "kind language") || !read_kind(&preview) ||
        !api_find_subject(call, &preview.subject))
        return;
    preview.language = api_call_query(call, "language");
    err = find_change(&preview, &found);
    if (err == MS_OK && !found)
        err = imagine_change(&preview);
    if (err != MS_OK)
        api_failed(call, err, NULL);
    else
        answer_preview(&preview);
}

/* ----- once more */

void
api_post_resend(struct api_call *call)
{
    struct subject subject;
    unsigned n = 0;
    enum ms_err err;

    if (!api_only_queries(call, "") || !api_only_keys(call, "") ||
        !api_find_subject(call, &subject))
        return;
    err = notice_resend(call->desk->notice, &subject, &n);
    api_audit(call, "resend", &subject, err == MS_OK, "%u", n);
    if (err != MS_OK)
        api_failed(call, err, NULL);
    else
        api_ok(call, json_pack("{s:o}", "sent", api_number(n)));
}
