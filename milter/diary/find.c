/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/diary/find.c - decisions in the diary, and who would have been
 * stopped.
 */
#include <config.h>

#include "milter/diary/diary.h"

#include <stdio.h>
#include <string.h>

#include "milter/diary/inside.h"
#include "milter/line.h"

enum { NUMBERS = 11, DAY_S = 86400, FIND = 100 };

static const char columns[] =
    "at_s, deed, action, nrcpt, metric, rate_n, span_s, used, retry_s, code,"
    " took_us, \"host\", \"ref\", \"id\", \"rule\", \"listener\", \"via\","
    " \"client\", \"client_name\", \"user\", \"from\", \"to\", \"subject\","
    " \"enhanced\", \"text\", \"error\", \"store\", \"spf\", \"lists\"";

/* ----- a decision as a row */

static void
bind_decision(struct diary_ask *ask, const struct decision *d)
{
    const int64_t numbers[NUMBERS] = {
        d->at_s,        (int64_t)d->deed,   (int64_t)d->action,
        d->nrcpt,       (int64_t)d->metric, d->rate.n,
        d->rate.span_s, (int64_t)d->used,   (int64_t)d->retry_s,
        d->code,        d->took_us,
    };

    for (size_t i = 0; i < NUMBERS; i++)
        diary_number(ask, numbers[i]);
    for (size_t i = 0; i < DECISION_TEXTS; i++) {
        const struct decision_text *t = &decision_texts[i];
        const char *bytes = (const char *)d;
        bool has = t->has != 0 ? *(const bool *)(bytes + t->has)
                               : bytes[t->at] != '\0';

        diary_text(ask, has ? bytes + t->at : NULL);
    }
}

static bool
read_numbers(sqlite3_stmt *s, struct decision *out)
{
    int64_t n[NUMBERS];

    for (int i = 0; i < NUMBERS; i++)
        n[i] = sqlite3_column_int64(s, 1 + i);
    out->seq = (uint64_t)sqlite3_column_int64(s, 0);
    out->at_s = n[0];
    out->deed = n[1] == JOURNAL_WOULD ? JOURNAL_WOULD : JOURNAL_DONE;
    out->action = (enum verdict_action)n[2];
    out->nrcpt = (uint32_t)n[3];
    out->metric = (enum metric)n[4];
    out->rate = (struct rate){(uint32_t)n[5], (uint32_t)n[6]};
    out->used = (uint64_t)n[7];
    out->retry_s = (uint64_t)n[8];
    out->code = (uint16_t)n[9];
    out->took_us = n[10];
    return n[2] >= VERDICT_CONTINUE && n[2] <= VERDICT_HOLD && n[4] >= 0 &&
           n[4] < METRICS;
}

/* The row that ASK stands at, seq and `columns'.  False: it is damaged. */
static bool
read_decision(struct diary_ask *ask, struct decision *out)
{
    memset(out, 0, sizeof(*out));
    if (!read_numbers(ask->statement, out))
        return false;
    for (size_t i = 0; i < DECISION_TEXTS; i++) {
        const struct decision_text *t = &decision_texts[i];
        int column = 1 + NUMBERS + (int)i;
        char *bytes = (char *)out;

        diary_column(ask, column, bytes + t->at, t->size);
        if (t->has != 0)
            *(bool *)(bytes + t->has) =
                sqlite3_column_type(ask->statement, column) != SQLITE_NULL;
    }
    return ask->rc == SQLITE_ROW;
}

/* ----- writing */

static void
bind_would(struct diary_ask *ask, const struct diary_would *w)
{
    diary_text(ask, w->rule);
    diary_text(ask, w->subject);
    diary_number(ask, (int64_t)w->action);
    diary_number(ask, w->last_s / DAY_S);
    diary_number(ask, w->n > INT32_MAX ? INT32_MAX : (int64_t)w->n);
    diary_number(ask, w->first_s);
    diary_number(ask, w->last_s);
}

static void
ask_would(struct diary *diary, struct diary_ask *out)
{
    diary_ask(diary,
              "INSERT INTO would(rule, subject, action, day, n, first_s,"
              " last_s) VALUES(?, ?, ?, ?, ?, ?, ?)"
              " ON CONFLICT(day, rule, subject, action) DO UPDATE SET"
              " n = n + excluded.n,"
              " first_s = min(first_s, excluded.first_s),"
              " last_s = max(last_s, excluded.last_s)",
              out);
}

static enum ms_err
drop_woulds(struct diary *diary)
{
    return diary_drop_oldest(
        diary, "DELETE FROM would WHERE id <= (SELECT max(id) FROM would) - ?",
        DIARY_WOULDS);
}

struct add {
    struct decision *decision;
    const struct diary_would *would;
    size_t n;
};

