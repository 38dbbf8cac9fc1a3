/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/api/undo.c - to empty a subject's counts, and to forget a subject.
 */
#include <config.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "milter/api/find.h"
#include "milter/api/handlers.h"
#include "milter/api/json.h"
#include "policy/limit.h"

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
    uint64_t records, pictures, acts;
    struct diary_forgotten diary;
};

/* Pairs of which SUBJECT is a part. */
struct pairs {
    const struct subject *subject;
    struct subject *list;
    size_t n, room;
    enum ms_err err;
};

static bool
is_part(const struct subject *pair, const struct subject *subject)
{
    char text[SUBJECT_PART_MAX + 1], mine[SUBJECT_PART_MAX + 1];
    enum subject_kind kind, my_kind;

    if (!subject_part(subject, 0, &my_kind, mine))
        return false;
    for (size_t i = 0; subject_part(pair, i, &kind, text); i++) {
        if (kind == my_kind && strcmp(text, mine) == 0)
            return true;
    }
    return false;
}

static bool
take_pair(void *arg, const struct store_record *record)
{
    struct pairs *pairs = arg;
    size_t room = pairs->room > 0 ? 2 * pairs->room : 16;

    if (!is_part(&record->subject, pairs->subject))
        return true;
    if (pairs->n == pairs->room) {
        struct subject *list =
            realloc(pairs->list, room * sizeof(struct subject));

        if (list == NULL) {
            pairs->err = MS_NOMEM;
            return false;
        }
        pairs->list = list;
        pairs->room = room;
    }
    pairs->list[pairs->n++] = record->subject;
    return true;
}

/* Acts go one by one, so that the engine and the other hosts know at once. */
static enum ms_err
forget_acts(struct api_call *call, const struct subject *subject,
            struct forgotten *out)
{
    struct desk *desk = call->desk;
    struct acts *acts = daemon_acts_get(desk->daemon);
    enum ms_err err = MS_OK;

    for (size_t i = 0; i < acts_count(acts) && err == MS_OK; i++) {
        const struct act *act = acts_at(acts, i);
        bool found = false;

        if (act->kind == ACT_MODE || !subject_same(&act->subject, subject))
            continue;
        err = clerk_unset(desk->clerk, act->id, &found, NULL);
        out->acts += found;
    }
    acts_put(acts);
    return err;
}

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
        err = forget_acts(call, subject, out);
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
    out->pictures += picture_forget(desk->pictures, subject);
    top_forget(desk->top, subject);
    return err;
}

/* The same of pairs that SUBJECT is a part of. */
static enum ms_err
forget_pairs(struct api_call *call, const struct subject *subject,
             struct forgotten *out)
{
    struct pairs pairs = {.subject = subject};
    char id[SUBJECT_TEXT], alias[ALIAS_TEXT];
    enum ms_err err;

    if (subject->kind == SUBJECT_PAIR)
        return MS_OK;
    err =
        store_list(store_of(call), SUBJECT_PAIR, call->now, take_pair, &pairs);
    if (err == MS_OK)
        err = pairs.err;
    for (size_t i = 0; i < pairs.n && err == MS_OK; i++) {
        alias_of(call->desk->alias,
                 api_key_of(subject_print(&pairs.list[i], id)), alias);
        err = forget_one(call, &pairs.list[i], alias, out);
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
        "{s:o, s:o, s:o, s:o, s:o, s:o}", "records", api_number(f->records),
        "decisions", api_number(f->diary.decisions), "woulds",
        api_number(f->diary.woulds), "acts",
        api_number(f->acts + f->diary.acts), "audits",
        api_number(f->diary.audits), "pictures", api_number(f->pictures));

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
    clerk_settle(call->desk->clerk);
    err = forget_one(call, &subject, alias, &forgotten);
    if (err == MS_OK)
        err = forget_pairs(call, &subject, &forgotten);
    audit_forget(call, &subject, alias, err == MS_OK);
    if (err != MS_OK)
        api_failed(call, err, NULL);
    else
        answer_forget(call, id, &forgotten);
}
