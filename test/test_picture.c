/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pictures of subjects, with times handed in.
 */
#include <config.h>

#include "milter/counts/picture.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "milter/counts/pack.h"
#include "test/unit.h"

enum { STEPS = 6, THREADS = 4, NOTES = 4000, HOUR = 3600, DAY = 86400 };

static const int64_t midnight = 1800000000 / 86400 * 86400;

static struct pictures *
make(size_t most)
{
    struct pictures *pictures = NULL;

    assert_int_equal(pictures_create(most, &pictures), MS_OK);
    return pictures;
}

static struct subject
user(const char *name)
{
    struct subject subject;

    assert_true(subject_make(SUBJECT_USER, name, &subject));
    return subject;
}

static struct subject
numbered(unsigned n)
{
    char name[32];

    (void)snprintf(name, sizeof(name), "user%u@example.org", n);
    return user(name);
}

static void
note(struct pictures *pictures, unsigned n, uint32_t count, int64_t s)
{
    struct subject subject = numbered(n);

    picture_note(pictures, &subject, METRIC_MESSAGES, count, (struct wall){s});
}

static bool
knows(struct pictures *pictures, unsigned n)
{
    struct subject subject = numbered(n);
    struct picture_view view;

    return picture_view(pictures, &subject, (struct wall){midnight}, &view);
}

static uint64_t
sum(const uint32_t *counts, size_t n)
{
    uint64_t all = 0;

    for (size_t i = 0; i < n; i++)
        all += counts[i];
    return all;
}

/* At MIDNIGHT + AT_S N messages come. */
struct step {
    int64_t at_s;
    uint32_t n;
};