static void
write_insert(char text[DIARY_SQL])
{
    size_t len = diary_append(text, 0, "INSERT INTO decision(");

    len = diary_append(text, len, columns);
    len = diary_append(text, len, ") VALUES(?");
    for (int i = 1; i < NUMBERS + DECISION_TEXTS; i++)
        len = diary_append(text, len, ", ?");
    (void)diary_append(text, len, ")");
}

static enum ms_err
add_decisions(struct diary *diary, const struct add *add)
{
    char sql[DIARY_SQL];
    struct diary_ask ask;

    write_insert(sql);
    diary_ask(diary, sql, &ask);
    for (size_t i = 0; i < add->n; i++) {
        struct decision *d = &add->decision[i];

        diary_again(&ask);
        bind_decision(&ask, d);
        (void)diary_row(&ask);
        d->seq = (uint64_t)sqlite3_last_insert_rowid(diary->db);
        if (d->at_s > diary->now_s)
            diary->now_s = d->at_s;
    }
    return diary_done(&ask);
}

static enum ms_err
count_woulds(struct diary *diary, const struct add *add)
{
    struct diary_ask ask;

    ask_would(diary, &ask);
    for (size_t i = 0; i < add->n; i++) {
        const struct decision *d = &add->decision[i];
        struct diary_would w = {
            .action = d->action, .n = 1, .first_s = d->at_s, .last_s = d->at_s};

        if (d->deed != JOURNAL_WOULD)
            continue;
        memcpy(w.rule, d->rule, sizeof(w.rule));
        memcpy(w.subject, d->subject, sizeof(w.subject));
        diary_again(&ask);
        bind_would(&ask, &w);
        (void)diary_row(&ask);
    }
    return diary_done(&ask);
}

static enum ms_err
add(struct diary *diary, void *arg)
{
    enum ms_err err = add_decisions(diary, arg);

    if (err == MS_OK)
        err = count_woulds(diary, arg);
    if (err == MS_OK)
        err = diary_drop_oldest(diary,
                                "DELETE FROM decision WHERE seq <="
                                " (SELECT max(seq) FROM decision) - ?",
                                DIARY_DECISIONS);
    return err == MS_OK ? drop_woulds(diary) : err;
}

enum ms_err
diary_add(struct diary *diary, struct decision *decisions, size_t n)
{
    struct add work = {.decision = decisions, .n = n};
    enum ms_err err = n > 0 ? diary_write(diary, add, &work) : MS_OK;

    if (err != MS_OK) {
        for (size_t i = 0; i < n; i++)
            decisions[i].seq = 0;
        return err;
    }
    pthread_mutex_lock(&diary->wait_lock);
    if (n > 0 && decisions[n - 1].seq > diary->newest)
        diary->newest = decisions[n - 1].seq;
    pthread_cond_broadcast(&diary->wait);
    pthread_mutex_unlock(&diary->wait_lock);
    return MS_OK;
}

static enum ms_err
add_woulds(struct diary *diary, void *arg)
{
    const struct add *add = arg;
    struct diary_ask ask;
    enum ms_err err;

    ask_would(diary, &ask);
    for (size_t i = 0; i < add->n; i++) {
        diary_again(&ask);
        bind_would(&ask, &add->would[i]);
        (void)diary_row(&ask);
    }
    err = diary_done(&ask);
    return err == MS_OK ? drop_woulds(diary) : err;
}

enum ms_err
diary_add_woulds(struct diary *diary, const struct diary_would *woulds,
                 size_t n)
{
    struct add work = {.would = woulds, .n = n};

    return n > 0 ? diary_write(diary, add_woulds, &work) : MS_OK;
}

/* ----- finding */

/* What is asked of decisions, as SQL and its values. */
struct find {
    const struct diary_query *query;
    char user[DECISION_ADDRESS], subject[DECISION_SUBJECT];
    bool (*each)(void *arg, const struct decision *decision);
    void *arg;
};

/*
 * Times are compared without their index (the "+"): rows come in the order of
 * their numbers, which is that of the times but for a clock that was set.
 */
static void
write_find(const struct diary_query *q, char text[DIARY_SQL])
{
    const struct {
        bool is_asked;
        const char *sql;
    } filters[] = {
        {true, " FROM decision WHERE seq > ?1 AND seq < ?2"
               " AND +at_s >= ?3 AND +at_s < ?4"},
        {q->ref != NULL, " AND ref = ?5"},
        {q->id != NULL, " AND id = ?6"},
        {q->user != NULL, " AND user = ?7"},
        {q->client != NULL, " AND client = ?8"},
        {q->subject != NULL, " AND subject = ?9"},
        {q->rule != NULL, " AND (rule = ?10 OR rule >= ?10 || '.'"
                          " AND rule < ?10 || '/')"},
        {q->action != NULL, " AND +action = ?11"},
        {q->done && !q->would, " AND +deed = 0"},
        {q->would && !q->done, " AND +deed = 1"},
        {q->after > 0, " ORDER BY seq LIMIT ?12"},
        {q->after == 0, " ORDER BY seq DESC LIMIT ?12"},
    };
    size_t len = diary_append(text, 0, "SELECT seq, ");

    len = diary_append(text, len, columns);
    for (size_t i = 0; i < sizeof(filters) / sizeof(filters[0]); i++)
        if (filters[i].is_asked)
            len = diary_append(text, len, filters[i].sql);
}

