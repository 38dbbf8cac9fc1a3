/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/api/undo.c - to empty a subject's counts, and to forget a subject.
 */
#include <config.h>

#include <stdio.h>
#include <stdlib.h>

#include "milter/api/find.h"
#include "milter/api/handlers.h"
#include "milter/api/json.h"
#include "milter/api/pairs.h"
#include "policy/limit.h"
#include "policy/store/redis.h"

static struct store *
store_of(const struct api_call *call)
{
    return daemon_store(call->desk->daemon);
}

/* ----- reset */

/* Empty every window of LIMIT that SUBJECT has, whatever its span. */
static enum ms_err
reset_limit(struct api_call *call, const struct subject *subject,
            const struct limit *limit)
{
    struct store_record record;
    bool found = false;
    enum ms_err err =
        store_get(store_of(call), subject, call->now, &found, &record);

    for (size_t i = 0; found && i < record.n_windows && err == MS_OK; i++) {
        const struct store_window *w = &record.windows[i];
        bool was;

        if (limit_window(limit, w->span_s) == w->window)
            err = store_reset(store_of(call), subject, w->window, call->now,
                              &was);
    }
    return err;
}

/* What top knows is of before. */
static void
rank_again(struct api_call *call, const struct config *config,
           const struct subject *subject)
{
    struct store_record record;
    bool found = false;

    if (store_get(store_of(call), subject, call->now, &found, &record) ==
            MS_OK &&
        found)
        top_rank(call->desk->top, config, &record);
    else
        top_forget(call->desk->top, subject);
}

static void
reset(struct api_call *call, const struct config *config,
      const struct subject *subject, const char *name)
{
    const struct limit *limit = NULL;
    char id[SUBJECT_TEXT];
    bool found;
    enum ms_err err;

    if (name != NULL) {
        limit = api_limit(call, config, name);
        if (limit == NULL)
            return;
        err = reset_limit(call, subject, limit);
    } else {
        err = store_reset(store_of(call), subject, 0, call->now, &found);
    }
    api_audit(call, "reset", subject, err == MS_OK, "%s%s",
              limit != NULL ? "limit " : "all limits",
              limit != NULL ? limit->name : "");
    if (err != MS_OK) {
        api_failed(call, err, NULL);
        return;
    }
    rank_again(call, config, subject);
    api_ok(call, json_pack("{s:b, s:s, s:o}", "done", 1, "id",
                           subject_print(subject, id), "limit",
                           api_text(limit != NULL ? limit->name : NULL)));
}

void
api_post_reset(struct api_call *call)
{
    const struct config *config;
    const char *name;
    struct subject subject;

    if (!api_only_queries(call, "") || !api_only_keys(call, "limit") ||
        !api_call_text(call, "limit", ACT_LIMIT + 8, &name) ||
        !api_find_subject(call, &subject))
        return;
    config = daemon_config_get(call->desk->daemon);
    reset(call, config, &subject, name);
    daemon_config_put(call->desk->daemon, config);
}

/* ----- forget */

struct forgotten {
    uint64_t records, pictures, acts, notices;
    struct diary_forgotten diary;
};

/* All about SUBJECT itself, wherever it is. */
static enum ms_err
forget_one(struct api_call *call, const struct subject *subject,
           const char *pseudonym, struct forgotten *out)
{
    struct desk *desk = call->desk;
    struct diary_forgotten diary = {0};
    bool found = false;
    enum ms_err err = store_forget(store_of(call), subject, call->now, &found);

    out->records += found;
    if (err == MS_OK)
        err = notice_forget(desk->notice, subject, &out->notices);
    if (err == MS_OK)
        err = diary_forget(desk->diary, subject, pseudonym, &diary);
    if (err == MS_OK)
        err = clerk_fleet_forget(desk->clerk, subject, pseudonym);
    if (err == MS_OK)
        err = clerk_order_forget(desk->clerk, subject, pseudonym);
    out->diary.decisions += diary.decisions;
    out->diary.woulds += diary.woulds;
    out->diary.acts += diary.acts;
    out->diary.audits += diary.audits;
    out->diary.changes += diary.changes;
    out->diary.helds += diary.helds;
    out->diary.passed += diary.passed;
    out->diary.reports += diary.reports;
    out->diary.letters += diary.letters;
    top_forget(desk->top, subject);
    return err;
}

