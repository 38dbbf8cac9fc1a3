/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/move_line.h - a line of an exported file: the head, a subject, or the
 * end, which says how many there are and what they hash to.
 */
#ifndef MORTSAFE_MILTER_MOVE_LINE_H
#define MORTSAFE_MILTER_MOVE_LINE_H

#include <stddef.h>
#include <stdint.h>

#include "policy/clock.h"
#include "policy/err.h"
#include "policy/store/store.h"

enum {
    MOVE_VERSION = 1,  /* of the file, that we write and read */
    MOVE_LINE = 32768, /* bytes of a line, its end included */
    MOVE_SUM = 65      /* of text: 64 hexadecimal digits and a NUL */
};

struct move_end {
    uint64_t subjects, windows;
    struct wall time; /* when the last subject had been read */
    char sum[MOVE_SUM];
};

/*
 * The three as lines with their line feeds: *OUT and its length *LEN; free()
 * ends it.  MS_NOMEM.
 */
enum ms_err move_line_head(const char *host, struct wall time, char **out,
                           size_t *len);
enum ms_err move_line_subject(const struct store_record *record, char **out,
                              size_t *len);
enum ms_err move_line_end(const struct move_end *end, char **out, size_t *len);

/* Windows of RECORD that hold anything: only those are worth a line. */
size_t move_line_windows(const struct store_record *record);

/* Is this line the head?  MS_INVALID, MS_VERSION, MS_NOMEM; WHY tells. */
enum ms_err move_line_read_head(const char *line, size_t len, struct why *why);

enum move_line_kind { MOVE_LINE_SUBJECT, MOVE_LINE_END };

/* Any other line: of its KIND, that one of RECORD and END is filled in.
 * MS_INVALID, MS_NOMEM; WHY tells. */
enum ms_err move_line_read(const char *line, size_t len,
                           enum move_line_kind *kind,
                           struct store_record *record, struct move_end *end,
                           struct why *why);

#endif
