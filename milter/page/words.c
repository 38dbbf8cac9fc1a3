/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Numbers and times as people read them.
 */
#include <config.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "milter/page/parts.h"

enum { MINUTE_S = 60, HOUR_S = 3600, DAY_S = 86400 };

void
page_number(struct markup *m, uint64_t n)
{
    if (n >= 1000) {
        page_number(m, n / 1000);
        markup_put(m, ",%ju%ju%ju", (uintmax_t)(n / 100 % 10),
                   (uintmax_t)(n / 10 % 10), (uintmax_t)(n % 10));
        return;
    }
    markup_put(m, "%ju", (uintmax_t)n);
}

static void
put_two(struct markup *m, const char *before, int n)
{
    markup_put(m, "%s%d%d", before, n / 10 % 10, n % 10);
}

/* AT_S in UTC; in English, whatever the locale. */
static bool
split_time(int64_t at_s, struct tm *tm)
{
    time_t at = (time_t)at_s;

    return gmtime_r(&at, tm) != NULL;
}

void
page_clock(struct markup *m, int64_t at_s)
{
    struct tm tm;

    if (!split_time(at_s, &tm))
        return;
    put_two(m, "", tm.tm_hour);
    put_two(m, ":", tm.tm_min);
}

void
page_date(struct markup *m, int64_t at_s)
{
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr",
                                         "May", "Jun", "Jul", "Aug",
                                         "Sep", "Oct", "Nov", "Dec"};
    struct tm tm;

    if (split_time(at_s, &tm))
        markup_put(m, "%d %s", tm.tm_mday, months[tm.tm_mon]);
}

void
page_span(struct markup *m, uint64_t s)
{
    static const struct {
        uint64_t least, unit, part;
        const char *name, *part_name;
    } rows[] = {
        {2 * DAY_S, DAY_S, 0, "d", ""},
        {HOUR_S, HOUR_S, MINUTE_S, "h", "min"},
        {MINUTE_S, MINUTE_S, 0, "min", ""},
        {0, 1, 0, "s", ""},
    };
    size_t i = 0;

    while (s < rows[i].least)
        i++;
    markup_put(m, "%ju %s", (uintmax_t)(s / rows[i].unit), rows[i].name);
    if (rows[i].part > 0 && s % rows[i].unit >= rows[i].part)
        markup_put(m, " %ju %s", (uintmax_t)(s % rows[i].unit / rows[i].part),
                   rows[i].part_name);
}

void
page_amount(struct markup *m, const char *metric, uint64_t n)
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB"};
    uint64_t tenths = n;
    size_t unit = 0;

    if (metric == NULL || strcmp(metric, "bytes") != 0) {
        page_number(m, n);
        return;
    }
    if (n < 1000) {
        markup_put(m, "%ju B", (uintmax_t)n);
        return;
    }
    for (; n >= 1000 && unit + 1 < sizeof(units) / sizeof(units[0]); unit++) {
        tenths = n / 100;
        n /= 1000;
    }
    page_number(m, tenths / 10);
    markup_put(m, ".%ju %s", (uintmax_t)(tenths % 10), units[unit]);
}

const char *
page_metric(const char *metric)
{
    if (metric != NULL && strcmp(metric, "external") == 0)
        return "external recipients";
    if (metric != NULL && strcmp(metric, "bad_recipients") == 0)
        return "unknown recipients";
    return metric;
}

void
page_plural(struct markup *m, uint64_t n, const char *one, const char *many)
{
    page_number(m, n);
    markup_put(m, " %s", n == 1 ? one : many);
}

static void
put_seconds(struct markup *m, int64_t at_s)
{
    page_clock(m, at_s);
    put_two(m, ":", (int)(at_s % MINUTE_S));
}

/* A time some days from now: near by with its minute, else with its year. */
static void
put_day(struct page *p, int64_t at_s)
{
    struct tm tm;

    page_date(&p->m, at_s);
    if (at_s > p->now_s - 180 * DAY_S && at_s < p->now_s + 180 * DAY_S) {
        markup_raw(&p->m, " ");
        page_clock(&p->m, at_s);
    } else if (split_time(at_s, &tm))
        markup_put(&p->m, " %d", tm.tm_year + 1900);
}

void
page_age(struct page *p, const json_t *json, const char *path)
{
    int64_t at_s;

    if (!page_when(json, path, &at_s))
        markup_raw(&p->m, "\xe2\x80\x93");
    else
        page_span(&p->m, at_s < p->now_s ? (uint64_t)(p->now_s - at_s) : 0);
}

void
page_time(struct page *p, const json_t *json, const char *path)
{
    int64_t at_s;

    if (!page_when(json, path, &at_s)) {
        markup_raw(&p->m, "\xe2\x80\x93");
        return;
    }
    if (at_s > p->now_s - DAY_S && at_s < p->now_s + DAY_S) {
        markup_raw(&p->m, "<time>");
        put_seconds(&p->m, at_s);
    } else {
        markup_put(&p->m, "<time datetime=\"%s\">", page_string(json, path));
        put_day(p, at_s);
    }
    markup_raw(&p->m, "</time>");
}
