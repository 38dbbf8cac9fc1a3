/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/store/statefile.c - the embedded store's SQLite file.
 *
 * Ids are assigned by us and grow, so new rows go to the end of the tree; keyed
 * by its hash a million rows took 4.7 GB and ten times as long.
 */
#include <config.h>

#include "policy/store/statefile.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sodium.h>
#include <sqlite3.h>

#include "policy/store/sqlfile.h"
#include "policy/window.h"

enum {
    APPLICATION = 0x4d534146, /* "MSAF" */
    URI = 3 * 4096 + 64       /* room for any path, escaped */
};

enum statement {
    BEGIN,
    COMMIT,
    PUT,
    PUT_STATE,
    DELETE,
    DELETE_STATE,
    PUT_META,
    STATEMENTS
};

static const char *const sql[STATEMENTS] = {
    [BEGIN] = "BEGIN IMMEDIATE",
    [COMMIT] = "COMMIT",
    [PUT] = "REPLACE INTO subject VALUES(?1, ?2, ?3, ?4, ?5)",
    [PUT_STATE] = "REPLACE INTO detector VALUES(?1, ?2)",
    [DELETE] = "DELETE FROM subject WHERE id = ?1",
    [DELETE_STATE] = "DELETE FROM detector WHERE id = ?1",
    [PUT_META] = "REPLACE INTO meta VALUES(1, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
};

static const char schema[] =
    "CREATE TABLE subject(id INTEGER PRIMARY KEY, key BLOB NOT NULL,"
    " kind INTEGER NOT NULL, name BLOB NOT NULL, windows BLOB NOT NULL);"
    "CREATE TABLE detector(id INTEGER PRIMARY KEY, blob BLOB NOT NULL);"
    "CREATE TABLE meta(id INTEGER PRIMARY KEY, boot TEXT NOT NULL,"
    " boot_ms INTEGER NOT NULL, wall_s INTEGER NOT NULL,"
    " clock_ms INTEGER NOT NULL, hash_key BLOB NOT NULL,"
    " subjects INTEGER NOT NULL, clean INTEGER NOT NULL,"
    " sum INTEGER NOT NULL);";

static const struct sqlfile_bounds bounds = {
    .value_bytes = 1 << 16, /* no blob of ours is longer */
    .cache_kib = 16384,
    .journal_pages = 4000,
};

struct statefile {
    sqlite3 *db;
    sqlite3_stmt *statement[STATEMENTS];
};

static enum ms_err
damaged(struct statefile *file, struct why *why, const char *what)
{
    return sqlfile_damaged(file->db, why, what);
}

static enum ms_err
told(struct statefile *file, int rc, struct why *why)
{
    return sqlfile_told(file->db, rc, why);
}

static enum ms_err
told_reading(struct statefile *file, int rc, struct why *why)
{
    return sqlfile_told_reading(file->db, rc, why);
}

/* ----- opening */

static enum ms_err
connect(const char *path, int flags, struct statefile **out, struct why *why)
{
    struct statefile *file = calloc(1, sizeof(*file));
    enum ms_err err;

    if (file == NULL)
        return why_set(why, MS_NOMEM, "%s: no memory", path);
    err = sqlfile_connect(path, flags, &bounds, &file->db, why);
    if (err == MS_OK)
        *out = file;
    else
        statefile_close(file);
    return err;
}

/* Bring a file of an older layout to this one; there is none yet. */
static enum ms_err
migrate(struct statefile *file, int64_t layout, struct why *why)
{
    if (layout == STATEFILE_LAYOUT)
        return MS_OK;
    return damaged(file, why, "its layout is none that ever was");
}

static enum ms_err
check_layout(struct statefile *file, struct why *why)
{
    int64_t layout = 0;
    enum ms_err err =
        sqlfile_layout(file->db, APPLICATION, STATEFILE_LAYOUT, &layout, why);

    return err == MS_OK ? migrate(file, layout, why) : err;
}

static enum ms_err
prepare(struct statefile *file, struct why *why)
{
    for (int i = 0; i < STATEMENTS; i++) {
        int rc =
            sqlite3_prepare_v3(file->db, sql[i], -1, SQLITE_PREPARE_PERSISTENT,
                               &file->statement[i], NULL);

        if (rc == SQLITE_ERROR)
            return damaged(file, why, "its tables are not as they should be");
        if (rc != SQLITE_OK)
            return told(file, rc, why);
    }
    return MS_OK;
}

