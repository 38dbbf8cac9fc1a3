/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/diary/layout.c - the tables of the diary, and how an older file gets
 * those that it has not: each layout adds to the one before it.
 */
#include <config.h>

#include "milter/diary/diary.h"

#include "milter/diary/inside.h"
#include "policy/store/sqlfile.h"

/* A text that is empty is NULL, and in no index. */
static const char layout_1[] =
    "CREATE TABLE state(id INTEGER PRIMARY KEY, clean INTEGER NOT NULL);"
    "INSERT INTO state VALUES(1, 1);"
    "CREATE TABLE decision(seq INTEGER PRIMARY KEY AUTOINCREMENT,"
    " at_s INTEGER NOT NULL, deed INTEGER NOT NULL, action INTEGER NOT NULL,"
    " nrcpt INTEGER NOT NULL, metric INTEGER NOT NULL,"
    " rate_n INTEGER NOT NULL, span_s INTEGER NOT NULL, used INTEGER NOT NULL,"
    " retry_s INTEGER NOT NULL, code INTEGER NOT NULL,"
    " took_us INTEGER NOT NULL, \"host\" TEXT, \"ref\" TEXT, \"id\" TEXT,"
    " \"rule\" TEXT, \"listener\" TEXT, \"via\" TEXT, \"client\" TEXT,"
    " \"client_name\" TEXT, \"user\" TEXT, \"from\" TEXT, \"to\" TEXT,"
    " \"subject\" TEXT, \"enhanced\" TEXT, \"text\" TEXT, \"error\" TEXT,"
    " \"store\" TEXT);"
    "CREATE INDEX decision_at ON decision(at_s);"
    "CREATE INDEX decision_ref ON decision(ref) WHERE ref IS NOT NULL;"
    "CREATE INDEX decision_id ON decision(id) WHERE id IS NOT NULL;"
    "CREATE INDEX decision_user ON decision(user) WHERE user IS NOT NULL;"
    "CREATE INDEX decision_client ON decision(client)"
    " WHERE client IS NOT NULL;"
    "CREATE INDEX decision_subject ON decision(subject)"
    " WHERE subject IS NOT NULL;"
    "CREATE TABLE would(id INTEGER PRIMARY KEY, rule TEXT NOT NULL,"
    " subject TEXT NOT NULL, action INTEGER NOT NULL, day INTEGER NOT NULL,"
    " n INTEGER NOT NULL, first_s INTEGER NOT NULL, last_s INTEGER NOT NULL);"
    "CREATE UNIQUE INDEX would_key ON would(day, rule, subject, action);"
    "CREATE TABLE act(id TEXT PRIMARY KEY, subject TEXT,"
    " until_s INTEGER NOT NULL, json TEXT NOT NULL);"
    "CREATE TABLE audit(id INTEGER PRIMARY KEY, at_s INTEGER NOT NULL,"
    " host TEXT, by TEXT, act TEXT, subject TEXT, detail TEXT,"
    " ok INTEGER NOT NULL);"
    "CREATE TABLE blob(name TEXT PRIMARY KEY, bytes BLOB NOT NULL);";

/* What is found by a column has it; the rest of it is JSON. */
static const char layout_2[] =
    "CREATE TABLE change(seq INTEGER PRIMARY KEY AUTOINCREMENT,"
    " at_s INTEGER NOT NULL, id TEXT NOT NULL, subject TEXT NOT NULL,"
    " family TEXT, \"to\" INTEGER NOT NULL, json TEXT NOT NULL);"
    "CREATE INDEX change_at ON change(at_s);"
    "CREATE INDEX change_id ON change(id);"
    "CREATE INDEX change_subject ON change(subject);"
    "CREATE TABLE held(n INTEGER PRIMARY KEY, at_s INTEGER NOT NULL,"
    " mta INTEGER NOT NULL, nrcpt INTEGER NOT NULL, host TEXT NOT NULL,"
    " id TEXT NOT NULL, subject TEXT NOT NULL, rule TEXT NOT NULL,"
    " \"from\" TEXT);"
    "CREATE UNIQUE INDEX held_key ON held(host, id);"
    "CREATE INDEX held_at ON held(at_s);"
    "CREATE INDEX held_subject ON held(subject, at_s);"
    "CREATE TABLE passed(n INTEGER PRIMARY KEY, at_s INTEGER NOT NULL,"
    " id TEXT NOT NULL, subject TEXT NOT NULL);"
    "CREATE INDEX passed_at ON passed(at_s);"
    "CREATE INDEX passed_id ON passed(id);"
    "CREATE TABLE report(n INTEGER PRIMARY KEY, at_s INTEGER NOT NULL,"
    " subject TEXT, json TEXT NOT NULL);"
    "CREATE INDEX report_at ON report(at_s);"
    "CREATE INDEX report_subject ON report(subject)"
    " WHERE subject IS NOT NULL;"
    "CREATE TABLE outbox(seq INTEGER PRIMARY KEY AUTOINCREMENT,"
    " at_s INTEGER NOT NULL, due_s INTEGER NOT NULL, kind TEXT NOT NULL,"
    " subject TEXT, state TEXT NOT NULL, tries INTEGER NOT NULL,"
    " json TEXT NOT NULL);"
    "CREATE INDEX outbox_due ON outbox((kind = 'webhook'), due_s)"
    " WHERE state = 'waiting';"
    "CREATE INDEX outbox_kind ON outbox(kind);"
    "CREATE INDEX outbox_at ON outbox(at_s);"
    "CREATE INDEX outbox_subject ON outbox(subject, kind, at_s)"
    " WHERE subject IS NOT NULL;";

/* Behind all others, as they stand in the table of a decision's texts. */
static const char layout_3[] =
    "ALTER TABLE decision ADD COLUMN \"spf\" TEXT;"
    "ALTER TABLE decision ADD COLUMN \"lists\" TEXT;";

static const char *const layouts[DIARY_LAYOUT] = {layout_1, layout_2, layout_3};

/* Add those from the one behind LAYOUT on. */
static enum ms_err
add(struct diary *diary, int64_t layout)
{
    int rc = SQLITE_OK;

    for (; layout < DIARY_LAYOUT && rc == SQLITE_OK; layout++)
        rc = sqlite3_exec(diary->db, layouts[layout], NULL, NULL, NULL);
    return sqlfile_told_reading(diary->db, rc, &diary->why);
}

enum ms_err
diary_layout_make(struct diary *diary)
{
    return add(diary, 0);
}

enum ms_err
diary_layout_raise(struct diary *diary, int64_t layout)
{
    char number[64];
    enum ms_err err = diary_do(diary, "BEGIN IMMEDIATE");

    (void)sqlite3_snprintf(sizeof(number), number, "PRAGMA user_version = %d",
                           DIARY_LAYOUT);
    if (err == MS_OK)
        err = add(diary, layout);
    if (err == MS_OK)
        err = diary_do(diary, number);
    if (err == MS_OK)
        err = diary_do(diary, "COMMIT");
    if (err != MS_OK && !sqlite3_get_autocommit(diary->db))
        sqlite3_exec(diary->db, "ROLLBACK", NULL, NULL, NULL);
    return err;
}
