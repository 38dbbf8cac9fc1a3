/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Messages that MTAs hold for us, and those that went out: in the diary, and
 * the commands that an administrator is shown.
 */
#include <config.h>

#include "milter/diary/diary.h"
#include "milter/diary/held.h"
#include "milter/diary/passed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

static struct held
a_held(const char *host, const char *id, const char *subject, int64_t at_s)
{
    struct held h = {.at_s = at_s,
                     .mta = HELD_POSTFIX,
                     .rule = "zombie.account",
                     .has_from = true,
                     .from = "ann@example.org",
                     .nrcpt = 3};

    (void)snprintf(h.host, sizeof(h.host), "%s", host);
    (void)snprintf(h.id, sizeof(h.id), "%s", id);
    (void)snprintf(h.subject, sizeof(h.subject), "%s", subject);
    return h;
}

static void
expect_same(const char *row, const struct held *a, const struct held *b)
{
    expect(row, a->at_s == b->at_s && a->mta == b->mta &&
                    a->nrcpt == b->nrcpt && a->has_from == b->has_from);
    expect(row, strcmp(a->host, b->host) == 0 && strcmp(a->id, b->id) == 0);
    expect(row, strcmp(a->subject, b->subject) == 0 &&
                    strcmp(a->rule, b->rule) == 0 &&
                    strcmp(a->from, b->from) == 0);
}

/* ----- JSON */

static void
test_commands(void **state)
{
    static const struct {
        const char *row;
        enum held_mta mta;
        const char *id, *deliver, *delete; /* NULL: null */
    } rows[] = {
        {"Postfix", HELD_POSTFIX, "4XyZ0q3zz", "postsuper -H 4XyZ0q3zz",
         "postsuper -d 4XyZ0q3zz"},
        {"Sendmail", HELD_SENDMAIL, "0A7C1n2k012345",
         "sendmail -Q -qQ -qI0A7C1n2k012345",
         "find /var/spool/mqueue -type f -name '?f0A7C1n2k012345' -delete"},
        {"all messages of Postfix", HELD_POSTFIX, "ALL", NULL, NULL},
        {"none", HELD_POSTFIX, "", NULL, NULL},
        {"a second command", HELD_POSTFIX, "4X;reboot", NULL, NULL},
        {"an option", HELD_POSTFIX, "-d", NULL, NULL},
        {"two words", HELD_SENDMAIL, "4X 5Y", NULL, NULL},
        {"a pattern", HELD_SENDMAIL, "4X*", NULL, NULL},
        {"a quote", HELD_SENDMAIL, "4X'", NULL, NULL},
        {"another folder", HELD_SENDMAIL, "../4X", NULL, NULL},
        {"a line break", HELD_POSTFIX, "4X\n5", NULL, NULL},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct held h = a_held("mx1", rows[i].id, "user:ann", NOON_S);
        const char *deliver, *delete;
        json_t *json, *command;

        h.mta = rows[i].mta;
        json = held_json(&h);
        command = json_object_get(json, "command");
        deliver = json_string_value(json_object_get(command, "deliver"));
        delete = json_string_value(json_object_get(command, "delete"));
        expect(rows[i].row, (deliver == NULL) == (rows[i].deliver == NULL));
        expect(rows[i].row, (delete == NULL) == (rows[i].delete == NULL));
        if (deliver != NULL && strcmp(deliver, rows[i].deliver) != 0)
            fail_msg("%s: %s", rows[i].row, deliver);
        if (delete != NULL && strcmp(delete, rows[i].delete) != 0)
            fail_msg("%s: %s", rows[i].row, delete);
        json_decref(json);
    }
}

