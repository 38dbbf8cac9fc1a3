/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/diary/saved.c - what of a damaged file goes on: acts as they are
 * understood, rows of some other tables as they are.
 */
#include <config.h>

#include "milter/diary/diary.h"

#include <stdlib.h>

#include "milter/diary/inside.h"

enum { COLUMNS = 9 };

/* Each from the newest on, as far as it can be read. */
static const struct keep {
    const char *select, *insert;
    size_t at; /* of the size_t in a struct diary_saved that counts them */
} keeps[] = {
    {"SELECT seq, at_s, id, subject, family, \"to\", json FROM change"
     " ORDER BY seq DESC LIMIT 10000",
     "INSERT OR IGNORE INTO change(seq, at_s, id, subject, family, \"to\","
     " json) VALUES(?, ?, ?, ?, ?, ?, ?)",
     offsetof(struct diary_saved, n_changes)},
    {"SELECT n, at_s, mta, nrcpt, host, id, subject, rule, \"from\""
     " FROM held ORDER BY n DESC LIMIT 10000",
     "INSERT OR IGNORE INTO held(n, at_s, mta, nrcpt, host, id, subject,"
     " rule, \"from\") VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)",
     offsetof(struct diary_saved, n_held)},
    {"SELECT seq, at_s, due_s, kind, subject, state, tries, json FROM outbox"
     " WHERE state = 'waiting' ORDER BY seq DESC LIMIT 1000",
     "INSERT OR IGNORE INTO outbox(seq, at_s, due_s, kind, subject, state,"
     " tries, json) VALUES(?, ?, ?, ?, ?, ?, ?, ?)",
     0},
    /* keys and dates; pictures are begun anew */
    {"SELECT name, bytes FROM blob WHERE length(bytes) <= 65536"
     " AND name NOT IN ('history', 'pictures')",
     "INSERT OR IGNORE INTO blob(name, bytes) VALUES(?, ?)", 0},
};
enum { KEEPS = sizeof(keeps) / sizeof(keeps[0]) };

struct diary_row {
    struct diary_row *next;
    const struct keep *of;
    int n;
    sqlite3_value *value[COLUMNS];
};

/* ----- reading */

static bool
save_act(void *arg, const struct act *act)
{
    struct diary_saved *saved = arg;

    if (saved->n == saved->room) {
        size_t room = saved->room * 2 + 16;
        struct act *more = realloc(saved->act, room * sizeof(*more));

        if (more == NULL) {
            saved->failed = true;
            return false;
        }
        saved->act = more;
        saved->room = room;
    }
    saved->act[saved->n++] = *act;
    return saved->n < ACTS_MAX;
}

static void
free_row(struct diary_row *row)
{
    for (int i = 0; i < row->n; i++)
        sqlite3_value_free(row->value[i]);
    free(row);
}

/* The row that ASK stands at.  False: no memory. */
static bool
save_row(struct diary_saved *saved, const struct keep *of,
         const struct diary_ask *ask)
{
    int n = sqlite3_column_count(ask->statement);
    struct diary_row *row = calloc(1, sizeof(*row));

    if (row == NULL)
        return false;
    row->of = of;
    while (row->n < n && row->n < COLUMNS) {
        sqlite3_value *value = sqlite3_column_value(ask->statement, row->n);

        row->value[row->n] = sqlite3_value_dup(value);
        if (row->value[row->n] == NULL) {
            free_row(row);
            return false;
        }
        row->n++;
    }
    row->next = saved->rows;
    saved->rows = row;
    if (of->at != 0)
        ++*(size_t *)(void *)((char *)saved + of->at);
    return true;
}

static enum ms_err
save_rows(struct diary *diary, const struct keep *of, struct diary_saved *out)
{
    struct diary_ask ask;

    diary_ask(diary, of->select, &ask);
    while (!out->failed && diary_row(&ask))
        out->failed = !save_row(out, of, &ask);
    return diary_done(&ask);
}

enum ms_err
diary_save(struct diary *diary, struct diary_saved *out)
{
    struct why why = diary->why;
    enum ms_err err = MS_OK;

    if (diary->db != NULL)
        err = diary_acts_inside(diary, save_act, out);
    for (size_t i = 0;
         i < KEEPS && diary->db != NULL && !out->failed && err != MS_NOMEM; i++)
        err = save_rows(diary, &keeps[i], out);
    if (out->failed || err == MS_NOMEM)
        return why_set(&diary->why, MS_NOMEM, "no memory for the diary's acts");
    diary->why = why;
    return MS_OK;
}

/* ----- writing */

static enum ms_err
put_row(struct diary *diary, const struct diary_row *row)
{
    struct diary_ask ask;

    diary_ask(diary, row->of->insert, &ask);
    for (int i = 0; i < row->n; i++)
        diary_value(&ask, row->value[i]);
    return diary_run(&ask);
}

enum ms_err
diary_put_saved(struct diary *diary, const struct diary_saved *saved)
{
    enum ms_err err = MS_OK;

    for (size_t i = 0; i < saved->n && err == MS_OK; i++)
        err = diary_put_act_inside(diary, &saved->act[i]);
    for (const struct diary_row *row = saved->rows; row != NULL && err == MS_OK;
         row = row->next)
        err = put_row(diary, row);
    return err;
}

void
diary_free_saved(struct diary_saved *saved)
{
    while (saved->rows != NULL) {
        struct diary_row *row = saved->rows;

        saved->rows = row->next;
        free_row(row);
    }
    free(saved->act);
}
