/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who does not stand normal, as one host knows.
 */
#include <config.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/store/redis/known.h"
#include "test/unit.h"

struct key {
    uint8_t hash[SITEKEY_HASH];
};

static struct key
key_of(unsigned i)
{
    struct key key = {{(uint8_t)i, 0, (uint8_t)(i >> 8)}}; /* some collide */

    return key;
}

static struct subject
subject_of(unsigned i)
{
    static const struct subject none;
    struct subject subject = none;
    char name[32];

    snprintf(name, sizeof(name), "user%u", i);
    assert_true(subject_make(SUBJECT_USER, name, &subject));
    return subject;
}

static void
set(struct known *known, unsigned i, enum standing standing, uint64_t epoch)
{
    struct subject subject = subject_of(i);

    known_set(known, key_of(i).hash, &subject, standing, epoch);
}

static void
test_known(void **state)
{
    enum { MANY = 1000 };
    struct known *known = NULL;
    enum standing standing = STANDING_NORMAL;
    uint64_t epoch = 0;
    struct subject subject, expected;
    uint8_t(*all)[SITEKEY_HASH];
    size_t n;

    (void)state;
    assert_int_equal(known_create(&known), MS_OK);
    set(known, 0, STANDING_NORMAL, 1); /* nothing to remember */
    assert_int_equal(known_count(known), 0);
    for (unsigned i = 0; i < MANY; i++)
        set(known, i, STANDING_WATCHED, i);
    set(known, 7, STANDING_QUARANTINED, 77);
    for (unsigned i = 0; i < MANY; i += 2)
        set(known, i, STANDING_NORMAL, 0);
    set(known, 2 * MANY, STANDING_NORMAL, 0);
    assert_int_equal(known_count(known), MANY / 2);
    assert_false(known_get(known, key_of(8).hash, &standing, &epoch, &subject));
    assert_true(known_get(known, key_of(7).hash, &standing, &epoch, &subject));
    expected = subject_of(7);
    assert_int_equal(standing, STANDING_QUARANTINED);
    assert_int_equal(epoch, 77);
    assert_int_equal(subject.kind, expected.kind);
    assert_int_equal(subject.len, expected.len);
    assert_memory_equal(subject.bytes, expected.bytes, expected.len);
    assert_true(known_get(known, key_of(9).hash, &standing, &epoch, NULL));
    assert_int_equal(epoch, 9);
    assert_int_equal(known_list(known, &all, &n), MS_OK);
    assert_int_equal(n, MANY / 2);
    for (size_t i = 0; i < n; i++)
        assert_true(known_get(known, all[i], &standing, &epoch, NULL));
    free(all);
    known_destroy(known);
    known_destroy(NULL);
}

static void
test_doubts(void **state)
{
    struct known *known = NULL;
    uint8_t hash[SITEKEY_HASH];

    (void)state;
    assert_int_equal(known_create(&known), MS_OK);
    assert_false(known_due(known, (struct mono){INT64_MAX - 1}, hash));
    for (unsigned i = 1; i <= 4; i++)
        set(known, i, STANDING_WATCHED, i);
    known_doubt(known, key_of(1).hash, (struct mono){1000});
    known_doubt(known, key_of(1).hash, (struct mono){9000}); /* older holds */
    known_doubt(known, key_of(2).hash, (struct mono){2000});
    known_doubt(known, key_of(3).hash, (struct mono){1000});
    known_doubt(known, key_of(9).hash, (struct mono){0}); /* of nobody */
    set(known, 3, STANDING_WATCHED, 3);                   /* it is so */
    assert_false(known_due(known, (struct mono){999}, hash));
    assert_true(known_due(known, (struct mono){1000}, hash));
    assert_memory_equal(hash, key_of(1).hash, SITEKEY_HASH);
    assert_false(known_due(known, (struct mono){1999}, hash)); /* once */
    set(known, 2, STANDING_NORMAL, 0);
    assert_false(known_due(known, (struct mono){9999}, hash));
    known_destroy(known);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known),
        cmocka_unit_test(test_doubts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
