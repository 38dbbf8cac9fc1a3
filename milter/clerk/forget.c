/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/clerk/forget.c - take a subject off the fleet's board: decisions about
 * it or that mention it, changes, messages held, feedback, acts, rows of tops;
 * the audit trail, and notes about others, call it by a pseudonym.
 */
#include <config.h>

#include "milter/clerk/clerk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "milter/clerk/board.h"
#include "milter/clerk/orders.h"
#include "milter/line.h"
#include "policy/prefix.h"

enum { ALIAS = 16 /* letters of a pseudonym, at most */ };

struct forgetting {
    struct store *shared;
    const struct subject *subject;
    bool person;             /* an address, as login, sender, or recipient */
    struct prefix client;    /* family 0: it is none */
    char text[SUBJECT_TEXT]; /* "user:ann@example.org" */
    const char *name;        /* "ann@example.org", in TEXT */
    char path[DECISION_ADDRESS], word[DECISION_ADDRESS]; /* as decisions have
                                                            it */
    char shown[DECISION_SUBJECT];
    const char *alias;
    char named[DECISION_SUBJECT]; /* "user:~K7Q2M9XD" */
    struct clerk_names abouts;    /* the subject's own */
    /* names that decisions are under, and other addresses of theirs */
    char (*name_of)[BOARD_NAME + 1];
    size_t n, room;
    struct board_blob instead; /* what is new in a list */
    enum ms_err err;
};

static void
begin_forgetting(struct store *shared, const struct subject *subject,
                 const char *alias, struct forgetting *f)
{
    char raw[SUBJECT_PART_MAX + 1] = "";
    enum subject_kind kind;
    const char *colon;

    memset(f, 0, sizeof(*f));
    f->shared = shared;
    f->subject = subject;
    f->alias = alias;
    f->person =
        subject->kind == SUBJECT_USER || subject->kind == SUBJECT_SENDER;
    (void)subject_print(subject, f->text);
    colon = strchr(f->text, ':');
    f->name = colon != NULL ? colon + 1 : f->text;
    decision_subject(f->text, f->shown);
    (void)snprintf(f->named, sizeof(f->named), "%.*s%.*s",
                   (int)(f->name - f->text), f->text, ALIAS, alias);
    (void)subject_part(subject, 0, &kind, raw);
    (void)line_print(LINE_KIND_PATH, raw, strlen(raw), f->path,
                     sizeof(f->path));
    (void)line_print(LINE_KIND_WORD, raw, strlen(raw), f->word,
                     sizeof(f->word));
    if (subject->kind == SUBJECT_CLIENT &&
        prefix_parse(raw, &f->client, NULL) == MS_OK)
        f->client = prefix_cut(f->client, 32, 64);
}

static bool
same(const char *a, const char *b)
{
    return b[0] != '\0' && strcasecmp(a, b) == 0;
}

/* Is SUBJECT's text a pair of which the subject is a part? */
static bool
is_part(const struct forgetting *f, const char *subject)
{
    const char *plus = strchr(subject, '+'), *colon = strchr(subject, ':');
    const char *at = subject;
    size_t len = strlen(f->name);

    if (plus == NULL || colon == NULL || plus > colon)
        return false;
    while ((at = strstr(at, f->name)) != NULL) {
        if ((at[-1] == ':' || at[-1] == '+') &&
            (at[len] == '+' || at[len] == '\0'))
            return true;
        at++;
    }
    return false;
}

/* Is SUBJECT's text the subject's, its name's, or a pair's with it? */
static bool
is_about(const struct forgetting *f, const char *subject)
{
    const char *colon = strchr(subject, ':');

    return strcmp(subject, f->text) == 0 || strcmp(subject, f->shown) == 0 ||
           is_part(f, subject) ||
           (f->person && colon != NULL && same(f->name, colon + 1));
}

