/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ctl/replay/maillog.c - what is common to all lines: the time, the host, the
 * program.  What Postfix and Sendmail say behind that is in files of their own.
 */
#include <config.h>

#include "ctl/replay/maillog.h"

#include <string.h>
#include <time.h>

#include "ctl/replay/inside.h"

/* ----- spans of text */

bool
span_starts(struct span s, const char *word)
{
    size_t n = strlen(word);

    return s.len >= n && memcmp(s.at, word, n) == 0;
}

struct span
span_skip(struct span s, size_t n)
{
    n = n < s.len ? n : s.len;
    return (struct span){s.at + n, s.len - n};
}

struct span
span_until(struct span s, const char *stops)
{
    size_t n = 0;

    while (n < s.len && strchr(stops, s.at[n]) == NULL)
        n++;
    return (struct span){s.at, n};
}

const char *
span_find(struct span s, const char *word)
{
    return memmem(s.at, s.len, word, strlen(word));
}

bool
span_after(struct span s, const char *word, struct span *out)
{
    const char *at = span_find(s, word);

    if (at == NULL)
        return false;
    at += strlen(word);
    *out = (struct span){at, (size_t)(s.at + s.len - at)};
    return true;
}

size_t
span_count(struct span s, const char *set)
{
    size_t n = 0;

    while (n < s.len && s.at[n] != '\0' && strchr(set, s.at[n]) != NULL)
        n++;
    return n;
}

bool
span_behind_last(struct span s, const char *word, struct span *out)
{
    bool found = false;

    for (struct span rest = s; span_after(rest, word, &rest); found = true)
        *out = rest;
    return found;
}

bool
span_copy(struct span s, char *out, size_t size)
{
    if (s.len >= size || memchr(s.at, '\0', s.len) != NULL) {
        *out = '\0';
        return false;
    }
    memcpy(out, s.at, s.len);
    out[s.len] = '\0';
    return true;
}

uint64_t
span_number(struct span s)
{
    uint64_t n = 0;

    for (size_t i = 0; i < s.len && i < 18; i++) {
        if (s.at[i] < '0' || s.at[i] > '9')
            break;
        n = n * 10 + (uint64_t)(s.at[i] - '0');
    }
    return n;
}

/* ----- the time */

static bool
digits(struct span *s, size_t n, int *out)
{
    int value = 0;

    if (s->len < n)
        return false;
    for (size_t i = 0; i < n; i++) {
        char c = s->at[i];

        if (c == ' ' && i + 1 < n && value == 0)
            continue; /* "Nov  2" */
        if (c < '0' || c > '9')
            return false;
        value = value * 10 + (c - '0');
    }
    *s = span_skip(*s, n);
    *out = value;
    return true;
}

static bool
literal(struct span *s, char c)
{
    if (s->len == 0 || s->at[0] != c)
        return false;
    *s = span_skip(*s, 1);
    return true;
}

static bool
clock_time(struct span *s, struct tm *tm)
{
    return digits(s, 2, &tm->tm_hour) && literal(s, ':') &&
           digits(s, 2, &tm->tm_min) && literal(s, ':') &&
           digits(s, 2, &tm->tm_sec) && tm->tm_hour < 24 && tm->tm_min < 60 &&
           tm->tm_sec <= 60;
}

/* "+01:00", "Z" or nothing, in seconds. */
static bool
zone(struct span *s, int64_t *offset_s)
{
    int hours, minutes, sign;

    if (literal(s, 'Z')) {
        *offset_s = 0;
        return true;
    }
    if (s->len == 0 || (s->at[0] != '+' && s->at[0] != '-'))
        return true;
    sign = s->at[0] == '-' ? -1 : 1;
    *s = span_skip(*s, 1);
    if (!digits(s, 2, &hours))
        return false;
    (void)literal(s, ':');
    if (!digits(s, 2, &minutes))
        return false;
    *offset_s = sign * (hours * 3600 + minutes * 60);
    return true;
}