static void
test_rings(void **state)
{
    static const struct {
        const char *row;
        struct step step[STEPS];
        int64_t now_s;        /* when it is looked at */
        unsigned hours, days; /* ago, that are looked at */
        uint32_t hour, day;   /* in these */
        uint64_t hours_all, days_all;
    } rows[] = {
        {"what comes now is in the last hour and day",
         {{0, 3}},
         0,
         0,
         0,
         3,
         3,
         3,
         3},
        {"an hour adds up",
         {{0, 3}, {HOUR - 1, 4}},
         HOUR - 1,
         0,
         0,
         7,
         7,
         7,
         7},
        {"the next hour begins at zero", {{0, 3}}, HOUR, 0, 0, 0, 3, 3, 3},
        {"an hour ago is next to it", {{0, 3}}, HOUR, 1, 0, 3, 3, 3, 3},
        {"a day begins at midnight, UTC",
         {{-1, 3}, {0, 4}},
         0,
         1,
         1,
         3,
         3,
         7,
         7},
        {"hours without mail are zero",
         {{0, 3}, {5 * HOUR, 1}},
         5 * HOUR,
         3,
         0,
         0,
         4,
         4,
         4},
        {"the first of 24 hours is still shown",
         {{0, 3}},
         23 * HOUR,
         23,
         0,
         3,
         3,
         3,
         3},
        {"a day later it is gone", {{0, 3}}, 24 * HOUR, 0, 1, 0, 3, 0, 3},
        {"its place is empty before it is used again",
         {{0, 3}, {DAY, 1}},
         DAY,
         0,
         0,
         1,
         1,
         1,
         4},
        {"the first of 30 days is still shown",
         {{0, 3}},
         29 * DAY,
         0,
         29,
         0,
         3,
         0,
         3},
        {"30 days later it is gone", {{0, 3}}, 30 * DAY, 0, 0, 0, 0, 0, 0},
        {"a step of years forward leaves nothing",
         {{0, 3}, {1000000000, 2}},
         1000000000,
         0,
         0,
         2,
         2,
         2,
         2},
        {"after a step back the future is not shown",
         {{5 * HOUR, 3}, {0, 2}},
         0,
         0,
         0,
         2,
         5,
         2,
         5},
        {"until it has come",
         {{5 * HOUR, 3}, {0, 2}},
         5 * HOUR,
         5,
         0,
         2,
         5,
         5,
         5},
        {"a step back behind the hours drops them",
         {{3 * DAY, 3}, {0, 2}},
         3 * DAY,
         0,
         0,
         0,
         3,
         0,
         5},
        {"a step back of years drops all",
         {{0, 3}, {-1000000000, 2}},
         -1000000000,
         0,
         0,
         2,
         2,
         2,
         2},
        {"and what was there does not come again",
         {{0, 3}, {-1000000000, 2}},
         0,
         0,
         0,
         0,
         0,
         0,
         0},
        {"before the world began it is 1970",
         {{INT64_MIN / 2, 4}},
         INT64_MIN,
         0,
         0,
         4,
         4,
         4,
         4},
        {"the end of time is one, too",
         {{INT64_MAX / 2, 4}},
         INT64_MAX / 2,
         0,
         0,
         4,
         4,
         4,
         4},
        {"there and back again",
         {{0, 3}, {INT64_MAX / 2, 4}, {INT64_MIN / 2, 5}, {0, 1}},
         0,
         0,
         0,
         1,
         1,
         1,
         1},
        {"the largest small count",
         {{0, 65535}, {HOUR, 1}},
         HOUR,
         1,
         0,
         65535,
         65536,
         65536,
         65536},
        {"counts stop where they cannot grow",
         {{0, UINT32_MAX - 1}, {HOUR, 5}},
         HOUR,
         0,
         0,
         5,
         UINT32_MAX,
         (uint64_t)UINT32_MAX + 4,
         UINT32_MAX},
    };
    struct subject ann = user("ann@example.org"), bob = user("bob@example.org");

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct pictures *pictures = make(100);
        struct wall now = {rows[i].now_s};
        struct picture_view view;
        unsigned row = METRIC_MESSAGES;

        if (rows[i].now_s != INT64_MIN)
            now.s += midnight;
        picture_note(pictures, &ann, METRIC_BYTES, 9,
                     (struct wall){midnight + rows[i].step[0].at_s});
        for (size_t j = 0; j < STEPS && rows[i].step[j].n > 0; j++)
            picture_note(pictures, &ann, row, rows[i].step[j].n,
                         (struct wall){midnight + rows[i].step[j].at_s});
        expect(rows[i].row, !picture_view(pictures, &bob, now, &view));
        expect(rows[i].row, picture_view(pictures, &ann, now, &view));
        expect(rows[i].row, view.hour[row][PICTURE_HOURS - 1 - rows[i].hours] ==
                                rows[i].hour);
        expect(rows[i].row,
               view.day[row][PICTURE_DAYS - 1 - rows[i].days] == rows[i].day);
        expect(rows[i].row,
               sum(view.hour[row], PICTURE_HOURS) == rows[i].hours_all);
        expect(rows[i].row,
               sum(view.day[row], PICTURE_DAYS) == rows[i].days_all);
        expect(rows[i].row, sum(view.hour[METRIC_BYTES], PICTURE_HOURS) <= 9);
        expect(rows[i].row,
               sum(view.hour[PICTURE_REFUSED], PICTURE_HOURS) == 0);
        pictures_destroy(pictures);
    }
}

static void
test_start(void **state)
{
    struct pictures *pictures = make(1);
    struct subject ann = user("ann");
    struct picture_view view;

    (void)state;
    picture_note(pictures, &ann, METRIC_EXTERNAL, 1, (struct wall){midnight});
    assert_true(
        picture_view(pictures, &ann, (struct wall){midnight + 3599}, &view));
    assert_int_equal(view.hours_start.s, midnight - 23 * HOUR);
    assert_int_equal(view.days_start.s, midnight - 29 * DAY);
    assert_true(
        picture_view(pictures, &ann, (struct wall){midnight - 1}, &view));
    assert_int_equal(view.hours_start.s, midnight - 24 * HOUR);
    assert_int_equal(view.days_start.s, midnight - 30 * DAY);
    pictures_destroy(pictures);
}

