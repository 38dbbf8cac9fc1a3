/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/diary/outbox.c - the table of what is to be sent.
 */
#include <config.h>

#include "milter/diary/outbox.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "milter/diary/inside.h"

static const char *const names[OUTBOX_STATES] = {
    [OUTBOX_WAITS] = "waiting",
    [OUTBOX_SENT] = "sent",
    [OUTBOX_FAILED] = "failed",
    [OUTBOX_LIMITED] = "limited",
    [OUTBOX_UNDELIVERABLE] = "undeliverable",
};

const char *
outbox_state_name(enum outbox_state state)
{
    return names[state];
}

/* A state that is none of ours is of another version: it has ended. */
static enum outbox_state
state_of(const char *name)
{
    for (unsigned i = 0; i < OUTBOX_STATES; i++)
        if (strcmp(name, names[i]) == 0)
            return (enum outbox_state)i;
    return OUTBOX_FAILED;
}

/* ----- writing */

/* As the index has them. */
#define WAITING_CALLS "state = 'waiting' AND (kind = '" OUTBOX_CALL "')"

struct entry_work {
    struct outbox_entry *entry;
    const char *json;
    unsigned tries;
    bool found;
    uint64_t lost;
};

static enum ms_err
count_waiting(struct diary *diary, bool calls, int64_t *out)
{
    struct diary_ask ask;

    *out = 0;
    diary_ask(diary, "SELECT count(*) FROM outbox WHERE " WAITING_CALLS " = ?",
              &ask);
    diary_number(&ask, calls);
    if (diary_row(&ask))
        *out = sqlite3_column_int64(ask.statement, 0);
    return diary_done(&ask);
}

static enum ms_err
drop_call(struct diary *diary, uint64_t *lost)
{
    struct diary_ask ask;
    enum ms_err err;

    diary_ask(diary,
              "DELETE FROM outbox WHERE seq = (SELECT seq FROM outbox"
              " WHERE " WAITING_CALLS " = 1 ORDER BY due_s, seq LIMIT 1)",
              &ask);
    err = diary_run(&ask);
    if (err == MS_OK)
        *lost += (uint64_t)sqlite3_changes(diary->db);
    return err;
}

/* One that waits needs room among its like. */
static enum ms_err
make_room(struct diary *diary, const struct outbox_entry *e, uint64_t *lost)
{
    bool call = strcmp(e->kind, OUTBOX_CALL) == 0;
    int64_t waiting = 0;
    enum ms_err err = count_waiting(diary, call, &waiting);

    if (err != MS_OK || waiting < OUTBOX_WAITING)
        return err;
    if (call)
        return drop_call(diary, lost);
    return why_set(&diary->why, MS_BUSY, "%d letters wait already",
                   OUTBOX_WAITING);
}

static enum ms_err
add_entry(struct diary *diary, void *arg)
{
    struct entry_work *work = arg;
    struct outbox_entry *e = work->entry;
    struct diary_ask ask;
    enum ms_err err = MS_OK;

    work->lost = 0;
    if (e->state == OUTBOX_WAITS)
        err = make_room(diary, e, &work->lost);
    if (err != MS_OK)
        return err;
    diary_ask(diary,
              "INSERT INTO outbox(at_s, due_s, kind, subject, state, tries,"
              " json) VALUES(?, ?, ?, ?, ?, ?, ?)",
              &ask);
    diary_number(&ask, e->at_s);
    diary_number(&ask, e->due_s);
    diary_text(&ask, e->kind);
    diary_text(&ask, e->subject[0] != '\0' ? e->subject : NULL);
    diary_text(&ask, names[e->state]);
    diary_number(&ask, e->tries);
    diary_text(&ask, work->json);
    err = diary_run(&ask);
    if (err == MS_OK)
        e->seq = (uint64_t)sqlite3_last_insert_rowid(diary->db);
    return err;
}

static enum ms_err
set_entry(struct diary *diary, void *arg)
{
    struct entry_work *work = arg;
    const struct outbox_entry *e = work->entry;
    struct diary_ask ask;
    enum ms_err err;

    diary_ask(diary,
              "UPDATE outbox SET due_s = ?, state = ?, tries = ?, json = ?"
              " WHERE seq = ? AND state = 'waiting' AND tries = ?",
              &ask);
    diary_number(&ask, e->due_s);
    diary_text(&ask, names[e->state]);
    diary_number(&ask, e->tries);
    diary_text(&ask, work->json);
    diary_number(&ask, (int64_t)e->seq);
    diary_number(&ask, work->tries);
    err = diary_run(&ask);
    work->found = err == MS_OK && sqlite3_changes(diary->db) > 0;
    return err;
}

static enum ms_err
write_entry(struct diary *diary, struct entry_work *work,
            enum ms_err (*write)(struct diary *diary, void *arg))
{
    char *json = json_dumps(work->entry->json, JSON_COMPACT);
    enum ms_err err = MS_NOMEM;

