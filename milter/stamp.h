/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/stamp.h - a moment as JSON has it: RFC 3339, UTC, whole seconds.
 */
#ifndef MORTSAFE_MILTER_STAMP_H
#define MORTSAFE_MILTER_STAMP_H

#include <stdbool.h>
#include <stdint.h>

enum { STAMP_TEXT = 32 };

/* "2026-11-22T14:17:52Z", or NULL if S is no time of the years 1000 to 9999.
 * Returns OUT. */
char *stamp_print(int64_t s, char out[STAMP_TEXT]);

/* The reverse, of exactly that form.  False: it is no such time. */
bool stamp_read(const char *text, int64_t *out_s);

#endif
