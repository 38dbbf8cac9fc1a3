/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "policy/dns/answers.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "test/scarce.h"
#include "test/unit.h"

static struct answers *
make(void)
{
    struct answers *answers = NULL;

    assert_int_equal(answers_create(&answers), MS_OK);
    return answers;
}

/* A yes of one record, TEXT. */
static void
put(struct answers *answers, const char *name, const char *text, uint32_t ttl_s,
    int64_t at_ms)
{
    const struct resolver_record record = {(const uint8_t *)text, strlen(text)};
    const struct resolver_answer answer = {
        .status = RESOLVER_DATA, .ttl_s = ttl_s, .n = 1, .record = &record};

    answers_put(answers, name, RESOLVER_TXT, &answer, (struct mono){at_ms});
}

static bool
has(struct answers *answers, const char *name, int64_t at_ms)
{
    struct answers_room room;

    return answers_get(answers, name, RESOLVER_TXT, (struct mono){at_ms},
                       &room);
}

/* ----- for how long */

static void
it_is_kept_for_its_time(void **state)
{
    static const struct {
        const char *row;
        uint32_t ttl_s;
        int64_t after_ms;
        bool kept;
    } rows[] = {
        {"at once", 10, 0, true},
        {"as long as its TTL", 10, 9999, true},
        {"and no longer", 10, 10000, false},
        {"a long TTL: five minutes", 86400, 299999, true},
        {"and no longer than that", 86400, 300000, false},
        {"the longest TTL there is", UINT32_MAX, 299999, true},
        {"a TTL of 2", 2, 1999, true},
        {"but none of 1", 1, 0, false},
        {"nor of 0", 0, 0, false},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct answers *answers = make();

        put(answers, "a.example", "x", rows[i].ttl_s, 5000);
        expect(rows[i].row, has(answers, "a.example",
                                5000 + rows[i].after_ms) == rows[i].kept);
        answers_destroy(answers);
    }
}

static void
what_is_left_of_its_time_is_told(void **state)
{
    struct answers *answers = make();
    struct answers_room room;

    (void)state;
    put(answers, "a.example", "x", 10, 0);
    assert_true(answers_get(answers, "a.example", RESOLVER_TXT,
                            (struct mono){9999}, &room));
    assert_int_equal(room.answer.ttl_s, 1);
    assert_true(answers_get(answers, "a.example", RESOLVER_TXT,
                            (struct mono){4000}, &room));
    assert_int_equal(room.answer.ttl_s, 6);
    answers_destroy(answers);
}

/* ----- which */

static void
yes_and_no_are_kept_and_failures_are_not(void **state)
{
    static const struct {
        const char *row;
        enum resolver_status status;
        bool kept;
    } rows[] = {
        {"a yes", RESOLVER_DATA, true},
        {"no such record", RESOLVER_NODATA, true},
        {"no such name", RESOLVER_NXDOMAIN, true},
        {"servers that fail", RESOLVER_FAILED, false},
        {"what was not asked", RESOLVER_CROWDED, false},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        const struct resolver_answer answer = {.status = rows[i].status,
                                               .ttl_s = 60};
        struct answers *answers = make();
        struct answers_room room;

        answers_put(answers, "a.example", RESOLVER_MX, &answer,
                    (struct mono){0});
        expect(rows[i].row,
               answers_get(answers, "a.example", RESOLVER_MX, (struct mono){1},
                           &room) == rows[i].kept);
        if (rows[i].kept)
            expect(rows[i].row,
                   room.answer.status == rows[i].status && room.answer.n == 0);
        answers_destroy(answers);
    }
}

static void
one_name_and_type_are_asked_about(void **state)
{
    static const struct {
        const char *row, *name;
        enum resolver_type type;
        bool known;
    } rows[] = {
        {"itself", "a.example", RESOLVER_TXT, true},
        {"in capitals", "A.EXAMPLE", RESOLVER_TXT, true},
        {"with its last dot", "a.example.", RESOLVER_TXT, true},
        {"another type", "a.example", RESOLVER_A, false},
        {"another name", "b.example", RESOLVER_TXT, false},
        {"one above", "example", RESOLVER_TXT, false},
        {"a longer one", "a.example.org", RESOLVER_TXT, false},
        {"no name", "", RESOLVER_TXT, false},
        {"a dot", ".", RESOLVER_TXT, false},
    };
    struct answers *answers = make();
    struct answers_room room;
    char endless[2 * RESOLVER_NAME];

    (void)state;
    put(answers, "a.Example", "x", 60, 0);
    for (size_t i = 0; i < ROWS(rows); i++)
        expect(rows[i].row,
               answers_get(answers, rows[i].name, rows[i].type,
                           (struct mono){1}, &room) == rows[i].known);
    memset(endless, 'a', sizeof(endless));
    endless[sizeof(endless) - 1] = '\0';
    put(answers, endless, "x", 60, 0);
    assert_false(has(answers, endless, 1));
    put(answers, "", "x", 60, 0);
    assert_false(has(answers, "", 1));
    answers_destroy(answers);
}

static void
the_latest_answer_counts(void **state)
{
    struct answers *answers = make();
    struct answers_room room;

    (void)state;
    put(answers, "a.example", "old", 60, 0);
    put(answers, "A.example", "newer", 60, 1);
    assert_true(answers_get(answers, "a.example", RESOLVER_TXT,
                            (struct mono){2}, &room));
    assert_int_equal(room.answer.n, 1);
    assert_int_equal(room.answer.record[0].length, 5);
    assert_memory_equal(room.answer.record[0].data, "newer", 5);
    answers_destroy(answers);
}