/* Is it about the subject, or does it mention it? */
static bool
mentions(const struct forgetting *f, const struct decision *d)
{
    const char *colon = strchr(d->subject, ':');
    struct prefix client;

    if (strcmp(d->subject, f->shown) == 0 || is_part(f, d->subject))
        return true;
    if (f->person)
        return same(f->word, d->user) || same(f->path, d->from) ||
               same(f->path, d->to) || diary_named(d->text, f->name) != NULL ||
               (colon != NULL && same(f->name, colon + 1));
    return f->client.family != 0 &&
           prefix_parse(d->client, &client, NULL) == MS_OK &&
           prefix_covers(f->client, client);
}

static enum board_edit
weed_decision(void *arg, const struct board_blob *blob,
              struct board_blob *instead)
{
    const struct forgetting *f = arg;
    struct decision decision;

    (void)instead;
    return clerk_blob_decision(blob, &decision) && mentions(f, &decision)
               ? BOARD_REMOVE
               : BOARD_KEEP;
}

/* CHANGE is about it, and has to go.  What is said of others is not to name
 * it. */
static bool
weed_change(void *arg, struct change *change)
{
    const struct forgetting *f = arg;
    char subject[SUBJECT_TEXT];

    if (is_about(f, subject_print(&change->subject, subject)))
        return true;
    if (diary_named(change->note, f->name) != NULL)
        (void)snprintf(change->note, sizeof(change->note), "%s", f->named);
    return false;
}

static enum board_edit
edit_change(void *arg, const struct board_blob *blob,
            struct board_blob *instead)
{
    struct forgetting *f = arg;
    struct change change;
    bool told;

    clerk_blob_end(&f->instead);
    if (!clerk_blob_change(blob, &change))
        return BOARD_KEEP;
    told = diary_named(change.note, f->name) != NULL;
    if (weed_change(f, &change))
        return BOARD_REMOVE;
    if (!told)
        return BOARD_KEEP;
    f->err = clerk_blob(change_json(&change), "", &f->instead);
    *instead = f->instead;
    return f->err == MS_OK ? BOARD_REPLACE : BOARD_KEEP;
}

/* The same of a message held; its sender is left out. */
static bool
weed_held(void *arg, struct held *held)
{
    const struct forgetting *f = arg;

    if (f->person && held->has_from && same(f->path, held->from)) {
        held->has_from = false;
        held->from[0] = '\0';
    }
    return is_about(f, held->subject);
}

/* Note NAME of LEN bytes, once. */
static void
note_name(struct forgetting *f, const char *name, size_t len)
{
    if (len == 0 || len > BOARD_NAME)
        return;
    for (size_t i = 0; i < f->n; i++)
        if (strlen(f->name_of[i]) == len &&
            memcmp(f->name_of[i], name, len) == 0)
            return;
    if (f->n == f->room) {
        size_t room = f->room > 0 ? 2 * f->room : 32;
        void *grown = realloc(f->name_of, room * sizeof(f->name_of[0]));

        if (grown == NULL) {
            f->err = MS_NOMEM;
            return;
        }
        f->name_of = grown;
        f->room = room;
    }
    memcpy(f->name_of[f->n], name, len);
    f->name_of[f->n++][len] = '\0';
}

/* The line that begins at *AT, before END, and how long it is; false: there is
 * none. */
static bool
next_line(const char **at, const char *end, const char **line, size_t *len)
{
    const char *newline =
        *at < end ? memchr(*at, '\n', (size_t)(end - *at)) : NULL;

    if (newline == NULL)
        return false;
    *line = *at;
    *len = (size_t)(newline - *at);
    *at = newline + 1;
    return true;
}

static bool
is_own(const struct forgetting *f, const char *name, size_t len)
{
    for (size_t i = 0; i < f->abouts.n; i++)
        if (strlen(f->abouts.name[i]) == len &&
            memcmp(f->abouts.name[i], name, len) == 0)
            return true;
    return false;
}

