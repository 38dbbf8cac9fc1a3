/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Changes of standings, and what was said about earlier messages: as JSON and
 * back, in the diary and found again.
 */
#include <config.h>

#include "milter/diary/change.h"
#include "milter/diary/diary.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

#include "test/scarce.h"
#include "test/unit.h"

enum { NOON_S = 1767787200, DAY_S = 86400 };

static struct diary *
make_diary(void)
{
    struct diary *diary;

    assert_int_equal(
        diary_open(NULL, (struct wall){NOON_S}, NULL, NULL, &diary, NULL),
        MS_OK);
    return diary;
}

static struct change
a_change(const char *id, const char *user, enum standing to, int64_t at_s)
{
    struct change c = {
        .host = "mx1.example.org",
        .rule = "zombie.account",
        .class = CLASS_PERSON,
        .evidence = {.at_s = at_s,
                     .from = STANDING_NORMAL,
                     .to = to,
                     .cause = CAUSE_EVIDENCE,
                     .tenths = {[FAMILY_BULK] = 241, [FAMILY_CONTENT] = 380}}};

    (void)snprintf(c.id, sizeof(c.id), "%s", id);
    assert_true(subject_make(SUBJECT_USER, user, &c.subject));
    return c;
}

/* Every field has another value. */
static struct change
a_full_change(void)
{
    struct change c =
        a_change("K7Q2M9XD", "ann@example.org", STANDING_QUARANTINED, NOON_S);
    struct evidence *e = &c.evidence;

    assert_true(subject_make_pair(SUBJECT_USER, "a+b@example.org",
                                  SUBJECT_SENDER, "c d", &c.subject));
    c.class = CLASS_SERVER;
    c.observed = true;
    c.throttle = 24;
    c.until_s = NOON_S + DAY_S;
    c.since_s = NOON_S - DAY_S;
    c.quarantines = 2;
    (void)snprintf(c.by, sizeof(c.by), "bob (uid 1000)");
    (void)snprintf(c.note, sizeof(c.note), "\"said\" \\ \xc3\xa9");
    e->from = STANDING_THROTTLED;
    e->cause = CAUSE_OPERATOR;
    e->tenths[FAMILY_RECEPTION] = 1;
    e->hour = 1;
    e->usual_hour = 2;
    e->day = 3;
    e->usual_day = 4;
    e->new_day = 5;
    e->usual_new = 6;
    e->spam = 7;
    e->judged = 8;
    e->unknown = 9;
    e->complaints = 10;
    e->networks = 11;
    e->usual_networks = 12;
    e->senders = 13;
    e->usual_senders = UINT32_MAX;
    c.n_ids = CHANGE_IDS;
    for (int i = 0; i < CHANGE_IDS; i++)
        (void)snprintf(c.ids[i], sizeof(c.ids[i]), "4XyZ%d", i);
    return c;
}

static void
expect_same(const struct change *a, const struct change *b)
{
    assert_string_equal(a->id, b->id);
    assert_string_equal(a->host, b->host);
    assert_true(subject_same(&a->subject, &b->subject));
    assert_string_equal(a->rule, b->rule);
    assert_int_equal(a->class, b->class);
    assert_int_equal(a->observed, b->observed);
    assert_int_equal(a->throttle, b->throttle);
    assert_int_equal(a->until_s, b->until_s);
    assert_int_equal(a->since_s, b->since_s);
    assert_int_equal(a->quarantines, b->quarantines);
    assert_string_equal(a->by, b->by);
    assert_string_equal(a->note, b->note);
    assert_memory_equal(&a->evidence, &b->evidence, sizeof(a->evidence));
    assert_int_equal(a->n_ids, b->n_ids);
    for (size_t i = 0; i < a->n_ids; i++)
        assert_string_equal(a->ids[i], b->ids[i]);
}

/* ----- JSON */

static void
test_there_and_back(void **state)
{
    const struct change full = a_full_change();
    const struct change least =
        a_change("AAAAAAAA", "ann", STANDING_NORMAL, NOON_S);
    const struct change *const rows[] = {&full, &least};

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        json_t *json = change_json(rows[i]);
        struct change again;

        assert_non_null(json);
        assert_int_equal(change_read(json, &again), MS_OK);
        expect_same(rows[i], &again);
        json_decref(json);
    }
}