/* The number of the action called NAME; -1: there is none. */
static int
action_of(const char *name)
{
    for (int a = VERDICT_CONTINUE; a <= VERDICT_HOLD; a++)
        if (strcmp(name, verdict_action_name((enum verdict_action)a)) == 0)
            return a;
    return -1;
}

static int64_t
bound(uint64_t n, int64_t or_if_0)
{
    if (n == 0)
        return or_if_0;
    return n > INT64_MAX ? INT64_MAX : (int64_t)n;
}

static void
bind_find(struct diary_ask *ask, const struct find *find)
{
    const struct diary_query *q = find->query;

    diary_number(ask, bound(q->after, 0));
    diary_number(ask, bound(q->before, INT64_MAX));
    diary_number(ask, q->since_s);
    diary_number(ask, q->until_s != 0 ? q->until_s : INT64_MAX);
    diary_text(ask, q->ref);
    diary_text(ask, q->id);
    diary_text(ask, find->user);
    diary_text(ask, q->client);
    diary_text(ask, find->subject);
    diary_text(ask, q->rule);
    diary_number(ask, q->action != NULL ? action_of(q->action) : -1);
    diary_number(ask, q->limit > 0 ? q->limit : FIND);
}

static enum ms_err
find(struct diary *diary, void *arg)
{
    const struct find *f = arg;
    char sql[DIARY_SQL];
    struct diary_ask ask;
    struct decision d;

    write_find(f->query, sql);
    diary_ask(diary, sql, &ask);
    bind_find(&ask, f);
    while (diary_row(&ask)) {
        if (read_decision(&ask, &d) && !f->each(f->arg, &d))
            break;
    }
    return diary_done(&ask);
}

/* TEXT as a decision would show it, if it is not written so already. */
static void
as_shown(enum line_kind kind, const char *text, char *out, size_t size)
{
    size_t len = strlen(text), plain = 0;

    while (plain < len && text[plain] > ' ' && text[plain] <= '~' &&
           text[plain] != '"')
        plain++;
    if (plain == len && len < size)
        memcpy(out, text, len + 1);
    else
        (void)line_print(kind, text, len, out, size);
}

enum ms_err
diary_find(struct diary *diary, const struct diary_query *query,
           bool (*each)(void *arg, const struct decision *), void *arg)
{
    struct find work = {.query = query, .each = each, .arg = arg};

    if (query->user != NULL)
        as_shown(LINE_KIND_WORD, query->user, work.user, sizeof(work.user));
    if (query->subject != NULL)
        decision_subject(query->subject, work.subject);
    return diary_read(diary, find, &work);
}

/* ----- who would have been stopped */

struct woulds {
    const char *rule;
    int64_t since_s;
    bool (*each)(void *arg, const struct diary_would *would);
    void *arg;
};

static bool
read_would(struct diary_ask *ask, struct diary_would *out)
{
    int64_t action = sqlite3_column_int64(ask->statement, 2);

    memset(out, 0, sizeof(*out));
    diary_column(ask, 0, out->rule, sizeof(out->rule));
    diary_column(ask, 1, out->subject, sizeof(out->subject));
    out->action = (enum verdict_action)action;
    out->n = (uint64_t)sqlite3_column_int64(ask->statement, 3);
    out->first_s = sqlite3_column_int64(ask->statement, 4);
    out->last_s = sqlite3_column_int64(ask->statement, 5);
    return ask->rc == SQLITE_ROW && action >= VERDICT_CONTINUE &&
           action <= VERDICT_HOLD;
}

static enum ms_err
find_woulds(struct diary *diary, void *arg)
{
    const struct woulds *f = arg;
    struct diary_would w;
    struct diary_ask ask;

    diary_ask(diary,
              "SELECT rule, subject, action, sum(n) AS often, min(first_s),"
              " max(last_s) FROM would WHERE last_s >= ? AND (?2 IS NULL OR"
              " rule = ?2 OR rule >= ?2 || '.' AND rule < ?2 || '/')"
              " GROUP BY rule, subject, action"
              " ORDER BY rule, often DESC, subject",
              &ask);
    diary_number(&ask, f->since_s);
    diary_text(&ask, f->rule);
    while (diary_row(&ask)) {
        if (read_would(&ask, &w) && !f->each(f->arg, &w))
            break;
    }
    return diary_done(&ask);
}

enum ms_err
diary_woulds(struct diary *diary, const char *rule, int64_t since_s,
             bool (*each)(void *arg, const struct diary_would *), void *arg)
{
    struct woulds work = {rule, since_s, each, arg};

    return diary_read(diary, find_woulds, &work);
}