enum ms_err
statefile_open(const char *path, struct statefile **out, struct why *why)
{
    struct statefile *file = NULL;
    enum ms_err err = connect(path, SQLITE_OPEN_READWRITE, &file, why);

    if (err == MS_OK)
        err = check_layout(file, why);
    if (err == MS_OK && sqlite3_db_readonly(file->db, "main") == 1 &&
        access(path, W_OK) == 0)
        err = damaged(file, why, "its head forbids to write to it");
    if (err == MS_OK)
        err = prepare(file, why);
    if (err == MS_OK)
        *out = file;
    else
        statefile_close(file);
    return err;
}

/* PATH as a URI (RFC 3986 section 2). */
static void
write_uri(const char *path, char out[URI])
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrs"
                                "tuvwxyz0123456789/-._~";
    size_t n = (size_t)snprintf(out, URI, "file:");

    for (; *path != '\0' && n + 32 < URI; path++)
        if (strchr(plain, *path) != NULL)
            out[n++] = *path;
        else
            n += (size_t)snprintf(out + n, 4, "%%%02X", (uint8_t)*path);
    (void)snprintf(out + n, URI - n, "?immutable=1");
}

enum ms_err
statefile_open_unwritable(const char *path, struct statefile **out,
                          struct why *why)
{
    struct statefile *file = NULL;
    char uri[URI];
    enum ms_err err;

    write_uri(path, uri);
    err = connect(uri, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, &file, why);
    if (err == MS_OK)
        err = check_layout(file, why);
    if (err == MS_OK)
        *out = file;
    else
        statefile_close(file);
    return err;
}

/* ----- writing */

/* Run a statement whose values are bound. */
static enum ms_err
run(struct statefile *file, enum statement which, struct why *why)
{
    sqlite3_stmt *statement = file->statement[which];
    int rc = sqlite3_step(statement);
    enum ms_err err = told(file, rc, why);

    sqlite3_reset(statement);
    return err;
}

/* No copy is made: what is bound outlives the step. */
static int
bind(sqlite3_stmt *statement, int i, const uint8_t *bytes, size_t len)
{
    if (len == 0)
        return sqlite3_bind_zeroblob(statement, i, 0);
    return sqlite3_bind_blob(statement, i, bytes, (int)len, SQLITE_STATIC);
}

static enum ms_err
delete_row(struct statefile *file, enum statement which, uint64_t id,
           struct why *why)
{
    int rc = sqlite3_bind_int64(file->statement[which], 1, (int64_t)id);

    return rc == SQLITE_OK ? run(file, which, why) : told(file, rc, why);
}

static enum ms_err
put_state(struct statefile *file, const struct row *row, struct why *why)
{
    sqlite3_stmt *statement = file->statement[PUT_STATE];
    int rc = sqlite3_bind_int64(statement, 1, (int64_t)row->id);

    if (rc == SQLITE_OK)
        rc = bind(statement, 2, row->state, row->state_len);
    return rc == SQLITE_OK ? run(file, PUT_STATE, why) : told(file, rc, why);
}

static enum ms_err
put_row(struct statefile *file, const struct row *row, struct why *why)
{
    sqlite3_stmt *statement = file->statement[PUT];
    int rc = sqlite3_bind_int64(statement, 1, (int64_t)row->id);

    if (rc == SQLITE_OK)
        rc = bind(statement, 2, row->key, row->key_len);
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_int64(statement, 3, row->kind);
    if (rc == SQLITE_OK)
        rc = bind(statement, 4, row->name, row->name_len);
    if (rc == SQLITE_OK)
        rc = bind(statement, 5, row->windows, row->windows_len);
    return rc == SQLITE_OK ? run(file, PUT, why) : told(file, rc, why);
}

enum ms_err
statefile_begin(struct statefile *file, struct why *why)
{
    return run(file, BEGIN, why);
}

enum ms_err
statefile_write(struct statefile *file, const struct row *row, struct why *why)
{
    enum ms_err err = MS_OK;

    if (row->delete)
        err = delete_row(file, DELETE, row->id, why);
    else
        err = put_row(file, row, why);
    if (err == MS_OK && row->delete_state)
        err = delete_row(file, DELETE_STATE, row->id, why);
    if (err == MS_OK && row->state_len > 0)
        err = put_state(file, row, why);
    return err;
}