/* Names may have a "+", and a subject is read as the one that it was. */
static void
test_pairs(void **state)
{
    static const struct {
        const char *row;
        enum subject_kind kind1;
        const char *one;
        enum subject_kind kind2;
        const char *two;
    } rows[] = {
        {"no plus", SUBJECT_USER, "ann", SUBJECT_CLIENT, "192.0.2.7"},
        {"a login without a domain", SUBJECT_USER, "ann+lists", SUBJECT_CLIENT,
         "192.0.2.7"},
        {"more of them", SUBJECT_USER, "a+b+c", SUBJECT_PREFIX, "192.0.2.0/24"},
        {"an address", SUBJECT_USER, "ann+lists@example.org", SUBJECT_CLIENT,
         "2001:db8::/64"},
        {"behind its @", SUBJECT_USER, "ann@a+b", SUBJECT_CLIENT, "192.0.2.7"},
        {"the second", SUBJECT_CLIENT, "192.0.2.7", SUBJECT_USER,
         "ann+lists@example.org"},
        {"two names", SUBJECT_USER, "a+b@example.org", SUBJECT_SENDER, "c d"},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct change change =
            a_change("AAAAAAAA", "ann", STANDING_NORMAL, NOON_S);
        struct change again;
        json_t *json;

        assert_true(subject_make_pair(rows[i].kind1, rows[i].one, rows[i].kind2,
                                      rows[i].two, &change.subject));
        json = change_json(&change);
        expect(rows[i].row, change_read(json, &again) == MS_OK &&
                                subject_same(&change.subject, &again.subject));
        json_decref(json);
    }
}

/* The names of a change are promised by mortsafe-api(7). */
static void
test_names(void **state)
{
    static const struct {
        const char *row, *json; /* a part of it */
    } rows[] = {
        {"when", "\"at\":\"2026-01-07T12:00:00Z\""},
        {"whose", "\"subject\":\"user+sender:a+b@example.org+c d\""},
        {"standings", "\"from\":\"throttled\",\"to\":\"quarantined\""},
        {"why", "\"cause\":\"operator\""},
        {"how much together", "\"score\":62.2"},
        {"what it is", "\"class\":\"server\""},
        {"only looked on", "\"observed\":true"},
        {"while throttled", "\"throttle\":24"},
        {"its end", "\"until\":\"2026-01-08T12:00:00Z\""},
        {"how long it had stood otherwise",
         "\"since\":\"2026-01-06T12:00:00Z\""},
        {"how often", "\"quarantines\":2"},
        {"the strongest first",
         "\"families\":[{\"family\":\"content\",\"decibels\":38.0,"},
        {"numbers", "\"hour\":1,\"usual_hour\":2,\"day\":3,"},
        {"its messages", "\"ids\":[\"4XyZ0\",\"4XyZ1\","},
    };
    const struct change full = a_full_change();
    struct change none = a_change("AAAAAAAA", "ann", STANDING_NORMAL, NOON_S);
    json_t *json = change_json(&full);
    char *text = json_dumps(json, JSON_COMPACT | JSON_REAL_PRECISION(4));

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++)
        if (strstr(text, rows[i].json) == NULL)
            fail_msg("%s: %s", rows[i].row, text);
    free(text);
    json_decref(json);
    json = change_json(&none);
    assert_true(json_is_null(json_object_get(json, "throttle")));
    assert_true(json_is_null(json_object_get(json, "until")));
    assert_true(json_is_null(json_object_get(json, "since")));
    assert_string_equal(json_string_value(json_object_get(json, "note")), "");
    assert_string_equal(change_class_name(CLASS_UNSET), "");
    json_decref(json);
}

static void
test_strongest_first(void **state)
{
    static const struct {
        const char *row;
        struct evidence e;
        const char *names;
    } rows[] = {
        {"nothing says anything", {.at_s = NOON_S}, ""},
        {"one", {.tenths = {[FAMILY_SPREAD] = 1}}, "spread "},
        {"all",
         {.tenths = {50, 10, 40, 20, 30}},
         "bulk reception identity spread content "},
        {"of equals the first named",
         {.tenths = {7, 7, 7}},
         "bulk content reception "},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        json_t *json = evidence_json(&rows[i].e), *one;
        char names[128] = "";
        size_t k;

        json_array_foreach(json, k, one)
        {
            size_t len = strlen(names);

            (void)snprintf(names + len, sizeof(names) - len, "%s ",
                           json_string_value(json_object_get(one, "family")));
        }
        if (strcmp(names, rows[i].names) != 0)
            fail_msg("%s: %s", rows[i].row, names);
        json_decref(json);
    }
}

