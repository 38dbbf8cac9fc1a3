/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/page/markup.h - HTML being written.  What is foreign can only go in
 * escaped, and in a form that a reader cannot be misled by: bytes that are not
 * printable, and characters that turn or hide text, are shown by number.
 */
#ifndef MORTSAFE_MILTER_PAGE_MARKUP_H
#define MORTSAFE_MILTER_PAGE_MARKUP_H

#include <stdbool.h>
#include <stddef.h>

enum {
    MARKUP_MOST = 1 << 20, /* bytes of a document: more is a failure */
    MARKUP_NAME = 72       /* characters of a foreign name that are shown */
};

struct markup {
    char *text; /* NUL-terminated once something is in it */
    size_t len, room;
    bool failed; /* no memory, or too long: nothing is added any more */
};

#define MARKUP_EMPTY                                                           \
    {                                                                          \
        NULL, 0, 0, false                                                      \
    }

/* Our own markup, as it is: a constant of the program, never an input. */
void markup_raw(struct markup *m, const char *html);

/*
 * Our own markup with values in it, as printf: every %s is escaped, for text
 * and for a quoted attribute alike (NULL: nothing).  Besides only %d, %u, %zu,
 * %jd, %ju and %%, without flags or widths.
 */
void markup_put(struct markup *m, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* TEXT, escaped; of more than MOST characters the first, and an ellipsis. */
void markup_text(struct markup *m, const char *text, size_t most);

/* A foreign name: markup_text() of MARKUP_NAME characters in a <bdi>. */
void markup_name(struct markup *m, const char *name);

/* TEXT as one segment of a path: all but unreserved characters and ":" as %HH
 * (RFC 3986 section 2.3). */
void markup_segment(struct markup *m, const char *text);

/* TEXT as one word for a POSIX shell, escaped as text; see also
 * markup_typable(). */
void markup_word(struct markup *m, const char *text);

/* Can TEXT be typed, or pasted, as it is shown? */
bool markup_typable(const char *text);

/* The document, the caller's to free(), with its length (LEN may be NULL);
 * NULL: it failed.  M is empty again. */
char *markup_end(struct markup *m, size_t *len);

#endif
