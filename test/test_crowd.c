/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "milter/crowd.h"

#include <stdio.h>

#include "test/unit.h"

static struct prefix
host(const char *text)
{
    struct prefix p;

    assert_int_equal(prefix_parse(text, &p, NULL), MS_OK);
    return p;
}

/* Say N names from HOST at NOW; how often it is told. */
static unsigned
say(struct crowd *crowd, enum crowd_of kind, const char *from, unsigned first,
    unsigned n, int64_t now_ms)
{
    unsigned told = 0, names = 0;
    char name[32];

    for (unsigned i = first; i < first + n; i++) {
        (void)snprintf(name, sizeof(name), "pc%u.example", i);
        if (crowd_note(crowd, kind, host(from), name, (struct mono){now_ms},
                       &names)) {
            told++;
            assert_true(names > CROWD_HELO_MOST);
        }
    }
    return told;
}

static void
test_one_machine(void **state)
{
    struct crowd *crowd;

    (void)state;
    assert_int_equal(crowd_create(&crowd), MS_OK);
    for (int i = 0; i < 1000; i++) /* as often as it likes */
        assert_int_equal(
            say(crowd, CROWD_HELO, "192.0.2.1", 0, CROWD_HELO_MOST, i), 0);
    crowd_destroy(crowd);
    crowd_destroy(NULL);
}

static void
test_many_machines(void **state)
{
    struct crowd *crowd;

    (void)state;
    assert_int_equal(crowd_create(&crowd), MS_OK);
    assert_int_equal(say(crowd, CROWD_HELO, "192.0.2.1", 0, 100, 0), 1);
    assert_int_equal(say(crowd, CROWD_HELO, "192.0.2.1", 100, 100, 5000), 0);
    /* somebody else, and the other kind, have counts of their own */
    assert_int_equal(say(crowd, CROWD_HELO, "192.0.2.2", 0, 10, 0), 0);
    assert_int_equal(say(crowd, CROWD_DOMAINS, "192.0.2.1", 0, 20, 0), 0);
    assert_int_equal(say(crowd, CROWD_DOMAINS, "192.0.2.1", 20, 40, 0), 1);
    /* the next day it is told again */
    assert_int_equal(say(crowd, CROWD_HELO, "192.0.2.1", 0, 100, CROWD_DAY_MS),
                     1);
    crowd_destroy(crowd);
}

static void
test_unknown_and_many_hosts(void **state)
{
    struct prefix nobody = {0};
    struct crowd *crowd;
    unsigned names;

    (void)state;
    assert_int_equal(crowd_create(&crowd), MS_OK);
    for (int i = 0; i < 100; i++)
        assert_false(crowd_note(crowd, CROWD_HELO, nobody, "x",
                                (struct mono){i}, &names));
    for (unsigned i = 0; i < 20000; i++) {
        char text[PREFIX_TEXT];

        (void)snprintf(text, sizeof(text), "10.0.%u.%u", i / 256 % 256,
                       i % 256);
        (void)say(crowd, CROWD_HELO, text, i, 2, (int64_t)i);
    }
    assert_int_equal(say(crowd, CROWD_HELO, "192.0.2.9", 0, 50, 30000), 1);
    crowd_destroy(crowd);
}

static void
test_list(void **state)
{
    struct crowd_row row[4];
    struct crowd *crowd;

    (void)state;
    assert_int_equal(crowd_create(&crowd), MS_OK);
    assert_int_equal(crowd_list(crowd, (struct mono){0}, row, 4), 0);
    (void)say(crowd, CROWD_HELO, "192.0.2.1", 0, CROWD_HELO_MOST, 0);
    assert_int_equal(crowd_list(crowd, (struct mono){1}, row, 4), 0);
    (void)say(crowd, CROWD_HELO, "192.0.2.1", 100, 40, 5000);
    (void)say(crowd, CROWD_DOMAINS, "192.0.2.1", 0, 3, 6000);
    assert_int_equal(crowd_list(crowd, (struct mono){7000}, row, 4), 1);
    assert_true(prefix_covers(row[0].host, host("192.0.2.1")));
    assert_true(row[0].names[CROWD_HELO] > CROWD_HELO_MOST);
    assert_int_equal(row[0].names[CROWD_DOMAINS], 3);
    assert_int_equal(row[0].told.ms, 5000); /* when it was found out */
    assert_int_equal(crowd_list(crowd, (struct mono){7000}, row, 0), 0);
    assert_int_equal(crowd_list(crowd, (struct mono){CROWD_DAY_MS}, row, 4), 0);
    crowd_destroy(crowd);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_machine),
        cmocka_unit_test(test_list),
        cmocka_unit_test(test_many_machines),
        cmocka_unit_test(test_unknown_and_many_hosts),
    };

    return cmocka_run_group_tests_name("crowd", tests, NULL, NULL);
}
