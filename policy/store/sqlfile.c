/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/store/sqlfile.c - the ways of an SQLite file.
 *
 * The lock is exclusive, which keeps the journal's index in memory: a shared
 * one is mapped, and on a full disk touching it would end the daemon by SIGBUS.
 */
#include <config.h>

#include "policy/store/sqlfile.h"

#include <string.h>

#include <sqlite3.h>

enum { LOCK_WAIT_MS = 2000 };

/* Before the first access, so that no shared memory is ever made. */
static const char settings[] = "PRAGMA locking_mode = EXCLUSIVE;"
                               "PRAGMA synchronous = FULL;"
                               "PRAGMA cache_size = -%d;"
                               "PRAGMA wal_autocheckpoint = %d;"
                               "PRAGMA temp_store = MEMORY;"
                               "PRAGMA secure_delete = ON;"
                               "PRAGMA cell_size_check = ON;"
                               "PRAGMA trusted_schema = OFF;";

static enum ms_err
err_of(int rc)
{
    switch (rc & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE:
        return MS_OK;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_FORMAT:
    case SQLITE_MISMATCH:
        return MS_INVALID;
    case SQLITE_NOMEM:
        return MS_NOMEM;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return MS_BUSY;
    default:
        return MS_UNAVAIL;
    }
}

static const char *
path_of(sqlite3 *db)
{
    const char *path = sqlite3_db_filename(db, "main");

    return path != NULL ? path : "";
}

/* ERR in words, if it is one; RC is what SQLite said. */
static enum ms_err
say(sqlite3 *db, enum ms_err err, int rc, struct why *why)
{
    int system = sqlite3_system_errno(db);
    char buf[128];

    if (err == MS_OK)
        return MS_OK;
    if (err != MS_UNAVAIL || system == 0)
        return why_set(why, err, "%s: %s", path_of(db), sqlite3_errstr(rc));
    return why_set(why, err, "%s: %s (%s)", path_of(db), sqlite3_errstr(rc),
                   strerror_r(system, buf, sizeof(buf)));
}

enum ms_err
sqlfile_told(sqlite3 *db, int rc, struct why *why)
{
    return say(db, err_of(rc), rc, why);
}

enum ms_err
sqlfile_told_reading(sqlite3 *db, int rc, struct why *why)
{
    return say(db, rc == SQLITE_ERROR ? MS_INVALID : err_of(rc), rc, why);
}

enum ms_err
sqlfile_damaged(sqlite3 *db, struct why *why, const char *what)
{
    return why_set(why, MS_INVALID, "%s: %s", path_of(db), what);
}

static int
set_up(sqlite3 *db, const struct sqlfile_bounds *bounds)
{
    char text[sizeof(settings) + 32];

    sqlite3_extended_result_codes(db, 1);
    sqlite3_busy_timeout(db, LOCK_WAIT_MS);
    sqlite3_limit(db, SQLITE_LIMIT_LENGTH, bounds->value_bytes);
    sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    /* Whoever only looks at a file leaves it as it is. */
    sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    (void)sqlite3_snprintf(sizeof(text), text, settings, bounds->cache_kib,
                           bounds->journal_pages);
    return sqlite3_exec(db, text, NULL, NULL, NULL);
}

enum ms_err
sqlfile_connect(const char *path, int flags,
                const struct sqlfile_bounds *bounds, sqlite3 **out,
                struct why *why)
{
    sqlite3 *db = NULL;
    int rc = sqlite3_open_v2(
        path, &db, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE,
        NULL);
    enum ms_err err = err_of(rc);

    if (err != MS_OK)
        why_set(why, err, "%s: %s", path, sqlite3_errstr(rc));
    else
        err = sqlfile_told_reading(db, set_up(db, bounds), why);
    if (err == MS_OK)
        *out = db;
    else
        sqlite3_close(db);
    return err;
}

enum ms_err
sqlfile_begin(sqlite3 *db, int application, int layout, struct why *why)
{
    char head[128];

    (void)sqlite3_snprintf(
        sizeof(head), head,
        "PRAGMA journal_mode = WAL; BEGIN;"
        "PRAGMA application_id = %d; PRAGMA user_version = %d;",
        application, layout);
    return sqlfile_told(db, sqlite3_exec(db, head, NULL, NULL, NULL), why);
}

/* A pragma's number. */
static enum ms_err
pragma(sqlite3 *db, const char *text, int64_t *out, struct why *why)
{
    sqlite3_stmt *statement = NULL;
    int rc = sqlite3_prepare_v2(db, text, -1, &statement, NULL);
    enum ms_err err;

    if (rc == SQLITE_OK)
        rc = sqlite3_step(statement);
    err = sqlfile_told_reading(db, rc, why);
    if (rc == SQLITE_ROW)
        *out = sqlite3_column_int64(statement, 0);
    else if (err == MS_OK)
        err = sqlfile_damaged(db, why, "it does not say what it is");
    sqlite3_finalize(statement);
    return err;
}

enum ms_err
sqlfile_layout(sqlite3 *db, int application, int newest, int64_t *out,
               struct why *why)
{
    int64_t whose = 0, layout = 0;
    enum ms_err err = pragma(db, "PRAGMA application_id", &whose, why);

    if (err == MS_OK)
        err = pragma(db, "PRAGMA user_version", &layout, why);
    if (err != MS_OK)
        return err;
    if (whose != application)
        return sqlfile_damaged(db, why, "it is no file of mortsafe's");
    if (layout > newest)
        return why_set(why, MS_VERSION,
                       "%s was written by a newer mortsafe (layout %lld, this "
                       "one knows %d): install that one, or move the file away",
                       path_of(db), (long long)layout, newest);
    *out = layout;
    return MS_OK;
}

enum ms_err
sqlfile_check(sqlite3 *db, struct why *why)
{
    sqlite3_stmt *s = NULL;
    int rc = sqlite3_prepare_v2(db, "PRAGMA quick_check(1)", -1, &s, NULL);
    enum ms_err err;

    if (rc == SQLITE_OK)
        rc = sqlite3_step(s);
    err = sqlfile_told_reading(db, rc, why);
    if (rc == SQLITE_ROW) {
        const char *text = (const char *)sqlite3_column_text(s, 0);

        if (text == NULL || strcmp(text, "ok") != 0)
            err = sqlfile_damaged(db, why, text != NULL ? text : "damaged");
    }
    sqlite3_finalize(s);
    return err;
}

enum ms_err
sqlfile_settle(sqlite3 *db, struct why *why)
{
    int rc = sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_TRUNCATE,
                                       NULL, NULL);

    if (rc == SQLITE_OK) /* then closing may remove the journal */
        sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL);
    return sqlfile_told(db, rc, why);
}
