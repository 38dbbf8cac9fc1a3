/* SPDX-License-Identifier: BSD-2-Clause */
/* policy/rate.c - "30/1m, 200/1h, 1000/1d" and "100/msg". */
#include <config.h>

#include "policy/rate.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "policy/window.h"

enum { PART_MAX = 24 }; /* no number or span is longer */

static const struct unit {
    char letter;
    uint32_t seconds;
} span_units[] = {{'d', 86400}, {'h', 3600}, {'m', 60}, {'s', 1}};

/* Digits at *TEXT, moved behind them; false without any or past UINT32_MAX. */
static bool
digits(const char **text, uint64_t *out)
{
    const char *p = *text;
    uint64_t n = 0;

    if (*p < '0' || *p > '9')
        return false;
    for (; *p >= '0' && *p <= '9'; p++) {
        n = n * 10 + (uint64_t)(*p - '0');
        if (n > UINT32_MAX)
            return false;
    }
    *text = p;
    *out = n;
    return true;
}

/* How often TEXT's K, M or G multiplies; 0 if it is none of them. */
static uint64_t
multiplier(const char *text, enum rate_unit unit)
{
    const uint64_t k = unit == RATE_BYTES ? 1024 : 1000;

    if (strcmp(text, "") == 0)
        return 1;
    if (strcmp(text, "K") == 0)
        return k;
    if (strcmp(text, "M") == 0)
        return k * k;
    if (strcmp(text, "G") == 0)
        return k * k * k;
    return 0;
}

static enum ms_err
parse_count(const char *text, enum rate_unit unit, uint32_t *out,
            struct why *why)
{
    const char *p = text;
    uint64_t n, times;

    if (!digits(&p, &n))
        return why_set(why, MS_INVALID,
                       "`%s` is no number from 0 to 4294967295", text);
    times = multiplier(p, unit);
    if (times == 0)
        return why_set(why, MS_INVALID,
                       "`%s`: behind a number only K, M or G may stand", text);
    n *= times; /* below 2^62 */
    if (unit == RATE_BYTES)
        n = n / 1024 + (n % 1024 != 0);
    if (n > UINT32_MAX)
        return why_set(why, MS_INVALID, "`%s` is more than %s", text,
                       unit == RATE_BYTES ? "4095G" : "4294967295");
    *out = (uint32_t)n;
    return MS_OK;
}

bool
span_parse(const char *text, uint64_t *out)
{
    uint64_t n;
    size_t i;

    if (!digits(&text, &n) || text[0] == '\0' || text[1] != '\0')
        return false;
    for (i = 0; i < sizeof span_units / sizeof *span_units; i++) {
        if (*text != span_units[i].letter)
            continue;
        *out = n * span_units[i].seconds; /* below 2^49 */
        return true;
    }
    return false;
}

static enum ms_err
parse_span(const char *text, uint32_t *out, struct why *why)
{
    uint64_t span_s;

    if (strcmp(text, "msg") == 0) {
        *out = 0;
        return MS_OK;
    }
    if (!span_parse(text, &span_s) || span_s == 0)
        return why_set(why, MS_INVALID,
                       "`%s` is no span such as 90s, 5m, 1h, 7d or msg", text);
    if (span_s < WINDOW_SPAN_MIN_S || span_s > WINDOW_SPAN_MAX_S)
        return why_set(why, MS_INVALID, "the span `%s` is not from 12s to 366d",
                       text);
    *out = (uint32_t)span_s;
    return MS_OK;
}

enum ms_err
rate_parse(const char *text, enum rate_unit unit, struct rate *out,
           struct why *why)
{
    const char *slash = strchr(text, '/');
    char count[PART_MAX];
    struct rate rate;
    enum ms_err err;

    if (slash == NULL)
        return why_set(why, MS_INVALID, "`%s` is no rate such as 200/1h", text);
    if ((size_t)(slash - text) >= sizeof count)
        return why_set(why, MS_INVALID, "the number in `%s` is too long", text);
    memcpy(count, text, (size_t)(slash - text));
    count[slash - text] = '\0';
    err = parse_count(count, unit, &rate.n, why);
    if (err == MS_OK)
        err = parse_span(slash + 1, &rate.span_s, why);
    if (err == MS_OK)
        *out = rate;
    return err;
}

enum ms_err
rates_add(struct rates *rates, struct rate rate, struct why *why)
{
    char text[RATE_TEXT];
    size_t i;

    for (i = 0; i < rates->n; i++)
        if (rates->rate[i].span_s == rate.span_s)
            return why_set(why, MS_INVALID, "the span %s stands twice",
                           rate.span_s == 0 ? "msg"
                                            : span_print(rate.span_s, text));
    if (rates->n == RATES_MAX)
        return why_set(why, MS_INVALID, "more than %d rates", RATES_MAX);
    rates->rate[rates->n++] = rate;
    return MS_OK;
}

enum ms_err
rates_parse(const char *text, enum rate_unit unit, struct rates *out,
            struct why *why)
{
    const char *const blank = " \t";
    struct rates rates = {0};
    enum ms_err err = MS_OK;
    const char *comma = text;
    char one[2 * PART_MAX];
    struct rate rate;

    for (; err == MS_OK && comma != NULL; text = comma + 1) {
        size_t len;

        text += strspn(text, blank);
        comma = strchr(text, ',');
        len = comma == NULL ? strlen(text) : (size_t)(comma - text);
        while (len > 0 && strchr(blank, text[len - 1]) != NULL)
            len--;
        if (len == 0)
            return why_set(why, MS_INVALID, "a rate is missing");
        if (len >= sizeof one)
            return why_set(why, MS_INVALID, "a rate is too long");
        memcpy(one, text, len);
        one[len] = '\0';
        err = rate_parse(one, unit, &rate, why);
        if (err == MS_OK)
            err = rates_add(&rates, rate, why);
        if (comma == NULL)
            break;
    }
    if (err == MS_OK)
        *out = rates;
    return err;
}

/* N KiB in the largest unit that leaves no rest. */
static void
print_bytes(uint32_t kib, char buf[RATE_TEXT])
{
    if (kib == 0)
        snprintf(buf, RATE_TEXT, "0");
    else if (kib % 1048576 == 0)
        snprintf(buf, RATE_TEXT, "%" PRIu32 "G", kib / 1048576);
    else if (kib % 1024 == 0)
        snprintf(buf, RATE_TEXT, "%" PRIu32 "M", kib / 1024);
    else
        snprintf(buf, RATE_TEXT, "%" PRIu32 "K", kib);
}

char *
rate_print(struct rate rate, enum rate_unit unit, char buf[RATE_TEXT])
{
    char span[RATE_TEXT] = "msg";
    size_t len;

    if (unit == RATE_BYTES)
        print_bytes(rate.n, buf);
    else
        snprintf(buf, RATE_TEXT, "%" PRIu32, rate.n);
    if (rate.span_s != 0)
        span_print(rate.span_s, span);
    len = strlen(buf);
    snprintf(buf + len, RATE_TEXT - len, "/%.12s", span);
    return buf;
}

char *
span_print(uint64_t span_s, char buf[RATE_TEXT])
{
    size_t i = 0;

    while (span_units[i].seconds > 1 &&
           (span_s == 0 || span_s % span_units[i].seconds != 0))
        i++;
    snprintf(buf, RATE_TEXT, "%" PRIu64 "%c", span_s / span_units[i].seconds,
             span_units[i].letter);
    return buf;
}