static void
test_rows(void **state)
{
    static const char *const names[] = {
        "connections",    "messages", "recipients", "external",
        "bad_recipients", "bytes",    "refused"};
    struct pictures *pictures = make(10);
    struct subject ann = user("ann");
    struct picture_view view;

    (void)state;
    assert_int_equal(ROWS(names), PICTURE_ROWS);
    for (unsigned row = 0; row < PICTURE_ROWS; row++) {
        assert_string_equal(picture_row_name(row), names[row]);
        picture_note(pictures, &ann, row, (row + 1) * 20000,
                     (struct wall){midnight});
    }
    assert_null(picture_row_name(PICTURE_ROWS));
    picture_note(pictures, &ann, PICTURE_ROWS, 1, (struct wall){midnight});
    picture_note(pictures, &ann, UINT32_MAX, 1, (struct wall){midnight});
    assert_true(picture_view(pictures, &ann, (struct wall){midnight}, &view));
    for (unsigned row = 0; row < PICTURE_ROWS; row++)
        assert_int_equal(view.day[row][PICTURE_DAYS - 1], (row + 1) * 20000);
    pictures_destroy(pictures);
}

/* What is alike in text is still another subject. */
static void
test_subjects(void **state)
{
    struct pictures *pictures = make(10);
    struct subject ann = user("ann"), sender, pair;
    struct picture_view view;

    (void)state;
    assert_true(subject_make(SUBJECT_SENDER, "ann", &sender));
    assert_true(
        subject_make_pair(SUBJECT_USER, "ann", SUBJECT_SENDER, "ann", &pair));
    picture_note(pictures, &ann, METRIC_MESSAGES, 1, (struct wall){midnight});
    picture_note(pictures, &pair, METRIC_MESSAGES, 2, (struct wall){midnight});
    assert_false(
        picture_view(pictures, &sender, (struct wall){midnight}, &view));
    assert_true(picture_view(pictures, &pair, (struct wall){midnight}, &view));
    assert_int_equal(view.hour[METRIC_MESSAGES][PICTURE_HOURS - 1], 2);
    pictures_destroy(pictures);
}

/* ----- coming and going */

static void
test_full(void **state)
{
    struct pictures *pictures = make(100);

    (void)state;
    for (unsigned i = 0; i < 100; i++)
        note(pictures, i, 1, midnight);
    for (unsigned i = 0; i < 100; i++)
        assert_true(knows(pictures, i));
    note(pictures, 0, 1, midnight); /* the most recent now */
    note(pictures, 100, 1, midnight);
    assert_true(knows(pictures, 0));
    assert_false(knows(pictures, 1));
    for (unsigned i = 2; i <= 100; i++)
        assert_true(knows(pictures, i));
    pictures_destroy(pictures);
}

static void
test_bound(void **state)
{
    static const struct {
        const char *row;
        size_t most, least;
        unsigned n;
    } rows[] = {
        {"none is one", 0, 1, 10},
        {"one", 1, 1, 10},
        {"in one shard", 1023, 1023, 2000},
        {"in many, nearly all", 2048, 1700, 6000},
        {"more than there may be", SIZE_MAX, 60000, 80000},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct pictures *pictures = make(rows[i].most);
        size_t most =
            rows[i].most < PICTURE_SUBJECTS ? rows[i].most : PICTURE_SUBJECTS;
        size_t n = 0;

        for (unsigned j = 0; j < rows[i].n; j++)
            note(pictures, j, 1, midnight);
        for (unsigned j = 0; j < rows[i].n; j++)
            n += knows(pictures, j);
        expect(rows[i].row, n >= rows[i].least);
        expect(rows[i].row, n <= (most > 0 ? most : 1));
        pictures_destroy(pictures);
    }
}