static bool
take_pointer(void *arg, const struct board_blob *blob)
{
    struct forgetting *f = arg;
    const char *at = (const char *)blob->bytes, *end = at + blob->len, *line;
    size_t len;

    while (next_line(&at, end, &line, &len))
        if (!is_own(f, line, len))
            note_name(f, line, len);
    return f->err == MS_OK;
}

static enum board_edit
weed_pointer(void *arg, const struct board_blob *blob,
             struct board_blob *instead)
{
    const struct forgetting *f = arg;
    const char *at = (const char *)blob->bytes, *end = at + blob->len, *line;
    size_t len;

    (void)instead;
    while (next_line(&at, end, &line, &len))
        if (is_own(f, line, len))
            return BOARD_REMOVE;
    return BOARD_KEEP;
}

/* A change that only names it is not found by its names. */
static bool
take_change(void *arg, const struct board_blob *blob)
{
    struct forgetting *f = arg;
    char subject[SUBJECT_TEXT], shown[DECISION_SUBJECT], name[BOARD_NAME + 1];
    struct change change;

    if (!clerk_blob_change(blob, &change) ||
        diary_named(change.note, f->name) == NULL)
        return true;
    decision_subject(subject_print(&change.subject, subject), shown);
    (void)snprintf(name, sizeof(name), "changes %s", shown);
    note_name(f, name, strlen(name));
    return f->err == MS_OK;
}

/* What becomes of the list called NAME. */
static enum ms_err
edit_list(struct forgetting *f, const char *name)
{
    enum board_edit (*edit)(void *, const struct board_blob *,
                            struct board_blob *) = weed_decision;

    if (strncmp(name, "about ", strlen("about ")) == 0)
        edit = weed_pointer;
    if (strncmp(name, "changes", strlen("changes")) == 0)
        edit = edit_change;
    return store_board_edit(f->shared, name, edit, f);
}

/* Where the subject is mentioned, and then where that is told. */
static void
forget_lists(struct forgetting *f)
{
    char name[BOARD_NAME + 1], client[PREFIX_TEXT];

    if (f->client.family != 0)
        clerk_names_about(&f->abouts, prefix_print(f->client, client));
    clerk_names_about(&f->abouts, f->name);
    clerk_names_about(&f->abouts, f->word);
    clerk_names_about(&f->abouts, f->path);
    (void)snprintf(name, sizeof(name), "decisions %s", f->shown);
    note_name(f, name, strlen(name));
    (void)snprintf(name, sizeof(name), "changes %s", f->shown);
    note_name(f, name, strlen(name));
    note_name(f, "changes", strlen("changes"));
    f->err = store_board_list(f->shared, "changes", take_change, f);
    for (size_t i = 0; i < f->abouts.n && f->err == MS_OK; i++) {
        enum ms_err err =
            store_board_list(f->shared, f->abouts.name[i], take_pointer, f);

        f->err = f->err == MS_OK ? err : f->err;
    }
    for (size_t i = 0; i < f->n && f->err == MS_OK; i++) {
        enum ms_err err = edit_list(f, f->name_of[i]);

        f->err = f->err == MS_OK ? err : f->err;
    }
    for (size_t i = 0; i < f->abouts.n && f->err == MS_OK; i++)
        f->err = store_board_drop(f->shared, f->abouts.name[i]);
}

static bool
forget_held(void *arg, const struct board_blob *blob)
{
    struct forgetting *f = arg;
    struct held held;
    bool had_from;

    if (!clerk_blob_held(blob, &held))
        return true;
    had_from = held.has_from;
    if (weed_held(f, &held))
        f->err = clerk_share_gone(f->shared, &held);
    else if (had_from && !held.has_from)
        f->err = clerk_share_held_now(f->shared, &held);
    return f->err == MS_OK;
}

