/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "policy/rate.h"

#include <stdio.h>
#include <string.h>

#include "test/unit.h"

static const struct {
    const char *name, *text;
    enum rate_unit unit;
    const char *out; /* NULL: an error */
} rates[] = {
    {"one rate", "300/1h", RATE_EVENTS, "300/1h"},
    {"the least span is 12s", "1/12s", RATE_EVENTS, "1/12s"},
    {"a shorter one is refused", "1/11s", RATE_EVENTS, NULL},
    {"the longest span is 366d", "1/366d", RATE_EVENTS, "1/366d"},
    {"a longer one is refused", "1/367d", RATE_EVENTS, NULL},
    {"by one second, too", "1/31622401s", RATE_EVENTS, NULL},
    {"a span is printed in its largest unit", "1/3600s", RATE_EVENTS, "1/1h"},
    {"ninety seconds stay seconds", "1/90s", RATE_EVENTS, "1/90s"},
    {"twenty-four hours are a day", "1/24h", RATE_EVENTS, "1/1d"},
    {"msg is per message", "100/msg", RATE_EVENTS, "100/msg"},
    {"none at all may be allowed", "0/1h", RATE_EVENTS, "0/1h"},
    {"the most is 32 bits", "4294967295/1h", RATE_EVENTS, "4294967295/1h"},
    {"one more is refused", "4294967296/1h", RATE_EVENTS, NULL},
    {"K counts thousands of events", "10K/1d", RATE_EVENTS, "10000/1d"},
    {"so does M", "2M/1d", RATE_EVENTS, "2000000/1d"},
    {"4G events are fine", "4G/1d", RATE_EVENTS, "4000000000/1d"},
    {"5G are too many", "5G/1d", RATE_EVENTS, NULL},
    {"bytes are rounded up to KiB", "1/1h", RATE_BYTES, "1K/1h"},
    {"1024 bytes are one", "1024/1h", RATE_BYTES, "1K/1h"},
    {"1025 bytes are two", "1025/1h", RATE_BYTES, "2K/1h"},
    {"K is 1024 bytes", "20K/1h", RATE_BYTES, "20K/1h"},
    {"M", "20M/1d", RATE_BYTES, "20M/1d"},
    {"1024M are 1G", "1024M/1d", RATE_BYTES, "1G/1d"},
    {"the most is 4095G", "4095G/1d", RATE_BYTES, "4095G/1d"},
    {"4096G are too many", "4096G/1d", RATE_BYTES, NULL},
    {"no bytes", "0/1d", RATE_BYTES, "0/1d"},
    {"several", "30/1m, 200/1h,1000/1d", RATE_EVENTS, "30/1m, 200/1h, 1000/1d"},
    {"blanks around do not matter", " 30/1m\t,\t200/1h ", RATE_EVENTS,
     "30/1m, 200/1h"},
    {"eight are the most", "1/12s,1/13s,1/14s,1/15s,1/16s,1/17s,1/18s,1/19s",
     RATE_EVENTS, "1/12s, 1/13s, 1/14s, 1/15s, 1/16s, 1/17s, 1/18s, 1/19s"},
    {"nine are too many",
     "1/12s,1/13s,1/14s,1/15s,1/16s,1/17s,1/18s,1/19s,1/20s", RATE_EVENTS,
     NULL},
    {"a span stands once", "1/1h, 2/60m", RATE_EVENTS, NULL},
    {"msg stands once", "1/msg, 2/msg", RATE_EVENTS, NULL},
    {"nothing", "", RATE_EVENTS, NULL},
    {"nothing behind a comma", "1/1h,", RATE_EVENTS, NULL},
    {"nothing between commas", "1/1h,,2/1d", RATE_EVENTS, NULL},
    {"no span", "300", RATE_EVENTS, NULL},
    {"no span behind the slash", "300/", RATE_EVENTS, NULL},
    {"no number", "/1h", RATE_EVENTS, NULL},
    {"a sign", "-1/1h", RATE_EVENTS, NULL},
    {"a plus sign", "+1/1h", RATE_EVENTS, NULL},
    {"a fraction", "1.5/1h", RATE_EVENTS, NULL},
    {"a span without unit", "1/60", RATE_EVENTS, NULL},
    {"a unit without number", "1/h", RATE_EVENTS, NULL},
    {"a span of none", "1/0h", RATE_EVENTS, NULL},
    {"two units", "1/1h30m", RATE_EVENTS, NULL},
    {"weeks", "1/1w", RATE_EVENTS, NULL},
    {"small letters", "1k/1h", RATE_EVENTS, NULL},
    {"two letters", "1KB/1h", RATE_BYTES, NULL},
    {"a blank inside", "1 /1h", RATE_EVENTS, NULL},
    {"a number that does not end", "111111111111111111111111111111111111/1h",
     RATE_EVENTS, NULL},
    {"a span that overflows 64 bits", "1/99999999999999999999d", RATE_EVENTS,
     NULL},
};

