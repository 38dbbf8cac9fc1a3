/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/rate.h - "30/1m, 200/1h, 1000/1d" and "100/msg".
 */
#ifndef MORTSAFE_POLICY_RATE_H
#define MORTSAFE_POLICY_RATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/err.h"

enum { RATES_MAX = 8, RATE_TEXT = 32 };

struct rate {
    uint32_t n;      /* events; KiB where the limit counts bytes */
    uint32_t span_s; /* 12 to 31622400; 0: per message */
};

/* Several windows; all apply. */
struct rates {
    size_t n;
    struct rate rate[RATES_MAX];
};

enum rate_unit { RATE_EVENTS, RATE_BYTES };

/*
 * Parse one "N/SPAN"; N may carry K, M or G (bytes come out in KiB, rounded
 * up). Spans: 90s 5m 1h 7d, at least 12s; "msg".  MS_INVALID leaves *OUT alone.
 */
enum ms_err rate_parse(const char *text, enum rate_unit unit, struct rate *out,
                       struct why *why);

/* Add RATE, whose span must not stand in RATES yet; at most RATES_MAX.
 * MS_INVALID leaves RATES alone. */
enum ms_err rates_add(struct rates *rates, struct rate rate, struct why *why);

/* A comma-separated list; a span may stand only once. */
enum ms_err rates_parse(const char *text, enum rate_unit unit,
                        struct rates *out, struct why *why);

/* "300/1h", "20M/1d", "100/msg".  Returns BUF. */
char *rate_print(struct rate rate, enum rate_unit unit, char buf[RATE_TEXT]);

/* "90s", "5m", "1h", "7d" in seconds.  False, with *OUT left alone, if it is
 * none of them. */
bool span_parse(const char *text, uint64_t *out);

/* A span in words of the grammar: 3600 is "1h", 90 is "90s".  Returns BUF. */
char *span_print(uint64_t span_s, char buf[RATE_TEXT]);

#endif
