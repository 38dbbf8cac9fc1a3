/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "ctl/when.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* Digits of TEXT from AT on as a number; -1 if they are not all digits. */
static int
digits(const char *text, size_t at, size_t n)
{
    int value = 0;

    for (; n > 0; n--, at++) {
        if (text[at] < '0' || text[at] > '9')
            return -1;
        value = 10 * value + (text[at] - '0');
    }
    return value;
}

/* Days from 1970-01-01 to a date of the Gregorian calendar. */
static int64_t
days(int year, int month, int day)
{
    int64_t y = month > 2 ? year : year - 1;
    int64_t m = (month + 9) % 12;

    return 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 -
           719468;
}

bool
when_read(const char *text, int64_t *out_s)
{
    static const char form[] = "....-..-..T..:..:..Z";
    int year, month, day, hour, minute, second;

    if (strlen(text) != sizeof(form) - 1)
        return false;
    for (size_t i = 0; form[i] != '\0'; i++)
        if (form[i] != '.' && form[i] != text[i])
            return false;
    year = digits(text, 0, 4);
    month = digits(text, 5, 2);
    day = digits(text, 8, 2);
    hour = digits(text, 11, 2);
    minute = digits(text, 14, 2);
    second = digits(text, 17, 2);
    if (year < 0 || month < 1 || month > 12 || day < 1 || day > 31 ||
        hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 ||
        second > 60)
        return false;
    *out_s =
        86400 * days(year, month, day) + 3600 * hour + 60 * minute + second;
    return true;
}

int64_t
when_now(void)
{
    struct timespec now = {0, 0};

    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec;
}

static bool
local(int64_t s, struct tm *tm)
{
    time_t at = (time_t)s;

    return localtime_r(&at, tm) != NULL;
}

char *
when_print_s(int64_t s, char buf[WHEN_TEXT])
{
    struct tm tm;

    buf[0] = '\0';
    if (local(s, &tm))
        (void)strftime(buf, WHEN_TEXT, "%Y-%m-%d %H:%M:%S", &tm);
    return buf;
}

char *
when_print(const char *text, char buf[WHEN_TEXT])
{
    int64_t s;

    if (when_read(text, &s))
        return when_print_s(s, buf);
    (void)snprintf(buf, WHEN_TEXT, "%.40s", text);
    return buf;
}

char *
when_brief_s(int64_t s, int64_t now, char buf[WHEN_TEXT])
{
    struct tm tm, today;

    buf[0] = '\0';
    if (!local(s, &tm) || !local(now, &today))
        return buf;
    if (tm.tm_year == today.tm_year && tm.tm_yday == today.tm_yday)
        (void)strftime(buf, WHEN_TEXT, "%H:%M", &tm);
    else
        (void)strftime(buf, WHEN_TEXT, "%Y-%m-%d %H:%M", &tm);
    return buf;
}

/* ----- spans */

static const struct unit {
    int64_t s;
    const char *letter, *word;
} units[] = {{86400, "d", "day"},
             {3600, "h", "hour"},
             {60, "m", "minute"},
             {1, "s", "second"}};

enum { UNITS = sizeof(units) / sizeof(units[0]) };

/* The first unit that is in S. */
static size_t
first_unit(int64_t s)
{
    size_t i = 0;

    while (i + 1 < UNITS && s < units[i].s)
        i++;
    return i;
}

char *
when_span(int64_t s, char buf[WHEN_TEXT])
{
    size_t i = first_unit(s < 0 ? s = 0 : s);
    int64_t first = s / units[i].s;
    int64_t rest = i + 1 < UNITS ? s % units[i].s / units[i + 1].s : 0;

    if (rest == 0)
        (void)snprintf(buf, WHEN_TEXT, "%" PRId64 " %s%s", first, units[i].word,
                       first == 1 ? "" : "s");
    else
        (void)snprintf(buf, WHEN_TEXT, "%" PRId64 " %s%s %" PRId64 " %s%s",
                       first, units[i].word, first == 1 ? "" : "s", rest,
                       units[i + 1].word, rest == 1 ? "" : "s");
    return buf;
}

char *
when_span_short(int64_t s, char buf[WHEN_TEXT])
{
    size_t i = first_unit(s < 0 ? s = 0 : s);
    int64_t rest = i + 1 < UNITS ? s % units[i].s / units[i + 1].s : 0;

    if (rest == 0)
        (void)snprintf(buf, WHEN_TEXT, "%" PRId64 "%s", s / units[i].s,
                       units[i].letter);
    else
        (void)snprintf(buf, WHEN_TEXT, "%" PRId64 "%s%" PRId64 "%s",
                       s / units[i].s, units[i].letter, rest,
                       units[i + 1].letter);
    return buf;
}
