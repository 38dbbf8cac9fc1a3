/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Times of the API for people, as tables.
 */
#include <config.h>

#include "ctl/when.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "test/unit.h"

static void
test_read(void **state)
{
    static const struct {
        const char *row, *text;
        bool fine;
        int64_t s;
    } rows[] = {
        {"the beginning", "1970-01-01T00:00:00Z", true, 0},
        {"a time of today", "2026-11-22T14:17:52Z", true, 1795357072},
        {"a leap day", "2024-02-29T23:59:59Z", true, 1709251199},
        {"the day behind it", "2024-03-01T00:00:00Z", true, 1709251200},
        {"a century without one", "2100-03-01T00:00:00Z", true, 4107542400},
        {"before the beginning", "1969-12-31T23:59:59Z", true, -1},
        {"a leap second", "2016-12-31T23:59:60Z", true, 1483228800},
        {"nothing", "", false, 0},
        {"no seconds", "2026-11-22T14:17Z", false, 0},
        {"another zone", "2026-11-22T14:17:52+01:00", false, 0},
        {"no zone", "2026-11-22T14:17:520", false, 0},
        {"a blank for the T", "2026-11-22 14:17:52Z", false, 0},
        {"month 13", "2026-13-22T14:17:52Z", false, 0},
        {"month 0", "2026-00-22T14:17:52Z", false, 0},
        {"day 32", "2026-11-32T14:17:52Z", false, 0},
        {"hour 24", "2026-11-22T24:17:52Z", false, 0},
        {"a sign", "-026-11-22T14:17:52Z", false, 0},
        {"letters", "2026-11-22T14:1x:52Z", false, 0},
        {"something behind", "2026-11-22T14:17:52Zz", false, 0},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        int64_t s = 4711;
        bool fine = when_read(rows[i].text, &s);

        expect(rows[i].row,
               fine == rows[i].fine && s == (rows[i].fine ? rows[i].s : 4711));
    }
}

static void
test_print(void **state)
{
    char buf[WHEN_TEXT];

    (void)state;
    assert_int_equal(setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1), 0);
    tzset();
    assert_string_equal(when_print("2026-11-22T23:17:52Z", buf),
                        "2026-11-23 00:17:52");
    assert_string_equal(when_print("2026-07-01T12:00:00Z", buf),
                        "2026-07-01 14:00:00");
    assert_string_equal(when_print("soon", buf), "soon");
    assert_string_equal(when_print("", buf), "");
    assert_string_equal(when_brief_s(1795357072, 1795357072 + 3600, buf),
                        "15:17");
    assert_string_equal(when_brief_s(1795357072, 1795357072 + 86400, buf),
                        "2026-11-22 15:17");
    assert_string_equal(when_brief_s(1795357072, 1795357072 + 365 * 86400, buf),
                        "2026-11-22 15:17");
    assert_int_equal(setenv("TZ", "UTC", 1), 0);
    tzset();
}

static void
test_span(void **state)
{
    static const struct {
        const char *row;
        int64_t s;
        const char *words, *brief;
    } rows[] = {
        {"nothing", 0, "0 seconds", "0s"},
        {"one", 1, "1 second", "1s"},
        {"under a minute", 59, "59 seconds", "59s"},
        {"a minute", 60, "1 minute", "1m"},
        {"two units", 3725, "1 hour 2 minutes", "1h2m"},
        {"the third is left out", 3659, "1 hour", "1h"},
        {"25 minutes", 1500, "25 minutes", "25m"},
        {"a day", 86400, "1 day", "1d"},
        {"days and hours", 270000, "3 days 3 hours", "3d3h"},
        {"days without hours", 86400 + 3599, "1 day", "1d"},
        {"less than nothing", -5, "0 seconds", "0s"},
    };
    char buf[WHEN_TEXT];

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        expect(rows[i].row,
               strcmp(when_span(rows[i].s, buf), rows[i].words) == 0);
        expect(rows[i].row,
               strcmp(when_span_short(rows[i].s, buf), rows[i].brief) == 0);
    }
    assert_true(strlen(when_span(INT64_MAX, buf)) < WHEN_TEXT);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read),
        cmocka_unit_test(test_print),
        cmocka_unit_test(test_span),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