static void
test_what_is_no_change(void **state)
{
    static const struct {
        const char *row, *key, *value; /* instead; NULL: left out */
        enum ms_err err;
    } rows[] = {
        {"as it was", "note", "\"\"", MS_OK},
        {"a field of a newer version", "colour", "\"red\"", MS_OK},
        {"no subject", "subject", NULL, MS_INVALID},
        {"a subject that is none", "subject", "\"ann\"", MS_INVALID},
        {"no standing", "to", NULL, MS_INVALID},
        {"a standing that is none", "from", "\"good\"", MS_INVALID},
        {"a cause that is none", "cause", "\"luck\"", MS_INVALID},
        {"a class that is none", "class", "\"king\"", MS_INVALID},
        {"a time that is none", "at", "\"today\"", MS_INVALID},
        {"a family of a newer version", "families",
         "[{\"family\":\"hair\",\"decibels\":3}]", MS_OK},
        {"a family without decibels", "families", "[{\"family\":\"bulk\"}]",
         MS_INVALID},
        {"less than nothing", "families",
         "[{\"family\":\"bulk\",\"decibels\":-1}]", MS_INVALID},
        {"more than there is", "families",
         "[{\"family\":\"bulk\",\"decibels\":6553.6}]", MS_INVALID},
        {"no families", "families", NULL, MS_INVALID},
        {"numbers that are left out are 0", "numbers", "{}", MS_OK},
        {"a number over its bound", "numbers", "{\"hour\":4294967296}",
         MS_INVALID},
        {"a number that is a text", "numbers", "{\"hour\":\"1\"}", MS_INVALID},
        {"an id that is too long", "ids",
         "[\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
         "xxxx\"]",
         MS_INVALID},
        {"more ids than there is room for", "ids",
         "[\"1\",\"2\",\"3\",\"4\",\"5\",\"6\",\"7\",\"8\",\"9\"]", MS_OK},
        {"ids that are none", "ids", "[1]", MS_INVALID},
    };
    const struct change full = a_full_change();

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        json_t *json = change_json(&full);
        struct change again;

        if (rows[i].value == NULL)
            assert_int_equal(json_object_del(json, rows[i].key), 0);
        else
            assert_int_equal(
                json_object_set_new(
                    json, rows[i].key,
                    json_loads(rows[i].value, JSON_DECODE_ANY, NULL)),
                0);
        expect(rows[i].row, change_read(json, &again) == rows[i].err);
        json_decref(json);
    }
    assert_int_equal(change_read(NULL, NULL), MS_INVALID);
}

/* ----- the diary */

struct found {
    char ids[512]; /* the first letter of each, in order */
    size_t n;
    struct change last;
};

static bool
take_change(void *arg, const struct change *change)
{
    struct found *found = arg;

    assert_true(found->n < sizeof(found->ids) - 1);
    found->ids[found->n++] = change->id[0];
    found->last = *change;
    return true;
}

static struct found
find(struct diary *diary, struct diary_change_query query)
{
    struct found found = {.n = 0};

    assert_int_equal(diary_changes(diary, &query, take_change, &found), MS_OK);
    return found;
}

/* A, B of ann, C of bob whose family is bulk, D of ann by hand. */
static void
add_four(struct diary *diary)
{
    struct change changes[] = {
        a_change("AAAAAAAA", "ann", STANDING_WATCHED, NOON_S),
        a_change("BBBBBBBB", "ann", STANDING_QUARANTINED, NOON_S + 10),
        a_change("CCCCCCCC", "bob", STANDING_THROTTLED, NOON_S + 20),
        a_change("DDDDDDDD", "ann", STANDING_PROBATION, NOON_S + 30),
    };

    changes[2].evidence.tenths[FAMILY_CONTENT] = 0;
    memset(changes[3].evidence.tenths, 0, sizeof(changes[3].evidence.tenths));
    for (size_t i = 0; i < ROWS(changes); i++) {
        assert_int_equal(diary_add_change(diary, &changes[i]), MS_OK);
        assert_int_equal(changes[i].seq, i + 1);
    }
}

