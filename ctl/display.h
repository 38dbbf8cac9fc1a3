/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ctl/display.h - text on a terminal: how many columns it takes, and how to
 * write foreign bytes so that they stay text.
 */
#ifndef MORTSAFE_CTL_DISPLAY_H
#define MORTSAFE_CTL_DISPLAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/*
 * TEXT as it may be shown, malloc()ed (NULL: no memory): control characters,
 * bytes that are no UTF-8, and characters that turn the writing's direction or
 * cannot be seen come as \xHH, byte by byte; without UTF8, all bytes over 126.
 * Newlines are control characters.
 */
char *display_escape(const char *text, bool utf8);

/* Columns that TEXT, escaped, takes. */
size_t display_width(const char *text, bool utf8);

/*
 * Write as much of TEXT, escaped, as fits WIDTH columns; if not all does, with
 * "…" or ".." at its end.  Returns the columns that it took.
 */
size_t display_cut(FILE *to, const char *text, size_t width, bool utf8);

/* Bytes of TEXT, escaped, that make up a line of WIDTH columns at most, broken
 * behind a blank if there is one; at least a character. */
size_t display_break(const char *text, size_t width, bool utf8);

#endif
