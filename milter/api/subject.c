/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/api/subject.c - all that is known of one subject.
 */
#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "milter/api/changes.h"
#include "milter/api/feedback.h"
#include "milter/api/find.h"
#include "milter/api/gather.h"
#include "milter/api/handlers.h"
#include "milter/api/helds.h"
#include "milter/api/json.h"
#include "milter/api/judged.h"
#include "milter/api/use.h"
#include "milter/diary/passed.h"
#include "policy/window.h"

enum {
    RECENT = 20,      /* decisions, changes, notices, reports each */
    HELD = 1000,      /* messages held, of one page */
    EXPORTED = 10000, /* of each of these, rows of would, audit entries */
};

/* What is asked about, and what there is. */
struct about {
    struct api_call *call;
    struct subject subject;
    char id[SUBJECT_TEXT];
    const struct config *config;
    struct acts *acts;
    struct store_record record;
    struct picture_view picture;
    struct api_gather *decisions;
    struct api_changes *changes;
    json_t *also, *held, *reports;
    bool has_record, has_picture, has_acts;
};

static void
end(struct about *about)
{
    struct daemon *daemon = about->call->desk->daemon;

    json_decref(about->also);
    json_decref(about->held);
    json_decref(about->reports);
    api_changes_destroy(about->changes);
    api_gather_destroy(about->decisions);
    acts_put(about->acts);
    if (about->config != NULL)
        daemon_config_put(daemon, about->config);
}

static bool
is_about(const struct about *about, const struct act *act)
{
    return act->kind != ACT_MODE &&
           subject_same(&act->subject, &about->subject);
}

/* Other kinds of the same key that are known. */
static enum ms_err
find_also(struct about *about)
{
    struct desk *desk = about->call->desk;
    struct api_find find;
    char id[SUBJECT_TEXT];
    enum ms_err err;

    about->also = json_array();
    err = about->also != NULL ? MS_OK : MS_NOMEM;
    if (err != MS_OK || about->subject.kind == SUBJECT_PAIR)
        return err;
    api_find_candidates(about->config, api_key_of(about->id), &find);
    for (size_t i = 0; i < find.n && err == MS_OK; i++) {
        bool known = false;

        if (subject_same(&find.subject[i], &about->subject))
            continue;
        err = api_find_known(desk, &find.subject[i], about->call->now, &known);
        subject_print(&find.subject[i], id);
        if (err == MS_OK && known && !api_append(about->also, json_string(id)))
            err = MS_NOMEM;
    }
    return err;
}

/* What has become of its standing; with MOST changes. */
static enum ms_err
find_past(struct about *about, unsigned most)
{
    struct desk *desk = about->call->desk;
    const struct diary_change_query query = {.subject = about->id,
                                             .limit = most};
    enum ms_err err =
        api_changes_find(desk, &query, API_CHANGES_FLEET, &about->changes);

    if (err == MS_OK)
        err = api_helds(desk, about->id, most > HELD ? most : HELD, true,
                        &about->held);
    if (err == MS_OK)
        err = api_reports(desk, about->id, 0, most, &about->reports);
    return err;
}

/* Look it all up; with MOST decisions. */
static enum ms_err
begin(struct about *about, unsigned most)
{
    struct api_call *call = about->call;
    struct desk *desk = call->desk;
    enum ms_err err;

    subject_print(&about->subject, about->id);
    about->config = daemon_config_get(desk->daemon);
    about->acts = daemon_acts_get(desk->daemon);
    for (size_t i = 0; i < acts_count(about->acts); i++)
        about->has_acts |= is_about(about, acts_at(about->acts, i));
    about->has_picture = picture_view(desk->pictures, &about->subject,
                                      call->now.wall, &about->picture);
    err = store_get(daemon_store(desk->daemon), &about->subject, call->now,
                    &about->has_record, &about->record);
    if (err == MS_OK)
        err = api_gather_create(&about->decisions);
    clerk_settle(desk->clerk);
    if (err == MS_OK)
        err = api_gather_subject(about->decisions, desk, &about->subject, most);
    if (err == MS_OK)
        err = find_past(about, most);
    if (err == MS_OK)
        err = find_also(about);
    return err;
}

