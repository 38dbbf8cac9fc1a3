/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/diary/diary.c - the diary's file: opening, transactions, what to do
 * when it is damaged, and the smaller things in it.
 *
 * Every row that may become many has a number that grows, so that the oldest
 * are a range: dropping them is cheap, however many there are.
 */
#include <config.h>

#include "milter/diary/diary.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "milter/diary/held.h"
#include "milter/diary/inside.h"
#include "milter/wait.h"
#include "policy/store/sqlfile.h"

#define FILE_NAME "diary.db"

enum { APPLICATION = 0x4d534449 /* "MSDI" */ };

static const struct sqlfile_bounds bounds = {
    .value_bytes = 512 << 20, /* the pictures of all subjects */
    .cache_kib = 4096,
    .journal_pages = 2000,
};

/* ----- the file */

/* The one number that SQL asks for, 0 for NULL. */
static enum ms_err
number_of(struct diary *diary, const char *sql, int64_t *out)
{
    struct diary_ask ask;

    *out = 0;
    diary_ask(diary, sql, &ask);
    if (diary_row(&ask))
        *out = sqlite3_column_int64(ask.statement, 0);
    return diary_done(&ask);
}

static void
close_db(struct diary *diary)
{
    sqlite3_close(diary->db);
    diary->db = NULL;
}

static enum ms_err
attach(struct diary *diary, const char *path)
{
    return sqlfile_connect(path, SQLITE_OPEN_READWRITE, &bounds, &diary->db,
                           &diary->why);
}

/* ----- a new file */

/* Make the tables of an empty file, with what was SAVED. */
static enum ms_err
fill(struct diary *diary, const struct diary_saved *saved)
{
    enum ms_err err =
        sqlfile_begin(diary->db, APPLICATION, DIARY_LAYOUT, &diary->why);

    if (err == MS_OK)
        err = diary_layout_make(diary);
    if (err == MS_OK)
        err = diary_put_saved(diary, saved);
    return err == MS_OK ? diary_do(diary, "COMMIT") : err;
}

/* Make it beside the place of the file, whole. */
static enum ms_err
make_draft(struct diary *diary, const struct diary_saved *saved)
{
    enum ms_err err = statedir_begin_draft(diary->dir, &diary->why);

    if (err == MS_OK)
        err = attach(diary, statedir_draft(diary->dir));
    if (err == MS_OK)
        err = fill(diary, saved);
    if (err == MS_OK)
        err = sqlfile_settle(diary->db, &diary->why);
    close_db(diary);
    return err;
}

static enum ms_err
make_file(struct diary *diary)
{
    const struct diary_saved none = {0};
    enum ms_err err = make_draft(diary, &none);

    return err == MS_OK ? statedir_end_draft(diary->dir, &diary->why) : err;
}

/* ----- opening it */

/* The newest number that was given, also to what is gone. */
static const char newest_of[] =
    "SELECT max(ifnull((SELECT max(seq) FROM decision), 0),"
    " ifnull((SELECT max(seq) FROM sqlite_sequence WHERE name = 'decision'),"
    " 0))";

/*
 * SEQ is the newest number of the file.  One that has come into the place of
 * another goes on with the numbers of that: who follows waits for higher ones.
 */
static enum ms_err
check_numbers(struct diary *diary, int64_t seq)
{
    struct diary_ask ask;
    uint64_t newest;
    enum ms_err err;

    pthread_mutex_lock(&diary->wait_lock);
    if ((uint64_t)seq > diary->newest)
        diary->newest = (uint64_t)seq;
    newest = diary->newest;
    pthread_mutex_unlock(&diary->wait_lock);
    if ((uint64_t)seq == newest)
        return MS_OK;
    err = diary_do(diary, "DELETE FROM sqlite_sequence"
                          " WHERE name = 'decision'");
    if (err != MS_OK)
        return err;
    diary_ask(diary, "INSERT INTO sqlite_sequence VALUES('decision', ?)", &ask);
    diary_number(&ask, (int64_t)newest);
    return diary_run(&ask);
}

/* After an end that was not clean the file is looked at as a whole; until the
 * next clean one it says that it is in use. */