static void
test_rates(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(rates); i++) {
        char text[RATES_MAX * (RATE_TEXT + 2)] = "", one[RATE_TEXT];
        struct rates out = {.n = 99};
        struct why why = {""};
        enum ms_err err = rates_parse(rates[i].text, rates[i].unit, &out, &why);

        if (rates[i].out == NULL) {
            expect(rates[i].name, err == MS_INVALID);
            expect(rates[i].name, out.n == 99);
            expect(rates[i].name, why.text[0] != '\0');
            continue;
        }
        expect(rates[i].name, err == MS_OK);
        for (size_t j = 0; j < out.n; j++) {
            strcat(text, j == 0 ? "" : ", ");
            strcat(text, rate_print(out.rate[j], rates[i].unit, one));
        }
        if (strcmp(text, rates[i].out) != 0)
            fail_msg("%s: %s", rates[i].name, text);
    }
}

static const struct {
    const char *name;
    uint64_t span_s;
    const char *out;
} spans[] = {
    {"no time", 0, "0s"},
    {"seconds", 59, "59s"},
    {"a minute", 60, "1m"},
    {"61 seconds", 61, "61s"},
    {"an hour", 3600, "1h"},
    {"an hour and a half", 5400, "90m"},
    {"a week", 604800, "7d"},
    {"a day and an hour", 90000, "25h"},
    {"for ever", UINT64_MAX, "18446744073709551615s"},
};

static void
test_spans(void **state)
{
    char buf[RATE_TEXT];

    (void)state;
    for (size_t i = 0; i < ROWS(spans); i++) {
        expect(spans[i].name, span_print(spans[i].span_s, buf) == buf);
        if (strcmp(buf, spans[i].out) != 0)
            fail_msg("%s: %s", spans[i].name, buf);
    }
}

static const struct {
    const char *name, *text;
    uint64_t span_s; /* UINT64_MAX: none */
} written[] = {
    {"no time", "0s", 0},
    {"an hour and a half", "90m", 5400},
    {"longer than a window", "999d", 86313600},
    {"the longest", "4294967295d", UINT64_C(371085174288000)},
    {"longer than that", "4294967296d", UINT64_MAX},
    {"no unit", "5", UINT64_MAX},
    {"no number", "h", UINT64_MAX},
    {"another unit", "5w", UINT64_MAX},
    {"two", "1h5m", UINT64_MAX},
    {"a message", "msg", UINT64_MAX},
    {"a sign", "-1h", UINT64_MAX},
    {"a blank", " 1h", UINT64_MAX},
    {"nothing", "", UINT64_MAX},
};

static void
test_written_spans(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(written); i++) {
        uint64_t span_s = UINT64_MAX;
        bool good = span_parse(written[i].text, &span_s);

        expect(written[i].name, good == (written[i].span_s != UINT64_MAX));
        expect(written[i].name, span_s == written[i].span_s);
    }
}

/* What is printed reads as the same rate, with every span and edge number. */
static void
test_print_and_parse(void **state)
{
    static const uint32_t numbers[] = {0,    1,       1023,    1024,
                                       1025, 1048576, 3000000, UINT32_MAX};
    static const uint32_t lengths[] = {0,    12,   59,    60,      61,
                                       3600, 5400, 86400, 31622400};
    struct rate rate, again;
    char buf[RATE_TEXT];

    (void)state;
    for (int unit = RATE_EVENTS; unit <= RATE_BYTES; unit++) {
        for (size_t i = 0; i < ROWS(numbers); i++) {
            for (size_t j = 0; j < ROWS(lengths); j++) {
                rate = (struct rate){numbers[i], lengths[j]};
                rate_print(rate, (enum rate_unit)unit, buf);
                expect(buf, rate_parse(buf, (enum rate_unit)unit, &again,
                                       NULL) == MS_OK);
                expect(buf, again.n == rate.n && again.span_s == rate.span_s);
            }
        }
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rates),
        cmocka_unit_test(test_spans),
        cmocka_unit_test(test_written_spans),
        cmocka_unit_test(test_print_and_parse),
    };

    return cmocka_run_group_tests_name("rate", tests, NULL, NULL);
}