    work->json = json;
    if (json != NULL)
        err = diary_write(diary, write, work);
    free(json);
    return err;
}

enum ms_err
diary_outbox_add(struct diary *diary, struct outbox_entry *entry,
                 uint64_t *lost)
{
    struct entry_work work = {.entry = entry};
    enum ms_err err = write_entry(diary, &work, add_entry);

    if (err == MS_OK && lost != NULL)
        *lost += work.lost;
    return err;
}

enum ms_err
diary_outbox_set(struct diary *diary, const struct outbox_entry *entry,
                 unsigned tries, bool *found)
{
    struct outbox_entry copy = *entry;
    struct entry_work work = {.entry = &copy, .tries = tries};
    enum ms_err err = write_entry(diary, &work, set_entry);

    if (err == MS_OK && found != NULL)
        *found = work.found;
    return err;
}

/* ----- reading */

/* False: it cannot be read; of another version, or there is no memory. */
static bool
read_entry(struct diary_ask *ask, struct outbox_entry *out)
{
    char state[OUTBOX_KIND];
    json_error_t error;
    const char *json;

    out->seq = (uint64_t)sqlite3_column_int64(ask->statement, 0);
    out->at_s = sqlite3_column_int64(ask->statement, 1);
    out->due_s = sqlite3_column_int64(ask->statement, 2);
    diary_column(ask, 3, out->kind, sizeof(out->kind));
    diary_column(ask, 4, out->subject, sizeof(out->subject));
    diary_column(ask, 5, state, sizeof(state));
    out->state = state_of(state);
    out->tries = (unsigned)sqlite3_column_int64(ask->statement, 6);
    json = (const char *)sqlite3_column_text(ask->statement, 7);
    if (json == NULL) {
        ask->rc = SQLITE_NOMEM;
        return false;
    }
    out->json = json_loads(json, 0, &error);
    if (out->json == NULL &&
        json_error_code(&error) == json_error_out_of_memory)
        ask->rc = SQLITE_NOMEM;
    if (ask->rc == SQLITE_ROW && out->json != NULL)
        return true;
    json_decref(out->json);
    return false;
}

struct query_work {
    const struct outbox_query *query;
    bool (*each)(void *arg, const struct outbox_entry *);
    void *arg;
};

/* Each is asked for as an index has it, or not at all. */
static void
write_find(const struct outbox_query *q, char text[DIARY_SQL])
{
    bool is_due = q->due_s != INT64_MAX;
    bool waits = q->states == 1U << OUTBOX_WAITS;
    const struct {
        bool is_asked;
        const char *sql;
    } filters[] = {
        {true, "SELECT seq, at_s, due_s, kind, subject, state, tries, json"
               " FROM outbox WHERE +at_s > ?1"},
        {q->seq != 0, " AND seq = ?2"},
        {q->kind != NULL && q->subject == NULL, " AND kind = ?3"},
        {q->kind != NULL && q->subject != NULL, " AND +kind = ?3"},
        {q->subject != NULL, " AND subject = ?4"},
        {is_due, " AND due_s <= ?5"},
        {q->class != OUTBOX_BOTH, " AND (kind = '" OUTBOX_CALL "') = ?6"},
        {waits, " AND state = 'waiting'"},
        {!waits && q->states != 0,
         " AND ?7 >> (CASE state WHEN 'waiting' THEN 0 WHEN 'sent' THEN 1"
         " WHEN 'failed' THEN 2 WHEN 'limited' THEN 3 ELSE 4 END) & 1"},
        {is_due, " ORDER BY due_s, seq LIMIT ?8"},
        {!is_due, " ORDER BY seq DESC LIMIT ?8"},
    };
    size_t len = 0;

    for (size_t i = 0; i < sizeof(filters) / sizeof(filters[0]); i++)
        if (filters[i].is_asked)
            len = diary_append(text, len, filters[i].sql);
}

_Static_assert(OUTBOX_WAITS == 0 && OUTBOX_SENT == 1 && OUTBOX_FAILED == 2 &&
                   OUTBOX_LIMITED == 3 && OUTBOX_UNDELIVERABLE == 4,
               "the numbers of states in write_find()");

static void
ask_entries(struct diary *diary, const struct outbox_query *query,
            struct diary_ask *ask)
{
    char sql[DIARY_SQL];

    write_find(query, sql);
    diary_ask(diary, sql, ask);
    diary_number(ask, query->since_s);
    diary_number(ask, (int64_t)query->seq);
    diary_text(ask, query->kind);
    diary_text(ask, query->subject);
    diary_number(ask, query->due_s);
    diary_number(ask, query->class == OUTBOX_CALLS);
    diary_number(ask, query->states);
    diary_number(ask, query->limit != 0 ? query->limit : 100);
}