static void
test_forget(void **state)
{
    struct pictures *pictures = make(100);

    (void)state;
    for (unsigned i = 0; i < 100; i++)
        note(pictures, i, 70000, midnight);
    for (unsigned i = 0; i < 100; i += 3) {
        struct subject subject = numbered(i);

        assert_true(picture_forget(pictures, &subject));
        assert_false(picture_forget(pictures, &subject));
    }
    for (unsigned i = 0; i < 100; i++)
        assert_int_equal(knows(pictures, i), i % 3 != 0);
    for (unsigned i = 100; i < 134; i++) /* 34 places are free again */
        note(pictures, i, 1, midnight);
    for (unsigned i = 0; i < 134; i++)
        assert_int_equal(knows(pictures, i), i % 3 != 0 || i >= 100);
    pictures_destroy(pictures);
}

static void
test_trim(void **state)
{
    struct pictures *pictures = make(100);

    (void)state;
    note(pictures, 1, 1, midnight - 30 * DAY);
    note(pictures, 2, 1, midnight - 30 * DAY + DAY - 1);
    note(pictures, 3, 1, midnight - 29 * DAY);
    note(pictures, 4, 1, midnight);
    pictures_trim(pictures, (struct wall){midnight - 1});
    assert_true(knows(pictures, 1));
    pictures_trim(pictures, (struct wall){midnight});
    assert_false(knows(pictures, 1));
    assert_false(knows(pictures, 2));
    assert_true(knows(pictures, 3));
    assert_true(knows(pictures, 4));
    pictures_destroy(pictures);
}

/* ----- saving */

static struct pictures *
make_some(unsigned n, size_t most)
{
    struct pictures *pictures = make(most);

    for (unsigned i = 0; i < n; i++) {
        struct subject subject = numbered(i);

        for (unsigned row = 0; row < PICTURE_ROWS; row += 1 + i % 3)
            picture_note(pictures, &subject, row, i % 5 == 0 ? 100000 : i + 1,
                         (struct wall){midnight + i * 1000});
    }
    return pictures;
}

static void
expect_same(struct pictures *a, struct pictures *b, unsigned n)
{
    struct wall now = {midnight + n * 1000};

    for (unsigned i = 0; i < n; i++) {
        struct subject subject = numbered(i);
        struct picture_view x, y;

        assert_true(picture_view(a, &subject, now, &x));
        assert_true(picture_view(b, &subject, now, &y));
        assert_memory_equal(&x, &y, sizeof(x));
    }
}

static void
test_save(void **state)
{
    static const struct {
        const char *row;
        unsigned n;
        size_t most;
    } rows[] = {
        {"nobody", 0, 50},
        {"one", 1, 1},
        {"in one shard", 60, 60},
        {"in many", 500, 4096},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct pictures *pictures = make_some(rows[i].n, rows[i].most);
        struct pictures *other = make(rows[i].most);
        void *bytes;
        size_t len;

        note(other, 100000, 1, midnight);
        expect(rows[i].row, pictures_save(pictures, &bytes, &len) == MS_OK);
        expect(rows[i].row, pictures_load(other, bytes, len) == MS_OK);
        expect(rows[i].row, !knows(other, 100000));
        expect_same(pictures, other, rows[i].n);
        note(other, 0, 1, midnight);
        free(bytes);
        pictures_destroy(pictures);
        pictures_destroy(other);
    }
}

/* Who was seen last stays, whatever the order in the file. */
static void
test_save_order(void **state)
{
    struct pictures *pictures = make(50), *less = make(10);
    void *bytes;
    size_t len;

    (void)state;
    for (unsigned i = 0; i < 50; i++)
        note(pictures, i * 7 % 50, 1, midnight + i * 7 % 50);
    assert_int_equal(pictures_save(pictures, &bytes, &len), MS_OK);
    assert_int_equal(pictures_load(less, bytes, len), MS_OK);
    for (unsigned i = 0; i < 50; i++)
        assert_int_equal(knows(less, i), i >= 40);
    note(less, 99, 1, midnight + 60);
    assert_false(knows(less, 40));
    assert_true(knows(less, 41));
    free(bytes);
    pictures_destroy(pictures);
    pictures_destroy(less);
}

