/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/diary/forget.c - take a subject out of the diary: what is about it
 * goes, what only mentions it loses its name, and what must stay, the audit
 * trail, calls it by a pseudonym.  Reads all rows: it is rare.
 */
#include <config.h>

#include "milter/diary/diary.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "milter/diary/form.h"
#include "milter/diary/inside.h"
#include "milter/line.h"
#include "policy/store/sqlfile.h"

enum { NAMED = 64 };

struct forgetting {
    const struct subject *subject;
    char text[SUBJECT_TEXT];      /* "user:ann@example.org" */
    char shown[DECISION_SUBJECT]; /* the same in a decision */
    const char *name;             /* "ann@example.org", in TEXT */
    char path[DECISION_ADDRESS];  /* the same as FROM and TO show it */
    char word[DECISION_ADDRESS];  /* ... and USER */
    const char *alias;            /* "~K7Q2M9XD" */
    char named[NAMED];            /* "user:~K7Q2M9XD" */
    struct prefix client;         /* family 0: it is none */
    struct diary_forgotten gone;
};

/* ----- whole names */

static bool
is_letter(char c)
{
    return isalnum((unsigned char)c) || (unsigned char)c >= 0x80;
}

static bool
is_of_name(char c)
{
    return c != '\0' && (is_letter(c) || strchr("._+-@", c) != NULL);
}

/* Does what is BEHIND a name make it longer?  A full stop does not. */
static bool
goes_on(const char *behind)
{
    return is_of_name(behind[0]) && (behind[0] != '.' || is_of_name(behind[1]));
}

const char *
diary_named(const char *text, const char *name)
{
    size_t len = strlen(name);

    for (const char *at = text; len > 0 && *at != '\0'; at++)
        if (strncasecmp(at, name, len) == 0 &&
            (at == text || !is_of_name(at[-1])) && !goes_on(at + len))
            return at;
    return NULL;
}

/* is_named(text, name) */
static void
is_named(sqlite3_context *context, int n, sqlite3_value **value)
{
    const char *text = (const char *)sqlite3_value_text(value[0]);
    const char *name = (const char *)sqlite3_value_text(value[1]);

    (void)n;
    sqlite3_result_int(context, text != NULL && name != NULL &&
                                    diary_named(text, name) != NULL);
}

/* TEXT, where each NAME is OTHER. */
static void
rename_all(sqlite3_str *out, const char *text, const char *name,
           const char *other)
{
    const char *found;

    while ((found = diary_named(text, name)) != NULL) {
        sqlite3_str_append(out, text, (int)(found - text));
        sqlite3_str_appendall(out, other);
        text = found + strlen(name);
    }
    sqlite3_str_appendall(out, text);
}

/* renamed(text, name, other): each NAME in TEXT is OTHER. */
static void
renamed(sqlite3_context *context, int n, sqlite3_value **value)
{
    const char *text = (const char *)sqlite3_value_text(value[0]);
    const char *name = (const char *)sqlite3_value_text(value[1]);
    const char *other = (const char *)sqlite3_value_text(value[2]);
    sqlite3_str *out;
    int rc;

    (void)n;
    if (text == NULL || name == NULL || other == NULL)
        return; /* NULL, as it is */
    out = sqlite3_str_new(sqlite3_context_db_handle(context));
    rename_all(out, text, name, other);
    rc = sqlite3_str_errcode(out);
    if (rc == SQLITE_OK)
        sqlite3_result_text(context, sqlite3_str_value(out), -1,
                            SQLITE_TRANSIENT);
    else
        sqlite3_result_error_code(context, rc);
    sqlite3_free(sqlite3_str_finish(out));
}

/* What people have written into a record: KEY of JSON.  False: no memory. */
static bool
rename_word(json_t *json, const char *key, const char *name, const char *other,
            bool *any)
{
    const char *text = json_string_value(json_object_get(json, key));
    sqlite3_str *out;
    bool good;

    if (text == NULL || diary_named(text, name) == NULL)
        return true;
    *any = true;
    out = sqlite3_str_new(NULL);
    rename_all(out, text, name, other);
    good = sqlite3_str_errcode(out) == SQLITE_OK &&
           form_put(json, key, form_text(sqlite3_str_value(out)));
    sqlite3_free(sqlite3_str_finish(out));
    return good;
}