static bool
is_known(const struct about *about)
{
    return about->has_record || about->has_picture || about->has_acts ||
           api_gather_count(about->decisions) > 0 ||
           api_changes_count(about->changes) > 0 ||
           json_array_size(about->held) > 0 ||
           json_array_size(about->reports) > 0;
}

static struct api_use_of
use_of(const struct about *about)
{
    return (struct api_use_of){
        .config = about->config,
        .acts = about->acts,
        .subject = &about->subject,
        .record = about->has_record ? &about->record : NULL,
        .now = about->call->now,
    };
}

/* ----- limits */

static json_t *
room_json(const struct api_use_of *of, const struct api_use *use)
{
    uint64_t room_ms = api_use_room_ms(of, use);

    if (room_ms == UINT64_MAX)
        return json_null();
    return api_number((room_ms + 999) / 1000);
}

static json_t *
use_json(const struct api_use_of *of, const struct api_use *use)
{
    static const uint32_t none[WINDOW_SLICES];
    const struct limit *limit = use->limit;
    const struct store_window *window = use->window;
    uint64_t used = window != NULL ? window->used : 0;
    uint32_t span_s = use->rate.span_s;
    bool host = limit->scope == SCOPE_HOST;
    json_t *rule = json_sprintf("limit.%s", limit->name);

    return json_pack(
        "{s:o, s:o, s:o, s:s, s:s, s:s, s:s, s:o, s:s, s:o, s:o, s:o, s:o, "
        "s:I, s:I, s:o}",
        "limit", api_text(limit->name), "rule", rule, "origin",
        api_origin(limit->origin), "metric", metric_name(limit->count), "mode",
        mode_name(api_use_mode(of, limit)), "action",
        api_limit_action_name(limit->action), "scope", host ? "host" : "fleet",
        "rate", api_rate(use->rate, limit->count), "by",
        api_use_by_name(use->by), "raised",
        use->raised != NULL ? api_act(of->config, use->raised, of->now.wall)
                            : json_null(),
        "used", api_number(used), "share",
        api_share(api_permille(used, use->rate.n)), "room_s",
        room_json(of, use), "span_s", (json_int_t)span_s, "slice_s",
        (json_int_t)(span_s > 0 ? window_slice_s(span_s) : 0), "slices",
        api_counts(window != NULL ? window->slices : none, WINDOW_SLICES));
}

static json_t *
limits_json(const struct about *about)
{
    const struct api_use_of of = use_of(about);
    struct api_use *uses = calloc(API_USES, sizeof(*uses));
    json_t *list = uses != NULL ? json_array() : NULL;
    size_t n = list != NULL ? api_use_list(&of, uses, API_USES) : 0;

    for (size_t i = 0; i < n && list != NULL; i++) {
        if (!api_append(list, use_json(&of, &uses[i]))) {
            json_decref(list);
            list = NULL;
        }
    }
    free(uses);
    return list;
}

/* ----- exemptions and acts */

static const char *const exempt_keys[EXEMPT_KEYS] = {
    [EXEMPT_USER] = "user",       [EXEMPT_SENDER] = "sender",
    [EXEMPT_DOMAIN] = "domain",   [EXEMPT_CLIENT] = "client",
    [EXEMPT_NETWORK] = "network",
};

static json_t *
skipped_json(const struct config *config, const struct exempt *exempt)
{
    json_t *list;

    if (exempt->skip_all)
        return json_string("all");
    list = json_array();
    for (size_t i = 0; i < config->n_limits && list != NULL; i++) {
        if (exempt->skip[i] != 0 &&
            !api_append(list, api_text(config->limits[i]->name))) {
            json_decref(list);
            list = NULL;
        }
    }
    return list;
}

/* Keys that must match as well, of which the subject says nothing. */
static json_t *
besides_json(unsigned besides)
{
    json_t *list = json_array();

    for (unsigned key = 0; key < EXEMPT_KEYS && list != NULL; key++) {
        if ((besides >> key & 1) != 0 &&
            !api_append(list, json_string(exempt_keys[key]))) {
            json_decref(list);
            list = NULL;
        }
    }
    return list;
}