/* RFC 3339, as rsyslog and journalctl write it. */
static bool
full_time(struct span *s, struct maillog_clock *clock, int64_t *out_s)
{
    struct tm tm = {0};
    int64_t offset_s = clock->offset_s;

    if (!digits(s, 4, &tm.tm_year) || !literal(s, '-') ||
        !digits(s, 2, &tm.tm_mon) || !literal(s, '-') ||
        !digits(s, 2, &tm.tm_mday) || (!literal(s, 'T') && !literal(s, ' ')) ||
        !clock_time(s, &tm) || tm.tm_mon < 1 || tm.tm_mon > 12)
        return false;
    if (literal(s, '.'))
        *s = span_skip(*s, span_count(*s, "0123456789"));
    if (!zone(s, &offset_s))
        return false;
    tm.tm_year -= 1900;
    tm.tm_mon--;
    *out_s = (int64_t)timegm(&tm) - offset_s;
    return true;
}

static int
month_of(struct span *s)
{
    static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

    if (s->len < 4 || s->at[3] != ' ')
        return -1;
    for (int i = 0; i < 12; i++) {
        if (memcmp(s->at, names + 3 * i, 3) == 0) {
            *s = span_skip(*s, 4);
            return i;
        }
    }
    return -1;
}

/* "Nov 22 17:41:03": its year is told by its neighbours. */
static bool
short_time(struct span *s, struct maillog_clock *clock, int64_t *out_s)
{
    enum { HALF_A_YEAR_S = 183 * 86400 };
    struct tm tm = {0};
    time_t now = (time_t)clock->now_s;

    tm.tm_mon = month_of(s);
    if (tm.tm_mon < 0 || !digits(s, 2, &tm.tm_mday) || !literal(s, ' ') ||
        !clock_time(s, &tm))
        return false;
    if (clock->year == 0) {
        struct tm today;

        (void)gmtime_r(&now, &today);
        tm.tm_year = today.tm_year;
        if ((int64_t)timegm(&tm) - clock->offset_s > clock->now_s + 86400)
            tm.tm_year--;
        clock->year = tm.tm_year;
    }
    tm.tm_year = clock->year;
    *out_s = (int64_t)timegm(&tm) - clock->offset_s;
    /* New Year lies between two lines, which may be out of order a little */
    if (clock->last_s != 0 && *out_s < clock->last_s - HALF_A_YEAR_S)
        tm.tm_year++;
    else if (clock->last_s != 0 && *out_s > clock->last_s + HALF_A_YEAR_S)
        tm.tm_year--;
    if (tm.tm_year != clock->year) {
        clock->year = tm.tm_year;
        *out_s = (int64_t)timegm(&tm) - clock->offset_s;
    }
    return true;
}

/* ----- the line */

/* "postfix/submission/smtpd[123]: " or "sm-mta[123]: ". */
static bool
read_program(struct span *s, struct span *name, uint32_t *process)
{
    *name = span_until(*s, "[: ");
    *s = span_skip(*s, name->len);
    if (literal(s, '[')) {
        struct span number = span_until(*s, "]");

        *process = (uint32_t)span_number(number);
        *s = span_skip(*s, number.len + 1);
    }
    return literal(s, ':') && literal(s, ' ');
}

bool
maillog_read(const char *line, size_t len, struct maillog_clock *clock,
             struct maillog_line *out)
{
    struct span s = {line, len}, name;
    int64_t at_s;

    *out = (struct maillog_line){0};
    if (len > 0 && line[0] >= '0' && line[0] <= '9') {
        if (!full_time(&s, clock, &at_s))
            return false;
    } else if (!short_time(&s, clock, &at_s)) {
        return false;
    }
    if (!literal(&s, ' '))
        return false;
    s = span_skip(s, span_until(s, " ").len); /* the host */
    if (!literal(&s, ' ') || !read_program(&s, &name, &out->process))
        return false;
    out->at_s = clock->last_s = at_s;
    if (span_starts(name, "postfix") || span_find(name, "/smtpd") != NULL)
        return maillog_postfix(name, s, out);
    if (span_starts(name, "sm-m") || span_starts(name, "sendmail"))
        return maillog_sendmail(s, out);
    return false;
}

bool
maillog_next(struct maillog_line *line)
{
    struct span rest = {line->others, line->n_others};
    struct span list;

    line->others = NULL;
    line->n_others = 0;
    if (!span_starts(rest, ",<") ||
        !maillog_address(span_skip(rest, 1), line->address))
        return false;
    if (span_after(rest, ">", &list)) {
        line->others = list.at;
        line->n_others = list.len;
    }
    return true;
}
