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

struct entry_work {
    struct outbox_entry *entry;
    const char *json;
    bool found;
};

static enum ms_err
count_waiting(struct diary *diary, int64_t *out)
{
    struct diary_ask ask;

    *out = 0;
    diary_ask(diary, "SELECT count(*) FROM outbox WHERE state = 'waiting'",
              &ask);
    if (diary_row(&ask))
        *out = sqlite3_column_int64(ask.statement, 0);
    return diary_done(&ask);
}

static enum ms_err
add_entry(struct diary *diary, void *arg)
{
    const struct entry_work *work = arg;
    struct outbox_entry *e = work->entry;
    struct diary_ask ask;
    int64_t waiting = 0;
    enum ms_err err = MS_OK;

    if (e->state == OUTBOX_WAITS)
        err = count_waiting(diary, &waiting);
    if (err == MS_OK && waiting >= OUTBOX_WAITING)
        err = why_set(&diary->why, MS_BUSY, "%d wait already", OUTBOX_WAITING);
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
              " WHERE seq = ?",
              &ask);
    diary_number(&ask, e->due_s);
    diary_text(&ask, names[e->state]);
    diary_number(&ask, e->tries);
    diary_text(&ask, work->json);
    diary_number(&ask, (int64_t)e->seq);
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
diary_outbox_add(struct diary *diary, struct outbox_entry *entry)
{
    struct entry_work work = {.entry = entry};

    return write_entry(diary, &work, add_entry);
}

enum ms_err
diary_outbox_set(struct diary *diary, const struct outbox_entry *entry,
                 bool *found)
{
    struct outbox_entry copy = *entry;
    struct entry_work work = {.entry = &copy};
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

#define SELECT_ENTRIES                                                         \
    "SELECT seq, at_s, due_s, kind, subject, state, tries, json FROM outbox"   \
    " WHERE (?1 IS NULL OR kind = ?1) AND (?2 IS NULL OR kind <> ?2)"          \
    " AND (?3 IS NULL OR subject = ?3) AND at_s > ?4 AND due_s <= ?5"          \
    " AND (?6 <> 0 OR state <> 'waiting') AND (?7 <> 0 OR state <> 'sent')"    \
    " AND (?8 <> 0 OR state <> 'failed') AND (?9 <> 0 OR state <> 'limited')"  \
    " AND (?10 <> 0 OR state <> 'undeliverable')"

static void
ask_entries(struct diary *diary, const struct outbox_query *query,
            struct diary_ask *ask)
{
    unsigned states = query->states != 0 ? query->states : ~0U;

    diary_ask(diary,
              query->due_s == INT64_MAX
                  ? SELECT_ENTRIES " ORDER BY seq DESC LIMIT ?11"
                  : SELECT_ENTRIES " ORDER BY due_s, seq LIMIT ?11",
              ask);
    diary_text(ask, query->kind);
    diary_text(ask, query->but_kind);
    diary_text(ask, query->subject);
    diary_number(ask, query->since_s);
    diary_number(ask, query->due_s);
    for (unsigned i = 0; i < OUTBOX_STATES; i++)
        diary_number(ask, states >> i & 1);
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

struct totals_work {
    const char *kind;
    struct outbox_totals out;
};

static enum ms_err
read_totals(struct diary *diary, void *arg)
{
    struct totals_work *work = arg;
    struct diary_ask ask;

    work->out = (struct outbox_totals){.due_s = INT64_MAX};
    diary_ask(diary,
              "SELECT kind = ?, count(*), min(due_s) FROM outbox"
              " WHERE state = 'waiting' GROUP BY 1",
              &ask);
    diary_text(&ask, work->kind);
    while (diary_row(&ask)) {
        uint64_t n = (uint64_t)sqlite3_column_int64(ask.statement, 1);
        int64_t due_s = sqlite3_column_int64(ask.statement, 2);

        if (sqlite3_column_int(ask.statement, 0) != 0)
            work->out.kind = n;
        else
            work->out.others = n;
        if (due_s < work->out.due_s)
            work->out.due_s = due_s;
    }
    return diary_done(&ask);
}

enum ms_err
diary_outbox_totals(struct diary *diary, const char *kind,
                    struct outbox_totals *out)
{
    struct totals_work work = {.kind = kind};
    enum ms_err err = diary_read(diary, read_totals, &work);

    if (err == MS_OK)
        *out = work.out;
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