static json_t *
exempt_json(const struct about *about, const struct exempt *exempt,
            unsigned besides)
{
    return json_pack(
        "{s:o, s:o, s:o, s:o, s:o, s:o}", "name", api_text(exempt->name),
        "origin", api_origin(exempt->origin), "until",
        exempt->has_until ? api_time(exempt->until.s) : json_null(), "note",
        api_text(exempt->note), "limits", skipped_json(about->config, exempt),
        "besides", besides_json(besides));
}

/*
 * Does ACT exempt the subject?  What policy/acts.c finds for a scene is found
 * here for the subject alone: one of its own, or of a prefix around it.
 */
static bool
exempts(const struct about *about, const struct act *act)
{
    char inner[SUBJECT_PART_MAX + 1], outer[SUBJECT_PART_MAX + 1];
    enum subject_kind kind;
    struct prefix client, prefix;

    if (act->kind != ACT_EXEMPT || !acts_holds(act, about->call->now.wall))
        return false;
    if (is_about(about, act))
        return true;
    return act->subject.kind == SUBJECT_PREFIX &&
           (about->subject.kind == SUBJECT_CLIENT ||
            about->subject.kind == SUBJECT_PREFIX) &&
           subject_part(&about->subject, 0, &kind, inner) &&
           subject_part(&act->subject, 0, &kind, outer) &&
           prefix_parse(inner, &client, NULL) == MS_OK &&
           prefix_parse(outer, &prefix, NULL) == MS_OK &&
           prefix_covers(prefix, client);
}

static json_t *
exemptions_json(const struct about *about)
{
    const struct api_use_of of = use_of(about);
    json_t *list = json_array();
    bool ok = list != NULL;

    for (size_t i = 0; i < about->config->n_exempts && ok; i++) {
        const struct exempt *exempt = about->config->exempts[i];
        unsigned besides = 0;

        if (api_use_exempts(&of, exempt, &besides))
            ok = api_append(list, exempt_json(about, exempt, besides));
    }
    for (size_t i = 0; i < acts_count(about->acts) && ok; i++) {
        const struct act *act = acts_at(about->acts, i);

        if (exempts(about, act))
            ok = api_append(list,
                            api_act(about->config, act, about->call->now.wall));
    }
    if (!ok) {
        json_decref(list);
        list = NULL;
    }
    return list;
}

static json_t *
acts_json(const struct about *about)
{
    json_t *list = json_array();

    for (size_t i = 0; i < acts_count(about->acts) && list != NULL; i++) {
        const struct act *act = acts_at(about->acts, i);

        if (is_about(about, act) &&
            !api_append(list,
                        api_act(about->config, act, about->call->now.wall))) {
            json_decref(list);
            list = NULL;
        }
    }
    return list;
}

/* ----- what the detector thinks of it */

static json_t *
zombie_json(const struct about *about)
{
    const struct api_use_of of = use_of(about);
    struct api_judged judged;

    if (!about->has_record || !api_judged_read(about->call->desk, &of, &judged))
        return json_null();
    return api_judged_json(&judged);
}

/* Who has complained is not for everybody to read. */
static json_t *
reports_json(const struct about *about)
{
    return about->call->peer->tcp ? json_null() : json_incref(about->reports);
}

/* ----- all of it */

static json_t *
about_json(struct about *about, unsigned most)
{
    const struct store_record *record = &about->record;
    bool has = about->has_record;
    json_t *rest = json_pack(
        "{s:O, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:O, s:o, "
        "s:o}",
        "also", about->also, "standing",
        standing_name(has ? record->state.standing : STANDING_NORMAL),
        "first_seen", has ? api_time(record->first_seen.s) : json_null(),
        "last_seen", has ? api_time(record->last_seen.s) : json_null(),
        "limits", limits_json(about), "exemptions", exemptions_json(about),
        "acts", acts_json(about), "decisions",
        api_gather_json(about->decisions, most, API_NEWEST_FIRST), "pictures",
        about->has_picture
            ? api_picture(&about->picture, about->call->desk->host)
            : json_null(),
        "zombie", zombie_json(about), "changes",
        api_changes_json(about->changes), "held", about->held, "notices",
        notice_list(about->call->desk->notice, about->id, most), "reports",
        reports_json(about));

    return api_subject_with(&about->subject, rest);
}