static bool
forget_feedback(void *arg, const struct board_blob *blob)
{
    struct forgetting *f = arg;
    struct diary_report report;
    uint32_t unknown, complaints;

    if (clerk_orders_read_report(blob, &report, &unknown, &complaints) &&
        diary_named(report.detail, f->name) != NULL)
        f->err = store_board_remove(f->shared, "feedback", blob->field);
    return f->err == MS_OK;
}

static bool
forget_act(void *arg, const struct board_blob *blob)
{
    struct forgetting *f = arg;
    struct act act;

    if (clerk_blob_act(blob, &act) && act.kind != ACT_MODE &&
        clerk_is_about(&act.subject, f->subject))
        f->err = store_board_remove(f->shared, "acts", act.id);
    return f->err == MS_OK;
}

/* Does ENTRY name the subject?  Then not any more. */
static bool
rename_entry(const struct forgetting *f, struct diary_audit *entry)
{
    bool named =
        strcmp(entry->subject, f->shown) == 0 || is_part(f, entry->subject);
    bool told = diary_named(entry->detail, f->name) != NULL;

    if (named)
        (void)snprintf(entry->subject, sizeof(entry->subject), "%s", f->named);
    if (told) /* who and when is what must stay */
        (void)snprintf(entry->detail, sizeof(entry->detail), "%s", f->named);
    return named || told;
}

static enum board_edit
rename_audit(void *arg, const struct board_blob *blob,
             struct board_blob *instead)
{
    struct forgetting *f = arg;
    struct diary_audit entry;

    clerk_blob_end(&f->instead);
    if (!clerk_blob_audit(blob, &entry) || !rename_entry(f, &entry))
        return BOARD_KEEP;
    f->err = clerk_blob(diary_audit_json(&entry), "", &f->instead);
    *instead = f->instead;
    return f->err == MS_OK ? BOARD_REPLACE : BOARD_KEEP;
}

static bool
is_bad(void *arg, const struct decision *decision)
{
    return mentions(arg, decision);
}

static void
change_audit(void *arg, struct diary_audit *entry)
{
    (void)rename_entry(arg, entry);
}

static void
weed_waiting(struct clerk *clerk, struct forgetting *f)
{
    const struct clerk_weed weed = {is_bad, weed_change, weed_held,
                                    change_audit, f};

    clerk_weed(clerk, &weed);
}

void
clerk_forget_waiting(struct clerk *clerk, const struct subject *subject,
                     const char *pseudonym)
{
    struct forgetting f;

    begin_forgetting(clerk_shared(clerk), subject, pseudonym, &f);
    weed_waiting(clerk, &f);
}

/* Fields of the board, by name. */
static void
forget_fields(struct forgetting *f)
{
    static const struct {
        const char *name;
        bool (*each)(void *arg, const struct board_blob *blob);
    } rows[] = {
        {"acts", forget_act},
        {"helds", forget_held},
        {"feedback", forget_feedback},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        enum ms_err err = MS_OK;

        if (f->err == MS_OK)
            err = store_board_fields(f->shared, rows[i].name, rows[i].each, f);
        f->err = f->err == MS_OK ? err : f->err;
    }
}

enum ms_err
clerk_fleet_forget(struct clerk *clerk, const struct subject *subject,
                   const char *pseudonym)
{
    struct store *shared = clerk_shared(clerk);
    struct forgetting f;
    enum ms_err err;

    begin_forgetting(shared, subject, pseudonym, &f);
    weed_waiting(clerk, &f);
    if (shared == NULL)
        return MS_OK;
    forget_lists(&f);
    forget_fields(&f);
    err = f.err;
    if (err == MS_OK)
        err = store_board_edit(shared, "audit", rename_audit, &f);
    if (err == MS_OK)
        err = f.err;
    if (err == MS_OK)
        err = clerk_top_forget(shared, subject);
    clerk_blob_end(&f.instead);
    free(f.name_of);
    return err;
}
