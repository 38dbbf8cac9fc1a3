/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/notice/letter.h - a letter as it goes out: RFC 5322 with MIME (RFC
 * 2045 to 2047), told to be a machine's (RFC 3834), so that no vacation
 * program answers it.
 */
#ifndef MORTSAFE_MILTER_NOTICE_LETTER_H
#define MORTSAFE_MILTER_NOTICE_LETTER_H

#include <stdint.h>

#include "policy/contact.h"
#include "policy/err.h"

struct mailbox {
    char name[CONTACT_NAME]; /* UTF-8; "" */
    char address[ADDRESS_TEXT];
};

/* Read "Example Mail <a@b>" or "a@b" (NULL: nothing).  MS_INVALID. */
enum ms_err letter_mailbox(const char *text, struct mailbox *out,
                           struct why *why);

/* All borrowed; texts are UTF-8, lines of BODY end in "\n". */
struct letter {
    const struct mailbox *from;
    const char *to;      /* NULL: nobody, to be looked at only */
    const char *subject; /* one line */
    const char *body;
    const char *language; /* "de" */
    const char *id;       /* the Message-ID's first part; letters and digits */
    int64_t at_s;
};

/* The letter in *OUT (malloc()), lines end in CRLF.  MS_NOMEM. */
enum ms_err letter_write(const struct letter *letter, char **out);

#endif