static enum ms_err
read_entries(struct diary *diary, void *arg)
{
    const struct query_work *work = arg;
    struct outbox_entry *entry = malloc(sizeof(*entry));
    struct diary_ask ask;
    bool more = true;
    enum ms_err err;

    if (entry == NULL)
        return MS_NOMEM;
    ask_entries(diary, work->query, &ask);
    while (more && diary_row(&ask)) {
        if (!read_entry(&ask, entry))
            continue;
        more = work->each(work->arg, entry);
        json_decref(entry->json);
    }
    err = diary_done(&ask);
    free(entry);
    return err;
}

enum ms_err
diary_outbox(struct diary *diary, const struct outbox_query *query,
             bool (*each)(void *arg, const struct outbox_entry *), void *arg)
{
    struct query_work work = {query, each, arg};

    return diary_read(diary, read_entries, &work);
}

static enum ms_err
read_totals(struct diary *diary, void *arg)
{
    struct outbox_totals *out = arg;
    struct diary_ask ask;

    *out = (struct outbox_totals){.due_s = INT64_MAX};
    diary_ask(diary,
              "SELECT (kind = '" OUTBOX_CALL "'), count(*), min(due_s)"
              " FROM outbox WHERE state = 'waiting' GROUP BY 1",
              &ask);
    while (diary_row(&ask)) {
        uint64_t n = (uint64_t)sqlite3_column_int64(ask.statement, 1);
        int64_t due_s = sqlite3_column_int64(ask.statement, 2);

        if (sqlite3_column_int(ask.statement, 0) != 0)
            out->calls = n;
        else
            out->letters = n;
        if (due_s < out->due_s)
            out->due_s = due_s;
    }
    return diary_done(&ask);
}

enum ms_err
diary_outbox_totals(struct diary *diary, struct outbox_totals *out)
{
    struct outbox_totals totals;
    enum ms_err err = diary_read(diary, read_totals, &totals);

    if (err == MS_OK)
        *out = totals;
    return err;
}

/* ----- what goes */

struct going {
    const char *subject;
    int64_t before_s;
    uint64_t n, last;
};

static enum ms_err
give_up(struct diary *diary, void *arg)
{
    struct going *going = arg;
    struct diary_ask ask;
    enum ms_err err;

    going->n = going->last = 0;
    diary_ask(diary,
              "SELECT count(*), max(seq) FROM outbox"
              " WHERE state = 'waiting' AND at_s < ?",
              &ask);
    diary_number(&ask, going->before_s);
    if (diary_row(&ask)) {
        going->n = (uint64_t)sqlite3_column_int64(ask.statement, 0);
        going->last = (uint64_t)sqlite3_column_int64(ask.statement, 1);
    }
    err = diary_done(&ask);
    if (err != MS_OK || going->n == 0)
        return err;
    diary_ask(diary,
              "UPDATE outbox SET state = 'failed'"
              " WHERE state = 'waiting' AND at_s < ?",
              &ask);
    diary_number(&ask, going->before_s);
    return diary_run(&ask);
}

enum ms_err
diary_outbox_give_up(struct diary *diary, int64_t before_s, uint64_t *n,
                     uint64_t *last)
{
    struct going going = {.before_s = before_s};
    enum ms_err err = diary_write(diary, give_up, &going);

    if (err == MS_OK) {
        *n = going.n;
        *last = going.last;
    }
    return err;
}

static enum ms_err
forget(struct diary *diary, void *arg)
{
    struct going *going = arg;
    struct diary_ask ask;
    enum ms_err err;

    diary_ask(diary, "DELETE FROM outbox WHERE subject = ?", &ask);
    diary_text(&ask, going->subject);
    err = diary_run(&ask);
    going->n = err == MS_OK ? (uint64_t)sqlite3_changes(diary->db) : 0;
    return err;
}

enum ms_err
diary_outbox_forget(struct diary *diary, const char *subject, uint64_t *n)
{
    struct going going = {.subject = subject};
    enum ms_err err = diary_write(diary, forget, &going);

    if (err == MS_OK)
        *n = going.n;
    return err;
}

static enum ms_err
trim(struct diary *diary, void *arg)
{
    const struct going *going = arg;
    struct diary_ask ask;
    enum ms_err err;

    diary_ask(diary, "DELETE FROM outbox WHERE state <> 'waiting' AND at_s < ?",
              &ask);
    diary_number(&ask, going->before_s);
    err = diary_run(&ask);
    if (err != MS_OK)
        return err;
    diary_ask(diary,
              "DELETE FROM outbox WHERE state <> 'waiting' AND seq <="
              " (SELECT seq FROM outbox WHERE state <> 'waiting'"
              " ORDER BY seq DESC LIMIT 1 OFFSET ?)",
              &ask);
    diary_number(&ask, OUTBOX_ENDED);
    return diary_run(&ask);
}

enum ms_err
diary_outbox_trim(struct diary *diary, struct wall now, uint64_t keep_s)
{
    struct going going = {.before_s = now.s - (int64_t)keep_s};

    return diary_write(diary, trim, &going);
}
