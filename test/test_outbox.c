/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The outbox: what has become of an entry is not undone by who has read it
 * before, letters and calls have room of their own, and nothing is looked for
 * from end to end.
 */
#include <config.h>

#include "milter/diary/outbox.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "milter/diary/diary.h"
#include "milter/diary/inside.h"
#include "test/unit.h"

enum { NOON_S = 1767787200 };

static struct diary *
make_diary(void)
{
    struct diary *diary = NULL;
    struct why why;

    assert_int_equal(
        diary_open(NULL, (struct wall){NOON_S}, NULL, NULL, &diary, &why),
        MS_OK);
    return diary;
}

/* One that waits, due at DUE_S; its seq. */
static uint64_t
add(struct diary *diary, const char *kind, int64_t due_s, enum ms_err want,
    uint64_t *lost)
{
    struct outbox_entry entry = {.at_s = NOON_S,
                                 .due_s = due_s,
                                 .subject = "user:ann",
                                 .json = json_object()};

    (void)snprintf(entry.kind, sizeof(entry.kind), "%s", kind);
    assert_int_equal(diary_outbox_add(diary, &entry, lost), want);
    json_decref(entry.json);
    return entry.seq;
}

static bool
set(struct diary *diary, uint64_t seq, unsigned was, unsigned tries,
    enum outbox_state state)
{
    struct outbox_entry entry = {
        .seq = seq, .tries = tries, .state = state, .json = json_object()};
    bool found = false;

    assert_int_equal(diary_outbox_set(diary, &entry, was, &found), MS_OK);
    json_decref(entry.json);
    return found;
}

static void
test_who_comes_first(void **state)
{
    struct diary *diary = make_diary();
    uint64_t seq = add(diary, "quarantined", NOON_S, MS_OK, NULL);

    (void)state;
    assert_true(set(diary, seq, 0, 1, OUTBOX_WAITS));
    assert_false(set(diary, seq, 0, 1, OUTBOX_WAITS)); /* taken up already */
    assert_true(set(diary, seq, 1, 1, OUTBOX_LIMITED));
    assert_false(set(diary, seq, 1, 2, OUTBOX_WAITS)); /* overtaken */
    assert_false(set(diary, seq, 1, 1, OUTBOX_SENT));
    seq = add(diary, "quarantined", NOON_S, MS_OK, NULL);
    assert_true(set(diary, seq, 0, 0, OUTBOX_SENT));
    assert_false(set(diary, seq, 0, 0, OUTBOX_WAITS)); /* sent once */
    diary_close(diary);
}

/* OUTBOX_WAITING of KIND, as if they had been put in. */
static void
fill(struct diary *diary, const char *kind)
{
    char sql[512];

    (void)snprintf(sql, sizeof(sql),
                   "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1"
                   " FROM c WHERE n < %d) INSERT INTO outbox(at_s, due_s, kind,"
                   " state, tries, json) SELECT %d, %d + n, '%s', 'waiting', 0,"
                   " '{}' FROM c",
                   OUTBOX_WAITING, NOON_S, NOON_S, kind);
    assert_int_equal(sqlite3_exec(diary->db, sql, NULL, NULL, NULL), SQLITE_OK);
}

static bool
take_due(void *arg, const struct outbox_entry *entry)
{
    *(int64_t *)arg = entry->due_s;
    return false;
}

static int64_t
first_due(struct diary *diary, enum outbox_class class)
{
    struct outbox_query query = OUTBOX_ANY;
    int64_t due_s = 0;

    query.class = class;
    query.states = 1U << OUTBOX_WAITS;
    query.due_s = INT64_MAX - 1;
    assert_int_equal(diary_outbox(diary, &query, take_due, &due_s), MS_OK);
    return due_s;
}

