/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/line.h - one line of the log, as key=value text or as a JSON object.
 * What is put in may be hostile; what comes out is printable ASCII.
 */
#ifndef MORTSAFE_MILTER_LINE_H
#define MORTSAFE_MILTER_LINE_H

#include <stddef.h>
#include <stdint.h>

#include "policy/clock.h"
#include "policy/config.h"

enum {
    LINE_BYTES = 2560,
    LINE_WORD = 128,   /* a field's usual length, escapes included */
    LINE_ADDRESS = 320 /* an address's */
};

struct line {
    enum log_format format;
    size_t len;
    char text[LINE_BYTES + 8]; /* a cut line ends in "..." */
};

/* Begin LINE; in JSON the time goes with it. */
void line_begin(struct line *line, enum log_format format, struct wall now);

/* The queue id in front: "4Xk2: ", or "NOQUEUE: " for NULL or "". */
void line_id(struct line *line, const char *id);

/*
 * KEY=VALUE.  Bytes that are not printable, blanks, quotes and backslashes
 * come as \xHH (in JSON the backslash is doubled); a value that then has more
 * than MAX bytes ends in "...".  A NULL or empty VALUE leaves the key out.
 */
void line_word(struct line *line, const char *key, const char *value,
               size_t max);

/* KEY="TEXT": blanks stand as they are, quotes come as \x22. */
void line_quoted(struct line *line, const char *key, const char *text);

/* KEY=<ADDRESS>, of an argument of MAIL or RCPT with or without its angle
 * brackets; a NULL leaves the key out, "" is <>. */
void line_path(struct line *line, const char *key, const char *address);

/* client=NAME[ADDR]; in JSON two keys. */
void line_client(struct line *line, const char *name, const char *addr);

void line_number(struct line *line, const char *key, uint64_t n);

/* KEY=N.N, of TENTHS. */
void line_tenths(struct line *line, const char *key, uint64_t tenths);

/* Free text at the end: as it is but for control and 8-bit bytes. */
void line_message(struct line *line, const char *text);

/*
 * LEN bytes of VALUE as a line of text would show them as this kind of value,
 * in at most SIZE bytes, NUL included (4 to LINE_BYTES).  Returns OUT.
 */
enum line_kind {
    LINE_KIND_WORD,
    LINE_KIND_NAME,
    LINE_KIND_PATH,
    LINE_KIND_TEXT
};
char *line_print(enum line_kind kind, const char *value, size_t len, char *out,
                 size_t size);

/* End LINE: text and len are then whole, without a newline. */
void line_end(struct line *line);

#endif