/* ----- how much */

/* N records, the first of SIZE octets, the others of one. */
static bool
keeps(size_t n, size_t size)
{
    static uint8_t data[ANSWERS_SIZE + 1];
    struct resolver_record record[RESOLVER_RECORDS + 1];
    const struct resolver_answer answer = {.status = RESOLVER_DATA,
                                           .secure = true,
                                           .cut = true,
                                           .ttl_s = 60,
                                           .n = n,
                                           .record = record};
    struct answers *answers = make();
    struct answers_room room;
    bool kept;

    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (uint8_t)(i * 7);
    for (size_t i = 0; i < n; i++)
        record[i] = (struct resolver_record){data + i, i == 0 ? size : 1};
    answers_put(answers, "a.example", RESOLVER_A, &answer, (struct mono){0});
    kept =
        answers_get(answers, "a.example", RESOLVER_A, (struct mono){1}, &room);
    if (kept) {
        assert_true(room.answer.secure && room.answer.cut);
        assert_int_equal(room.answer.n, n);
        for (size_t i = 0; i < n; i++) {
            assert_int_equal(room.answer.record[i].length, record[i].length);
            assert_memory_equal(room.answer.record[i].data, record[i].data,
                                record[i].length);
        }
    }
    answers_destroy(answers);
    return kept;
}

static void
so_much_is_kept_of_one(void **state)
{
    static const struct {
        const char *row;
        size_t n, size;
        bool kept;
    } rows[] = {
        {"an empty record", 1, 0, true},
        {"as many records as there may be", RESOLVER_RECORDS, 4, true},
        {"one more", RESOLVER_RECORDS + 1, 4, false},
        {"as many octets", 1, ANSWERS_SIZE, true},
        {"one more octet", 1, ANSWERS_SIZE + 1, false},
        {"in two records", 2, ANSWERS_SIZE - 1, true},
        {"one more in two", 2, ANSWERS_SIZE, false},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++)
        expect(rows[i].row, keeps(rows[i].n, rows[i].size) == rows[i].kept);
}

/* Whoever asks for names without end takes no more room, and the names that
 * others ask for all the time stay. */
static void
many_take_no_more_room(void **state)
{
    enum { MANY = 20 * ANSWERS };
    struct answers *answers = make();
    unsigned known = 0;
    char name[64];

    (void)state;
    put(answers, "often.example", "x", 300, 0);
    for (int i = 0; i < MANY; i++) {
        (void)snprintf(name, sizeof(name), "n%d.example", i);
        put(answers, name, "x", 300, 0);
        assert_true(has(answers, "often.example", 1));
    }
    for (int i = 0; i < MANY; i++) {
        (void)snprintf(name, sizeof(name), "n%d.example", i);
        known += has(answers, name, 1);
    }
    assert_in_range(known, ANSWERS / 2, ANSWERS);
    answers_destroy(answers);
}

/* ----- others */

static void
each_allocation_may_fail(void **state)
{
    struct answers *answers = NULL;

    (void)state;
    scarce_set_here(1);
    assert_int_equal(answers_create(&answers), MS_NOMEM);
    scarce_set_here(0);
    assert_null(answers);
    answers = make();
    put(answers, "a.example", "x", 60, 0);
    scarce_set_here(1);
    put(answers, "a.example", "y", 60, 0);
    scarce_set_here(1);
    put(answers, "b.example", "y", 60, 0);
    scarce_set_here(0);
    assert_true(has(answers, "a.example", 1));
    assert_false(has(answers, "b.example", 1));
    answers_destroy(answers);
    answers_destroy(NULL);
}

static void *
put_and_get(void *arg)
{
    struct answers_room room;
    char name[64];

    for (int i = 0; i < 3000; i++) {
        (void)snprintf(name, sizeof(name), "n%d.example", i % 7);
        put(arg, name, name, 60, 0);
        if (answers_get(arg, name, RESOLVER_TXT, (struct mono){1}, &room) &&
            (room.answer.record[0].length != strlen(name) ||
             memcmp(room.answer.record[0].data, name, strlen(name)) != 0))
            return arg;
    }
    return NULL;
}

static void
threads_find_what_is_whole(void **state)
{
    struct answers *answers = make();
    pthread_t thread[4];
    void *wrong;

    (void)state;
    for (size_t i = 0; i < ROWS(thread); i++)
        assert_int_equal(pthread_create(&thread[i], NULL, put_and_get, answers),
                         0);
    for (size_t i = 0; i < ROWS(thread); i++) {
        (void)pthread_join(thread[i], &wrong);
        assert_null(wrong);
    }
    answers_destroy(answers);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_kept_for_its_time),
        cmocka_unit_test(what_is_left_of_its_time_is_told),
        cmocka_unit_test(yes_and_no_are_kept_and_failures_are_not),
        cmocka_unit_test(one_name_and_type_are_asked_about),
        cmocka_unit_test(the_latest_answer_counts),
        cmocka_unit_test(so_much_is_kept_of_one),
        cmocka_unit_test(many_take_no_more_room),
        cmocka_unit_test(each_allocation_may_fail),
        cmocka_unit_test(threads_find_what_is_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
