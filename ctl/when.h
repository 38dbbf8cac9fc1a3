/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ctl/when.h - times of the API (RFC 3339, UTC) for people: local, in the time
 * zone TZ.  Reading what people write is the daemon's.
 */
#ifndef MORTSAFE_CTL_WHEN_H
#define MORTSAFE_CTL_WHEN_H

#include <stdbool.h>
#include <stdint.h>

enum { WHEN_TEXT = 48 };

/* "2026-11-22T14:17:52Z" in seconds since 1970.  False: it is none. */
bool when_read(const char *text, int64_t *out_s);

/* The wall clock. */
int64_t when_now(void);

/* "2026-11-22 15:17:52", local.  "" for what when_read() does not know; the
 * text itself if it is something else.  Return BUF. */
char *when_print(const char *text, char buf[WHEN_TEXT]);
char *when_print_s(int64_t s, char buf[WHEN_TEXT]);

/* The same, short where the day is that of NOW: "15:17". */
char *when_brief_s(int64_t s, int64_t now, char buf[WHEN_TEXT]);

/* "25 minutes", "2 hours 5 minutes", "1 day": two units at most. */
char *when_span(int64_t s, char buf[WHEN_TEXT]);

/* "2h5m", "25m", "40s", "3d": two units at most. */
char *when_span_short(int64_t s, char buf[WHEN_TEXT]);

#endif