static void
test_room(void **state)
{
    struct diary *diary = make_diary();
    struct outbox_totals totals;
    uint64_t lost = 0;

    (void)state;
    fill(diary, OUTBOX_CALL);
    (void)add(diary, "quarantined", NOON_S, MS_OK,
              NULL); /* calls are no letters */
    assert_int_equal(first_due(diary, OUTBOX_CALLS), NOON_S + 1);
    (void)add(diary, OUTBOX_CALL, NOON_S + 7, MS_OK, &lost);
    assert_int_equal(first_due(diary, OUTBOX_CALLS), NOON_S + 2);
    fill(diary, "quarantined");
    (void)add(diary, "throttled", NOON_S, MS_BUSY, NULL);
    (void)add(diary, OUTBOX_CALL, NOON_S + 7, MS_OK, &lost);
    assert_int_equal(diary_outbox_totals(diary, &totals), MS_OK);
    assert_int_equal(lost, 2);
    assert_int_equal(totals.calls, OUTBOX_WAITING);
    assert_int_equal(totals.letters, OUTBOX_WAITING + 1);
    assert_int_equal(totals.due_s, NOON_S);
    diary_close(diary);
}

/* ----- how it is looked for */

static int
keep_statement(unsigned event, void *arg, void *statement, void *text)
{
    char *sql = arg;
    const char *is = sqlite3_sql(statement);

    (void)event;
    (void)text;
    if (strstr(is, "FROM outbox") != NULL)
        (void)snprintf(sql, DIARY_SQL, "%s", is);
    return 0;
}

static int
add_step(void *arg, int n, char **value, char **name)
{
    char *plan = arg;
    size_t len = strlen(plan);

    (void)name;
    assert_int_equal(n, 4);
    (void)snprintf(plan + len, 1024 - len, "%s; ", value[3]);
    return 0;
}

static bool
take_none(void *arg, const struct outbox_entry *entry)
{
    (void)arg;
    (void)entry;
    return true;
}

static void
test_indexes(void **state)
{
    static const struct {
        const char *row;
        struct outbox_query query;
        const char *plan; /* a part of it */
    } rows[] = {
        {"letters that are due",
         {.since_s = INT64_MIN,
          .due_s = NOON_S,
          .class = OUTBOX_LETTERS,
          .states = 1U << OUTBOX_WAITS},
         "outbox_due (<expr>=? AND due_s<?)"},
        {"of a subject",
         {.since_s = INT64_MIN, .due_s = INT64_MAX, .subject = "user:ann"},
         "outbox_subject (subject=?)"},
        {"of a subject and kind",
         {.since_s = NOON_S,
          .due_s = INT64_MAX,
          .subject = "user:ann",
          .kind = "released",
          .states = 1U << OUTBOX_SENT},
         "outbox_subject (subject=?)"},
        {"of a kind",
         {.since_s = INT64_MIN, .due_s = INT64_MAX, .kind = "quarantined"},
         "outbox_kind (kind=?)"},
        {"one",
         {.since_s = INT64_MIN, .due_s = INT64_MAX, .seq = 7},
         "PRIMARY KEY (rowid=?)"},
    };
    struct diary *diary = make_diary();

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        char sql[DIARY_SQL] = "", ask[DIARY_SQL + 32], plan[1024] = "";

        (void)sqlite3_trace_v2(diary->db, SQLITE_TRACE_STMT, keep_statement,
                               sql);
        assert_int_equal(diary_outbox(diary, &rows[i].query, take_none, NULL),
                         MS_OK);
        (void)sqlite3_trace_v2(diary->db, 0, NULL, NULL);
        (void)snprintf(ask, sizeof(ask), "EXPLAIN QUERY PLAN %s", sql);
        assert_int_equal(sqlite3_exec(diary->db, ask, add_step, plan, NULL),
                         SQLITE_OK);
        if (strstr(plan, rows[i].plan) == NULL)
            fail_msg("%s: %s", rows[i].row, plan);
    }
    diary_close(diary);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_who_comes_first),
        cmocka_unit_test(test_room),
        cmocka_unit_test(test_indexes),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