static enum ms_err
check(struct diary *diary)
{
    int64_t layout = 0, clean = 0, seq = 0;
    enum ms_err err = sqlfile_layout(diary->db, APPLICATION, DIARY_LAYOUT,
                                     &layout, &diary->why);

    if (err == MS_OK && layout < 1)
        err = sqlfile_damaged(diary->db, &diary->why,
                              "its layout is none that ever was");
    if (err == MS_OK)
        err = number_of(diary, "SELECT clean FROM state", &clean);
    if (err == MS_OK && clean == 0 && !diary->checked)
        err = sqlfile_check(diary->db, &diary->why);
    if (err == MS_OK && layout < DIARY_LAYOUT)
        err = diary_layout_raise(diary, layout);
    if (err == MS_OK)
        err = number_of(diary, newest_of, &seq);
    if (err == MS_OK && clean != 0)
        err = diary_do(diary, "UPDATE state SET clean = 0");
    if (err == MS_OK)
        err = check_numbers(diary, seq);
    diary->checked = diary->checked || err == MS_OK;
    return err;
}

/* The file of the directory, a new one if there is none. */
static enum ms_err
open_file(struct diary *diary)
{
    bool found;
    enum ms_err err = statedir_look(diary->dir, &found, &diary->why);

    if (err == MS_OK && !found) {
        err = make_file(diary);
        if (err == MS_OK)
            err = statedir_look(diary->dir, &found, &diary->why);
    }
    if (err == MS_OK)
        err = attach(diary, statedir_file(diary->dir));
    if (err == MS_OK)
        err = check(diary);
    if (err != MS_OK && err != MS_INVALID) /* of a damaged one acts are read */
        close_db(diary);
    return err;
}

static enum ms_err
open_memory(struct diary *diary)
{
    const struct diary_saved none = {0};
    enum ms_err err = attach(diary, ":memory:");

    return err == MS_OK ? fill(diary, &none) : err;
}

/* ----- damage */

static void
tell_aside(struct diary *diary, const char *aside,
           const struct diary_saved *saved)
{
    struct why text;

    why_set(&text, MS_INVALID,
            "%.200s; moved to %.200s: a new diary is begun, with %zu acts, %zu "
            "changes of standings and %zu messages held of the old one",
            diary->why.text, aside, saved->n, saved->n_changes, saved->n_held);
    if (diary->tell != NULL)
        diary->tell(diary->arg, text.text);
}

/* Put the damaged file out of the way, and begin another: as long as that
 * cannot be made it stays where it is, for the acts in it. */
static enum ms_err
renew(struct diary *diary)
{
    char aside[STATEDIR_PATH];
    struct wall now = {diary->now_s};
    struct diary_saved saved = {0};
    struct why why = diary->why;
    enum ms_err err = diary_save(diary, &saved);

    close_db(diary);
    diary->checked = false;
    if (err == MS_OK)
        err = make_draft(diary, &saved);
    if (err == MS_OK)
        err = statedir_move_aside(diary->dir, now, aside, &diary->why);
    if (err == MS_OK) {
        diary->why = why;
        tell_aside(diary, aside, &saved);
        err = statedir_end_draft(diary->dir, &diary->why);
    }
    if (err == MS_OK)
        err = open_file(diary);
    diary_free_saved(&saved);
    return err;
}

/* ----- work */

/* Was the file removed or replaced while we have it? */
static enum ms_err
check_place(struct diary *diary)
{
    if (diary->dir == NULL || statedir_is_same(diary->dir))
        return MS_OK;
    close_db(diary);
    return open_file(diary);
}

static enum ms_err
get_ready(struct diary *diary)
{
    enum ms_err err;

    diary->why.text[0] = '\0';
    err = diary->db != NULL ? check_place(diary) : open_file(diary);
    if (err == MS_INVALID && diary->dir != NULL)
        err = renew(diary);
    return err;
}

/*
 * One transaction.  After an error the file stays open: what was written of a
 * commit that could not be synced is overwritten by the next one, but would be
 * read as done by whoever opens it.
 */
static enum ms_err
transact(struct diary *diary,
         enum ms_err (*work)(struct diary *diary, void *arg), void *arg)
{
    enum ms_err err = diary_do(diary, "BEGIN IMMEDIATE");