static void
test_there_and_back(void **state)
{
    struct held rows[] = {
        a_held("mx1", "4XyZ", "user:ann", NOON_S),
        a_held("mx1", "odd id", "client:192.0.2.7", NOON_S),
        a_held("", "1", "user:ann", NOON_S),
    };

    (void)state;
    rows[1].mta = HELD_SENDMAIL;
    rows[1].has_from = false; /* not known: not the empty one */
    rows[1].from[0] = '\0';
    rows[2].from[0] = '\0'; /* "<>" */
    for (size_t i = 0; i < ROWS(rows); i++) {
        json_t *json = held_json(&rows[i]);
        struct held again;

        expect(rows[i].id, held_read(json, &again) == MS_OK);
        expect_same(rows[i].id, &rows[i], &again);
        json_decref(json);
    }
}

static void
test_what_is_none(void **state)
{
    static const struct {
        const char *row, *key, *value; /* instead; NULL: left out */
        enum ms_err err;
    } rows[] = {
        {"as it was", "id", "\"4XyZ\"", MS_OK},
        {"a field of a newer version", "size", "7", MS_OK},
        {"no commands", "command", NULL, MS_OK},
        {"an MTA that is none", "mta", "\"exim\"", MS_INVALID},
        {"no MTA", "mta", NULL, MS_INVALID},
        {"a time that is none", "at", "7", MS_INVALID},
        {"recipients that are no number", "recipients", "\"3\"", MS_INVALID},
        {"fewer than none", "recipients", "-1", MS_INVALID},
        {"a subject that is none", "subject", "7", MS_INVALID},
    };
    const struct held h = a_held("mx1", "4XyZ", "user:ann", NOON_S);

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        json_t *json = held_json(&h);
        struct held again;

        if (rows[i].value == NULL)
            assert_int_equal(json_object_del(json, rows[i].key), 0);
        else
            assert_int_equal(
                json_object_set_new(
                    json, rows[i].key,
                    json_loads(rows[i].value, JSON_DECODE_ANY, NULL)),
                0);
        expect(rows[i].row, held_read(json, &again) == rows[i].err);
        json_decref(json);
    }
    assert_int_equal(held_read(NULL, NULL), MS_INVALID);
}

/* ----- the diary */

static bool
take_held(void *arg, const struct held *held)
{
    char *text = arg;
    size_t len = strlen(text);

    (void)snprintf(text + len, 256 - len, "%s ", held->id);
    return true;
}

static const char *
held_of(struct diary *diary, const char *subject, unsigned limit)
{
    static char text[256];

    text[0] = '\0';
    assert_int_equal(diary_helds(diary, subject, limit, take_held, text),
                     MS_OK);
    return text;
}

static void
add(struct diary *diary, struct held held)
{
    assert_int_equal(diary_add_held(diary, &held), MS_OK);
}

static void
test_held(void **state)
{
    struct diary *diary = make_diary();
    struct held one = a_held("mx1", "2B", "user:ann", NOON_S + 20), again;
    bool found = true;
    int64_t oldest_s = 7;
    uint64_t n = 7;

    (void)state;
    assert_int_equal(diary_count_held(diary, &n, &oldest_s), MS_OK);
    assert_true(n == 0 && oldest_s == 0);
    add(diary, one);
    add(diary, a_held("mx1", "1A", "user:ann", NOON_S + 10));
    add(diary, a_held("mx1", "3C", "user:bob", NOON_S));
    assert_string_equal(held_of(diary, NULL, 0), "3C 1A 2B ");
    assert_string_equal(held_of(diary, NULL, 2), "3C 1A ");
    assert_string_equal(held_of(diary, "user:ann", 0), "1A 2B ");
    assert_int_equal(diary_count_held(diary, &n, &oldest_s), MS_OK);
    assert_true(n == 3 && oldest_s == NOON_S);
    assert_int_equal(diary_find_held(diary, "mx1", "2B", &found, &again),
                     MS_OK);
    assert_true(found);
    expect_same("2B", &one, &again);
    /* the MTA has used the number again */
    add(diary, a_held("mx1", "3C", "user:ann", NOON_S + 30));
    assert_string_equal(held_of(diary, NULL, 0), "1A 2B 3C ");
    /* another host's is another */
    add(diary, a_held("mx2", "3C", "user:ann", NOON_S + 40));
    assert_int_equal(diary_drop_held(diary, "mx1", "3C", &found), MS_OK);
    assert_true(found);
    assert_int_equal(diary_drop_held(diary, "mx1", "3C", &found), MS_OK);
    assert_false(found);
    assert_int_equal(diary_find_held(diary, "mx1", "3C", &found, &again),
                     MS_OK);
    assert_false(found);
    assert_string_equal(held_of(diary, NULL, 0), "1A 2B 3C ");
    assert_int_equal(diary_count_held(diary, &n, &oldest_s), MS_OK);
    assert_true(n == 3 && oldest_s == NOON_S + 10);
    diary_close(diary);
}