/* Those that the store knows, and those that only this host does. */
static enum ms_err
find_pairs(const struct api_call *call, struct pairs *pairs)
{
    struct store *shared = call->desk->shared;
    enum ms_err err = pairs_find(pairs, store_of(call), call->now);

    if (err == MS_OK && shared != NULL)
        err = pairs_find(pairs, store_redis_shadow(shared), call->now);
    return err;
}

/* SUBJECT, and the pairs that it is a part of. */
static enum ms_err
forget_all(struct api_call *call, const struct subject *subject,
           const char *alias, struct forgotten *out)
{
    struct desk *desk = call->desk;
    struct pairs pairs = {.subject = subject};
    char id[SUBJECT_TEXT], other[ALIAS_TEXT];
    enum ms_err err = find_pairs(call, &pairs);

    /* first, so that the diary has no picture of it that would stay */
    out->pictures += picture_forget(desk->pictures, subject);
    for (size_t i = 0; i < pairs.n; i++)
        out->pictures += picture_forget(desk->pictures, &pairs.list[i]);
    if (err == MS_OK)
        err = clerk_acts_forget(desk->clerk, subject, &out->acts);
    if (err == MS_OK)
        err = clerk_save(desk->clerk);
    if (err == MS_OK)
        err = forget_one(call, subject, alias, out);
    for (size_t i = 0; i < pairs.n && err == MS_OK; i++) {
        alias_of(desk->alias, api_key_of(subject_print(&pairs.list[i], id)),
                 other);
        err = forget_one(call, &pairs.list[i], other, out);
    }
    free(pairs.list);
    return err;
}

/* What is left to tell: that somebody was forgotten, and by whom. */
static void
audit_forget(struct api_call *call, const struct subject *subject,
             const char *alias, bool ok)
{
    char id[SUBJECT_TEXT], text[SUBJECT_TEXT];
    struct subject hidden;

    subject_print(subject, id);
    (void)snprintf(text, sizeof(text), "%.*s%s", (int)(api_key_of(id) - id), id,
                   alias);
    if (subject->kind != SUBJECT_PAIR &&
        subject_make(subject->kind, alias, &hidden))
        api_audit(call, "forget", &hidden, ok, "%s", "");
    else
        api_audit(call, "forget", NULL, ok, "%s", text);
}

static void
answer_forget(struct api_call *call, const char *id, const struct forgotten *f)
{
    json_t *numbers = json_pack(
        "{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "records",
        api_number(f->records), "decisions", api_number(f->diary.decisions),
        "woulds", api_number(f->diary.woulds), "acts",
        api_number(f->acts + f->diary.acts), "audits",
        api_number(f->diary.audits), "pictures", api_number(f->pictures),
        "changes", api_number(f->diary.changes), "held",
        api_number(f->diary.helds), "passed", api_number(f->diary.passed),
        "reports", api_number(f->diary.reports), "notices",
        api_number(f->notices + f->diary.letters));

    api_ok(call, json_pack("{s:b, s:s, s:o}", "done", 1, "id", id, "forgotten",
                           numbers));
}

void
api_post_forget(struct api_call *call)
{
    struct forgotten forgotten = {0};
    char id[SUBJECT_TEXT], alias[ALIAS_TEXT];
    struct subject subject;
    enum ms_err err;

    if (!api_only_queries(call, "") || !api_only_keys(call, "") ||
        !api_find_subject(call, &subject))
        return;
    alias_of(call->desk->alias, api_key_of(subject_print(&subject, id)), alias);
    /* so that nothing is written down behind our back */
    detect_forget(call->desk->detect, &subject);
    clerk_settle(call->desk->clerk);
    err = forget_all(call, &subject, alias, &forgotten);
    audit_forget(call, &subject, alias, err == MS_OK);
    if (err != MS_OK)
        api_failed(call, err, NULL);
    else
        answer_forget(call, id, &forgotten);
}