static void
test_form(void **state)
{
    static const char whole[] =
        "mspict\n\1"
        "\7\0\1\2\0\3" /* its length, and the subject: a layout, a user */
        "ann"
        "\x00\xd2\x49\x6b\0\0\0\0"            /* seen at 1800000000 */
        "\x20\xa1\x07\x00"                    /* hour 500000 */
        "\x61\x51\x00\x00"                    /* day 20833 */
        "\2"                                  /* the row of messages */
        "\x00\x01\0\0\x20\0\0\0"              /* slots 8 and 24 + 13 */
        "\x04\x03\x02\x01\x04\x03\x02\x01\0"; /* and the end */
    struct pictures *pictures = make(10);
    struct subject ann = user("ann");
    void *bytes;
    size_t len;

    (void)state;
    picture_note(pictures, &ann, METRIC_MESSAGES, 0x01020304,
                 (struct wall){1800000000});
    assert_int_equal(pictures_save(pictures, &bytes, &len), MS_OK);
    assert_int_equal(len, sizeof(whole) + 16);
    assert_memory_equal(bytes, whole, sizeof(whole));
    free(bytes);
    pictures_destroy(pictures);
}

static void
test_damage(void **state)
{
    struct pictures *pictures = make_some(20, 50), *same = make_some(20, 50);
    struct pictures *other = make_some(5, 50);
    uint8_t *bytes;
    void *saved;
    size_t len;

    (void)state;
    assert_int_equal(pictures_save(other, &saved, &len), MS_OK);
    bytes = saved;
    for (size_t i = 0; i < len; i++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            bytes[i] ^= (uint8_t)(1U << bit);
            assert_int_equal(pictures_load(pictures, bytes, len), MS_INVALID);
            bytes[i] ^= (uint8_t)(1U << bit);
        }
    }
    for (size_t i = 0; i < len; i++)
        assert_int_equal(pictures_load(pictures, bytes, i), MS_INVALID);
    assert_int_equal(pictures_load(pictures, NULL, 0), MS_INVALID);
    expect_same(pictures, same, 20);
    free(saved);
    pictures_destroy(pictures);
    pictures_destroy(same);
    pictures_destroy(other);
}

/* One subject's part, as a file could have it. */
struct nonsense {
    const char *name;
    unsigned name_len; /* as it is said; 0: as it is */
    uint64_t hour, day;
    unsigned rows;
    uint64_t slots;
    unsigned counts; /* that follow, of each row */
};

static void
put_nonsense(struct pack *pack, const struct nonsense *n)
{
    struct subject subject = user(n->name);

    pack_number(pack, n->name_len > 0 ? n->name_len : subject.len, 2);
    pack_bytes(pack, subject.bytes, subject.len);
    pack_number(pack, 0, 8);
    pack_number(pack, n->hour, 4);
    pack_number(pack, n->day, 4);
    pack_number(pack, n->rows, 1);
    for (unsigned row = 0; row < 8; row++) {
        if ((n->rows >> row & 1) == 0)
            continue;
        pack_number(pack, n->slots, 8);
        for (unsigned i = 0; i < n->counts; i++)
            pack_number(pack, 5, 4);
    }
}