/* They stay until somebody has seen to them, but not for ever. */
static void
test_held_trim(void **state)
{
    struct diary *diary = make_diary();

    (void)state;
    add(diary, a_held("mx1", "1A", "user:ann", NOON_S));
    add(diary, a_held("mx1", "2B", "user:ann", NOON_S + 1));
    assert_int_equal(diary_trim(diary, (struct wall){NOON_S + 90 * DAY_S}, 0),
                     MS_OK);
    assert_string_equal(held_of(diary, NULL, 0), "1A 2B ");
    assert_int_equal(
        diary_trim(diary, (struct wall){NOON_S + 90 * DAY_S + 1}, 0), MS_OK);
    assert_string_equal(held_of(diary, NULL, 0), "2B ");
    diary_close(diary);
}

/* ----- what went out */

static bool
take_passed(void *arg, const struct passed *passed)
{
    char *text = arg;
    size_t len = strlen(text);

    (void)snprintf(text + len, 256 - len, "%s ", passed->subject);
    return true;
}

static const char *
passed_until(struct diary *diary, const char *id, int64_t until_s)
{
    static char text[256];

    text[0] = '\0';
    assert_int_equal(diary_passed(diary, id, until_s, take_passed, text),
                     MS_OK);
    return text;
}

static const char *
passed_of(struct diary *diary, const char *id)
{
    return passed_until(diary, id, INT64_MAX);
}

/* Short queue ids come again. */
static void
test_the_last_message_of_an_id(void **state)
{
    static const struct passed some[] = {
        {NOON_S, "1A", "user:ann"},
        {NOON_S, "1A", "prefix:192.0.2.0/24"},
        {NOON_S + 60, "1A", "user:bob"},
        {NOON_S + 60, "1A", "prefix:198.51.100.0/24"},
    };
    struct diary *diary = make_diary();

    (void)state;
    assert_int_equal(diary_add_passed(diary, some, ROWS(some)), MS_OK);
    assert_string_equal(passed_until(diary, "1A", NOON_S + 60),
                        "user:bob prefix:198.51.100.0/24 ");
    assert_string_equal(passed_until(diary, "1A", NOON_S + 59),
                        "user:ann prefix:192.0.2.0/24 ");
    assert_string_equal(passed_until(diary, "1A", NOON_S - 1), "");
    diary_close(diary);
}

static void
test_passed(void **state)
{
    static const struct passed some[] = {
        {NOON_S, "1A", "user:ann"},
        {NOON_S, "1A", "prefix:192.0.2.0/24"},
        {NOON_S + 1, "2B", "user:bob"},
    };
    struct diary *diary = make_diary();

    (void)state;
    assert_int_equal(diary_add_passed(diary, some, ROWS(some)), MS_OK);
    assert_int_equal(diary_add_passed(diary, NULL, 0), MS_OK);
    assert_string_equal(passed_of(diary, "1A"),
                        "user:ann prefix:192.0.2.0/24 ");
    assert_string_equal(passed_of(diary, "2B"), "user:bob ");
    assert_string_equal(passed_of(diary, "1a"), "");
    assert_string_equal(passed_of(diary, "' OR 1=1 --"), "");
    assert_int_equal(
        diary_trim(diary, (struct wall){NOON_S + DAY_S + 1}, DAY_S), MS_OK);
    assert_string_equal(passed_of(diary, "1A"), "");
    assert_string_equal(passed_of(diary, "2B"), "user:bob ");
    assert_int_equal(diary_trim(diary, (struct wall){NOON_S + 1}, 0), MS_OK);
    assert_string_equal(passed_of(diary, "2B"), "");
    diary_close(diary);
}