/* Against damage, as in rows: another hash key would forget everybody. */
static int64_t
meta_sum(const struct statefile_meta *meta)
{
    static const uint8_t key[crypto_shorthash_KEYBYTES] = "mortsafe.meta";
    int64_t numbers[5] = {meta->boot_ms, meta->wall_s, meta->clock_ms,
                          (int64_t)meta->subjects, meta->clean};
    uint8_t bytes[STATEFILE_BOOT + LEDGER_HASH_KEY + 5 * 8] = {0};
    uint8_t sum[crypto_shorthash_BYTES];
    int64_t out = 0;

    memcpy(bytes, meta->boot, strlen(meta->boot));
    memcpy(bytes + STATEFILE_BOOT, meta->hash_key, LEDGER_HASH_KEY);
    for (unsigned i = 0; i < 5 * 8; i++)
        bytes[STATEFILE_BOOT + LEDGER_HASH_KEY + i] =
            (uint8_t)((uint64_t)numbers[i / 8] >> i % 8 * 8);
    crypto_shorthash(sum, bytes, sizeof(bytes), key);
    for (unsigned i = 0; i < sizeof(sum); i++)
        out = (int64_t)((uint64_t)out << 8 | sum[i]);
    return out;
}

static enum ms_err
put_meta(struct statefile *file, const struct statefile_meta *meta,
         struct why *why)
{
    sqlite3_stmt *statement = file->statement[PUT_META];
    const int64_t number[] = {meta->boot_ms, meta->wall_s, meta->clock_ms};
    int rc = sqlite3_bind_text(statement, 1, meta->boot, -1, SQLITE_STATIC);

    for (int i = 0; i < 3 && rc == SQLITE_OK; i++)
        rc = sqlite3_bind_int64(statement, 2 + i, number[i]);
    if (rc == SQLITE_OK)
        rc = bind(statement, 5, meta->hash_key, LEDGER_HASH_KEY);
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_int64(statement, 6, (int64_t)meta->subjects);
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_int(statement, 7, meta->clean);
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_int64(statement, 8, meta_sum(meta));
    return rc == SQLITE_OK ? run(file, PUT_META, why) : told(file, rc, why);
}

enum ms_err
statefile_commit(struct statefile *file, const struct statefile_meta *meta,
                 struct why *why)
{
    enum ms_err err = put_meta(file, meta, why);

    return err == MS_OK ? run(file, COMMIT, why) : err;
}

enum ms_err
statefile_settle(struct statefile *file, struct why *why)
{
    return sqlfile_settle(file->db, why);
}

enum ms_err
statefile_create(const char *path, const struct statefile_meta *meta,
                 struct why *why)
{
    struct statefile *file = NULL;
    enum ms_err err = connect(path, SQLITE_OPEN_READWRITE, &file, why);

    if (err == MS_OK)
        err = sqlfile_begin(file->db, APPLICATION, STATEFILE_LAYOUT, why);
    if (err == MS_OK)
        err = told(file, sqlite3_exec(file->db, schema, NULL, NULL, NULL), why);
    if (err == MS_OK)
        err = prepare(file, why);
    if (err == MS_OK)
        err = statefile_commit(file, meta, why);
    if (err == MS_OK)
        err = statefile_settle(file, why);
    statefile_close(file);
    return err;
}

void
statefile_close(struct statefile *file)
{
    if (file == NULL)
        return;
    for (int i = 0; i < STATEMENTS; i++)
        sqlite3_finalize(file->statement[i]);
    sqlite3_close(file->db);
    free(file);
}

/* ----- reading */

static bool
meta_fits(const struct statefile_meta *meta, int64_t sum)
{
    return meta->clock_ms >= 0 && sum == meta_sum(meta);
}

enum ms_err
statefile_read_meta(struct statefile *file, struct statefile_meta *out,
                    struct why *why)
{
    struct statefile_meta meta = {0};
    sqlite3_stmt *s = NULL;
    bool whole = false;
    int rc = sqlite3_prepare_v2(file->db, "SELECT * FROM meta WHERE id = 1", -1,
                                &s, NULL);

