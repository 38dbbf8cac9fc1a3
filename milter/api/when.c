/* SPDX-License-Identifier: BSD-2-Clause */
/* milter/api/when.c - times, as people and RFC 3339 write them. */
#include <config.h>

#include <string.h>

#include "milter/api/call.h"
#include "milter/stamp.h"

json_t *
api_time(int64_t s)
{
    char text[STAMP_TEXT];

    return s > 0 && stamp_print(s, text) != NULL ? json_string(text)
                                                 : json_null();
}

/* N digits at *AT, which moves behind them. */
static bool
read_digits(const char **at, int n, int *out)
{
    int value = 0;

    for (; n > 0; n--) {
        char c = *(*at)++;

        if (c < '0' || c > '9')
            return false;
        value = value * 10 + (c - '0');
    }
    *out = value;
    return true;
}

static bool
read_char(const char **at, const char *any)
{
    return **at != '\0' && strchr(any, *(*at)++) != NULL;
}

static bool
is_leap(int year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/* Days from 1970-01-01 to that day (Gregorian, from 1970 on); false: there is
 * no such day. */
static bool
days_of(int year, int month, int day, int64_t *out)
{
    static const int lengths[] = {31, 28, 31, 30, 31, 30,
                                  31, 31, 30, 31, 30, 31};
    int64_t days = 0;

    if (year < 1970 || month < 1 || month > 12 || day < 1 ||
        day > lengths[month - 1] + (month == 2 && is_leap(year)))
        return false;
    for (int y = 1970; y < year; y++)
        days += is_leap(y) ? 366 : 365;
    for (int m = 1; m < month; m++)
        days += lengths[m - 1] + (m == 2 && is_leap(year));
    *out = days + day - 1;
    return true;
}

/* "Z", "+02:00": seconds east of Greenwich. */
static bool
read_zone(const char **at, int64_t *out_s)
{
    int hours, minutes, sign;

    if (**at == 'Z' || **at == 'z') {
        (*at)++;
        *out_s = 0;
        return true;
    }
    sign = **at == '-' ? -1 : 1;
    if (!read_char(at, "+-") || !read_digits(at, 2, &hours) ||
        !read_char(at, ":") || !read_digits(at, 2, &minutes) || hours > 23 ||
        minutes > 59)
        return false;
    *out_s = (int64_t)sign * (hours * 3600 + minutes * 60);
    return true;
}

/* What follows the date: "T14:17:52Z". */
static bool
read_time(const char *at, int64_t *out_s)
{
    int hour, minute, second;
    int64_t zone_s;

    if (!read_char(&at, "Tt ") || !read_digits(&at, 2, &hour) ||
        !read_char(&at, ":") || !read_digits(&at, 2, &minute) ||
        !read_char(&at, ":") || !read_digits(&at, 2, &second))
        return false;
    if (*at == '.') {
        at += 1 + strspn(at + 1, "0123456789");
    }
    if (hour > 23 || minute > 59 || second > 60 || !read_zone(&at, &zone_s) ||
        *at != '\0')
        return false;
    *out_s = (int64_t)hour * 3600 + minute * 60 + second - zone_s;
    return true;
}

/* "30m", "7d" */
static bool
read_span(const char *text, int64_t *out_s)
{
    static const struct {
        char unit;
        int64_t s;
    } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}, {'w', 604800}};
    const int64_t most = 100LL * 366 * 86400;
    int64_t n = 0;

    if (*text < '0' || *text > '9')
        return false;
    for (; *text >= '0' && *text <= '9' && n <= most; text++)
        n = n * 10 + (*text - '0');
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (text[0] == units[i].unit && text[1] == '\0' &&
            n <= most / units[i].s) {
            *out_s = n * units[i].s;
            return true;
        }
    }
    return false;
}

bool
api_when_read(const char *text, struct wall now, bool future, int64_t *out_s)
{
    const char *at = text;
    int year, month, day;
    int64_t days, s;

    if (read_span(text, &s)) {
        *out_s = future ? now.s + s : now.s - s;
        return true;
    }
    if (!read_digits(&at, 4, &year) || !read_char(&at, "-") ||
        !read_digits(&at, 2, &month) || !read_char(&at, "-") ||
        !read_digits(&at, 2, &day) || !days_of(year, month, day, &days))
        return false;
    if (*at == '\0')
        s = future ? 86400 : 0;
    else if (!read_time(at, &s))
        return false;
    *out_s = days * 86400 + s;
    return true;
}