/* ----- who is forgotten */

static struct subject
subject_of(enum subject_kind kind, const char *name)
{
    struct subject subject;

    assert_true(subject_make(kind, name, &subject));
    return subject;
}

static bool
take_from(void *arg, const struct held *held)
{
    char *text = arg;
    size_t len = strlen(text);

    (void)snprintf(text + len, 256 - len, "%s:%s ", held->id,
                   held->has_from ? held->from : "-");
    return true;
}

static void
test_forget(void **state)
{
    static const struct passed some[] = {
        {NOON_S, "1A", "user:ann@example.org"},
        {NOON_S, "1A", "sender:ann@example.org"},
        {NOON_S, "2B", "user:joann@example.org"},
    };
    struct subject ann = subject_of(SUBJECT_USER, "ann@example.org");
    struct diary *diary = make_diary();
    struct diary_forgotten gone;
    char text[256] = "";
    struct held other = a_held("mx1", "3C", "client:192.0.2.7", NOON_S + 2);

    (void)state;
    (void)snprintf(other.from, sizeof(other.from), "Ann@example.org");
    assert_int_equal(diary_add_passed(diary, some, ROWS(some)), MS_OK);
    add(diary, a_held("mx1", "1A", "user:ann@example.org", NOON_S));
    add(diary, a_held("mx1", "2B", "user+client:ann@example.org+192.0.2.7",
                      NOON_S + 1));
    add(diary, other);
    other = a_held("mx1", "4D", "user:joann@example.org", NOON_S + 3);
    (void)snprintf(other.from, sizeof(other.from), "joann@example.org");
    add(diary, other);
    assert_int_equal(diary_forget(diary, &ann, "~K7Q2M9XD", &gone), MS_OK);
    assert_int_equal(gone.helds, 3); /* one lost its sender */
    assert_int_equal(gone.passed, 2);
    assert_int_equal(diary_helds(diary, NULL, 0, take_from, text), MS_OK);
    assert_string_equal(text, "3C:- 4D:joann@example.org ");
    assert_string_equal(passed_of(diary, "1A"), "");
    assert_string_equal(passed_of(diary, "2B"), "user:joann@example.org ");
    ann = subject_of(SUBJECT_CLIENT, "192.0.2.7");
    assert_int_equal(diary_forget(diary, &ann, "~K7Q2M9XD", &gone), MS_OK);
    assert_int_equal(gone.helds, 1);
    diary_close(diary);
}

/* ----- no memory */

static void
test_no_memory(void **state)
{
    const struct held h = a_held("mx1", "1A", "user:ann", NOON_S);
    size_t failed = 0;
    bool all = false;

    (void)state;
    json_set_alloc_funcs(malloc, free); /* as this program calls it */
    for (unsigned long n = 1; !all; n++) {
        json_t *json;

        assert_true(n < 1000);
        scarce_set(n);
        json = held_json(&h);
        all = scarce_left() > 0;
        scarce_set(0);
        failed += json == NULL;
        json_decref(json);
    }
    assert_true(failed > 20);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_commands),
        cmocka_unit_test(test_there_and_back),
        cmocka_unit_test(test_what_is_none),
        cmocka_unit_test(test_held),
        cmocka_unit_test(test_held_trim),
        cmocka_unit_test(test_passed),
        cmocka_unit_test(test_the_last_message_of_an_id),
        cmocka_unit_test(test_forget),
        cmocka_unit_test(test_no_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
