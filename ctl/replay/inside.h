/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ctl/replay/inside.h - what the readers of log lines share: pieces of a line,
 * which end where they end and not at a NUL.
 */
#ifndef MORTSAFE_CTL_REPLAY_INSIDE_H
#define MORTSAFE_CTL_REPLAY_INSIDE_H

#include "ctl/replay/maillog.h"

struct span {
    const char *at;
    size_t len;
};

bool span_starts(struct span s, const char *word);
/* Without its first N bytes. */
struct span span_skip(struct span s, size_t n);
/* Up to the first of STOPS, or all. */
struct span span_until(struct span s, const char *stops);
/* Where WORD is in it; NULL: nowhere. */
const char *span_find(struct span s, const char *word);
/* How many of its first bytes are in SET. */
size_t span_count(struct span s, const char *set);
/* What stands behind the last WORD; false: it is not there. */
bool span_behind_last(struct span s, const char *word, struct span *out);
/* What stands behind WORD; false: it is not there. */
bool span_after(struct span s, const char *word, struct span *out);
/* False: it does not fit, or has a NUL in it; then OUT is "". */
bool span_copy(struct span s, char *out, size_t size);
/* The digits at its beginning; 0: none. */
uint64_t span_number(struct span s);

/* TEXT of PROGRAM; TEXT of Sendmail.  Their time is in OUT already. */
bool maillog_postfix(struct span program, struct span text,
                     struct maillog_line *out);
bool maillog_sendmail(struct span text, struct maillog_line *out);

/* "name[192.0.2.7]" or "name [192.0.2.7]" in S: the address. */
bool maillog_client(struct span s, struct maillog_line *out);
/* "<ann@example.org>" at the beginning of S. */
bool maillog_address(struct span s, char out[MAILLOG_ADDRESS]);
/* What "5.1.1" says of a recipient that was refused for good. */
enum maillog_status maillog_code(struct span code);

#endif