/* Find the subject that CALL names and all about it; false: answered. */
static bool
look_up(struct about *about, unsigned most)
{
    struct api_call *call = about->call;
    enum ms_err err;

    if (!api_find_subject(call, &about->subject) ||
        !api_call_turn(call, DESK_SEARCH))
        return false;
    err = begin(about, most);
    api_call_turn_end(call, DESK_SEARCH);
    if (err != MS_OK)
        api_failed(call, err, NULL);
    else if (!is_known(about))
        api_find_unknown(call, about->id);
    else
        return true;
    end(about);
    return false;
}

void
api_get_subject(struct api_call *call)
{
    struct about about = {.call = call};

    if (!api_only_queries(call, "") || !look_up(&about, RECENT))
        return;
    api_ok(call, about_json(&about, RECENT));
    end(&about);
}

/* ----- export */

/* What is about ID, into LIST. */
struct sieve {
    const char *id;
    json_t *list;
    bool failed;
};

static bool
put(struct sieve *sieve, json_t *value)
{
    sieve->failed = !api_append(sieve->list, value);
    return !sieve->failed && json_array_size(sieve->list) < EXPORTED;
}

static bool
take_would(void *arg, const struct diary_would *would)
{
    struct sieve *sieve = arg;

    return strcmp(would->subject, sieve->id) != 0 ||
           put(sieve, api_would(would));
}

static bool
take_audit(void *arg, const struct diary_audit *entry)
{
    struct sieve *sieve = arg;

    return strcmp(entry->subject, sieve->id) != 0 ||
           put(sieve, diary_audit_json(entry));
}

static json_t *
would_json(struct about *about)
{
    char cut[DECISION_SUBJECT];
    struct sieve sieve = {.id = cut, .list = json_array()};
    struct diary *diary = about->call->desk->diary;

    decision_subject(about->id, cut);
    if (diary_woulds(diary, NULL, 0, take_would, &sieve) != MS_OK ||
        sieve.failed) {
        json_decref(sieve.list);
        return NULL;
    }
    return sieve.list;
}

static json_t *
audit_json(struct about *about)
{
    char cut[DECISION_SUBJECT];
    struct sieve sieve = {.id = cut, .list = json_array()};
    struct diary *diary = about->call->desk->diary;

    decision_subject(about->id, cut);
    if (diary_audits(diary, 0, DIARY_AUDIT, take_audit, &sieve) != MS_OK ||
        sieve.failed) {
        json_decref(sieve.list);
        return NULL;
    }
    return sieve.list;
}

static bool
take_passed(void *arg, const struct passed *passed)
{
    struct sieve *sieve = arg;

    return put(sieve, json_pack("{s:o, s:o}", "at", api_time(passed->at_s),
                                "id", api_text(passed->id)));
}

static json_t *
passed_json(const struct about *about)
{
    struct sieve sieve = {.list = json_array()};
    struct diary *diary = about->call->desk->diary;

    if (diary_passed_of(diary, about->id, EXPORTED, take_passed, &sieve) !=
            MS_OK ||
        sieve.failed) {
        json_decref(sieve.list);
        return NULL;
    }
    return sieve.list;
}

/* The list of /v1/data. */
static json_t *
kept_json(const struct about *about)
{
    struct api_call other = {.desk = about->call->desk,
                             .peer = about->call->peer,
                             .now = about->call->now,
                             .method = API_GET};
    json_t *kept;

    api_get_data(&other);
    kept = json_incref(json_object_get(other.json, "data"));
    json_decref(other.json);
    free(other.text);
    return kept;
}

void
api_get_export(struct api_call *call)
{
    struct about about = {.call = call};

    if (!api_only_queries(call, "") || !look_up(&about, EXPORTED))
        return;
    api_audit(call, "export", &about.subject, true, "%s", "");
    api_ok(call,
           json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "exported",
                     api_time(call->now.wall.s), "by", api_text(call->peer->by),
                     "subject", about_json(&about, EXPORTED), "would",
                     would_json(&about), "audit", audit_json(&about), "passed",
                     passed_json(&about), "kept", kept_json(&about)));
    end(&about);
}
