/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ctl/abuse_mail.h - a letter about abuse as a mail that machines read as well:
 * a feedback report (RFC 5965), of which ctl/report.h is the reader.
 */
#ifndef MORTSAFE_CTL_ABUSE_MAIL_H
#define MORTSAFE_CTL_ABUSE_MAIL_H

#include <stddef.h>
#include <stdint.h>

#include "policy/err.h"

/* All borrowed; NULL leaves a field out. */
struct abuse_mail {
    const char *from, *to;      /* mailboxes: "Example <abuse@example.org>" */
    const char *subject, *body; /* UTF-8 */
    const char *source_ip;      /* "192.0.2.7" */
    const char *domain;         /* that is complained of */
    const char *host;           /* whose log the ids are of */
    int64_t now_s, arrival_s;   /* when it is written; when it was seen */
    unsigned incidents;
    const char (*ids)[64]; /* queue ids */
    size_t n_ids;
};

/* The mail, with its headers, in *OUT (malloc()ed, NUL-terminated; lines end
 * in CRLF).  MS_INVALID (WHY): an address is none; MS_NOMEM. */
enum ms_err abuse_mail_write(const struct abuse_mail *mail, char **out,
                             struct why *why);

#endif
