/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/diary/inside.h - what the files of the diary know of each other: how
 * work is done in a transaction, and how a statement gets its values.
 */
#ifndef MORTSAFE_MILTER_DIARY_INSIDE_H
#define MORTSAFE_MILTER_DIARY_INSIDE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>
#include <sqlite3.h>

#include "milter/diary/diary.h"
#include "policy/store/statedir.h"

struct diary {
    void (*tell)(void *arg, const char *text);
    void *arg;
    struct statedir *dir; /* NULL: in memory */

    pthread_mutex_t lock; /* guards all up to the next one; held over I/O */
    sqlite3 *db;          /* NULL: to be opened */
    bool checked;         /* as a whole, by this process */
    int64_t now_s;        /* as last told, for the name of a damaged file */
    struct why why;       /* of the last failure */
    uint64_t forgets;

    pthread_mutex_t wait_lock; /* guards all below; a leaf */
    pthread_cond_t wait;
    uint64_t newest; /* seq */
    bool woken;      /* nobody waits any more */
};

/* Do WORK(ARG) under the lock: all of it is written, or nothing.  It may be
 * done twice, the first time for nothing. */
enum ms_err diary_write(struct diary *diary,
                        enum ms_err (*work)(struct diary *diary, void *arg),
                        void *arg);

/* The same of work that only reads; it is done once. */
enum ms_err diary_read(struct diary *diary,
                       enum ms_err (*work)(struct diary *diary, void *arg),
                       void *arg);

/* A statement that is being given its values, from the first on. */
struct diary_ask {
    struct diary *diary;
    sqlite3_stmt *statement;
    int n;  /* values so far */
    int rc; /* of SQLite */
};

/* Begin with SQL, a literal or kept until diary_done(). */
void diary_ask(struct diary *diary, const char *sql, struct diary_ask *out);
/* The next value; TEXT and BYTES stay until diary_done(); NULL is NULL. */
void diary_text(struct diary_ask *ask, const char *text);
void diary_number(struct diary_ask *ask, int64_t n);
void diary_bytes(struct diary_ask *ask, const void *bytes, size_t len);
void diary_value(struct diary_ask *ask, const sqlite3_value *value);
/* The next row of the answer? */
bool diary_row(struct diary_ask *ask);
/* Its column I as text, "" for NULL, cut to SIZE: our own texts fit. */
void diary_column(struct diary_ask *ask, int i, char *out, size_t size);
/* Its column I as JSON, read by READ.  False: it is something else, or there
 * was no memory. */
bool diary_record(struct diary_ask *ask, int i,
                  enum ms_err (*read)(const json_t *json, void *out),
                  void *out);
/* Begin again, with other values. */
void diary_again(struct diary_ask *ask);
/* End it, the rest of its answer unread. */
enum ms_err diary_done(struct diary_ask *ask);
/* Run it to its end, and end it. */
enum ms_err diary_run(struct diary_ask *ask);

/* The same of a statement without values. */
enum ms_err diary_do(struct diary *diary, const char *sql);

/* Run SQL, which deletes, with the one value N. */
enum ms_err diary_drop_oldest(struct diary *diary, const char *sql, int64_t n);

/* Append SQL to the LEN bytes of TEXT; its length then. */
enum { DIARY_SQL = 2048 };
size_t diary_append(char text[DIARY_SQL], size_t len, const char *sql);

/* ----- the tables */

enum { DIARY_LAYOUT = 3 };

/* Make those of an empty file; bring those of a file of LAYOUT, an older one,
 * forward, in a transaction of its own. */
enum ms_err diary_layout_make(struct diary *diary);
enum ms_err diary_layout_raise(struct diary *diary, int64_t layout);

/* ----- what of a damaged file goes on */

struct diary_row;

struct diary_saved {
    struct act *act;
    size_t n, room;
    struct diary_row *rows; /* of other tables, the first that was read first */
    size_t n_changes, n_held; /* of them */
    bool failed;              /* something did not fit into memory */
};

/* What can be read, and is worth it.  MS_NOMEM: more could be. */
enum ms_err diary_save(struct diary *diary, struct diary_saved *out);
/* Inside a transaction: write it. */
enum ms_err diary_put_saved(struct diary *diary,
                            const struct diary_saved *saved);
void diary_free_saved(struct diary_saved *saved);

/* Inside a transaction: write ACT; hand each act to EACH. */
enum ms_err diary_put_act_inside(struct diary *diary, const struct act *act);
enum ms_err diary_acts_inside(struct diary *diary,
                              bool (*each)(void *arg, const struct act *act),
                              void *arg);

#endif