/* What has the right sum and is nonsense all the same. */
static void
test_nonsense(void **state)
{
    static const struct {
        const char *row;
        struct nonsense of[2];
        unsigned end; /* bytes behind the last */
        enum ms_err err;
    } rows[] = {
        {"two that are in order",
         {{"a", 0, 500000, 20833, 1, 1, 1}, {"b", 0, 500000, 20833, 3, 6, 2}},
         2,
         MS_OK},
        {"one that comes twice",
         {{"a", 0, 500000, 20833, 3, 1, 1}, {"a", 0, 500000, 20833, 3, 6, 2}},
         2,
         MS_OK},
        {"the end is missing",
         {{"a", 0, 500000, 20833, 1, 1, 1}, {"b", 0, 500000, 20833, 3, 6, 2}},
         0,
         MS_INVALID},
        {"half of it is",
         {{"a", 0, 500000, 20833, 1, 1, 1}, {"b", 0, 500000, 20833, 3, 6, 2}},
         1,
         MS_INVALID},
        {"something is behind it",
         {{"a", 0, 500000, 20833, 1, 1, 1}, {"b", 0, 500000, 20833, 3, 6, 2}},
         3,
         MS_INVALID},
        {"a name that is none", {{"a", 4, 0, 0, 0, 0, 0}}, 2, MS_INVALID},
        {"a name longer than all",
         {{"a", 65535, 0, 0, 0, 0, 0}},
         2,
         MS_INVALID},
        {"the last hour and day",
         {{"a", 0, 70389527, 2932896, 1, 1, 1}},
         2,
         MS_OK},
        {"an hour behind it",
         {{"a", 0, 70389528, 2932896, 1, 1, 1}},
         2,
         MS_INVALID},
        {"a day behind it",
         {{"a", 0, 70389527, 2932897, 1, 1, 1}},
         2,
         MS_INVALID},
        {"the end of numbers",
         {{"a", 0, UINT32_MAX, 0, 1, 1, 1}},
         2,
         MS_INVALID},
        {"a row that is none", {{"a", 0, 1, 1, 128, 1, 1}}, 2, MS_INVALID},
        {"the last slot", {{"a", 0, 1, 1, 1, UINT64_C(1) << 53, 1}}, 2, MS_OK},
        {"a slot that is none",
         {{"a", 0, 1, 1, 1, UINT64_C(1) << 54, 1}},
         2,
         MS_INVALID},
        {"fewer counts than slots", {{"a", 0, 1, 1, 1, 7, 2}}, 2, MS_INVALID},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct pictures *pictures = make(10);
        struct pack pack;
        void *bytes;
        size_t len;

        pack_begin(&pack, "mspict\n\1");
        for (unsigned j = 0; j < 2 && rows[i].of[j].name != NULL; j++)
            put_nonsense(&pack, &rows[i].of[j]);
        pack_number(&pack, 0, rows[i].end);
        assert_int_equal(pack_end(&pack, &bytes, &len), MS_OK);
        expect(rows[i].row, pictures_load(pictures, bytes, len) == rows[i].err);
        note(pictures, 1, 1, midnight);
        free(bytes);
        pictures_destroy(pictures);
    }
}

/* ----- many at once */

static void *
run(void *arg)
{
    struct pictures *pictures = arg;
    void *bytes = NULL;
    size_t len = 0;

    for (unsigned i = 0; i < NOTES; i++) {
        note(pictures, i % 50, 1, midnight);
        note(pictures, 1000 + i, 1, midnight + i);
        if (i % 100 == 0)
            (void)knows(pictures, i % 50);
        if (i % 1000 == 0 && pictures_save(pictures, &bytes, &len) == MS_OK)
            free(bytes);
        if (i % 1000 == 500) {
            struct subject subject = numbered(1000 + i);

            (void)picture_forget(pictures, &subject);
            pictures_trim(pictures, (struct wall){midnight});
        }
    }
    return NULL;
}

static void
test_threads(void **state)
{
    struct pictures *pictures = make(4096);
    struct subject subject = numbered(7);
    struct picture_view view;
    pthread_t thread[THREADS];

    (void)state;
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, run, pictures), 0);
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(thread[i], NULL), 0);
    assert_true(
        picture_view(pictures, &subject, (struct wall){midnight}, &view));
    assert_int_equal(view.hour[METRIC_MESSAGES][PICTURE_HOURS - 1],
                     THREADS * NOTES / 50);
    pictures_destroy(pictures);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rings),    cmocka_unit_test(test_start),
        cmocka_unit_test(test_rows),     cmocka_unit_test(test_subjects),
        cmocka_unit_test(test_full),     cmocka_unit_test(test_bound),
        cmocka_unit_test(test_forget),   cmocka_unit_test(test_trim),
        cmocka_unit_test(test_save),     cmocka_unit_test(test_save_order),
        cmocka_unit_test(test_form),     cmocka_unit_test(test_damage),
        cmocka_unit_test(test_nonsense), cmocka_unit_test(test_threads),
    };

    return cmocka_run_group_tests_name("picture", tests, NULL, NULL);
}
