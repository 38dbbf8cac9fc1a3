/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/subject.h - what is counted and judged.  A subject is typed parts
 * with their lengths behind a layout version, built in one place, so that no
 * two sets of facts share a key.
 */
#ifndef MORTSAFE_POLICY_SUBJECT_H
#define MORTSAFE_POLICY_SUBJECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/err.h"

enum subject_kind {
    SUBJECT_CLIENT,
    SUBJECT_PREFIX,
    SUBJECT_USER,
    SUBJECT_SENDER,
    SUBJECT_DOMAIN,
    SUBJECT_NETWORK,
    SUBJECT_PAIR, /* two of the above: `user+sender` */
    SUBJECT_KINDS
};

enum {
    SUBJECT_PART_MAX = 512,
    SUBJECT_BYTES = 1 + 2 * (3 + SUBJECT_PART_MAX),
    SUBJECT_TEXT = 32 + 2 * SUBJECT_PART_MAX
};

struct subject {
    enum subject_kind kind;
    uint16_t len;
    uint8_t bytes[SUBJECT_BYTES]; /* layout version, then kind, length, text
                                     of each part */
};

/* "client" ... "pair"; NULL behind the last. */
const char *subject_kind_name(enum subject_kind kind);

/*
 * Build the subject of one part, or of two (KIND2 and TEXT2; a pair's parts
 * are neither of them pairs).  False if a part is longer than
 * SUBJECT_PART_MAX.  Pure.
 */
bool subject_make(enum subject_kind kind, const char *text,
                  struct subject *out);
bool subject_make_pair(enum subject_kind kind1, const char *text1,
                       enum subject_kind kind2, const char *text2,
                       struct subject *out);

/*
 * "user:ann@example.org", "user+sender:ann@example.org+bob@example.org": for
 * people.  Control bytes and bytes over 126 come as \xHH.  Returns BUF.
 */
char *subject_print(const struct subject *subject, char buf[SUBJECT_TEXT]);

/*
 * The reverse of subject_print() for one part: "user:ann@example.org".
 * MS_INVALID.
 */
enum ms_err subject_parse(const char *text, struct subject *out,
                          struct why *why);

/* Part I (0, or 1 of a pair) of SUBJECT: its kind, and its text as it was when
 * the subject was made.  False: there is none. */
bool subject_part(const struct subject *subject, size_t i,
                  enum subject_kind *kind, char text[SUBJECT_PART_MAX + 1]);

/* Are both the same?  Pure. */
bool subject_same(const struct subject *a, const struct subject *b);

/* Are LEN bytes at BYTES a subject (read from a file, say)?  Then fill OUT. */
bool subject_read(const uint8_t *bytes, size_t len, struct subject *out);

#endif
