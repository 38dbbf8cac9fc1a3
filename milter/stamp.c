/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "milter/stamp.h"

#include <string.h>
#include <time.h>

enum {
    FIRST_YEAR = 1000 - 1900, /* with four digits; as struct tm counts */
    LAST_YEAR = 9999 - 1900,
    LENGTH = 20
};

static const char form[] = "%Y-%m-%dT%H:%M:%SZ";

char *
stamp_print(int64_t s, char out[STAMP_TEXT])
{
    time_t t = (time_t)s;
    struct tm tm;

    if (gmtime_r(&t, &tm) == NULL || tm.tm_year < FIRST_YEAR ||
        tm.tm_year > LAST_YEAR || strftime(out, STAMP_TEXT, form, &tm) == 0)
        return NULL;
    return out;
}

/* N digits at TEXT; -1: it is something else. */
static int
digits(const char *text, int n)
{
    int out = 0;

    for (int i = 0; i < n; i++) {
        if (text[i] < '0' || text[i] > '9')
            return -1;
        out = out * 10 + (text[i] - '0');
    }
    return out;
}

bool
stamp_read(const char *text, int64_t *out_s)
{
    char again[STAMP_TEXT];
    struct tm tm = {0};
    time_t t;

    if (strlen(text) != LENGTH)
        return false;
    tm.tm_year = digits(text, 4) - 1900;
    tm.tm_mon = digits(text + 5, 2) - 1;
    tm.tm_mday = digits(text + 8, 2);
    tm.tm_hour = digits(text + 11, 2);
    tm.tm_min = digits(text + 14, 2);
    tm.tm_sec = digits(text + 17, 2);
    t = timegm(&tm);
    /* what is no time (a 13th month) is read as another */
    if (stamp_print(t, again) == NULL || strcmp(text, again) != 0)
        return false;
    *out_s = t;
    return true;
}
