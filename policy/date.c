/* SPDX-License-Identifier: BSD-2-Clause */
/* policy/date.c - days of the Gregorian calendar. */
#include <config.h>

#include "policy/date.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static bool
is_leap(unsigned year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/* Days from 1970-01-01 to a day of the Gregorian calendar from then on. */
static int64_t
days_since_epoch(unsigned year, unsigned month, unsigned day)
{
    static const unsigned before[] = {0,   31,  59,  90,  120, 151,
                                      181, 212, 243, 273, 304, 334};
    const int64_t y = year - 1;

    return (int64_t)(year - 1970) * 365 + (y / 4 - y / 100 + y / 400) -
           (1969 / 4 - 1969 / 100 + 1969 / 400) + before[month - 1] + day - 1 +
           (month > 2 && is_leap(year));
}

/* "dddd-dd-dd", and nothing behind it? */
static bool
has_form(const char *text)
{
    size_t i;

    if (strlen(text) != 10)
        return false;
    for (i = 0; i < 10; i++)
        if (i == 4 || i == 7 ? text[i] != '-' : text[i] < '0' || text[i] > '9')
            return false;
    return true;
}

bool
date_parse(const char *text, struct wall *out)
{
    static const unsigned lengths[] = {31, 28, 31, 30, 31, 30,
                                       31, 31, 30, 31, 30, 31};
    unsigned year, month, day;

    if (!has_form(text))
        return false;
    year = (unsigned)strtoul(text, NULL, 10);
    month = (unsigned)strtoul(text + 5, NULL, 10);
    day = (unsigned)strtoul(text + 8, NULL, 10);
    if (year < 1970 || month < 1 || month > 12 || day < 1 ||
        day > lengths[month - 1] + (month == 2 && is_leap(year)))
        return false;
    out->s = days_since_epoch(year, month, day) * 86400;
    return true;
}