/* retold(json, name, other): JSON where its words say OTHER for NAME; NULL:
 * they do not name it. */
static void
retold(sqlite3_context *context, int n, sqlite3_value **value)
{
    const char *text = (const char *)sqlite3_value_text(value[0]);
    const char *name = (const char *)sqlite3_value_text(value[1]);
    const char *other = (const char *)sqlite3_value_text(value[2]);
    json_t *json;
    char *out = NULL;
    bool any = false, good;

    (void)n;
    if (text == NULL || name == NULL || other == NULL ||
        diary_named(text, name) == NULL)
        return;
    json = json_loads(text, 0, NULL);
    good = json != NULL && rename_word(json, "note", name, other, &any) &&
           rename_word(json, "detail", name, other, &any);
    if (good && any)
        out = form_dump(json_incref(json));
    if (json != NULL && (!good || (any && out == NULL)))
        sqlite3_result_error_nomem(context);
    else if (out != NULL)
        sqlite3_result_text(context, out, -1, SQLITE_TRANSIENT);
    free(out);
    json_decref(json);
}

static enum ms_err
teach_names(struct diary *diary)
{
    const int kind = SQLITE_UTF8 | SQLITE_DETERMINISTIC;
    int rc = sqlite3_create_function(diary->db, "is_named", 2, kind, NULL,
                                     is_named, NULL, NULL);

    if (rc == SQLITE_OK)
        rc = sqlite3_create_function(diary->db, "renamed", 3, kind, NULL,
                                     renamed, NULL, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_create_function(diary->db, "retold", 3, kind, NULL, retold,
                                     NULL, NULL);
    return sqlfile_told(diary->db, rc, &diary->why);
}

/* ----- statements, of which ?1 is SHOWN, ?2 TEXT, ?3 NAME, ?4 PATH, ?5 WORD,
 * ?6 ALIAS, ?7 NAMED */

/* Of a pair ("user+sender:ann@a+bob@b") one name is ?3? */
#define IN_PAIR                                                                \
    "(instr(subject, '+') BETWEEN 1 AND instr(subject, ':')"                   \
    " AND (instr(subject, ':' || ?3 || '+') > 0"                               \
    " OR substr(subject, -length(?3) - 1) = '+' || ?3))"
#define ABOUT "(subject IN (?1, ?2) OR " IN_PAIR ")"
#define SAME_NAME "substr(subject, instr(subject, ':') + 1) = ?3"

static const char about_decisions[] = "DELETE FROM decision WHERE " ABOUT;
static const char about_woulds[] = "DELETE FROM would WHERE " ABOUT;
static const char about_acts[] = "DELETE FROM act WHERE " ABOUT;
static const char about_audits[] =
    "UPDATE audit SET subject = CASE WHEN subject IN (?1, ?2) THEN ?7 ELSE"
    " substr(subject, 1, instr(subject, ':')) || trim(replace('+' ||"
    " substr(subject, instr(subject, ':') + 1) || '+', '+' || ?3 || '+',"
    " '+' || ?6 || '+'), '+') END,"
    " detail = renamed(detail, ?3, ?6) WHERE " ABOUT;

/* A person, as login, sender or recipient of what was decided about others,
 * and in the words of a reply. */
static const char person_decisions[] =
    "UPDATE decision SET"
    " user = CASE WHEN lower(user) = lower(?5) THEN NULL ELSE user END,"
    " \"from\" = CASE WHEN lower(\"from\") = lower(?4) THEN NULL"
    " ELSE \"from\" END,"
    " \"to\" = CASE WHEN lower(\"to\") = lower(?4) THEN NULL ELSE \"to\" END,"
    " text = CASE WHEN is_named(text, ?3) THEN NULL ELSE text END,"
    " subject = CASE WHEN " SAME_NAME " THEN NULL ELSE subject END"
    " WHERE lower(user) = lower(?5) OR lower(\"from\") = lower(?4)"
    " OR lower(\"to\") = lower(?4) OR is_named(text, ?3)"
    " OR " SAME_NAME;
static const char person_woulds[] = "DELETE FROM would WHERE " SAME_NAME;
static const char person_audits[] =
    "UPDATE audit SET detail = renamed(detail, ?3, ?6)"
    " WHERE is_named(detail, ?3)";

/* A machine: is_inside() is ours. */
static const char machine_decisions[] =
    "UPDATE decision SET client = NULL, client_name = NULL,"
    " text = CASE WHEN instr(text, client) > 0 THEN NULL ELSE text END"
    " WHERE client IS NOT NULL AND is_inside(client)";

/* Zombies: SUBJECT is never NULL but in letters and reports.  Words in records
 * about others are pseudonymized whoever it is. */
static const struct forgotten_table {
    const char *about;  /* it goes */
    const char *person; /* ... and what is only called so; NULL */
    const char *words;  /* NULL */
    size_t at;          /* of the count in a struct diary_forgotten */
} tables[] = {
    {"DELETE FROM change WHERE " ABOUT, "DELETE FROM change WHERE " SAME_NAME,
     "UPDATE change SET json = retold(json, ?3, ?6)"
     " WHERE retold(json, ?3, ?6) IS NOT NULL",
     offsetof(struct diary_forgotten, changes)},
    {"DELETE FROM held WHERE " ABOUT, "DELETE FROM held WHERE " SAME_NAME, NULL,
     offsetof(struct diary_forgotten, helds)},
    {"DELETE FROM passed WHERE " ABOUT, "DELETE FROM passed WHERE " SAME_NAME,
     NULL, offsetof(struct diary_forgotten, passed)},
    {"DELETE FROM report WHERE " ABOUT, "DELETE FROM report WHERE " SAME_NAME,
     "UPDATE report SET json = retold(json, ?3, ?6)"
     " WHERE retold(json, ?3, ?6) IS NOT NULL",
     offsetof(struct diary_forgotten, reports)},
    {"DELETE FROM outbox WHERE " ABOUT, "DELETE FROM outbox WHERE " SAME_NAME,
     "DELETE FROM outbox WHERE is_named(json, ?3)",
     offsetof(struct diary_forgotten, letters)},
};
enum { TABLES = sizeof(tables) / sizeof(tables[0]) };

static const char person_held[] = "UPDATE held SET \"from\" = NULL"
                                  " WHERE lower(\"from\") = lower(?4)";

/* Run SQL, adding how many rows it has changed to *N. */
static enum ms_err
run(struct diary *diary, const struct forgetting *f, const char *sql,
    uint64_t *n)
{
    const char *const values[] = {f->shown, f->text,  f->name, f->path,
                                  f->word,  f->alias, f->named};
    struct diary_ask ask;
    enum ms_err err;
    int wanted;

    if (sql == NULL)
        return MS_OK;
    diary_ask(diary, sql, &ask);
    wanted = sqlite3_bind_parameter_count(ask.statement);
    for (int i = 0; i < wanted; i++)
        diary_text(&ask, values[i]);
    err = diary_run(&ask);
    if (err == MS_OK)
        *n += (uint64_t)sqlite3_changes(diary->db);
    return err;
}

/* What zombies are about.  Those that many are behind are named by nobody. */
static enum ms_err
forget_zombies(struct diary *diary, struct forgetting *f)
{
    bool person =
        f->subject->kind == SUBJECT_USER || f->subject->kind == SUBJECT_SENDER;
    bool one = (person || f->client.family != 0) && *f->name != '\0';
    enum ms_err err = MS_OK;

    for (size_t i = 0; i < TABLES && err == MS_OK; i++) {
        const struct forgotten_table *t = &tables[i];
        uint64_t *n = (void *)((char *)&f->gone + t->at);

        err = run(diary, f, t->about, n);
        if (err == MS_OK && person && one)
            err = run(diary, f, t->person, n);
        if (err == MS_OK && one)
            err = run(diary, f, t->words, n);
    }
    if (err == MS_OK && person && one)
        err = run(diary, f, person_held, &f->gone.helds);
    return err;
}

/* ----- machines */

static void
is_inside(sqlite3_context *context, int n, sqlite3_value **value)
{
    const struct forgetting *f = sqlite3_user_data(context);
    const char *text =
        n == 1 ? (const char *)sqlite3_value_text(value[0]) : NULL;
    struct prefix client;

    sqlite3_result_int(
        context, text != NULL && prefix_parse(text, &client, NULL) == MS_OK &&
                     prefix_covers(f->client, client));
}

static enum ms_err
forget_machine(struct diary *diary, struct forgetting *f)
{
    int rc = sqlite3_create_function(diary->db, "is_inside", 1, SQLITE_UTF8, f,
                                     is_inside, NULL, NULL);
    enum ms_err err = sqlfile_told(diary->db, rc, &diary->why);

    if (err == MS_OK)
        err = run(diary, f, machine_decisions, &f->gone.decisions);
    (void)sqlite3_create_function(diary->db, "is_inside", 1, SQLITE_UTF8, NULL,
                                  NULL, NULL, NULL);
    return err == MS_OK ? run(diary, f, person_audits, &f->gone.audits) : err;
}

/* ----- all */

static enum ms_err
forget_person(struct diary *diary, struct forgetting *f)
{
    enum ms_err err = run(diary, f, person_decisions, &f->gone.decisions);

    if (err == MS_OK)
        err = run(diary, f, person_woulds, &f->gone.woulds);
    return err == MS_OK ? run(diary, f, person_audits, &f->gone.audits) : err;
}

static enum ms_err
forget_mentions(struct diary *diary, struct forgetting *f)
{
    if (*f->name == '\0')
        return MS_OK;
    switch (f->subject->kind) {
    case SUBJECT_USER:
    case SUBJECT_SENDER:
        return forget_person(diary, f);
    case SUBJECT_CLIENT:
        return f->client.family != 0 ? forget_machine(diary, f) : MS_OK;
    case SUBJECT_PREFIX:
    case SUBJECT_DOMAIN:
    case SUBJECT_NETWORK:
    case SUBJECT_PAIR:
    case SUBJECT_KINDS:
        break;
    }
    return MS_OK; /* of many; whoever is one of them is forgotten by name */
}

static enum ms_err
forget(struct diary *diary, void *arg)
{
    struct forgetting *f = arg;
    enum ms_err err;

    f->gone = (struct diary_forgotten){0};
    err = teach_names(diary);
    if (err == MS_OK)
        err = run(diary, f, about_decisions, &f->gone.decisions);
    if (err == MS_OK)
        err = run(diary, f, about_woulds, &f->gone.woulds);
    if (err == MS_OK)
        err = run(diary, f, about_acts, &f->gone.acts);
    if (err == MS_OK)
        err = run(diary, f, about_audits, &f->gone.audits);
    if (err == MS_OK)
        err = forget_zombies(diary, f);
    if (err == MS_OK)
        err = forget_mentions(diary, f);
    diary->forgets += err == MS_OK;
    return err;
}

/* What was forgotten must not lie in the journal. */
static enum ms_err
settle(struct diary *diary, void *arg)
{
    (void)arg;
    return diary->dir != NULL ? sqlfile_settle(diary->db, &diary->why) : MS_OK;
}

static void
set_names(struct forgetting *f)
{
    char raw[SUBJECT_PART_MAX + 1] = "";
    enum subject_kind kind;

    (void)subject_print(f->subject, f->text);
    decision_subject(f->text, f->shown);
    f->name = strchr(f->text, ':') + 1;
    (void)snprintf(f->named, sizeof(f->named), "%.*s%.16s",
                   (int)(f->name - f->text), f->text, f->alias);
    (void)subject_part(f->subject, 0, &kind, raw);
    (void)line_print(LINE_KIND_PATH, raw, strlen(raw), f->path,
                     sizeof(f->path));
    (void)line_print(LINE_KIND_WORD, raw, strlen(raw), f->word,
                     sizeof(f->word));
    if (f->subject->kind == SUBJECT_CLIENT)
        (void)prefix_parse(raw, &f->client, NULL);
}

enum ms_err
diary_forget(struct diary *diary, const struct subject *subject,
             const char *pseudonym, struct diary_forgotten *out)
{
    struct forgetting f = {.subject = subject, .alias = pseudonym};
    enum ms_err err;

    set_names(&f);
    err = diary_write(diary, forget, &f);
    if (err == MS_OK)
        err = diary_read(diary, settle, NULL);
    if (err == MS_OK)
        *out = f.gone;
    return err;
}

uint64_t
diary_forgets(struct diary *diary)
{
    uint64_t out;

    pthread_mutex_lock(&diary->lock);
    out = diary->forgets;
    pthread_mutex_unlock(&diary->lock);
    return out;
}