static void
test_find(void **state)
{
    static const struct {
        const char *row;
        struct diary_change_query query;
        const char *ids;
    } rows[] = {
        {"all, the newest first", {.limit = 0}, "DCBA"},
        {"by its id", {.id = "BBBBBBBB"}, "B"},
        {"of an id that is none", {.id = "bbbbbbbb"}, ""},
        {"of a subject", {.subject = "user:ann"}, "DBA"},
        {"of another kind of that name", {.subject = "sender:ann"}, ""},
        {"by the strongest family", {.family = "content"}, "BA"},
        {"by another", {.family = "bulk"}, "C"},
        {"by what somebody became",
         {.to = 1U << STANDING_QUARANTINED | 1U << STANDING_THROTTLED},
         "CB"},
        {"since, that second included", {.since_s = NOON_S + 20}, "DC"},
        {"until, that second not", {.until_s = NOON_S + 20}, "BA"},
        {"no more than asked for", {.limit = 2}, "DC"},
        {"all conditions hold",
         {.subject = "user:ann", .family = "content", .limit = 1},
         "B"},
        {"SQL as a name", {.subject = "' OR 1=1 --"}, ""},
    };
    struct diary *diary = make_diary();

    (void)state;
    add_four(diary);
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct found found = find(diary, rows[i].query);

        if (strcmp(found.ids, rows[i].ids) != 0)
            fail_msg("%s: %s", rows[i].row, found.ids);
    }
    diary_close(diary);
}

/* What is in the diary is whole. */
static void
test_whole(void **state)
{
    struct diary *diary = make_diary();
    struct change full = a_full_change();
    struct found found;

    (void)state;
    assert_int_equal(diary_add_change(diary, &full), MS_OK);
    found = find(diary, (struct diary_change_query){.id = full.id});
    assert_int_equal(found.n, 1);
    expect_same(&full, &found.last);
    assert_int_equal(found.last.seq, 1);
    diary_close(diary);
}

static void
test_trim(void **state)
{
    struct diary *diary = make_diary();
    struct diary_report report = {.at_s = NOON_S, .kind = "bounce"};

    (void)state;
    add_four(diary);
    assert_int_equal(diary_add_report(diary, &report), MS_OK);
    /* changes stay, however short decisions are kept */
    assert_int_equal(diary_trim(diary, (struct wall){NOON_S + DAY_S}, 0),
                     MS_OK);
    assert_int_equal(find(diary, (struct diary_change_query){.limit = 9}).n, 4);
    assert_int_equal(
        diary_trim(diary, (struct wall){NOON_S + 20 + 366 * DAY_S}, 0), MS_OK);
    assert_string_equal(
        find(diary, (struct diary_change_query){.limit = 9}).ids, "DC");
    diary_close(diary);
}

/* ----- reports */

static bool
take_report(void *arg, const struct diary_report *report)
{
    char *text = arg;
    size_t len = strlen(text);

    (void)snprintf(text + len, 256 - len, "%s ", report->detail);
    return true;
}

static const char *
reports(struct diary *diary, const char *subject, int64_t since_s,
        unsigned limit)
{
    static char text[256];

    text[0] = '\0';
    assert_int_equal(
        diary_reports(diary, subject, since_s, limit, take_report, text),
        MS_OK);
    return text;
}

static void
test_reports(void **state)
{
    struct diary *diary = make_diary();
    struct diary_report r = {.at_s = NOON_S,
                             .host = "mx1",
                             .kind = "complaint",
                             .subject = "user:ann",
                             .id = "4XyZ1",
                             .by = "abuse (uid 7)",
                             .detail = "one"};

    (void)state;
    assert_int_equal(diary_add_report(diary, &r), MS_OK);
    r.at_s++;
    r.subject[0] = '\0';
    (void)snprintf(r.detail, sizeof(r.detail), "two");
    assert_int_equal(diary_add_report(diary, &r), MS_OK);
    assert_string_equal(reports(diary, NULL, 0, 0), "two one ");
    assert_string_equal(reports(diary, NULL, 0, 1), "two ");
    assert_string_equal(reports(diary, NULL, NOON_S + 1, 0), "two ");
    assert_string_equal(reports(diary, "user:ann", 0, 0), "one ");
    assert_string_equal(reports(diary, "user:bob", 0, 0), "");
    assert_int_equal(
        diary_trim(diary, (struct wall){NOON_S + DAY_S + 1}, DAY_S), MS_OK);
    assert_string_equal(reports(diary, NULL, 0, 0), "two ");
    diary_close(diary);
}

