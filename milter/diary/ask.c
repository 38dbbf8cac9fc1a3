/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/diary/ask.c - statements of the diary, their values and their answers.
 */
#include <config.h>

#include "milter/diary/diary.h"

#include <stdio.h>
#include <string.h>

#include "milter/diary/inside.h"
#include "policy/store/sqlfile.h"

void
diary_ask(struct diary *diary, const char *sql, struct diary_ask *out)
{
    *out = (struct diary_ask){.diary = diary};
    out->rc = sqlite3_prepare_v2(diary->db, sql, -1, &out->statement, NULL);
}

void
diary_text(struct diary_ask *ask, const char *text)
{
    ask->n++;
    if (ask->rc == SQLITE_OK && text != NULL)
        ask->rc =
            sqlite3_bind_text(ask->statement, ask->n, text, -1, SQLITE_STATIC);
}

void
diary_number(struct diary_ask *ask, int64_t n)
{
    ask->n++;
    if (ask->rc == SQLITE_OK)
        ask->rc = sqlite3_bind_int64(ask->statement, ask->n, n);
}

void
diary_bytes(struct diary_ask *ask, const void *bytes, size_t len)
{
    ask->n++;
    if (ask->rc != SQLITE_OK)
        return;
    if (len == 0)
        ask->rc = sqlite3_bind_zeroblob(ask->statement, ask->n, 0);
    else
        ask->rc = sqlite3_bind_blob64(ask->statement, ask->n, bytes, len,
                                      SQLITE_STATIC);
}

void
diary_value(struct diary_ask *ask, const sqlite3_value *value)
{
    ask->n++;
    if (ask->rc == SQLITE_OK)
        ask->rc = sqlite3_bind_value(ask->statement, ask->n, value);
}

bool
diary_row(struct diary_ask *ask)
{
    if (ask->rc == SQLITE_OK || ask->rc == SQLITE_ROW)
        ask->rc = sqlite3_step(ask->statement);
    return ask->rc == SQLITE_ROW;
}

void
diary_column(struct diary_ask *ask, int i, char *out, size_t size)
{
    bool none = sqlite3_column_type(ask->statement, i) == SQLITE_NULL;
    const void *text = sqlite3_column_text(ask->statement, i);
    size_t len =
        text != NULL ? (size_t)sqlite3_column_bytes(ask->statement, i) : 0;

    if (text == NULL && !none)
        ask->rc = SQLITE_NOMEM;
    if (len >= size)
        len = size - 1;
    if (len > 0)
        memcpy(out, text, len);
    out[len] = '\0';
}

/* One try.  *NOMEM: that there was no memory is known to be why. */
static bool
read_once(const char *text, size_t len,
          enum ms_err (*read)(const json_t *json, void *out), void *out,
          bool *nomem)
{
    json_error_t error = {.text = ""};
    json_t *json = json_loadb(text, len, 0, &error);
    bool good = json != NULL && read(json, out) == MS_OK;

    *nomem =
        json == NULL && (json_error_code(&error) == json_error_unknown ||
                         json_error_code(&error) == json_error_out_of_memory);
    json_decref(json);
    return good;
}

/* Where memory is short, what is parsed may also lack a few letters, or be
 * called bad syntax: so it is tried twice. */
bool
diary_record(struct diary_ask *ask, int i,
             enum ms_err (*read)(const json_t *json, void *out), void *out)
{
    bool none = sqlite3_column_type(ask->statement, i) == SQLITE_NULL;
    const void *text = sqlite3_column_text(ask->statement, i);
    bool good, nomem = false;
    size_t len;

    if (text == NULL) {
        ask->rc = none ? ask->rc : SQLITE_NOMEM;
        return false;
    }
    len = (size_t)sqlite3_column_bytes(ask->statement, i);
    good = read_once(text, len, read, out, &nomem) ||
           (!nomem && read_once(text, len, read, out, &nomem));
    if (nomem)
        ask->rc = SQLITE_NOMEM;
    return good;
}

void
diary_again(struct diary_ask *ask)
{
    if (ask->rc == SQLITE_ROW || ask->rc == SQLITE_DONE)
        ask->rc = SQLITE_OK;
    if (ask->rc == SQLITE_OK)
        ask->rc = sqlite3_reset(ask->statement);
    if (ask->rc == SQLITE_OK)
        ask->rc = sqlite3_clear_bindings(ask->statement);
    ask->n = 0;
}

enum ms_err
diary_done(struct diary_ask *ask)
{
    enum ms_err err =
        sqlfile_told_reading(ask->diary->db, ask->rc, &ask->diary->why);

    sqlite3_finalize(ask->statement);
    return err;
}

enum ms_err
diary_run(struct diary_ask *ask)
{
    while (diary_row(ask))
        ;
    return diary_done(ask);
}

enum ms_err
diary_do(struct diary *diary, const char *sql)
{
    struct diary_ask ask;

    diary_ask(diary, sql, &ask);
    return diary_run(&ask);
}

enum ms_err
diary_drop_oldest(struct diary *diary, const char *sql, int64_t n)
{
    struct diary_ask ask;

    diary_ask(diary, sql, &ask);
    diary_number(&ask, n);
    return diary_run(&ask);
}

size_t
diary_append(char text[DIARY_SQL], size_t len, const char *sql)
{
    int more = snprintf(text + len, DIARY_SQL - len, "%s", sql);

    return more < 0 || (size_t)more >= DIARY_SQL - len ? len
                                                       : len + (size_t)more;
}