    if (rc == SQLITE_OK)
        rc = sqlite3_step(s);
    if (rc == SQLITE_ROW && sqlite3_column_text(s, 1) != NULL &&
        sqlite3_column_bytes(s, 1) < STATEFILE_BOOT &&
        sqlite3_column_bytes(s, 5) == LEDGER_HASH_KEY) {
        memcpy(meta.boot, sqlite3_column_text(s, 1),
               (size_t)sqlite3_column_bytes(s, 1));
        meta.boot_ms = sqlite3_column_int64(s, 2);
        meta.wall_s = sqlite3_column_int64(s, 3);
        meta.clock_ms = sqlite3_column_int64(s, 4);
        memcpy(meta.hash_key, sqlite3_column_blob(s, 5), LEDGER_HASH_KEY);
        meta.subjects = (uint64_t)sqlite3_column_int64(s, 6);
        meta.clean = sqlite3_column_int(s, 7) != 0;
        whole = meta_fits(&meta, sqlite3_column_int64(s, 8));
    }
    sqlite3_finalize(s);
    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        return told_reading(file, rc, why);
    if (!whole)
        return damaged(file, why, "its first row is damaged");
    *out = meta;
    return MS_OK;
}

enum ms_err
statefile_check(struct statefile *file, struct why *why)
{
    return sqlfile_check(file->db, why);
}

static const uint8_t *
column(sqlite3_stmt *s, int i, size_t *len)
{
    const uint8_t *bytes = sqlite3_column_blob(s, i);

    *len = bytes != NULL ? (size_t)sqlite3_column_bytes(s, i) : 0;
    return bytes;
}

/*
 * Both tables are in the order of ids: the row of the lower id, with the state
 * of the same id.  RC[0] and RC[1] tell where SUBJECT and STATE stand.
 */
static struct row
row_of(sqlite3_stmt *subject, sqlite3_stmt *state, const int rc[2],
       bool used[2])
{
    int64_t id[2] = {INT64_MAX, INT64_MAX};
    struct row row = {0};

    if (rc[0] == SQLITE_ROW)
        id[0] = sqlite3_column_int64(subject, 0);
    if (rc[1] == SQLITE_ROW)
        id[1] = sqlite3_column_int64(state, 0);
    used[0] = rc[0] == SQLITE_ROW && id[0] <= id[1];
    used[1] = rc[1] == SQLITE_ROW && id[1] <= id[0];
    row.id = (uint64_t)(used[0] ? id[0] : id[1]);
    if (used[0]) {
        row.key = column(subject, 1, &row.key_len);
        row.kind = sqlite3_column_int64(subject, 2);
        row.name = column(subject, 3, &row.name_len);
        row.windows = column(subject, 4, &row.windows_len);
    }
    if (used[1])
        row.state = column(state, 1, &row.state_len);
    return row;
}

enum ms_err
statefile_read(struct statefile *file,
               enum ms_err (*each)(void *arg, const struct row *row), void *arg,
               struct why *why)
{
    static const char *const text[2] = {
        "SELECT id, key, kind, name, windows FROM subject ORDER BY id",
        "SELECT id, blob FROM detector ORDER BY id"};
    sqlite3_stmt *s[2] = {NULL, NULL};
    int rc[2] = {SQLITE_OK, SQLITE_OK};
    bool used[2] = {true, true};
    enum ms_err err = MS_OK;

    for (int i = 0; i < 2 && err == MS_OK; i++) {
        rc[i] = sqlite3_prepare_v2(file->db, text[i], -1, &s[i], NULL);
        err = told_reading(file, rc[i], why);
    }
    while (err == MS_OK) {
        struct row row;

        for (int i = 0; i < 2 && err == MS_OK; i++) {
            if (used[i] && rc[i] != SQLITE_DONE)
                rc[i] = sqlite3_step(s[i]);
            err = told_reading(file, rc[i], why);
        }
        if (err != MS_OK || (rc[0] == SQLITE_DONE && rc[1] == SQLITE_DONE))
            break;
        row = row_of(s[0], s[1], rc, used);
        err = each(arg, &row);
    }
    sqlite3_finalize(s[0]);
    sqlite3_finalize(s[1]);
    sqlite3_db_release_memory(file->db); /* nobody reads them again */
    return err;
}