    if (err == MS_OK)
        err = work(diary, arg);
    if (err == MS_OK)
        err = diary_do(diary, "COMMIT");
    if (err == MS_OK)
        return MS_OK;
    if (!sqlite3_get_autocommit(diary->db))
        sqlite3_exec(diary->db, "ROLLBACK", NULL, NULL, NULL);
    if (!sqlite3_get_autocommit(diary->db) && diary->dir != NULL)
        close_db(diary);
    return err;
}

enum ms_err
diary_write(struct diary *diary,
            enum ms_err (*work)(struct diary *diary, void *arg), void *arg)
{
    enum ms_err err;

    pthread_mutex_lock(&diary->lock);
    err = get_ready(diary);
    if (err == MS_OK)
        err = transact(diary, work, arg);
    if (err == MS_INVALID && diary->dir != NULL) {
        err = renew(diary);
        if (err == MS_OK)
            err = transact(diary, work, arg);
    }
    pthread_mutex_unlock(&diary->lock);
    return err;
}

enum ms_err
diary_read(struct diary *diary,
           enum ms_err (*work)(struct diary *diary, void *arg), void *arg)
{
    enum ms_err err;

    pthread_mutex_lock(&diary->lock);
    err = get_ready(diary);
    if (err == MS_OK)
        err = work(diary, arg);
    if (err == MS_INVALID && diary->dir != NULL)
        (void)renew(diary); /* else by the next call */
    pthread_mutex_unlock(&diary->lock);
    return err;
}

void
diary_trouble(struct diary *diary, struct why *out)
{
    pthread_mutex_lock(&diary->lock);
    *out = diary->why;
    pthread_mutex_unlock(&diary->lock);
}

/* ----- opening and closing */

static void
init_waiting(struct diary *diary)
{
    (void)pthread_mutex_init(&diary->lock, NULL);
    (void)pthread_mutex_init(&diary->wait_lock, NULL);
    wait_init(&diary->wait);
}

static enum ms_err
open_any(struct diary *diary, const char *dir)
{
    enum ms_err err;

    if (dir == NULL)
        return open_memory(diary);
    err = statedir_beside(dir, FILE_NAME, &diary->dir, &diary->why);
    if (err == MS_OK)
        err = open_file(diary);
    return err == MS_INVALID ? renew(diary) : err;
}

enum ms_err
diary_open(const char *dir, struct wall now,
           void (*tell)(void *arg, const char *text), void *arg,
           struct diary **out, struct why *why)
{
    struct diary *diary = calloc(1, sizeof(*diary));
    enum ms_err err;

    if (diary == NULL)
        return why_set(why, MS_NOMEM, "no memory for the diary");
    diary->tell = tell;
    diary->arg = arg;
    diary->now_s = now.s;
    init_waiting(diary);
    err = open_any(diary, dir);
    if (err == MS_OK) {
        *out = diary;
        return MS_OK;
    }
    if (why != NULL)
        *why = diary->why;
    close_db(diary);
    diary_close(diary);
    return err;
}

void
diary_close(struct diary *diary)
{
    if (diary == NULL)
        return;
    /* what does not succeed here is done by the next start */
    if (diary->db != NULL && diary->dir != NULL &&
        diary_do(diary, "UPDATE state SET clean = 1") == MS_OK)
        (void)sqlfile_settle(diary->db, &diary->why);
    close_db(diary);
    statedir_close(diary->dir);
    (void)pthread_cond_destroy(&diary->wait);
    (void)pthread_mutex_destroy(&diary->wait_lock);
    (void)pthread_mutex_destroy(&diary->lock);
    free(diary);
}

/* ----- waiting */

uint64_t
diary_wait(struct diary *diary, uint64_t after, int64_t up_to_ms)
{
    struct timespec until = wait_until(up_to_ms);
    uint64_t newest;
    int rc = 0;

    pthread_mutex_lock(&diary->wait_lock);
    while (diary->newest <= after && !diary->woken && rc == 0)
        rc = pthread_cond_timedwait(&diary->wait, &diary->wait_lock, &until);
    newest = diary->newest;
    pthread_mutex_unlock(&diary->wait_lock);
    return newest;
}