static void
test_report_read(void **state)
{
    static const struct {
        const char *row, *key, *value;
        enum ms_err err;
    } rows[] = {
        {"as it was", "kind", "\"bounce\"", MS_OK},
        {"nobody's", "subject", "null", MS_OK},
        {"no time", "at", NULL, MS_INVALID},
        {"a kind that is too long", "kind", "\"0123456789abcdef\"", MS_INVALID},
        {"a number as a text", "detail", "1", MS_INVALID},
    };
    const struct diary_report r = {
        .at_s = NOON_S, .kind = "log", .subject = "user:ann", .id = "4XyZ"};

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        json_t *json = diary_report_json(&r);
        struct diary_report again;

        if (rows[i].value == NULL)
            assert_int_equal(json_object_del(json, rows[i].key), 0);
        else
            assert_int_equal(
                json_object_set_new(
                    json, rows[i].key,
                    json_loads(rows[i].value, JSON_DECODE_ANY, NULL)),
                0);
        expect(rows[i].row, diary_report_read(json, &again) == rows[i].err);
        expect(rows[i].row,
               rows[i].err != MS_OK || strcmp(again.id, "4XyZ") == 0);
        json_decref(json);
    }
}

/* ----- no memory */

static void
test_no_memory(void **state)
{
    struct diary *diary = make_diary();
    const struct diary_report report = {.at_s = NOON_S, .kind = "log"};
    struct change full = a_full_change();
    size_t there = 0, failed = 0;
    bool all = false;

    (void)state;
    for (unsigned long n = 1; !all; n++) {
        struct found found = {.n = 0};
        const struct diary_change_query query = {.limit = 300};
        enum ms_err err[4];
        json_t *json;

        assert_true(n < 1000);
        full.seq = 0;
        scarce_set(n);
        err[0] = diary_add_change(diary, &full);
        all = scarce_left() > 0;
        scarce_set(n);
        err[1] = diary_changes(diary, &query, take_change, &found);
        all = all && scarce_left() > 0;
        scarce_set(n);
        err[2] = diary_add_report(diary, &report);
        scarce_set(n);
        json = change_json(&full);
        err[3] = json != NULL ? MS_OK : MS_NOMEM;
        scarce_set(0);
        json_decref(json);
        assert_true((err[0] == MS_OK) == (full.seq != 0));
        there += err[0] == MS_OK;
        for (size_t i = 0; i < ROWS(err); i++) {
            assert_true(err[i] == MS_OK || err[i] == MS_NOMEM);
            failed += err[i] != MS_OK;
        }
        /* none is left out but for want of memory, which is told */
        assert_true(err[1] != MS_OK || found.n == there);
        if (there > 3) { /* few are enough */
            assert_int_equal(
                diary_trim(diary, (struct wall){NOON_S + 367 * DAY_S}, 0),
                MS_OK);
            there = 0;
        }
    }
    assert_true(failed > 100);
    diary_close(diary);
}

/* ----- what others allocate for us fails like our own (test/scarce.h) */

static sqlite3_mem_methods usual_memory;

static void *
sqlite_malloc(int size)
{
    return scarce_fails() ? NULL : usual_memory.xMalloc(size);
}

static void *
sqlite_realloc(void *old, int size)
{
    return scarce_fails() ? NULL : usual_memory.xRealloc(old, size);
}

static void
install_memory(void)
{
    sqlite3_mem_methods methods;

    sqlite3_config(SQLITE_CONFIG_GETMALLOC, &usual_memory);
    methods = usual_memory;
    methods.xMalloc = sqlite_malloc;
    methods.xRealloc = sqlite_realloc;
    sqlite3_config(SQLITE_CONFIG_MALLOC, &methods);
    json_set_alloc_funcs(malloc, free); /* as this program calls it */
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_there_and_back),
        cmocka_unit_test(test_pairs),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_strongest_first),
        cmocka_unit_test(test_what_is_no_change),
        cmocka_unit_test(test_find),
        cmocka_unit_test(test_whole),
        cmocka_unit_test(test_trim),
        cmocka_unit_test(test_reports),
        cmocka_unit_test(test_report_read),
        cmocka_unit_test(test_no_memory),
    };

    install_memory();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