void
diary_wake(struct diary *diary)
{
    pthread_mutex_lock(&diary->wait_lock);
    diary->woken = true;
    pthread_cond_broadcast(&diary->wait);
    pthread_mutex_unlock(&diary->wait_lock);
}

/* ----- blobs */

struct blob {
    const char *name;
    const void *in;
    void *out;
    size_t len;
};

static enum ms_err
put_blob(struct diary *diary, void *arg)
{
    const struct blob *blob = arg;
    struct diary_ask ask;

    diary_ask(diary, "REPLACE INTO blob VALUES(?, ?)", &ask);
    diary_text(&ask, blob->name);
    diary_bytes(&ask, blob->in, blob->len);
    return diary_run(&ask);
}

enum ms_err
diary_put_blob(struct diary *diary, const char *name, const void *bytes,
               size_t len)
{
    struct blob blob = {.name = name, .in = bytes, .len = len};

    return diary_write(diary, put_blob, &blob);
}

static enum ms_err
get_blob(struct diary *diary, void *arg)
{
    struct blob *blob = arg;
    struct diary_ask ask;

    diary_ask(diary, "SELECT bytes FROM blob WHERE name = ?", &ask);
    diary_text(&ask, blob->name);
    if (diary_row(&ask)) {
        const void *bytes = sqlite3_column_blob(ask.statement, 0);

        blob->len = (size_t)sqlite3_column_bytes(ask.statement, 0);
        blob->out = malloc(blob->len + 1); /* an empty one is one, too */
        if (blob->out == NULL || (bytes == NULL && blob->len > 0))
            ask.rc = SQLITE_NOMEM;
        else if (blob->len > 0)
            memcpy(blob->out, bytes, blob->len);
    }
    return diary_done(&ask);
}

enum ms_err
diary_get_blob(struct diary *diary, const char *name, void **bytes, size_t *len)
{
    struct blob blob = {.name = name};
    enum ms_err err = diary_read(diary, get_blob, &blob);

    if (err != MS_OK) {
        free(blob.out);
        return err;
    }
    *bytes = blob.out;
    *len = blob.len;
    return MS_OK;
}

/* ----- what is too old */

enum {
    DAY_S = 86400,
    ACT_STAYS_S = 30 * DAY_S,
    HELD_STAYS_S = 90 * DAY_S,
    AUDIT_STAYS_S = 366 * DAY_S
};

struct trim {
    int64_t now_s;
    int64_t oldest_s; /* of a decision that stays */
};

static enum ms_err
trim(struct diary *diary, void *arg)
{
    const struct trim *t = arg;
    const struct {
        const char *sql;
        int64_t than;
    } rows[] = {
        {"DELETE FROM decision WHERE at_s < ?", t->oldest_s},
        {"DELETE FROM would WHERE last_s < ?", t->oldest_s},
        {"DELETE FROM act WHERE until_s < ?", t->now_s - ACT_STAYS_S},
        {"DELETE FROM audit WHERE at_s < ?", t->now_s - AUDIT_STAYS_S},
        {"DELETE FROM change WHERE at_s < ?", t->now_s - AUDIT_STAYS_S},
        {"DELETE FROM passed WHERE at_s < ?", t->oldest_s},
        {"DELETE FROM report WHERE at_s < ?", t->oldest_s},
        {"DELETE FROM held WHERE at_s < ?", t->now_s - HELD_STAYS_S},
        {"DELETE FROM held WHERE at_s < (SELECT at_s FROM held"
         " ORDER BY at_s DESC LIMIT 1 OFFSET ?)",
         DIARY_HELDS - 1},
    };
    enum ms_err err = MS_OK;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]) && err == MS_OK; i++)
        err = diary_drop_oldest(diary, rows[i].sql, rows[i].than);
    diary->now_s = t->now_s;
    return err;
}

enum ms_err
diary_trim(struct diary *diary, struct wall now, uint64_t keep_s)
{
    struct trim t = {.now_s = now.s, .oldest_s = INT64_MAX};

    if (keep_s > 0)
        t.oldest_s = keep_s < (uint64_t)now.s ? now.s - (int64_t)keep_s : 0;
    return diary_write(diary, trim, &t);
}
